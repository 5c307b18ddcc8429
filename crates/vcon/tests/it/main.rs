//! What comes out is a vCon by the draft's own schema (D3-01), and says what was said.

mod calls;
mod schema;

use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use vcon::{
    Base64Url, Carried, Conversation, Fault, Note, Participant, Piece, Recording, Redaction, compose,
};

/// Sound for tests: each recording has its own.
fn sound(recording: usize) -> Vec<u8> {
    (0..=255).cycle().skip(recording).take(1_000 + recording).collect()
}

/// The text of a vCon, with sound in its places.
fn text(pieces: &[Piece]) -> String {
    let text = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Sound(recording) => {
            let mut encoder = Base64Url::default();
            encoder.push(&sound(*recording)) + &encoder.end()
        }
    };
    pieces.iter().map(text).collect()
}

fn vcon(conversation: &Conversation) -> Value {
    let pieces = compose(conversation).expect("it fits together");
    serde_json::from_str(&text(&pieces)).expect("it is JSON")
}

#[test]
fn a_thousand_calls_of_any_kind_are_vcons_by_the_drafts_schema() {
    let schema = schema::draft();
    let mut runner = TestRunner::new(Config { cases: 1_000, failure_persistence: None, ..Config::default() });
    let checked = runner.run(&calls::any_call(), |conversation| {
        let vcon = vcon(&conversation);
        let errors: Vec<String> = schema.iter_errors(&vcon).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{vcon}");
        calls::assert_rules(&conversation, &vcon);
        Ok(())
    });
    checked.unwrap();
}

#[test]
fn the_schema_finds_what_is_wrong() {
    let schema = schema::draft();
    let good = vcon(&two_people());
    assert!(schema.is_valid(&good));
    for (place, wrong) in [
        ("/vcon", json!("0.3.0")),
        ("/uuid", json!("no uuid")),
        ("/created_at", json!("yesterday")),
        ("/parties/0/tel", json!(4678)),
        ("/dialog/0/type", json!("sound")),
        ("/dialog/0/start", json!("12/08/2016 10:06:40")),
        ("/dialog/0/parties", json!([-1])),
        ("/dialog/0/encoding", json!("base64")),
        ("/attachments/0/dialog", json!("first")),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(place).unwrap_or_else(|| panic!("{place} is there")) = wrong;
        assert!(!schema.is_valid(&bad), "{place}");
    }
}

/// A call of two people, with a blackout.
fn two_people() -> Conversation {
    let kim = Participant {
        address: "sip:+15550100@sbc.example.com".to_owned(),
        name: Some("Kim".to_owned()),
        ..Participant::default()
    };
    let rowan = Participant {
        address: "sip:4678@pbx.example.com".to_owned(),
        name: Some("Rowan Pike".to_owned()),
        is_agent: true,
        uuid: Some(vcon::agent_uuid("rec1.example.com", 1)),
        anonymous: false,
    };
    let recording = Recording {
        started_ns: 1_481_209_600_123_000_000,
        duration_ms: 61_250,
        channels: vec![vec![0], vec![1]],
        originator: Some(0),
        media_type: "audio/x-wav",
        file_name: "call.wav".to_owned(),
        carried: Carried::Inline,
    };
    let note = Note {
        purpose: "blackouts",
        recording: 0,
        start_ns: 1_481_209_600_123_000_000,
        body: json!([{"from_ms": 4_000, "to_ms": 6_000}]),
    };
    Conversation {
        uuid: vcon::vcon_uuid([7; 16], "rec1.example.com", ""),
        created_ns: 1_481_209_700_000_000_000,
        updated_ns: None,
        interaction_id: "call-1".to_owned(),
        parties: vec![kim, rowan],
        recordings: vec![recording],
        notes: vec![note],
        redaction: None,
        recorder: "Sidetone at rec1.example.com".to_owned(),
    }
}

