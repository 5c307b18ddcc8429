//! Whether a row says what the sealed file says of the same recording (C8-08).
//!
//! The sealed file is signed, the row is not. What was written into the row after the seal is known by what was annotated.
//! Not compared, for the file does not say it: the agent's name and unit, completeness, and what stands in tables of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use calls::field::Field;
use index::{Direction, RecordingRow};

use super::manifest::Manifest;

/// The first thing in which a row differs from its sealed manifest, if it does. `annotated`: the last value of each field that was
/// written after the seal.
pub(super) fn difference(
    row: &RecordingRow,
    manifest: &Manifest,
    annotated: &BTreeMap<String, String>,
) -> Option<&'static str> {
    let mut fields: BTreeMap<String, String> =
        manifest.fields.iter().map(|(field, value)| (field.to_string(), value.clone())).collect();
    fields.extend(annotated.iter().map(|(field, value)| (field.clone(), value.clone())));
    let field = |field: Field| fields.get(&field.to_string()).filter(|value| !value.is_empty()).cloned();
    let name = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
    let parties = row.parties.len() == manifest.parties.len()
        && row
            .parties
            .iter()
            .zip(&manifest.parties)
            .all(|(row, party)| row.name == name(&party.name) && row.address == party.address);
    let ledgers = || manifest.streams.iter().filter_map(|stream| stream.ledger.as_ref());
    let sum = |of: fn(&rtp::Ledger) -> u64| ledgers().map(of).sum::<u64>();
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let dark = manifest.dark.iter().filter_map(|span| span.until.map(|until| until.since(span.from)));
    let ids = manifest.facts.iter().filter(|fact| fact.is_id).map(|fact| fact.value.clone());
    let stated = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
    let same = [
        ("the call", row.call == manifest.call),
        ("the SIP Call-ID", row.sip_call_id == manifest.sip_call_id),
        ("the call instance", row.call_instance.as_ref() == Some(&manifest.call_instance)),
        ("the agent", row.agent == manifest.agents.first().copied()),
        ("the device", row.device == manifest.device),
        ("when it was started", row.started == manifest.started),
        ("when it ended", row.ended == manifest.stopped),
        ("its length", row.duration_ms == millis(manifest.stopped.since(manifest.started))),
        ("how many streams it has", usize::try_from(row.streams) == Ok(manifest.streams.len())),
        ("whether it was interrupted", row.interrupted == manifest.interrupted),
        ("how long it is dark", row.blackout_ms == millis(dark.sum())),
        ("the packets that were dark", row.packets_dark == sum(|ledger| ledger.dark)),
        ("the packets that were lost", row.packets_lost == sum(|ledger| ledger.lost + ledger.dropped)),
        ("why it was kept", row.why == manifest.why),
        ("its ids in other systems", row.known_as == ids.collect()),
        ("its link", row.link == manifest.link),
        ("the parties", parties),
        ("the calling number", stated(&row.ani) == field(Field::Ani)),
        ("the number called", stated(&row.dnis) == field(Field::Dnis)),
        (
            "the direction",
            row.direction == field(Field::Direction).as_deref().and_then(Direction::from_letter),
        ),
        ("a field", row.fields == fields),
    ];
    same.into_iter().find(|(_, same)| !same).map(|(what, _)| what)
}
