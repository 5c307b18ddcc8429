//! Both ends of a test: an endpoint with stepped time, and a peer that writes SIP by hand.

use core::{net::SocketAddr, time::Duration};

use siprec::{
    CloseCause, Command, Config, ConnectionId, Endpoint, Event, Identity, Input, Leniency, Network, Now,
    Output, PeerRule, SessionId, Target, Transport,
    message::{Message, Request, Response, parse},
    sdp::{LocalMedia, MasterKey},
};

/// The address every test peer sends from unless it says otherwise.
pub(crate) fn peer() -> SocketAddr {
    "198.51.100.11:5060".parse().unwrap()
}

/// What a test's recorder protects its reports with, by the suite that everybody has.
pub(crate) fn our_key() -> MasterKey {
    MasterKey::new((0..30).collect())
}

/// A configuration in which test peers are known by the given leniency.
pub(crate) fn config(leniency: Leniency) -> Config {
    let identity = Identity {
        user: "recorder".into(),
        host: "203.0.113.10".into(),
        udp_port: 5060,
        tcp_port: 5060,
        tls_port: 5061,
        media_address: "203.0.113.10".parse().unwrap(),
    };
    let mut config = Config::new(identity);
    let network = Network { address: "198.51.100.0".parse().unwrap(), prefix_bits: 24 };
    config.peers.push(PeerRule { leniency, ..PeerRule::new("lab", vec![network]) });
    config
}

/// What went out, in order, with its time.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) at: Now,
    pub(crate) to: Target,
    pub(crate) message: Message,
}

/// An endpoint under test.
pub(crate) struct Recorder {
    pub(crate) endpoint: Endpoint,
    pub(crate) now: Now,
    pub(crate) sent: Vec<Sent>,
    pub(crate) events: Vec<Event>,
    pub(crate) disconnected: Vec<ConnectionId>,
    /// Ports given to sessions by themselves, as the program would.
    pub(crate) accepts: bool,
    next_port: u16,
}

impl Recorder {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            endpoint: Endpoint::new(config, [7; 32]),
            now: Now::ZERO,
            sent: Vec::new(),
            events: Vec::new(),
            disconnected: Vec::new(),
            accepts: true,
            next_port: 20_000,
        }
    }

    pub(crate) fn strict() -> Self {
        Self::new(config(Leniency::Strict))
    }

    pub(crate) fn input(&mut self, input: Input<'_>) {
        self.endpoint.handle(self.now, input);
        self.drain();
    }

    pub(crate) fn command(&mut self, command: Command) {
        self.input(Input::Command(command));
    }

    /// A datagram from the usual peer.
    pub(crate) fn udp(&mut self, text: impl AsRef<[u8]>) {
        self.udp_from(peer(), text);
    }

    pub(crate) fn udp_from(&mut self, peer: SocketAddr, text: impl AsRef<[u8]>) {
        self.input(Input::Datagram { peer, bytes: text.as_ref() });
    }

    pub(crate) fn connect(&mut self, connection: u64, peer: SocketAddr) {
        let connection = ConnectionId(connection);
        self.input(Input::Connected { connection, transport: Transport::Tcp, peer, certificate: None });
    }

    pub(crate) fn tcp(&mut self, connection: u64, bytes: impl AsRef<[u8]>) {
        self.input(Input::Bytes { connection: ConnectionId(connection), bytes: bytes.as_ref() });
    }

    /// Lets time pass, waking the endpoint whenever it wants.
    pub(crate) fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            match self.endpoint.poll() {
                Output::Timeout(at) if at <= end => {
                    self.now = at.max(self.now);
                    self.input(Input::Timeout);
                }
                Output::Timeout(_) | Output::Idle => break,
                other => panic!("drained before: {other:?}"),
            }
        }
        self.now = end;
        self.input(Input::Timeout);
    }

    fn drain(&mut self) {
        loop {
            match self.endpoint.poll() {
                Output::Transmit { to, bytes } => {
                    if bytes == b"\r\n" {
                        continue;
                    }
                    let message = parse(&bytes).expect("the endpoint prints what can be read");
                    self.sent.push(Sent { at: self.now, to, message });
                }
                Output::Disconnect { connection } => self.disconnected.push(connection),
                Output::Event(event) => self.event(event),
                Output::Timeout(_) | Output::Idle => break,
            }
        }
    }

    fn event(&mut self, event: Event) {
        let wants = match &event {
            Event::Invited { session, invitation } => Some((*session, invitation.plan.lines.len())),
            Event::Modified { session, modification } if modification.awaits_answer => {
                Some((*session, modification.plan.lines.len()))
            }
            _ => None,
        };
        self.events.push(event);
        if let Some((session, lines)) = wants.filter(|_| self.accepts) {
            self.accept(session, lines);
        }
    }

    /// Accepts with ports that stay the same for lines that have one.
    pub(crate) fn accept(&mut self, session: SessionId, lines: usize) {
        let held = self.endpoint.session(session).map(|s| s.media().to_vec()).unwrap_or_default();
        let media = (0..lines)
            .map(|line| {
                held.get(line).cloned().flatten().or_else(|| {
                    self.next_port += 2;
                    let key = Some(our_key());
                    Some(LocalMedia { rtp_port: self.next_port, rtcp_port: self.next_port + 1, key })
                })
            })
            .collect();
        self.endpoint.handle(self.now, Input::Command(Command::Accept { session, media }));
        self.drain();
    }

    /// Takes the responses sent so far.
    pub(crate) fn responses(&mut self) -> Vec<Response> {
        self.sent
            .drain(..)
            .filter_map(|sent| match sent.message {
                Message::Response(response) => Some(response),
                Message::Request(_) => None,
            })
            .collect()
    }

    /// Takes what was sent; it must be one response.
    #[track_caller]
    pub(crate) fn response(&mut self) -> Response {
        let mut responses = self.responses();
        assert_eq!(responses.len(), 1, "{responses:?}");
        responses.remove(0)
    }

    /// Takes the requests sent so far.
    pub(crate) fn requests(&mut self) -> Vec<(Now, Target, Request)> {
        self.sent
            .drain(..)
            .filter_map(|sent| match sent.message {
                Message::Request(request) => Some((sent.at, sent.to, request)),
                Message::Response(_) => None,
            })
            .collect()
    }

    /// Takes what was sent; it must be one request.
    #[track_caller]
    pub(crate) fn request(&mut self) -> Request {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0).2
    }

    /// When responses with this status went out, in ms since `since`.
    pub(crate) fn times_of(&self, status: u16, since: Now) -> Vec<u128> {
        let is = |sent: &&Sent| matches!(&sent.message, Message::Response(r) if r.status == status);
        self.sent.iter().filter(is).map(|sent| (sent.at - since).as_millis()).collect()
    }

    /// Why a session was closed, if one was.
    pub(crate) fn closed(&self) -> Option<&CloseCause> {
        self.events.iter().find_map(|event| match event {
            Event::Closed { cause, .. } => Some(cause),
            _ => None,
        })
    }

    /// The names of all events so far, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let name = |event: &Event| {
            let text = format!("{event:?}");
            text.split([' ', '(']).next().unwrap_or_default().to_owned()
        };
        self.events.iter().map(name).collect()
    }

    /// Opens a confirmed session from the usual peer over UDP; gives its dialog.
    pub(crate) fn call(&mut self) -> Call {
        self.call_with(Invite::default())
    }

    pub(crate) fn call_with(&mut self, invite: Invite) -> Call {
        self.udp(invite.text());
        let response = self.response();
        assert_eq!(response.status, 200, "{response:?}");
        let call = Call::of(&response);
        self.udp(call.ack(invite.cseq));
        call
    }

    /// The number of the newest session.
    pub(crate) fn session(&self) -> SessionId {
        let invited = |event: &Event| match event {
            Event::Invited { session, .. } => Some(*session),
            _ => None,
        };
        self.events.iter().rev().find_map(invited).expect("somebody was invited")
    }
}

