//! Goes through a chain from its beginning and stops at the first thing that is wrong.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::chain::{Hash, Link};

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
        "entries {first} to {last} were written anew: a head that was signed for entry {last} has another hash ({place})"
    )]
    Rewritten {
        /// The first that no head before vouches for.
        first: u64,
        /// The one the head is of.
        last: u64,
        /// Where the head was read.
        place: Arc<str>,
    },
    /// A head is of an entry that is not there.
    #[error(
        "the end was cut off: the last entry is {last}, and a head was signed for entry {signed} ({place})"
    )]
    Cut {
        /// The last that is there.
        last: u64,
        /// The last there was.
        signed: u64,
        /// Where the head was read.
        place: Arc<str>,
    },
    /// Two heads of one entry are signed, and there was only one.
    #[error(
        "two heads of entry {number} are signed and differ, in {one} and in {other}: the chain was written anew by who has the \
         signing key, or a backup was brought back and went another way"
    )]
    TwoHeads {
        /// The entry.
        number: u64,
        /// Where the one was read.
        one: Arc<str>,
        /// And the other.
        other: Arc<str>,
    },
}

/// What a head says of the hash behind its entry, and where it was read.
#[derive(Debug)]
struct Claim {
    hash: Hash,
    place: Arc<str>,
}

/// Goes through a chain, one entry after the other.
#[derive(Debug, Default)]
pub struct Checker {
    at: Link,
    /// What heads say of entries that are still to come; more than one of an entry only where they differ.
    claims: BTreeMap<u64, Vec<Claim>>,
    /// The last entry a head has vouched for.
    vouched: u64,
}

impl Checker {
    /// From the beginning of a chain.
    pub fn new() -> Self {
        Self::default()
    }

    /// From behind a link that is taken for right.
    pub fn behind(at: Link) -> Self {
        Self { at, claims: BTreeMap::new(), vouched: at.number }
    }

    /// Adds what a head says whose signature was looked at, and where it was read. The chain is held against each, whatever
    /// others say of the same entry. One of an entry that is passed already is not looked at.
    ///
    /// # Errors
    /// [`Fault::Rewritten`] if it is of the entry the chain has come to and says another hash; [`Fault::TwoHeads`] if another head of
    /// its entry does. It is added all the same.
    pub fn add(&mut self, head: Link, place: &Arc<str>) -> Result<(), Fault> {
        let Link { number, hash } = head;
        if number < self.at.number {
            return Ok(());
        }
        if number == self.at.number {
            return self.hold(&Claim { hash, place: Arc::clone(place) });
        }
        let claims = self.claims.entry(number).or_default();
        if claims.iter().any(|claim| claim.hash == hash) {
            return Ok(());
        }
        let one = claims.first().map(|claim| Arc::clone(&claim.place));
        claims.push(Claim { hash, place: Arc::clone(place) });
        one.map_or(Ok(()), |one| Err(Fault::TwoHeads { number, one, other: Arc::clone(place) }))
    }

    /// Holds a claim against the link the chain has come to.
    fn hold(&mut self, claim: &Claim) -> Result<(), Fault> {
        let last = self.at.number;
        if claim.hash != self.at.hash {
            let first = self.vouched.saturating_add(1).min(last);
            return Err(Fault::Rewritten { first, last, place: Arc::clone(&claim.place) });
        }
        self.vouched = last;
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
        self.at = link;
        let claims = self.claims.remove(&link.number).unwrap_or_default();
        // One that holds hides none that does not.
        let vouched = self.vouched;
        for claim in &claims {
            self.vouched = vouched;
            self.hold(claim)?;
        }
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
        let last = self.claims.last_key_value().and_then(|(signed, claims)| Some((*signed, claims.first()?)));
        match last {
            Some((signed, claim)) => {
                Err(Fault::Cut { last: self.at.number, signed, place: Arc::clone(&claim.place) })
            }
            None => Ok(self.at),
        }
    }
}
