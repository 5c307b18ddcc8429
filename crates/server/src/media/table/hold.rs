//! What a thread holds back, and how it leaves for the journal once it is kept: a share with each tick, so that neither the
//! thread nor the journal is taken up by it.

use std::collections::VecDeque;

use calls::id::{CallId, RecordingId};
use calls::time::Wall;
use rtp::Ledger;
use tokio::sync::oneshot;
use vault::FrameBatch;

use super::Table;
use crate::media::call::CallMedia;
use crate::media::held::HoldBack;
use crate::media::instruction::Finished;

/// Of what was held back, so much is added to the batch of one tick.
const HAND_OVER_BYTES: usize = 4 << 20;

/// What a thread has held back and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct HeldCounts {
    /// Calls that are held back now.
    pub(crate) calls: u64,
    /// Memory that is taken now, with what is kept and still on its way.
    pub(crate) bytes: u64,
    /// Calls that were kept.
    pub(crate) kept: u64,
    /// Calls that were wiped.
    pub(crate) wiped: u64,
    /// Bytes that left the memory while their call was held back: over the time, or over the limit.
    pub(crate) over_time_bytes: u64,
    pub(crate) over_limit_bytes: u64,
}

type Answer = (oneshot::Sender<Finished>, Finished);

/// A recording of which some was held back and is kept now.
struct OnItsWay {
    call: usize,
    recording: RecordingId,
    pieces: VecDeque<FrameBatch>,
    from: Wall,
    done: oneshot::Sender<Wall>,
    /// Whom to answer if it was stopped meanwhile.
    stopped: Option<Answer>,
}

impl OnItsWay {
    fn bytes(&self) -> usize {
        self.pieces.iter().map(FrameBatch::memory_bytes).sum()
    }
}

/// See the module's head.
pub(super) struct Hold {
    limits: HoldBack,
    /// Places of calls that are held back.
    held: Vec<usize>,
    on_its_way: VecDeque<OnItsWay>,
    /// To be told when the batch has left.
    gone: Vec<(oneshot::Sender<Wall>, Wall)>,
    counts: HeldCounts,
}

impl Hold {
    pub(super) fn new(limits: HoldBack) -> Self {
        let counts = HeldCounts::default();
        Self { limits, held: Vec::new(), on_its_way: VecDeque::new(), gone: Vec::new(), counts }
    }

    pub(super) fn begins(&mut self, at: usize) {
        if !self.held.contains(&at) {
            self.held.push(at);
        }
    }

    /// A call is let go; what is held back of it with it.
    pub(super) fn ends(&mut self, at: usize, call: &mut CallMedia) {
        self.counts.wiped += u64::from(call.wipe());
        self.held.retain(|held| *held != at);
    }

    /// Whether packets of calls that are held back may be packed: older ones make room, unless the journal takes nothing.
    pub(super) fn has_room(&self) -> bool {
        self.counts.bytes <= (self.limits.bytes as u64).saturating_mul(2)
    }

    pub(super) fn is_on_its_way(&self) -> bool {
        !self.on_its_way.is_empty()
    }

    /// A recording was stopped: `last` is what is still to go behind what was held back. Gives back the answer if it need not
    /// wait for that.
    pub(super) fn leaves(
        &mut self,
        recording: RecordingId,
        last: Option<FrameBatch>,
        answer: Answer,
    ) -> Option<Answer> {
        match self.on_its_way.iter_mut().find(|way| way.recording == recording) {
            Some(way) => {
                way.pieces.extend(last);
                way.stopped = Some(answer);
                None
            }
            None => Some(answer),
        }
    }

    /// Says that what was kept has left with the batch.
    pub(super) fn answer(&mut self) {
        for (done, from) in self.gone.drain(..) {
            let _ = done.send(from);
        }
    }
}

impl<S> Table<S> {
    /// What is held back now, and what became of what was.
    pub(crate) fn held_counts(&self) -> HeldCounts {
        self.hold.counts
    }

