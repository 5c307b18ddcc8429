//! The program `sidetone` as a child process: started, asked, killed, started again on the same folder.

use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::http::Http;
use crate::time::{now_ns, wait_for};

/// How long a recorder may take to start, or to stop, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long one may take to end: it gives recordings that cannot be sealed half a minute itself.
const ENDING: Duration = Duration::from_secs(90);

/// Where Debian puts the library that steps a program's clock.
const LIBFAKETIME: &str = if cfg!(target_arch = "aarch64") {
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1"
} else {
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
};

/// Two agents, as the README has them.
pub const AGENTS: &str = "id,phone,username,system_username,crm_username,name\n\
                          1,4678,rpike,CORP\\rpike,rowan,Rowan Pike\n\
                          2,4102,wito,CORP\\wito,wren,Wren Ito\n";

/// How a recorder is to be started, and the folder it keeps between starts.
#[derive(Debug, Clone)]
pub struct Setup {
    binary: PathBuf,
    folder: Arc<TempDir>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    log: String,
    /// The file that says by how much its system clock is ahead, if that can be set.
    clock: Option<PathBuf>,
    /// The user and group it runs as, if not the tester's.
    user: Option<u32>,
}

/// A recorder that runs. Dropped, it is killed.
#[derive(Debug)]
pub struct Program {
    /// How it was started.
    pub setup: Setup,
    /// Where SIP is heard, over UDP and TCP.
    pub sip: SocketAddr,
    /// Where SIP is heard over TLS, if it is.
    pub sip_tls: Option<SocketAddr>,
    /// Its HTTP.
    pub http: Http,
    /// What it said when it was ready.
    line: String,
    child: Child,
    said: Said,
}

/// How a recorder has ended.
#[derive(Debug)]
pub struct Ended {
    /// The system's time just before it was told or killed.
    pub at_ns: i64,
    /// Its exit status.
    pub status: ExitStatus,
    /// Its log.
    pub log: String,
}

/// What a child says on a stream, collected by a thread.
#[derive(Debug, Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// Takes all that comes; what is returned ends when nothing more will.
    fn collect(&self, mut from: impl Read + Send + 'static) -> JoinHandle<()> {
        let said = self.clone();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut piece) {
                said.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&piece[..count]);
            }
        })
    }
}

impl Setup {
    /// The program at `binary`, in a new folder, knowing agents 1 (on 4678) and 2 (on 4102).
    ///
    /// # Panics
    /// When there is no room for temporary files; so does all that writes here.
    pub fn new(binary: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("sidetone-test-").tempdir().expect("a temporary folder");
        let setup = Self {
            binary: binary.into(),
            folder: Arc::new(folder),
            arguments: Vec::new(),
            environment: Vec::new(),
            log: "info".to_owned(),
            clock: None,
            user: None,
        };
        let agents = setup.write("agents.csv", AGENTS.as_bytes());
        setup.argument("--agents").argument(&agents.display().to_string())
    }

    /// The program in a new folder, knowing nobody.
    pub fn bare(binary: &str) -> Self {
        let mut setup = Self::new(binary);
        setup.arguments.clear();
        setup
    }

    /// With one more argument of `sidetone serve`.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// With a variable of its environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a settings file of this text.
    #[must_use]
    pub fn settings(self, toml: &str) -> Self {
        let path = self.write("settings.toml", toml.as_bytes());
        self.argument("--config").argument(&path.display().to_string())
    }

    /// With a log of this filter, such as `debug`.
    #[must_use]
    pub fn log(mut self, filter: &str) -> Self {
        filter.clone_into(&mut self.log);
        self
    }

    /// With a system clock that [`Setup::set_clock`] can step, through Debian's libfaketime. Only that clock steps, not
    /// the kernel's count since the machine started; stamps the kernel puts on datagrams are true, so no calls
    /// while it is away.
    #[must_use]
    pub fn with_clock(mut self) -> Self {
        self.clock = Some(self.write("clock", b"+0"));
        self
    }

