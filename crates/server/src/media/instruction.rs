//! What a media thread can be told, and the way to tell it.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use calls::gate::Gate;
use calls::id::{CallId, RecordingId, StreamNumber};
use calls::time::Wall;
use crossbeam_channel::{Receiver, Sender};
use nix::sys::eventfd::EventFd;
use rtp::srtp;
use rtp::{Ledger, ReceiverConfig, SenderClock};
use tokio::sync::oneshot;

use crate::desk;
use crate::keep::manifest::ClockReport;

/// Orders that may wait for one thread. A thread never blocks, so the queue drains; whoever finds it full
/// waits.
const LIMIT: usize = 65_536;

/// The pair of sockets of a stream.
#[derive(Debug)]
pub struct Sockets {
    /// Media.
    pub rtp: UdpSocket,
    /// Reports; absent when both share the media port (RFC 5761).
    pub rtcp: Option<UdpSocket>,
}

/// Where a stream comes in.
#[derive(Debug)]
pub struct Inlet {
    /// Its sockets.
    pub sockets: Sockets,
    /// How far its sources have come, if it was read before.
    pub heard: srtp::State,
}

/// One thing to do.
#[derive(Debug)]
pub enum Instruction {
    /// A stream was agreed: read from its sockets.
    Open {
        /// The call.
        call: CallId,
        /// The stream.
        stream: StreamNumber,
        /// Where it comes in.
        inlet: Inlet,
        /// What was agreed.
        receiver: ReceiverConfig,
        /// Where our reports go.
        remote_rtcp: Option<SocketAddr>,
    },
    /// What was agreed for a stream has changed.
    Update {
        /// The call.
        call: CallId,
        /// The stream.
        stream: StreamNumber,
        /// What is agreed now.
        receiver: ReceiverConfig,
        /// Where our reports go now.
        remote_rtcp: Option<SocketAddr>,
    },
    /// A stream was removed.
    Close {
        /// The call.
        call: CallId,
        /// The stream.
        stream: StreamNumber,
        /// Where to give its inlet back: what waits in it is not lost.
        done: Option<oneshot::Sender<Inlet>>,
    },
    /// The call is over: close its streams. Comes after [`Instruction::Stop`].
    End {
        /// The call.
        call: CallId,
        /// Where to say that its ports are free.
        done: Option<oneshot::Sender<()>>,
    },
    /// Whether media is expected: a paused call is not supervised for silence.
    Expect {
        /// The call.
        call: CallId,
        /// Whether every stream is paused.
        paused: bool,
    },
    /// Whether a carrier of the call answered when it was asked whether it is there (A8-06).
    Answered {
        /// The call.
        call: CallId,
        /// The carrier, by a number that comes back in an alarm.
        carrier: u64,
        /// The streams it carries.
        streams: Vec<StreamNumber>,
        /// Whether it did.
        answers: bool,
    },
    /// Keep the call's media under `recording`.
    Record {
        /// The call.
        call: CallId,
        /// The recording.
        recording: RecordingId,
        /// A gate for each stream.
        gates: Vec<Gate>,
        /// When this was decided.
        order: desk::Order,
    },
    /// Hold the call's media back in memory: it would go into `recording`.
    HoldBack {
        /// The call.
        call: CallId,
        /// The recording.
        recording: RecordingId,
        /// A gate for each stream.
        gates: Vec<Gate>,
        /// When this was decided.
        order: desk::Order,
    },
    /// Keep what was held back for `recording`, and what comes.
    Keep {
        /// The call.
        call: CallId,
        /// The recording.
        recording: RecordingId,
        /// Where to say from when on, once what was held back is on its way to the journal.
        done: oneshot::Sender<Wall>,
    },
    /// Forget what was held back of a call.
    Wipe {
        /// The call.
        call: CallId,
    },
    /// A stream more to keep.
    Guard {
        /// The call.
        call: CallId,
        /// Its gate.
        gate: Gate,
        /// When this was decided.
        order: desk::Order,
    },
    /// Close the gates of calls for a blackout.
    Darken {
        /// The calls.
        calls: Vec<CallId>,
        /// When this was decided.
        order: desk::Order,
        /// Where to say since when they are closed.
        done: oneshot::Sender<Wall>,
    },
    /// Open the gates of calls, unless a later decision has closed them.
    Lighten {
        /// The calls.
        calls: Vec<CallId>,
        /// The first instant to keep.
        at: Wall,
        /// When this was decided.
        order: desk::Order,
    },
    /// Close, or open from an instant on, one stream's gate for the client's pause.
    Pause {
        /// The call.
        call: CallId,
        /// The stream.
        stream: StreamNumber,
        /// Opens it.
        resumed: Option<Wall>,
    },
    /// Hand over all that was kept so far.
    Flush {
        /// Where to say that it is on its way to the journal.
        done: oneshot::Sender<()>,
    },
    /// Say that all that was told before is done.
    Settle {
        /// Where to say so.
        done: oneshot::Sender<()>,
    },
    /// Have the loudness of these calls' legs measured for a while.
    Watch {
        /// The calls.
        calls: Vec<CallId>,
        /// Until when, unless it is told again.
        until: Wall,
    },
    /// Keep no more under `recording`; answer when all of it is on its way to the journal.
    Stop {
        /// The call.
        call: CallId,
        /// The recording.
        recording: RecordingId,
        /// Where to say so.
        done: oneshot::Sender<Finished>,
    },
}

