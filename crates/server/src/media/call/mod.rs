//! A call and its streams as their media thread holds them.
//!
//! No socket is read here: packets and orders come in as arguments, so that the way of a packet can be tested
//! without any.

use std::collections::VecDeque;
use std::time::Duration;

use calls::gate::{Closed, Gate, Refused};
use calls::id::{CallId, RecordingId, StreamNumber};
use calls::packet::Packet;
use calls::time::Wall;
use rtp::supervision::{Patience, Supervision};
use rtp::{Kind, Ledger, Outcome, Receiver, Verdict, withhold_digit};
use std::net::SocketAddr;
use vault::{FrameBatch, RecordingWriter};

use super::held::Held;
use super::instruction::{Finished, StreamFinished};
use super::tap::{Tap, Turn};
use crate::clock::SystemClock;
use crate::desk::Order;

/// A call on its thread.
pub(super) struct CallMedia {
    pub(super) id: CallId,
    pub(super) supervision: Supervision,
    /// Places of its streams in the thread's table.
    pub(super) streams: Vec<usize>,
    writer: Option<RecordingWriter>,
    /// What is held back, or was and has not gone to the journal: then what comes goes behind it.
    held: Option<Held>,
    /// From when on the recording is kept, if its beginning was held back.
    reach: Option<Wall>,
    /// When its recording was begun, and what the system clock was like.
    begun: Option<(Wall, SystemClock)>,
    /// Whether packets went into blocks since the last flush, and since when that is known.
    packed: bool,
    packing_since: Option<Wall>,
    /// The last decision that darkened it.
    darkened: Option<Order>,
    /// Gates that came before their stream was opened.
    early_gates: Vec<Gate>,
    /// Until when somebody watches how loud its legs are.
    watched_until: Wall,
}

/// A stream on its thread.
pub(super) struct StreamMedia {
    pub(super) number: StreamNumber,
    pub(super) call: usize,
    pub(super) leg: usize,
    pub(super) receiver: Receiver,
    pub(super) remote_rtcp: Option<SocketAddr>,
    gate: Option<Gate>,
    /// The ledger as it was when the present recording began.
    baseline: Ledger,
    /// The ledger as it was when it was last counted.
    counted: Ledger,
    /// Which of its packets are measured.
    turn: Turn,
}

impl CallMedia {
    pub(super) fn new(id: CallId, now: Wall, patience: Patience) -> Self {
        Self {
            id,
            supervision: Supervision::new(now.as_ns(), 0, patience),
            streams: Vec::new(),
            writer: None,
            held: None,
            reach: None,
            begun: None,
            packed: false,
            packing_since: None,
            darkened: None,
            early_gates: Vec::new(),
            watched_until: Wall::from_ns(i64::MIN),
        }
    }

    /// Has the loudness of its legs measured until then.
    pub(super) fn watch(&mut self, until: Wall) {
        self.watched_until = self.watched_until.max(until);
    }

    /// Begins to keep media with `writer`.
    pub(super) fn record(&mut self, writer: RecordingWriter, now: Wall, clock: SystemClock) {
        self.writer = Some(writer);
        self.begun = Some((now, clock));
        (self.held, self.reach) = (None, None);
    }

    /// Begins to hold media back, packed with `writer`.
    pub(super) fn hold_back(&mut self, writer: RecordingWriter, now: Wall, clock: SystemClock) {
        self.record(writer, now, clock);
        self.held = Some(Held::begin(now));
    }

    /// What is held back, with the writer that packs it.
    pub(super) fn held(&mut self) -> Option<(&mut Held, &mut RecordingWriter)> {
        self.held.as_mut().zip(self.writer.as_mut())
    }

    /// Whether something waits in memory before what comes.
    pub(super) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Keeps what is held back: all of it but the last piece goes out, and says from when on it is. What comes goes to the
    /// last piece until [`Self::go_on`].
    pub(super) fn keep_held(&mut self, recording: RecordingId) -> Option<(VecDeque<FrameBatch>, Wall)> {
        let writer = self.writer.as_mut().filter(|writer| writer.recording() == recording)?;
        let (pieces, from) = self.held.as_mut()?.keep(writer)?;
        self.reach = Some(from);
        Some((pieces, from))
    }

