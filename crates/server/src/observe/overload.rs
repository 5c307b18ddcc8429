//! When the recorder takes on no more: limits on streams, memory, disk, journal and open files (A9-05 to A9-07, E2-07).
//!
//! Pure: what was measured and the time come in, conditions come out. New calls are refused first; playback second, where
//! it would take what recording needs; running calls never.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use calls::time::Wall;
use parking_lot::Mutex;

/// How long all must be well before a condition is over: on the edge it would come and go with every call.
const WELL_FOR: Duration = Duration::from_secs(5);

/// The disk must hold at least so much of what is being written now (E2-07).
const RESERVE: Duration = Duration::from_secs(10 * 60);

/// With less than this left at the present rate people are warned (E2-07).
const WARN_LEFT: Duration = Duration::from_secs(2 * 3_600);

/// With more than this share of the disk in use people are warned, percent (E2-07).
const WARN_USED_PERCENT: u64 = 80;

/// A warning comes at this share of a limit, percent.
const NEAR_PERCENT: u64 = 80;

/// What of a limit must be free again before a condition is over, percent.
const CLEAR_PERCENT: u64 = 90;

/// Files a recorder opens beside those of its streams: journal, index, HTTP, SIP.
const OTHER_FILES: u64 = 256;

/// What the recorder may take on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Streams at a time; `None` for as many as there are ports and open files.
    pub streams: Option<u64>,
    /// Recording sessions at a time.
    pub recording_sessions: usize,
    /// Memory of the process, bytes; `None` for four fifths of what the machine or its container has.
    pub memory_bytes: Option<u64>,
    /// Room on the disk that new calls may not touch, bytes.
    pub disk_reserve_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { streams: None, recording_sessions: 5_000, memory_bytes: None, disk_reserve_bytes: 512 << 20 }
    }
}

impl Limits {
    /// Streams at a time, with so many pairs of ports and so many files that may be open: two sockets for each stream.
    pub fn streams(&self, port_pairs: usize, open_files_limit: u64) -> usize {
        let by_files = open_files_limit.saturating_sub(OTHER_FILES) / 2;
        let most = self.streams.unwrap_or(u64::MAX).min(by_files).min(port_pairs as u64);
        usize::try_from(most).unwrap_or(usize::MAX)
    }
}

/// What was measured at one instant. What could not be measured is `None` and refuses nobody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Streams being received, and the most there may be.
    pub streams: (u64, u64),
    /// Memory the process takes, bytes, and the most it may.
    pub memory: Option<(u64, u64)>,
    /// Files the process has open, and the most it may.
    pub open_files: Option<(u64, u64)>,
    /// Jobs that wait for the journal's thread, and the most that may.
    pub journal: (u64, u64),
    /// Free bytes on the disk, and its size.
    pub disk: Option<(u64, u64)>,
    /// Bytes by which the disk fills in a second, by the last minutes, whoever writes.
    pub disk_bytes_per_s: u64,
    /// Bytes the recorder writes in a second, by the last minutes; the journal's count although they are given back.
    pub written_bytes_per_s: u64,
}

impl Load {
    /// How long the disk lasts at the present rate; `None` if it does not fill.
    pub fn disk_lasts(&self) -> Option<Duration> {
        let (free, _) = self.disk?;
        free.checked_div(self.disk_bytes_per_s).map(Duration::from_secs)
    }
}

/// The newest [`Load`]. Copies of it show the same.
#[derive(Debug, Clone, Default)]
pub struct LoadGauge(Arc<Mutex<Load>>);

impl LoadGauge {
    /// What was measured last.
    pub fn get(&self) -> Load {
        *self.0.lock()
    }

    /// Shows what was measured now.
    pub fn set(&self, load: Load) {
        *self.0.lock() = load;
    }
}

/// How bad it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Strain {
    /// All is well.
    None,
    /// Somebody should do something before new calls are refused; the sentence says what.
    Near(String),
    /// No new call is taken; the sentence says why and what to do.
    Over(String),
}

/// Remembers what was over its limit, so that the answer does not flicker.
#[derive(Debug, Default)]
pub struct Overload {
    over: BTreeMap<&'static str, Wall>,
}

/// One limit: what is used of it, as it is now.
struct Used {
    key: &'static str,
    now: u64,
    limit: u64,
    sentence: String,
}

