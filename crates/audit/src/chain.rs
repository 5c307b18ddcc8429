//! What ties an entry to the one before.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::hex;

/// Stands before what is hashed of a link.
const DOMAIN: &[u8] = b"sidetone audit chain 1\n";

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Reads 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        hex::from_hex(text)?.try_into().ok().map(Self)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::to_hex(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How the chain stands behind one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Link {
    /// The entry's number; 0 before the first.
    pub number: u64,
    /// The hash over its content and all before; zeros before the first.
    pub hash: Hash,
}

impl Link {
    /// The link behind the next entry, whose content has this hash.
    #[must_use]
    pub fn then(self, content: Hash) -> Self {
        let mut hash = Sha256::new();
        hash.update(DOMAIN);
        hash.update(self.hash.0);
        hash.update(content.0);
        Self { number: self.number.saturating_add(1), hash: Hash(hash.finalize().into()) }
    }
}
