//! A canary for blackouts (C2-01, C2-03 to C2-05): what is said, keyed and written in one is looked for in every
//! place it could have gone to. The same look must find it when there was no blackout.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use audio::codec::g711;
use audio::file::wav;
use serde_json::{Value, json};
use sim::disk::{Search, files};
use sim::rtp::Leg;
use sim::sip::{Offer, Session, Transport};
use sim::time::{Since, now_ns};
use sim::{Program, Setup};
use vault::{KeyFolder, RealDisk, Recovered, Store};

use super::{bare_setup, on_a_recorded_call, open, packets, recording, sealed, setup, text, wfo_xml};

/// A test card number; its digits differ, so that which key was pressed would show.
pub(super) const CARD: &str = "4539578763621486";

/// The same, as people write it.
const CARD_IN_GROUPS: &str = "4539 5787 6362 1486";

const FRAME: usize = sim::rtp::FRAME_SAMPLES;

/// What a leg says: noise, each frame unlike any other.
struct Voice {
    path: PathBuf,
    frames: Vec<Vec<u8>>,
}

impl Voice {
    fn new(setup: &Setup, name: &str, seed: u64) -> Self {
        let bytes = (0..400).flat_map(|frame| sim::rtp::noise(seed, frame));
        let samples: Vec<i16> = bytes.map(|byte| (i16::from(byte) - 128) * 100).collect();
        let layout = wav::Layout::new(samples.len() as u64, 1, audio::Rate::Narrow).expect("it is short");
        let mut file = layout.header().to_vec();
        wav::append_samples(&mut file, &samples);
        let encoded: Vec<u8> = samples.iter().map(|sample| g711::linear_to_pcmu(*sample)).collect();
        Self {
            path: setup.write(name, &file),
            frames: encoded.chunks_exact(FRAME).map(<[u8]>::to_vec).collect(),
        }
    }
}

/// A call with a secret in its middle.
struct Scene {
    program: Program,
    voices: [Voice; 2],
    /// The secret span: from the answer to the start of the blackout to the sending of its stop.
    span_ns: [i64; 2],
    /// The data folder as it was in the middle of it.
    image: PathBuf,
    /// Packets the caller sent, by leg.
    sent: Vec<u64>,
}

/// By which face commands are sent.
#[derive(Clone, Copy)]
enum Face {
    Json,
    Xml,
}

impl Face {
    /// Sends a command for agent 1, whom each face names in its own way.
    fn say(self, program: &Program, path: &str, key: &str, value: &str) {
        match self {
            Self::Json => {
                let body = json!({"AgentIdentifier": "Id", "Value": "1", "CallMetadata": {key: value}});
                program.http.post(path, &body).ok();
            }
            Self::Xml => {
                let kind = match path {
                    "/api/Record/UpdateForAgent" => "CALLUPDATE",
                    "/api/Blackout/StartForAgent" => "BLACKOUTSTART",
                    _ => "BLACKOUTSTOP",
                };
                let named = if kind == "BLACKOUTSTART" {
                    ("STATIONNAME", "WS-17")
                } else {
                    ("DEVICEALIAS", "acd-77")
                };
                wfo_xml::is_done(&wfo_xml::ask(program, kind, &[named, (key, value)]));
            }
        }
    }
}

impl Scene {
    fn play(with_blackout: bool) -> Self {
        Self::play_by(Face::Json, with_blackout)
    }

