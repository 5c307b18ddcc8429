//! Sign-ons that have begun: people are at the provider, and are to come back with the same browser, once.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// How long somebody may take at the provider.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);

/// How many may be there at a time.
const MAX: usize = 10_000;

/// A sign-on that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flow {
    /// The SHA-256 of the cookie of the browser it began in.
    browser: [u8; 32],
    began: Duration,
    /// What the ID token has to say (OpenID Connect Core section 3.1.2.1).
    pub(super) nonce: String,
    /// What the code is exchanged with (RFC 7636).
    pub(super) verifier: String,
    /// Where in the console to go on.
    pub(super) next: String,
}

/// What goes to the provider and to the browser.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) state: String,
    pub(super) nonce: String,
    /// The SHA-256 of the verifier.
    pub(super) challenge: String,
    pub(super) cookie: String,
    /// Whether an older one had to go for it.
    pub(super) pushed_out: bool,
}

/// All of them, by the SHA-256 of their state.
#[derive(Debug, Default)]
pub(super) struct Flows(HashMap<[u8; 32], Flow>);

impl Flows {
    /// One begins, and will go on at `next`. Where there are too many, the oldest goes.
    pub(super) fn begin(&mut self, next: String, now: Duration) -> Result<Begun, getrandom::Error> {
        let [state, nonce, verifier, cookie] = [random()?, random()?, random()?, random()?];
        self.0.retain(|_, flow| now < flow.began.saturating_add(PATIENCE));
        let pushed_out = self.0.len() >= MAX;
        if pushed_out {
            let oldest = self.0.iter().min_by_key(|(_, flow)| flow.began).map(|(key, _)| *key);
            oldest.map(|key| self.0.remove(&key));
        }
        let challenge = URL_SAFE_NO_PAD.encode(digest(&verifier));
        let flow = Flow { browser: digest(&cookie), began: now, nonce: nonce.clone(), verifier, next };
        self.0.insert(digest(&state), flow);
        Ok(Begun { state, nonce, challenge, cookie, pushed_out })
    }

    /// The one of this state, if it began in the browser of this cookie and is not over. It is taken once, whoever brings it.
    pub(super) fn take(&mut self, state: &str, cookie: Option<&str>, now: Duration) -> Option<Flow> {
        let flow = self.0.remove(&digest(state))?;
        let is_same = cookie.is_some_and(|cookie| digest(cookie) == flow.browser);
        (is_same && now < flow.began.saturating_add(PATIENCE)).then_some(flow)
    }
}

fn random() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(7);

    #[test]
    fn a_sign_on_is_taken_once_in_its_browser_and_in_its_time() {
        let mut flows = Flows::default();
        let begun = flows.begin("/recordings".to_owned(), NOW).unwrap();
        let flow = flows.take(&begun.state, Some(&begun.cookie), NOW).unwrap();
        assert_eq!((flow.next.as_str(), flow.nonce), ("/recordings", begun.nonce));
        assert_eq!(URL_SAFE_NO_PAD.encode(digest(&flow.verifier)), begun.challenge);
        assert_eq!(flows.take(&begun.state, Some(&begun.cookie), NOW), None, "a second time");

        let other = flows.begin("/".to_owned(), NOW).unwrap();
        let begun = flows.begin("/".to_owned(), NOW).unwrap();
        assert_eq!(flows.take(&begun.state, Some(&other.cookie), NOW), None, "another browser");
        assert_eq!(flows.take(&begun.state, Some(&begun.cookie), NOW), None, "it was shown to another");
        assert_eq!(flows.take(&other.state, None, NOW), None, "no cookie");

        let begun = flows.begin("/".to_owned(), NOW).unwrap();
        assert_eq!(flows.take(&begun.state, Some(&begun.cookie), NOW + PATIENCE), None, "too late");
        assert_eq!(flows.take("none", Some(&begun.cookie), NOW), None);
    }

    #[test]
    fn who_begins_without_end_takes_no_memory_without_end() {
        let mut flows = Flows::default();
        let first = flows.begin("/".to_owned(), Duration::ZERO).unwrap();
        for _ in 1..MAX {
            assert!(!flows.begin("/".to_owned(), NOW).unwrap().pushed_out);
        }
        assert!(flows.begin("/".to_owned(), NOW).unwrap().pushed_out);
        assert_eq!(flows.0.len(), MAX);
        assert_eq!(flows.take(&first.state, Some(&first.cookie), NOW), None, "the oldest has gone");
        flows.begin("/".to_owned(), NOW + PATIENCE).unwrap();
        assert_eq!(flows.0.len(), 1, "what is over is forgotten");
    }
}
