//! The address at which the recorder is reached from elsewhere.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// An `https://` address without query, in lower case up to its path, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PublicUrl {
    text: String,
    host: std::ops::Range<usize>,
}

impl PublicUrl {
    /// Its host.
    pub fn host(&self) -> &str {
        &self.text[self.host.clone()]
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        read(text).ok_or_else(|| {
            format!("\"{text}\" is no address for links; one such as https://recorder.example.com is")
        })
    }
}

impl TryFrom<String> for PublicUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

fn read(text: &str) -> Option<PublicUrl> {
    let uri: axum::http::Uri = text.trim().parse().ok()?;
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
    if uri.scheme_str() != Some("https") || uri.query().is_some() || authority.host().is_empty() {
        return None;
    }
    let path = uri.path().trim_end_matches('/');
    let text = format!("https://{}{path}", authority.as_str().to_ascii_lowercase());
    let host = "https://".len().."https://".len() + authority.host().len();
    Some(PublicUrl { text, host })
}
