//! FLAC (RFC 9639): the samples as they are, in half to two thirds of the bytes.
//!
//! Each frame of the file stands for itself and holds 4,096 frames of sound. Its channels are not joined, since each is
//! another person. A channel is *constant* where it is silent, else predicted by one of the five fixed polynomials
//! (§9.2.5), what is left over in Rice codes (§9.2.7), or written as it is where that is shorter. There is no digest of
//! the samples in the head: it would have to be known before the first of them.

mod bits;
mod residual;

use self::bits::{Bits, crc8, crc16};
use super::Shape;
use crate::rate::Rate;

/// Frames of sound in each frame of the file but the last.
pub const BLOCK_FRAMES: usize = 4_096;

/// Codes of the frame head (§9.1): 4,096 frames; a count of 16 bits behind the head; 16 bits a sample.
const WHOLE_BLOCK: u32 = 0b1100;
const COUNTED_BLOCK: u32 = 0b0111;
const SIXTEEN_BITS: u32 = 0b100;

/// Makes a FLAC file.
#[derive(Debug)]
pub struct FlacEncoder {
    channels: usize,
    rate: Rate,
    /// Of the next frame of the file; 31 bits of it are written.
    number: u32,
    /// The head of the file, until it is given out.
    head: Vec<u8>,
    /// Samples that fill no block yet, interleaved.
    waiting: Vec<i16>,
}

impl FlacEncoder {
    /// Nothing has come yet.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        let channels = usize::from(shape.channels.clamp(1, 2));
        let waiting = Vec::with_capacity(channels * BLOCK_FRAMES);
        Self { channels, rate: shape.rate, number: 0, head: head(shape), waiting }
    }

    /// Takes samples, two channels interleaved, and appends the frames that are full.
    pub fn push(&mut self, mut samples: &[i16], out: &mut Vec<u8>) {
        out.append(&mut self.head);
        let block = self.channels * BLOCK_FRAMES;
        while !samples.is_empty() {
            let (now, later) = samples.split_at(samples.len().min(block - self.waiting.len()));
            self.waiting.extend_from_slice(now);
            samples = later;
            if self.waiting.len() == block {
                self.frame(out);
            }
        }
    }

    /// Appends the last frame.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        out.append(&mut self.head);
        // Half a frame of sound cannot be written.
        self.waiting.truncate(self.waiting.len() / self.channels * self.channels);
        if !self.waiting.is_empty() {
            self.frame(out);
        }
    }

    /// Bytes held back.
    pub(super) fn held_bytes(&self) -> usize {
        2 * self.waiting.len() + self.head.len()
    }

    fn frame(&mut self, out: &mut Vec<u8>) {
        let frames = self.waiting.len() / self.channels;
        let counted = frames != BLOCK_FRAMES;
        let mut bits = Bits::default();
        // Sync, and blocks of one size.
        bits.push(0xfff8, 16);
        bits.push(if counted { COUNTED_BLOCK } else { WHOLE_BLOCK }, 4);
        bits.push(rate_code(self.rate), 4);
        bits.push(u32::from(self.channels == 2), 4);
        bits.push(SIXTEEN_BITS, 3);
        bits.push(0, 1);
        coded_number(self.number, &mut bits);
        if counted {
            bits.push(u32::try_from(frames - 1).unwrap_or(0), 16);
        }
        let crc = crc8(bits.bytes());
        bits.push(crc.into(), 8);
        for channel in 0..self.channels {
            let samples: Vec<i16> =
                self.waiting.iter().skip(channel).step_by(self.channels).copied().collect();
            residual::subframe(&samples, &mut bits);
        }
        bits.align();
        out.extend_from_slice(bits.bytes());
        out.extend_from_slice(&crc16(bits.bytes()).to_be_bytes());
        self.number = (self.number + 1) & 0x7fff_ffff;
        self.waiting.clear();
    }
}

