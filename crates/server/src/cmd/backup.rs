//! `sidetone backup DIR` and `sidetone restore DIR`: a data folder copied as it was at one instant, while it records, and
//! brought back.
//!
//! A backup is a data folder: `sidetone check --data DIR` looks at it. What it takes, in this order, is what a crash would leave:
//! the journal, recordings on their way out of it, the index, and the sealed files that rows name. So a row has its file, and
//! what was not sealed is in the journal's copy; the next start seals it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use calls::id::RecordingId;
use index::Index;
use vault::sums::Folders;
use vault::{Archive, RealDisk, Shelf};

use super::data::{Data, bar};
use super::files::{self, copy, make_folder, names, on, remove_folder, sync_folder, wipe};
use super::{Failure, runtime};
use crate::clock::Clock;
use crate::keep::Volumes;

/// How often the journal is copied anew because the recorder has removed a part of it meanwhile.
pub(super) const TRIES: usize = 20;

/// Says in a backup that it is not whole.
pub(super) const UNFINISHED: &str = "backup.unfinished";

/// The file that makes a folder a data folder.
pub(super) const FORMAT: &str = "format";

/// Arguments of `sidetone backup`.
#[derive(Debug, clap::Args)]
pub(super) struct Backup {
    /// The folder of the backup: a new one, or that of an earlier backup, which then gets what is new.
    to: PathBuf,
    /// Keep what an erasure has to reach in this folder: index, journal, and the keys of every recording. The other then holds
    /// recordings that nobody can hear without this one, and can be put away for good.
    #[arg(long, value_name = "SMALL")]
    apart: Option<PathBuf>,
    /// Leave the keys out, for copies that others hold: without keys nobody can listen, nor can a recorder start.
    #[arg(long)]
    without_keys: bool,
    #[command(flatten)]
    data: Data,
}

/// Arguments of `sidetone restore`.
#[derive(Debug, clap::Args)]
pub(super) struct Restore {
    /// The folder of the backup.
    from: PathBuf,
    /// The folder with the keys of a backup in two.
    #[arg(long, value_name = "SMALL")]
    apart: Option<PathBuf>,
    #[command(flatten)]
    data: Data,
}

impl Backup {
    #[expect(clippy::print_stdout, reason = "what was copied is what the person wants to know")]
    pub(super) fn run(self) -> Result<(), Failure> {
        let volumes = self.data.volumes()?;
        let (data, to) = (volumes.data(), &self.to);
        for folder in volumes.folders() {
            check_places(folder, data, to)?;
        }
        if let Some(apart) = &self.apart {
            for folder in volumes.folders() {
                check_places(folder, data, apart)?;
            }
            if files::is_inside(to, apart) || files::is_inside(apart, to) {
                let (to, apart) = (to.display(), apart.display());
                return Err(format!("one of {to} and {apart} is in the other; name two folders"));
            }
            files::expect_plain(to)?;
            files::expect_plain(apart)?;
            return super::apart::back_up(&volumes, (to, apart), self.without_keys);
        }
        check_is_ours(to)?;
        files::expect_plain(to)?;
        make_folder(to)?;
        files::write(&to.join(UNFINISHED), "this backup is not whole\n")?;
        vault::sums::remove(to).map_err(said)?;
        mend(to)?;
        let since_ms = Clock::start().now().as_ms();
        copy_journal(&volumes, to)?;
        let live = copy_live(&volumes, to)?;
        let copied = runtime()?.block_on(copy_recordings(&volumes, to, since_ms))?;
        if !self.without_keys {
            copy_keys(&data.join("keys"), &to.join("keys"))?;
        }
        copy(&data.join(FORMAT), &to.join(FORMAT))?;
        sign_sums(data, Folders::one(to))?;
        std::fs::remove_file(to.join(UNFINISHED)).map_err(on(to))?;
        sync_folder(to)?;
        let Copied { recordings, new, bytes } = copied;
        println!(
            "{recordings} recordings are in {} ({new} new, {bytes} bytes), and {live} on their way",
            to.display()
        );
        if self.without_keys {
            println!("the keys are not in it: keep a copy of {} elsewhere", data.join("keys").display());
        } else {
            println!("the keys are in it: whoever has it can listen");
        }
        Ok(())
    }
}

/// The keys as they are: what was destroyed goes from the backup too (F-INS-2).
pub(super) fn copy_keys(from: &Path, to: &Path) -> Result<(), Failure> {
    let _held = vault::keys::hold(from).map_err(said)?;
    make_folder(to)?;
    let there = files::below(from, Path::new(""))?;
    for gone in files::below(to, Path::new(""))?.iter().filter(|file| !there.contains(file)) {
        let path = to.join(gone);
        wipe(&path)?;
    }
    for file in there {
        let target = to.join(&file);
        let folder = target.parent().unwrap_or(to);
        make_folder(folder)?;
        copy(&from.join(&file), &target)?;
        sync_folder(folder)?;
    }
    sync_folder(to)
}

