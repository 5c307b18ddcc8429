//! Goes through a chain from its beginning and stops at the first thing that is wrong.

use std::collections::BTreeMap;

use crate::chain::{Hash, Link};
use crate::head::Head;

/// What is wrong with a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Numbers are left out.
    #[error("entry {first} is missing, and so is all up to {next}: it was taken out")]
    Missing {
        /// The first that is not there.
        first: u64,
        /// The next that is.
        next: u64,
    },
    /// A number comes again, or too late.
    #[error("entry {number} comes behind entry {after}: it was put in or moved")]
    OutOfOrder {
        /// It.
        number: u64,
        /// The one before it.
        after: u64,
    },
    /// Content or hash is not what was written.
    #[error("entry {number} is not what was written: it was changed, or another was put in its place")]
    Changed {
        /// It.
        number: u64,
    },
    /// It cannot even be read.
    #[error("entry {number} cannot be read: {cause}")]
    Unreadable {
        /// It.
        number: u64,
        /// What stands in the way.
        cause: String,
    },
    /// The chain is whole, and not the one a head was signed for.
    #[error(
        "entries {first} to {last} were written anew: a head that was signed for entry {last} has another hash"
    )]
    Rewritten {
        /// The first that no head before vouches for.
        first: u64,
        /// The one the head is of.
        last: u64,
    },
    /// A head is of an entry that is not there.
    #[error("the end was cut off: the last entry is {last}, and a head was signed for entry {signed}")]
    Cut {
        /// The last that is there.
        last: u64,
        /// The last there was.
        signed: u64,
    },
}

/// Goes through a chain, one entry after the other.
#[derive(Debug)]
pub struct Checker {
    at: Link,
    /// Hashes that heads vouch for, by number: those that are still to come.
    heads: BTreeMap<u64, Hash>,
    /// The last entry a head has vouched for.
    vouched: u64,
}

impl Checker {
    /// From the beginning of a chain, with heads whose signatures were looked at.
    pub fn new<'a>(heads: impl IntoIterator<Item = &'a Head>) -> Self {
        Self::behind(Link::default(), heads)
    }

    /// From behind a link that is taken for right; heads up to it are not looked at.
    pub fn behind<'a>(at: Link, heads: impl IntoIterator<Item = &'a Head>) -> Self {
        let links = heads.into_iter().map(|head| (head.link.number, head.link.hash));
        let heads = links.filter(|(number, _)| *number > at.number).collect();
        Self { at, heads, vouched: at.number }
    }

    /// Adds a head that was not known at the beginning; one of an entry that is passed already is not looked at.
    ///
    /// # Errors
    /// [`Fault::Rewritten`] if it is of the entry the chain has come to and says another hash.
    pub fn add(&mut self, head: &Head) -> Result<(), Fault> {
        if head.link.number > self.at.number {
            self.heads.insert(head.link.number, head.link.hash);
        } else if head.link.number == self.at.number {
            if head.link.hash != self.at.hash {
                return Err(Fault::Rewritten {
                    first: self.vouched.saturating_add(1),
                    last: head.link.number,
                });
            }
            self.vouched = head.link.number;
        }
        Ok(())
    }

    /// The next entry: its number, the hash of its content, and the hash that stands beside it.
    ///
    /// # Errors
    /// The first [`Fault`]; nothing behind it can be told from it.
    pub fn next(&mut self, number: u64, content: Hash, hash: Hash) -> Result<(), Fault> {
        self.expect(number)?;
        let link = self.at.then(content);
        if link.hash != hash {
            return Err(Fault::Changed { number });
        }
        self.pass(link)
    }

    /// The next entry, of which only the hash of its content is known.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub fn next_stub(&mut self, number: u64, content: Hash) -> Result<(), Fault> {
        self.expect(number)?;
        self.pass(self.at.then(content))
    }

    fn expect(&self, number: u64) -> Result<(), Fault> {
        let (wanted, after) = (self.at.number.saturating_add(1), self.at.number);
        match number {
            _ if number < wanted => Err(Fault::OutOfOrder { number, after }),
            _ if number > wanted => Err(Fault::Missing { first: wanted, next: number }),
            _ => Ok(()),
        }
    }

    fn pass(&mut self, link: Link) -> Result<(), Fault> {
        if let Some(hash) = self.heads.remove(&link.number) {
            if hash != link.hash {
                return Err(Fault::Rewritten { first: self.vouched.saturating_add(1), last: link.number });
            }
            self.vouched = link.number;
        }
        self.at = link;
        Ok(())
    }

    /// How far it has come.
    pub fn at(&self) -> Link {
        self.at
    }

    /// The last entry that a head has vouched for; what is behind it could have been written by anybody since.
    pub fn vouched(&self) -> u64 {
        self.vouched
    }

    /// The end of the chain.
    ///
    /// # Errors
    /// [`Fault::Cut`] if a head is of an entry behind it.
    pub fn end(&self) -> Result<Link, Fault> {
        match self.heads.last_key_value() {
            Some((signed, _)) => Err(Fault::Cut { last: self.at.number, signed: *signed }),
            None => Ok(self.at),
        }
    }
}
