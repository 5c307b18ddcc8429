//! `sidetone restore DIR --apart SMALL`: the two folders of a backup put together again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use calls::id::RecordingId;
use index::{FileEntry, Index};
use vault::{Archive, Bulk, BulkName, Digest, KeyPages, PageError, ReadError, RealDisk, TakenKeys};

use super::{STATES, pair};
use crate::cmd::backup::{FORMAT, prepare, said};
use crate::cmd::data::bar;
use crate::cmd::files::{self, copy, make_folder};
use crate::cmd::{Failure, runtime};

/// What became of the recordings of a backup.
#[derive(Default)]
struct Rejoined {
    whole: BTreeSet<RecordingId>,
    /// In words, of each that is not as it was.
    amiss: BTreeMap<RecordingId, String>,
    /// In the bulk, and erased since it was written.
    erased: Vec<RecordingId>,
    /// Pages that are damaged.
    pages: Vec<String>,
}

/// The two folders and where they are put together.
struct Rejoin {
    bulk: Bulk,
    in_bulk: BTreeSet<BulkName>,
    pages: KeyPages,
    target: Archive,
    rows: BTreeMap<RecordingId, FileEntry>,
    /// The data folder that is made.
    to: PathBuf,
}

/// Brings the backup back into an empty data folder.
pub(in crate::cmd) fn rejoin((from, apart): (&Path, &Path), to: &Path) -> Result<(), Failure> {
    let backup = pair::known(from, apart)?;
    // A run may have been stopped between taking the state of before away and putting the next in its place.
    let states = [STATES[0], STATES[2]].map(|name| apart.join(name));
    let state = states.into_iter().find(|state| state.join(FORMAT).exists());
    let state = state.ok_or_else(|| {
        format!("no run of the backup {} came to its end; there is nothing to bring back", apart.display())
    })?;
    prepare(&state, to)?;
    for file in files::below(&state, Path::new(""))?.iter().filter(|file| **file != Path::new(FORMAT)) {
        let target = to.join(file);
        make_folder(target.parent().unwrap_or(to))?;
        copy(&state.join(file), &target)?;
    }
    let disk = || Arc::new(RealDisk::new());
    let bulk = Bulk::new(disk(), from);
    let rejoined = runtime()?.block_on(async {
        let index = Index::open_to_read(&to.join("index.sqlite")).await.map_err(said)?;
        let rows = index.files().await.map_err(said)?;
        let rejoin = Rejoin {
            in_bulk: bulk.list().map_err(said)?.files,
            bulk,
            pages: KeyPages::new(disk(), apart, backup),
            target: Archive::new(disk(), to),
            rows: rows.into_iter().map(|entry| (entry.recording, entry)).collect(),
            to: to.to_owned(),
        };
        let rejoined = rejoin.all(&index).await;
        index.close().await;
        rejoined
    })?;
    // What makes it a data folder.
    copy(&state.join(FORMAT), &to.join(FORMAT))?;
    tell(&rejoined, to)
}

#[expect(
    clippy::print_stdout,
    reason = "what was brought back, and what not, is what the person wants to know"
)]
fn tell(rejoined: &Rejoined, to: &Path) -> Result<(), Failure> {
    let Rejoined { whole, amiss, erased, pages } = rejoined;
    for page in pages {
        println!("{page}");
    }
    for (recording, why) in amiss {
        println!("recording {recording}: {why}");
    }
    for recording in erased {
        println!(
            "recording {recording} was erased since this bulk was written; nobody can read what is left of it"
        );
    }
    println!("{} recordings are in {}; start the recorder on it", whole.len(), to.display());
    if let Some(whose) = files::of_root(to) {
        println!("{whose}");
    }
    match amiss.len() {
        0 => Ok(()),
        1 => Err("one recording is not as it was; everything else is".to_owned()),
        many => Err(format!("{many} recordings are not as they were; everything else is")),
    }
}

impl Rejoin {
    async fn all(&self, index: &Index) -> Result<Rejoined, Failure> {
        let mut all = Rejoined::default();
        let bar = bar(self.rows.len() as u64, "recordings");
        for page in self.pages.list().map_err(said)? {
            let keys = match self.pages.read(&page) {
                Ok((keys, damaged)) => {
                    let keys_of = "its keys in the folder apart are damaged".to_owned();
                    let here = damaged.into_iter().filter(|(id, digest)| self.is_wanted(*id, digest));
                    all.amiss.extend(here.map(|(id, _)| (id, keys_of.clone())));
                    keys
                }
                Err(error @ PageError::Damaged { .. }) => {
                    all.pages.push(error.to_string());
                    continue;
                }
                Err(error) => return Err(said(error)),
            };
            for keys in keys {
                let has_row = self.rows.contains_key(&keys.recording);
                let is_wanted = match has_row {
                    true => self.is_wanted(keys.recording, &keys.digest),
                    // It was sealed, and its row not written yet, when the index was copied.
                    false => index.erasure_of(keys.recording).await.map_err(said)?.is_none(),
                };
                if is_wanted {
                    bar.inc(1);
                    self.one(&keys, &mut all)?;
                }
            }
        }
        bar.finish_and_clear();
        for row in self.rows.values().filter(|row| row.place.is_none()) {
            if !all.whole.contains(&row.recording) {
                let no_keys = || "its keys are not in the folder apart".to_owned();
                all.amiss.entry(row.recording).or_insert_with(no_keys);
            }
        }
        self.rest(index, &mut all).await?;
        Ok(all)
    }

    /// Whether it is this file of the recording that its row names, in the data folder.
    fn is_wanted(&self, recording: RecordingId, digest: &Digest) -> bool {
        self.rows.get(&recording).is_some_and(|row| row.place.is_none() && row.digest == digest.0)
    }

    fn one(&self, keys: &TakenKeys, all: &mut Rejoined) -> Result<(), Failure> {
        let recording = keys.recording;
        if !self.in_bulk.contains(&BulkName::of(recording, &keys.digest)) {
            let lowest = BulkName { recording, digest_start: [0; 8] };
            let next = self.in_bulk.range(lowest..).next();
            let has_other = next.is_some_and(|name| name.recording == recording);
            let why = match has_other {
                true => "the bulk has it only as it was before some of it was erased; take a newer bulk",
                false => "it is not in this bulk; take a newer one",
            };
            all.amiss.insert(recording, why.to_owned());
            return Ok(());
        }
        match self.bulk.join(keys, &self.target) {
            Ok(()) => {
                all.whole.insert(recording);
            }
            // A medium that cannot be read costs what is on it, one that cannot be written everything.
            Err(ReadError::Disk(error)) if error.path.starts_with(&self.to) => return Err(said(error)),
            Err(error) => {
                all.amiss.insert(recording, error.to_string());
            }
        }
        Ok(())
    }

    /// What is in the bulk and in no row.
    async fn rest(&self, index: &Index, all: &mut Rejoined) -> Result<(), Failure> {
        for name in &self.in_bulk {
            let recording = name.recording;
            if self.rows.contains_key(&recording) || all.whole.contains(&recording) {
                continue;
            }
            if index.erasure_of(recording).await.map_err(said)?.is_some() {
                all.erased.push(recording);
            } else {
                let newer = "the folder apart does not know it: it is older than this bulk; take a newer one";
                all.amiss.entry(recording).or_insert_with(|| newer.to_owned());
            }
        }
        Ok(())
    }
}
