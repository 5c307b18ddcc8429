//! The part of an export that takes its time: decoding, encoding, reading files. It belongs on threads nobody waits for.

use std::time::Duration;

use audio::Rate;
use calls::id::RecordingId;
use index::{Listen, RecordingRow};
use vault::Archive;

use super::bundle::Bundle;
use super::run::Source;
use super::{ExportError, Password, papers};
use crate::playback::{Channels, Encoding, Ffmpeg, Form, Shape, Sound, SoundError, Surveys};

/// Sound rendered at once, seconds.
const WINDOW_S: u64 = 4;

/// What lies between two recordings in one file (wfo-api section 9 row 25).
pub(super) const PAUSE: Duration = Duration::from_millis(500);

/// A zip with the file that is being put into it.
pub(super) struct Work {
    pub(super) bundle: Bundle,
    form: Form,
    ffmpeg: Ffmpeg,
    /// The file that is open.
    making: Option<Encoding>,
    part: Option<Part>,
    samples: Vec<i16>,
    encoded: Vec<u8>,
}

/// The recording that is being put into the file.
struct Part {
    /// None where there is silence instead.
    sound: Option<Sound>,
    channels: Channels,
    rate: Rate,
    /// Frames of silence before it.
    pause: u64,
    frames: u64,
    at: u64,
    damaged: u64,
}

/// What came of one turn.
pub(super) struct Turned {
    /// Sound that was made, ms.
    pub(super) ms: u64,
    /// Damaged blocks met.
    pub(super) damaged: u64,
    /// Why the rest of the recording is silence, if it is from now on.
    pub(super) broken: Option<String>,
    /// Whether the recording is over.
    pub(super) is_over: bool,
}

impl Work {
    pub(super) fn new(form: Form, password: Option<Password>, ffmpeg: Ffmpeg) -> Self {
        let (samples, encoded) = (Vec::new(), Vec::new());
        Self { bundle: Bundle::new(password), form, ffmpeg, making: None, part: None, samples, encoded }
    }

    /// Begins a file for sound of a shape.
    pub(super) fn begin(&mut self, name: &str, at: zip::DateTime, shape: Shape) -> Result<(), ExportError> {
        let making = Encoding::begin(self.form, shape, &self.ffmpeg).map_err(unmade)?;
        let bytes = shape.frames.unwrap_or(u64::MAX).saturating_mul(shape.frame_bytes());
        self.bundle.begin(name, at, bytes).map_err(zip_error)?;
        self.making = Some(making);
        Ok(())
    }

    /// Puts a recording into the file next, behind so many frames of silence: so many frames of it, or silence if there is
    /// none.
    pub(super) fn put(
        &mut self,
        sound: Option<Sound>,
        (pause, frames): (u64, u64),
        (channels, rate): (Channels, Rate),
    ) {
        self.part = Some(Part { sound, channels, rate, pause, frames, at: 0, damaged: 0 });
    }

    /// Makes the next window.
    pub(super) fn turn(&mut self) -> Result<Turned, ExportError> {
        let mut turned = Turned { ms: 0, damaged: 0, broken: None, is_over: true };
        let (Some(part), Some(making)) = (&mut self.part, &mut self.making) else { return Ok(turned) };
        let hz = u64::from(part.rate.hz());
        let frames = match std::mem::take(&mut part.pause) {
            0 => {
                let frames = (part.frames - part.at).min(WINDOW_S * hz);
                turned.broken = part.render(frames, &mut self.samples);
                turned.damaged = part.new_damage();
                part.at += frames;
                frames
            }
            pause => {
                part.silence(pause, &mut self.samples);
                pause
            }
        };
        making.push(&self.samples, &mut self.encoded).map_err(unmade)?;
        turned.ms = frames * 1_000 / hz;
        turned.is_over = part.at >= part.frames;
        if turned.is_over {
            self.part = None;
        }
        self.write()?;
        Ok(turned)
    }

    /// Ends the file that is open.
    pub(super) fn end_file(&mut self) -> Result<(), ExportError> {
        if let Some(making) = self.making.take() {
            making.finish(&mut self.encoded).map_err(unmade)?;
        }
        self.write()
    }

    /// Puts in a file of bytes.
    pub(super) fn put_file(
        &mut self,
        name: &str,
        bytes: &[u8],
        at: zip::DateTime,
    ) -> Result<(), ExportError> {
        self.bundle.begin(name, at, bytes.len() as u64).map_err(zip_error)?;
        self.bundle.write(bytes).map_err(zip_error)
    }

    /// Ends the zip.
    pub(super) fn finish(&mut self) -> Result<(), ExportError> {
        self.bundle.finish().map_err(zip_error)
    }

