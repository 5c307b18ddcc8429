use super::*;

fn offer(lines: &str) -> Offer {
    let text = format!("v=0\r\no=- 7 3 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{lines}");
    Offer::parse(text.as_bytes()).unwrap()
}

fn planned(lines: &str) -> Plan {
    plan(&offer(lines), &Policy::default())
}

fn accepted(lines: &str) -> AcceptedLine {
    match planned(lines).lines.remove(0).verdict {
        Verdict::Accepted(line) => line,
        Verdict::Refused(reason) => panic!("refused: {reason}"),
    }
}

fn refusal(lines: &str) -> Refusal {
    match planned(lines).lines.remove(0).verdict {
        Verdict::Accepted(line) => panic!("accepted: {line:?}"),
        Verdict::Refused(reason) => reason,
    }
}

fn answer(lines: &str) -> String {
    let offer = offer(lines);
    let plan = plan(&offer, &Policy::default());
    let origin = Origin { session_id: 99, version: 1, address: "198.51.100.1".parse().unwrap() };
    let media: Vec<_> = (0..offer.lines.len())
        .map(|n| u16::try_from(n * 2).unwrap())
        .map(|n| Some(LocalMedia { rtp_port: 6_000 + n, rtcp_port: 6_001 + n, key: None }))
        .collect();
    String::from_utf8(print_answer(&offer, &plan, &origin, &media)).unwrap()
}

const TWO: &str = "m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n\
                   a=sendonly\r\na=label:1\r\nm=audio 4002 RTP/AVP 4 8\r\na=sendonly\r\na=label:2";

#[test]
fn the_answer_has_the_offers_lines_in_the_offers_order() {
    assert_eq!(
        answer(TWO),
        "v=0\r\no=- 99 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n\
         m=audio 6000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
         a=fmtp:101 0-15\r\na=recvonly\r\na=label:1\r\n\
         m=audio 6002 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=recvonly\r\na=label:2\r\n"
    );
}

#[test]
fn one_bad_codec_among_two_lines_costs_only_its_line() {
    let lines = "m=audio 4000 RTP/AVP 96 101\r\na=rtpmap:96 EVS/16000\r\na=rtpmap:101 telephone-event/8000\r\n\
                 a=label:a\r\nm=audio 4002 RTP/AVP 0\r\na=label:b";
    let answer = answer(lines);
    assert!(answer.contains("m=audio 0 RTP/AVP 96\r\na=label:a\r\nm=audio 6002 RTP/AVP 0\r\n"), "{answer}");
    let Refusal::NoCodec { offered, .. } = refusal(lines) else { panic!() };
    assert_eq!(offered, ["EVS/16000", "telephone-event/8000"]);
    assert!(!planned(lines).nothing_to_record());
}

#[test]
fn codecs_are_agreed_at_the_clocks_and_channels_that_can_be_heard() {
    assert!(answer("m=audio 4000 RTP/AVP 9").contains("m=audio 6000 RTP/AVP 9\r\na=rtpmap:9 G722/8000\r\n"));
    let l16 = |rtpmap: &str| planned(&format!("m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 {rtpmap}"));
    for taken in
        ["L16/8000", "l16/16000", "L16/48000/1", "g722/8000", "G729/8000", "opus/48000/2", "OPUS/48000"]
    {
        assert!(!l16(taken).nothing_to_record(), "{taken}");
    }
    for refused in ["L16/44100", "L16/16000/2", "G722/16000", "G729/16000", "opus/16000", "opus/48000/3"] {
        assert!(l16(refused).nothing_to_record(), "{refused}");
    }
    let annex_b = "m=audio 4000 RTP/AVP 18\r\na=fmtp:18 annexb=yes";
    assert!(
        answer(annex_b).contains("a=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=yes\r\n"),
        "{}",
        answer(annex_b)
    );
    assert!(planned("m=audio 4000 RTP/AVP 10 11").nothing_to_record());
    let Refusal::NoCodec { stored, .. } = refusal("m=audio 4000 RTP/AVP 4") else { panic!() };
    assert!(stored.iter().any(|codec| codec == "L16/16000"), "{stored:?}");
}

