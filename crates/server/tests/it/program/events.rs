//! What happens, told as it happens, to whoever listens; and to whoever comes back.

use std::io::{BufRead, BufReader, Lines, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use sim::Program;

use super::{PATIENCE, on_a_recorded_call, sealed, setup, text};

/// One event of a stream.
#[derive(Debug)]
pub(super) struct Told {
    id: Option<String>,
    name: String,
    pub(super) data: Value,
}

/// A stream of server-sent events.
pub(super) struct Events(Lines<BufReader<TcpStream>>);

impl Events {
    pub(super) fn open(program: &Program, query: &str, last: Option<&str>) -> Self {
        let address = program.http.url("").trim_start_matches("http://").trim_end_matches('/').to_owned();
        let mut stream = TcpStream::connect(&address).expect("HTTP is heard");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let request = format!("GET /v1/events{query} HTTP/1.1\r\nHost: {address}\r\n{last}\r\n");
        stream.write_all(request.as_bytes()).expect("it is there");
        let mut lines = BufReader::new(stream).lines();
        let status = lines.next().expect("an answer").expect("text");
        assert_eq!(status, "HTTP/1.1 200 OK");
        Self(lines)
    }

    pub(super) fn next(&mut self) -> Told {
        let (mut id, mut name) = (None, String::new());
        loop {
            let line = self.0.next().expect("it goes on").expect("text");
            if let Some(said) = line.strip_prefix("id: ") {
                id = Some(said.to_owned());
            } else if let Some(said) = line.strip_prefix("event: ") {
                said.clone_into(&mut name);
            } else if let Some(said) = line.strip_prefix("data: ") {
                let data = serde_json::from_str(said).unwrap_or_else(|_| said.into());
                return Told { id, name, data };
            }
        }
    }

    /// Reads until an event of this name has come; all there were, that one included.
    fn until(&mut self, name: &str) -> Vec<Told> {
        let mut all = Vec::new();
        while all.last().is_none_or(|told: &Told| told.name != name) {
            all.push(self.next());
        }
        all
    }
}

fn command(program: &Program, path: &str, metadata: &Value) {
    let body = json!({"AgentIdentifier": "Id", "Value": "1", "CallMetadata": metadata});
    program.http.post(path, &body).ok();
}

fn names(told: &[Told]) -> Vec<&str> {
    told.iter().map(|told| told.name.as_str()).collect()
}

#[test]
fn a_call_is_told_step_by_step_and_whoever_was_away_gets_what_came_meanwhile() {
    let setup = setup();
    let program = setup.start();
    let mut events = Events::open(&program, "", None);
    let mut alarms = Events::open(&program, "?kinds=blackout,agent", None);
    let call = program.call(&["--agent-phone", "4678", "--seconds", "3"]);
    on_a_recorded_call(&program.http, "4678");
    command(&program, "/api/Record/UpdateForAgent", &json!({"user2": "order 4711"}));
    command(&program, "/api/Blackout/StartForAgent", &json!({}));
    let first = events.until("blackout.opened");
    assert_eq!(
        names(&first),
        ["call.began", "call.described", "recording.started", "call.tagged", "blackout.opened"]
    );
    assert!(
        first.iter().all(|told| !told.data.to_string().contains("order 4711")),
        "values are not told: {first:?}"
    );
    assert_eq!((&first[0].data["agents"], &first[0].data["device"]), (&json!([1]), &json!("4678")));
    assert_eq!(first[3].data["fields"], json!(["user2"]));
    assert_eq!(first[2].data["why"], "kept: every call is recorded");
    let last = first[4].id.clone().expect("facts have ids");
    drop(events);

    command(&program, "/api/Blackout/StopForAgent", &json!({}));
    call.wait();
    let found = sealed(&program.http, 1).remove(0);
    let mut again = Events::open(&program, "", Some(&last));
    let mut rest = again.until("recording.sealed");
    // A busy machine may be told of, too.
    rest.retain(|told| told.name != "alarm");
    assert_eq!(names(&rest), ["blackout.closed", "recording.stopped", "call.ended", "recording.sealed"]);
    assert_eq!(rest[3].data["recording"], found["id"]);
    assert!(text(&rest[1].data["why"]).contains("the recording client"), "{rest:?}");
    assert_eq!(rest[0].data["agents"], json!([1]));

    let wanted = json!({"from_ms": 0, "to_ms": 300, "by": "Robin", "why": "a test"});
    let path = format!("/v1/recordings/{}/redactions", text(&found["id"]));
    assert_eq!(program.http.post(&path, &wanted).status, 201);
    let told = again.next();
    assert_eq!((told.name.as_str(), &told.data["recording"]), ("recording.redacted", &found["id"]));
    program.http.post_bytes("/v1/agents/import", "text/csv", b"id,phone\n9,4999\n").ok();
    let kinds: Vec<String> = (0..3).map(|_| alarms.next().name).collect();
    assert_eq!(kinds, ["blackout.opened", "blackout.closed", "agent.put"], "only what is wanted");

    // After a restart nobody knows what came between; what came since is told.
    program.kill();
    let program = setup.start();
    program.http.post_bytes("/v1/agents/import", "text/csv", b"id,phone\n9,4998\n").ok();
    let mut events = Events::open(&program, "", told.id.as_deref());
    assert_eq!(events.next().name, "restarted");
    assert_eq!(events.until("agent.put").last().map(|told| &told.data["agents"]), Some(&json!([9])));
}

#[test]
fn kinds_that_there_are_none_of_are_refused() {
    let program = setup().start();
    for query in
        ["?kinds=calls", "?kinds=call,card", "?kinds=recordings.sealed", "?kinds=call.eaten", "?since=1"]
    {
        let refused = program.http.get(&format!("/v1/events{query}"));
        assert_eq!(refused.status, 400, "{query}");
    }
    let refused = program.http.get("/v1/events?kinds=calls").text();
    assert!(refused.contains("Kinds must be of alarm, call, recording, blackout, agent"), "{refused}");
}
