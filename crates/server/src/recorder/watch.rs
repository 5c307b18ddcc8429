//! Small watchers that run as long as the recorder does.

use std::collections::VecDeque;
use std::time::Duration;

use calls::time::Wall;
use tokio::sync::{mpsc, watch};
use vault::Archive;

use crate::clock::Clock;
use crate::ingest::Ports;
use crate::observe::health::Readiness;
use crate::observe::machine;
use crate::observe::overload::{Limits, Load, LoadGauge, Overload};
use crate::{desk, ingest, keep};

/// How often readiness is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The disk's free room is remembered this far apart, so often: five minutes.
const FILLING_STEP: Duration = Duration::from_secs(10);
const FILLING_LOOKS: usize = 31;

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
    pub(super) load: LoadGauge,
    pub(super) archive: Archive,
    pub(super) ports: Ports,
    pub(super) journal: keep::Handle,
}

/// Looks whether the recorder can record, and tells SIP.
pub(super) async fn readiness(looked: Looked, sip: ingest::Handle, mut stop: watch::Receiver<bool>) {
    let (mut overload, mut filling) = (Overload::default(), Filling::default());
    let mut told = None;
    loop {
        let now = looked.clock.now();
        let load = looked.measure(now, &mut filling);
        looked.load.set(load);
        for (key, strain) in overload.judge(now, &looked.limits, &load) {
            looked.readiness.set_strain(key, strain);
        }
        let reason = looked.readiness.reasons().values().next().cloned();
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
    fn measure(&self, now: Wall, filling: &mut Filling) -> Load {
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
            disk_bytes_per_s: disk.map_or(0, |(free, _)| filling.rate(now, free)),
        }
    }
}

/// How fast the disk fills, whoever writes: by its free room now and some minutes ago.
#[derive(Default)]
struct Filling {
    looks: VecDeque<(Wall, u64)>,
}

impl Filling {
    /// Bytes a second over the last minutes; 0 where room was given back.
    fn rate(&mut self, now: Wall, free: u64) -> u64 {
        if self.looks.back().is_none_or(|(last, _)| now.since(*last) >= FILLING_STEP) {
            self.looks.push_back((now, free));
        }
        if self.looks.len() > FILLING_LOOKS {
            self.looks.pop_front();
        }
        let Some((then, before)) = self.looks.front() else { return 0 };
        before.saturating_sub(free) / now.since(*then).as_secs().max(FILLING_STEP.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_minutes() {
        let mut filling = Filling::default();
        let at = |second| Wall::from_ms(second * 1_000);
        assert_eq!(filling.rate(at(0), 1_000_000), 0);
        let mut rate = 0;
        for second in 1..=600 {
            rate = filling.rate(at(second), 1_000_000 - 1_000 * i64::unsigned_abs(second));
        }
        assert_eq!(rate, 1_000);
        for second in 601..=900 {
            rate = filling.rate(at(second), 400_000);
        }
        assert_eq!(rate, 0, "nothing is written any more");
    }
}
