//! The order in which a decision becomes a fact, seen through hands that can be made to wait.

use std::sync::Mutex;

use calls::agent::Agent;
use calls::agent::AgentIdentifier;
use calls::field::Fields;
use calls::id::AgentId;
use calls::tracker::{Arrival, ArrivingStream, HeldCalls, HoldBack, Settings};
use tokio::sync::watch;

use super::*;
use crate::observe::chronicle::Chronicles;

/// Hands that note what they are told, with gates and a disk that can be held up.
struct Slow {
    log: Mutex<Vec<String>>,
    gates: watch::Sender<bool>,
    disk: watch::Sender<bool>,
    /// Whether what was held back has reached the disk.
    memory: watch::Sender<bool>,
    room: std::sync::atomic::AtomicBool,
    /// When the last gate is closed.
    closed_at: Wall,
}

impl Slow {
    fn note(&self, what: impl Into<String>) {
        self.log.lock().unwrap().push(what.into());
    }

    fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

async fn released(mut lock: watch::Receiver<bool>) {
    lock.wait_for(|open| *open).await.unwrap();
}

impl Hands for Slow {
    fn has_room(&self) -> bool {
        self.room.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn journal(&self, events: Vec<Vec<u8>>) -> Later<u64> {
        for frame in events {
            let events: Vec<serde_json::Value> = serde_json::from_slice(&frame).unwrap();
            for event in events {
                self.note(format!("journal {}", event["event"].as_str().unwrap()));
            }
        }
        let disk = released(self.disk.subscribe());
        Box::pin(async {
            disk.await;
            0
        })
    }

    fn checkpoint(&self, state: Vec<u8>) {
        let state = checkpoint::unfold(&state).expect("what is written can be read at the next start");
        self.note(format!("checkpoint of {} agents", state.agents.len()));
    }

    fn darken(&self, calls: Vec<CallId>, _: Order) -> Later<Wall> {
        self.note(format!("darken {}", calls.len()));
        let (gates, closed_at) = (self.gates.subscribe(), self.closed_at);
        Box::pin(async move {
            released(gates).await;
            closed_at
        })
    }

    fn keep(&self, _: CallId, _: RecordingId) -> Later<()> {
        self.note("keep");
        Box::pin(released(self.memory.subscribe()))
    }

    fn settled(&self, _: Vec<CallId>) -> Later<()> {
        Box::pin(async {})
    }

    fn carry_out(&self, effect: Effect, _: Order) {
        let name = match effect {
            Effect::Record { .. } => "record",
            Effect::Lighten { .. } => "lighten",
            Effect::Stop { .. } => "stop",
            _ => "other",
        };
        self.note(name);
    }
}

/// A desk with agent 1 on 4678; its gates and its disk are free unless held.
async fn desk() -> (Handle, Arc<Slow>) {
    let slow = Arc::new(Slow {
        log: Mutex::default(),
        gates: watch::Sender::new(true),
        disk: watch::Sender::new(true),
        memory: watch::Sender::new(true),
        room: true.into(),
        closed_at: Clock::start().now(),
    });
    let window = Duration::from_secs(600);
    let hold_back = Some(HoldBack { calls: HeldCalls::OnDemand, window });
    let tracker = Tracker::new(Settings { hold_back, ..Settings::default() }, [1; 32]);
    let hands = Arc::clone(&slow);
    let desk = start(tracker, Clock::start(), Chronicles::default(), |_| hands);
    let agent = Agent {
        id: AgentId(1),
        phone: "4678".into(),
        username: String::new(),
        system_username: String::new(),
        crm_username: String::new(),
        name: String::new(),
        business_unit: 0,
        device_alias: String::new(),
        station: String::new(),
    };
    desk.put_agents(vec![agent]).await.unwrap();
    slow.log.lock().unwrap().clear();
    (desk, slow)
}

fn agent_1() -> Target {
    Target::Agent { kind: AgentIdentifier::Id, value: "1".into() }
}

fn arrival() -> Arrival {
    Arrival {
        sip_call_id: "a@sbc".into(),
        candidates: vec!["4678".into()],
        streams: vec![ArrivingStream::default()],
        ..Arrival::default()
    }
}

/// Lets everything run that can run.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_blackout_is_told_only_when_the_gates_are_closed_and_the_fact_is_durable() {
    let (desk, slow) = desk().await;
    desk.begin_call(arrival()).await.unwrap();
    slow.log.lock().unwrap().clear();
    slow.gates.send_replace(false);
    slow.disk.send_replace(false);
    let asked = tokio::spawn({
        let desk = desk.clone();
        async move { desk.open_blackout(agent_1()).await }
    });
    settle().await;
    assert_eq!(slow.log(), ["darken 1"], "nothing is journaled while a gate may be open");
    slow.gates.send_replace(true);
    settle().await;
    assert_eq!(slow.log(), ["darken 1", "journal blackout_opened"]);
    assert!(!asked.is_finished(), "nobody is told before it is durable");
    slow.disk.send_replace(true);
    let view = asked.await.unwrap().unwrap();
    assert_eq!(view.blackout.unwrap().since, slow.closed_at, "it holds since the last gate was closed");
}

#[tokio::test]
async fn gates_close_although_the_disk_hangs_and_the_asker_is_told_so() {
    let (desk, slow) = desk().await;
    desk.begin_call(arrival()).await.unwrap();
    slow.disk.send_replace(false);
    let stuck = tokio::spawn({
        let desk = desk.clone();
        async move { desk.stop_recording(agent_1()).await }
    });
    settle().await;
    let told = desk.open_blackout(agent_1()).await;
    assert_eq!(told.unwrap_err(), AskError::NotDurable);
    assert!(slow.log().contains(&"darken 1".to_owned()));
    assert_eq!(stuck.await.unwrap().unwrap_err(), AskError::NotDurable);
    assert!(desk.agent(agent_1()).await.unwrap().dark, "it stays dark");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_call_waits_for_a_disk_that_hangs_or_takes_nothing() {
    use std::sync::atomic::Ordering::Relaxed;
    for (room, disk) in [(true, false), (false, true)] {
        let (desk, slow) = desk().await;
        let call = desk.begin_call(arrival()).await.unwrap().id;
        slow.room.store(room, Relaxed);
        slow.disk.send_replace(disk);
        let ended = tokio::spawn({
            let desk = desk.clone();
            async move { desk.leave_call(call, "", "stopped: gone").await }
        });
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(!ended.is_finished(), "who ends a call takes its media away: not before the fact");
        slow.room.store(true, Relaxed);
        slow.disk.send_replace(true);
        ended.await.unwrap().unwrap();
        assert_eq!(slow.log().iter().filter(|what| *what == "stop").count(), 1);
        assert!(!desk.call(call).await.unwrap().unwrap().is_live());
    }
}

#[tokio::test]
async fn effects_follow_their_facts_in_the_order_of_the_decisions() {
    let (desk, slow) = desk().await;
    slow.disk.send_replace(false);
    let begun = tokio::spawn({
        let desk = desk.clone();
        async move { desk.begin_call(arrival()).await }
    });
    settle().await;
    let stopped = tokio::spawn({
        let desk = desk.clone();
        async move { desk.stop_recording(agent_1()).await }
    });
    settle().await;
    assert!(!slow.log().contains(&"record".to_owned()), "media waits for the fact that it is recorded");
    slow.disk.send_replace(true);
    begun.await.unwrap().unwrap();
    stopped.await.unwrap().unwrap();
    let effects: Vec<String> = slow.log().into_iter().filter(|what| !what.starts_with("journal")).collect();
    assert_eq!(effects, ["record", "stop"]);
}

#[tokio::test]
async fn a_start_is_told_when_what_was_held_back_is_durable() {
    let (desk, slow) = desk().await;
    let terms = serde_json::json!({
        "name": "ask me", "kind": {"type": "on_demand"}, "probability": 100, "priority": 0, "starts": 0, "zone": "UTC",
        "keeping": {"keep_days": null, "archive_action": 1}, "active": true,
    });
    let terms = serde_json::from_value(terms).unwrap();
    desk.wish(move |tracker, now| tracker.add_schedule(now, terms)).await.unwrap();
    desk.begin_call(arrival()).await.unwrap();
    slow.log.lock().unwrap().clear();
    slow.memory.send_replace(false);
    let started = tokio::spawn({
        let desk = desk.clone();
        async move { desk.start_recording(agent_1(), Fields::new()).await }
    });
    settle().await;
    assert!(slow.log().contains(&"keep".to_owned()), "{:?}", slow.log());
    assert!(!started.is_finished(), "it is in memory still");
    slow.memory.send_replace(true);
    started.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_refusal_is_told_at_once_and_leaves_no_trace() {
    let (desk, slow) = desk().await;
    slow.disk.send_replace(false);
    let nobody = Target::Agent { kind: AgentIdentifier::Phone, value: "9".into() };
    let refused = desk.start_recording(nobody, Fields::new()).await.unwrap_err();
    assert_eq!(refused.to_string(), "no agent has the Phone \"9\"");
    assert!(slow.log().is_empty());
}

#[tokio::test]
async fn a_checkpoint_is_asked_of_the_tracker() {
    let (desk, slow) = desk().await;
    desk.checkpoint().await.unwrap();
    desk.agents().await.unwrap();
    assert_eq!(slow.log(), ["checkpoint of 1 agents"]);
}
