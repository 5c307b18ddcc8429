//! A backup in two folders: `sidetone backup DIR --apart SMALL`.
//!
//! `DIR` is the bulk: sealed recordings with zeros in the place of their keys. `SMALL` has all that an erasure has to reach: the
//! keys of the recordings, and in `state` a backup of everything else. `design/decisions/0023-backups-in-two.md` says why,
//! `ref/backup-apart.md` what is in the files.
//!
//! Whenever a run is stopped, `SMALL` holds a whole state: the one before until the next is whole.

mod bring;
mod look;
mod pair;
mod rejoin;

use std::path::Path;
use std::sync::Arc;

use vault::disk::LockGuard;
use vault::sums::Folders;
use vault::{Bulk, BulkName, Disk as _, KeyPages, PageError, RealDisk, Rewritten};

use self::bring::{Brought, Run, bring};
pub(super) use self::look::look;
pub(super) use self::pair::is_of_two;
pub(super) use self::rejoin::rejoin;
use super::backup::{FORMAT, copy_journal, copy_keys, copy_live, said, sign_sums};
use super::files::{self, copy, make_folder, on, remove_folder, sync_folder, wipe};
use super::{Failure, runtime};
use crate::clock::Clock;
use crate::keep::Volumes;

/// The newest state, in the folder apart; the one that is being made; the one before.
const STATES: [&str; 3] = ["state", "state.new", "state.old"];

/// Makes the backup, or brings it up to date.
pub(super) fn back_up(
    volumes: &Volumes,
    (to, apart): (&Path, &Path),
    without_keys: bool,
) -> Result<(), Failure> {
    let data = volumes.data();
    let backup = pair::begin(to, apart)?;
    let _alone = alone(apart)?;
    let disk = || Arc::new(RealDisk::new());
    let run = Run {
        volumes,
        bulk: Bulk::new(disk(), to),
        pages: KeyPages::new(disk(), apart, backup),
        next: apart.join(STATES[1]),
        since_ms: Clock::start().now().as_ms(),
    };
    mend(apart)?;
    run.bulk.clean().map_err(said)?;
    run.pages.clean().map_err(said)?;
    make_folder(&run.next)?;
    copy_journal(volumes, &run.next)?;
    let live = copy_live(volumes, &run.next)?;
    let brought = match runtime()?.block_on(bring(&run)) {
        Ok(brought) => brought,
        Err(why) => {
            discard(&run.next)?;
            return Err(why);
        }
    };
    if !without_keys {
        copy_keys(&data.join("keys"), &run.next.join("keys"))?;
    }
    copy_public_halves(&data.join("keys"), &to.join("keys"))?;
    copy(&data.join(FORMAT), &run.next.join(FORMAT))?;
    sign_sums(data, Folders::one(&run.next))?;
    sync_folder(&run.next)?;
    switch(apart)?;
    // What must not be read any more goes last: until here the state of before has rows of it.
    let gone = forget(&run.pages, &brought)?;
    let removed = remove_from(&run.bulk, &brought)?;
    tell((to, apart), (&brought, live), (gone, removed), without_keys)
}

#[expect(clippy::print_stdout, reason = "what was copied is what the person wants to know")]
fn tell(
    (to, apart): (&Path, &Path),
    (brought, live): (&Brought, usize),
    (gone, removed): (Rewritten, usize),
    without_keys: bool,
) -> Result<(), Failure> {
    let (to, apart) = (to.display(), apart.display());
    let Brought { recordings, new, bytes, amiss, .. } = brought;
    println!(
        "{recordings} recordings are in {to} without their keys ({new} new, {bytes} bytes), and {live} on their way"
    );
    println!("{apart} has their keys, the index and the journal: keep the newest state of it, and no other");
    if gone.files > 0 {
        println!(
            "{} recordings were erased or redacted since: their keys ({}) were overwritten in {apart}, and old copies of {to} are noise to that extent",
            gone.files, gone.keys
        );
    }
    if removed > 0 {
        println!("{removed} files that nothing opens any more were removed from {to}");
    }
    if without_keys {
        println!("the recorder's own keys are in neither: keep a copy of them elsewhere");
    } else {
        println!("the recorder's own keys are in {apart}: whoever has both can listen");
    }
    for why in amiss {
        println!("{why}");
    }
    match amiss.len() {
        0 => Ok(()),
        1 => Err("one recording could not be copied; all others are".to_owned()),
        many => Err(format!("{many} recordings could not be copied; all others are")),
    }
}

