//! `[keys]`: where the private half of the reading key is, and what opens it.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use zeroize::Zeroizing;

use super::ConfigError;
use super::flags::Flags;
use super::secret::{self, Readers};

/// The longest passphrase or PIN.
const MAX_UNLOCK_BYTES: u64 = 4_096;

/// The credential that a service manager hands over (systemd.exec(5), `LoadCredential`).
const CREDENTIAL: &str = "sidetone.unlock";

/// `[keys]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
    /// The file with the private half of the reading key, or `none`. Default `keys/reading.key` in the data folder.
    pub reading_key: Option<ReadingKeyPlace>,
    /// The file with the state key. Default `keys/state.key` in the data folder.
    pub state_key: Option<PathBuf>,
    /// A file with the passphrase that the private half is sealed with, or the PIN of the token, in its first line. Default: the
    /// credential `sidetone.unlock` of the service manager, else it is asked for on the terminal.
    pub unlock_file: Option<PathBuf>,
    /// The PKCS#11 module of the token. Default: none.
    pub pkcs11_module: Option<PathBuf>,
    /// The label of the token. Needed if the module has several.
    pub pkcs11_token: Option<String>,
}

/// Where the private half of the reading key is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "PathBuf")]
pub enum ReadingKeyPlace {
    /// Not here: this recorder records, and cannot play.
    None,
    /// In this file, former ones in the folder `former` beside it.
    File(PathBuf),
}

impl From<PathBuf> for ReadingKeyPlace {
    fn from(path: PathBuf) -> Self {
        if path == Path::new("none") { Self::None } else { Self::File(path) }
    }
}

impl From<&str> for ReadingKeyPlace {
    fn from(text: &str) -> Self {
        PathBuf::from(text).into()
    }
}

impl Keys {
    /// With what the flags say.
    #[must_use]
    pub(super) fn with_flags(self, flags: &Flags) -> Self {
        Self {
            reading_key: flags.reading_key.clone().or(self.reading_key),
            state_key: flags.state_key.clone().or(self.state_key),
            unlock_file: flags.unlock_file.clone().or(self.unlock_file),
            pkcs11_module: flags.pkcs11_module.clone().or(self.pkcs11_module),
            pkcs11_token: flags.pkcs11_token.clone().or(self.pkcs11_token),
        }
    }

    /// Refuses a file with what opens the private half that others may read. One that is not there, or that we may not read,
    /// keeps nobody from recording.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let Some(path) = &self.unlock_file else { return Ok(()) };
        let Ok(about) = path.metadata() else { return Ok(()) };
        secret::check(path, &about, Readers::Owner).map_err(|cause| ConfigError::Value {
            key: "keys.unlock_file",
            cause: format!("{}: {cause}", path.display()),
        })
    }

    /// The passphrase or PIN, if a file has it; read anew each time, and kept nowhere.
    ///
    /// # Errors
    /// Why it cannot be read, as a sentence.
    pub fn unlock(&self) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
        let credential = || Some(PathBuf::from(std::env::var_os("CREDENTIALS_DIRECTORY")?).join(CREDENTIAL));
        match &self.unlock_file {
            Some(path) => first_line(path).map(Some),
            None => credential().filter(|path| path.exists()).map(|path| first_line(&path)).transpose(),
        }
    }
}

/// The first line of a file that nobody but its owner may read; a pipe (`/dev/fd/3`, `/dev/stdin`) will do.
pub(crate) fn first_line(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let wrong = |cause: String| format!("{}: {cause}", path.display());
    let file = secret::open(path, Readers::Owner).map_err(wrong)?;
    let mut text = Zeroizing::new(Vec::with_capacity(usize::try_from(MAX_UNLOCK_BYTES).unwrap_or(0)));
    file.take(MAX_UNLOCK_BYTES).read_to_end(&mut text).map_err(|error| wrong(error.to_string()))?;
    let end = text.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(text.len());
    text.truncate(end);
    if text.is_empty() {
        return Err(wrong("its first line is empty; the secret must stand there".to_owned()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_private_half_may_be_in_a_file_or_nowhere() {
        let read = |toml: &str| toml::from_str::<Keys>(toml).unwrap().reading_key;
        assert_eq!(read("reading_key = \"none\""), Some(ReadingKeyPlace::None));
        assert_eq!(read("reading_key = \"/safe/k\""), Some(ReadingKeyPlace::File("/safe/k".into())));
        assert_eq!(read(""), None);
    }

    #[test]
    fn what_unlocks_is_the_first_line_of_a_file_that_only_its_owner_may_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("unlock");
        std::fs::write(&path, "correct horse\nrest").unwrap();
        let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        mode(0o644);
        assert!(first_line(&path).unwrap_err().contains("chmod 600"));
        let set = Keys { unlock_file: Some(path.clone()), ..Keys::default() };
        let said = set.check().unwrap_err().to_string();
        assert!(said.contains("keys.unlock_file") && said.contains("chmod 600"), "{said}");
        mode(0o600);
        set.check().unwrap();
        assert_eq!(**first_line(&path).unwrap(), *b"correct horse");
        std::fs::write(&path, "\n").unwrap();
        assert!(first_line(&path).unwrap_err().contains("first line is empty"));
    }
}
