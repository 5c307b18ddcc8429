//! Passwords: Argon2id, and what a new one must be like (F-API-2).

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};

use super::hashes::{self, BadList, HashLines};

/// The shortest and the longest password, in characters (NIST SP 800-63B-4 section 3.1.1.2, for one that stands alone).
pub(crate) const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 15..=256;

/// A hash that no password has, of the usual cost: comparing with it takes as long as with a right one.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c2lkZXRvbmUgbm9ib2R5$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What people take who are to take fifteen characters: 3,331 of the passwords that have leaked most often, which are long enough
/// and are no mail address, in lower case, by their SHA-1. Out of the lists of `SecLists` (Daniel Miessler and others, MIT).
const COMMON: &[u8] = include_bytes!("common.sha1");

/// Words of what this is, of which no password is made.
const OWN_WORDS: [&str; 9] = [
    "sidetone",
    "recorder",
    "recording",
    "password",
    "passphrase",
    "callcenter",
    "callcentre",
    "contactcenter",
    "administrator",
];

/// What has to be there beside the words everybody here would think of, in letters and digits.
const REST_MIN: usize = 6;

/// What else new passwords are held to.
#[derive(Debug, Clone, Default)]
pub struct PasswordRules {
    /// Words of this place, in lower case, of which no password is made.
    pub words: Vec<String>,
    /// Passwords that have leaked, if the operator has named a list of them.
    pub leaked: Option<Arc<dyn HashLines>>,
}

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
    #[error(
        "this password is easily guessed: it is the name or another word of this place, or one character or word again and again; \
         several words that do not belong together do well"
    )]
    Guessed,
    /// It is among those that are tried first.
    #[error(
        "this password is common, and among those that are tried first; several words that do not belong together do well"
    )]
    Common,
    /// It is the one so far.
    #[error("the new password is the one so far; take another")]
    Same,
    /// It is in the list of leaked ones.
    #[error(
        "this password has leaked ({0} times, by the list of leaked passwords); take one that was used nowhere else"
    )]
    Leaked(u64),
}

/// Checks a password that is to be set, as far as it takes no file.
pub(super) fn check(name: &str, password: &str, words: &[String]) -> Result<(), BadPassword> {
    if !PASSWORD_CHARS.contains(&password.chars().count()) {
        return Err(BadPassword::Length);
    }
    let lower = password.to_lowercase();
    // The longest first: what holds another would be left in pieces.
    let name = name.to_lowercase();
    let mut words: Vec<&str> = words.iter().map(String::as_str).chain(OWN_WORDS).chain([&*name]).collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    let stripped = words
        .iter()
        .filter(|word| !word.is_empty())
        .fold(lower.clone(), |rest, word| rest.replace(*word, " "));
    let is_of_this_place = stripped.chars().filter(|c| c.is_alphanumeric()).count() < REST_MIN;
    let is_repeated = (1..=lower.len() / 3).any(|length| {
        lower.is_char_boundary(length)
            && lower.as_bytes().chunks(length).all(|part| lower.as_bytes().starts_with(part))
    });
    if is_of_this_place || is_repeated {
        return Err(BadPassword::Guessed);
    }
    match hashes::find(&COMMON, &hashes::sha1(&lower)) {
        Ok(None) => Ok(()),
        // The list is ours: a test reads all of it.
        Ok(Some(_)) | Err(_) => Err(BadPassword::Common),
    }
}

/// Checks a passphrase that protects a key somewhere else: it is as good as a password has to be, in one line.
///
/// # Errors
/// What it lacks, as a sentence.
pub(crate) fn check_passphrase(name: &str, passphrase: &str, words: &[String]) -> Result<(), String> {
    if passphrase.chars().any(char::is_control) {
        return Err("passphrase must be one line".to_owned());
    }
    check(name, passphrase, words).map_err(|bad| bad.to_string())
}

/// Looks a password up in the list of leaked ones; how often it was seen. Reads a file: it is no work for a thread that others
/// wait for.
pub(super) fn leaked(list: &dyn HashLines, password: &str) -> Result<Option<u64>, BadList> {
    hashes::find(list, &hashes::sha1(password))
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

    fn checked(password: &str) -> Result<(), BadPassword> {
        check("dana", password, &["examplebank".to_owned()])
    }

    #[test]
    fn what_everybody_would_try_is_no_password() {
        assert_eq!(checked("three blind mice"), Ok(()));
        assert_eq!(checked("short one"), Err(BadPassword::Length));
        assert_eq!(checked(&"x y ".repeat(100)), Err(BadPassword::Length));
        for guessed in ["aaaaaaaaaaaaaaaaaa", "passpasspasspass", "dana.dana.dana.12", "            dana!"] {
            assert_eq!(checked(guessed), Err(BadPassword::Guessed), "{guessed}");
        }
        assert_eq!(checked("über-große-Straße"), Ok(()));
    }

    #[test]
    fn no_password_is_made_of_the_words_of_its_own_place() {
        for own in [
            "SidetoneRecorder2026",
            "sidetone sidetone 1",
            "ExampleBank-Dana-26!",
            "password.recording",
            "Administrator1234",
            "my-examplebank-password",
        ] {
            assert_eq!(checked(own), Err(BadPassword::Guessed), "{own}");
        }
        assert_eq!(checked("sidetone at a lakeside"), Ok(()));
    }

    #[test]
    fn common_ones_are_refused_in_any_case() {
        for common in [
            "1qaz2wsx3edc4rfv",
            "1QAZ2wsx3EDC4rfv",
            "qwertyuiopasdfghjkl",
            "123456789qwerty",
            "12345678900987654321",
        ] {
            assert_eq!(checked(common), Err(BadPassword::Common), "{common}");
        }
    }

    #[test]
    fn of_the_common_ones_that_are_long_enough_more_than_three_thousand_are_known_and_each_is_found() {
        let lines: Vec<&[u8]> = COMMON.trim_ascii_end().split(|byte| *byte == b'\n').collect();
        assert!(lines.len() > 3_000 && lines.is_sorted(), "{}", lines.len());
        for line in lines {
            let digits = line.try_into().unwrap();
            assert_eq!(hashes::find(&COMMON, digits).unwrap(), Some(1));
        }
    }

    #[test]
    fn what_has_leaked_is_found_as_it_was_written() {
        let list: &'static [u8] =
            b"5FFDE07AC5F8E6D8F2DE46A1E9B7D0C0F3A9D1B2:3\nFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF:1\n";
        assert_eq!(leaked(&list, "three blind mice").unwrap(), None);
        let of_it = [&hashes::sha1("three blind mice")[..], b":37\n"].concat().leak();
        let list: &'static [u8] = of_it;
        assert_eq!(leaked(&list, "three blind mice").unwrap(), Some(37));
        assert_eq!(leaked(&list, "Three blind mice").unwrap(), None);
    }
}
