//! Whether a call is kept, and why.
//!
//! A call is ruled when it begins, by what was told of it until then. One that is not kept is ruled again when what
//! schedules look at has changed; a schedule that has had its say has none again, so that no call is counted twice.

use super::{Outcome, Tracker, Unmatched};
use crate::archive::Retention;
use crate::call::{Call, Link, Ruling};
use crate::event::{Event, Taken};
use crate::field::{Field, Fields};
use crate::id::CallId;
use crate::schedule::{CERTAIN, Kind, Schedule, Traits, Weighed};
use crate::time::Wall;

/// Why a recording is started, and what holds for it.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) why: String,
    pub(super) retention: Retention,
    pub(super) taken: Option<Taken>,
}

/// What is said of a call.
enum Judged {
    Kept(Box<Kept>),
    Declined {
        why: String,
        taken: Option<Taken>,
        may_hold: bool,
    },
    /// What was said before.
    Stands,
}

impl Tracker {
    /// Says whether a call is kept that came or is not kept so far, and starts its recording if it is, for what came at
    /// or after `from`.
    pub(super) fn rule(&mut self, from: Wall, id: CallId, outcome: &mut Outcome) {
        self.take_over_fields(from, id, outcome);
        match self.judge(id) {
            Judged::Stands => {}
            Judged::Declined { why, taken, may_hold } => {
                let by_command = false;
                let event = Event::RecordingDeclined { call: id, why, taken, by_command, may_hold, at: from };
                self.emit(outcome, event);
                self.hold_or_wipe(from, id, outcome);
            }
            Judged::Kept(kept) => {
                let kept = *kept;
                self.start(from, id, kept.clone(), outcome);
                // What a call is kept for, its copies are kept for.
                for copy in self.live_kin(id).into_iter().filter(|copy| *copy != id) {
                    if self.call(copy).is_some_and(may_be_ruled) {
                        let Kept { why, retention, .. } = kept.clone();
                        self.start(from, copy, Kept { why, retention, taken: None }, outcome);
                    }
                }
            }
        }
    }

    /// What a command has written of how long a call is kept holds for what is one with it.
    fn take_over_fields(&mut self, now: Wall, id: CallId, outcome: &mut Outcome) {
        let Some(call) = self.call(id) else { return };
        let Some(earlier) = call.link.and_then(|link| self.call(link.call())) else { return };
        let is_lacking = |field: &Field| !call.tagged.contains_key(field);
        let of_retention = [Field::KeepDays, Field::ArchiveAction].into_iter().filter(is_lacking);
        let fields: Fields =
            of_retention.filter_map(|field| Some((field, earlier.tagged.get(&field)?.clone()))).collect();
        if !fields.is_empty() {
            self.emit(outcome, Event::CallTagged { call: id, fields, at: now });
        }
    }

    /// The same for a call of which something changed since it was `before`.
    pub(super) fn rule_again(&mut self, from: Wall, id: CallId, before: &Traits, outcome: &mut Outcome) {
        let Some(call) = self.call(id).filter(|call| call.is_live() && may_be_ruled(call)) else { return };
        if self.traits(call) != *before {
            self.rule(from, id, outcome);
        }
    }

