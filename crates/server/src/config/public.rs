//! The address at which the recorder is reached from elsewhere.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::Deserialize;

use super::Config;

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

impl Config {
    /// What a command line on this machine has to say to ask this recorder, with a blank before it; nothing where it does so by
    /// itself.
    pub fn asked_here(&self) -> String {
        let scheme = if self.http_tls.is_some() { "https" } else { "http" };
        let mut at = self.http;
        match at.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => at.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => at.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        let said = format!("{scheme}://{at}");
        if said == "http://127.0.0.1:8080" { String::new() } else { format!(" --server {said}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_here_is_told_where_to_ask_unless_it_knows() {
        let asked = |http: &str| {
            let fresh = Config::of_fresh_install("data".into());
            Config { http: http.parse().unwrap(), ..fresh }.asked_here()
        };
        assert_eq!(asked("127.0.0.1:8080"), "");
        assert_eq!(asked("0.0.0.0:8443"), " --server http://127.0.0.1:8443");
        assert_eq!(asked("192.0.2.10:8443"), " --server http://192.0.2.10:8443");
        assert_eq!(asked("[::]:8443"), " --server http://[::1]:8443");
    }
}
