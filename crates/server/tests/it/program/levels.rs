//! How loud the legs of a call are, while somebody watches.

use std::io::{BufRead, BufReader, Lines, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use sim::Program;
use sim::time::wait_for;

use super::people::{PASSWORD, key, sidetone};
use super::{PATIENCE, metric, on_a_recorded_call, setup, text};

/// Somebody who watches.
struct Watching(Lines<BufReader<TcpStream>>);

impl Watching {
    fn open(program: &Program, calls: &[&str], key: Option<&str>) -> Self {
        let address = program.http.address().to_owned();
        let mut stream = TcpStream::connect(&address).expect("HTTP is heard");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        let key = key.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
        let calls = calls.join(",");
        let request = format!("GET /v1/levels?calls={calls} HTTP/1.1\r\nHost: {address}\r\n{key}\r\n");
        stream.write_all(request.as_bytes()).expect("it is there");
        let mut lines = BufReader::new(stream).lines();
        assert_eq!(lines.next().expect("an answer").expect("text"), "HTTP/1.1 200 OK");
        Self(lines)
    }

    /// What is told next: for each call each leg and its level.
    fn next(&mut self) -> Vec<(String, Vec<(u64, i64)>)> {
        let data =
            self.0.by_ref().find_map(|line| Some(line.expect("text").strip_prefix("data: ")?.to_owned()));
        let told: Value = serde_json::from_str(&data.expect("it goes on")).expect("JSON");
        let number = |value: &Value| value.as_i64().expect("a number");
        let legs = |call: &Value| {
            let legs = call["legs"].as_array().expect("a list").iter();
            legs.map(|leg| (leg["leg"].as_u64().expect("a number"), number(&leg["dbov"]))).collect()
        };
        let calls = told["calls"].as_array().expect("a list").iter();
        calls.map(|call| (text(&call["call"]).to_owned(), legs(call))).collect()
    }

    /// What is told next of one call that is heard on both legs.
    fn both(&mut self) -> Vec<(u64, i64)> {
        for _ in 0..20 {
            if let [(_, legs)] = &self.next()[..]
                && legs.len() == 2
            {
                return legs.clone();
            }
        }
        panic!("both legs talk, and it is not told");
    }
}

fn live_call(program: &Program) -> String {
    on_a_recorded_call(&program.http, "4678");
    let calls = program.http.get("/v1/calls?state=live").ok().json();
    text(&calls["items"][0]["id"]).to_owned()
}

#[test]
fn who_watches_is_told_how_loud_each_leg_is_and_nothing_of_a_blackout() {
    for codec in ["pcmu", "g722", "opus", "l16/16000"] {
        let program = setup().start();
        let call = program.call(&["--agent-phone", "4678", "--seconds", "60", "--codec", codec]);
        let id = live_call(&program);
        let mut watching = Watching::open(&program, &[&id], None);
        let legs = watching.both();
        assert_eq!([legs[0].0, legs[1].0], [0, 1]);
        // Both legs are a tone as loud as the caller makes them.
        assert!(legs.iter().all(|(_, dbov)| (-20..-6).contains(dbov)), "{codec}: {legs:?}");

        let who = json!({"AgentIdentifier": "Id", "Value": "1"});
        program.http.post("/api/Blackout/StartForAgent", &who).ok();
        // From here on nothing is told: the first that somebody new is told is that there is nothing.
        let mut in_the_dark = Watching::open(&program, &[&id], None);
        assert_eq!(in_the_dark.next(), []);
        wait_for("who watched before is told that there is nothing", PATIENCE, || {
            watching.next().is_empty().then_some(())
        });
        program.http.post("/api/Blackout/StopForAgent", &who).ok();
        assert_eq!(in_the_dark.both().len(), 2, "what is told next is of the light");
        assert_eq!(metric(&program.http, "sidetone_level_packets_dropped_total"), 0);
        drop(call);
        program.stop();
    }
}

#[test]
fn a_call_of_somebody_elses_agent_is_to_the_watcher_as_if_it_were_not_there() {
    let program = setup().start();
    let (done, said) =
        sidetone(&program.http.url(""), None, &["users", "add", "ada", "--role", "administrator"], PASSWORD);
    assert!(done, "{said}");
    let admin = super::people::admin_key(&program);
    let grant = |name, agent| {
        let arguments = ["api-keys", "add", name, "--role", "supervisor", "--agent", agent];
        let (done, said) = sidetone(&program.http.url(""), Some(&admin), &arguments, "");
        assert!(done, "{said}");
        key(&said)
    };
    let (own, other) = (grant("own", "1"), grant("other", "2"));
    let _call = program.call(&["--agent-phone", "4678", "--seconds", "60"]);
    let id = wait_for("the call", PATIENCE, || {
        let calls = super::people::ask(&program, &own, "/v1/calls?state=live");
        Some(text(calls["items"].get(0)?.get("id")?).to_owned())
    });
    assert_eq!(Watching::open(&program, &[&id], Some(&own)).both().len(), 2);
    assert_eq!(Watching::open(&program, &[&id], Some(&other)).next(), []);
}

#[test]
fn what_is_no_list_of_calls_is_refused_and_who_would_be_one_too_many_is_told_so() {
    let program = setup().start();
    let id = "0198c7a2-4f3e-7abc-8def-0123456789ab";
    let many = vec![id; 65].join(",");
    for query in ["", "?calls=", "?calls=all", &format!("?calls={many}"), &format!("?calls={id}&call=1")] {
        let refused = program.http.get(&format!("/v1/levels{query}"));
        assert_eq!(refused.status, 400, "{query}");
    }
    let said = program.http.get("/v1/levels?calls=x").text();
    assert!(said.contains("the ids of 1 to 64 calls"), "{said}");
    let watching: Vec<Watching> = (0..64).map(|_| Watching::open(&program, &[id], None)).collect();
    let refused = program.http.get(&format!("/v1/levels?calls={id}"));
    assert_eq!(refused.status, 503);
    assert!(refused.text().contains("Too many watch"), "{}", refused.text());
    assert_eq!(watching.len(), 64);
}
