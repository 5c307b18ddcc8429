//! A dialog as the server side of it sees it (RFC 3261 §12).

use core::net::{IpAddr, SocketAddr};

use crate::{
    Identity, Source, Target, Transport,
    message::{Essentials, Headers, Method, Request, Uri, header::NameAddr},
};

/// What tells dialogs apart (§12).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct DialogId {
    pub(crate) sip_call_id: String,
    pub(crate) local_tag: String,
    pub(crate) remote_tag: String,
}

impl DialogId {
    /// The dialog a request from the other side belongs to; `None` if it is outside any.
    pub(crate) fn of_request(essentials: &Essentials) -> Option<Self> {
        Some(Self {
            sip_call_id: essentials.sip_call_id.clone(),
            local_tag: essentials.to.tag()?.to_owned(),
            remote_tag: essentials.from.tag().unwrap_or("").to_owned(),
        })
    }
}

/// The state both sides share.
#[derive(Debug)]
pub(crate) struct Dialog {
    pub(crate) id: DialogId,
    /// Our From in requests of ours: the To of the INVITE with our tag.
    local: NameAddr,
    /// Our To in requests of ours: the From of the INVITE.
    remote: String,
    local_cseq: u32,
    remote_cseq: u32,
    /// Record-Route of the INVITE, in order: we are the server (§12.1.1).
    route_set: Vec<String>,
    remote_target: String,
    /// Where the other side's last request came from.
    source: Source,
    /// Whether it is one of SIPS: by its Request-URI, or by the hop nearest to us (§12.1.1).
    sips: bool,
    /// Whether the INVITE's Via showed an address translator on the way, so that its Contact is of no use to us.
    translated: bool,
}

impl Dialog {
    /// The dialog our answer to an INVITE will open.
    pub(crate) fn new(request: &Request, essentials: &Essentials, source: Source, tag: String) -> Self {
        let id = DialogId {
            sip_call_id: essentials.sip_call_id.clone(),
            local_tag: tag.clone(),
            remote_tag: essentials.from.tag().unwrap_or("").to_owned(),
        };
        let mut local = essentials.to.clone();
        local.params.set("tag", Some(tag));
        let stated: Option<IpAddr> = essentials.via.host.parse().ok();
        let is_sips = |uri: &str| Uri::parse(uri).is_ok_and(|uri| uri.scheme == "sips");
        let nearest = request.headers.list("Record-Route").chain(request.headers.list("Contact")).next();
        let nearest = nearest.and_then(|hop| NameAddr::parse(hop).ok());
        let mut dialog = Self {
            sips: is_sips(&request.uri) || nearest.is_some_and(|hop| is_sips(&hop.uri)),
            id,
            local,
            remote: request.headers.get("From").unwrap_or_default().to_owned(),
            local_cseq: 0,
            remote_cseq: essentials.cseq.number,
            route_set: request.headers.list("Record-Route").map(str::to_owned).collect(),
            remote_target: String::new(),
            source,
            translated: stated.is_some_and(|address| address != source.peer.ip()),
        };
        dialog.retarget(&request.headers);
        dialog
    }

    /// Our last number, and theirs.
    pub(crate) fn numbers(&self) -> (u32, u32) {
        (self.local_cseq, self.remote_cseq)
    }

    pub(crate) fn remote_target(&self) -> &str {
        &self.remote_target
    }

    /// Takes the numbers and the target the dialog had in an earlier run.
    pub(crate) fn go_on(&mut self, local_cseq: u32, remote_cseq: u32, remote_target: String) {
        (self.local_cseq, self.remote_cseq, self.remote_target) = (local_cseq, remote_cseq, remote_target);
    }

    /// Takes the Contact of a target refresh request, or of the answer to one of ours (§12.2.2).
    pub(crate) fn retarget(&mut self, headers: &Headers) {
        let contact = headers.list("Contact").next().and_then(|c| NameAddr::parse(c).ok());
        if let Some(contact) = contact {
            self.remote_target = contact.uri;
        }
    }

    /// Notes the number of a request. `false`: it is out of order (§12.2.2).
    pub(crate) fn advance(&mut self, number: u32) -> bool {
        let in_order = number > self.remote_cseq;
        self.remote_cseq = self.remote_cseq.max(number);
        in_order
    }

