//! Packages: the list and its signature, every file against the list, and what the files say of each other.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use vault::{Digest, Seal};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::super::Failure;
use super::super::files::{below, on};
use super::{Finding, Good, Slice, Terms, layout};
use crate::export::{LIST, Listed, Listing};

/// The longest file of a package that is read at once: lists and manifests.
const MAX_TEXT_BYTES: u64 = 64 << 20;

/// The sealed file of a recording in a package.
const SEALED: &str = "recording.rec";

/// Where the files of a package are.
trait Files {
    fn names(&self) -> Vec<String>;
    fn open(&mut self, name: &str) -> Result<Box<dyn Read + '_>, Failure>;
    /// As a file that is read here and there.
    fn slice(&mut self, name: &str) -> Result<Slice, Failure>;
}

pub(super) fn of_folder(folder: &Path, terms: &Terms<'_>) -> Result<Vec<Finding>, Failure> {
    let names = below(folder, Path::new(""))?;
    let names = names.into_iter().filter_map(|name| Some(name.to_str()?.to_owned())).collect();
    Ok(verify(&mut Folder { path: folder, names }, folder, terms))
}

pub(super) fn of_zip(path: &Path, terms: &Terms<'_>) -> Result<Vec<Finding>, Failure> {
    let file = File::open(path).map_err(on(path))?;
    let zip = ZipArchive::new(io::BufReader::new(file));
    let zip = zip.map_err(|error| format!("{} is no zip that can be read: {error}", path.display()))?;
    let plain = File::open(path).map_err(on(path))?;
    if let Err(why) = layout::check(&plain) {
        let why =
            format!("{why}; some programs would take out what others do not see. Have it exported again");
        return Ok(vec![Finding { path: path.to_owned(), found: Err(why) }]);
    }
    let mut files = Zip { path, zip };
    if files.names().iter().any(|name| name == LIST) {
        return Ok(verify(&mut files, path, terms));
    }
    // Sealed files that somebody has put into a zip.
    let names: Vec<PathBuf> = files.names().into_iter().map(PathBuf::from).collect();
    let mut findings = strays(&names, path);
    for name in files.names().iter().filter(|name| name.ends_with(".rec") && terms.wants_in_package(name)) {
        findings.push(terms.of_slice(files.slice(name), &path.join(name)));
    }
    Ok(findings)
}

/// What stands beside the sealed file of a package whose list is not there: nobody vouches for it.
pub(super) fn strays(names: &[PathBuf], within: &Path) -> Vec<Finding> {
    let is_sealed = |name: &&PathBuf| name.file_name().is_some_and(|name| name == SEALED);
    let folders: HashSet<&Path> = names.iter().filter(is_sealed).filter_map(|name| name.parent()).collect();
    let is_stray = |name: &&PathBuf| {
        name.file_name().is_some_and(|name| name != SEALED)
            && name.parent().is_some_and(|it| folders.contains(it))
    };
    let finding = |name: &PathBuf| {
        let why =
            format!("{LIST} is missing, the list that vouches for it: verify the package as it was exported");
        Finding { path: within.join(name), found: Err(why) }
    };
    names.iter().filter(is_stray).map(finding).collect()
}

/// Verifies a package: what is wrong with the list comes alone, for then nothing else counts.
fn verify(files: &mut dyn Files, path: &Path, terms: &Terms<'_>) -> Vec<Finding> {
    let listing = match read_list(files, terms) {
        Ok(listing) => listing,
        Err(why) => return vec![Finding { path: path.join(LIST), found: Err(why) }],
    };
    let (listing, key) = listing;
    let mut findings = Vec::new();
    for listed in &listing.files {
        if let Err(why) = compare(files, listed) {
            findings.push(Finding { path: path.join(&listed.name), found: Err(why) });
        }
    }
    let listed: HashSet<&str> = listing.files.iter().map(|listed| listed.name.as_str()).collect();
    for name in files.names().iter().filter(|name| *name != LIST && !listed.contains(name.as_str())) {
        let why = "it is not on the list: somebody has put it there".to_owned();
        findings.push(Finding { path: path.join(name), found: Err(why) });
    }
    let sealed = listing.files.iter().filter(|listed| listed.name.ends_with(".rec"));
    for Listed { name, .. } in sealed.filter(|listed| terms.wants_in_package(&listed.name)) {
        let mut finding = terms.of_slice(files.slice(name), &path.join(name));
        if let Ok(Good::Recording(verified)) = &finding.found
            && let Err(why) = papers(files, name, &verified.seals)
        {
            finding.found = Err(why);
        }
        findings.push(finding);
    }
    if findings.iter().all(|finding| finding.found.is_ok()) {
        let found = Ok(Good::Package { files: listing.files.len(), made: listing.made, key });
        findings.insert(0, Finding { path: path.to_owned(), found });
    }
    findings
}

fn read_list(files: &mut dyn Files, terms: &Terms<'_>) -> Result<(Listing, String), Failure> {
    let text = String::from_utf8(read(files, LIST)?).map_err(|error| error.to_string())?;
    let (listing, signed) = Listing::read(&text).ok_or("it is no list of a package of this version")?;
    signed.verify(terms.keys).map_err(|error| error.to_string())?;
    Ok((listing, signed.signature.key.to_string()))
}

