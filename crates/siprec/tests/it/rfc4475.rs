//! The 49 messages of RFC 4475, bit for bit, each with what the RFC lets an endpoint answer and what this one does.

use std::path::PathBuf;

use siprec::message::Method;

use crate::peer::{Invite, Recorder, peer};

/// One line of `verdicts.txt`.
struct Verdict {
    name: String,
    /// What the RFC allows: statuses, `well-formed` or `silence`, any of them.
    allowed: Vec<String>,
    /// Our statuses over each transport, in order; none is silence.
    udp: Vec<u16>,
    tcp: Vec<u16>,
    bytes: Vec<u8>,
}

fn verdicts() -> Vec<Verdict> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/rfc4475");
    let table = std::fs::read_to_string(folder.join("verdicts.txt")).unwrap();
    let lines = table.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let statuses = |column: &str| column.split('+').filter_map(|status| status.parse().ok()).collect();
    let verdict = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [name, _, allowed, udp, tcp] = columns[..] else { panic!("five columns: {line}") };
        Verdict {
            name: name.to_owned(),
            allowed: allowed.split('|').map(str::to_owned).collect(),
            udp: statuses(udp),
            tcp: statuses(tcp),
            bytes: std::fs::read(folder.join(format!("{name}.sip"))).unwrap(),
        }
    };
    lines.map(verdict).collect()
}

impl Verdict {
    /// Whether the RFC allows this answer to its message. A parser has taken a message as well formed if it is answered
    /// by what it means: with any status but those for what cannot be read.
    fn allows(&self, status: Option<u16>) -> bool {
        self.allowed.iter().any(|allowed| match (allowed.as_str(), status) {
            ("silence", None) => true,
            ("well-formed", Some(status)) => !matches!(status, 400 | 413 | 505),
            (allowed, Some(status)) => allowed == status.to_string(),
            _ => false,
        })
    }
}

/// The final statuses sent so far.
fn finals(recorder: &mut Recorder) -> Vec<u16> {
    recorder.responses().iter().map(|response| response.status).filter(|status| *status >= 200).collect()
}

#[test]
fn every_message_of_rfc_4475_gets_its_class_of_answer_and_the_recording_goes_on() {
    let verdicts = verdicts();
    assert_eq!(verdicts.len(), 49);
    for verdict in verdicts {
        let name = &verdict.name;
        let mut recorder = Recorder::strict();
        let control = recorder.call_with(Invite { call_id: "control".into(), ..Invite::default() });
        recorder.udp(&verdict.bytes);
        let udp = finals(&mut recorder);
        assert_eq!(udp, verdict.udp, "{name} over UDP");
        assert!(verdict.allows(udp.first().copied()), "{name} over UDP: {udp:?}, but {:?}", verdict.allowed);

        let mut recorder_by_stream = Recorder::strict();
        recorder_by_stream.connect(1, peer());
        recorder_by_stream.tcp(1, &verdict.bytes);
        assert_eq!(finals(&mut recorder_by_stream), verdict.tcp, "{name} over TCP");

        assert_eq!(recorder.endpoint.sessions().count(), 1, "{name} begins no session");
        recorder.udp(control.inside(2).as_method(Method::Bye.as_str()));
        assert_eq!(recorder.response().status, 200, "{name}");
    }
}

/// RFC 4475 §3.3.6, in an INVITE that is a recording session.
#[test]
fn body_of_unknown_type_in_a_recording_session_is_415() {
    let mut recorder = Recorder::strict();
    let mut invite = Invite::default();
    invite.headers = invite.headers.replace("application/sdp", "application/unknownformat");
    invite.body = "<audio>\r\n <pcmu port=\"443\"/>\r\n</audio>\r\n".into();
    recorder.udp(invite.text());
    let response = recorder.response();
    assert_eq!(response.status, 415);
    assert!(response.headers.lists("Accept", "application/sdp"), "{response:?}");
    assert_eq!(recorder.endpoint.sessions().count(), 0);
}
