//! A token that speaks PKCS#11: a security module, a smart card, or a program that stands for one.
//!
//! It holds an RSA key that never leaves it, and by which the private half of the reading key is encrypted (RSA-OAEP). X25519 is
//! what few tokens can do; this is what all can ([decisions](../../../../design/decisions)). The token is asked when the recorder
//! starts, and not for each recording.

use std::fmt::Display;
use std::path::Path;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use zeroize::Zeroizing;

/// Bits of the keys that we have made: good until 2030 and beyond (NIST SP 800-57 part 1, table 2).
const KEY_BITS: u64 = 3_072;

/// An open token. Its session ends when this is dropped.
pub struct Token {
    session: Session,
    /// Its functions; the session needs them.
    _module: Pkcs11,
}

impl Token {
    /// Opens the token of this label, or the only one, with its PIN.
    ///
    /// # Errors
    /// What stands in the way, as a sentence.
    pub fn open(module: &Path, label: Option<&str>, pin: &[u8]) -> Result<Self, String> {
        let said = |what: &str, error: &dyn Display| format!("{what} {}: {error}", module.display());
        let pkcs11 =
            Pkcs11::new(module).map_err(|error| said("the PKCS#11 module cannot be loaded:", &error))?;
        match pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // By an earlier look of ours: a module is loaded once for a process.
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(said("the PKCS#11 module does not begin:", &error)),
        }
        let slot = slot(&pkcs11, label)?;
        let session =
            pkcs11.open_rw_session(slot).map_err(|error| said("no session with the token of", &error))?;
        let pin = std::str::from_utf8(pin).map_err(|_| "the PIN is not UTF-8".to_owned())?;
        match session.login(UserType::User, Some(&AuthPin::from(pin.to_owned()))) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(error) => return Err(format!("the token does not take the PIN: {error}")),
        }
        Ok(Self { session, _module: pkcs11 })
    }

    /// Makes a key pair of this label, unless there is one; whether it did. The token gives its private half to nobody.
    ///
    /// # Errors
    /// What stands in the way, as a sentence.
    pub fn make_key(&self, label: &str) -> Result<bool, String> {
        if self.find(ObjectClass::PRIVATE_KEY, label)?.is_some() {
            return Ok(false);
        }
        let name = || Attribute::Label(label.as_bytes().to_vec());
        let id = || Attribute::Id(label.as_bytes().to_vec());
        let public = [
            Attribute::Token(true),
            Attribute::Private(false),
            name(),
            id(),
            Attribute::Encrypt(true),
            Attribute::ModulusBits(KEY_BITS.into()),
            Attribute::PublicExponent(vec![1, 0, 1]),
        ];
        let private = [
            Attribute::Token(true),
            Attribute::Private(true),
            name(),
            id(),
            Attribute::Decrypt(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
        ];
        let made = self.session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private);
        made.map(|_| true).map_err(|error| format!("the token makes no RSA key of {KEY_BITS} bits: {error}"))
    }

    /// Decrypts with the private key of this label.
    ///
    /// # Errors
    /// What stands in the way, as a sentence.
    pub fn decrypt(&self, label: &str, encrypted: &[u8]) -> Result<Zeroizing<Vec<u8>>, String> {
        let key = self.key(ObjectClass::PRIVATE_KEY, label)?;
        let plain = self.session.decrypt(&oaep(), key, encrypted);
        plain
            .map(Zeroizing::new)
            .map_err(|error| format!("the token's key {label} does not decrypt it: {error}"))
    }

    /// Encrypts with the public key of this label.
    ///
    /// # Errors
    /// What stands in the way, as a sentence.
    pub fn encrypt(&self, label: &str, plain: &[u8]) -> Result<Vec<u8>, String> {
        let key = self.key(ObjectClass::PUBLIC_KEY, label)?;
        let encrypted = self.session.encrypt(&oaep(), key, plain);
        encrypted.map_err(|error| format!("the token's key {label} does not encrypt: {error}"))
    }

    fn key(&self, class: ObjectClass, label: &str) -> Result<ObjectHandle, String> {
        self.find(class, label)?.ok_or_else(|| format!("the token has no key {label}"))
    }

    fn find(&self, class: ObjectClass, label: &str) -> Result<Option<ObjectHandle>, String> {
        let wanted = [Attribute::Class(class), Attribute::Label(label.as_bytes().to_vec())];
        let found = self.session.find_objects(&wanted);
        match found.map_err(|error| format!("the token does not say which keys it has: {error}"))?[..] {
            [] => Ok(None),
            [key] => Ok(Some(key)),
            _ => Err(format!("the token has several keys {label}; one must have that label")),
        }
    }
}

fn oaep() -> Mechanism<'static> {
    let params = PkcsOaepParams::new(MechanismType::SHA1, PkcsMgfType::MGF1_SHA1, PkcsOaepSource::empty());
    Mechanism::RsaPkcsOaep(params)
}

fn slot(module: &Pkcs11, label: Option<&str>) -> Result<Slot, String> {
    let slots = module.get_slots_with_initialized_token();
    let slots =
        slots.map_err(|error| format!("the PKCS#11 module does not say which tokens there are: {error}"))?;
    let named =
        |slot: &Slot| module.get_token_info(*slot).ok().map(|info| info.label().trim_end().to_owned());
    let fits = |slot: &&Slot| label.is_none_or(|label| named(slot).as_deref() == Some(label));
    match slots.iter().filter(fits).collect::<Vec<_>>()[..] {
        [slot] => Ok(*slot),
        [] => Err(match label {
            Some(label) => format!("there is no token \"{label}\" (keys.pkcs11_token)"),
            None => "there is no token".to_owned(),
        }),
        _ => Err("there are several tokens; keys.pkcs11_token must name the one".to_owned()),
    }
}
