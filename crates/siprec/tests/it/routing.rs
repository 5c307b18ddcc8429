//! Where answers and requests of ours go.

use siprec::{Command, Target};

use crate::peer::{Invite, Recorder, peer};

#[test]
fn peer_may_come_back_from_another_port_or_connection() {
    let mut recorder = Recorder::strict();
    let call = recorder.call();
    recorder.connect(9, "198.51.100.11:49152".parse().unwrap());
    recorder.tcp(9, call.inside(2).as_method("UPDATE"));
    assert_eq!(recorder.response().status, 200);
    recorder.command(Command::Close { session: recorder.session(), reason: "test".into() });
    assert_eq!(recorder.sent[0].to, Target::Connection(siprec::ConnectionId(9)));
}

#[test]
fn request_of_ours_dials_when_the_connection_is_gone() {
    let mut recorder = Recorder::strict();
    recorder.connect(9, "198.51.100.11:49152".parse().unwrap());
    recorder.tcp(9, Invite::default().text());
    let call = crate::peer::Call::of(&recorder.response());
    recorder.tcp(9, call.ack(1));
    recorder.input(siprec::Input::Disconnected { connection: siprec::ConnectionId(9) });
    recorder.command(Command::Close { session: recorder.session(), reason: "test".into() });
    let to = Target::Dial { transport: siprec::Transport::Tcp, peer: peer() };
    assert_eq!(recorder.sent[0].to, to, "the Contact says where");
}

/// Calls over TLS with this INVITE, and gives our Contact in the 200 and in a request of ours.
fn contacts_over_tls(change: impl Fn(String) -> String) -> [String; 2] {
    let mut recorder = Recorder::strict();
    let connection = siprec::ConnectionId(9);
    let transport = siprec::Transport::Tls;
    recorder.input(siprec::Input::Connected { connection, transport, peer: peer(), certificate: None });
    recorder.tcp(9, change(Invite::default().text()));
    let response = recorder.response();
    recorder.tcp(9, crate::peer::Call::of(&response).ack(1));
    recorder.command(Command::Probe { session: recorder.session() });
    let contact = |headers: &siprec::message::Headers| headers.get("Contact").unwrap().to_owned();
    [contact(&response.headers), contact(&recorder.request().headers)]
}

#[test]
fn call_to_a_sips_uri_gets_a_contact_of_sips() {
    let sips = "<sips:recorder@203.0.113.10:5061>;+sip.srs";
    let to_sips = |text: String| text.replacen("INVITE sip:", "INVITE sips:", 1);
    assert_eq!(contacts_over_tls(to_sips), [sips; 2]);
    let from_sips = |text: String| text.replace("Contact: <sip:", "Contact: <sips:");
    assert_eq!(contacts_over_tls(from_sips), [sips; 2]);
    let plain = contacts_over_tls(|text| text);
    assert!(plain.iter().all(|contact| contact.contains("<sip:") && contact.contains(";transport=tls")));
    // The nearest hop counts, not the client behind it.
    let behind = |text: String| {
        let route = "Record-Route: <sip:198.51.100.50;transport=tls;lr>\r\nContact: <sips:";
        text.replace("Contact: <sip:", route)
    };
    assert_eq!(contacts_over_tls(behind), plain);
    // In the clear nobody could reach us by it.
    let mut recorder = Recorder::strict();
    recorder.udp(to_sips(Invite::default().text()));
    assert!(recorder.response().headers.get("Contact").unwrap().starts_with("<sip:"));
}

#[test]
fn routes_of_the_invite_are_followed_by_our_requests() {
    let mut recorder = Recorder::strict();
    let mut invite = Invite::default();
    invite.headers.push_str(
        "Record-Route: <sip:198.51.100.50;lr>, <sip:198.51.100.51:5080;lr>\r\nRecord-Route: <sip:p3.example.com;lr>\r\n",
    );
    recorder.udp(invite.text());
    let response = recorder.response();
    assert_eq!(response.headers.list("Record-Route").count(), 3);
    recorder.udp(crate::peer::Call::of(&response).ack(1));
    recorder.command(Command::Close { session: recorder.session(), reason: "x".into() });
    let (_, to, bye) = recorder.requests().remove(0);
    let routes: Vec<_> = bye.headers.all("Route").collect();
    assert_eq!(routes, ["<sip:198.51.100.50;lr>", "<sip:198.51.100.51:5080;lr>", "<sip:p3.example.com;lr>"]);
    assert_eq!(bye.uri, "sip:src@198.51.100.11:5060");
    assert_eq!(to, Target::Udp("198.51.100.50:5060".parse().unwrap()));
}

