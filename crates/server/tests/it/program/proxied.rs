//! Behind a real proxy and a real media relay: Kamailio sends the calls on, rtpengine their media, and the phone
//! that talks may be a real one.

use std::path::{Path, PathBuf};

use sim::Program;
use sim::counterpart::{Baresip, Front, Kamailio, MediaProfile, Rtpengine};
use sim::debian;

use super::{between, legs, printed, recording, sealed, setup, text, tone_share};

/// A proxy in front of a recorder.
struct Scene {
    program: Program,
    proxy: Kamailio,
    relay: Rtpengine,
    folder: PathBuf,
}

/// The proxy is allowed to leave out the tag: it marks the calls of phones that are no recording clients.
const TRUNK: &str = r#"
[[trunk]]
name = "proxy"
networks = ["127.0.0.1"]
profile = "tag-less"
"#;

impl Scene {
    fn new(transport: &str, profile: MediaProfile) -> Self {
        let program = setup().settings(TRUNK).start();
        let folder = program.setup.beside("proxy");
        std::fs::create_dir_all(&folder).expect("there is room");
        let relay = Rtpengine::start(&folder);
        let front =
            Front { recorder: program.sip, transport, relay: Some((relay.control, profile)), tls: None };
        let proxy = Kamailio::start(&folder, front);
        Self { program, proxy, relay, folder }
    }

    /// Places a call through the proxy, and has both legs heard in what is exported of it.
    fn both_legs_are_heard(&self, call: &[&str]) {
        let to = format!("sip:{}", self.proxy.sip);
        let arguments = ["--to", &to, "--agent-phone", "4678", "--number", "+15550100", "--seconds", "3"];
        self.program.call(&[&arguments, call].concat()).wait();
        let found = sealed(&self.program.http, 1).remove(0);
        assert_eq!(found["agent"], 1, "{found}");
        let path = self.folder.join("call.wav");
        printed(&self.program, &["export", text(&found["id"]), "-o", &path.display().to_string()]);
        assert_eq!(debian::ffprobe(&path).channels, 2);
        for (side, hz) in legs(&self.program.http, &found).iter().zip([440.0, 880.0]) {
            let heard = tone_share(between(side, 500, 2_500), hz);
            assert!(heard > 0.9, "{heard} of {hz} Hz\n{}\n{}", self.proxy.log(), self.relay.log());
        }
        let relayed = self.relay.log();
        assert!(relayed.contains("'answer'"), "the relay was not in the way:\n{relayed}");
    }
}

#[test]
fn a_call_behind_kamailio_and_rtpengine_is_heard_on_both_legs() {
    Scene::new("udp", MediaProfile::Avp).both_legs_are_heard(&[]);
}

#[test]
fn a_proxy_that_changes_the_transport_makes_no_difference() {
    Scene::new("tcp", MediaProfile::Avp).both_legs_are_heard(&[]);
}

#[test]
fn a_relay_that_protects_media_on_our_side_is_heard_on_both_legs() {
    let scene = Scene::new("udp", MediaProfile::Savp);
    scene.both_legs_are_heard(&[]);
    let found = sealed(&scene.program.http, 1).remove(0);
    let whole = recording(&scene.program.http, &found);
    for stream in whole["manifest"]["streams"].as_array().expect("streams") {
        assert_eq!(stream["suites"].as_array().map(Vec::len), Some(1), "{whole}");
        assert_eq!(stream["ledger"]["refused"]["unauthenticated"], 0, "{whole}");
    }
}

#[test]
fn a_real_phone_is_recorded_as_its_agent() {
    let scene = Scene::new("udp", MediaProfile::Avp);
    let said = phone_calls(&scene);
    let found = sealed(&scene.program.http, 1).remove(0);
    assert!(found["duration_ms"].as_u64() > Some(3_000), "{found}\n{said}");
    let wav = scene.program.http.get(&format!("/v1/recordings/{}/audio", text(&found["id"]))).ok();
    let sound = audio::file::wav::read(&wav.body).expect("a WAV file");
    let voice = sound.channels.iter().map(|side| loudest_second(side)).fold(0.0, f64::max);
    assert!(voice > 0.9, "{voice} of the tone\n{said}");
    assert_eq!(found["agent"], 1, "{found}");
}

/// Has a phone of agent 1 call through the proxy and play a tone.
fn phone_calls(scene: &Scene) -> String {
    let voice = scene.folder.join("voice.wav");
    tone_file(&voice);
    Baresip::call(&scene.folder, "4678", scene.proxy.sip, &voice, "PCMA", 6).wait()
}

fn tone_file(path: &Path) {
    let mut sox = std::process::Command::new(debian::program("sox", "sox"));
    sox.args(["-n", "-r", "8000", "-c", "1", "-b", "16"]).arg(path);
    debian::run(sox.args(["synth", "30", "sine", "440", "gain", "-6"]));
}

/// The share of the tone in the second that has most of it: a phone begins to talk when it likes.
fn loudest_second(samples: &[i16]) -> f64 {
    samples.chunks_exact(8_000).map(|second| tone_share(second, 440.0)).fold(0.0, f64::max)
}
