//! What tells server transactions apart (RFC 3261 §17.2.3).

use crate::message::{Essentials, Method, Request, header::via::MAGIC_COOKIE};

/// The name of a server transaction.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TransactionKey {
    id: String,
    method: Method,
}

impl TransactionKey {
    /// The transaction a request belongs to. An ACK belongs to its INVITE.
    pub fn of(request: &Request, essentials: &Essentials) -> Self {
        let method = if request.method == Method::Ack { Method::Invite } else { request.method.clone() };
        Self { id: Self::id(request, essentials), method }
    }

    /// The INVITE transaction a CANCEL wants to end.
    pub fn cancelled_by(request: &Request, essentials: &Essentials) -> Self {
        Self { id: Self::id(request, essentials), method: Method::Invite }
    }

    fn id(request: &Request, essentials: &Essentials) -> String {
        let via = &essentials.via;
        let port = via.port.map_or_else(String::new, |port| port.to_string());
        match via.branch().filter(|b| b.len() > MAGIC_COOKIE.len() && b.starts_with(MAGIC_COOKIE)) {
            Some(branch) => format!("{branch} {}:{port}", via.host.to_ascii_lowercase()),
            // A client of RFC 2543: branches need not be unique. The To tag is left out, as ACK has one and INVITE
            // has none.
            None => format!(
                "{} {} {} {} {}:{port} {}",
                essentials.sip_call_id,
                essentials.cseq.number,
                essentials.from.tag().unwrap_or(""),
                request.uri,
                via.host,
                via.branch().unwrap_or(""),
            ),
        }
    }
}