/// What a thread knows of a recording it has stopped.
#[derive(Debug, Clone, Default)]
pub struct Finished {
    /// Each stream that was there.
    pub streams: Vec<StreamFinished>,
    /// What the system clock was like meanwhile.
    pub clock: Option<ClockReport>,
    /// From when on it was kept, if its beginning was held back.
    pub reach: Option<Wall>,
}

/// A stream of a stopped recording.
#[derive(Debug, Clone)]
pub struct StreamFinished {
    /// Its number.
    pub number: StreamNumber,
    /// What became of its packets while the recording was made.
    pub ledger: Ledger,
    /// What its senders reported of their clocks.
    pub sender_clocks: Vec<SenderClock>,
}

/// The way to one thread.
#[derive(Debug, Clone)]
pub(super) struct Line {
    instructions: Sender<Instruction>,
    bell: Arc<EventFd>,
}

/// The thread's end of a [`Line`].
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) instructions: Receiver<Instruction>,
    pub(super) bell: Arc<EventFd>,
}

pub(super) fn line() -> std::io::Result<(Line, Inbox)> {
    let (sender, instructions) = crossbeam_channel::bounded(LIMIT);
    let flags = nix::sys::eventfd::EfdFlags::EFD_NONBLOCK | nix::sys::eventfd::EfdFlags::EFD_CLOEXEC;
    let bell = Arc::new(EventFd::from_value_and_flags(0, flags)?);
    Ok((Line { instructions: sender, bell: Arc::clone(&bell) }, Inbox { instructions, bell }))
}

/// A handle to one thread that the test is.
#[cfg(test)]
pub(crate) fn by_hand() -> (Handle, Receiver<Instruction>) {
    let (line, Inbox { instructions, .. }) = line().expect("the kernel has a number to count with");
    (Handle { lines: [line].into() }, instructions)
}

impl Line {
    fn tell(&self, order: Instruction) {
        if self.instructions.send(order).is_err() {
            tracing::error!("a media thread is gone; its calls are no longer recorded");
        }
        // The bell only saves the thread's sleep; a full counter has already rung it.
        let _ = self.bell.write(1);
    }
}

/// The way to the media threads. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    pub(super) lines: Arc<[Line]>,
}

impl Handle {
    /// Tells the thread of `call`.
    pub fn tell(&self, call: CallId, order: Instruction) {
        self.line_of(call).tell(order);
    }

    /// Ends when the threads of these calls have done all they were told: a datagram read after that is read by the new
    /// terms.
    pub async fn settled(&self, calls: Vec<CallId>) {
        let mut waiting = Vec::new();
        for (line, _) in self.by_line(calls) {
            let (done, settled) = oneshot::channel();
            line.tell(Instruction::Settle { done });
            waiting.push(settled);
        }
        for settled in waiting {
            let _ = settled.await;
        }
    }

    /// Ends when all threads have handed over to the journal what they have kept so far.
    pub async fn flushed(&self) {
        for line in self.lines.iter() {
            let (done, flushed) = oneshot::channel();
            line.tell(Instruction::Flush { done });
            let _ = flushed.await;
        }
    }

    /// Closes the gates of calls, on whichever threads they are; ends when all are closed, with that instant.
    /// With no calls the instant is `now`.
    pub fn darken(&self, calls: Vec<CallId>, order: desk::Order, now: Wall) -> desk::Later<Wall> {
        let mut waiting = Vec::new();
        for (line, calls) in self.by_line(calls) {
            let (done, closed) = oneshot::channel();
            line.tell(Instruction::Darken { calls, order, done });
            waiting.push(closed);
        }
        Box::pin(async move {
            let mut latest = now;
            for closed in waiting {
                match closed.await {
                    Ok(at) => latest = latest.max(at),
                    // Without the thread's word nobody may be told that it is dark.
                    Err(_) => std::future::pending().await,
                }
            }
            latest
        })
    }

    /// Opens the gates of calls.
    pub fn lighten(&self, calls: Vec<CallId>, at: Wall, order: desk::Order) {
        for (line, calls) in self.by_line(calls) {
            line.tell(Instruction::Lighten { calls, at, order });
        }
    }

    /// Has the loudness of calls' legs measured for a while.
    pub fn watch(&self, calls: Vec<CallId>, until: Wall) {
        for (line, calls) in self.by_line(calls) {
            line.tell(Instruction::Watch { calls, until });
        }
    }

    fn line_of(&self, call: CallId) -> &Line {
        &self.lines[self.place_of(call)]
    }

    fn place_of(&self, call: CallId) -> usize {
        usize::from(call.as_bytes()[15]) % self.lines.len()
    }

    fn by_line(&self, calls: Vec<CallId>) -> impl Iterator<Item = (&Line, Vec<CallId>)> {
        let mut groups = vec![Vec::new(); self.lines.len()];
        for call in calls {
            groups[self.place_of(call)].push(call);
        }
        self.lines.iter().zip(groups).filter(|(_, calls)| !calls.is_empty())
    }
}
