//! The list of leaked passwords that the operator names: a file that is searched where it lies, and read as a whole by nobody.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use super::ConfigError;
use crate::identity::{HashLines, check_hashes};

/// The list, open: what is put in its place counts from the next start on.
#[derive(Debug)]
struct Leaked {
    file: File,
    bytes: u64,
}

impl HashLines for Leaked {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(into, at)
    }
}

/// Opens a list that the settings name, if it has the form of one.
///
/// # Errors
/// [`ConfigError`], saying what would be right.
pub(super) fn open(path: &Path) -> Result<Arc<dyn HashLines>, ConfigError> {
    let wrong = |cause: String| ConfigError::Value {
        key: "login.leaked_passwords",
        cause: format!("{}: {cause}", path.display()),
    };
    let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
    let (known, file) = opened.map_err(|error| wrong(format!("it cannot be opened: {error}")))?;
    if !known.is_file() {
        return Err(wrong("it is no file".to_owned()));
    }
    let list = Leaked { bytes: known.len(), file };
    check_hashes(&list).map_err(|error| wrong(error.to_string()))?;
    Ok(Arc::new(list))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_another_form_stops_the_start_and_says_which_would_be_right() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        let said = || open(&path).unwrap_err().to_string();
        assert!(
            said().contains("login.leaked_passwords") && said().contains("cannot be opened"),
            "{}",
            said()
        );
        std::fs::write(&path, "password\nqwerty\n").unwrap();
        assert!(said().contains("ordered by hash"), "{}", said());
        assert!(open(folder.path()).unwrap_err().to_string().contains("no file"));
        std::fs::write(&path, format!("{}:7\r\n", "0".repeat(40))).unwrap();
        assert_eq!(open(&path).unwrap().bytes(), 44);
    }
}
