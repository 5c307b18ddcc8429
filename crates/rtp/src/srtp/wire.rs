//! Where things lie in a protected packet, and the counter of the cipher.
//!
//! ```text
//! counter mode   RTP   header | payload | MKI | tag           RTCP   8 bytes | rest | E and index | MKI | tag
//! GCM            RTP   header | payload | tag | MKI           RTCP   8 bytes | rest | tag | E and index | MKI
//! ```

use crate::FIXED_HEADER_BYTES;
use aes::cipher::consts::U16;
use aes::cipher::{BlockCipherEncrypt, BlockSizeUser, InnerIvInit, StreamCipher, StreamCipherCoreWrapper};
use ctr::{CtrCore, flavors::Ctr128BE};

/// Bytes of an RTCP packet that are never encrypted: head and SSRC (RFC 3711 §3.4).
pub(super) const RTCP_CLEAR_BYTES: usize = 8;

/// Bytes of the E flag and the SRTCP index.
pub(super) const WORD_BYTES: usize = 4;

/// The E flag: the packet is encrypted.
pub(super) const ENCRYPTED: u32 = 1 << 31;

/// Bytes of an RTP header, which are never encrypted: with contributing sources and the extension. `None` when the
/// packet is shorter than it says, or is not of version 2.
#[inline]
pub(super) fn rtp_clear_bytes(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    let fixed = FIXED_HEADER_BYTES + 4 * usize::from(first & 0x0f);
    let extended = if first & 0x10 == 0 {
        fixed
    } else {
        let words = packet.get(fixed + 2..fixed + 4)?;
        fixed + 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]))
    };
    (first >> 6 == 2 && extended <= packet.len()).then_some(extended)
}

/// The 32-bit word at a byte offset.
#[inline]
pub(super) fn word(packet: &[u8], at: usize) -> Option<u32> {
    packet.get(at..)?.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))
}

/// RFC 3711 §4.1.1: `salt * 2^16 XOR SSRC * 2^64 XOR index * 2^16`.
#[inline]
pub(super) fn counter_iv(salt: &[u8; 14], ssrc: u32, index: u64) -> [u8; 16] {
    let mut iv = [0; 16];
    iv[4..8].copy_from_slice(&ssrc.to_be_bytes());
    iv[8..14].copy_from_slice(&index.to_be_bytes()[2..]);
    iv.iter_mut().zip(salt).for_each(|(byte, salt)| *byte ^= salt);
    iv
}

/// RFC 7714 §8.1 and §9.1: two bytes of zero, SSRC and index, XOR salt.
#[inline]
pub(super) fn gcm_nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[2..6].copy_from_slice(&ssrc.to_be_bytes());
    nonce[6..12].copy_from_slice(&index.to_be_bytes()[2..]);
    nonce.iter_mut().zip(salt).for_each(|(byte, salt)| *byte ^= salt);
    nonce
}

/// AES in counter mode over `data`: encrypts what is plain and decrypts what is not.
#[inline]
pub(super) fn apply_keystream<A>(aes: &A, iv: [u8; 16], data: &mut [u8])
where
    A: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    let core = CtrCore::<&A, Ctr128BE>::inner_iv_init(aes, &iv.into());
    StreamCipherCoreWrapper::from_core(core).apply_keystream(data);
}
