//! A recording that is still made, as sound: what is kept so far, and then what comes.
//!
//! It is read from the disk, as whatever is played is, by a [`Follower`]: the way of a packet knows nothing of it, and
//! nothing is heard that is not kept. In memory are the packets around the place that is heard. The map of each leg
//! grows with what comes; where later packets tell more of a clock, what follows lies a few samples elsewhere.
//! Sender reports are not used: they come with the seal.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use audio::{Codec, Formats, Leg, MapBuilder, Rate, StoredPacket};
use calls::id::{RecordingId, StreamNumber};
use calls::packet::Packet;
use calls::time::Wall;
use vault::{Archive, Follower, Reached, ReadingKey, Settlement};

use super::sound::{head_of, mixed};
use super::survey::{format_of, formats_of, spans};
use super::{Channels, Ffmpeg, SoundError};
use crate::keep::manifest::Manifest;

/// Sound is given out this long after it came: by then it is durable, and so is what was said at the same time on
/// another leg. What comes later still is not heard here.
const LAG: Duration = Duration::from_millis(1_500);

/// Frames that are on their way from one file to another are waited for so long.
const GAP_PATIENCE: Duration = Duration::from_secs(5);

/// Packets before a place that rendering it may need: [`audio::TimeMap::arrivals_of`] says how many.
const BEFORE: Duration = Duration::from_secs(6);

/// Bytes of frames read in one go.
const LOOK_BYTES: u64 = 256 << 10;

/// Payloads held for each leg at most: twenty seconds of L16 at 48 kHz.
const MAX_HELD_BYTES: usize = 2 << 20;

/// Seconds given out at once, where that much is there.
const WINDOW_S: u64 = 2;

/// A recording that is still made.
pub struct LiveSound {
    follower: Follower,
    manifest: Manifest,
    legs: BTreeMap<StreamNumber, LiveLeg>,
    rate: Option<Rate>,
    ffmpeg: Ffmpeg,
    channels: Channels,
    /// The next frame to be given out; `None` until it is known how much there is.
    next: Option<u64>,
    begin: u64,
    end: u64,
    /// The latest arrival that was read.
    newest: Wall,
    /// When all that was durable had been read.
    caught_up: Option<Wall>,
    sealed: bool,
    gap_since: Option<Wall>,
    /// Packets that were let go before they were heard, for there were too many.
    dropped: u64,
}

/// One leg, as far as it is known.
struct LiveLeg {
    formats: Formats,
    builder: MapBuilder,
    packets: VecDeque<Held>,
    bytes: usize,
    codecs: Vec<Codec>,
}

/// A packet that is held.
struct Held {
    head: StoredPacket<'static>,
    payload: Box<[u8]>,
}

/// What is to be heard of it.
#[derive(Debug, Clone, Copy)]
pub struct LivePart {
    /// The rate, if another than that of its codecs.
    pub rate: Option<Rate>,
    /// The channels.
    pub channels: Channels,
    /// Where to begin, ms from its start; behind what there is, with what comes next.
    pub from_ms: u64,
    /// Where to end, if not with the recording.
    pub to_ms: Option<u64>,
}

impl LiveSound {
    /// Begins to follow a recording. `manifest` is what is known of it now.
    pub fn follow(
        archive: &Archive,
        key: &ReadingKey,
        manifest: Manifest,
        part: LivePart,
        ffmpeg: &Ffmpeg,
    ) -> Self {
        let recording: RecordingId = manifest.recording;
        Self {
            follower: archive.follow(recording, key),
            newest: manifest.started,
            manifest,
            legs: BTreeMap::new(),
            rate: part.rate,
            ffmpeg: ffmpeg.clone(),
            channels: part.channels,
            next: None,
            begin: part.from_ms,
            end: part.to_ms.unwrap_or(u64::MAX),
            caught_up: None,
            sealed: false,
            gap_since: None,
            dropped: 0,
        }
    }

    /// Frames in a second: known once [`Self::look`] has found something, and then for good.
    pub fn rate(&self) -> Rate {
        self.rate.unwrap_or_default()
    }

    /// The channels it is heard in.
    pub fn channels(&self) -> Channels {
        self.channels
    }

