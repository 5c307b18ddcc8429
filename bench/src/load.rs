//! Calls against a recorder: up at a steady rate, talking, and down again; with an account of every packet.

use std::time::{Duration, Instant};

use crate::child::{Recorder, Settings};
use crate::figures::Times;
use crate::http::Client;
use crate::pace::{Pacer, Sent};
use crate::proc;
use crate::sip::{Happened, Order, Signalling};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(40);

/// Time between two BYEs: all at once would measure the receive buffer of one UDP socket.
const BYE_EVERY: Duration = Duration::from_millis(2);

/// Media that was sent is given this long to be read.
const DRAIN: Duration = Duration::from_millis(500);

/// A recorder with calls up.
pub(crate) struct Load {
    /// The recorder.
    pub(crate) recorder: Recorder,
    /// From INVITE to 200.
    pub(crate) answered: Times,
    /// Resident memory with no call, bytes.
    pub(crate) idle_bytes: u64,
    signalling: Signalling,
    pacer: Pacer,
    calls: usize,
}

/// What became of it.
#[derive(Debug)]
pub(crate) struct Ended {
    /// What was sent.
    pub(crate) sent: Sent,
    /// RTP datagrams in the recorder's ledgers, whatever their fate.
    pub(crate) accounted: u64,
    /// Of these, stored.
    pub(crate) stored: u64,
    /// From the last BYE until every recording was sealed.
    pub(crate) sealed_after: Duration,
    /// CPU seconds of the end of all calls: BYE, settling the rest, sealing, index.
    pub(crate) cpu_s: f64,
    /// Bytes the recorder has sent to the disk in its life.
    pub(crate) written_bytes: u64,
    /// Bytes of its files now, and of those the sealed recordings.
    pub(crate) folder_bytes: (u64, u64),
    /// What it complained of.
    pub(crate) complaints: Vec<String>,
}

impl Ended {
    /// Datagrams sent that no ledger knows.
    pub(crate) fn lost(&self) -> u64 {
        self.sent.packets.saturating_sub(self.accounted)
    }
}

impl Load {
    /// Starts a recorder and places `calls` at `per_s`.
    pub(crate) fn start(
        settings: &Settings,
        calls: usize,
        per_s: u32,
        core: Option<usize>,
    ) -> Result<Self, String> {
        let recorder = Recorder::start(settings, calls, core)?;
        // Everything that is touched once is touched: a question, a look at the counters.
        Client::new(recorder.http)?.get("/metrics")?;
        std::thread::sleep(Duration::from_millis(300));
        let idle_bytes = proc::resident_bytes(recorder.pid());
        let pacer = Pacer::start()?;
        let signalling = Signalling::start(recorder.sip, pacer.local)?;
        let mut load = Self { recorder, answered: Times::default(), idle_bytes, signalling, pacer, calls };
        let (started, mut up) = (Instant::now(), 0);
        for call in 1..=calls {
            let due = started + Duration::from_secs(1) * u32::try_from(call).unwrap_or(u32::MAX) / per_s;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let _ = load.signalling.orders.send(Order::Place(call));
            while let Ok(happened) = load.signalling.happened.try_recv() {
                up += load.on_answer(happened)?;
            }
        }
        while up < calls {
            let happened = load.signalling.happened.recv_timeout(PATIENCE);
            up +=
                load.on_answer(happened.map_err(|_| format!("only {up} of {calls} calls were answered"))?)?;
        }
        Ok(load)
    }

    fn on_answer(&mut self, happened: Happened) -> Result<usize, String> {
        match happened {
            Happened::Answered { after, rtp, .. } if rtp.len() == 2 => {
                self.answered.push(after);
                self.pacer.send_to(rtp);
                Ok(1)
            }
            Happened::Answered { call, rtp, .. } => {
                Err(format!("call {call} got {} streams, not 2", rtp.len()))
            }
            Happened::Ended { call, why } => Err(format!("call {call} ended early: {why:?}")),
        }
    }

    /// Lets the calls talk; CPU seconds the recorder uses per second.
    pub(crate) fn talk(&self, time: Duration) -> f64 {
        let (cpu_s, started) = (self.recorder.cpu_s(), Instant::now());
        std::thread::sleep(time);
        (self.recorder.cpu_s() - cpu_s) / started.elapsed().as_secs_f64()
    }

    /// Bytes of memory per call, beyond those of a recorder without one.
    pub(crate) fn bytes_per_call(&self) -> f64 {
        let now = proc::resident_bytes(self.recorder.pid());
        crate::figures::to_f64(now.saturating_sub(self.idle_bytes)) / crate::figures::count_f64(self.calls)
    }

    /// What was sent so far.
    pub(crate) fn sent(&self) -> Sent {
        self.pacer.sent()
    }

    /// Ends all calls, waits until they are sealed, and draws up the account.
    pub(crate) fn end(self) -> Result<Ended, String> {
        let Self { recorder, signalling, pacer, calls, .. } = self;
        let sent = pacer.stop();
        std::thread::sleep(DRAIN);
        let cpu_before = recorder.cpu_s();
        for call in 1..=calls {
            let _ = signalling.orders.send(Order::HangUp(call));
            std::thread::sleep(BYE_EVERY);
        }
        let mut ended = 0;
        while ended < calls {
            match signalling.happened.recv_timeout(PATIENCE) {
                Ok(Happened::Ended { why: None, .. }) => ended += 1,
                Ok(happened) => return Err(format!("instead of an end: {happened:?}")),
                Err(_) => return Err(format!("only {ended} of {calls} calls ended")),
            }
        }
        let last_bye = Instant::now();
        let mut client = Client::new(recorder.http)?;
        let counters = loop {
            let counters = client.get("/metrics")?;
            if sum(&counters, "sidetone_recordings_sealed_total{") >= calls as u64 {
                break counters;
            }
            if last_bye.elapsed() > 3 * PATIENCE {
                return Err("the recordings were not sealed in two minutes".to_owned());
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let sealed_after = last_bye.elapsed();
        let rtcp = sum(&counters, r#"sidetone_rtp_datagrams_total{fate="rtcp"}"#);
        Ok(Ended {
            sent,
            accounted: sum(&counters, "sidetone_rtp_datagrams_total{") - rtcp,
            stored: sum(&counters, r#"sidetone_rtp_datagrams_total{fate="stored"}"#),
            sealed_after,
            cpu_s: recorder.cpu_s() - cpu_before,
            written_bytes: proc::written_bytes(recorder.pid()),
            folder_bytes: (
                proc::folder_bytes(&recorder.data()),
                proc::folder_bytes(&recorder.data().join("recordings")),
            ),
            complaints: recorder.complaints(),
        })
    }
}

/// The sum of all samples whose line begins so.
fn sum(counters: &str, prefix: &str) -> u64 {
    let lines = counters.lines().filter(|line| line.starts_with(prefix));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}
