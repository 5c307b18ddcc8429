//! What one set of keys opens, and which packets of which sources it has opened.

use super::inbound::Fault;
use super::index::candidates;
use super::keys::Keys;
use super::session::{Session, Work};
use super::window::Window;
use super::wire::{ENCRYPTED, RTCP_CLEAR_BYTES, WORD_BYTES, rtp_clear_bytes, word};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Sources remembered of each set of keys, for RTP and for RTCP.
///
/// One more takes the place of the one that was silent longest. Only packets that proved authentic make a source known, so whoever has no key cannot fill the table.
pub const MAX_SSRCS: usize = 32;

/// How far each source has come. It holds no keys, so it may be kept where they may not (A10-07).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// RTP: roll-over counter and highest sequence number.
    pub rtp: Vec<SourceState>,
    /// RTCP: the highest index, in the same form.
    pub rtcp: Vec<SourceState>,
}

/// How far one source has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceState {
    /// The source.
    pub ssrc: u32,
    /// The roll-over counter: the high half of the index.
    pub roll_over_counter: u32,
    /// The highest sequence number: the low half.
    pub highest_sequence: u16,
}

#[derive(Clone)]
pub(super) struct Keyed {
    pub(super) keys: Keys,
    masters: Vec<Sessions>,
    rtp: Sources,
    rtcp: Sources,
}

#[derive(Clone)]
struct Sessions {
    mki: Vec<u8>,
    rtp: Session,
    rtcp: Session,
}

impl Keyed {
    pub(super) fn new(keys: &Keys) -> Self {
        let suite = keys.suite();
        let masters = keys.masters().iter().map(|master| Sessions {
            mki: master.mki.clone(),
            rtp: Session::derive(suite, master, false),
            rtcp: Session::derive(suite, master, true),
        });
        let masters = masters.collect();
        Self { keys: keys.clone(), masters, rtp: Sources::default(), rtcp: Sources::default() }
    }

    #[cfg(test)]
    pub(super) fn with_sessions(keys: &Keys, rtp: Session, rtcp: Session) -> Self {
        let masters = vec![Sessions { mki: Vec::new(), rtp, rtcp }];
        Self { keys: keys.clone(), masters, rtp: Sources::default(), rtcp: Sources::default() }
    }

    /// Opens an RTP packet in place; gives its length without what protected it. `hint`: how far its source had come
    /// under the keys before these.
    pub(super) fn open_rtp(&mut self, packet: &mut [u8], hint: Option<u64>) -> Result<usize, Fault> {
        let layout = self.layout(packet.len(), self.keys.suite().rtp_tag_bytes(), 0)?;
        let (body, rest) = packet.split_at_mut(layout.body);
        let clear = rtp_clear_bytes(body).ok_or(Fault::Unauthenticated)?;
        let ssrc = word(body, 8).ok_or(Fault::Unauthenticated)?;
        let sequence = u16::from_be_bytes([body[2], body[3]]);
        let session = &self.named(&rest[layout.mki])?.rtp;
        let newest = self.rtp.newest(ssrc);
        let tag = &rest[layout.tag];
        let proved = candidates(newest, hint, sequence)
            .find(|&index| session.open(Work { ssrc, index, clear, body, trailer: None }, tag));
        self.rtp.note(ssrc, proved.ok_or(Fault::Unauthenticated)?)?;
        Ok(layout.body)
    }

    /// Opens an RTCP compound in place; gives its length without what protected it.
    pub(super) fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, Fault> {
        let layout = self.layout(packet.len(), self.keys.suite().rtcp_tag_bytes(), WORD_BYTES)?;
        let (body, rest) = packet.split_at_mut(layout.body);
        let (Some(ssrc), Some(trailer)) = (word(body, 4), word(rest, layout.word)) else {
            return Err(Fault::Unauthenticated);
        };
        let session = &self.named(&rest[layout.mki])?.rtcp;
        let index = u64::from(trailer & !ENCRYPTED);
        let clear = if trailer & ENCRYPTED == 0 { body.len() } else { RTCP_CLEAR_BYTES };
        let work = Work { ssrc, index, clear, body, trailer: Some(trailer.to_be_bytes()) };
        if !session.open(work, &rest[layout.tag]) {
            return Err(Fault::Unauthenticated);
        }
        self.rtcp.note(ssrc, index)?;
        Ok(layout.body)
    }

