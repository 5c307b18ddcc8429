//! How loud sound is from step to step: the loudest sample of each, channel by channel.

/// Finds peaks in interleaved samples that come piece by piece.
///
/// ```
/// let mut peaks = audio::Peaks::new(2, 2);
/// peaks.push(&[1, -5, -3, 2, 9, 0]);
/// peaks.push(&[-2, 1]);
/// assert_eq!(peaks.loudest(), [vec![3, 9], vec![5, 1]]);
/// ```
#[derive(Debug, Clone)]
pub struct Peaks {
    /// Samples of a channel in a step.
    step: usize,
    /// How many of the present step have come.
    into: usize,
    loudest: Vec<Vec<u16>>,
}

impl Peaks {
    /// Of so many channels, in steps of so many samples of each; of none of either as of one.
    #[must_use]
    pub fn new(channels: usize, step: usize) -> Self {
        Self { step: step.max(1), into: 0, loudest: vec![Vec::new(); channels.max(1)] }
    }

    /// Takes the next samples, whole frames of them.
    pub fn push(&mut self, samples: &[i16]) {
        let channels = self.loudest.len();
        let mut rest = samples;
        while rest.len() >= channels {
            if self.into == 0 {
                self.loudest.iter_mut().for_each(|lane| lane.push(0));
            }
            let frames = (self.step - self.into).min(rest.len() / channels);
            let (now, later) = rest.split_at(frames * channels);
            for (channel, lane) in self.loudest.iter_mut().enumerate() {
                let own = now.iter().skip(channel).step_by(channels).map(|sample| sample.unsigned_abs());
                if let (Some(last), Some(peak)) = (lane.last_mut(), own.max()) {
                    *last = (*last).max(peak);
                }
            }
            self.into = (self.into + frames) % self.step;
            rest = later;
        }
    }

    /// The loudest sample of each step so far, for each channel.
    #[must_use]
    pub fn loudest(&self) -> &[Vec<u16>] {
        &self.loudest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            samples in proptest::collection::vec(any::<i16>(), 0..200),
            channels in 1_usize..3,
            step in 1_usize..9,
            cut in 0_usize..200,
        ) {
            let whole: Vec<i16> = samples[..samples.len() / channels * channels].to_vec();
            let cut = (cut / channels * channels).min(whole.len());
            let mut at_once = Peaks::new(channels, step);
            at_once.push(&whole);
            let mut in_two = Peaks::new(channels, step);
            in_two.push(&whole[..cut]);
            in_two.push(&whole[cut..]);
            prop_assert_eq!(at_once.loudest(), in_two.loudest());
            for (channel, lane) in at_once.loudest().iter().enumerate() {
                let own: Vec<u16> = whole.iter().skip(channel).step_by(channels).map(|it| it.unsigned_abs()).collect();
                let plain: Vec<u16> = own.chunks(step).map(|of| *of.iter().max().unwrap()).collect();
                prop_assert_eq!(lane, &plain);
            }
        }
    }
}