/// An INVITE written by hand.
#[derive(Clone)]
pub(crate) struct Invite {
    pub(crate) cseq: u32,
    pub(crate) branch: String,
    pub(crate) headers: String,
    pub(crate) body: String,
    pub(crate) to_tag: String,
    pub(crate) call_id: String,
}

/// Two G.711 lines, as a client offers them.
pub(crate) fn sdp(version: u32, direction: &str, port: u16) -> String {
    format!(
        "v=0\r\no=- 1 {version} IN IP4 198.51.100.11\r\ns=-\r\nc=IN IP4 198.51.100.11\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0 8\r\na={direction}\r\na=label:1\r\n\
         m=audio {} RTP/AVP 0 8\r\na={direction}\r\na=label:2\r\n",
        port + 2
    )
}

impl Default for Invite {
    fn default() -> Self {
        Self {
            cseq: 1,
            branch: "z9hG4bKinvite".into(),
            headers: "Require: siprec\r\nContact: <sip:src@198.51.100.11:5060>;+sip.src\r\n\
                      Content-Type: application/sdp\r\n"
                .into(),
            body: sdp(1, "sendonly", 30_000),
            to_tag: String::new(),
            call_id: "call@src".into(),
        }
    }
}

impl Invite {
    pub(crate) fn text(&self) -> String {
        self.as_method("INVITE")
    }

    pub(crate) fn as_method(&self, method: &str) -> String {
        let Self { cseq, branch, headers, body, to_tag, call_id } = self;
        let tag = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
        format!(
            "{method} sip:recorder@203.0.113.10 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.11:5060;branch={branch}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:src@src.example.com>;tag=src1\r\nTo: <sip:recorder@srs.example.net>{tag}\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}

/// A dialog as the peer sees it.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) to_tag: String,
    pub(crate) call_id: String,
}

impl Call {
    pub(crate) fn of(response: &Response) -> Self {
        let to = siprec::message::header::NameAddr::parse(response.headers.get("To").unwrap()).unwrap();
        Self {
            to_tag: to.tag().unwrap().to_owned(),
            call_id: response.headers.get("Call-ID").unwrap().to_owned(),
        }
    }

    /// A request inside the dialog, without body unless one is set.
    pub(crate) fn inside(&self, cseq: u32) -> Invite {
        Invite {
            cseq,
            branch: format!("z9hG4bKin{cseq}"),
            headers: "Contact: <sip:src@198.51.100.11:5060>;+sip.src\r\n".into(),
            body: String::new(),
            to_tag: self.to_tag.clone(),
            call_id: self.call_id.clone(),
        }
    }

    /// A re-INVITE or UPDATE with SDP.
    pub(crate) fn reoffer(&self, cseq: u32, sdp: String) -> Invite {
        let mut invite = self.inside(cseq);
        invite.headers.push_str("Content-Type: application/sdp\r\n");
        invite.body = sdp;
        invite
    }

    pub(crate) fn ack(&self, cseq: u32) -> String {
        let mut ack = self.inside(cseq);
        ack.branch = format!("z9hG4bKack{cseq}");
        ack.as_method("ACK")
    }
}

/// The answer to a request of the endpoint's.
pub(crate) fn answer(request: &Request, status: u16, extra: &[(&str, &str)]) -> Vec<u8> {
    let mut response = request.respond(status);
    for (name, value) in extra {
        response.headers.push(name, *value);
    }
    response.to_bytes()
}

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}
