//! The port of events: what happens, as EVENT documents, to whoever is connected (wfo-api section 9 row 28).
//!
//! One task reads the feed and prints each event once; each client has what it asked for. Who does not keep up is closed and
//! counted: nobody waits for a client.

use std::sync::Arc;
use std::time::Duration;

use calls::call::Call;
use calls::id::CallId;
use calls::tracker::Tracker;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc, watch as signal};

use super::answer::{Done, Outcome, Xml};
use super::code::{Code, Fault};
use super::command::{self, Command, Head, Request};
use super::document;
use super::parameters::Parameters;
use super::peers::Peers;
use super::tcp::{Messages, each_peer, write};
use crate::control::time::rfc3339;
use crate::http::App;
use crate::observe::feed::{Happened, Next, Told};
use crate::observe::metrics::Metrics;

/// How many events may wait for a client.
const WAITING: usize = 1_024;

/// How many answers may.
const WAITING_ANSWERS: usize = 4;

/// How long the end of a connection may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Every type of event, and the kind of the feed it is made of. Of a chat begin and end have types of their own.
const TYPES: [(&str, &str); 8] = [
    ("CALLSTART", "call.began"),
    ("CALLSTOP", "call.ended"),
    ("RECORDSTART", "recording.started"),
    ("RECORDSTOP", "recording.stopped"),
    ("BLACKOUTSTART", "blackout.opened"),
    ("BLACKOUTSTOP", "blackout.closed"),
    ("CHATSTART", ""),
    ("CHATSTOP", ""),
];

/// An event as every client gets it.
#[derive(Debug)]
struct Printed {
    kind: &'static str,
    document: String,
}

/// Tells events until the recorder stops.
pub(super) fn start(listener: TcpListener, peers: Peers, app: Arc<App>, stop: signal::Receiver<bool>) {
    let (told, _) = broadcast::channel(WAITING);
    let metrics = Arc::clone(&app.metrics);
    tokio::spawn(print_all(app, told.clone(), stop.clone()));
    let accept = each_peer(listener, peers, stop.clone(), move |stream| {
        let (metrics, mut stop, events) = (Arc::clone(&metrics), stop.clone(), told.subscribe());
        async move {
            tokio::select! {
                () = serve(stream.into_split(), metrics, events) => {}
                _ = stop.wait_for(|stopping| *stopping) => {}
            }
        }
    });
    tokio::spawn(accept);
}

/// Prints what is told.
async fn print_all(app: Arc<App>, told: broadcast::Sender<Arc<Printed>>, mut stop: signal::Receiver<bool>) {
    let mut listener = app.feed.after(app.feed.last());
    loop {
        let next = tokio::select! {
            next = listener.next() => next,
            _ = stop.wait_for(|stopping| *stopping) => return,
        };
        match next {
            None => return,
            Some(Next::Missed(count)) => app.metrics.xml_events_missed.add(count),
            Some(Next::Told(happened)) => {
                let of_calls = happened.into_iter().filter_map(|(number, told)| match told {
                    Told::Happened(happened) => Some((number, happened)),
                    Told::Alarm(_) => None,
                });
                let of_calls: Vec<(u64, Happened)> = of_calls.collect();
                if of_calls.is_empty() {
                    continue;
                }
                let printed = app.desk.look(move |tracker| {
                    let printed = of_calls.into_iter().filter_map(|(number, it)| print(number, &it, tracker));
                    printed.collect::<Vec<_>>()
                });
                let Ok(printed) = printed.await else { return };
                for event in printed {
                    // Nobody may be there to listen.
                    let _ = told.send(Arc::new(event));
                }
            }
        }
    }
}

