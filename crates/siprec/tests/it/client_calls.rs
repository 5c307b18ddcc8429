//! The client against the recorder, two-ended, in stepped time, over lines that lose messages.

use std::time::Duration;

use proptest::prelude::*;
use siprec::client::{
    Answered, Call, Command, EndedBy, Event, Input, Output, Party, Settings, StreamSettings,
};
use siprec::message::{Message, Method, Request, parse};
use siprec::metadata::{Content, ParticipantStream};
use siprec::{Command as Wish, Now, sdp};

use crate::peer::{Recorder, peer};

const STEP: Duration = Duration::from_millis(20);

fn settings() -> Settings {
    let mut settings = Settings::new(peer(), "sip:recorder@203.0.113.10");
    settings.streams = vec![StreamSettings::g711("1", 40_000), StreamSettings::g711("2", 40_002)];
    settings.parties = vec![
        Party::new("sip:+14155550123@pstn.example.com", Some("1")).named("Dana & \"Co\""),
        Party::new("sip:4678@pbx.example.com", Some("2")),
    ];
    settings.started = Some("2026-03-02T09:15:00Z".to_owned());
    settings
}

/// Which messages a line loses: `true` for lost, each way in turn.
type Loss = Box<dyn FnMut() -> bool>;

struct Line {
    call: Call,
    recorder: Recorder,
    events: Vec<Event>,
    /// What the client sent, lost or not, with its time.
    sent: Vec<(Now, Message)>,
    loses: Loss,
}

impl Line {
    fn new(settings: Settings) -> Self {
        let call = Call::new(settings, [9; 32]);
        let loses = Box::new(|| false);
        Self { call, recorder: Recorder::strict(), events: Vec::new(), sent: Vec::new(), loses }
    }

    fn command(&mut self, command: Command) {
        self.call.handle(self.recorder.now, Input::Command(command));
        self.pump();
    }

    fn pump(&mut self) {
        loop {
            match self.call.poll() {
                Output::Transmit(bytes) => {
                    self.sent.push((
                        self.recorder.now,
                        parse(&bytes).expect("the client prints what can be read"),
                    ));
                    if !(self.loses)() {
                        self.recorder.udp(bytes);
                    }
                }
                Output::Event(event) => self.events.push(event),
                Output::Timeout(_) | Output::Idle if self.recorder.sent.is_empty() => break,
                Output::Timeout(_) | Output::Idle => {
                    for sent in std::mem::take(&mut self.recorder.sent) {
                        let bytes = match sent.message {
                            Message::Request(request) => request.to_bytes(),
                            Message::Response(response) => response.to_bytes(),
                        };
                        if !(self.loses)() {
                            self.call.handle(self.recorder.now, Input::Received(&bytes));
                        }
                    }
                }
            }
        }
    }

    fn wait(&mut self, time: Duration) {
        let end = self.recorder.now + time;
        while self.recorder.now < end {
            self.recorder.wait(STEP);
            self.call.handle(self.recorder.now, Input::Timeout);
            self.pump();
        }
    }

    fn started(settings: Settings) -> (Self, Answered) {
        let mut line = Self::new(settings);
        line.command(Command::Start);
        let answered = line.events.iter().find_map(|event| match event {
            Event::Answered(answered) => Some(answered.clone()),
            _ => None,
        });
        let answered = answered.unwrap_or_else(|| panic!("{:?}", line.events));
        line.events.clear();
        (line, answered)
    }

    fn session(&self) -> &siprec::RecordingSession {
        self.recorder.endpoint.sessions().next().expect("a session stands")
    }

    fn methods(&self) -> Vec<Method> {
        let requests = self.sent.iter().filter_map(|(_, message)| match message {
            Message::Request(request) => Some(request.method.clone()),
            Message::Response(_) => None,
        });
        requests.collect()
    }
}

