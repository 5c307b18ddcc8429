//! An installed ffmpeg, in a process of its own: it decodes and encodes what this program does not.
//!
//! Belongs here: whether there is one, and one run of it on bytes that are all there. Nothing of a recording touches the disk on the way: sound goes
//! through pipes. Does not: runs into which sound comes bit by
//! bit ([`super::pipe`]), which packets are decoded (the `audio` crate).

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use audio::Elsewhere;

/// How long one run may take: a window of some seconds takes a twentieth of one.
const PATIENCE: Duration = Duration::from_secs(20);

/// The largest complaint that is repeated, bytes.
pub(super) const COMPLAINT_BYTES: u64 = 2_000;

/// The ffmpeg to use, if it is there. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ffmpeg {
    program: PathBuf,
    /// The program that starts it with nothing within its reach: `sidetone`, as `sidetone confined`.
    confiner: Option<PathBuf>,
}

impl Default for Ffmpeg {
    /// The one in the `PATH`.
    fn default() -> Self {
        Self::new("ffmpeg".into())
    }
}

/// Why it gave nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FfmpegError {
    /// It is not there.
    #[error(
        "there is no `{0}`: install ffmpeg (Debian's package is called so), or name another with playback.ffmpeg"
    )]
    Missing(PathBuf),
    /// It did not do what it was asked for.
    #[error("{program}: {complaint}")]
    Failed {
        /// The program.
        program: PathBuf,
        /// What it says, or what is wrong with what it gave.
        complaint: String,
    },
}

impl Ffmpeg {
    /// This program: a path, or a name to be looked for in the `PATH`.
    pub fn new(program: PathBuf) -> Self {
        Self { program, confiner: None }
    }

    /// The same without network, files, keys and endless time: started through `sidetone`, whose path this is (F-RTP-3).
    #[must_use]
    pub fn confined_by(self, sidetone: PathBuf) -> Self {
        Self { confiner: Some(sidetone), ..self }
    }

    /// Says whether it is there now: it may be installed while the recorder runs.
    ///
    /// # Errors
    /// [`FfmpegError::Missing`].
    pub fn found(&self) -> Result<(), FfmpegError> {
        let named = self.program.components().count() > 1;
        let folders = std::env::var_os("PATH").filter(|_| !named).unwrap_or_default();
        let mut places = std::env::split_paths(&folders).map(|folder| folder.join(&self.program));
        if (named && is_program(&self.program)) || places.any(|place| is_program(&place)) {
            Ok(())
        } else {
            Err(FfmpegError::Missing(self.program.clone()))
        }
    }

    /// Which version it is, by its own word; `None` if it is not there or does not say.
    pub(crate) fn version(&self) -> Option<String> {
        let mut command = Command::new(&self.program);
        let said = command.arg("-version").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
        let said = said.status.success().then_some(said.stdout)?;
        let version = String::from_utf8_lossy(&said).split_whitespace().nth(2).map(str::to_owned);
        Some(version.unwrap_or_else(|| "of some version".to_owned()))
    }

    /// Has it turn what it reads into what it writes, by these arguments between the two pipes.
    ///
    /// # Errors
    /// [`FfmpegError`].
    pub(crate) fn turn(&self, from: &[&str], bytes: &[u8], into: &[&str]) -> Result<Vec<u8>, FfmpegError> {
        let mut child = self.start(from, into)?;
        talk(&mut child, bytes).map_err(|complaint| self.failed(complaint))
    }

    /// Starts a run from pipe to pipe. Of our surroundings it learns where programs are, and nothing else.
    pub(super) fn start(&self, from: &[&str], into: &[&str]) -> Result<Child, FfmpegError> {
        let mut command = match &self.confiner {
            None => Command::new(&self.program),
            Some(sidetone) => {
                self.found()?;
                let mut command = Command::new(sidetone);
                command.arg("confined").arg(&self.program);
                command
            }
        };
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.args(["-nostdin", "-v", "error", "-protocol_whitelist", "pipe"]);
        command.args(from).args(["-i", "pipe:0"]).args(into).arg("pipe:1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().map_err(|error| self.not_started(&error))
    }

    fn not_started(&self, error: &std::io::Error) -> FfmpegError {
        match error.kind() {
            std::io::ErrorKind::NotFound => FfmpegError::Missing(self.program.clone()),
            _ => self.failed(error.to_string()),
        }
    }

    pub(super) fn failed(&self, complaint: String) -> FfmpegError {
        FfmpegError::Failed { program: self.program.clone(), complaint }
    }
}

impl Elsewhere for Ffmpeg {
    type Error = FfmpegError;

