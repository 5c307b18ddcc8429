//! A mail server: aiosmtpd, which keeps what it gets.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{Running, free_port};

/// Debian's Python, for which Debian's aiosmtpd is.
const PYTHON: &str = "/usr/bin/python3";

/// A mail server on loopback. Dropped, it ends.
#[derive(Debug)]
pub struct Mailbox {
    /// Its port.
    pub port: u16,
    folder: PathBuf,
    _running: Running,
}

impl Mailbox {
    /// Starts one that keeps letters in `folder`, which must be there and empty. It understands `certificate FILE KEY`,
    /// then `starttls` or `implicit`; `login NAME PASSWORD`; `limit BYTES`; `hold`, which lets nobody go on until
    /// [`Mailbox::let_go`].
    ///
    /// # Panics
    /// When Debian's `python3-aiosmtpd` is not installed.
    pub fn open(folder: &Path, arguments: &[&str]) -> Self {
        let port = free_port();
        let mut command = Command::new(PYTHON);
        command.args(["-c", include_str!("mailbox.py")]).arg(folder).arg(port.to_string()).args(arguments);
        let mut running = Running::start("mailbox", command, folder);
        running.wait_until(|running| running.said().contains("ready"));
        Self { port, folder: folder.to_owned(), _running: running }
    }

    /// The letters so far, in the order they came: what is told of each, and the path of what was attached.
    ///
    /// # Panics
    /// When one cannot be read.
    pub fn letters(&self) -> Vec<(Value, PathBuf)> {
        let read = |n: usize| {
            let text = std::fs::read(self.folder.join(format!("{n}.json"))).ok()?;
            let told = serde_json::from_slice(&text).expect("the mail server writes JSON");
            Some((told, self.folder.join(format!("{n}.zip"))))
        };
        (1..).map_while(read).collect()
    }

    /// To whom letters are held, in the order they were begun.
    pub fn held(&self) -> Vec<String> {
        let held = std::fs::read_to_string(self.folder.join("held")).unwrap_or_default();
        held.lines().map(str::to_owned).collect()
    }

    /// Lets those go on that are held.
    ///
    /// # Panics
    /// When it cannot be told.
    pub fn let_go(&self) {
        std::fs::write(self.folder.join("go"), "").expect("its folder is there");
    }

    /// How logins went, one a line.
    pub fn logins(&self) -> String {
        std::fs::read_to_string(self.folder.join("logins")).unwrap_or_default()
    }
}