impl Overload {
    /// Judges what was measured at `now`: a verdict for each part, by its key.
    pub fn judge(&mut self, now: Wall, limits: &Limits, load: &Load) -> Vec<(&'static str, Strain)> {
        let mut verdicts: Vec<(&'static str, Strain)> =
            used(load).into_iter().map(|used| (used.key, self.judge_used(now, used))).collect();
        if let Some((free, total)) = load.disk {
            verdicts.push(("disk", self.judge_disk(now, limits, load, free, total)));
        }
        verdicts
    }

    fn judge_used(&mut self, now: Wall, used: Used) -> Strain {
        let Used { key, now: amount, limit, sentence } = used;
        let percent = amount.saturating_mul(100) / limit.max(1);
        if self.is_over(key, now, amount >= limit, percent < CLEAR_PERCENT) {
            Strain::Over(sentence)
        } else if percent >= NEAR_PERCENT {
            Strain::Near(sentence)
        } else {
            Strain::None
        }
    }

    fn judge_disk(&mut self, now: Wall, limits: &Limits, load: &Load, free: u64, total: u64) -> Strain {
        // Neither what others write for a while nor what the journal gives back is our rate.
        let rate = load.disk_bytes_per_s.min(load.written_bytes_per_s);
        let by_rate = rate.saturating_mul(RESERVE.as_secs());
        let reserve = limits.disk_reserve_bytes.max(by_rate);
        let mib = |bytes: u64| bytes / (1 << 20);
        let left = match load.disk_lasts() {
            Some(left) if left < Duration::from_secs(100 * 3_600) => {
                format!(
                    ", {}.{} hours at the present rate",
                    left.as_secs() / 3_600,
                    left.as_secs() % 3_600 / 360
                )
            }
            _ => String::new(),
        };
        let (free_mib, reserve_mib) = (mib(free), mib(reserve));
        if self.is_over("disk", now, free < reserve, free >= reserve + reserve / 10) {
            let what = format!("the disk has {free_mib} MiB left{left}; new calls need {reserve_mib}");
            return Strain::Over(format!("{what}: free some, or give it a bigger volume"));
        }
        let used_percent = total.saturating_sub(free).saturating_mul(100) / total.max(1);
        // A big disk that fills slowly is no matter for anybody.
        let near = load.disk_lasts().is_some_and(|left| left < WARN_LEFT)
            || (used_percent >= WARN_USED_PERCENT && free < reserve.saturating_mul(10));
        if near {
            let what = format!("the disk has {free_mib} MiB left{left} and is {used_percent} percent full");
            return Strain::Near(format!("{what}; below {reserve_mib} MiB no new call is taken"));
        }
        Strain::None
    }

    /// Whether a part counts as over: since it was, until it has been well for a while.
    fn is_over(&mut self, key: &'static str, now: Wall, over: bool, well: bool) -> bool {
        if over || (self.over.contains_key(key) && !well) {
            self.over.insert(key, now);
        } else if self.over.get(key).is_some_and(|last| now.since(*last) >= WELL_FOR) {
            self.over.remove(key);
        }
        self.over.contains_key(key)
    }
}

fn used(load: &Load) -> Vec<Used> {
    let mib = |bytes: u64| bytes / (1 << 20);
    let (streams, most) = load.streams;
    let mut all = vec![Used {
        key: "streams",
        now: streams,
        limit: most,
        sentence: format!(
            "{streams} of {most} streams are taken: raise limits.streams, media.ports or the limit of open files, or \
             add a recorder"
        ),
    }];
    let (jobs, most) = load.journal;
    all.push(Used {
        key: "journal",
        now: jobs,
        limit: most,
        sentence: format!(
            "the disk does not keep up: {jobs} of {most} places in the journal's queue are taken"
        ),
    });
    if let Some((bytes, most)) = load.memory {
        all.push(Used {
            key: "memory",
            now: bytes,
            limit: most,
            sentence: format!(
                "{} of {} MiB of memory are taken: raise limits.memory_mib, or give the machine more",
                mib(bytes),
                mib(most)
            ),
        });
    }
    if let Some((files, most)) = load.open_files {
        all.push(Used {
            key: "open_files",
            now: files,
            // What runs must still be able to open its files.
            limit: most.saturating_sub(most.min(OTHER_FILES) / 4),
            sentence: format!("{files} of {most} files are open: raise the limit (ulimit -n, LimitNOFILE=)"),
        });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn idle() -> Load {
        Load {
            streams: (0, 100),
            memory: Some((100, 1_000)),
            open_files: Some((10, 10_000)),
            journal: (0, 4_096),
            disk: Some((100 * GIB, 200 * GIB)),
            disk_bytes_per_s: 0,
            written_bytes_per_s: 20 << 20,
        }
    }

    fn over_at(overload: &mut Overload, second: i64, load: &Load) -> Vec<&'static str> {
        let verdicts = overload.judge(Wall::from_ms(second * 1_000), &Limits::default(), load);
        verdicts
            .into_iter()
            .filter(|(_, strain)| matches!(strain, Strain::Over(_)))
            .map(|(key, _)| key)
            .collect()
    }

    #[test]
    fn each_limit_by_itself_refuses_new_calls() {
        let cases = [
            ("streams", Load { streams: (100, 100), ..idle() }),
            ("journal", Load { journal: (4_096, 4_096), ..idle() }),
            ("memory", Load { memory: Some((1_000, 1_000)), ..idle() }),
            ("open_files", Load { open_files: Some((9_990, 10_000)), ..idle() }),
            ("disk", Load { disk: Some((GIB / 4, 200 * GIB)), ..idle() }),
        ];
        assert_eq!(over_at(&mut Overload::default(), 0, &idle()), [""; 0]);
        for (key, load) in cases {
            assert_eq!(over_at(&mut Overload::default(), 0, &load), [key]);
        }
    }

    #[test]
    fn the_reserve_grows_with_the_rate_at_which_the_disk_fills() {
        // Ten minutes at 10 MiB a second are 6,000 MiB.
        let fast = Load { disk: Some((5 * GIB, 200 * GIB)), disk_bytes_per_s: 10 << 20, ..idle() };
        assert_eq!(over_at(&mut Overload::default(), 0, &fast), ["disk"]);
        let slow = Load { disk_bytes_per_s: 1 << 20, ..fast };
        assert_eq!(over_at(&mut Overload::default(), 0, &slow), [""; 0]);
        let others = Load { written_bytes_per_s: 1 << 20, ..fast };
        assert_eq!(
            over_at(&mut Overload::default(), 0, &others),
            [""; 0],
            "another program fills it for a while"
        );
    }

    #[test]
    fn on_the_edge_the_answer_does_not_flicker() {
        let mut overload = Overload::default();
        let taken = |streams| Load { streams: (streams, 100), ..idle() };
        assert_eq!(over_at(&mut overload, 0, &taken(100)), ["streams"]);
        assert_eq!(over_at(&mut overload, 10, &taken(95)), ["streams"], "too near");
        assert_eq!(over_at(&mut overload, 12, &taken(80)), ["streams"], "too soon");
        assert_eq!(over_at(&mut overload, 16, &taken(80)), [""; 0]);
        assert_eq!(over_at(&mut overload, 17, &taken(95)), [""; 0], "not over yet");
    }

    #[test]
    fn people_are_warned_before_and_told_what_to_do() {
        let load = Load {
            streams: (85, 100),
            disk: Some((60 * GIB, 200 * GIB)),
            disk_bytes_per_s: 10 << 20,
            ..idle()
        };
        let verdicts = Overload::default().judge(Wall::EPOCH, &Limits::default(), &load);
        let near = |key| {
            let found = verdicts.iter().find(|(other, _)| *other == key);
            match found {
                Some((_, Strain::Near(sentence))) => sentence.clone(),
                other => panic!("{other:?}"),
            }
        };
        assert!(near("streams").contains("85 of 100") && near("streams").contains("limits.streams"));
        assert!(near("disk").contains("1.7 hours"), "{}", near("disk"));
    }

    #[test]
    fn what_cannot_be_measured_refuses_nobody() {
        let blind = Load { memory: None, open_files: None, disk: None, ..idle() };
        assert_eq!(over_at(&mut Overload::default(), 0, &blind), [""; 0]);
    }

    #[test]
    fn two_sockets_are_needed_for_each_stream() {
        let limits = Limits::default();
        assert_eq!(limits.streams(5_000, 1_024), 384);
        assert_eq!(limits.streams(5_000, 1 << 20), 5_000);
        assert_eq!(Limits { streams: Some(100), ..limits }.streams(5_000, 1 << 20), 100);
    }
}
