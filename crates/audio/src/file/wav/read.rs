//! Reading a WAV file as people have them: PCM of 8 to 32 bits, float, G.711, any rate.

use crate::codec::g711;
use crate::rate::Rate;
use thiserror::Error;

/// Channels of a file that are read.
pub const MAX_CHANNELS: u16 = 8;

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// Sample rate, Hz.
    pub rate_hz: u32,
    /// Samples of each channel, all of the same length.
    pub channels: Vec<Vec<i16>>,
}

/// Why bytes are no WAV file we can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WavError {
    /// No RIFF head.
    #[error("not a WAV file: must begin with \"RIFF\", a length and \"WAVE\"")]
    NotWave,
    /// No `fmt ` chunk before the samples, or it is cut.
    #[error("no complete \"fmt \" chunk before the \"data\" chunk")]
    NoFormat,
    /// No `data` chunk.
    #[error("no \"data\" chunk: the file has no samples")]
    NoData,
    /// A coding we do not read.
    #[error(
        "format {tag} with {bits} bits is not read; use PCM of 8, 16, 24 or 32 bits, 32-bit float, or G.711"
    )]
    Coding {
        /// Format tag.
        tag: u16,
        /// Bits per sample.
        bits: u16,
    },
    /// A number of channels we do not read.
    #[error("{channels} channels; must be 1 to {MAX_CHANNELS}")]
    Channels {
        /// Channels named.
        channels: u16,
    },
    /// A sample rate we do not read.
    #[error("sample rate is {rate_hz} Hz; must be 1,000 to 192,000")]
    Rate {
        /// Rate named.
        rate_hz: u32,
    },
}

#[derive(Debug, Clone, Copy)]
struct Format {
    tag: u16,
    channels: u16,
    rate_hz: u32,
    bits: u16,
}

const PCM: u16 = 1;
const FLOAT: u16 = 3;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
const EXTENSIBLE: u16 = 0xfffe;

/// Reads a whole WAV file. A last sample that is cut is left out, as is everything behind the samples.
///
/// # Errors
/// [`WavError`] says what is missing or what is not supported.
pub fn read(file: &[u8]) -> Result<Sound, WavError> {
    let Some((b"RIFF", rest)) = file.split_first_chunk::<4>() else { return Err(WavError::NotWave) };
    let Some(b"WAVE") = rest.get(4..8) else { return Err(WavError::NotWave) };
    let mut rest = &rest[8..];
    let mut format = None;
    while let Some((head, body)) = rest.split_first_chunk::<8>() {
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let chunk = &body[..length.min(body.len())];
        match &head[..4] {
            b"fmt " => format = Some(parse_format(chunk)?),
            b"data" => return decode(format.ok_or(WavError::NoFormat)?, chunk),
            _ => {}
        }
        // Chunks begin at even offsets.
        rest = body.get(length.saturating_add(length & 1)..).unwrap_or_default();
    }
    Err(WavError::NoData)
}

fn parse_format(chunk: &[u8]) -> Result<Format, WavError> {
    let half = |at: usize| {
        let bytes = chunk.get(at..at + 2).ok_or(WavError::NoFormat)?;
        Ok(u16::from_le_bytes([bytes[0], bytes[1]]))
    };
    let mut tag = half(0)?;
    if tag == EXTENSIBLE {
        // The first two bytes of the sub-format's GUID are the format tag.
        tag = half(24)?;
    }
    let rate_hz = u32::from(half(4)?) | u32::from(half(6)?) << 16;
    let format = Format { tag, channels: half(2)?, rate_hz, bits: half(14)? };
    if !(1..=MAX_CHANNELS).contains(&format.channels) {
        return Err(WavError::Channels { channels: format.channels });
    }
    if !(1000..=192_000).contains(&rate_hz) {
        return Err(WavError::Rate { rate_hz });
    }
    Ok(format)
}

fn decode(format: Format, data: &[u8]) -> Result<Sound, WavError> {
    let sample: fn(&[u8]) -> i16 = match (format.tag, format.bits) {
        (PCM, 8) => |bytes| (i16::from(bytes[0]) - 128) << 8,
        (PCM, 16) => |bytes| i16::from_le_bytes([bytes[0], bytes[1]]),
        (PCM, 24) => |bytes| i16::from_le_bytes([bytes[1], bytes[2]]),
        (PCM, 32) => |bytes| i16::from_le_bytes([bytes[2], bytes[3]]),
        (FLOAT, 32) => |bytes| from_float(f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])),
        (A_LAW, 8) => |bytes| g711::pcma_to_linear(bytes[0]),
        (MU_LAW, 8) => |bytes| g711::pcmu_to_linear(bytes[0]),
        (tag, bits) => return Err(WavError::Coding { tag, bits }),
    };
    let sample_bytes = usize::from(format.bits / 8);
    let count = usize::from(format.channels);
    let mut channels = vec![Vec::with_capacity(data.len() / sample_bytes / count); count];
    for frame in data.chunks_exact(sample_bytes * count) {
        for (channel, bytes) in channels.iter_mut().zip(frame.chunks_exact(sample_bytes)) {
            channel.push(sample(bytes));
        }
    }
    Ok(Sound { rate_hz: format.rate_hz, channels })
}

