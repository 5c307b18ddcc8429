//! A recording client written by hand: it shares no line of code with the recorder, and says on the wire
//! exactly what a test wants said.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::time::{Since, now_ns};

/// How long an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(15);

/// How signalling travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// One connection.
    Tcp,
}

impl Transport {
    /// As a Via writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }
}

/// A message, taken apart as far as tests look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The first line.
    pub first: String,
    /// The other lines of the head.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Message {
    /// A status, 0 for a request.
    pub fn status(&self) -> u16 {
        let status = self.first.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3));
        status.and_then(|digits| digits.parse().ok()).unwrap_or_default()
    }

    /// A header's first value, empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// The m-lines of the SDP.
    pub fn media_lines(&self) -> Vec<&str> {
        self.body.lines().filter(|line| line.starts_with("m=")).collect()
    }

    /// The ports of the m-lines.
    ///
    /// # Panics
    /// When one has none.
    pub fn media_ports(&self) -> Vec<u16> {
        let port = |line: &&str| line.split(' ').nth(1).and_then(|port| port.parse().ok());
        self.media_lines().iter().map(|line| port(line).expect("an m-line has a port")).collect()
    }

    /// Reads the first whole message, and how long it is.
    fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
        let mut lines = head.split("\r\n");
        let first = lines.next()?.to_owned();
        let header = |line: &str| {
            line.split_once(':').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        };
        let headers: Vec<(String, String)> = lines.filter_map(header).collect();
        let mut message = Self { first, headers, body: String::new() };
        let length: usize = message.header("Content-Length").parse().unwrap_or_default();
        let body = bytes.get(head_end..head_end + length)?;
        message.body = String::from_utf8_lossy(body).into_owned();
        Some((message, head_end + length))
    }
}

/// A way to a recorder.
#[derive(Debug)]
pub struct Line {
    /// Our address.
    pub local: SocketAddr,
    /// How it travels.
    pub transport: Transport,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Udp(UdpSocket),
    Tcp(TcpStream, Vec<u8>),
}

impl Line {
    /// Opens a way to the recorder.
    ///
    /// # Panics
    /// When there is none.
    pub fn open(recorder: SocketAddr, transport: Transport) -> Self {
        Self::open_from(Ipv4Addr::LOCALHOST.into(), recorder, transport)
    }

    /// Opens a way to the recorder; datagrams leave from this address.
    ///
    /// # Panics
    /// When there is none.
    pub fn open_from(from: IpAddr, recorder: SocketAddr, transport: Transport) -> Self {
        let way = match transport {
            Transport::Udp => {
                let socket = UdpSocket::bind((from, 0)).expect("a port");
                socket.connect(recorder).expect("an address");
                Way::Udp(socket)
            }
            Transport::Tcp => Way::Tcp(TcpStream::connect(recorder).expect("a connection"), Vec::new()),
        };
        let local = match &way {
            Way::Udp(socket) => socket.local_addr(),
            Way::Tcp(stream, _) => stream.local_addr(),
        };
        Self { local: local.expect("it is bound"), transport, way }
    }

    /// Opens a way for datagrams from an address of this machine.
    ///
    /// # Panics
    /// When it is taken.
    pub fn udp_from(local: SocketAddr, recorder: SocketAddr) -> Self {
        let socket = UdpSocket::bind(local).unwrap_or_else(|error| panic!("{local}: {error}"));
        socket.connect(recorder).expect("an address");
        let local = socket.local_addr().expect("it is bound");
        Self { local, transport: Transport::Udp, way: Way::Udp(socket) }
    }

    /// Sends bytes, if the recorder still takes them.
    pub fn try_send(&mut self, bytes: &[u8]) -> bool {
        match &mut self.way {
            Way::Udp(socket) => socket.send(bytes).is_ok(),
            Way::Tcp(stream, _) => stream.write_all(bytes).is_ok(),
        }
    }

