//! Goodbye, packet type 203: RFC 3550 §6.6. It ends a source, never a recording (B6-04).

use super::{GOODBYE, RtcpError, RtcpPacket, print_head, word};

/// The sources that a packet of type 203 ends.
///
/// # Errors
/// [`RtcpError::Body`] if the count claims more than there is; nothing is yielded then.
pub fn parse_bye<'a>(packet: &RtcpPacket<'a>) -> Result<impl Iterator<Item = u32> + use<'a>, RtcpError> {
    let needed = 4 * usize::from(packet.count);
    if let Some(last) = needed.checked_sub(4) {
        word(packet, last, needed)?;
    }
    let words = packet.body[..needed].as_chunks::<4>().0;
    Ok(words.iter().map(|bytes| u32::from_be_bytes(*bytes)))
}

/// Prints a BYE for one source, without a reason.
pub fn print_bye(out: &mut Vec<u8>, ssrc: u32) {
    print_head(out, 1, GOODBYE, 4);
    out.extend_from_slice(&ssrc.to_be_bytes());
}
