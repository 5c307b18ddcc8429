//! Receiver report, packet type 201: RFC 3550 §6.4.2.

use super::{RECEIVER_REPORT, RtcpError, RtcpPacket, print_head, word};

/// Report blocks in one packet: the count has five bits.
pub const MAX_BLOCKS: usize = 31;
const BLOCK_BYTES: usize = 24;

/// What a receiver says of one source.
///
/// ```text
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                     SSRC of the source                        |
/// | fraction lost |        cumulative number of packets lost      |
/// |           extended highest sequence number received           |
/// |                      interarrival jitter                      |
/// |                     last SR, middle 32 bits                   |
/// |                 delay since last SR, 1/65536 s                |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source reported on.
    pub ssrc: u32,
    /// Lost since the last report, in 1/256 of the expected.
    pub fraction_lost: u8,
    /// Lost since the beginning; 24 bits, signed.
    pub cumulative_lost: i32,
    /// Highest sequence number, wraps counted in the upper half.
    pub extended_highest_sequence: u32,
    /// Interarrival jitter in RTP ticks.
    pub jitter: u32,
    /// Middle 32 bits of the last sender report's NTP timestamp, 0 if none came.
    pub last_sr: u32,
    /// Time since that report, 1/65536 s.
    pub delay_since_last_sr: u32,
}

/// Prints a receiver report of at most [`MAX_BLOCKS`] blocks.
pub fn print_receiver_report(out: &mut Vec<u8>, ssrc: u32, blocks: &[ReportBlock]) {
    let blocks = &blocks[..blocks.len().min(MAX_BLOCKS)];
    let count = u8::try_from(blocks.len()).unwrap_or(0);
    print_head(out, count, RECEIVER_REPORT, 4 + blocks.len() * BLOCK_BYTES);
    out.extend_from_slice(&ssrc.to_be_bytes());
    for block in blocks {
        out.extend_from_slice(&block.ssrc.to_be_bytes());
        out.push(block.fraction_lost);
        out.extend_from_slice(&block.cumulative_lost.to_be_bytes()[1..]);
        out.extend_from_slice(&block.extended_highest_sequence.to_be_bytes());
        out.extend_from_slice(&block.jitter.to_be_bytes());
        out.extend_from_slice(&block.last_sr.to_be_bytes());
        out.extend_from_slice(&block.delay_since_last_sr.to_be_bytes());
    }
}

/// Reads a packet of type 201: who reports, and the blocks.
///
/// # Errors
/// [`RtcpError::Body`] if the block count claims more than there is.
pub fn parse_receiver_report(packet: &RtcpPacket<'_>) -> Result<(u32, Vec<ReportBlock>), RtcpError> {
    let needed = 4 + usize::from(packet.count) * BLOCK_BYTES;
    let reporter = word(packet, 0, needed)?;
    let blocks = (0..usize::from(packet.count)).map(|index| {
        let at = |offset| word(packet, 4 + index * BLOCK_BYTES + offset, needed);
        let lost = at(4)?;
        #[expect(clippy::cast_possible_wrap, reason = "the low 24 bits are a signed number")]
        let cumulative_lost = (lost << 8) as i32 >> 8;
        Ok(ReportBlock {
            ssrc: at(0)?,
            fraction_lost: u8::try_from(lost >> 24).unwrap_or(u8::MAX),
            cumulative_lost,
            extended_highest_sequence: at(8)?,
            jitter: at(12)?,
            last_sr: at(16)?,
            delay_since_last_sr: at(20)?,
        })
    });
    Ok((reporter, blocks.collect::<Result<_, _>>()?))
}
