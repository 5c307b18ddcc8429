//! A sealed recording as sound.
//!
//! The timeline begins when the recording was started and is as long as it lasted. What a blackout covered is
//! exact silence of true length (C2-08), and so is what was erased, what never came, what nobody can decode, and a damaged block.

use std::ops::Range;

use audio::file::wav::{Layout, TooLong, append_samples};
use audio::{Codec, Gaps, Leg, Rate, StoredPacket, mix};
use calls::id::{RecordingId, StreamNumber};
use calls::packet::Packet;
use calls::time::Wall;
use vault::{Archive, Digest, KeyId, ReadError, ReadingKey, RecordingReader};

use super::survey::{SurveyedLeg, spans};
use super::{Channels, Ffmpeg, FfmpegError, Surveys};
use crate::keep::manifest::Manifest;

/// Seconds rendered at once, so that what is read around a window is less than the window.
pub(super) const WINDOW_S: u64 = 8;

/// Why a recording cannot be heard.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SoundError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(ReadError),
    /// It was made for a reading key whose private half is not at hand.
    #[error(
        "this recording was made for the reading key {0}, whose private half is not here: it is stored, and can be heard and \
         given out only where that key is"
    )]
    NotHeld(KeyId),
    /// The file's manifest is not one.
    #[error("the manifest of recording {recording} is not understood")]
    Manifest {
        /// The recording.
        recording: RecordingId,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Some of it is decoded by ffmpeg, which does not.
    #[error(
        "it holds sound in G.729, which an installed ffmpeg decodes, and {0}; the recording itself is complete"
    )]
    Ffmpeg(#[from] FfmpegError),
    /// A file of a recording that still grows cannot be read.
    #[error(transparent)]
    Disk(#[from] vault::DiskError),
    /// ffmpeg makes no MP3 of it.
    #[error("MP3 is made by an installed ffmpeg, and {0}; wav, opus and flac need none")]
    Mp3(FfmpegError),
    /// A WAV file cannot hold it.
    #[error(transparent)]
    TooLong(#[from] TooLong),
}

impl From<ReadError> for SoundError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NotHeld { key, .. } => Self::NotHeld(key),
            error => Self::Read(error),
        }
    }
}

/// An open recording, to be rendered window by window.
pub struct Sound {
    reader: RecordingReader,
    manifest: Manifest,
    legs: Vec<(StreamNumber, Leg)>,
    /// Where packets of each leg never came.
    gaps: Vec<(StreamNumber, Gaps)>,
    /// When keys were pressed on each leg, ns from the start.
    keys: Vec<(StreamNumber, Vec<Range<i64>>)>,
    /// Legs that are to be silent.
    muted: Vec<StreamNumber>,
    rate: Rate,
    ffmpeg: Ffmpeg,
    damaged: u64,
}

/// The shape of a WAV file of a part of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wav {
    layout: Layout,
    rate: Rate,
    first_frame: u64,
    channels: Channels,
}

/// What a sealed recording says of itself.
///
/// # Errors
/// [`SoundError`].
pub fn manifest_of(
    archive: &Archive,
    key: &ReadingKey,
    recording: RecordingId,
) -> Result<Manifest, SoundError> {
    read_manifest(&mut archive.open(recording, key)?, recording)
}

pub(super) fn read_manifest(
    reader: &mut RecordingReader,
    recording: RecordingId,
) -> Result<Manifest, SoundError> {
    serde_json::from_slice(&reader.manifest()?).map_err(|source| SoundError::Manifest { recording, source })
}

