//! Small watchers that run as long as the recorder does.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use vault::Archive;

use crate::observe::health::Readiness;
use crate::{desk, ingest, keep};

/// How often readiness is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Free space below which no new call is taken: what is up must find room to end (E2-07).
const MIN_FREE_BYTES: u64 = 512 * 1024 * 1024;

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

/// Looks whether the recorder can record, and tells SIP.
pub(super) async fn readiness(
    readiness: Readiness,
    archive: Archive,
    sip: ingest::Handle,
    journal: keep::Handle,
    mut stop: watch::Receiver<bool>,
) {
    let mut told = None;
    loop {
        look_at_space(&readiness, &archive);
        if journal.has_room() {
            readiness.clear("journal");
        } else {
            readiness.raise("journal", "the disk does not keep up: the journal's queue is full");
        }
        let reasons = readiness.reasons();
        let now = reasons.values().next().cloned();
        if told.as_ref() != Some(&now) {
            sip.set_readiness(match &now {
                None => siprec::Readiness::Ready,
                Some(reason) => siprec::Readiness::Refusing { reason: reason.clone(), retry_after_s: None },
            })
            .await;
            told = Some(now);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stop.wait_for(|stopping| *stopping) => return,
        }
    }
}

fn look_at_space(readiness: &Readiness, archive: &Archive) {
    match archive.space() {
        Ok(space) if space.free_bytes < MIN_FREE_BYTES => {
            let free_mib = space.free_bytes / (1024 * 1024);
            readiness.raise("disk", format!("the disk has {free_mib} MiB left; new calls need 512"));
        }
        Ok(_) => readiness.clear("disk"),
        Err(error) => readiness.raise("disk", format!("the disk does not say how much room it has: {error}")),
    }
}
