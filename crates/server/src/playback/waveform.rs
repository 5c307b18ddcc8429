//! How loud a recording is from step to step, for whoever wants to see it before hearing it.
//!
//! It is made window by window, so that an hour takes no more memory than some seconds, and the newest are kept.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use audio::{Peaks, Rate};
use calls::id::StreamNumber;
use vault::Digest;

use super::sound::WINDOW_S;
use super::{Channels, Sound, SoundError};

/// How many are kept: at most some ten kilobytes each.
const KEPT: usize = 256;

/// What is as quiet as silence, dBov (RFC 6464 section 3).
const SILENCE_DBOV: i8 = -127;

/// The rate of the samples that are looked at: fine enough to be seen.
pub const WAVEFORM_RATE: Rate = Rate::Narrow;

/// A waveform.
#[derive(Debug, PartialEq, Eq)]
pub struct Waveform {
    /// How long a step is, ms.
    pub step_ms: u64,
    /// The channels, left first.
    pub lanes: Vec<Lane>,
    /// Damaged blocks met; each is silence.
    pub damaged: u64,
}

/// A channel of a waveform.
#[derive(Debug, PartialEq, Eq)]
pub struct Lane {
    /// The streams that sound in it.
    pub streams: Vec<StreamNumber>,
    /// The loudest sample of each step, in dBov: 0 is as loud as can be, -127 is silence.
    pub peaks_dbov: Vec<i8>,
    /// When keys were pressed, ns from the recording's start; which they were is not kept.
    pub keys_ns: Vec<Range<i64>>,
}

impl Waveform {
    /// Looks at the frames in `span` of a sound that was opened at [`WAVEFORM_RATE`], in steps of `step_ms`.
    ///
    /// # Errors
    /// As [`Sound::render`].
    pub fn of(mut sound: Sound, span: Range<u64>, step_ms: u64) -> Result<Self, SoundError> {
        let channels = Channels::fitting(sound.manifest());
        let step = step_ms.max(1) * u64::from(sound.rate().hz() / 1_000);
        let mut peaks =
            Peaks::new(usize::from(channels.count()), usize::try_from(step).unwrap_or(usize::MAX));
        let mut samples = Vec::new();
        let mut at = span.start;
        while at < span.end {
            let frames = (span.end - at).min(WINDOW_S * u64::from(sound.rate().hz()));
            sound.render(at, frames, channels, &mut samples)?;
            peaks.push(&samples);
            at += frames;
        }
        let keys = |streams: &[StreamNumber]| {
            let of_lane = sound.keys().iter().filter(|(stream, _)| streams.contains(stream));
            of_lane.flat_map(|(_, keys)| keys.iter().cloned()).collect()
        };
        let lanes = sound.lanes(channels).into_iter().zip(peaks.loudest()).map(|(streams, loudest)| Lane {
            peaks_dbov: loudest.iter().copied().map(dbov).collect(),
            keys_ns: keys(&streams),
            streams,
        });
        Ok(Self { step_ms: step_ms.max(1), lanes: lanes.collect(), damaged: sound.damaged() })
    }
}

/// An amplitude in dBov, rounded.
fn dbov(amplitude: u16) -> i8 {
    if amplitude == 0 {
        return SILENCE_DBOV;
    }
    let db = 20.0 * (f64::from(amplitude) / 32_768.0).log10();
    #[expect(clippy::cast_possible_truncation, reason = "16 bits span 91 dB")]
    {
        db.round() as i8
    }
}

/// The newest waveforms, so that a recording that is looked at again is not rendered again. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Waveforms(Arc<Mutex<VecDeque<Kept>>>);

#[derive(Debug)]
struct Kept {
    of: WaveformKey,
    waveform: Arc<Waveform>,
}

/// What a waveform is of: the file, the span in ms, and the step in ms. A redaction changes the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaveformKey {
    /// The file.
    pub digest: Digest,
    /// From and to, in ms from the recording's start.
    pub span_ms: Range<u64>,
    /// How long a step is.
    pub step_ms: u64,
}

impl Waveforms {
    /// One that is kept.
    pub fn get(&self, key: &WaveformKey) -> Option<Arc<Waveform>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|it| it.of == *key)?;
        let found = kept.remove(at)?;
        let waveform = Arc::clone(&found.waveform);
        kept.push_front(found);
        Some(waveform)
    }

    /// Keeps one; the one that was not asked for longest goes.
    pub fn keep(&self, of: WaveformKey, waveform: Arc<Waveform>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|it| it.of != of);
        kept.push_front(Kept { of, waveform });
        kept.truncate(KEPT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loudness_is_told_in_dbov() {
        for (amplitude, wanted) in
            [(0, -127), (1, -90), (328, -40), (3_277, -20), (16_384, -6), (32_767, 0), (32_768, 0)]
        {
            assert_eq!(dbov(amplitude), wanted, "{amplitude}");
        }
    }

    #[test]
    fn what_was_asked_for_last_is_kept_and_the_oldest_goes() {
        let waveforms = Waveforms::default();
        let key = |step_ms| WaveformKey { digest: Digest([7; 32]), span_ms: 0..1_000, step_ms };
        let of = |step_ms| Arc::new(Waveform { step_ms, lanes: Vec::new(), damaged: 0 });
        for step_ms in 0..KEPT as u64 {
            waveforms.keep(key(step_ms), of(step_ms));
        }
        assert!(waveforms.get(&key(0)).is_some());
        waveforms.keep(key(1_000), of(1_000));
        assert!(waveforms.get(&key(0)).is_some() && waveforms.get(&key(1_000)).is_some());
        assert!(waveforms.get(&key(1)).is_none());
        let other = WaveformKey { digest: Digest([8; 32]), ..key(0) };
        assert!(waveforms.get(&other).is_none());
    }
}
