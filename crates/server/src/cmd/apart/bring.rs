//! What a backup in two takes from a data folder: the index as it is at one instant, and what is sealed by then, each file
//! once without its keys and these on the page of its day.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use calls::id::RecordingId;
use index::Index;
use vault::{Bulk, BulkName, Digest, KeyPages, PageError, ReadError, TakenKeys};

use crate::cmd::Failure;
use crate::cmd::backup::{TRIES, said};
use crate::cmd::data::bar;
use crate::cmd::files::{self, on, sync_folder, wipe};
use crate::keep::Volumes;

/// A run, and where it takes things to.
pub(super) struct Run<'r> {
    pub(super) volumes: &'r Volumes,
    pub(super) bulk: Bulk,
    pub(super) pages: KeyPages,
    /// The state that is being made.
    pub(super) next: PathBuf,
    pub(super) since_ms: i64,
}

/// What was taken.
#[derive(Debug, Default)]
pub(super) struct Brought {
    /// Every recording that is not erased, and the digest of its file, wherever that is.
    pub(super) kept: BTreeMap<RecordingId, Digest>,
    /// Those whose files are in the data folder.
    pub(super) recordings: usize,
    pub(super) new: usize,
    pub(super) bytes: u64,
    /// What could not be taken, and why.
    pub(super) amiss: Vec<String>,
}

impl Brought {
    pub(super) fn keeps(&self, recording: RecordingId, digest: &Digest) -> bool {
        self.kept.get(&recording) == Some(digest)
    }
}

/// What is sealed, as a copy of the index has it.
#[derive(Default)]
struct Sealed {
    /// In the data folder.
    here: BTreeMap<RecordingId, Digest>,
    elsewhere: BTreeMap<RecordingId, Digest>,
}

/// Takes everything. What is erased or redacted meanwhile makes it begin with a fresh copy of the index, so that rows and keys
/// agree.
pub(super) async fn bring(run: &Run<'_>) -> Result<Brought, Failure> {
    let mut brought = Brought::default();
    for attempt in 0..TRIES {
        let (index, sealed) = copy_index(run).await?;
        if attempt == 0 {
            refuse_unknown(run, &index, &sealed).await?;
        }
        index.close().await;
        brought.recordings = sealed.here.len();
        brought.amiss.clear();
        let moved = take(run, &sealed.here, &mut brought).await?;
        brought.kept = sealed.elsewhere;
        brought.kept.extend(sealed.here);
        if !moved {
            return Ok(brought);
        }
    }
    Err("recordings are erased faster than they can be copied; try again in a quieter hour".to_owned())
}

async fn copy_index(run: &Run<'_>) -> Result<(Index, Sealed), Failure> {
    let index = Index::open_to_read(&run.volumes.data().join("index.sqlite")).await.map_err(said)?;
    let copy = run.next.join("index.sqlite");
    if copy.exists() {
        // It may tell of what was erased a moment ago.
        wipe(&copy)?;
    }
    index.copy_to(&copy).await.map_err(said)?;
    files::give(&copy)?;
    index.close().await;
    std::fs::File::open(&copy).and_then(|file| file.sync_all()).map_err(on(&copy))?;
    sync_folder(&run.next)?;
    let copied = Index::open_to_read(&copy).await.map_err(said)?;
    let mut sealed = Sealed::default();
    for entry in copied.files().await.map_err(said)? {
        let side = if entry.place.is_none() { &mut sealed.here } else { &mut sealed.elsewhere };
        side.insert(entry.recording, Digest(entry.digest));
    }
    // Those that the journal's copy may know, and that have no row yet.
    let archive = run.volumes.archive();
    for id in archive.list().map_err(said)?.sealed.into_iter().filter(|id| id.drawn_ms() <= run.since_ms) {
        let has_row = sealed.here.contains_key(&id) || sealed.elsewhere.contains_key(&id);
        if !has_row && copied.erasure_of(id).await.map_err(said)?.is_none() {
            let digest = archive.digest_of(id).map_err(said)?;
            sealed.here.extend(digest.map(|digest| (id, digest)));
        }
    }
    Ok((copied, sealed))
}