impl Sound {
    /// Opens a sealed recording and surveys it, if that was not done just now. Its rate is the one asked for, else the highest
    /// of the codecs in which it was said.
    ///
    /// # Errors
    /// [`SoundError`], also if it needs an ffmpeg that is not there.
    pub fn open(
        archive: &Archive,
        key: &ReadingKey,
        recording: RecordingId,
        rate: Option<Rate>,
        (ffmpeg, surveys): (&Ffmpeg, &Surveys),
    ) -> Result<Self, SoundError> {
        let mut reader = archive.open(recording, key)?;
        let manifest = read_manifest(&mut reader, recording)?;
        let survey = surveys.of(&mut reader, &manifest)?;
        if survey.codecs.contains(&Codec::G729) {
            ffmpeg.found()?;
        }
        let highest = survey.codecs.iter().copied().filter_map(Codec::rate).max();
        let rate = rate.or(highest).unwrap_or_default();
        let dark = spans(manifest.started, manifest.silenced());
        let leg = |leg: &SurveyedLeg| {
            (leg.number, Leg { formats: leg.formats.clone(), map: leg.map.clone(), dark: dark.clone() })
        };
        let legs = &survey.legs;
        let gaps = legs.iter().map(|leg| (leg.number, leg.gaps.clone())).collect();
        let keys = legs.iter().map(|leg| (leg.number, leg.keys_ns.clone())).collect();
        let legs = legs.iter().map(leg).collect();
        Ok(Self {
            reader,
            manifest,
            legs,
            gaps,
            keys,
            muted: Vec::new(),
            rate,
            ffmpeg: ffmpeg.clone(),
            damaged: survey.damaged,
        })
    }

    /// Frames (one sample for each channel) in a second.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// What the recording says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The digest of its file.
    pub fn digest(&self) -> Digest {
        self.reader.digest()
    }

    /// Where packets of each leg never came.
    pub fn gaps(&self) -> &[(StreamNumber, Gaps)] {
        &self.gaps
    }

    /// When keys were pressed on each leg, ns from the recording's start.
    pub fn keys(&self) -> &[(StreamNumber, Vec<Range<i64>>)] {
        &self.keys
    }

    /// Lets these legs be heard and no others, which are silence (C5-03).
    pub fn hear_only(&mut self, heard: &[StreamNumber]) {
        let legs = self.legs.iter().map(|(stream, _)| *stream);
        self.muted = legs.filter(|stream| !heard.contains(stream)).collect();
    }

    /// For each channel the streams that sound in it; those that are muted are not among them.
    pub fn lanes(&self, channels: Channels) -> Vec<Vec<StreamNumber>> {
        let numbers: Vec<StreamNumber> = self.legs.iter().map(|(stream, _)| *stream).collect();
        let heard = |lane: Vec<bool>| {
            let of_lane =
                numbers.iter().zip(lane).filter(|(stream, sounds)| *sounds && !self.muted.contains(stream));
            of_lane.map(|(stream, _)| *stream).collect()
        };
        channels.lanes(&self.manifest, &numbers).into_iter().map(heard).collect()
    }

    /// Its length in frames.
    pub fn frames(&self) -> u64 {
        let ns = self.manifest.stopped.since(self.manifest.started).as_nanos();
        let frames = self.rate.frames_in(i64::try_from(ns).unwrap_or(i64::MAX));
        u64::try_from(frames).unwrap_or(0)
    }

    /// Damaged blocks met so far; each is silence. A block near the edge of a window is met twice.
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Renders frames from `from_frame` on into `out`, interleaved, left first. Frames behind the end are silent.
    ///
    /// Rendering has no memory: any window gives the same samples as the same part of the whole. Ask for no more than
    /// some seconds at once, for all of it is held.
    ///
    /// # Errors
    /// [`SoundError`] if the disk or ffmpeg fails; damage is no error.
    pub fn render(
        &mut self,
        from_frame: u64,
        frames: u64,
        channels: Channels,
        out: &mut Vec<i16>,
    ) -> Result<(), SoundError> {
        let length = usize::try_from(frames).unwrap_or(usize::MAX);
        let legs = std::mem::take(&mut self.legs);
        let heard = legs.iter().map(|(stream, leg)| {
            if self.muted.contains(stream) {
                return Ok(vec![0; length]);
            }
            self.render_leg(*stream, leg, from_frame, length)
        });
        let heard: Result<Vec<Vec<i16>>, SoundError> = heard.collect();
        self.legs = legs;
        let heard = heard?;
        let numbers: Vec<StreamNumber> = self.legs.iter().map(|(stream, _)| *stream).collect();
        *out = mixed(&channels.lanes(&self.manifest, &numbers), &heard, length);
        Ok(())
    }

