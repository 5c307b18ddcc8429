//! Keys: the recorder may write what it cannot read.
//!
//! Belongs here: the keys themselves, wrapping and unwrapping of data keys, the ciphers made from them. Does not:
//! when a new data key is due (`intake`), where keys lie on disk (`folder`), how a private half is kept (`private`), how a key
//! is replaced by another (`rotate`).
//!
//! - The *reading key* is an X25519 pair. Its public half wraps; only its private half unwraps. A [`ReadingKey`] holds the
//!   private halves that are at hand: of the present pair and of former ones.
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
mod former;
mod locked;
mod private;
mod rotate;
pub mod signing;

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};

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

pub use folder::{
    KeyError, KeyFolder, form_in, form_of, inspect, read_states, reading_key, reading_key_in, signing_key,
    verifying_key, verifying_keys,
};
pub use private::{Form, NothingUnlocks, Unlock};
pub use rotate::{
    Change, Kind, Listed, Stand, destroy, hold, keep_as, list, lose_state, make_reading, replace_reading,
    replace_state,
};

use crate::hex;
use locked::Locked;
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

/// Tells keys apart without telling them: eight bytes of a hash, written as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub(crate) [u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::show(&self.0, f)
    }
}

/// The text is no id of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the id of a key is 16 hexadecimal digits")]
pub struct NotAKeyId;

impl FromStr for KeyId {
    type Err = NotAKeyId;

    fn from_str(text: &str) -> Result<Self, NotAKeyId> {
        let mut id = [0; 8];
        hex::read(text.as_bytes(), &mut id).ok_or(NotAKeyId)?;
        Ok(Self(id))
    }
}

/// What a recorder needs: the public half of the reading key, the state key, and the signing key. Clones share them: when the reading key is
/// replaced, all of them wrap for the new one.
#[derive(Clone)]
pub struct RecorderKeys {
    public: Arc<RwLock<Public>>,
    states: Arc<StateKeys>,
    signing: SigningKey,
}

#[derive(Clone)]
struct Public {
    key: PublicKey,
    id: KeyId,
}

impl Public {
    fn new(key: PublicKey) -> Self {
        Self { id: id_of(&key), key }
    }
}

/// The state key, and what earlier ones are still needed for.
pub struct StateKeys {
    present: Locked,
    /// Of journal segments that are older than the present one.
    former: Vec<Locked>,
    /// Those that nobody has any more, as somebody has said: events written with them are given up.
    lost: Vec<KeyId>,
    /// Secrets of other programs are made of it, if not of the present one.
    secrets: Option<Locked>,
}

/// Private halves of reading keys: only who listens, exports or checks tags needs them. There may be none. Clones share them.
#[derive(Clone, Default)]
pub struct ReadingKey(Arc<RwLock<Vec<Arc<Half>>>>);

/// One private half.
pub(crate) struct Half {
    id: KeyId,
    private: Locked,
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
    let hash = Sha256::new().chain_update(b"sidetone reading key id 1").chain_update(public.to_bytes());
    KeyId(first_eight(&hash.finalize()))
}

fn first_eight(bytes: &[u8]) -> [u8; 8] {
    let mut id = [0; 8];
    id.copy_from_slice(&bytes[..8]);
    id
}

/// Tells state keys apart.
fn state_id_of(state: &[u8; 32]) -> KeyId {
    let mut id = [0; 8];
    let derived = Hkdf::<Sha256>::new(None, state);
    derived.expand(b"sidetone state key id 1", &mut id).expect("8 bytes are fewer than 255 blocks");
    KeyId(id)
}

impl fmt::Debug for StateKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StateKeys")
    }
}

impl StateKeys {
    fn of(&self, id: KeyId) -> Option<&Locked> {
        [&self.present].into_iter().chain(&self.former).find(|state| state_id_of(state.bytes()) == id)
    }

    /// Whether a recorder with these starts on what was written with the key `id`.
    pub(crate) fn fit(&self, id: KeyId) -> bool {
        self.lost.contains(&id) || self.of(id).is_some()
    }
}

impl RecorderKeys {
    fn new(public: Public, states: StateKeys, signing: SigningKey) -> Self {
        Self { public: Arc::new(RwLock::new(public)), states: Arc::new(states), signing }
    }

    /// Wraps for the public half that these keys have; all clones do.
    pub fn exchange_reading(&self, for_this: &Self) {
        let public = for_this.public();
        *self.public.write().unwrap_or_else(PoisonError::into_inner) = public;
    }

    fn public(&self) -> Public {
        self.public.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Which reading key data keys are wrapped for.
    pub fn reading_id(&self) -> KeyId {
        self.public().id
    }

    /// Whether the system keeps the state key out of swap.
    pub fn is_locked(&self) -> bool {
        self.states.present.is_locked()
    }

    /// Draws a data key for `place`; returns its cipher and the key as it is to be kept.
    ///
    /// # Panics
    /// If the operating system has no randomness to give.
    pub(crate) fn draw(&self, place: &KeyPlace) -> (Cipher, WrappedKey) {
        let key = random::<32>();
        let public = self.public();
        let sealed = hpke::single_shot_seal::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &public.key,
            WRAP_INFO,
            &*key,
            &place.aad(),
        );
        let (encapsulated, wrapped) = sealed.expect("the public key was checked when it was read");
        let mut kept = WrappedKey {
            reading_key: public.id,
            encapsulated: encapsulated.to_bytes().into(),
            wrapped: [0; WRAPPED_BYTES],
        };
        kept.wrapped.copy_from_slice(&wrapped);
        (Cipher::new(&key), kept)
    }

