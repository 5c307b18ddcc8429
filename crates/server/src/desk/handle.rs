//! Typed questions and commands to the desk: all that the rest of the server may see of it.
//!
//! Every answer to a command comes after the fact is durable (product decision 6).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use calls::agent::Agent;
use calls::archive::ArchiveAction;
use calls::blackout::Owner;
use calls::call::Call;
use calls::field::Fields;
use calls::id::{AgentId, CallId, RecordingId};
use calls::time::Wall;
use calls::tracker::{AgentView, Arrival, Document, Outcome, Refusal, SessionText, Target, Tracker};
use tokio::sync::{mpsc, oneshot};

/// Why the desk gives no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The tracker refuses, and says why.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The fact could not be made durable in time. A blackout asked for is on all the same.
    #[error("the journal could not make this durable in time")]
    NotDurable,
    /// The recorder is stopping.
    #[error("the recorder is stopping")]
    Stopping,
}

/// What a wish comes to: who it concerned, and the outcome to carry out.
pub(super) type Decided = Result<(Answer, Outcome), Refusal>;

/// What is told once the outcome is durable and carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// What may be seen of the owner then.
    View(Owner),
    /// The call as it is then.
    Call(CallId),
    /// That it is done.
    Done,
}

/// The answer, read off the tracker.
#[derive(Debug)]
pub(super) enum Told {
    View(Box<AgentView>),
    Call(Option<Box<Call>>),
    Done,
}

pub(super) type Reply = oneshot::Sender<Result<Told, AskError>>;
pub(super) type Decide = Box<dyn FnOnce(&mut Tracker, Wall) -> Decided + Send>;
pub(super) type Look = Box<dyn FnOnce(&Tracker) + Send>;

/// One message to the desk.
pub(super) enum Ask {
    /// Decide something.
    Decide { decide: Decide, reply: Reply },
    /// Open a blackout: a decision in two steps.
    OpenBlackout { target: Target, reply: Reply },
    /// The gates of a blackout are closed.
    GatesClosed { owner: Owner, at: Wall, reply: Reply },
    /// Read something off the tracker.
    Look(Look),
    /// Write the whole state into the journal.
    Checkpoint,
}

/// How many messages may wait for the desk before those who ask must wait too.
pub(super) const WAITING_LIMIT: usize = 4_096;

/// How long an asker is kept waiting for the disk (C2-02: past 250 ms the answer may be an error; a little
/// patience spares the caller a retry).
const PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait before something that has happened is put to a full desk again.
const INSIST_AFTER: Duration = Duration::from_secs(1);

/// The way to the desk. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) desk: mpsc::Sender<Ask>,
}