fn print(number: u64, happened: &Happened, tracker: &Tracker) -> Option<Printed> {
    let (kind, _) = TYPES.iter().find(|(_, kind)| *kind == happened.kind)?;
    let call = happened.call.or_else(|| {
        let calls = tracker.state().calls.values().rev();
        let has = |call: &&Call| call.recordings.iter().any(|it| Some(it.id) == happened.recording);
        calls.into_iter().find(has).filter(|_| happened.recording.is_some()).map(|call: &Call| call.id)
    });
    let call = call.and_then(|id: CallId| tracker.call(id));
    let kind = match *kind {
        "CALLSTART" if call.is_some_and(Call::is_chat) => "CHATSTART",
        "CALLSTOP" if call.is_some_and(Call::is_chat) => "CHATSTOP",
        kind => kind,
    };
    let mut xml = Xml::default();
    xml.open("EVENT");
    xml.element("TYPE", kind);
    xml.element("EVENTID", &number.to_string());
    xml.element("TIME", &rfc3339(happened.at));
    let of_call = || call.and_then(|call| Some(call.device.as_ref()?.0.as_str()));
    let of_agent = || {
        let agent = tracker.state().agents.get(happened.agents.first()?)?;
        Some(agent.phone.as_str()).filter(|phone| !phone.is_empty())
    };
    let device = happened.device.as_deref().or_else(of_call).or_else(of_agent);
    let agents =
        if happened.agents.is_empty() { call.map(|call| &call.agents) } else { Some(&happened.agents) };
    if let Some(device) = device {
        xml.element("DEVICEID", device);
    }
    for agent in agents.into_iter().flatten() {
        xml.element("AGENTID", &agent.to_string());
    }
    if let Some(call) = call {
        xml.element("CALLINSTANCE", call.named.as_deref().unwrap_or(&call.instance));
    }
    if let Some(recording) = happened.recording {
        xml.element("RECORDINGIDENTIFIER", &recording.to_string());
    }
    xml.close("EVENT");
    Some(Printed { kind, document: xml.0 })
}

