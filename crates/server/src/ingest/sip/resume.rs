//! What a restart needs: sessions are written down, and stand again (A9-12).

use std::collections::BTreeSet;
use std::sync::Arc;

use calls::id::RecordingId;
use siprec::SessionId;
use tokio::sync::mpsc;

use super::super::happening::Happening;
use super::super::resume::{self, GoneOn, Remembrance, Resumed};
use super::super::session::{Tools, WAITING_LIMIT};
use super::{Known, Sip};
use crate::desk;
use crate::observe::alarms::{About, Kind};

impl Sip {
    /// Has the session written down as it is now.
    pub(super) fn remember(&mut self, session: SessionId) {
        let (Some(recording), Some(known)) = (self.endpoint.session(session), self.sessions.get(&session))
        else {
            return;
        };
        let Some(sip) = recording.remembered(recording.media()) else { return };
        let remembrance = Remembrance {
            sip,
            document: recording.picture().document(),
            headers_of: known.headers.told_of().map(str::to_owned),
        };
        self.happen(session, Happening::Remember(Box::new(remembrance)));
    }

    /// Sessions of an earlier run go on; the calls of those that cannot are over.
    pub(super) async fn go_on(
        &mut self,
        desk: desk::Handle,
        begun: Arc<BTreeSet<RecordingId>>,
    ) -> Result<(), desk::AskError> {
        let remembered = desk.look(|tracker| tracker.state().sessions.clone()).await?;
        let mut gone_on = GoneOn::default();
        for (name, text) in remembered {
            let (tools, trunks) = (self.tools.clone(), &self.trunks);
            let tools_of = |trunk: Option<&str>| Tools { terms: Arc::clone(trunks.of(trunk)), ..tools };
            match resume::resume(&mut self.endpoint, self.clock.since_start(), &name, &text, tools_of) {
                Ok(resumed) => {
                    gone_on.calls.extend(&resumed.calls);
                    self.stands_again(resumed, Arc::clone(&begun));
                }
                Err(why) => {
                    self.alarms.raise(Kind::SessionLost, About::Session(name.clone()), why.clone());
                    gone_on.lost.insert(name, why);
                }
            }
            self.drain();
        }
        desk.end_lost_calls(gone_on.calls).await?;
        for name in gone_on.lost.into_keys() {
            desk.forget_session(name).await?;
        }
        Ok(())
    }

    fn stands_again(&mut self, resumed: Resumed, begun: Arc<BTreeSet<RecordingId>>) {
        let Resumed { id, session, headers, calls } = resumed;
        let Some(recording) = self.endpoint.session(id) else { return };
        let Some(plan) = recording.plan().cloned() else { return };
        self.witness.resumed(id, recording, &calls);
        let (happenings, waiting) = mpsc::channel(WAITING_LIMIT);
        self.tasks.spawn(session.go_on(plan, begun, waiting));
        let undescribed = recording.picture().dangling().into_iter().map(str::to_owned).collect();
        let terms = Arc::clone(self.trunks.of(recording.trunk()));
        let known = Known { calls, ..Known::new(happenings, terms, headers, undescribed) };
        self.sessions.insert(id, known);
    }
}