    /// Sends bytes.
    ///
    /// # Panics
    /// When they cannot be sent.
    pub fn send(&mut self, bytes: &[u8]) {
        match &mut self.way {
            Way::Udp(socket) => drop(socket.send(bytes).expect("a datagram of this size can be sent")),
            Way::Tcp(stream, _) => stream.write_all(bytes).expect("the recorder reads"),
        }
    }

    /// The next message that comes in `within`, if one does.
    pub fn receive(&mut self, within: Duration) -> Option<Message> {
        let began = Since::now();
        let mut buffer = vec![0; 65_535];
        loop {
            if let Way::Tcp(_, waiting) = &mut self.way
                && let Some((message, length)) = Message::read(waiting)
            {
                waiting.drain(..length);
                return Some(message);
            }
            let left = within.checked_sub(began.elapsed()).filter(|left| !left.is_zero())?;
            match &mut self.way {
                Way::Udp(socket) => {
                    socket.set_read_timeout(Some(left)).ok()?;
                    let count = socket.recv(&mut buffer).ok()?;
                    if let Some((message, _)) = Message::read(&buffer[..count]) {
                        return Some(message);
                    }
                }
                Way::Tcp(stream, waiting) => {
                    stream.set_read_timeout(Some(left)).ok()?;
                    let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
                    waiting.extend_from_slice(&buffer[..count]);
                }
            }
        }
    }

    /// The final answer to the request of this `CSeq`. Over UDP the request is repeated until one comes.
    ///
    /// # Panics
    /// When none comes.
    pub fn final_answer(&mut self, request: &[u8], cseq: &str) -> Message {
        let began = Since::now();
        let mut wait = Duration::from_millis(500);
        while began.elapsed() < PATIENCE {
            match self.receive(wait) {
                Some(message) if message.status() >= 200 && message.header("CSeq") == cseq => return message,
                Some(_) => {}
                None => {
                    if self.transport == Transport::Udp {
                        self.send(request);
                    }
                    wait = (wait * 2).min(Duration::from_secs(4));
                }
            }
        }
        panic!("no answer to {cseq} within {PATIENCE:?}");
    }

    /// Sends a request and waits for its final answer.
    ///
    /// # Panics
    /// When none comes.
    pub fn ask(&mut self, request: &[u8]) -> Message {
        let (head, _) = Message::read(request).expect("a request is whole");
        self.send(request);
        self.final_answer(request, head.header("CSeq"))
    }
}

/// One m-line that is offered.
#[derive(Debug, Clone)]
pub struct Stream {
    /// The port we send from.
    pub port: u16,
    /// Its label.
    pub label: &'static str,
    /// Payload types, as the m-line lists them.
    pub formats: &'static str,
    /// Their rtpmap lines, without `a=rtpmap:`.
    pub maps: Vec<&'static str>,
    /// Its direction, as its attribute says it.
    pub direction: &'static str,
    /// Its crypto lines, without `a=crypto:`; with any it is RTP/SAVP.
    pub crypto: Vec<String>,
}

impl Stream {
    /// PCMU and telephone events.
    pub fn g711(label: &'static str, port: u16) -> Self {
        let maps = vec!["0 PCMU/8000", "101 telephone-event/8000"];
        Self { port, label, formats: "0 101", maps, direction: "sendonly", crypto: Vec::new() }
    }
}

/// What an INVITE offers and tells.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The m-lines.
    pub streams: Vec<Stream>,
    /// The metadata document; as it is, whatever it is.
    pub metadata: Vec<u8>,
    sip_call_id: String,
}

impl Offer {
    /// Two legs of G.711 on these ports; the second is the agent's.
    pub fn two_legs(agent_phone: &str, ports: [u16; 2]) -> Self {
        Self::new(
            vec![Stream::g711("1", ports[0]), Stream::g711("2", ports[1])],
            metadata(agent_phone).into_bytes(),
        )
    }

    /// Any streams, any metadata.
    pub fn new(streams: Vec<Stream>, metadata: Vec<u8>) -> Self {
        Self { streams, metadata, sip_call_id: format!("sim-{}@127.0.0.1", unique()) }
    }

    /// SIP's Call-ID.
    pub fn sip_call_id(&self) -> &str {
        &self.sip_call_id
    }