#[test]
fn a_call_is_placed_and_ended() {
    let (mut line, answered) = Line::started(settings());
    let media: Vec<_> =
        answered.streams.iter().map(|s| (s.label.as_str(), s.media.clone().unwrap())).collect();
    assert_eq!((media[0].0, media[1].0), ("1", "2"));
    assert_eq!(media[0].1.rtp.to_string(), "203.0.113.10:20002");
    assert_eq!(media[1].1.rtcp.unwrap().to_string(), "203.0.113.10:20005");
    assert_eq!((media[0].1.format.payload_type, media[0].1.direction), (0, sdp::Direction::RecvOnly));
    let session = line.session();
    assert!(session.is_confirmed());
    let picture = session.picture();
    let present: Vec<_> = picture.present().iter().map(|p| p.names[0].clone()).collect();
    assert_eq!(present[0].name.as_deref(), Some("Dana & \"Co\""));
    assert_eq!(present[1].aor, "sip:4678@pbx.example.com");
    let caller = line.call.participant_id(0).unwrap();
    assert_eq!((picture.sends_labels(caller), picture.hears_labels(caller)), (vec!["1"], vec!["2"]));
    assert_eq!(picture.dialect(), siprec::metadata::Dialect::Rfc7865);

    line.command(Command::HangUp { stopped: Some("2026-03-02T09:21:07Z".to_owned()) });
    assert_eq!(line.events, [Event::Ended(EndedBy::Us)]);
    assert!(line.call.is_over() && line.recorder.endpoint.sessions().next().is_none());
    assert_eq!(line.methods(), [Method::Invite, Method::Ack, Method::Bye]);
}

