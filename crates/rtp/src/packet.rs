//! One RTP packet, checked and read in place.
//!
//! Belongs here: the fixed header, CSRC list, header extension and padding of RFC 3550 §5.1 and §5.3.1, and telling
//! RTP from its neighbours on the same port by the first bytes (RFC 7983, RFC 5761 §4). Does not: any opinion that
//! needs memory of an earlier packet ([`crate::Receiver`]), or the meaning of a payload ([`crate::payload`]).

use thiserror::Error;

/// Octets of the fixed header, RFC 3550 §5.1.
pub const FIXED_HEADER_BYTES: usize = 12;

/// One RTP packet that passed every check of RFC 3550 A.1 which needs no history (B1-01). It borrows the datagram.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |V=2|P|X|  CC   |M|     PT      |       sequence number         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                           timestamp                           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |           synchronization source (SSRC) identifier            |
/// +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
/// |        CC times a contributing source (CSRC) identifier       |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | X=1: defined by profile       |  length in 32-bit words       |
/// |                  header extension, length words               |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |       payload ...             | P=1: padding, last byte counts|
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Marker bit: in audio a hint that a talkspurt begins (B4-03).
    pub marker: bool,
    /// Sequence number; wraps.
    pub sequence: u16,
    /// Media timestamp in ticks of the payload's clock; wraps.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Contributing sources as they are on the wire, four bytes each; see [`Packet::contributing_sources`].
    pub csrc_list: &'a [u8],
    /// Header extension, if the packet has one.
    pub extension: Option<Extension<'a>>,
    /// Payload without padding; may be empty.
    pub payload: &'a [u8],
}

/// The header extension of a packet (RFC 3550 §5.3.1), uninterpreted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension<'a> {
    /// The 16 bits "defined by profile"; 0xBEDE for the one-byte form of RFC 8285.
    pub profile: u16,
    /// The extension's words without their four-byte head.
    pub data: &'a [u8],
}

/// Why a datagram is not an RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Fewer bytes than a fixed header.
    #[error("datagram has {len} bytes; an RTP header needs {FIXED_HEADER_BYTES}")]
    TooShort {
        /// Bytes there were.
        len: usize,
    },
    /// Version field is not 2.
    #[error("RTP version is {version} (byte 0); must be 2")]
    Version {
        /// Version found.
        version: u8,
    },
    /// The CSRC count claims more bytes than there are.
    #[error("CSRC list ends at byte {end}, the datagram at {len}")]
    CsrcBeyondEnd {
        /// Where the list would end.
        end: usize,
        /// Bytes there were.
        len: usize,
    },
    /// The header extension claims more bytes than there are.
    #[error("header extension ends at byte {end}, the datagram at {len}")]
    ExtensionBeyondEnd {
        /// Where the extension would end.
        end: usize,
        /// Bytes there were.
        len: usize,
    },
    /// The padding count is zero or more than what follows the header.
    #[error("padding count is {padding} (last byte); must be 1 to {room}")]
    Padding {
        /// Padding octets claimed.
        padding: u8,
        /// Octets between header and end.
        room: usize,
    },
}

impl<'a> Packet<'a> {
    /// Reads a datagram as RTP.
    ///
    /// # Errors
    /// [`Malformed`] says which length or field contradicts the others. No input panics.
    #[inline]
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Malformed> {
        let len = datagram.len();
        let Some((head, rest)) = datagram.split_first_chunk::<FIXED_HEADER_BYTES>() else {
            return Err(Malformed::TooShort { len });
        };
        let version = head[0] >> 6;
        if version != 2 {
            return Err(Malformed::Version { version });
        }
        let csrc_bytes = 4 * usize::from(head[0] & 0x0f);
        let Some((csrc_list, rest)) = rest.split_at_checked(csrc_bytes) else {
            return Err(Malformed::CsrcBeyondEnd { end: FIXED_HEADER_BYTES + csrc_bytes, len });
        };
        let (extension, rest) =
            if head[0] & 0x10 == 0 { (None, rest) } else { split_extension(rest, len - rest.len(), len)? };
        let payload = if head[0] & 0x20 == 0 { rest } else { without_padding(rest)? };
        Ok(Self {
            payload_type: head[1] & 0x7f,
            marker: head[1] & 0x80 != 0,
            sequence: u16::from_be_bytes([head[2], head[3]]),
            timestamp: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
            ssrc: u32::from_be_bytes([head[8], head[9], head[10], head[11]]),
            csrc_list,
            extension,
            payload,
        })
    }

