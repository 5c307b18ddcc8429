//! Blackouts at random instants, of random length, over kills at random instants (C2-01, C2-06, E2-01): what was said in the
//! dark is nowhere, in no form; what was said in the light is kept, but for what a kill may cost.
//!
//! The script of a run follows from its seed. `cargo xtask canary --runs 1000` plays many.

use std::time::Duration;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde_json::{Value, json};
use sim::disk::Search;
use sim::rtp::noise;
use sim::time::{Since, now_ns, wait_for};
use sim::{Ended, Program, Setup};

use super::canary::{CARD, copy, digits};
use super::crash::{Call, MAY_BE_LOST, Said};
use super::{PATIENCE, Stored, on_a_recorded_call, packets, setup_at, text, told};

/// Frames around the start of a blackout that may be either: sent before it, read after it.
const MARGIN: Duration = Duration::from_millis(100);

/// What was done to one call, and when.
struct Run {
    setup: Setup,
    program: Option<Program>,
    random: ChaCha12Rng,
    /// From the answer to a start to the sending of a stop.
    dark: Vec<[i64; 2]>,
    /// Spans in which a frame may be kept or not: around the start of a blackout, its stop, and a kill.
    doubtful: Vec<[i64; 2]>,
    dark_since: Option<i64>,
    /// Whether the recorder is told of blackouts: that the look finds what it should is seen when it is not.
    tells: bool,
}

fn ns(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).expect("it is short")
}

impl Run {
    fn program(&self) -> &Program {
        self.program.as_ref().expect("it runs")
    }

    fn below(&mut self, limit: u32) -> u32 {
        self.random.next_u32() % limit
    }

    fn command(&self, path: &str, metadata: &Value) {
        let body = json!({"AgentIdentifier": "Id", "Value": "1", "CallMetadata": metadata});
        self.program().http.post(path, &body).ok();
    }

    fn start_blackout(&mut self) {
        let asked = now_ns() - ns(MARGIN);
        if self.tells {
            self.command("/api/Blackout/StartForAgent", &json!({"user9": CARD}));
        }
        let dark = now_ns();
        self.doubtful.push([asked, dark]);
        self.dark_since = Some(dark);
    }

    fn stop_blackout(&mut self) {
        let Some(since) = self.dark_since.take() else { return };
        let asked = now_ns();
        self.dark.push([since, asked]);
        self.command("/api/Blackout/StopForAgent", &json!({}));
        self.doubtful.push([asked, now_ns()]);
    }

    fn say_the_card(&self) {
        self.command("/api/Record/UpdateForAgent", &json!({"user3": CARD, "user4": format!("card {CARD}")}));
    }

    /// The process is killed and started again; the call goes on.
    fn kill(&mut self) {
        let Ended { at_ns, .. } = self.program.take().expect("it runs").kill();
        let program = self.setup.start();
        on_a_recorded_call(&program.http, "4678");
        self.program = Some(program);
        self.doubtful.push([at_ns - ns(MAY_BE_LOST), now_ns() + ns(MARGIN)]);
    }

    fn play(&mut self) {
        let began = Since::now();
        // Each script has one card at least.
        began.sleep_until(Duration::from_millis(300));
        self.start_blackout();
        self.say_the_card();
        let mut at = Duration::from_millis(400 + u64::from(self.below(500)));
        let steps = 5 + self.below(5);
        for _ in 0..steps {
            began.sleep_until(at);
            match (self.dark_since.is_some(), self.below(8)) {
                (_, 0) => self.kill(),
                (true, 1..=3) => self.say_the_card(),
                (true, _) => self.stop_blackout(),
                (false, _) => self.start_blackout(),
            }
            at = began.elapsed() + Duration::from_millis(60 + u64::from(self.below(500)));
        }
        began.sleep_until(at);
    }
}

