//! Tells the program of messages that came and went, where it wants to know (product decision 18).

use super::Endpoint;
use crate::{
    Event, Passed, Source, Target, Transport,
    excerpt::excerpt,
    message::{Message, Method, header::CSeq, header::NameAddr, parse},
};

impl Endpoint {
    pub(super) fn tell_received(&mut self, source: Source, message: &Message) {
        if self.config.tell_messages {
            self.tell_passed(false, source, message);
        }
    }

    pub(super) fn tell_sent(&mut self, to: Target, bytes: &[u8]) {
        if !self.config.tell_messages {
            return;
        }
        let rule = |peer: core::net::SocketAddr| self.config.find_rule(peer.ip(), None);
        let source = |transport, peer| Source {
            transport,
            peer,
            connection: None,
            rule: rule(peer),
            certificate: None,
        };
        let other_end = match to {
            Target::Udp(peer) => Some(source(Transport::Udp, peer)),
            Target::Dial { transport, peer } => Some(source(transport, peer)),
            Target::Connection(connection) => self.connections.get(&connection).map(|known| known.source),
        };
        // What we print parses; a keepalive is no message.
        if let (Some(other_end), Ok(message)) = (other_end, parse(bytes)) {
            self.tell_passed(true, other_end, &message);
        }
    }

    fn tell_passed(&mut self, sent: bool, other_end: Source, message: &Message) {
        let headers = match message {
            Message::Request(request) => &request.headers,
            Message::Response(response) => &response.headers,
        };
        let word = |name| headers.get(name).unwrap_or_default();
        let Ok(cseq) = CSeq::parse(word("CSeq")) else { return };
        // Each of our answers has a tag, be it in a dialog or not.
        let answer = sent && matches!(message, Message::Response(_)) && cseq.method == Method::Options;
        let in_dialog = !answer && NameAddr::parse(word("To")).is_ok_and(|to| to.tag().is_some());
        // Health checks, registrations and what scanners send belong to no session.
        let opens = matches!(cseq.method, Method::Invite | Method::Ack | Method::Cancel);
        if !opens && !in_dialog {
            return;
        }
        let what = match message {
            Message::Request(request) => request.method.to_string(),
            Message::Response(response) => response.status.to_string(),
        };
        let sip_call_id = word("Call-ID").to_owned();
        let text = excerpt(message);
        let trunk = self.config.rule(&other_end).map(|rule| rule.name.clone());
        let Source { transport, peer, .. } = other_end;
        let passed = Passed { sent, transport, peer, trunk, sip_call_id, what, cseq: cseq.to_string(), text };
        self.emit(Event::Passed(Box::new(passed)));
    }
}
