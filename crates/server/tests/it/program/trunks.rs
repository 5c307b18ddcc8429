//! Trunks of the built program: who must log in, who may end a call, whose media is taken.

use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use sim::sip::{Line, Message, Offer, Session, Transport};
use sim::{Setup, debian};

use super::{recording, sealed, setup};

fn secret(setup: &Setup, name: &str, text: &str) -> PathBuf {
    let path = setup.write(name, text.as_bytes());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// A trunk on loopback that must log in.
fn logged_in(setup: &Setup) -> String {
    let password = secret(setup, "sbc.password", "not so secret\n");
    format!(
        "[[trunk]]\nname = \"SBC\"\nnetworks = [\"127.0.0.1\"]\n\
         [trunk.digest]\nuser = \"sbc\"\npassword_file = \"{}\"\n",
        password.display()
    )
}

#[test]
fn a_trunk_with_a_login_takes_calls_of_who_knows_the_password() {
    let setup = setup();
    let program = setup.clone().settings(&logged_in(&setup)).start();
    let right = secret(&setup, "right", "not so secret");
    let wrong = secret(&setup, "wrong", "guessed");
    for transport in ["udp", "tcp"] {
        let to = format!("sip:{};transport={transport}", program.sip);
        let call =
            |more: &[&str]| program.call(&[&["--to", &to, "--seconds", "1"], more].concat()).wait_any();
        let (status, _, said) = call(&["--user", "sbc", "--password-file", right.to_str().unwrap()]);
        assert!(status.success(), "{said}");
        for (user, password) in [("sbc", &wrong), ("other", &right)] {
            let (status, _, said) = call(&["--user", user, "--password-file", password.to_str().unwrap()]);
            assert!(!status.success() && said.contains("401"), "{said}");
        }
        let (status, _, said) = call(&[]);
        assert!(!status.success() && said.contains("401"), "{said}");
    }
    sealed(&program.http, 2);
}

#[test]
fn sipp_logs_in() {
    let setup = setup();
    // This SIPp knows MD5 only.
    let ha1 = siprec::digest::Algorithm::Md5.ha1("sbc", "example.com", "not so secret");
    let ha1 = secret(&setup, "sbc.ha1", &ha1);
    let program = setup
        .clone()
        .settings(&format!(
            "[[trunk]]\nname = \"SBC\"\nnetworks = [\"127.0.0.1\"]\n[trunk.digest]\nuser = \"sbc\"\n\
             realm = \"example.com\"\nha1_file = \"{}\"\n",
            ha1.display()
        ))
        .start();
    let folder = setup.beside("sipp");
    std::fs::create_dir_all(&folder).unwrap();
    let scenario = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp/login.xml");
    let mut sipp = Command::new(debian::program("sipp", "sip-tester"));
    sipp.current_dir(&folder).arg(program.sip.to_string()).arg("-sf").arg(scenario);
    sipp.args(["-m", "1", "-i", "127.0.0.1", "-nostdin", "-timeout", "25s", "-timeout_error", "-t", "u1"]);
    sipp.args(["-au", "sbc", "-ap", "not so secret", "-trace_err", "-error_file", "errors.log"]);
    debian::run(&mut sipp);
    sealed(&program.http, 1);
}

#[test]
fn a_secret_that_everybody_may_read_stops_the_start() {
    let setup = setup();
    let settings = logged_in(&setup);
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(setup.beside("sbc.password"), open).unwrap();
    let (status, said) = setup.clone().settings(&settings).start_refused();
    assert!(!status.success() && said.contains("chmod 600") && said.contains("sbc.password"), "{said}");
}

/// A BYE inside a dialog, as somebody would forge it who has read all of it.
fn bye(session: &Session, from: &Line) -> Vec<u8> {
    let (to, id) = (session.answer.header("To"), session.answer.header("Call-ID"));
    format!(
        "BYE sip:recorder@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKforged;rport\r\n\
         Max-Forwards: 70\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {id}\r\nCSeq: 9 BYE\r\nContent-Length: 0\r\n\r\n",
        from.local,
        session.answer.header("From")
    )
    .into_bytes()
}

#[test]
fn a_bye_forged_at_another_address_is_refused_and_the_call_goes_on() {
    let program = setup().start();
    let ports = [0, 0].map(|_| UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
    let session = Session::open(program.sip, Transport::Udp, Offer::two_legs("4678", ports)).unwrap();
    let mut forger = Line::open_from("127.0.0.2".parse().unwrap(), program.sip, Transport::Udp);
    let refused: Message = forger.ask(&bye(&session, &forger));
    assert_eq!(refused.status(), 403);
    super::on_a_recorded_call(&program.http, "4678");
    assert_eq!(session.bye(), 200);
}

#[test]
fn media_through_an_address_translator_is_taken_from_the_first_source_that_proves_itself() {
    let program = setup()
        .settings("[[trunk]]\nname = \"far SBC\"\nnetworks = [\"127.0.0.0/8\"]\nnat = \"latch\"\n")
        .start();
    // The SDP names ports nobody sends from, as a client behind a translator does.
    let session = Session::open(program.sip, Transport::Udp, Offer::two_legs("4678", [9, 11])).unwrap();
    let media = session.media();
    let ours = UdpSocket::bind("127.0.0.3:0").unwrap();
    let theirs = UdpSocket::bind("127.0.0.4:0").unwrap();
    let head = |sequence, ssrc| sim::rtp::Head {
        payload_type: 0,
        marker: false,
        sequence,
        timestamp: u32::from(sequence) * 160,
        ssrc,
    };
    for sequence in 0..50 {
        ours.send_to(&sim::rtp::packet(head(sequence, 7), &[0x55; 160]), media[0]).unwrap();
        theirs.send_to(&sim::rtp::packet(head(sequence, 8), &[0x2a; 160]), media[0]).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(session.bye(), 200);
    let found = sealed(&program.http, 1).pop().unwrap();
    let shown = recording(&program.http, &found);
    let metrics = program.http.get("/metrics").ok().text();
    let count = |fate: &str| -> u64 {
        let name = format!("sidetone_rtp_datagrams_total{{fate=\"{fate}\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
    };
    assert_eq!(
        (count("stored"), count("wrong_source")),
        (47, 53),
        "three to prove it, then one source: {shown}"
    );
}
