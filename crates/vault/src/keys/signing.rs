//! The signing key: shows that something was made by this install, and not touched since (C8-02, C8-03).
//!
//! Ed25519 (RFC 8032). What is signed is `sidetone signature 1 `, the purpose, a zero byte, and the message: a signature
//! given for one purpose is none for another. A [`Signature`] names its algorithm and its key (C8-06).

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::Signer as _;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::first_eight;
use crate::hex;

/// What a file with the public half begins with.
pub(super) const FILE_WORD: &str = "sidetone-signing-public-1";

/// The only algorithm there is, as it is named in the data.
const ALGORITHM: &str = "ed25519";

/// The private half: signs. It is gone from memory when it is dropped.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

/// The public half: whoever has it can check what was signed, and sign nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VerifyingKey(ed25519_dalek::VerifyingKey);

/// Tells signing keys apart: the first eight bytes of SHA-256 over `sidetone signing key id 1` and the public half. As text, 16
/// hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SigningKeyId(pub [u8; 8]);

/// A signature. As text: `ed25519:<key id>:<128 hexadecimal digits>`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// Of the key it was made with.
    pub key: SigningKeyId,
    /// R and S as in RFC 8032.
    pub bytes: [u8; 64],
}

/// Why something does not count as signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    /// It may be good; nobody here can say so.
    #[error("it was signed with the key {0}, of which the public half is not at hand")]
    UnknownKey(SigningKeyId),
    /// The message or the signature is not what it was.
    #[error("the signature of key {0} does not fit: what was signed was changed")]
    Altered(SigningKeyId),
}

/// A text that is no signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a signature is `ed25519:`, the 16 hexadecimal digits of the key, `:`, and 128 hexadecimal digits")]
pub struct NotASignature;

/// Thirty-two bytes that are no public half.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are no Ed25519 public key")]
pub struct NotAKey;

impl SigningKey {
    pub(crate) fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    pub(crate) fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    pub fn public(&self) -> VerifyingKey {
        VerifyingKey(self.0.verifying_key())
    }

    /// Signs a message for a purpose, which is a word of ours without a zero byte.
    pub fn sign(&self, purpose: &str, message: &[u8]) -> Signature {
        Signature { key: self.public().id(), bytes: self.0.sign(&signed(purpose, message)).to_bytes() }
    }
}

impl VerifyingKey {
    /// The public half with these bytes (RFC 8032, 5.1.5).
    ///
    /// # Errors
    /// [`NotAKey`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, NotAKey> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| NotAKey)?;
        // Under a weak key, one signature fits many messages.
        if key.is_weak() { Err(NotAKey) } else { Ok(Self(key)) }
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// What a file with it says: `sidetone-signing-public-1 <64 hexadecimal digits>`, one line.
    pub fn line(&self) -> String {
        let mut line = format!("{FILE_WORD} ");
        hex::show(&self.to_bytes(), &mut line).expect("a text takes what is written");
        line + "\n"
    }

    /// Tells it from others.
    pub fn id(&self) -> SigningKeyId {
        let digest = Sha256::new().chain_update(b"sidetone signing key id 1").chain_update(self.0.as_bytes());
        SigningKeyId(first_eight(&digest.finalize()))
    }

    /// Whether this key signed the message for this purpose.
    ///
    /// # Errors
    /// [`NotSigned`].
    pub fn verify(&self, purpose: &str, message: &[u8], signature: &Signature) -> Result<(), NotSigned> {
        if signature.key != self.id() {
            return Err(NotSigned::UnknownKey(signature.key));
        }
        let bytes = ed25519_dalek::Signature::from_bytes(&signature.bytes);
        let verified = self.0.verify_strict(&signed(purpose, message), &bytes);
        verified.map_err(|_| NotSigned::Altered(signature.key))
    }
}

/// Finds the key that a signature names among those at hand, and has it verify.
///
/// # Errors
/// [`NotSigned`].
pub fn verify_among(
    keys: &[VerifyingKey],
    purpose: &str,
    message: &[u8],
    signature: &Signature,
) -> Result<(), NotSigned> {
    let key = keys.iter().find(|key| key.id() == signature.key);
    key.ok_or(NotSigned::UnknownKey(signature.key))?.verify(purpose, message, signature)
}

