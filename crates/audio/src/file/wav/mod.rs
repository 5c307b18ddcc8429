//! WAV: what is served to players, and what a test caller plays.
//!
//! Belongs here: the 44-byte header of a file whose length is known before it is made, byte ranges of such a file, and
//! reading a file. Does not: making the samples. Layout after "Multimedia Programming Interface" (1991), chunk `fmt `.

mod read;

pub use read::{MAX_CHANNELS, Sound, WavError, read};

use crate::rate::Rate;
use std::ops::Range;
use thiserror::Error;

/// Bytes before the first sample.
pub const HEADER_BYTES: u64 = 44;
const SAMPLE_BYTES: u64 = 2;

/// The recording is too long for a WAV file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "{frames} frames of {channels} channels need more than the 4 GiB a WAV header can name; export in parts"
)]
pub struct TooLong {
    /// Frames asked for.
    pub frames: u64,
    /// Channels asked for.
    pub channels: u16,
}

/// Shape of a file of 16-bit samples whose length is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    frames: u64,
    channels: u16,
    rate: Rate,
}

/// What to make for a range of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Bytes of the header that belong to the range; often none.
    pub header: Range<usize>,
    /// Frames to render.
    pub frames: Range<u64>,
    /// Bytes to leave out at the beginning of the rendered frames.
    pub skip_bytes: usize,
    /// Bytes to send behind the header part.
    pub sample_bytes: u64,
}

impl Layout {
    /// A file of so many frames with 1 or 2 channels (more are taken as 2).
    ///
    /// # Errors
    /// [`TooLong`] beyond 4 GiB: 37 hours of two channels at 8 kHz.
    pub fn new(frames: u64, channels: u16, rate: Rate) -> Result<Self, TooLong> {
        let channels = channels.clamp(1, 2);
        let limit = (u64::from(u32::MAX) - HEADER_BYTES) / (SAMPLE_BYTES * u64::from(channels));
        if frames > limit { Err(TooLong { frames, channels }) } else { Ok(Self { frames, channels, rate }) }
    }

    /// Bytes of one frame.
    #[must_use]
    pub fn frame_bytes(&self) -> u64 {
        SAMPLE_BYTES * u64::from(self.channels)
    }

    /// Bytes of the whole file.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        HEADER_BYTES + self.frames * self.frame_bytes()
    }

    /// The canonical header.
    ///
    /// ```text
    /// "RIFF" | file size - 8 | "WAVE" | "fmt " | 16 | PCM = 1, channels | rate | bytes/s |
    ///  4       4               4        4        4    2        2          4      4
    /// bytes per frame, bits per sample | "data" | sample bytes
    ///  2               2                 4        4                       all little-endian
    /// ```
    #[must_use]
    pub fn header(&self) -> [u8; 44] {
        let word = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
        let half = |value: u64| u16::try_from(value).unwrap_or(u16::MAX).to_le_bytes();
        let mut header = [0; 44];
        let fields: [&[u8]; 13] = [
            b"RIFF",
            &word(self.total_bytes() - 8),
            b"WAVE",
            b"fmt ",
            &word(16),
            &half(1),
            &half(self.channels.into()),
            &word(self.rate.hz().into()),
            &word(u64::from(self.rate.hz()) * self.frame_bytes()),
            &half(self.frame_bytes()),
            &half(8 * SAMPLE_BYTES),
            b"data",
            &word(self.frames * self.frame_bytes()),
        ];
        let bytes = fields.iter().flat_map(|field| field.iter());
        header.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
        header
    }

    /// The header of a file whose length nobody knows yet: it says the largest there can be, and players read to the end.
    #[must_use]
    pub fn header_without_end(channels: u16, rate: Rate) -> [u8; 44] {
        let mut header = Self { frames: 0, channels: channels.clamp(1, 2), rate }.header();
        header[4..8].fill(0xff);
        header[40..44].fill(0xff);
        header
    }

    /// What to render for a byte range of the file (end exclusive; cut at the end of the file). RFC 9110 §14.
    #[must_use]
    pub fn piece(&self, bytes: Range<u64>) -> Piece {
        let end = bytes.end.min(self.total_bytes());
        let begin = bytes.start.min(end);
        let header_part = |at: u64| usize::try_from(at.min(HEADER_BYTES)).unwrap_or(0);
        let sample = |at: u64| at.saturating_sub(HEADER_BYTES);
        let first = sample(begin) / self.frame_bytes();
        Piece {
            header: header_part(begin)..header_part(end),
            frames: first..sample(end).div_ceil(self.frame_bytes()).max(first),
            skip_bytes: usize::try_from(sample(begin) % self.frame_bytes()).unwrap_or(0),
            sample_bytes: sample(end) - sample(begin),
        }
    }
}

/// Samples as bytes of the file; two channels are to be interleaved already.
pub fn append_samples(out: &mut Vec<u8>, samples: &[i16]) {
    out.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_we_print_is_read_back() {
        let layout = Layout::new(3, 2, Rate::Narrow).unwrap();
        let mut file = layout.header().to_vec();
        append_samples(&mut file, &[1, -2, 3, -4, 5, -6]);
        assert_eq!(file.len() as u64, layout.total_bytes());
        let sound = read(&file).unwrap();
        assert_eq!((sound.rate_hz, sound.channels.len()), (8000, 2));
        assert_eq!(sound.channels, [[1, 3, 5], [-2, -4, -6]]);
    }

    #[test]
    fn any_byte_range_gives_the_same_bytes_as_the_whole_file() {
        for channels in [1, 2] {
            let layout = Layout::new(7, channels, Rate::Narrow).unwrap();
            let samples: Vec<i16> =
                (0..7 * i16::try_from(channels).unwrap()).map(|n| n * 1111 - 3000).collect();
            let mut file = layout.header().to_vec();
            append_samples(&mut file, &samples);
            for begin in 0..file.len() + 2 {
                for end in begin..file.len() + 3 {
                    let piece = layout.piece(begin as u64..end as u64);
                    let mut sent = layout.header()[piece.header].to_vec();
                    let per_frame = u64::from(channels);
                    let rendered = &samples[usize::try_from(piece.frames.start * per_frame).unwrap()
                        ..usize::try_from(piece.frames.end * per_frame).unwrap()];
                    let mut bytes = Vec::new();
                    append_samples(&mut bytes, rendered);
                    let until = piece.skip_bytes + usize::try_from(piece.sample_bytes).unwrap();
                    sent.extend(&bytes[piece.skip_bytes..until]);
                    assert_eq!(sent, file[begin.min(file.len())..end.min(file.len())], "{begin}..{end}");
                }
            }
        }
    }

    #[test]
    fn a_file_beyond_four_gibibytes_is_refused() {
        assert!(Layout::new(1_073_741_812, 2, Rate::Narrow).is_ok());
        let error = Layout::new(1_073_741_813, 2, Rate::Narrow).unwrap_err();
        assert_eq!(error, TooLong { frames: 1_073_741_813, channels: 2 });
    }
}
