//! Where the frames of a recording lie in the journal, while they are needed there.

use std::collections::BTreeMap;

use calls::id::RecordingId;

/// Frames of one recording that lie side by side in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

/// The frames of a recording that are durable in the journal and nowhere else: what the sealer has to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    pub(crate) recording: RecordingId,
    /// In the order of frame numbers.
    pub(crate) runs: Vec<Run>,
}

impl Settlement {
    pub(crate) fn new(recording: RecordingId) -> Self {
        Self { recording, runs: Vec::new() }
    }

    /// Whose frames.
    pub fn recording(&self) -> RecordingId {
        self.recording
    }

    /// Whether there is nothing to copy.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// How much there is to copy, in bytes.
    pub fn bytes(&self) -> u64 {
        self.runs.iter().map(|run| run.bytes).sum()
    }

    /// Adds a frame; one that lies right behind the last joins its run.
    pub(crate) fn push(&mut self, segment: u64, offset: u64, bytes: u64) {
        match self.runs.last_mut() {
            Some(run) if run.segment == segment && run.offset + run.bytes == offset => run.bytes += bytes,
            _ => self.runs.push(Run { segment, offset, bytes }),
        }
    }

    /// This settlement and an earlier one of the recording; what both name is named once.
    pub(crate) fn with(&self, earlier: &Self) -> Self {
        let mut runs: Vec<Run> = earlier.runs.iter().chain(&self.runs).copied().collect();
        runs.sort_unstable_by_key(|run| (run.segment, run.offset));
        let mut joined = Self::new(self.recording);
        for run in runs {
            let seen = joined.runs.last().filter(|last| last.segment == run.segment);
            let from = seen.map_or(run.offset, |last| run.offset.max(last.offset + last.bytes));
            let until = run.offset + run.bytes;
            if from < until {
                joined.push(run.segment, from, until - from);
            }
        }
        joined
    }

    pub(crate) fn bytes_by_segment(&self) -> BTreeMap<u64, u64> {
        let mut sums = BTreeMap::new();
        for run in &self.runs {
            *sums.entry(run.segment).or_default() += run.bytes;
        }
        sums
    }
}

/// Proof that the frames of a settlement are durable elsewhere: lets the journal forget them.
#[derive(Debug)]
#[must_use = "the journal keeps the frames until it gets the receipt"]
pub struct Receipt {
    pub(crate) recording: RecordingId,
    pub(crate) segments: BTreeMap<u64, u64>,
    pub(crate) sealed: bool,
    pub(crate) lost_frames: u64,
}

impl Receipt {
    /// Whose frames.
    pub fn recording(&self) -> RecordingId {
        self.recording
    }

    /// Damaged places that were found in the journal while frames were copied, each at least one frame lost; alarm.
    pub fn lost_frames(&self) -> u64 {
        self.lost_frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_settlements_name_is_counted_once() {
        let recording = RecordingId::from_bytes([1; 16]);
        let (mut earlier, mut later) = (Settlement::new(recording), Settlement::new(recording));
        earlier.push(1, 100, 50);
        earlier.push(2, 0, 10);
        later.push(1, 100, 80);
        later.push(1, 300, 20);
        later.push(2, 0, 10);
        later.push(3, 5, 5);
        let joined = later.with(&earlier);
        assert_eq!(joined.bytes_by_segment(), BTreeMap::from([(1, 100), (2, 10), (3, 5)]));
        assert_eq!(later.with(&joined), joined);
    }
}