impl Handle {
    /// Starts a recording for the target (`StartForAgent`), writing `fields` first.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn start_recording(&self, target: Target, fields: Fields) -> Result<AgentView, AskError> {
        self.view(move |tracker, now| tracker.start_recording(now, &target, fields)).await
    }

    /// Stops the target's recording (`StopForAgent`).
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn stop_recording(&self, target: Target) -> Result<AgentView, AskError> {
        self.view(move |tracker, now| tracker.stop_recording(now, &target)).await
    }

    /// Writes fields of the target's call (`UpdateForAgent`); `instance` picks one of several.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn tag(
        &self,
        target: Target,
        instance: Option<String>,
        fields: Fields,
    ) -> Result<AgentView, AskError> {
        self.view(move |tracker, now| tracker.tag(now, &target, instance.as_deref(), fields)).await
    }

    /// Writes fields of the call that a recording is of, while it is known; returns them as they were taken.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn tag_recording(&self, recording: RecordingId, fields: Fields) -> Result<Fields, AskError> {
        let (sender, taken) = oneshot::channel();
        self.decide(move |tracker, now| {
            let (fields, outcome) = tracker.tag_recording(now, recording, fields);
            let _ = sender.send(fields);
            Ok((Answer::Done, outcome))
        })
        .await?;
        taken.await.map_err(|_| AskError::Stopping)
    }

    /// Opens a blackout for the target. Answers when every gate is closed and the fact is durable.
    ///
    /// # Errors
    /// See [`AskError`]. After [`AskError::NotDurable`] the target is dark all the same.
    pub async fn open_blackout(&self, target: Target) -> Result<AgentView, AskError> {
        let told = self.send(|reply| Ask::OpenBlackout { target, reply }).await?;
        Ok(expect_view(told))
    }

    /// Closes the target's blackout; none being open is no error.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn close_blackout(&self, target: Target) -> Result<AgentView, AskError> {
        self.view(move |tracker, now| tracker.close_blackout(now, &target)).await
    }

    /// Takes agents: new ones, and others in place of those with their ids. All or none.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn put_agents(&self, agents: Vec<Agent>) -> Result<(), AskError> {
        self.decide(move |tracker, _| Ok((Answer::Done, tracker.put_agents(agents)?))).await.map(drop)
    }

    /// Removes an agent.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn remove_agent(&self, id: AgentId) -> Result<(), AskError> {
        self.decide(move |tracker, _| Ok((Answer::Done, tracker.remove_agent(id)?))).await.map(drop)
    }

    /// Seats an agent at a phone; answers who lost it.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn seat_agent(&self, id: AgentId, phone: String) -> Result<Vec<AgentId>, AskError> {
        self.wish(move |tracker, _| tracker.seat_agent(id, &phone)).await
    }

    /// Has the tracker decide by the wish of an operator: `wish` gives what is answered, and the outcome.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn wish<T: Send + 'static>(
        &self,
        wish: impl FnOnce(&mut Tracker, Wall) -> Result<(T, Outcome), Refusal> + Send + 'static,
    ) -> Result<T, AskError> {
        let (sender, answer) = oneshot::channel();
        self.decide(move |tracker, now| {
            let (value, outcome) = wish(tracker, now)?;
            let _ = sender.send(value);
            Ok((Answer::Done, outcome))
        })
        .await?;
        answer.await.map_err(|_| AskError::Stopping)
    }

    /// Takes an archive action, new or in place of the one with its id.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn put_archive_action(&self, action: ArchiveAction) -> Result<(), AskError> {
        self.wish(move |tracker, _| Ok(((), tracker.put_archive_action(action)?))).await
    }

    /// What may be seen of the target now.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn agent(&self, target: Target) -> Result<AgentView, AskError> {
        let view =
            self.look(move |tracker| tracker.resolve(&target).map(|owner| tracker.view(&owner))).await?;
        Ok(view?)
    }

    /// What may be seen of every agent.
    ///
    /// # Errors
    /// [`AskError::Stopping`].
    pub async fn agents(&self) -> Result<Vec<AgentView>, AskError> {
        self.look(Tracker::view_all).await
    }

    /// Every call known, oldest first: live ones, and ended ones in their grace.
    ///
    /// # Errors
    /// [`AskError::Stopping`].
    pub async fn calls(&self) -> Result<Vec<Call>, AskError> {
        self.look(|tracker| tracker.state().calls.values().cloned().collect()).await
    }

    /// One call.
    ///
    /// # Errors
    /// [`AskError::Stopping`].
    pub async fn call(&self, id: CallId) -> Result<Option<Call>, AskError> {
        self.look(move |tracker| tracker.call(id).cloned()).await
    }

    /// A recording session brought a call.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn begin_call(&self, arrival: Arrival) -> Result<Call, AskError> {
        let told = self.decide(move |tracker, now| {
            let (call, outcome) = tracker.begin_call(now, arrival);
            Ok((Answer::Call(call), outcome))
        });
        expect_call(told.await?)
    }

    /// The recording session told something new of its call.
    ///
    /// Waits for the disk as long as it takes.
    ///
    /// # Errors
    /// [`AskError::Stopping`].
    pub async fn change_call(&self, call: CallId, arrival: Arrival) -> Result<Call, AskError> {
        let told = self.insist(|| {
            let arrival = arrival.clone();
            Box::new(move |tracker, now| Ok((Answer::Call(call), tracker.change_call(now, call, arrival))))
        });
        expect_call(told.await?)
    }

    /// A recording session that goes on brings another call.
    ///
    /// Waits for the disk as long as it takes.
    ///
    /// # Errors
    /// [`AskError::Stopping`].
    pub async fn bring_call(&self, arrival: Arrival) -> Result<Call, AskError> {
        let told = self.insist(|| {
            let arrival = arrival.clone();
            Box::new(move |tracker, now| {
                let (call, outcome) = match tracker.call_brought(&arrival) {
                    Some(call) => (call, Outcome::default()),
                    None => tracker.begin_call(now, arrival),
                };
                Ok((Answer::Call(call), outcome))
            })
        });
        expect_call(told.await?)
    }

    /// A recording session was refused although its calls may have become facts: they are over.
    ///
    /// Waits for the disk as long as it takes.
    ///
    /// # Errors
    /// [`AskError::Stopping`].
    pub async fn abandon_calls(&self, session: String) -> Result<(), AskError> {
        self.insist(|| {
            let session = session.clone();
            Box::new(move |tracker, now| {
                let why = "stopped: its beginning could not be stored, and its recording session was refused";
                let mut outcome = Outcome::default();
                for call in tracker.calls_of_session(&session) {
                    let Outcome { events, effects } = tracker.leave_call(now, call, &session, why);
                    outcome.events.extend(events);
                    outcome.effects.extend(effects);
                }
                Ok((Answer::Done, outcome))
            })
        })
        .await
        .map(drop)
    }

    /// The recording session brings the call no more, for the reason that the sentence `why` says. Answers the call as
    /// it is then: over, unless another session brings it too.
    ///
    /// Waits for the disk as long as it takes.
    ///
    /// # Errors
    /// [`AskError::Stopping`].
    pub async fn leave_call(&self, call: CallId, session: &str, why: &str) -> Result<Call, AskError> {
        let told = self.insist(|| {
            let (session, why) = (session.to_owned(), why.to_owned());
            Box::new(move |tracker, now| {
                Ok((Answer::Call(call), tracker.leave_call(now, call, &session, &why)))
            })
        });
        expect_call(told.await?)
    }

    /// A recording session tells this last of a call.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn keep_document(
        &self,
        call: CallId,
        session: String,
        document: Document,
    ) -> Result<(), AskError> {
        self.decide(move |tracker, now| {
            Ok((Answer::Done, tracker.keep_document(now, call, &session, document)))
        })
        .await
        .map(drop)
    }

    /// A recording session is to go on after a restart as `text` says (A9-12). Who asks need not wait: without it the
    /// session goes on as it was remembered before.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn remember_session(&self, session: String, text: SessionText) -> Result<(), AskError> {
        self.decide(move |tracker, _| Ok((Answer::Done, tracker.remember_session(&session, text))))
            .await
            .map(drop)
    }

    /// A recording session is over.
    ///
    /// Waits for the disk as long as it takes.
    ///
    /// # Errors
    /// [`AskError::Stopping`].
    pub async fn forget_session(&self, session: String) -> Result<(), AskError> {
        self.insist(|| {
            let session = session.clone();
            Box::new(move |tracker, _| Ok((Answer::Done, tracker.forget_session(&session))))
        })
        .await
        .map(drop)
    }

    /// After a restart: the recording session that brings the call goes on; `begun` are the recordings that hold something.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn go_on(&self, call: CallId, begun: Arc<BTreeSet<RecordingId>>) -> Result<Call, AskError> {
        let told =
            self.decide(move |tracker, now| Ok((Answer::Call(call), tracker.go_on(now, call, &begun))));
        expect_call(told.await?)
    }

    /// The calls of recording sessions of an earlier run are over, but for those that have gone on.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn end_lost_calls(&self, gone_on: BTreeSet<CallId>) -> Result<(), AskError> {
        self.decide(move |tracker, now| Ok((Answer::Done, tracker.end_lost_calls(now, &gone_on))))
            .await
            .map(drop)
    }

    /// What was held back of a recording is on its way into the journal, and reaches back to `from`. Answers when all of it is
    /// durable.
    ///
    /// Waits for the disk as long as it takes.
    ///
    /// # Errors
    /// [`AskError::Stopping`].
    pub async fn reached(&self, recording: RecordingId, from: Wall) -> Result<(), AskError> {
        self.insist(|| Box::new(move |tracker, _| Ok((Answer::Done, tracker.reached(recording, from)))))
            .await
            .map(drop)
    }

    /// A recording's file was finished, or could not be.
    ///
    /// Waits for the disk as long as it takes.
    ///
    /// # Errors
    /// [`AskError::Stopping`].
    pub async fn sealed(&self, recording: RecordingId, good: bool) -> Result<(), AskError> {
        self.insist(|| Box::new(move |tracker, _| Ok((Answer::Done, tracker.sealed(recording, good)))))
            .await
            .map(drop)
    }

    /// Writes the whole state into the journal, so that older events may go.
    ///
    /// # Errors
    /// [`AskError::Stopping`].
    pub async fn checkpoint(&self) -> Result<(), AskError> {
        self.desk.send(Ask::Checkpoint).await.map_err(|_| AskError::Stopping)
    }

    /// Reads something off the tracker.
    ///
    /// # Errors
    /// [`AskError::Stopping`].
    pub async fn look<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Tracker) -> T + Send + 'static,
    ) -> Result<T, AskError> {
        let (sender, answer) = oneshot::channel();
        let look: Look = Box::new(move |tracker| drop(sender.send(read(tracker))));
        self.desk.send(Ask::Look(look)).await.map_err(|_| AskError::Stopping)?;
        answer.await.map_err(|_| AskError::Stopping)
    }

    pub(super) async fn view(
        &self,
        decide: impl FnOnce(&mut Tracker, Wall) -> Result<(Owner, Outcome), Refusal> + Send + 'static,
    ) -> Result<AgentView, AskError> {
        let decide = |tracker: &mut Tracker, now| {
            let (owner, outcome) = decide(tracker, now)?;
            Ok((Answer::View(owner), outcome))
        };
        Ok(expect_view(self.decide(decide).await?))
    }

    async fn decide(
        &self,
        decide: impl FnOnce(&mut Tracker, Wall) -> Decided + Send + 'static,
    ) -> Result<Told, AskError> {
        self.send(|reply| Ask::Decide { decide: Box::new(decide), reply }).await
    }

    /// Decides what cannot be refused: it has happened, and is asked again until it is a fact. Deciding it twice
    /// must be as deciding it once.
    async fn insist(&self, decide: impl Fn() -> Decide) -> Result<Told, AskError> {
        loop {
            match self.send(|reply| Ask::Decide { decide: decide(), reply }).await {
                Err(AskError::NotDurable) => tokio::time::sleep(INSIST_AFTER).await,
                told => return told,
            }
        }
    }

    async fn send(&self, ask: impl FnOnce(Reply) -> Ask) -> Result<Told, AskError> {
        let (reply, answer) = oneshot::channel();
        self.desk.send(ask(reply)).await.map_err(|_| AskError::Stopping)?;
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(answer) => answer.map_err(|_| AskError::Stopping)?,
            Err(_) => {
                tracing::error!("the journal is not keeping up: a command is answered with an error");
                Err(AskError::NotDurable)
            }
        }
    }
}

fn expect_view(told: Told) -> AgentView {
    match told {
        Told::View(view) => *view,
        Told::Call(_) | Told::Done => unreachable!("the desk answers a view with a view"),
    }
}

fn expect_call(told: Told) -> Result<Call, AskError> {
    match told {
        Told::Call(Some(call)) => Ok(*call),
        // The call ended and was forgotten while the answer was on its way.
        Told::Call(None) => Err(AskError::Stopping),
        Told::View(_) | Told::Done => unreachable!("the desk answers a call with a call"),
    }
}