/// Signs a text of whole lines: the signature becomes its last line, `signature ed25519:...`.
pub fn sign_text(key: &SigningKey, purpose: &str, mut text: String) -> String {
    let signature = key.sign(purpose, text.as_bytes());
    text.push_str(&format!("signature {signature}\n"));
    text
}

/// Takes a signed text apart: the lines that were signed, and the signature under them; `None` if there is none. Nothing is
/// verified.
pub fn read_text(text: &str) -> Option<(&str, Signature)> {
    let (signed, last) = text.split_at(text.rfind("signature ")?);
    let signature: Signature = last.strip_prefix("signature ")?.strip_suffix('\n')?.parse().ok()?;
    // Two texts never say the same.
    let is_ours = signed.ends_with('\n') && last == format!("signature {signature}\n");
    is_ours.then_some((signed, signature))
}

fn signed(purpose: &str, message: &[u8]) -> Vec<u8> {
    [b"sidetone signature 1 ", purpose.as_bytes(), b"\0", message].concat()
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", self.id())
    }
}

impl fmt::Display for SigningKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::show(&self.0, f)
    }
}

impl fmt::Debug for SigningKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ALGORITHM}:{}:", self.key)?;
        hex::show(&self.bytes, f)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Signature {
    type Err = NotASignature;

    fn from_str(text: &str) -> Result<Self, NotASignature> {
        let mut parts = text.split(':');
        if parts.next() != Some(ALGORITHM) {
            return Err(NotASignature);
        }
        let mut signature = Self { key: SigningKeyId([0; 8]), bytes: [0; 64] };
        let mut hex = |into: &mut [u8]| {
            let digits = parts.next().ok_or(NotASignature)?;
            hex::read(digits.as_bytes(), into).ok_or(NotASignature)
        };
        hex(&mut signature.key.0)?;
        hex(&mut signature.bytes)?;
        if parts.next().is_some() { Err(NotASignature) } else { Ok(signature) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed(&[seed; 32])
    }

    /// RFC 8032, 7.1, test 2: the key is the one of the vector, so the curve is the right one.
    #[test]
    fn the_public_half_is_that_of_the_standard() {
        let mut seed = [0; 32];
        hex::read(b"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", &mut seed).unwrap();
        let mut public = [0; 32];
        hex::read(b"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", &mut public).unwrap();
        assert_eq!(SigningKey::from_seed(&seed).public().to_bytes(), public);
    }

    #[test]
    fn a_signature_holds_for_its_message_purpose_and_key() {
        let signature = key(1).sign("seal", b"a recording");
        let public = key(1).public();
        assert_eq!(public.verify("seal", b"a recording", &signature), Ok(()));
        let altered = Err(NotSigned::Altered(public.id()));
        assert_eq!(public.verify("seal", b"a recordinG", &signature), altered);
        assert_eq!(public.verify("audit", b"a recording", &signature), altered);
        let stranger = key(2).public();
        let unknown = Err(NotSigned::UnknownKey(public.id()));
        assert_eq!(stranger.verify("seal", b"a recording", &signature), unknown);
        assert_eq!(verify_among(&[stranger], "seal", b"a recording", &signature), unknown);
        assert_eq!(verify_among(&[stranger, public], "seal", b"a recording", &signature), Ok(()));
    }

    #[test]
    fn every_flipped_bit_of_a_signature_is_seen() {
        let signature = key(1).sign("seal", b"a recording");
        for bit in 0..64 * 8 {
            let mut other = signature;
            other.bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(key(1).public().verify("seal", b"a recording", &other).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_signature_is_a_text_that_names_algorithm_and_key() {
        let signature = key(3).sign("seal", b"");
        let text = signature.to_string();
        assert!(text.starts_with(&format!("ed25519:{}:", key(3).public().id())), "{text}");
        assert_eq!(text.parse(), Ok(signature));
        for bad in [
            "",
            "ed25519",
            &text[1..],
            &text[..text.len() - 1],
            &format!("{text}:"),
            &text.replace("ed25519", "none"),
        ] {
            assert_eq!(bad.parse::<Signature>(), Err(NotASignature), "{bad}");
        }
    }

    #[test]
    fn a_key_under_which_anything_is_signed_is_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(VerifyingKey::from_bytes(&identity), Err(NotAKey));
    }

    #[test]
    fn debug_prints_no_key() {
        assert_eq!(format!("{:?}", key(1)), "SigningKey");
    }
}
