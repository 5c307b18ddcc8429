//! SIPp (Debian's `sip-tester`) calls the recorder: signalling that is not ours, over UDP and TCP, with recorded
//! G.711 on the first leg.
//!
//! SIPp streams one file of a call (`rtp_stream`, which needs no raw sockets); the second leg comes from a sender
//! of the test, to the port that SIPp was told.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;

use audio::codec::g711;
use audio::tone::Sine;
use sim::counterpart::free_port;
use sim::debian;
use sim::rtp::{FRAME_SAMPLES, Head, packet};
use sim::sip::Transport;
use sim::time::wait_for;

use super::{PATIENCE, between, legs, sealed, setup, text, tone_share};

/// A scenario, and how it encodes its sound.
struct Scenario {
    name: &'static str,
    encode: fn(i16) -> u8,
    payload_type: u8,
}

const SCENARIOS: [Scenario; 2] = [
    Scenario { name: "rfc.xml", encode: g711::linear_to_pcmu, payload_type: 0 },
    Scenario { name: "draft.xml", encode: g711::linear_to_pcma, payload_type: 8 },
];

impl Scenario {
    fn tone(&self, hz: f64) -> Vec<u8> {
        Sine::new(hz, 8_000).take(16_000).map(self.encode).collect()
    }

    fn file(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp").join(self.name)
    }

    /// The SIPp that plays it, in a folder of its own.
    fn command(&self, folder: &Path, recorder: SocketAddr, transport: Transport) -> Command {
        std::fs::create_dir_all(folder).expect("there is room");
        std::fs::write(folder.join("left.g711"), self.tone(440.0)).expect("there is room");
        let mut sipp = Command::new(debian::program("sipp", "sip-tester"));
        sipp.current_dir(folder).arg(recorder.to_string()).arg("-sf").arg(self.file());
        sipp.args([
            "-m",
            "1",
            "-i",
            "127.0.0.1",
            "-mi",
            "127.0.0.1",
            "-nostdin",
            "-timeout",
            "25s",
            "-timeout_error",
        ]);
        sipp.args([
            "-t",
            if transport == Transport::Udp { "u1" } else { "t1" },
            "-p",
            &free_port().to_string(),
        ]);
        sipp.args(["-trace_logs", "-log_file", "said.log", "-trace_err", "-error_file", "errors.log"]);
        sipp
    }

    /// Sends the second leg, frame by frame, as long as the file lasts.
    fn second_leg(&self, to: SocketAddr) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let began = sim::time::Since::now();
        for (number, frame) in (0u16..).zip(self.tone(880.0).chunks_exact(FRAME_SAMPLES)) {
            let timestamp = u32::from(number) * 160;
            let head = Head {
                payload_type: self.payload_type,
                marker: number == 0,
                sequence: number,
                timestamp,
                ssrc: 88,
            };
            socket.send_to(&packet(head, frame), to).expect("loopback takes it");
            began.sleep_until(std::time::Duration::from_millis(20) * (u32::from(number) + 1));
        }
    }
}

fn play(transport: Transport) {
    let program = setup().start();
    for (count, scenario) in SCENARIOS.iter().enumerate() {
        let folder = program.setup.beside(scenario.name.trim_end_matches(".xml"));
        let mut command = scenario.command(&folder, program.sip, transport);
        let log = folder.join("said.log");
        let sipp = std::thread::spawn(move || debian::run(&mut command));
        let port = wait_for("SIPp is told the second leg's port", PATIENCE, || {
            assert!(!sipp.is_finished(), "SIPp ended before the call was up");
            let said = std::fs::read_to_string(&log).ok()?;
            said.split_once("second leg ")?.1.split_whitespace().next()?.parse().ok()
        });
        scenario.second_leg(SocketAddr::new(program.sip.ip(), port));
        sipp.join().expect("SIPp was content");

        let found = sealed(&program.http, count + 1).pop().expect("the newest");
        assert_eq!((&found["agent"], text(&found["device"])), (&1.into(), "4678"), "{}", scenario.name);
        let sides = legs(&program.http, &found);
        for (side, hz) in sides.iter().zip([440.0, 880.0]) {
            let first = side.iter().position(|sample| *sample != 0).expect("sound");
            let first_ms = i64::try_from(first / 8).expect("short");
            let heard = tone_share(between(side, first_ms + 100, first_ms + 1_700), hz);
            assert!(heard > 0.9, "{} {transport:?}: {heard} of {hz} Hz", scenario.name);
        }
    }
}

#[test]
fn sipp_is_recorded_over_udp() {
    play(Transport::Udp);
}

#[test]
fn sipp_is_recorded_over_tcp() {
    play(Transport::Tcp);
}
