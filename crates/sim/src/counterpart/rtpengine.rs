//! rtpengine (Debian's `rtpengine-daemon`): relays media, and turns RTP into SRTP.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::{Running, free_port, loopback};
use crate::debian;

/// A media relay that runs.
#[derive(Debug)]
pub struct Rtpengine {
    /// Where it takes commands.
    pub control: SocketAddr,
    running: Running,
}

impl Rtpengine {
    /// Starts one, without its kernel module.
    ///
    /// # Panics
    /// When it is not installed, or does not start.
    pub fn start(folder: &Path) -> Self {
        let control = loopback(free_port());
        // A hundred ports relay more calls than a test places; between the recorder's media and the system's own.
        let first = 30_000 + free_port() % 27 * 100;
        let mut command = Command::new(debian::program("rtpengine", "rtpengine-daemon"));
        command.args(["--config-file=none", "--table=-1", "--interface=127.0.0.1", "--foreground"]);
        command.args(["--log-stderr", "--log-level=6"]);
        command.arg(format!("--listen-ng={control}"));
        command.arg(format!("--port-min={first}")).arg(format!("--port-max={}", first + 99));
        let mut running = Running::start("rtpengine", command, folder);
        running.wait_until(|running| running.said().contains("Startup complete"));
        Self { control, running }
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.running.said()
    }
}
