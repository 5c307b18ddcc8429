//! What a test call says: a tone, or a WAV file, in frames of 20 ms.

use std::f64::consts::TAU;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use audio::Rate;
use audio::codec::{g711, g722, l16};
use audio::rate::Resampler;
use siprec::sdp::Format;

use super::opus;

/// Samples of a frame, at 8 kHz.
pub const FRAME_SAMPLES: usize = 160;

/// The rate of all sound here.
const RATE_HZ: u32 = 8_000;

/// How a call's sound is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// G.711 mu-law, payload type 0.
    Pcmu,
    /// G.711 A-law, payload type 8.
    Pcma,
    /// G.722, payload type 9.
    G722,
    /// L16 at 8 kHz.
    L16,
    /// L16 at 16 kHz.
    L16Wide,
    /// Opus.
    Opus,
}

/// Payload type under which L16 is offered.
const L16_PAYLOAD_TYPE: u8 = 96;

/// Payload type under which Opus is offered.
const OPUS_PAYLOAD_TYPE: u8 = 111;

impl Codec {
    /// The formats to offer: this one first. G.711 is offered in both laws, and nothing in place of another codec, so
    /// that a recorder which does not take it says so.
    pub fn formats(self) -> Vec<Format> {
        let types = match self {
            Self::Pcmu => vec![0, 8],
            Self::Pcma => vec![8, 0],
            Self::G722 => vec![9],
            Self::Opus => {
                return vec![Format {
                    payload_type: OPUS_PAYLOAD_TYPE,
                    encoding: "opus".to_owned(),
                    clock_hz: 48_000,
                    channels: 2,
                    fmtp: Some("useinbandfec=0".to_owned()),
                }];
            }
            Self::L16 | Self::L16Wide => {
                return vec![Format {
                    payload_type: L16_PAYLOAD_TYPE,
                    encoding: "L16".to_owned(),
                    clock_hz: if self == Self::L16 { 8_000 } else { 16_000 },
                    channels: 1,
                    fmtp: None,
                }];
            }
        };
        types.into_iter().filter_map(Format::from_static).collect()
    }

    /// Bytes of a frame.
    pub const fn frame_bytes(self) -> usize {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => FRAME_SAMPLES,
            Self::L16 => 2 * FRAME_SAMPLES,
            Self::L16Wide => 4 * FRAME_SAMPLES,
            Self::Opus => opus::PACKET_BYTES,
        }
    }

    /// RTP clock ticks of a frame; G.722's clock is that of 8 kHz (RFC 3551 section 4.5.2).
    pub const fn frame_ticks(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 | Self::L16 => 160,
            Self::L16Wide => 320,
            Self::Opus => 960,
        }
    }

    fn encode(self, samples: &[i16]) -> Result<Vec<u8>, SoundError> {
        Ok(match self {
            Self::Pcmu => samples.iter().map(|&sample| g711::linear_to_pcmu(sample)).collect(),
            Self::Pcma => samples.iter().map(|&sample| g711::linear_to_pcma(sample)).collect(),
            Self::L16 => l16::encode(samples).collect(),
            Self::L16Wide => {
                let wide = resampled(samples, Rate::Wide);
                l16::encode(&wide[wide.len() / 2..]).collect()
            }
            Self::G722 => {
                let (wide, mut encoder) = (resampled(samples, Rate::Wide), g722::Encoder::default());
                let coded = wide.as_chunks::<2>().0.iter().map(|pair| encoder.encode(*pair));
                coded.skip(samples.len()).collect()
            }
            Self::Opus => return opus::encode(samples),
        })
    }
}

/// A sound is sent over and over again; what has a memory is encoded in its second round, so that the end of one round
/// leads to the beginning of the next.
fn resampled(samples: &[i16], rate: Rate) -> Vec<i16> {
    Resampler::new(Rate::Narrow, rate).all(samples.iter().chain(samples).copied())
}

impl FromStr for Codec {
    type Err = SoundError;

    fn from_str(text: &str) -> Result<Self, SoundError> {
        match text.to_ascii_lowercase().as_str() {
            "pcmu" => Ok(Self::Pcmu),
            "pcma" => Ok(Self::Pcma),
            "g722" => Ok(Self::G722),
            "l16" | "l16/8000" => Ok(Self::L16),
            "l16/16000" => Ok(Self::L16Wide),
            "opus" => Ok(Self::Opus),
            _ => Err(SoundError::Codec(text.to_owned())),
        }
    }
}

