//! Digest authentication (RFC 8760, RFC 7616, RFC 3261 §22): who asks shows that it knows a password without saying it.
//!
//! *Belongs here*: challenges, their answers, and whether an answer is right and not seen before.
//! *Does not*: which request wants one ([`crate::Endpoint`]), where passwords come from.

mod answer;
mod words;

#[cfg(test)]
mod tests;

use core::time::Duration;
use std::collections::{HashMap, VecDeque};

use md5::Md5;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

pub use answer::Login;
pub use words::Words;

use crate::Now;

/// How long a nonce may be answered.
pub const NONCE_LIFE: Duration = Duration::from_secs(300);

/// Nonces that are in use at a time; the oldest is forgotten first, and whoever used it is challenged again.
pub const MAX_NONCES: usize = 10_000;

/// A hash, by its name in a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// `SHA-256` (RFC 8760).
    Sha256,
    /// `MD5`, for peers that know no better.
    Md5,
}

impl Algorithm {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Md5 => "MD5",
        }
    }

    fn named(name: Option<&str>) -> Option<Self> {
        match name {
            None => Some(Self::Md5),
            Some(name) if name.eq_ignore_ascii_case("MD5") => Some(Self::Md5),
            Some(name) if name.eq_ignore_ascii_case("SHA-256") => Some(Self::Sha256),
            Some(_) => None,
        }
    }

    /// The hash of a text, in hexadecimal.
    pub fn hash(self, text: &str) -> String {
        match self {
            Self::Sha256 => hex(&Sha256::digest(text)),
            Self::Md5 => hex(&Md5::digest(text)),
        }
    }

    /// H(user:realm:password), in hexadecimal.
    pub fn ha1(self, user: &str, realm: &str, password: &str) -> String {
        self.hash(&format!("{user}:{realm}:{password}"))
    }
}

/// Who may log in: one name, and what shows that somebody knows its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name.
    pub user: String,
    /// What the password is for, as the challenge says.
    pub realm: String,
    /// H(user:realm:password) by SHA-256, in lower-case hexadecimal.
    pub sha256: Option<String>,
    /// The same by MD5.
    pub md5: Option<String>,
}

impl core::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // Whoever has the hashes can log in.
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// What shows that somebody knows this password.
    pub fn of_password(user: &str, realm: &str, password: &str) -> Self {
        Self {
            user: user.to_owned(),
            realm: realm.to_owned(),
            sha256: Some(Algorithm::Sha256.ha1(user, realm, password)),
            md5: Some(Algorithm::Md5.ha1(user, realm, password)),
        }
    }

    fn known(&self, algorithm: Algorithm) -> Option<&str> {
        match algorithm {
            Algorithm::Sha256 => self.sha256.as_deref(),
            Algorithm::Md5 => self.md5.as_deref(),
        }
    }
}

/// What an answer is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// The password is known, and this was not seen before.
    Right,
    /// The password is known, but the nonce is too old or was used already: another answer is wanted.
    Stale,
    /// Anything else; a name that is not known and a wrong password are the same.
    Wrong,
}

/// Gives challenges and judges their answers. A nonce needs no memory until it is answered well.
#[derive(Debug)]
pub struct Verifier {
    secret: [u8; 32],
    issued: u64,
    /// The highest count seen for a nonce.
    counts: HashMap<String, u32>,
    in_use: VecDeque<String>,
    /// Nonces issued up to this time may have been forgotten, and are not taken any more.
    forgotten_until: Option<Now>,
}

impl Verifier {
    /// `secret` must be unpredictable.
    pub fn new(secret: [u8; 32]) -> Self {
        let (counts, in_use) = (HashMap::new(), VecDeque::new());
        Self { secret, issued: 0, counts, in_use, forgotten_until: None }
    }

    /// The `WWW-Authenticate` values to challenge with, the strongest first (RFC 8760 §2.4).
    pub fn challenge(&mut self, now: Now, credentials: &Credentials, stale: bool) -> Vec<String> {
        self.issued += 1;
        let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let nonce = self.nonce(millis, self.issued);
        let stale = if stale { ", stale=true" } else { "" };
        [Algorithm::Sha256, Algorithm::Md5]
            .into_iter()
            .filter(|algorithm| credentials.known(*algorithm).is_some())
            .map(|algorithm| {
                format!(
                    "Digest realm=\"{}\", nonce=\"{nonce}\", algorithm={}, qop=\"auth\"{stale}",
                    credentials.realm,
                    algorithm.as_str()
                )
            })
            .collect()
    }

