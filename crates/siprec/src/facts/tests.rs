use std::time::Duration;

use super::*;
use crate::metadata::{Picture, parse};

fn facts(headers: &[(&str, &str)], content: &str) -> CallFacts {
    let mut picture = Picture::default();
    let text = format!("<recording xmlns='urn:ietf:params:xml:ns:recording:1'>{content}</recording>");
    picture.apply(&parse(text.as_bytes()).unwrap(), &[], Duration::ZERO).unwrap();
    let headers: Vec<_> = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    CallFacts::derive(&headers, &picture)
}

#[test]
fn a_ucid_is_kept_without_its_encoding_and_as_sent() {
    let facts = facts(&[("user-to-user", "00fa08aa;encoding=hex")], "");
    let id = facts.vendor_id(VendorIdKind::Ucid).unwrap();
    assert_eq!((id.id.value.as_str(), id.raw.as_str()), ("00FA08AA", "00fa08aa;encoding=hex"));
    assert_eq!((id.id.source.as_str(), id.id.confidence), ("User-to-User", Confidence::Stated));
}

#[test]
fn numbers_are_the_same_whatever_their_form() {
    for (one, other) in [("15125550100", "+1 5125550100".replace(' ', "")), ("4678", "4678".to_owned())]
        .map(|(a, b)| (a.to_owned(), b))
        .into_iter()
        .chain([("5125550100".to_owned(), "+1-512-555-0100".to_owned())])
    {
        assert!(same_number(&one, &other), "{one} {other}");
    }
    assert!(!same_number("4678", "14678"), "a short number is no tail");
    assert!(!same_number("alice", "bob") && same_number("Alice", "alice"));
}

#[test]
fn audiocodes_and_genesys_ids_are_lifted() {
    let facts = facts(
        &[("X-Genesys-CallUUID", "GEN-1")],
        "<session session_id='S'><ac:AvayaUCID xmlns:ac='http://AudioCodes'>FA08AB</ac:AvayaUCID></session>",
    );
    assert_eq!(facts.vendor_id(VendorIdKind::Ucid).unwrap().id.value, "FA08AB");
    assert_eq!(facts.vendor_id(VendorIdKind::GenesysUuid).unwrap().id.value, "GEN-1");
}

#[test]
fn without_metadata_a_gateways_headers_name_the_numbers() {
    let headers = [
        (
            "X-Cisco-Recording-Participant".to_owned(),
            "<sip:+12065550144@198.51.100.1>;media-index=\"0\"".to_owned(),
        ),
        ("X-Cisco-Recording-Participant".to_owned(), "sip:4678@198.51.100.1;media-index=\"1\"".to_owned()),
    ];
    let facts = CallFacts::derive(&headers, &Picture::default());
    assert_eq!(facts.metadata_status, MetadataStatus::HeadersOnly);
    let numbers: Vec<_> = facts.numbers.iter().map(|number| number.value.as_str()).collect();
    assert_eq!(numbers, ["+12065550144", "4678"]);
}

#[test]
fn without_metadata_the_invite_itself_says_who_calls_whom() {
    let described = facts(&[("From", "<sip:4678@x>"), ("To", "<sip:4102@x>")], "");
    let headers = [
        ("From".to_owned(), "\"Rowan\" <sip:4678@192.0.2.9>;tag=1".to_owned()),
        ("To".to_owned(), "<sip:+12065550144@192.0.2.1>".to_owned()),
    ];
    let facts = CallFacts::derive(&headers, &Picture::default());
    assert_eq!(facts.ani.as_ref().unwrap().value, "4678");
    assert_eq!(facts.dnis.as_ref().unwrap().value, "+12065550144");
    let candidates: Vec<_> = facts.agent_candidates.iter().map(|fact| fact.value.as_str()).collect();
    assert_eq!(candidates, ["4678", "+12065550144"]);
    assert!(facts.agent_candidates.iter().all(|fact| fact.confidence == Confidence::Inferred));
    assert!(described.agent_candidates.is_empty(), "metadata was there and named nobody");
}

#[test]
fn a_broadworks_outbound_call_is_the_users_own() {
    let facts = facts(
        &[("From", "\"Desk Hale\" <sip:+13035550111@x>;tag=1")],
        "<participant participant_id='A'><nameID aor='sip:kq7user@x'/></participant>\
         <participant participant_id='B'><nameID aor='tel:+13035550155'/></participant>\
         <extensiondata><broadWorksRecordingMetadata><userID>kq7user@x</userID><callType><origCall>\
         <callingPartyNumber>tel:+13035550111</callingPartyNumber><calledPartyNumber>tel:+13035550155\
         </calledPartyNumber><dialedDigits>5550155</dialedDigits></origCall></callType>\
         </broadWorksRecordingMetadata></extensiondata>",
    );
    assert_eq!(facts.direction.as_ref().unwrap().value, CallDirection::Outbound);
    assert_eq!(facts.ani.as_ref().unwrap().value, "+13035550111");
    assert_eq!(facts.dnis.as_ref().unwrap().value, "5550155");
    assert_eq!((facts.role("A"), facts.role("B")), (Role::Caller, Role::Callee));
    assert_eq!(facts.agent_candidates[0].value, "kq7user@x");
    assert_eq!(facts.agent_candidates[0].confidence, Confidence::Stated);
}

#[test]
fn nothing_is_said_about_direction_when_both_or_none_sit_inside() {
    let both = facts(
        &[],
        "<participant participant_id='A'><nameID aor='sip:4678@x'/></participant>\
         <participant participant_id='B'><nameID aor='sip:4102@x'/></participant>\
         <group group_id='G'><callData><fromhdr>&lt;sip:4678@x&gt;</fromhdr><tohdr>&lt;sip:4102@x&gt;</tohdr>\
         </callData></group>",
    );
    assert_eq!(both.ani.as_ref().unwrap().value, "4678");
    assert_eq!(both.direction, None);
    assert_eq!(both.agent_candidates.len(), 2);
}
