//! The calls and streams of one media thread, and what it is told of them.
//!
//! No socket is read and no clock asked here: packets, instructions and the time come in as arguments, and packed blocks
//! wait in [`Table::batch`] until somebody takes them to the journal. What a stream comes in by is no matter here: `S`.

mod hold;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use calls::gate::{Closed, Gate};
use calls::id::{CallId, RecordingId, StreamNumber};
use calls::time::Wall;
use rtp::supervision::Patience;
use rtp::{Receiver, ReceiverConfig};
use slab::Slab;
use tokio::sync::oneshot;
use vault::{FrameBatch, Intake};

use super::call::{CallMedia, Out, StreamMedia};
use super::held::HoldBack;
use super::instruction::{Finished, Instruction};
use super::steps::Steps;
use super::tap::Tap;
use crate::clock::SystemClock;
use crate::desk::Order;
use crate::keep::manifest::ClockReport;
pub(super) use hold::HeldCounts;
use hold::Hold;

/// How long a call's packets may be packed before they leave for the journal, which hands them to the kernel at
/// once. With a tick before and a tick after, and as much again for a machine that is busy, a killed process loses less than
/// 200 ms (E2-01).
const BLOCK_AGE: Duration = Duration::from_millis(80);

/// Packed blocks that may wait in a thread while the journal is stalled: some 20 s of a thousand streams
/// (E2-08 asks for ten). Beyond it packets are dropped and counted.
const BATCH_LIMIT_BYTES: usize = 160 * 1024 * 1024;

/// A stream and where it comes in; without sockets once it was removed.
pub(crate) struct Port<S> {
    pub(super) stream: StreamMedia,
    pub(crate) sockets: Option<S>,
    /// The progress of protected sources that was told last.
    pub(super) told: u64,
}

/// What a thread sees of the time while it does something.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'s> {
    pub(crate) now: Wall,
    /// The system clock, where somebody asks for it.
    pub(crate) system: &'s dyn Fn() -> SystemClock,
    pub(crate) steps: &'s Steps,
}

/// See the module's head.
pub(crate) struct Table<S> {
    intake: Intake,
    patience: Patience,
    pub(super) calls: Slab<CallMedia>,
    places: HashMap<CallId, usize>,
    pub(crate) ports: Slab<Port<S>>,
    /// Packed blocks on their way.
    pub(crate) batch: FrameBatch,
    /// Calls with packets in open blocks, and since when; oldest first. A call that went on without waiting for
    /// its turn leaves its entry behind.
    packing: VecDeque<(Wall, usize)>,
    /// Recordings that are stopped, to be answered for when the batch has left.
    leaving: Vec<(oneshot::Sender<Finished>, Finished)>,
    /// Who waits for the batch to have left.
    flushed: Vec<oneshot::Sender<()>>,
    /// What is held back, and what was and is on its way.
    hold: Hold,
    /// Where packets of watched legs are taken to as well.
    tap: Option<Tap>,
}

impl<S> Table<S> {
    pub(crate) fn new(intake: Intake, patience: Patience, hold_back: HoldBack) -> Self {
        Self {
            intake,
            patience,
            calls: Slab::new(),
            places: HashMap::new(),
            ports: Slab::new(),
            batch: FrameBatch::new(),
            packing: VecDeque::new(),
            leaving: Vec::new(),
            flushed: Vec::new(),
            hold: Hold::new(hold_back),
            tap: None,
        }
    }

    /// The same, from which packets of watched legs are taken there as well.
    pub(super) fn tapped(self, tap: Tap) -> Self {
        Self { tap: Some(tap), ..self }
    }

