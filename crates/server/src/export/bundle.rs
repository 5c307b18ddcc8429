//! A zip that is made while it leaves: what was put into it is taken out at once, and nothing is ever gone back to.
//!
//! Sizes stand behind each file (data descriptors), in 64 bits where they may need it. With a password each file is
//! encrypted with AES-256 as `WinZip` does it (AE-2), names are not. Files are stored as they are: sound in WAV shrinks
//! little, and the other forms do not shrink at all.

use std::io::{self, Write};
use std::sync::Arc;

use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use zip::result::ZipError;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{AesMode, CompressionMethod, ZipWriter};

use super::Password;
use super::listing::Listed;

/// From this length on a file's sizes are written in 64 bits.
const LARGE_BYTES: u64 = 3 << 30;

/// A zip in the making.
pub(super) struct Bundle {
    zip: Option<ZipWriter<StreamWriter<Buffer>>>,
    made: Buffer,
    password: Option<Password>,
    /// Of a package: what was put in, the last file still open.
    listed: Option<(Vec<Listed>, Sha256)>,
}

/// What was made and not yet taken.
#[derive(Debug, Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Bundle {
    /// An empty one.
    pub(super) fn new(password: Option<Password>) -> Self {
        let made = Buffer::default();
        Self { zip: Some(ZipWriter::new_stream(made.clone())), made, password, listed: None }
    }

    /// Keeps a list of what is put in from now on.
    pub(super) fn list(&mut self) {
        self.listed = Some((Vec::new(), Sha256::new()));
    }

    /// What was put in since; nothing may be put into the last file any more.
    pub(super) fn listed(&mut self) -> Vec<Listed> {
        self.end_listed();
        self.listed.take().map(|(listed, _)| listed).unwrap_or_default()
    }

    fn end_listed(&mut self) {
        if let Some((listed, hasher)) = &mut self.listed
            && let Some(last) = listed.last_mut()
        {
            last.digest = vault::Digest(std::mem::take(hasher).finalize().into());
        }
    }

    /// Begins a file; the one before is over.
    ///
    /// # Errors
    /// A name that is taken, or too many files.
    pub(super) fn begin(&mut self, name: &str, at: zip::DateTime, bytes_about: u64) -> Result<(), ZipError> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(at)
            .unix_permissions(0o600)
            .large_file(bytes_about >= LARGE_BYTES);
        self.end_listed();
        if let Some((listed, _)) = &mut self.listed {
            listed.push(Listed { name: name.to_owned(), bytes: 0, digest: vault::Digest([0; 32]) });
        }
        let zip = self.zip.as_mut().ok_or_else(over)?;
        match &self.password {
            None => zip.start_file(name, options),
            Some(password) => {
                zip.start_file(name, options.with_aes_encryption(AesMode::Aes256, password.as_str()))
            }
        }
    }

    /// Goes on with the file that was begun.
    ///
    /// # Errors
    /// One that is larger than was thought when it was begun.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some((listed, hasher)) = &mut self.listed
            && let Some(last) = listed.last_mut()
        {
            last.bytes += bytes.len() as u64;
            hasher.update(bytes);
        }
        self.zip.as_mut().ok_or_else(over)?.write_all(bytes)
    }

    /// Ends the zip.
    ///
    /// # Errors
    /// As [`Bundle::write`].
    pub(super) fn finish(&mut self) -> Result<(), ZipError> {
        self.zip.take().ok_or_else(over)?.finish().map(drop)
    }

    /// What was made since it was last taken.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut *self.made.0.lock())
    }
}

