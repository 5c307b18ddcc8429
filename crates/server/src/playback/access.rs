//! Who may hear what: the one place that says it, for whoever listens and for every export (F-API-1).

use access::{Permission, Principal};
use index::RecordingRow;

/// Whether somebody may hear a recording: they may hear at all, it is in their scope, and it is not restricted (C5-05). What
/// they may not hear is to them as if it were not there.
pub fn may_hear(who: &Principal, row: &RecordingRow) -> bool {
    let is_heard = who.may(Permission::Hear) || who.may(Permission::Export);
    is_heard
        && who.scope().covers(row.business_unit, row.agent.map(|agent| agent.0))
        && row.care.restriction.is_none()
}
