//! `sidetone verify`: whether recordings are what was sealed, with public keys only and no recorder (C8-04).

mod layout;
mod package;

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use calls::id::RecordingId;
use calls::time::Wall;
use serde_json::{Value, json};
use vault::disk::DiskFile;
use vault::{Verified, VerifyingKey};

use super::files::{below, on};
use super::{Failure, plain, times};
use crate::control::time::rfc3339;
use crate::export::LIST;

/// Arguments of `sidetone verify`.
#[derive(Debug, clap::Args)]
pub(super) struct Verify {
    /// What to look at: sealed files (.rec), packages (.zip), and folders with any of them, such as a data folder, a backup or an
    /// archive.
    #[arg(required = true, value_name = "EXPORT")]
    exports: Vec<PathBuf>,
    /// A file with the public half of the install's signing key (signing.pub), which came to you by a safe way, not with the
    /// recordings. Several for an install that has changed its key.
    #[arg(long, required = true, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Only this recording.
    #[arg(long, value_name = "ID")]
    recording: Option<RecordingId>,
    /// Of folders: only recordings begun at or after this time (RFC 3339, such as 2026-03-02T09:00:00Z).
    #[arg(long, value_name = "TIME", value_parser = times::instant)]
    from: Option<Wall>,
    /// Of folders: only recordings begun before this time.
    #[arg(long, value_name = "TIME", value_parser = times::instant)]
    to: Option<Wall>,
    /// Take recordings that were sealed before there were signatures for good if they are whole.
    #[arg(long)]
    allow_unsigned: bool,
    /// Print what was found as JSON.
    #[arg(long)]
    json: bool,
}

/// What was found of one thing.
struct Finding {
    path: PathBuf,
    found: Result<Good, Failure>,
}

/// What is as it was.
enum Good {
    /// A sealed recording.
    Recording(Box<Verified>),
    /// Everything else of a package.
    Package { files: usize, made: String, key: String },
}

impl Verify {
    pub(super) fn run(self) -> Result<(), Failure> {
        let keys = self.key.iter().map(|path| vault::keys::verifying_key(path));
        let keys = keys.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
        let mut findings = Vec::new();
        for export in &self.exports {
            let one = Terms { verify: &self, keys: &keys };
            let found = one.look_at(export)?;
            if found.is_empty() {
                return Err(format!("{} holds nothing of what was asked for", export.display()));
            }
            self.print(&found);
            findings.extend(found);
        }
        if self.json {
            print_json(&findings);
        }
        match findings.iter().filter(|finding| finding.found.is_err()).count() {
            0 => Ok(()),
            1 => Err(format!("1 of {} is not as it was sealed", findings.len())),
            bad => Err(format!("{bad} of {} are not as they were sealed", findings.len())),
        }
    }

    #[expect(clippy::print_stdout, reason = "the findings are what was asked for")]
    fn print(&self, findings: &[Finding]) {
        for Finding { path, found } in findings.iter().filter(|_| !self.json) {
            println!("{}", told(path, found));
        }
    }
}

/// A finding in one line: whoever made the file has chosen its names.
fn told(path: &Path, found: &Result<Good, Failure>) -> String {
    let path = path.display().to_string();
    let told = match found {
        Ok(good) => format!("good: {path}: {}", good.told()),
        Err(why) => {
            // What is wrong with a file is most often said with its path before it.
            let why = why.strip_prefix(&format!("{path}: ")).unwrap_or(why);
            format!("BAD:  {path}: {why}")
        }
    };
    plain::line(&told).into_owned()
}

#[expect(clippy::print_stdout, reason = "the findings are what was asked for")]
fn print_json(findings: &[Finding]) {
    let item = |Finding { path, found }: &Finding| {
        let mut item = json!({"file": path.to_string_lossy(), "good": found.is_ok()});
        match found {
            Ok(Good::Recording(verified)) => {
                item["recording"] = verified.recording.to_string().into();
                item["digest"] = verified.digest.to_string().into();
                let key = verified.seals.first().map(|seal| seal.signature().key.to_string());
                item["key"] = key.into();
            }
            Ok(Good::Package { key, .. }) => item["key"] = key.as_str().into(),
            Err(why) => item["why"] = why.as_str().into(),
        }
        item
    };
    println!("{}", Value::from(findings.iter().map(item).collect::<Vec<_>>()));
}

impl Good {
    fn told(&self) -> String {
        match self {
            Self::Package { files, made, key } => {
                format!("the package's list and its {files} files, made {made}, signed by key {key}")
            }
            Self::Recording(verified) => {
                let Verified { recording, missing_frames, seals, .. } = &**verified;
                let Some(seal) = seals.first() else {
                    return format!(
                        "recording {recording} is whole; it was sealed before there were signatures"
                    );
                };
                let said = seal.statement();
                let mut told = format!(
                    "recording {recording}, {} blocks from {} to {}, sealed by {}, signed by key {}",
                    said.blocks,
                    rfc3339(said.first),
                    rfc3339(said.last),
                    said.program,
                    seal.signature().key,
                );
                if seals.len() > 1 {
                    told.push_str(&format!(
                        "; {} times sealed again after some of it was erased",
                        seals.len() - 1
                    ));
                }
                if *missing_frames > 0 {
                    told.push_str(&format!("; {missing_frames} blocks were missing already then"));
                }
                told
            }
        }
    }
}

