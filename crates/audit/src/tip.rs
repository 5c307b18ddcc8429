//! How the chain ends, signed.

use crate::chain::{Hash, Link};

/// What the key of the install signs tips for: a tip is no head, and a head no tip.
pub const TIP_PURPOSE: &str = "audit tip 1";

/// How the chain ends, signed by who wrote the last entry (C8-03): nothing can be put behind it without the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tip {
    /// The last entry, and the hash behind it.
    pub link: Link,
    /// The signature over [`Tip::message`], as a text that names its algorithm and key (C8-06).
    pub signature: String,
}

impl Tip {
    /// The bytes that are signed: the number, highest byte first, and the hash.
    pub fn message(link: Link) -> Vec<u8> {
        let Link { number, hash: Hash(hash) } = link;
        [number.to_be_bytes().as_slice(), &hash].concat()
    }
}

/// How the end of a chain stands to its tip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndFault {
    /// Entries are behind the tip.
    #[error(
        "entries {first} to {last} were not written by this recorder: nobody with its key vouches for them"
    )]
    NotOurs {
        /// The first of them.
        first: u64,
        /// The last.
        last: u64,
    },
    /// Entries are missing.
    #[error("the end was cut off: entries {first} to {last} were written, and are not there")]
    Cut {
        /// The first of them.
        first: u64,
        /// The last.
        last: u64,
    },
    /// The tip is of another chain.
    #[error(
        "entry {number} is not the one that was written last: the chain was written anew by somebody without the key"
    )]
    Another {
        /// The entry that the tip is of.
        number: u64,
    },
}

/// Whether a chain ends where its tip says: `end` is its last link, `there` the link it has at the tip's number, if any.
///
/// # Errors
/// [`EndFault`].
pub fn ends(tip: Link, end: Link, there: Option<Link>) -> Result<(), EndFault> {
    match there {
        None => Err(EndFault::Cut { first: end.number.saturating_add(1), last: tip.number }),
        Some(there) if there != tip => Err(EndFault::Another { number: tip.number }),
        Some(_) if end == tip => Ok(()),
        Some(_) => Err(EndFault::NotOurs { first: tip.number.saturating_add(1), last: end.number }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::{Head, PURPOSE};

    fn link(number: u64, byte: u8) -> Link {
        Link { number, hash: Hash([byte; 32]) }
    }

    #[test]
    fn a_chain_ends_at_its_tip_and_nowhere_else() {
        let tip = link(7, 7);
        assert_eq!(ends(tip, tip, Some(tip)), Ok(()));
        assert_eq!(ends(tip, link(9, 9), Some(tip)), Err(EndFault::NotOurs { first: 8, last: 9 }));
        assert_eq!(ends(tip, link(5, 5), None), Err(EndFault::Cut { first: 6, last: 7 }));
        let other = link(7, 8);
        assert_eq!(ends(tip, other, Some(other)), Err(EndFault::Another { number: 7 }));
        assert_eq!(ends(tip, link(9, 9), Some(other)), Err(EndFault::Another { number: 7 }));
    }

    #[test]
    fn a_tip_is_no_head_and_a_head_no_tip() {
        let head = Head { link: link(7, 7), at_ns: 0, signature: String::new() };
        assert_ne!(PURPOSE, TIP_PURPOSE);
        assert_ne!(Tip::message(head.link), head.message());
    }
}
