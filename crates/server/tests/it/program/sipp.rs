//! SIPp (Debian's `sip-tester`) calls the recorder: signalling that is not ours, over UDP, TCP and TLS, with recorded
//! G.711 on the first leg.
//!
//! SIPp streams one file of a call (`rtp_stream`, which needs no raw sockets); the second leg comes from a sender
//! of the test, to the port that SIPp was told.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Command;

use audio::codec::g711;
use audio::tone::Sine;
use serde_json::Value;
use sim::counterpart::{Front, Kamailio, Shown, TlsTunnel, free_port};
use sim::rtp::{FRAME_SAMPLES, Head, packet};
use sim::sip::Transport;
use sim::time::wait_for;
use sim::{Program, debian};

use super::tls::{Authority, heard};
use super::{PATIENCE, between, legs, printed, recording, sealed, setup, text, tone_share};
use super::{vendor_calls, vendors};

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

    fn text(&self) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp").join(self.name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The SIPp that plays it to `to`, as `text` has it, in a folder of its own.
    fn command(text: &str, folder: &Path, to: SocketAddr, transport: Transport) -> Command {
        std::fs::write(folder.join("scenario.xml"), text).expect("there is room");
        let mut sipp = Command::new(debian::program("sipp", "sip-tester"));
        sipp.current_dir(folder).arg(to.to_string()).args(["-sf", "scenario.xml"]);
        sipp.args(["-m", "1", "-i", "127.0.0.1", "-mi", "127.0.0.1", "-nostdin"]);
        sipp.args(["-timeout", "25s", "-timeout_error"]);
        let transport = if transport == Transport::Udp { "u1" } else { "t1" };
        sipp.args(["-t", transport, "-p", &free_port().to_string()]);
        sipp.args(["-trace_logs", "-log_file", "said.log", "-trace_err", "-error_file", "errors.log"]);
        sipp
    }

    /// Has SIPp call `to` with the scenario as `change` leaves it, while the second leg talks beside it.
    fn call(
        &self,
        program: &Program,
        to: SocketAddr,
        transport: Transport,
        change: impl Fn(String) -> String,
    ) {
        let folder = program.setup.beside(self.name.trim_end_matches(".xml"));
        std::fs::create_dir_all(&folder).expect("there is room");
        std::fs::write(folder.join("left.g711"), self.tone(440.0)).expect("there is room");
        let mut command = Self::command(&change(self.text()), &folder, to, transport);
        let log = folder.join("said.log");
        let sipp = std::thread::spawn(move || debian::run(&mut command));
        let port = wait_for("SIPp is told the second leg's port", PATIENCE, || {
            assert!(!sipp.is_finished(), "SIPp ended before the call was up");
            let said = std::fs::read_to_string(&log).ok()?;
            said.split_once("second leg ")?.1.split_whitespace().next()?.parse().ok()
        });
        self.second_leg(SocketAddr::new(program.sip.ip(), port));
        sipp.join().expect("SIPp was content");
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

/// Both legs of the newest of so many recordings are heard.
fn is_heard(program: &Program, count: usize) -> Value {
    let found = sealed(&program.http, count).pop().expect("the newest");
    assert_eq!((&found["agent"], text(&found["device"])), (&1.into(), "4678"), "{found}");
    let sides = legs(&program.http, &found);
    for (side, hz) in sides.iter().zip([440.0, 880.0]) {
        let first = side.iter().position(|sample| *sample != 0).expect("sound");
        let first_ms = i64::try_from(first / 8).expect("short");
        let heard = tone_share(between(side, first_ms + 100, first_ms + 1_700), hz);
        assert!(heard > 0.9, "{heard} of {hz} Hz: {found}");
    }
    found
}

/// It can be exported by its id too.
fn is_exported(program: &Program, found: &Value) {
    let path = program.setup.beside("call.wav");
    printed(program, &["export", text(&found["id"]), "-o", &path.display().to_string()]);
    assert_eq!(debian::ffprobe(&path).channels, 2);
}

fn play(transport: Transport) {
    let program = setup().start();
    for (count, scenario) in SCENARIOS.iter().enumerate() {
        scenario.call(&program, program.sip, transport, |text| text);
        is_heard(&program, count + 1);
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

/// Debian's SIPp has no TLS of its own: what it says goes through openssl.
#[test]
fn sipp_is_recorded_over_tls() {
    let setup = setup();
    let authority = Authority::new(&setup, "ca");
    let program = setup.clone().settings(&heard(&authority.give("server", &["127.0.0.1"]), "")).start();
    let tunnel = TlsTunnel::open(program.sip_tls.expect("TLS is heard"), &authority.file);
    for (count, scenario) in SCENARIOS.iter().enumerate() {
        let over_tls = |text: String| text.replace("[transport]", "TLS");
        scenario.call(&program, tunnel.entrance, Transport::Tcp, over_tls);
        let found = is_heard(&program, count + 1);
        is_exported(&program, &found);
    }
}

/// The INVITE of a product as a scenario: what names the sender's connection, the call and lengths is SIPp's, all else is the
/// product's.
fn scenario_of(invite: &[u8], transport: &str) -> String {
    let text = std::str::from_utf8(invite).expect("it is text").replace("\r\n", "\n");
    let (head, body) = text.split_once("\n\n").expect("a head");
    let mut vias = 0;
    let lines = head.lines().map(|line| {
        let name = line.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
        match name.as_str() {
            "via" | "v" => {
                vias += 1;
                let via = "Via: SIP/2.0/TRANSPORT [local_ip]:[local_port];branch=[branch]";
                if vias == 1 { via.replace("TRANSPORT", transport) } else { line.to_owned() }
            }
            "call-id" | "i" => "Call-ID: [call_id]".to_owned(),
            "content-length" | "l" => "Content-Length: [len]".to_owned(),
            _ => line.to_owned(),
        }
    });
    let lines = lines.collect::<Vec<_>>().join("\n");
    let [from, number] = ["From", "CSeq"].map(|name| vendors::header(invite, name));
    let number: u32 = number.split(' ').next().and_then(|number| number.parse().ok()).expect("a number");
    let inside = |method: &str, number: u32| {
        format!(
            "{method} [next_url] SIP/2.0\nVia: SIP/2.0/{transport} [local_ip]:[local_port];branch=[branch]\n\
             Max-Forwards: 70\nFrom: {from}\n[last_To:]\nCall-ID: [call_id]\nCSeq: {number} {method}\nContent-Length: 0\n"
        )
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<scenario name=\"a product\">\n\
         <send retrans=\"500\"><![CDATA[\n{lines}\n\n{body}]]></send>\n\
         <recv response=\"100\" optional=\"true\"/>\n<recv response=\"200\" rrs=\"true\"/>\n\
         <send><![CDATA[\n{}\n]]></send>\n<pause milliseconds=\"100\"/>\n\
         <send retrans=\"500\"><![CDATA[\n{}\n]]></send>\n<recv response=\"200\"/>\n</scenario>\n",
        inside("ACK", number),
        inside("BYE", number + 1),
    )
}

/// Each product's shape over one transport, SIPp calling `to`: the recorder takes it, and knows what it told.
fn play_products(program: &Program, to: SocketAddr, transport: Transport, named: &str) {
    for (count, (name, invite, oracle)) in (1..).zip(vendors::invites()) {
        let folder = program.setup.beside(&name);
        std::fs::create_dir_all(&folder).expect("there is room");
        let mut sipp = Scenario::command(&scenario_of(&invite, named), &folder, to, transport);
        debian::run(&mut sipp);
        let found = sealed(&program.http, count).pop().expect("the newest");
        let whole = recording(&program.http, &found);
        vendor_calls::check_record(&format!("{name} over {named}"), &whole["manifest"], &oracle);
    }
}

/// A trunk for every product there is.
const ANY_PRODUCT: &str =
    "[[trunk]]\nname = \"SBC\"\nnetworks = [\"127.0.0.1\"]\nprofile = \"header-only\"\n";

#[test]
fn sipp_plays_each_products_shape_over_udp_tcp_and_tls() {
    for (transport, named) in [(Transport::Udp, "UDP"), (Transport::Tcp, "TCP")] {
        let program = setup().settings(ANY_PRODUCT).start();
        play_products(&program, program.sip, transport, named);
    }
    let setup = setup();
    let authority = Authority::new(&setup, "ca");
    let tls = heard(&authority.give("server", &["127.0.0.1"]), "");
    let program = setup.clone().settings(&format!("{tls}{ANY_PRODUCT}")).start();
    let tunnel = TlsTunnel::open(program.sip_tls.expect("TLS is heard"), &authority.file);
    play_products(&program, tunnel.entrance, Transport::Tcp, "TLS");
}

/// SIPp answers a question of the recorder, and so knows whether it finds its way back.
const ASKED: &str = r#"<recv request="OPTIONS"/>
  <send>
    <![CDATA[
      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      [last_CSeq:]
      Content-Length: 0

    ]]>
  </send>
  <pause milliseconds="500"/>"#;

#[test]
fn sipp_behind_a_proxy_that_speaks_tls_to_us_is_recorded_and_requests_find_their_way_both_ways() {
    let setup = setup();
    let authority = Authority::new(&setup, "ca");
    let proxys = authority.give("proxy", &["proxy.example.com"]);
    let tls = heard(
        &authority.give("server", &["127.0.0.1"]),
        &format!("client_ca = \"{}\"", authority.file.display()),
    );
    let trunk = "[[trunk]]\nname = \"proxy\"\ncertificate = \"proxy.example.com\"\nprofile = \"tag-less\"\n";
    let program =
        setup.clone().settings(&format!("[sip]\nunlisted = \"refuse\"\nprobe_s = 2\n{tls}{trunk}")).start();
    let folder = setup.beside("proxy");
    std::fs::create_dir_all(&folder).expect("there is room");
    let front = Front {
        recorder: program.sip_tls.expect("TLS is heard"),
        transport: "tls",
        relay: None,
        tls: Some(Shown { certificate: &proxys.certificate, key: &proxys.key, ca: &authority.file }),
    };
    let proxy = Kamailio::start(&folder, front);
    let asked = |text: String| {
        assert!(text.contains("<pause milliseconds=\"2500\"/>"), "{text}");
        text.replace("<pause milliseconds=\"2500\"/>", ASKED)
    };
    SCENARIOS[0].call(&program, proxy.sip, Transport::Udp, asked);
    let found = is_heard(&program, 1);
    is_exported(&program, &found);
    assert_eq!(recording(&program.http, &found)["completeness"], "complete", "{}", proxy.log());
}
