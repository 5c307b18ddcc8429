//! Keys: the recorder may write what it cannot read.
//!
//! Belongs here: the keys themselves, wrapping and unwrapping of data keys, the ciphers made from them. Does not:
//! when a new data key is due (`intake`), where keys lie on disk (`folder`).
//!
//! - The *reading key* is an X25519 pair. Its public half wraps; only its private half, a [`ReadingKey`], unwraps.
//! - A *data key* is drawn at random for each recording, minute of audio and run of the recorder (C5-01, C2-12),
//!   lives in memory for that minute, and is kept only wrapped: HPKE (RFC 9180), base mode,
//!   DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
//! - The *state key* is symmetric: the recorder must read its own events again. Each journal segment has a key of
//!   its own, derived by HKDF-SHA256 (RFC 5869) from the state key and a random salt.
//! - The *signing key* is an Ed25519 pair ([`signing`]): it signs what is sealed, and the head of the audit.
//!
//! No nonce repeats (F-KEY-2): a data key encrypts each frame number once, a segment key each event number once,
//! and neither key outlives the run that drew it or its salt, not even when a machine is restored from a copy.

mod folder;
pub mod signing;

use std::fmt;
use std::sync::Arc;

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::aead::{AeadInOut as _, KeyInit as _};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use calls::id::RecordingId;
use calls::time::Wall;
use hkdf::Hkdf;
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

pub use folder::{KeyError, KeyFolder, inspect, reading_key, verifying_key, verifying_keys};
use signing::SigningKey;

/// Bytes an authentication tag adds.
pub(crate) const TAG_BYTES: usize = 16;

/// Bytes of the encapsulated key of HPKE.
pub(crate) const ENCAPSULATED_BYTES: usize = 32;

/// Bytes of a wrapped data key: the key and a tag.
pub(crate) const WRAPPED_BYTES: usize = 32 + TAG_BYTES;

/// Binds wrapped keys to this use of the reading key.
const WRAP_INFO: &[u8] = b"sidetone data key 1";

/// Tells secrets for other programs from segment keys.
const SECRET_INFO: &[u8] = b"sidetone secret 1 ";

type PublicKey = <X25519HkdfSha256 as Kem>::PublicKey;
type PrivateKey = <X25519HkdfSha256 as Kem>::PrivateKey;

/// The first eight bytes of a SHA-256: tells keys apart without telling them.
pub(crate) type KeyId = [u8; 8];

/// What a recorder needs: the public half of the reading key, the state key, and the signing key.
#[derive(Clone)]
pub struct RecorderKeys {
    public: PublicKey,
    state: Arc<Zeroizing<[u8; 32]>>,
    signing: SigningKey,
}

/// The private half of the reading key: only who listens, exports or checks tags needs it.
#[derive(Clone)]
pub struct ReadingKey {
    private: PrivateKey,
}

impl fmt::Debug for RecorderKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecorderKeys")
    }
}

impl fmt::Debug for ReadingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadingKey")
    }
}

/// The cipher made of one data key or one segment key.
pub(crate) struct Cipher(Aes256Gcm);

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher")
    }
}

impl Cipher {
    fn new(key: &[u8; 32]) -> Self {
        Self(Aes256Gcm::new(key.into()))
    }

    /// Encrypts the end of `out`, from `from` on, and appends the tag.
    pub(crate) fn encrypt(&self, number: u64, aad: &[u8], out: &mut Vec<u8>, from: usize) {
        let buffer = InOutBuf::from(&mut out[from..]);
        let tag = self.0.encrypt_inout_detached(&nonce(number), aad, buffer);
        let tag = tag.expect("AES-GCM takes 64 GiB, a frame is at most 16 MiB");
        out.extend_from_slice(&tag);
    }

    /// Decrypts `sealed`, which ends in its tag, into `plain`; false if it was altered.
    pub(crate) fn decrypt(&self, number: u64, aad: &[u8], sealed: &[u8], plain: &mut Vec<u8>) -> bool {
        plain.zeroize();
        let Some((text, tag)) = sealed.split_last_chunk::<TAG_BYTES>() else { return false };
        plain.extend_from_slice(text);
        let tag = Tag::from(*tag);
        let buffer = InOutBuf::from(&mut plain[..]);
        let opened = self.0.decrypt_inout_detached(&nonce(number), aad, buffer, &tag).is_ok();
        if !opened {
            plain.zeroize();
        }
        opened
    }
}

/// The nonce is the number: eight bytes of it, little-endian, and four of zero.
fn nonce(number: u64) -> Nonce<aes_gcm::aead::consts::U12> {
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&number.to_le_bytes());
    nonce.into()
}

/// What a wrapped data key is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyPlace {
    pub(crate) recording: RecordingId,
    /// The key's number within the recording.
    pub(crate) key: u16,
    /// The arrival from which the key's minute counts.
    pub(crate) base: Wall,
}

impl KeyPlace {
    fn aad(&self) -> [u8; 26] {
        let mut aad = [0; 26];
        aad[..16].copy_from_slice(self.recording.as_bytes());
        aad[16..18].copy_from_slice(&self.key.to_le_bytes());
        aad[18..].copy_from_slice(&self.base.as_ns().to_le_bytes());
        aad
    }
}

/// A data key as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WrappedKey {
    pub(crate) reading_key: KeyId,
    pub(crate) encapsulated: [u8; ENCAPSULATED_BYTES],
    pub(crate) wrapped: [u8; WRAPPED_BYTES],
}

/// Fills with random bytes of the operating system.
///
/// # Panics
/// If the system has no randomness to give: nothing can be encrypted then.
pub(crate) fn random<const N: usize>() -> Zeroizing<[u8; N]> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).expect("an operating system gives random bytes once it is up");
    bytes
}

