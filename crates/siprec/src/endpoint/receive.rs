//! From datagrams and streams to messages (RFC 3261 §18.2.1, §18.3).

use core::{net::SocketAddr, time::Duration};

use super::TimerId;

use crate::{
    Certificate, ConnectionId, Endpoint, Event, Output, Source, Target, Transport, Unlisted,
    message::{
        Essentials, Frame, Framer, FramingError, MAX_DATAGRAM_BYTES, Message, Method, ParseError, Request,
        header::Via, parse,
    },
};

/// How long a message on a stream may take from its first byte to its last: as long as a transaction (64*T1).
const MESSAGE_PATIENCE: Duration = Duration::from_secs(32);

/// A stream connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) source: Source,
    framer: Framer,
}

impl Endpoint {
    pub(super) fn datagram(&mut self, peer: SocketAddr, bytes: &[u8]) {
        if bytes.len() > MAX_DATAGRAM_BYTES {
            self.counters.datagrams_too_large += 1;
            return;
        }
        // A lone line break keeps an address translator open (RFC 5626 §3.5.1); it wants no answer over UDP.
        if bytes.iter().all(|b| matches!(b, b'\r' | b'\n' | 0)) {
            return;
        }
        let rule = self.config.find_rule(peer.ip(), None);
        let source = Source { transport: Transport::Udp, peer, connection: None, rule, certificate: None };
        self.bytes_of_message(source, bytes);
    }

    pub(super) fn connected(
        &mut self,
        connection: ConnectionId,
        transport: Transport,
        peer: SocketAddr,
        certificate: Option<&Certificate>,
    ) {
        let rule = self.config.find_rule(peer.ip(), certificate);
        let silent = rule.is_none() && self.config.unlisted == Unlisted::Silent;
        if silent || self.connections.len() >= self.config.limits.connections {
            self.counters.connections_refused += 1;
            self.outputs.push_back(Output::Disconnect { connection });
            return;
        }
        let certificate = certificate.map(|shown| shown.fingerprint);
        let source = Source { transport, peer, connection: Some(connection), rule, certificate };
        self.connections.insert(connection, Connection { source, framer: Framer::default() });
    }

    pub(super) fn bytes(&mut self, connection: ConnectionId, bytes: &[u8]) {
        let Some(stream) = self.connections.get_mut(&connection) else {
            self.counters.bytes_dropped += bytes.len() as u64;
            return;
        };
        stream.framer.push(bytes);
        // A message may lead to the connection's end, so it is looked up each time.
        while let Some(stream) = self.connections.get_mut(&connection) {
            let source = stream.source;
            match stream.framer.next_frame() {
                Ok(None) => return self.await_rest(connection),
                Ok(Some(Frame::Ping)) => self.transmit(Target::Connection(connection), b"\r\n".to_vec()),
                Ok(Some(Frame::Message(message))) => {
                    self.timers.stop(&TimerId::Message(connection));
                    self.bytes_of_message(source, &message);
                }
                Err(FramingError { fault, salvaged }) => {
                    let (status, why) = (fault.status(), fault.to_string());
                    self.faulty(source, salvaged.map(|request| *request), status, &why);
                    self.connections.remove(&connection);
                    self.outputs.push_back(Output::Disconnect { connection });
                }
            }
        }
    }

    /// A message that has begun must be whole in time; each whole one gives the next as long again.
    fn await_rest(&mut self, connection: ConnectionId) {
        let waits = self.connections.get(&connection).is_some_and(|stream| stream.framer.waiting_bytes() > 0);
        let timer = TimerId::Message(connection);
        if !waits {
            self.timers.stop(&timer);
        } else if !self.timers.is_running(&timer) {
            self.timers.start(timer, self.now + MESSAGE_PATIENCE);
        }
    }

    /// Closes a connection whose message does not come to its end.
    pub(super) fn break_off(&mut self, connection: ConnectionId) {
        if self.connections.remove(&connection).is_some() {
            self.counters.unreadable_dropped += 1;
            self.outputs.push_back(Output::Disconnect { connection });
        }
    }

    pub(super) fn disconnected(&mut self, connection: ConnectionId) {
        self.connections.remove(&connection);
        self.timers.stop(&TimerId::Message(connection));
        for session in self.sessions.values_mut() {
            session.disconnected(connection);
        }
        self.resend_elsewhere(connection);
    }