    /// Puts in what lies beside a recording's sound, and begins its sealed file.
    pub(super) fn put_papers(
        &mut self,
        source: &Source,
        sealed: &SealedFile,
        listens: &[Listen],
    ) -> Result<(), ExportError> {
        let SealedFile { archive, recording, at, bytes, .. } = sealed;
        let papers = papers::of(archive, &source.reading, *recording, listens).map_err(unmade_paper)?;
        for (name, bytes) in papers {
            self.put_file(&papers::name(*recording, name), &bytes, *at)?;
        }
        let name = papers::name(*recording, "recording.rec");
        self.bundle.begin(&name, *at, *bytes).map_err(zip_error)
    }

    /// Puts in the next piece of a sealed file; whether that was its end.
    pub(super) fn copy(&mut self, sealed: &mut SealedFile) -> Result<bool, ExportError> {
        let mut piece = vec![0; papers::PIECE_BYTES];
        let count =
            sealed.archive.read_raw(sealed.recording, &mut piece, sealed.offset).map_err(unmade_paper)?;
        sealed.offset += count as u64;
        self.bundle.write(&piece[..count]).map_err(zip_error)?;
        Ok(count < piece.len())
    }

    fn write(&mut self) -> Result<(), ExportError> {
        self.bundle.write(&self.encoded).map_err(zip_error)?;
        self.encoded.clear();
        Ok(())
    }
}

/// A sealed file on its way into a package.
pub(super) struct SealedFile {
    pub(super) archive: Archive,
    pub(super) recording: RecordingId,
    pub(super) at: zip::DateTime,
    /// Its length.
    pub(super) bytes: u64,
    /// How much of it is in.
    pub(super) offset: u64,
}

impl Part {
    /// Fills the samples; says why, if they are silence from now on.
    fn render(&mut self, frames: u64, samples: &mut Vec<i16>) -> Option<String> {
        let rendered = match &mut self.sound {
            None => Ok(false),
            Some(sound) => sound.render(self.at, frames, self.channels, samples).map(|()| true),
        };
        if let Ok(true) = rendered {
            return None;
        }
        self.silence(frames, samples);
        let error = rendered.err()?;
        self.sound = None;
        Some(from_there(&error, self.at / u64::from(self.rate.hz())))
    }

    fn silence(&self, frames: u64, samples: &mut Vec<i16>) {
        let count = frames.saturating_mul(self.channels.count().into());
        samples.clear();
        samples.resize(usize::try_from(count).unwrap_or(0), 0);
    }

    /// Damaged blocks met since this was last asked.
    fn new_damage(&mut self) -> u64 {
        let now = self.sound.as_ref().map_or(self.damaged, Sound::damaged);
        let new = now - self.damaged;
        self.damaged = now;
        new
    }
}

/// Opens a recording whose row was just read.
pub(super) fn open(
    archive: &Archive,
    source: &Source,
    row: &RecordingRow,
    rate: Option<Rate>,
) -> Result<Sound, OpenError> {
    // Each is opened once.
    let surveys = Surveys::default();
    let sound = Sound::open(archive, &source.reading, row.id, rate, (&source.ffmpeg, &surveys))
        .map_err(|error| OpenError::Sound { told: told(&error), recording: row.id, error })?;
    if sound.digest().0 == row.digest { Ok(sound) } else { Err(OpenError::Another) }
}

/// Why a recording cannot be opened.
pub(super) enum OpenError {
    /// The file is another one than its row says: it is being redacted, or was exchanged.
    Another,
    /// It cannot be read or decoded.
    Sound { told: String, recording: RecordingId, error: SoundError },
}

impl OpenError {
    /// What may be told of it; the log has more.
    pub(super) fn tell(self) -> String {
        match self {
            Self::Another => {
                "its file is not the one in the index; a span of it may be being erased".to_owned()
            }
            Self::Sound { told, recording, error } => {
                tracing::error!(recording.id = %recording, error = %chain(&error), "a recording cannot be exported");
                told
            }
        }
    }
}

fn told(error: &SoundError) -> String {
    match error {
        SoundError::Ffmpeg(_) | SoundError::NotHeld(_) => error.to_string(),
        _ => "its file cannot be read".to_owned(),
    }
}

fn from_there(error: &SoundError, second: u64) -> String {
    tracing::error!(error = %chain(error), second, "a recording breaks off while it is exported");
    format!("{}; it is silent from second {second} on", told(error))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        said = format!("{said}: {source}");
        next = source.source();
    }
    said
}

fn unmade(error: SoundError) -> ExportError {
    match error {
        SoundError::TooLong(_) => ExportError::TooLong(error.to_string()),
        error => ExportError::Unmade(error.to_string()),
    }
}

fn unmade_paper(error: vault::ReadError) -> ExportError {
    tracing::error!(%error, "a recording breaks off while a package is made of it");
    ExportError::Unmade("a recording's file cannot be read; no package of a part is made".to_owned())
}

fn zip_error(error: impl std::fmt::Display) -> ExportError {
    ExportError::Zip(error.to_string())
}
