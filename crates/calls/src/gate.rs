//! The gate: the only way to disk.
//!
//! Every stream of every recording has one. A packet becomes [`Admitted`] by passing [`Gate::admit`] and in
//! no other way, and the vault takes nothing else: what the gate turns away cannot be written by anyone.
//!
//! The decision is taken once per packet, at intake (C2-01, C2-03). After [`Gate::close`] nothing passes,
//! whatever its arrival time; after [`Gate::open`] what arrived before the opening still does not pass, so a
//! datagram that waited in the socket through the whole blackout stays dark.
//!
//! Belongs here: the decision. Does not: whose blackout it is ([`crate::blackout`]), what is done with the
//! packet.

use crate::id::{RecordingId, StreamNumber};
use crate::time::Wall;

/// Why a gate is closed. Several reasons may hold at once; the gate is open when none does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// A blackout of the agent, or of the device, on this call.
    Blackout,
    /// The SRC paused the stream (A7-03): `a=inactive` or a zero address.
    Paused,
}

/// A packet that did not pass: it is to be counted and forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused(pub Closed);

/// The gate of one stream of one recording.
#[derive(Debug)]
pub struct Gate {
    recording: RecordingId,
    stream: StreamNumber,
    blackout: Side,
    paused: Side,
}

/// One reason's state: closed now, or dark for what arrived before `opened`.
#[derive(Debug, Clone, Copy)]
struct Side {
    closed: bool,
    opened: Wall,
}

impl Side {
    fn turns_away(self, at: Wall) -> bool {
        self.closed || at < self.opened
    }
}

impl Gate {
    /// A gate that starts closed by a blackout: what it guards is dark until somebody who knows opens it
    /// (C2-06, C2-07).
    pub fn closed(recording: RecordingId, stream: StreamNumber) -> Self {
        let open = Side { closed: false, opened: Wall::from_ns(i64::MIN) };
        Self { recording, stream, blackout: Side { closed: true, ..open }, paused: open }
    }

    /// The recording this gate belongs to.
    pub fn recording(&self) -> RecordingId {
        self.recording
    }

    /// The stream this gate belongs to.
    pub fn stream(&self) -> StreamNumber {
        self.stream
    }

    /// Closes the gate for `reason`, from now on. Closing twice changes nothing.
    pub fn close(&mut self, reason: Closed) {
        self.side(reason).closed = true;
    }

    /// Takes `reason` away: packets that arrive at or after `at` may pass, as far as it is concerned.
    pub fn open(&mut self, reason: Closed, at: Wall) {
        let side = self.side(reason);
        if side.closed {
            *side = Side { closed: false, opened: at };
        }
    }

    /// Whether a blackout closes the gate now.
    pub fn is_dark(&self) -> bool {
        self.blackout.closed
    }

    /// Lets a packet that arrived `at` pass, or turns it away.
    ///
    /// # Errors
    /// [`Refused`], with the blackout named first when several reasons hold.
    pub fn admit<P>(&self, at: Wall, packet: P) -> Result<Admitted<P>, Refused> {
        if self.blackout.turns_away(at) {
            return Err(Refused(Closed::Blackout));
        }
        if self.paused.turns_away(at) {
            return Err(Refused(Closed::Paused));
        }
        Ok(Admitted { recording: self.recording, stream: self.stream, packet })
    }

    fn side(&mut self, reason: Closed) -> &mut Side {
        match reason {
            Closed::Blackout => &mut self.blackout,
            Closed::Paused => &mut self.paused,
        }
    }
}

/// Something a gate let through, stamped with the recording and stream it may be stored under.
///
/// ```compile_fail,E0451
/// # use calls::{gate::Admitted, id::{RecordingId, StreamNumber}};
/// let forged = Admitted { recording: RecordingId::from_bytes([0; 16]), stream: StreamNumber(0), packet: () };
/// ```
#[derive(Debug)]
pub struct Admitted<P> {
    recording: RecordingId,
    stream: StreamNumber,
    packet: P,
}

impl<P> Admitted<P> {
    /// The recording it belongs to.
    pub fn recording(&self) -> RecordingId {
        self.recording
    }

    /// The stream it belongs to.
    pub fn stream(&self) -> StreamNumber {
        self.stream
    }

    /// What was let through.
    pub fn packet(&self) -> &P {
        &self.packet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_gate() -> Gate {
        let mut gate = Gate::closed(RecordingId::from_bytes([7; 16]), StreamNumber(0));
        gate.open(Closed::Blackout, Wall::from_ms(1_000));
        gate
    }

    #[test]
    fn a_gate_is_born_closed() {
        let gate = Gate::closed(RecordingId::from_bytes([7; 16]), StreamNumber(0));
        assert_eq!(gate.admit(Wall::from_ms(5), ()).unwrap_err(), Refused(Closed::Blackout));
    }

    #[test]
    fn after_closing_nothing_passes_even_if_it_arrived_before() {
        let mut gate = open_gate();
        assert!(gate.admit(Wall::from_ms(2_000), ()).is_ok());
        gate.close(Closed::Blackout);
        assert!(gate.admit(Wall::from_ms(1_999), ()).is_err());
        assert!(gate.admit(Wall::from_ms(2_001), ()).is_err());
    }

    #[test]
    fn what_arrived_in_the_blackout_stays_dark_after_it() {
        let mut gate = open_gate();
        gate.close(Closed::Blackout);
        gate.open(Closed::Blackout, Wall::from_ms(3_000));
        assert!(gate.admit(Wall::from_ms(2_999), ()).is_err());
        assert!(gate.admit(Wall::from_ms(3_000), ()).is_ok());
    }

    #[test]
    fn opening_an_open_gate_does_not_move_its_edge() {
        let mut gate = open_gate();
        gate.open(Closed::Blackout, Wall::from_ms(9_000));
        assert!(gate.admit(Wall::from_ms(2_000), ()).is_ok());
    }

    #[test]
    fn a_pause_and_a_blackout_end_apart() {
        let mut gate = open_gate();
        gate.close(Closed::Blackout);
        gate.close(Closed::Paused);
        gate.open(Closed::Blackout, Wall::from_ms(3_000));
        assert_eq!(gate.admit(Wall::from_ms(4_000), ()).unwrap_err(), Refused(Closed::Paused));
        gate.open(Closed::Paused, Wall::from_ms(5_000));
        assert!(gate.admit(Wall::from_ms(5_000), ()).is_ok());
    }
}
