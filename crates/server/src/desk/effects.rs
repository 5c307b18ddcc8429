//! From effect to action: the desk's hands.

use std::sync::Arc;

use calls::blackout::Owner;
use calls::effect::{Alarm, Effect};
use calls::event::Event;
use calls::id::{CallId, RecordingId};
use calls::time::Wall;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use super::{Hands, Later, Order};
use crate::clock::Clock;
use crate::keep::finish::Finisher;
use crate::media;
use crate::observe::alarms::{About, Alarms, Kind};
use crate::observe::blackout_norm::BlackoutWatch;
use crate::observe::feed::Feed;

/// What the desk acts through.
pub struct Effects {
    /// The clock.
    pub clock: Clock,
    /// Brings stopped recordings home; knows the journal and the media threads.
    pub finisher: Finisher,
    /// Where facts are told.
    pub feed: Feed,
    /// Work that a stop of the recorder waits for.
    pub tasks: TaskTracker,
    /// Sees how often agents are dark.
    pub blackouts: Mutex<BlackoutWatch>,
}

impl Effects {
    /// As what the desk wants.
    pub fn into_hands(self) -> Arc<dyn Hands> {
        Arc::new(self)
    }
}

impl Hands for Effects {
    fn has_room(&self) -> bool {
        self.finisher.journal.has_room()
    }

    fn journal(&self, events: Vec<Vec<u8>>) -> Later<u64> {
        Box::pin(self.finisher.journal.facts(events))
    }

    fn checkpoint(&self, state: Vec<u8>) {
        let (durable, feed) = (self.finisher.journal.checkpoint(state), self.feed.clone());
        tokio::spawn(async move {
            if let Some(number) = durable.await {
                feed.pass(number);
            }
        });
    }

    fn darken(&self, calls: Vec<CallId>, order: Order) -> Later<Wall> {
        self.finisher.media.darken(calls, order, self.clock.now())
    }

    fn tell(&self, events: Vec<Event>, number: u64) {
        for event in &events {
            if let Some((owner, what)) = self.blackouts.lock().take(event) {
                self.finisher.alarms.raise(Kind::BlackoutsOverNorm, about(&owner), what);
            }
            match event {
                // One that is not recorded has no finisher to say so.
                Event::CallEnded { call, .. } => self.finisher.alarms.call_is_over(*call),
                Event::RecordingDeclined { .. } => self.finisher.metrics.calls_not_kept.increment(),
                Event::CallForgotten { call } => self.finisher.chronicles.forget(*call),
                _ => {}
            }
        }
        self.feed.tell_facts(self.clock.now(), &events, number);
    }

    fn keep(&self, call: CallId, recording: RecordingId) -> Later<()> {
        let (done, reached) = oneshot::channel();
        self.finisher.media.tell(call, media::Instruction::Keep { call, recording, done });
        let desk = self.finisher.desk.clone();
        let (tell, told) = oneshot::channel();
        self.tasks.spawn(async move {
            match reached.await {
                // The journal takes one after the other: with this fact all that was held back is durable.
                Ok(from) => {
                    if desk.reached(recording, from).await.is_ok() {
                        let _ = tell.send(());
                    }
                }
                Err(_) => tracing::error!(recording.id = %recording, "what was held back of it is not there"),
            }
        });
        Box::pin(async move {
            if told.await.is_err() {
                // What is not durable must never be said to be.
                std::future::pending::<()>().await;
            }
        })
    }

    fn settled(&self, calls: Vec<CallId>) -> Later<()> {
        let media = self.finisher.media.clone();
        Box::pin(async move { media.settled(calls).await })
    }

    fn carry_out(&self, effect: Effect, order: Order) {
        let media = &self.finisher.media;
        match effect {
            Effect::Record { call, recording, gates } => {
                media.tell(call, media::Instruction::Record { call, recording, gates, order });
            }
            Effect::HoldBack { call, recording, gates } => {
                media.tell(call, media::Instruction::HoldBack { call, recording, gates, order });
            }
            Effect::Wipe { call } => media.tell(call, media::Instruction::Wipe { call }),
            Effect::Keep { .. } => unreachable!("the desk has it kept"),
            Effect::Guard { call, gate } => media.tell(call, media::Instruction::Guard { call, gate, order }),
            Effect::Darken { .. } => unreachable!("the desk darkens before it carries out"),
            Effect::Lighten { calls, at } => media.lighten(calls, at, order),
            Effect::Pause { call, stream, resumed } => {
                media.tell(call, media::Instruction::Pause { call, stream, resumed });
            }
            Effect::Stop { call, recording } => {
                self.tasks.spawn(self.finisher.clone().stop(call, recording));
            }
            Effect::Annotate { recording, fields } => {
                let finisher = self.finisher.clone();
                self.tasks.spawn(async move { finisher.annotate(recording, fields).await });
            }
            Effect::Alarm(alarm) => raise(&alarm, &self.finisher.alarms),
        }
    }
}

/// A device's number is somebody's number: it stays out of the log.
fn about(owner: &Owner) -> About {
    About::Owner(match owner {
        Owner::Agent(id) => format!("agent {id}"),
        Owner::Device(_) => "a device".to_owned(),
    })
}

fn raise(alarm: &Alarm, alarms: &Alarms) {
    match alarm {
        Alarm::AmbiguousAgent { call, agents } => {
            alarms.raise(Kind::AmbiguousAgent, About::Call(*call), format!("{agents} agents match"));
        }
        Alarm::BlackoutTimedOut { owner, resumed } => {
            let then = if *resumed { "recording resumes" } else { "it stays dark" };
            alarms.raise(Kind::BlackoutTimedOut, about(owner), then);
        }
        Alarm::CardNumberStruckOut { call, by_command } => {
            let from = if *by_command { "from a command" } else { "from the recording client" };
            alarms.raise(Kind::CardNumber, About::Call(*call), from);
        }
    }
}