    /// The connection that was opened last, of those whose source fits.
    pub(super) fn newest_connection(&self, fits: impl Fn(&Source) -> bool) -> Option<ConnectionId> {
        self.connections.iter().filter(|(_, stream)| fits(&stream.source)).map(|(id, _)| *id).max()
    }

    fn bytes_of_message(&mut self, source: Source, bytes: &[u8]) {
        // Before anything is read (F-SIP-1).
        let listed = source.rule.is_some();
        if !listed && self.config.unlisted == Unlisted::Silent {
            self.counters.unlisted_dropped += 1;
            return;
        }
        let parsed = parse(bytes);
        if let (Ok(message), true) = (&parsed, listed || self.config.unlisted == Unlisted::Strict) {
            self.tell_received(source, message);
        }
        if !listed && self.config.unlisted == Unlisted::Refuse {
            return self.refuse_unlisted(source, parsed.ok(), bytes.len());
        }
        match parsed {
            Ok(Message::Request(request)) => {
                self.counters.requests += 1;
                // A10-02, F-TLS-1.
                let in_clear = source.transport != Transport::Tls;
                if in_clear && self.config.rule(&source).is_some_and(|rule| rule.secure_only) {
                    return self.faulty(source, Some(request), 403, "This trunk is heard over TLS only");
                }
                match Essentials::of_request(&request) {
                    Ok(essentials) => self.request(source, request, essentials),
                    Err(fault) => {
                        self.faulty(source, Some(request), fault.status(), &fault.to_string());
                    }
                }
            }
            Ok(Message::Response(response)) => {
                self.counters.responses += 1;
                self.response(&response);
            }
            // A3-08: what is too large is refused on a stream, dropped as a datagram.
            Err(error) if source.transport == Transport::Udp && error.fault.status() == 413 => {
                self.counters.datagrams_too_large += 1;
            }
            Err(ParseError { fault, salvaged, .. }) => {
                self.faulty(source, salvaged.map(|request| *request), fault.status(), &fault.to_string());
            }
        }
    }

    /// Answers a request that could not be read whole, without keeping anything, if there is enough to answer.
    fn faulty(&mut self, source: Source, request: Option<Request>, status: u16, why: &str) {
        let request = request.filter(|request| request.method != Method::Ack);
        let Some(mut request) = request.filter(|request| request.headers.get("Via").is_some()) else {
            self.counters.unreadable_dropped += 1;
            return;
        };
        self.note_source(&mut request, source);
        self.refuse_statelessly(source, &request, status, why);
    }

    fn refuse_unlisted(&mut self, source: Source, message: Option<Message>, request_bytes: usize) {
        let why = "peer not listed";
        if let Some(Message::Request(mut request)) = message
            && request.method != Method::Ack
        {
            let sip_call_id = request.headers.get("Call-ID").map(str::to_owned);
            self.note_source(&mut request, source);
            let response = self.stateless_response(&request, 403, "Forbidden").to_bytes();
            // F-SIP-2: no reply bigger than the request.
            if response.len() <= request_bytes {
                self.transmit(reply_target(source, &request), response);
                let (method, why) = (request.method, why.to_owned());
                self.emit(Event::Refused { source, method, sip_call_id, status: Some(403), why });
                return;
            }
        }
        self.counters.unlisted_dropped += 1;
    }

    /// Writes into the topmost Via where the request really came from.
    pub(super) fn note_source(&self, request: &mut Request, source: Source) {
        let Some((first, rest)) = split_first_via(request) else { return };
        if let Ok(mut via) = Via::parse(&first) {
            via.note_source(source.peer);
            let line = if rest.is_empty() { via.to_string() } else { format!("{via}, {rest}") };
            request.headers.set("Via", line);
        }
    }
}

/// The first element of the first Via line, and the other elements of that line.
fn split_first_via(request: &Request) -> Option<(String, String)> {
    let line = request.headers.get("Via")?;
    let mut elements = crate::message::header::list::split(line);
    let first = elements.next()?.to_owned();
    Some((first, elements.collect::<Vec<_>>().join(", ")))
}

/// Where the answer to a request goes (RFC 3261 §18.2.2, RFC 3581 §4).
pub(super) fn reply_target(source: Source, request: &Request) -> Target {
    if let Some(connection) = source.connection {
        return Target::Connection(connection);
    }
    let via = request.headers.list("Via").next().and_then(|via| Via::parse(via).ok());
    Target::Udp(via.map_or(source.peer, |via| via.reply_address(source.peer)))
}
