//! Files with secrets: who may read them (F-API-8), and what is said where that is not so, or where we may not read them ourselves.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use vault::owner;
use zeroize::Zeroizing;

use super::ConfigError;

/// Files with secrets are no larger than this.
const MAX_BYTES: u64 = 1 << 20;

/// Who may read a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    /// Its owner alone.
    Owner,
    /// Its group as well: keys of TLS, which belong to whoever renews them.
    Group,
}

/// Opens a secret; a pipe will do.
///
/// # Errors
/// What is wrong and what would be right, as a sentence without the path.
pub(super) fn open(path: &Path, readers: Readers) -> Result<File, String> {
    let refused = |error: io::Error| format!("{error}{}", owner::right(&error, path));
    let file = File::open(path).map_err(refused)?;
    let about = file.metadata().map_err(|error| error.to_string())?;
    check(path, &about, readers).map(|()| file)
}

/// Refuses a secret that others may read or change.
///
/// # Errors
/// The same.
pub(super) fn check(path: &Path, about: &Metadata, readers: Readers) -> Result<(), String> {
    let (is_exposed, others) = match readers {
        Readers::Owner => (owner::is_exposed(about), "others than its owner"),
        Readers::Group => (about.mode() & 0o007 != 0, "everybody on this machine"),
    };
    if !about.is_file() || !is_exposed {
        return Ok(());
    }
    let (mode, shown) = (about.mode() & 0o777, path.display());
    Err(format!(
        "{others} may read or change this secret (its mode is {mode:o}); it belongs to the user the recorder runs as, and to \
         nobody else: chmod 600 {shown}"
    ))
}

/// Reads a secret.
///
/// # Errors
/// [`ConfigError`], naming the file.
pub(super) fn read(path: &Path, readers: Readers) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    let wrong = |cause: String| ConfigError::File { path: PathBuf::from(path), cause };
    let unreadable = |cause| ConfigError::Unreadable { path: path.to_owned(), cause };
    let file = File::open(path).map_err(unreadable)?;
    check(path, &file.metadata().map_err(unreadable)?, readers).map_err(wrong)?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(wrong("it has more than 1 MiB; a file of a few lines would be right".to_owned()));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_secret_is_its_owners_and_a_key_of_tls_its_groups_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "three blind mice\n").unwrap();
        for (mode, owners, groups) in [
            (0o600, true, true),
            (0o400, true, true),
            (0o640, false, true),
            (0o644, false, false),
            (0o602, false, false),
        ] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            for (readers, is_right) in [(Readers::Owner, owners), (Readers::Group, groups)] {
                match read(&path, readers) {
                    Ok(bytes) => assert!(is_right && bytes.starts_with(b"three"), "{mode:o} {readers:?}"),
                    Err(error) => {
                        let said = error.to_string();
                        let right = format!("chmod 600 {}", path.display());
                        assert!(
                            !is_right && said.contains(&format!("{mode:o}")) && said.contains(&right),
                            "{said}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn whatever_a_secret_is_for_others_may_not_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "three blind mice\nrun\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let file = || Some(path.clone());
        let s3 = crate::config::S3 {
            endpoint: None,
            bucket: "calls".to_owned(),
            prefix: None,
            region: None,
            key_file: file(),
        };
        let digest = |password_file, ha1_file| crate::config::Digest {
            user: "sbc".to_owned(),
            realm: None,
            password_file,
            ha1_file,
        };
        let said = [
            s3.settings("archive \"cold\"").err().map(|error| error.to_string()),
            digest(file(), None).read().err().map(|error| error.to_string()),
            digest(None, file()).read().err().map(|error| error.to_string()),
            crate::config::first_line(&path).err(),
        ];
        for said in said {
            let said = said.expect("it is refused");
            assert!(said.contains("chmod 600") && said.contains("640"), "{said}");
        }
    }
}
