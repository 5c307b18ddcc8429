//! Peers known by address, by certificate, and on which terms.

use core::net::SocketAddr;

use siprec::{
    Certificate, CertificateRule, ConnectionId, Input, Leniency, PeerRule, Transport, Unlisted,
    sdp::{Codec, Policy},
};

use crate::peer::{Call, Invite, Recorder, config, peer};

fn elsewhere() -> SocketAddr {
    "203.0.113.77:40000".parse().unwrap()
}

fn tls(recorder: &mut Recorder, connection: u64, peer: SocketAddr, certificate: Option<(&str, u8)>) {
    let certificate =
        certificate.map(|(name, byte)| Certificate { fingerprint: [byte; 32], names: vec![name.to_owned()] });
    let connection = ConnectionId(connection);
    recorder.input(Input::Connected { connection, transport: Transport::Tls, peer, certificate });
}

/// A recorder that knows one trunk, by its certificate, and answers nobody else.
fn by_certificate() -> Recorder {
    let mut config = config(Leniency::Strict);
    let certificate = Some(CertificateRule::Name("sbc1.example.com".into()));
    config.peers = vec![PeerRule { certificate, ..PeerRule::new("sbc1", Vec::new()) }];
    config.unlisted = Unlisted::Silent;
    Recorder::new(config)
}

#[test]
fn a_trunk_is_known_by_its_certificate_from_any_address() {
    let mut recorder = by_certificate();
    tls(&mut recorder, 1, elsewhere(), Some(("sbc1.example.com", 1)));
    recorder.tcp(1, Invite::default().text());
    assert_eq!(recorder.response().status, 200);
    let session = recorder.session();
    assert_eq!(recorder.endpoint.session(session).unwrap().trunk(), Some("sbc1"));
}

#[test]
fn wrong_certificate_or_none_is_nobody() {
    let mut recorder = by_certificate();
    tls(&mut recorder, 1, peer(), Some(("sbc2.example.com", 2)));
    tls(&mut recorder, 2, peer(), None);
    recorder.connect(3, peer());
    recorder.udp(Invite::default().text());
    assert_eq!(recorder.disconnected.len(), 3);
    assert!(recorder.responses().is_empty());
}

#[test]
fn bye_under_another_certificate_is_refused_and_under_the_same_goes_through() {
    let mut recorder = Recorder::strict();
    tls(&mut recorder, 1, peer(), Some(("sbc1.example.com", 1)));
    recorder.tcp(1, Invite::default().text());
    let call = Call::of(&recorder.response());
    recorder.tcp(1, call.ack(1));
    recorder.input(Input::Disconnected { connection: ConnectionId(1) });
    tls(&mut recorder, 2, elsewhere(), Some(("other.example.com", 2)));
    recorder.tcp(2, call.inside(2).as_method("BYE"));
    assert_eq!(recorder.response().status, 403);
    assert_eq!(recorder.closed(), None);
    tls(&mut recorder, 3, elsewhere(), Some(("sbc1.example.com", 1)));
    recorder.tcp(3, call.inside(3).as_method("BYE"));
    assert_eq!(recorder.response().status, 200);
}

#[test]
fn our_bye_goes_down_another_connection_of_the_same_certificate_and_never_dials() {
    let mut recorder = Recorder::strict();
    tls(&mut recorder, 1, peer(), Some(("sbc1.example.com", 1)));
    recorder.tcp(1, Invite::default().text());
    let call = Call::of(&recorder.response());
    recorder.tcp(1, call.ack(1));
    tls(&mut recorder, 2, peer(), Some(("sbc1.example.com", 1)));
    tls(&mut recorder, 3, elsewhere(), None);
    recorder.input(Input::Disconnected { connection: ConnectionId(1) });
    recorder.command(siprec::Command::Close { session: recorder.session(), reason: "test".into() });
    let requests = recorder.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].1, siprec::Target::Connection(ConnectionId(2)));
}

