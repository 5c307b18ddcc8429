//! The two folders of a backup, and how they know each other.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use vault::BackupId;

use crate::cmd::Failure;
use crate::cmd::backup::{FORMAT, UNFINISHED};
use crate::cmd::files::{self, make_folder, names, on, sync_folder};

/// Says in a folder that it is a bulk, and of which backup.
const BULK: (&str, &str) = ("backup.bulk", "sidetone backup bulk 1");

/// Says in a folder that it is one apart, and of which backup.
const APART: (&str, &str) = ("backup.apart", "sidetone backup apart 1");

/// What a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Nothing is in it, or it is not there.
    Nothing,
    /// A backup in one, or a data folder.
    Whole,
    /// The bulk of a backup in two.
    Bulk(BackupId),
    /// The folder apart of one.
    Apart(BackupId),
    /// Something else.
    Else,
}

impl Part {
    pub(super) fn of(folder: &Path) -> Result<Self, Failure> {
        for (name, first) in [BULK, APART] {
            let path = folder.join(name);
            if path.exists() {
                let text = fs::read_to_string(&path).map_err(on(&path))?;
                let id = text.strip_prefix(first).and_then(|text| text.strip_prefix("\nbackup "));
                let id = id.and_then(|id| id.trim_end().parse().ok());
                let id = id.ok_or_else(|| {
                    format!("{} is damaged, or of a later version of this program", path.display())
                })?;
                return Ok(if name == BULK.0 { Self::Bulk(id) } else { Self::Apart(id) });
            }
        }
        if folder.join(FORMAT).exists() || folder.join(UNFINISHED).exists() {
            return Ok(Self::Whole);
        }
        // What a stop has left of a first run.
        let is_draft = |name: &String| [BULK, APART].iter().any(|(of, _)| *name == format!("{of}.new"));
        Ok(if names(folder)?.iter().all(is_draft) { Self::Nothing } else { Self::Else })
    }
}

/// A sentence for who names one folder of a backup in two where a whole one is wanted; none if it is none of them.
pub(in crate::cmd) fn is_of_two(folder: &Path) -> Result<Option<String>, Failure> {
    let folder_said = folder.display();
    Ok(match Part::of(folder)? {
        Part::Bulk(_) => Some(format!(
            "{folder_said} is the bulk of a backup in two, which sidetone restore brings back with the folder of its keys; name that with --apart"
        )),
        Part::Apart(_) => Some(format!(
            "{folder_said} has the keys of a backup in two, which sidetone restore brings back; name its bulk, and this folder with --apart"
        )),
        _ => None,
    })
}

/// The id of the backup in two folders, which are told so if they are new.
pub(super) fn begin(to: &Path, apart: &Path) -> Result<BackupId, Failure> {
    let (bulk, small) = (Part::of(to)?, Part::of(apart)?);
    let (to_said, apart_said) = (to.display(), apart.display());
    let id = match (bulk, small) {
        (Part::Bulk(bulk), Part::Apart(small)) if bulk != small => return Err(mixed(to, apart)),
        (Part::Bulk(id), Part::Apart(_) | Part::Nothing) | (Part::Nothing, Part::Apart(id)) => id,
        (Part::Nothing, Part::Nothing) => BackupId::draw(),
        (Part::Apart(_), _) | (_, Part::Bulk(_)) => return Err(exchanged(to, apart)),
        (Part::Whole, _) => {
            return Err(format!(
                "{to_said} holds a backup with the keys in its recordings; a new folder, or the bulk of an earlier run, is right"
            ));
        }
        (_, Part::Whole) => {
            return Err(format!(
                "{apart_said} holds a whole backup; a new folder, or the one of an earlier run, is right"
            ));
        }
        (Part::Else, _) => {
            return Err(format!(
                "{to_said} holds something else; a new folder, or an earlier bulk, is right"
            ));
        }
        (_, Part::Else) => {
            return Err(format!(
                "{apart_said} holds something else; a new folder, or the one of an earlier run, is right"
            ));
        }
    };
    mark(apart, APART, id)?;
    mark(to, BULK, id)?;
    Ok(id)
}

/// The id of the backup in two folders that are to be put together.
pub(super) fn known(from: &Path, apart: &Path) -> Result<BackupId, Failure> {
    let (from_said, apart_said) = (from.display(), apart.display());
    match (Part::of(from)?, Part::of(apart)?) {
        (Part::Bulk(bulk), Part::Apart(small)) if bulk == small => Ok(bulk),
        (Part::Bulk(_), Part::Apart(_)) => Err(mixed(from, apart)),
        (Part::Apart(_), _) | (_, Part::Bulk(_)) => Err(exchanged(from, apart)),
        (Part::Whole, _) => Err(format!("{from_said} is a backup in one; restore it without --apart")),
        (Part::Nothing | Part::Else, _) => Err(format!("{from_said} is no bulk of a backup in two")),
        (Part::Bulk(_), _) => Err(format!("{apart_said} does not have the keys of a backup in two")),
    }
}

fn mixed(bulk: &Path, apart: &Path) -> Failure {
    format!(
        "{} and {} are of two different backups; take the folder apart that was written together with this bulk",
        bulk.display(),
        apart.display()
    )
}

fn exchanged(bulk: &Path, apart: &Path) -> Failure {
    format!(
        "the bulk comes first, and the folder with its keys after --apart; {} and {} are the other way round, or the same of two",
        bulk.display(),
        apart.display()
    )
}

fn mark(folder: &Path, (name, first): (&str, &str), id: BackupId) -> Result<(), Failure> {
    make_folder(folder)?;
    let path = folder.join(name);
    if path.exists() {
        return Ok(());
    }
    let mut text = first.to_owned();
    let _ = writeln!(text, "\nbackup {id}");
    let draft = folder.join(format!("{name}.new"));
    files::write(&draft, &text)?;
    fs::rename(&draft, &path).map_err(on(&draft))?;
    sync_folder(folder)
}