    /// What was known of the recording at the last look.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Frames of the store and packets that were not heard: not there in time, not readable, or too many.
    pub fn missed(&self) -> u64 {
        self.follower.missed() + self.dropped
    }

    /// Reads what has come, as far as it is wanted now. `manifest` is what is known of the recording at `now`, and
    /// `unsettled` was asked for before that.
    ///
    /// # Errors
    /// [`SoundError`] if the disk fails, or the key is not at hand.
    pub fn look(
        &mut self,
        manifest: Manifest,
        unsettled: &[Settlement],
        now: Wall,
    ) -> Result<(), SoundError> {
        self.manifest = manifest;
        for (number, leg) in &mut self.legs {
            leg.formats = formats_of(&self.manifest, *number);
            leg.builder.know(leg.formats.clone());
        }
        loop {
            if self.newest > self.wanted_until() {
                // Enough for this time: the rest is on the disk.
                self.caught_up = None;
                break;
            }
            let keep_from = self.wanted_from();
            let (legs, manifest, newest) = (&mut self.legs, &self.manifest, &mut self.newest);
            let dropped = &mut self.dropped;
            let mut sees = |number: StreamNumber, packet: &Packet<'_>| {
                *newest = (*newest).max(packet.arrival);
                let leg = legs.entry(number).or_insert_with(|| LiveLeg::new(manifest, number));
                *dropped += leg.take(packet, keep_from);
            };
            match self.follower.look(unsettled, LOOK_BYTES, &mut sees)? {
                Reached::Limit => {}
                Reached::Now => {
                    (self.caught_up, self.gap_since) = (Some(now), None);
                    break;
                }
                Reached::Gap => {
                    let since = *self.gap_since.get_or_insert(now);
                    self.caught_up = None;
                    if now.since(since) >= GAP_PATIENCE {
                        self.follower.pass_over();
                    }
                    break;
                }
                Reached::Sealed => {
                    self.sealed = true;
                    break;
                }
            }
        }
        if let Some(key) = self.follower.not_held() {
            return Err(SoundError::NotHeld(key));
        }
        self.choose_rate();
        if self.needs_ffmpeg() {
            self.ffmpeg.found()?;
        }
        Ok(())
    }

    fn needs_ffmpeg(&self) -> bool {
        self.legs.values().any(|leg| leg.codecs.contains(&Codec::G729))
    }

    /// Gives the next window of samples in `out`, interleaved: none if nothing is ready yet. False at the end.
    ///
    /// # Errors
    /// [`SoundError`] if ffmpeg is needed and fails.
    pub fn window(&mut self, is_over: bool, out: &mut Vec<i16>) -> Result<bool, SoundError> {
        out.clear();
        let last = self.frame_at(self.manifest.stopped);
        let end = self.frame_of_ms(self.end).min(if is_over { last } else { u64::MAX });
        let ready = self.frame_at(self.ready()).min(end);
        let next = match self.next {
            Some(next) => next,
            // Behind what there is begins with what comes.
            None if self.caught_up.is_some() || self.sealed => self.frame_of_ms(self.begin).min(ready),
            None if self.frame_of_ms(self.begin) < ready => self.frame_of_ms(self.begin),
            None => return Ok(true),
        };
        let second = u64::from(self.rate().hz());
        let mut frames = ready.saturating_sub(next).min(WINDOW_S * second);
        // A process for each window: there should not be many of them.
        if self.needs_ffmpeg() && frames < second && ready < end {
            frames = 0;
        }
        self.next = Some(next);
        if frames > 0 {
            self.render(next, frames, out)?;
            self.next = Some(next + frames);
            self.forget();
        }
        Ok(next + frames < end)
    }

    fn render(&mut self, from_frame: u64, frames: u64, out: &mut Vec<i16>) -> Result<(), SoundError> {
        let (rate, length) = (self.rate(), usize::try_from(frames).unwrap_or(usize::MAX));
        let dark = spans(self.manifest.started, self.manifest.silenced());
        let mut heard = Vec::new();
        for live in self.legs.values() {
            let leg = Leg { formats: live.formats.clone(), map: live.builder.map(), dark: dark.clone() };
            let packets =
                live.packets.iter().map(|held| StoredPacket { payload: &held.payload, ..held.head });
            let mut samples = vec![0; length];
            leg.render(rate, &mut self.ffmpeg, packets, from_frame, &mut samples)?;
            heard.push(samples);
        }
        let numbers: Vec<StreamNumber> = self.legs.keys().copied().collect();
        *out = mixed(&self.channels.lanes(&self.manifest, &numbers), &heard, length);
        Ok(())
    }

    /// The first instant of which it is not certain that all was read.
    fn ready(&self) -> Wall {
        if self.sealed { self.manifest.stopped } else { self.caught_up.unwrap_or(self.newest).before(LAG) }
    }

    /// Packets that came before this are not needed any more.
    fn wanted_from(&self) -> Wall {
        self.place().min(self.newest.before(LAG)).before(BEFORE)
    }

    /// What came after this is not needed yet.
    fn wanted_until(&self) -> Wall {
        self.place().after(Duration::from_secs(WINDOW_S) + LAG + LAG)
    }

    /// Where on the timeline the next frame is.
    fn place(&self) -> Wall {
        let ns = match self.next {
            Some(next) => u64::try_from(self.rate().ns_of(next)).unwrap_or(0),
            None => self.begin.saturating_mul(1_000_000),
        };
        // Behind all that can be: as far as there is anything.
        let most = Duration::from_secs(1 << 32);
        self.manifest.started.after(Duration::from_nanos(ns).min(most))
    }

    fn frame_of_ms(&self, ms: u64) -> u64 {
        ms.saturating_mul(u64::from(self.rate().hz() / 1_000))
    }

    fn frame_at(&self, at: Wall) -> u64 {
        let ns = i64::try_from(at.since(self.manifest.started).as_nanos()).unwrap_or(i64::MAX);
        u64::try_from(self.rate().frames_in(ns)).unwrap_or(0)
    }

    /// The highest of what was said so far; where nothing was, of what was agreed to be said first.
    fn choose_rate(&mut self) {
        if self.rate.is_some() || (self.legs.is_empty() && self.caught_up.is_none() && !self.sealed) {
            return;
        }
        let said = self.legs.values().flat_map(|leg| &leg.codecs).copied();
        let agreed = self.manifest.streams.iter().filter_map(|stream| {
            let first = stream.formats.first()?;
            Some(format_of(first).codec)
        });
        let said: Vec<Codec> = if self.legs.is_empty() { agreed.collect() } else { said.collect() };
        self.rate = Some(said.into_iter().filter_map(Codec::rate).max().unwrap_or_default());
    }

    /// Lets go of what lies behind.
    fn forget(&mut self) {
        let from_ns = self.wanted_from().as_ns();
        for leg in self.legs.values_mut() {
            while leg.packets.front().is_some_and(|held| held.head.arrival_ns < from_ns) {
                leg.let_go();
            }
        }
    }
}

