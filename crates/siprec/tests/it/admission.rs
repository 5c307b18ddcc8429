//! Who is served, what is taken for a recording session, and what an INVITE is refused for.

use siprec::{Event, Leniency, Unlisted, Warning};

use crate::peer::{Invite, Recorder, config, sdp};

fn invite(headers: &str) -> Invite {
    Invite { headers: format!("Content-Type: application/sdp\r\n{headers}"), ..Invite::default() }
}

fn status(recorder: &mut Recorder, invite: &Invite) -> u16 {
    recorder.udp(invite.text());
    recorder.response().status
}

const CONTACT: &str = "Contact: <sip:src@198.51.100.11>";

#[test]
fn marks_of_a_recording_session_by_leniency() {
    let cases = [
        (format!("{CONTACT};+sip.src\r\nRequire: siprec\r\n"), [200, 200, 200]),
        (format!("{CONTACT};+SIP.SRC=\"TRUE\"\r\nRequire: SipRec\r\n"), [200, 200, 200]),
        ("Contact: <sip:a@198.51.100.11;+sip.src>\r\nRequire: siprec\r\n".into(), [200, 200, 200]),
        (format!("{CONTACT}\r\nRequire: siprec\r\n"), [403, 200, 200]),
        (format!("{CONTACT};src\r\nRequire: siprec\r\n"), [403, 200, 200]),
        (format!("{CONTACT};+sip.src\r\n"), [403, 200, 200]),
        (format!("{CONTACT};src\r\n"), [403, 200, 200]),
        (format!("{CONTACT}\r\n"), [403, 403, 403]),
    ];
    for (headers, statuses) in cases {
        for (leniency, expected) in
            [Leniency::Strict, Leniency::TagLess, Leniency::BodyOnly].into_iter().zip(statuses)
        {
            let mut recorder = Recorder::new(config(leniency));
            assert_eq!(status(&mut recorder, &invite(&headers)), expected, "{headers} {leniency:?}");
        }
    }
}

#[test]
fn metadata_alone_is_a_mark_only_where_allowed() {
    let body = siprec::body::join(Some(sdp(1, "sendonly", 30_000).as_bytes()), Some(b"<recording/>"));
    let invite = Invite {
        headers: format!("{CONTACT}\r\nContent-Type: {}\r\n", body.content_type),
        body: String::from_utf8(body.bytes).unwrap(),
        ..Invite::default()
    };
    assert_eq!(status(&mut Recorder::new(config(Leniency::TagLess)), &invite), 403);
    assert_eq!(status(&mut Recorder::new(config(Leniency::BodyOnly)), &invite), 200);
}

#[test]
fn unlisted_peers_get_what_was_chosen() {
    let scanner = "203.0.113.200:5099".parse().unwrap();
    let options =
        Invite { headers: String::new(), body: String::new(), ..Invite::default() }.as_method("OPTIONS");
    let mut answers = Vec::new();
    for unlisted in [Unlisted::Strict, Unlisted::Refuse, Unlisted::Silent] {
        let mut config = config(Leniency::BodyOnly);
        config.unlisted = unlisted;
        let mut recorder = Recorder::new(config);
        recorder.udp_from(scanner, &options);
        recorder.udp_from(scanner, Invite { branch: "z9hG4bK2".into(), ..Invite::default() }.text());
        recorder.udp_from(scanner, "\0\0garbage");
        recorder.connect(1, scanner);
        answers.push((
            recorder.responses().iter().map(|r| r.status).collect::<Vec<_>>(),
            recorder.disconnected.len(),
        ));
        assert_eq!(recorder.endpoint.sessions().count(), usize::from(unlisted == Unlisted::Strict));
    }
    // The OPTIONS is shorter than its refusal would be: no more bytes out than in.
    assert_eq!(answers, [(vec![200, 200], 0), (vec![403], 0), (vec![], 1)]);
}

#[test]
fn refusal_to_strangers_is_never_longer_than_the_request() {
    let mut config = config(Leniency::Strict);
    config.unlisted = Unlisted::Refuse;
    let mut recorder = Recorder::new(config);
    for padding in [0, 50, 100, 200, 400] {
        let text = Invite {
            headers: format!("Subject: {}\r\n", "x".repeat(padding)),
            body: String::new(),
            ..Invite::default()
        }
        .as_method("OPTIONS");
        recorder.udp_from("203.0.113.200:5099".parse().unwrap(), &text);
        for response in recorder.responses() {
            assert!(response.to_bytes().len() <= text.len());
            assert_eq!(response.status, 403);
        }
    }
    assert!(recorder.endpoint.counters().unlisted_dropped > 0);
    assert!(recorder.names().contains(&"Refused".into()));
}

