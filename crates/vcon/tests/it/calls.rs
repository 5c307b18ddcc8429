//! Calls of any kind, and what must be true of each vCon of one.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};
use vcon::{Carried, Conversation, Note, Participant, Recording, Redaction};

/// Times a call may have: 1970 to 2200.
const TIMES_NS: std::ops::Range<i64> = 0..7_258_118_400_000_000_000;

fn address() -> impl Strategy<Value = String> {
    prop_oneof![
        "sips?:[+]?[0-9a-z]{1,12}@[a-z0-9.]{1,20}(;user=phone)?",
        "tel:[+]?[0-9-]{1,15}",
        "[+]?[0-9]{0,15}",
        "mailto:[a-z]{1,8}@[a-z]{1,8}",
        any::<String>(),
    ]
}

fn participant() -> impl Strategy<Value = Participant> {
    (address(), option::of(any::<String>()), any::<bool>(), option::of(any::<u32>()), any::<bool>()).prop_map(
        |(address, name, is_agent, agent, anonymous)| {
            let uuid = agent.map(|agent| vcon::agent_uuid("rec1.example.com", agent));
            Participant { address, name, is_agent, uuid, anonymous }
        },
    )
}

fn recording(parties: usize) -> impl Strategy<Value = Recording> {
    let named =
        move || if parties == 0 { vec(Just(0), 0..1).boxed() } else { vec(0..parties, 0..=parties).boxed() };
    let originator = if parties == 0 { Just(None).boxed() } else { option::of(0..parties).boxed() };
    let carried = prop_oneof![
        Just(Carried::Inline),
        Just(Carried::LeftOut),
        any::<[u8; 32]>().prop_map(|half| {
            let sha512: [u8; 64] = std::array::from_fn(|at| half[at % 32]);
            let content_hash = vcon::content_hash(sha512);
            Carried::At {
                url: "https://rec1.example.com/v1/recordings/1/audio?channels=2".to_owned(),
                content_hash,
            }
        }),
    ];
    let channels = vec(named(), 1..=2).prop_map(move |mut channels| {
        if parties == 0 {
            channels.iter_mut().for_each(Vec::clear);
        }
        channels
    });
    (TIMES_NS, 0..=u64::from(u32::MAX), channels, originator, any::<String>(), carried).prop_map(
        |(started_ns, duration_ms, channels, originator, file_name, carried)| Recording {
            started_ns,
            duration_ms,
            channels,
            originator,
            media_type: "audio/x-wav",
            file_name,
            carried,
        },
    )
}

fn note(recordings: usize) -> impl Strategy<Value = Note> {
    let body = prop_oneof![
        any::<String>().prop_map(Value::from),
        vec(any::<u32>(), 0..4).prop_map(|numbers| json!(numbers)),
        (any::<String>(), any::<String>()).prop_map(|(key, value)| json!({key: value})),
    ];
    (0..recordings, TIMES_NS, body).prop_map(|(recording, start_ns, body)| Note {
        purpose: "fields",
        recording,
        start_ns,
        body,
    })
}

/// Any call: nobody or many in it, one recording or several, inside, outside or left out.
pub(crate) fn any_call() -> impl Strategy<Value = Conversation> {
    let sizes = (0..5_usize, 1..4_usize);
    let redaction = option::of(any::<bool>().prop_map(|is_gone| Redaction {
        kind: "span",
        of: (!is_gone).then(|| vcon::vcon_uuid([9; 16], "rec1.example.com", "")),
    }));
    sizes.prop_flat_map(move |(parties, recordings)| {
        let whole = (
            (any::<[u8; 16]>(), any::<String>(), any::<String>()),
            (TIMES_NS, option::of(TIMES_NS)),
            vec(participant(), parties),
            vec(recording(parties), recordings),
            vec(note(recordings), 0..6),
            redaction.clone(),
        );
        whole.prop_map(
            |(
                (drawn, host, interaction_id),
                (created_ns, updated_ns),
                parties,
                recordings,
                notes,
                redaction,
            )| {
                Conversation {
                    uuid: vcon::vcon_uuid(drawn, &host, ""),
                    created_ns,
                    updated_ns,
                    interaction_id,
                    parties,
                    recordings,
                    notes,
                    redaction,
                    recorder: format!("Sidetone at {host}"),
                }
            },
        )
    })
}

/// What the schema cannot say.
pub(crate) fn assert_rules(call: &Conversation, vcon: &Value) {
    let dialogs = vcon["dialog"].as_array().expect("dialogs");
    let parties = vcon["parties"].as_array().expect("parties").len();
    assert_eq!(parties, call.parties.len() + 1);
    let is_set = call.recordings.len() > 1;
    assert_eq!(dialogs.len(), call.recordings.len() + usize::from(is_set));
    for (recording, dialog) in call.recordings.iter().zip(dialogs) {
        // D3-03
        let channels = dialog["parties"].as_array().expect("an array");
        assert_eq!(channels.len(), recording.channels.len());
        for (said, channel) in channels.iter().zip(&recording.channels) {
            assert_eq!(said.is_null(), channel.is_empty());
        }
        // D3-04
        assert_eq!(dialog["url"].is_null(), dialog["content_hash"].is_null());
        assert_eq!(dialog["body"].is_null(), dialog["encoding"].is_null());
        assert!(dialog["url"].is_null() || dialog["body"].is_null());
        assert_eq!(dialog["recording_set"].is_null(), !is_set);
        // D3-02
        assert!(dialog["party_history"].is_null());
    }
    for attachment in vcon["attachments"].as_array().into_iter().flatten() {
        let place =
            |name: &str| usize::try_from(attachment[name].as_u64().expect("a place")).expect("a small one");
        assert!(place("dialog") < call.recordings.len() && place("party") < parties);
    }
}
