//! Codecs with a memory, so that any window still gives the same samples as the whole.
//!
//! Belongs here: which decoder a packet goes through. Does not: decoding itself ([`crate::codec`]).
//!
//! A decoder carries its state from packet to packet as long as one begins where the other ended, and is a new one after
//! every gap. A call of hours without a gap would have to be decoded from its beginning to hear its end; instead, media
//! time is cut into blocks of a second, and the sound of a block comes from a decoder that began with the block before.
//! It has heard a second by then, and predictors leak, so what it missed is all but forgotten.

use crate::codec::{Codec, Decoder, Elsewhere, g729};
use crate::packet::StoredPacket;
use crate::rate::Rate;

/// A packet of a codec with a memory, and where it lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link<'a> {
    /// The segment of the map it is on.
    pub(super) segment: usize,
    /// Its first tick on the segment's axis.
    pub(super) ticks: i64,
    /// Ticks it is long.
    pub(super) length: i64,
    /// Ticks of a second.
    pub(super) clock_hz: u32,
    pub(super) codec: Codec,
    pub(super) packet: StoredPacket<'a>,
    /// First and last frame of the timeline, the last exclusive.
    pub(super) frames: (i64, i64),
}

impl Link<'_> {
    fn block(&self) -> i64 {
        self.ticks.div_euclid(i64::from(self.clock_hz.max(1)))
    }

    fn continues(&self, before: &Self) -> bool {
        self.segment == before.segment
            && self.codec == before.codec
            && self.clock_hz == before.clock_hz
            && self.ticks == before.ticks + before.length
    }
}

/// The links in media order, each packet once: of copies, the first that came. Links that no sound of the window
/// depends on are left out.
pub(super) fn in_order<'a>(mut links: Vec<Link<'a>>, in_window: impl Fn(&Link<'a>) -> bool) -> Vec<Link<'a>> {
    // The sort is stable: copies stay in order of arrival.
    links.sort_by_key(|link| (link.segment, link.ticks));
    links.dedup_by_key(|link| (link.segment, link.ticks));
    let heard: Vec<(usize, i64)> =
        links.iter().filter(|link| in_window(link)).map(|link| (link.segment, link.block())).collect();
    links.retain(|link| {
        let at = (link.segment, link.block());
        let next = heard.partition_point(|heard| *heard < at);
        heard.get(next).is_some_and(|(segment, block)| *segment == at.0 && *block <= at.1 + 1)
    });
    links
}

/// What is decoded elsewhere of these links, in their order: asked for once, for all of them.
pub(super) fn told<E: Elsewhere>(links: &[Link<'_>], elsewhere: &mut E) -> Result<Vec<i16>, E::Error> {
    let speech = links.iter().filter(|link| link.codec == Codec::G729);
    let speech: Vec<u8> = speech.flat_map(|link| g729::speech(link.packet.payload)).copied().collect();
    if speech.is_empty() { Ok(Vec::new()) } else { elsewhere.g729(&speech) }
}

/// The decoders of one leg while a window is rendered.
#[derive(Debug)]
pub(super) struct Chain<'a> {
    rate: Rate,
    /// What was decoded elsewhere of the links to come.
    told: &'a [i16],
    before: Option<Link<'a>>,
    /// Began with the block before, or at the last gap; and with this block, or at the last gap.
    decoders: Option<(Decoder, Decoder)>,
}

impl<'a> Chain<'a> {
    pub(super) fn new(rate: Rate, told: &'a [i16]) -> Self {
        Self { rate, told, before: None, decoders: None }
    }

    /// Appends the samples of the next link.
    pub(super) fn decode(&mut self, link: Link<'a>, samples: &mut Vec<i16>) {
        let new = || Decoder::new(link.codec, self.rate);
        let before = self.before.filter(|before| link.continues(before));
        let blocks = before.map(|before| link.block() - before.block());
        let (mut now, mut next) = match (blocks, self.decoders.take()) {
            (Some(0), Some(both)) => both,
            (Some(1), Some((_, next))) => (next, new()),
            _ => (new(), new()),
        };
        let told = self.take_told(link);
        // What the other decoder says is heard by nobody, but it learns.
        next.decode(link.packet.payload, told, samples);
        samples.clear();
        now.decode(link.packet.payload, told, samples);
        self.decoders = Some((now, next));
        self.before = Some(link);
    }

    fn take_told(&mut self, link: Link<'a>) -> &'a [i16] {
        if link.codec != Codec::G729 {
            return &[];
        }
        let frames = g729::speech(link.packet.payload).len() / g729::FRAME_BYTES;
        let (mine, rest) = self.told.split_at((frames * g729::FRAME_SAMPLES).min(self.told.len()));
        self.told = rest;
        mine
    }
}