    /// Does what does not concern sockets. `Open`, `Close` and `End` are the caller's.
    pub(crate) fn obey(&mut self, instruction: Instruction, seen: Seen<'_>) {
        let now = seen.now;
        match instruction {
            Instruction::Open { .. } | Instruction::Close { .. } | Instruction::End { .. } => {}
            Instruction::Update { call, stream, receiver, remote_rtcp } => {
                if let Some(at) = self.port(call, stream) {
                    let stream = &mut self.ports[at].stream;
                    stream.receiver.update(receiver);
                    stream.remote_rtcp = remote_rtcp;
                }
            }
            Instruction::Expect { call, paused } => {
                let at = self.call(call, now);
                self.calls[at].supervision.set_paused(now.as_ns(), paused);
            }
            Instruction::Answered { call, carrier, streams, answers } => {
                let port = |stream: &StreamNumber| self.port(call, *stream);
                let legs: Vec<usize> =
                    streams.iter().filter_map(port).map(|at| self.ports[at].stream.leg).collect();
                let at = self.call(call, now);
                self.calls[at].supervision.answered(now.as_ns(), carrier, &legs, answers);
            }
            Instruction::Record { call, recording, gates, order } => {
                let at = self.call(call, now);
                self.calls[at].record(self.intake.begin(recording), now, (seen.system)());
                gates.into_iter().for_each(|gate| self.guard(call, gate, order, now));
            }
            Instruction::HoldBack { call, recording, gates, order } => {
                let at = self.call(call, now);
                self.calls[at].hold_back(self.intake.begin(recording), now, (seen.system)());
                self.hold.begins(at);
                gates.into_iter().for_each(|gate| self.guard(call, gate, order, now));
            }
            Instruction::Keep { call, recording, done } => self.keep(call, recording, done),
            Instruction::Wipe { call } => self.wipe(call),
            Instruction::Guard { call, gate, order } => self.guard(call, gate, order, now),
            Instruction::Darken { calls, order, done } => {
                calls.into_iter().for_each(|call| self.darken(call, order, now));
                let _ = done.send(now);
            }
            Instruction::Lighten { calls, at, order } => {
                calls.into_iter().for_each(|call| self.lighten(call, at, order));
            }
            Instruction::Pause { call, stream, resumed } => {
                let at = self.port(call, stream);
                let gate = at.and_then(|at| self.ports[at].stream.gate());
                match (gate, resumed) {
                    (Some(gate), Some(at)) => gate.open(Closed::Paused, at),
                    (Some(gate), None) => gate.close(Closed::Paused),
                    (None, _) => {}
                }
            }
            Instruction::Stop { call, recording, done } => self.stop(call, recording, done, seen),
            Instruction::Flush { done } => {
                self.calls.iter_mut().for_each(|(_, call)| call.flush(&mut self.batch));
                self.flushed.push(done);
            }
            Instruction::Settle { done } => drop(done.send(())),
            Instruction::Watch { calls, until } => {
                // One that is not known here is over, or has no media yet and is told of again.
                for at in calls.iter().filter_map(|call| self.places.get(call)) {
                    self.calls[*at].watch(until);
                }
            }
        }
    }

    /// The place of a stream, made if it was not there; one that was goes on by what is agreed now, as when RTCP is moved
    /// onto the media port.
    pub(crate) fn open(
        &mut self,
        id: CallId,
        number: StreamNumber,
        config: ReceiverConfig,
        now: Wall,
    ) -> usize {
        if let Some(place) = self.port(id, number) {
            self.ports[place].stream.receiver.update(config);
            return place;
        }
        let at = self.call(id, now);
        let call = &mut self.calls[at];
        let leg = call.supervision.add_leg();
        let mut stream = StreamMedia::new(number, at, leg, Receiver::new(config));
        if let Some(gate) = call.early_gate(number) {
            stream.guard(gate);
        }
        let place = self.ports.insert(Port { stream, sockets: None, told: 0 });
        call.streams.push(place);
        place
    }

    /// Takes a stream's sockets; its ledger stays until the recording is stopped.
    pub(crate) fn close(&mut self, call: CallId, number: StreamNumber) -> Option<(usize, S)> {
        let place = self.port(call, number)?;
        Some((place, self.ports[place].sockets.take()?))
    }

    /// Lets a call go: its last blocks are packed, and what its streams came in by is the caller's.
    pub(crate) fn end(&mut self, call: CallId) -> Vec<Port<S>> {
        let Some(at) = self.places.remove(&call) else { return Vec::new() };
        let mut call = self.calls.remove(at);
        call.flush(&mut self.batch);
        self.hold.ends(at, &mut call);
        call.streams.into_iter().map(|place| self.ports.remove(place)).collect()
    }

    /// Whether packets may be packed still.
    pub(super) fn has_room(&self) -> bool {
        self.batch.bytes() < BATCH_LIMIT_BYTES
    }

    /// A datagram came at the media port of a stream.
    pub(crate) fn datagram(&mut self, place: usize, arrival: Wall, from: SocketAddr, bytes: &mut [u8]) {
        let mut room = self.has_room();
        let Some(Port { stream, .. }) = self.ports.get_mut(place) else { return };
        let Some(call) = self.calls.get_mut(stream.call) else { return };
        if call.is_held() {
            room = self.hold.has_room();
        }
        stream.datagram(
            call,
            arrival,
            from,
            bytes,
            Out { batch: &mut self.batch, room, tap: self.tap.as_ref() },
        );
    }