    /// The contributing sources, in packet order: who spoke, when the client mixes (B1-05, RFC 7866 §8.1.4).
    pub fn contributing_sources(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.csrc_list.as_chunks::<4>().0.iter().map(|bytes| u32::from_be_bytes(*bytes))
    }

    /// Prints the packet without padding. For test senders; the recorder itself sends no RTP (RFC 7866 §8.2).
    ///
    /// The CSRC list is cut at fifteen entries, an extension at a whole number of words.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let csrc_count = (self.csrc_list.len() / 4).min(15);
        let mut out = Vec::with_capacity(FIXED_HEADER_BYTES + self.csrc_list.len() + self.payload.len());
        let extension_bit = if self.extension.is_some() { 0x10 } else { 0 };
        out.push(0x80 | extension_bit | u8::try_from(csrc_count).unwrap_or(15));
        out.push((self.payload_type & 0x7f) | (u8::from(self.marker) << 7));
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        out.extend_from_slice(&self.csrc_list[..csrc_count * 4]);
        if let Some(Extension { profile, data }) = self.extension {
            let words = u16::try_from(data.len() / 4).unwrap_or(u16::MAX);
            out.extend_from_slice(&profile.to_be_bytes());
            out.extend_from_slice(&words.to_be_bytes());
            out.extend_from_slice(&data[..usize::from(words) * 4]);
        }
        out.extend_from_slice(self.payload);
        out
    }
}

fn split_extension(
    rest: &[u8],
    offset: usize,
    len: usize,
) -> Result<(Option<Extension<'_>>, &[u8]), Malformed> {
    let Some((head, rest)) = rest.split_first_chunk::<4>() else {
        return Err(Malformed::ExtensionBeyondEnd { end: offset + 4, len });
    };
    let data_bytes = 4 * usize::from(u16::from_be_bytes([head[2], head[3]]));
    let Some((data, rest)) = rest.split_at_checked(data_bytes) else {
        return Err(Malformed::ExtensionBeyondEnd { end: offset + 4 + data_bytes, len });
    };
    Ok((Some(Extension { profile: u16::from_be_bytes([head[0], head[1]]), data }), rest))
}

fn without_padding(rest: &[u8]) -> Result<&[u8], Malformed> {
    let padding = rest.last().copied().unwrap_or(0);
    if padding == 0 || usize::from(padding) > rest.len() {
        return Err(Malformed::Padding { padding, room: rest.len() });
    }
    Ok(&rest[..rest.len() - usize::from(padding)])
}

/// What a datagram on a media port is, by its first bytes only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// No bytes: a keepalive (RFC 6263 §4.1).
    Empty,
    /// Version 2 and not RTCP; still to be checked by [`Packet::parse`].
    Rtp,
    /// Version 2 with a second byte of 192 to 223 (RFC 5761 §4).
    Rtcp,
    /// STUN by first byte and magic cookie (RFC 7983, RFC 8489 §5).
    Stun {
        /// The message class is indication: it asks for no answer and keeps a binding open (RFC 6263 §4.3).
        indication: bool,
    },
    /// DTLS record by first byte and version (RFC 7983).
    Dtls,
    /// ZRTP by first byte and cookie (RFC 6189 §5).
    Zrtp,
    /// None of these: an RTP header with a version other than 2, used as keepalive (RFC 6263 §4.4), or noise.
    OtherVersion,
}

