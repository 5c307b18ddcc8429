//! Carries out what was decided, in the order it was decided, once it is durable; then tells the asker.

use std::sync::Arc;

use calls::effect::Effect;
use calls::event::Event;
use calls::id::CallId;
use tokio::sync::mpsc;

use super::handle::{AskError, Reply, Told};
use super::{Hands, Later, Order};
use calls::time::Wall;

/// How many decisions may wait for the disk. Beyond it the desk refuses new ones; closing gates goes on.
const LIMIT: usize = 4_096;

/// One decision on its way to being carried out.
pub(super) struct Item {
    pub(super) darkened: Option<Later<Wall>>,
    pub(super) durable: Option<Later<u64>>,
    pub(super) events: Vec<Event>,
    pub(super) effects: Vec<Effect>,
    pub(super) order: Order,
    pub(super) told: Told,
    pub(super) reply: Reply,
}

pub(super) struct Carry {
    items: mpsc::Sender<Item>,
}

impl Carry {
    pub(super) fn start(hands: Arc<dyn Hands>) -> Self {
        // Blackouts in their second step come on top of the decisions the limit counts.
        let (items, waiting) = mpsc::channel(2 * LIMIT);
        tokio::spawn(run(waiting, hands));
        Self { items }
    }

    pub(super) fn has_room(&self) -> bool {
        self.items.capacity() > LIMIT
    }

    pub(super) fn put(&self, item: Item) {
        if let Err(full) = self.items.try_send(item) {
            tracing::error!("too many decisions wait for the disk; one is carried out only after a restart");
            let _ = full.into_inner().reply.send(Err(AskError::NotDurable));
        }
    }
}

/// The calls whose media are kept otherwise from now on.
fn changed_calls(effect: &Effect) -> Vec<CallId> {
    match effect {
        Effect::Record { call, .. }
        | Effect::HoldBack { call, .. }
        | Effect::Keep { call, .. }
        | Effect::Wipe { call }
        | Effect::Stop { call, .. } => vec![*call],
        Effect::Lighten { calls, .. } => calls.clone(),
        _ => Vec::new(),
    }
}

async fn run(mut items: mpsc::Receiver<Item>, hands: Arc<dyn Hands>) {
    while let Some(item) = items.recv().await {
        let Item { darkened, durable, events, effects, order, told, reply } = item;
        if let Some(darkened) = darkened {
            darkened.await;
        }
        if let Some(durable) = durable {
            let number = durable.await;
            hands.tell(events, number);
        }
        let is_command = matches!(told, Told::View(_));
        let calls: Vec<CallId> = effects.iter().flat_map(changed_calls).collect();
        let mut kept = Vec::new();
        for effect in effects {
            match effect {
                Effect::Keep { call, recording } => kept.push(hands.keep(call, recording)),
                effect => hands.carry_out(effect, order),
            }
        }
        // The asker may have given up waiting; what was decided is done all the same.
        let answer = || drop(reply.send(Ok(told)));
        if !is_command || calls.is_empty() {
            answer();
            continue;
        }
        // Who commands may send, or have others speak, by the answer. The next decision does not wait for it.
        let settled = hands.settled(calls);
        tokio::spawn(async move {
            settled.await;
            for kept in kept {
                kept.await;
            }
            answer();
        });
    }
}
