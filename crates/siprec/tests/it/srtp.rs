//! Keys in SDP, from INVITE to BYE (RFC 4568, RFC 7866 §12; A10-02 to A10-06).

use siprec::{
    Event, Leniency, Warning,
    message::Method,
    sdp::{Answer, Crypto, Plan, Policy, Srtp},
};

use crate::peer::{Call, Invite, Recorder, config, our_key};

const FIRST: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
const SECOND: &str = "NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj";
const CM: &str = "AES_CM_128_HMAC_SHA1_80";

/// One line of this profile with these attributes.
fn sdp(version: u32, profile: &str, attributes: &str) -> String {
    format!(
        "v=0\r\no=- 1 {version} IN IP4 198.51.100.11\r\ns=-\r\nc=IN IP4 198.51.100.11\r\nt=0 0\r\n\
         m=audio 30000 {profile} 0\r\na=sendonly\r\na=label:1\r\n{attributes}"
    )
}

fn key(tag: u32, key: &str) -> String {
    format!("a=crypto:{tag} {CM} inline:{key}\r\n")
}

fn invite(sdp: String) -> Invite {
    Invite { body: sdp, ..Invite::default() }
}

fn recorder(srtp: Srtp) -> Recorder {
    let mut config = config(Leniency::Strict);
    config.peers[0].media = Policy { srtp, ..Policy::default() };
    Recorder::new(config)
}

fn crypto_of(body: &[u8]) -> Option<Crypto> {
    let answer = Answer::parse(body).unwrap();
    answer.lines[0].crypto.first().map(|crypto| crypto.clone().unwrap())
}

fn agreed(plan: &Plan) -> Option<Crypto> {
    plan.accepted().next().unwrap().1.crypto.clone()
}

#[test]
fn protected_line_is_answered_with_its_tag_and_suite_and_a_key_of_ours() {
    let mut recorder = recorder(Srtp::Optional);
    let offer = format!("{}{}", "a=crypto:3 F8_128_HMAC_SHA1_80 inline:AAAA\r\n", key(4, FIRST));
    recorder.udp(invite(sdp(1, "RTP/SAVP", &offer)).text());
    let response = recorder.response();
    assert_eq!(response.status, 200);
    let text = String::from_utf8_lossy(&response.body).into_owned();
    assert!(text.contains(" RTP/SAVP 0\r\n") && text.matches("a=crypto:").count() == 1, "{text}");
    let ours = crypto_of(&response.body).unwrap();
    assert_eq!((ours.tag, ours.suite.as_str(), &ours.keys[0].key), (4, CM, &our_key()));
    let session = recorder.endpoint.session(recorder.session()).unwrap();
    let theirs = agreed(session.plan().unwrap()).unwrap();
    assert_eq!(theirs.keys[0].key.bytes().len(), 30);
    let warned = |event: &Event| matches!(event, Event::Warning { warning: Warning::KeysInTheClear, .. });
    assert!(recorder.events.iter().any(warned), "the keys came by UDP (RFC 4568 §8)");
    let everything = format!("{:?} {session:?}", recorder.events);
    assert!(!everything.contains(&FIRST[..8]), "A10-05: keys do not show in what a log may hold");
}