/// Keeps a second run out, which would take what this one is at for left behind. A file system without locks goes without.
fn alone(apart: &Path) -> Result<Option<LockGuard>, Failure> {
    match RealDisk::new().lock(&apart.join("lock")) {
        Ok(held) => Ok(Some(held)),
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            Err(format!("another run of the backup {} goes on; wait for its end", apart.display()))
        }
        Err(_) => Ok(None),
    }
}

/// Brings to its end what a stop has cut short.
fn mend(apart: &Path) -> Result<(), Failure> {
    let [state, new, old] = STATES.map(|name| apart.join(name));
    discard(&new)?;
    if state.exists() {
        discard(&old)?;
    } else if old.exists() {
        std::fs::rename(&old, &state).map_err(on(&old))?;
    }
    sync_folder(apart)
}

/// Puts the new state in the place of the one before, which is overwritten.
fn switch(apart: &Path) -> Result<(), Failure> {
    let [state, new, old] = STATES.map(|name| apart.join(name));
    if state.exists() {
        std::fs::rename(&state, &old).map_err(on(&state))?;
        sync_folder(apart)?;
    }
    std::fs::rename(&new, &state).map_err(on(&new))?;
    sync_folder(apart)?;
    discard(&old)?;
    sync_folder(apart)
}

/// Overwrites every file in a folder, which may not be there, and removes it: there are keys in them, and names of people.
fn discard(folder: &Path) -> Result<(), Failure> {
    for file in files::below(folder, Path::new(""))? {
        wipe(&folder.join(file))?;
    }
    remove_folder(folder)
}

/// The public halves of the signing keys, so that the signatures in the bulk can be looked at.
fn copy_public_halves(from: &Path, to: &Path) -> Result<(), Failure> {
    make_folder(to)?;
    let is_public = |name: &String| name.starts_with("signing") && name.ends_with(".pub");
    for name in files::names(from)?.into_iter().filter(is_public) {
        copy(&from.join(&name), &to.join(&name))?;
    }
    sync_folder(to)
}

/// Overwrites the keys of what was erased or redacted since.
fn forget(pages: &KeyPages, brought: &Brought) -> Result<Rewritten, Failure> {
    let mut all = Rewritten::default();
    for page in pages.list().map_err(said)? {
        let is_as_it_should_be = match pages.listed(&page) {
            Ok(listed) => listed.iter().all(|(id, digest)| brought.keeps(*id, digest)),
            Err(PageError::Damaged { .. }) => false,
            Err(error) => return Err(said(error)),
        };
        if !is_as_it_should_be {
            let keep = |id, digest: &_| brought.keeps(id, digest);
            let gone = pages.write(&page, &keep, Vec::new()).map_err(said)?;
            all = Rewritten { files: all.files + gone.files, keys: all.keys + gone.keys };
        }
    }
    Ok(all)
}

/// Removes the files of what was erased or redacted since; how many.
fn remove_from(bulk: &Bulk, brought: &Brought) -> Result<usize, Failure> {
    let mut removed = 0;
    for name in bulk.list().map_err(said)?.files {
        let kept = brought.kept.get(&name.recording);
        if kept.is_none_or(|digest| BulkName::of(name.recording, digest) != name) {
            removed += usize::from(bulk.remove(name).map_err(said)?);
        }
    }
    Ok(removed)
}
