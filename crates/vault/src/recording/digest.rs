//! The digest of a recording: a chain with a link for each minute, which a third party can check without any key.
//!
//! ```text
//! link 0   = SHA-256( file head )
//! link i   = SHA-256( link i-1 | SHA-256( key frame of minute i ) | root over the leaves of minute i )
//! digest   = SHA-256( last link | SHA-256( tail: from the manifest's key frame to the seal ) )
//! ```
//! (In a file of the first version, SHA-256 of the media frames stands in the place of the root.)
//! The two digests of every minute stand in the catalogue, so that an alteration is located to its minute, and so
//! that the chain still holds after a minute's key was destroyed (C2-12, C5-01).

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::hex;

/// The digest of a sealed recording file. Its text form is 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::show(&self.0, f)
    }
}

/// A text that is no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 64 hexadecimal digits")]
pub struct NotADigest;

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let mut digest = [0; 32];
        hex::read(text.as_bytes(), &mut digest).ok_or(NotADigest)?;
        Ok(Self(digest))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// SHA-256 of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The chain while it grows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chain([u8; 32]);

impl Chain {
    pub(crate) fn begin(file_head: &[u8]) -> Self {
        Self(sha256(file_head))
    }

    pub(crate) fn minute(&mut self, key: &[u8; 32], blocks: &[u8; 32]) {
        self.0 = Sha256::new().chain_update(self.0).chain_update(key).chain_update(blocks).finalize().into();
    }

    pub(crate) fn end(self, tail: &[u8]) -> Digest {
        Digest(Sha256::new().chain_update(self.0).chain_update(sha256(tail)).finalize().into())
    }
}
