//! The crate as a player of recordings sees it.
#![expect(clippy::unwrap_used, reason = "functions that only tests call")]

mod alignment;
mod any_packets;
mod files;
mod gaps;
mod heard;
mod memory;
mod silence;

use audio::{Formats, Leg, MapBuilder, Rate, StoredPacket};

pub(crate) const MS: i64 = 1_000_000;
pub(crate) const S: i64 = 1_000_000_000;

/// A packet that owns its payload.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) arrival_ns: i64,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    pub(crate) payload_type: u8,
    pub(crate) payload: Vec<u8>,
}

impl Stored {
    pub(crate) fn packet(&self) -> StoredPacket<'_> {
        StoredPacket {
            arrival_ns: self.arrival_ns,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            payload_type: self.payload_type,
            marker: false,
            payload: &self.payload,
        }
    }
}

pub(crate) fn leg(packets: &[Stored]) -> Leg {
    let formats = Formats::new(&formats());
    let mut builder = MapBuilder::new(0, formats.clone());
    packets.iter().for_each(|packet| builder.push(&packet.packet()));
    Leg { formats, map: builder.map(), dark: vec![] }
}

/// Events, L16 at two rates, and Opus.
pub(crate) fn formats() -> [audio::Format; 4] {
    let format = |payload_type, codec, clock_hz| audio::Format { payload_type, codec, clock_hz };
    [
        event_format(),
        format(97, audio::Codec::L16(Rate::Narrow), 8000),
        format(98, audio::Codec::L16(Rate::Wide), 16_000),
        format(99, audio::Codec::Opus, 48_000),
    ]
}

pub(crate) fn event_format() -> audio::Format {
    audio::Format { payload_type: 101, codec: audio::Codec::TelephoneEvent, clock_hz: 8000 }
}

/// Renders a window from all packets.
pub(crate) fn render(leg: &Leg, packets: &[Stored], from_frame: u64, frames: usize) -> Vec<i16> {
    let mut out = vec![-1; frames];
    render_at(Rate::Narrow, leg, packets, from_frame, &mut out);
    out
}

/// The same at any rate.
pub(crate) fn render_at(rate: Rate, leg: &Leg, packets: &[Stored], from_frame: u64, out: &mut [i16]) {
    let Ok(_) = leg.render(rate, &mut (), packets.iter().map(Stored::packet), from_frame, out);
}

/// 20 ms of constant mu-law sound: the sample of code 0x90 + n % 16, so that neighbouring packets can be told apart.
pub(crate) fn step(n: u16) -> Vec<u8> {
    vec![0x90 + u8::try_from(n % 16).unwrap(); 160]
}

pub(crate) fn step_sample(n: u16) -> i16 {
    audio::codec::g711::pcmu_to_linear(step(n)[0])
}

/// Packet `n` of a clean stream that begins at 0, with a step as sound.
pub(crate) fn clean(n: u16) -> Stored {
    Stored {
        arrival_ns: i64::from(n) * 20 * MS,
        sequence: n,
        timestamp: u32::from(n) * 160,
        ssrc: 7,
        payload_type: 0,
        payload: step(n),
    }
}
