//! What is sent on a stream, protected with our key.

use super::index::nearest;
use super::keyed::MAX_SSRCS;
use super::keys::Keys;
use super::session::{Session, Work};
use super::wire::{ENCRYPTED, RTCP_CLEAR_BYTES, rtp_clear_bytes, word};

/// Why a packet was not protected. It is as it was, and must not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtectError {
    /// It is no RTP or RTCP packet.
    #[error("the packet has no whole RTP or RTCP header")]
    Malformed,
    /// The key is used up (RFC 3711 §9.2).
    #[error("the master key is used up; agree on another")]
    UsedUp,
    /// More sources than can be counted apart; to lose count would use the key twice for one index.
    #[error("a key protects packets of at most {MAX_SSRCS} sources")]
    TooManySources,
}

/// Protects packets with the first of the keys given.
#[derive(Clone)]
pub struct Outbound {
    keys: Keys,
    rtp: Session,
    rtcp: Session,
    /// Sources and the highest index of each.
    sources: Vec<(u32, u64)>,
    /// The index of the next RTCP compound.
    rtcp_index: u32,
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl Outbound {
    /// Nothing has been sent with these keys.
    #[must_use]
    pub fn new(keys: &Keys) -> Self {
        let (suite, master) = (keys.suite(), &keys.masters()[0]);
        let [rtp, rtcp] = [false, true].map(|rtcp| Session::derive(suite, master, rtcp));
        Self { keys: keys.clone(), rtp, rtcp, sources: Vec::new(), rtcp_index: 0 }
    }

    #[cfg(test)]
    pub(super) fn with_sessions(keys: &Keys, rtp: Session, rtcp: Session, rtcp_index: u32) -> Self {
        Self { rtp, rtcp, rtcp_index, ..Self::new(keys) }
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Protects an RTP packet, which grows by the MKI and the tag.
    ///
    /// # Errors
    /// [`ProtectError`].
    pub fn protect_rtp(&mut self, packet: &mut Vec<u8>) -> Result<(), ProtectError> {
        let clear = rtp_clear_bytes(packet).ok_or(ProtectError::Malformed)?;
        let ssrc = word(packet, 8).ok_or(ProtectError::Malformed)?;
        let index = self.index(ssrc, u16::from_be_bytes([packet[2], packet[3]]))?;
        let tag = self.rtp.seal(Work { ssrc, index, clear, body: packet, trailer: None });
        self.finish(packet, &tag[..self.keys.suite().rtp_tag_bytes()], &[]);
        Ok(())
    }

    /// Protects an RTCP compound, which grows by the index, the MKI and the tag.
    ///
    /// # Errors
    /// [`ProtectError`].
    pub fn protect_rtcp(&mut self, packet: &mut Vec<u8>) -> Result<(), ProtectError> {
        let ssrc = word(packet, 4).ok_or(ProtectError::Malformed)?;
        if self.rtcp_index >= ENCRYPTED {
            return Err(ProtectError::UsedUp);
        }
        let (flag, clear) =
            if self.keys.plain_rtcp() { (0, packet.len()) } else { (ENCRYPTED, RTCP_CLEAR_BYTES) };
        let trailer = (flag | self.rtcp_index).to_be_bytes();
        let index = u64::from(self.rtcp_index);
        let tag = self.rtcp.seal(Work { ssrc, index, clear, body: packet, trailer: Some(trailer) });
        self.rtcp_index += 1;
        self.finish(packet, &tag[..self.keys.suite().rtcp_tag_bytes()], &trailer);
        Ok(())
    }

    fn finish(&self, packet: &mut Vec<u8>, tag: &[u8], word: &[u8]) {
        let mki = &self.keys.masters()[0].mki;
        let parts = if self.keys.suite().is_aead() { [tag, word, mki] } else { [word, mki, tag] };
        parts.into_iter().for_each(|part| packet.extend_from_slice(part));
    }

    fn index(&mut self, ssrc: u32, sequence: u16) -> Result<u64, ProtectError> {
        let Some((_, highest)) = self.sources.iter_mut().find(|(known, _)| *known == ssrc) else {
            if self.sources.len() == MAX_SSRCS {
                return Err(ProtectError::TooManySources);
            }
            self.sources.push((ssrc, sequence.into()));
            return Ok(sequence.into());
        };
        let index = nearest(*highest, sequence).ok_or(ProtectError::UsedUp)?;
        *highest = index.max(*highest);
        Ok(index)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Suite;
    use super::*;

    #[test]
    fn a_key_protects_as_many_packets_and_reports_as_it_may_and_not_one_more() {
        let suite = Suite::from_name("AES_CM_128_HMAC_SHA1_80").unwrap();
        let mut sender = Outbound::new(&Keys::new(suite, &[7; 30]).unwrap());
        let packet = |sequence: u16| {
            let head =
                [0x80, 0].into_iter().chain(sequence.to_be_bytes()).chain([0; 4]).chain(9u32.to_be_bytes());
            head.chain([1; 20]).collect::<Vec<u8>>()
        };
        sender.sources.push((9, (1 << 48) - 2));
        assert_eq!(sender.protect_rtp(&mut packet(u16::MAX)), Ok(()), "the last of 2^48");
        let mut beyond = packet(0);
        assert_eq!(sender.protect_rtp(&mut beyond), Err(ProtectError::UsedUp));
        assert_eq!(beyond, packet(0), "it is as it was");

        sender.rtcp_index = ENCRYPTED - 1;
        let report = [0x81, 201, 0, 7].into_iter().chain([2; 28]).collect::<Vec<u8>>();
        assert_eq!(sender.protect_rtcp(&mut report.clone()), Ok(()), "the last of 2^31");
        assert_eq!(sender.protect_rtcp(&mut report.clone()), Err(ProtectError::UsedUp));
    }
}
