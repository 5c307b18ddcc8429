//! Media through an address translator: which of the sources that send is the one (B8-02).
//!
//! Belongs here: how a source proves itself, and when another may take its place. Does not: which networks may try
//! ([`crate::SourceRule`]).

use std::net::SocketAddr;

/// Packets in sequence by which a source proves itself.
const PROOF_PACKETS: u8 = 4;

/// How long the source may be silent until another address with the same SSRC may take its place: the translator has
/// given it another port.
const SILENCE_NS: i64 = 5_000_000_000;

/// Sources that may prove themselves at the same time; the next one takes the place of the one that waited longest.
const MAX_CANDIDATES: usize = 4;

/// The source media is taken from, and those that would be it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latch {
    locked: Option<Locked>,
    /// The SDP has changed, so that another source may be meant.
    relearns: bool,
    candidates: [Option<Candidate>; MAX_CANDIDATES],
    next: usize,
}

#[derive(Debug, Clone, Copy)]
struct Locked {
    from: SocketAddr,
    ssrc: u32,
    heard_ns: i64,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    from: SocketAddr,
    ssrc: u32,
    awaited: u16,
    count: u8,
}

/// What the latch looks at of a packet of an agreed payload type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
}

impl Latch {
    /// The SDP has changed: the source goes on until another one has proved itself (A2-15).
    pub(crate) fn relearn(&mut self) {
        self.relearns = true;
    }

    /// Whether a datagram is taken. `heard` is what is known of it if it is RTP of an agreed type; anything else is
    /// taken from the address of the source only, by whatever port.
    pub(crate) fn admits(&mut self, arrival_ns: i64, from: SocketAddr, heard: Option<Heard>) -> bool {
        let Some(heard) = heard else {
            return self.locked.is_some_and(|locked| locked.from.ip() == from.ip());
        };
        if let Some(locked) = &mut self.locked {
            if locked.from == from {
                (locked.ssrc, locked.heard_ns) = (heard.ssrc, arrival_ns);
                return true;
            }
            let silent = arrival_ns.saturating_sub(locked.heard_ns) >= SILENCE_NS;
            if !(self.relearns || (silent && locked.ssrc == heard.ssrc)) {
                return false;
            }
        }
        let proved = self.prove(from, heard);
        if proved {
            self.locked = Some(Locked { from, ssrc: heard.ssrc, heard_ns: arrival_ns });
            (self.relearns, self.candidates) = (false, [None; MAX_CANDIDATES]);
        }
        proved
    }

    fn prove(&mut self, from: SocketAddr, heard: Heard) -> bool {
        let is_it = |candidate: &&mut Candidate| candidate.from == from && candidate.ssrc == heard.ssrc;
        let awaited = heard.sequence.wrapping_add(1);
        match self.candidates.iter_mut().flatten().find(is_it) {
            Some(candidate) => {
                candidate.count = if candidate.awaited == heard.sequence { candidate.count + 1 } else { 1 };
                candidate.awaited = awaited;
                candidate.count >= PROOF_PACKETS
            }
            None => {
                let candidate = Candidate { from, ssrc: heard.ssrc, awaited, count: 1 };
                self.candidates[self.next] = Some(candidate);
                self.next = (self.next + 1) % MAX_CANDIDATES;
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(last: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], port))
    }

    fn rtp(ssrc: u32, sequence: u16) -> Option<Heard> {
        Some(Heard { ssrc, sequence })
    }

    /// A latch on `at(1, 4000)` with SSRC 7, which was heard last at 0.
    fn locked() -> Latch {
        let mut latch = Latch::default();
        let admitted: Vec<bool> = (0..4).map(|n| latch.admits(0, at(1, 4000), rtp(7, n))).collect();
        assert_eq!(admitted, [false, false, false, true]);
        latch
    }

    #[test]
    fn four_packets_in_sequence_prove_a_source_and_then_no_other_is_taken() {
        let mut latch = locked();
        assert!((0..100).all(|n| !latch.admits(1, at(2, 4000), rtp(8, n))));
        assert!((0..100).all(|n| !latch.admits(1, at(1, 4001), rtp(7, n))), "another port is another source");
        assert!(latch.admits(2, at(1, 4000), rtp(7, 4)));
    }

    #[test]
    fn a_gap_begins_the_proof_again() {
        let mut latch = Latch::default();
        assert!([1, 2, 3, 5, 6, 7].iter().all(|n| !latch.admits(0, at(1, 4000), rtp(7, *n))));
        assert!(latch.admits(0, at(1, 4000), rtp(7, 8)));
    }

    #[test]
    fn what_is_no_media_is_taken_from_the_address_of_the_source_only() {
        assert!(!Latch::default().admits(0, at(1, 4000), None));
        let mut latch = locked();
        assert!(latch.admits(0, at(1, 4001), None));
        assert!(!latch.admits(0, at(2, 4000), None));
    }

    #[test]
    fn after_silence_the_same_ssrc_may_come_from_elsewhere() {
        let mut latch = locked();
        let late = SILENCE_NS;
        assert!((0..50).all(|n| !latch.admits(late - 1, at(1, 9000), rtp(7, n))), "not silent long enough");
        assert!((0..50).all(|n| !latch.admits(late, at(1, 9000), rtp(8, n))), "another SSRC");
        let taken = (100..104).filter(|n| latch.admits(late, at(1, 9000), rtp(7, *n))).count();
        assert_eq!(taken, 1);
        assert!(!latch.admits(late, at(1, 4000), rtp(7, 104)), "the old one is over");
    }

    #[test]
    fn after_a_change_the_old_source_goes_on_until_a_new_one_has_proved_itself() {
        let mut latch = locked();
        latch.relearn();
        for n in 0..3 {
            assert!(!latch.admits(1, at(3, 5000), rtp(9, n)));
            assert!(latch.admits(1, at(1, 4000), rtp(7, 4 + n)));
        }
        assert!(latch.admits(1, at(3, 5000), rtp(9, 3)));
        assert!(!latch.admits(1, at(1, 4000), rtp(7, 8)));
    }

    proptest! {
        /// However the packets come, none of a second source gets in while the first one talks.
        #[test]
        fn a_source_that_talks_is_never_mixed_with_another(
            packets in prop::collection::vec((any::<bool>(), any::<u16>(), 0u16..3), 0..300),
        ) {
            let mut latch = locked();
            for (now, (ours, sequence, port)) in (1..).zip(packets) {
                let now = now * 20_000_000;
                latch.admits(now, at(1, 4000), rtp(7, sequence));
                if !ours {
                    prop_assert!(!latch.admits(now, at(2, port), rtp(7, sequence)));
                }
            }
        }
    }
}
