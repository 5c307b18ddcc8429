//! The INVITEs of real products, sent over real sockets, get what their oracles demand.

use std::path::PathBuf;

use serde_json::Value;
use sim::sip::{Line, Message, Transport};
use sim::{Program, Setup};

use super::{metric, setup};

/// INVITEs whose oracles ask for what this version does not do.
const LEFT_OUT: [(&str, &str); 2] = [
    ("09a-cucm-bib-nearend-invite", "a pair, which has a test of its own"),
    ("09c-cucm-bib-farend-invite", "a pair, which has a test of its own"),
];

/// A trunk for a peer on this machine.
fn trunk(profile: &str) -> String {
    format!("[[trunk]]\nname = \"old SBC\"\nnetworks = [\"127.0.0.1\"]\nprofile = \"{profile}\"\n")
}

/// The profile a trunk wants for a product that is not strict.
pub(super) fn profile_of(name: &str) -> &'static str {
    match &name[..2] {
        "16" => "header-only",
        _ => "body-only",
    }
}

/// Where their messages lie.
pub(super) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vendors")
}

/// Every INVITE that begins a session, with its oracle.
pub(super) fn invites() -> Vec<(String, Vec<u8>, Value)> {
    let read =
        |name: String| std::fs::read(folder().join(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .expect("the vendors' messages")
        .filter_map(|entry| {
            entry.ok()?.file_name().to_str()?.strip_suffix("-invite.sip").map(|it| format!("{it}-invite"))
        })
        .filter(|name| LEFT_OUT.iter().all(|(left_out, _)| left_out != name))
        .collect();
    names.sort();
    let oracle = |name: &str| serde_json::from_slice(&read(format!("{name}.expect.json"))).expect("JSON");
    names.into_iter().map(|name| (name.clone(), read(format!("{name}.sip")), oracle(&name))).collect()
}

/// A request as this peer would send it: the answer comes back to the topmost Via's address (RFC 3261 section
/// 18.2.2), so that has to be ours.
pub(super) fn sent_by(line: &Line, invite: &[u8]) -> Vec<u8> {
    let head_end = invite.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = std::str::from_utf8(&invite[..head_end]).expect("the heads are ASCII");
    let mut seen = false;
    let lines = head.split("\r\n").map(|header| {
        let is_via = !seen && header.to_lowercase().starts_with("via:");
        if !is_via {
            return header.to_owned();
        }
        seen = true;
        let (_, parameters) = header.split_once(';').expect("a branch");
        format!("Via: SIP/2.0/{} {};{parameters}", line.transport.name(), line.local)
    });
    let head = lines.collect::<Vec<_>>().join("\r\n");
    [head.as_bytes(), &invite[head_end..]].concat()
}

/// A header of a request, as it stands there.
pub(super) fn header(request: &[u8], name: &str) -> String {
    let text = String::from_utf8_lossy(request).into_owned();
    let found = text.split("\r\n").find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    });
    found.unwrap_or_else(|| panic!("no {name} in {text}"))
}

/// ACK or BYE in the dialog that the answer made.
pub(super) fn in_dialog(line: &Line, invite: &[u8], answer: &Message, method: &str) -> Vec<u8> {
    let cseq: u32 =
        header(invite, "CSeq").split(' ').next().and_then(|it| it.parse().ok()).expect("a number");
    let cseq = if method == "ACK" { cseq } else { cseq + 1 };
    let (local, transport) = (line.local, line.transport.name());
    format!(
        "{method} sip:recorder@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/{transport} {local};branch=z9hG4bK{method}\r\n\
         From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        header(invite, "From"),
        answer.header("To"),
        header(invite, "Call-ID"),
    )
    .into_bytes()
}

/// Offers the calls of some products to one recorder over one transport.
fn offer(
    setup: &Setup,
    transport: Transport,
    all: Vec<(String, Vec<u8>, Value)>,
    is_taken: impl Fn(&Value) -> bool,
) {
    let program: Program = setup.start();
    let mut taken = 0;
    for (name, invite, oracle) in all {
        let mut line = Line::open(program.sip, transport);
        let invite = sent_by(&line, &invite);
        let answer = line.ask(&invite);
        let at = format!("{name} over {transport:?}");
        let ack = in_dialog(&line, &invite, &answer, "ACK");
        line.send(&ack);
        if !is_taken(&oracle) {
            assert_eq!(answer.status(), 403, "{at}: {answer:?}");
            let wanted = if profile_of(&name) == "header-only" { "header-only" } else { "+sip.src" };
            assert!(answer.first.contains(wanted), "{at}: {}", answer.first);
            continue;
        }
        taken += 1;
        check(&at, &answer, &oracle);
        check_keys(&at, &invite, &answer, &oracle);
        let bye = in_dialog(&line, &invite, &answer, "BYE");
        assert_eq!(line.ask(&bye).status(), 200, "{at}");
    }
    assert_eq!(metric(&program.http, "sidetone_recording_sessions_total{answer=\"accepted\"}"), taken);
}