    fn judge(&mut self, id: CallId) -> Judged {
        let Some(call) = self.call(id) else { return Judged::Stands };
        if !self.has_schedules() {
            return self.kept(call, "kept: every call is recorded".to_owned(), None);
        }
        // It is one with another call: what was said of that holds.
        let earlier = call.link.and_then(|link| self.call(link.call()));
        if let Some(kept) = earlier.and_then(|earlier| kept_as(call, earlier)) {
            return Judged::Kept(Box::new(kept));
        }
        let rulings: Vec<Ruling> =
            [Some(call), earlier].into_iter().flatten().filter_map(|call| call.ruling.clone()).collect();
        let (traits, began) = (self.traits(call), call.started);
        let taker = self.taker(&traits, began);
        let has_spoken = |ruling: &Ruling| {
            ruling.by_command || taker.is_some_and(|taker| ruling.asked.contains(&taker.id))
        };
        if let Some(ruling) = rulings.iter().find(|ruling| has_spoken(ruling)) {
            return if call.ruling.is_some() {
                Judged::Stands
            } else {
                Judged::Declined { why: ruling.why.clone(), taken: None, may_hold: ruling.may_hold }
            };
        }
        let Some(schedule) = taker.cloned() else {
            let (kept, why) = self.unmatched();
            return match (kept, call.ruling.as_ref()) {
                (true, _) => self.kept(call, why.to_owned(), None),
                (false, Some(ruling)) if ruling.why == why => Judged::Stands,
                (false, _) => Judged::Declined { why: why.to_owned(), taken: None, may_hold: true },
            };
        };
        let weighed = self.weigh(&schedule, &traits, began);
        self.by_schedule(id, &schedule, weighed)
    }

    /// What a schedule that takes a call says, and chance after it.
    fn by_schedule(&mut self, id: CallId, schedule: &Schedule, weighed: Weighed) -> Judged {
        let Weighed { kept, counted, says } = weighed;
        let (name, probability) = (&schedule.terms.name, schedule.terms.probability);
        let draw = (kept && probability < CERTAIN).then(|| self.draw_number());
        let is_drawn = draw.is_none_or(|draw| draw <= probability);
        // A number is used up by what is kept alone; a percentage is one of all calls.
        let counted = counted.filter(|_| is_drawn || !matches!(schedule.terms.kind, Kind::SetNumber { .. }));
        let taken = Some(Taken { schedule: schedule.id, draw, counted });
        let drawn = draw.map(|draw| format!(", draw {draw}")).unwrap_or_default();
        let may_hold = self.may_hold(schedule.terms.kind);
        if !kept {
            return Judged::Declined { why: format!("not kept: schedule {name}{says}"), taken, may_hold };
        }
        if !is_drawn {
            return Judged::Declined {
                why: format!("not kept: schedule {name}{drawn} above {probability}"),
                taken,
                may_hold,
            };
        }
        let retention = Retention::inherit(Some(schedule.named()), schedule.terms.keeping);
        let retention = self.call(id).map_or_else(|| retention.clone(), |call| retention.under(&call.tagged));
        let why = format!("kept: schedule {name}{says}{drawn}");
        Judged::Kept(Box::new(Kept { why, retention, taken }))
    }

    fn kept(&self, call: &Call, why: String, schedule: Option<&Schedule>) -> Judged {
        Judged::Kept(Box::new(Kept { why, retention: self.retention_of(call, schedule), taken: None }))
    }

    /// What holds for a recording of the call that is started now.
    fn retention_of(&self, call: &Call, schedule: Option<&Schedule>) -> Retention {
        let keeping = schedule.map_or(self.settings.keeping, |schedule| schedule.terms.keeping);
        Retention::inherit(schedule.map(Schedule::named), keeping).under(&call.tagged)
    }

    /// What holds for a recording that a command starts: what the schedule says that is there for such, else the one that
    /// is for the call, else the settings.
    pub(super) fn kept_by_command(&self, id: CallId, who: &str) -> Kept {
        let Some(call) = self.call(id) else {
            return Kept { why: Self::by_command(who, None), retention: Retention::default(), taken: None };
        };
        let schedule = self.named_by_command(&self.traits(call), call.started);
        let taken = schedule.map(|schedule| Taken { schedule: schedule.id, draw: None, counted: None });
        let why = Self::by_command(who, schedule);
        Kept { why, retention: self.retention_of(call, schedule), taken }
    }

    pub(super) fn by_command(who: &str, schedule: Option<&Schedule>) -> String {
        let whom = if who.is_empty() { String::new() } else { format!(" for {who}") };
        let under = schedule.map(|schedule| format!(", under schedule {}", schedule.terms.name));
        format!("kept: started by command{whom}{}", under.unwrap_or_default())
    }