/// Tells the protocols of one port apart (B9-02). RFC 7983 sorts by first byte; where a second mark exists it must
/// agree too, because version 0 RTP used as keepalive shares first bytes with STUN.
#[inline]
#[must_use]
pub fn protocol(datagram: &[u8]) -> Protocol {
    let Some(&first) = datagram.first() else { return Protocol::Empty };
    let second = datagram.get(1).copied().unwrap_or(0);
    let cookie = datagram.get(4..8);
    match first {
        128..=191 if (192..=223).contains(&second) => Protocol::Rtcp,
        128..=191 => Protocol::Rtp,
        0..=3 if cookie == Some(&[0x21, 0x12, 0xa4, 0x42]) => {
            // The class bits are C1 = bit 8 and C0 = bit 4 of the message type; indication is 0b01.
            Protocol::Stun { indication: first & 1 == 0 && second & 0x10 != 0 }
        }
        16..=19 if cookie == Some(b"ZRTP") => Protocol::Zrtp,
        20..=63 if second == 0xfe => Protocol::Dtls,
        _ => Protocol::OtherVersion,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [u8; 14] = [0x80, 0x80, 0xff, 0xff, 0, 0, 0, 160, 0xde, 0xad, 0xbe, 0xef, 1, 2];

    #[test]
    fn a_plain_packet_is_read_in_place() {
        let packet = Packet::parse(&PLAIN).unwrap();
        assert_eq!((packet.payload_type, packet.marker, packet.sequence), (0, true, 0xffff));
        assert_eq!((packet.timestamp, packet.ssrc), (160, 0xdead_beef));
        assert_eq!(packet.payload, [1, 2]);
        assert_eq!(packet.to_bytes(), PLAIN);
    }

    #[test]
    fn contributing_sources_extension_and_padding_are_cut_off_the_payload() {
        let mut bytes = PLAIN.to_vec();
        bytes[0] = 0x80 | 0x20 | 0x10 | 2;
        bytes.splice(12..12, [0, 0, 0, 7, 0, 0, 0, 8, 0xbe, 0xde, 0, 1, 9, 9, 9, 9]);
        bytes.extend([0, 0, 3]);
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!(packet.contributing_sources().collect::<Vec<_>>(), [7, 8]);
        assert_eq!(packet.extension, Some(Extension { profile: 0xbede, data: &[9, 9, 9, 9] }));
        assert_eq!(packet.payload, [1, 2]);
    }

    #[test]
    fn every_length_that_lies_is_named() {
        assert_eq!(Packet::parse(&PLAIN[..11]), Err(Malformed::TooShort { len: 11 }));
        let with = |first: u8, last: u8| {
            let mut bytes = PLAIN;
            bytes[0] = first;
            bytes[13] = last;
            Packet::parse(&bytes).map(|p| p.payload.len())
        };
        assert_eq!(with(0x40, 0), Err(Malformed::Version { version: 1 }));
        assert_eq!(with(0x81, 0), Err(Malformed::CsrcBeyondEnd { end: 16, len: 14 }));
        assert_eq!(with(0x90, 0), Err(Malformed::ExtensionBeyondEnd { end: 16, len: 14 }));
        assert_eq!(with(0xa0, 0), Err(Malformed::Padding { padding: 0, room: 2 }));
        assert_eq!(with(0xa0, 3), Err(Malformed::Padding { padding: 3, room: 2 }));
        assert_eq!(with(0xa0, 2), Ok(0));
    }

    #[test]
    fn neighbours_on_the_port_are_told_apart() {
        assert_eq!(protocol(&[]), Protocol::Empty);
        assert_eq!(protocol(&PLAIN), Protocol::Rtp);
        assert_eq!(protocol(&[0x80, 201, 0, 1]), Protocol::Rtcp);
        let binding_indication = [0x00, 0x11, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        assert_eq!(protocol(&binding_indication), Protocol::Stun { indication: true });
        let binding_request = [0x00, 0x01, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        assert_eq!(protocol(&binding_request), Protocol::Stun { indication: false });
        assert_eq!(protocol(&[22, 0xfe, 0xff, 0]), Protocol::Dtls);
        assert_eq!(protocol(&[0x10, 0, 0, 1, b'Z', b'R', b'T', b'P']), Protocol::Zrtp);
        assert_eq!(protocol(&[0; 12]), Protocol::OtherVersion);
    }
}