    fn play_by(face: Face, with_blackout: bool) -> Self {
        let setup = wfo_xml::with_xml(bare_setup().log("debug"));
        let program = setup.start();
        let voices =
            [Voice::new(&setup, "left.wav", now_seed()), Voice::new(&setup, "right.wav", now_seed() ^ 1)];
        let [left, right] = voices.each_ref().map(|voice| voice.path.display().to_string());
        let arguments = ["--seconds", "5", "--left", &left, "--right", &right, "--keys", CARD];
        let call = program.call(&arguments);
        on_a_recorded_call(&program.http, "4678");
        let began = Since::now();
        let command = |path: &str, key: &str, value: &str| face.say(&program, path, key, value);
        command("/api/Record/UpdateForAgent", "user2", "before");
        began.sleep_until(Duration::from_millis(500));
        if with_blackout {
            command("/api/Blackout/StartForAgent", "user9", "none");
        }
        let dark_ns = now_ns();
        command("/api/Record/UpdateForAgent", "user3", CARD);
        command("/api/Record/UpdateForAgent", "user4", &format!("card {CARD_IN_GROUPS}, thanks"));
        // Half of the keys are pressed by now.
        began.sleep_until(Duration::from_millis(2_600));
        let image = setup.beside("image");
        copy(&program.data(), &image);
        let light_ns = now_ns();
        if with_blackout {
            command("/api/Blackout/StopForAgent", "user9", "none");
        }
        command("/api/Record/UpdateForAgent", "user5", "after");
        let said = call.wait();
        let counts = said.split_once("packets sent [").and_then(|(_, rest)| rest.split_once(']'));
        let counts = counts.expect("the caller says what it sent").0.split(", ");
        let sent = counts.map(|count| count.parse().expect("a number")).collect();
        Self { program, voices, span_ns: [dark_ns, light_ns], image, sent }
    }

    /// Everything that came to light and should not have.
    fn leaks(&self) -> Vec<String> {
        let mut leaks = Vec::new();
        let found = sealed(&self.program.http, 1).remove(0);
        let stored = packets(&self.program.data(), &found);
        let [from_ns, until_ns] = self.span_ns;
        let inside = stored.iter().filter(|packet| (from_ns..until_ns).contains(&packet.arrival_ns)).count();
        if inside > 0 {
            leaks.push(format!("{inside} packets of the span are stored"));
        }

        let kept: std::collections::BTreeSet<&[u8]> =
            stored.iter().map(|packet| packet.payload.as_slice()).collect();
        let unkept =
            self.voices.iter().flat_map(|voice| &voice.frames).filter(|frame| !kept.contains(&frame[..]));
        let sound = Search::new(unkept.cloned());
        let everything = Search::new(self.voices.iter().flat_map(|voice| voice.frames.clone()));
        for (place, search) in [("sound that was not kept", &sound), ("sound in the clear", &everything)] {
            for folder in [self.program.data(), self.image.clone()] {
                let (hold, looked_at) = search.files(&folder);
                assert!(looked_at > 4, "{} is a data folder", folder.display());
                leaks.extend(hold.iter().map(|path| format!("{place} in {}", path.display())));
            }
        }

        leaks.extend(digits(&self.program, &self.image, &found));
        leaks
    }
}

/// Every place that has the card number: files, answers, the log, and what the folder holds once decrypted.
pub(super) fn digits(program: &Program, image: &Path, found: &Value) -> Vec<String> {
    let search = Search::new([CARD.into(), CARD_IN_GROUPS.into()]);
    let id = text(&found["id"]);
    let answers = [
        "/v1/recordings",
        &format!("/v1/recordings/{id}"),
        "/v1/calls",
        &format!("/v1/calls/{}", text(&found["call"])),
        "/api/Agent/GetAll",
        "/metrics",
    ];
    let mut places: Vec<(String, Vec<u8>)> =
        answers.map(|path| (path.to_owned(), program.http.get(path).ok().body)).into();
    places.push(("the log".to_owned(), program.log().into_bytes()));
    let manifest = open(&program.data(), found).manifest().expect("it is there");
    places.push(("the manifest".to_owned(), manifest));
    for folder in [program.data(), image.to_owned()] {
        places.extend(files(&folder).into_iter().map(|(path, bytes)| (path.display().to_string(), bytes)));
    }
    places.extend(decrypted_facts(image));
    let hold = places.iter().filter(|(_, bytes)| search.find(bytes).is_some());
    hold.map(|(place, _)| format!("digits in {place}")).collect()
}

