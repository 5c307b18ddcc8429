//! A few packets of each watched leg, for whoever measures how loud it is.
//!
//! Belongs here: whose packet is taken, and when. Only what a gate has let through is ([`Admitted`]), so nothing of a blackout is;
//! what there is no room for falls, and is counted. Does not: decoding, which waits for nobody here.

use std::sync::Arc;
use std::time::Duration;

use calls::gate::Admitted;
use calls::id::{CallId, StreamNumber};
use calls::packet::Packet;
use calls::time::Wall;
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::observe::metrics::Metrics;

/// How often a leg is looked at, and so many packets in a row each time: decoders with a memory need some to find their level.
const EVERY: Duration = Duration::from_millis(250);
const IN_A_ROW: u8 = 3;

/// Packets that may wait to be measured: half a second of three hundred legs.
const LIMIT: usize = 2_048;

/// A packet that was let through.
#[derive(Debug)]
pub struct Tapped {
    /// The call.
    pub call: CallId,
    /// The stream.
    pub stream: StreamNumber,
    /// When it arrived.
    pub arrival: Wall,
    /// What it is encoded as.
    pub payload_type: u8,
    /// Whether it is the first of some in a row.
    pub begins: bool,
    /// What it carries.
    pub payload: Box<[u8]>,
}

/// Where packets are taken to. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tap {
    packets: Sender<Tapped>,
    metrics: Arc<Metrics>,
}

impl Tap {
    /// A tap, and what comes out of it.
    #[must_use]
    pub fn new(metrics: &Arc<Metrics>) -> (Self, Receiver<Tapped>) {
        let (packets, tapped) = bounded(LIMIT);
        (Self { packets, metrics: Arc::clone(metrics) }, tapped)
    }

    /// Takes a copy of a packet; `begins` says whether it is the first of some in a row.
    #[cold]
    pub(super) fn take(&self, call: CallId, admitted: &Admitted<Packet<'_>>, begins: bool) {
        let packet = admitted.packet();
        let tapped = Tapped {
            call,
            stream: admitted.stream(),
            arrival: packet.arrival,
            payload_type: packet.payload_type,
            begins,
            payload: packet.payload.into(),
        };
        if self.packets.try_send(tapped).is_err() {
            self.metrics.level_packets_dropped.increment();
        }
    }
}

/// Whose turn it is, among the packets of a leg.
#[derive(Debug, Default)]
pub(super) struct Turn {
    next: Option<Wall>,
    left: u8,
}

impl Turn {
    /// Whether a packet that arrived then is taken; if so, whether it is the first of some in a row.
    pub(super) fn of(&mut self, arrival: Wall) -> Option<bool> {
        let begins = self.next.is_none_or(|next| arrival >= next);
        if begins {
            (self.next, self.left) = (Some(arrival.after(EVERY)), IN_A_ROW);
        }
        self.left = self.left.checked_sub(1)?;
        Some(begins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_quarter_of_a_second_the_first_three_packets_are_taken() {
        let mut turn = Turn::default();
        let taken: Vec<(i64, bool)> = (0..50)
            .map(|number| number * 20)
            .filter_map(|ms| turn.of(Wall::from_ms(ms)).map(|begins| (ms, begins)))
            .collect();
        let run = |from| [(from, true), (from + 20, false), (from + 40, false)];
        assert_eq!(taken, [run(0), run(260), run(520), run(780)].concat());
    }
}
