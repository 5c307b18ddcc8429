//! The client's side: an answer to a challenge.

use super::{Algorithm, Words, response};

/// A name and its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password.
    pub password: String,
}

impl core::fmt::Debug for Login {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Login {
    /// The `Authorization` that answers the first of these challenges that can be answered. `None` if none can.
    pub fn answer<'c>(
        &self,
        challenges: impl Iterator<Item = &'c str>,
        method: &str,
        uri: &str,
        cnonce: &str,
    ) -> Option<String> {
        let understood = challenges.filter_map(|challenge| {
            let words = Words::parse(challenge)?;
            let algorithm = Algorithm::named(words.get("algorithm"))?;
            let offered = words.get("qop").unwrap_or("");
            let takes_auth = offered.split(',').any(|qop| qop.trim().eq_ignore_ascii_case("auth"));
            takes_auth.then_some((algorithm, words))
        });
        let (algorithm, words) = understood.into_iter().next()?;
        let (realm, nonce) = (words.get("realm")?, words.get("nonce")?);
        let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let head = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\", algorithm={}, qop=auth, nc=00000001, \
             cnonce=\"{cnonce}\"",
            quoted(&self.user),
            quoted(realm),
            quoted(nonce),
            quoted(uri),
            algorithm.as_str()
        );
        let said = Words::parse(&head)?;
        let ha1 = algorithm.ha1(&self.user, realm, &self.password);
        let response = response(algorithm, &ha1, method, &said);
        Some(format!("{head}, response=\"{response}\""))
    }
}
