//! Private halves of reading keys that were replaced: each is kept, encrypted for the pair that came next, beside the file of the
//! present one. So one private half opens all that was ever recorded, and one has to be guarded.
//!
//! ```text
//! former/<id>.reading   sidetone-former-reading-key-1 <id> <id of the next> <encapsulated> <encrypted>
//! former/<id>.state     a state key that was replaced, as state.key
//! former/<id>.lost      says that a state key is gone, and that what was written with it is given up
//! ```
//! HPKE as for data keys, with info `sidetone former reading key 1`; the associated data are the two ids.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use zeroize::Zeroizing;

use super::folder::{self, KeyError};
use super::locked::Locked;
use super::{ENCAPSULATED_BYTES, Half, KeyId, Public, WRAPPED_BYTES};
use crate::hex;

const WORD: &str = "sidetone-former-reading-key-1";
const INFO: &[u8] = b"sidetone former reading key 1";

/// The folder in a key folder.
pub(super) const FOLDER: &str = "former";

/// One that was replaced.
pub(super) struct Former {
    pub(super) id: KeyId,
    /// The pair it is encrypted for.
    pub(super) next: KeyId,
    encapsulated: [u8; ENCAPSULATED_BYTES],
    encrypted: [u8; WRAPPED_BYTES],
}

pub(super) fn path(folder: &Path, id: KeyId, kind: &str) -> PathBuf {
    folder.join(FOLDER).join(format!("{id}.{kind}"))
}

impl Former {
    /// Encrypts a private half for the pair that follows it.
    pub(super) fn of(half: &Half, next: &Public) -> Self {
        let sealed = hpke::single_shot_seal::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &next.key,
            INFO,
            half.private.bytes(),
            &aad(half.id, next.id),
        );
        let (encapsulated, sealed) = sealed.expect("the public key was made a moment ago");
        let mut encrypted = [0; WRAPPED_BYTES];
        encrypted.copy_from_slice(&sealed);
        Self { id: half.id, next: next.id, encapsulated: encapsulated.to_bytes().into(), encrypted }
    }

    pub(super) fn line(&self) -> Vec<u8> {
        let mut line = format!("{WORD} {} {} ", self.id, self.next).into_bytes();
        hex::write(&self.encapsulated, &mut line);
        line.push(b' ');
        hex::write(&self.encrypted, &mut line);
        line.push(b'\n');
        line
    }

    fn parse(line: &[u8]) -> Option<Self> {
        let words: Vec<&str> = std::str::from_utf8(line).ok()?.split(' ').collect();
        let [WORD, id, next, enc, sealed] = words[..] else { return None };
        let (mut encapsulated, mut encrypted) = ([0; ENCAPSULATED_BYTES], [0; WRAPPED_BYTES]);
        hex::read(enc.as_bytes(), &mut encapsulated)?;
        hex::read(sealed.as_bytes(), &mut encrypted)?;
        Some(Self { id: id.parse().ok()?, next: next.parse().ok()?, encapsulated, encrypted })
    }

    fn open(&self, next: &Half) -> Option<Half> {
        let encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(&self.encapsulated).ok()?;
        let plain = hpke::single_shot_open::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &next.key(),
            &encapsulated,
            INFO,
            &self.encrypted,
            &aad(self.id, self.next),
        );
        let plain = Zeroizing::new(plain.ok()?);
        let private = Locked::try_new(|key| {
            *key = plain.as_slice().try_into().ok()?;
            Some(())
        })?;
        Half::new(private).filter(|half| half.id == self.id)
    }
}

fn aad(id: KeyId, next: KeyId) -> [u8; 16] {
    let mut aad = [0; 16];
    aad[..8].copy_from_slice(&id.0);
    aad[8..].copy_from_slice(&next.0);
    aad
}

/// All former reading keys of a key folder.
pub(super) fn all(folder: &Path) -> Result<Vec<Former>, KeyError> {
    let mut all = Vec::new();
    for path in folder::files_in(&folder.join(FOLDER), "reading")? {
        let former = Former::parse(&folder::read_text(&path, true)?);
        all.push(former.ok_or(KeyError::Malformed { path, expected: WORD })?);
    }
    Ok(all)
}

/// The present private half, and each former one it leads to.
pub(super) fn with_former(present: Half, folder: &Path) -> Result<Vec<Arc<Half>>, KeyError> {
    let mut closed = all(folder)?;
    let mut open = vec![Arc::new(present)];
    let mut at = 0;
    while let Some(next) = open.get(at).cloned() {
        at += 1;
        for former in closed.extract_if(.., |former| former.next == next.id) {
            let path = path(folder, former.id, "reading");
            let half = former.open(&next).ok_or_else(|| KeyError::Unopened {
                path,
                cause: "it was altered: the key that came after it does not open it".to_owned(),
            })?;
            open.push(Arc::new(half));
        }
    }
    Ok(open)
}