/// What is looked for, and the keys.
struct Terms<'t> {
    verify: &'t Verify,
    keys: &'t [VerifyingKey],
}

impl Terms<'_> {
    fn look_at(&self, export: &Path) -> Result<Vec<Finding>, Failure> {
        let known = std::fs::metadata(export).map_err(on(export))?;
        if known.is_dir() {
            return self.folder(export);
        }
        if export.extension().is_some_and(|ending| ending == "zip") {
            return package::of_zip(export, self);
        }
        let file = File::open(export).map_err(on(export))?;
        Ok(vec![self.sealed_file(Box::new(Slice::whole(file).map_err(on(export))?), export)])
    }

    fn folder(&self, folder: &Path) -> Result<Vec<Finding>, Failure> {
        if folder.join(LIST).exists() {
            return package::of_folder(folder, self);
        }
        let mut files = below(folder, Path::new(""))?;
        files.sort();
        let is_list = |file: &&PathBuf| file.file_name().is_some_and(|name| name == LIST);
        let packages: BTreeSet<PathBuf> =
            files.iter().filter(is_list).filter_map(|list| Some(list.parent()?.to_owned())).collect();
        let mut findings = Vec::new();
        for package in &packages {
            findings.extend(package::of_folder(&folder.join(package), self)?);
        }
        files.retain(|file| !file.ancestors().any(|folder| packages.contains(folder)));
        findings.extend(package::strays(&files, folder));
        for file in files {
            let path = folder.join(&file);
            match file.extension().and_then(|ending| ending.to_str()) {
                Some("rec") if self.wants(&file) => findings.extend(self.look_at(&path)?),
                Some("zip") => findings.extend(self.look_at(&path)?),
                _ => {}
            }
        }
        Ok(findings)
    }

    /// Whether a sealed file is asked for, by its name.
    fn wants(&self, file: &Path) -> bool {
        let id =
            file.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<RecordingId>().ok());
        let Verify { recording, from, to, .. } = self.verify;
        let Some(id) = id else { return recording.is_none() && from.is_none() && to.is_none() };
        let begun = Wall::from_ms(id.drawn_ms());
        recording.is_none_or(|recording| recording == id)
            && from.is_none_or(|from| begun >= from)
            && to.is_none_or(|to| begun < to)
    }

    fn sealed_file(&self, file: Box<dyn DiskFile>, path: &Path) -> Finding {
        Finding { path: path.to_owned(), found: self.verify_sealed(file, path) }
    }

    fn verify_sealed(&self, file: Box<dyn DiskFile>, path: &Path) -> Result<Good, Failure> {
        let verified = vault::verify_file(file, path).map_err(|error| error.to_string())?;
        if verified.seals.is_empty() && !self.verify.allow_unsigned {
            let recording = verified.recording;
            return Err(format!(
                "recording {recording} is whole, and was sealed before there were signatures: its digest is {}; compare \
                 that with what was written down elsewhere, and say --allow-unsigned",
                verified.digest
            ));
        }
        for seal in &verified.seals {
            seal.verify(self.keys).map_err(|error| error.to_string())?;
        }
        if let Some(named) = named(path).filter(|named| *named != verified.recording) {
            let recording = verified.recording;
            return Err(format!(
                "it holds the recording {recording}, and is named as {named}: they were exchanged"
            ));
        }
        Ok(Good::Recording(Box::new(verified)))
    }
}

/// The recording that a sealed file is named as: by itself, or in a package by its folder.
fn named(path: &Path) -> Option<RecordingId> {
    let of_itself = path.file_stem()?.to_str()?.parse().ok();
    let of_folder = || path.parent()?.file_name()?.to_str()?.parse().ok();
    of_itself.or_else(of_folder)
}

/// Some bytes of a file, as a file that can only be read.
struct Slice {
    file: File,
    from: u64,
    bytes: u64,
}

impl Slice {
    fn whole(file: File) -> io::Result<Self> {
        let bytes = file.metadata()?.len();
        Ok(Self { file, from: 0, bytes })
    }
}

impl DiskFile for Slice {
    fn append(&mut self, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = usize::try_from(self.bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        let most = into.len().min(left);
        self.file.read_at(&mut into[..most], self.from + offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_zip_forges_no_finding() {
        let forged = Path::new("e.zip/x\ngood: e.zip: all of it\u{1b}[1A\u{1b}[2K.rec");
        let told = told(forged, &Err("it is named x\ngood".to_owned()));
        assert_eq!(
            told,
            "BAD:  e.zip/x\\ngood: e.zip: all of it\\u{1b}[1A\\u{1b}[2K.rec: it is named x\\ngood"
        );
    }
}
