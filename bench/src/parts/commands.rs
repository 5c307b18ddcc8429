//! Commands over HTTP while calls are up: each answered when it is durable.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{CALLS_PER_S, CALM, Plan};
use crate::figures::Times;
use crate::http::Client;
use crate::load::Load;

/// Commands a second, and the connections they come over.
const PER_S: u32 = 200;
const CONNECTIONS: usize = 8;

/// What is sent for one agent after another, in this order.
const COMMANDS: [(&str, &str); 5] = [
    ("/api/Record/UpdateForAgent", r#","CallMetadata":{"user2":"1234567890"}"#),
    ("/api/Blackout/StartForAgent", ""),
    ("/api/Blackout/StopForAgent", ""),
    ("/api/Record/StopForAgent", ""),
    ("/api/Record/StartForAgent", ""),
];

/// Prints how long commands take.
pub(crate) fn commands(plan: &Plan) -> Result<(), String> {
    println!("== {PER_S} commands/s with {} calls up ==", plan.calls);
    let load = Load::start(&plan.settings, plan.calls, CALLS_PER_S, None)?;
    std::thread::sleep(CALM);
    let senders: Vec<_> = (0..CONNECTIONS)
        .map(|sender| {
            let (http, calls, time) = (load.recorder.http, plan.calls, plan.talk);
            std::thread::spawn(move || send(http, sender, calls, time))
        })
        .collect();
    let mut by_command = BTreeMap::<&str, Times>::new();
    for sender in senders {
        for (command, times) in sender.join().map_err(|_| "a sender of commands panicked")?? {
            by_command.entry(command).or_default().extend(times);
        }
    }
    let mut all = Times::default();
    for (command, times) in by_command {
        println!("{command}: {}", times.describe());
        all.extend(times);
    }
    println!("all: {} (target p99 < 50 ms)\n", all.describe());
    drop(load);
    Ok(())
}

type Taken = BTreeMap<&'static str, Times>;

/// One connection's share: its own agents, each through the whole list.
fn send(http: std::net::SocketAddr, sender: usize, calls: usize, time: Duration) -> Result<Taken, String> {
    let mut client = Client::new(http)?;
    let every = Duration::from_secs(1) * u32::try_from(CONNECTIONS).unwrap_or(1) / PER_S;
    let mut next = Instant::now() + every * u32::try_from(sender).unwrap_or(0) / 8;
    let end = Instant::now() + time;
    let mut taken = Taken::new();
    for agent in (1..=calls).cycle().skip(sender).step_by(CONNECTIONS) {
        for (path, more) in COMMANDS {
            if Instant::now() >= end {
                return Ok(taken);
            }
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            next += every;
            let body = format!(r#"{{"AgentIdentifier":"Id","Value":"{agent}"{more}}}"#);
            let answer = client.ask("POST", path, &body)?;
            if answer.status != 200 {
                let said = String::from_utf8_lossy(&answer.body).into_owned();
                return Err(format!("{path} for agent {agent}: {} {said}", answer.status));
            }
            taken.entry(path).or_default().push(answer.after);
        }
    }
    Ok(taken)
}
