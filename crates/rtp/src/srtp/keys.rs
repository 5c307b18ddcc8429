//! Master keys, and what is derived from them (RFC 3711 §4.3, RFC 6188 §3, RFC 7714 §11).

use super::suite::Suite;
use super::wire::{apply_keystream, counter_iv};
use aes::cipher::KeyInit;
use aes::{Aes128, Aes256};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Most master keys of one side that are told apart by their MKI.
pub const MAX_KEYS: usize = 8;

/// Most bytes of an MKI (RFC 4568 §6.1).
pub const MAX_MKI_BYTES: usize = 128;

/// The master keys of one side. `Debug` shows none of them; they are overwritten when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    suite: Suite,
    masters: Vec<Master>,
    plain_rtcp: bool,
}

/// Why keys cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Key and salt have another length than the suite's.
    #[error("key and salt have {len} bytes together; {} needs {}", suite.name(), suite.key_bytes() + suite.salt_bytes())]
    Length {
        /// Bytes there were.
        len: usize,
        /// The suite.
        suite: Suite,
    },
    /// No key, too many, or several that cannot be told apart by an MKI of one length.
    #[error(
        "1 to {MAX_KEYS} keys can be used, and several need MKIs of one length, 1 to {MAX_MKI_BYTES} bytes"
    )]
    Mki,
}

#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub(super) struct Master {
    key: [u8; 32],
    /// As long as a counter mode salt; a GCM salt is filled up with zeroes (RFC 7714 §11).
    salt: [u8; 14],
    #[zeroize(skip)]
    pub(super) mki: Vec<u8>,
}

impl Keys {
    /// One key, followed by its salt, and no MKI on the wire.
    ///
    /// # Errors
    /// [`KeyError`] when it has the wrong length.
    pub fn new(suite: Suite, key_and_salt: &[u8]) -> Result<Self, KeyError> {
        Self::with_mki(suite, [(key_and_salt, &[][..])])
    }

    /// Several keys, each followed by its salt, beside the MKI that names it in packets.
    ///
    /// # Errors
    /// [`KeyError`] when a length is wrong, or they cannot be told apart.
    pub fn with_mki<'a>(
        suite: Suite,
        keys: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<Self, KeyError> {
        let masters = keys.into_iter().map(|(key, mki)| Master::new(suite, key, mki));
        let masters = masters.take(MAX_KEYS + 1).collect::<Result<Vec<_>, _>>()?;
        let length = masters.first().ok_or(KeyError::Mki)?.mki.len();
        let even = length <= MAX_MKI_BYTES && masters.iter().all(|master| master.mki.len() == length);
        let named = masters.len() == 1 || (length > 0 && masters.len() <= MAX_KEYS);
        if even && named { Ok(Self { suite, masters, plain_rtcp: false }) } else { Err(KeyError::Mki) }
    }

    /// The same keys, with RTCP authenticated and not encrypted (RFC 4568 §6.3.2).
    #[must_use]
    pub fn with_plain_rtcp(self, plain_rtcp: bool) -> Self {
        Self { plain_rtcp, ..self }
    }

    /// The suite they are for.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.suite
    }

    pub(super) fn plain_rtcp(&self) -> bool {
        self.plain_rtcp
    }

    pub(super) fn masters(&self) -> &[Master] {
        &self.masters
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("suite", &self.suite).field("count", &self.masters.len()).finish()
    }
}

/// What a derived key is for (RFC 3711 §4.3.1, §4.3.2): the label of RTP's, to which RTCP's adds three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Encryption = 0,
    Authentication = 1,
    Salt = 2,
}

impl Master {
    fn new(suite: Suite, key_and_salt: &[u8], mki: &[u8]) -> Result<Self, KeyError> {
        let wrong = KeyError::Length { len: key_and_salt.len(), suite };
        let (key, salt) = key_and_salt.split_at_checked(suite.key_bytes()).ok_or(wrong)?;
        if salt.len() != suite.salt_bytes() {
            return Err(wrong);
        }
        let mut master = Self { key: [0; 32], salt: [0; 14], mki: mki.to_vec() };
        master.key[..key.len()].copy_from_slice(key);
        master.salt[..salt.len()].copy_from_slice(salt);
        Ok(master)
    }

    /// Fills `out` with a session key. The key derivation rate is always zero: one derivation for the master's life.
    pub(super) fn derive(&self, suite: Suite, rtcp: bool, purpose: Purpose, out: &mut [u8]) {
        let mut iv = counter_iv(&self.salt, 0, 0);
        iv[7] ^= purpose as u8 + if rtcp { 3 } else { 0 };
        out.fill(0);
        match self.key.first_chunk::<16>().filter(|_| suite.key_bytes() == 16) {
            Some(key) => apply_keystream(&Aes128::new(key.into()), iv, out),
            None => apply_keystream(&Aes256::new(&self.key.into()), iv, out),
        }
    }
}