#[test]
fn streams_pause_and_resume_and_one_more_joins() {
    let (mut line, _) = Line::started(settings());
    line.command(Command::Pause { paused: true });
    assert!(line.session().plan().unwrap().all_paused());
    line.command(Command::Pause { paused: false });
    assert!(!line.session().plan().unwrap().all_paused());
    let supervisor = Party::new("sip:4900@pbx.example.com", Some("3")).named("Supervisor");
    line.command(Command::AddStream { stream: StreamSettings::g711("3", 40_004), party: supervisor });
    let answers: Vec<_> = line
        .events
        .iter()
        .map(|event| match event {
            Event::Changed { method: Method::Invite, answered: Some(answered) } => answered.streams.len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(answers, [2, 2, 3]);
    let picture = line.session().picture();
    let (new, agent) = (line.call.participant_id(2).unwrap(), line.call.participant_id(1).unwrap());
    assert_eq!((picture.sends_labels(new), picture.hears_labels(new)), (vec!["3"], vec!["1", "2"]));
    assert_eq!(picture.hears_labels(agent), ["1", "3"]);
}

#[test]
fn a_hold_is_told_by_update_with_partial_metadata() {
    let (mut line, _) = Line::started(settings());
    let caller = line.call.participant_id(0).unwrap().to_owned();
    let hold = ParticipantStream { participant: caller.clone(), ..ParticipantStream::default() };
    let content = Content { participant_streams: vec![hold], ..Content::default() };
    line.command(Command::Update(Box::new(content)));
    assert_eq!(line.events, [Event::Changed { method: Method::Update, answered: None }]);
    assert!(line.session().picture().sends_labels(&caller).is_empty());
    assert_eq!(line.session().picture().present().len(), 2);
}

#[test]
fn commands_wait_for_the_answer_before_them() {
    let (mut line, _) = Line::started(settings());
    line.loses = Box::new(|| true);
    line.command(Command::Pause { paused: true });
    line.command(Command::Pause { paused: false });
    assert_eq!(line.methods().iter().filter(|method| **method == Method::Invite).count(), 2);
    line.loses = Box::new(|| false);
    line.wait(Duration::from_secs(2));
    assert_eq!(line.events.len(), 2, "{:?}", line.events);
    assert!(!line.session().plan().unwrap().all_paused());
    for _ in 0..=siprec::client::MAX_QUEUED_COMMANDS {
        line.loses = Box::new(|| true);
        line.command(Command::Pause { paused: true });
    }
    line.command(Command::Pause { paused: true });
    assert!(matches!(line.events.last(), Some(Event::CommandRefused { .. })));
}

#[test]
fn a_call_without_parties_carries_no_metadata() {
    let mut settings = settings();
    settings.parties.clear();
    settings.rtcp_mux = true;
    let (line, answered) = Line::started(settings);
    let media = answered.streams[0].media.as_ref().unwrap();
    assert_eq!(media.rtcp, Some(media.rtp));
    assert_eq!(line.session().picture().updates(), 0);
}

#[test]
fn a_refusal_is_told_with_its_reason_and_acknowledged() {
    let mut line = Line::new(settings());
    line.recorder.accepts = false;
    line.command(Command::Start);
    let session = line.recorder.session();
    let reason = "Disk full".to_owned();
    line.recorder.command(Wish::Reject { session, status: 503, reason, retry_after_s: Some(9) });
    line.pump();
    let refused = Event::Refused { method: Method::Invite, status: 503, reason: "Disk full".to_owned() };
    assert_eq!(line.events, [refused, Event::Ended(EndedBy::Refusal)]);
    assert_eq!(line.methods(), [Method::Invite, Method::Ack]);
}

#[test]
fn hanging_up_before_the_answer_cancels() {
    let mut line = Line::new(settings());
    line.recorder.accepts = false;
    line.command(Command::Start);
    line.command(Command::HangUp { stopped: None });
    assert!(line.events.is_empty(), "no CANCEL before a provisional response (RFC 3261 §9.1)");
    line.wait(Duration::from_millis(400));
    assert_eq!(line.events, [Event::Progress { status: 100 }, Event::Ended(EndedBy::Us)]);
    assert_eq!(line.methods(), [Method::Invite, Method::Cancel, Method::Ack]);
}

#[test]
fn silence_is_met_with_seven_invites_and_then_an_end() {
    let mut line = Line::new(settings());
    line.loses = Box::new(|| true);
    line.command(Command::Start);
    line.wait(Duration::from_secs(40));
    let times: Vec<_> = line.sent.iter().map(|(at, _)| at.as_millis()).collect();
    assert_eq!(times, [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    assert_eq!(line.events, [Event::TimedOut { method: Method::Invite }, Event::Ended(EndedBy::Silence)]);
    line.command(Command::HangUp { stopped: None });
    assert!(matches!(line.events.last(), Some(Event::CommandRefused { .. })));
}

#[test]
fn a_snapshot_is_sent_when_the_recorder_asks() {
    let (mut line, _) = Line::started(settings());
    let session = line.recorder.session();
    line.recorder.command(Wish::RequestSnapshot { session, reason: "restarted".to_owned() });
    line.pump();
    assert_eq!(
        line.events,
        [
            Event::SnapshotRequested { reason: Some("restarted".to_owned()) },
            Event::Changed { method: Method::Update, answered: None },
        ]
    );
    assert_eq!(line.session().picture().updates(), 2);
    assert_eq!(line.session().picture().present().len(), 2);
}

#[test]
fn the_recorders_bye_ends_the_call() {
    let (mut line, _) = Line::started(settings());
    let session = line.recorder.session();
    line.recorder.command(Wish::Close { session, reason: "drain".to_owned() });
    line.pump();
    assert_eq!(line.events, [Event::Ended(EndedBy::Recorder)]);
    let Some((_, Message::Response(response))) = line.sent.last() else { panic!() };
    assert_eq!(response.status, 200);
}

/// A request from the recorder's side of the dialog, written by hand.
fn from_recorder(line: &Line, method: Method, cseq: u32, body: Option<(&str, &str)>) -> Request {
    let Some((_, Message::Request(ack))) =
        line.sent.iter().find(|(_, m)| matches!(m, Message::Request(r) if r.method == Method::Ack))
    else {
        panic!("the call was acknowledged");
    };
    let mut request = Request::new(method, "sip:src@198.51.100.11:5060");
    request.headers.push("Via", format!("SIP/2.0/UDP 203.0.113.10:5060;branch=z9hG4bKr{cseq}"));
    request.headers.push("From", ack.headers.get("To").unwrap());
    request.headers.push("To", ack.headers.get("From").unwrap());
    request.headers.push("Call-ID", ack.headers.get("Call-ID").unwrap());
    request.headers.push("CSeq", format!("{cseq} {}", request.method));
    request.headers.push("Max-Forwards", "70");
    if let Some((content_type, body)) = body {
        request.headers.push("Content-Type", content_type);
        request.body = body.as_bytes().to_vec();
    }
    request
}

fn status_of(call: &mut Call, request: &Request) -> u16 {
    call.handle(Now::from_secs(1), Input::Received(&request.to_bytes()));
    match call.poll() {
        Output::Transmit(bytes) => match parse(&bytes).unwrap() {
            Message::Response(response) => response.status,
            Message::Request(request) => panic!("{request:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_recorders_requests_get_proper_answers() {
    let (mut line, _) = Line::started(settings());
    let sdp = Some(("application/sdp", "v=0\r\nm=audio 1 RTP/AVP 0\r\n"));
    let cases = [
        (Method::Options, 100, None, 200),
        (Method::Update, 101, None, 200),
        (Method::Update, 102, sdp, 488),
        (Method::Update, 103, Some(("text/plain", "hello")), 415),
        (Method::Update, 104, Some(("nonsense", "hello")), 400),
        (Method::Invite, 105, sdp, 488),
        (Method::Info, 106, None, 405),
        (Method::Cancel, 107, None, 481),
        (Method::Options, 50, None, 500),
    ];
    for (method, cseq, body, status) in cases {
        let request = from_recorder(&line, method.clone(), cseq, body);
        assert_eq!(status_of(&mut line.call, &request), status, "{method} {cseq}");
    }
    let mut stranger = from_recorder(&line, Method::Bye, 200, None);
    stranger.headers.set("From", "<sip:recorder@203.0.113.10>;tag=forged");
    assert_eq!(status_of(&mut line.call, &stranger), 481);
    assert!(!line.call.is_over());
    // The same BYE twice: the same answer, one end.
    let bye = from_recorder(&line, Method::Bye, 201, None);
    assert_eq!(status_of(&mut line.call, &bye), 200);
    assert!(matches!(line.call.poll(), Output::Event(Event::Ended(EndedBy::Recorder))));
    assert_eq!(status_of(&mut line.call, &bye), 200);
    assert!(matches!(line.call.poll(), Output::Idle | Output::Timeout(_)));
}

#[test]
fn an_answer_that_does_not_fit_the_offer_ends_the_call() {
    let mut call = Call::new(settings(), [1; 32]);
    call.handle(Now::ZERO, Input::Command(Command::Start));
    let Output::Transmit(invite) = call.poll() else { panic!() };
    let Message::Request(invite) = parse(&invite).unwrap() else { panic!() };
    let mut response = invite.respond(200);
    response.headers.set("To", "<sip:recorder@203.0.113.10>;tag=r");
    response.headers.push("Contact", "<sip:recorder@203.0.113.10>;+sip.srs");
    response.headers.push("Content-Type", "application/sdp");
    response.body = b"v=0\r\no=- 1 1 IN IP4 203.0.113.10\r\ns=-\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n".to_vec();
    call.handle(Now::ZERO, Input::Received(&response.to_bytes()));
    let mut seen = Vec::new();
    loop {
        match call.poll() {
            Output::Transmit(bytes) => {
                seen.push(String::from_utf8(bytes).unwrap().split(' ').next().unwrap().to_owned())
            }
            Output::Event(Event::Unusable { reason }) => {
                assert!(reason.contains("2 were offered"), "{reason}")
            }
            Output::Event(event) => panic!("{event:?}"),
            Output::Timeout(_) | Output::Idle => break,
        }
    }
    assert_eq!(seen, ["ACK", "BYE"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// E2-19: a tenth of all messages lost each way, and still one session, well begun and well ended.
    #[test]
    fn a_call_over_a_lossy_line_comes_out_the_same(seed in any::<u64>()) {
        let mut line = Line::new(settings());
        let mut state = seed | 1;
        line.loses = Box::new(move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33).is_multiple_of(10)
        });
        line.command(Command::Start);
        line.wait(Duration::from_secs(30));
        let is_answered = |event: &Event| matches!(event, Event::Answered(_));
        prop_assert_eq!(line.events.iter().filter(|event| is_answered(event)).count(), 1, "{:?}", line.events);
        prop_assert_eq!(line.recorder.endpoint.sessions().count(), 1);
        line.command(Command::HangUp { stopped: None });
        line.wait(Duration::from_secs(40));
        prop_assert!(line.call.is_over());
        prop_assert_eq!(line.recorder.endpoint.sessions().count(), 0);
    }

    #[test]
    fn the_client_survives_any_bytes(
        noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        random in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let (mut line, _) = Line::started(settings());
        let request = from_recorder(&line, Method::Update, 7, Some(("application/rs-metadata+xml", "<requestsnapshot/>")));
        let mut bytes = request.to_bytes();
        for (index, byte) in noise {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(bytes.len() - cut.index(bytes.len()) / 8);
        line.call.handle(Now::from_secs(1), Input::Received(&bytes));
        line.call.handle(Now::from_secs(1), Input::Received(&random));
        while !matches!(line.call.poll(), Output::Timeout(_) | Output::Idle) {}
    }
}