fn over() -> io::Error {
    io::Error::other("the zip is over")
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::process::Command;

    use sim::debian;

    use super::*;

    const FILES: [(&str, &[u8]); 3] = [
        ("2025_J\u{f6}rg-\u{5c71}_1.wav", b"some sound"),
        ("empty.wav", b""),
        ("manifest.json", b"{\"omitted\":1}"),
    ];

    /// Made piece by piece; nothing is held that was made.
    fn made(password: Option<&str>) -> Vec<u8> {
        let mut bundle = Bundle::new(password.map(|text| Password::new(text).unwrap()));
        let mut all = Vec::new();
        for (name, bytes) in FILES {
            bundle.begin(name, zip::DateTime::default(), bytes.len() as u64).unwrap();
            for piece in bytes.chunks(3) {
                bundle.write(piece).unwrap();
                let taken = bundle.take();
                assert!(taken.len() < 300, "a descriptor, a head and a piece are less");
                all.extend(taken);
            }
        }
        bundle.finish().unwrap();
        assert!(bundle.write(b"more").is_err() && bundle.begin("x", zip::DateTime::default(), 0).is_err());
        all.extend(bundle.take());
        all
    }

    #[test]
    fn others_read_what_was_made_with_and_without_a_password() {
        let folder = tempfile::tempdir().unwrap();
        for password in [None, Some("p\u{e4}ss w\u{f6}rd \"'$(x)")] {
            let path = folder.path().join("bundle.zip");
            std::fs::write(&path, made(password)).unwrap();
            let into = folder.path().join(if password.is_some() { "secret" } else { "open" });
            let mut seven = Command::new(debian::program("7z", "p7zip-full"));
            seven.arg("x").arg("-y").arg(format!("-o{}", into.display()));
            seven.arg(format!("-p{}", password.unwrap_or_default())).arg(&path);
            debian::run(&mut seven);
            for (name, bytes) in FILES {
                assert_eq!(std::fs::read(into.join(name)).unwrap(), bytes, "{name}");
            }
            let mut list = Command::new(debian::program("7z", "p7zip-full"));
            let said = debian::run(list.args(["l", "-slt"]).arg(&path));
            assert_eq!(said.contains("AES-256"), password.is_some(), "{said}");
            let named = debian::run(Command::new(debian::program("zipinfo", "unzip")).arg("-1").arg(&path));
            assert!(named.contains("J\u{f6}rg-\u{5c71}"), "{named}");
        }
        let open = folder.path().join("open.zip");
        std::fs::write(&open, made(None)).unwrap();
        debian::run(Command::new(debian::program("unzip", "unzip")).arg("-t").arg(&open));
        debian::run(
            Command::new(debian::program("python3", "python3")).args(["-m", "zipfile", "-t"]).arg(&open),
        );
    }

    #[test]
    fn a_wrong_password_opens_nothing_and_sums_of_what_is_secret_are_not_told() {
        let bytes = made(Some("right"));
        let mut zip = zip::ZipArchive::new(io::Cursor::new(&bytes)).unwrap();
        for (n, (_, inside)) in FILES.iter().enumerate() {
            assert!(zip.by_index_decrypt(n, b"wrong").is_err());
            let mut file = zip.by_index_decrypt(n, b"right").unwrap();
            assert_eq!(file.crc32(), 0, "AE-2 tells no sum of what is inside");
            let mut read = Vec::new();
            file.read_to_end(&mut read).unwrap();
            assert_eq!(read, *inside);
        }
        assert!(!bytes.windows(10).any(|part| part == b"some sound"));
    }

    #[test]
    fn a_long_file_has_its_sizes_in_64_bits() {
        let mut bundle = Bundle::new(None);
        bundle.begin("long.wav", zip::DateTime::default(), LARGE_BYTES).unwrap();
        bundle.write(b"short after all").unwrap();
        bundle.finish().unwrap();
        let bytes = bundle.take();
        let descriptor = bytes.windows(4).position(|part| part == b"PK\x07\x08").unwrap();
        assert_eq!(bytes[descriptor + 8..descriptor + 24], [[15_u8, 0, 0, 0, 0, 0, 0, 0]; 2].concat());
        let mut zip = zip::ZipArchive::new(io::Cursor::new(bytes)).unwrap();
        assert_eq!(zip.by_index(0).unwrap().size(), 15);
    }
}