#[test]
fn protected_line_without_a_usable_key_is_refused_with_what_would_be_right() {
    let mut recorder = recorder(Srtp::Optional);
    recorder.udp(invite(sdp(1, "RTP/SAVP", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA\r\n")).text());
    let refused = recorder.response();
    assert_eq!(refused.status, 488);
    assert!(refused.reason.contains("30 bytes"), "{}", refused.reason);
    let bare = Invite { branch: "z9hG4bKbare".into(), cseq: 2, ..invite(sdp(1, "RTP/SAVP", "")) };
    recorder.udp(bare.text());
    assert_eq!(recorder.response().status, 488);
}

#[test]
fn keys_below_plain_rtp_are_taken_if_they_can_be_and_left_if_not() {
    for (attributes, protected) in [
        (key(1, FIRST), true),
        ("a=crypto:1 NEW_SUITE inline:AAAA\r\n".into(), false),
        (String::new(), false),
    ] {
        let mut recorder = recorder(Srtp::Optional);
        recorder.udp(invite(sdp(1, "RTP/AVP", &attributes)).text());
        let response = recorder.response();
        assert_eq!(response.status, 200);
        assert!(String::from_utf8_lossy(&response.body).contains(" RTP/AVP 0\r\n"));
        assert_eq!(crypto_of(&response.body).is_some(), protected, "RFC 8643 §3");
        let session = recorder.endpoint.session(recorder.session()).unwrap();
        assert_eq!(agreed(session.plan().unwrap()).is_some(), protected);
    }
}

#[test]
fn where_protection_is_required_plain_rtp_is_refused_line_by_line() {
    let mut secured = recorder(Srtp::Require);
    secured.udp(invite(sdp(1, "RTP/AVP", "")).text());
    let refused = secured.response();
    assert_eq!(refused.status, 488);
    assert!(refused.reason.contains("only SRTP is taken"), "{}", refused.reason);
    // A mixed offer: the line in the clear costs only itself.
    let mut secured = recorder(Srtp::Require);
    let mixed = sdp(1, "RTP/SAVP", &key(1, FIRST)) + "m=audio 30002 RTP/AVP 0\r\na=label:2\r\n";
    secured.udp(invite(mixed).text());
    let answer = Answer::parse(&secured.response().body).unwrap();
    assert_eq!(answer.lines.iter().map(|line| line.port != 0).collect::<Vec<_>>(), [true, false]);
    let mut refusing = recorder(Srtp::Refuse);
    refusing.udp(invite(sdp(1, "RTP/AVP", &key(1, FIRST))).text());
    assert_eq!(crypto_of(&refusing.response().body), None);
}

#[test]
fn a_new_key_in_a_new_offer_is_a_change_of_media_and_the_same_key_is_none() {
    let mut recorder = recorder(Srtp::Optional);
    let call = recorder.call_with(invite(sdp(1, "RTP/SAVP", &key(1, FIRST))));
    let session = recorder.session();
    recorder.udp(call.reoffer(2, sdp(2, "RTP/SAVP", &key(1, FIRST))).as_method("UPDATE"));
    assert_eq!(recorder.response().status, 200);
    assert!(!recorder.names().contains(&"Modified".into()), "the same keys, the same media");
    recorder.udp(call.reoffer(3, sdp(3, "RTP/SAVP", &key(2, SECOND))).as_method("UPDATE"));
    let answer = recorder.response();
    assert_eq!((answer.status, crypto_of(&answer.body).unwrap().tag), (200, 2));
    assert!(recorder.names().contains(&"Modified".into()));
    let theirs = agreed(recorder.endpoint.session(session).unwrap().plan().unwrap()).unwrap();
    assert_eq!(theirs.tag, 2);
}

#[test]
fn our_own_offer_is_protected_where_it_has_to_be_and_the_ack_brings_their_key() {
    let headers = "Require: siprec\r\nContact: <sip:src@198.51.100.11:5060>;+sip.src\r\n";
    let bare = Invite { headers: headers.into(), body: String::new(), ..Invite::default() };
    let answer = |attributes: &str| sdp(1, "RTP/SAVP", attributes);
    let other_suite = key(1, FIRST).replace("SHA1_80", "SHA1_32");
    let two = key(1, FIRST) + &key(2, SECOND);
    for (sdp, usable) in [
        (answer(&key(1, FIRST)), true),
        (answer(&key(2, FIRST)), false),
        (answer(&other_suite), false),
        (answer(&two), false),
        (answer(""), false),
    ] {
        let mut recorder = recorder(Srtp::Require);
        recorder.udp(bare.text());
        let response = recorder.response();
        let offered = crypto_of(&response.body).expect("a key of ours");
        assert_eq!((offered.suite.as_str(), &offered.keys[0].key), (CM, &our_key()));
        let mut ack = Call::of(&response).inside(1);
        ack.branch = "z9hG4bKack".into();
        ack.headers = "Content-Type: application/sdp\r\n".into();
        ack.body = sdp.clone();
        recorder.udp(ack.as_method("ACK"));
        if usable {
            let session = recorder.endpoint.session(recorder.session()).unwrap();
            let theirs = agreed(session.plan().unwrap()).unwrap();
            assert_ne!(theirs.keys[0].key.bytes(), [0; 30], "not the one our offer held in its place");
        } else {
            assert_eq!(recorder.request().method, Method::Bye, "{sdp}");
        }
    }
}