    fn sdp(&self, version: u32) -> String {
        let mut sdp =
            format!("v=0\r\no=sim 1 {version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n");
        for stream in &self.streams {
            let profile = if stream.crypto.is_empty() { "RTP/AVP" } else { "RTP/SAVP" };
            sdp += &format!("m=audio {} {profile} {}\r\n", stream.port, stream.formats);
            for crypto in &stream.crypto {
                sdp += &format!("a=crypto:{crypto}\r\n");
            }
            for map in &stream.maps {
                sdp += &format!("a=rtpmap:{map}\r\n");
            }
            sdp += &format!("a=ptime:20\r\na={}\r\na=label:{}\r\n", stream.direction, stream.label);
        }
        sdp
    }

    /// The INVITE in the shape of RFC 7866.
    pub fn invite(&self, line: &Line) -> Vec<u8> {
        let mut body =
            format!("--b1\r\nContent-Type: application/sdp\r\n\r\n{}\r\n--b1\r\n", self.sdp(1)).into_bytes();
        body.extend(
            b"Content-Type: application/rs-metadata+xml\r\nContent-Disposition: recording-session\r\n\r\n",
        );
        body.extend(&self.metadata);
        body.extend(b"\r\n--b1--\r\n");
        let extra = "Require: siprec\r\nAccept: application/sdp, application/rs-metadata+xml\r\n\
                     MIME-Version: 1.0\r\nContent-Type: multipart/mixed;boundary=b1\r\n";
        let head = self.head(line, "1 INVITE", "", extra, body.len());
        [head.into_bytes(), body].concat()
    }

    fn head(&self, line: &Line, cseq: &str, to_tag: &str, extra: &str, length: usize) -> String {
        let method = cseq.rsplit(' ').next().unwrap_or_default();
        let (local, transport, id) = (line.local, line.transport.name(), &self.sip_call_id);
        let lower = transport.to_lowercase();
        let branch: String = format!("{cseq}{id}").chars().filter(char::is_ascii_alphanumeric).collect();
        format!(
            "{method} sip:recorder@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/{transport} {local};branch=z9hG4bK{branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:src@127.0.0.1>;tag=src\r\nTo: <sip:recorder@127.0.0.1>{to_tag}\r\n\
             Call-ID: {id}\r\nCSeq: {cseq}\r\nContact: <sip:src@{local};transport={lower}>;+sip.src\r\n{extra}\
             Content-Length: {length}\r\n\r\n"
        )
    }
}

/// A recording session that is up.
#[derive(Debug)]
pub struct Session {
    line: Line,
    offer: Offer,
    to_tag: String,
    recorder: SocketAddr,
    cseq: u32,
    /// The 200.
    pub answer: Message,
}

impl Session {
    /// Offers, and acknowledges the answer.
    ///
    /// # Errors
    /// The answer, when it is no 200.
    pub fn open(recorder: SocketAddr, transport: Transport, offer: Offer) -> Result<Self, Message> {
        let mut line = Line::open(recorder, transport);
        let answer = line.ask(&offer.invite(&line));
        if answer.status() != 200 {
            return Err(answer);
        }
        let tag = answer.header("To").rsplit_once("tag=").map(|(_, tag)| tag).unwrap_or_default();
        let to_tag = format!(";tag={tag}");
        let mut session = Self { line, offer, to_tag, recorder, cseq: 1, answer };
        let ack = session.offer.head(&session.line, "1 ACK", &session.to_tag, "", 0);
        session.line.send(ack.as_bytes());
        Ok(session)
    }

    /// The metadata document that was told at first, as text.
    pub fn metadata(&self) -> String {
        String::from_utf8_lossy(&self.offer.metadata).into_owned()
    }

    /// Where the media of each line go.
    pub fn media(&self) -> Vec<SocketAddr> {
        let ports = self.answer.media_ports();
        ports.into_iter().map(|port| SocketAddr::new(self.recorder.ip(), port)).collect()
    }

    /// Connects anew to the recorder, which was restarted.
    pub fn reconnect(&mut self) {
        self.line = Line::open(self.recorder, self.line.transport);
    }

