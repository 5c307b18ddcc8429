//! A span of a finished recording is erased (C2-12): permanently, on record, and nothing else with it.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sim::disk::Search;
use sim::time::wait_for;
use sim::{Http, Program};

use super::crash::Call;
use super::upkeep::{checked, run};
use super::{
    PATIENCE, Stored, between, legs, on_a_recorded_call, packets, printed, recording, sealed, setup,
    setup_at, text, time_ns,
};

/// A recording of a call that was said to the end.
struct Recorded {
    found: Value,
    /// When it was started.
    started_ns: i64,
}

impl Recorded {
    /// The recording of a call of two and a half seconds.
    fn make(program: &Program, source: u32) -> Self {
        let call = Call::place(program.sip, "4678", source);
        on_a_recorded_call(&program.http, "4678");
        std::thread::sleep(Duration::from_millis(2_500));
        let (_, session) = call.silent();
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(session.bye(), 200);
        let found = sealed(&program.http, 1).remove(0);
        let started_ns = time_ns(&found["started"]);
        Self { found, started_ns }
    }

    fn path(&self) -> String {
        format!("/v1/recordings/{}/redactions", text(&self.found["id"]))
    }

    fn redactions(&self, http: &Http) -> Vec<Value> {
        http.get(&self.path()).ok().json()["items"].as_array().expect("a list").clone()
    }

    /// Whether a frame that came at this time is of a span, given in ms.
    fn is_in(&self, arrival_ns: i64, [from_ms, to_ms]: [i64; 2]) -> bool {
        (from_ms * 1_000_000..to_ms * 1_000_000).contains(&(arrival_ns - self.started_ns))
    }

    /// That of the packets before those of the span are gone, and at most two of each leg on either side.
    fn lost_the_span(&self, before: &[Stored], after: &[Stored], span: [i64; 2]) {
        assert!(
            after.iter().all(|packet| !self.is_in(packet.arrival_ns, span)),
            "a packet of the span is left"
        );
        assert!(after.iter().all(|packet| before.contains(packet)), "a packet is other than it was");
        let gone = before.iter().filter(|packet| !after.contains(packet));
        let wider = [span[0] - 45, span[1] + 45];
        assert!(
            gone.clone().all(|packet| self.is_in(packet.arrival_ns, wider)),
            "more than the span is gone"
        );
        assert!(gone.count() > 60, "two legs of fifty packets a second");
    }
}

/// The wrapped keys of a sealed file, without which nobody can read it.
pub(super) fn keys_in(file: &Path) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(file).expect("a sealed file");
    let (mut keys, mut at) = (Vec::new(), 28);
    while let Some(head) = bytes.get(at..at + 8) {
        let body = usize::from(head[5]) | usize::from(head[6]) << 8 | usize::from(head[7]) << 16;
        let frame = &bytes[at..at + 8 + body];
        match head[4] {
            2 => keys.push(frame[frame.len() - 48..].to_vec()),
            7 => break,
            _ => {}
        }
        at += frame.len();
    }
    keys
}

