//! Places one call and keeps it up for its time.

use std::net::{SocketAddr, UdpSocket as StdUdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rtp::srtp::{Keys, Outbound, Suite};
use siprec::client::{
    Answered, Call, Command, EndedBy, Event, Input, OfferedKey, Output, Party, Settings, StreamSettings,
};
use siprec::message::Method;
use siprec::sdp::MasterKey;

use super::line::Line;
use super::pacer::{Outgoing, Sending};
use super::{Pacer, Plan};
use crate::clock::Clock;
use crate::ingest::draw_key;

/// Tries to find a pair of free ports for a stream.
const PORT_TRIES: usize = 32;

/// The largest SIP datagram.
const DATAGRAM_BYTES: usize = 65_535;

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// SIP's Call-ID.
    pub sip_call_id: String,
    /// From INVITE to the 200.
    pub answered_after: Duration,
    /// RTP packets sent, for each stream.
    pub packets_sent: Vec<u64>,
    /// Streams the recorder refused.
    pub streams_refused: usize,
}

/// Why a call was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The network.
    #[error("{doing}: {cause}")]
    Network {
        /// What was tried.
        doing: String,
        /// What stood in the way.
        cause: std::io::Error,
    },
    /// The recorder refused it.
    #[error("the recorder at {recorder} refused the call: {status} {reason}")]
    Refused {
        /// Its address.
        recorder: SocketAddr,
        /// The status.
        status: u16,
        /// The reason phrase.
        reason: String,
    },
    /// Nobody answered.
    #[error("nothing answers at {0}: is a recorder running there, and does it listen on this transport?")]
    NoAnswer(SocketAddr),
    /// The recorder ended it before its time.
    #[error("the recorder ended the call after {after:?} of {planned:?}")]
    Cut {
        /// After how long.
        after: Duration,
        /// How long it was to last.
        planned: Duration,
    },
    /// There is nothing to say.
    #[error(transparent)]
    Sound(#[from] super::SoundError),
    /// Media cannot be protected.
    #[error("the media cannot be protected: {0}")]
    Protection(String),
    /// The recorder's answer makes no sense.
    #[error("the recorder's answer cannot be used: {0}")]
    Unusable(String),
}

/// Places a call, talks for its time, hangs up and waits for the last answer.
///
/// # Errors
/// [`CallError`].
pub async fn place(plan: &Plan, clock: Clock, pacer: &Pacer) -> Result<Placed, CallError> {
    let mut line = Line::open(plan.recorder, plan.local, &plan.signalling).await?;
    let sockets = [media_socket(plan)?, media_socket(plan)?];
    let settings = settings(plan, line.local, &sockets)?;
    let keys = settings.streams.iter().map(|stream| Some(stream.protection.as_ref()?.key.clone())).collect();
    let mut call = Call::new(settings, plan.seed);
    let started = clock.since_start();
    call.handle(started, Input::Command(Command::Start));
    let mut talk = Talk {
        plan,
        pacer,
        sockets,
        keys,
        sending: Vec::new(),
        counts: Vec::new(),
        placed: None,
        hang_up_at: None,
    };
    let mut buffer = vec![0; DATAGRAM_BYTES];
    loop {
        let mut wake = None;
        loop {
            match call.poll() {
                Output::Transmit(bytes) => line.send(&bytes).await?,
                Output::Event(Event::Ended(by)) => return talk.ended(by, clock.since_start()),
                Output::Event(event) => talk.on_event(event, &call, started, clock.since_start())?,
                Output::Timeout(at) => {
                    wake = Some(at);
                    break;
                }
                Output::Idle => break,
            }
        }
        let due = [wake, talk.hang_up_at]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(clock.since_start() + Duration::from_secs(60));
        tokio::select! {
            received = line.receive(&mut buffer) => {
                for message in received? {
                    call.handle(clock.since_start(), Input::Received(&message));
                }
            }
            () = tokio::time::sleep_until(tokio::time::Instant::from_std(clock.instant(due))) => {
                let now = clock.since_start();
                if talk.hang_up_at.is_some_and(|at| at <= now) {
                    talk.hang_up_at = None;
                    talk.sending.clear();
                    call.handle(now, Input::Command(Command::HangUp { stopped: None }));
                } else {
                    call.handle(now, Input::Timeout);
                }
            }
        }
    }
}

/// A call while it lasts.
struct Talk<'p> {
    plan: &'p Plan,
    pacer: &'p Pacer,
    sockets: [Arc<StdUdpSocket>; 2],
    /// What was offered for each stream.
    keys: Vec<Option<MasterKey>>,
    sending: Vec<Sending>,
    counts: Vec<Arc<AtomicU64>>,
    placed: Option<(Placed, Duration)>,
    hang_up_at: Option<Duration>,
}