#[test]
fn strangers_who_are_served_get_no_more_back_than_they_sent_and_a_refusal_once() {
    let mut recorder = Recorder::strict();
    let stranger = "203.0.113.200:5099".parse().unwrap();
    let plain = Invite { headers: String::new(), body: String::new(), ..Invite::default() };
    let options =
        plain.as_method("OPTIONS").replace("Max-Forwards", "User-Agent: friendly-scanner\r\nMax-Forwards");
    recorder.udp_from(stranger, &options);
    let answer = recorder.response();
    assert_eq!(answer.status, 200);
    assert!(answer.to_bytes().len() <= options.len() + " ;received=203.0.113.200".len(), "{answer:?}");
    // Whose address it is nobody knows: a refusal is said again only to who asks again.
    let invite = Invite { headers: "Contact: <sip:x@203.0.113.200>\r\n".into(), ..plain }.text();
    recorder.udp_from(stranger, &invite);
    recorder.wait(crate::peer::secs(40));
    assert_eq!(recorder.response().status, 403);
    recorder.udp_from(stranger, &invite);
    assert_eq!(recorder.response().status, 403);
}

#[test]
fn unknown_extensions_are_named() {
    let mut recorder = Recorder::strict();
    let mut invite = Invite::default();
    invite.headers.push_str("Require: x-foo, 100rel\r\nRequire: timer\r\n");
    recorder.udp(invite.text());
    let response = recorder.response();
    assert_eq!((response.status, response.headers.get("Unsupported")), (420, Some("x-foo, 100rel")));
}

#[test]
fn supported_100rel_is_ignored() {
    let mut recorder = Recorder::strict();
    let mut invite = Invite::default();
    invite.headers.push_str("Supported: 100rel\r\n");
    assert_eq!(status(&mut recorder, &invite), 200);
}

#[test]
fn bodies_we_cannot_read_are_refused_with_what_we_can() {
    let cases = [
        ("Content-Type: application/x-unknown\r\n", 415, "Accept"),
        ("Content-Type: application/sdp\r\nContent-Encoding: gzip\r\n", 415, "Accept-Encoding"),
    ];
    for (headers, status, header) in cases {
        let mut recorder = Recorder::strict();
        let invite = Invite {
            headers: format!("{CONTACT};+sip.src\r\nRequire: siprec\r\n{headers}"),
            ..Invite::default()
        };
        recorder.udp(invite.text());
        let response = recorder.response();
        assert_eq!(response.status, status, "{headers}");
        assert!(response.headers.get(header).is_some(), "{headers}");
    }
}

#[test]
fn unknown_required_part_is_ignored_beside_good_sdp_on_listed_trunks_only() {
    let body = "--b\r\nContent-Type: application/sdp\r\n\r\n".to_owned()
        + &sdp(1, "sendonly", 30_000)
        + "--b\r\nContent-Type: application/gtd\r\n\r\nx\r\n--b--\r\n";
    let invite = Invite {
        headers: format!(
            "{CONTACT};+sip.src\r\nRequire: siprec\r\nContent-Type: multipart/mixed;boundary=b\r\n"
        ),
        body,
        ..Invite::default()
    };
    let mut recorder = Recorder::strict();
    assert_eq!(status(&mut recorder, &invite), 200);
    let warned = |event: &Event| matches!(event, Event::Warning { warning: Warning::PartIgnored { content_type }, .. } if content_type == "application/gtd");
    assert!(recorder.events.iter().any(warned));
    recorder.udp_from(
        "192.0.2.1:5060".parse().unwrap(),
        Invite { branch: "z9hG4bK2".into(), call_id: "b".into(), ..invite }.text(),
    );
    let response = recorder.response();
    assert_eq!(response.status, 415);
    assert!(response.headers.get("Accept").unwrap().contains("application/rs-metadata+xml"));
}

#[test]
fn nothing_to_record_is_488_and_says_why() {
    let mut recorder = Recorder::strict();
    let body = sdp(1, "sendonly", 30_000).replace("RTP/AVP 0 8", "RTP/AVP 4");
    recorder.udp(Invite { body, ..Invite::default() }.text());
    let response = recorder.response();
    assert_eq!(response.status, 488);
    assert!(response.reason.contains("no offered codec"), "{}", response.reason);
    assert_eq!(recorder.names(), ["Refused"]);
}