    /// Judges the value of an `Authorization` for a request of this method.
    ///
    /// The URI in it is not compared with the request's: many clients write another form of it, and the count keeps an
    /// answer from being used twice.
    pub fn judge(&mut self, now: Now, credentials: &Credentials, method: &str, answer: &str) -> Judgement {
        let Some(words) = Words::parse(answer) else { return Judgement::Wrong };
        let Some(algorithm) = Algorithm::named(words.get("algorithm")) else { return Judgement::Wrong };
        // A name that is not known takes as long as a wrong password.
        let known = credentials.known(algorithm).unwrap_or("");
        let (nonce, count) = (words.get("nonce").unwrap_or(""), words.get("nc").unwrap_or(""));
        let wanted = response(algorithm, known, method, &words);
        let shown = words.get("response").unwrap_or("").to_ascii_lowercase();
        let same_user = words.get("username").unwrap_or("").as_bytes().ct_eq(credentials.user.as_bytes());
        let same_realm = words.get("realm").unwrap_or("").as_bytes().ct_eq(credentials.realm.as_bytes());
        let right = shown.as_bytes().ct_eq(wanted.as_bytes()) & same_user & same_realm;
        let qop = words.get("qop").is_some_and(|qop| qop.eq_ignore_ascii_case("auth"));
        let count = u32::from_str_radix(count, 16).ok().filter(|_| count.len() == 8);
        let (Some(issued), Some(count), true) = (self.issued_at(nonce), count, qop) else {
            return Judgement::Wrong;
        };
        if known.is_empty() || !bool::from(right) {
            return Judgement::Wrong;
        }
        if now.saturating_sub(issued) > NONCE_LIFE
            || self.forgotten_until.is_some_and(|until| issued <= until)
        {
            return Judgement::Stale;
        }
        if self.count(nonce, count) { Judgement::Right } else { Judgement::Stale }
    }

    /// Notes a count; `false` if it, or a higher one, was seen with this nonce.
    fn count(&mut self, nonce: &str, count: u32) -> bool {
        if let Some(last) = self.counts.get_mut(nonce) {
            let is_higher = count > *last;
            *last = (*last).max(count);
            return is_higher;
        }
        if self.in_use.len() >= MAX_NONCES
            && let Some(oldest) = self.in_use.pop_front()
        {
            self.counts.remove(&oldest);
            self.forgotten_until = self.forgotten_until.max(self.issued_at(&oldest));
        }
        self.counts.insert(nonce.to_owned(), count);
        self.in_use.push_back(nonce.to_owned());
        true
    }

    fn nonce(&self, millis: u64, number: u64) -> String {
        let mut stamped = Sha256::new();
        stamped.update(self.secret);
        stamped.update(millis.to_be_bytes());
        stamped.update(number.to_be_bytes());
        let stamp = hex(&stamped.finalize());
        format!("{millis:016x}{number:016x}{}", &stamp[..32])
    }

    /// When a nonce of ours was given; `None` if it is none.
    fn issued_at(&self, nonce: &str) -> Option<Now> {
        let number = |from: usize| u64::from_str_radix(nonce.get(from..from + 16)?, 16).ok();
        let (millis, issued) = (number(0)?, number(16)?);
        let is_ours = bool::from(self.nonce(millis, issued).as_bytes().ct_eq(nonce.as_bytes()));
        is_ours.then(|| Now::from_millis(millis))
    }
}

/// The response that answers a challenge (RFC 7616 §3.4.1).
fn response(algorithm: Algorithm, ha1: &str, method: &str, words: &Words) -> String {
    let word = |name| words.get(name).unwrap_or("");
    let ha2 = algorithm.hash(&format!("{method}:{}", word("uri")));
    algorithm.hash(&format!(
        "{ha1}:{}:{}:{}:{}:{ha2}",
        word("nonce"),
        word("nc"),
        word("cnonce"),
        word("qop")
    ))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
