//! Legs to channels: mono mix, interleaving, and peaks for a waveform.

/// Adds legs into one channel, with saturation. Legs that end early are silent from there.
pub fn mix(legs: &[&[i16]], out: &mut [i16]) {
    out.fill(0);
    for leg in legs {
        for (sum, sample) in out.iter_mut().zip(*leg) {
            *sum = sum.saturating_add(*sample);
        }
    }
}

/// Two channels as one series of samples, left first. The shorter one is silent to the end of the longer.
#[must_use]
pub fn interleave(left: &[i16], right: &[i16]) -> Vec<i16> {
    let frames = left.len().max(right.len());
    let at = |channel: &[i16], frame: usize| channel.get(frame).copied().unwrap_or(0);
    (0..frames).flat_map(|frame| [at(left, frame), at(right, frame)]).collect()
}

/// Lowest and highest sample of one column of a waveform.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Peak {
    /// Lowest sample.
    pub lowest: i16,
    /// Highest sample.
    pub highest: i16,
}

/// One [`Peak`] for each `frames_per_peak` samples; the last may stand for fewer.
pub fn peaks(samples: &[i16], frames_per_peak: usize) -> impl Iterator<Item = Peak> {
    samples.chunks(frames_per_peak.max(1)).map(|chunk| Peak {
        lowest: chunk.iter().copied().min().unwrap_or(0),
        highest: chunk.iter().copied().max().unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_loud_legs_saturate_instead_of_wrapping() {
        let mut out = [0; 4];
        mix(&[&[30_000, -30_000, 5, 1], &[30_000, -30_000, -7]], &mut out);
        assert_eq!(out, [i16::MAX, i16::MIN, -2, 1]);
    }

    #[test]
    fn the_shorter_channel_is_filled_with_silence() {
        assert_eq!(interleave(&[1, 2, 3], &[9]), [1, 9, 2, 0, 3, 0]);
    }

    #[test]
    fn peaks_cover_every_sample() {
        let found: Vec<_> = peaks(&[1, -5, 3, 9, -1], 2).map(|peak| (peak.lowest, peak.highest)).collect();
        assert_eq!(found, [(-5, 1), (3, 9), (-1, -1)]);
    }
}
