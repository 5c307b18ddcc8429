//! Requests to the recorder over kept connections, by a client that costs little; and the bare handler that
//! status questions are compared with.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::child::{Running, beside};
use crate::figures::Times;

/// One kept connection, a request at a time.
pub(crate) struct Client {
    stream: TcpStream,
    host: SocketAddr,
    buffer: Vec<u8>,
}

/// An answer.
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: u16,
    /// Its body.
    pub(crate) body: Vec<u8>,
    /// From the first byte sent to the last received.
    pub(crate) after: Duration,
}

impl Client {
    /// Connects.
    pub(crate) fn new(host: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(host).map_err(|error| format!("{host}: {error}"))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(Duration::from_secs(35))).map_err(|error| error.to_string())?;
        Ok(Self { stream, host, buffer: Vec::new() })
    }

    /// Asks and waits for the answer.
    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &str) -> Result<Answer, String> {
        let request = request(method, path, self.host, body);
        let started = Instant::now();
        let wrong = |error: std::io::Error| format!("{method} {path}: {error}");
        self.stream.write_all(request.as_bytes()).map_err(wrong)?;
        self.buffer.clear();
        let mut chunk = [0; 16_384];
        loop {
            let count = self.stream.read(&mut chunk).map_err(wrong)?;
            if count == 0 {
                return Err(format!("{method} {path}: the connection was closed"));
            }
            self.buffer.extend_from_slice(&chunk[..count]);
            if let Some((head, length)) = lengths(&self.buffer)
                && self.buffer.len() >= head + length
            {
                let status = std::str::from_utf8(&self.buffer[9..12]).unwrap_or("0").parse().unwrap_or(0);
                return Ok(Answer { status, body: self.buffer[head..].to_vec(), after: started.elapsed() });
            }
        }
    }

    /// Asks for a thing that must be there.
    pub(crate) fn get(&mut self, path: &str) -> Result<String, String> {
        let answer = self.ask("GET", path, "")?;
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        if answer.status == 200 { Ok(body) } else { Err(format!("GET {path}: {} {body}", answer.status)) }
    }
}

fn request(method: &str, path: &str, host: SocketAddr, body: &str) -> String {
    let length = body.len();
    let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{kind}Content-Length: {length}\r\n\r\n{body}")
}

/// Where the head ends, and how long the body is, once the head is there.
fn lengths(bytes: &[u8]) -> Option<(usize, usize)> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    Some((head, length.unwrap_or(0)))
}

/// What a server did under as many requests as it takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flood {
    /// Answers a second.
    pub(crate) per_s: f64,
    /// Answers.
    pub(crate) answers: u64,
    /// The slowest hundredth, ms.
    pub p99_ms: f64,
}

/// Sends the same GET over `connections` for `time`, each connection's next request after its answer.
pub(crate) fn flood(
    host: SocketAddr,
    path: &str,
    connections: usize,
    time: Duration,
) -> Result<Flood, String> {
    let wrong = |error: nix::Error| error.to_string();
    let request = request("GET", path, host, "");
    let expected = {
        let mut first = Client::new(host)?;
        let answer = first.ask("GET", path, "")?;
        if answer.status != 200 {
            return Err(format!("GET {path}: {}", answer.status));
        }
        first.buffer.len()
    };
    let epoll = Epoll::new(EpollCreateFlags::empty()).map_err(wrong)?;
    let mut lines = Vec::new();
    for place in 0..connections {
        let mut client = Client::new(host)?;
        client.stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
        epoll
            .add(client.stream.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, place as u64))
            .map_err(wrong)?;
        lines.push((client.stream, 0, Instant::now()));
    }
    let (mut times, mut events) = (Times::default(), vec![EpollEvent::empty(); connections]);
    let mut chunk = [0; 16_384];
    let started = Instant::now();
    while started.elapsed() < time {
        let count = epoll.wait(&mut events, EpollTimeout::from(100u8)).map_err(wrong)?;
        for event in &events[..count] {
            let place = usize::try_from(event.data()).unwrap_or(0);
            let (stream, received, sent) = &mut lines[place];
            *received += stream.read(&mut chunk).map_err(|error| error.to_string())?;
            if *received >= expected {
                times.push(sent.elapsed());
                (*received, *sent) = (0, Instant::now());
                stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
            }
        }
    }
    let answers = times.len() as u64;
    let per_s = crate::figures::to_f64(answers) / started.elapsed().as_secs_f64();
    Ok(Flood { per_s, answers, p99_ms: times.percentile_ms(99) })
}

/// A bare axum handler that answers with the same body, as a process of its own.
pub(crate) struct Bare {
    running: Running,
    /// Where it is heard.
    pub(crate) http: SocketAddr,
}

impl Bare {
    /// Starts it.
    pub(crate) fn start(body: &str, core: Option<usize>) -> Result<Self, String> {
        let mut command = std::process::Command::new(beside("bench")?);
        command.arg("bare-axum").arg(body);
        let mut running = Running::start(command, core)?;
        let http = running.line()?;
        let http = http.parse().map_err(|error| format!("the bare handler says {http}: {error}"))?;
        Ok(Self { running, http })
    }

    /// CPU time it has used, in seconds.
    pub(crate) fn cpu_s(&self) -> f64 {
        crate::proc::cpu(self.running.pid()).as_secs_f64()
    }
}

/// The process of [`Bare`].
#[expect(clippy::print_stdout, reason = "it talks to its parent")]
pub(crate) fn run_bare(body: &str) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(async {
        let listener =
            tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        println!("{}", listener.local_addr().map_err(|error| error.to_string())?);
        let value: serde_json::Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
        let answer = move || std::future::ready(axum::Json(value.clone()));
        let router = axum::Router::new().route("/api/Agent", axum::routing::get(answer));
        axum::serve(listener, router).await.map_err(|error| error.to_string())
    })
}
