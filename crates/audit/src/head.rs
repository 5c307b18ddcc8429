//! How the chain stood at a time, signed.

use crate::chain::{Hash, Link};

/// What the key of the install signs heads for: a signature given for one purpose is none for another.
pub const PURPOSE: &str = "audit head 1";

/// How the chain stood at a time, signed by the recorder (C8-03).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The last entry then, and the hash behind it.
    pub link: Link,
    /// When it was signed, in ns since 1970.
    pub at_ns: i64,
    /// The signature over [`Head::message`], as a text that names its algorithm and key (C8-06).
    pub signature: String,
}

impl Head {
    /// A head that `sign` signs.
    pub fn signed(link: Link, at_ns: i64, sign: impl FnOnce(&[u8]) -> String) -> Self {
        let mut head = Self { link, at_ns, signature: String::new() };
        head.signature = sign(&head.message());
        head
    }

    /// The bytes that are signed: the number, the hash, the time; numbers with the highest byte first.
    pub fn message(&self) -> Vec<u8> {
        let Link { number, hash: Hash(hash) } = self.link;
        [number.to_be_bytes().as_slice(), &hash, &self.at_ns.to_be_bytes()].concat()
    }
}
