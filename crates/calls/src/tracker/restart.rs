//! What outlives a restart: recording sessions that can go on, and the calls they carry (A9-12).
//!
//! A session is remembered as text that only the shell understands. It is forgotten when the session is over.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::ruling::Kept;
use super::{Outcome, Tracker};
use crate::call::Call;
use crate::event::Event;
use crate::id::{CallId, RecordingId};
use crate::time::Wall;

/// How a recording session is to go on. It holds what the client said, media keys included: encrypted at rest, and not
/// shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionText(pub String);

impl fmt::Debug for SessionText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionText({} bytes)", self.0.len())
    }
}

impl Tracker {
    /// A recording session is to go on after a restart as `text` says; `session` names it. The same text changes
    /// nothing.
    pub fn remember_session(&mut self, session: &str, text: SessionText) -> Outcome {
        let mut outcome = Outcome::default();
        if self.state.sessions.get(session) != Some(&text) {
            self.emit(&mut outcome, Event::SessionRemembered { session: session.to_owned(), text });
        }
        outcome
    }

    /// A recording session is over. One that is not remembered changes nothing.
    pub fn forget_session(&mut self, session: &str) -> Outcome {
        let mut outcome = Outcome::default();
        if self.state.sessions.contains_key(session) {
            self.emit(&mut outcome, Event::SessionForgotten { session: session.to_owned() });
        }
        outcome
    }

    /// After a restart: the call's recording session goes on. The recording that was cut is stopped, and one that takes
    /// the media from now on is begun in its place; what came between is the gap between the two. One that is not among
    /// those that hold something, `begun`, was not cut: it takes the media itself.
    pub fn go_on(&mut self, now: Wall, call: CallId, begun: &BTreeSet<RecordingId>) -> Outcome {
        let mut outcome = Outcome::default();
        let Some(live) = self.call(call).filter(|call| call.is_live() && call.has_media()) else {
            return outcome;
        };
        let Some(recording) = live.live_recording() else {
            self.hold_again(now, call, &mut outcome);
            return outcome;
        };
        if !begun.contains(&recording.id) {
            self.lost_with_the_memory(now, call, &mut outcome);
            self.record(now, call, &mut outcome);
            return outcome;
        }
        let (why, retention) = (recording.why.clone(), recording.retention.clone());
        let why = why.strip_suffix(GONE_ON).unwrap_or(&why);
        self.stop(now, call, "stopped: the recorder was started anew", &mut outcome);
        let kept = Kept { why: format!("{why}{GONE_ON}"), retention, taken: None };
        self.start(now, call, kept, &mut outcome);
        outcome
    }

    /// After a restart: calls that lived by recording sessions are over, but for those in `gone_on`. Calls made by
    /// command live on. A recording that was to be stopped with its call, and of which a power cut took the word, is stopped.
    /// Sessions that carry nothing any more are forgotten by their owner.
    pub fn end_lost_calls(&mut self, now: Wall, gone_on: &BTreeSet<CallId>) -> Outcome {
        let mut outcome = Outcome::default();
        let is_lost = |call: &&Call| call.is_live() && call.has_media() && !gone_on.contains(&call.id);
        let lost: Vec<CallId> = self.state.calls.values().filter(is_lost).map(|call| call.id).collect();
        for call in lost {
            self.end(now, call, "stopped: its recording session did not outlive the recorder", &mut outcome);
        }
        let is_left = |call: &&Call| !call.is_live() && call.live_recording().is_some();
        let left: Vec<CallId> = self.state.calls.values().filter(is_left).map(|call| call.id).collect();
        for call in left {
            self.stop(
                now,
                call,
                "stopped: its call was over when the recorder was started anew",
                &mut outcome,
            );
        }
        outcome
    }
}

/// How the reason of a recording ends that took over from one cut by a restart.
const GONE_ON: &str = "; gone on after a restart of the recorder";
