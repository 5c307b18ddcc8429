//! A tunnel: what comes in over TCP goes on over TLS. It is made of `openssl s_client`, for counterparts that do not
//! speak TLS themselves, such as Debian's SIPp.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use super::loopback;
use crate::debian;

/// A tunnel that is open until it is dropped.
#[derive(Debug)]
pub struct TlsTunnel {
    /// Where it is entered.
    pub entrance: SocketAddr,
    children: Arc<Mutex<Vec<Child>>>,
}

impl TlsTunnel {
    /// Opens one that leads to `to`, whose certificate has to be of the authority in the file `ca`.
    ///
    /// # Panics
    /// When openssl is not installed.
    pub fn open(to: SocketAddr, ca: &Path) -> Self {
        let openssl = debian::program("openssl", "openssl");
        let listener = TcpListener::bind(loopback(0)).expect("a port");
        let entrance = listener.local_addr().expect("it is bound");
        let children = Arc::new(Mutex::new(Vec::new()));
        let (ours, ca) = (Arc::clone(&children), ca.to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut command = Command::new(&openssl);
                command.args(["s_client", "-quiet", "-verify_return_error", "-connect", &to.to_string()]);
                command.arg("-CAfile").arg(&ca);
                command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
                let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
                join(&stream, &mut child);
                ours.lock().expect("nobody panics with it").push(child);
            }
        });
        Self { entrance, children }
    }
}

/// Carries bytes both ways until one side has ended.
fn join(stream: &TcpStream, child: &mut Child) {
    let halves = || stream.try_clone().expect("a second handle");
    let (mut from, mut to, ended) = (halves(), halves(), halves());
    let (mut sends, mut receives) =
        (child.stdin.take().expect("it is piped"), child.stdout.take().expect("it is piped"));
    std::thread::spawn(move || carry(&mut from, &mut sends));
    std::thread::spawn(move || {
        carry(&mut receives, &mut to);
        let _ = ended.shutdown(Shutdown::Both);
    });
}

fn carry(from: &mut impl Read, to: &mut impl Write) {
    let mut piece = [0; 16_384];
    while let Ok(count @ 1..) = from.read(&mut piece) {
        if to.write_all(&piece[..count]).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
}

impl Drop for TlsTunnel {
    fn drop(&mut self) {
        for child in self.children.lock().expect("nobody panics with it").iter_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
