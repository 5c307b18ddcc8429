//! The floor: what it costs at least to receive these datagrams and have them in a file.
//!
//! A bare loop with the same kind of socket I/O as the recorder's media threads: the same number of sockets (an
//! unused one for reports beside each), epoll, batched reads with the kernel's time of arrival, the same tick. It
//! appends each tick's datagrams raw to one file with one write. It judges nothing, keeps no order, encrypts
//! nothing and never syncs.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;

use nix::sys::eventfd::EventFd;
use sidetone::media::batch::{Batch, number_of, prepare};
use sidetone::media::poller::{Poller, Socket};

use crate::child::{Running, beside};

/// The loop as a process of its own.
pub(crate) struct Floor {
    running: Running,
    /// Its ports.
    pub(crate) ports: Vec<SocketAddr>,
}

impl Floor {
    /// Starts it with `streams` ports.
    pub(crate) fn start(streams: usize, folder: &Path, core: Option<usize>) -> Result<Self, String> {
        let mut command = std::process::Command::new(beside("bench")?);
        command.arg("floor").arg(streams.to_string()).arg(folder);
        let mut running = Running::start(command, core)?;
        let ports = running.line()?;
        let ports = ports.split(' ').map(|port| {
            let port = port.parse::<u16>().map_err(|error| format!("the floor says {port}: {error}"))?;
            Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        });
        Ok(Self { ports: ports.collect::<Result<_, String>>()?, running })
    }

    /// CPU time it has used, in seconds.
    pub(crate) fn cpu_s(&self) -> f64 {
        crate::proc::cpu(self.running.pid()).as_secs_f64()
    }

    /// Ends it; how many datagrams it has received.
    pub(crate) fn end(self) -> Result<u64, String> {
        let said = self.running.last_words()?;
        said.parse().map_err(|error| format!("the floor says {said}: {error}"))
    }
}

/// The process: prints its ports, receives until its input is closed, prints the count.
#[expect(clippy::print_stdout, reason = "it talks to its parent")]
pub(crate) fn run(streams: usize, folder: &Path) -> Result<(), String> {
    sidetone::recorder::raise_open_files();
    let wrong = |error: std::io::Error| error.to_string();
    let bell = Arc::new(EventFd::new().map_err(|error| error.to_string())?);
    let mut poller = Poller::new(bell).map_err(wrong)?;
    let (mut media, mut reports) = (Vec::new(), Vec::new());
    for place in 0..streams {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(wrong)?;
        let report = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(wrong)?;
        prepare(&socket).map_err(wrong)?;
        prepare(&report).map_err(wrong)?;
        poller.watch(&socket, Socket::Rtp(place)).map_err(wrong)?;
        poller.watch(&report, Socket::Rtcp(place)).map_err(wrong)?;
        media.push(socket);
        reports.push(report);
    }
    let ports: Vec<String> =
        media.iter().filter_map(|socket| Some(socket.local_addr().ok()?.port().to_string())).collect();
    let mut file = tempfile::tempfile_in(folder).map_err(wrong)?;
    println!("{}", ports.join(" "));
    let (ended, end) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        drop(ended);
    });
    let (mut reader, mut ready, mut out) = (Batch::new(), Vec::new(), Vec::new());
    let mut count = 0u64;
    while end.try_recv() != Err(std::sync::mpsc::TryRecvError::Disconnected) {
        poller.pause(sidetone::media::TICK);
        loop {
            let more = poller.ready(&mut ready).map_err(wrong)?;
            for socket in ready.drain(..) {
                let (Socket::Rtp(place) | Socket::Rtcp(place)) = socket;
                let mut more = true;
                while more {
                    more = reader
                        .read(number_of(&media[place]), |datagram| {
                            out.extend_from_slice(datagram.bytes);
                            count += 1;
                        })
                        .map_err(wrong)?;
                }
            }
            if !more {
                break;
            }
        }
        file.write_all(&out).map_err(wrong)?;
        out.clear();
    }
    println!("{count}");
    Ok(())
}