#[test]
fn a_call_of_two_reads_as_the_draft_writes_it() {
    let vcon = vcon(&two_people());
    let mut encoder = Base64Url::default();
    let body = encoder.push(&sound(0)) + &encoder.end();
    assert_eq!(
        vcon,
        json!({
            "vcon": "0.4.0",
            "uuid": vcon::vcon_uuid([7; 16], "rec1.example.com", ""),
            "extensions": ["CC"],
            "created_at": "2016-12-08T15:08:20.000Z",
            "parties": [
                {"tel": "+15550100", "sip": "sip:+15550100@sbc.example.com", "name": "Kim", "validation": "none"},
                {"sip": "sip:4678@pbx.example.com", "name": "Rowan Pike", "validation": "none",
                 "uuid": vcon::agent_uuid("rec1.example.com", 1), "type": "person", "role": "agent"},
                {"name": "Sidetone at rec1.example.com", "validation": "none", "type": "bot"},
            ],
            "dialog": [{
                "type": "recording", "start": "2016-12-08T15:06:40.123Z", "duration": 61.25, "parties": [0, 1],
                "interaction_id": "call-1", "mediatype": "audio/x-wav", "filename": "call.wav",
                "encoding": "base64url", "body": body,
            }],
            "attachments": [{
                "purpose": "blackouts", "start": "2016-12-08T15:06:40.123Z", "party": 2, "dialog": 0,
                "mediatype": "application/json", "encoding": "json", "body": [{"from_ms": 4000, "to_ms": 6000}],
            }],
        })
    );
}

#[test]
fn a_channel_has_its_parties_and_an_unused_one_null() {
    let mut call = two_people();
    let channels = |call: &Conversation| vcon(call)["dialog"][0]["parties"].clone();
    call.recordings[0].channels = vec![vec![0, 1]];
    assert_eq!(channels(&call), json!([[0, 1]]), "mixed into one");
    call.recordings[0].channels = vec![vec![], vec![1]];
    assert_eq!(channels(&call), json!([null, 1]));
    assert_eq!(vcon(&call)["dialog"][0]["originator"], 0, "it is not the first that is named");
    call.recordings[0].channels = vec![vec![], vec![]];
    assert_eq!(channels(&call), json!([null, null]));
}

#[test]
fn several_recordings_of_a_call_are_a_set() {
    let mut call = two_people();
    let mut second = call.recordings[0].clone();
    second.started_ns += 100_000_000_000;
    call.recordings.push(second);
    let vcon = vcon(&call);
    assert_eq!(vcon["dialog"][2]["type"], "recording-set");
    assert_eq!(vcon["dialog"][2]["recordings"], json!([0, 1]));
    assert_eq!(vcon["dialog"][2]["duration"], 161.25);
    assert!(vcon["dialog"][2]["body"].is_null() && vcon["dialog"][2]["mediatype"].is_null());
    assert_eq!(
        (&vcon["dialog"][0]["recording_set"], &vcon["dialog"][1]["recording_set"]),
        (&json!(2), &json!(2))
    );
}

#[test]
fn of_somebody_who_may_not_be_named_nothing_stands_there() {
    let mut call = two_people();
    call.parties[0].anonymous = true;
    call.redaction = Some(Redaction { kind: "other parties", of: Some(call.uuid.clone()) });
    let vcon = vcon(&call);
    assert_eq!(vcon["parties"][0], json!({"name": "anonymous"}));
    assert_eq!(vcon["redacted"], json!({"type": "other parties", "uuid": call.uuid}));
    assert_eq!(vcon["parties"][1]["name"], "Rowan Pike", "the others keep their places (D3-05)");
}

#[test]
fn what_does_not_fit_together_is_refused_by_name() {
    let fault = |change: fn(&mut Conversation)| {
        let mut call = two_people();
        change(&mut call);
        compose(&call).unwrap_err()
    };
    let no_party = Fault::NoSuchParty { recording: 0, party: 2, parties: 2 };
    assert_eq!(fault(|call| call.recordings[0].channels[1].push(2)), no_party);
    assert_eq!(fault(|call| call.recordings[0].originator = Some(2)), no_party);
    assert_eq!(
        fault(|call| call.notes[0].recording = 1),
        Fault::NoSuchRecording { recording: 1, recordings: 1 }
    );
    let content_hash = vcon::content_hash([0; 64]);
    let at = move |url: &str| {
        let mut call = two_people();
        call.recordings[0].carried = Carried::At { url: url.to_owned(), content_hash: content_hash.clone() };
        compose(&call)
    };
    assert_eq!(at("http://rec1/a.wav").unwrap_err(), Fault::NotHttps("http://rec1/a.wav".to_owned()));
    let read: Value = serde_json::from_str(&text(&at("https://rec1/a.wav").unwrap())).unwrap();
    assert!(read["dialog"][0]["encoding"].is_null() && read["dialog"][0]["body"].is_null());
    assert_eq!(read["dialog"][0]["content_hash"].as_str().map(str::len), Some("sha512-".len() + 86));
}