/// Whether a file is the one on the list.
fn compare(files: &mut dyn Files, listed: &Listed) -> Result<(), Failure> {
    let mut file = files.open(&listed.name)?;
    let (mut hasher, mut bytes, mut piece) = (Sha256::new(), 0u64, vec![0; 64 << 10]);
    loop {
        match file.read(&mut piece).map_err(|error| error.to_string())? {
            0 => break,
            count => {
                hasher.update(&piece[..count]);
                bytes += count as u64;
            }
        }
    }
    if bytes != listed.bytes {
        return Err(format!("it has {bytes} bytes, and {} on the list", listed.bytes));
    }
    if Digest(hasher.finalize().into()) != listed.digest {
        return Err("it is not the file on the list: its SHA-256 is another".to_owned());
    }
    Ok(())
}

/// Whether the papers beside a sealed file are its own: the seals, and the manifest, of which the seal has the hash.
fn papers(files: &mut dyn Files, name: &str, seals: &[Seal]) -> Result<(), Failure> {
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let beside = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
    let Some(seal) = seals.first() else { return Ok(()) };
    let texts: Vec<&str> = seals.iter().map(Seal::text).collect();
    if read(files, &beside("seals.txt"))? != texts.join("\n").as_bytes() {
        return Err("seals.txt beside it has other seals".to_owned());
    }
    let salt = read(files, &beside("manifest.salt"))?;
    let mut hasher =
        Sha256::new_with_prefix(from_hex(salt.trim_ascii_end()).ok_or("manifest.salt is no salt")?);
    hasher.update(read(files, &beside("manifest.json"))?);
    if Digest(hasher.finalize().into()) != seal.statement().manifest {
        return Err("manifest.json beside it is not the manifest that was sealed".to_owned());
    }
    Ok(())
}

fn from_hex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let (pairs, rest) = digits.as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    if rest.is_empty() { bytes } else { None }
}

fn read(files: &mut dyn Files, name: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = files.open(name)?.take(MAX_TEXT_BYTES).read_to_end(&mut bytes);
    read.map_err(|error| format!("{name}: {error}"))?;
    Ok(bytes)
}

impl Terms<'_> {
    fn of_slice(&self, slice: Result<Slice, Failure>, path: &Path) -> Finding {
        match slice {
            Ok(slice) => self.sealed_file(Box::new(slice), path),
            Err(why) => Finding { path: path.to_owned(), found: Err(why) },
        }
    }

    /// Packages have a folder for each recording, named by its id.
    fn wants_in_package(&self, name: &str) -> bool {
        name.split('/').next().is_none_or(|folder| self.wants(Path::new(folder)))
    }
}

struct Folder<'f> {
    path: &'f Path,
    names: BTreeSet<String>,
}

impl Files for Folder<'_> {
    fn names(&self) -> Vec<String> {
        self.names.iter().cloned().collect()
    }

    fn open(&mut self, name: &str) -> Result<Box<dyn Read + '_>, Failure> {
        // A list may name anything; only what lies in the folder is opened.
        if !self.names.contains(name) {
            return Err("it is on the list, and missing".to_owned());
        }
        let file = File::open(self.path.join(name)).map_err(|error| error.to_string())?;
        Ok(Box::new(io::BufReader::new(file)))
    }

    fn slice(&mut self, name: &str) -> Result<Slice, Failure> {
        self.open(name)?;
        let file = File::open(self.path.join(name));
        file.and_then(Slice::whole).map_err(|error| error.to_string())
    }
}

struct Zip<'z> {
    path: &'z Path,
    zip: ZipArchive<io::BufReader<File>>,
}

impl Files for Zip<'_> {
    fn names(&self) -> Vec<String> {
        // A name that cannot be read is on no list, and told as that.
        let name = |name: Result<Cow<'_, str>, ZipError>| {
            name.map_or_else(|error| format!("a name that cannot be read ({error})"), Cow::into_owned)
        };
        self.zip.file_names().map(name).filter(|name| !name.ends_with('/')).collect()
    }

    fn open(&mut self, name: &str) -> Result<Box<dyn Read + '_>, Failure> {
        let file = self.zip.by_name(name);
        Ok(Box::new(file.map_err(|error| format!("it is on the list, and cannot be read: {error}"))?))
    }

    fn slice(&mut self, name: &str) -> Result<Slice, Failure> {
        let entry = self.zip.by_name(name).map_err(|error| error.to_string())?;
        let is_plain = entry.compression() == CompressionMethod::Stored && !entry.encrypted();
        let from = entry.data_start().filter(|_| is_plain);
        let from = from.ok_or("the zip was packed anew; unpack it, and verify the folder")?;
        let bytes = entry.size();
        drop(entry);
        Ok(Slice { file: File::open(self.path).map_err(|error| error.to_string())?, from, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_beside_each_of_many_sealed_files_is_told_of() {
        // Were each compared with each, this would take minutes.
        const MANY: usize = 30_000;
        let beside =
            |name: &'static str| (0..MANY).map(move |folder| PathBuf::from(format!("{folder}/{name}")));
        let names: Vec<PathBuf> =
            beside(SEALED).chain(beside("sound.wav")).chain(["other/sound.wav".into()]).collect();
        let found = strays(&names, Path::new("e.zip"));
        assert_eq!(found.len(), MANY, "that of a folder without a sealed file is none");
        assert_eq!(found[7].path, Path::new("e.zip/7/sound.wav"));
    }
}
