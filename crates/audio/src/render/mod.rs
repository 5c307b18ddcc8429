//! From packets to samples on the recording's timeline.
//!
//! Belongs here: putting decoded samples at their place, with silence of true length where there is none. Does not:
//! finding the place ([`crate::align`]), several legs at once ([`crate::mix`]).
//!
//! Rendering has no memory: each packet's first and last sample follow from the map alone, so any window of a leg gives
//! the same samples as the same span of the whole. That is what lets a player ask for byte ranges.

mod chain;

use crate::align::{LONGEST_PACKET_S, TimeMap};
use crate::codec::Elsewhere;
use crate::packet::{Formats, StoredPacket};
use crate::rate::Rate;
use chain::{Chain, Link};

/// A packet with more sound than this, of a codec with a memory, is not rendered: with the two seconds of sound such a
/// decoder may need before it, that stays within what one looks back for the longest packets.
const LONGEST_LINK_S: i64 = LONGEST_PACKET_S - 3;

/// One leg, ready to be rendered.
#[derive(Debug, Clone)]
pub struct Leg {
    /// What its payload types mean.
    pub formats: Formats,
    /// Where its packets lie.
    pub map: TimeMap,
    /// Spans that are exactly silent whatever was stored, from and until in ns from the timeline's start.
    pub dark: Vec<(i64, i64)>,
}

/// What went into a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rendered {
    /// Packets of which at least one sample was used.
    pub packets: u64,
    /// Packets that have no place: another source, or nothing to decode them with.
    pub unused: u64,
    /// Frames no packet filled.
    pub silent_frames: u64,
}

impl Leg {
    /// Renders a window of the leg: fills `out` with the samples from `from_frame` on. Packets in arrival order; those
    /// outside the window do no harm, those of [`TimeMap::arrivals_of`] suffice. Where two packets claim a frame, the
    /// first keeps it: nothing is written twice.
    ///
    /// # Errors
    /// What decodes elsewhere does not answer.
    pub fn render<'a, E: Elsewhere>(
        &self,
        rate: Rate,
        elsewhere: &mut E,
        packets: impl IntoIterator<Item = StoredPacket<'a>>,
        from_frame: u64,
        out: &mut [i16],
    ) -> Result<Rendered, E::Error> {
        out.fill(0);
        let mut window = Window {
            from: i64::try_from(from_frame).unwrap_or(i64::MAX),
            filled: vec![false; out.len()],
            out,
        };
        let mut rendered = Rendered::default();
        let (mut samples, mut links) = (Vec::new(), Vec::new());
        for packet in packets {
            let Some(link) = self.place(rate, &packet) else {
                rendered.unused += 1;
                continue;
            };
            if link.codec.has_memory(rate) {
                links.push(link);
            } else if window.overlaps(link.frames) {
                samples.clear();
                link.codec.decode(packet.payload, &mut samples);
                rendered.packets += u64::from(window.write(link.frames, &mut samples));
            }
        }
        let links = chain::in_order(links, |link| window.overlaps(link.frames));
        let told = chain::told(&links, elsewhere)?;
        let mut chain = Chain::new(rate, &told);
        for link in links {
            samples.clear();
            chain.decode(link, &mut samples);
            if window.overlaps(link.frames) {
                rendered.packets += u64::from(window.write(link.frames, &mut samples));
            }
        }
        rendered.silent_frames = window.filled.iter().filter(|filled| !**filled).count() as u64;
        for (from_ns, until_ns) in &self.dark {
            window.erase(rate.frames_in(*from_ns), rate.frames_touched(*until_ns));
        }
        Ok(rendered)
    }

    /// Where a packet lies, if it can be heard at all.
    fn place<'a>(&self, rate: Rate, packet: &StoredPacket<'a>) -> Option<Link<'a>> {
        let (codec, clock_hz) = self.formats.get(packet.payload_type)?;
        let length = i64::try_from(codec.ticks(packet.payload)).ok()?;
        let longest_s = if codec.has_memory(rate) { LONGEST_LINK_S } else { LONGEST_PACKET_S };
        if length == 0 || length > longest_s * i64::from(clock_hz) {
            return None;
        }
        let place = self.map.place(packet.ssrc, packet.timestamp, packet.arrival_ns)?;
        if place.clock_hz() != clock_hz {
            return None;
        }
        let (first, end) = (rate.frames_in(place.timeline_ns(0)), rate.frames_in(place.timeline_ns(length)));
        let (segment, ticks) = place.position();
        Some(Link { segment, ticks, length, clock_hz, codec, packet: *packet, frames: (first, end) })
    }
}

