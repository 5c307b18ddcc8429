//! Recordings go out: a sealed file becomes sound, and so does one that still grows ([`LiveSound`]).
//!
//! Two passes, neither of which holds a recording in memory: the first reads packet heads and finds where on the
//! recording's timeline each stream lies; the second renders any window of it. Only whoever listens needs the
//! reading key.
//!
//! Belongs here: which streams sound in which channel, damage that becomes silence, the form sound leaves in. Does not:
//! HTTP ([`crate::control`] serves it), decoding and encoding (the `audio` crate, an installed ffmpeg), files (the `vault`
//! crate).

mod access;
mod channels;
mod encoding;
mod ffmpeg;
mod live;
mod pipe;
mod rendition;
mod sound;
mod survey;
mod surveys;
mod waveform;

pub use access::may_hear;
pub use audio::file::wav::TooLong;
pub use audio::file::{Form, Shape};
pub use channels::Channels;
pub(crate) use channels::is_of_device;
pub use encoding::Encoding;
pub use ffmpeg::{Ffmpeg, FfmpegError};
pub use live::{LivePart, LiveSound};
pub use rendition::{Passage, Rendition};
pub use sound::{Sound, SoundError, Wav, manifest_of};
pub use survey::{MAX_KEYS, Survey, SurveyedLeg, formats_of_call};
pub use surveys::Surveys;
pub use waveform::{Lane, WAVEFORM_RATE, Waveform, WaveformKey, Waveforms};
