//! Opus (RFC 6716, RFC 7587): always decoded to one channel at 48,000 Hz, which is its RTP clock.

use std::panic::{AssertUnwindSafe, catch_unwind};

use opus_decoder::OpusDecoder;

/// Samples a second, and RTP clock.
const RATE_HZ: u32 = 48_000;

/// Ticks of the packets most senders make: 20 ms.
pub const USUAL_TICKS: usize = 960;

/// Samples of the longest packet: 120 ms (RFC 6716 §3.2.5).
const MOST_SAMPLES: usize = 5_760;

/// RTP clock ticks in a packet, by its first byte or two (RFC 6716 §3.1, §3.2); 0 if it is none.
pub(super) fn ticks(packet: &[u8]) -> usize {
    let Some(toc) = packet.first() else { return 0 };
    let frame = match (toc >> 3, toc >> 3 & 3) {
        (0..12, 3) => 2_880,
        (0..12, length) => 480 << length,
        (12..16, length) => 480 << (length & 1),
        (_, length) => 120 << length,
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => packet.get(1).map_or(0, |count| usize::from(count & 0x3f)),
    };
    let ticks = frame * frames;
    if ticks > MOST_SAMPLES { 0 } else { ticks }
}

/// Decodes packets of one source, in order.
pub(super) struct Decoder(Option<OpusDecoder>);

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("opus::Decoder")
    }
}

impl Decoder {
    /// One that has heard nothing.
    pub(super) fn new() -> Self {
        Self(OpusDecoder::new(RATE_HZ, 1).ok())
    }

    /// Appends the samples of a packet; nothing if it is none.
    pub(super) fn decode(&mut self, packet: &[u8], out: &mut Vec<i16>) {
        // An empty packet would mean one that was lost, which nobody said.
        let Some(decoder) = self.0.as_mut().filter(|_| ticks(packet) > 0) else { return };
        let mut samples = [0; MOST_SAMPLES];
        // The decoder is safe code and young: a packet that trips it is silence, and it begins anew behind it.
        let decoded = catch_unwind(AssertUnwindSafe(|| decoder.decode(packet, &mut samples, false)));
        match decoded {
            Ok(count) => out.extend_from_slice(&samples[..count.unwrap_or(0).min(MOST_SAMPLES)]),
            Err(_) => *self = Self::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_packet_says_how_long_it_is() {
        for (packet, ms) in [
            (&[0x00][..], 10.0),
            (&[0x18], 60.0),
            (&[0x60], 10.0),
            (&[0x68], 20.0),
            (&[0x80], 2.5),
            (&[0xf8], 20.0),
            (&[0xf9], 40.0),
            (&[0xfb, 0x83], 60.0),
            (&[0x1b, 0x02], 120.0),
            (&[0x1b, 0x03], 0.0),
            (&[0x1b], 0.0),
            (&[], 0.0),
        ] {
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let said = ticks(packet) as f64 / 48.0;
            assert!((said - ms).abs() < 1e-9, "{packet:x?}: {said} ms");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_sound_or_nothing(
            packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..20),
        ) {
            let mut decoder = Decoder::new();
            for packet in packets {
                let mut out = Vec::new();
                decoder.decode(&packet, &mut out);
                prop_assert!(out.is_empty() || out.len() == ticks(&packet), "{} {}", out.len(), ticks(&packet));
            }
        }
    }
}