/// Refuses a folder with keys of recordings that the data folder has never had: to forget them would be to lose them.
async fn refuse_unknown(run: &Run<'_>, index: &Index, sealed: &Sealed) -> Result<(), Failure> {
    let (mut unknown, mut first) = (0, None);
    for page in run.pages.list().map_err(said)? {
        let listed = match run.pages.listed(&page) {
            Err(PageError::Damaged { .. }) => continue,
            listed => listed.map_err(said)?,
        };
        for (id, _) in listed {
            let has_row = sealed.here.contains_key(&id) || sealed.elsewhere.contains_key(&id);
            if !has_row && index.erasure_of(id).await.map_err(said)?.is_none() {
                unknown += 1;
                first.get_or_insert(id);
            }
        }
    }
    first.map_or(Ok(()), |first| {
        Err(format!(
            "the folder apart has keys of {unknown} recordings that this data folder does not know, {first} the first of them: it is of another recorder, or of this one before an older state of it was restored. Nothing was changed; name two new folders"
        ))
    })
}

/// Takes what the backup lacks; whether something was erased, moved or redacted meanwhile.
async fn take(
    run: &Run<'_>,
    here: &BTreeMap<RecordingId, Digest>,
    brought: &mut Brought,
) -> Result<bool, Failure> {
    let there = run.bulk.list().map_err(said)?.files;
    let mut by_page: BTreeMap<PathBuf, Vec<(RecordingId, Digest)>> = BTreeMap::new();
    for (id, digest) in here {
        by_page.entry(KeyPages::page_of(*id)).or_default().push((*id, *digest));
    }
    let bar = bar(here.len() as u64, "recordings");
    let mut moved = false;
    for (page, wanted) in by_page {
        bar.inc(wanted.len() as u64);
        let (listed, is_damaged) = match run.pages.listed(&page) {
            Ok(listed) => (listed, false),
            // All that is on it is taken once more.
            Err(PageError::Damaged { .. }) => (Vec::new(), true),
            Err(error) => return Err(said(error)),
        };
        let listed: BTreeSet<_> = listed.into_iter().collect();
        let lacks = |(id, digest): &(RecordingId, Digest)| {
            !listed.contains(&(*id, *digest)) || !there.contains(&BulkName::of(*id, digest))
        };
        let mut add = Vec::new();
        for (id, digest) in wanted.into_iter().filter(lacks) {
            match take_one(run, id, digest).await? {
                Took::Keys(keys) => {
                    brought.new += 1;
                    brought.bytes += keys.file_bytes;
                    add.push(keys);
                }
                Took::Moved => moved = true,
                Took::Amiss(why) => brought.amiss.push(why),
            }
        }
        if !add.is_empty() || is_damaged {
            run.pages.write(&page, &|_, _| true, add).map_err(said)?;
        }
    }
    bar.finish_and_clear();
    Ok(moved)
}

enum Took {
    Keys(TakenKeys),
    /// The index says something else of it by now.
    Moved,
    Amiss(String),
}

async fn take_one(run: &Run<'_>, id: RecordingId, digest: Digest) -> Result<Took, Failure> {
    let why = match run.bulk.put(&run.volumes.archive(), id) {
        Ok(keys) if keys.digest == digest => return Ok(Took::Keys(keys)),
        Ok(_) => format!("recording {id}: its file is another than its row says; see sidetone check"),
        Err(ReadError::NotSealed { .. }) => {
            format!("recording {id} has a row, and its file is missing; see sidetone check")
        }
        Err(ReadError::Disk(error)) if !error.is_not_found() => return Err(said(error)),
        Err(error) => format!("recording {id} cannot be taken apart: {error}"),
    };
    // Perhaps it was erased or redacted a moment ago.
    let index = Index::open_to_read(&run.volumes.data().join("index.sqlite")).await.map_err(said)?;
    let row = index.recording(id).await.map_err(said)?;
    let is_erased = index.erasure_of(id).await.map_err(said)?.is_some();
    index.close().await;
    let is_other = row.is_some_and(|row| row.digest != digest.0 || row.care.place.is_some());
    Ok(if is_erased || is_other { Took::Moved } else { Took::Amiss(why) })
}
