//! Schedules are put and removed, and asked what they would do.

use super::{Outcome, Refusal, Tracker};
use crate::archive::ScheduleName;
use crate::call::Call;
use crate::event::Event;
use crate::field::Field;
use crate::id::ScheduleId;
use crate::schedule::hours::Civil;
use crate::schedule::{CERTAIN, Direction, MAX_SCHEDULES, Schedule, ScheduleFault, Terms, Traits};
use crate::time::Wall;

/// What would become of a call that has not been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Whether it would be kept; `None` if a draw would say.
    pub kept: Option<bool>,
    /// The sentence that would be stored with it.
    pub why: String,
    /// The schedule that would take it.
    pub schedule: Option<ScheduleName>,
    /// Every schedule, in the order in which they are asked.
    pub asked: Vec<Asked>,
}

/// What a schedule has to do with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The schedule.
    pub schedule: ScheduleName,
    /// Its priority.
    pub priority: i32,
    /// The first condition that does not hold, or what else keeps it from taking the call; `None` if it takes it.
    pub passed_over: Option<String>,
}

impl Tracker {
    /// Makes a schedule, and says its number.
    ///
    /// # Errors
    /// [`Refusal::Schedule`], [`Refusal::TooManySchedules`].
    pub fn add_schedule(&mut self, now: Wall, terms: Terms) -> Result<(ScheduleId, Outcome), Refusal> {
        self.check_terms(now, &terms, None)?;
        if self.state.schedules.len() >= MAX_SCHEDULES {
            return Err(Refusal::TooManySchedules);
        }
        let id = ScheduleId(self.state.last_schedule.saturating_add(1));
        let mut outcome = Outcome::default();
        self.emit(&mut outcome, Event::SchedulePut { schedule: Schedule { id, created: now, terms } });
        Ok((id, outcome))
    }

    /// Changes a schedule. Calls that were ruled by it stay as they are; what it has counted goes on, unless it chooses in
    /// another way now.
    ///
    /// # Errors
    /// [`Refusal::Schedule`], [`Refusal::UnknownSchedule`].
    pub fn put_schedule(&mut self, now: Wall, id: ScheduleId, terms: Terms) -> Result<Outcome, Refusal> {
        let known = self.state.schedules.get(&id).ok_or(Refusal::UnknownSchedule(id))?;
        self.check_terms(now, &terms, Some(known))?;
        let mut outcome = Outcome::default();
        if known.terms != terms {
            let schedule = Schedule { id, created: known.created, terms };
            self.emit(&mut outcome, Event::SchedulePut { schedule });
        }
        Ok(outcome)
    }

    /// Removes a schedule. Recordings keep its number and name.
    ///
    /// # Errors
    /// [`Refusal::UnknownSchedule`].
    pub fn remove_schedule(&mut self, id: ScheduleId) -> Result<Outcome, Refusal> {
        if !self.state.schedules.contains_key(&id) {
            return Err(Refusal::UnknownSchedule(id));
        }
        let mut outcome = Outcome::default();
        self.emit(&mut outcome, Event::ScheduleRemoved { schedule: id });
        Ok(outcome)
    }

    fn check_terms(&self, now: Wall, terms: &Terms, known: Option<&Schedule>) -> Result<(), Refusal> {
        terms.check()?;
        if (self.settings.civil)(&terms.zone, now).is_none() {
            return Err(ScheduleFault::Zone(terms.zone.clone()).into());
        }
        let id = terms.keeping.archive_action;
        let was_chosen = known.is_some_and(|known| known.terms.keeping.archive_action == id);
        let action = self.state.archive_actions.get(id);
        if action.is_none_or(|action| !action.active && !was_chosen) {
            return Err(ScheduleFault::ArchiveAction(id).into());
        }
        Ok(())
    }

    /// Schedules in the order in which they are asked.
    pub fn schedules(&self) -> Vec<&Schedule> {
        let mut schedules: Vec<&Schedule> = self.state.schedules.values().collect();
        schedules.sort_by_cached_key(|schedule| schedule.rank());
        schedules
    }

    /// What would become of a call like this that began at `began`; `by_command` if a command started it. Changes
    /// nothing, and counts nothing.
    pub fn explain(&self, began: Wall, call: &Traits, by_command: bool) -> Explanation {
        let winner = if by_command { self.named_by_command(call, began) } else { self.taker(call, began) };
        let winner = winner.map(|schedule| schedule.id);
        let asked = self.schedules().into_iter().map(|schedule| {
            let failed = || schedule.first_failed(call, began, || self.civil(schedule, began));
            let passed_over = if winner == Some(schedule.id) {
                None
            } else if let Some(failed) = failed() {
                Some(failed)
            } else if !by_command && schedule.terms.kind == crate::schedule::Kind::ApiInitiated {
                Some("it takes calls that a command starts".to_owned())
            } else if by_command {
                Some("another names the recording that a command starts".to_owned())
            } else {
                Some("one of a higher priority, or of the same and made earlier, takes the call".to_owned())
            };
            Asked { schedule: schedule.named(), priority: schedule.terms.priority, passed_over }
        });
        let asked = asked.collect();
        let schedule = winner.and_then(|id| self.state.schedules.get(&id));
        let (kept, why) = match schedule {
            _ if by_command => (Some(true), Self::by_command("", schedule)),
            None => {
                let (kept, why) = self.unmatched();
                (Some(kept), why.to_owned())
            }
            Some(schedule) => {
                let weighed = self.weigh(schedule, call, began);
                let (name, probability) = (&schedule.terms.name, schedule.terms.probability);
                match (weighed.kept, probability) {
                    (true, CERTAIN..) => (Some(true), format!("kept: schedule {name}{}", weighed.says)),
                    (true, _) => (
                        None,
                        format!("kept if its draw is at most {probability}: schedule {name}{}", weighed.says),
                    ),
                    (false, _) => (Some(false), format!("not kept: schedule {name}{}", weighed.says)),
                }
            }
        };
        Explanation { kept, why, schedule: schedule.map(Schedule::named), asked }
    }

    /// What schedules look at of a call.
    pub(super) fn traits(&self, call: &Call) -> Traits {
        let text = |field| call.field(field).to_owned();
        Traits {
            agents: call.agents.clone(),
            business_unit: self.business_unit_of(call),
            gate: text(Field::AcdGate),
            skill_group: text(Field::SkillGroup),
            ani: text(Field::Ani),
            dnis: text(Field::Dnis),
            direction: Direction::from_letter(call.field(Field::Direction)),
            trunk: call.trunk.clone().unwrap_or_default(),
            device: call.device.as_ref().map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// The business unit a call is of, or was when it ended.
    pub fn business_unit_of(&self, call: &Call) -> i64 {
        let agent = call.agents.first().and_then(|agent| self.state.agents.get(agent));
        call.business_unit_with(agent)
    }

    /// What the clocks of a schedule's zone showed.
    pub(super) fn civil(&self, schedule: &Schedule, at: Wall) -> Option<Civil> {
        (self.settings.civil)(&schedule.terms.zone, at)
    }
}