pub(super) fn check(at: &str, answer: &Message, oracle: &Value) {
    let response = &oracle["response"];
    assert_eq!(u64::from(answer.status()), response["code"].as_u64().expect("a code"), "{at}: {answer:?}");
    // A1-07.
    assert!(answer.header("Contact").contains("+sip.srs"), "{at}: {answer:?}");
    if let Some(seconds) = response["session_expires"].as_u64() {
        let value = answer.header("Session-Expires");
        let (stated, refresher) = value.split_once(";refresher=").unwrap_or_else(|| panic!("{at}: {value}"));
        assert_eq!(stated, seconds.to_string(), "{at}");
        assert!(response["refresher"].as_str().is_none_or(|wanted| wanted == refresher), "{at}: {value}");
    }
    if response["require_timer"] == true {
        assert!(answer.header("Require").contains("timer"), "{at}");
    }
    if let Some(remote) = response["session_id_remote_must_echo"].as_str() {
        assert!(answer.header("Session-ID").ends_with(&format!("remote={remote}")), "{at}");
    }
    let expected = oracle["answer_mlines"].as_array().expect("m-lines");
    let blocks: Vec<&str> = answer.body.split("m=audio ").skip(1).collect();
    assert_eq!(blocks.len(), expected.len(), "{at}: {}", answer.body);
    for (block, expected) in blocks.into_iter().zip(expected) {
        assert_eq!(expected["port"], "nonzero");
        let port: u16 = block.split(' ').next().and_then(|port| port.parse().ok()).expect("a port");
        assert_ne!(port, 0, "{at}: {block}");
        let has = |line: &str| block.lines().any(|it| it == line);
        assert!(has(&format!("a={}", super::text(&expected["direction"]))), "{at}: {block}");
        let label = expected["label"].as_str();
        assert!(label.is_none_or(|label| has(&format!("a=label:{label}"))), "{at}: {block}");
        let mut codecs = expected["codec_any_of"].as_array().expect("codecs").iter().map(super::text);
        assert!(codecs.any(|codec| block.contains(&format!(" {codec}/8000"))), "{at}: {block}");
    }
}

/// A10-04: each protected line is answered with one key, of the suite that its tag has in the offer, and not with
/// theirs.
fn check_keys(at: &str, invite: &[u8], answer: &Message, oracle: &Value) {
    let protected = oracle["answer_mlines"].as_array().expect("m-lines").iter();
    let protected = protected.filter(|line| !line["crypto"].is_null()).count();
    let lines: Vec<&str> = answer.body.lines().filter_map(|line| line.strip_prefix("a=crypto:")).collect();
    assert_eq!(lines.len(), protected, "{at}: {}", answer.body);
    let offer = String::from_utf8_lossy(invite);
    for line in lines {
        let (of, key) = line.split_once(" inline:").unwrap_or_else(|| panic!("{at}: {line}"));
        assert!(offer.contains(&format!("a=crypto:{of} inline:")), "{at}: {line}");
        assert!(!offer.contains(key), "{at}: a key of our own");
        assert_eq!(answer.body.matches(key).count(), 1, "{at}: each line has a key of its own");
    }
    assert!(protected == 0 || answer.body.contains(" RTP/SAVP "), "{at}");
}

#[test]
fn a_fresh_install_takes_what_the_rfc_calls_a_recording_session() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let all = invites();
        assert!(all.len() >= 10, "only {} products", all.len());
        offer(&setup(), transport, all, |oracle| oracle["is_rs"]["strict"] == true);
    }
}

#[test]
fn a_trunk_that_is_told_to_be_lenient_takes_every_product() {
    for transport in [Transport::Udp, Transport::Tcp] {
        for profile in ["body-only", "header-only"] {
            let mut of_profile = invites();
            of_profile.retain(|(name, ..)| profile_of(name) == profile);
            assert!(!of_profile.is_empty(), "{profile}");
            offer(&setup().settings(&trunk(profile)), transport, of_profile, |oracle| {
                oracle["is_rs"]["lenient"] == true
            });
        }
    }
}

