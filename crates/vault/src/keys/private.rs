//! The forms in which a private half of a reading key is kept in its file: in the clear, sealed with a passphrase, or encrypted
//! by a token that does not give its own key away (PKCS#11). The one seam behind which they differ (F-KEY-1).
//!
//! ```text
//! sidetone-reading-key-1 <key>
//! sidetone-reading-key-sealed-1 <id> <KiB> <passes> <lanes> <salt> <sealed>
//! sidetone-reading-key-token-1 <id> <label> rsa-oaep-sha1 <encrypted>
//! ```
//! Sealed: Argon2id (RFC 9106) of the passphrase is the key of AES-256-GCM; the nonce is zero, for no two files have a salt in
//! common; the associated data is the line up to the last blank.
//!
//! Belongs here: the bytes of such a file. Does not: where it lies (`folder`), who knows the passphrase or speaks with a token
//! (an [`Unlock`]).

use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use super::folder::{self, KeyError};
use super::locked::Locked;
use super::{Cipher, Half, KeyId, TAG_BYTES, random};
use crate::hex;

const CLEAR: &str = "sidetone-reading-key-1";
const SEALED: &str = "sidetone-reading-key-sealed-1";
const TOKEN: &str = "sidetone-reading-key-token-1";

/// How the token encrypts: widely supported. OAEP asks no resistance to collisions of its hash (RFC 8017 appendix B.1).
const MECHANISM: &str = "rsa-oaep-sha1";

/// What RFC 9106 section 4 recommends second, for where memory is scarce: 64 MiB, 3 passes, 4 lanes.
const COSTS: (u32, u32, u32) = (64 << 10, 3, 4);

/// The most that a file may ask of the machine: 1 GiB, 64 passes, 64 lanes.
const MOST: (u32, u32, u32) = (1 << 20, 64, 64);

const SALT_BYTES: usize = 16;

/// The longest label of a key in a token.
const MAX_LABEL_BYTES: usize = 64;

/// The form a private half is kept in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// As it is: whoever has the file has the key.
    Clear,
    /// Sealed with a passphrase.
    Passphrase,
    /// Encrypted by the key of this label in a token.
    Token(String),
}

impl Form {
    /// The form of a token's key.
    ///
    /// # Errors
    /// What a label may be.
    pub fn token(label: &str) -> Result<Self, String> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if label.is_empty() || label.len() > MAX_LABEL_BYTES || !label.bytes().all(is_plain) {
            return Err(format!(
                "\"{label}\" is no label of a key: 1 to {MAX_LABEL_BYTES} letters, digits, hyphens, underscores and dots are"
            ));
        }
        Ok(Self::Token(label.to_owned()))
    }

    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::Clear => "in the clear".to_owned(),
            Self::Passphrase => "sealed with a passphrase".to_owned(),
            Self::Token(label) => format!("encrypted by the key {label} of a token"),
        }
    }
}

/// What opens and seals private halves that are not kept in the clear. Errors are sentences.
pub trait Unlock: Send + Sync {
    /// The passphrase that opens `file`, or that it is to be sealed with.
    ///
    /// # Errors
    /// Why there is none.
    fn passphrase(&self, file: &Path) -> Result<Zeroizing<Vec<u8>>, String>;

    /// Has the token decrypt, by RSA-OAEP, with its private key of this label.
    ///
    /// # Errors
    /// Why it does not.
    fn token_opens(&self, label: &str, encrypted: &[u8]) -> Result<Zeroizing<Vec<u8>>, String>;

    /// Has the token encrypt with its public key of this label.
    ///
    /// # Errors
    /// Why it does not.
    fn token_seals(&self, label: &str, plain: &[u8]) -> Result<Vec<u8>, String>;
}

/// For where only files in the clear are opened.
#[derive(Debug, Clone, Copy)]
pub struct NothingUnlocks;

impl Unlock for NothingUnlocks {
    fn passphrase(&self, _: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
        Err("it is sealed with a passphrase, and none was given: see keys.unlock_file".to_owned())
    }

    fn token_opens(&self, _: &str, _: &[u8]) -> Result<Zeroizing<Vec<u8>>, String> {
        Err("a token has to decrypt it, and none was named: see keys.pkcs11_module".to_owned())
    }

    fn token_seals(&self, _: &str, _: &[u8]) -> Result<Vec<u8>, String> {
        Err("a token has to encrypt it, and none was named: see keys.pkcs11_module".to_owned())
    }
}

/// A private half as its file has it.
pub(super) struct PrivateFile {
    path: PathBuf,
    line: Zeroizing<Vec<u8>>,
    pub(super) form: Form,
    /// Which key it is; a file in the clear does not say.
    stated: Option<KeyId>,
}

impl PrivateFile {
    /// Reads a file, and opens nothing.
    pub(super) fn read(path: &Path) -> Result<Self, KeyError> {
        let line = folder::read_text(path, true)?;
        let malformed = || KeyError::Malformed { path: path.to_owned(), expected: CLEAR };
        let words = words(&line).ok_or_else(malformed)?;
        let (form, stated) = match words[..] {
            [CLEAR, _] => (Form::Clear, None),
            [SEALED, id, _, _, _, _, _] => (Form::Passphrase, Some(id)),
            [TOKEN, id, label, MECHANISM, _] => (Form::token(label).map_err(|_| malformed())?, Some(id)),
            _ => return Err(malformed()),
        };
        let stated = stated.map(|id| id.parse().map_err(|_| malformed())).transpose()?;
        Ok(Self { path: path.to_owned(), line, form, stated })
    }

