//! What the packets of a sealed recording say of its legs: where each lies on the timeline, by what they were aligned,
//! and where packets never came. One pass over packet heads.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use audio::align::{SenderInstant, Shift, align_by_senders, ntp_ns};
use audio::{Codec, Formats, GapFinder, Gaps, MapBuilder, StoredPacket, TimeMap};
use calls::call::{Call, Stream};
use calls::id::{RecordingId, StreamNumber};
use calls::time::{Span, Wall};
use vault::{Archive, PacketHead, ReadError, ReadingKey, RecordingReader};

use super::sound::read_manifest;
use super::{SoundError, Surveys};
use crate::keep::manifest::{Format, Manifest, StreamManifest};

/// The most presses of keys that are told of one leg.
pub const MAX_KEYS: usize = 2_000;

/// The largest payload a packet can have: what a datagram holds.
const MAX_PAYLOAD_BYTES: usize = 65_535;

/// Stands for payloads of which only the length counts.
static NO_PAYLOAD: [u8; MAX_PAYLOAD_BYTES] = [0; MAX_PAYLOAD_BYTES];

/// A leg as its packets tell of it.
#[derive(Debug)]
pub struct SurveyedLeg {
    /// Its stream.
    pub number: StreamNumber,
    /// What its payload types mean.
    pub formats: Formats,
    /// Where on the timeline its media lies.
    pub map: TimeMap,
    /// What sender reports did to that (B7-05).
    pub shift: Shift,
    /// Where packets never came (B2-04).
    pub gaps: Gaps,
    /// When keys were pressed, ns from the recording's start; the first [`MAX_KEYS`].
    pub keys_ns: Vec<Range<i64>>,
}

/// A recording as its packets tell of it.
#[derive(Debug, Default)]
pub struct Survey {
    /// Its legs, by number.
    pub legs: Vec<SurveyedLeg>,
    /// The codecs in which it was said.
    pub codecs: Vec<Codec>,
    /// Damaged blocks.
    pub damaged: u64,
}

impl Survey {
    /// Looks at a sealed recording, if that was not done just now.
    ///
    /// # Errors
    /// [`SoundError`] if the file cannot be read; damage is no error.
    pub fn of(
        archive: &Archive,
        key: &ReadingKey,
        recording: RecordingId,
        surveys: &Surveys,
    ) -> Result<(Manifest, Arc<Self>), SoundError> {
        let mut reader = archive.open(recording, key)?;
        let manifest = read_manifest(&mut reader, recording)?;
        let survey = surveys.of(&mut reader, &manifest)?;
        Ok((manifest, survey))
    }

