//! Random and mutated bytes against the body parsers: no panic, and what is printed reads back.

use proptest::prelude::*;
use siprec::facts::CallFacts;
use siprec::metadata::{
    self, Content, DataMode, Dialect, Document, MetadataError, NameId, Participant, ParticipantStream,
    Picture, Reason, Session, Stream, Timestamp,
};
use siprec::{body, sdp};

use crate::vendor_files;

/// A vendor message's body with a few bytes changed, cut out, doubled or swapped for a telling one.
fn mutated() -> impl Strategy<Value = (Option<String>, Vec<u8>)> {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0..5_u8, any::<u8>()), 0..8);
    (prop::sample::select(vendor_files::names()), edits).prop_map(|(name, edits)| {
        let message = vendor_files::message(&name);
        let mut bytes = message.body.clone();
        for (index, kind, byte) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = index.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.truncate(at),
                2 => bytes.insert(at, b"\r\n-=:;\"<>&/ \0"[usize::from(byte) % 13]),
                3 => drop(bytes.remove(at)),
                _ => {
                    let end = (at + usize::from(byte)).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(at..at, piece);
                }
            }
        }
        (message.header("Content-Type").map(str::to_owned), bytes)
    })
}

fn read_all(bytes: &[u8]) {
    match metadata::parse(bytes) {
        Ok(document) => {
            let mut picture = Picture::default();
            let labels = [Some("1".to_owned()), None];
            for second in 0..2 {
                let _ = picture.apply(&document, &labels, std::time::Duration::from_secs(second));
            }
            let _ = CallFacts::derive(&[], &picture);
        }
        Err(MetadataError::Xml(_) | MetadataError::NotARecording { .. }) => {}
        Err(error) => assert!(matches!(error, MetadataError::SnapshotRequest { .. }), "{error}"),
    }
    if let Ok(offer) = sdp::Offer::parse(bytes) {
        let plan = sdp::plan(&offer, &sdp::Policy::default());
        assert_eq!(plan.lines.len(), offer.lines.len());
        let origin = sdp::Origin { session_id: 1, version: 1, address: [192, 0, 2, 1].into() };
        let media =
            vec![
                Some(sdp::LocalMedia { rtp_port: 6000, rtcp_port: 6001, key: Some(crate::peer::our_key()) });
                offer.lines.len()
            ];
        let printed = sdp::print_answer(&offer, &plan, &origin, &media);
        let answer = sdp::Answer::parse(&printed).expect("what is printed reads back");
        assert_eq!(answer.lines.len(), offer.lines.len());
        for (line, planned) in answer.lines.iter().zip(&plan.lines) {
            match &planned.verdict {
                sdp::Verdict::Accepted(accepted) => {
                    assert_eq!(line.formats, accepted.formats);
                    assert_eq!(line.direction, accepted.direction);
                    assert_eq!(line.label, planned.label);
                }
                sdp::Verdict::Refused(_) => assert_eq!(line.port, 0),
            }
        }
    }
}

/// Text that survives XML: no control characters, no white space at the ends.
fn text() -> impl Strategy<Value = String> {
    "[ -~\u{a0}-\u{2ff}\u{1f600}-\u{1f640}]{0,12}".prop_map(|text| text.trim().to_owned())
}

fn some_text() -> impl Strategy<Value = String> {
    text().prop_filter("not empty", |text| !text.is_empty())
}

/// A document with odd names, ids and times in every place.
fn content() -> impl Strategy<Value = Content> {
    let time = || prop::option::of(some_text().prop_map(|text| Timestamp::read(&text)));
    let name = (text(), prop::option::of(some_text()), Just(None));
    let name = name.prop_map(|(aor, name, language)| NameId { aor, name, language });
    let participant = (some_text(), prop::collection::vec(name, 0..3)).prop_map(|(id, names)| Participant {
        id,
        names,
        extensions: Vec::new(),
    });
    let reason = (some_text(), prop::option::of(any::<u32>()), text());
    let reason = reason.prop_map(|(protocol, cause, text)| Reason { protocol, cause, text });
    let session = (some_text(), prop::collection::vec(some_text(), 0..2), reason, time(), time()).prop_map(
        |(id, sip_session_ids, reason, started, stopped)| Session {
            id,
            sip_session_ids,
            reasons: vec![reason],
            started,
            stopped,
            ..Session::default()
        },
    );
    let stream = (some_text(), prop::option::of(some_text()), prop::option::of(some_text()))
        .prop_map(|(id, session, label)| Stream { id, session, label, ..Stream::default() });
    let assoc = (some_text(), prop::collection::vec(some_text(), 0..3), time()).prop_map(
        |(participant, send, associated)| ParticipantStream {
            participant,
            recv: send.clone(),
            send,
            associated,
            disassociated: None,
        },
    );
    (prop::collection::vec(participant, 0..3), prop::collection::vec(session, 0..3), stream, assoc).prop_map(
        |(participants, sessions, stream, assoc)| Content {
            participants,
            sessions,
            streams: vec![stream],
            participant_streams: vec![assoc],
            ..Content::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_vendor_bodies_never_panic((content_type, bytes) in mutated()) {
        if let Ok(parts) = body::split(content_type.as_deref(), None, &bytes) {
            parts.sdp.iter().chain(&parts.metadata).for_each(|part| read_all(part));
        }
        read_all(&bytes);
    }

    #[test]
    fn random_bytes_never_panic(
        content_type in "(multipart/mixed|[ -~]{0,12});[ -~]{0,20}",
        bytes in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let _ = body::split(Some(&content_type), Some(&content_type), &bytes);
        read_all(&bytes);
    }

    #[test]
    fn documents_printed_read_back(content in content(), partial in any::<bool>()) {
        let data_mode = if partial { DataMode::Partial } else { DataMode::Complete };
        let document = Document { data_mode, dialect: Dialect::Rfc7865, content, warnings: Vec::new() };
        let read = metadata::parse(&metadata::print(&document)).unwrap();
        prop_assert_eq!(read.content, document.content);
        prop_assert_eq!((read.data_mode, read.dialect), (data_mode, Dialect::Rfc7865));
    }

    #[test]
    fn bodies_joined_come_apart_again(
        sdp in prop::option::of("(?s)v=0.{0,60}"),
        metadata in prop::option::of("(?s)<.{0,60}"),
    ) {
        let joined = body::join(sdp.as_ref().map(String::as_bytes), metadata.as_ref().map(String::as_bytes));
        let parts = body::split(Some(&joined.content_type), joined.content_disposition, &joined.bytes).unwrap();
        prop_assert_eq!(parts.sdp, sdp.map(String::into_bytes));
        prop_assert_eq!(parts.metadata, metadata.map(String::into_bytes));
    }
}