fn now_seed() -> u64 {
    u64::try_from(now_ns()).expect("after 1970") >> 8 & 0xff_ffff
}

pub(super) fn copy(from: &Path, to: &Path) {
    for (path, bytes) in files(from) {
        let target = to.join(path.strip_prefix(from).expect("it is below"));
        std::fs::create_dir_all(target.parent().expect("it is in a folder")).expect("there is room");
        std::fs::write(&target, bytes).expect("there is room");
        let mode = std::fs::metadata(&path).map(|known| known.permissions());
        if let Ok(mode) = mode {
            std::fs::set_permissions(&target, mode).expect("it is ours");
        }
    }
}

/// What a start on this folder would read: the tracker's checkpoint and every event.
pub(super) fn decrypted_facts(data: &Path) -> Vec<(String, Vec<u8>)> {
    let keys = KeyFolder::open_or_create(&data.join("keys")).expect("the keys");
    let opened = Store::open(Arc::new(RealDisk::new()), data, &keys.recorder(), vault::Settings::default());
    let Recovered { checkpoint, events, .. } = opened.expect("it is a data folder").recovered;
    assert!(checkpoint.is_some() || !events.is_empty(), "the call's facts are in the journal");
    let events = events.into_iter().map(|(number, bytes)| (format!("event {number}"), bytes));
    let state = checkpoint.map(|bytes| sidetone::desk::checkpoint::unfold(&bytes).expect("a checkpoint"));
    let state = state.map(|state| serde_json::to_vec(&state).expect("it came from JSON"));
    state.map(|bytes| ("the checkpoint".to_owned(), bytes)).into_iter().chain(events).collect()
}

#[test]
fn nothing_of_a_blackout_is_anywhere_and_everything_else_is_accounted_for() {
    is_kept_but_for_the_blackout(&Scene::play(true));
}

#[test]
fn nothing_of_a_blackout_that_was_asked_for_in_xml_is_anywhere() {
    is_kept_but_for_the_blackout(&Scene::play_by(Face::Xml, true));
}

#[test]
fn the_same_look_finds_what_was_written_in_xml_without_a_blackout() {
    let leaks = Scene::play_by(Face::Xml, false).leaks();
    for place in ["packets of the span are stored", "digits in the manifest", "digits in event"] {
        assert!(leaks.iter().any(|leak| leak.contains(place)), "{place}: {leaks:#?}");
    }
}

fn is_kept_but_for_the_blackout(scene: &Scene) {
    let leaks = scene.leaks();
    assert!(leaks.is_empty(), "{leaks:#?}");

    let found = sealed(&scene.program.http, 1).remove(0);
    for (field, value) in [("user2", "before"), ("user5", "after")] {
        assert_eq!(found["fields"][field], value);
    }
    let whole = recording(&scene.program.http, &found);
    let stored = packets(&scene.program.data(), &found);
    for (stream, sent) in whole["manifest"]["streams"].as_array().expect("a list").iter().zip(&scene.sent) {
        let count =
            |key: &str| stream["ledger"][key].as_u64().unwrap_or_else(|| panic!("no {key} in {stream}"));
        assert_eq!(count("received"), *sent, "{stream}");
        assert_eq!(count("stored") + count("dark"), *sent, "{stream}");
        // 2.1 s of 50 packets, less what a busy machine makes of them.
        assert!(count("dark") > 80, "{stream}");
        let ours = stored.iter().filter(|packet| Some(u64::from(packet.stream)) == stream["number"].as_u64());
        assert_eq!(ours.count() as u64, count("stored"), "{stream}");
    }
    // B5-03: that a key was pressed is kept, which one is not.
    let keys: Vec<u8> =
        stored.iter().filter(|packet| packet.payload_type == 101).map(|packet| packet.payload[0]).collect();
    assert!(keys.len() > 10, "keys were pressed after the blackout: {keys:?}");
    assert!(keys.iter().all(|key| *key == keys[0]), "the keys can be told apart: {keys:?}");
}

