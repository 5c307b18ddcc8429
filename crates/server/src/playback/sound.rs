//! A sealed recording as sound.
//!
//! The timeline begins when the recording was started and is as long as it lasted. What a blackout covered is
//! exact silence of true length (C2-08), and so is what never came, what nobody can decode, and a damaged block.

use std::ops::Range;

use audio::file::wav::{Layout, TooLong, append_samples};
use audio::{Codec, FRAME_NS, Formats, Leg, MapBuilder, StoredPacket, mix};
use calls::id::{RecordingId, StreamNumber};
use calls::time::Wall;
use vault::{Archive, Digest, PacketHead, ReadError, ReadingKey, RecordingReader};

use super::Channels;
use crate::keep::manifest::{Format, Manifest};

/// Frames rendered at once: 8 s, so that what is read around a window is less than the window.
pub const WINDOW_FRAMES: u64 = 8 * audio::RATE_HZ as u64;

/// The largest payload a packet can have: what a datagram holds.
const MAX_PAYLOAD_BYTES: usize = 65_535;

/// Stands for payloads of which only the length counts.
static NO_PAYLOAD: [u8; MAX_PAYLOAD_BYTES] = [0; MAX_PAYLOAD_BYTES];

/// Why a recording cannot be heard.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SoundError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file's manifest is not one.
    #[error("the manifest of recording {recording} is not understood")]
    Manifest {
        /// The recording.
        recording: RecordingId,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// An open recording, to be rendered window by window.
pub struct Sound {
    reader: RecordingReader,
    manifest: Manifest,
    /// Made by the first rendering: the pass over all heads.
    legs: Option<Vec<(StreamNumber, Leg)>>,
    damaged: u64,
}

/// The shape of a WAV file of a part of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wav {
    layout: Layout,
    first_frame: u64,
    channels: Channels,
}

impl Sound {
    /// Opens a sealed recording and reads its manifest.
    ///
    /// # Errors
    /// [`SoundError`].
    pub fn open(archive: &Archive, key: &ReadingKey, recording: RecordingId) -> Result<Self, SoundError> {
        let mut reader = archive.open(recording, key)?;
        let manifest = serde_json::from_slice(&reader.manifest()?)
            .map_err(|source| SoundError::Manifest { recording, source })?;
        Ok(Self { reader, manifest, legs: None, damaged: 0 })
    }

    /// What the recording says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The digest of its file.
    pub fn digest(&self) -> Digest {
        self.reader.digest()
    }

    /// Its length in frames.
    pub fn frames(&self) -> u64 {
        let ns = self.manifest.stopped.since(self.manifest.started).as_nanos();
        u64::try_from(ns / u128::from(FRAME_NS.unsigned_abs())).unwrap_or(u64::MAX)
    }

    /// Damaged blocks met so far; each is silence. A block near the edge of a window is met twice.
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Renders frames from `from_frame` on into `out`, interleaved, left first. Frames behind the end are silent.
    ///
    /// Rendering has no memory: any window gives the same samples as the same part of the whole. The first call
    /// reads the heads of all packets; give no more than some [`WINDOW_FRAMES`] at once, for all of it is held.
    ///
    /// # Errors
    /// [`ReadError`] if the disk fails; damage is no error.
    pub fn render(
        &mut self,
        from_frame: u64,
        frames: u64,
        channels: Channels,
        out: &mut Vec<i16>,
    ) -> Result<(), ReadError> {
        let legs = match self.legs.take() {
            Some(legs) => legs,
            None => self.legs()?,
        };
        let length = usize::try_from(frames).unwrap_or(usize::MAX);
        let mut heard = Vec::with_capacity(legs.len());
        for (stream, leg) in &legs {
            heard.push(self.render_leg(*stream, leg, from_frame, length)?);
        }
        let numbers: Vec<StreamNumber> = legs.iter().map(|(stream, _)| *stream).collect();
        let lanes = channels.lanes(&self.manifest, &numbers).into_iter().map(|lane| {
            let of_lane = heard.iter().zip(lane).filter(|(_, sounds)| *sounds);
            let of_lane: Vec<&[i16]> = of_lane.map(|(samples, _)| samples.as_slice()).collect();
            let mut mixed = vec![0; length];
            mix::mix(&of_lane, &mut mixed);
            mixed
        });
        let lanes: Vec<Vec<i16>> = lanes.collect();
        *out = match lanes.as_slice() {
            [left, right] => mix::interleave(left, right),
            _ => lanes.into_iter().next().unwrap_or_default(),
        };
        self.legs = Some(legs);
        Ok(())
    }

    /// The shape of a WAV file of the frames in `span`, cut at the end of the recording.
    ///
    /// # Errors
    /// [`TooLong`] for what a WAV file cannot hold.
    pub fn wav(&self, span: Range<u64>, channels: Channels) -> Result<Wav, TooLong> {
        let end = span.end.min(self.frames());
        let first_frame = span.start.min(end);
        let layout = Layout::new(end - first_frame, channels.count())?;
        Ok(Wav { layout, first_frame, channels })
    }

