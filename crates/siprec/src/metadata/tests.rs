use std::time::Duration;

use super::*;

const NS: &str = "xmlns=\"urn:ietf:params:xml:ns:recording:1\"";

fn document(content: &str) -> Document {
    parse(format!("<recording {NS}>{content}</recording>").as_bytes()).unwrap()
}

fn xml_error(text: &str) -> XmlError {
    match parse(text.as_bytes()).unwrap_err() {
        MetadataError::Xml(error) => error,
        other => panic!("{other}"),
    }
}

fn labels(labels: &[&str]) -> Vec<Option<String>> {
    labels.iter().map(|label| (!label.is_empty()).then(|| (*label).to_owned())).collect()
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Two parties, A into stream s1 with label 1 and B into s2 with label 2, in session S.
const TWO: &str = "<session session_id='S'/><participant participant_id='A'><nameID aor='sip:a@x'/></participant>\
    <participant participant_id='B'><nameID aor='sip:b@x'/></participant>\
    <stream stream_id='s1' session_id='S'><label>1</label></stream>\
    <stream stream_id='s2' session_id='S'><label>2</label></stream>\
    <participantsessionassoc participant_id='A' session_id='S'/>\
    <participantsessionassoc participant_id='B' session_id='S'/>\
    <participantstreamassoc participant_id='A'><send>s1</send><recv>s2</recv></participantstreamassoc>\
    <participantstreamassoc participant_id='B'><send>s2</send><recv>s1</recv></participantstreamassoc>";

fn two() -> Picture {
    let mut picture = Picture::default();
    picture.apply(&document(TWO), &labels(&["1", "2"]), at(0)).unwrap();
    picture
}

fn partial(content: &str) -> Document {
    document(&format!("<datamode>partial</datamode>{content}"))
}

fn update(picture: &mut Picture, document: &Document, seconds: u64) -> Change {
    picture.apply(document, &labels(&["1", "2"]), at(seconds)).unwrap()
}

#[test]
fn entity_attacks_are_refused() {
    let bomb = "<!DOCTYPE r [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><recording>&b;</recording>";
    assert!(matches!(xml_error(bomb), XmlError::DocumentType { offset: 0 }));
    let external = "<?xml version='1.0'?><!DOCTYPE r SYSTEM 'file:///etc/passwd'><recording/>";
    assert!(matches!(xml_error(external), XmlError::DocumentType { .. }));
    assert!(
        matches!(xml_error("<recording>&x;</recording>"), XmlError::UndefinedEntity { name, .. } if name == "x")
    );
    assert!(matches!(xml_error("<recording a='&x;'/>"), XmlError::UndefinedEntity { .. }));
    assert!(matches!(xml_error("<recording>&#xFFFFFFFF;</recording>"), XmlError::Malformed { .. }));
}

#[test]
fn depth_counts_and_sizes_have_limits() {
    let nested = |depth: usize| format!("{}{}", "<recording>".repeat(depth), "</recording>".repeat(depth));
    assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
    assert!(matches!(xml_error(&nested(MAX_DEPTH + 1)), XmlError::TooMuch { limit: MAX_DEPTH, .. }));
    let wide = |count: usize| format!("<recording>{}</recording>", "<a/>".repeat(count));
    assert!(parse(wide(MAX_ELEMENTS - 1).as_bytes()).is_ok());
    assert!(matches!(xml_error(&wide(MAX_ELEMENTS)), XmlError::TooMuch { limit: MAX_ELEMENTS, .. }));
    let attributes: String = (0..=MAX_ATTRIBUTES).map(|n| format!(" a{n}='1'")).collect();
    let many = format!("<recording{attributes}/>");
    assert!(matches!(xml_error(&many), XmlError::TooMuch { limit: MAX_ATTRIBUTES, .. }));
    let long = format!("<recording>{}</recording>", "x".repeat(MAX_TEXT_BYTES + 1));
    assert!(matches!(xml_error(&long), XmlError::TooMuch { limit: MAX_TEXT_BYTES, .. }));
}

#[test]
fn what_is_not_well_formed_is_named_with_its_place() {
    for text in [
        "",
        "   ",
        "<recording>",
        "<recording></r>",
        "<recording/><recording/>",
        "text",
        "<recording/>x",
        "<",
        "<recording>\0</recording>",
    ] {
        assert!(matches!(xml_error(text), XmlError::Malformed { .. }), "{text}");
    }
    assert!(matches!(
        parse(b"<recording>\xff</recording>"),
        Err(MetadataError::Xml(XmlError::NotUtf8 { offset: 11 }))
    ));
    let utf16: Vec<u8> = "<recording/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(parse(&[&[0xff, 0xfe][..], &utf16].concat()).is_err());
    assert_eq!(parse(b"<html/>"), Err(MetadataError::NotARecording { root: "html".to_owned() }));
    assert!(parse(b"\xef\xbb\xbf<?xml version='1.0' encoding='ISO-8859-1'?><recording/>").is_ok());
}

#[test]
fn unescaped_names_and_unquoted_attributes_are_read() {
    let read = document(
        "<participant participant_id=A><nameID aor='sip:a&b@x'><name>AT&T &amp; Co</name></nameID></participant>",
    );
    let name = &read.content.participants[0].names[0];
    assert_eq!((name.aor.as_str(), name.name.as_deref()), ("sip:a&b@x", Some("AT&T & Co")));
}

#[test]
fn unknown_elements_are_kept_raw_and_as_a_tree() {
    let read =
        document("<session session_id='S'><ac:X xmlns:ac='http://AudioCodes'>1</ac:X></session><other/>");
    let extension = &read.content.sessions[0].extensions[0];
    assert_eq!(extension.raw, "<ac:X xmlns:ac='http://AudioCodes'>1</ac:X>");
    assert_eq!((extension.element.name.as_str(), extension.element.trimmed()), ("X", "1"));
    assert_eq!(read.content.extensions[0].raw, "<other/>");
}

#[test]
fn times_are_read_as_far_as_they_go() {
    let unix = |text: &str| Timestamp::read(text).unix_ms();
    assert_eq!(unix("1970-01-01T00:00:00Z"), Some(0));
    assert_eq!(unix("2026-03-02T17:25:46Z"), Some(1_772_472_346_000));
    assert_eq!(unix("2026-03-02T20:25:46+0300"), unix("2026-03-02T17:25:46Z"));
    assert_eq!(unix("2026-03-02t11:55:46.5-05:30"), Some(1_772_472_346_500));
    assert_eq!(unix("2024-02-29T00:00:00z").unwrap() - unix("2024-02-28T00:00:00Z").unwrap(), 86_400_000);
    let zoneless = Timestamp::read(" 2026-03-02T11:30:10 ");
    assert!(zoneless.is_readable() && zoneless.unix_ms().is_none());
    for text in [
        "",
        "yesterday",
        "2026-13-01T00:00:00Z",
        "2026-03-02T17:25:46+3",
        "2026-03-02T17:25",
        "2026-03-02T17:25:4\u{e9}Z",
    ] {
        assert!(!Timestamp::read(text).is_readable(), "{text}");
    }
    let odd = document("<session session_id='S'><start-time>soon</start-time></session>");
    assert_eq!(odd.warnings, [Warning::Time { text: "soon".to_owned() }]);
}

#[test]
fn addresses_of_record_give_their_user_and_host() {
    let cases = [
        ("sip:4678@pbx.example.com:5060;user=phone", Some("4678"), Some("pbx.example.com")),
        ("SIPS:+1415@[2001:db8::1]:5061", Some("+1415"), Some("[2001:db8::1]")),
        ("tel:+14155550123;phone-context=x", Some("+14155550123"), None),
        ("4678@pbx.example.com", Some("4678"), Some("pbx.example.com")),
        ("5125550133", Some("5125550133"), None),
        ("sip:+1303@h;x=a@198.51.100.88;user=phone", Some("+1303"), Some("198.51.100.88")),
        ("sip:192.0.2.1", None, Some("192.0.2.1")),
        ("pbx.example.com", None, Some("pbx.example.com")),
        ("", None, None),
    ];
    for (aor, user, host) in cases {
        assert_eq!((user_of(aor), host_of(aor)), (user, host), "{aor}");
    }
}

#[test]
fn a_newer_stream_takes_its_label_though_nobody_said_goodbye() {
    let mut picture = two();
    let transfer = partial(
        "<participant participant_id='C'><nameID aor='sip:c@x'/></participant>\
         <stream stream_id='s3' session_id='S'><label>2</label></stream>\
         <participantsessionassoc participant_id='C' session_id='S'/>\
         <participantstreamassoc participant_id='C'><send>s3</send></participantstreamassoc>",
    );
    let change = update(&mut picture, &transfer, 5);
    assert_eq!((change.joined, change.left.len(), change.senders_changed), (vec!["C".to_owned()], 0, true));
    let speakers: Vec<_> =
        picture.history().speakers_on(1).map(|e| (e.participant.as_str(), e.from, e.to)).collect();
    assert_eq!(speakers, [("B", at(0), Some(at(5))), ("C", at(5), None)]);
}

#[test]
fn a_session_without_a_goodbye_ends_when_its_streams_are_taken() {
    let mut picture = two();
    let half =
        partial("<session session_id='T'/><stream stream_id='t1' session_id='T'><label>1</label></stream>");
    assert!(update(&mut picture, &half, 1).sessions_ended.is_empty());
    let rest = partial(
        "<session session_id='U'/><stream stream_id='u1' session_id='U'><label>1</label></stream>\
                        <stream stream_id='u2' session_id='U'><label>2</label></stream>",
    );
    let change = update(&mut picture, &rest, 2);
    assert_eq!(picture.session_state("S"), SessionState::Superseded);
    assert_eq!(change.left, ["A", "B"]);
}

#[test]
fn an_empty_complete_document_means_no_call_and_history_stays() {
    let mut picture = two();
    let change = update(&mut picture, &document(""), 9);
    assert_eq!((change.left.len(), change.sessions_ended.as_slice()), (2, &["S".to_owned()][..]));
    assert!(!picture.has_open_session() && picture.present().is_empty());
    assert!(picture.history().sendings.iter().all(|entry| entry.to == Some(at(9))));
    assert_eq!(picture.history().participant("A").unwrap().names[0].aor, "sip:a@x");
}

#[test]
fn a_stop_time_makes_all_leave_and_the_same_document_twice_changes_nothing() {
    let mut picture = two();
    let stop = partial("<session session_id='S'><stop-time>2026-03-02T09:21:07Z</stop-time></session>");
    let change = update(&mut picture, &stop, 7);
    assert_eq!((change.left.len(), change.sessions_ended.len()), (2, 1));
    let claim = picture.history().presences[0].claimed_to.as_ref().unwrap();
    assert_eq!(claim.text, "2026-03-02T09:21:07Z");
    assert!(update(&mut picture, &stop, 8).is_empty());
}

#[test]
fn dangling_references_are_told_and_resolved_later() {
    let mut picture = Picture::default();
    let early =
        partial("<participantstreamassoc participant_id='A'><send>s1</send></participantstreamassoc>");
    assert_eq!(update(&mut picture, &early, 0).dangling, ["A", "s1"]);
    let change = update(&mut picture, &document(TWO), 1);
    assert!(change.dangling.is_empty() && change.senders_changed);
}

#[test]
fn one_stream_and_one_line_left_over_are_paired_as_inferred() {
    let mut picture = two();
    picture.labels_changed(&labels(&["1", "odd"]), at(3)).unwrap();
    let now: Vec<_> = picture.history().current_sendings().map(|e| (e.line, e.inferred)).collect();
    assert_eq!(now, [(Some(0), false), (Some(1), true)]);
    // Two of each are left: nothing is guessed.
    picture.labels_changed(&labels(&["odd", ""]), at(4)).unwrap();
    assert!(picture.history().current_sendings().all(|entry| entry.line.is_none() && !entry.inferred));
}

#[test]
fn an_id_used_twice_binds_nothing_as_certain() {
    let twice =
        document(&format!("{TWO}<participant participant_id='A'><nameID aor='sip:z@x'/></participant>"));
    let warning =
        Warning::DuplicateId { id: "A".to_owned(), first: Owner::Participant, second: Owner::Participant };
    assert_eq!(twice.warnings, [warning]);
    let mut picture = Picture::default();
    update(&mut picture, &twice, 0);
    assert_eq!(picture.content().participants.len(), 3, "both texts are kept");
    let inferred: Vec<_> =
        picture.history().sendings.iter().map(|e| (e.participant.as_str(), e.inferred)).collect();
    assert_eq!(inferred, [("A", true), ("B", false)]);
}

#[test]
fn an_update_that_does_not_fit_leaves_the_picture_whole() {
    let mut picture = two();
    let crowd: String = (0..MAX_PER_KIND).map(|n| format!("<participant participant_id='p{n}'/>")).collect();
    let before = picture.clone();
    let error = picture.apply(&partial(&crowd), &labels(&["1", "2"]), at(1)).unwrap_err();
    assert_eq!(error, ApplyError::TooMany { kind: "participant" });
    assert_eq!(picture, before);
    let heavy = |n: u32| partial(&format!("<group group_id='{n}'><x>{}</x></group>", "y".repeat(60_000)));
    let error = (0..100).find_map(|n| picture.apply(&heavy(n), &[], at(1)).err()).unwrap();
    assert!(matches!(error, ApplyError::TooLarge { .. }));
}

#[test]
fn a_full_history_refuses_the_update() {
    let mut picture = two();
    let hold = partial("<participantstreamassoc participant_id='A'/>");
    let resume =
        partial("<participantstreamassoc participant_id='A'><send>s1</send></participantstreamassoc>");
    let documents = [hold, resume].into_iter().cycle().zip(0..).take(2 * MAX_HISTORY + 2);
    let error = documents.map(|(d, n)| picture.apply(&d, &labels(&["1", "2"]), at(n))).find_map(Result::err);
    assert_eq!(error, Some(ApplyError::HistoryFull));
    assert_eq!(picture.history().sendings.len(), MAX_HISTORY);
}

#[test]
fn time_never_runs_backwards_in_the_history() {
    let mut picture = two();
    update(&mut picture, &partial("<participantstreamassoc participant_id='A'/>"), 10);
    update(&mut picture, &document(""), 4);
    assert!(picture.history().sendings.iter().all(|entry| entry.to == Some(at(10))));
}

#[test]
fn a_snapshot_request_is_no_recording() {
    let printed = print_snapshot_request(Some("restarted & lost"));
    let reason = Some("restarted & lost".to_owned());
    assert_eq!(parse(&printed), Err(MetadataError::SnapshotRequest { reason }));
}