#[test]
fn unreadable_metadata_costs_nothing_unless_the_trunk_is_strict() {
    let body = siprec::body::join(Some(sdp(1, "sendonly", 30_000).as_bytes()), Some(b"<recording><oops"));
    let invite = Invite {
        headers: format!("{CONTACT};+sip.src\r\nRequire: siprec\r\nContent-Type: {}\r\n", body.content_type),
        body: String::from_utf8(body.bytes).unwrap(),
        ..Invite::default()
    };
    let mut recorder = Recorder::strict();
    assert_eq!(status(&mut recorder, &invite), 200);
    let Event::Invited { invitation, .. } = &recorder.events[0] else { panic!() };
    let metadata = invitation.metadata.as_ref().unwrap();
    assert!(metadata.outcome.is_err());
    assert_eq!(metadata.raw, b"<recording><oops");
    let mut config = config(Leniency::Strict);
    config.peers[0].strict_metadata = true;
    assert_eq!(status(&mut Recorder::new(config), &invite), 400);
}

#[test]
fn invitation_says_who_called_and_how() {
    let mut recorder = Recorder::strict();
    let mut invite = Invite::default();
    invite.headers.push_str(
        "P-Asserted-Identity: <sip:1@a>, <tel:+1>\r\nUser-Agent: SBC\r\nX-Extra: kept\r\n\
         Session-ID: 4a40ef19d9acf7cca8e4c826a86d39ae;remote=00000000000000000000000000000000\r\n",
    );
    recorder.udp(invite.text());
    let Event::Invited { invitation, .. } = &recorder.events[0] else { panic!() };
    assert_eq!(invitation.trunk.as_deref(), Some("lab"));
    assert_eq!(invitation.source.peer, crate::peer::peer());
    assert_eq!(invitation.asserted, ["<sip:1@a>", "<tel:+1>"]);
    assert_eq!(invitation.user_agent.as_deref(), Some("SBC"));
    assert!(invitation.headers.contains(&("X-Extra".into(), "kept".into())));
    assert!(invitation.metadata.is_none());
    let session = recorder.endpoint.session(recorder.session()).unwrap();
    assert_eq!(session.sip_call_id(), "call@src");
    let ours = session.local_uuid().to_string();
    let echoed = recorder.response().headers.get("Session-ID").unwrap().to_owned();
    assert_eq!(echoed, format!("{ours};remote=4a40ef19d9acf7cca8e4c826a86d39ae"));
}

#[test]
fn messages_of_sessions_are_told_without_keys_and_others_are_not() {
    let mut config = config(Leniency::Strict);
    config.tell_messages = true;
    let mut recorder = Recorder::new(config);
    let secret = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n";
    let mut offer = sdp(1, "sendonly", 30_000);
    offer.push_str(secret);
    let headers = format!("{CONTACT};+sip.src\r\nRequire: siprec\r\n");
    let invite = Invite { body: offer, ..invite(&headers) };
    assert_eq!(status(&mut recorder, &invite), 200);
    recorder.udp(
        Invite { headers: String::new(), body: String::new(), ..Invite::default() }.as_method("OPTIONS"),
    );
    let passed: Vec<_> = recorder
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Passed(passed) => Some(passed),
            _ => None,
        })
        .collect();
    let told: Vec<(bool, &str)> = passed.iter().map(|passed| (passed.sent, passed.what.as_str())).collect();
    assert_eq!(told, [(false, "INVITE"), (true, "200")]);
    assert!(passed[0].text.contains("a=crypto:1 AES_CM_128_HMAC_SHA1_80 [left out]\n"), "{}", passed[0].text);
    assert!(passed[1].text.contains("m=audio "), "{}", passed[1].text);
    assert!(passed.iter().all(|passed| !passed.text.contains("d0RmdmcmVCspeEc3")));
    assert!(passed.iter().all(|passed| passed.sip_call_id == passed_call_id(&invite)));
}

fn passed_call_id(invite: &Invite) -> String {
    let text = invite.text();
    let line = text.lines().find(|line| line.starts_with("Call-ID: ")).unwrap();
    line["Call-ID: ".len()..].to_owned()
}

/// Only a datagram's sender can be forged: over a connection there is nobody else to whom more could go (F-SIP-2).
#[test]
fn a_stranger_is_told_the_lists_over_a_connection_and_not_by_datagram() {
    let stranger = "192.0.2.200:5060".parse().unwrap();
    let ask = |transport: &str| {
        format!(
            "OPTIONS sip:r@h SIP/2.0\r\nVia: SIP/2.0/{transport} 192.0.2.200:5060;branch=z9hG4bKo\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:c@d>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
    };
    let mut recorder = Recorder::strict();
    recorder.udp_from(stranger, ask("UDP"));
    let bare = recorder.response();
    assert_eq!((bare.status, bare.headers.get("Accept-Language")), (200, None));
    recorder.connect(9, stranger);
    recorder.tcp(9, ask("TCP"));
    let whole = recorder.response();
    assert_eq!((whole.status, whole.headers.get("Accept-Language")), (200, Some("en")));
    assert!(whole.headers.get("Contact").unwrap().contains("+sip.srs"));
}
