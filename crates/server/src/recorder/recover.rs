//! What an earlier run has left: the tracker's facts, and recordings on their way into their files.

use calls::event::Event;
use calls::id::{CallId, RecordingId};
use calls::recording::RecordingState;
use calls::tracker::Tracker;
use tokio_util::task::TaskTracker;
use vault::{Recovered, Unfinished};

use super::StartError;
use crate::desk::checkpoint::unfold;
use crate::desk::facts::read_frame;
use crate::keep::finish::Finisher;

/// What the journal held of events, for those who are told of them.
#[derive(Default)]
pub(super) struct Journaled {
    /// Those behind the last checkpoint, with the numbers of their frames.
    pub(super) events: Vec<(u64, Vec<Event>)>,
    /// That checkpoint's number.
    pub(super) checkpoint: u64,
    /// The last number.
    pub(super) last: u64,
}

/// Makes the tracker what it was when the last fact became durable.
pub(super) fn replay(
    tracker: &mut Tracker,
    recovered: Recovered,
) -> Result<(Vec<Unfinished>, Journaled), StartError> {
    let wrong = |what: &str, error: &dyn std::fmt::Display| StartError::Data {
        path: "journal".to_owned(),
        cause: format!("{what} cannot be read ({error}); was it written by a newer Sidetone?"),
    };
    let Recovered { checkpoint, checkpoint_number, last_number, events, unfinished, damage } = recovered;
    let mut journaled =
        Journaled { checkpoint: checkpoint_number, last: last_number, ..Journaled::default() };
    for damage in &damage {
        tracing::warn!(?damage, "the journal holds what cannot be used");
    }
    if let Some(checkpoint) = checkpoint {
        let state = unfold(&checkpoint).map_err(|error| wrong("the checkpoint", &error))?;
        tracker.restore(state);
    }
    for (number, bytes) in &events {
        let events = read_frame(bytes).map_err(|error| wrong(&format!("event {number}"), &error))?;
        events.iter().for_each(|event| tracker.replay(event));
        journaled.events.push((*number, events));
    }
    Ok((unfinished, journaled))
}

/// Seals what was not sealed.
pub(super) async fn finish_left(
    finisher: &Finisher,
    left: Vec<Unfinished>,
    tasks: &TaskTracker,
) -> Result<(), StartError> {
    let stopping = |error: crate::desk::AskError| StartError::Machine(error.to_string());
    let known = finisher.desk.look(|tracker| {
        let calls = tracker.state().calls.values();
        let of_call = |call: &calls::call::Call| {
            let id = call.id;
            let recordings = call.recordings.iter();
            recordings.map(move |recording| (recording.id, id, recording.state)).collect::<Vec<_>>()
        };
        calls.flat_map(of_call).collect::<Vec<(RecordingId, CallId, RecordingState)>>()
    });
    let known = known.await.map_err(stopping)?;
    let count = left.len();
    for unfinished in left {
        let recording = unfinished.recording;
        if known.iter().any(|(id, _, state)| *id == recording && *state != RecordingState::Sealed) {
            finisher.left.lock().insert(recording, unfinished.settlement);
        } else {
            tasks.spawn(finisher.clone().adopt(unfinished));
        }
    }
    // Those that were stopped before the crash; those the crash stopped follow from the lost calls.
    for (recording, call, state) in known {
        if matches!(state, RecordingState::Stopped | RecordingState::Error) {
            tasks.spawn(finisher.clone().stop(call, recording));
        } else if state == RecordingState::Sealed {
            let finisher = finisher.clone();
            tasks.spawn(async move { finisher.catch_up(recording).await });
        }
    }
    if count > 0 {
        tracing::info!(recordings = count, "recordings of the last run are being finished");
    }
    Ok(())
}
