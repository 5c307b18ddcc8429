//! The list of a package: every file in it with its SHA-256, signed by the install (C8-07).
//!
//! ```text
//! sidetone package 1
//! program sidetone 1.2.0
//! made 2026-11-30T14:00:00.000Z
//! for integration
//! file <64 hexadecimal digits> 320044 0198c7a2-4f3e-7abc-8def-0123456789ab/sound.wav
//! signature ed25519:<16>:<128>
//! ```
//! Bytes: `ref/package.md`.

use std::fmt::Write as _;

use vault::keys::signing::{
    NotSigned, Signature, SigningKey, VerifyingKey, read_text, sign_text, verify_among,
};
use vault::{Digest, NotADigest};

/// The file in a package that lists the others.
pub(crate) const LIST: &str = "package.txt";

/// What packages are signed for.
const PURPOSE: &str = "package";

const FIRST_LINE: &str = "sidetone package 1";

/// A file of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its name, with `/` between folders.
    pub(crate) name: String,
    /// Its length.
    pub(crate) bytes: u64,
    /// Its SHA-256.
    pub(crate) digest: Digest,
}

/// What a package says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing {
    /// The program and version that made it.
    pub(crate) program: String,
    /// When, RFC 3339.
    pub(crate) made: String,
    /// Who asked for it.
    pub(crate) who: String,
    /// All files but the list.
    pub(crate) files: Vec<Listed>,
}

impl Listing {
    /// The list as it is written, signed.
    pub(crate) fn sign(&self, key: &SigningKey) -> String {
        sign_text(key, PURPOSE, self.text())
    }

    fn text(&self) -> String {
        let Self { program, made, who, files } = self;
        let who: String = who.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
        let mut text = format!("{FIRST_LINE}\nprogram {program}\nmade {made}\nfor {who}\n");
        for Listed { name, bytes, digest } in files {
            let _ = writeln!(text, "file {digest} {bytes} {name}");
        }
        text
    }

    /// Reads a signed list; `None` if it is none. Nothing is verified.
    pub(crate) fn read(text: &str) -> Option<(Self, SignedBy<'_>)> {
        let (signed, signature) = read_text(text)?;
        let mut lines = signed.lines();
        if lines.next()? != FIRST_LINE {
            return None;
        }
        let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned);
        let (program, made, who) = (value("program")?, value("made")?, value("for")?);
        let file = |line: &str| {
            let mut words = line.strip_prefix("file ")?.splitn(3, ' ');
            let digest = words.next()?.parse().map_err(|_: NotADigest| ()).ok()?;
            let bytes = words.next()?.parse().ok()?;
            Some(Listed { digest, bytes, name: words.next()?.to_owned() })
        };
        let files = lines.map(file).collect::<Option<Vec<_>>>()?;
        Some((Self { program, made, who, files }, SignedBy { signed, signature }))
    }
}

/// The signature under a list, and what it is over.
pub(crate) struct SignedBy<'t> {
    signed: &'t str,
    pub(crate) signature: Signature,
}

impl SignedBy<'_> {
    pub(crate) fn verify(&self, keys: &[VerifyingKey]) -> Result<(), NotSigned> {
        verify_among(keys, PURPOSE, self.signed.as_bytes(), &self.signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_back_with_names_that_have_spaces() {
        let folder = tempfile::tempdir().unwrap();
        let keys = vault::KeyFolder::open_or_create(&folder.path().join("keys")).unwrap().recorder();
        let listing = Listing {
            program: "sidetone 0.0.0".to_owned(),
            made: "2026-11-30T14:00:00.000Z".to_owned(),
            who: "a person".to_owned(),
            files: vec![Listed { name: "a/some sound.wav".to_owned(), bytes: 7, digest: Digest([1; 32]) }],
        };
        let text = listing.sign(keys.signing());
        let (read, signed) = Listing::read(&text).unwrap();
        assert_eq!(read, listing);
        signed.verify(&[keys.signing().public()]).unwrap();
        let forged = text.replace("some sound", "other sound");
        assert!(Listing::read(&forged).unwrap().1.verify(&[keys.signing().public()]).is_err());
        assert!(Listing::read(&text.replace("package 1", "package 2")).is_none());
    }
}