/// What is wrong after the run of this seed.
fn run(seed: u64, tells: bool) -> Vec<String> {
    let log = ["info", "debug", "trace"][usize::try_from(seed % 3).expect("small")];
    let setup = setup_at("127.77.2.1").log(log);
    let program = setup.start();
    let call = Call::place(program.sip, "4678", 20_000 + u32::try_from(seed % 1_000).expect("small") * 4);
    let seen = on_a_recorded_call(&program.http, "4678");
    let call_id = text(&program.http.get("/v1/calls?state=live").ok().json()["items"][0]["id"]).to_owned();
    assert!(seen["ActiveCall"].is_object());
    let mut run = Run {
        setup,
        program: Some(program),
        random: ChaCha12Rng::seed_from_u64(seed),
        dark: Vec::new(),
        doubtful: Vec::new(),
        dark_since: None,
        tells,
    };
    run.play();
    // The folder as it is in the middle of things.
    let image = run.setup.beside("image");
    copy(&run.program().data(), &image);
    run.stop_blackout();
    std::thread::sleep(Duration::from_millis(200));
    let (said, session) = call.silent();
    // What was sent last has to come in before the end is told.
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(session.bye(), 200, "seed {seed}");
    wrong(&run, &said, &call_id, &image)
}

fn wrong(run: &Run, said: &Said, call_id: &str, image: &std::path::Path) -> Vec<String> {
    let mut wrong = Vec::new();
    let program = run.program();
    let recordings = wait_for("every recording of the call is sealed", PATIENCE, || {
        let call = program.http.get(&format!("/v1/calls/{call_id}")).ok().json();
        let recordings = call["recordings"].as_array().expect("a list").clone();
        let sealed = call["state"] == "ended" && recordings.iter().all(|it| it["state"] == "sealed");
        sealed.then_some(recordings)
    });
    let stored: Vec<Stored> = recordings.iter().flat_map(|found| packets(&program.data(), found)).collect();
    let of_dark = || run.dark.iter().flat_map(|[from, until]| said.frames(*from, *until));
    let leaked = of_dark().filter(|frame| said.is_stored(&stored, *frame)).count();
    if leaked > 0 {
        wrong.push(format!("{leaked} frames of the dark are stored"));
    }
    let dark = of_dark().map(|(leg, number)| noise(u64::from(said.sources[leg]), number).to_vec());
    let search = Search::new(dark);
    for folder in [&program.data(), &image.to_owned()] {
        let (hold, looked_at) = search.files(folder);
        assert!(looked_at > 4, "{} is a data folder", folder.display());
        wrong.extend(hold.iter().map(|path| format!("sound of the dark in {}", path.display())));
    }
    let last = json!({"id": recordings.last().expect("one at least")["id"], "call": call_id});
    wrong.extend(digits(program, image, &last));

    let spans: Vec<[i64; 2]> = run.dark.iter().chain(&run.doubtful).copied().collect();
    let is_light = |at: i64| !spans.iter().any(|[from, until]| (*from..*until).contains(&at));
    let light = said.frames(0, i64::MAX).into_iter().filter(|(leg, number)| {
        said.sent[*leg].iter().any(|sent| sent.number == *number && is_light(sent.at_ns))
    });
    let (kept, lost): (Vec<_>, Vec<_>) = light.partition(|frame| said.is_stored(&stored, *frame));
    if !lost.is_empty() {
        wrong.push(format!("{} frames of the light are lost: {lost:?}", lost.len()));
    }
    assert!(kept.len() > 20, "only {} frames were in the light", kept.len());
    wrong
}

#[test]
fn nothing_of_random_blackouts_over_random_kills_comes_to_light_and_all_else_is_kept() {
    let first = told("SIDETONE_TEST_SEED", u64::try_from(now_ns()).expect("after 1970") / 1_000 % 1_000_000);
    for seed in first..first + told("SIDETONE_TEST_RUNS", 3) {
        eprintln!("seed {seed}");
        let wrong = run(seed, true);
        assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
    }
}

#[test]
fn the_same_look_finds_what_was_said_while_the_recorder_was_not_told() {
    let wrong = run(7, false);
    let says = |place: &str| wrong.iter().any(|it| it.contains(place));
    for place in ["frames of the dark are stored", "digits in the manifest", "index.sqlite"] {
        assert!(says(place), "{place}: {wrong:#?}");
    }
    assert!(says("digits in event") || says("digits in the checkpoint"), "{wrong:#?}");
}
