//! The seal of a recording: what its file holds, as a text that the install has signed (C8-02).
//!
//! ```text
//! sidetone seal 1
//! program sidetone 1.2.0
//! recording 01980000-0000-7000-8000-000000000001
//! first 1764500000000000000
//! last 1764500009980000000
//! blocks 250
//! leaves 16
//! root <64 hexadecimal digits>
//! keys <64>
//! missing 0
//! catalogue <64>
//! manifest <64>
//! before <64>
//! signature ed25519:<16>:<128>
//! ```
//! Every line ends with a line feed; the lines stand in this order; `before`, the SHA-256 of the seal that this one takes the
//! place of, is only there if there was one. What is signed, for the purpose `seal`, are the bytes before the line
//! `signature`. `ref/recording-file.md` says what each line means.
//!
//! Belongs here: the text. Does not: comparing it with the file ([`crate::verify`]).

use std::fmt::Write as _;

use calls::id::RecordingId;
use calls::time::Wall;

use super::catalogue::Catalogue;
use super::digest::{Digest, sha256};
use super::merkle;
use crate::keys::signing::{
    NotSigned, Signature, SigningKey, VerifyingKey, read_text, sign_text, verify_among,
};

/// What seals are signed for.
const PURPOSE: &str = "seal";

/// Redactions of one recording whose seals are kept in its file. One beyond loses the oldest.
const MAX_SEALS: usize = 256;

/// What a seal says of the file it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The recording.
    pub recording: RecordingId,
    /// The program and version that sealed it.
    pub program: String,
    /// Arrival of the first packet; 0 if there is none.
    pub first: Wall,
    /// Arrival of the last, rounded up by less than a millisecond; 0 if there is none.
    pub last: Wall,
    /// Media frames.
    pub blocks: u64,
    /// Leaves of the Merkle tree over them.
    pub leaves: u64,
    /// The tree's root.
    pub root: Digest,
    /// SHA-256 over the digests of all key frames of minutes, in order.
    pub keys: Digest,
    /// Frames that were lost before the seal.
    pub missing: u64,
    /// SHA-256 of the catalogue frame.
    pub catalogue: Digest,
    /// SHA-256 of the manifest's salt and the manifest: says nothing to who does not have both.
    pub manifest: Digest,
    /// SHA-256 of the seal whose place this one takes.
    pub before: Option<Digest>,
}

/// A signed statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    text: String,
    statement: Statement,
    signature: Signature,
}

impl Statement {
    /// Of a file with these minutes, which takes nothing's place.
    pub(crate) fn of(
        recording: RecordingId,
        catalogue: &Catalogue,
        leaves: &[[u8; 32]],
        catalogue_frame: Digest,
        salted_manifest: Digest,
    ) -> Self {
        let streams = || catalogue.minutes.iter().flat_map(|minute| &minute.streams);
        Self {
            recording,
            program: concat!("sidetone ", env!("CARGO_PKG_VERSION")).to_owned(),
            first: streams().map(|stream| stream.first).min().unwrap_or(Wall::EPOCH),
            last: streams().map(|stream| stream.last).max().unwrap_or(Wall::EPOCH),
            blocks: streams().map(|stream| u64::from(stream.blocks)).sum(),
            leaves: leaves.len() as u64,
            root: Digest(merkle::root(leaves)),
            keys: keys_of(catalogue),
            missing: catalogue.missing_frames,
            catalogue: catalogue_frame,
            manifest: salted_manifest,
            before: None,
        }
    }

    pub(crate) fn sign(self, key: &SigningKey) -> Seal {
        let text = sign_text(key, PURPOSE, self.text());
        let (_, signature) = read_text(&text).expect("it was just signed");
        Seal { text, statement: self, signature }
    }

    fn text(&self) -> String {
        let Self { recording, program, first, last, blocks, leaves, root, .. } = self;
        let (first, last) = (first.as_ns(), last.as_ns());
        let Self { keys, missing, catalogue, manifest, before, .. } = self;
        let mut text = format!(
            "sidetone seal 1\nprogram {program}\nrecording {recording}\nfirst {first}\nlast {last}\nblocks {blocks}\n\
             leaves {leaves}\nroot {root}\nkeys {keys}\nmissing {missing}\ncatalogue {catalogue}\nmanifest {manifest}\n"
        );
        if let Some(before) = before {
            let _ = writeln!(text, "before {before}");
        }
        text
    }

    /// The first line of this one that the other does not have.
    pub(crate) fn differs_from(&self, other: &Self) -> Option<String> {
        let (mine, others) = (self.text(), other.text());
        let mut lines = mine.lines().zip(others.lines());
        lines.find(|(mine, other)| mine != other).map(|(mine, _)| mine.to_owned())
    }

    fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines().skip(1);
        let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let read = Self {
            program: value("program")?.to_owned(),
            recording: value("recording")?.parse().ok()?,
            first: Wall::from_ns(value("first")?.parse().ok()?),
            last: Wall::from_ns(value("last")?.parse().ok()?),
            blocks: value("blocks")?.parse().ok()?,
            leaves: value("leaves")?.parse().ok()?,
            root: value("root")?.parse().ok()?,
            keys: value("keys")?.parse().ok()?,
            missing: value("missing")?.parse().ok()?,
            catalogue: value("catalogue")?.parse().ok()?,
            manifest: value("manifest")?.parse().ok()?,
            before: match value("before") {
                Some(digest) => Some(digest.parse().ok()?),
                None => None,
            },
        };
        // Two texts never say the same.
        (read.text() == text).then_some(read)
    }
}

/// What a seal says of the key frames.
pub(crate) fn keys_of(catalogue: &Catalogue) -> Digest {
    let digests: Vec<u8> = catalogue.minutes.iter().flat_map(|minute| minute.key_digest).collect();
    Digest(sha256(&digests))
}

impl Seal {
    /// What it says.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The signature under it.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The text, signature and all.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the text: by this the next seal of the recording names it.
    pub fn hash(&self) -> Digest {
        Digest(sha256(self.text.as_bytes()))
    }

    /// Whether one of these keys has signed it.
    ///
    /// # Errors
    /// [`NotSigned`].
    pub fn verify(&self, keys: &[VerifyingKey]) -> Result<(), NotSigned> {
        verify_among(keys, PURPOSE, self.statement.text().as_bytes(), &self.signature)
    }

    /// Reads the text of one; `None` if it is none.
    pub fn read(text: &str) -> Option<Self> {
        let (signed, signature) = read_text(text)?;
        Some(Self { text: text.to_owned(), statement: Statement::read(signed)?, signature })
    }
}

/// The text of several seals of one recording, the newest first, with an empty line between.
pub(crate) fn write_all<'s>(seals: impl Iterator<Item = &'s Seal>) -> String {
    let texts: Vec<&str> = seals.take(MAX_SEALS).map(Seal::text).collect();
    texts.join("\n")
}

/// Reads them, and sees that each names the one before it.
pub(crate) fn read_all(body: &[u8]) -> Option<Vec<Seal>> {
    let text = std::str::from_utf8(body).ok()?;
    let mut seals: Vec<Seal> = Vec::new();
    let mut rest = Some(text);
    while let Some(text) = rest {
        let (one, others) = match text.split_once("\n\n") {
            Some((one, others)) => (&text[..=one.len()], Some(others)),
            None => (text, None),
        };
        let seal = Seal::read(one)?;
        if let Some(newer) = seals.last()
            && newer.statement.before != Some(seal.hash())
        {
            return None;
        }
        seals.push(seal);
        rest = others;
    }
    Some(seals)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(before: Option<Digest>) -> Statement {
        Statement {
            recording: RecordingId::from_bytes([7; 16]),
            program: "sidetone 0.0.0".to_owned(),
            first: Wall::from_ms(5),
            last: Wall::from_ms(1005),
            blocks: 26,
            leaves: 2,
            root: Digest([1; 32]),
            keys: Digest([2; 32]),
            missing: 0,
            catalogue: Digest([3; 32]),
            manifest: Digest([4; 32]),
            before,
        }
    }

    #[test]
    fn a_seal_reads_back_and_names_the_one_before() {
        let key = SigningKey::from_seed(&[5; 32]);
        let first = statement(None).sign(&key);
        let second = statement(Some(first.hash())).sign(&key);
        let body = write_all([&second, &first].into_iter());
        let read = read_all(body.as_bytes()).unwrap();
        assert_eq!(read, [second.clone(), first.clone()]);
        read.iter().for_each(|seal| seal.verify(&[key.public()]).unwrap());
        let other = statement(None).sign(&SigningKey::from_seed(&[6; 32]));
        assert_eq!(read_all(write_all([&second, &other].into_iter()).as_bytes()), None);
        assert_eq!(other.verify(&[key.public()]), Err(NotSigned::UnknownKey(other.signature.key)));
    }

    #[test]
    fn every_flipped_bit_of_a_seal_is_seen() {
        let key = SigningKey::from_seed(&[5; 32]);
        let text = statement(Some(Digest([9; 32]))).sign(&key).text().to_owned();
        for bit in 0..text.len() * 8 {
            let mut flipped = text.clone().into_bytes();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let seals = read_all(&flipped);
            let holds =
                seals.is_some_and(|seals| seals.iter().all(|seal| seal.verify(&[key.public()]).is_ok()));
            assert!(!holds, "bit {bit}");
        }
    }
}
