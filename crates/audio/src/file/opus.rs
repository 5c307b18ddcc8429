//! Opus in Ogg (RFC 7845), encoded here: speech in a twentieth of the bytes.
//!
//! Packets are of 20 ms, pages of 200 ms, so that a listener to a call that runs hears it at once. The first samples
//! an encoder gives are not yet sound (`pre-skip`), and the last page says where the sound ends, so that the file lasts
//! as long as what was put in.

use std::borrow::Cow;

use ::ogg::{PacketWriteEndInfo, PacketWriter};
use ropus::{Application, Bitrate, Channels, Encoder};

use super::Shape;
use crate::rate::Rate;

/// The clock of granule positions, Hz (RFC 7845 §4).
const GRANULE_HZ: u32 = 48_000;
/// Packets a second.
const PACKETS_HZ: u32 = 50;
/// Packets to a page.
const PAGE_PACKETS: u64 = 10;
/// An Opus packet is no longer (RFC 6716 §3.2).
const MAX_PACKET_BYTES: usize = 1_275;
/// How hard the encoder tries, of 10: half the time of 10, and nobody hears the difference in speech.
const COMPLEXITY: u8 = 5;
/// Tells this logical stream from others in one file: there are no others, and the same sound gives the same bytes.
const SERIAL: u32 = 0x5349_4445;

/// Makes an Ogg Opus file.
pub struct OpusEncoder {
    encoder: Encoder,
    writer: PacketWriter<'static, Vec<u8>>,
    channels: usize,
    rate: Rate,
    /// Samples that fill no packet yet, interleaved.
    waiting: Vec<i16>,
    /// The last packet: whether it ends the file is not known yet.
    held: Option<Vec<u8>>,
    /// Bytes of packets whose page is not full yet.
    page_bytes: usize,
    /// Packets written, without the held one.
    packets: u64,
    /// Samples taken, of all channels.
    samples: u64,
}

impl std::fmt::Debug for OpusEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpusEncoder").field("packets", &self.packets).finish_non_exhaustive()
    }
}

impl OpusEncoder {
    /// Nothing has come yet.
    ///
    /// # Panics
    /// Never: the encoder takes each of our rates with one or two channels.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        let channels = usize::from(shape.channels.clamp(1, 2));
        let encoder = Encoder::builder(
            shape.rate.hz(),
            if channels == 2 { Channels::Stereo } else { Channels::Mono },
            Application::Audio,
        );
        let encoder =
            encoder.bitrate(Bitrate::Bits(bits_a_second(shape.rate) * u32::from(shape.channels.clamp(1, 2))));
        let encoder =
            encoder.complexity(COMPLEXITY).build().expect("a rate and a count of channels that Opus has");
        let mut opus = Self {
            encoder,
            writer: PacketWriter::new(Vec::new()),
            channels,
            rate: shape.rate,
            waiting: Vec::new(),
            held: None,
            page_bytes: 0,
            packets: 0,
            samples: 0,
        };
        let head = opus.head();
        opus.write(head, PacketWriteEndInfo::EndPage, 0);
        opus.write(tags(), PacketWriteEndInfo::EndPage, 0);
        opus
    }

    /// Takes samples, two channels interleaved, and appends the pages that are full.
    pub fn push(&mut self, mut samples: &[i16], out: &mut Vec<u8>) {
        self.samples += samples.len() as u64;
        while !samples.is_empty() {
            let (now, later) =
                samples.split_at(samples.len().min(self.packet_samples() - self.waiting.len()));
            self.waiting.extend_from_slice(now);
            samples = later;
            if self.waiting.len() == self.packet_samples() {
                self.packet();
            }
        }
        out.append(self.writer.inner_mut());
    }

    /// Appends the rest of the file.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        let frames = self.samples / self.channels as u64;
        let end = u64::from(self.pre_skip()) + frames * u64::from(GRANULE_HZ / self.rate.hz());
        while self.packets + u64::from(self.held.is_some()) < end.div_ceil(packet_granules()) {
            self.waiting.resize(self.packet_samples(), 0);
            self.packet();
        }
        if let Some(last) = self.held.take() {
            self.write(last, PacketWriteEndInfo::EndStream, end);
        }
        out.append(self.writer.inner_mut());
    }

    /// Bytes held back.
    pub(super) fn held_bytes(&self) -> usize {
        2 * self.waiting.len()
            + self.page_bytes
            + self.held.as_ref().map_or(0, Vec::len)
            + self.writer.inner().len()
    }

    /// Encodes what waits, and writes the packet before.
    fn packet(&mut self) {
        let mut packet = vec![0; MAX_PACKET_BYTES];
        // A packet of no bytes is one that was lost; the encoder fails at nothing but its parameters.
        let length = self.encoder.encode(&self.waiting, &mut packet).unwrap_or(0);
        packet.truncate(length);
        self.waiting.clear();
        if let Some(before) = self.held.replace(packet) {
            self.packets += 1;
            let ends_page = self.packets.is_multiple_of(PAGE_PACKETS);
            let end = if ends_page { PacketWriteEndInfo::EndPage } else { PacketWriteEndInfo::NormalPacket };
            self.write(before, end, self.packets * packet_granules());
        }
    }

    fn write(&mut self, packet: Vec<u8>, end: PacketWriteEndInfo, granule: u64) {
        self.page_bytes =
            if matches!(end, PacketWriteEndInfo::NormalPacket) { self.page_bytes + packet.len() } else { 0 };
        let written = self.writer.write_packet(Cow::Owned(packet), SERIAL, end, granule);
        written.expect("memory takes what is written to it");
    }

    /// How many granules of what is decoded are not yet sound. The encoder counts in samples of its rate.
    fn pre_skip(&self) -> u16 {
        let granules = self.encoder.lookahead() * (GRANULE_HZ / self.rate.hz());
        u16::try_from(granules).unwrap_or(u16::MAX)
    }

    /// Samples of a packet, of all channels.
    fn packet_samples(&self) -> usize {
        (self.rate.hz() / PACKETS_HZ) as usize * self.channels
    }

    /// The identification header (§5.1).
    fn head(&self) -> Vec<u8> {
        let mut head = b"OpusHead\x01".to_vec();
        head.push(if self.channels == 2 { 2 } else { 1 });
        head.extend(self.pre_skip().to_le_bytes());
        head.extend(self.rate.hz().to_le_bytes());
        head.extend([0; 3]); // no gain; one stream, mono or stereo
        head
    }
}

/// Granules of a packet.
fn packet_granules() -> u64 {
    u64::from(GRANULE_HZ / PACKETS_HZ)
}

/// Enough that each channel is coded by itself and none is heard in the other.
fn bits_a_second(rate: Rate) -> u32 {
    match rate {
        Rate::Narrow => 24_000,
        Rate::Wide => 32_000,
        Rate::Full => 48_000,
    }
}

/// The comment header (§5.2): who made it, and no comments.
fn tags() -> Vec<u8> {
    let name = b"Sidetone";
    let mut tags = b"OpusTags".to_vec();
    tags.extend(u32::try_from(name.len()).unwrap_or(0).to_le_bytes());
    tags.extend(name);
    tags.extend(0_u32.to_le_bytes());
    tags
}