    /// The last piece of what was held back: from now on packets go to the batch. Nothing if it is another recording's.
    pub(super) fn go_on(&mut self, recording: RecordingId) -> Option<FrameBatch> {
        if self.recording() != Some(recording) {
            return None;
        }
        self.held.take_if(|held| held.is_kept()).map(Held::into_last)
    }

    /// Forgets what is held back; false if nothing was.
    pub(super) fn wipe(&mut self) -> bool {
        let was_held = self.held.take_if(|held| !held.is_kept()).is_some();
        if was_held {
            self.writer = None;
            (self.packed, self.packing_since) = (false, None);
            self.early_gates.clear();
        }
        was_held
    }

    /// From when on the recording is kept, if its beginning was held back.
    pub(super) fn reach(&self) -> Option<Wall> {
        self.reach
    }

    /// When the recording was begun, and what the system clock was like then.
    pub(super) fn begun(&self) -> Option<(Wall, SystemClock)> {
        self.begun
    }

    pub(super) fn recording(&self) -> Option<RecordingId> {
        self.writer.as_ref().map(RecordingWriter::recording)
    }

    /// Puts a gate before a stream. A gate decided before the last darkening is closed by it.
    pub(super) fn guard(&mut self, stream: Option<&mut StreamMedia>, mut gate: Gate, order: Order) {
        if self.darkened.is_some_and(|darkened| darkened > order) {
            gate.close(Closed::Blackout);
        }
        match stream {
            Some(stream) => stream.guard(gate),
            None => self.early_gates.push(gate),
        }
    }

    /// The gate that came before its stream did.
    pub(super) fn early_gate(&mut self, stream: StreamNumber) -> Option<Gate> {
        let place = self.early_gates.iter().position(|gate| gate.stream() == stream)?;
        Some(self.early_gates.swap_remove(place))
    }

    /// Notes a darkening; the streams' gates are closed by the caller.
    pub(super) fn darken(&mut self, order: Order) {
        self.darkened = self.darkened.max(Some(order));
        for gate in &mut self.early_gates {
            gate.close(Closed::Blackout);
        }
    }

    /// Whether an opening decided at `order` may open: no later decision has darkened the call.
    pub(super) fn may_lighten(&mut self, at: Wall, order: Order) -> bool {
        let may = self.darkened.is_none_or(|darkened| darkened < order);
        if may {
            for gate in &mut self.early_gates {
                gate.open(Closed::Blackout, at);
            }
        }
        may
    }

    /// Takes a kept packet to its recording, if its gate lets it.
    fn keep(&mut self, stream: &mut StreamMedia, packet: Packet<'_>, kind: Kind, out: Out<'_>) -> Outcome {
        let (Some(gate), Some(writer)) = (&stream.gate, &mut self.writer) else { return Outcome::Unrecorded };
        let arrival = packet.arrival;
        match gate.admit(arrival, packet) {
            Err(Refused(Closed::Blackout)) => Outcome::Dark,
            Err(Refused(Closed::Paused)) => Outcome::Paused,
            Ok(_) if !out.room => Outcome::Dropped,
            Ok(admitted) => {
                if arrival < self.watched_until
                    && kind == Kind::Audio
                    && self.held.is_none()
                    && let Some((tap, begins)) = out.tap.zip(stream.turn.of(arrival))
                {
                    tap.take(self.id, &admitted, begins);
                }
                let batch = self.held.as_mut().map_or(out.batch, |held| held.take(arrival));
                match writer.append(admitted, batch) {
                    Ok(()) => {
                        self.packed = true;
                        Outcome::Stored
                    }
                    Err(error) => {
                        tracing::error!(call.id = %self.id, %error, "a packet could not be packed");
                        Outcome::Dropped
                    }
                }
            }
        }
    }

    /// Whether packets have begun to wait in blocks; then they count as waiting since `now`.
    pub(super) fn begins_packing(&mut self, now: Wall) -> bool {
        let begins = self.packed && self.packing_since.is_none();
        if begins {
            self.packing_since = Some(now);
        }
        begins
    }