/// Writes to one client what it asked for, and reads what it asks for.
async fn serve(
    (mut from, mut to): (impl AsyncRead + Send + Unpin + 'static, impl AsyncWrite + Unpin),
    metrics: Arc<Metrics>,
    mut events: broadcast::Receiver<Arc<Printed>>,
) {
    let (asked, mut asks) = mpsc::channel(WAITING_ANSWERS);
    let reader = tokio::spawn(async move {
        let mut messages = Messages::of_listener();
        while let Some(message) = messages.next(&mut from).await {
            let ends = message.is_err();
            if asked.send(message).await.is_err() || ends {
                return;
            }
        }
    });
    let mut wanted: Option<Vec<&'static str>> = None;
    loop {
        let document = tokio::select! {
            ask = asks.recv() => match ask {
                None => break,
                Some(message) => answer(&metrics, message, &mut wanted),
            },
            event = events.recv() => match event {
                Ok(event) if wanted.as_ref().is_none_or(|kinds| kinds.contains(&event.kind)) => {
                    metrics.xml_events_sent.increment();
                    event.document.clone()
                }
                Ok(_) => continue,
                Err(_) => {
                    metrics.xml_slow.increment();
                    break;
                }
            },
        };
        if !write(&mut to, document).await {
            metrics.xml_slow.increment();
            break;
        }
    }
    reader.abort();
    let _ = tokio::time::timeout(LAST_WORDS, to.shutdown()).await;
}

fn answer(
    metrics: &Metrics,
    message: Result<Vec<u8>, Fault>,
    wanted: &mut Option<Vec<&'static str>>,
) -> String {
    let parameters = message.and_then(|bytes| document::read(&bytes));
    let (head, outcome): (Head, Outcome) = match command::read(parameters) {
        Err((head, fault)) => (head, Err(fault)),
        Ok(Request { command: Command::Test, head, .. }) => (head, Ok(Done::ok())),
        Ok(Request { command: Command::EventRegister, mut parameters, head }) => {
            let registered = register(&mut parameters);
            let outcome = registered.map(|kinds| {
                *wanted = Some(kinds);
                Done { ignored: parameters.left(), ..Done::ok() }
            });
            (head, outcome)
        }
        Ok(Request { head, .. }) => {
            let what =
                "the event port takes EVENTREGISTER and TEST; other commands go to the port of commands";
            (head, Err(Fault::new(Code::UNKNOWN_TYPE, what)))
        }
    };
    command::tell(metrics, &head, &outcome);
    head.answer(&outcome)
}

fn register(parameters: &mut Parameters) -> Result<Vec<&'static str>, Fault> {
    let names = parameters.required("EVENTTYPES")?;
    let all = || TYPES.iter().map(|(kind, _)| *kind);
    let mut kinds = Vec::new();
    for name in names.split([',', ' ']).filter(|name| !name.is_empty()) {
        match all().find(|kind| kind.eq_ignore_ascii_case(name)) {
            Some(kind) => kinds.push(kind),
            None if name.eq_ignore_ascii_case("ALL") => kinds.extend(all()),
            None => {
                let known: Vec<&str> = all().collect();
                let what =
                    format!("EVENTTYPES holds one that is none; there are {}, and ALL", known.join(", "));
                return Err(Fault::new(Code::EVENT_TYPE, what));
            }
        }
    }
    Ok(kinds)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, DuplexStream, ReadHalf, WriteHalf, duplex, split};

    use super::*;

    fn event(kind: &'static str) -> Arc<Printed> {
        Arc::new(Printed { kind, document: format!("<EVENT><TYPE>{kind}</TYPE></EVENT>") })
    }

    struct Client {
        from: ReadHalf<DuplexStream>,
        to: WriteHalf<DuplexStream>,
        told: broadcast::Sender<Arc<Printed>>,
        metrics: Arc<Metrics>,
        served: tokio::task::JoinHandle<()>,
    }

    impl Client {
        /// A client, and a way to it that holds so many bytes.
        fn connect(bytes: usize) -> Self {
            let (client, server) = duplex(bytes);
            let (told, events) = broadcast::channel(WAITING);
            let metrics = Arc::new(Metrics::default());
            let served = tokio::spawn(serve(split(server), Arc::clone(&metrics), events));
            let (from, to) = split(client);
            Self { from, to, told, metrics, served }
        }

        async fn line(&mut self) -> String {
            let mut line = Vec::new();
            while !line.ends_with(b"\r\n") {
                line.push(self.from.read_u8().await.unwrap());
            }
            String::from_utf8(line).unwrap()
        }

        async fn register(&mut self, kinds: &str) -> String {
            let ask = format!(
                "<REQUEST><TYPE>EVENTREGISTER</TYPE><REQUESTID>5</REQUESTID><EVENTTYPES>{kinds}</EVENTTYPES></REQUEST>"
            );
            self.to.write_all(ask.as_bytes()).await.unwrap();
            self.line().await
        }
    }

    #[tokio::test]
    async fn a_client_gets_everything_until_it_asks_for_some() {
        let mut client = Client::connect(4_096);
        client.told.send(event("CALLSTART")).unwrap();
        assert_eq!(client.line().await, "<EVENT><TYPE>CALLSTART</TYPE></EVENT>\r\n");
        assert!(client.register("RecordStop, CALLSTOP").await.contains("<RESULTCODE>20</RESULTCODE>"));
        for kind in ["CALLSTART", "CALLSTOP", "BLACKOUTSTART", "RECORDSTOP"] {
            client.told.send(event(kind)).unwrap();
        }
        assert!(client.line().await.contains("CALLSTOP"));
        assert!(client.line().await.contains("RECORDSTOP"));
        assert!(client.register("CALLSTART,CALLPAUSE").await.contains("<RESULTCODE>30</RESULTCODE>"));
        assert!(client.register(" ").await.contains("<RESULTCODE>26</RESULTCODE>"));
        client.told.send(event("CALLSTART")).unwrap();
        client.told.send(event("CALLSTOP")).unwrap();
        assert!(client.line().await.contains("CALLSTOP"), "what was wrong has changed nothing");
        assert!(client.register("all").await.contains("<RESULTCODE>20</RESULTCODE>"));
        client.told.send(event("CHATSTART")).unwrap();
        assert!(client.line().await.contains("CHATSTART"));
        assert_eq!(client.metrics.xml_events_sent.get(), 5);
        drop((client.from, client.to));
        client.served.await.unwrap();
        assert_eq!(client.metrics.xml_slow.get(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_dropped_and_counted_and_nobody_waits_for_it() {
        let client = Client::connect(64);
        for _ in 0..3 * WAITING {
            // Telling never waits.
            let _ = client.told.send(event("CALLSTART"));
        }
        client.served.await.unwrap();
        assert_eq!(client.metrics.xml_slow.get(), 1);
        drop(client.from);
    }

    #[tokio::test]
    async fn a_client_that_takes_too_little_is_dropped_once_too_much_waits() {
        let mut client = Client::connect(4_096);
        for _ in 0..3 * WAITING {
            let _ = client.told.send(event("CALLSTART"));
        }
        let mut rest = String::new();
        client.from.read_to_string(&mut rest).await.unwrap();
        client.served.await.unwrap();
        assert_eq!(client.metrics.xml_slow.get(), 1);
    }
}
