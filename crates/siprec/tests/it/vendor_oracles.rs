//! Every vendor message against its oracle, key by key. A key nobody reads is a failure: an oracle that grows has to
//! be met, not passed over.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use siprec::facts::{CallDirection, CallFacts, ForkedEnd, MetadataStatus, Role, VendorIdKind};
use siprec::metadata::{DataMode, Picture, SessionState, parse};
use siprec::sdp::{self, LocalMedia, Origin, Policy};

use crate::vendor_files::{message, names, oracle};

/// Oracles that say nothing about bodies this recorder reads yet, each with its reason.
const LEFT_OUT: [(&str, &str); 2] = [
    ("13-options-keepalive", "no body"),
    ("14-srs-snapshot-request-EXPECTED-OUTPUT", "what the recorder sends; see the test of its own"),
];

/// Keys about SIP itself, held by the tests of the endpoint.
const ABOUT_SIP: [&str; 2] = ["is_rs", "response"];

/// Keys for people.
const PROSE: [&str; 6] = ["fixture", "shape", "method", "notes", "tests", "in_dialog_of"];

/// A recording session as far as its bodies tell it.
#[derive(Default)]
struct Session {
    headers: Vec<(String, String)>,
    picture: Picture,
    labels: Vec<Option<String>>,
    offer: Option<sdp::Offer>,
    plan: Option<sdp::Plan>,
    data_mode: Option<DataMode>,
    messages: u64,
}

