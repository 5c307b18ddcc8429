//! A decoder for each leg, and how loud what it decodes is.

use std::collections::HashMap;

use audio::Codec;
use audio::codec::Decoder;
use audio::tone::level_dbov;
use calls::id::{CallId, StreamNumber};

use crate::media::Tapped;

/// The most decoders; more legs than that begin anew.
const MOST: usize = 8_192;

/// The legs that were heard.
#[derive(Debug, Default)]
pub(super) struct Ears(HashMap<(CallId, StreamNumber), Ear>);

#[derive(Debug)]
struct Ear {
    codec: Codec,
    decoder: Decoder,
    /// What was said in the last packets in a row, but for those the decoder needed to find its level.
    samples: Vec<i16>,
}

impl Ears {
    /// How loud a leg is with this packet, in dBov; `None` if that cannot be told yet, or not of this codec.
    pub(super) fn hear(&mut self, codec: Codec, packet: &Tapped) -> Option<i8> {
        let rate = codec.rate().filter(|_| is_decoded(codec))?;
        if self.0.len() >= MOST {
            self.forget();
        }
        let new = || Ear { codec, decoder: Decoder::new(codec, rate), samples: Vec::new() };
        let ear = self.0.entry((packet.call, packet.stream)).or_insert_with(new);
        if ear.codec != codec {
            *ear = new();
        }
        if packet.begins {
            ear.samples.clear();
        }
        ear.decoder.decode(&packet.payload, &[], &mut ear.samples);
        if packet.begins && codec.has_memory(rate) {
            ear.samples.clear();
            return None;
        }
        Some(level_dbov(&ear.samples))
    }

    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

/// Whether it is decoded in this program: what is not would seem to be silence.
fn is_decoded(codec: Codec) -> bool {
    matches!(codec, Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::L16(_) | Codec::Opus)
}

#[cfg(test)]
mod tests {
    use calls::time::Wall;

    use super::*;

    fn packet(payload: &[u8], begins: bool) -> Tapped {
        Tapped {
            call: CallId::from_bytes([1; 16]),
            stream: StreamNumber(0),
            arrival: Wall::EPOCH,
            payload_type: 9,
            begins,
            payload: payload.into(),
        }
    }

    #[test]
    fn a_decoder_with_a_memory_is_believed_from_its_second_packet_on() {
        let mut ears = Ears::default();
        assert_eq!(ears.hear(Codec::G722, &packet(&[0xfa; 160], true)), None);
        assert!(ears.hear(Codec::G722, &packet(&[0xfa; 160], false)).is_some());
    }

    #[test]
    fn what_nobody_here_decodes_is_no_silence() {
        let mut ears = Ears::default();
        for codec in [Codec::G729, Codec::ComfortNoise, Codec::TelephoneEvent, Codec::Undecoded] {
            assert_eq!(ears.hear(codec, &packet(&[0; 20], true)), None, "{codec:?}");
        }
    }

    #[test]
    fn a_leg_that_changes_its_codec_is_heard_on() {
        let mut ears = Ears::default();
        assert_eq!(ears.hear(Codec::Pcmu, &packet(&[0xff; 160], true)), Some(-127));
        assert_eq!(
            ears.hear(Codec::L16(audio::Rate::Narrow), &packet(&[0x40, 0].repeat(160), true)),
            Some(-6)
        );
    }
}
