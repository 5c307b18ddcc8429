//! What a request shows to say who asks.

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::key;

/// The cookie over plain HTTP, which only loopback speaks; and over TLS, where browsers hold to what its prefix promises
/// (RFC 6265bis section 4.1.3).
const COOKIE: &str = "sidetone";
const SECURE_COOKIE: &str = "__Host-sidetone";

/// What a request shows.
#[derive(Debug)]
pub(super) enum Shown {
    /// Nothing.
    Nothing,
    /// An API key: as a bearer token (RFC 6750), or as a password.
    Key(Zeroizing<String>),
    /// A name and a password (RFC 7617).
    Password(String, Zeroizing<String>),
    /// A cookie.
    Cookie(String),
    /// Something that cannot be read.
    Unreadable,
}

/// Reads it. A login that is shown in the head beats a cookie, for it was shown on purpose.
pub(super) fn shown(headers: &HeaderMap, is_secure: bool) -> Shown {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    match (given.next(), given.next()) {
        (None, _) => cookie(headers, is_secure).map_or(Shown::Nothing, Shown::Cookie),
        (Some(value), None) => value.to_str().ok().and_then(authorization).unwrap_or(Shown::Unreadable),
        (Some(_), Some(_)) => Shown::Unreadable,
    }
}

/// Whether a name and password came along with the cookie of a login, which they beat.
pub(crate) fn hides_login(headers: &HeaderMap, is_secure: bool) -> bool {
    cookie(headers, is_secure).is_some() && matches!(shown(headers, is_secure), Shown::Password(..))
}

fn authorization(text: &str) -> Option<Shown> {
    let (scheme, rest) = text.trim().split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Shown::Key(rest.to_owned().into()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = Zeroizing::new(STANDARD.decode(rest).ok()?);
    let (name, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    // Old clients have a name and a password and nowhere to put anything else: the key may be either.
    for text in [password, name] {
        if text.starts_with(key::PREFIX) {
            return Some(Shown::Key(text.to_owned().into()));
        }
    }
    Some(Shown::Password(name.to_owned(), password.to_owned().into()))
}

/// The cookie of a login. Over TLS it is the one that only this host can have set: any other name of its domain, and anybody on the
/// wire, could have set the one without the prefix.
pub(super) fn cookie(headers: &HeaderMap, is_secure: bool) -> Option<String> {
    cookie_named(headers, if is_secure { SECURE_COOKIE } else { COOKIE })
}

/// The first cookie of a name.
pub(crate) fn cookie_named(headers: &HeaderMap, wanted: &str) -> Option<String> {
    let texts = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned())
}

/// The `Set-Cookie` of a login.
pub(crate) fn set_cookie(cookie: &str, is_secure: bool) -> String {
    let name = if is_secure { SECURE_COOKIE } else { COOKIE };
    let secure = if is_secure { "; Secure" } else { "" };
    format!("{name}={cookie}; Path=/; HttpOnly; SameSite=Strict{secure}")
}

/// The `Set-Cookie` values that take it back, of both names.
pub(crate) fn clear_cookies() -> [String; 2] {
    let end = "Max-Age=0";
    [format!("{}; {end}", set_cookie("", false)), format!("{}; {end}", set_cookie("", true))]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&'static str, &str)], is_secure: bool) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        match shown(&map, is_secure) {
            Shown::Nothing => "nothing".to_owned(),
            Shown::Key(key) => format!("key {}", *key),
            Shown::Password(name, password) => format!("{name} {}", *password),
            Shown::Cookie(cookie) => format!("cookie {cookie}"),
            Shown::Unreadable => "unreadable".to_owned(),
        }
    }

    #[test]
    fn a_login_is_read_out_of_what_clients_send() {
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        for (headers, seen) in [
            (vec![], "nothing"),
            (vec![("authorization", "Bearer stk_1_2")], "key stk_1_2"),
            (vec![("authorization", "bearer  stk_1_2 ")], "key stk_1_2"),
            (vec![("authorization", &*basic("dana:a:b"))], "dana a:b"),
            (vec![("authorization", &*basic("crm:stk_1_2"))], "key stk_1_2"),
            (vec![("authorization", &*basic("stk_1_2:"))], "key stk_1_2"),
            (vec![("authorization", "Digest x=y")], "unreadable"),
            (vec![("authorization", "Basic !")], "unreadable"),
            (vec![("authorization", "Basic")], "unreadable"),
            (vec![("authorization", "Bearer a"), ("authorization", "Bearer b")], "unreadable"),
            (vec![("cookie", "a=b; sidetone=one")], "cookie one"),
            (vec![("cookie", "sidetone=one"), ("authorization", "Bearer stk_1_2")], "key stk_1_2"),
            (vec![("cookie", "other=one")], "nothing"),
        ] {
            assert_eq!(read(&headers, false), seen, "{headers:?}");
        }
    }

    #[test]
    fn over_tls_a_cookie_that_another_host_could_have_set_is_none() {
        let both = [("cookie", "sidetone=planted; __Host-sidetone=own")];
        assert_eq!((&*read(&both, true), &*read(&both, false)), ("cookie own", "cookie planted"));
        let planted = [("cookie", "sidetone=planted")];
        assert_eq!(read(&planted, true), "nothing");
    }

    #[test]
    fn a_cookie_is_kept_from_scripts_and_other_sites_and_over_tls_from_the_wire() {
        assert_eq!(set_cookie("x", false), "sidetone=x; Path=/; HttpOnly; SameSite=Strict");
        assert_eq!(set_cookie("x", true), "__Host-sidetone=x; Path=/; HttpOnly; SameSite=Strict; Secure");
    }
}
