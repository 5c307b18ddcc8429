//! HTTP over TLS: curl, openssl and nginx against the built program.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::Value;
use sim::counterpart::Nginx;
use sim::time::wait_for;
use sim::{Program, Setup, debian};
use tokio::net::TcpSocket;

use super::people::{PASSWORD, code_of, sidetone};
use super::tls::{Authority, Pair};
use super::{PATIENCE, setup, text};

/// `[http.tls]` with a certificate.
fn shown(pair: &Pair, more: &str) -> String {
    let (certificate, key) = (pair.certificate.display(), pair.key.display());
    format!("[http.tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n{more}\n")
}

pub(super) fn secure<'s>(
    setup: &'s Setup,
    more: &dyn Fn(&Authority<'s>) -> String,
) -> (Program, Authority<'s>) {
    let authority = Authority::new(setup, "ca");
    let server = authority.give("http", &["127.0.0.1", "localhost"]);
    let program = setup.clone().settings(&shown(&server, &more(&authority))).start();
    (program, authority)
}

/// What curl prints, head and body, and the version of HTTP last; nothing if it gets no answer.
pub(super) fn curl(arguments: &[&str]) -> String {
    let mut command = Command::new(debian::program("curl", "curl"));
    command.args(["-sS", "-i", "--max-time", "20", "-w", "\\nHTTP version %{http_version}"]).args(arguments);
    let output = command.output().expect("curl runs");
    if output.status.success() { String::from_utf8_lossy(&output.stdout).into_owned() } else { String::new() }
}

