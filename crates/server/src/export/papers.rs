//! What lies beside the sound of a recording in a package (C8-07), and what the package says to people.

use calls::id::RecordingId;
use index::Listen;
use serde_json::json;
use vault::{Archive, ReadingKey, Seal};

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

/// The papers of a recording: names and contents.
pub(super) fn of(
    archive: &Archive,
    reading: &ReadingKey,
    recording: RecordingId,
    listens: &[Listen],
) -> Result<Vec<(&'static str, Vec<u8>)>, vault::ReadError> {
    let mut reader = archive.open(recording, reading)?;
    let mut papers = Vec::new();
    let salted = reader.salted_manifest()?;
    let salt_bytes = if reader.seals().is_empty() { 0 } else { vault::SALT_BYTES };
    let (salt, manifest) = salted.split_at(salt_bytes);
    papers.push(("manifest.json", manifest.to_vec()));
    if !reader.seals().is_empty() {
        let digits: String = salt.iter().map(|byte| format!("{byte:02x}")).collect();
        papers.push(("manifest.salt", format!("{digits}\n").into_bytes()));
        let texts: Vec<&str> = reader.seals().iter().map(Seal::text).collect();
        papers.push(("seals.txt", texts.join("\n").into_bytes()));
    }
    let mut heard = String::new();
    for Listen { at, who, from, what, .. } in listens {
        let line = json!({"at": rfc3339(*at), "who": who, "from": from, "what": what});
        heard.push_str(&format!("{line}\n"));
    }
    papers.push(("listens.jsonl", heard.into_bytes()));
    Ok(papers)
}
