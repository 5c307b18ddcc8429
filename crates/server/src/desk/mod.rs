//! The desk: the one task that owns the tracker, and the order in which decisions become facts.
//!
//! For each decision: gates that must close are closed at once; the events go to the journal; when they are
//! durable the other effects are carried out, in the order of the decisions; then the asker is told. Closing
//! never waits for the disk. The order number that travels with every effect lets a media thread see that an
//! opening was decided before a closing it has already done (design/blackout.md).
//!
//! Belongs here: ordering. Does not: decisions (the `calls` crate), media, files, HTTP.

mod carry;
pub mod checkpoint;
pub mod effects;
pub mod facts;
mod handle;
mod narrate;
mod report;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use calls::effect::Effect;
use calls::event::Event;
use calls::id::{CallId, RecordingId};
use calls::time::Wall;
use calls::tracker::{Outcome, Target, Tracker};
use tokio::sync::mpsc;

use handle::{Answer, Ask, Decided, Reply, Told, WAITING_LIMIT};
pub use handle::{AskError, Handle};

use crate::clock::Clock;
use crate::observe::chronicle::Chronicles;
use carry::{Carry, Item};

/// Something that ends later.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// How long what is due waits for a disk that hangs.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// A number that grows with each decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Order(pub u64);

/// What the desk has done by others.
pub trait Hands: Send + Sync + 'static {
    /// Whether the journal can take another batch of events without anybody waiting.
    fn has_room(&self) -> bool;

    /// Appends the frames of a decision's events to the journal. Ends when they are durable, however long that takes, with the
    /// number of the last of them.
    fn journal(&self, events: Vec<Vec<u8>>) -> Later<u64>;

    /// Appends the whole state, so that older events may go.
    fn checkpoint(&self, state: Vec<u8>);

    /// Closes the gates of calls for a blackout. Ends when the last is closed, with that instant.
    fn darken(&self, calls: Vec<CallId>, order: Order) -> Later<Wall>;

    /// Carries out any other effect. Must not wait.
    fn carry_out(&self, effect: Effect, order: Order);

    /// Carries out [`Effect::Keep`], at once. Ends when what was held back is durable.
    fn keep(&self, call: CallId, recording: RecordingId) -> Later<()>;

    /// Tells events that are facts now to whoever listens, with the number of their last frame in the journal. Must not wait.
    fn tell(&self, _events: Vec<Event>, _number: u64) {}

    /// Ends when what was carried out for these calls holds for the next datagram that is read.
    fn settled(&self, calls: Vec<CallId>) -> Later<()>;
}

/// Starts the desk. It ends when every handle is gone.
pub fn start(
    tracker: Tracker,
    clock: Clock,
    chronicles: Chronicles,
    hands: impl FnOnce(Handle) -> Arc<dyn Hands>,
) -> Handle {
    let (desk, asks) = mpsc::channel(WAITING_LIMIT);
    let handle = Handle { desk };
    let hands = hands(handle.clone());
    let carry = Carry::start(Arc::clone(&hands));
    let (order, own) = (Order::default(), handle.desk.downgrade());
    let desk = Desk { tracker, clock, chronicles, hands, carry, order, own };
    tokio::spawn(desk.run(asks));
    handle
}

struct Desk {
    tracker: Tracker,
    clock: Clock,
    chronicles: Chronicles,
    hands: Arc<dyn Hands>,
    carry: Carry,
    order: Order,
    own: mpsc::WeakSender<Ask>,
}

impl Desk {
    async fn run(mut self, mut asks: mpsc::Receiver<Ask>) {
        loop {
            let due = self.tracker.next_deadline();
            let wait = due.map(|due| due.since(self.clock.now()));
            // What is due while the disk hangs is looked at again in a while, not at once.
            let wait = if self.can_commit() { wait } else { wait.map(|wait| wait.max(RETRY_AFTER)) };
            tokio::select! {
                // What is due comes first; a run of it is the same every time.
                biased;
                () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => self.tick(),
                ask = asks.recv() => match ask {
                    Some(ask) => self.take(ask),
                    None => return,
                },
            }
        }
    }

    fn take(&mut self, ask: Ask) {
        match ask {
            Ask::Look(look) => look(&self.tracker),
            Ask::Checkpoint => self.hands.checkpoint(checkpoint::fold(self.tracker.state())),
            Ask::Decide { decide, reply } => {
                if self.can_commit() {
                    let decided = decide(&mut self.tracker, self.clock.now());
                    self.settle(decided, reply);
                } else {
                    let _ = reply.send(Err(AskError::NotDurable));
                }
            }
            Ask::OpenBlackout { target, reply } => self.open_blackout(&target, reply),
            Ask::GatesClosed { owner, at, reply } => {
                let outcome = self.tracker.gates_closed(&owner, at);
                self.settle(Ok((Answer::View(owner), outcome)), reply);
            }
        }
    }

    fn tick(&mut self) {
        if self.can_commit() {
            let outcome = self.tracker.tick(self.clock.now());
            let (reply, _) = tokio::sync::oneshot::channel();
            self.settle(Ok((Answer::Done, outcome)), reply);
        }
    }

    /// The first step of a blackout: the gates close, whatever the disk does. The second follows when they
    /// are closed.
    fn open_blackout(&mut self, target: &Target, reply: Reply) {
        let (owner, outcome) = match self.tracker.open_blackout(target) {
            Ok(opened) => opened,
            Err(refusal) => return drop(reply.send(Err(refusal.into()))),
        };
        let order = self.next_order();
        let calls = outcome.effects.into_iter().flat_map(|effect| match effect {
            Effect::Darken { calls, .. } => calls,
            _ => Vec::new(),
        });
        let darkened = self.hands.darken(calls.collect(), order);
        let own = self.own.clone();
        tokio::spawn(async move {
            let at = darkened.await;
            if let Some(desk) = own.upgrade() {
                let _ = desk.send(Ask::GatesClosed { owner, at, reply }).await;
            }
        });
    }

    /// Turns a decision into facts and effects.
    fn settle(&mut self, decided: Decided, reply: Reply) {
        let (answer, outcome) = match decided {
            Ok(decided) => decided,
            Err(refusal) => return drop(reply.send(Err(refusal.into()))),
        };
        let order = self.next_order();
        let Outcome { events, effects } = outcome;
        narrate::tell(&self.chronicles, &self.tracker, self.clock.now(), &events, &effects);
        let (darkening, effects): (Vec<_>, Vec<_>) = effects.into_iter().partition(Effect::is_darkening);
        let calls: Vec<CallId> = darkening
            .into_iter()
            .flat_map(|effect| if let Effect::Darken { calls, .. } = effect { calls } else { Vec::new() })
            .collect();
        let darkened = (!calls.is_empty()).then(|| self.hands.darken(calls, order));
        let durable = (!events.is_empty()).then(|| self.hands.journal(facts::frames_of(&events)));
        let told = self.tell(&answer);
        self.carry.put(Item { darkened, durable, events, effects, order, told, reply });
    }

    fn tell(&self, answer: &Answer) -> Told {
        match answer {
            Answer::View(owner) => Told::View(Box::new(self.tracker.view(owner))),
            Answer::Call(call) => Told::Call(self.tracker.call(*call).cloned().map(Box::new)),
            Answer::Done => Told::Done,
        }
    }

    /// Whether a decision made now could become a fact soon.
    fn can_commit(&self) -> bool {
        self.hands.has_room() && self.carry.has_room()
    }

    fn next_order(&mut self) -> Order {
        self.order.0 += 1;
        self.order
    }
}

#[cfg(test)]
mod tests;