impl Talk<'_> {
    fn on_event(
        &mut self,
        event: Event,
        call: &Call,
        started: Duration,
        now: Duration,
    ) -> Result<(), CallError> {
        match event {
            Event::Answered(answered) => {
                let placed = Placed {
                    sip_call_id: call.sip_call_id().to_owned(),
                    answered_after: now.saturating_sub(started),
                    packets_sent: Vec::new(),
                    streams_refused: answered.streams.iter().filter(|stream| stream.media.is_none()).count(),
                };
                self.placed = Some((placed, now));
                self.hang_up_at = Some(now + self.plan.talk);
                self.talk(&answered)
            }
            Event::Refused { method: Method::Invite, status, reason } => {
                Err(CallError::Refused { recorder: self.plan.recorder, status, reason })
            }
            Event::TimedOut { method: Method::Invite } => Err(CallError::NoAnswer(self.plan.recorder)),
            Event::Unusable { reason } => Err(CallError::Unusable(reason)),
            _ => Ok(()),
        }
    }

    fn talk(&mut self, answered: &Answered) -> Result<(), CallError> {
        let sounds = [&self.plan.left, &self.plan.right];
        for (index, (stream, sound)) in answered.streams.iter().zip(sounds).enumerate() {
            let Some(media) = &stream.media else { continue };
            let sent = Arc::new(AtomicU64::new(0));
            self.counts.push(Arc::clone(&sent));
            if sound.samples().is_empty() {
                continue;
            }
            let ssrc = self.plan.seed[index * 4..index * 4 + 4]
                .iter()
                .fold(0, |ssrc, &byte| ssrc << 8 | u32::from(byte));
            self.sending.push(self.pacer.send(Outgoing {
                socket: Arc::clone(&self.sockets[index]),
                to: media.rtp,
                payload_type: media.format.payload_type,
                ssrc,
                frames: sound.encoded(self.plan.codec)?,
                codec: self.plan.codec,
                keys: self.plan.keys.clone().filter(|_| index == 0),
                protection: self.plan.srtp.zip(self.keys[index].as_ref()).map(protect).transpose()?,
                sent,
            }));
        }
        Ok(())
    }

    fn ended(mut self, by: EndedBy, now: Duration) -> Result<Placed, CallError> {
        self.sending.clear();
        let Some((mut placed, answered)) = self.placed.take() else {
            return Err(CallError::NoAnswer(self.plan.recorder));
        };
        placed.packets_sent = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        match by {
            EndedBy::Us => Ok(placed),
            _ => Err(CallError::Cut { after: now.saturating_sub(answered), planned: self.plan.talk }),
        }
    }
}

fn settings(plan: &Plan, local: SocketAddr, sockets: &[Arc<StdUdpSocket>; 2]) -> Result<Settings, CallError> {
    let network = |cause| CallError::Network { doing: "the media port".to_owned(), cause };
    let mut settings = Settings::new(local, &format!("sip:recorder@{}", plan.recorder));
    settings.transport = plan.signalling.transport();
    settings.media_address = plan.local;
    settings.login.clone_from(&plan.login);
    for (socket, label) in sockets.iter().zip(["1", "2"]) {
        let port = socket.local_addr().map_err(network)?.port();
        let fresh = |suite: Suite| OfferedKey { suite: suite.name().to_owned(), key: draw_key(suite) };
        let protection = plan.srtp.map(fresh);
        let stream = StreamSettings::new(label, port, plan.codec.formats());
        settings.streams.push(StreamSettings { protection, ..stream });
    }
    let host = local.ip();
    settings.parties.push(Party::new(&format!("sip:{}@{host}", plan.number), Some("1")));
    settings.parties.push(Party::new(&format!("sip:{}@{host}", plan.agent_phone), Some("2")));
    Ok(settings)
}

/// What protects the packets of a stream.
fn protect((suite, key): (Suite, &MasterKey)) -> Result<Outbound, CallError> {
    let keys = Keys::new(suite, key.bytes()).map_err(|error| CallError::Protection(error.to_string()))?;
    Ok(Outbound::new(&keys))
}

/// A media socket on an even port whose neighbour is free too, as RTP wants it.
fn media_socket(plan: &Plan) -> Result<Arc<StdUdpSocket>, CallError> {
    let network = |cause| CallError::Network { doing: format!("a media port on {}", plan.local), cause };
    let mut last = None;
    for _ in 0..PORT_TRIES {
        let socket = StdUdpSocket::bind((plan.local, 0)).map_err(network)?;
        if socket.local_addr().map_err(network)?.port().is_multiple_of(2) {
            return Ok(Arc::new(socket));
        }
        last = Some(socket);
    }
    last.map(Arc::new).ok_or_else(|| network(std::io::ErrorKind::AddrNotAvailable.into()))
}
