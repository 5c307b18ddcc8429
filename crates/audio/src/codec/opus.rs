//! Opus (RFC 6716, RFC 7587), by libopus: always decoded to one channel at 48,000 Hz, which is its RTP clock.

use opus::{Application, Bitrate, Channels};

/// Samples a second, and RTP clock.
const RATE_HZ: u32 = 48_000;

/// Ticks of the packets most senders make: 20 ms.
pub(super) const USUAL_TICKS: usize = 960;

/// Samples of the longest packet: 120 ms (RFC 6716 §3.2.5).
const MOST_SAMPLES: usize = 5_760;

/// RTP clock ticks in a packet; 0 if it is none.
pub(super) fn ticks(packet: &[u8]) -> usize {
    opus::packet::get_nb_samples(packet, RATE_HZ).unwrap_or(0)
}

/// Decodes packets of one source, in order.
#[derive(Debug)]
pub struct Decoder(opus::Decoder);

impl Decoder {
    /// One that has heard nothing; `None` if there is no memory for it.
    pub(super) fn new() -> Option<Self> {
        opus::Decoder::new(RATE_HZ, Channels::Mono).ok().map(Self)
    }

    /// Appends the samples of a packet; nothing if it is none.
    pub(super) fn decode(&mut self, packet: &[u8], out: &mut Vec<i16>) {
        let mut samples = [0; MOST_SAMPLES];
        // An empty packet would mean one that was lost, which nobody said.
        let count =
            if packet.is_empty() { 0 } else { self.0.decode(packet, &mut samples, false).unwrap_or(0) };
        out.extend_from_slice(&samples[..count]);
    }
}

/// Encodes a voice, for test calls: packets of one size.
#[derive(Debug)]
pub struct Encoder(opus::Encoder);

/// Samples that go into a packet of [`Encoder`]: 20 ms.
pub const PACKET_SAMPLES: usize = USUAL_TICKS;

/// Bytes of a packet of [`Encoder`]: 32 kbit/s.
pub const PACKET_BYTES: usize = 80;

impl Encoder {
    /// One that has encoded nothing; `None` if libopus does not give one.
    #[must_use]
    pub fn new() -> Option<Self> {
        let mut encoder = opus::Encoder::new(RATE_HZ, Channels::Mono, Application::Voip).ok()?;
        encoder.set_vbr(false).ok()?;
        encoder.set_bitrate(Bitrate::Bits(32_000)).ok()?;
        Some(Self(encoder))
    }

    /// The packet of so many samples; silence if they are fewer or more.
    pub fn encode(&mut self, samples: &[i16]) -> [u8; PACKET_BYTES] {
        let mut packet = [0; PACKET_BYTES];
        let mut whole = [0; PACKET_SAMPLES];
        if samples.len() == PACKET_SAMPLES {
            whole.copy_from_slice(samples);
        }
        // With a constant bit rate it fills what it is given.
        let _ = self.0.encode(&whole, &mut packet);
        packet
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{Sine, tone_share};
    use proptest::prelude::*;

    #[test]
    fn a_tone_survives_and_packets_say_how_long_they_are() {
        let (mut encoder, mut decoder) = (Encoder::new().unwrap(), Decoder::new().unwrap());
        let mut heard = Vec::new();
        let tone: Vec<i16> = Sine::new(1000.0 / 6.0, 8000).take(48_000).collect();
        for samples in tone.chunks(PACKET_SAMPLES) {
            let packet = encoder.encode(samples);
            assert_eq!(ticks(&packet), PACKET_SAMPLES);
            decoder.decode(&packet, &mut heard);
        }
        assert_eq!(heard.len(), 48_000);
        let share = tone_share(&heard[9_600..], 1000.0 / 6.0);
        assert!(share > 0.95, "{share}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_sound_or_nothing(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..20)) {
            let mut decoder = Decoder::new().unwrap();
            for packet in packets {
                let mut out = Vec::new();
                decoder.decode(&packet, &mut out);
                prop_assert!(out.len() <= MOST_SAMPLES);
                prop_assert!(out.is_empty() || out.len() == ticks(&packet), "{} {}", out.len(), ticks(&packet));
            }
        }
    }
}
