//! Every stored message of a product, driven through the endpoint as bytes, against its oracle.

use serde_json::Value;
use siprec::{
    Event, Leniency,
    message::{Method, Request, Response, parse},
    sdp::{Description, Offer},
};

use crate::{
    peer::{Recorder, config},
    vendor_files,
};

struct Fixture {
    name: String,
    bytes: Vec<u8>,
    oracle: Value,
}

fn fixture(name: &str) -> Fixture {
    Fixture { name: name.into(), bytes: vendor_files::bytes(name), oracle: vendor_files::oracle(name) }
}

fn request(bytes: &[u8]) -> Request {
    match parse(bytes) {
        Ok(siprec::message::Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

/// How bytes travel to the endpoint.
#[derive(Debug, Clone, Copy)]
enum Way {
    Udp,
    /// Over one connection, cut into pieces of this many bytes.
    Tcp(usize),
}

const WAYS: [Way; 5] = [Way::Udp, Way::Tcp(usize::MAX), Way::Tcp(1), Way::Tcp(7), Way::Tcp(1400)];

struct Line {
    recorder: Recorder,
    way: Way,
}

impl Line {
    fn new(leniency: Leniency, way: Way) -> Self {
        let mut recorder = Recorder::new(config(leniency));
        recorder.connect(1, crate::peer::peer());
        Self { recorder, way }
    }

    fn send(&mut self, bytes: &[u8]) {
        match self.way {
            Way::Udp => self.recorder.udp(bytes),
            Way::Tcp(size) => {
                for piece in bytes.chunks(size.min(bytes.len())) {
                    self.recorder.tcp(1, piece);
                }
            }
        }
    }

    /// Sends a stored request; inside a dialog with our tag put in.
    fn play(&mut self, fixture: &Fixture, to_tag: Option<&str>) -> Response {
        let text = fixture.bytes.clone();
        let bytes = match to_tag {
            Some(tag) => replace(&text, b"SRS-TAG", tag.as_bytes()),
            None => text,
        };
        self.send(&bytes);
        let response = self.recorder.response();
        let request = request(&bytes);
        check_response(fixture, &request, &response);
        if request.method == Method::Invite && response.status == 200 {
            self.send(&ack(&request, &response));
        }
        response
    }
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from).expect("the placeholder is there");
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

fn ack(invite: &Request, response: &Response) -> Vec<u8> {
    let mut ack = Request::new(Method::Ack, invite.uri.clone());
    ack.headers.push("Via", "SIP/2.0/UDP 198.51.100.11:5060;branch=z9hG4bKack");
    ack.headers.push("From", invite.headers.get("From").unwrap());
    ack.headers.push("To", response.headers.get("To").unwrap());
    ack.headers.push("Call-ID", invite.headers.get("Call-ID").unwrap());
    ack.headers.push("CSeq", invite.headers.get("CSeq").unwrap().replace("INVITE", "ACK"));
    ack.to_bytes()
}

fn to_tag(response: &Response) -> String {
    let to = response.headers.get("To").unwrap();
    siprec::message::header::NameAddr::parse(to).unwrap().tag().unwrap().to_owned()
}

fn check_response(fixture: &Fixture, request: &Request, response: &Response) {
    let (name, oracle) = (&fixture.name, &fixture.oracle["response"]);
    assert_eq!(u64::from(response.status), oracle["code"].as_u64().unwrap(), "{name}: {response:?}");
    let header = |header| response.headers.get(header).unwrap_or_default().to_owned();
    if matches!(request.method, Method::Invite | Method::Update) {
        // A1-07.
        assert!(header("Contact").contains("+sip.srs"), "{name}");
    }
    if let Some(text) = oracle["contact_must_have"].as_str() {
        assert!(header("Contact").contains(text), "{name}");
    }
    if let Some(seconds) = oracle["session_expires"].as_u64() {
        let value = header("Session-Expires");
        let stated: Vec<&str> = value.split(";refresher=").collect();
        assert_eq!(stated[0], seconds.to_string(), "{name}");
        let refreshers = match oracle["refresher"].as_str() {
            Some(one) => vec![one.to_owned()],
            None => vec!["uac".into(), "uas".into()],
        };
        assert!(
            refreshers.contains(&stated[1].to_owned()),
            "{name}: the refresher is always stated, {value}"
        );
        assert_eq!(stated[1] == "uac", response.headers.lists("Require", "timer"), "{name}");
    }
    if oracle["require_timer"] == true {
        assert!(response.headers.lists("Require", "timer"), "{name}");
    }
    if let Some(remote) = oracle["session_id_remote_must_echo"].as_str() {
        assert!(header("Session-ID").ends_with(&format!(";remote={remote}")), "{name}");
        assert_eq!(header("Session-ID").find(';'), Some(32), "{name}");
    }
    for must in oracle["must_have_headers"].as_array().into_iter().flatten() {
        assert!(response.headers.get(must.as_str().unwrap()).is_some(), "{name}: {must}");
    }
    for (header, key) in [("Allow", "allow_contains"), ("Accept", "accept_contains")] {
        for word in oracle[key].as_array().into_iter().flatten() {
            assert!(response.headers.lists(header, word.as_str().unwrap()), "{name}: {word}");
        }
    }
    if oracle["must_not_contain_sdp"] == true {
        assert!(response.body.is_empty(), "{name}");
    }
    check_answer(fixture, request, response);
}

fn check_answer(fixture: &Fixture, request: &Request, response: &Response) {
    let name = &fixture.name;
    let Some(lines) = fixture.oracle["answer_mlines"].as_array() else { return };
    assert_eq!(response.headers.get("Content-Type"), Some("application/sdp"), "{name}");
    let answer: Description = Offer::parse(&response.body).unwrap();
    assert_eq!(answer.lines.len(), lines.len(), "{name}");
    for (line, oracle) in answer.lines.iter().zip(lines) {
        assert_eq!(line.label.as_deref(), oracle["label"].as_str(), "{name}");
        assert_eq!(oracle["port"], "nonzero");
        assert_ne!(line.port, 0, "{name}");
        assert_eq!(line.direction.as_str(), oracle["direction"].as_str().unwrap(), "{name}");
        let wanted: Vec<&str> =
            oracle["codec_any_of"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
        assert!(line.formats.iter().any(|f| wanted.iter().any(|w| f.is(w))), "{name}: {:?}", line.formats);
    }
    assert!(!request.body.is_empty());
}

const INVITES: [&str; 10] = [
    "01-rfc-two-leg-invite",
    "02-cisco-cube-siprec-invite",
    "03-oracle-sbc-invite",
    "04-audiocodes-legacy-invite",
    "05-ribbon-sbc-invite",
    "06a-avaya-sbce-invite",
    "07-metaswitch-mixed-invite",
    "08-broadworks-acd-invite",
    "10-opensips-invite",
    "16-cisco-gateway-fork-invite",
];

/// The profile a trunk wants for a product that is not strict.
fn profile(name: &str) -> Leniency {
    match &name[..2] {
        "09" => Leniency::BibPair,
        "16" => Leniency::HeaderOnly,
        _ => Leniency::BodyOnly,
    }
}

#[test]
fn every_product_gets_the_answer_its_oracle_demands() {
    for name in INVITES {
        for way in WAYS {
            let mut line = Line::new(profile(name), way);
            let fixture = fixture(name);
            line.play(&fixture, None);
            assert_eq!(line.recorder.names(), ["Invited", "Confirmed"], "{name} {way:?}");
            let Event::Invited { invitation, .. } = &line.recorder.events[0] else { panic!() };
            let headers_only = fixture.oracle["metadata_status"] == "headers-only";
            let outcome = invitation.metadata.as_ref().map(|metadata| metadata.outcome.is_ok());
            assert_eq!(outcome, (!headers_only).then_some(true), "{name}");
            let request = request(&fixture.bytes);
            assert_eq!(Some(invitation.sip_call_id.as_str()), request.headers.get("Call-ID"));
            let session = line.recorder.endpoint.session(line.recorder.session()).unwrap();
            let aors: Vec<_> =
                session.picture().content().participants.iter().flat_map(|p| &p.names).collect();
            for participant in fixture.oracle["participants"].as_array().into_iter().flatten() {
                let aor = participant["aor"].as_str().unwrap();
                assert!(aors.iter().any(|name| name.aor == aor), "{name}: {aor} not in {aors:?}");
            }
        }
    }
}

#[test]
fn strict_trunks_take_only_what_the_rfc_calls_a_recording_session() {
    for name in INVITES {
        let fixture = fixture(name);
        let mut recorder = Recorder::strict();
        recorder.udp(&fixture.bytes);
        let response = recorder.response();
        let status = if fixture.oracle["is_rs"]["strict"] == true { 200 } else { 403 };
        assert_eq!(response.status, status, "{name}");
        if status == 403 {
            let hint = if profile(name) == Leniency::HeaderOnly { "header-only" } else { "+sip.src" };
            assert!(response.reason.contains(hint), "{}", response.reason);
        }
    }
}

#[test]
fn a_phones_two_forks_get_our_offer_and_their_answers_open_the_media() {
    let (near, answer, far) =
        ("09a-cucm-bib-nearend-invite", "09b-cucm-bib-nearend-ack", "09c-cucm-bib-farend-invite");
    for way in WAYS {
        let mut line = Line::new(Leniency::BibPair, way);
        line.send(&fixture(near).bytes);
        let ok = line.recorder.response();
        check_response(&fixture(near), &request(&fixture(near).bytes), &ok);
        let offer = Offer::parse(&ok.body).unwrap();
        let codecs: Vec<&str> =
            offer.lines[0].formats.iter().map(|format| format.encoding.as_str()).collect();
        assert!(["PCMU", "PCMA", "telephone-event"].iter().all(|codec| codecs.contains(codec)), "{codecs:?}");
        assert_eq!((offer.lines.len(), offer.lines[0].direction.as_str()), (1, "recvonly"));
        line.send(&replace(&fixture(answer).bytes, b"SRS-TAG", to_tag(&ok).as_bytes()));
        assert_eq!(line.recorder.names(), ["Invited", "Confirmed", "Modified"], "{way:?}");
        let plan = line.recorder.endpoint.session(line.recorder.session()).unwrap().plan().unwrap().clone();
        let (_, accepted) = plan.accepted().next().unwrap();
        assert_eq!(accepted.remote_rtp.unwrap().to_string(), fixture(answer).oracle["effect"]["media_from"]);
        line.send(&fixture(far).bytes);
        assert_eq!(line.recorder.response().status, 200, "{way:?}");
    }
    for name in [near, far] {
        for leniency in [Leniency::Strict, Leniency::TagLess, Leniency::BodyOnly, Leniency::HeaderOnly] {
            let mut recorder = Recorder::new(config(leniency));
            recorder.udp(&fixture(name).bytes);
            assert_eq!(recorder.response().status, 403, "{name} {leniency:?}");
        }
        let mut unlisted = Recorder::new(config(Leniency::BibPair));
        unlisted.udp_from("192.0.2.200:5060".parse().unwrap(), &fixture(name).bytes);
        assert_eq!(unlisted.response().status, 403, "{name} from nowhere");
    }
}

#[test]
fn requests_inside_the_dialog_follow_it() {
    let cases = [
        (
            "01-rfc-two-leg-invite",
            vec!["11a-rfc-hold-update", "11b-rfc-transfer-reinvite", "11c-rfc-bye-with-metadata"],
        ),
        ("01-rfc-two-leg-invite", vec!["12-src-pause-inactive-reinvite"]),
        ("06a-avaya-sbce-invite", vec!["06b-avaya-sbce-update"]),
    ];
    for (first, others) in cases {
        for way in WAYS {
            let mut line = Line::new(Leniency::Strict, way);
            let opened = line.play(&fixture(first), None);
            for name in &others {
                let response = line.play(&fixture(name), Some(&to_tag(&opened)));
                assert_eq!(to_tag(&response), to_tag(&opened));
            }
            let expected: &[&str] = match others[0] {
                "11a-rfc-hold-update" => {
                    &["Invited", "Confirmed", "Described", "Modified", "Described", "Closed"]
                }
                "12-src-pause-inactive-reinvite" => &["Invited", "Confirmed", "Modified"],
                _ => &["Invited", "Confirmed", "Described"],
            };
            assert_eq!(line.recorder.names(), expected, "{others:?} {way:?}");
        }
    }
}

#[test]
fn all_messages_of_a_call_may_share_one_segment() {
    let mut line = Line::new(Leniency::Strict, Way::Tcp(usize::MAX));
    let options = fixture("13-options-keepalive").bytes;
    line.send(
        &[options.clone(), b"\r\n\r\n".to_vec(), fixture("01-rfc-two-leg-invite").bytes, options].concat(),
    );
    let statuses: Vec<_> = line.recorder.responses().iter().map(|r| r.status).collect();
    // The second probe has the first one's transaction, which TCP ended: it is answered anew.
    assert_eq!(statuses, [200, 200, 200]);
}

#[test]
fn options_tell_whether_a_call_would_be_taken() {
    let fixture = fixture("13-options-keepalive");
    for way in WAYS {
        let mut line = Line::new(Leniency::Strict, way);
        line.play(&fixture, None);
    }
    let mut recorder = Recorder::strict();
    let reason = "Disk full".to_owned();
    let readiness = siprec::Readiness::Refusing { reason, retry_after_s: None };
    recorder.command(siprec::Command::Readiness(readiness));
    recorder.udp(&fixture.bytes);
    let response = recorder.response();
    assert_eq!(
        u64::from(response.status),
        fixture.oracle["response"]["when_draining_or_full"].as_u64().unwrap()
    );
    assert_eq!(response.reason, "Disk full");
    let seconds: u32 = response.headers.get("Retry-After").unwrap().parse().unwrap();
    assert!((5..=30).contains(&seconds));
}
