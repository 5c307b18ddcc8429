//! The built program as its users meet it: over SIP, RTP and HTTP, on the command line, and killed.

mod agents;
mod alarms;
mod apart;
mod audit;
mod audit_witness;
mod bad_input;
mod canary;
mod certificates;
mod codecs;
mod confined;
mod contract;
mod crash;
mod demo;
mod disk_image;
mod doctor;
mod events;
mod evidence;
mod export;
mod export_zip;
mod five_commands;
mod flips;
mod forging;
mod forked;
mod hold_back;
mod hostile_peers;
mod hostile_rtp;
mod hostile_sip;
mod hostile_texts;
mod hostile_xml;
mod https;
mod keys;
mod levels;
mod live;
mod mail;
mod mid_call;
mod overload;
mod owners;
mod passwords;
mod people;
mod proxied;
mod pulled_disk;
mod random_blackouts;
mod reconcile;
mod redaction;
mod redundant;
mod refusals;
mod reports;
mod restart;
mod retention;
mod schedules;
mod sessions;
mod sign_on;
mod signed_vcon;
mod sipp;
mod spill;
mod srtp;
mod stores;
mod test_call;
mod timeline;
mod tls;
mod trunks;
mod unfinished;
mod unreachable;
mod upkeep;
mod vendor_calls;
mod vendors;
mod webhooks;
mod wfo_xml;
mod wire;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sim::counterpart::free_port;
use sim::time::wait_for;
use sim::{Http, Program, Setup};
use vault::{Archive, KeyFolder, RealDisk, RecordingReader};

/// How long something may take on a machine that is busy with other tests. Nothing waits for it in vain.
const PATIENCE: Duration = Duration::from_secs(30);

fn setup() -> Setup {
    Setup::new(env!("CARGO_BIN_EXE_sidetone"))
}

/// With an address of its own, which it has again after a restart, and where nobody takes its ports meanwhile.
fn setup_at(address: &str) -> Setup {
    setup().argument("--sip").argument(&format!("{address}:{}", free_port()))
}

/// A number that the environment tells, for long runs.
fn told(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn bare_setup() -> Setup {
    Setup::bare(env!("CARGO_BIN_EXE_sidetone"))
}

/// The agent who sits at a phone, as the WFO face shows them.
fn agent(http: &Http, phone: &str) -> Value {
    http.get(&format!("/api/Agent?agentIdentifier=Phone&value={phone}")).ok().json()
}

/// Waits until a call for the phone is being recorded, and gives the agent.
fn on_a_recorded_call(http: &Http, phone: &str) -> Value {
    wait_for("a call of the agent is recorded", PATIENCE, || {
        let agent = agent(http, phone);
        let states = agent["ActiveCall"]["Recordings"].as_array()?;
        states.iter().any(|it| it["RecordingState"] != "Pending").then_some(agent)
    })
}

/// Waits until so many recordings are sealed, and gives them, oldest first.
fn sealed(http: &Http, count: usize) -> Vec<Value> {
    let mut found = wait_for(&format!("{count} sealed recordings"), PATIENCE, || {
        let page = http.get("/v1/recordings?limit=100").ok().json();
        let items = page["items"].as_array().expect("a list").clone();
        (items.len() >= count).then_some(items)
    });
    assert_eq!(found.len(), count, "{found:?}");
    found.reverse();
    found
}

/// All that is known of a recording.
fn recording(http: &Http, summary: &Value) -> Value {
    http.get(&format!("/v1/recordings/{}", text(&summary["id"]))).ok().json()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// A time of the API, nanoseconds since 1970.
fn time_ns(value: &Value) -> i64 {
    let time: jiff::Timestamp = text(value).parse().expect("RFC 3339");
    i64::try_from(time.as_nanosecond()).expect("before 2262")
}

/// Both legs of a recording as sound, fetched over HTTP.
fn legs(http: &Http, summary: &Value) -> [Vec<i16>; 2] {
    let wav = http.get(&format!("/v1/recordings/{}/audio?rate=8000", text(&summary["id"]))).ok();
    assert_eq!(wav.header("content-type"), "audio/wav");
    let sound = audio::file::wav::read(&wav.body).expect("a WAV file");
    assert_eq!(sound.rate_hz, 8_000);
    sound.channels.try_into().expect("two channels")
}

/// The samples between two times of a leg.
fn between(leg: &[i16], from_ms: i64, until_ms: i64) -> &[i16] {
    let at = |ms: i64| usize::try_from(ms.max(0) * 8).expect("it is not negative").min(leg.len());
    &leg[at(from_ms)..at(until_ms)]
}

/// How much of the sound is this tone, looked at by tenths of a second: a sender that stalls bends the time
/// map, and a long look takes the bend for another pitch.
fn tone_share(samples: &[i16], tone_hz: f64) -> f64 {
    let tenths: Vec<f64> =
        samples.chunks_exact(800).map(|tenth| audio::tone::tone_share(tenth, tone_hz)).collect();
    assert!(!tenths.is_empty(), "too short to be heard");
    tenths.iter().sum::<f64>() / f64::from(u32::try_from(tenths.len()).expect("few"))
}

/// The sealed file of a recording, opened as a reader would who has the key and no recorder.
fn open(data: &Path, summary: &Value) -> RecordingReader {
    let key = KeyFolder::open_or_create(&data.join("keys")).expect("the keys").reading().expect("the key");
    let archive = Archive::new(Arc::new(RealDisk::new()), data);
    let id = text(&summary["id"]).parse().expect("an id");
    archive.verify(id, Some(&key)).expect("the file is whole and its digest holds");
    archive.open(id, &key).expect("it is sealed")
}

/// A stored packet.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stored {
    stream: u16,
    sequence: u16,
    arrival_ns: i64,
    payload_type: u8,
    payload: Vec<u8>,
}

/// Every packet of a recording, decrypted.
fn packets(data: &Path, summary: &Value) -> Vec<Stored> {
    let mut reader = open(data, summary);
    let streams: Vec<_> = reader.streams().iter().map(|tally| tally.stream).collect();
    let mut stored = Vec::new();
    let (first, last) = (calls::time::Wall::from_ns(i64::MIN), calls::time::Wall::from_ns(i64::MAX));
    for stream in streams {
        let mut packets = reader.packets(stream, first, last);
        while let Some(packet) = packets.next_packet().expect("a whole block") {
            stored.push(Stored {
                stream: stream.0,
                sequence: packet.sequence,
                arrival_ns: packet.arrival.as_ns(),
                payload_type: packet.payload_type,
                payload: packet.payload.to_vec(),
            });
        }
    }
    stored
}

/// The value of a counter or gauge, labels and all, such as `sidetone_rtp_lost_total`.
fn metric(http: &Http, name: &str) -> u64 {
    let text = http.get("/metrics").ok().text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    line.unwrap_or_else(|| panic!("no metric {name} in:\n{text}"))
}

/// What a subcommand printed, if it ended well.
fn printed(program: &Program, arguments: &[&str]) -> String {
    let output = program.run(arguments);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
    said
}
