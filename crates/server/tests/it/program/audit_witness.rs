//! The audit is witnessed by others: a bucket that locks, and an authority that says when.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use sim::Setup;
use sim::counterpart::ObjectStore;
use sim::time::wait_for;

use super::audit::{awaited, checked, tamper};
use super::{PATIENCE, printed, setup, text};

/// The settings of a bucket that witnesses.
fn witnessed_by(store: &ObjectStore, setup: &Setup) -> String {
    let key = setup.write("s3.key", b"an id\na secret\n");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("it is ours");
    format!(
        "[audit]\nsign_every_s = 1\nwitness_s3 = {{ endpoint = \"{}\", bucket = \"witness\", prefix = \"site-1\", key_file = {key:?} }}\n",
        store.endpoint()
    )
}

#[test]
fn a_bucket_that_locks_is_a_witness_from_which_nobody_removes_a_head() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = ObjectStore::start_locking(folder.path(), "witness");
    let setup = setup();
    let settings = witnessed_by(&store, &setup);
    let setup = setup.settings(&settings);
    let program = setup.start();
    program.http.get("/v1/recordings?text=word").ok();
    awaited(&program.http, "action=recording.search", 1);
    program.stop();
    let keys = store.keys();
    let last = keys.iter().max().expect("a head was taken");
    assert!(last.starts_with("site-1/audit/"), "{keys:?}");
    assert_eq!(store.remove_version(last), 403, "it is locked");
    let fetched = setup.write("heads.jsonl", store.text(last).as_bytes()).display().to_string();
    let (whole, found) = checked(&setup, &["--witness", &fetched]);
    assert!(whole && found["audit"]["witnessed"] == 1, "{found:#}");
    tamper(&setup, "DELETE FROM audit_head WHERE TRUE; DELETE FROM audit WHERE number > 1;");
    let (whole, found) = checked(&setup, &["--witness", &fetched]);
    assert!(!whole && text(&found["faults"][0]).contains("the end was cut off"), "{found:#}");
}

/// A time stamping authority, made and run with openssl.
const AUTHORITY: &str = r#"
import http.server, subprocess, sys
folder = sys.argv[1]
class Authority(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        query = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.headers["Content-Type"] == "application/timestamp-query"
        open(folder + "/query.tsq", "wb").write(query)
        reply = subprocess.run(["openssl", "ts", "-reply", "-config", folder + "/tsa.cnf", "-section", "tsa",
            "-queryfile", folder + "/query.tsq"], check=True, capture_output=True).stdout
        self.send_response(200)
        self.send_header("Content-Type", "application/timestamp-reply")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)
    def log_message(self, *args): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Authority)
print(server.server_port, flush=True)
server.serve_forever()
"#;

const AUTHORITY_CONFIG: &str = r#"
[tsa]
serial = FOLDER/serial
crypto_device = builtin
signer_cert = FOLDER/tsa.pem
certs = FOLDER/tsa.pem
signer_key = FOLDER/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
[req]
distinguished_name = name
x509_extensions = ext
prompt = no
[name]
CN = a time stamping authority
[ext]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, nonRepudiation
extendedKeyUsage = critical, timeStamping
"#;

/// Ends the process when dropped.
struct Authority {
    child: std::process::Child,
    port: u16,
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Authority {
    fn start(folder: &Path) -> Self {
        let config = AUTHORITY_CONFIG.replace("FOLDER", &folder.display().to_string());
        fs::write(folder.join("tsa.cnf"), config).expect("there is room");
        fs::write(folder.join("serial"), "01\n").expect("there is room");
        let make = [
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-config", "tsa.cnf", "-keyout",
            "tsa.key", "-out", "tsa.pem",
        ];
        let made =
            std::process::Command::new("openssl").args(make).current_dir(folder).output().expect("openssl");
        assert!(made.status.success(), "{made:?}");
        let mut child = std::process::Command::new("python3")
            .args(["-c", AUTHORITY, &folder.display().to_string()])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("python3");
        let mut line = String::new();
        let mut out = std::io::BufReader::new(child.stdout.take().expect("it is piped"));
        std::io::BufRead::read_line(&mut out, &mut line).expect("it says its port");
        Self { child, port: line.trim().parse().expect("a port") }
    }
}

#[test]
fn an_authority_stamps_heads_and_openssl_holds_its_token_for_good() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let authority = Authority::start(folder.path());
    let settings =
        format!("[audit]\nsign_every_s = 1\ntimestamp_url = \"http://127.0.0.1:{}/\"\n", authority.port);
    let setup = setup().settings(&settings);
    let program = setup.start();
    let extract = setup.beside("extract.jsonl");
    let said = wait_for("an extract with a time stamp", PATIENCE, || {
        let _ = fs::remove_file(&extract);
        printed(
            &program,
            &["audit", "export", "--action", "recorder.start", "-o", &extract.display().to_string()],
        );
        let into = folder.path().join("made/for/it").display().to_string();
        let output = setup.run(&["audit", "stamp", &extract.display().to_string(), "--into", &into]);
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    });
    let command = said.trim().replace("AUTHORITY.pem", &folder.path().join("tsa.pem").display().to_string());
    let verify = |command: &str| {
        let output = std::process::Command::new("sh").args(["-c", command]).output().expect("a shell");
        (
            output.status.success(),
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        )
    };
    let (good, said) = verify(&command);
    assert!(good && said.contains("Verification: OK"), "{command}: {said}");
    // It is a token for this head and no other.
    let data = command.split(" -data ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a file");
    let head = fs::read_to_string(data).expect("it is there");
    fs::write(data, head.replace("ed25519", "ed25518")).expect("it is ours");
    assert!(!verify(&command).0);
    assert!(checked(&setup, &[]).0);
}
