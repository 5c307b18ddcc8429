//! What lies beside the sound of a recording in a package (C8-07), and what the package says to people.

use calls::id::RecordingId;
use index::Listen;
use serde_json::json;
use vault::{Archive, ReadingKey};

use super::name::rfc3339;

/// Bytes of the sealed file that are moved at once.
pub(super) const PIECE_BYTES: usize = 256 << 10;

/// The public half of the signing key, for convenience: who doubts the package gets it elsewhere.
pub(super) const KEY: &str = "signing.pub";

/// For who opens it.
pub(super) const README: (&str, &str) = ("README.txt", include_str!("package.txt"));

/// Where a file of a recording is in a package.
pub(super) fn name(recording: RecordingId, file: &str) -> String {
    format!("{recording}/{file}")
}

/// The manifest of a recording as it was sealed, and what vouches for it.
pub(crate) struct SealedManifest {
    /// Its bytes.
    pub(crate) manifest: Vec<u8>,
    /// The salt that is hashed before it, in hexadecimal digits; `None` for a file that was sealed without a signature.
    pub(crate) salt: Option<String>,
    /// The signed statements, oldest first.
    pub(crate) seals: Vec<String>,
}

impl SealedManifest {
    pub(crate) fn read(
        archive: &Archive,
        reading: &ReadingKey,
        recording: RecordingId,
    ) -> Result<Self, vault::ReadError> {
        let mut reader = archive.open(recording, reading)?;
        let salted = reader.salted_manifest()?;
        let is_signed = !reader.seals().is_empty();
        let (salt, manifest) = salted.split_at(if is_signed { vault::SALT_BYTES } else { 0 });
        Ok(Self {
            manifest: manifest.to_vec(),
            salt: is_signed.then(|| salt.iter().map(|byte| format!("{byte:02x}")).collect()),
            seals: reader.seals().iter().map(|seal| seal.text().to_owned()).collect(),
        })
    }
}

/// The papers of a recording: names and contents.
pub(super) fn of(
    archive: &Archive,
    reading: &ReadingKey,
    recording: RecordingId,
    listens: &[Listen],
) -> Result<Vec<(&'static str, Vec<u8>)>, vault::ReadError> {
    let SealedManifest { manifest, salt, seals } = SealedManifest::read(archive, reading, recording)?;
    let mut papers = vec![("manifest.json", manifest)];
    if let Some(digits) = salt {
        papers.push(("manifest.salt", format!("{digits}\n").into_bytes()));
        papers.push(("seals.txt", seals.join("\n").into_bytes()));
    }
    let mut heard = String::new();
    for Listen { at, who, from, what, .. } in listens {
        let line = json!({"at": rfc3339(*at), "who": who, "from": from, "what": what});
        heard.push_str(&format!("{line}\n"));
    }
    papers.push(("listens.jsonl", heard.into_bytes()));
    Ok(papers)
}