    /// The bytes of `wav` from `from_byte` on: at most a window's worth, none at the end or at `until_byte`. Call it
    /// until it gives none.
    ///
    /// # Errors
    /// [`ReadError`] if the disk fails.
    pub fn wav_bytes(&mut self, wav: &Wav, from_byte: u64, until_byte: u64) -> Result<Vec<u8>, ReadError> {
        let window_bytes = WINDOW_FRAMES * wav.layout.frame_bytes();
        let until = until_byte.min(from_byte.saturating_add(window_bytes));
        let piece = wav.layout.piece(from_byte..until);
        let mut bytes = wav.layout.header()[piece.header].to_vec();
        if piece.sample_bytes > 0 {
            let mut samples = Vec::new();
            let from_frame = wav.first_frame + piece.frames.start;
            self.render(from_frame, piece.frames.end - piece.frames.start, wav.channels, &mut samples)?;
            let mut rendered = Vec::with_capacity(samples.len() * 2);
            append_samples(&mut rendered, &samples);
            let end =
                usize::try_from(piece.sample_bytes).unwrap_or(usize::MAX).saturating_add(piece.skip_bytes);
            bytes.extend_from_slice(rendered.get(piece.skip_bytes..end).unwrap_or_default());
        }
        Ok(bytes)
    }

    /// The first pass: where on the timeline each stream lies.
    fn legs(&mut self) -> Result<Vec<(StreamNumber, Leg)>, ReadError> {
        let origin = self.manifest.started;
        let dark = self.manifest.dark.iter();
        let dark: Vec<(i64, i64)> = dark
            .map(|span| (after(origin, span.from), span.until.map_or(i64::MAX, |until| after(origin, until))))
            .collect();
        let mut numbers: Vec<StreamNumber> =
            self.manifest.streams.iter().map(|stream| stream.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut legs = Vec::with_capacity(numbers.len());
        for number in numbers {
            let formats = self.formats_of(number);
            let mut builder = MapBuilder::new(origin.as_ns(), formats.clone());
            let mut damaged = 0;
            for head in self.reader.heads(number, Wall::from_ns(i64::MIN), Wall::from_ns(i64::MAX)) {
                match head {
                    Ok(head) => builder.push(&stored(&head)),
                    Err(ReadError::Disk(error)) => return Err(ReadError::Disk(error)),
                    Err(_) => damaged += 1,
                }
            }
            self.damaged += damaged;
            legs.push((number, Leg { formats, map: builder.map(), dark: dark.clone() }));
        }
        Ok(legs)
    }

    fn render_leg(
        &mut self,
        stream: StreamNumber,
        leg: &Leg,
        from_frame: u64,
        length: usize,
    ) -> Result<Vec<i16>, ReadError> {
        let ns_of = |frame: u64| i64::try_from(frame).unwrap_or(i64::MAX).saturating_mul(FRAME_NS);
        let end_frame = from_frame.saturating_add(length as u64);
        let (from_ns, until_ns) = leg.map.arrivals_of(ns_of(from_frame), ns_of(end_frame));
        let mut heads: Vec<(StoredPacket<'static>, Range<usize>)> = Vec::new();
        let mut payloads: Vec<u8> = Vec::new();
        let mut packets = self.reader.packets(stream, Wall::from_ns(from_ns), Wall::from_ns(until_ns));
        loop {
            match packets.next_packet() {
                Ok(None) => break,
                Ok(Some(packet)) => {
                    let begin = payloads.len();
                    payloads.extend_from_slice(packet.payload);
                    let head = StoredPacket {
                        arrival_ns: packet.arrival.as_ns(),
                        sequence: packet.sequence,
                        timestamp: packet.timestamp,
                        ssrc: packet.ssrc,
                        payload_type: packet.payload_type,
                        marker: packet.marker,
                        payload: &[],
                    };
                    heads.push((head, begin..payloads.len()));
                }
                Err(ReadError::Disk(error)) => return Err(ReadError::Disk(error)),
                Err(_) => self.damaged += 1,
            }
        }
        let packets =
            heads.iter().map(|(head, payload)| StoredPacket { payload: &payloads[payload.clone()], ..*head });
        let mut samples = vec![0; length];
        leg.render(packets, from_frame, &mut samples);
        Ok(samples)
    }

    fn formats_of(&self, number: StreamNumber) -> Formats {
        let streams = self.manifest.streams.iter().filter(|stream| stream.number == number);
        let formats: Vec<audio::Format> = streams.flat_map(|stream| &stream.formats).map(format_of).collect();
        Formats::new(&formats)
    }
}

impl Wav {
    /// Bytes of the whole file.
    pub fn total_bytes(&self) -> u64 {
        self.layout.total_bytes()
    }
}

fn format_of(format: &Format) -> audio::Format {
    let codec = Codec::of(&format.encoding, format.clock_hz, format.channels);
    audio::Format { payload_type: format.payload_type, codec, clock_hz: format.clock_hz }
}

/// A head as the first pass wants it.
fn stored(head: &PacketHead) -> StoredPacket<'static> {
    StoredPacket {
        arrival_ns: head.arrival.as_ns(),
        sequence: head.sequence,
        timestamp: head.timestamp,
        ssrc: head.ssrc,
        payload_type: head.payload_type,
        marker: head.marker,
        payload: &NO_PAYLOAD[..head.payload_bytes.min(MAX_PAYLOAD_BYTES)],
    }
}

/// Nanoseconds from the timeline's zero; negative before it.
fn after(origin: Wall, at: Wall) -> i64 {
    at.as_ns().saturating_sub(origin.as_ns())
}
