//! Hold-back on the built program (product decision 10): a call that is kept on demand is kept from its beginning, dark where
//! a blackout lay over it; before that nothing of it is in any file, and of one that nobody asks for nothing ever is.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sim::disk::Search;
use sim::rtp::{Leg, Sent, Talk, noise};
use sim::sip::{Offer, Session, Transport};
use sim::time::{Since, now_ns, wait_for};
use sim::{Program, Setup};
use vault::{Archive, KeyFolder, RealDisk, Recovered, Store};

use super::canary::copy;
use super::{
    PATIENCE, between, legs, metric, packets, printed, recording, sealed, setup, setup_at, text, time_ns,
};

const SOURCES: [u32; 2] = [41, 42];

/// Frames around the start and the end of a blackout that may be either.
const MARGIN_NS: i64 = 100_000_000;

fn holding(setup: Setup) -> Setup {
    setup.settings("[hold_back]\nwindow_s = 600\n")
}

/// Has calls kept on demand only.
fn on_demand(program: &Program) {
    let schedule = json!({"name": "ask me", "kind": {"type": "on_demand"}});
    assert_eq!(program.http.post("/v1/schedules", &schedule).status, 201);
}

fn command(program: &Program, path: &str) {
    program.http.post(path, &json!({"AgentIdentifier": "Id", "Value": "1"})).ok();
}

/// A call of agent 1, with noise on both its legs that nothing else has.
fn talk(program: &Program) -> (Session, Talk) {
    let legs = SOURCES.map(Leg::new);
    let offer = Offer::two_legs("4678", legs.each_ref().map(Leg::port));
    let session = Session::open(program.sip, Transport::Tcp, offer).expect("it is answered");
    let media = session.media();
    (session, Talk::start(legs.into_iter().zip(media).collect()))
}

fn the_call(program: &Program) -> Value {
    program.http.get("/v1/calls").ok().json()["items"][0].clone()
}

fn wait_until_held(program: &Program) {
    wait_for("something is held back", PATIENCE, || {
        let is_held = metric(&program.http, "sidetone_hold_back_bytes") > 4_000;
        (is_held && !the_call(program)["held_back_since"].is_null()).then_some(())
    });
}

/// Every frame that a leg can have sent, as it went over the wire.
fn frames() -> Search {
    Search::new(
        SOURCES.iter().flat_map(|ssrc| (0..1_000).map(|number| noise(u64::from(*ssrc), number).to_vec())),
    )
}

/// The recordings of which something is in a copy of the data folder: in the journal, in a part file, sealed.
fn recordings_in(image: &Path) -> usize {
    let keys = KeyFolder::open_or_create(&image.join("keys")).expect("the keys");
    let opened = Store::open(Arc::new(RealDisk::new()), image, &keys.recorder(), vault::Settings::default());
    let Recovered { events, unfinished, .. } = opened.expect("it is a data folder").recovered;
    assert!(!events.is_empty(), "the facts are in the journal");
    let listing = Archive::new(Arc::new(RealDisk::new()), image).list().expect("it can be listed");
    unfinished.len() + listing.sealed.len() + listing.unsealed.len()
}

/// Nothing of the sound is in the folder: not in the clear, and no frame of any recording.
fn assert_nothing_of_it(program: &Program, setup: &Setup, name: &str) {
    let image = setup.beside(name);
    copy(&program.data(), &image);
    let (hold, looked_at) = frames().files(&image);
    assert!(hold.is_empty() && looked_at > 4, "{hold:?}, of {looked_at}");
    assert_eq!(recordings_in(&image), 0, "no frame of it is on the disk");
}

fn sent_in(sent: &[Sent], from_ns: i64, until_ns: i64) -> impl Iterator<Item = &Sent> {
    sent.iter().filter(move |frame| (from_ns..until_ns).contains(&frame.at_ns))
}