/// What openssl says of a connection.
fn openssl(program: &Program, arguments: &[&str]) -> String {
    let mut command = Command::new(debian::program("openssl", "openssl"));
    command.args(["s_client", "-connect", program.http.address()]).args(arguments).stdin(Stdio::null());
    let output = command.output().expect("openssl runs");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn browsers_and_programs_get_either_version_of_http_over_tls_and_nothing_in_the_clear() {
    let setup = setup();
    let (program, authority) = secure(&setup, &|_| String::new());
    let ca = authority.argument();
    let url = program.http.url("/readyz");
    for (wanted, got) in [("--http2", "HTTP version 2"), ("--http1.1", "HTTP version 1.1")] {
        let said = curl(&["--cacert", ca, wanted, &url]);
        assert!(said.contains(" 200") && said.contains(got), "{wanted}: {said}");
        assert!(said.to_lowercase().contains("strict-transport-security: max-age=31536000"), "{said}");
    }
    let posted = program.http.url("/api/Blackout/StartForAgent");
    let body = r#"{"agentIdentifier": "Id", "value": "1"}"#;
    let said =
        curl(&["--cacert", ca, "--http2", "-H", "content-type: application/json", "-d", body, &posted]);
    assert!(said.starts_with("HTTP/2 200"), "{said}");
    assert_eq!(curl(&[&url.replace("https:", "http:")]), "", "in the clear there is no answer");
    assert_eq!(curl(&[&url]), "", "a certificate of an unknown authority is not believed");
}

#[test]
fn what_is_old_or_weak_in_tls_is_not_spoken() {
    let setup = setup();
    let (program, authority) = secure(&setup, &|_| String::new());
    let ca = ["-CAfile", authority.argument()];
    for (wanted, spoken) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let said = openssl(&program, &[&ca[..], &[wanted]].concat());
        assert!(said.contains(spoken) && said.contains("Verify return code: 0"), "{wanted}: {said}");
    }
    let level = "@SECLEVEL=0";
    for old in ["-tls1_1", "-tls1"] {
        let said = openssl(&program, &[old, "-cipher", &format!("DEFAULT{level}")]);
        assert!(said.contains("Cipher is (NONE)"), "{old}: {said}");
    }
    // Without forward secrecy, or without authenticated encryption.
    for weak in ["AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "aNULL"] {
        let said = openssl(&program, &["-tls1_2", "-cipher", &format!("{weak}{level}")]);
        assert!(said.contains("Cipher is (NONE)"), "{weak}: {said}");
    }
    let said = openssl(&program, &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"]);
    assert!(said.contains("Cipher is ECDHE-ECDSA-AES256-GCM-SHA384"), "{said}");
}

#[test]
fn commands_ask_over_tls_and_say_what_is_missing() {
    let setup = setup();
    let (program, authority) = secure(&setup, &|_| String::new());
    let ca = authority.argument();
    let found = program.run(&["agents", "list", "--ca", ca]);
    assert!(String::from_utf8_lossy(&found.stdout).contains("4678"), "{found:?}");
    let found = program.run(&["agents", "list"]);
    let said = String::from_utf8_lossy(&found.stderr);
    assert!(!found.status.success() && said.contains("--ca"), "{said}");
    let found = program.run(&["agents", "list", "--ca", "/nowhere.pem"]);
    let said = String::from_utf8_lossy(&found.stderr);
    assert!(said.contains("/nowhere.pem cannot be read"), "{said}");
}

#[test]
fn a_key_that_is_not_that_of_the_certificate_is_told_with_both_files() {
    let setup = setup();
    let authority = Authority::new(&setup, "ca");
    let (ours, other) = (authority.give("http", &["127.0.0.1"]), authority.give("other", &["127.0.0.1"]));
    let mixed = Pair { certificate: ours.certificate.clone(), key: other.key };
    let (_, said) = setup.clone().settings(&shown(&mixed, "")).start_refused();
    let (certificate, key) = (mixed.certificate.display().to_string(), mixed.key.display().to_string());
    assert!(said.contains(&format!("{certificate} and {key} do not go together")), "{said}");
    assert!(said.contains("the key is that of another certificate"), "{said}");
}

#[test]
fn where_clients_must_show_a_certificate_nobody_else_comes_in() {
    let setup = setup();
    let required = |authority: &Authority<'_>| {
        format!("client_ca = \"{}\"\nrequire_client_certificate = true", authority.argument())
    };
    let (program, authority) = secure(&setup, &required);
    let (ca, url) = (authority.argument(), program.http.url("/readyz"));
    let stranger = Authority::new(&setup, "stranger");
    let (ours, foreign) =
        (authority.give("crm", &["crm.example.com"]), stranger.give("foreign", &["crm.example.com"]));
    let with = |pair: &Pair| {
        let (certificate, key) = (pair.certificate.to_str().unwrap(), pair.key.to_str().unwrap());
        curl(&["--cacert", ca, "--cert", certificate, "--key", key, &url])
    };
    assert!(with(&ours).starts_with("HTTP/2 200"));
    assert_eq!(with(&foreign), "");
    assert_eq!(curl(&["--cacert", ca, &url]), "");
    let (certificate, key) = (ours.certificate.to_str().unwrap(), ours.key.to_str().unwrap());
    let found = program.run(&[
        "agents",
        "list",
        "--ca",
        ca,
        "--client-certificate",
        certificate,
        "--client-key",
        key,
    ]);
    assert!(found.status.success(), "{found:?}");
    let found = program.run(&["agents", "list", "--ca", ca]);
    assert!(!found.status.success(), "{found:?}");
}

