//! `sidetone check` on one of the two folders of a backup: what can be seen without the other.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use vault::sums::Folders;
use vault::{Bulk, KeyPages, RealDisk};

use super::STATES;
use super::pair::Part;
use crate::cmd::backup::said;
use crate::cmd::check::{signing_keys, wrong};
use crate::cmd::data::bar;
use crate::cmd::{Failure, files};

/// What was looked at.
struct Looked {
    recordings: usize,
    bytes: u64,
    faults: Vec<String>,
    /// What the folder is, and what was looked at.
    what: &'static str,
}

/// Looks at a folder, if it is one of two, and says what it is.
pub(in crate::cmd) fn look(folder: &Path, as_json: bool) -> Result<Option<Result<(), Failure>>, Failure> {
    let looked = match Part::of(folder)? {
        Part::Bulk(_) => look_at_bulk(folder, as_json)?,
        Part::Apart(backup) => {
            look_at_pages(folder, &KeyPages::new(Arc::new(RealDisk::new()), folder, backup))?
        }
        Part::Nothing | Part::Whole | Part::Else => return Ok(None),
    };
    tell(&looked, as_json);
    Ok(Some(wrong(looked.faults.len())))
}

#[expect(clippy::print_stdout, reason = "the findings are what was asked for")]
fn tell(looked: &Looked, as_json: bool) {
    let Looked { recordings, bytes, faults, what } = looked;
    if as_json {
        println!("{:#}", json!({"recordings": recordings, "bytes": bytes, "faults": faults}));
        return;
    }
    for fault in faults {
        println!("{fault}");
    }
    println!("{recordings} recordings, {bytes} bytes: {what}");
}

fn look_at_bulk(folder: &Path, as_json: bool) -> Result<Looked, Failure> {
    let bulk = Bulk::new(Arc::new(RealDisk::new()), folder);
    let listing = bulk.list().map_err(said)?;
    let signers = signing_keys(folder)?;
    let mut faults: Vec<String> = Vec::new();
    let bar = if as_json {
        indicatif::ProgressBar::hidden()
    } else {
        bar(listing.files.len() as u64, "recordings")
    };
    let mut bytes = 0;
    for name in &listing.files {
        bar.inc(1);
        let recording = name.recording;
        match bulk.check(*name) {
            Ok(found) => {
                bytes += found.bytes;
                let mut seals = found.seals.iter().filter(|_| !signers.is_empty());
                let not_ours = seals.find_map(|seal| seal.verify(&signers).err());
                faults.extend(not_ours.map(|why| format!("recording {recording}: {why}")));
            }
            Err(error) => faults.push(format!("recording {recording}: {error}")),
        }
    }
    bar.finish_and_clear();
    let strange = |path: &std::path::PathBuf| {
        format!("{} is no recording, or not where it belongs; move it away", path.display())
    };
    faults.extend(listing.strangers.iter().map(strange));
    let what = "every byte was read. This is the bulk of a backup in two: nothing in it can be heard or read without the folder apart";
    Ok(Looked { recordings: listing.files.len(), bytes, faults, what })
}

fn look_at_pages(folder: &Path, pages: &KeyPages) -> Result<Looked, Failure> {
    let (mut recordings, mut bytes, mut faults) = (0, 0, Vec::new());
    for page in pages.list().map_err(said)? {
        match pages.read(&page) {
            Ok((whole, damaged)) => {
                recordings += whole.len();
                bytes +=
                    whole.iter().flat_map(vault::TakenKeys::bytes).map(|key| key.len() as u64).sum::<u64>();
                faults.extend(
                    damaged.into_iter().map(|(id, _)| format!("the keys of recording {id} are damaged")),
                );
            }
            Err(error) => faults.push(error.to_string()),
        }
    }
    let state = folder.join(STATES[0]);
    if files::names(&state)?.is_empty() {
        faults
            .push("no run of this backup came to its end, or the last was stopped; run it again".to_owned());
    } else {
        let changed =
            vault::sums::compare(Folders::one(&state), &signing_keys(&state)?, u64::MAX).map_err(said)?;
        faults.extend(changed.into_iter().flatten().map(|changed| changed.to_string()));
    }
    let what = "the keys of them, and the state, were read. This is the folder apart of a backup in two: their sound is in its bulk";
    Ok(Looked { recordings, bytes, faults, what })
}
