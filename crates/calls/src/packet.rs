//! One RTP packet as the domain sees it: what came, and when.

use crate::time::Wall;

/// A packet that passed the checks of its stream, borrowed from the datagram it came in (B1-04).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// When the datagram arrived, on our timeline.
    pub arrival: Wall,
    /// RTP sequence number (RFC 3550 section 5.1).
    pub sequence: u16,
    /// RTP timestamp, in ticks of the payload's clock.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Marker bit.
    pub marker: bool,
    /// The encoded payload as it came, without padding.
    pub payload: &'a [u8],
}
