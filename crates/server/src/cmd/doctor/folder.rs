//! The data folder: is it there, can it be written, does it last, are the keys safe.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use vault::{Disk, RealDisk};

use super::report::Report;
use super::server::Running;
use crate::config::Config;
use crate::keys::{self, Asks, Away};

pub(super) fn look(report: &mut Report, config: &Config, running: Option<&Running>) {
    let data = &config.data;
    if !data.is_dir() {
        return missing(report, data, running.is_some());
    }
    writable(report, data);
    match &config.spill {
        Some(spill) if !spill.is_dir() && running.is_none() => missing(report, spill, false),
        Some(spill) => second(report, data, spill),
        None => {}
    }
    space(report, config, running);
    keys(report, config);
}

/// The folder on another volume.
fn second(report: &mut Report, data: &Path, spill: &Path) {
    writable(report, spill);
    let device = |folder: &Path| folder.metadata().ok().map(|known| known.dev());
    if device(data).is_some() && device(data) == device(spill) {
        let said =
            format!("{} lies on the volume of the data folder, and refuses when that does", spill.display());
        report.warn("data", said, "name a folder on another volume as spill");
    }
}

fn missing(report: &mut Report, data: &Path, running: bool) {
    let shown = data.display();
    if running {
        return report.warn(
            "data",
            format!("there is no folder {shown} here, and the recorder runs: it uses another one"),
            "run doctor with the settings of the recorder (--config or --data), on its machine",
        );
    }
    let parent = data.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match probe(parent) {
        Ok(()) => report.ok("data", format!("{shown} is not there yet; the first start makes it")),
        Err(error) => report.fail(
            "data",
            format!("{shown} is not there, and cannot be made in {}: {error}", parent.display()),
            "make the folder and give it to the user the recorder runs as",
        ),
    }
}

fn writable(report: &mut Report, data: &Path) {
    let shown = data.display();
    match probe(data) {
        Ok(()) => report.ok("data", format!("{shown} can be written")),
        Err(error) => {
            let todo = match error.kind() {
                std::io::ErrorKind::ReadOnlyFilesystem => {
                    "the volume is mounted read-only: look into the system's log for disk errors, then remount it"
                }
                std::io::ErrorKind::StorageFull => "free some room, or give it a bigger volume",
                std::io::ErrorKind::PermissionDenied => {
                    "give the folder to the user the recorder runs as, or run doctor as that user"
                }
                _ => "look into the system's log for disk errors",
            };
            report.fail("data", format!("{shown} cannot be written: {error}"), todo);
        }
    }
}

/// Writes, syncs and removes a file: what the journal does.
fn probe(folder: &Path) -> std::io::Result<()> {
    let path = folder.join(format!("doctor-{}.probe", std::process::id()));
    let written = fs::File::create(&path).and_then(|mut file| {
        file.write_all(&[0; 4_096])?;
        file.sync_all()
    });
    let removed = fs::remove_file(&path);
    written.and(removed)
}

fn space(report: &mut Report, config: &Config, running: Option<&Running>) {
    let data = &config.data;
    let space = match RealDisk::new().space(data) {
        Ok(space) => space,
        Err(error) => {
            return report.fail(
                "disk",
                format!("does not say how much room it has: {error}"),
                "look at the volume",
            );
        }
    };
    let mib = |bytes: u64| bytes >> 20;
    let rate = running.and_then(|running| running.metric("sidetone_disk_fill_bytes_per_second")).unwrap_or(0);
    let hours = space.free_bytes.checked_div(rate).map(|seconds| seconds / 3_600);
    let left = hours.map_or(String::new(), |hours| format!(", {hours} hours at the present rate"));
    let said = format!("{} of {} MiB are free{left}", mib(space.free_bytes), mib(space.total_bytes));
    let reserve = config.limits.disk_reserve_bytes;
    if space.free_bytes < reserve {
        let needed = mib(reserve);
        let todo = "free some, give it a bigger volume, or lower limits.disk_reserve_mib";
        report.fail("disk", format!("{said}; new calls need {needed} MiB and are refused with 503"), todo);
    } else if hours.is_some_and(|hours| hours < 24) {
        report.warn("disk", said, "free some, or give it a bigger volume, before new calls are refused");
    } else {
        report.ok("disk", said);
    }
    match file_system(data) {
        Some(kind) if matches!(kind.as_str(), "tmpfs" | "ramfs") => report.warn(
            "disk",
            format!("the folder lies on {kind}: what is recorded is gone when the machine stops"),
            "put the data folder on a disk",
        ),
        Some(kind) if kind.starts_with("nfs") || kind.starts_with("cifs") || kind.starts_with("fuse") => {
            report.warn(
                "disk",
                format!("the folder lies on {kind}: whether a sync lasts there depends on the other side"),
                "put the data folder on a local disk",
            )
        }
        Some(kind) => report.ok("disk", format!("the file system is {kind}")),
        None => {}
    }
}

/// The type of the file system a folder lies on.
fn file_system(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let lines = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (_, place, kind) = (words.next()?, words.next()?, words.next()?);
        Some((PathBuf::from(place.replace("\\040", " ")), kind.to_owned()))
    });
    let holds = lines.filter(|(place, _)| folder.starts_with(place));
    // Of two mounts on one place the later counts.
    holds.max_by_key(|(place, _)| place.as_os_str().len()).map(|(_, kind)| kind)
}

fn keys(report: &mut Report, config: &Config) {
    let folder = config.data.join("keys");
    if !folder.exists() {
        return report.ok("keys", "there are none yet; the first start makes them");
    }
    match vault::keys::inspect(&folder, config.keys.state_key.as_deref()) {
        Ok(()) => report.ok("keys", format!("{} can be read by their owner only", folder.display())),
        Err(error) => {
            let mode = folder.metadata().map(|known| known.permissions().mode() & 0o777).unwrap_or_default();
            let todo = format!(
                "the recorder does not start so, or recordings cannot be heard; give {} (mode {mode:o}) and its files to \
                 the recorder's user, with modes 700 and 600",
                folder.display()
            );
            return report.fail("keys", error.to_string(), todo);
        }
    }
    reading(report, config, &folder);
}

/// Whether what is recorded can be heard here.
fn reading(report: &mut Report, config: &Config, folder: &Path) {
    let back = "calls are recorded, and nobody can listen here; bring the file or the token back, or give the right \
                passphrase or PIN (keys.unlock_file), and reload; or say \
                keys.reading_key = \"none\" if it is meant so";
    match keys::open_reading(&config.keys, folder, Asks::Nobody) {
        Ok((_, None)) => {
            let kept = vault::keys::list(folder).ok().and_then(|keys| keys.into_iter().next()?.form);
            let kept = kept.map_or_else(|| "outside the key folder".to_owned(), |form| form.words());
            report.ok(
                "keys",
                format!("what is recorded can be heard here: the reading key's private half is kept {kept}"),
            );
        }
        Ok((_, Some(away @ Away::Wanted))) => report.ok("keys", away.words()),
        Ok((_, Some(away))) => report.warn("keys", away.words(), back),
        Err(error) => report.fail("keys", error.to_string(), back),
    }
}
