//! A request as an act: written down when it is answered, or given up.

use access::Kind;
use audit::Outcome;
use axum::extract::Request;
use axum::http::{Extensions, StatusCode};

use super::principal;
use crate::control::acts;
use crate::trail::{Act, Actor, Audit, Note};

/// A request that is being answered.
pub(super) struct Audited {
    audit: Audit,
    /// None if it is no act, or is on record.
    act: Option<Act>,
    /// Whether somebody asks who was let in. Of others only what was done is on record: an audit never ends, and whoever reaches the
    /// recorder could fill it.
    is_somebody: bool,
}

/// Who asks.
pub(crate) fn actor(extensions: &Extensions) -> Actor {
    Actor::from(&principal(extensions))
}

impl Audited {
    pub(super) fn begin(audit: &Audit, request: &Request) -> Self {
        let who = principal(request.extensions());
        let act = acts::act_of(request, &Actor::from(&who));
        Self { audit: audit.clone(), act, is_somebody: who.kind != Kind::Nobody }
    }

    /// It is answered so.
    pub(super) async fn end(mut self, status: StatusCode, note: Note) {
        let (Some(mut act), Some(outcome)) = (self.act.take(), acts::outcome_of(status)) else { return };
        if note.is_written || !(self.is_somebody || outcome == Outcome::Done) {
            return;
        }
        note.put_into(&mut act);
        self.audit.note(act.outcome(outcome, status.as_str())).await;
    }
}

impl Drop for Audited {
    /// Who asked has gone: what was asked for may have been done all the same.
    fn drop(&mut self) {
        if let Some(act) = self.act.take().filter(|_| self.is_somebody) {
            self.audit.tell(act.outcome(Outcome::Failed, "gone before the answer"));
        }
    }
}
