//! Ogg Opus (RFC 7845): what an encoder gives that is no part of this program.

use std::io::Cursor;

/// Packets before the first of sound: the identification and the comment header (RFC 7845 §3).
const HEADERS: usize = 2;

/// The Opus packets in a file, in order; `None` if it is no Ogg file.
#[must_use]
pub fn opus_packets(file: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut reader = ogg::PacketReader::new(Cursor::new(file));
    let mut packets = Vec::new();
    while let Some(packet) = reader.read_packet().ok()? {
        packets.push(packet.data);
    }
    let identified = packets.first().is_some_and(|first| first.starts_with(b"OpusHead"));
    (identified && packets.len() >= HEADERS).then(|| packets.split_off(HEADERS))
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_no_ogg_opus_has_no_packets() {
        for bytes in [&b""[..], b"OggS", b"RIFF....WAVE", &[0; 1_000]] {
            assert_eq!(super::opus_packets(bytes), None);
        }
    }
}