    /// The schedule that names how long a recording is kept that a command starts.
    pub(super) fn named_by_command(&self, traits: &Traits, began: Wall) -> Option<&Schedule> {
        let fits = |schedule: &&Schedule| {
            schedule.first_failed(traits, began, || self.civil(schedule, began)).is_none()
        };
        let fitting: Vec<&Schedule> = self.schedules().into_iter().filter(fits).collect();
        let meant = fitting.iter().find(|schedule| schedule.terms.kind.is_by_command());
        meant.or(fitting.first()).copied()
    }

    /// The schedule that takes a call that nobody has asked for.
    pub(super) fn taker(&self, traits: &Traits, began: Wall) -> Option<&Schedule> {
        let takes = |schedule: &&Schedule| {
            schedule.terms.kind != Kind::ApiInitiated
                && schedule.first_failed(traits, began, || self.civil(schedule, began)).is_none()
        };
        self.state.schedules.values().filter(takes).min_by_key(|schedule| schedule.rank())
    }

    pub(super) fn weigh(&self, schedule: &Schedule, traits: &Traits, began: Wall) -> Weighed {
        let nothing = crate::schedule::Tally::default();
        let tally = self.state.tallies.get(&schedule.id).unwrap_or(&nothing);
        schedule.weigh(tally, traits, || self.civil(schedule, began))
    }

    /// Whether any schedule has a say.
    pub(super) fn has_schedules(&self) -> bool {
        self.state.schedules.values().any(|schedule| schedule.terms.active)
    }

    /// What becomes of calls that no schedule is for.
    pub(super) fn unmatched(&self) -> (bool, &'static str) {
        if !self.has_schedules() {
            return (true, "kept: every call is recorded");
        }
        match self.settings.unmatched {
            Unmatched::Keep => (true, "kept: no schedule matched"),
            Unmatched::Drop => (false, "not kept: no schedule matched"),
        }
    }

    /// A stop by command holds against schedules too: a call that is not kept stays so until a command says otherwise.
    pub(super) fn decline_by_command(&mut self, now: Wall, id: CallId, who: &str, outcome: &mut Outcome) {
        let Some(call) = self.call(id).filter(|call| call.recordings.is_empty()) else { return };
        if call.ruling.as_ref().is_some_and(|ruling| !ruling.by_command) {
            let why = format!("not kept: stopped by command for {who}");
            let (by_command, may_hold) = (true, false);
            let event =
                Event::RecordingDeclined { call: id, why, taken: None, by_command, may_hold, at: now };
            self.emit(outcome, event);
            self.hold_or_wipe(now, id, outcome);
        }
    }

    /// A number from 0 to 100, each as likely.
    fn draw_number(&mut self) -> u8 {
        use rand_chacha::rand_core::RngCore;
        const NUMBERS: u32 = 101;
        const FAIR: u32 = u32::MAX - u32::MAX % NUMBERS;
        loop {
            let random = self.random.next_u32();
            if random < FAIR {
                return u8::try_from(random % NUMBERS).unwrap_or(CERTAIN);
            }
        }
    }
}

/// Whether a call may still be ruled: it is not kept and never was, and no command said so.
fn may_be_ruled(call: &Call) -> bool {
    call.recordings.is_empty()
        && call.ruling.as_ref().is_some_and(|ruling| !ruling.kept && !ruling.by_command)
}

/// What holds for a call that is one with an earlier one that was kept.
fn kept_as(call: &Call, earlier: &Call) -> Option<Kept> {
    let recording = earlier.recordings.last()?;
    let why = match call.link? {
        Link::CopyOf(id) => format!("kept: a copy of call {id}, which is kept"),
        Link::Continues(id) => format!("kept: it goes on from call {id}, which was kept"),
    };
    let Retention { schedule, inherited, .. } = recording.retention.clone();
    Some(Kept { why, retention: Retention::inherit(schedule, inherited).under(&call.tagged), taken: None })
}