    /// With a user of its own, to whom the data folder belongs, as a packaged service has; commands are the tester's. None where
    /// the tester is not root.
    ///
    /// # Panics
    /// When there is no room for a copy of the program, which may be where that user may not look.
    pub fn of_user(mut self, user: u32) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            return None;
        }
        let open = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o755));
        open(self.folder.path()).expect("it is ours");
        let program = self.beside("sidetone");
        fs::copy(&self.binary, &program).expect("there is room");
        open(&program).expect("it is ours");
        self.binary = program;
        fs::create_dir_all(self.data()).expect("there is room");
        chown(self.data(), Some(user), Some(user)).expect("we are root");
        self.user = Some(user);
        Some(self)
    }

    /// Steps the system clock of a recorder that has one of its own: `+40d` is forty days ahead of the true time.
    pub fn set_clock(&self, ahead: &str) {
        let draft = self.write("clock.new", ahead.as_bytes());
        fs::rename(&draft, self.beside("clock")).expect("both are in one folder");
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A place beside the data folder.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file beside the data folder.
    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.beside(name);
        fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// The program with arguments of its own, in the folder of the test and without the tester's settings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SIDETONE_") {
                command.env_remove(name);
            }
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env("RUST_LOG", &self.log).env("NO_COLOR", "1").current_dir(self.folder.path());
        command.stdin(Stdio::null()).args(arguments);
        if let Some(clock) = &self.clock {
            command.env("LD_PRELOAD", LIBFAKETIME).env("FAKETIME_TIMESTAMP_FILE", clock);
            command.env("FAKETIME_NO_CACHE", "1").env("DONT_FAKE_MONOTONIC", "1");
        }
        command
    }

    /// Runs a subcommand to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
    }

    fn serve(&self) -> Command {
        let mut command = self.command(&["serve", "--data"]);
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command.arg(self.data()).args(&self.arguments);
        for (flag, address) in [("--http", "127.0.0.1:0"), ("--sip", "127.0.0.1:0")] {
            let is_said = self.arguments.iter().any(|argument| argument == flag);
            if !is_said {
                command.args([flag, address]);
            }
        }
        command
    }

    /// Starts a recorder and waits until it records.
    ///
    /// # Panics
    /// When it does not start; with what it said.
    pub fn start(&self) -> Program {
        self.start_or_not()
            .unwrap_or_else(|(status, said)| panic!("the recorder does not start: {status:?}\n{said}"))
    }

    /// Starts a recorder and waits until it records, or else gives its status and what it said.
    ///
    /// # Errors
    /// It does not start.
    ///
    /// # Panics
    /// When it cannot be run.
    pub fn start_or_not(&self) -> Result<Program, (ExitStatus, String)> {
        let mut command = self.serve();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let said = Said::default();
        let all_said = said.collect(child.stderr.take().expect("it is piped"));
        let line = first_line(child.stdout.take().expect("it is piped"));
        let line = line.recv_timeout(PATIENCE).ok().filter(|line| line.starts_with("sidetone records."));
        let Some(line) = line else {
            let _ = child.kill();
            let status = child.wait().expect("it is our child");
            all_said.join().expect("it only reads");
            return Err((status, said.text()));
        };
        let after = |word: &str| address_after(&line, word);
        let sip_tls = line.contains(" (TLS)").then(|| after("(UDP, TCP), "));
        let secure = line.contains(", HTTP https://");
        let http =
            if secure { Http::over_tls(after("HTTP https://")) } else { Http::new(after("HTTP http://")) };
        let sip = after("SIP ");
        Ok(Program { setup: self.clone(), sip, sip_tls, http, line, child, said })
    }

    /// Runs `sidetone serve` where it must not start, and gives the status and what it said. A recorder that
    /// starts all the same is killed.
    ///
    /// # Panics
    /// When it starts.
    pub fn start_refused(&self) -> (ExitStatus, String) {
        let mut command = self.serve();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it can be run");
        let said = Said::default();
        let all_said = said.collect(child.stderr.take().expect("it is piped"));
        let line = first_line(child.stdout.take().expect("it is piped"));
        if let Ok(line) = line.recv_timeout(PATIENCE) {
            let _ = child.kill();
            panic!("it started, and should not have: {line}");
        }
        let status = child.wait().expect("it is our child");
        all_said.join().expect("it only reads");
        (status, said.text())
    }
}