#[test]
fn an_offer_of_unknown_codecs_only_leaves_nothing_to_record() {
    let plan = planned("m=audio 4000 RTP/AVP 4\r\nm=video 4002 RTP/AVP 0\r\nm=audio 0 RTP/AVP 0");
    assert!(plan.nothing_to_record());
    assert_eq!(plan.refused().map(|(index, _)| index).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn surplus_lines_get_port_0_and_the_first_16_are_recorded() {
    for (offered, recorded) in [(1, 1), (2, 2), (3, 3), (16, 16), (17, 16), (64, 16)] {
        let plan = planned(&"m=audio 4000 RTP/AVP 0\r\n".repeat(offered));
        assert_eq!(plan.lines.len(), offered);
        assert_eq!(plan.accepted().map(|(i, _)| i).collect::<Vec<_>>(), (0..recorded).collect::<Vec<_>>());
    }
}

#[test]
fn direction_of_the_answer_follows_the_offer() {
    let direction = |attribute: &str| {
        let line = accepted(&format!("m=audio 4000 RTP/AVP 0\r\n{attribute}"));
        (line.direction, line.paused, line.offered_recvonly)
    };
    assert_eq!(direction(""), (Direction::RecvOnly, false, false));
    assert_eq!(direction("a=sendrecv"), (Direction::RecvOnly, false, false));
    assert_eq!(direction("a=SendOnly"), (Direction::RecvOnly, false, false));
    assert_eq!(direction("a=inactive"), (Direction::Inactive, true, false));
    assert_eq!(direction("a=recvonly"), (Direction::Inactive, true, true));
}

#[test]
fn a_session_level_direction_holds_for_lines_without_their_own() {
    let offer = offer("a=inactive\r\nm=audio 4000 RTP/AVP 0\r\nm=audio 4002 RTP/AVP 0\r\na=sendonly");
    let directions: Vec<_> = offer.lines.iter().map(|line| line.direction).collect();
    assert_eq!(directions, [Direction::Inactive, Direction::SendOnly]);
}

#[test]
fn a_zero_address_is_a_pause_without_inactive() {
    for zero in ["IP4 0.0.0.0", "IP6 ::"] {
        let line = accepted(&format!("m=audio 4000 RTP/AVP 0\r\nc=IN {zero}\r\na=sendonly"));
        assert!(line.paused);
        assert_eq!((line.remote_rtp, line.direction), (None, Direction::RecvOnly));
    }
}

#[test]
fn rtcp_goes_to_the_next_port_unless_the_offer_says_else() {
    let rtcp = |attribute: &str| {
        accepted(&format!("m=audio 4000 RTP/AVP 0\r\n{attribute}")).remote_rtcp.map(|a| a.to_string())
    };
    assert_eq!(rtcp("").as_deref(), Some("192.0.2.1:4001"));
    assert_eq!(rtcp("a=rtcp:5005").as_deref(), Some("192.0.2.1:5005"));
    assert_eq!(rtcp("a=rtcp:5005 IN IP4 192.0.2.9").as_deref(), Some("192.0.2.9:5005"));
    assert_eq!(rtcp("a=rtcp-mux").as_deref(), Some("192.0.2.1:4000"));
    assert_eq!(accepted("m=audio 65535 RTP/AVP 0").remote_rtcp, None);
}

#[test]
fn mux_is_answered_only_when_offered_and_refuses_payload_types_that_look_like_rtcp() {
    assert!(answer("m=audio 4000 RTP/AVP 0\r\na=rtcp-mux").contains("a=rtcp-mux"));
    assert!(!answer("m=audio 4000 RTP/AVP 0").contains("a=rtcp"));
    let lines = "m=audio 4000 RTP/AVP 72 0\r\na=rtpmap:72 PCMA/8000\r\n";
    assert_eq!(accepted(lines).formats.len(), 2);
    assert_eq!(accepted(&format!("{lines}a=rtcp-mux")).formats.len(), 1);
}

#[test]
fn bundle_is_dropped_and_each_line_keeps_a_port_of_its_own() {
    let answer = answer(
        "a=group:BUNDLE 0 1\r\nm=audio 4000 RTP/AVP 0\r\na=mid:0\r\nm=audio 4000 RTP/AVP 0\r\na=mid:1",
    );
    assert!(!answer.contains("group") && !answer.contains("mid"), "{answer}");
    assert!(answer.contains("m=audio 6000") && answer.contains("m=audio 6002"));
}

#[test]
fn unwanted_srtp_other_transports_and_other_media_are_refused_with_a_sentence() {
    let srtp = Policy { srtp: Srtp::Refuse, ..Policy::default() };
    let srtp =
        plan(&offer("m=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc"), &srtp);
    assert!(srtp.refused().next().unwrap().1.to_string().ends_with("not taken here; offer RTP/AVP"));
    assert!(matches!(refusal("m=audio 4000 UDP/TLS/RTP/SAVPF 0"), Refusal::Encrypted { .. }));
    assert!(matches!(refusal("m=audio 4000 TCP/MSRP *"), Refusal::NotRtp { .. }));
    assert!(matches!(refusal("m=video 4000 RTP/AVP 96"), Refusal::NotAudio { .. }));
    assert_eq!(refusal("m=audio 0 RTP/AVP 0"), Refusal::NotInUse);
}

#[test]
fn labels_are_echoed_and_never_invented() {
    assert!(!answer("m=audio 4000 RTP/AVP 0").contains("label"));
}

#[test]
fn a_line_out_of_use_keeps_its_label_until_another_line_takes_it() {
    let removed = "m=audio 4000 RTP/AVP 0\r\na=label:x\r\nm=audio 0 RTP/AVP 0\r\na=label:y\r\n";
    let both = [Some("x".to_owned()), Some("y".to_owned())];
    assert_eq!((planned(removed).labels(), offer(removed).labels()), (both.to_vec(), both.to_vec()));
    let moved = format!("{removed}m=audio 4002 RTP/AVP 0\r\na=label:y");
    let labels = [Some("x".to_owned()), None, Some("y".to_owned())];
    assert_eq!((planned(&moved).labels(), offer(&moved).labels()), (labels.to_vec(), labels.to_vec()));
}

#[test]
fn what_the_field_sends_is_read() {
    let text = "v=0\no=Some Client 1 x2 IN IP4 192.0.2.1\ns=\ns=again\nb=AS:sixty\nt=NTP\nk=prompt\nz\n\
                c=IN IP4 192.0.2.1/127\nc=IN IP4 192.0.2.2\n\nm=audio  4000/2   RTP/AVP  0 13 19 101 300 x\n\
                a=rtpMap:101 Telephone-Event/8000/1 \na=xq7Flag\na=Label: 10 \na=ptime:20.0\na=maxptime:\ne=?";
    let offer = Offer::parse(text.as_bytes()).unwrap();
    assert_eq!((offer.session_id.as_str(), offer.version), ("1", 0));
    let line = &offer.lines[0];
    assert_eq!((line.label.as_deref(), line.ptime_ms, line.port), (Some("10"), Some(20), 4000));
    assert_eq!(line.rtp().unwrap().to_string(), "192.0.2.1:4000");
    let names: Vec<_> = line.formats.iter().map(|f| (f.payload_type, f.encoding.as_str())).collect();
    assert_eq!(names, [(0, "PCMU"), (13, "CN"), (19, "CN"), (101, "Telephone-Event")]);
    assert_eq!(plan(&offer, &Policy::default()).accepted().next().unwrap().1.formats.len(), 4);
}

#[test]
fn a_host_name_as_address_is_recorded_without_a_known_remote() {
    assert_eq!(accepted("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 media.example.com").remote_rtp, None);
}

#[test]
fn faults_name_the_line() {
    let fault = |text: &str| Offer::parse(text.as_bytes()).unwrap_err();
    assert_eq!(fault(" \r\n"), SdpError::Empty);
    assert_eq!(fault("m=audio 1 RTP/AVP 0"), SdpError::NoVersion);
    assert_eq!(fault("v=0\r\ns=-\r\n"), SdpError::NoMediaLines);
    assert!(matches!(fault("v=0\r\ns=-\r\nm=audio many RTP/AVP 0"), SdpError::Syntax { line: 3, .. }));
    let many = format!("v=0\r\n{}", "m=audio 1 RTP/AVP 0\r\n".repeat(MAX_LINES + 1));
    assert_eq!(fault(&many), SdpError::TooManyMediaLines { lines: MAX_LINES + 1 });
    assert_eq!(fault(&"v=0\n".repeat(MAX_TEXT_LINES + 1)), SdpError::TooManyTextLines);
}

#[test]
fn an_accepted_line_without_a_port_of_ours_is_answered_with_port_0() {
    let offer = offer(TWO);
    let plan = plan(&offer, &Policy::default());
    let origin = Origin { session_id: 1, version: 1, address: "2001:db8::1".parse().unwrap() };
    let text = print_answer(&offer, &plan, &origin, &[None]);
    let answer = Answer::parse(&text).unwrap();
    assert_eq!(answer.lines.iter().map(|line| line.port).collect::<Vec<_>>(), [0, 0]);
    assert!(String::from_utf8(text).unwrap().contains("c=IN IP6 2001:db8::1"));
}
