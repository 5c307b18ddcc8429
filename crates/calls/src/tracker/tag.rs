//! Fields of a call are written by command.

use super::{Outcome, Refusal, Target, Tracker};
use crate::blackout::{Blackout, Owner};
use crate::card;
use crate::effect::{Alarm, Effect};
use crate::event::Event;
use crate::field::{Field, Fields};
use crate::id::{CallId, RecordingId};
use crate::time::Wall;

impl Tracker {
    /// Writes fields of the owner's active call, else of the newest inactive one; `instance` picks another
    /// (wfo-api section 9 row 6).
    ///
    /// # Errors
    /// An unknown agent, device or archive action, [`Refusal::NoCall`], [`Refusal::UnknownInstance`].
    pub fn tag(
        &mut self,
        now: Wall,
        target: &Target,
        instance: Option<&str>,
        fields: Fields,
    ) -> Result<(Owner, Outcome), Refusal> {
        let owner = self.resolve(target)?;
        self.check_fields(&fields)?;
        let call = match instance {
            Some(instance) => self
                .calls_of(&owner)
                .rev()
                .find(|call| call.is_called(instance))
                .map(|call| call.id)
                .ok_or_else(|| Refusal::UnknownInstance {
                    who: Self::who(&owner),
                    instance: instance.to_owned(),
                })?,
            None => self
                .active_call(&owner)
                .or_else(|| self.newest_inactive_call(&owner))
                .ok_or_else(|| Refusal::NoCall(Self::who(&owner)))?,
        };
        let mut outcome = Outcome::default();
        let before = self.call(call).map(|call| self.traits(call));
        self.tag_call(now, call, &fields, &mut outcome);
        if let Some(before) = before {
            self.rule_again(now, call, &before, &mut outcome);
        }
        Ok((owner, outcome))
    }

    /// Writes fields of the call that a recording is of, while it is known; returns them as they are to be kept. Whose a call
    /// was that is not known any more nobody can say: what is written of it while anybody is dark is without card numbers (C2-04).
    pub fn tag_recording(
        &mut self,
        now: Wall,
        recording: RecordingId,
        mut fields: Fields,
    ) -> (Fields, Outcome) {
        let mut outcome = Outcome::default();
        let mut calls = self.state.calls.values();
        let call = calls.find(|call| call.recordings.iter().any(|known| known.id == recording));
        if let Some(call) = call.map(|call| call.id) {
            self.tag_call(now, call, &fields, &mut outcome);
            if let Some(call) = self.call(call) {
                fields.iter_mut().for_each(|(field, value)| call.field(*field).clone_into(value));
            }
        } else if !self.state.blackouts.is_empty() {
            Self::strike_cards(&mut fields);
        }
        (fields, outcome)
    }

    /// Writes fields of a call and of its copies.
    pub(super) fn tag_call(&mut self, now: Wall, call: CallId, fields: &Fields, outcome: &mut Outcome) {
        let kin = self.call(call).map(|call| self.kin(call)).unwrap_or_default();
        for call in kin {
            self.tag_one(now, call, fields.clone(), outcome);
        }
    }

    fn tag_one(&mut self, now: Wall, call: CallId, fields: Fields, outcome: &mut Outcome) {
        let Some(known) = self.call(call) else { return };
        // What is written after a call has ended is as much of the agent's as what is said in one.
        let of_dark = |blackout: &Blackout| self.is_of(known, &blackout.owner);
        let dark = self.is_dark(known) || self.state.blackouts.iter().any(of_dark);
        let fields = Self::without_cards(dark, call, fields, true, outcome);
        let changed: Fields =
            fields.into_iter().filter(|(field, value)| known.field(*field) != value.as_str()).collect();
        if changed.is_empty() {
            return;
        }
        let stopped = known.recordings.iter().filter(|recording| !recording.is_live());
        let stale: Vec<_> = stopped.map(|recording| recording.id).collect();
        for recording in stale {
            outcome.effects.push(Effect::Annotate { recording, fields: changed.clone() });
        }
        self.emit(outcome, Event::CallTagged { call, fields: changed, at: now });
    }

    /// During a blackout a card number in a field is struck out and reported (C2-04); after one, in what the SRC
    /// tells, for it may have been told in the dark.
    pub(super) fn without_cards(
        dark: bool,
        call: CallId,
        mut fields: Fields,
        by_command: bool,
        outcome: &mut Outcome,
    ) -> Fields {
        if !dark {
            return fields;
        }
        if Self::strike_cards(&mut fields) {
            outcome.effects.push(Effect::Alarm(Alarm::CardNumberStruckOut { call, by_command }));
        }
        fields
    }

    /// What is kept longer than the call it is told of, or of no call at all: while anybody is dark it is without card numbers
    /// (C2-04), for nobody can say whose it is.
    pub(super) fn to_outlive_call(&self, text: String) -> String {
        let is_light = self.state.blackouts.is_empty() && self.closing.is_empty();
        if is_light { text } else { card::struck(&text).into_owned() }
    }

    /// Strikes card numbers out of fields; whether there were any.
    fn strike_cards(fields: &mut Fields) -> bool {
        let mut struck = false;
        for (field, value) in fields {
            if let Some(safe) = card::strike_out(value).filter(|_| *field != Field::Direction) {
                *value = safe;
                struck = true;
            }
        }
        struck
    }
}