/// The address behind these words.
fn address_after(line: &str, words: &str) -> SocketAddr {
    let rest = line.split_once(words).map(|(_, rest)| rest).unwrap_or_default();
    let address = rest.split([' ', ',']).next().unwrap_or_default();
    address.parse().unwrap_or_else(|_| panic!("no address after \"{words}\" in: {line}"))
}

/// The first line of a stream; the rest is read and forgotten.
fn first_line(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (told, line) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let _ = told.send(line);
        }
    });
    line
}

impl Program {
    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.setup.data()
    }

    /// Where something is heard, behind these words of what it said when it was ready.
    ///
    /// # Panics
    /// When it is not heard.
    pub fn address(&self, words: &str) -> SocketAddr {
        address_after(&self.line, words)
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.said.text()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How much of this machine's memory it takes, in bytes.
    ///
    /// # Panics
    /// When the system does not say.
    pub fn memory_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.and_then(|rest| rest.trim().split(' ').next()?.parse::<u64>().ok());
        kib.expect("Linux says so in KiB") * 1_024
    }

    /// SIGKILL: it does nothing more.
    ///
    /// # Panics
    /// When the system does not let us.
    pub fn kill(self) -> Ended {
        self.end(Signal::SIGKILL)
    }

    /// SIGINT: it ends every call, seals every recording, and exits.
    ///
    /// # Panics
    /// When it has not ended after a while.
    pub fn stop(self) -> Ended {
        self.end(Signal::SIGINT)
    }

    /// SIGTERM: it leaves calls as they are for the next start, and exits.
    ///
    /// # Panics
    /// When it has not ended after a while.
    pub fn rest(self) -> Ended {
        self.end(Signal::SIGTERM)
    }

    /// SIGHUP: it looks at its certificate and its keys again.
    ///
    /// # Panics
    /// When the system does not let us.
    pub fn hang_up(&self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id fits"));
        kill(pid, Signal::SIGHUP).expect("it is our child");
    }

    fn end(mut self, signal: Signal) -> Ended {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id fits"));
        let at_ns = now_ns();
        kill(pid, signal).expect("it is our child");
        let status =
            wait_for("the recorder has ended", ENDING, || self.child.try_wait().expect("it is our child"));
        Ended { at_ns, status, log: self.log() }
    }

    /// Runs a subcommand that asks this recorder.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let server = self.http.url("");
        self.setup.run(&[arguments, &["--server", &server]].concat())
    }

    /// Places a call with `sidetone call`, which goes on while the test does something else.
    ///
    /// # Panics
    /// When the program cannot be run.
    pub fn call(&self, arguments: &[&str]) -> TestCall {
        let to = format!("sip:{}", self.sip);
        let given = arguments.contains(&"--to");
        let mut command = self.setup.command(&["call"]);
        if !given {
            command.args(["--to", &to]);
        }
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        TestCall { child: Some(command.spawn().expect("it can be run")) }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            // The log is captured with the failed test's output.
            #[expect(clippy::print_stderr, reason = "a failed test shows what the recorder said")]
            {
                eprintln!("--- the recorder's log\n{}", self.said.text());
            }
        }
    }
}

/// A call placed by `sidetone call`. Dropped, it is killed.
#[derive(Debug)]
pub struct TestCall {
    child: Option<Child>,
}

impl TestCall {
    /// Waits until it is over, and gives what it printed.
    ///
    /// # Panics
    /// When it failed.
    pub fn wait(self) -> String {
        let (status, said, complained) = self.wait_any();
        assert!(status.success(), "the call failed: {complained}");
        said
    }

    /// Waits until it is over, one way or the other: status, standard output, standard error.
    ///
    /// # Panics
    /// When the system does not let us.
    pub fn wait_any(mut self) -> (ExitStatus, String, String) {
        let output = self.child.take().expect("it is waited for once").wait_with_output();
        let output = output.expect("it is our child");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (output.status, text(output.stdout), text(output.stderr))
    }
}

impl Drop for TestCall {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The only path of a folder that ends so.
///
/// # Panics
/// When there is none, or several.
pub fn only_file(folder: &Path, ending: &str) -> PathBuf {
    let all = crate::disk::files(folder).into_iter().map(|(path, _)| path);
    let found: Vec<PathBuf> = all.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}
