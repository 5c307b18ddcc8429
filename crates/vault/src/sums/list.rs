//! The sums as a text, and what they say of one file.
//!
//! ```text
//! sidetone sums 1
//! volume spill                       there is a second volume; what lies there is named so
//! file index.sqlite 131072
//! sum <64 hexadecimal digits>        SHA-256 of each 64 KiB in turn, the last one shorter
//! sum <64>
//! file keys/reading.pub 91
//! sum <64>
//! file spill/journal/0000000000000001.seg 4711
//! sum <64>
//! part live/01a22159-a313-7b8b-983f-bf78e968dc25.part    is there; the next start goes on with it
//! signature ed25519:<16>:<128>
//! ```

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::Changed;
use crate::keys::signing::{NotSigned, SigningKey, VerifyingKey, read_text, sign_text, verify_among};
use crate::recording::digest::{Digest, sha256};

/// What sums are signed for.
const PURPOSE: &str = "sums";

/// Bytes under one sum.
pub(super) const PIECE_BYTES: usize = 64 << 10;

const FIRST_LINE: &str = "sidetone sums 1\n";
const SPILL_LINE: &str = "volume spill";

/// What there was.
#[derive(Debug)]
pub(super) struct List {
    /// Whether there was a second volume.
    pub(super) has_spill: bool,
    /// What was summed.
    pub(super) files: Vec<Listed>,
    /// What is only named.
    pub(super) parts: Vec<PathBuf>,
}

/// What a file was.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) file: PathBuf,
    bytes: u64,
    sums: Vec<Digest>,
}

impl List {
    pub(super) fn names(&self, file: &Path) -> bool {
        self.parts.iter().any(|part| part == file) || self.files.iter().any(|listed| listed.file == file)
    }

    /// As a signed text.
    pub(super) fn signed(&self, key: &SigningKey) -> String {
        let mut text = FIRST_LINE.to_owned();
        if self.has_spill {
            let _ = writeln!(text, "{SPILL_LINE}");
        }
        for Listed { file, bytes, sums } in &self.files {
            let _ = writeln!(text, "file {} {bytes}", file.display());
            for sum in sums {
                let _ = writeln!(text, "sum {sum}");
            }
        }
        for part in &self.parts {
            let _ = writeln!(text, "part {}", part.display());
        }
        sign_text(key, PURPOSE, text)
    }

    pub(super) fn read(bytes: &[u8], keys: &[VerifyingKey]) -> Result<Self, String> {
        let no_sums = || "it is no list of sums".to_owned();
        let text = std::str::from_utf8(bytes).map_err(|_| no_sums())?;
        let (signed, signature) = read_text(text).ok_or_else(no_sums)?;
        match verify_among(keys, PURPOSE, signed.as_bytes(), &signature) {
            Ok(()) => {}
            // Without a key at hand it is still a list.
            Err(NotSigned::UnknownKey(_)) if keys.is_empty() => {}
            Err(error) => return Err(error.to_string()),
        }
        let mut list = Self { has_spill: false, files: Vec::new(), parts: Vec::new() };
        for line in signed.strip_prefix(FIRST_LINE).ok_or_else(no_sums)?.lines() {
            if let Some(sum) = line.strip_prefix("sum ") {
                let last = list.files.last_mut().ok_or_else(no_sums)?;
                last.sums.push(sum.parse().map_err(|_| no_sums())?);
            } else if let Some(part) = line.strip_prefix("part ") {
                list.parts.push(part.into());
            } else if line == SPILL_LINE {
                list.has_spill = true;
            } else {
                let (file, bytes) =
                    line.strip_prefix("file ").and_then(|line| line.rsplit_once(' ')).ok_or_else(no_sums)?;
                let bytes = bytes.parse().map_err(|_| no_sums())?;
                list.files.push(Listed { file: file.into(), bytes, sums: Vec::new() });
            }
        }
        Ok(list)
    }
}

impl Listed {
    /// A file as it is at `path`.
    pub(super) fn of(file: PathBuf, path: &Path) -> io::Result<Self> {
        let (bytes, sums) = sums_of(path)?;
        Ok(Self { file, bytes, sums })
    }

    pub(super) fn compare(self, path: &Path, longest: u64) -> io::Result<Option<Changed>> {
        let Self { file, bytes: then, sums } = self;
        let now = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(Changed::Gone { file })),
            known => known?.len(),
        };
        if now != then {
            return Ok(Some(Changed::Length { file, now, then }));
        }
        if now > longest {
            return Ok(None);
        }
        let (_, found) = sums_of(path)?;
        let same = found.iter().zip(&sums).take_while(|(found, then)| found == then).count();
        let offset = same as u64 * PIECE_BYTES as u64;
        let bytes = (now - offset.min(now)).min(PIECE_BYTES as u64);
        Ok((same < found.len().max(sums.len())).then_some(Changed::Bytes { file, offset, bytes }))
    }
}

/// The sums of a file, and its length.
fn sums_of(path: &Path) -> io::Result<(u64, Vec<Digest>)> {
    let file = File::open(path)?;
    let (mut piece, mut bytes, mut sums) = (Vec::with_capacity(PIECE_BYTES), 0, Vec::new());
    loop {
        piece.clear();
        (&file).take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
        if piece.is_empty() {
            return Ok((bytes, sums));
        }
        bytes += piece.len() as u64;
        sums.push(Digest(sha256(&piece)));
    }
}