impl Session {
    fn take(&mut self, name: &str) {
        let message = message(name);
        let parts = message.parts();
        assert!(parts.not_understood().is_none(), "{name}: {:?}", parts.unknown);
        if let Some(bytes) = &parts.sdp {
            let offer = sdp::Offer::parse(bytes).unwrap();
            self.plan = Some(sdp::plan(&offer, &Policy::default()));
            self.labels = offer.labels();
            self.offer = Some(offer);
        }
        if let Some(bytes) = &parts.metadata {
            let document = parse(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            self.data_mode = Some(document.data_mode);
            self.picture.apply(&document, &self.labels, Duration::from_secs(self.messages)).unwrap();
        }
        if self.messages == 0 {
            self.headers = message.headers;
        }
        self.messages += 1;
    }

    /// The dialog up to and including `name`: its first INVITE, then the earlier messages of the same run.
    fn up_to(name: &str) -> Self {
        let mut session = Self::default();
        if let Some(first) = oracle(name)["in_dialog_of"].as_str() {
            session.take(first);
            names().iter().filter(|other| other[..2] == name[..2] && other[..] < *name).for_each(|n| {
                if n != first {
                    session.take(n);
                }
            });
        }
        session.take(name);
        session
    }

    fn id_of(&self, aor: &str) -> &str {
        let participants = &self.picture.history().participants;
        let found = participants.iter().find(|p| p.names.first().is_some_and(|name| name.aor == aor));
        &found.unwrap_or_else(|| panic!("no participant {aor} in {participants:?}")).id
    }

    fn aor_of(&self, id: &str) -> &str {
        &self.picture.history().participant(id).unwrap().names[0].aor
    }

    fn facts(&self) -> CallFacts {
        CallFacts::derive(&self.headers, &self.picture)
    }
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}

fn set(value: &Value) -> BTreeSet<String> {
    strings(value).into_iter().collect()
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().unwrap().iter().map(|(key, value)| (key.as_str(), value))
}

#[test]
fn every_vendor_message_meets_its_oracle() {
    let mut met = 0;
    for name in names() {
        if LEFT_OUT.iter().any(|(left_out, _)| *left_out == name) {
            continue;
        }
        let session = Session::up_to(&name);
        for (key, value) in entries(&oracle(&name)) {
            let at = format!("{name}: {key}");
            match key {
                _ if PROSE.contains(&key) || ABOUT_SIP.contains(&key) => {}
                "answer_mlines" => answer(&at, value, &session),
                "pairs_with" => {
                    let other = Session::up_to(value.as_str().unwrap()).facts();
                    let key = |facts: &CallFacts| facts.forked_leg.as_ref().unwrap().pair_key.clone();
                    assert!(key(&other).is_some() && key(&other) == key(&session.facts()), "{at}");
                }
                "metadata_status" => metadata_status(&at, value, &session),
                "datamode" => {
                    let mode = if value == "partial" { DataMode::Partial } else { DataMode::Complete };
                    assert_eq!(session.data_mode, Some(mode), "{at}");
                }
                "participants" => participants(&at, value, &session),
                "speakers" => {
                    let facts = session.facts();
                    let speakers =
                        facts.speakers.iter().map(|speaker| (speaker.line, speaker.address.value.clone()));
                    let expected: Vec<_> = strings(value).into_iter().enumerate().collect();
                    assert_eq!(speakers.collect::<Vec<_>>(), expected, "{at}");
                }
                "call" => call(&at, value, &session),
                "effect" => entries(value).for_each(|(key, value)| effect(&name, key, value, &session)),
                _ => panic!("{at}: nobody reads this key"),
            }
        }
        met += 1;
    }
    assert!(met >= 17, "only {met} oracles were met");
}

fn answer(at: &str, expected: &Value, session: &Session) {
    let (offer, plan) = (session.offer.as_ref().unwrap(), session.plan.as_ref().unwrap());
    let origin = Origin { session_id: 5, version: 1, address: [203, 0, 113, 10].into() };
    let media: Vec<_> = (0..offer.lines.len())
        .map(|n| u16::try_from(40_000 + 2 * n).unwrap())
        .map(|rtp_port| {
            Some(LocalMedia { rtp_port, rtcp_port: rtp_port + 1, key: Some(crate::peer::our_key()) })
        })
        .collect();
    let printed = sdp::print_answer(offer, plan, &origin, &media);
    let answer = sdp::Answer::parse(&printed).unwrap();
    assert_eq!(answer.times, offer.times, "{at}: t= is the offer's");
    let lines = expected.as_array().unwrap();
    assert_eq!(answer.lines.len(), lines.len(), "{at}");
    for ((line, offered), expected) in answer.lines.iter().zip(&offer.lines).zip(lines) {
        for (key, value) in entries(expected) {
            match key {
                "label" => assert_eq!(line.label.as_deref(), value.as_str(), "{at}"),
                "port" => assert!(value == "nonzero" && line.port != 0, "{at}"),
                "crypto" => crypto(at, offered, line),
                "direction" => assert_eq!(line.direction.as_str(), value, "{at}"),
                "codec_any_of" => {
                    let audio = line.formats.iter().filter(|format| format.is_audio());
                    let audio: Vec<_> = audio.map(|format| format.encoding.clone()).collect();
                    let wanted = set(value);
                    assert!(!audio.is_empty() && audio.iter().all(|a| wanted.contains(a)), "{at}: {audio:?}");
                }
                _ => panic!("{at}: nobody reads the key {key}"),
            }
        }
    }
}

/// A10-04: one attribute, with a tag and its suite from the offer, and a key that is not the client's.
fn crypto(at: &str, offered: &sdp::OfferLine, answered: &sdp::OfferLine) {
    let [Ok(ours)] = &answered.crypto[..] else { panic!("{at}: {answered:?}") };
    let theirs = offered.crypto.iter().flatten().find(|theirs| theirs.tag == ours.tag).expect("their tag");
    assert_eq!(ours.suite, theirs.suite, "{at}");
    assert_eq!(ours.keys[0].key, crate::peer::our_key(), "{at}");
    assert!(offered.crypto.iter().flatten().all(|theirs| theirs.keys[0] != ours.keys[0]), "{at}");
}

fn metadata_status(at: &str, expected: &Value, session: &Session) {
    let expected = match expected.as_str().unwrap() {
        "ok" => MetadataStatus::Ok,
        "ok-legacy" => MetadataStatus::OkLegacy,
        "headers-only" => MetadataStatus::HeadersOnly,
        other => panic!("{at}: unknown status {other}"),
    };
    assert_eq!(session.facts().metadata_status, expected, "{at}");
}

fn participants(at: &str, expected: &Value, session: &Session) {
    let expected = expected.as_array().unwrap();
    assert_eq!(session.picture.content().participants.len(), expected.len(), "{at}");
    let facts = session.facts();
    for expected in expected {
        let id = session.id_of(expected["aor"].as_str().unwrap());
        let participant = session.picture.participant(id).unwrap();
        for (key, value) in entries(expected) {
            let at = format!("{at}: {}: {key}", participant.names[0].aor);
            match key {
                "aor" => {}
                "name" => {
                    assert_eq!(participant.names[0].name.as_deref().unwrap_or_default(), value, "{at}");
                }
                "also_aor" => {
                    let others: Vec<_> = participant.names[1..].iter().map(|name| name.aor.clone()).collect();
                    assert_eq!(others, strings(value), "{at}");
                }
                "sends_labels" => assert_eq!(session.picture.sends_labels(id), strings(value), "{at}"),
                "role" => {
                    let role = match facts.role(id) {
                        Role::Caller => "caller",
                        Role::Callee => "callee",
                        Role::Placeholder => "placeholder",
                        Role::Unknown => "unknown",
                    };
                    assert_eq!(role, value, "{at}");
                }
                _ => panic!("{at}: nobody reads this key"),
            }
        }
    }
}

fn call(at: &str, expected: &Value, session: &Session) {
    let facts = session.facts();
    for (key, value) in entries(expected) {
        let at = format!("{at}: {key}");
        let same = |fact: &Option<siprec::facts::Fact>| {
            assert_eq!(fact.as_ref().map(|fact| fact.value.as_str()), value.as_str(), "{at}");
        };
        let all = |facts: &[siprec::facts::Fact]| {
            let values: BTreeSet<_> = facts.iter().map(|fact| fact.value.clone()).collect();
            assert_eq!(values, set(value), "{at}");
        };
        match key {
            "ani" => same(&facts.ani),
            "dnis" => same(&facts.dnis),
            "queue" => same(&facts.queue),
            "queue_number" => same(&facts.queue_number),
            "recorded_party" => same(&facts.recorded_party),
            "recorded_user" => same(&facts.recorded_user),
            "agent_display_name" => same(&facts.agent_display_name),
            "diverted_from" => same(&facts.diverted_from),
            "agent_extension_candidates" => all(&facts.agent_candidates),
            "numbers" => all(&facts.numbers),
            "leg" | "ani_or_dnis" | "device" | "pair_key" => forked_leg(&at, key, value, &facts),
            "mixed" => assert_eq!(facts.mixed.as_ref().map(|fact| fact.value), value.as_bool(), "{at}"),
            "direction" => {
                let direction = match facts.direction.as_ref().unwrap().value {
                    CallDirection::Inbound => "inbound",
                    CallDirection::Outbound => "outbound",
                };
                assert_eq!(direction, value, "{at}");
            }
            "vendor_ids" => entries(value).for_each(|(kind, value)| vendor_id(&at, kind, value, &facts)),
            _ => panic!("{at}: nobody reads this key"),
        }
    }
}

fn forked_leg(at: &str, key: &str, value: &Value, facts: &CallFacts) {
    let leg = facts.forked_leg.as_ref().unwrap();
    let text = |fact: &Option<siprec::facts::Fact>| fact.as_ref().unwrap().value.clone();
    match key {
        "leg" if value == "nearend" => assert_eq!(leg.end.value, ForkedEnd::Near, "{at}"),
        "leg" => assert!(leg.end.value == ForkedEnd::Far && value == "farend", "{at}"),
        "device" => assert_eq!(text(&leg.device), *value, "{at}"),
        "ani_or_dnis" => assert_eq!(text(&leg.far_address), *value, "{at}"),
        // The oracle says "x-refci=<reference> + cluster <cluster>".
        _ => {
            let key = text(&leg.pair_key);
            let (cluster, reference) = key.split_once('/').unwrap();
            assert_eq!(format!("x-refci={reference} + cluster {cluster}"), *value, "{at}");
        }
    }
}

fn vendor_id(at: &str, kind: &str, value: &Value, facts: &CallFacts) {
    let kinds =
        [VendorIdKind::Ucid, VendorIdKind::CiscoGuid, VendorIdKind::Gcid, VendorIdKind::OriginalCallId];
    let kind = kinds.into_iter().find(|k| k.as_str() == kind).unwrap_or_else(|| panic!("{at}: {kind}?"));
    assert_eq!(facts.vendor_id(kind).unwrap().id.value, *value, "{at}");
}

fn effect(name: &str, key: &str, value: &Value, session: &Session) {
    let at = format!("{name}: effect: {key}");
    let picture = &session.picture;
    let history = picture.history();
    let time_of = |id: &str, joined: bool| {
        let presence = history.presences.iter().find(|presence| presence.participant == id).unwrap();
        let claim = if joined { &presence.claimed_from } else { &presence.claimed_to };
        claim.as_ref().unwrap().text.clone()
    };
    match key {
        "current_participants" => {
            let present: Vec<_> = picture.present().iter().map(|p| p.names[0].aor.clone()).collect();
            assert_eq!(present, strings(value), "{at}");
        }
        "placeholder_replaced" => {
            assert!(session.facts().roles.iter().all(|r| r.role.value != Role::Placeholder), "{at}");
        }
        "history_keeps_placeholder" => {
            let id = session.id_of("sip:ASBCE@sbce.example.com");
            let gone = history.presences.iter().find(|p| p.participant == id).unwrap();
            assert!(gone.to.is_some() && picture.participant(id).is_none(), "{at}");
        }
        _ if key.starts_with("participant ") => {
            let id = session.id_of(key.strip_prefix("participant ").unwrap());
            for (key, value) in entries(value) {
                match key {
                    "sends" => assert_eq!(picture.sends_labels(id), strings(value), "{at}"),
                    "receives" => assert_eq!(picture.hears_labels(id), strings(value), "{at}"),
                    _ => panic!("{at}: nobody reads {key}"),
                }
            }
        }
        "participants_total" => {
            assert_eq!(history.participants.len(), usize::try_from(value.as_u64().unwrap()).unwrap(), "{at}")
        }
        "participants_total_unchanged" => assert_eq!(history.participants.len(), 2, "{at}"),
        "names_kept" => {
            assert!(picture.content().participants.iter().all(|p| p.names[0].name.is_some()), "{at}");
        }
        "session_kept" => assert!(picture.has_open_session(), "{at}"),
        "left" => entries(value).for_each(|(aor, time)| {
            assert_eq!(time_of(session.id_of(aor), false), *time, "{at}");
        }),
        "joined" => entries(value).for_each(|(aor, time)| {
            assert_eq!(time_of(session.id_of(aor), true), *time, "{at}");
        }),
        "label_2_sender_history" => {
            let mut speakers: Vec<_> =
                history.speakers_on(1).map(|e| session.aor_of(&e.participant)).collect();
            speakers.dedup();
            assert_eq!(speakers, strings(value), "{at}");
        }
        "audio_before_change_stays_with" => {
            let before = history.speakers_on(1).find(|entry| entry.from == Duration::ZERO).unwrap();
            assert_eq!(session.aor_of(&before.participant), value, "{at}");
            assert_eq!(before.to, Some(Duration::from_secs(session.messages - 1)), "{at}");
        }
        _ => effect_on_session(&at, key, value, session),
    }
}

fn effect_on_session(at: &str, key: &str, value: &Value, session: &Session) {
    let picture = &session.picture;
    match key {
        "session_stop_time" => {
            let stopped = picture.content().sessions[0].stopped.as_ref().unwrap();
            assert_eq!(stopped.text, *value, "{at}");
        }
        "reason" => {
            let reason = &picture.content().sessions[0].reasons[0];
            assert_eq!(reason.protocol, value["protocol"], "{at}");
            assert_eq!(u64::from(reason.cause.unwrap()), value["cause"], "{at}");
        }
        "all_participants_left_implicitly" => {
            assert!(picture.present().is_empty(), "{at}");
            assert!(picture.history().current_sendings().next().is_none(), "{at}");
        }
        "recording_state" if value == "paused-by-src" => {
            assert!(session.plan.as_ref().unwrap().all_paused(), "{at}");
        }
        "recording_state" if value == "finished" => {
            let id = &picture.content().sessions[0].id;
            assert_eq!(picture.session_state(id), SessionState::Stopped, "{at}");
        }
        // Storing is not done here; the pause it hangs on is checked above.
        "rtp_arriving_meanwhile" => assert_eq!(value, "must not be stored"),
        "media_from" | "codec" => {
            let (_, line) = session.plan.as_ref().unwrap().accepted().next().unwrap();
            match key {
                "codec" => assert_eq!(line.formats[0].encoding, *value, "{at}"),
                _ => assert_eq!(line.remote_rtp.unwrap().to_string(), *value, "{at}"),
            }
        }
        _ => panic!("{at}: nobody reads this key"),
    }
}

#[test]
fn the_snapshot_request_is_the_one_the_oracle_shows() {
    let name = "14-srs-snapshot-request-EXPECTED-OUTPUT";
    let message = message(name);
    let printed = siprec::metadata::print_snapshot_request(Some("recorder restarted"));
    for bytes in [&message.parts().metadata.unwrap(), &printed] {
        let siprec::metadata::MetadataError::SnapshotRequest { reason } = parse(bytes).unwrap_err() else {
            panic!("the root element is requestsnapshot");
        };
        assert_eq!(reason.as_deref(), Some("recorder restarted"));
    }
    assert!(message.parts().sdp.is_none());
}
