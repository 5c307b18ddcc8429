//! The API Server of WFO: XML over TCP, its web face, and its events (wfo-api sections 4 and 6). `ref/wfo-xml.md` has the wire.
//!
//! The protocol has no login, so who may speak it is decided by address: this machine, and the networks of `wfo_xml.allow`.
//! Nothing of it is heard unless it is set up.
//!
//! Belongs here: this face's words. Does not: what a command does (the desk), the JSON face.

mod answer;
mod call;
mod code;
mod command;
mod document;
mod events;
mod framer;
mod list;
mod parameters;
mod peers;
mod tcp;
mod users;
mod web;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch as signal;

use crate::config::WfoXml;
use crate::http::App;
pub(crate) use peers::Peers;

/// Where the faces are heard; none that is not set up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Heard {
    /// Commands over TCP.
    pub commands: Option<SocketAddr>,
    /// Events over TCP.
    pub events: Option<SocketAddr>,
    /// Commands over HTTP.
    pub web: Option<SocketAddr>,
    /// Commands over HTTPS.
    pub web_tls: Option<SocketAddr>,
}

/// A port that cannot be heard.
#[derive(Debug)]
pub(crate) struct NotHeard {
    pub(crate) what: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) cause: std::io::Error,
}

/// Hears what is set up, until the recorder stops.
pub(crate) async fn start(
    settings: &WfoXml,
    app: App,
    stop: signal::Receiver<bool>,
) -> Result<Heard, NotHeard> {
    let allowed = settings.allow.iter().map(|network| network.of_media()).collect();
    let peers = Peers::new(allowed, Arc::clone(&app.metrics), app.clock);
    let app = Arc::new(app);
    let mut heard = Heard::default();
    if let Some((listener, address)) = hear("WFO XML", settings.listen).await? {
        tokio::spawn(tcp::accept(listener, peers.clone(), Arc::clone(&app), stop.clone()));
        heard.commands = Some(address);
    }
    if let Some((listener, address)) = hear("WFO XML events", settings.events).await? {
        events::start(listener, peers.clone(), Arc::clone(&app), stop.clone());
        heard.events = Some(address);
    }
    if let Some((listener, address)) = hear("WFO XML over HTTP", settings.web).await? {
        web::start(listener, peers.clone(), Arc::clone(&app), stop.clone(), None);
        heard.web = Some(address);
    }
    if let Some(tls) = app.sip_tls.clone()
        && let Some((listener, address)) = hear("WFO XML over HTTPS", settings.web_tls).await?
    {
        web::start(listener, peers, app, stop, Some(tls));
        heard.web_tls = Some(address);
    }
    Ok(heard)
}

async fn hear(
    what: &'static str,
    address: Option<SocketAddr>,
) -> Result<Option<(TcpListener, SocketAddr)>, NotHeard> {
    let Some(address) = address else { return Ok(None) };
    let wrong = |cause| NotHeard { what, address, cause };
    let listener = TcpListener::bind(address).await.map_err(wrong)?;
    let heard = listener.local_addr().map_err(wrong)?;
    Ok(Some((listener, heard)))
}

/// Reads a stream as the ports do, parted at every `step` bytes, and each message as a request: what was answered to each, but
/// for what a command would do. The fuzzer has no other way in.
pub fn check_stream(bytes: &[u8], step: usize) -> Vec<String> {
    let mut framer = framer::Framer::default();
    let mut answers = Vec::new();
    for piece in bytes.chunks(step.max(1)) {
        framer.push(piece);
        loop {
            match framer.next() {
                framer::Next::Message(message) => answers.push(check_request(document::read(&message))),
                framer::Next::More => break,
                framer::Next::Broken(broken) => {
                    answers.push(broken.to_string());
                    return answers;
                }
            }
        }
    }
    answers
}

/// Reads the query of a URL as the web face does; see [`check_stream`].
pub fn check_query(query: &str) -> String {
    check_request(web::read(query, b""))
}

fn check_request(parameters: Result<parameters::Parameters, code::Fault>) -> String {
    let (head, outcome) = match command::read(parameters) {
        Ok(command::Request { mut parameters, head, .. }) => {
            let outcome = parameters.named_if_any().and_then(|_| parameters.fields(true));
            let done = |_| answer::Done { ignored: parameters.left(), ..answer::Done::ok() };
            (head, outcome.map(done))
        }
        Err((head, fault)) => (head, Err(fault)),
    };
    head.answer(&outcome)
}