#[test]
fn a_call_that_is_asked_for_late_is_kept_from_its_beginning_and_dark_where_it_was() {
    let setup = holding(setup());
    let program = setup.start();
    on_demand(&program);
    let began = Since::now();
    let (session, talking) = talk(&program);
    wait_until_held(&program);
    began.sleep_until(Duration::from_millis(1_500));
    let asked_ns = now_ns();
    command(&program, "/api/Blackout/StartForAgent");
    let dark_ns = now_ns();
    std::thread::sleep(Duration::from_millis(1_500));
    let light_ns = now_ns();
    command(&program, "/api/Blackout/StopForAgent");
    let lit_ns = now_ns();
    std::thread::sleep(Duration::from_millis(1_000));
    assert_nothing_of_it(&program, &setup, "before");

    command(&program, "/api/Record/StartForAgent");
    // The 200 says that it is durable: the same look finds it now.
    let image = setup.beside("after");
    copy(&program.data(), &image);
    assert_eq!(recordings_in(&image), 1);
    assert!(the_call(&program)["held_back_since"].is_null());
    std::thread::sleep(Duration::from_millis(700));
    let sent = talking.stop();
    assert_eq!(session.bye(), 200);

    let found = sealed(&program.http, 1).remove(0);
    let row = recording(&program.http, &found);
    let why = "kept: started by command for agent 1, under schedule ask me; kept from its beginning";
    assert_eq!(text(&row["why"]), why);
    assert_eq!(row["completeness"], "complete");
    let stored = packets(&program.data(), &found);
    for (leg, sent) in sent.iter().enumerate() {
        let has = |frame: &&Sent| {
            let payload = noise(u64::from(SOURCES[leg]), frame.number);
            stored.iter().any(|packet| packet.payload == payload)
        };
        let lacking = sent_in(sent, 0, asked_ns - MARGIN_NS).filter(|frame| !has(frame)).count();
        assert_eq!(lacking, 0, "leg {leg} is kept from its first frame");
        assert_eq!(sent_in(sent, dark_ns, light_ns).filter(has).count(), 0, "leg {leg} is dark");
        let lacking = sent_in(sent, lit_ns, i64::MAX).filter(|frame| !has(frame)).count();
        assert_eq!(lacking, 0, "leg {leg} is kept to its end");
        let ledger = &row["manifest"]["streams"][leg]["ledger"];
        assert_eq!(ledger["received"], sent.len());
        let count = |key: &str| ledger[key].as_u64().expect("a count");
        assert_eq!(count("stored") + count("dark"), sent.len() as u64);
        assert!(count("dark") > 50, "{ledger}");
    }

    // Silence of true length where it was dark, and sound before and after.
    let started_ns = time_ns(&row["started"]);
    let ms = |ns: i64| (ns - started_ns) / 1_000_000;
    for sound in legs(&program.http, &found) {
        assert!(between(&sound, ms(dark_ns) + 50, ms(light_ns) - 50).iter().all(|sample| *sample == 0));
        let is_loud =
            |from: i64, until: i64| between(&sound, from, until).iter().any(|sample| sample.abs() > 1_000);
        assert!(is_loud(100, ms(asked_ns) - 100) && is_loud(ms(lit_ns) + 150, ms(lit_ns) + 700));
    }
    assert_eq!(metric(&program.http, "sidetone_hold_back_calls_total{end=\"kept\"}"), 1);
    let told = printed(&program, &["timeline", text(&found["call"])]);
    assert!(told.contains("held back in memory") && told.contains("kept from its beginning"), "{told}");
}

#[test]
fn of_a_call_that_nobody_asks_for_nothing_is_in_any_file() {
    let setup = holding(setup());
    let program = setup.start();
    on_demand(&program);
    let (session, talking) = talk(&program);
    wait_until_held(&program);
    std::thread::sleep(Duration::from_millis(1_000));
    assert_nothing_of_it(&program, &setup, "while");
    let sent = talking.stop();
    assert!(sent.iter().all(|sent| sent.len() > 40));
    assert_eq!(session.bye(), 200);
    wait_for("it is wiped", PATIENCE, || {
        let wiped = metric(&program.http, "sidetone_hold_back_calls_total{end=\"wiped\"}");
        (wiped == 1 && metric(&program.http, "sidetone_hold_back_bytes") == 0).then_some(())
    });
    assert_nothing_of_it(&program, &setup, "after");
    assert_eq!(program.http.get("/v1/recordings").ok().json()["items"], json!([]));
}

