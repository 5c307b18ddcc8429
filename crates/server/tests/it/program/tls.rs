//! SIP over TLS: a real TLS client (openssl) and our own against the built program.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use sim::{Program, Setup, debian};

use super::{PATIENCE, legs, on_a_recorded_call, sealed, setup, tone_share};

/// An authority, and certificates it has given.
pub(super) struct Authority<'s> {
    setup: &'s Setup,
    issuer: CertifiedIssuer<'static, KeyPair>,
    pub(super) file: PathBuf,
}

/// Paths of a certificate and its key.
pub(super) struct Pair {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl Pair {
    fn arguments(&self) -> [&str; 4] {
        ["--cert", self.certificate.to_str().unwrap(), "--key", self.key.to_str().unwrap()]
    }
}

impl<'s> Authority<'s> {
    pub(super) fn new(setup: &'s Setup, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let file = setup.write(&format!("{name}.pem"), issuer.pem().as_bytes());
        Self { setup, issuer, file }
    }

    pub(super) fn give(&self, file: &str, names: &[&str]) -> Pair {
        let mut params =
            CertificateParams::new(names.iter().map(|&n| n.to_owned()).collect::<Vec<_>>()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "somebody");
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let pair = Pair {
            certificate: self.setup.write(&format!("{file}.pem"), certificate.pem().as_bytes()),
            key: self.setup.write(&format!("{file}.key"), key.serialize_pem().as_bytes()),
        };
        std::fs::set_permissions(&pair.key, std::fs::Permissions::from_mode(0o600)).unwrap();
        pair
    }

