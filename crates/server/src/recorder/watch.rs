//! Small watchers that run as long as the recorder does.

use std::collections::VecDeque;
use std::time::Duration;

use calls::time::Wall;
use tokio::sync::{mpsc, watch};
use vault::Archive;

use crate::clock::Clock;
use crate::ingest::Ports;
use crate::keep::Volumes;
use crate::observe::alarms::{About, Alarms, Kind};
use crate::observe::health::Readiness;
use crate::observe::machine;
use crate::observe::overload::{Limits, Load, LoadGauge, Overload};
use crate::{desk, ingest, keep};

/// How often readiness is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Amounts are remembered this far apart, so often: five minutes.
const RATE_STEP: Duration = Duration::from_secs(10);
const RATE_LOOKS: usize = 31;

/// From how many seconds on it is told that the system clock is apart.
const CLOCK_APART_S: i64 = 5;

/// Checkpoints are at least this far apart: the desk does nothing else while it writes one.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);

/// Has the tracker's state written whenever the journal has grown enough.
pub(super) async fn checkpoints(desk: desk::Handle, mut due: mpsc::Receiver<()>) {
    while due.recv().await.is_some() {
        if desk.checkpoint().await.is_err() {
            return;
        }
        tokio::time::sleep(CHECKPOINT_EVERY).await;
    }
}

/// What is looked at to know whether the recorder can record.
pub(super) struct Looked {
    pub(super) clock: Clock,
    pub(super) limits: Limits,
    pub(super) readiness: Readiness,
    pub(super) alarms: Alarms,
    pub(super) load: LoadGauge,
    pub(super) archive: Archive,
    pub(super) volumes: Volumes,
    pub(super) ports: Ports,
    pub(super) journal: keep::Handle,
}

/// Looks whether the recorder can record, and tells SIP.
pub(super) async fn readiness(looked: Looked, sip: ingest::Handle, mut stop: watch::Receiver<bool>) {
    let (mut overload, mut rates) = (Overload::default(), [Rate::default(), Rate::default()]);
    let (mut told, mut looking) = (None, None);
    loop {
        let now = looked.clock.now();
        looked.look_at_volumes(&mut looking);
        looked.look_at_clock();
        let load = looked.measure(now, &mut rates);
        looked.load.set(load);
        for (key, strain) in overload.judge(now, &looked.limits, &load) {
            looked.readiness.set_strain(key, strain);
        }
        let reasons = looked.readiness.reasons();
        looked.alarms.set_parts(Kind::CannotRecord, &reasons);
        looked.alarms.set_parts(Kind::LimitNear, &looked.readiness.warnings());
        let reason = reasons.values().next().cloned();
        if told.as_ref() != Some(&reason) {
            sip.set_readiness(match &reason {
                None => siprec::Readiness::Ready,
                Some(reason) => siprec::Readiness::Refusing { reason: reason.clone(), retry_after_s: None },
            })
            .await;
            told = Some(reason);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stop.wait_for(|stopping| *stopping) => return,
        }
    }
}

impl Looked {
    /// Says by how much the timeline is apart from the system clock, if that was stepped.
    fn look_at_clock(&self) {
        let about = About::Part("clock".to_owned());
        let ahead_s = -self.clock.offset_of_system_ns() / 1_000_000_000;
        if ahead_s.abs() >= CLOCK_APART_S {
            let way = if ahead_s > 0 { "ahead of" } else { "behind" };
            self.alarms.raise(
                Kind::ClockApart,
                about,
                format!("it is {} s {way} the recorder's time", ahead_s.abs()),
            );
        } else {
            self.alarms.clear(Kind::ClockApart, &about);
        }
    }

    /// Says which volume refuses, and has it looked at again; that may take as long as a disk hangs.
    fn look_at_volumes(&self, looking: &mut Option<tokio::task::JoinHandle<()>>) {
        let Some(spill) = self.volumes.spill() else { return };
        let doubted = spill.doubted();
        for folder in self.volumes.folders() {
            let about = About::Part(folder.display().to_string());
            if doubted.iter().any(|it| it == folder) {
                self.alarms.raise(Kind::VolumeRefuses, about, "it has refused to write");
            } else {
                self.alarms.clear(Kind::VolumeRefuses, &about);
            }
        }
        if !doubted.is_empty() && looking.as_ref().is_none_or(tokio::task::JoinHandle::is_finished) {
            let spill = spill.clone();
            *looking = Some(tokio::task::spawn_blocking(move || spill.look_again()));
        }
    }

    fn measure(&self, now: Wall, [filling, writing]: &mut [Rate; 2]) -> Load {
        let space = self.archive.space();
        if let Err(error) = &space {
            self.readiness.raise("disk", format!("the disk does not say how much room it has: {error}"));
        }
        let disk = space.ok().map(|space| (space.free_bytes, space.total_bytes));
        let memory_limit = self.limits.memory_bytes.or_else(machine::memory_limit_bytes);
        let (streams, most) = self.ports.taken();
        let (jobs, most_jobs) = self.journal.backlog();
        Load {
            streams: (streams as u64, most as u64),
            memory: machine::memory_bytes().zip(memory_limit),
            open_files: machine::open_files().zip(machine::open_files_limit()),
            journal: (jobs as u64, most_jobs as u64),
            disk,
            disk_bytes_per_s: disk.map_or(0, |(free, total)| filling.of(now, total.saturating_sub(free))),
            written_bytes_per_s: machine::written_bytes().map_or(0, |bytes| writing.of(now, bytes)),
        }
    }
}

/// How fast an amount grows, by what it is now and some minutes ago.
#[derive(Default)]
struct Rate {
    looks: VecDeque<(Wall, u64)>,
}

impl Rate {
    /// Growth in a second over the last minutes; 0 where it shrank.
    fn of(&mut self, now: Wall, amount: u64) -> u64 {
        if self.looks.back().is_none_or(|(last, _)| now.since(*last) >= RATE_STEP) {
            self.looks.push_back((now, amount));
        }
        if self.looks.len() > RATE_LOOKS {
            self.looks.pop_front();
        }
        let Some((then, before)) = self.looks.front() else { return 0 };
        amount.saturating_sub(*before) / now.since(*then).as_secs().max(RATE_STEP.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_minutes() {
        let mut rate = Rate::default();
        let at = |second: u32| Wall::from_ms(i64::from(second) * 1_000);
        assert_eq!(rate.of(at(0), 5), 0);
        let growing = (1..=600).map(|second| rate.of(at(second), 1_000 * u64::from(second))).last();
        assert_eq!(growing, Some(1_000));
        let still = (601..=920).map(|second| rate.of(at(second), 600_000)).last();
        assert_eq!(still, Some(0), "nothing is written any more");
    }
}
