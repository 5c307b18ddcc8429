//! What arrives on a stream, opened with the keys agreed, also while they change.

use super::keyed::{Keyed, State};
use super::keys::Keys;
use super::wire::word;

/// Why a packet is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No key that may be used proves it: forged, damaged, protected with other keys, or not protected at all.
    #[error("no key that was agreed proves the packet")]
    Unauthenticated,
    /// It is authentic and has come before, or is older than [`super::WINDOW`].
    #[error("the packet has come before")]
    Replayed,
}

/// A packet as its sender made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened<'a> {
    /// It, without what protected it.
    pub packet: &'a [u8],
    /// A key has proved who sent it. If not, the stream may be sent in the clear.
    pub authentic: bool,
}

/// Opens what arrives on one stream.
///
/// When the agreement changes, packets of the former one are taken until one of the new comes, then no more (A10-07).
/// The same holds for a change between protected and plain.
#[derive(Clone, Default)]
pub struct Inbound {
    /// `None`: in the clear.
    current: Option<Box<Keyed>>,
    former: Option<Option<Box<Keyed>>>,
}

impl std::fmt::Debug for Inbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let suite = |keyed: &Option<Box<Keyed>>| keyed.as_ref().map(|keyed| keyed.keys.suite());
        let (current, former) = (suite(&self.current), self.former.as_ref().map(suite));
        f.debug_struct("Inbound").field("current", &current).field("former", &former).finish()
    }
}

impl Inbound {
    /// For what was agreed; without keys packets come in the clear.
    #[must_use]
    pub fn new(keys: Option<&Keys>) -> Self {
        Self { current: keys.map(|keys| Box::new(Keyed::new(keys))), former: None }
    }

    /// Takes over a changed agreement. The same keys change nothing.
    pub fn agree(&mut self, keys: Option<&Keys>) {
        if self.current.as_ref().map(|keyed| &keyed.keys) == keys {
            return;
        }
        let replaced = std::mem::replace(&mut self.current, keys.map(|keys| Box::new(Keyed::new(keys))));
        // An agreement that no packet followed is skipped: what holds is what last worked.
        self.former.get_or_insert(replaced);
    }

    /// Whether packets are to be protected.
    #[must_use]
    pub fn is_protected(&self) -> bool {
        self.current.is_some()
    }

    /// Opens an RTP packet in place.
    ///
    /// # Errors
    /// [`Fault`]; the packet is then as it was, or is a repeat of one that was opened.
    #[inline]
    pub fn open_rtp<'a>(&mut self, packet: &'a mut [u8]) -> Result<Opened<'a>, Fault> {
        let former = self.former.as_ref().and_then(Option::as_ref);
        let hint = former.and_then(|former| former.newest(word(packet, 8)?));
        self.open(packet, |keyed, packet| keyed.open_rtp(packet, hint))
    }

    /// Opens an RTCP compound in place.
    ///
    /// # Errors
    /// As [`Inbound::open_rtp`].
    pub fn open_rtcp<'a>(&mut self, packet: &'a mut [u8]) -> Result<Opened<'a>, Fault> {
        self.open(packet, Keyed::open_rtcp)
    }

    #[inline]
    fn open<'a>(
        &mut self,
        packet: &'a mut [u8],
        by: impl Fn(&mut Keyed, &mut [u8]) -> Result<usize, Fault>,
    ) -> Result<Opened<'a>, Fault> {
        let mut tried = Err(Fault::Unauthenticated);
        if let Some(keyed) = &mut self.current {
            tried = by(keyed, packet);
            if tried.is_ok() {
                self.former = None;
            }
        }
        if tried == Err(Fault::Unauthenticated)
            && let Some(Some(former)) = &mut self.former
        {
            tried = by(former, packet);
        }
        match tried {
            Ok(len) => Ok(Opened { packet: &packet[..len], authentic: true }),
            Err(Fault::Unauthenticated) if self.takes_plain() => Ok(Opened { packet, authentic: false }),
            Err(fault) => Err(fault),
        }
    }

    /// Whether a packet no key proves may be one that was sent in the clear.
    fn takes_plain(&self) -> bool {
        self.current.is_none() || matches!(self.former, Some(None))
    }

    /// A packet that no key proved came from where it may. If plain is what is agreed, that ends what was before.
    #[inline]
    pub fn plain_came(&mut self) {
        if self.current.is_none() {
            self.former = None;
        }
    }

    /// How far each source has come under the keys in force.
    #[must_use]
    pub fn state(&self) -> State {
        self.current.as_ref().map(|keyed| keyed.state()).unwrap_or_default()
    }

    /// Goes on from where another receiver with the same keys has come. Packets from before that count as repeats.
    pub fn restore(&mut self, state: &State) {
        if let Some(keyed) = &mut self.current {
            keyed.restore(state);
        }
    }

    #[cfg(test)]
    pub(super) fn of(keyed: Keyed) -> Self {
        Self { current: Some(Box::new(keyed)), former: None }
    }
}
