//! A run of ffmpeg that encodes while sound comes: samples in, a file out, both through pipes.
//!
//! It is ended when this is dropped: a listener who leaves leaves no process behind.

use std::io::{self, Read, Write};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::ffmpeg::{COMPLAINT_BYTES, Ffmpeg, FfmpegError};

/// Bytes of sound handed over at once: two seconds of two channels at 8 kHz.
const PIECE_BYTES: usize = 64 << 10;
/// Pieces on their way in. A pipe holds another 64 KiB.
const PIECES_IN: usize = 2;
/// Pieces on their way out: more than is made of what is on its way in.
const PIECES_OUT: usize = 64;
/// Bytes taken out at once.
const OUTPUT_BYTES: usize = 16 << 10;
/// How long one look for output waits.
const LOOK: Duration = Duration::from_millis(50);
/// Looks without output, with no room for input, until it is held for stuck: 20 s.
const PATIENCE_LOOKS: u32 = 400;

/// An encoder that runs.
pub(super) struct Pipe {
    ffmpeg: Ffmpeg,
    child: Child,
    /// None once all was said.
    input: Option<SyncSender<Vec<u8>>>,
    output: Receiver<io::Result<Vec<u8>>>,
    complaint: Option<JoinHandle<String>>,
}

impl Pipe {
    /// Starts one; `into` says what it is to make.
    pub(super) fn start(ffmpeg: &Ffmpeg, from: &[&str], into: &[&str]) -> Result<Self, FfmpegError> {
        let mut child = ffmpeg.start(from, into)?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (send, taken) = sync_channel(PIECES_IN);
        let (give, output) = sync_channel(PIECES_OUT);
        let mut pipe = Self { ffmpeg: ffmpeg.clone(), child, input: Some(send), output, complaint: None };
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(ffmpeg.failed("it has no pipes".to_owned()));
        };
        let no_thread = |error: io::Error| ffmpeg.failed(format!("no thread for it: {error}"));
        let thread = || std::thread::Builder::new().name("encoder".to_owned());
        thread().spawn(move || feed(stdin, &taken)).map_err(no_thread)?;
        thread().spawn(move || drain(stdout, &give)).map_err(no_thread)?;
        pipe.complaint = Some(thread().spawn(move || complaint(stderr)).map_err(no_thread)?);
        Ok(pipe)
    }

    /// Hands bytes over, and appends what it has made so far.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), FfmpegError> {
        for piece in bytes.chunks(PIECE_BYTES) {
            self.hand_over(piece.to_vec(), out)?;
        }
        loop {
            match self.output.try_recv() {
                Ok(made) => out.extend(self.made(made)?),
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => return Err(self.ended()),
            }
        }
    }

    /// Appends the rest of the file.
    pub(super) fn finish(mut self, out: &mut Vec<u8>) -> Result<(), FfmpegError> {
        self.input = None;
        let mut looks = 0;
        loop {
            match self.output.recv_timeout(LOOK) {
                Ok(made) => {
                    looks = 0;
                    out.extend(self.made(made)?);
                }
                Err(RecvTimeoutError::Timeout) => self.one_more(&mut looks)?,
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let ended = self.child.wait().map_err(|error| self.ffmpeg.failed(error.to_string()))?;
        if ended.success() { Ok(()) } else { Err(self.ended()) }
    }

    fn hand_over(&mut self, mut piece: Vec<u8>, out: &mut Vec<u8>) -> Result<(), FfmpegError> {
        let mut looks = 0;
        loop {
            match self.input.as_ref().map(|input| input.try_send(piece)) {
                Some(Ok(())) => return Ok(()),
                Some(Err(TrySendError::Full(back))) => piece = back,
                Some(Err(TrySendError::Disconnected(_))) | None => return Err(self.ended()),
            }
            match self.output.recv_timeout(LOOK) {
                Ok(made) => {
                    looks = 0;
                    out.extend(self.made(made)?);
                }
                Err(RecvTimeoutError::Timeout) => self.one_more(&mut looks)?,
                Err(RecvTimeoutError::Disconnected) => return Err(self.ended()),
            }
        }
    }

    fn made(&self, made: io::Result<Vec<u8>>) -> Result<Vec<u8>, FfmpegError> {
        made.map_err(|error| self.ffmpeg.failed(error.to_string()))
    }

    fn one_more(&self, looks: &mut u32) -> Result<(), FfmpegError> {
        *looks += 1;
        let stuck = *looks > PATIENCE_LOOKS;
        if stuck {
            Err(self.ffmpeg.failed(format!("it gave nothing for {:?}", LOOK * PATIENCE_LOOKS)))
        } else {
            Ok(())
        }
    }

    /// It has ended by itself, before all was said or not well.
    fn ended(&mut self) -> FfmpegError {
        let _ = self.child.kill();
        let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let complaint = self.complaint.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        self.ffmpeg.failed(format!("{status}: {complaint}"))
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // One that has ended is not there any more: then neither does anything.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn feed(mut stdin: ChildStdin, pieces: &Receiver<Vec<u8>>) {
    while let Ok(piece) = pieces.recv() {
        if stdin.write_all(&piece).is_err() {
            return;
        }
    }
}

fn drain(mut stdout: ChildStdout, out: &SyncSender<io::Result<Vec<u8>>>) {
    let mut piece = vec![0; OUTPUT_BYTES];
    loop {
        let read = match stdout.read(&mut piece) {
            Ok(0) => return,
            Ok(bytes) => Ok(piece[..bytes].to_vec()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let failed = read.is_err();
        if out.send(read).is_err() || failed {
            return;
        }
    }
}

fn complaint(mut stderr: ChildStderr) -> String {
    let mut text = Vec::new();
    let _ = stderr.by_ref().take(COMPLAINT_BYTES).read_to_end(&mut text);
    // The rest is read too, or it would wait for us.
    let _ = io::copy(&mut stderr, &mut io::sink());
    String::from_utf8_lossy(&text).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::ffmpeg::tests::script;
    use super::*;

    #[test]
    fn what_goes_in_comes_out_in_order_however_it_is_cut() {
        let (_folder, cat) = script("exec cat");
        let mut pipe = Pipe::start(&cat, &[], &[]).unwrap();
        let whole: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
        let mut out = Vec::new();
        for piece in whole.chunks(777_777) {
            pipe.push(piece, &mut out).unwrap();
        }
        pipe.finish(&mut out).unwrap();
        assert!(out == whole);
    }

    #[test]
    fn one_that_fails_is_quoted_and_one_that_is_missing_is_named() {
        let (_folder, broken) = script("echo no such encoder >&2; exit 3");
        let mut pipe = Pipe::start(&broken, &[], &[]).unwrap();
        let mut out = Vec::new();
        let said = (0..1_000).find_map(|_| pipe.push(&[0; 100_000], &mut out).err()).unwrap().to_string();
        assert!(said.contains("no such encoder"), "{said}");
        let (_folder, late) = script("cat > /dev/null; echo cannot finish >&2; exit 4");
        let said = Pipe::start(&late, &[], &[]).unwrap().finish(&mut out).unwrap_err().to_string();
        assert!(said.contains("cannot finish"), "{said}");
        let said = Pipe::start(&Ffmpeg::new("/nowhere/ffmpeg".into()), &[], &[]).err().unwrap();
        assert!(matches!(said, FfmpegError::Missing(_)), "{said}");
    }

    #[test]
    fn one_that_is_let_go_is_gone() {
        let (_folder, endless) = script("exec cat");
        let pipe = Pipe::start(&endless, &[], &[]).unwrap();
        let process = std::path::PathBuf::from(format!("/proc/{}", pipe.child.id()));
        assert!(process.exists());
        drop(pipe);
        assert!(!process.exists());
    }
}