#[test]
fn another_certificate_is_shown_while_requests_and_a_stream_of_events_go_on() {
    let setup = setup();
    let (program, authority) = secure(&setup, &|_| String::new());
    let (ca, url) = (authority.argument(), program.http.url("/readyz"));
    let events = setup.beside("events.txt");
    let mut follower = Command::new(debian::program("curl", "curl"))
        .args(["-sSN", "--cacert", ca, "-o", events.to_str().unwrap(), &program.http.url("/v1/events")])
        .spawn()
        .expect("curl runs");
    let first = openssl(&program, &["-showcerts"]);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| {
            let mut answers = 0;
            while !done.load(Ordering::Relaxed) {
                let said = curl(&["--cacert", ca, &url]);
                assert!(said.starts_with("HTTP/2 200"), "after {answers} answers: {said}");
                answers += 1;
            }
            answers
        });
        authority.give("http", &["127.0.0.1", "second.example.com"]);
        program.hang_up();
        wait_for("the other certificate is shown", PATIENCE, || {
            program.log().contains("another certificate is shown").then_some(())
        });
        let of = |said: &str| said.split("BEGIN CERTIFICATE").nth(1).map(|rest| rest[..200].to_owned());
        assert_ne!(of(&first).unwrap(), of(&openssl(&program, &["-showcerts"])).unwrap());
        done.store(true, Ordering::Relaxed);
        assert!(asked.join().unwrap() > 0);
    });
    let agent = program.http.url("/v1/agents/77");
    let put = curl(&["--cacert", ca, "-X", "PUT", "-d", r#"{"phone": "70077"}"#, &agent]);
    assert!(put.starts_with("HTTP/2 201"), "{put}");
    wait_for("the stream from before the exchange tells of it", PATIENCE, || {
        std::fs::read_to_string(&events).ok().filter(|told| told.contains("agent.put"))
    });
    let _ = follower.kill();
    let _ = follower.wait();
}

#[test]
fn a_proxy_that_is_listed_says_who_asks_and_by_what_and_another_is_not_believed() {
    let setup = setup();
    let authority = Authority::new(&setup, "ca");
    let pair = authority.give("proxy", &["127.0.0.1"]);
    let hold = r#"{"matter": "1", "owner": "Dana", "reason": "a claim", "by": "Robin", "query": {"number": "+15550100"}}"#;
    for (trusted, source) in [("127.0.0.0/8", "127.0.0.9"), ("192.0.2.1", "127.0.0.1")] {
        let program = setup.clone().argument("--http-trusted-proxies").argument(trusted).start();
        let address = program.http.address().parse().unwrap();
        let nginx = Nginx::start(&setup.beside("nginx"), (&pair.certificate, &pair.key), address);
        let url = format!("https://{}/v1/holds", nginx.address);
        let lied = ["-H", "X-Forwarded-For: 192.0.2.99"];
        let said = curl(
            &[&["--cacert", authority.argument(), "--interface", "127.0.0.9", "-d", hold, &url][..], &lied]
                .concat(),
        );
        assert!(said.starts_with("HTTP/2 201"), "{said}");
        let body = said.lines().find(|line| line.starts_with('{')).expect("JSON");
        let placed: Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(text(&placed["source"]), source, "trusting {trusted}");
        let by_tls = said.to_lowercase().contains("strict-transport-security");
        assert_eq!(by_tls, trusted.starts_with("127."), "{said}");
        program.stop();
    }
}

#[test]
fn clients_that_connect_and_say_nothing_keep_nobody_out_and_are_closed_and_counted() {
    let setup = setup();
    let (program, authority) = secure(&setup, &|_| String::new());
    let silent: Vec<_> = (0..400).map(|_| TcpStream::connect(program.http.address()).unwrap()).collect();
    let ca = authority.argument();
    assert!(curl(&["--cacert", ca, &program.http.url("/readyz")]).starts_with("HTTP/2 200"));
    let metrics = program.http.url("/metrics");
    wait_for("they are closed", PATIENCE, || {
        let said = curl(&["--cacert", ca, &metrics]);
        said.contains("sidetone_http_connections_lost_total{reason=\"no_handshake\"} 400").then_some(())
    });
    drop(silent);
}

#[test]
fn clients_that_take_all_places_from_several_addresses_and_say_nothing_keep_nobody_out() {
    let setup = setup();
    let (program, authority) = secure(&setup, &|_| String::new());
    let at: SocketAddr = program.http.address().parse().unwrap();
    let ca = authority.argument();
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let silent = runtime.block_on(async {
        let mut silent = Vec::new();
        for number in 0..1_500_u32 {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(SocketAddr::from(([127, 0, 0, u8::try_from(2 + number % 3).unwrap()], 0))).unwrap();
            silent.push(socket.connect(at).await.unwrap());
        }
        silent
    });
    // Long before any of them is closed for its silence.
    let limit = ["--max-time", "5", "--cacert", ca];
    for _ in 0..20 {
        let answer = curl(&[&limit[..], &[&program.http.url("/readyz")]].concat());
        assert!(answer.starts_with("HTTP/2 200"), "{answer}");
    }
    let metrics = curl(&[&limit[..], &[&program.http.url("/metrics")]].concat());
    let pushed = metrics.lines().find(|line| line.contains("lost_total{reason=\"pushed_out\"}")).unwrap();
    let count: u64 = pushed.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(count >= 400, "{pushed}");
    drop(silent);
}

#[test]
fn http_outside_this_machine_starts_with_tls_and_a_word_on_logins_only() {
    let setup = setup();
    let authority = Authority::new(&setup, "ca");
    let server = authority.give("http", &["127.0.0.1"]);
    let open = || setup.clone().argument("--http").argument("0.0.0.0:0");
    let (status, said) = open().argument("--http-without-login").start_refused();
    assert!(
        !status.success() && said.contains("--http-without-tls") && said.contains("http.tls.key"),
        "{said}"
    );
    let nobody = shown(&server, "\n[login]\nmode = \"open\"");
    let (status, said) = open().settings(&nobody).start_refused();
    assert!(!status.success() && said.contains("--http-without-login"), "{said}");
    let program = open().settings(&shown(&server, "")).start();
    let url = format!("https://127.0.0.1:{}/readyz", program.http.address().rsplit(':').next().unwrap());
    assert!(curl(&["--cacert", authority.argument(), &url]).starts_with("HTTP/2 200"));
    program.stop();

    std::fs::set_permissions(&server.key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (status, said) = setup.clone().settings(&shown(&server, "")).start_refused();
    assert!(!status.success() && said.contains("chmod 600") && said.contains("http.key"), "{said}");
}

/// An address of this machine that is not loopback's; none, which is said, where it has no other.
#[expect(clippy::print_stderr, reason = "that nothing was tried is to be seen")]
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent: the system says from where it would be.
    let own = socket.connect("192.0.2.200:9").and_then(|()| socket.local_addr()).ok()?.ip();
    if own.is_loopback() {
        eprintln!("nothing is tried: this machine has no address but loopback's");
        return None;
    }
    Some(own)
}

/// A fresh install as guide/install.md has it under "HTTP for others".
#[test]
fn at_an_address_of_its_own_a_recorder_gets_its_first_account_and_second_factor_and_key_without_a_browser() {
    let Some(own) = own_address() else { return };
    let setup = setup();
    let authority = Authority::new(&setup, "ca");
    let pair = authority.give("http", &[&own.to_string()]);
    let listen = format!("{own}:0");
    let program = setup.clone().argument("--http").argument(&listen).settings(&shown(&pair, "")).start();
    assert!(program.log().contains("--role administrator --server https://"), "{}", program.log());
    let (url, ca) = (program.http.url(""), authority.argument());
    let add = ["users", "add", "ada", "--role", "administrator", "--ca", ca];
    let (done, said) = sidetone(&url, None, &add, PASSWORD);
    assert!(
        done && said.contains(&format!("--as ada --key-to sidetone.key --server {url} --ca {ca}")),
        "{said}"
    );

    let to = setup.beside("sidetone.key").display().to_string();
    let wanted = [
        "api-keys",
        "add",
        "command-line",
        "--role",
        "administrator",
        "--as",
        "ada",
        "--key-to",
        &to,
        "--ca",
        ca,
    ];
    let (done, said) = sidetone(&url, None, &wanted, "not the password at all\n");
    assert!(!done && said.contains("is not right"), "{said}");
    assert!(!said.contains(".;") && !said.contains("api-keys add"), "it is what was just said: {said}");
    let (done, said) = sidetone(&url, None, &wanted, &format!("{PASSWORD}\n"));
    assert!(!done && said.contains("otpauth://") && said.contains("no code of the app came"), "{said}");

    let mut command = setup.command(&wanted);
    command.env("SIDETONE_SERVER", &url).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut typed = child.stdin.take().unwrap();
    writeln!(typed, "{PASSWORD}").unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let secret = lines.find_map(|line| Some(line.trim().strip_prefix("secret")?.trim().to_owned()));
    writeln!(typed, "{}", code_of(&secret.expect("a secret"))).unwrap();
    drop(typed);
    let rest: Vec<_> = lines.collect();
    assert!(child.wait().unwrap().success(), "{rest:?}");
    let key = std::fs::read_to_string(&to).unwrap();
    let (done, said) = sidetone(&url, Some(key.trim()), &["users", "list", "--ca", ca], "");
    assert!(done && said.contains("ada"), "{said}");
}

#[test]
fn a_certificate_for_another_name_is_told_apart_from_one_of_another_authority() {
    let setup = setup();
    let authority = Authority::new(&setup, "ca");
    let pair = authority.give("http", &["recorder.example.com"]);
    let program = setup.clone().settings(&shown(&pair, "")).start();
    let said = program.run(&["agents", "list", "--ca", authority.argument()]);
    let said = String::from_utf8_lossy(&said.stderr);
    assert!(said.contains("is for another name") && said.contains("--server https://"), "{said}");
}

/// What stands in the guide between these two, behind the words `behind`.
fn in_guide(behind: &str, kind: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guide/install.md");
    let guide = std::fs::read_to_string(path).unwrap();
    let (_, rest) = guide.split_once(behind).expect("it stands there");
    let (_, rest) = rest.split_once(&format!("```{kind}\n")).expect("a block");
    rest.split_once("\n```").expect("its end").0.to_owned()
}

/// What is answered by a proxy that is told of this location: to who logs in and then asks, showing this beside the cookie.
fn through(setup: &Setup, location: &str, shown: &[&str]) -> String {
    const BEHIND: &str = "Behind a proxy that speaks TLS";
    let authority = Authority::new(setup, "ca");
    let pair = authority.give("proxy", &["127.0.0.1"]);
    let program = setup.clone().settings(&in_guide(BEHIND, "toml")).start();
    let (done, said) =
        sidetone(&program.http.url(""), None, &["users", "add", "ada", "--role", "administrator"], PASSWORD);
    assert!(done, "{said}");
    let location = location.replace("127.0.0.1:8080", program.http.address());
    let nginx = Nginx::with(&setup.beside("nginx"), (&pair.certificate, &pair.key), &location);
    let url = |path: &str| format!("https://{}{path}", nginx.address);
    let ca = ["--cacert", authority.argument()];
    let login = format!("{{\"name\":\"ada\",\"password\":\"{PASSWORD}\"}}");
    let said = curl(&[&ca[..], shown, &["-d", &login, &url("/v1/session")]].concat());
    let cookie = said.lines().find_map(|line| line.strip_prefix("set-cookie: ")?.split(';').next());
    let cookie = format!("Cookie: {}", cookie.unwrap_or_else(|| panic!("no login: {said}")));
    curl(&[&ca[..], shown, &["-H", &cookie, &url("/v1/users")]].concat())
}

#[test]
fn behind_the_proxy_of_the_guide_a_page_stays_logged_in() {
    let said = through(&setup(), &in_guide("Behind a proxy that speaks TLS", "nginx"), &[]);
    assert!(said.starts_with("HTTP/2 200"), "{said}");
}

#[test]
fn a_proxy_that_asks_for_a_password_and_passes_it_on_is_told_of_and_one_that_keeps_it_is_passed() {
    let setup = setup();
    let users = setup.write("htpasswd", b"front:{PLAIN}door\n");
    let asks = format!("auth_basic \"Sidetone\"; auth_basic_user_file {};", users.display());
    let location = in_guide("Behind a proxy that speaks TLS", "nginx");
    let with = |more: &str| location.replacen('{', &format!("{{ {asks} {more}"), 1);
    let said = through(&setup, &with(""), &["-u", "front:door"]);
    assert!(said.starts_with("HTTP/2 401") && said.contains("a proxy in between asks for them"), "{said}");
    let setup = self::setup();
    let kept = in_guide("A proxy that asks for a password itself", "nginx");
    let said = through(&setup, &with(&kept), &["-u", "front:door"]);
    assert!(said.starts_with("HTTP/2 200"), "{said}");
}
