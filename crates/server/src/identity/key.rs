//! API keys: `stk_`, ten characters that find the key, `_`, and 43 that are secret (256 bits). The prefix is for scanners that
//! look for what has leaked.
//!
//! The secret is as random as a key can be, so its hash need not be slow: HMAC-SHA-256 with a salt of its own.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use index::KeyHash;
use sha2::Sha256;

/// What every key begins with.
pub(crate) const PREFIX: &str = "stk_";

/// How many characters find it.
const HANDLE_CHARS: usize = 10;

/// A new key: its text, which is told once, and what is kept of it.
pub(super) fn draw() -> Result<(String, KeyHash), getrandom::Error> {
    let (mut handle, mut secret, mut salt) = ([0; HANDLE_CHARS / 2], [0; 32], [0; 16]);
    getrandom::fill(&mut handle)?;
    getrandom::fill(&mut secret)?;
    getrandom::fill(&mut salt)?;
    let handle: String = handle.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = format!("{PREFIX}{handle}_{}", URL_SAFE_NO_PAD.encode(secret));
    let hash = mac(&salt, &text).finalize().into_bytes().into();
    Ok((text, KeyHash { handle, salt, hash }))
}

/// The part of a key's text that finds it.
pub(super) fn handle(text: &str) -> Option<&str> {
    let (handle, secret) = text.strip_prefix(PREFIX)?.split_at_checked(HANDLE_CHARS)?;
    (handle.is_ascii() && secret.starts_with('_')).then_some(handle)
}

/// Whether the text is the key's, in a time that does not tell how much of it is right.
pub(super) fn is_right(text: &str, kept: &KeyHash) -> bool {
    mac(&kept.salt, text).verify_slice(&kept.hash).is_ok()
}

fn mac(salt: &[u8; 16], text: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(salt).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_handle_and_known_by_its_whole_text() {
        let (text, kept) = draw().unwrap();
        assert_eq!(text.len(), 4 + 10 + 1 + 43);
        assert_eq!(handle(&text), Some(kept.handle.as_str()));
        assert!(is_right(&text, &kept));
        for at in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other[at] ^= 1;
            let other = String::from_utf8(other).unwrap();
            assert!(!is_right(&other, &kept), "{at}");
        }
        let hash = kept.hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert!(!hash.contains(&text[15..]));
        for none in ["", "stk_", "stk_0123456789", "stk_é23456789_x", "ptk_0123456789_x"] {
            assert_eq!(handle(none), None, "{none}");
        }
    }
}