    fn g729(&mut self, frames: &[u8]) -> Result<Vec<i16>, FfmpegError> {
        let heard = self.turn(&["-f", "g729"], frames, &["-f", "s16le", "-ar", "8000", "-ac", "1"])?;
        let (samples, rest) = heard.as_chunks::<2>();
        match rest {
            [] => Ok(samples.iter().map(|bytes| i16::from_le_bytes(*bytes)).collect()),
            _ => Err(self.failed("it gave half a sample".to_owned())),
        }
    }
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

/// Gives a process its input and takes what it says; one that takes too long is ended.
fn talk(child: &mut Child, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut input), Some(mut output), Some(complaints)) = pipes else {
        return Err("it has no pipes".to_owned());
    };
    let (said, hears) = sync_channel(1);
    let (heard, complaint) = std::thread::scope(|scope| {
        // One that has heard enough closes its end; what it says then tells.
        scope.spawn(move || drop(input.write_all(bytes)));
        scope.spawn(move || {
            let mut heard = Vec::new();
            let read = output.read_to_end(&mut heard).map(|_| heard);
            let _ = said.send(read);
        });
        let complaint = scope.spawn(move || {
            let mut text = Vec::new();
            let mut complaints = complaints;
            let _ = complaints.by_ref().take(COMPLAINT_BYTES).read_to_end(&mut text);
            // The rest is read too, or it would wait for us.
            let _ = std::io::copy(&mut complaints, &mut std::io::sink());
            String::from_utf8_lossy(&text).trim().to_owned()
        });
        let heard = hears.recv_timeout(PATIENCE);
        if heard.is_err() {
            let _ = child.kill();
        }
        (heard, complaint.join().unwrap_or_default())
    });
    let ended = child.wait().map_err(|error| error.to_string())?;
    match heard {
        Err(_) => Err(format!("it takes longer than {PATIENCE:?}")),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(_)) if !ended.success() => Err(format!("{ended}: {complaint}")),
        Ok(Ok(heard)) => Ok(heard),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn script(text: &str) -> (tempfile::TempDir, Ffmpeg) {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ffmpeg");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        (folder, Ffmpeg::new(path))
    }

    #[test]
    fn one_that_is_missing_is_named_with_what_would_help() {
        for program in ["/nowhere/ffmpeg", "no-such-ffmpeg", "/etc/passwd"] {
            let said = Ffmpeg::new(program.into()).found().unwrap_err().to_string();
            assert!(said.contains(program) && said.contains("playback.ffmpeg"), "{said}");
        }
        assert!(Ffmpeg::new("sh".into()).found().is_ok());
        let said = Ffmpeg::new("/nowhere/ffmpeg".into()).g729(&[0; 10]).unwrap_err();
        assert!(matches!(said, FfmpegError::Missing(_)), "{said}");
    }

    #[test]
    fn one_that_fails_or_gives_nonsense_is_quoted() {
        let (_folder, mut broken) = script("echo no such decoder >&2; exit 3");
        let said = broken.g729(&[0; 100_000]).unwrap_err().to_string();
        assert!(said.contains("no such decoder") && said.contains('3'), "{said}");
        let (_folder, mut odd) = script("printf abc");
        let said = odd.g729(&[0; 10]).unwrap_err().to_string();
        assert!(said.contains("half a sample"), "{said}");
        let (_folder, mut echo) = script("cat");
        assert_eq!(echo.g729(&[1, 0, 2, 0]).unwrap(), [1, 2]);
    }
}