    /// A secret for another program to know, made of a state key and of what it is for: it need not be kept. Nothing can be
    /// learnt from it of the state key or of other secrets. It stays the same when the state key is replaced.
    pub fn secret(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut secret = Zeroizing::new([0; 32]);
        let info = [SECRET_INFO, purpose.as_bytes()];
        let StateKeys { present, secrets, .. } = &*self.states;
        Hkdf::<Sha256>::new(None, secrets.as_ref().unwrap_or(present).bytes())
            .expand_multi_info(&info, &mut *secret)
            .expect("32 bytes are fewer than HKDF-SHA256 gives");
        secret
    }

    /// The cipher of a new journal segment with this salt.
    pub(crate) fn segment(&self, salt: &[u8; 32]) -> Cipher {
        segment_cipher(&self.states.present, salt)
    }

    /// The key that this install signs with.
    pub fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// The cipher of a journal segment that was written with the state key `id`; `None` without that key.
    pub(crate) fn segment_of(&self, id: KeyId, salt: &[u8; 32]) -> Option<Cipher> {
        if self.states.lost.contains(&id) {
            // It opens nothing: what is under it is reported, and what is under data keys is found.
            return Some(Cipher::new(&random()));
        }
        Some(segment_cipher(self.states.of(id)?, salt))
    }

    /// Tells state keys apart: the present one.
    pub fn state_id(&self) -> KeyId {
        state_id_of(self.states.present.bytes())
    }
}

fn segment_cipher(state: &Locked, salt: &[u8; 32]) -> Cipher {
    let mut key = Zeroizing::new([0; 32]);
    let derived = Hkdf::<Sha256>::new(Some(salt), state.bytes());
    derived.expand(b"sidetone journal segment 1", &mut *key).expect("32 bytes are fewer than 255 blocks");
    Cipher::new(&key)
}

impl Half {
    /// Of the bytes of a private key; `None` if they are none.
    fn new(private: Locked) -> Option<Self> {
        let key = PrivateKey::from_bytes(private.bytes()).ok()?;
        Some(Self { id: id_of(&X25519HkdfSha256::sk_to_pk(&key)), private })
    }

    fn key(&self) -> PrivateKey {
        PrivateKey::from_bytes(self.private.bytes()).expect("it was checked when it was taken")
    }

    fn public(&self) -> PublicKey {
        X25519HkdfSha256::sk_to_pk(&self.key())
    }
}

impl ReadingKey {
    fn of(halves: Vec<Arc<Half>>) -> Self {
        Self(Arc::new(RwLock::new(halves)))
    }

    fn halves(&self) -> Vec<Arc<Half>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn half(&self, id: KeyId) -> Option<Arc<Half>> {
        self.halves().into_iter().find(|half| half.id == id)
    }

    /// Of which reading keys the private halves are here, the present one first.
    pub fn ids(&self) -> Vec<KeyId> {
        self.halves().iter().map(|half| half.id).collect()
    }

    /// Whether a private half is here: without it nothing can be unwrapped that is wrapped for that key.
    pub fn holds(&self, id: KeyId) -> bool {
        self.half(id).is_some()
    }

    /// The line of a file that keeps a private half sealed with a passphrase, for elsewhere.
    ///
    /// # Errors
    /// [`KeyError::Unknown`] if it is not here, [`KeyError::Unopened`] if the passphrase cannot be used.
    pub fn sealed_line(&self, id: KeyId, passphrase: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let half = self.half(id).ok_or(KeyError::Unknown { id })?;
        private::sealed_line(&half, passphrase.as_bytes(), Path::new(folder::READING.0))
    }

    /// Whether the system keeps all of them out of swap.
    pub fn is_locked(&self) -> bool {
        self.halves().iter().all(|half| half.private.is_locked())
    }

    /// Takes the private halves of another in place of its own; all clones have them.
    pub fn exchange(&self, for_these: &Self) {
        let halves = for_these.halves();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = halves;
    }

    /// Unwraps a data key; `None` if it was wrapped for another reading key or place, or was altered.
    pub(crate) fn unwrap(&self, place: &KeyPlace, kept: &WrappedKey) -> Option<Cipher> {
        let half = self.half(kept.reading_key)?;
        let encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(&kept.encapsulated).ok()?;
        let key = hpke::single_shot_open::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &half.key(),
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
        let state = Locked::new(|bytes| bytes.fill(9));
        let states = StateKeys { present: state, former: Vec::new(), lost: Vec::new(), secrets: None };
        let private: [u8; 32] = private.to_bytes().into();
        let half = Half::new(Locked::new(|bytes| *bytes = private)).unwrap();
        (
            RecorderKeys::new(Public::new(public), states, SigningKey::from_seed(&[8; 32])),
            ReadingKey::of(vec![Arc::new(half)]),
        )
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
