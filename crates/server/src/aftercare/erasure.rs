//! Which packets of a recording sound in a span of its timeline: those that go when the span is erased (C2-12).

use audio::{Formats, TimeMap};
use calls::id::{RecordingId, StreamNumber};
use calls::time::Wall;
use vault::{Archive, PacketHead, ReadingKey};

use crate::keep::manifest::Manifest;
use crate::playback::{SoundError, Survey, SurveyedLeg, Surveys};

/// An Opus packet tells how long it is in its payload; this is the most (RFC 6716 section 2.1.4).
const LONGEST_OPUS_TICKS: i64 = 5_760;

/// A span of a recording, with what is needed to tell its packets.
#[derive(Debug)]
pub(super) struct Erasure {
    from: Wall,
    until: Wall,
    legs: Vec<(StreamNumber, Formats, TimeMap)>,
}

impl Erasure {
    /// The span between two instants of the recorder's timeline.
    ///
    /// # Errors
    /// [`SoundError`] if the file cannot be read.
    pub(super) fn of(
        archive: &Archive,
        key: &ReadingKey,
        recording: RecordingId,
        (from, until): (Wall, Wall),
    ) -> Result<(Manifest, Self), SoundError> {
        let (manifest, survey) = Survey::of(archive, key, recording, &Surveys::default())?;
        let legs = survey
            .legs
            .iter()
            .map(|SurveyedLeg { number, formats, map, .. }| (*number, formats.clone(), map.clone()));
        Ok((manifest, Self { from, until, legs: legs.collect() }))
    }

    /// Whether a packet goes: it came in the span, or any of it sounds there. Packets are whole: up to one of them more than
    /// the span goes at either end, and none less.
    pub(super) fn covers(&self, stream: StreamNumber, packet: &PacketHead) -> bool {
        if (self.from..self.until).contains(&packet.arrival) {
            return true;
        }
        let Some((_, formats, map)) = self.legs.iter().find(|(number, ..)| *number == stream) else {
            return false;
        };
        let Some(place) = map.place(packet.ssrc, packet.timestamp, packet.arrival.as_ns()) else {
            return false;
        };
        let ticks = match formats.get(packet.payload_type) {
            Some((audio::Codec::Opus, _)) => LONGEST_OPUS_TICKS,
            Some((codec, _)) => i64::try_from(codec.ticks_of(packet.payload_bytes)).unwrap_or(i64::MAX),
            None => 0,
        };
        let (from, until) = (map.from_start(self.from.as_ns()), map.from_start(self.until.as_ns()));
        place.timeline_ns(0) < until && place.timeline_ns(ticks.max(1)) > from
    }

    /// How many packets go.
    ///
    /// # Errors
    /// [`SoundError`] if the disk fails; damaged blocks count for nothing.
    pub(super) fn count(
        &self,
        archive: &Archive,
        key: &ReadingKey,
        recording: RecordingId,
    ) -> Result<u64, SoundError> {
        let mut reader = archive.open(recording, key)?;
        let streams: Vec<StreamNumber> = reader.streams().iter().map(|tally| tally.stream).collect();
        let mut count = 0;
        for stream in streams {
            for head in reader.heads(stream, Wall::from_ns(i64::MIN), Wall::from_ns(i64::MAX)) {
                match head {
                    Ok(head) => count += u64::from(self.covers(stream, &head)),
                    Err(vault::ReadError::Disk(error)) => return Err(vault::ReadError::Disk(error).into()),
                    Err(_) => {}
                }
            }
        }
        Ok(count)
    }
}
