//! What those who answer a request know of the act it is.

use std::cell::RefCell;
use std::future::Future;

use calls::id::{CallId, RecordingId};

use super::{Act, Actor};

tokio::task_local! {
    static NOTE: RefCell<Note>;
}

/// What is added to the act of a request while it is answered; what is not said stays as it is.
#[derive(Debug, Default)]
pub(crate) struct Note {
    /// What it is, where only who answers knows.
    pub(crate) action: Option<&'static str>,
    /// Who it is, where only who answers knows.
    pub(crate) actor: Option<Actor>,
    /// To which recording.
    pub(crate) recording: Option<RecordingId>,
    /// To which call.
    pub(crate) call: Option<CallId>,
    /// To what else.
    pub(crate) about: Option<String>,
    /// How.
    pub(crate) detail: Option<String>,
    /// Why, as who asks says.
    pub(crate) reason: Option<String>,
    /// Why it was not done, as who asks is told.
    pub(crate) refusal: Option<String>,
    /// Whether the act is on record already, written before its content left.
    pub(crate) is_written: bool,
}

/// Adds to the act of the request that is being answered; does nothing where none is.
pub(crate) fn note(add: impl FnOnce(&mut Note)) {
    let _ = NOTE.try_with(|note| add(&mut note.borrow_mut()));
}

/// Adds to whom the act of the request is done: the beginning of a name that may be anything.
pub(crate) fn note_name(name: &str) {
    note(|note| note.about = Some(name.chars().take(64).collect()));
}

/// Adds one more particular to how the act of the request is done.
pub(crate) fn note_more(more: &str) {
    note(|note| note.detail = Some(with(note.detail.take().unwrap_or_default(), ", ", more)));
}

/// One more after what is said.
fn with(said: String, between: &str, more: &str) -> String {
    if said.is_empty() { more.to_owned() } else { said + between + more }
}

impl Note {
    /// Answers a request, and gives what was noted meanwhile beside the answer.
    pub(crate) async fn of<T>(answering: impl Future<Output = T>) -> (T, Self) {
        let answer_and_note = async {
            let answer = answering.await;
            (answer, NOTE.try_with(RefCell::take).unwrap_or_default())
        };
        NOTE.scope(RefCell::default(), answer_and_note).await
    }

    /// Puts what was noted into the act.
    pub(crate) fn put_into(self, act: &mut Act) {
        let Self { action, actor, recording, call, about, detail, reason, refusal, is_written: _ } = self;
        let entry = act.entry_mut();
        if let Some(Actor { kind, who, role, source }) = actor {
            (entry.kind, entry.who, entry.role, entry.source) = (kind.to_owned(), who, role, source);
        }
        let known = [
            (&mut entry.action, action.map(str::to_owned)),
            (&mut entry.recording, recording.map(|id| id.to_string())),
            (&mut entry.call, call.map(|id| id.to_string())),
            (&mut entry.about, about),
            (&mut entry.detail, detail),
            (&mut entry.reason, reason),
        ];
        for (text, noted) in known {
            if let Some(noted) = noted {
                *text = noted;
            }
        }
        if let Some(refusal) = refusal {
            entry.detail = with(std::mem::take(&mut entry.detail), "; ", &format!("why not: {refusal}"));
        }
    }
}
