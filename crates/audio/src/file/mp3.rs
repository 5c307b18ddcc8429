//! MP3: what stands before the frames an encoder gives.
//!
//! An encoder gives its sound late: LAME by 576 samples, and a decoder another 529. The first frame of a file may be an
//! empty one that says so (the `Info` tag of Xing and LAME), and players then leave the excess away at both ends, so that
//! the sound is where it is on the recording's timeline. Written into a pipe, no encoder knows the length; we do.

use super::Shape;
use crate::rate::Rate;

/// Samples by which LAME's sound is late.
const ENCODER_DELAY: u64 = 576;
/// Samples by which every decoder's is.
const DECODER_DELAY: u64 = 529;

/// Bits a second of a file of this shape, constant.
#[must_use]
pub fn bits_a_second(shape: &Shape) -> u32 {
    let of_one = match shape.rate {
        Rate::Narrow => 32_000,
        Rate::Wide => 48_000,
        Rate::Full => 96_000,
    };
    of_one * u32::from(shape.channels.clamp(1, 2))
}

/// The frame that stands before all others: silent where it is not understood.
#[must_use]
pub fn head(shape: &Shape) -> Vec<u8> {
    let mpeg1 = shape.rate == Rate::Full;
    let frame_samples: u64 = if mpeg1 { 1_152 } else { 576 };
    let mono = shape.channels < 2;
    // Version, layer III, no checksum; bit rate, rate; mode, original.
    let version = match shape.rate {
        Rate::Full => 0xfb,
        Rate::Wide => 0xf3,
        Rate::Narrow => 0xe3,
    };
    let rate_code = if shape.rate == Rate::Full { 0b0100 } else { 0b1000 };
    let mode = if mono { 0b1100_0100 } else { 0b0000_0100 };
    let bits = bits_a_second(shape);
    let frame_bytes = frame_samples / 8 * u64::from(bits) / u64::from(shape.rate.hz());
    let mut frame = vec![0xff, version, (bit_rate_code(bits, mpeg1) << 4) | rate_code, mode];
    let side_info = match (mpeg1, mono) {
        (true, false) => 32,
        (true, true) | (false, false) => 17,
        (false, true) => 9,
    };
    frame.resize(frame.len() + side_info, 0);
    frame.extend(b"Info");
    let frames = shape.frames.map(|frames| (frames + ENCODER_DELAY + DECODER_DELAY).div_ceil(frame_samples));
    let counted = frames.and_then(|frames| u32::try_from(frames).ok());
    let counted_bytes = counted.and_then(|frames| u32::try_from((u64::from(frames) + 1) * frame_bytes).ok());
    match (counted, counted_bytes) {
        (Some(frames), Some(bytes)) => {
            frame.extend(3_u32.to_be_bytes()); // frames and bytes follow
            frame.extend(frames.to_be_bytes());
            frame.extend(bytes.to_be_bytes());
        }
        _ => frame.extend(0_u32.to_be_bytes()),
    }
    frame.extend(b"LAME");
    frame.resize(frame.len() + 17, 0);
    let padding = match (shape.frames, frames) {
        (Some(sound), Some(frames)) => frames * frame_samples - ENCODER_DELAY - sound,
        _ => 0,
    };
    // Twelve bits each.
    let excess = u32::try_from((ENCODER_DELAY << 12) | padding.min(0xfff)).unwrap_or(0);
    frame.extend(&excess.to_be_bytes()[1..]);
    frame.resize(usize::try_from(frame_bytes).unwrap_or(frame.len()), 0);
    frame
}

/// Bit rates of layer III, kbit/s, from code 1 on.
const MPEG1_KBIT: [u32; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const MPEG2_KBIT: [u32; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

/// The bits a second that the frame at the beginning of a file states; 0 if there is none.
pub(super) fn bits_of(file: &[u8]) -> u32 {
    let [0xff, version, codes, ..] = file else { return 0 };
    let table = if version & 0x18 == 0x18 { MPEG1_KBIT } else { MPEG2_KBIT };
    let kbit = usize::from(codes >> 4).checked_sub(1).and_then(|place| table.get(place));
    kbit.copied().unwrap_or(0) * 1_000
}

/// The place of a bit rate in the table of its version.
fn bit_rate_code(bits: u32, mpeg1: bool) -> u8 {
    let table = if mpeg1 { MPEG1_KBIT } else { MPEG2_KBIT };
    let place = table.iter().position(|kbit| kbit * 1_000 == bits).unwrap_or(0);
    u8::try_from(place + 1).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_frame_is_as_long_as_its_head_says_and_states_the_rate_of_those_to_come() {
        for (rate, channels, bytes) in
            [(Rate::Narrow, 1, 288), (Rate::Narrow, 2, 576), (Rate::Wide, 1, 216), (Rate::Full, 2, 576)]
        {
            let shape = Shape { channels, rate, frames: Some(rate.hz().into()) };
            let head = head(&shape);
            assert_eq!((head.len(), bits_of(&head)), (bytes, bits_a_second(&shape)), "{rate:?}");
            assert!(head.windows(4).any(|it| it == b"Info"));
        }
    }
}
