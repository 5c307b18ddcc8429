//! The transforms under session keys: counter mode with HMAC-SHA1, and GCM.

use super::keys::{Master, Purpose};
use super::suite::Suite;
use super::wire::{apply_keystream, counter_iv, gcm_nonce};
use aes::cipher::consts::U16;
use aes::cipher::{BlockCipherEncrypt, BlockSizeUser};
use aes::{Aes128, Aes256};
use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use zeroize::Zeroizing;

/// Bytes of the longest tag.
pub(super) const MAX_TAG_BYTES: usize = 16;

/// The session keys of RTP or of RTCP under one master key.
#[derive(Clone)]
pub(super) enum Session {
    Cm128(CounterMode<Aes128>),
    Cm256(CounterMode<Aes256>),
    Gcm128(Gcm<Aes128Gcm>),
    Gcm256(Gcm<Aes256Gcm>),
}

/// What to protect or open: `body` is the packet up to where the tag or its trailer begins.
pub(super) struct Work<'a> {
    pub(super) ssrc: u32,
    pub(super) index: u64,
    /// Bytes of the body that stay as they are.
    pub(super) clear: usize,
    pub(super) body: &'a mut [u8],
    /// What is authenticated behind the body and is not encrypted: nothing of RTP (counter mode takes the roll-over
    /// counter from the index), the word of E flag and index of RTCP.
    pub(super) trailer: Option<[u8; 4]>,
}

#[derive(Clone)]
pub(super) struct CounterMode<A> {
    aes: A,
    mac: Hmac<Sha1>,
    salt: [u8; 14],
}

#[derive(Clone)]
pub(super) struct Gcm<A> {
    aead: A,
    salt: [u8; 12],
}

impl Session {
    pub(super) fn derive(suite: Suite, master: &Master, rtcp: bool) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        let key = &mut key[..suite.key_bytes()];
        master.derive(suite, rtcp, Purpose::Encryption, key);
        let mut mac = Zeroizing::new([0; 20]);
        master.derive(suite, rtcp, Purpose::Authentication, &mut *mac);
        let mut salt = [0; 14];
        master.derive(suite, rtcp, Purpose::Salt, &mut salt[..suite.salt_bytes()]);
        Self::new(suite, key, &mac, salt)
    }

    /// From keys that are derived already: `key` has the suite's length, `salt` that of counter mode.
    pub(super) fn new(suite: Suite, key: &[u8], mac: &[u8; 20], salt: [u8; 14]) -> Self {
        const RIGHT: &str = "a key has the suite's length";
        let mac = || Hmac::new_from_slice(mac).expect("HMAC takes any key");
        let short = || *salt.first_chunk::<12>().expect("14 bytes are more than 12");
        match (suite.is_aead(), suite.key_bytes()) {
            (false, 16) => {
                Self::Cm128(CounterMode { aes: Aes128::new_from_slice(key).expect(RIGHT), mac: mac(), salt })
            }
            (false, _) => {
                Self::Cm256(CounterMode { aes: Aes256::new_from_slice(key).expect(RIGHT), mac: mac(), salt })
            }
            (true, 16) => {
                Self::Gcm128(Gcm { aead: Aes128Gcm::new_from_slice(key).expect(RIGHT), salt: short() })
            }
            (true, _) => {
                Self::Gcm256(Gcm { aead: Aes256Gcm::new_from_slice(key).expect(RIGHT), salt: short() })
            }
        }
    }

    /// Decrypts the body, if the tag proves it. If not, the body stays as it was.
    #[inline]
    pub(super) fn open(&self, work: Work<'_>, tag: &[u8]) -> bool {
        match self {
            Self::Cm128(session) => session.open(work, tag),
            Self::Cm256(session) => session.open(work, tag),
            Self::Gcm128(session) => session.open(work, tag),
            Self::Gcm256(session) => session.open(work, tag),
        }
    }

    /// Encrypts the body and gives the tag, which is to be cut to the suite's length.
    pub(super) fn seal(&self, work: Work<'_>) -> [u8; MAX_TAG_BYTES] {
        match self {
            Self::Cm128(session) => session.seal(work),
            Self::Cm256(session) => session.seal(work),
            Self::Gcm128(session) => session.seal(work),
            Self::Gcm256(session) => session.seal(work),
        }
    }
}

impl<A: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>> CounterMode<A> {
    /// RFC 3711 §4.2: over the packet, and the roll-over counter or the word of RTCP behind it.
    fn authenticate(&self, work: &Work<'_>) -> Hmac<Sha1> {
        let [_, _, roc @ .., _, _] = work.index.to_be_bytes();
        self.mac.clone().chain_update(&*work.body).chain_update(work.trailer.unwrap_or(roc))
    }

    fn encrypt(&self, work: Work<'_>) {
        let iv = counter_iv(&self.salt, work.ssrc, work.index);
        apply_keystream(&self.aes, iv, &mut work.body[work.clear..]);
    }

    fn open(&self, work: Work<'_>, tag: &[u8]) -> bool {
        let proved = self.authenticate(&work).verify_truncated_left(tag).is_ok();
        if proved {
            self.encrypt(work);
        }
        proved
    }

    fn seal(&self, work: Work<'_>) -> [u8; MAX_TAG_BYTES] {
        let Work { ssrc, index, clear, trailer, .. } = work;
        self.encrypt(Work { ssrc, index, clear, trailer, body: &mut *work.body });
        let whole = self.authenticate(&work).finalize().into_bytes();
        *whole.first_chunk().expect("HMAC-SHA1 has 20 bytes")
    }
}

impl<A: AeadInOut<NonceSize = aes_gcm::aead::consts::U12, TagSize = U16>> Gcm<A> {
    fn open(&self, work: Work<'_>, tag: &[u8]) -> bool {
        let Ok(tag) = tag.try_into() else { return false };
        let nonce = gcm_nonce(&self.salt, work.ssrc, work.index).into();
        with_associated(work, |associated, body| {
            self.aead.decrypt_inout_detached(&nonce, associated, body.into(), tag).is_ok()
        })
    }

    fn seal(&self, work: Work<'_>) -> [u8; MAX_TAG_BYTES] {
        let nonce = gcm_nonce(&self.salt, work.ssrc, work.index).into();
        with_associated(work, |associated, body| {
            let tag = self.aead.encrypt_inout_detached(&nonce, associated, body.into());
            tag.expect("a datagram is shorter than what GCM can take").into()
        })
    }
}

/// Splits the body into what is only authenticated, with the trailer behind it, and what is encrypted too
/// (RFC 7714 §8.2, §9.2, §9.3).
fn with_associated<T>(work: Work<'_>, then: impl FnOnce(&[u8], &mut [u8]) -> T) -> T {
    let (clear, secret) = work.body.split_at_mut(work.clear);
    match (work.trailer, clear.first_chunk::<8>()) {
        (None, _) => then(clear, secret),
        (Some([w, x, y, z]), Some(&[a, b, c, d, e, f, g, h])) if clear.len() == 8 => {
            then(&[a, b, c, d, e, f, g, h, w, x, y, z], secret)
        }
        // RTCP that is not encrypted: rare, and the only case that needs memory of its own.
        (Some(word), _) => then(&[&*clear, &word].concat(), secret),
    }
}