#[test]
fn the_same_look_finds_what_was_said_keyed_and_written_without_a_blackout() {
    let scene = Scene::play(false);
    std::fs::write(scene.program.data().join("dump"), &scene.voices[0].frames[60]).expect("there is room");
    let leaks = scene.leaks();
    for place in [
        "packets of the span are stored",
        "sound in the clear in",
        "digits in the manifest",
        "digits in event",
    ] {
        assert!(leaks.iter().any(|leak| leak.contains(place)), "{place}: {leaks:#?}");
    }
    assert!(
        leaks.iter().any(|leak| leak.starts_with("digits in /") && leak.contains("index.sqlite")),
        "{leaks:#?}"
    );
}

/// The recording client tells the card number in metadata: in a name, in an extension, in a document that does
/// not parse.
fn told_by_the_client(with_blackout: bool) -> Vec<String> {
    let setup = setup().log("debug");
    let program = setup.start();
    let legs = [Leg::new(31), Leg::new(32)];
    let offer = Offer::two_legs("4678", legs.each_ref().map(Leg::port));
    let mut session = Session::open(program.sip, Transport::Tcp, offer).expect("it is answered");
    let media = session.media();
    legs.iter().zip(&media).for_each(|(leg, to)| assert!(leg.send_frame(*to, 0, &sim::rtp::noise(31, 0))));
    on_a_recorded_call(&program.http, "4678");
    let by_id = json!({"AgentIdentifier": "Id", "Value": "1"});
    if with_blackout {
        program.http.post("/api/Blackout/StartForAgent", &by_id).ok();
    }
    let plain = session.metadata();
    let named = plain.replace(
        "aor=\"sip:+15550100@127.0.0.1\"/>",
        &format!("aor=\"sip:+15550100@127.0.0.1\"><name>{CARD}</name></nameID>"),
    );
    let extended = plain.replace(
        "</recording>",
        &format!(
            "<extensiondata xmlns:x=\"urn:x\"><x:note>{CARD_IN_GROUPS}</x:note></extensiondata></recording>"
        ),
    );
    let broken = format!("<recording><name>{CARD}</name>");
    for document in [&named, &extended, &broken] {
        assert!(document.contains(CARD) || document.contains(CARD_IN_GROUPS));
        assert_eq!(session.describe(document.as_bytes()), 200);
    }
    let image = setup.beside("image");
    copy(&program.data(), &image);
    if with_blackout {
        program.http.post("/api/Blackout/StopForAgent", &by_id).ok();
    }
    assert_eq!(session.bye(), 200);
    let found = sealed(&program.http, 1).remove(0);
    digits(&program, &image, &found)
}

#[test]
fn a_card_number_in_metadata_told_in_a_blackout_is_nowhere() {
    let leaks = told_by_the_client(true);
    assert!(leaks.is_empty(), "{leaks:#?}");
}

#[test]
fn the_same_look_finds_it_without_a_blackout() {
    let leaks = told_by_the_client(false);
    assert!(leaks.iter().any(|leak| leak.contains("the manifest")), "{leaks:#?}");
    assert!(leaks.iter().any(|leak| leak.contains("event")), "{leaks:#?}");
}

/// C2-05. A crash would write all memory to a file, the sound of the last moments and keys with it.
#[test]
fn a_recorder_that_crashes_leaves_no_core_file() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    // A recorder inherits what we may.
    let (_, hard) = getrlimit(Resource::RLIMIT_CORE).expect("it is known");
    setrlimit(Resource::RLIMIT_CORE, hard, hard).expect("up to there we may");
    let program = setup().start();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", program.id())).expect("it runs");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a line");
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
}
