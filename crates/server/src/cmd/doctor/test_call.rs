//! A call through the running recorder, as an SBC would place it, and what became of it.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use super::report::Report;
use crate::caller::{self, CallError, Pacer, Placed, TALK};
use crate::clock::Clock;
use crate::cmd::client::Server;
use crate::cmd::runtime;
use crate::recorder::seed;

/// The phone the test call is on: no agent has it.
const PHONE: &str = "sidetone-doctor";

/// How the recording is marked.
const MARK: (&str, &str) = ("user15", "doctor test");

/// How long its recording may take to be finished.
const SEAL_PATIENCE: Duration = Duration::from_secs(20);

/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub(super) fn place(report: &mut Report, recorder: &Server, sip: SocketAddr) {
    let marking = recorder.clone();
    // While it talks: a field can be written only into a call that is known.
    let marking = std::thread::spawn(move || mark(&marking));
    let placed = talk(sip);
    let (marked, declined) = marking.join().unwrap_or((false, None));
    if let Some(why) = declined {
        report.ok("schedules", format!("{why}; a command kept the test call all the same"));
    }
    match placed {
        Ok(placed) => judge(report, recorder, &placed, marked),
        Err(why) => report.fail(
            "test call",
            format!("an SBC would see: {why}"),
            "see `sidetone refusals`, and the recorder's log",
        ),
    }
}

fn talk(sip: SocketAddr) -> Result<Placed, String> {
    let seed = seed().map_err(|error| error.to_string())?;
    let plan = caller::test_plan(sip, PHONE, seed)?;
    let clock = Clock::start();
    runtime()?.block_on(async {
        let pacer = Pacer::start(clock).map_err(|error| error.to_string())?;
        caller::place(&plan, clock, &pacer).await.map_err(|error: CallError| error.to_string())
    })
}

/// Marks the call as a test, and keeps it if no schedule does. Whether it is marked, and why it was not kept.
fn mark(recorder: &Server) -> (bool, Option<String>) {
    let (field, value) = MARK;
    let body = serde_json::json!({ "DeviceId": PHONE, "CallMetadata": { field: value } }).to_string();
    let clock = Clock::start();
    while clock.since_start() < TALK {
        std::thread::sleep(LOOK_EVERY);
        if recorder.post("/api/Record/UpdateForDevice", body.as_bytes()).is_ok() {
            return (true, keep(recorder));
        }
    }
    (false, None)
}

fn keep(recorder: &Server) -> Option<String> {
    let live = recorder.get("/v1/calls", &[("state", "live".to_owned())]).ok()?;
    let ours = live["items"].as_array()?.iter().find(|call| call["device"] == PHONE)?;
    if ours["ruling"]["kept"] != false {
        return None;
    }
    let body = serde_json::json!({ "DeviceId": PHONE }).to_string();
    recorder.post("/api/Record/StartForDevice", body.as_bytes()).ok()?;
    ours["ruling"]["why"].as_str().map(str::to_owned)
}

fn judge(report: &mut Report, recorder: &Server, placed: &Placed, marked: bool) {
    let ms = placed.answered_after.as_millis();
    if placed.streams_refused > 0 {
        report.fail(
            "test call",
            format!(
                "INVITE answered 200 in {ms} ms, but {} of two streams were refused",
                placed.streams_refused
            ),
            "see the recorder's log: G.711 should be taken always, unless the trunk's codecs leave it out",
        );
    }
    let Some(found) = wait_for_recording(recorder, &placed.sip_call_id) else {
        return report.fail(
            "test call",
            format!("INVITE answered 200 in {ms} ms, but no sealed recording of it was found"),
            "see the recorder's log: is the disk slow, or full?",
        );
    };
    let arrived: Vec<u64> = found["manifest"]["streams"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|stream| stream["ledger"]["received"].as_u64().unwrap_or(0))
        .collect();
    let of: Vec<String> =
        arrived.iter().zip(&placed.packets_sent).map(|(came, sent)| format!("{came} of {sent}")).collect();
    let sent_all =
        arrived.len() == 2 && arrived.iter().zip(&placed.packets_sent).all(|(came, sent)| came >= sent);
    let seconds = found["duration_ms"].as_f64().unwrap_or(0.0) / 1_000.0;
    let said = format!(
        "an SBC would see: INVITE answered 200 in {ms} ms, two streams; of both legs' packets arrived: {}; recording \
         sealed, {seconds:.1} s, {}",
        of.join(" and "),
        found["completeness"].as_str().unwrap_or("of unknown state"),
    );
    if sent_all {
        report.ok("test call", said);
    } else if arrived.iter().all(|came| *came == 0) {
        let todo = "media went to the address in our answer and did not get in: is sip.advertised right, and are the \
                    media ports let through by every firewall?";
        report.fail("test call", said, todo);
    } else {
        let todo =
            "some packets were lost or turned away: `sidetone show` of the recording counts them by fate";
        report.warn("test call", said, todo);
    }
    sound(report, recorder, &found);
    let id = found["id"].as_str().unwrap_or_default();
    let (field, value) = MARK;
    let how = if marked {
        format!("marked {field} = \"{value}\"")
    } else {
        format!("which could not be marked; its phone is {PHONE}")
    };
    report.ok("test call", format!("it left the recording {id}, {how}; recordings cannot be deleted yet"));
}

fn wait_for_recording(recorder: &Server, sip_call_id: &str) -> Option<Value> {
    let clock = Clock::start();
    while clock.since_start() < SEAL_PATIENCE {
        let page = recorder.get("/v1/recordings", &[("limit", "50".to_owned())]).unwrap_or_default();
        let ours = page["items"].as_array().into_iter().flatten().filter(|item| item["device"] == PHONE);
        for id in ours.filter_map(|item| item["id"].as_str()) {
            let found = recorder.get(&format!("/v1/recordings/{id}"), &[]).unwrap_or_default();
            if found["sip_call_id"] == sip_call_id {
                return Some(found);
            }
        }
        std::thread::sleep(LOOK_EVERY);
    }
    None
}

/// Listens to it: each leg must be the tone that was sent.
fn sound(report: &mut Report, recorder: &Server, found: &Value) {
    let id = found["id"].as_str().unwrap_or_default();
    let asked = [("channels", "2".to_owned()), ("from_ms", "1000".to_owned()), ("to_ms", "2000".to_owned())];
    let heard = recorder.ask(&format!("/v1/recordings/{id}/audio"), &asked).and_then(|answer| answer.bytes());
    let samples = heard.and_then(|wav| {
        let samples = wav.get(44..).ok_or("the sound is cut short")?;
        Ok(samples.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect::<Vec<i16>>())
    });
    match samples {
        Err(why) => {
            report.fail("sound", format!("the recording cannot be heard: {why}"), "see the recorder's log")
        }
        Ok(samples) => {
            let leg = |of: usize| samples.iter().skip(of).step_by(2).copied().collect::<Vec<i16>>();
            let share = |of, hz| audio::tone::tone_share(&leg(of), hz);
            let (left, right) = (share(0, 440.0), share(1, 880.0));
            let said =
                format!("heard: {:.0} % tone on one leg, {:.0} % on the other", left * 100.0, right * 100.0);
            if left > 0.5 && right > 0.5 {
                report.ok("sound", format!("{said}; both legs are where they belong"));
            } else {
                let todo = "the legs are silent, mixed up or torn: see the counts of the recording";
                report.fail("sound", said, todo);
            }
        }
    }
}