/// The call of one of Oracle's SBCs, recorded and sealed.
fn oracles_call(setup: &Setup) -> (Program, Value) {
    let program = setup.start();
    let (_, invite, _) = invites().into_iter().find(|(name, ..)| name.starts_with("03-")).expect("Oracle's");
    let mut line = Line::open(program.sip, Transport::Tcp);
    let invite = sent_by(&line, &invite);
    let answer = line.ask(&invite);
    assert_eq!(answer.status(), 200, "{answer:?}");
    line.send(&in_dialog(&line, &invite, &answer, "ACK"));
    let leg = sim::rtp::Leg::new(77);
    for number in 0..20 {
        let to = std::net::SocketAddr::new(program.sip.ip(), answer.media_ports()[0]);
        assert!(leg.send_frame(to, number, &sim::rtp::noise(77, number)));
    }
    let bye = in_dialog(&line, &invite, &answer, "BYE");
    assert_eq!(line.ask(&bye).status(), 200);
    let found = super::sealed(&program.http, 1).remove(0);
    (program, found)
}

#[test]
fn a_call_is_found_by_its_ucid_in_every_spelling_and_each_fact_says_where_it_was_read() {
    let trunk = format!("{}media_networks = [\"127.0.0.1\"]\n", trunk("body-only"));
    let (program, found) = oracles_call(&setup().settings(&trunk));
    for spelling in
        ["00FA08010F5C6D7E8A9B03%3Bencoding%3Dhex", "fa08010f5c6d7e8a9b03", "04FA08010F5C6D7E8A9B03"]
    {
        let page = program.http.get(&format!("/v1/recordings?known_as={spelling}")).ok().json();
        assert_eq!(page["items"][0]["id"], found["id"], "{spelling}: {page}");
    }
    let listed = super::printed(&program, &["find", "--known-as", "FA08010F5C6D7E8A9B03"]);
    assert!(listed.contains(super::text(&found["id"])), "{listed}");
    let whole = super::recording(&program.http, &found);
    let facts = whole["manifest"]["facts"].as_array().expect("facts");
    let fact = |name: &str| {
        facts.iter().find(|fact| fact["name"] == name).unwrap_or_else(|| panic!("{name}: {whole}"))
    };
    assert_eq!(fact("ucid")["value"], "00FA08010F5C6D7E8A9B03");
    assert_eq!((&fact("ucid")["source"], &fact("ucid")["confidence"]), (&"ucid".into(), &"stated".into()));
    assert!(
        facts.iter().all(|fact| ["stated", "inferred"].contains(&super::text(&fact["confidence"]))),
        "{whole}"
    );
    let printed = super::printed(&program, &["show", super::text(&found["id"])]);
    assert!(printed.contains("\"confidence\": \"stated\""), "{printed}");
}

/// What the recorder holds of a call: its file's manifest, every form in which it is given out, and the log.
fn all_that_is_told(program: &Program, found: &Value) -> String {
    let page = program.http.get("/v1/recordings").ok().json();
    let timeline =
        program.http.get(&format!("/v1/calls/{}/timeline", super::text(&found["call"]))).ok().json();
    let agents = super::agent(&program.http, "4678");
    let printed = super::printed(program, &["find"]);
    let manifest = super::open(&program.data(), found).manifest().expect("it is whole");
    let manifest = String::from_utf8(manifest).expect("JSON");
    let shown = super::recording(&program.http, found);
    format!("{page}{shown}{timeline}{agents}{printed}{manifest}{}", program.log())
}

#[test]
fn what_policy_does_not_want_is_in_no_recording_and_no_timeline() {
    let told = ["3125550171", "8005550199", "8005550198", "LEE M", "acmepacket", "acmeSrc"];
    let kept = |rest: &str| {
        let trunk = format!("{}media_networks = [\"127.0.0.1\"]\n{rest}\n", trunk("body-only"));
        let (program, found) = oracles_call(&setup().settings(&trunk));
        let all = all_that_is_told(&program, &found);
        let by_ucid = program.http.get("/v1/recordings?known_as=00FA08010F5C6D7E8A9B03").ok().json();
        (told.map(|word| all.contains(word)), by_ucid["items"][0]["id"] == found["id"], all)
    };
    let (all, by_ucid, text) = kept("");
    assert_eq!((all, by_ucid), ([true; 6], true), "{text}");
    let (some, by_ucid, text) = kept("keep = [\"ucid\"]");
    assert_eq!((some, by_ucid), ([false; 6], true), "{text}");
    assert!(text.contains("4678"), "whose call it is stays known: {text}");
    let (one, by_ucid, text) = kept("keep = [\"ani\"]");
    assert_eq!((one, by_ucid), ([true, false, false, false, false, false], false), "{text}");
}