#[expect(clippy::cast_possible_truncation, reason = "float to integer saturates")]
fn from_float(sample: f32) -> i16 {
    (sample * 32_767.0).round() as i16
}

impl Sound {
    /// One channel at 8 kHz, on straight lines between the samples: good enough for a test caller's voice. Sound above
    /// 4 kHz is averaged away first, roughly, by the mean over each output sample's span.
    #[must_use]
    pub fn channel_at_8k(&self, channel: usize) -> Vec<i16> {
        let Some(samples) = self.channels.get(channel) else { return Vec::new() };
        let (from, to) = (u64::from(self.rate_hz), u64::from(Rate::Narrow.hz()));
        if from == to {
            return samples.clone();
        }
        let length = samples.len() as u64 * to / from;
        (0..length).map(|frame| resampled(samples, frame, from, to)).collect()
    }
}

/// The sample at position `frame * from / to` of the input.
fn resampled(samples: &[i16], frame: u64, from: u64, to: u64) -> i16 {
    let at = |index: u64| {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        samples.get(index).or(samples.last()).map_or(0, |sample| i64::from(*sample))
    };
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let (position, rest) = (frame * from / to, frame * from % to);
    let value = if from >= 2 * to {
        let width = from / to;
        (position..position + width).map(at).sum::<i64>() / signed(width)
    } else {
        at(position) + (at(position + 1) - at(position)) * signed(rest) / signed(to)
    };
    i16::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{Sine, tone_share};

    fn file(tag: u16, channels: u16, rate_hz: u32, bits: u16, data: &[u8]) -> Vec<u8> {
        let mut out = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
        out.extend([tag.to_le_bytes(), channels.to_le_bytes()].concat());
        out.extend([rate_hz.to_le_bytes(), [0; 4]].concat());
        out.extend([[0; 2], bits.to_le_bytes()].concat());
        out.extend(b"data");
        out.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        out.extend(data);
        out
    }

    #[test]
    fn codings_people_have_are_read() {
        let first = |tag, bits, data: &[u8]| read(&file(tag, 1, 8000, bits, data)).map(|s| s.channels[0][0]);
        assert_eq!(first(1, 8, &[0]), Ok(-32_768));
        assert_eq!(first(1, 16, &[0x34, 0x12]), Ok(0x1234));
        assert_eq!(first(1, 24, &[0xff, 0x34, 0x12]), Ok(0x1234));
        assert_eq!(first(1, 32, &[9, 9, 0x34, 0x12]), Ok(0x1234));
        assert_eq!(first(3, 32, &(-1.0_f32).to_le_bytes()), Ok(-32_767));
        assert_eq!(first(7, 8, &[0x80]), Ok(32_124));
        assert_eq!(first(6, 8, &[0xaa]), Ok(32_256));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(read(b"ID3 not a wave"), Err(WavError::NotWave));
        assert_eq!(read(&file(1, 0, 8000, 16, &[])), Err(WavError::Channels { channels: 0 }));
        assert_eq!(read(&file(1, 1, 7, 16, &[])), Err(WavError::Rate { rate_hz: 7 }));
        let error = read(&file(0x55, 1, 8000, 0, &[])).unwrap_err();
        assert!(error.to_string().starts_with("format 85 with 0 bits is not read; use PCM"));
        assert_eq!(read(b"RIFF\0\0\0\0WAVEdata\0\0\0\0"), Err(WavError::NoFormat));
        assert_eq!(read(b"RIFF\0\0\0\0WAVE"), Err(WavError::NoData));
        assert_eq!(read(b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0"), Err(WavError::NoFormat));
    }

    #[test]
    fn other_rates_come_out_at_8_khz_with_the_same_tone() {
        for rate_hz in [4000_u32, 11_025, 16_000, 44_100, 48_000] {
            let hz = 440.0 * 8000.0 / f64::from(rate_hz);
            let samples: Vec<_> = Sine::new(hz, 8000).take(rate_hz as usize).collect();
            let heard = Sound { rate_hz, channels: vec![samples] }.channel_at_8k(0);
            assert_eq!(heard.len(), 8000, "{rate_hz}");
            assert!(tone_share(&heard, 440.0) > 0.95, "{rate_hz}: {}", tone_share(&heard, 440.0));
        }
    }
}
