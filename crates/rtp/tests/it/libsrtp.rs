//! Against libsrtp: what it protects we open, and what we protect it opens.

use crate::{goodbye, packet, receiver};
use rtp::srtp::{Inbound, Keys, Outbound, Suite};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

/// libsrtp in a process of its own.
struct Libsrtp {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// Its program, made once for each run.
fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let made = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("libsrtp-{}", std::process::id()));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/libsrtp.c");
        let mut compiler = Command::new("cc");
        let output = compiler.arg(source).args(["-O1", "-o"]).arg(&made).arg("-lsrtp2").output();
        let output = output.expect("a C compiler is installed (cargo xtask test needs one)");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "apt-get install libsrtp2-dev (cargo xtask test does it):\n{said}");
        made
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

impl Libsrtp {
    fn start(suite: Suite, key: &[u8], mki: Option<&[u8]>) -> Self {
        let mut command = Command::new(program());
        command.args([suite.name(), &hex(key)]).args(mki.map(hex));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (asks, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, asks, answers: BufReader::new(answers) }
    }

    fn ask(&mut self, verb: &str, packet: &[u8]) -> Result<Vec<u8>, String> {
        writeln!(self.asks, "{verb} {}", hex(packet)).unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let line = line.trim();
        assert!(!line.is_empty(), "libsrtp is gone");
        if line.starts_with("refused") {
            return Err(line.to_owned());
        }
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        Ok(line.as_bytes().chunks(2).map(byte).collect())
    }
}

impl Drop for Libsrtp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Two kinds of MKI, and none.
const NAMES: [Option<&[u8]>; 3] = [None, Some(&[7]), Some(&[0, 0, 0, 1])];

#[test]
fn libsrtp_and_we_open_each_others_packets_over_a_roll_over() {
    for (suite, mki) in Suite::ALL.into_iter().flat_map(|suite| NAMES.map(|mki| (suite, mki))) {
        let at = format!("{} with MKI {mki:?}", suite.name());
        let key: Vec<u8> = (1..).take(suite.key_bytes() + suite.salt_bytes()).collect();
        let keys = Keys::with_mki(suite, [(&key[..], mki.unwrap_or_default())]).unwrap();
        let (mut outbound, mut inbound) = (Outbound::new(&keys), Inbound::new(Some(&keys)));
        let mut libsrtp = Libsrtp::start(suite, &key, mki);
        // In order, with a wrap, a loss, and two that come late.
        for sequence in [65_530, 65_533, 65_535, 0, 1, 40, 39, 2, 300] {
            let plain = packet(0xdead_beef, sequence, 7);
            let theirs = libsrtp.ask("protect-rtp", &plain).unwrap();
            let mut ours = plain.clone();
            outbound.protect_rtp(&mut ours).unwrap();
            assert_eq!(ours, theirs, "{at}: the same key and packet make the same bytes");
            assert_eq!(libsrtp.ask("open-rtp", &ours), Ok(plain.clone()), "{at}");
            assert_eq!(inbound.open_rtp(&mut theirs.clone()).unwrap().packet, plain, "{at}");
            assert!(libsrtp.ask("open-rtp", &ours).is_err() && inbound.open_rtp(&mut ours).is_err(), "{at}");
        }
        let short_tags = suite.name().ends_with("_32");
        for _ in 0..3 {
            // libsrtp 2 looks for the MKI of RTCP before a tag of RTP's length, which is another one here.
            if short_tags && mki.is_some() {
                break;
            }
            let plain = goodbye(&mut receiver());
            let mut theirs = libsrtp.ask("protect-rtcp", &plain).unwrap();
            let mut ours = plain.clone();
            outbound.protect_rtcp(&mut ours).unwrap();
            assert_eq!(libsrtp.ask("open-rtcp", &ours), Ok(plain.clone()), "{at}");
            assert_eq!(inbound.open_rtcp(&mut theirs).unwrap().packet, plain, "{at}");
        }
    }
}