struct Window<'o> {
    from: i64,
    filled: Vec<bool>,
    out: &'o mut [i16],
}

impl Window<'_> {
    fn overlaps(&self, (first, end): (i64, i64)) -> bool {
        let length = i64::try_from(self.out.len()).unwrap_or(i64::MAX);
        end > self.from && first < self.from.saturating_add(length)
    }

    /// Frames as positions in the window.
    fn clip(&self, frame: i64) -> usize {
        usize::try_from(frame.saturating_sub(self.from)).unwrap_or(0).min(self.out.len())
    }

    /// Makes the samples as many as their place is long and writes where nothing was written; false if nothing could be.
    fn write(&mut self, (first, end): (i64, i64), samples: &mut Vec<i16>) -> bool {
        fit(samples, usize::try_from(end.saturating_sub(first)).unwrap_or(0));
        let (begin, end) = (self.clip(first), self.clip(end));
        let skipped = usize::try_from(self.from.saturating_sub(first)).unwrap_or(0);
        let mut written = false;
        for (at, sample) in (begin..end).zip(samples.iter().skip(skipped)) {
            if !self.filled[at] {
                (self.out[at], self.filled[at], written) = (*sample, true, true);
            }
        }
        written
    }

    fn erase(&mut self, first: i64, end: i64) {
        let (begin, end) = (self.clip(first), self.clip(end));
        if begin < end {
            self.out[begin..end].fill(0);
        }
    }
}

/// Makes the samples of a packet as many as its place is long (B7-04). A drifting clock makes that one more or one less
/// now and then: it is put in or taken out where the packet is quietest, where nobody hears it. A length further off
/// means another sampling rate; then each frame takes its nearest sample.
fn fit(samples: &mut Vec<i16>, length: usize) {
    let surplus = samples.len().abs_diff(length);
    if surplus == 0 || samples.is_empty() {
        return;
    }
    if surplus > 2 + samples.len() / 500 {
        let before = std::mem::take(samples);
        samples.extend((0..length).map(|at| before[at * before.len() / length]));
        return;
    }
    for _ in 0..surplus {
        let at = quietest(samples);
        if samples.len() < length {
            samples.insert(at, samples[at]);
        } else {
            samples.remove(at);
        }
    }
}

/// The sample with the least sound around it: small, and little different from its neighbours.
fn quietest(samples: &[i16]) -> usize {
    let loudness = |window: &[i16]| window.iter().map(|sample| u32::from(sample.unsigned_abs())).sum::<u32>();
    let around = samples.windows(3).enumerate().min_by_key(|(_, window)| loudness(window));
    around.map_or(0, |(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_more_or_less_goes_where_it_is_quiet() {
        let mut samples = vec![900, 800, 3, 1, 2, -700, 600];
        fit(&mut samples, 6);
        assert_eq!(samples, [900, 800, 3, 2, -700, 600]);
        fit(&mut samples, 8);
        assert_eq!(samples.len(), 8);
        assert_eq!((samples[0], samples[1], samples[6], samples[7]), (900, 800, -700, 600));
    }

    #[test]
    fn another_rate_is_brought_to_length() {
        let mut samples: Vec<i16> = (0..320).collect();
        fit(&mut samples, 160);
        assert_eq!(samples, (0..160).map(|n| n * 2).collect::<Vec<i16>>());
    }
}
