//! Vouches for how the chain ends, with the key of the install (C8-03).

use std::path::Path;

use audit::TIP_PURPOSE;
use index::trail::{Notary, Whose};
use vault::keys::KeyError;
use vault::keys::signing::{NotSigned, verify_among};
use vault::{Signature, SigningKey, VerifyingKey};

use crate::clock::Clock;

/// Signs tips, and tells whose one is.
#[derive(Debug)]
pub struct TipSigner {
    key: SigningKey,
    /// The public halves of keys that were this install's.
    former: Vec<VerifyingKey>,
    clock: Clock,
}

impl TipSigner {
    /// With the key, and the public halves that lie in the key folder.
    ///
    /// # Errors
    /// [`KeyError`] if those cannot be read.
    pub fn new(key: SigningKey, keys: &Path, clock: Clock) -> Result<Self, KeyError> {
        Ok(Self { key, former: vault::keys::verifying_keys(keys)?, clock })
    }
}

impl Notary for TipSigner {
    fn now_ns(&self) -> i64 {
        self.clock.now().as_ns()
    }

    fn sign(&self, message: &[u8]) -> String {
        self.key.sign(TIP_PURPOSE, message).to_string()
    }

    fn whose(&self, message: &[u8], signature: &str) -> Whose {
        let own = self.key.public();
        match signed(&[own], message, signature) {
            Ok(()) => Whose::Own,
            Err(why) => match signed(&self.former, message, signature) {
                Ok(()) => Whose::Former(key_of(signature)),
                Err(_) => Whose::Nobodys(why),
            },
        }
    }
}

/// The id of the key that a signature names.
fn key_of(signature: &str) -> String {
    signature.parse().map(|signature: Signature| signature.key.to_string()).unwrap_or_default()
}

/// Whether one of the keys has signed the message of a tip.
pub(super) fn signed(keys: &[VerifyingKey], message: &[u8], signature: &str) -> Result<(), String> {
    let signature: Signature =
        signature.parse().map_err(|error: vault::keys::signing::NotASignature| error.to_string())?;
    verify_among(keys, TIP_PURPOSE, message, &signature).map_err(|error: NotSigned| error.to_string())
}