fn check_places(folder: &Path, data: &Path, to: &Path) -> Result<(), Failure> {
    if !data.join(FORMAT).exists() {
        return Err(format!("{} is no data folder; name the recorder's with --data", data.display()));
    }
    if files::is_inside(to, folder) || files::is_inside(folder, to) {
        return Err("a backup in its data folder would be of itself; name a folder elsewhere".to_owned());
    }
    Ok(())
}

fn check_is_ours(to: &Path) -> Result<(), Failure> {
    if let Some(why) = super::apart::is_of_two(to)? {
        return Err(why);
    }
    if !names(to)?.is_empty() && !to.join(FORMAT).exists() && !to.join(UNFINISHED).exists() {
        let to = to.display();
        return Err(format!("{to} holds something else; a new folder, or an earlier backup, is right"));
    }
    Ok(())
}

impl Restore {
    #[expect(clippy::print_stdout, reason = "what was copied is what the person wants to know")]
    pub(super) fn run(self) -> Result<(), Failure> {
        let (from, to) = (&self.from, self.data.folder()?);
        files::expect_plain(from)?;
        if let Some(apart) = &self.apart {
            files::expect_plain(apart)?;
            return super::apart::rejoin((from, apart), &to);
        }
        if let Some(why) = super::apart::is_of_two(from)? {
            return Err(why);
        }
        if from.join(UNFINISHED).exists() {
            return Err(format!("the backup {} is not whole; take another", from.display()));
        }
        if !from.join(FORMAT).exists() {
            return Err(format!("{} is no backup of a data folder", from.display()));
        }
        prepare(from, &to)?;
        let all = files::below(from, Path::new(""))?;
        let bar = bar(all.len() as u64, "files");
        // The last is what makes it a data folder.
        for file in all.iter().filter(|file| **file != Path::new(FORMAT)).chain([&PathBuf::from(FORMAT)]) {
            let target = to.join(file);
            make_folder(target.parent().unwrap_or(&to))?;
            copy(&from.join(file), &target)?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        println!("{} files are in {}; start the recorder on it", all.len(), to.display());
        if let Some(whose) = files::of_root(&to) {
            println!("{whose}");
        }
        Ok(())
    }
}

/// Makes the folders of a data folder that a backup is to be brought back into.
pub(super) fn prepare(from: &Path, to: &Path) -> Result<(), Failure> {
    if [from, to].iter().all(|folder| !folder.join("keys/state.key").exists()) {
        let keys = to.join("keys");
        return Err(format!("the backup was made without keys; put them into {} first", keys.display()));
    }
    if names(to)?.iter().any(|name| name != "keys") {
        let to = to.display();
        return Err(format!("{to} is not empty; move what is in it away, or name another folder"));
    }
    for folder in ["recordings", "live", "journal"] {
        make_folder(&to.join(folder))?;
    }
    Ok(())
}

/// Brings to its end what a stop has left of an earlier run: what was to be overwritten is.
fn mend(to: &Path) -> Result<(), Failure> {
    for file in files::below(to, Path::new("recordings"))? {
        let path = to.join(&file);
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("old") if !path.with_extension("rec").exists() => {
                std::fs::rename(&path, path.with_extension("rec")).map_err(on(&path))?;
            }
            Some("new" | "old" | "erased") => wipe(&path)?,
            _ => {}
        }
    }
    Ok(())
}

struct Copied {
    recordings: usize,
    new: usize,
    bytes: u64,
}

/// The journal. Segments are only ever appended to, or removed, the oldest first: if none went while they were copied, the
/// copy is what a crash would have left.
pub(super) fn copy_journal(volumes: &Volumes, to: &Path) -> Result<(), Failure> {
    let (new, old) = (to.join("journal.new"), to.join("journal"));
    for _ in 0..TRIES {
        remove_folder(&new)?;
        make_folder(&new)?;
        let before = names_in(volumes, "journal")?;
        let copied = before.iter().try_for_each(|(name, path)| copy(path, &new.join(name)));
        let after = names_in(volumes, "journal")?;
        if before.keys().all(|name| after.contains_key(name)) {
            copied?;
            sync_folder(&new)?;
            remove_folder(&old)?;
            return std::fs::rename(&new, &old).map_err(on(&old));
        }
    }
    Err("the recorder writes its journal faster than it can be copied; try again in a quieter hour"
        .to_owned())
}

/// Recordings that have left the journal and are not sealed. One that is sealed meanwhile is copied as such.
pub(super) fn copy_live(volumes: &Volumes, to: &Path) -> Result<usize, Failure> {
    let to = to.join("live");
    remove_folder(&to)?;
    make_folder(&to)?;
    let mut count = 0;
    for (name, source) in names_in(volumes, "live")? {
        match copy(&source, &to.join(&name)) {
            Ok(()) => count += 1,
            Err(_) if !source.exists() => {}
            Err(error) => return Err(error),
        }
    }
    sync_folder(&to)?;
    Ok(count)
}