    /// A datagram with a report came for a stream.
    pub(super) fn report(&mut self, place: usize, arrival: Wall, from: SocketAddr, bytes: &mut [u8]) {
        if let Some(Port { stream, .. }) = self.ports.get_mut(place) {
            let _ = stream.receiver.receive_rtcp(arrival.as_ns(), from, bytes);
        }
    }

    /// Notes that datagrams of a stream were read.
    pub(crate) fn was_read(&mut self, place: usize, now: Wall) {
        let Some(Port { stream, .. }) = self.ports.get(place) else { return };
        let at = stream.call;
        if self.calls.get_mut(at).is_some_and(|call| call.begins_packing(now)) {
            self.packing.push_back((now, at));
        }
    }

    /// Hands blocks over that have been open for long. Only calls that are due are looked at; both legs leave
    /// together, so that they lie side by side in the journal.
    pub(crate) fn flush(&mut self, now: Wall) {
        while let Some(&(since, at)) = self.packing.front()
            && now.since(since) >= BLOCK_AGE
        {
            self.packing.pop_front();
            if let Some(call) = self.calls.get_mut(at).filter(|call| call.packing_since() == Some(since)) {
                call.flush(&mut self.batch);
            }
        }
    }

    /// Gives the batch away, and answers for what was in it. Does nothing if `take` gives the batch back.
    pub(crate) fn hand_over(
        &mut self,
        spare: impl FnOnce() -> FrameBatch,
        take: impl FnOnce(FrameBatch) -> Result<(), FrameBatch>,
    ) {
        if !self.batch.is_empty() {
            let batch = std::mem::replace(&mut self.batch, spare());
            if let Err(batch) = take(batch) {
                self.batch = batch;
                return;
            }
        }
        self.hold.answer();
        for (done, finished) in self.leaving.drain(..) {
            let _ = done.send(finished);
        }
        if self.hold.is_on_its_way() {
            return;
        }
        for done in self.flushed.drain(..) {
            let _ = done.send(());
        }
    }

    fn guard(&mut self, call: CallId, gate: Gate, order: Order, now: Wall) {
        let port = self.port(call, gate.stream());
        let at = self.call(call, now);
        let stream = port.map(|port| &mut self.ports[port].stream);
        self.calls[at].guard(stream, gate, order);
    }

    fn darken(&mut self, call: CallId, order: Order, now: Wall) {
        let at = self.call(call, now);
        self.calls[at].darken(order);
        for &place in &self.calls[at].streams {
            if let Some(gate) = self.ports[place].stream.gate() {
                gate.close(Closed::Blackout);
            }
        }
    }

    fn lighten(&mut self, call: CallId, from: Wall, order: Order) {
        // One that is not known here is over: its instructions come in the order of the decisions.
        let Some(&at) = self.places.get(&call) else { return };
        if !self.calls[at].may_lighten(from, order) {
            return;
        }
        for &place in &self.calls[at].streams {
            if let Some(gate) = self.ports[place].stream.gate() {
                gate.open(Closed::Blackout, from);
            }
        }
    }

    fn stop(
        &mut self,
        call: CallId,
        recording: RecordingId,
        done: oneshot::Sender<Finished>,
        seen: Seen<'_>,
    ) {
        let (mut finished, mut last) = (Finished::default(), None);
        // A recording of an earlier run is stopped too, and its call was never known here.
        if let Some(&at) = self.places.get(&call)
            && self.calls[at].recording() == Some(recording)
        {
            self.calls[at].flush(&mut self.batch);
            finished.reach = self.calls[at].reach();
            last = self.calls[at].go_on(recording);
            self.calls[at].stop(recording, &mut self.batch);
            for &place in &self.calls[at].streams {
                finished.add(self.ports[place].stream.unguard());
            }
            finished.clock = self.calls[at].begun().map(|(since, at_start)| ClockReport {
                at_start,
                at_stop: (seen.system)(),
                steps: seen.steps.since(since),
            });
        }
        if let Some(answer) = self.hold.leaves(recording, last, (done, finished)) {
            self.leaving.push(answer);
        }
    }

    fn call(&mut self, id: CallId, now: Wall) -> usize {
        let patience = self.patience;
        *self.places.entry(id).or_insert_with(|| self.calls.insert(CallMedia::new(id, now, patience)))
    }

    /// The place of a stream.
    pub(crate) fn port(&self, call: CallId, number: StreamNumber) -> Option<usize> {
        let call = self.calls.get(*self.places.get(&call)?)?;
        call.streams.iter().copied().find(|&place| self.ports[place].stream.number == number)
    }
}

#[cfg(test)]
mod tests;