#[test]
fn what_was_said_in_a_span_that_is_erased_is_nowhere_any_more_and_all_else_is_as_it_was() {
    let program = setup().start();
    // Somebody else talks on, and what he says shares the journal with what is to go.
    let other = Call::place(program.sip, "4102", 40_000);
    let it = Recorded::make(&program, 41_000);
    let data = program.data();
    let file = data.join(text(&recording(&program.http, &it.found)["file"]["path"]));
    let keys = keys_in(&file);
    assert_eq!(keys.len(), 2, "of its minute, and of its manifest");
    let search = Search::new(keys);
    let places = search.files(&data).0;
    assert!(places.contains(&file) && places.len() > 1, "the file and the journal have the keys: {places:?}");
    let before = packets(&data, &it.found);
    let backup = program.setup.beside("backup");
    let backed_up = backup.display().to_string();
    let back_up = || assert!(run(&program.setup, &["backup", &backed_up], &data).status.success());
    back_up();

    let id = text(&it.found["id"]);
    let why = "a card number was read out";
    let arguments = ["redact", id, "--from", "1", "--to", "0:01.8", "--by", "Robin", "--why", why, "--yes"];
    let said = printed(&program, &arguments);
    assert!(said.contains("0:01.000 to 0:01.800 is erased: "), "{said}");

    assert_eq!(search.files(&data).0, Vec::<std::path::PathBuf>::new(), "a key is still there");
    it.lost_the_span(&before, &packets(&data, &it.found), [1_000, 1_800]);
    for leg in legs(&program.http, &it.found) {
        assert!(between(&leg, 1_000, 1_800).iter().all(|sample| *sample == 0), "silence of true length");
        assert!(between(&leg, 0, 900).iter().any(|sample| *sample != 0));
        assert!(between(&leg, 1_900, 2_400).iter().any(|sample| *sample != 0));
    }
    is_on_record(&program.http, &it);
    checked(&program.setup);
    back_up();
    assert_eq!(search.files(&backup).0, Vec::<std::path::PathBuf>::new(), "the backup follows");

    // Whoever talked meanwhile is kept whole.
    let (said, session) = other.silent();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(session.bye(), 200);
    let both = sealed(&program.http, 2);
    let other = both.iter().find(|found| text(&found["id"]) != id).expect("the other");
    let stored = packets(&data, other);
    let lost = said.frames(0, i64::MAX).into_iter().filter(|frame| !said.is_stored(&stored, *frame)).count();
    assert_eq!(lost, 0);
}

fn is_on_record(http: &Http, it: &Recorded) {
    let [done] = &it.redactions(http)[..] else { panic!("one redaction") };
    assert_eq!((&done["by"], &done["why"]), (&json!("Robin"), &json!("a card number was read out")));
    assert_eq!((&done["from_ms"], &done["to_ms"]), (&json!(1_000), &json!(1_800)));
    assert_eq!(done["source"], "127.0.0.1");
    let full = recording(http, &it.found);
    assert_eq!(full["file"]["digest"], done["digest_after"]);
    assert_ne!(done["digest_before"], done["digest_after"]);
    let erased = done["packets"].as_u64().expect("a number");
    let stored = |full: &Value| full["packets"]["stored"].as_u64().expect("a number");
    let ledger = |stream: &Value| stream["ledger"]["stored"].as_u64().expect("a number");
    let streams = full["manifest"]["streams"].as_array().expect("a list");
    assert_eq!(stored(&full) + erased, streams.iter().map(ledger).sum::<u64>());
    assert!(streams.iter().all(|stream| stream["gaps"] == json!([])), "what was erased was not lost");
    let redacted = &full["manifest"]["redacted"][0];
    assert_eq!((&redacted["by"], &redacted["packets"]), (&json!("Robin"), &json!(erased)));
}

#[test]
fn a_redaction_over_which_the_recorder_is_killed_is_done_after_the_start() {
    let setup = setup_at("127.77.4.1");
    let mut program = setup.start();
    let it = Recorded::make(&program, 42_000);
    let before = packets(&program.data(), &it.found);
    let mut spans: Vec<[i64; 2]> = Vec::new();
    for (round, kill_ms) in [5, 40, 300, 700].into_iter().enumerate() {
        let from_ms = 400 + 400 * i64::try_from(round).expect("few");
        let span = [from_ms, from_ms + 200];
        let wanted =
            json!({"from_ms": span[0], "to_ms": span[1], "by": "Robin", "why": "asked by the caller"});
        let (http, path) = (program.http.clone(), it.path());
        let asking = std::thread::spawn(move || http.try_post(&path, &wanted));
        std::thread::sleep(Duration::from_millis(kill_ms));
        program.kill();
        let answered = asking.join().expect("an answer or none");
        program = setup.start();
        let done = wait_for("every redaction on record is done", PATIENCE, || {
            let redactions = it.redactions(&program.http);
            redactions.iter().all(|redaction| !redaction["done"].is_null()).then_some(redactions)
        });
        spans =
            done.iter().map(|it| [&it["from_ms"], &it["to_ms"]].map(|ms| ms.as_i64().expect("ms"))).collect();
        if answered.is_some_and(|answer| answer.status == 201) {
            assert!(spans.contains(&span), "it was said to be done");
        }
        let after = packets(&program.data(), &it.found);
        for span in &spans {
            assert!(
                after.iter().all(|packet| !it.is_in(packet.arrival_ns, *span)),
                "round {round}: {span:?}"
            );
        }
        let kept = |packet: &&Stored| {
            !spans.iter().any(|span| it.is_in(packet.arrival_ns, [span[0] - 45, span[1] + 45]))
        };
        assert!(
            before.iter().filter(kept).all(|packet| after.contains(packet)),
            "round {round}: more is gone"
        );
        checked(&program.setup);
        let live = sim::disk::files(&program.data().join("live"));
        assert!(
            live.is_empty(),
            "round {round}: {:?}",
            live.iter().map(|(path, _)| path).collect::<Vec<_>>()
        );
    }
    assert!(!spans.is_empty(), "none of them came to be on record");
}

