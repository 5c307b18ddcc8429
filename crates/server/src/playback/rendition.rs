//! A part of a recording on its way out, a window at a time.
//!
//! A [`Passage`] gives samples, an [`Encoding`] takes them, and a [`Rendition`] joins one of each. Whoever puts several
//! recordings into one file opens them one after another and pushes their passages into one encoding.

use std::ops::Range;

use audio::file::{Form, Shape};

use super::sound::WINDOW_S;
use super::{Channels, Encoding, Ffmpeg, Sound, SoundError};

/// A span of a sealed recording, in channels.
pub struct Passage {
    sound: Sound,
    first: u64,
    rest: Range<u64>,
    channels: Channels,
}

impl Passage {
    /// The frames in `span`, cut at the end of the recording.
    pub fn new(sound: Sound, span: Range<u64>, channels: Channels) -> Self {
        let end = span.end.min(sound.frames());
        let first = span.start.min(end);
        Self { first, rest: first..end, sound, channels }
    }

    /// What is still to come of it.
    pub fn shape(&self) -> Shape {
        let frames = Some(self.rest.end - self.rest.start);
        Shape { channels: self.channels.count(), rate: self.sound.rate(), frames }
    }

    /// Gives the next window of samples in `out`, some seconds of them, interleaved; false at the end.
    ///
    /// # Errors
    /// As [`Sound::render`].
    pub fn window(&mut self, out: &mut Vec<i16>) -> Result<bool, SoundError> {
        let frames = (self.rest.end - self.rest.start).min(WINDOW_S * u64::from(self.sound.rate().hz()));
        if frames == 0 {
            return Ok(false);
        }
        self.sound.render(self.rest.start, frames, self.channels, out)?;
        self.rest.start += frames;
        Ok(true)
    }

    /// As [`Sound::damaged`].
    pub fn damaged(&self) -> u64 {
        self.sound.damaged()
    }
}

/// A passage as a file.
pub struct Rendition {
    passage: Passage,
    /// None when the file is finished.
    encoding: Option<Encoding>,
    samples: Vec<i16>,
}

impl Rendition {
    /// A file of what is still to come of a passage.
    ///
    /// # Errors
    /// As [`Encoding::begin`].
    pub fn new(passage: Passage, form: Form, ffmpeg: &Ffmpeg) -> Result<Self, SoundError> {
        let encoding = Encoding::begin(form, passage.shape(), ffmpeg)?;
        Ok(Self { passage, encoding: Some(encoding), samples: Vec::new() })
    }

    /// The next bytes: never none of them; `None` behind the last. Takes as long as it takes: call it where that is
    /// no harm.
    ///
    /// # Errors
    /// [`SoundError`].
    pub fn next_bytes(&mut self) -> Result<Option<Vec<u8>>, SoundError> {
        let mut bytes = Vec::new();
        while let Some(mut encoding) = self.encoding.take() {
            if self.passage.window(&mut self.samples)? {
                encoding.push(&self.samples, &mut bytes)?;
                self.encoding = Some(encoding);
            } else {
                encoding.finish(&mut bytes)?;
            }
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    /// How much of the recording was made into bytes so far, in ms.
    pub fn given_ms(&self) -> u64 {
        let Passage { sound, rest, first, .. } = &self.passage;
        (rest.start - first) * 1_000 / u64::from(sound.rate().hz())
    }

    /// Whether the last bytes were given.
    pub fn is_over(&self) -> bool {
        self.encoding.is_none()
    }

    /// As [`Sound::damaged`].
    pub fn damaged(&self) -> u64 {
        self.passage.damaged()
    }
}