/// The mark and the only metadata block, *streaminfo* (§8.2).
fn head(shape: Shape) -> Vec<u8> {
    let mut bits = Bits::default();
    let block = u32::try_from(BLOCK_FRAMES).unwrap_or(0);
    bits.push(0x664c_6143, 32); // "fLaC"
    bits.push(0x8000_0022, 32); // the last block, streaminfo, 34 bytes
    bits.push(block, 16);
    bits.push(block, 16);
    bits.push(0, 24); // sizes of frames are not known
    bits.push(0, 24);
    bits.push(shape.rate.hz(), 20);
    bits.push(u32::from(shape.channels.clamp(1, 2)) - 1, 3);
    bits.push(15, 5);
    // 36 bits; 0 says that the length is not known.
    let frames = shape.frames.filter(|frames| *frames < 1 << 36).unwrap_or(0);
    bits.push(u32::try_from(frames >> 32).unwrap_or(0), 4);
    bits.push(u32::try_from(frames & u64::from(u32::MAX)).unwrap_or(0), 32);
    (0..4).for_each(|_| bits.push(0, 32)); // no digest
    bits.bytes().to_vec()
}

fn rate_code(rate: Rate) -> u32 {
    match rate {
        Rate::Narrow => 0b0100,
        Rate::Wide => 0b0101,
        Rate::Full => 0b1010,
    }
}

/// A number in the way UTF-8 writes characters, up to 31 bits (§9.1.5).
fn coded_number(number: u32, bits: &mut Bits) {
    if number < 0x80 {
        return bits.push(number, 8);
    }
    // The first byte of n has n ones, a zero and 7 - n bits; each other has 6 bits.
    let others = (1..6).find(|others| number < 1 << (6 * others + 6 - others)).unwrap_or(5);
    let ones = !(0xff_u32 >> (others + 1)) & 0xff;
    bits.push(ones | (number >> (6 * others)), 8);
    for other in (0..others).rev() {
        bits.push(0x80 | ((number >> (6 * other)) & 0x3f), 8);
    }
}

/// The number of the frame that begins here, if one of ours does.
pub(super) fn frame_number(head: &[u8]) -> Option<u32> {
    let rest = head.strip_prefix(&[0xff, 0xf8])?;
    let counted = match u32::from(rest.first()? >> 4) {
        WHOLE_BLOCK => 0,
        COUNTED_BLOCK => 2,
        _ => return None,
    };
    let first = *rest.get(2)?;
    let ones = usize::try_from(first.leading_ones()).ok()?;
    let others = ones.saturating_sub(1);
    if ones == 1 || others > 5 {
        return None;
    }
    let begin = u32::from(first) & (0x7f >> ones);
    let number =
        rest.get(3..3 + others)?.iter().fold(begin, |number, byte| (number << 6) | u32::from(byte & 0x3f));
    let end = 2 + 3 + others + counted;
    (crc8(head.get(..end)?) == *head.get(end)?).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_utf_8_writes_characters() {
        for number in [0, 0x7f, 0x80, 0x7ff, 0x800, 0xfffd, 0xffff, 0x1_0000, 0x10_ffff] {
            let mut bits = Bits::default();
            coded_number(number, &mut bits);
            let text = char::from_u32(number).unwrap().to_string();
            assert_eq!(bits.bytes(), text.as_bytes(), "{number:x}");
        }
        // Beyond what characters need.
        for (number, bytes) in [(0x20_0000, 5), (0x3ff_ffff, 5), (0x400_0000, 6), (0x7fff_ffff, 6)] {
            let mut bits = Bits::default();
            coded_number(number, &mut bits);
            assert_eq!(bits.bytes().len(), bytes, "{number:x}");
            let mut head = vec![0xff, 0xf8, 0xc4, 0x08];
            head.extend(bits.bytes());
            head.push(crc8(&head));
            assert_eq!(frame_number(&head), Some(number));
            *head.last_mut().unwrap() ^= 1;
            assert_eq!(frame_number(&head), None);
        }
    }

    #[test]
    fn silence_takes_next_to_nothing() {
        let mut encoder = FlacEncoder::new(Shape { channels: 2, rate: Rate::Narrow, frames: None });
        let mut out = Vec::new();
        encoder.push(&vec![0; 2 * 8_000 * 60], &mut out);
        encoder.finish(&mut out);
        // 118 frames of a head of up to 10 bytes, 6 for two constants, and 2.
        assert!(out.len() < 42 + 118 * 18, "{}", out.len());
    }
}
