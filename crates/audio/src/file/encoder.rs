//! Samples in, a file out, a window at a time.

use super::Form;
use super::flac::FlacEncoder;
use super::opus::OpusEncoder;
use super::wav::{Layout, TooLong, append_samples};
use crate::rate::Rate;

/// The shape of sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// 1 or 2 (more are taken as 2).
    pub channels: u16,
    /// Frames in a second.
    pub rate: Rate,
    /// Its length in frames, if it is known; of a call that still runs it is not.
    pub frames: Option<u64>,
}

impl Shape {
    /// Bytes of one frame of 16-bit samples.
    #[must_use]
    pub fn frame_bytes(&self) -> u64 {
        2 * u64::from(self.channels.clamp(1, 2))
    }
}

/// What makes a file of samples. It holds less than a second of sound, however long the file becomes, and gives the same
/// bytes whatever the windows are that it is given.
#[derive(Debug)]
pub enum Encoder {
    /// WAV; holds the header until the first window.
    Wav(Vec<u8>),
    /// FLAC.
    Flac(Box<FlacEncoder>),
    /// Opus in Ogg.
    Opus(Box<OpusEncoder>),
}

impl Encoder {
    /// One for a form; `None` for MP3, which is not made here.
    ///
    /// # Errors
    /// [`TooLong`] for what a WAV file cannot hold.
    pub fn new(form: Form, shape: Shape) -> Result<Option<Self>, TooLong> {
        Ok(match form {
            Form::Wav => {
                let header = match shape.frames {
                    Some(frames) => Layout::new(frames, shape.channels, shape.rate)?.header(),
                    None => Layout::header_without_end(shape.channels, shape.rate),
                };
                Some(Self::Wav(header.to_vec()))
            }
            Form::Flac => Some(Self::Flac(Box::new(FlacEncoder::new(shape)))),
            Form::OggOpus => Some(Self::Opus(Box::new(OpusEncoder::new(shape)))),
            Form::Mp3 => None,
        })
    }

    /// Takes samples, two channels interleaved, and appends the bytes that are ready.
    pub fn push(&mut self, samples: &[i16], out: &mut Vec<u8>) {
        match self {
            Self::Wav(header) => {
                out.append(header);
                append_samples(out, samples);
            }
            Self::Flac(encoder) => encoder.push(samples, out),
            Self::Opus(encoder) => encoder.push(samples, out),
        }
    }

    /// Bytes of sound and of the file that it holds back: less than a second's worth.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        match self {
            Self::Wav(header) => header.len(),
            Self::Flac(encoder) => encoder.held_bytes(),
            Self::Opus(encoder) => encoder.held_bytes(),
        }
    }

    /// Appends the rest of the file.
    pub fn finish(self, out: &mut Vec<u8>) {
        match self {
            Self::Wav(mut header) => out.append(&mut header),
            Self::Flac(encoder) => encoder.finish(out),
            Self::Opus(encoder) => encoder.finish(out),
        }
    }
}
