//! A small recording client (SRC): places one recording session with a recorder, as an SBC would.
//!
//! *Belongs here*: what a test call, a demonstration and the load benchmark need: INVITE with labelled sendonly
//! streams and metadata, changes, the end, and proper answers to the recorder. *Does not*: sockets, RTP, session
//! timers, authentication, several dialogs.
//!
//! RFC 7866 §6.1, §7.1 and §9.1 (the SRC's side), RFC 3261 §9, §12, §13, §15 and §17.1 (the caller's side).
//!
//! The loop is the one of [`crate::Endpoint`]: feed [`Call::handle`], then drain [`Call::poll`]. All bytes go to and
//! come from one peer, the recorder, so that no address travels with them.
//!
//! ```
//! use siprec::client::{Call, Command, Input, Output, Party, Settings, StreamSettings};
//!
//! let mut settings = Settings::new("192.0.2.9:5060".parse()?, "sip:recorder@192.0.2.1");
//! settings.streams.push(StreamSettings::g711("1", 40_000));
//! settings.parties.push(Party::new("sip:4678@pbx.example.com", Some("1")));
//! let mut call = Call::new(settings, [7; 32]);
//! call.handle(siprec::Now::ZERO, Input::Command(Command::Start));
//! assert!(matches!(call.poll(), Output::Transmit(invite) if invite.starts_with(b"INVITE sip:recorder@192.0.2.1 ")));
//! # Ok::<(), std::net::AddrParseError>(())
//! ```

mod describe;
mod incoming;
mod outgoing;
mod settings;

use std::collections::VecDeque;
use std::net::SocketAddr;

pub use settings::{OfferedKey, Party, Settings, StreamSettings};

use crate::Now;
use crate::message::header::NameAddr;
use crate::message::{self, Message, Method, Request};
use crate::metadata::{Content, Document, Picture};
use crate::sdp::{Direction, Format, MasterKey};
use crate::token::Tokens;
use crate::transaction::timer::TimerQueue;
use crate::transaction::{Client, Timer};

/// Most commands that wait for the request before them to be answered.
pub const MAX_QUEUED_COMMANDS: usize = 32;

/// One thing that happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// One whole SIP message came from the recorder: a datagram, or a frame cut by [`message::Framer`].
    Received(&'a [u8]),
    /// The time of [`Output::Timeout`] has come; needless ones do no harm.
    Timeout,
    /// The program wants something.
    Command(Command),
}

/// What the program may want.
#[derive(Debug, Clone)]
pub enum Command {
    /// Send the INVITE.
    Start,
    /// Re-INVITE with every stream inactive, or sendonly again (RFC 7866 §7.1.1.1).
    Pause {
        /// True for inactive.
        paused: bool,
    },
    /// Re-INVITE with one stream more and the party that speaks into it, told in a partial document.
    AddStream {
        /// The stream.
        stream: StreamSettings,
        /// The party.
        party: Party,
    },
    /// UPDATE with a partial document; see [`Call::session_id`], [`Call::participant_id`] and [`Call::stream_id`] for
    /// the ids to use.
    Update(Box<Content>),
    /// End it: CANCEL before the answer, BYE after it. A stop time (RFC 3339 text) travels with the BYE as metadata.
    HangUp {
        /// `stop-time` of the communication session.
        stopped: Option<String>,
    },
}

/// What the call wants.
#[derive(Debug)]
pub enum Output {
    /// Send these bytes to the recorder.
    Transmit(Vec<u8>),
    /// Tell the program.
    Event(Event),
    /// Nothing more for now; feed [`Input::Timeout`] at this time.
    Timeout(Now),
    /// Nothing more for now, and no timer runs.
    Idle,
}