    /// Which key it is, if that can be said without opening it.
    pub(super) fn id(&self) -> Option<KeyId> {
        match self.form {
            Form::Clear => self.open(&NothingUnlocks).ok().map(|half| half.id),
            _ => self.stated,
        }
    }

    /// The private half.
    pub(super) fn open(&self, unlock: &dyn Unlock) -> Result<Half, KeyError> {
        let unopened = |cause| KeyError::Unopened { path: self.path.clone(), cause };
        let malformed = || KeyError::Malformed { path: self.path.clone(), expected: CLEAR };
        let words = words(&self.line).ok_or_else(malformed)?;
        let private = match (&self.form, &words[..]) {
            (Form::Clear, [_, digits]) => Locked::try_new(|key| hex::read(digits.as_bytes(), key)),
            (Form::Passphrase, [_, _, costs @ .., salt, sealed]) => {
                let costs = costs_of(costs).ok_or_else(malformed)?;
                let passphrase = unlock.passphrase(&self.path).map_err(unopened)?;
                let salt = bytes::<SALT_BYTES>(salt).ok_or_else(malformed)?;
                let sealed_bytes = bytes::<{ 32 + TAG_BYTES }>(sealed).ok_or_else(malformed)?;
                let cipher = cipher(&passphrase, &salt, costs).map_err(unopened)?;
                let bound = &self.line[..self.line.len() - sealed.len() - 1];
                let mut plain = Zeroizing::new(Vec::with_capacity(32));
                if !cipher.decrypt(0, bound, &sealed_bytes, &mut plain) {
                    return Err(unopened("the passphrase is not the one it was sealed with".to_owned()));
                }
                taken(&plain)
            }
            (Form::Token(label), [.., encrypted]) => {
                let encrypted = any_bytes(encrypted).ok_or_else(malformed)?;
                taken(&unlock.token_opens(label, &encrypted).map_err(unopened)?)
            }
            _ => None,
        };
        let half = private.and_then(Half::new).ok_or_else(malformed)?;
        if self.stated.is_some_and(|id| id != half.id) {
            return Err(unopened("what is in it is another key than it says".to_owned()));
        }
        Ok(half)
    }
}

/// The line of a file that keeps a private half in this form.
pub(super) fn line(
    half: &Half,
    form: &Form,
    path: &Path,
    unlock: &dyn Unlock,
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let unsealed = |cause| KeyError::Unopened { path: path.to_owned(), cause };
    let mut line = Zeroizing::new(Vec::with_capacity(2_048));
    let id = half.id;
    match form {
        Form::Clear => {
            line.extend_from_slice(format!("{CLEAR} ").as_bytes());
            hex::write(half.private.bytes(), &mut line);
        }
        Form::Passphrase => {
            let passphrase = unlock.passphrase(path).map_err(unsealed)?;
            return sealed_line(half, &passphrase, path);
        }
        Form::Token(label) => {
            let encrypted = unlock.token_seals(label, half.private.bytes()).map_err(unsealed)?;
            line.extend_from_slice(format!("{TOKEN} {id} {label} {MECHANISM} ").as_bytes());
            hex::write(&encrypted, &mut line);
        }
    }
    line.push(b'\n');
    Ok(line)
}

/// The line of a file that keeps a private half sealed with this passphrase.
pub(super) fn sealed_line(
    half: &Half,
    passphrase: &[u8],
    path: &Path,
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let unsealed = |cause| KeyError::Unopened { path: path.to_owned(), cause };
    let mut line = Zeroizing::new(Vec::with_capacity(2_048));
    let salt = random::<SALT_BYTES>();
    let ((memory, passes, lanes), id) = (COSTS, half.id);
    line.extend_from_slice(format!("{SEALED} {id} {memory} {passes} {lanes} ").as_bytes());
    hex::write(&*salt, &mut line);
    let mut sealed = Zeroizing::new(Vec::with_capacity(32 + TAG_BYTES));
    sealed.extend_from_slice(half.private.bytes());
    cipher(passphrase, &*salt, COSTS).map_err(unsealed)?.encrypt(0, &line, &mut sealed, 0);
    line.push(b' ');
    hex::write(&sealed, &mut line);
    line.push(b'\n');
    Ok(line)
}

fn words(line: &[u8]) -> Option<Vec<&str>> {
    Some(std::str::from_utf8(line).ok()?.split(' ').collect())
}

fn costs_of(words: &[&str]) -> Option<(u32, u32, u32)> {
    let [memory, passes, lanes] = words else { return None };
    let costs: (u32, u32, u32) = (memory.parse().ok()?, passes.parse().ok()?, lanes.parse().ok()?);
    (costs.0 <= MOST.0 && costs.1 <= MOST.1 && costs.2 <= MOST.2).then_some(costs)
}

fn cipher(
    passphrase: &[u8],
    salt: &[u8],
    (memory, passes, lanes): (u32, u32, u32),
) -> Result<Cipher, String> {
    let mut key = Zeroizing::new([0; 32]);
    let params = Params::new(memory, passes, lanes, Some(32)).map_err(|error| error.to_string())?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase, salt, &mut *key)
        .map_err(|error| format!("the passphrase cannot be used: {error}"))?;
    Ok(Cipher::new(&key))
}

fn taken(plain: &[u8]) -> Option<Locked> {
    Locked::try_new(|key| {
        *key = plain.try_into().ok()?;
        Some(())
    })
}

fn bytes<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::read(digits.as_bytes(), &mut bytes)?;
    Some(bytes)
}

fn any_bytes(digits: &str) -> Option<Vec<u8>> {
    let mut bytes = vec![0; digits.len() / 2];
    hex::read(digits.as_bytes(), &mut bytes)?;
    Some(bytes)
}
