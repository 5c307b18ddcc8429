//! A sound file in the making: samples in, bytes out, in little memory.

use audio::Rate;
use audio::file::wav::{Layout, TooLong, append_samples};

use super::Form;

/// The shape of the sound that is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) channels: u16,
    pub(super) rate: Rate,
    pub(super) frames: u64,
}

/// What makes a file of samples.
#[derive(Debug)]
pub(super) struct Making {
    header: Vec<u8>,
}

impl Making {
    pub(super) fn new(form: Form, shape: Shape) -> Result<Self, TooLong> {
        let Form::Wav = form;
        Ok(Self { header: Layout::new(shape.frames, shape.channels, shape.rate)?.header().to_vec() })
    }

    /// Takes samples, two channels interleaved, and appends the bytes that are ready.
    pub(super) fn push(&mut self, samples: &[i16], out: &mut Vec<u8>) {
        out.append(&mut self.header);
        append_samples(out, samples);
    }

    /// Appends the rest of the file.
    pub(super) fn finish(mut self, out: &mut Vec<u8>) {
        out.append(&mut self.header);
    }
}
