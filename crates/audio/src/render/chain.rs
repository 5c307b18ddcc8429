//! Codecs with a memory, so that any window still gives the same samples as the whole.
//!
//! Belongs here: which decoder a packet goes through. Does not: decoding itself ([`crate::codec`]).
//!
//! A decoder carries its state from packet to packet as long as one begins where the other ended, and is a new one after
//! every gap. A call of hours without a gap would have to be decoded from its beginning to hear its end; instead, media
//! time is cut into blocks of a second, and the sound of a block comes from a decoder that began with the block before.
//! It has heard a second by then, and the predictors of G.722 leak, so what it missed is all but forgotten.

use crate::codec::{Codec, Decoder};
use crate::packet::StoredPacket;

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

/// The decoders of one leg while a window is rendered.
#[derive(Debug, Default)]
pub(super) struct Chain<'a> {
    before: Option<Link<'a>>,
    /// Began with the block before, or at the last gap.
    now: Decoder,
    /// Began with this block, or at the last gap.
    next: Decoder,
}

impl<'a> Chain<'a> {
    /// Appends the samples of the next link.
    pub(super) fn decode(&mut self, link: Link<'a>, samples: &mut Vec<i16>) {
        let before = self.before.filter(|before| link.continues(before));
        match before.map(|before| link.block() - before.block()) {
            Some(0) => {}
            Some(1) => self.now = std::mem::take(&mut self.next),
            _ => (self.now, self.next) = (Decoder::default(), Decoder::default()),
        }
        // What the other decoder says is heard by nobody, but it learns.
        self.next.decode(link.codec, link.packet.payload, samples);
        samples.clear();
        self.now.decode(link.codec, link.packet.payload, samples);
        self.before = Some(link);
    }
}