    /// Whether a request may come from there: the same connection, the same certificate, or where there is
    /// none the same address by any connection (F-SIP-3).
    pub(crate) fn admits(&self, source: &Source) -> bool {
        // F-TLS-1: what began encrypted does not go on in the clear.
        if self.source.transport == Transport::Tls && source.transport != Transport::Tls {
            return false;
        }
        let same_connection = source.connection.is_some() && source.connection == self.source.connection;
        if same_connection {
            return true;
        }
        // What began under a certificate goes on under it, or under another of the same trunk: certificates are renewed
        // while calls last, and the nodes of one SBC may have one each.
        if self.source.certificate.is_some() {
            let same_trunk = self.source.rule.is_some() && self.source.rule == source.rule;
            let same_certificate = self.source.certificate == source.certificate;
            return same_certificate || (same_trunk && source.certificate.is_some());
        }
        source.peer.ip().to_canonical() == self.source.peer.ip().to_canonical()
    }

    /// Notes where the other side is now.
    pub(crate) fn seen_from(&mut self, source: Source) {
        self.source = source;
    }

    /// Forgets a connection that is gone.
    pub(crate) fn disconnected(&mut self, connection: crate::ConnectionId) {
        if self.source.connection == Some(connection) {
            self.source.connection = None;
        }
    }

    pub(crate) fn source(&self) -> Source {
        self.source
    }

    /// Our Contact in it. One of SIPS can be reached over TLS only: where the other side came in the clear all the
    /// same, that would be nowhere.
    pub(crate) fn contact(&self, identity: &Identity) -> String {
        match self.source.transport {
            Transport::Tls if self.sips => identity.sips_contact(),
            transport => identity.contact(transport),
        }
    }

    /// A request of ours inside the dialog (§12.2.1.1), complete but for its body.
    pub(crate) fn request(&mut self, method: Method, branch: &str, identity: &Identity) -> Request {
        self.local_cseq += 1;
        self.request_numbered(method, self.local_cseq, branch, identity)
    }

    /// The ACK to a 2xx: it repeats the INVITE's number (§13.2.2.4).
    pub(crate) fn ack(&self, number: u32, branch: &str, identity: &Identity) -> Request {
        self.request_numbered(Method::Ack, number, branch, identity)
    }

    fn request_numbered(&self, method: Method, number: u32, branch: &str, identity: &Identity) -> Request {
        let transport = self.source.transport;
        let (uri, routes) = self.route();
        let mut request = Request::new(method, uri);
        let headers = &mut request.headers;
        let sent_by = identity.sent_by(transport);
        headers.push("Via", format!("SIP/2.0/{} {sent_by};branch={branch};rport", transport.as_str()));
        headers.push("Max-Forwards", "70");
        headers.push("From", self.local.to_string());
        headers.push("To", self.remote.clone());
        headers.push("Call-ID", self.id.sip_call_id.clone());
        headers.push("CSeq", format!("{number} {}", request.method));
        for route in routes {
            headers.push("Route", route);
        }
        request
    }

    /// Request-URI and Route lines: loose routing, and strict routing for an old first hop.
    fn route(&self) -> (String, Vec<String>) {
        let first = self.route_set.first().and_then(|route| NameAddr::parse(route).ok());
        let strict = first.filter(|first| !Uri::parse(&first.uri).is_ok_and(|uri| uri.params.has("lr")));
        match strict {
            None => (self.remote_target.clone(), self.route_set.clone()),
            Some(first) => {
                let rest = self.route_set.iter().skip(1).cloned();
                (first.uri, rest.chain([format!("<{}>", self.remote_target)]).collect())
            }
        }
    }

    /// Where a request of ours goes. Host names are not looked up: then, and behind an address translator, it goes to
    /// where the other side's last request came from.
    pub(crate) fn next_hop(&self) -> Target {
        self.source.connection.map_or_else(|| self.stated_hop(), Target::Connection)
    }

    /// The same without the connection at hand.
    pub(crate) fn stated_hop(&self) -> Target {
        let hop = self.route_set.first().and_then(|route| NameAddr::parse(route).ok());
        let hop = hop.map_or_else(|| self.remote_target.clone(), |route| route.uri);
        let stated = Uri::parse(&hop).ok().filter(|_| !self.translated).and_then(|uri| {
            let default = if self.source.transport == Transport::Tls { 5061 } else { 5060 };
            Some(SocketAddr::new(uri.address()?, uri.port.unwrap_or(default)))
        });
        let peer = stated.unwrap_or(self.source.peer);
        match self.source.transport {
            Transport::Udp => Target::Udp(peer),
            transport => Target::Dial { transport, peer },
        }
    }
}
