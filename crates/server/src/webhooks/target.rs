//! Where a receiver is: a URL, taken apart.

use axum::http::Uri;

/// The longest URL that is taken.
const URL_MAX: usize = 2_048;

/// A receiver's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Whether it is called over TLS.
    pub tls: bool,
    /// The host, in lower case; an address of IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Host and port as they stand in the URL.
    pub authority: String,
    /// Path and query.
    pub path: String,
}

/// Why a URL can be no receiver's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}; one such as https://crm.example.com/sidetone is")]
pub struct TargetError(&'static str);

impl Target {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// [`TargetError`], saying what is wrong with it.
    pub fn read(url: &str) -> Result<Self, TargetError> {
        if url.len() > URL_MAX {
            return Err(TargetError("it is longer than 2048 bytes, and no URL of a receiver"));
        }
        let uri: Uri = url.trim().parse().map_err(|_| TargetError("it is no URL"))?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(TargetError("it is no http:// or https:// URL")),
        };
        let authority = uri.authority().ok_or(TargetError("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(TargetError("it holds a user name or password, which a URL is no place for"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if host.is_empty() {
            return Err(TargetError("it names no host"));
        }
        let has_port = authority.as_str().len() > authority.host().len();
        let port = match (authority.port_u16(), has_port) {
            (Some(0), _) | (None, true) => return Err(TargetError("its port is none")),
            (Some(port), _) => port,
            (None, false) => {
                if tls {
                    443
                } else {
                    80
                }
            }
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { tls, host, port, authority: authority.as_str().to_owned(), path })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(scheme in "(https?://)?", rest in any::<String>(), plain in "[ -~]{0,40}") {
            for text in [format!("{scheme}{rest}"), format!("{scheme}{plain}")] {
                if let Ok(target) = Target::read(&text) {
                    prop_assert!(!target.host.is_empty() && target.port > 0 && !target.authority.contains('@'));
                    prop_assert!(target.path.starts_with('/'), "{}", target.path);
                }
            }
        }
    }

    #[test]
    fn a_url_is_taken_apart() {
        let read = Target::read("https://CRM.example.com/hooks?from=sidetone").unwrap();
        assert_eq!((read.tls, read.host.as_str(), read.port), (true, "crm.example.com", 443));
        assert_eq!(read.path, "/hooks?from=sidetone");
        let read = Target::read("http://[2001:db8::1]:8080").unwrap();
        assert_eq!(
            (read.tls, read.host.as_str(), read.port, read.path.as_str()),
            (false, "2001:db8::1", 8080, "/")
        );
    }

    #[test]
    fn what_is_none_is_refused_with_what_would_be_right() {
        for wrong in [
            "",
            "crm.example.com",
            "/hooks",
            "ftp://crm.example.com/",
            "file:///etc/passwd",
            "https://user:secret@crm.example.com/",
            "https://crm.example.com:0/",
            "https://crm.example.com:99999/",
            "https:///hooks",
            "https://a b/",
            "gopher://127.0.0.1:25/",
        ] {
            let said = Target::read(wrong).unwrap_err().to_string();
            assert!(said.ends_with("one such as https://crm.example.com/sidetone is"), "{wrong}: {said}");
        }
    }
}
