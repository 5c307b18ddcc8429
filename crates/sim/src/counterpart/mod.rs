//! Real servers and phones between a test and the recorder: started on free ports of loopback, stopped by process
//! id.
//!
//! Belongs here: one file for each program, with the settings it runs under. Does not: what is expected of a call.

mod baresip;
mod kamailio;
mod mailbox;
mod nginx;
mod object_store;
mod provider;
mod rtpengine;
mod tls_tunnel;

use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub use baresip::Baresip;
pub use kamailio::{Front, Kamailio, MediaProfile, Shown};
pub use mailbox::Mailbox;
pub use nginx::Nginx;
pub use object_store::ObjectStore;
pub use provider::Provider;
pub use rtpengine::Rtpengine;
pub use tls_tunnel::TlsTunnel;

use crate::time::wait_for;

/// How long a program may take to start, or to end, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(20);

/// A program that runs. Dropped, it is asked to end, and waited for: some have children that only they can end.
#[derive(Debug)]
struct Running {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts a program; all that it says goes to `NAME.log` in `folder`.
    fn start(name: &'static str, mut command: Command, folder: &Path) -> Self {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        let again = file.try_clone().expect("a second handle");
        command.current_dir(folder).stdin(Stdio::null()).stdout(file).stderr(again);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { name, child, log }
    }

    fn said(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Waits until it has started as `ready` sees it.
    fn wait_until(&mut self, mut ready: impl FnMut(&Self) -> bool) {
        wait_for(&format!("{} has started", self.name), PATIENCE, || {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("{} does not start ({status}):\n{}", self.name, self.said());
            }
            ready(self).then_some(())
        });
    }

    /// Waits until it has ended by itself.
    fn wait(&mut self, patience: Duration) {
        wait_for(&format!("{} has ended", self.name), patience, || {
            self.child.try_wait().expect("it is our child")
        });
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(Some(_)) = self.child.try_wait() {
            return;
        }
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id fits"));
        let _ = kill(pid, Signal::SIGTERM);
        for _ in 0..100 {
            if let Ok(Some(_)) = self.child.try_wait() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ports for programs that want to be told one: below those that the system gives to sockets by itself, and below the
/// recorder's media.
const FIRST_PORT: u16 = 10_000;
const PORTS: u16 = 10_000;

/// A port of loopback that nobody has over UDP or TCP at this moment, and that the system gives to nobody else.
///
/// # Panics
/// When none is free.
pub fn free_port() -> u16 {
    let is_free = |port: &u16| {
        UdpSocket::bind(("127.0.0.1", *port)).is_ok() && TcpListener::bind(("127.0.0.1", *port)).is_ok()
    };
    // Tests run side by side: each begins to look elsewhere.
    let begin = u16::try_from(RandomState::new().hash_one(()) % u64::from(PORTS)).expect("16 bits");
    let mut ports = (0..PORTS).map(|step| FIRST_PORT + (begin + step) % PORTS);
    ports.find(is_free).expect("a port is free over both UDP and TCP")
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}