#[test]
fn a_trunk_with_a_login_is_challenged_and_comes_in_by_the_answer_once() {
    let mut config = config(Leniency::Strict);
    config.peers[0].digest = Some(siprec::digest::Credentials::of_password("sbc", "sidetone", "secret"));
    let mut recorder = Recorder::new(config);
    let login = |password: &str| siprec::digest::Login { user: "sbc".into(), password: password.into() };
    let mut number = 0;
    let mut ask = |recorder: &mut Recorder, method: &str, authorization: &str| {
        number += 1;
        let invite = Invite { branch: format!("z9hG4bKd{number}"), cseq: number, ..Invite::default() };
        let headers = format!("{}{authorization}", invite.headers);
        recorder.udp(Invite { headers, ..invite }.as_method(method));
        recorder.response()
    };
    let answer = |response: &siprec::message::Response, method: &str, password: &str| {
        let challenges = response.headers.all("WWW-Authenticate");
        let answer = login(password).answer(challenges, method, "sip:recorder@203.0.113.10", "c0").unwrap();
        format!("Authorization: {answer}\r\n")
    };
    let challenge = ask(&mut recorder, "OPTIONS", "");
    assert_eq!(challenge.status, 401);
    let wrong = ask(&mut recorder, "OPTIONS", &answer(&challenge, "OPTIONS", "wrong"));
    assert_eq!(wrong.status, 401);
    let right = answer(&wrong, "INVITE", "secret");
    assert_eq!(ask(&mut recorder, "INVITE", &right).status, 200);
    let replayed = ask(&mut recorder, "INVITE", &right);
    assert_eq!(replayed.status, 401);
    assert!(replayed.headers.get("WWW-Authenticate").unwrap().contains("stale=true"));
    // F-SIP-1: a stranger is not told that there are logins.
    recorder.udp_from("203.0.113.200:5060".parse().unwrap(), Invite::default().as_method("OPTIONS"));
    assert_eq!(recorder.response().headers.get("WWW-Authenticate"), None);
}

#[test]
fn a_message_that_does_not_come_to_its_end_costs_its_connection_and_no_other() {
    let mut recorder = Recorder::strict();
    let whole =
        Invite { body: String::new(), headers: String::new(), ..Invite::default() }.as_method("OPTIONS");
    recorder.connect(1, peer());
    recorder.connect(2, peer());
    // One byte now and then, and never the end.
    for byte in whole.as_bytes().iter().take(20) {
        recorder.tcp(1, [*byte]);
        recorder.tcp(2, &whole);
        recorder.wait(core::time::Duration::from_secs(2));
    }
    assert_eq!(recorder.disconnected, [ConnectionId(1)]);
    recorder.tcp(2, "\r\n\r\n");
    assert_eq!(recorder.disconnected.len(), 1);
}

#[test]
fn secure_trunk_is_heard_over_tls_only() {
    let mut config = config(Leniency::Strict);
    config.peers[0].secure_only = true;
    let mut recorder = Recorder::new(config);
    recorder.udp(Invite::default().text());
    recorder.connect(1, peer());
    recorder.tcp(1, Invite { branch: "z9hG4bKtcp".into(), ..Invite::default() }.text());
    let said: Vec<_> = recorder.responses().iter().map(|r| (r.status, r.reason.clone())).collect();
    assert!(said.iter().all(|(status, why)| *status == 403 && why.contains("TLS")), "{said:?}");
    assert_eq!(said.len(), 2);
    tls(&mut recorder, 2, peer(), None);
    recorder.tcp(2, Invite { branch: "z9hG4bKtls".into(), ..Invite::default() }.text());
    assert_eq!(recorder.response().status, 200);
}

#[test]
fn a_trunk_is_recorded_in_its_codecs_only() {
    let mut config = config(Leniency::Strict);
    config.peers[0].media = Policy { codecs: vec![Codec::mono("G722", 8_000)], ..Policy::default() };
    let mut recorder = Recorder::new(config);
    recorder.udp(Invite::default().text());
    let response = recorder.response();
    assert_eq!(response.status, 488);
    assert!(response.reason.contains("G722"), "{}", response.reason);
}
