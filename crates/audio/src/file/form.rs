//! The forms sound is given out in.

use std::fmt;
use std::str::FromStr;

/// A form of sound (product decision 14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Form {
    /// WAV with 16-bit samples.
    #[default]
    Wav,
    /// Opus in Ogg (RFC 7845).
    OggOpus,
    /// FLAC (RFC 9639).
    Flac,
    /// MPEG-1, 2 or 2.5 audio, layer III.
    Mp3,
}

/// The text names no form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("format must be wav, opus, flac or mp3")]
pub struct NoForm;

impl Form {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Wav, Self::OggOpus, Self::Flac, Self::Mp3];

    /// The name it is asked for by.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::OggOpus => "opus",
            Self::Flac => "flac",
            Self::Mp3 => "mp3",
        }
    }

    /// What a file of this form is called behind the dot.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        self.name()
    }

    /// Its media type.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Wav => "audio/wav",
            Self::OggOpus => "audio/ogg",
            Self::Flac => "audio/flac",
            Self::Mp3 => "audio/mpeg",
        }
    }
}

impl FromStr for Form {
    type Err = NoForm;

    fn from_str(text: &str) -> Result<Self, NoForm> {
        Self::ALL.into_iter().find(|form| form.name().eq_ignore_ascii_case(text)).ok_or(NoForm)
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