    /// Since when packets wait in blocks, if any do.
    pub(super) fn packing_since(&self) -> Option<Wall> {
        self.packing_since
    }

    /// Hands all blocks over to the batch.
    pub(super) fn flush(&mut self, out: &mut FrameBatch) {
        (self.packed, self.packing_since) = (false, None);
        let Some(writer) = &mut self.writer else { return };
        match &mut self.held {
            None => writer.flush(Wall::EPOCH, Duration::ZERO, out),
            Some(held) if held.is_kept() => writer.flush(Wall::EPOCH, Duration::ZERO, held.last()),
            // Nobody waits for it; full blocks take less room.
            Some(_) => {}
        }
    }

    /// Ends the recording: its last blocks go to the batch, or behind what was held back.
    pub(super) fn stop(&mut self, recording: RecordingId, out: &mut FrameBatch) -> bool {
        if self.recording() != Some(recording) {
            return false;
        }
        self.flush(out);
        self.writer = None;
        self.early_gates.clear();
        true
    }
}

impl StreamMedia {
    pub(super) fn new(number: StreamNumber, call: usize, leg: usize, receiver: Receiver) -> Self {
        Self {
            number,
            call,
            leg,
            receiver,
            remote_rtcp: None,
            gate: None,
            baseline: Ledger::default(),
            counted: Ledger::default(),
            turn: Turn::default(),
        }
    }

    pub(super) fn guard(&mut self, gate: Gate) {
        self.baseline = self.receiver.ledger().clone();
        self.gate = Some(gate);
    }

    pub(super) fn gate(&mut self) -> Option<&mut Gate> {
        self.gate.as_mut()
    }

    /// What came since this was last asked.
    pub(super) fn uncounted(&mut self) -> Ledger {
        let now = self.receiver.ledger().clone();
        let part = now.since(&self.counted);
        self.counted = now;
        part
    }

    /// The ledger so far.
    pub(super) fn ledger(&self) -> &Ledger {
        self.receiver.ledger()
    }

    /// Has the present recording begin where the ledger was as it says.
    pub(super) fn begin_at(&mut self, baseline: &Ledger) {
        if self.gate.is_some() {
            self.baseline.clone_from(baseline);
        }
    }

    /// Takes the gate away: nothing more is kept. Says what became of the packets since it was put there.
    pub(super) fn unguard(&mut self) -> Option<StreamFinished> {
        self.gate.take()?;
        Some(StreamFinished {
            number: self.number,
            ledger: self.receiver.ledger().since(&self.baseline),
            sender_clocks: self.receiver.sender_clocks().to_vec(),
        })
    }

    /// One pass for one datagram of the media port.
    pub(super) fn datagram(
        &mut self,
        call: &mut CallMedia,
        arrival: Wall,
        from: SocketAddr,
        bytes: &mut [u8],
        out: Out<'_>,
    ) {
        let Verdict::Keep(packet, kind) = self.receiver.receive(arrival.as_ns(), from, bytes) else { return };
        call.supervision.heard(self.leg, arrival.as_ns());
        let withheld;
        let payload = match kind {
            Kind::TelephoneEvent => {
                // That a key was pressed is kept, which one is not (B5-03).
                withheld = withhold_digit(packet.payload);
                &withheld
            }
            Kind::Audio | Kind::ComfortNoise => packet.payload,
        };
        let packet = Packet {
            arrival,
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            ssrc: packet.ssrc,
            payload_type: packet.payload_type,
            marker: packet.marker,
            payload,
        };
        let outcome = call.keep(self, packet, kind, out);
        self.receiver.count(outcome);
    }
}

/// Where packed packets go.
pub(super) struct Out<'a> {
    pub(super) batch: &'a mut FrameBatch,
    /// Whether the batch may still grow.
    pub(super) room: bool,
    /// Where packets of watched legs are taken to as well.
    pub(super) tap: Option<&'a Tap>,
}

impl Finished {
    /// Adds a stream, if it was kept.
    pub(super) fn add(&mut self, stream: Option<StreamFinished>) {
        self.streams.extend(stream);
    }
}

#[cfg(test)]
mod tests;