    /// The shape of a WAV file of the frames in `span`, cut at the end of the recording.
    ///
    /// # Errors
    /// [`TooLong`] for what a WAV file cannot hold.
    pub fn wav(&self, span: Range<u64>, channels: Channels) -> Result<Wav, TooLong> {
        let end = span.end.min(self.frames());
        let first_frame = span.start.min(end);
        let layout = Layout::new(end - first_frame, channels.count(), self.rate)?;
        Ok(Wav { layout, rate: self.rate, first_frame, channels })
    }

    /// The bytes of `wav` from `from_byte` on: at most a window's worth, none at the end or at `until_byte`. Call it
    /// until it gives none.
    ///
    /// # Errors
    /// As [`Sound::render`].
    pub fn wav_bytes(&mut self, wav: &Wav, from_byte: u64, until_byte: u64) -> Result<Vec<u8>, SoundError> {
        let window_bytes = WINDOW_S * u64::from(self.rate.hz()) * wav.layout.frame_bytes();
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

    fn render_leg(
        &mut self,
        stream: StreamNumber,
        leg: &Leg,
        from_frame: u64,
        length: usize,
    ) -> Result<Vec<i16>, SoundError> {
        let rate = self.rate;
        let end_frame = from_frame.saturating_add(length as u64);
        let (from_ns, until_ns) = leg.map.arrivals_of(rate.ns_of(from_frame), rate.ns_of(end_frame));
        let mut heads: Vec<(StoredPacket<'static>, Range<usize>)> = Vec::new();
        let mut payloads: Vec<u8> = Vec::new();
        let mut packets = self.reader.packets(stream, Wall::from_ns(from_ns), Wall::from_ns(until_ns));
        loop {
            match packets.next_packet() {
                Ok(None) => break,
                Ok(Some(packet)) => {
                    let begin = payloads.len();
                    payloads.extend_from_slice(packet.payload);
                    let head = head_of(&packet);
                    heads.push((head, begin..payloads.len()));
                }
                Err(ReadError::Disk(error)) => return Err(ReadError::Disk(error).into()),
                Err(_) => self.damaged += 1,
            }
        }
        let packets =
            heads.iter().map(|(head, payload)| StoredPacket { payload: &payloads[payload.clone()], ..*head });
        let mut samples = vec![0; length];
        leg.render(rate, &mut self.ffmpeg, packets, from_frame, &mut samples)?;
        Ok(samples)
    }
}

/// Legs put into channels: for each channel, whether each leg sounds in it.
pub(super) fn mixed(lanes: &[Vec<bool>], heard: &[Vec<i16>], length: usize) -> Vec<i16> {
    let lanes = lanes.iter().map(|lane| {
        let of_lane = heard.iter().zip(lane).filter(|(_, sounds)| **sounds);
        let of_lane: Vec<&[i16]> = of_lane.map(|(samples, _)| samples.as_slice()).collect();
        let mut mixed = vec![0; length];
        mix::mix(&of_lane, &mut mixed);
        mixed
    });
    let lanes: Vec<Vec<i16>> = lanes.collect();
    match lanes.as_slice() {
        [left, right] => mix::interleave(left, right),
        _ => lanes.into_iter().next().unwrap_or_default(),
    }
}

impl Wav {
    /// Bytes of the whole file.
    pub fn total_bytes(&self) -> u64 {
        self.layout.total_bytes()
    }

    /// How much of the recording these bytes hold, in ms.
    pub fn ms_in(&self, bytes: Range<u64>) -> u64 {
        let frames = self.layout.piece(bytes).frames;
        (frames.end - frames.start) * 1_000 / u64::from(self.rate.hz())
    }
}

/// A stored packet without its payload.
pub(super) fn head_of(packet: &Packet<'_>) -> StoredPacket<'static> {
    StoredPacket {
        arrival_ns: packet.arrival.as_ns(),
        sequence: packet.sequence,
        timestamp: packet.timestamp,
        ssrc: packet.ssrc,
        payload_type: packet.payload_type,
        marker: packet.marker,
        payload: &[],
    }
}