    /// Tells new metadata with an UPDATE (RFC 7866 section 9.1). The status of the answer.
    pub fn describe(&mut self, metadata: &[u8]) -> u16 {
        self.cseq += 1;
        let extra = "Require: siprec\r\nContent-Type: application/rs-metadata+xml\r\n\
                     Content-Disposition: recording-session\r\n";
        let cseq = format!("{} UPDATE", self.cseq);
        let head = self.offer.head(&self.line, &cseq, &self.to_tag, extra, metadata.len());
        self.line.ask(&[head.as_bytes(), metadata].concat()).status()
    }

    /// Offers its streams anew, changed, with an UPDATE (RFC 3311). The answer.
    pub fn reoffer(&mut self, change: impl FnOnce(&mut Vec<Stream>)) -> Message {
        self.cseq += 1;
        change(&mut self.offer.streams);
        let sdp = self.offer.sdp(self.cseq);
        let cseq = format!("{} UPDATE", self.cseq);
        let extra = "Content-Type: application/sdp\r\n";
        let head = self.offer.head(&self.line, &cseq, &self.to_tag, extra, sdp.len());
        self.line.ask(&[head.as_bytes(), sdp.as_bytes()].concat())
    }

    /// The next request that the recorder sends in the dialog.
    ///
    /// # Panics
    /// When none comes.
    pub fn request(&mut self) -> Message {
        let began = Since::now();
        while let Some(left) = PATIENCE.checked_sub(began.elapsed()) {
            match self.line.receive(left) {
                Some(message) if message.status() == 0 => return message,
                _ => {}
            }
        }
        panic!("no request of the recorder within {PATIENCE:?}");
    }

    /// Answers a request of the recorder, such as with `481 Gone`.
    pub fn respond(&mut self, request: &Message, status: &str) {
        let mut answer = format!("SIP/2.0 {status}\r\n");
        let same = ["via", "from", "to", "call-id", "cseq"];
        for (name, value) in &request.headers {
            if same.contains(&name.to_ascii_lowercase().as_str()) {
                answer += &format!("{name}: {value}\r\n");
            }
        }
        answer += "Content-Length: 0\r\n\r\n";
        self.line.send(answer.as_bytes());
    }

    /// Hangs up. The status of the answer.
    pub fn bye(mut self) -> u16 {
        let cseq = format!("{} BYE", self.cseq + 1);
        let bye = self.offer.head(&self.line, &cseq, &self.to_tag, "", 0);
        self.line.ask(bye.as_bytes()).status()
    }
}

/// A number no two callers in this process get the same of, nor two of these processes.
fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", COUNT.fetch_add(1, Ordering::Relaxed), now_ns())
}

/// A metadata document (RFC 7865): a caller on label 1, an agent's phone on label 2, in a session of its own.
pub fn metadata(agent_phone: &str) -> String {
    let id = |letter: char| format!("{}==", String::from(letter).repeat(22));
    let session = format!("{:s>22}==", unique().replace('-', "+"));
    let (caller, agent, left, right) = (id('c'), id('a'), id('l'), id('r'));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<recording xmlns=\"urn:ietf:params:xml:ns:recording:1\">\n\
         <datamode>complete</datamode>\n<session session_id=\"{session}\"/>\n\
         <participant participant_id=\"{caller}\"><nameID aor=\"sip:+15550100@127.0.0.1\"/></participant>\n\
         <participant participant_id=\"{agent}\"><nameID aor=\"sip:{agent_phone}@127.0.0.1\"/></participant>\n\
         <stream stream_id=\"{left}\" session_id=\"{session}\"><label>1</label></stream>\n\
         <stream stream_id=\"{right}\" session_id=\"{session}\"><label>2</label></stream>\n\
         <participantstreamassoc participant_id=\"{caller}\"><send>{left}</send><recv>{right}</recv></participantstreamassoc>\n\
         <participantstreamassoc participant_id=\"{agent}\"><send>{right}</send><recv>{left}</recv></participantstreamassoc>\n\
         </recording>\n"
    )
}
