//! RTCP: what senders report, and what we report back.
//!
//! Belongs here: walking a compound packet and the wire form of each packet type, one file each. Does not: deciding
//! when to send ([`crate::Receiver::poll_rtcp`]) or what a report means for the timeline. RFC 3550 §6 and A.2.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |V=2|P|  count  |      PT       |  length in words, minus one   |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  length words of body ...                                     |
//! ```

use thiserror::Error;

mod bye;
mod rr;
mod sdes;
mod sr;

pub use bye::{parse_bye, print_bye};
pub use rr::{MAX_BLOCKS, ReportBlock, parse_receiver_report, print_receiver_report};
pub use sdes::{MAX_CNAME_BYTES, parse_cname, print_cname};
pub use sr::{SenderReport, parse_sender_report, print_sender_report};

/// Packets of one compound that are read; a longer one is refused.
pub const MAX_PACKETS: usize = 32;

/// One RTCP packet of a compound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtcpPacket<'a> {
    /// The five bits behind the padding bit: report, source or chunk count, or subtype.
    pub count: u8,
    /// Packet type: 200 SR, 201 RR, 202 SDES, 203 BYE, 204 APP, 205 and 206 feedback, 207 XR, others.
    pub packet_type: u8,
    /// Everything after the four-byte head, padding removed.
    pub body: &'a [u8],
}

impl RtcpPacket<'_> {
    /// Who sends a report, if this is one.
    pub(crate) fn reporter(&self) -> Option<u32> {
        let is_report = matches!(self.packet_type, SENDER_REPORT | RECEIVER_REPORT);
        let ssrc = self.body.first_chunk::<4>().filter(|_| is_report)?;
        Some(u32::from_be_bytes(*ssrc))
    }
}

/// Sender report.
pub const SENDER_REPORT: u8 = 200;
/// Receiver report.
pub const RECEIVER_REPORT: u8 = 201;
/// Source description.
pub const SOURCE_DESCRIPTION: u8 = 202;
/// Goodbye.
pub const GOODBYE: u8 = 203;

/// Why bytes are not an RTCP compound packet (RFC 3550 A.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RtcpError {
    /// A packet's head or body ends beyond the datagram.
    #[error("RTCP packet at byte {offset} ends at byte {end}, the datagram at {len}")]
    BeyondEnd {
        /// Where the packet begins.
        offset: usize,
        /// Where it would end.
        end: usize,
        /// Bytes there were.
        len: usize,
    },
    /// Version field is not 2.
    #[error("RTCP version is {version} at byte {offset}; must be 2")]
    Version {
        /// Where the packet begins.
        offset: usize,
        /// Version found.
        version: u8,
    },
    /// The compound does not begin with a report.
    #[error("compound begins with packet type {packet_type}; must be 200 (SR) or 201 (RR)")]
    NoReport {
        /// Type found.
        packet_type: u8,
    },
    /// Padding on a packet that is not the last, or more of it than body.
    #[error(
        "RTCP padding at byte {offset} is {padding}; must be 1 to the body length, on the last packet only"
    )]
    Padding {
        /// Where the packet begins.
        offset: usize,
        /// Padding octets claimed.
        padding: u8,
    },
    /// More packets than [`MAX_PACKETS`].
    #[error("compound has more than {MAX_PACKETS} packets")]
    TooMany,
    /// A packet's count or item lengths claim more than its body holds.
    #[error("body of packet type {packet_type} has {len} bytes; its count needs {needed}")]
    Body {
        /// Packet type.
        packet_type: u8,
        /// Bytes the fields claim.
        needed: usize,
        /// Bytes there are.
        len: usize,
    },
}

/// The packets of a compound, checked as RFC 3550 A.2 says before any of them is used.
///
/// # Errors
/// [`RtcpError`] names the packet and the field that is wrong.
pub fn compound(bytes: &[u8]) -> Result<impl Iterator<Item = RtcpPacket<'_>>, RtcpError> {
    let mut offset = 0;
    let mut packets = 0;
    while offset < bytes.len() || packets == 0 {
        let (packet, end) = split_packet(bytes, offset)?;
        if packets == 0 && packet.packet_type != SENDER_REPORT && packet.packet_type != RECEIVER_REPORT {
            return Err(RtcpError::NoReport { packet_type: packet.packet_type });
        }
        packets += 1;
        if packets > MAX_PACKETS {
            return Err(RtcpError::TooMany);
        }
        offset = end;
    }
    let mut offset = 0;
    Ok(std::iter::from_fn(move || {
        let (packet, end) = split_packet(bytes, offset).ok()?;
        offset = end;
        Some(packet)
    }))
}

fn split_packet(bytes: &[u8], offset: usize) -> Result<(RtcpPacket<'_>, usize), RtcpError> {
    let len = bytes.len();
    let rest = bytes.get(offset..).unwrap_or_default();
    let Some((head, _)) = rest.split_first_chunk::<4>() else {
        return Err(RtcpError::BeyondEnd { offset, end: offset + 4, len });
    };
    let version = head[0] >> 6;
    if version != 2 {
        return Err(RtcpError::Version { offset, version });
    }
    let end = offset + 4 + 4 * usize::from(u16::from_be_bytes([head[2], head[3]]));
    let Some(mut body) = bytes.get(offset + 4..end) else {
        return Err(RtcpError::BeyondEnd { offset, end, len });
    };
    if head[0] & 0x20 != 0 {
        let padding = body.last().copied().unwrap_or(0);
        if end != len || padding == 0 || usize::from(padding) > body.len() {
            return Err(RtcpError::Padding { offset, padding });
        }
        body = &body[..body.len() - usize::from(padding)];
    }
    Ok((RtcpPacket { count: head[0] & 0x1f, packet_type: head[1], body }, end))
}

/// Prints a packet head; `body_bytes` must be a whole number of words.
fn print_head(out: &mut Vec<u8>, count: u8, packet_type: u8, body_bytes: usize) {
    let words = u16::try_from(body_bytes / 4).unwrap_or(u16::MAX);
    out.extend_from_slice(&[0x80 | (count & 0x1f), packet_type]);
    out.extend_from_slice(&words.to_be_bytes());
}

/// The 32-bit word at a byte offset.
fn word(packet: &RtcpPacket<'_>, at: usize, needed: usize) -> Result<u32, RtcpError> {
    let bytes = packet.body.get(at..).and_then(<[u8]>::first_chunk::<4>);
    bytes.map(|bytes| u32::from_be_bytes(*bytes)).ok_or(RtcpError::Body {
        packet_type: packet.packet_type,
        needed,
        len: packet.body.len(),
    })
}
