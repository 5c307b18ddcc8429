//! What opens a private half that is not kept in the clear: a passphrase, or a token's PIN, from a file, from the service manager,
//! or from who sits at the terminal.

use std::path::Path;

use vault::keys::Unlock;
use zeroize::Zeroizing;

use super::token::Token;
use crate::config::Keys as Settings;

/// Asks a person for a passphrase or PIN; given is what to ask for.
type Ask = fn(&str) -> Result<Zeroizing<Vec<u8>>, String>;

/// Whether somebody can be asked.
#[derive(Debug, Clone, Copy)]
pub enum Asks {
    /// Nobody is there.
    Nobody,
    /// Somebody sits at a terminal.
    Person(Ask),
}

/// Opens private halves as the settings say.
#[derive(Debug, Clone)]
pub struct Unlocker {
    settings: Settings,
    asks: Asks,
}

impl Unlocker {
    /// With these settings.
    pub fn new(settings: Settings, asks: Asks) -> Self {
        Self { settings, asks }
    }

    fn secret(&self, what: &str) -> Result<Zeroizing<Vec<u8>>, String> {
        match (self.settings.unlock()?, self.asks) {
            (Some(secret), _) => Ok(secret),
            (None, Asks::Person(ask)) => ask(what),
            (None, Asks::Nobody) => {
                Err(format!("{what} is needed, and keys.unlock_file does not say where it is"))
            }
        }
    }

    fn token(&self) -> Result<Token, String> {
        let module = self.settings.pkcs11_module.as_ref();
        let module = module.ok_or("a token has it, and keys.pkcs11_module does not say how it is reached")?;
        let pin = self.secret("the PIN of the token")?;
        Token::open(module, self.settings.pkcs11_token.as_deref(), &pin)
    }

    /// Has the token make a key of this label, if it has none; whether it did.
    ///
    /// # Errors
    /// Why it does not, as a sentence.
    pub fn make_token_key(&self, label: &str) -> Result<bool, String> {
        self.token()?.make_key(label)
    }
}

impl Unlock for Unlocker {
    fn passphrase(&self, file: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
        self.secret(&format!("the passphrase of {}", file.display()))
    }

    fn token_opens(&self, label: &str, encrypted: &[u8]) -> Result<Zeroizing<Vec<u8>>, String> {
        self.token()?.decrypt(label, encrypted)
    }

    fn token_seals(&self, label: &str, plain: &[u8]) -> Result<Vec<u8>, String> {
        self.token()?.encrypt(label, plain)
    }
}
