//! What becomes of recordings when their days are over.

use super::{Outcome, Refusal, Tracker};
use crate::archive::ArchiveAction;
use crate::event::Event;
use crate::field::{Field, Fields};
use crate::id::ArchiveActionId;

impl Tracker {
    /// Takes an archive action, new or in place of the one with its id. Recordings that were started keep the id they
    /// have, and with it what the action does from now on.
    ///
    /// # Errors
    /// [`Refusal::ArchiveAction`].
    pub fn put_archive_action(&mut self, action: ArchiveAction) -> Result<Outcome, Refusal> {
        self.state.archive_actions.check(&action)?;
        let mut outcome = Outcome::default();
        if self.state.archive_actions.get(action.id) != Some(&action) {
            self.emit(&mut outcome, Event::ArchiveActionPut { action });
        }
        Ok(outcome)
    }

    /// Whether fields that a command writes say what can be done.
    pub(super) fn check_fields(&self, fields: &Fields) -> Result<(), Refusal> {
        // Below 0 nothing is meant; what is no number was refused where it came in.
        let named = fields.get(&Field::ArchiveAction).and_then(|value| value.parse().ok());
        match named.map(ArchiveActionId).filter(|id| self.state.archive_actions.get(*id).is_none()) {
            Some(unknown) => Err(Refusal::UnknownArchiveAction(unknown)),
            None => Ok(()),
        }
    }
}