    pub(super) fn argument(&self) -> &str {
        self.file.to_str().unwrap()
    }
}

/// `[sip.tls]` on a free port.
pub(super) fn heard(pair: &Pair, more: &str) -> String {
    format!(
        "[sip.tls]\nlisten = \"127.0.0.1:0\"\ncertificate = \"{}\"\nkey = \"{}\"\n{more}\n",
        pair.certificate.display(),
        pair.key.display()
    )
}

fn uri(program: &Program) -> String {
    format!("sip:{};transport=tls", program.sip_tls.expect("TLS is heard"))
}

/// What openssl says after it has asked OPTIONS, and whether it was content.
fn openssl(program: &Program, arguments: &[&str]) -> String {
    let at = program.sip_tls.expect("TLS is heard");
    let options = "OPTIONS sip:recorder@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1;branch=z9hG4bKo\r\n\
                   From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: openssl\r\nCSeq: 1 OPTIONS\r\n\
                   Content-Length: 0\r\n\r\n";
    let mut command = Command::new(debian::program("openssl", "openssl"));
    command.args(["s_client", "-connect", &at.to_string(), "-ign_eof"]).args(arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut to = child.stdin.take().unwrap();
    let mut from = child.stdout.take().unwrap();
    let asked = std::thread::spawn(move || {
        // A client that is turned away has no ear any more.
        let _ = to.write_all(options.as_bytes());
        to
    });
    let said = std::thread::spawn(move || {
        let mut said = Vec::new();
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = std::io::Read::read(&mut from, &mut piece) {
            said.extend_from_slice(&piece[..count]);
            if said.windows(19).any(|window| window == b"Accept-Language: en") {
                break;
            }
        }
        String::from_utf8_lossy(&said).into_owned()
    });
    // What does not come ends the test by what it says, not by waiting.
    let began = sim::time::Since::now();
    while !said.is_finished() && began.elapsed() < PATIENCE {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let _ = child.kill();
    let _ = child.wait();
    drop(asked.join().unwrap());
    said.join().unwrap()
}

#[test]
fn a_call_over_tls_is_recorded_and_both_versions_are_spoken_with_and_without_a_server_name() {
    let setup = setup();
    let authority = Authority::new(&setup, "ca");
    let program =
        setup.clone().settings(&heard(&authority.give("server", &["127.0.0.1", "localhost"]), "")).start();
    for (version, protocol) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        for name in [&["-noservername"][..], &["-servername", "localhost"]] {
            let said = openssl(&program, &[&[version], name].concat());
            assert!(said.contains("SIP/2.0 200 OK") && said.contains(protocol), "{version} {name:?}: {said}");
            assert!(said.contains(";transport=tls>;+sip.srs"), "our Contact says how to reach us: {said}");
        }
    }
    assert!(!openssl(&program, &["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]).contains("SIP/2.0"));
    let call = program.call(&["--to", &uri(&program), "--ca", authority.argument(), "--seconds", "2"]);
    call.wait();
    let found = sealed(&program.http, 1).pop().unwrap();
    let sides = legs(&program.http, &found);
    for (side, hz) in sides.iter().zip([440.0, 880.0]) {
        let middle = &side[side.len() / 4..side.len() / 2];
        assert!(tone_share(middle, hz) > 0.9, "{hz} Hz");
    }
    let metrics = program.http.get("/metrics").ok().text();
    assert!(metrics.contains("\nsidetone_tls_certificate_expires_seconds "), "{metrics}");
    let (status, _, complained) = program.call(&["--to", &uri(&program), "--seconds", "1"]).wait_any();
    assert!(!status.success() && complained.contains("--insecure"), "{complained}");
    program.call(&["--to", &uri(&program), "--insecure", "--seconds", "1"]).wait();
}

#[test]
fn a_trunk_bound_to_a_certificate_is_served_and_others_are_not() {
    let setup = setup();
    let (authority, stranger) = (Authority::new(&setup, "ca"), Authority::new(&setup, "stranger"));
    let server = authority.give("server", &["127.0.0.1"]);
    let sbc = authority.give("sbc1", &["sbc1.example.com"]);
    let other = authority.give("sbc2", &["sbc2.example.com"]);
    let foreign = stranger.give("foreign", &["sbc1.example.com"]);
    let tls = heard(&server, &format!("client_ca = \"{}\"", authority.argument()));
    let program = setup
        .clone()
        .settings(&format!(
            "[sip]\nunlisted = \"refuse\"\n{tls}[[trunk]]\nname = \"SBC 1\"\n\
             certificate = \"sbc1.example.com\"\nbusiness_unit = 7\n"
        ))
        .start();
    let call = |shown: &[&str]| {
        let to = uri(&program);
        let common = ["--to", &to, "--ca", authority.argument(), "--seconds", "1"];
        program.call(&[&common, shown].concat()).wait_any()
    };
    let (status, _, complained) = call(&sbc.arguments());
    assert!(status.success(), "{complained}");
    for (shown, why) in [(&other.arguments()[..], "403"), (&[], "403")] {
        let (status, _, complained) = call(shown);
        assert!(!status.success() && complained.contains(why), "{complained}");
    }
    // Its authority is not believed, so it does not even come to SIP.
    let (status, _, complained) = call(&foreign.arguments());
    assert!(!status.success() && !complained.contains("403"), "{complained}");
    let (status, _, complained) = program.call(&["--seconds", "1"]).wait_any();
    assert!(
        !status.success() && complained.contains("403"),
        "without TLS nobody is that trunk: {complained}"
    );
    let found = sealed(&program.http, 1).pop().unwrap();
    assert_eq!(super::recording(&program.http, &found)["business_unit"], 7);
}

#[test]
fn without_a_certificate_nobody_comes_in_where_one_is_required() {
    let setup = setup();
    let authority = Authority::new(&setup, "ca");
    let server = authority.give("server", &["127.0.0.1"]);
    let more = format!("client_ca = \"{}\"\nrequire_client_certificate = true", authority.argument());
    let program = setup.clone().settings(&heard(&server, &more)).start();
    for version in ["-tls1_2", "-tls1_3"] {
        assert!(!openssl(&program, &[version]).contains("SIP/2.0 200"), "{version}");
        let sbc = authority.give("sbc", &["sbc.example.com"]);
        let shown = ["-cert", sbc.certificate.to_str().unwrap(), "-key", sbc.key.to_str().unwrap(), version];
        assert!(openssl(&program, &shown).contains("SIP/2.0 200"), "{version}");
    }
}

#[test]
fn another_certificate_is_taken_while_a_call_goes_on_and_a_bad_one_is_not() {
    let setup = setup();
    let authority = Authority::new(&setup, "ca");
    let server = authority.give("server", &["127.0.0.1", "first.example.com"]);
    let program = setup.clone().settings(&heard(&server, "")).start();
    let call = program.call(&["--to", &uri(&program), "--ca", authority.argument(), "--seconds", "6"]);
    on_a_recorded_call(&program.http, "4678");
    let shown = || openssl(&program, &["-showcerts"]);
    let before = shown();
    authority.give("server", &["127.0.0.1", "second.example.com"]);
    program.hang_up();
    sim::time::wait_for("the other certificate is shown", PATIENCE, || {
        program.log().contains("another certificate is shown").then_some(())
    });
    let after = shown();
    let of = |said: &str| said.split("BEGIN CERTIFICATE").nth(1).map(|rest| rest[..200].to_owned());
    assert_ne!(of(&before).unwrap(), of(&after).unwrap());
    setup.write("server.key", b"no key at all");
    program.hang_up();
    sim::time::wait_for("the bad key is said", PATIENCE, || {
        program.log().contains("the one before is shown on").then_some(())
    });
    assert_eq!(of(&shown()), of(&after));
    let metrics = program.http.get("/metrics").ok().text();
    assert!(metrics.contains("sidetone_alarms_total{kind=\"tls_certificate\"} 1"), "{metrics}");
    call.wait();
    sealed(&program.http, 1);
}

#[test]
fn five_hundred_clients_that_begin_tls_and_do_not_go_on_keep_nobody_out() {
    let setup = setup();
    let authority = Authority::new(&setup, "ca");
    let program = setup.clone().settings(&heard(&authority.give("server", &["127.0.0.1"]), "")).start();
    let at: SocketAddr = program.sip_tls.unwrap();
    let half_open: Vec<TcpStream> =
        (0..500).map(|_| TcpStream::connect(at).expect("the kernel takes it")).collect();
    program.call(&["--to", &uri(&program), "--ca", authority.argument(), "--seconds", "1"]).wait();
    program.call(&["--seconds", "1"]).wait();
    sealed(&program.http, 2);
    let metrics = program.http.get("/metrics").ok().text();
    assert!(!metrics.contains("sidetone_sip_dropped_total{reason=\"pushed_out\"} 0\n"), "{metrics}");
    drop(half_open);
}

#[test]
fn a_key_that_everybody_may_read_stops_the_start() {
    let setup = setup();
    let authority = Authority::new(&setup, "ca");
    let server = authority.give("server", &["127.0.0.1"]);
    std::fs::set_permissions(&server.key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (status, said) = setup.clone().settings(&heard(&server, "")).start_refused();
    assert!(!status.success() && said.contains("chmod 600") && said.contains("server.key"), "{said}");
}
