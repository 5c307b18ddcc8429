//! Source description, packet type 202: RFC 3550 §6.5. Only the canonical name is read and written.
//!
//! ```text
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+   a chunk, as often as the count says:
//! |          SSRC or CSRC         |   4 bytes
//! | item (1 = CNAME) | length | text ...   items, one after the other
//! | 0 ... up to a word boundary   |   1 to 4 zero bytes end the chunk
//! ```

use super::{RtcpError, RtcpPacket, SOURCE_DESCRIPTION, print_head, word};

/// Longest text of an item: its length is one byte.
pub const MAX_CNAME_BYTES: usize = 255;
const CNAME: u8 = 1;

/// Prints one chunk with a CNAME, which is cut at [`MAX_CNAME_BYTES`].
pub fn print_cname(out: &mut Vec<u8>, ssrc: u32, cname: &str) {
    let text = &cname.as_bytes()[..cname.len().min(MAX_CNAME_BYTES)];
    let unpadded = 4 + 2 + text.len();
    let body_bytes = (unpadded / 4 + 1) * 4;
    print_head(out, 1, SOURCE_DESCRIPTION, body_bytes);
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.extend_from_slice(&[CNAME, u8::try_from(text.len()).unwrap_or(u8::MAX)]);
    out.extend_from_slice(text);
    out.extend(std::iter::repeat_n(0, body_bytes - unpadded));
}

/// The CNAME a packet of type 202 gives for a source, if it gives one.
///
/// # Errors
/// [`RtcpError::Body`] if a chunk or an item ends beyond the packet.
pub fn parse_cname<'a>(packet: &RtcpPacket<'a>, ssrc: u32) -> Result<Option<&'a [u8]>, RtcpError> {
    let body = packet.body;
    let mut at = 0;
    for _ in 0..packet.count {
        let owner = word(packet, at, at + 4)?;
        at += 4;
        loop {
            let item = body.get(at).copied().unwrap_or(0);
            if item == 0 {
                at = (at / 4 + 1) * 4;
                break;
            }
            let length = usize::from(body.get(at + 1).copied().unwrap_or(0));
            let (begin, end) = (at + 2, at + 2 + length);
            let Some(text) = body.get(begin..end) else {
                return Err(RtcpError::Body {
                    packet_type: SOURCE_DESCRIPTION,
                    needed: end,
                    len: body.len(),
                });
            };
            if item == CNAME && owner == ssrc {
                return Ok(Some(text));
            }
            at = end;
        }
    }
    Ok(None)
}
