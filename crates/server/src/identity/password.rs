//! Passwords: Argon2id, and what a new one must be like (F-API-2).

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};

/// The shortest and the longest password, in characters (NIST SP 800-63B-4 section 3.1.1.2, for one that stands alone).
pub(crate) const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 15..=256;

/// A hash that no password has, of the usual cost: comparing with it takes as long as with a right one.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c2lkZXRvbmUgbm9ib2R5$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why a text is no password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPassword {
    /// Too short, or too long.
    #[error(
        "a password has {} to {} characters: several words do well",
        PASSWORD_CHARS.start(),
        PASSWORD_CHARS.end()
    )]
    Length,
    /// It is what everybody would try first.
    #[error("this password is easily guessed: it is the name, or one character or word again and again")]
    Guessed,
}

/// Checks a password that is to be set.
pub(super) fn check(name: &str, password: &str) -> Result<(), BadPassword> {
    if !PASSWORD_CHARS.contains(&password.chars().count()) {
        return Err(BadPassword::Length);
    }
    let lower = password.to_lowercase();
    let stripped = lower.replace(&name.to_lowercase(), "");
    let is_the_name = stripped.chars().filter(|c| c.is_alphanumeric()).count() < 6;
    let is_repeated = (1..=lower.len() / 3).any(|length| {
        lower.is_char_boundary(length)
            && lower.as_bytes().chunks(length).all(|part| lower.as_bytes().starts_with(part))
    });
    if is_the_name || is_repeated { Err(BadPassword::Guessed) } else { Ok(()) }
}

/// The hash of a password. Takes some 20 ms of a core and 19 MiB: it is no work for a thread that others wait for.
pub(super) fn hash(password: &str) -> Result<String, String> {
    // The defaults are OWASP's: m = 19456 KiB, t = 2, p = 1.
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| error.to_string())?;
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
}

/// Whether a password has this hash. Without one it takes as long, and is wrong.
pub(super) fn is_right(password: &str, hash: Option<&str>) -> bool {
    let right = Argon2::default().verify_password(password.as_bytes(), hash.unwrap_or(NOBODYS)).is_ok();
    right && hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_a_hash_that_differs_each_time() {
        let password = "correct horse battery";
        let (one, two) = (hash(password).unwrap(), hash(password).unwrap());
        assert_ne!(one, two);
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert!(is_right(password, Some(&one)) && is_right(password, Some(&two)));
        assert!(!is_right("correct horse batterY", Some(&one)));
        assert!(!is_right(password, None));
        assert!(!is_right(password, Some("no hash")));
    }

    #[test]
    fn what_everybody_would_try_is_no_password() {
        assert_eq!(check("dana", "three blind mice"), Ok(()));
        assert_eq!(check("dana", "short one"), Err(BadPassword::Length));
        assert_eq!(check("dana", &"x y ".repeat(100)), Err(BadPassword::Length));
        for guessed in ["aaaaaaaaaaaaaaaaaa", "passpasspasspass", "dana.dana.dana.12", "            dana!"] {
            assert_eq!(check("dana", guessed), Err(BadPassword::Guessed), "{guessed}");
        }
        assert_eq!(check("dana", "über-große-Straße"), Ok(()));
    }
}