/// What became of the call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A provisional response.
    Progress {
        /// 100 to 199.
        status: u16,
    },
    /// The recorder took the call; the ACK is on its way.
    Answered(Answered),
    /// The recorder took a change.
    Changed {
        /// INVITE or UPDATE.
        method: Method,
        /// The new answer, for INVITE.
        answered: Option<Answered>,
    },
    /// The recorder refused a request. Refused at the first INVITE, or with 481 or 408 later, the call is over and
    /// [`Event::Ended`] follows.
    Refused {
        /// What was refused.
        method: Method,
        /// 300 to 699.
        status: u16,
        /// The reason phrase.
        reason: String,
    },
    /// No answer in 32 s; [`Event::Ended`] follows.
    TimedOut {
        /// What was not answered.
        method: Method,
    },
    /// The answer cannot be used; the call is ended with BYE.
    Unusable {
        /// Why.
        reason: String,
    },
    /// The recorder asked for a full snapshot; it is sent (RFC 7866 §9.2).
    SnapshotRequested {
        /// The recorder's reason.
        reason: Option<String>,
    },
    /// A command could not be carried out.
    CommandRefused {
        /// Why not.
        reason: &'static str,
    },
    /// It is over. Nothing comes after this.
    Ended(EndedBy),
}

/// How the call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndedBy {
    /// Our BYE or CANCEL.
    Us,
    /// The recorder's BYE.
    Recorder,
    /// The recorder refused, or lost the call.
    Refusal,
    /// The recorder did not answer.
    Silence,
}

/// The recorder's SDP answer, stream by stream in the offer's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// One entry per offered stream.
    pub streams: Vec<AnsweredStream>,
}

/// One stream of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredStream {
    /// Our label.
    pub label: String,
    /// What the recorder takes; `None` when it refused the stream with port 0.
    pub media: Option<AnsweredMedia>,
}

/// Where and how a stream is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredMedia {
    /// Where RTP goes.
    pub rtp: SocketAddr,
    /// Where RTCP goes.
    pub rtcp: Option<SocketAddr>,
    /// The audio format to send, the first one agreed.
    pub format: Format,
    /// All formats agreed.
    pub formats: Vec<Format>,
    /// The recorder's direction: recvonly, or inactive while nothing is wanted.
    pub direction: Direction,
    /// What its reports are protected with, if our packets are to be protected.
    pub key: Option<MasterKey>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Inviting,
    Established,
    Ending,
    Ended,
}

/// Our half of the dialog.
#[derive(Debug)]
struct Dialog {
    sip_call_id: String,
    local_tag: String,
    /// The recorder's To with its tag, once known.
    remote: Option<NameAddr>,
    target: String,
    routes: Vec<String>,
    cseq: u32,
    remote_cseq: Option<u32>,
}

#[derive(Debug)]
struct Transaction {
    serial: u32,
    branch: String,
    cseq: u32,
    request: Request,
    machine: Client,
    progress: Progress,
}

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// No response yet.
    Waiting,
    /// A provisional one.
    Provisional,
    /// A final one; the transaction only absorbs repeats.
    Final,
}

/// What a request is sent for; at most one of the first two kinds is under way.
#[derive(Debug)]
enum Job {
    Invite(Option<Document>),
    Update(Document),
    Bye(Option<Document>),
}

#[derive(Debug)]
struct SentStream {
    settings: StreamSettings,
    id: String,
}

/// One recording session, seen from the client.
#[derive(Debug)]
pub struct Call {
    settings: Settings,
    tokens: Tokens,
    now: Now,
    state: State,
    dialog: Dialog,
    streams: Vec<SentStream>,
    participants: Vec<String>,
    session_id: String,
    picture: Picture,
    paused: bool,
    sdp: (u64, u64),
    transactions: Vec<Transaction>,
    next_serial: u32,
    timers: TimerQueue<(u32, Timer)>,
    jobs: VecDeque<Job>,
    outputs: VecDeque<Output>,
    /// The ACK to the last 2xx by `CSeq`, for when that comes again.
    ack: Option<(u32, Vec<u8>)>,
    /// Our last response by `CSeq` and method, for when the request comes again.
    response: Option<(u32, Method, Vec<u8>)>,
    cancel_wanted: bool,
    ignored: u64,
}