/// The names in a folder of the data folder, on any volume, and where each is.
fn names_in(volumes: &Volumes, folder: &str) -> Result<BTreeMap<String, PathBuf>, Failure> {
    let mut places = BTreeMap::new();
    for root in volumes.folders() {
        let folder = root.join(folder);
        places.extend(names(&folder)?.into_iter().map(|name| (name.clone(), folder.join(name))));
    }
    Ok(places)
}

/// Signs what a copy looks like, where the recorder signs: a copy is not changed either.
pub(super) fn sign_sums(data: &Path, copy: Folders<'_>) -> Result<(), Failure> {
    let keys = data.join("keys");
    if !keys.join("signing.key").exists() {
        return Ok(());
    }
    let key = vault::keys::signing_key(&keys).map_err(said)?;
    vault::sums::write(copy, &key).map(drop).map_err(said)
}

pub(super) fn said(error: impl Display) -> Failure {
    error.to_string()
}

/// The index, and after it the files its rows name; files without a row only of recordings that the journal's copy may know.
async fn copy_recordings(volumes: &Volumes, to: &Path, since_ms: i64) -> Result<Copied, Failure> {
    let (mut wanted, index) = copy_index(volumes.data(), to).await?;
    let archive = volumes.archive();
    let target = Archive::new(Arc::new(RealDisk::new()), to);
    make_folder(&to.join("recordings"))?;
    for id in archive.list().map_err(said)?.sealed.into_iter().filter(|id| id.drawn_ms() <= since_ms) {
        // What is being erased is not copied once more.
        if !wanted.contains(&id) && index.erasure_of(id).await.map_err(said)?.is_none() {
            wanted.insert(id);
        }
    }
    erase_erased(&index, &target, to).await?;
    index.close().await;
    let bar = bar(wanted.len() as u64, "recordings");
    let mut all = Copied { recordings: wanted.len(), new: 0, bytes: 0 };
    for recording in wanted {
        bar.inc(1);
        let mut bytes = archive.bytes_of(recording).map_err(said)?;
        if bytes.is_none() && is_gone(volumes.data(), recording).await? {
            all.recordings -= 1;
            continue;
        }
        let bytes = bytes.take().ok_or_else(|| {
            format!("recording {recording} has a row, and its file is missing: see sidetone check")
        })?;
        // A sealed file never changes; it may be replaced.
        let is_same = target.bytes_of(recording).map_err(said)? == Some(bytes)
            && target.digest_of(recording).map_err(said)? == archive.digest_of(recording).map_err(said)?;
        if is_same {
            continue;
        }
        let file = archive.path_of(recording);
        let path = to.join(&file);
        let folder = path.parent().unwrap_or(to);
        make_folder(folder)?;
        let draft = path.with_extension("new");
        copy(&volumes.place_of(&file), &draft)?;
        // What some of was erased since is to be gone here too.
        let before = path.with_extension("old");
        if path.exists() {
            std::fs::rename(&path, &before).map_err(on(&path))?;
        }
        std::fs::rename(&draft, &path).map_err(on(&path))?;
        sync_folder(folder)?;
        if before.exists() {
            wipe(&before)?;
        }
        all.new += 1;
        all.bytes += bytes;
    }
    bar.finish_and_clear();
    Ok(all)
}

/// What was erased since the last backup is erased from it too, its keys first (C5-01).
async fn erase_erased(index: &Index, target: &Archive, to: &Path) -> Result<(), Failure> {
    let shelf = Shelf::new(Arc::new(RealDisk::new()), to);
    for id in target.list_sealed().map_err(said)? {
        if index.erasure_of(id).await.map_err(said)?.is_some() {
            shelf.erase(id).map_err(said)?;
        }
    }
    Ok(())
}

/// Whether a recording was erased, or moved to an archive, since the index was copied.
async fn is_gone(data: &Path, recording: RecordingId) -> Result<bool, Failure> {
    let index = Index::open_to_read(&data.join("index.sqlite")).await.map_err(said)?;
    let row = index.recording(recording).await.map_err(said)?;
    let is_gone = match row {
        Some(row) => row.care.place.is_some(),
        None => index.erasure_of(recording).await.map_err(said)?.is_some(),
    };
    index.close().await;
    Ok(is_gone)
}

/// The index as it is at one instant, and the recordings it has rows of whose files are in the data folder.
async fn copy_index(data: &Path, to: &Path) -> Result<(BTreeSet<RecordingId>, Index), Failure> {
    let index = Index::open_to_read(&data.join("index.sqlite")).await.map_err(said)?;
    let (new, copy) = (to.join("index.sqlite.new"), to.join("index.sqlite"));
    if new.exists() {
        std::fs::remove_file(&new).map_err(on(&new))?;
    }
    index.copy_to(&new).await.map_err(said)?;
    files::give(&new)?;
    std::fs::rename(&new, &copy).map_err(on(&copy))?;
    sync_folder(to)?;
    let copied = Index::open_to_read(&copy).await.map_err(said)?;
    let files = copied.files().await.map_err(said)?;
    let here = files.into_iter().filter(|entry| entry.place.is_none());
    Ok((here.map(|entry| entry.recording).collect(), copied))
}
