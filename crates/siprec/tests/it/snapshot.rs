//! The snapshot request (A6), in the form of the stored example.

use siprec::{CloseCause, Command, Event, Warning, message::Request};

use crate::peer::{Call, Invite, Recorder, answer, secs};

fn ask(recorder: &mut Recorder) -> Option<Request> {
    let session = recorder.session();
    recorder.command(Command::RequestSnapshot { session, reason: "recorder restarted".into() });
    let mut requests = recorder.requests();
    assert!(requests.len() <= 1);
    requests.pop().map(|(_, _, request)| request)
}

fn stale(recorder: &Recorder) -> Option<Option<u16>> {
    recorder.events.iter().find_map(|event| match event {
        Event::Warning { warning: Warning::MetadataStale { status }, .. } => Some(*status),
        _ => None,
    })
}

fn metadata(call: &Call, cseq: u32) -> Invite {
    let mut update = call.inside(cseq);
    update.headers.push_str("Content-Type: application/rs-metadata+xml\r\n");
    update.body = "<recording xmlns='urn:ietf:params:xml:ns:recording:1'/>".into();
    update
}

#[test]
fn request_has_the_form_of_the_example() {
    let mut recorder = Recorder::strict();
    recorder.call();
    let ours = ask(&mut recorder).unwrap();
    let example = crate::vendor_files::bytes("14-srs-snapshot-request-EXPECTED-OUTPUT");
    let Ok(siprec::message::Message::Request(example)) = siprec::message::parse(&example) else { panic!() };
    assert_eq!(ours.method, example.method);
    for name in ["Require", "Accept", "Content-Disposition", "Content-Type", "Max-Forwards", "CSeq"] {
        assert_eq!(ours.headers.get(name), example.headers.get(name), "{name}");
    }
    for (name, _) in example.headers.iter() {
        assert!(ours.headers.get(name).is_some(), "{name} missing");
    }
    assert!(ours.headers.get("Contact").unwrap().ends_with(";+sip.srs"));
    let words = |body: &[u8]| -> Vec<String> {
        String::from_utf8(body.to_vec()).unwrap().split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(words(&ours.body), words(&example.body));
}

#[test]
fn snapshot_that_comes_ends_the_matter() {
    let mut recorder = Recorder::strict();
    let call = recorder.call();
    let request = ask(&mut recorder).unwrap();
    recorder.udp(answer(&request, 200, &[]));
    recorder.wait(secs(5));
    recorder.udp(metadata(&call, 2).as_method("UPDATE"));
    recorder.wait(secs(60));
    assert_eq!(stale(&recorder), None);
}

#[test]
fn snapshot_that_overtakes_the_answer_counts() {
    let mut recorder = Recorder::strict();
    let call = recorder.call();
    let request = ask(&mut recorder).unwrap();
    recorder.udp(metadata(&call, 2).as_method("UPDATE"));
    recorder.udp(answer(&request, 200, &[]));
    recorder.wait(secs(60));
    assert_eq!(stale(&recorder), None);
}

#[test]
fn snapshot_that_does_not_come_makes_the_metadata_stale() {
    let mut recorder = Recorder::strict();
    recorder.call();
    let request = ask(&mut recorder).unwrap();
    recorder.udp(answer(&request, 200, &[]));
    recorder.wait(secs(9));
    assert_eq!(stale(&recorder), None);
    recorder.wait(secs(1));
    assert_eq!(stale(&recorder), Some(None));
}

#[test]
fn refusal_is_normal_and_only_481_and_408_end_the_dialog() {
    for status in [405, 415, 488, 500, 501] {
        let mut recorder = Recorder::strict();
        recorder.call();
        let request = ask(&mut recorder).unwrap();
        recorder.udp(answer(&request, status, &[]));
        assert_eq!(stale(&recorder), Some(Some(status)));
        assert_eq!(recorder.endpoint.sessions().count(), 1);
    }
    for status in [408, 481] {
        let mut recorder = Recorder::strict();
        recorder.call();
        let request = ask(&mut recorder).unwrap();
        recorder.udp(answer(&request, status, &[]));
        let cause = CloseCause::Denied { status };
        assert!(matches!(recorder.events.last(), Some(Event::Closed { cause: c, .. }) if *c == cause));
    }
}

#[test]
fn requests_are_a_minute_apart() {
    let mut recorder = Recorder::strict();
    recorder.call();
    let request = ask(&mut recorder).unwrap();
    recorder.udp(answer(&request, 488, &[]));
    recorder.wait(secs(59));
    assert!(ask(&mut recorder).is_none());
    recorder.wait(secs(1));
    assert!(ask(&mut recorder).is_some());
}

#[test]
fn client_without_update_is_not_bothered() {
    let mut recorder = Recorder::strict();
    let mut invite = Invite::default();
    invite.headers.push_str("Allow: INVITE,ACK,BYE,CANCEL\r\n");
    recorder.call_with(invite);
    assert!(ask(&mut recorder).is_none());
    assert_eq!(stale(&recorder), Some(None));
}
