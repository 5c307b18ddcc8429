//! Hold-back (product decision 10): a call that is not kept waits in memory, so that a command can keep it from its
//! beginning.
//!
//! What is held back is no fact: no event tells of it, and a restart takes it. The recording that would be made of it is
//! named beforehand, for what is packed bears its name.

use std::time::Duration;

use super::{Outcome, Tracker};
use crate::call::Call;
use crate::effect::Effect;
use crate::event::Event;
use crate::id::{CallId, RecordingId};
use crate::recording::{HeldBack, Recording};
use crate::schedule::Kind;
use crate::time::Wall;

/// Which calls are held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldBack {
    /// Which of those that are not kept.
    pub calls: HeldCalls,
    /// How far back the memory reaches at most.
    pub window: Duration,
}

/// Which of the calls that are not kept are held back. One that a command has stopped never is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeldCalls {
    /// Those that are there to be asked for: an on-demand schedule took them, or no schedule is for them.
    #[default]
    OnDemand,
    /// All, those that a share, a number or a draw has left out included.
    All,
}

/// A call that is held back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    /// The recording it would go into.
    pub(super) recording: RecordingId,
    /// Since when.
    pub(super) since: Wall,
    pub(super) held_back: HeldBack,
}

/// How near to a call's beginning its recording may begin and be said to be from there.
const AT_ONCE: Duration = Duration::from_secs(1);

impl Tracker {
    /// Since when what is said in a call is in memory, if it is held back.
    pub fn held_back_since(&self, now: Wall, call: CallId) -> Option<Wall> {
        let window = self.settings.hold_back?.window;
        self.held.get(&call).map(|held| held.since.max(now.before(window)))
    }

    /// What was held back of a recording is on its way into the journal, and reaches back to `from`: becomes a fact once
    /// all of it is durable. Telling it again changes nothing.
    pub fn reached(&mut self, recording: RecordingId, from: Wall) -> Outcome {
        let mut outcome = Outcome::default();
        let of_call = |call: &Call| {
            let known = call.recordings.iter().find(|known| known.id == recording)?;
            let from = from.max(known.started);
            Some((from, reach(call, known, from, known.reaching?)))
        };
        if let Some((from, why)) = self.state.calls.values().rev().find_map(of_call) {
            self.emit(&mut outcome, Event::RecordingReaches { recording, from, why });
        }
        outcome
    }

    /// Whether a call that a schedule of this kind does not keep may be held back.
    pub(super) fn may_hold(&self, kind: Kind) -> bool {
        let all = self.settings.hold_back.is_some_and(|hold_back| hold_back.calls == HeldCalls::All);
        all || kind.is_by_command()
    }

    /// Holds a call back, or lets it go, as its ruling says now; what comes at or after `from` is held.
    pub(super) fn hold_or_wipe(&mut self, from: Wall, id: CallId, outcome: &mut Outcome) {
        let Some(call) = self.call(id) else { return };
        if !self.is_to_be_held(call) {
            self.wipe(id, outcome);
        } else if !self.held.contains_key(&id) {
            self.hold(from, id, HeldBack::default(), outcome);
        }
    }

    /// After a restart: what was held back is gone, and the call is held back from now on.
    pub(super) fn hold_again(&mut self, now: Wall, id: CallId, outcome: &mut Outcome) {
        if self.call(id).is_some_and(|call| self.is_to_be_held(call)) && !self.held.contains_key(&id) {
            self.hold(now, id, HeldBack { after_restart: true }, outcome);
        }
    }

    /// After a restart: of the call's recording nothing has reached the disk, so that it begins now.
    pub(super) fn lost_with_the_memory(&mut self, now: Wall, id: CallId, outcome: &mut Outcome) {
        let Some(call) = self.call(id) else { return };
        let Some(known) = call.live_recording().filter(|known| known.reaching.is_some()) else { return };
        let begins_now = Recording { started: now, ..known.clone() };
        let why = reach(call, &begins_now, now, HeldBack { after_restart: true });
        let recording = known.id;
        self.emit(outcome, Event::RecordingReaches { recording, from: now, why });
    }

    pub(super) fn wipe(&mut self, call: CallId, outcome: &mut Outcome) {
        if self.held.remove(&call).is_some() {
            outcome.effects.push(Effect::Wipe { call });
        }
    }

    /// A call that was ever recorded, or that a command has stopped, is not held back.
    fn is_to_be_held(&self, call: &Call) -> bool {
        let ruled = call.ruling.as_ref().is_some_and(|ruling| !ruling.kept && ruling.may_hold);
        self.settings.hold_back.is_some()
            && ruled
            && call.is_live()
            && call.has_media()
            && call.recordings.is_empty()
    }

    fn hold(&mut self, from: Wall, id: CallId, held_back: HeldBack, outcome: &mut Outcome) {
        let recording = self.draw_recording(from);
        self.held.insert(id, Held { recording, since: from, held_back });
        let Some(call) = self.call(id) else { return };
        let gates = self.gates(from, call, recording);
        outcome.effects.push(Effect::HoldBack { call: id, recording, gates });
    }
}

/// Why a recording is kept, and how far back it reaches.
fn reach(call: &Call, recording: &Recording, from: Wall, held_back: HeldBack) -> String {
    let (why, since) = (&recording.why, recording.started);
    let late = from.since(call.started);
    if late < AT_ONCE {
        return format!("{why}; kept from its beginning");
    }
    let seconds = late.as_secs();
    let reason = if from > since {
        "older sound had left the memory"
    } else if held_back.after_restart {
        "what came before was in memory when the recorder was started anew"
    } else {
        "it was not held back before"
    };
    format!("{why}; kept from {:02}:{:02} after its beginning: {reason}", seconds / 60, seconds % 60)
}
