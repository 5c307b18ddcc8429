//! Processes under measure: each on its own, so that its CPU time and memory are nobody else's.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::proc;

/// A running child; killed when dropped.
pub(crate) struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Running {
    /// Starts a program, on `core` only if one is named.
    pub(crate) fn start(mut command: Command, core: Option<usize>) -> Result<Self, String> {
        let name = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        // The child inherits where this thread may run.
        let everywhere: Vec<usize> =
            (0..std::thread::available_parallelism().map_or(1, usize::from)).collect();
        if let Some(core) = core {
            pin_self(&[core])?;
        }
        let child = command.spawn();
        if core.is_some() {
            pin_self(&everywhere)?;
        }
        let mut child = child.map_err(|error| format!("{name} does not start: {error}"))?;
        let out = child.stdout.take().ok_or("a child without output")?;
        Ok(Self { child, out: BufReader::new(out) })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line it prints.
    pub(crate) fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.out.read_line(&mut line) {
            Ok(0) | Err(_) => Err("it ended before it said that it is ready".to_owned()),
            Ok(_) => Ok(line.trim().to_owned()),
        }
    }

    /// Closes its input, which tells our own children to end, and waits for its last words.
    pub(crate) fn last_words(mut self) -> Result<String, String> {
        drop(self.child.stdin.take());
        self.line()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lets this thread, and what it starts, run on these cores only.
pub(crate) fn pin_self(cores: &[usize]) -> Result<(), String> {
    let mut set = nix::sched::CpuSet::new();
    for &core in cores {
        set.set(core).map_err(|error| format!("core {core}: {error}"))?;
    }
    let me = nix::unistd::Pid::from_raw(0);
    nix::sched::sched_setaffinity(me, &set).map_err(|error| format!("cores {cores:?}: {error}"))
}

/// The recorder as a user would run it: `sidetone serve`, on a data folder of its own.
pub(crate) struct Recorder {
    running: Running,
    data: tempfile::TempDir,
    /// Where SIP is heard.
    pub(crate) sip: SocketAddr,
    /// Where HTTP is heard.
    pub(crate) http: SocketAddr,
}

impl Recorder {
    /// Starts it with `agents` agents (id N, phone 100000 + N) and waits until it answers.
    pub(crate) fn start(settings: &Settings, agents: usize, core: Option<usize>) -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("sidetone-bench-").tempdir_in(&settings.folder);
        let data = folder.map_err(|error| format!("{}: {error}", settings.folder.display()))?;
        let file = data.path().join("agents.csv");
        let rows = (1..=agents).map(|n| format!("{n},{}\n", phone(n))).collect::<String>();
        std::fs::write(&file, format!("id,phone\n{rows}")).map_err(|error| error.to_string())?;
        let (sip, http) = (free_sip_port()?, free_tcp_port()?);
        let mut command = Command::new(&settings.program);
        command.arg("serve");
        command.arg("--data").arg(data.path().join("data"));
        command.arg("--agents").arg(&file);
        command.args(["--sip", &sip.to_string(), "--http", &http.to_string()]);
        // Below the ports the system gives to others.
        command.args(["--rtp-ports", "10000-32767"]);
        if let Some(threads) = settings.media_threads {
            command.args(["--media-threads", &threads.to_string()]);
        }
        command.env("RUST_LOG", &settings.log);
        let log = std::fs::File::create(data.path().join("log")).map_err(|error| error.to_string())?;
        command.stderr(log);
        let mut running = Running::start(command, core)?;
        let said = running.line().map_err(|error| {
            let log = std::fs::read_to_string(data.path().join("log")).unwrap_or_default();
            format!("the recorder does not start: {error}\n{log}")
        })?;
        if !said.contains("records") {
            return Err(format!("the recorder says \"{said}\""));
        }
        Ok(Self { running, data, sip, http })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// Where its files are.
    pub(crate) fn data(&self) -> PathBuf {
        self.data.path().join("data")
    }

    /// CPU time it has used, in seconds.
    pub(crate) fn cpu_s(&self) -> f64 {
        proc::cpu(self.pid()).as_secs_f64()
    }

    /// Lines of its log that are warnings or errors.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.data.path().join("log")).unwrap_or_default();
        log.lines()
            .filter(|line| line.contains(" WARN ") || line.contains("ERROR"))
            .map(str::to_owned)
            .collect()
    }
}

/// How recorders are started.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The binary.
    pub(crate) program: PathBuf,
    /// Where data folders are made.
    pub(crate) folder: PathBuf,
    /// `--media-threads`, if not the default.
    pub(crate) media_threads: Option<usize>,
    /// The log's filter.
    pub(crate) log: String,
}

/// The phone of an agent.
pub(crate) fn phone(agent: usize) -> String {
    (100_000 + agent).to_string()
}

/// The binary beside our own.
pub(crate) fn beside(name: &str) -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let path = own.parent().unwrap_or(Path::new(".")).join(name);
    if path.exists() { Ok(path) } else { Err(format!("{} is not there; build it first", path.display())) }
}

fn free_tcp_port() -> Result<SocketAddr, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    listener.local_addr().map_err(|error| error.to_string())
}

/// A port that is free for both transports.
fn free_sip_port() -> Result<SocketAddr, String> {
    for _ in 0..16 {
        let address = free_tcp_port()?;
        if UdpSocket::bind(address).is_ok() {
            return Ok(address);
        }
    }
    Err("no port is free for SIP".to_owned())
}