    pub(super) fn read(reader: &mut RecordingReader, manifest: &Manifest) -> Result<Self, SoundError> {
        let mut survey = Self::default();
        let mut numbers: Vec<StreamNumber> = manifest.streams.iter().map(|stream| stream.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        for number in numbers {
            survey.look_at(number, reader, manifest)?;
        }
        let mut maps: Vec<TimeMap> = survey.legs.iter().map(|leg| leg.map.clone()).collect();
        let numbers: Vec<StreamNumber> = survey.legs.iter().map(|leg| leg.number).collect();
        let shifts = align_by_senders(&mut maps, &instants(manifest, &numbers));
        for ((leg, map), shift) in survey.legs.iter_mut().zip(maps).zip(shifts) {
            (leg.map, leg.shift) = (map, shift);
        }
        Ok(survey)
    }

    fn look_at(
        &mut self,
        number: StreamNumber,
        reader: &mut RecordingReader,
        manifest: &Manifest,
    ) -> Result<(), SoundError> {
        let origin = manifest.started;
        let streams = || manifest.streams.iter().filter(|stream| stream.number == number);
        let formats = formats_of(manifest, number);
        let mut builder = MapBuilder::new(origin.as_ns(), formats.clone());
        let mut gaps = GapFinder::new(formats.clone());
        let mut keys = Keys::default();
        for head in reader.heads(number, Wall::from_ns(i64::MIN), Wall::from_ns(i64::MAX)) {
            match head {
                Ok(head) => {
                    let codec = formats.get(head.payload_type).map(|(codec, _)| codec);
                    self.codecs.extend(codec.filter(|codec| !self.codecs.contains(codec)));
                    let packet = stored(&head);
                    if codec == Some(Codec::TelephoneEvent) {
                        keys.push(&packet, origin);
                    }
                    builder.push(&packet);
                    gaps.push(&packet);
                }
                Err(ReadError::Disk(error)) => return Err(ReadError::Disk(error).into()),
                Err(_) => {
                    self.damaged += 1;
                    gaps.push_damaged();
                }
            }
        }
        let paused = streams().flat_map(|stream: &StreamManifest| &stream.paused);
        let unkept: Vec<(i64, i64)> = spans(origin, manifest.silenced().chain(paused));
        let map = builder.map();
        let gaps = gaps.gaps(&map, &unkept);
        self.legs.push(SurveyedLeg {
            number,
            formats,
            map,
            shift: Shift::default(),
            gaps,
            keys_ns: keys.spans,
        });
        Ok(())
    }
}

/// The presses of keys of a leg: packets of one key have one timestamp (RFC 4733 section 2.2.2).
#[derive(Default)]
struct Keys {
    spans: Vec<Range<i64>>,
    last: Option<(u32, u32)>,
}

impl Keys {
    fn push(&mut self, packet: &StoredPacket<'_>, origin: Wall) {
        let at = packet.arrival_ns.saturating_sub(origin.as_ns());
        let of = Some((packet.ssrc, packet.timestamp));
        let (goes_on, has_room) = (self.last == of, self.spans.len() < MAX_KEYS);
        match self.spans.last_mut().filter(|_| goes_on) {
            Some(span) => span.end = span.end.max(at),
            None if has_room => self.spans.push(at..at),
            None => {}
        }
        self.last = of;
    }
}

/// Spans as nanoseconds from the timeline's zero.
pub(super) fn spans<'a>(origin: Wall, spans: impl Iterator<Item = &'a Span>) -> Vec<(i64, i64)> {
    let after = |at: Wall| at.as_ns().saturating_sub(origin.as_ns());
    spans.map(|span| (after(span.from), span.until.map_or(i64::MAX, after))).collect()
}

/// Whose wall clock reports are by.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum WallClock<'a> {
    Trunk,
    Name(&'a str),
    Source(StreamNumber, u32),
}

/// What the senders of each leg reported. Sources of one name share a wall clock (RFC 3550 section 6.5.1), and so do all
/// where their trunk says so; any other has one of its own, which aligns nothing.
fn instants(manifest: &Manifest, legs: &[StreamNumber]) -> Vec<Vec<SenderInstant>> {
    // Numbers of clocks, by name; those without a name take numbers too.
    let mut clocks: BTreeMap<WallClock<'_>, usize> = BTreeMap::new();
    let mut instants_of = |number: &StreamNumber| {
        let streams = manifest.streams.iter().filter(|stream| stream.number == *number);
        let mut instants = Vec::new();
        for sender in streams.flat_map(|stream| &stream.sender_clocks) {
            let whose = match sender.cname.as_deref() {
                _ if manifest.one_clock => WallClock::Trunk,
                Some(cname) => WallClock::Name(cname),
                None => WallClock::Source(*number, sender.ssrc),
            };
            let next = clocks.len();
            let clock = *clocks.entry(whose).or_insert(next);
            instants.extend(sender.pairs.iter().map(|pair| SenderInstant {
                clock,
                ssrc: sender.ssrc,
                timestamp: pair.timestamp,
                sender_ns: ntp_ns(pair.ntp),
                arrival_ns: pair.arrival_ns,
            }));
        }
        instants
    };
    legs.iter().map(&mut instants_of).collect()
}

/// What the payload types of a stream mean.
pub(super) fn formats_of(manifest: &Manifest, number: StreamNumber) -> Formats {
    let streams = manifest.streams.iter().filter(|stream| stream.number == number);
    let formats: Vec<audio::Format> = streams.flat_map(|stream| &stream.formats).map(format_of).collect();
    Formats::new(&formats)
}

/// What the payload types of a call's streams mean.
pub fn formats_of_call(call: &Call) -> Vec<(StreamNumber, Formats)> {
    let formats = |stream: &Stream| stream.formats.iter().map(format_of).collect::<Vec<_>>();
    call.streams.iter().map(|stream| (stream.number, Formats::new(&formats(stream)))).collect()
}

/// A format in the words of the `audio` crate.
pub(super) fn format_of(format: &Format) -> audio::Format {
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