impl Call {
    /// A call that has not begun. The same settings and seed make the same messages.
    #[must_use]
    pub fn new(settings: Settings, seed: [u8; 32]) -> Self {
        let mut tokens = Tokens::new(seed);
        let local_tag = tokens.tag();
        let made_up = tokens.tag();
        let sip_call_id =
            settings.sip_call_id.clone().unwrap_or_else(|| format!("{made_up}@{}", settings.local.ip()));
        let dialog = Dialog {
            sip_call_id,
            local_tag,
            remote: None,
            target: settings.recorder.clone(),
            routes: Vec::new(),
            cseq: 0,
            remote_cseq: None,
        };
        let session_id = describe::id(&mut tokens);
        let sdp = (tokens.sdp_session_id(), 0);
        let mut call = Self {
            tokens,
            now: Now::ZERO,
            state: State::Idle,
            dialog,
            streams: Vec::new(),
            participants: Vec::new(),
            session_id,
            picture: Picture::default(),
            paused: false,
            sdp,
            transactions: Vec::new(),
            next_serial: 0,
            timers: TimerQueue::default(),
            jobs: VecDeque::new(),
            outputs: VecDeque::new(),
            ack: None,
            response: None,
            cancel_wanted: false,
            ignored: 0,
            settings,
        };
        call.streams = call.settings.streams.clone().into_iter().map(|s| call.sent_stream(s)).collect();
        call.participants = call.settings.parties.iter().map(|_| describe::id(&mut call.tokens)).collect();
        call
    }

    /// Feeds one thing that happened. Drain [`Call::poll`] afterwards.
    pub fn handle(&mut self, now: Now, input: Input<'_>) {
        self.now = self.now.max(now);
        match input {
            Input::Received(bytes) => match message::parse(bytes) {
                Ok(Message::Request(request)) => self.incoming(&request),
                Ok(Message::Response(response)) => self.answered(&response),
                Err(_) => self.ignored += 1,
            },
            Input::Timeout => {}
            Input::Command(command) => self.command(command),
        }
        while let Some((serial, timer)) = self.timers.take_due(self.now) {
            self.fired(serial, timer);
        }
    }

    /// What is to be done next; call until [`Output::Timeout`] or [`Output::Idle`].
    pub fn poll(&mut self) -> Output {
        let waiting = || self.timers.next().map_or(Output::Idle, Output::Timeout);
        self.outputs.pop_front().unwrap_or_else(waiting)
    }

    /// The recording session's own Call-ID.
    #[must_use]
    pub fn sip_call_id(&self) -> &str {
        &self.dialog.sip_call_id
    }

    /// Metadata id of the communication session.
    #[must_use]
    pub fn session_id(&self) -> &str {
        &self.session_id
    }

    /// Metadata id of a party, by its place in the settings; parties added later follow.
    #[must_use]
    pub fn participant_id(&self, index: usize) -> Option<&str> {
        self.participants.get(index).map(String::as_str)
    }

    /// Metadata id of a stream.
    #[must_use]
    pub fn stream_id(&self, label: &str) -> Option<&str> {
        self.streams.iter().find(|stream| stream.settings.label == label).map(|stream| stream.id.as_str())
    }

    /// True once [`Event::Ended`] was given or the call never began and was given up.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state == State::Ended
    }

    /// Messages from the recorder that made no sense and were dropped.
    #[must_use]
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn transmit(&mut self, bytes: Vec<u8>) {
        self.outputs.push_back(Output::Transmit(bytes));
    }

    /// The end: nothing runs any more.
    fn ended(&mut self, by: EndedBy) {
        if self.state != State::Ended {
            self.state = State::Ended;
            self.jobs.clear();
            self.event(Event::Ended(by));
        }
    }
}