    /// How far a source of RTP has come.
    pub(super) fn newest(&self, ssrc: u32) -> Option<u64> {
        self.rtp.newest(ssrc)
    }

    pub(super) fn state(&self) -> State {
        State { rtp: self.rtp.state(), rtcp: self.rtcp.state() }
    }

    pub(super) fn restore(&mut self, state: &State) {
        self.rtp.restore(&state.rtp);
        self.rtcp.restore(&state.rtcp);
    }

    fn named(&self, mki: &[u8]) -> Result<&Sessions, Fault> {
        self.masters.iter().find(|master| master.mki == mki).ok_or(Fault::Unauthenticated)
    }

    /// Where body, word, MKI and tag lie in a packet of this length.
    fn layout(&self, len: usize, tag: usize, word: usize) -> Result<Layout, Fault> {
        let mki = self.masters.first().map_or(0, |master| master.mki.len());
        let body = len.checked_sub(tag + word + mki).ok_or(Fault::Unauthenticated)?;
        Ok(if self.keys.suite().is_aead() {
            Layout { body, tag: 0..tag, word: tag, mki: tag + word..tag + word + mki }
        } else {
            Layout { body, word: 0, mki: word..word + mki, tag: word + mki..word + mki + tag }
        })
    }
}

/// The length of the body; the rest counted from its end.
struct Layout {
    body: usize,
    tag: Range<usize>,
    word: usize,
    mki: Range<usize>,
}

#[derive(Debug, Clone, Default)]
struct Sources {
    known: Vec<Source>,
    /// Packets noted so far: the measure of how long a source has been silent.
    clock: u64,
}

#[derive(Debug, Clone)]
struct Source {
    ssrc: u32,
    window: Window,
    heard: u64,
}

impl Sources {
    #[inline]
    fn newest(&self, ssrc: u32) -> Option<u64> {
        self.known.iter().find(|source| source.ssrc == ssrc).map(|source| source.window.newest())
    }

    /// Notes an authentic packet.
    #[inline]
    fn note(&mut self, ssrc: u32, index: u64) -> Result<(), Fault> {
        self.clock += 1;
        let Some(source) = self.known.iter_mut().find(|source| source.ssrc == ssrc) else {
            self.begin(ssrc, Window::new(index));
            return Ok(());
        };
        source.heard = self.clock;
        if !source.window.is_fresh(index) {
            return Err(Fault::Replayed);
        }
        source.window.note(index);
        Ok(())
    }

    fn begin(&mut self, ssrc: u32, window: Window) {
        if self.known.len() == MAX_SSRCS
            && let Some(oldest) = (0..MAX_SSRCS).min_by_key(|&at| self.known[at].heard)
        {
            self.known.swap_remove(oldest);
        }
        self.known.push(Source { ssrc, window, heard: self.clock });
    }

    fn state(&self) -> Vec<SourceState> {
        let state = |source: &Source| {
            let [_, _, a, b, c, d, e, f] = source.window.newest().to_be_bytes();
            SourceState {
                ssrc: source.ssrc,
                roll_over_counter: u32::from_be_bytes([a, b, c, d]),
                highest_sequence: u16::from_be_bytes([e, f]),
            }
        };
        self.known.iter().map(state).collect()
    }

    fn restore(&mut self, state: &[SourceState]) {
        self.known.clear();
        for source in state.iter().take(MAX_SSRCS) {
            let newest = u64::from(source.roll_over_counter) << 16 | u64::from(source.highest_sequence);
            self.begin(source.ssrc, Window::behind(newest));
        }
    }
}