#[test]
fn strict_router_of_old_gets_its_own_uri_first() {
    let mut recorder = Recorder::strict();
    let mut invite = Invite::default();
    invite.headers.push_str("Record-Route: <sip:198.51.100.50>\r\n");
    recorder.call_with(invite);
    recorder.command(Command::Close { session: recorder.session(), reason: "x".into() });
    let bye = recorder.request();
    assert_eq!(bye.uri, "sip:198.51.100.50");
    assert_eq!(bye.headers.get("Route"), Some("<sip:src@198.51.100.11:5060>"));
}

#[test]
fn contact_in_an_update_moves_the_target_of_our_requests() {
    let mut recorder = Recorder::strict();
    let call = recorder.call();
    let mut update = call.inside(2);
    update.headers = "Contact: <sip:new@198.51.100.12:5070>;+sip.src\r\n".into();
    recorder.udp(update.as_method("UPDATE"));
    recorder.responses();
    recorder.command(Command::Close { session: recorder.session(), reason: "x".into() });
    let (_, to, bye) = recorder.requests().remove(0);
    assert_eq!(
        (bye.uri.as_str(), to),
        ("sip:new@198.51.100.12:5070", Target::Udp("198.51.100.12:5070".parse().unwrap()))
    );
}

#[test]
fn behind_an_address_translator_answers_and_requests_go_back_the_way_they_came() {
    let mut recorder = Recorder::strict();
    let outside = "198.51.100.99:40000".parse().unwrap();
    let invite = Invite::default().text().replace("198.51.100.11:5060;branch", "10.0.0.5:5060;rport;branch");
    recorder.udp_from(outside, &invite);
    assert_eq!(recorder.sent[0].to, Target::Udp(outside));
    let response = recorder.response();
    assert_eq!(
        response.headers.get("Via"),
        Some("SIP/2.0/UDP 10.0.0.5:5060;rport=40000;branch=z9hG4bKinvite;received=198.51.100.99")
    );
    recorder.udp_from(outside, crate::peer::Call::of(&response).ack(1));
    recorder.command(Command::Close { session: recorder.session(), reason: "x".into() });
    assert_eq!(recorder.sent[0].to, Target::Udp(outside));
}

#[test]
fn answers_without_rport_go_to_the_port_in_via() {
    let mut recorder = Recorder::strict();
    recorder.udp_from("198.51.100.11:33333".parse().unwrap(), Invite::default().text());
    assert_eq!(recorder.sent[0].to, Target::Udp(peer()));
}

#[test]
fn contact_with_a_host_name_is_answered_where_the_request_came_from() {
    let mut recorder = Recorder::strict();
    let mut invite = Invite::default();
    invite.headers = invite.headers.replace("198.51.100.11:5060", "src.example.com");
    recorder.call_with(invite);
    recorder.command(Command::Close { session: recorder.session(), reason: "x".into() });
    assert_eq!(recorder.sent[0].to, Target::Udp(peer()));
    assert_eq!(recorder.request().uri, "sip:src@src.example.com");
}

#[test]
fn ping_on_a_connection_is_answered_with_pong() {
    let mut recorder = Recorder::strict();
    recorder.connect(1, peer());
    let bytes = b"\r\n\r\n";
    recorder
        .endpoint
        .handle(recorder.now, siprec::Input::Bytes { connection: siprec::ConnectionId(1), bytes });
    let siprec::Output::Transmit { to, bytes } = recorder.endpoint.poll() else { panic!("no pong") };
    assert_eq!((to, bytes), (Target::Connection(siprec::ConnectionId(1)), b"\r\n".to_vec()));
}