#[test]
fn what_cannot_be_erased_is_refused_with_what_would_be_right() {
    let program = setup().start();
    let call = Call::place(program.sip, "4678", 43_000);
    on_a_recorded_call(&program.http, "4678");
    std::thread::sleep(Duration::from_millis(300));
    let dark = json!({"AgentIdentifier": "Id", "Value": "1"});
    program.http.post("/api/Blackout/StartForAgent", &dark).ok();
    std::thread::sleep(Duration::from_millis(700));
    let live = &program.http.get("/v1/calls?state=live").ok().json()["items"][0];
    let live = program.http.get(&format!("/v1/calls/{}", text(&live["id"]))).ok().json();
    let of_live = format!("/v1/recordings/{}/redactions", text(&live["recordings"][0]["id"]));
    let wanted = json!({"from_ms": 0, "to_ms": 100, "by": "Robin", "why": "w"});
    let refused = program.http.post(&of_live, &wanted);
    assert_eq!(refused.status, 404);
    assert!(refused.text().contains("still being made"), "{}", refused.text());
    assert_eq!(call.silent().1.bye(), 200);
    let found = sealed(&program.http, 1).remove(0);
    let path = format!("/v1/recordings/{}/redactions", text(&found["id"]));
    let with = |key: &str, value: Value| {
        let mut wanted = wanted.clone();
        wanted[key] = value;
        wanted
    };
    for (body, status, says) in [
        (with("to_ms", json!(0)), 400, "to_ms must lie behind from_ms"),
        (with("from_ms", json!(-1)), 400, "the body is not as it should be"),
        (with("from_ms", json!(1.5)), 400, "the body is not as it should be"),
        (with("by", json!("  ")), 400, "by must be a line of 1 to 500 characters"),
        (with("why", json!("a\nb")), 400, "why must be a line of 1 to 500 characters"),
        (with("why", json!("w".repeat(501))), 400, "why must be a line of 1 to 500 characters"),
        (with("sure", json!(true)), 400, "unknown field `sure`"),
        (json!({"from_ms": 90_000, "to_ms": 90_001, "by": "R", "why": "w"}), 400, "this one lasts"),
        (json!({"from_ms": 600, "to_ms": 650, "by": "R", "why": "w"}), 409, "nothing to erase"),
        (json!([]), 400, "the body is not as it should be"),
    ] {
        let refused = program.http.post(&path, &body);
        assert_eq!(refused.status, status, "{body}: {}", refused.text());
        assert!(refused.text().to_lowercase().contains(says), "{body}: {}", refused.text());
    }
    assert_eq!(program.http.get(&path).ok().json()["items"], json!([]), "nothing is on record");
    let unsure =
        program.run(&["redact", text(&found["id"]), "--from", "0", "--to", "1", "--by", "R", "--why", "w"]);
    assert!(!unsure.status.success());
    let said = String::from_utf8_lossy(&unsure.stderr);
    assert!(said.contains("this cannot be undone: say --yes"), "{said}");
}