    pub(super) fn keep(&mut self, call: CallId, recording: RecordingId, done: oneshot::Sender<Wall>) {
        let Some(&at) = self.places.get(&call) else { return };
        let Some((pieces, from)) = self.calls[at].keep_held(recording) else { return };
        self.hold.held.retain(|held| *held != at);
        self.hold.counts.kept += 1;
        let way = OnItsWay { call: at, recording, pieces, from, done, stopped: None };
        self.hold.on_its_way.push_back(way);
    }

    pub(super) fn wipe(&mut self, call: CallId) {
        let Some(&at) = self.places.get(&call) else { return };
        if self.calls[at].wipe() {
            self.hold.counts.wiped += 1;
            for &place in &self.calls[at].streams {
                self.ports[place].stream.unguard();
            }
        }
        self.hold.held.retain(|held| *held != at);
    }

    /// Lets go of what is older than may be held, and of the oldest where it is too much.
    pub(crate) fn hold(&mut self, now: Wall) {
        let limits = self.hold.limits;
        for at in self.hold.held.clone() {
            let Some((held, _)) = self.calls.get_mut(at).and_then(CallMedia::held) else { continue };
            if held.is_full(now, limits) {
                self.turn(at, now);
            }
            while self.calls[at].held().is_some_and(|(held, _)| held.is_over(now, limits)) {
                self.hold.counts.over_time_bytes += self.drop_oldest(at);
            }
        }
        let mut bytes = self.held_bytes();
        while bytes > limits.bytes
            && let Some((at, is_one)) = self.oldest()
        {
            if is_one {
                self.turn(at, now);
            }
            self.hold.counts.over_limit_bytes += self.drop_oldest(at);
            bytes = self.held_bytes();
        }
        self.hold.counts.bytes = bytes as u64;
        self.hold.counts.calls = self.hold.held.len() as u64;
    }

    /// Adds a share of what was kept to the batch, if the journal `takes` it.
    pub(crate) fn give_kept(&mut self, takes: bool) {
        while takes && self.batch.bytes() < HAND_OVER_BYTES {
            let Some(way) = self.hold.on_its_way.front_mut() else { return };
            if let Some(piece) = way.pieces.pop_front() {
                self.batch.append(&piece);
                continue;
            }
            let Some(OnItsWay { call, recording, from, done, stopped, .. }) =
                self.hold.on_its_way.pop_front()
            else {
                return;
            };
            if let Some(last) = self.calls.get_mut(call).and_then(|call| call.go_on(recording)) {
                self.batch.append(&last);
            }
            self.hold.gone.push((done, from));
            self.leaving.extend(stopped);
        }
    }

    /// The call that holds the oldest piece, of those that hold anything, and whether that is its open one.
    fn oldest(&mut self) -> Option<(usize, bool)> {
        let mut oldest: Option<(Wall, usize, bool)> = None;
        for at in &self.hold.held {
            let Some((held, _)) = self.calls.get_mut(*at).and_then(CallMedia::held) else { continue };
            if held.bytes() > 0 && oldest.is_none_or(|(begun, ..)| held.oldest() < begun) {
                oldest = Some((held.oldest(), *at, held.is_one()));
            }
        }
        oldest.map(|(_, at, is_one)| (at, is_one))
    }

    fn turn(&mut self, at: usize, now: Wall) {
        let call = &mut self.calls[at];
        let ledger =
            |place: &usize| -> (usize, Ledger) { (*place, self.ports[*place].stream.ledger().clone()) };
        let ledgers = call.streams.iter().map(ledger).collect();
        if let Some((held, writer)) = call.held() {
            held.turn(now, writer, ledgers);
        }
    }

    fn drop_oldest(&mut self, at: usize) -> u64 {
        let dropped = self.calls[at].held().and_then(|(held, _)| held.drop_oldest());
        let Some((bytes, ledgers)) = dropped else { return 0 };
        for (place, ledger) in ledgers {
            if let Some(port) = self.ports.get_mut(*place) {
                port.stream.begin_at(ledger);
            }
        }
        bytes as u64
    }

    fn held_bytes(&mut self) -> usize {
        let mut bytes: usize = self.hold.on_its_way.iter().map(OnItsWay::bytes).sum();
        for at in &self.hold.held {
            if let Some((held, _)) = self.calls.get_mut(*at).and_then(CallMedia::held) {
                bytes += held.bytes();
            }
        }
        bytes
    }
}