/// Why there is no sound.
#[derive(Debug, thiserror::Error)]
pub enum SoundError {
    /// A codec we do not speak.
    #[error("\"{0}\" is no codec this client speaks; pcmu, pcma, g722, l16, l16/16000 and opus are")]
    Codec(String),
    /// Neither a tone nor a file.
    #[error("\"{0}\" is no sound; tone:440 is one, and so is the path of a WAV file")]
    Unclear(String),
    /// Opus cannot be encoded.
    #[error("Opus is encoded by an installed ffmpeg, which does not: {0}")]
    Encoder(String),
    /// The file cannot be read.
    #[error("{path}: {cause}")]
    File {
        /// Its path.
        path: String,
        /// What stood in the way.
        cause: String,
    },
}

/// A sound that can be repeated without end: whole frames, 16 bit, 8 kHz.
#[derive(Debug, Clone, Default)]
pub struct Sound {
    samples: Vec<i16>,
    encoded: OnceLock<(Codec, Arc<[u8]>)>,
}

impl Sound {
    /// A sine of `frequency_hz`, one second of it.
    pub fn tone(frequency_hz: u32) -> Self {
        let step = TAU * f64::from(frequency_hz) / f64::from(RATE_HZ);
        #[expect(clippy::cast_possible_truncation, reason = "a sine times 8000 is in range")]
        let samples = (0..RATE_HZ).map(|n| ((f64::from(n) * step).sin() * 8_000.0) as i16).collect();
        Self { samples, encoded: OnceLock::new() }
    }

    /// Samples as they are, filled up with silence to a whole frame.
    pub fn from_samples(mut samples: Vec<i16>) -> Self {
        samples.resize(samples.len().next_multiple_of(FRAME_SAMPLES).max(FRAME_SAMPLES), 0);
        Self { samples, encoded: OnceLock::new() }
    }

    /// `tone:440`, or the path of a WAV file.
    ///
    /// # Errors
    /// [`SoundError`], saying what would be right.
    pub fn from_text(text: &str) -> Result<Self, SoundError> {
        if let Some(frequency) = text.strip_prefix("tone:") {
            let frequency = frequency.parse().ok().filter(|hz| (20..4_000).contains(hz));
            return frequency.map(Self::tone).ok_or_else(|| SoundError::Unclear(text.to_owned()));
        }
        if !Path::new(text).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("wav")) {
            return Err(SoundError::Unclear(text.to_owned()));
        }
        let file = |cause: String| SoundError::File { path: text.to_owned(), cause };
        let bytes = std::fs::read(text).map_err(|error| file(error.to_string()))?;
        let sound = audio::file::wav::read(&bytes).map_err(|error| file(error.to_string()))?;
        Ok(Self::from_samples(sound.channel_at_8k(0)))
    }

    /// No frames at all: a leg that sends nothing.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// The samples.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// The encoded frames, to be sent one after another and over again. They are made once.
    ///
    /// # Errors
    /// [`SoundError::Encoder`]: Opus needs an installed ffmpeg.
    pub fn encoded(&self, codec: Codec) -> Result<Arc<[u8]>, SoundError> {
        match self.encoded.get() {
            Some((of, frames)) if *of == codec => Ok(Arc::clone(frames)),
            _ => {
                let frames: Arc<[u8]> = codec.encode(&self.samples)?.into();
                let _ = self.encoded.set((codec, Arc::clone(&frames)));
                Ok(frames)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_a_whole_number_of_frames_at_its_pitch() {
        let sound = Sound::from_text("tone:440").unwrap();
        assert_eq!(sound.samples.len() % FRAME_SAMPLES, 0);
        assert!(audio::tone::tone_share(&sound.samples, 440.0) > 0.99);
    }

    #[test]
    fn every_codec_encodes_whole_frames() {
        let sound = Sound::tone(440);
        for name in ["pcmu", "PCMA", "g722", "l16", "l16/16000", "opus"] {
            let codec: Codec = name.parse().unwrap();
            assert_eq!(sound.encoded(codec).unwrap().len(), 50 * codec.frame_bytes(), "{name}");
            assert_eq!(codec.formats()[0].clock_hz / 50, codec.frame_ticks(), "{name}");
            assert!(Sound::nothing().encoded(codec).unwrap().is_empty());
        }
        assert!("g729".parse::<Codec>().unwrap_err().to_string().contains("g722"));
    }

    #[test]
    fn what_is_no_sound_is_refused_with_an_example() {
        for wrong in ["", "tone:", "tone:9000", "440", "music.mp3"] {
            assert!(Sound::from_text(wrong).unwrap_err().to_string().contains("tone:440"), "{wrong}");
        }
        assert!(Sound::from_text("/nowhere.wav").unwrap_err().to_string().starts_with("/nowhere.wav: "));
    }
}
