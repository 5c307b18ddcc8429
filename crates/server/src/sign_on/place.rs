//! An address of the provider: over TLS, or on this very machine.

use axum::http::Uri;

/// The longest address that is taken.
const URL_MAX: usize = 2_048;

/// An address, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The whole of it, as it was written.
    url: String,
    pub(super) tls: bool,
    /// The host, in lower case; an address of IPv6 without brackets.
    host: String,
    pub(super) port: u16,
    /// Host and port as they stand there.
    pub(super) authority: String,
    /// Path and query.
    pub(super) path: String,
}

impl Place {
    /// Takes an address apart.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub fn read(url: &str) -> Result<Self, String> {
        let wrong = |why: &str| {
            let url: String = url.chars().take(100).collect();
            format!("\"{url}\" {why}; one such as https://id.example.com/realms/acme is right")
        };
        let uri: Uri = match url.parse() {
            Ok(uri) if url.len() <= URL_MAX => uri,
            _ => return Err(wrong("is no URL")),
        };
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong("is no https:// URL")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("names no host"))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let has_port = authority.as_str().len() > authority.host().len();
        let port = match (authority.port_u16(), has_port) {
            (Some(0), _) | (None, true) => return Err(wrong("has no port that can be called")),
            (Some(port), _) => port,
            (None, false) => {
                if tls {
                    443
                } else {
                    80
                }
            }
        };
        if host.is_empty() || authority.as_str().contains('@') {
            return Err(wrong("names no host, or a user, which has no place there"));
        }
        if !tls && !is_near(&host) {
            return Err(wrong("would be called in the clear, and who it is could not be known"));
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { url: url.to_owned(), tls, host, port, authority: authority.as_str().to_owned(), path })
    }

    /// Its host.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The address with more parameters.
    pub(super) fn with(&self, parameters: &[(&str, &str)]) -> String {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let joint = if self.url.contains('?') { '&' } else { '?' };
        format!("{}{joint}{query}", self.url)
    }
}

/// Whether a host is this machine, by an address or the one name that is always so (RFC 6761 section 6.3).
fn is_near(host: &str) -> bool {
    host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_is_taken_over_tls_or_on_this_machine() {
        let read = Place::read("https://ID.example.com/realms/acme?x=1").unwrap();
        assert_eq!((read.tls, read.host(), read.port), (true, "id.example.com", 443));
        assert_eq!(read.path, "/realms/acme?x=1");
        assert_eq!(read.with(&[("a b", "c&d")]), "https://ID.example.com/realms/acme?x=1&a+b=c%26d");
        assert_eq!(Place::read("http://[::1]:4000").unwrap().with(&[("a", "b")]), "http://[::1]:4000?a=b");
        for wrong in [
            "",
            "id.example.com",
            "http://id.example.com/",
            "http://192.0.2.1/",
            "https://u:p@id.example.com/",
            "https://id.example.com:0/",
        ] {
            assert!(Place::read(wrong).unwrap_err().contains("is right"), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_or_refused(scheme in "(https?://)?", rest in any::<String>()) {
            if let Ok(place) = Place::read(&format!("{scheme}{rest}")) {
                prop_assert!(!place.host.is_empty() && place.port > 0 && (place.tls || is_near(&place.host)));
            }
        }
    }
}