impl LiveLeg {
    fn new(manifest: &Manifest, number: StreamNumber) -> Self {
        let formats = formats_of(manifest, number);
        let builder = MapBuilder::new(manifest.started.as_ns(), formats.clone());
        Self { formats, builder, packets: VecDeque::new(), bytes: 0, codecs: Vec::new() }
    }

    /// Takes a packet; what came before `keep_from` tells of the clock only. Says how many had to go for it.
    fn take(&mut self, packet: &Packet<'_>, keep_from: Wall) -> u64 {
        let codec = self.formats.get(packet.payload_type).map(|(codec, _)| codec);
        self.codecs.extend(codec.filter(|codec| !self.codecs.contains(codec)));
        let head = head_of(packet);
        self.builder.push(&StoredPacket { payload: packet.payload, ..head });
        if packet.arrival >= keep_from {
            self.bytes += packet.payload.len();
            self.packets.push_back(Held { head, payload: packet.payload.into() });
        }
        let mut dropped = 0;
        while let Some(first) = self.packets.front() {
            let is_behind = first.head.arrival_ns < keep_from.as_ns();
            if !is_behind && self.bytes <= MAX_HELD_BYTES {
                break;
            }
            dropped += u64::from(!is_behind);
            self.let_go();
        }
        dropped
    }

    fn let_go(&mut self) {
        if let Some(held) = self.packets.pop_front() {
            self.bytes -= held.payload.len();
        }
    }
}
