//! Leave to hear that somebody gives who may not hear: an account, or a key, which could be for themselves (F-INS-1).
//!
//! Nobody is kept from it, for somebody has to give it. It is an alarm that stands for a week, also over a restart: then it is
//! found in the audit again.

use access::{Grant, Permission, Principal, Scope};
use calls::time::Wall;
use index::{DatabaseError, Trail};

use crate::clock::Clock;
use crate::http::App;
use crate::observe::alarms::{About, Alarms, Kind};
use crate::trail::{note_more, said_of};

/// Stands in the audit before what was given leave.
const MARK: &str = "by who may not hear, to ";

/// Tells that something may do `now` what it did not `before`, if that is to hear and who gives it may not. What it is noted to be
/// is told along.
pub(crate) fn tell(
    app: &App,
    who: &Principal,
    (whom, is): (&str, &str),
    before: Option<&Grant>,
    now: &Grant,
) {
    if hears(&who.grant) || !hears(now) || before.is_some_and(|before| is_within(now, before)) {
        return;
    }
    note_more(&format!("{MARK}{whom}"));
    app.alarms.raise(Kind::HearingGiven, About::Part(whom.to_owned()), words(&who.name, is));
}

/// Raises the alarms of the last week again.
///
/// # Errors
/// The audit cannot be asked now.
pub(crate) async fn remember(trail: &Trail, clock: Clock, alarms: &Alarms) -> Result<(), DatabaseError> {
    let from = Some(clock.now().before(Kind::HearingGiven.stands()));
    let mut given = Vec::new();
    for noun in ["account", "api-key"] {
        let said = said_of(trail, noun, from).await?.into_iter();
        given.extend(said.filter(|entry| entry.detail.contains(MARK)));
    }
    // What is said last stands.
    given.sort_by_key(|entry| entry.at_ns);
    for entry in given {
        if let Some((is, whom)) = entry.detail.rsplit_once(MARK) {
            let what = words(&entry.who, is.trim_end_matches(", "));
            let about = About::Part(whom.to_owned());
            alarms.raise_at(Wall::from_ns(entry.at_ns), Kind::HearingGiven, about, what);
        }
    }
    Ok(())
}

fn words(who: &str, is: &str) -> String {
    format!("{who}, who may not hear recordings, has given leave to: {is}")
}

fn hears(grant: &Grant) -> bool {
    grant.has(Permission::Hear) || grant.has(Permission::Export)
}

/// Whether somebody who may do `now` hears nothing that they did not hear `before`.
fn is_within(now: &Grant, before: &Grant) -> bool {
    hears(before)
        && match (now.scope(), before.scope()) {
            (_, Scope::All) => true,
            (Scope::All, _) => false,
            (Scope::Only { units, agents }, Scope::Only { units: old_units, agents: old_agents }) => {
                units.is_subset(old_units) && agents.is_subset(old_agents)
            }
        }
}

#[cfg(test)]
mod tests {
    use access::Role;

    use super::*;

    #[test]
    fn more_calls_are_more_to_hear_and_fewer_or_other_roles_are_not() {
        let of = |role, units: &[i64]| {
            let scope = if units.is_empty() { Scope::All } else { Scope::only(units.iter().copied(), []) };
            Grant::new([role], scope).unwrap()
        };
        let all = of(Role::Compliance, &[]);
        let one = of(Role::Supervisor, &[3]);
        let two = of(Role::Supervisor, &[3, 4]);
        for (now, before, within) in [
            (&all, &one, false),
            (&one, &all, true),
            (&two, &one, false),
            (&one, &two, true),
            (&of(Role::PrivacyOfficer, &[]), &all, true),
            (&all, &of(Role::Auditor, &[]), false),
            (&one, &of(Role::Auditor, &[]), false),
        ] {
            assert_eq!(is_within(now, before), within, "{before:?} → {now:?}");
        }
    }
}
