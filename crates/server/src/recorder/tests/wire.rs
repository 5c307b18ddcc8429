//! The network and the kernel's queues: packets are lost, doubled, delayed and overtaken, and wait to be read.

use std::collections::BTreeMap;
use std::sync::Arc;

use calls::id::{CallId, StreamNumber};
use calls::time::Wall;
use parking_lot::Mutex;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::RngCore;
use rtp::ReceiverConfig;

/// Bytes of a payload: the packet's own number, and filling.
pub(super) const PAYLOAD_BYTES: usize = 40;

/// What names a packet wherever it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PacketId {
    /// The call, counted from 0 over all lives.
    pub(super) call: u32,
    pub(super) leg: u8,
    pub(super) sequence: u16,
}

impl PacketId {
    fn payload(self) -> [u8; PAYLOAD_BYTES] {
        let mut payload = [0x55; PAYLOAD_BYTES];
        payload[..4].copy_from_slice(&self.call.to_be_bytes());
        payload[4] = self.leg;
        payload[5..7].copy_from_slice(&self.sequence.to_be_bytes());
        payload
    }

    pub(super) fn of(payload: &[u8]) -> Option<Self> {
        let id = Self {
            call: u32::from_be_bytes(payload.get(..4)?.try_into().ok()?),
            leg: *payload.get(4)?,
            sequence: u16::from_be_bytes(payload.get(5..7)?.try_into().ok()?),
        };
        (payload == id.payload()).then_some(id)
    }

    /// The RTP packet (RFC 3550 section 5.1) that carries it.
    fn datagram(self) -> Vec<u8> {
        let mut bytes = vec![0x80, 0];
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        bytes.extend_from_slice(&(u32::from(self.sequence) * 160).to_be_bytes());
        bytes.extend_from_slice(&(self.call * 2 + u32::from(self.leg) + 1).to_be_bytes());
        bytes.extend_from_slice(&self.payload());
        bytes
    }
}

/// A datagram in the kernel.
pub(super) struct Waiting {
    pub(super) call: CallId,
    pub(super) stream: StreamNumber,
    pub(super) at: Wall,
    pub(super) bytes: Vec<u8>,
}

/// How bad the network is: of a thousand packets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weather {
    pub(super) lost: u32,
    pub(super) doubled: u32,
    pub(super) delayed: u32,
}

#[derive(Default)]
struct State {
    /// By time of delivery, and in the order of sending.
    under_way: BTreeMap<(Wall, u64), Waiting>,
    sent: u64,
    /// Nothing gets through until then.
    cut_until: Option<Wall>,
    opened: Vec<(CallId, StreamNumber, ReceiverConfig)>,
    ended: Vec<CallId>,
}

/// The network. Copies of it are the same.
#[derive(Clone, Default)]
pub(super) struct Wire(Arc<Mutex<State>>);

impl Wire {
    /// Sends a packet to a stream; returns when it will be delivered first, if it will.
    pub(super) fn send(
        &self,
        (call, stream): (CallId, StreamNumber),
        id: PacketId,
        now: Wall,
        (weather, random): (Weather, &mut ChaCha12Rng),
    ) -> Option<Wall> {
        let mut state = self.0.lock();
        let mut chance = |of_thousand: u32| random.next_u32() % 1_000 < of_thousand;
        if chance(weather.lost) || state.cut_until.is_some_and(|until| now < until) {
            return None;
        }
        let copies = 1 + u32::from(chance(weather.doubled));
        let is_delayed = chance(weather.delayed);
        let mut first = None;
        for _ in 0..copies {
            // A millisecond at least; up to 60 ms more for those that are overtaken.
            let jitter_ns = u64::from(random.next_u32() % 4_000_000);
            let delay_ns = if is_delayed { u64::from(random.next_u32() % 60_000_000) } else { 0 };
            let at = now.after(std::time::Duration::from_nanos(1_000_000 + jitter_ns + delay_ns));
            state.sent += 1;
            let number = state.sent;
            let waiting = Waiting { call, stream, at, bytes: id.datagram() };
            state.under_way.insert((at, number), waiting);
            first = Some(first.map_or(at, |first: Wall| first.min(at)));
        }
        first
    }

    /// Lets nothing through for a while.
    pub(super) fn cut(&self, until: Wall) {
        self.0.lock().cut_until = Some(until);
    }

    /// A stream is to be read from.
    pub(super) fn open(&self, call: CallId, stream: StreamNumber, config: ReceiverConfig) {
        self.0.lock().opened.push((call, stream, config));
    }

    /// A call is over.
    pub(super) fn end(&self, call: CallId) {
        self.0.lock().ended.push(call);
    }

    pub(super) fn take_opened(&self) -> Vec<(CallId, StreamNumber, ReceiverConfig)> {
        std::mem::take(&mut self.0.lock().opened)
    }

    pub(super) fn take_ended(&self) -> Vec<CallId> {
        std::mem::take(&mut self.0.lock().ended)
    }

    /// What has been delivered by now, in that order.
    pub(super) fn delivered(&self, now: Wall) -> Vec<Waiting> {
        let mut state = self.0.lock();
        let later = state.under_way.split_off(&(now, u64::MAX));
        std::mem::replace(&mut state.under_way, later).into_values().collect()
    }
}