fn id_of(public: &PublicKey) -> KeyId {
    first_eight(
        &Sha256::new().chain_update(b"sidetone reading key id 1").chain_update(public.to_bytes()).finalize(),
    )
}

fn first_eight(bytes: &[u8]) -> KeyId {
    let mut id = [0; 8];
    id.copy_from_slice(&bytes[..8]);
    id
}

impl RecorderKeys {
    /// Draws a data key for `place`; returns its cipher and the key as it is to be kept.
    ///
    /// # Panics
    /// If the operating system has no randomness to give.
    pub(crate) fn draw(&self, place: &KeyPlace) -> (Cipher, WrappedKey) {
        let key = random::<32>();
        let sealed = hpke::single_shot_seal::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &self.public,
            WRAP_INFO,
            &*key,
            &place.aad(),
        );
        let (encapsulated, wrapped) = sealed.expect("the public key was checked when it was read");
        let mut kept = WrappedKey {
            reading_key: id_of(&self.public),
            encapsulated: encapsulated.to_bytes().into(),
            wrapped: [0; WRAPPED_BYTES],
        };
        kept.wrapped.copy_from_slice(&wrapped);
        (Cipher::new(&key), kept)
    }

    /// A secret for another program to know, made of the state key and of what it is for: it need not be kept. Nothing can be
    /// learnt from it of the state key or of other secrets.
    pub fn secret(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut secret = Zeroizing::new([0; 32]);
        let info = [SECRET_INFO, purpose.as_bytes()];
        Hkdf::<Sha256>::new(None, &**self.state)
            .expand_multi_info(&info, &mut *secret)
            .expect("32 bytes are fewer than HKDF-SHA256 gives");
        secret
    }

    /// The cipher of a journal segment with this salt.
    pub(crate) fn segment(&self, salt: &[u8; 32]) -> Cipher {
        let mut key = Zeroizing::new([0; 32]);
        let derived = Hkdf::<Sha256>::new(Some(salt), &**self.state);
        derived.expand(b"sidetone journal segment 1", &mut *key).expect("32 bytes are fewer than 255 blocks");
        Cipher::new(&key)
    }

    /// The key that this install signs with.
    pub fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// Tells state keys apart.
    pub(crate) fn state_id(&self) -> KeyId {
        let mut id = [0; 8];
        let derived = Hkdf::<Sha256>::new(None, &**self.state);
        derived.expand(b"sidetone state key id 1", &mut id).expect("8 bytes are fewer than 255 blocks");
        id
    }
}

impl ReadingKey {
    /// Tells reading keys apart.
    pub(crate) fn id(&self) -> KeyId {
        id_of(&X25519HkdfSha256::sk_to_pk(&self.private))
    }

    /// Unwraps a data key; `None` if it was wrapped for another reading key or place, or was altered.
    pub(crate) fn unwrap(&self, place: &KeyPlace, kept: &WrappedKey) -> Option<Cipher> {
        let encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(&kept.encapsulated).ok()?;
        let key = hpke::single_shot_open::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.private,
            &encapsulated,
            WRAP_INFO,
            &kept.wrapped,
            &place.aad(),
        );
        let key = Zeroizing::new(key.ok()?);
        Some(Cipher::new(key.as_slice().try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn pair() -> (RecorderKeys, ReadingKey) {
        let (private, public) = X25519HkdfSha256::derive_keypair(&[7; 32]);
        let (state, signing) = (Arc::new(Zeroizing::new([9; 32])), SigningKey::from_seed(&[8; 32]));
        (RecorderKeys { public, state, signing }, ReadingKey { private })
    }

    fn place() -> KeyPlace {
        KeyPlace { recording: RecordingId::from_bytes([1; 16]), key: 3, base: Wall::from_ms(5) }
    }

    #[test]
    fn a_data_key_unwraps_only_in_its_place() {
        let (keys, reading) = pair();
        let (_, kept) = keys.draw(&place());
        assert!(reading.unwrap(&place(), &kept).is_some());
        assert!(reading.unwrap(&KeyPlace { key: 4, ..place() }, &kept).is_none());
        assert!(reading.unwrap(&KeyPlace { base: Wall::from_ms(6), ..place() }, &kept).is_none());
        let other = RecordingId::from_bytes([2; 16]);
        assert!(reading.unwrap(&KeyPlace { recording: other, ..place() }, &kept).is_none());
    }

    #[test]
    fn two_data_keys_of_one_place_differ() {
        let (keys, reading) = pair();
        let (cipher, _) = keys.draw(&place());
        let (_, kept) = keys.draw(&place());
        let mut sealed = b"words".to_vec();
        cipher.encrypt(1, b"", &mut sealed, 0);
        let other = reading.unwrap(&place(), &kept).unwrap();
        assert!(!other.decrypt(1, b"", &sealed, &mut Vec::new()));
    }

    #[test]
    fn another_salt_is_another_segment_key() {
        let (keys, _) = pair();
        let mut sealed = b"state".to_vec();
        keys.segment(&[1; 32]).encrypt(1, b"", &mut sealed, 0);
        assert!(keys.segment(&[1; 32]).decrypt(1, b"", &sealed, &mut Vec::new()));
        assert!(!keys.segment(&[2; 32]).decrypt(1, b"", &sealed, &mut Vec::new()));
    }

    #[test]
    fn debug_prints_no_key() {
        let (keys, reading) = pair();
        assert_eq!(format!("{keys:?} {reading:?}"), "RecorderKeys ReadingKey");
    }
}
