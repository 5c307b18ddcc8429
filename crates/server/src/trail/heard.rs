//! How much of a recording was given out (C8-05).

use calls::id::{CallId, RecordingId};

use super::{Act, Actor, Audit};

/// Somebody is given sound; when this is dropped, how much of it is written down.
pub struct Heard {
    audit: Audit,
    actor: Actor,
    recording: RecordingId,
    call: Option<CallId>,
    /// The entry of the listen.
    entry: u64,
    ms: u64,
}

impl Heard {
    /// Writes down that somebody is about to hear a recording; sound may leave when this has returned.
    ///
    /// # Errors
    /// [`super::NotWritten`]; then no sound may leave.
    pub async fn begin(
        audit: &Audit,
        actor: Actor,
        (recording, call): (RecordingId, Option<CallId>),
        (what, reason): (String, String),
    ) -> Result<Self, super::NotWritten> {
        let act = of(&actor, "recording.listen", recording, call).detail(what).reason(reason);
        let entry = audit.write(act).await?;
        Ok(Self { audit: audit.clone(), actor, recording, call, entry, ms: 0 })
    }

    /// The recording that is heard.
    pub fn recording(&self) -> RecordingId {
        self.recording
    }

    /// So much was given out so far, in ms of the recording.
    pub fn so_far(&mut self, ms: u64) {
        self.ms = ms;
    }

    /// So much more was given out, in ms of the recording.
    pub fn more(&mut self, ms: u64) {
        self.ms = self.ms.saturating_add(ms);
    }
}

fn of(actor: &Actor, action: &str, recording: RecordingId, call: Option<CallId>) -> Act {
    let act = Act::new(actor, action).recording(recording);
    match call {
        Some(call) => act.call(call),
        None => act,
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        let Self { audit, actor, recording, call, entry, ms } = self;
        let act = of(actor, "recording.heard", *recording, *call);
        audit.tell(act.about(format!("entry {entry}")).detail(format!("{ms} ms")));
    }
}
