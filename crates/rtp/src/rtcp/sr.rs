//! Sender report, packet type 200: RFC 3550 §6.4.1.

use super::{RtcpError, RtcpPacket, SENDER_REPORT, print_head, word};
use serde::{Deserialize, Serialize};

const BODY_BYTES: usize = 24;

/// What a sender says of itself: above all, which wall-clock instant an RTP timestamp stands for (B7-05).
///
/// ```text
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |        SSRC of sender         |   4 bytes
/// |  NTP timestamp, seconds       |   4  since 1900
/// |  NTP timestamp, fraction      |   4
/// |        RTP timestamp          |   4
/// |     sender's packet count     |   4
/// |      sender's octet count     |   4
/// |      report blocks ...        |  24 each
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SenderReport {
    /// The sender.
    pub ssrc: u32,
    /// NTP timestamp: seconds since 1900 in the upper half, fraction in the lower. Zero if the sender has no clock.
    pub ntp: u64,
    /// The same instant in RTP ticks.
    pub timestamp: u32,
    /// Packets sent so far.
    pub packets: u32,
    /// Payload octets sent so far.
    pub octets: u32,
    /// When we received it, ns on the recorder's monotonic clock.
    pub arrival_ns: i64,
}

impl SenderReport {
    /// The middle 32 bits of the NTP timestamp, as a reception report quotes it.
    #[must_use]
    pub fn middle_ntp(&self) -> u32 {
        u32::try_from((self.ntp >> 16) & 0xffff_ffff).unwrap_or(0)
    }
}

/// Reads the sender part of a packet of type 200.
///
/// # Errors
/// [`RtcpError::Body`] if it is too short.
pub fn parse_sender_report(packet: &RtcpPacket<'_>, arrival_ns: i64) -> Result<SenderReport, RtcpError> {
    let at = |offset| word(packet, offset, BODY_BYTES);
    Ok(SenderReport {
        ssrc: at(0)?,
        ntp: u64::from(at(4)?) << 32 | u64::from(at(8)?),
        timestamp: at(12)?,
        packets: at(16)?,
        octets: at(20)?,
        arrival_ns,
    })
}

/// Prints a sender report without report blocks. For test senders; the recorder itself sends no media.
pub fn print_sender_report(out: &mut Vec<u8>, report: &SenderReport) {
    print_head(out, 0, SENDER_REPORT, BODY_BYTES);
    out.extend_from_slice(&report.ssrc.to_be_bytes());
    out.extend_from_slice(&report.ntp.to_be_bytes());
    for word in [report.timestamp, report.packets, report.octets] {
        out.extend_from_slice(&word.to_be_bytes());
    }
}