#[test]
fn a_keep_that_was_answered_outlives_a_kill_and_a_restart_takes_what_was_not_kept() {
    let setup = holding(setup_at("127.0.0.77"));
    let mut program = setup.start();
    on_demand(&program);
    let (session, talking) = talk(&program);
    wait_until_held(&program);
    std::thread::sleep(Duration::from_millis(1_000));
    program.kill();
    program = setup.start();
    let again_ns = now_ns();
    wait_until_held(&program);
    std::thread::sleep(Duration::from_millis(1_500));
    let asked_ns = now_ns();
    command(&program, "/api/Record/StartForAgent");
    program.kill();
    let sent = talking.stop();
    program = setup.start();
    drop(session);
    let stored = wait_for("what was kept is sealed", PATIENCE, || {
        let page = program.http.get("/v1/recordings").ok().json();
        page["items"].as_array()?.last().cloned()
    });
    let row = recording(&program.http, &stored);
    assert!(text(&row["why"]).contains("in memory when the recorder was started anew"), "{row}");
    let stored = packets(&program.data(), &stored);
    for (leg, sent) in sent.iter().enumerate() {
        let has = |frame: &&Sent| {
            let payload = noise(u64::from(SOURCES[leg]), frame.number);
            stored.iter().any(|packet| packet.payload == payload)
        };
        let asked_for = sent_in(sent, again_ns + 1_000_000_000, asked_ns - MARGIN_NS);
        assert_eq!(asked_for.filter(|frame| !has(frame)).count(), 0, "what the 200 said is there");
        assert_eq!(sent.iter().take(10).filter(has).count(), 0, "memory does not outlive a kill");
    }
}

#[test]
fn what_the_window_let_go_is_not_there_and_the_recording_says_where_it_begins_and_is_whole() {
    let setup = setup().settings("[hold_back]\nwindow_s = 2\n");
    let program = setup.start();
    on_demand(&program);
    let (session, talking) = talk(&program);
    wait_for("something has left the memory", PATIENCE, || {
        let dropped = "sidetone_hold_back_dropped_bytes_total{reason=\"time\"}";
        (metric(&program.http, dropped) > 40_000).then_some(())
    });
    let asked_ns = now_ns();
    command(&program, "/api/Record/StartForAgent");
    std::thread::sleep(Duration::from_millis(500));
    let sent = talking.stop();
    assert_eq!(session.bye(), 200);
    let found = sealed(&program.http, 1).remove(0);
    let row = recording(&program.http, &found);
    assert!(text(&row["why"]).contains("after its beginning: older sound had left the memory"), "{row}");
    assert_eq!(row["completeness"], "complete", "what left before the keep is not missing");
    let began_ns = time_ns(&row["started"]);
    // `packets` checks every tag and digest on the way.
    let stored = packets(&program.data(), &found);
    assert!(stored.iter().all(|packet| packet.arrival_ns >= began_ns));
    for (leg, sent) in sent.iter().enumerate() {
        let has = |frame: &&Sent| {
            let payload = noise(u64::from(SOURCES[leg]), frame.number);
            stored.iter().any(|packet| packet.payload == payload)
        };
        assert!(!has(&&sent[0]), "the first frame has left");
        let window = sent_in(sent, asked_ns - 2_000_000_000 + MARGIN_NS, i64::MAX);
        assert_eq!(
            window.filter(|frame| !has(frame)).count(),
            0,
            "leg {leg} reaches back as far as the window"
        );
        let ledger = &row["manifest"]["streams"][leg]["ledger"];
        let of_leg = stored.iter().filter(|packet| usize::from(packet.stream) == leg).count();
        assert_eq!((&ledger["stored"], &ledger["lost"]), (&json!(of_leg), &json!(0)));
        assert_eq!(ledger["received"], ledger["stored"], "it counts from where the recording begins");
    }
}
