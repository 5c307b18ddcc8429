//! Addresses of record as metadata writes them: sip, sips, tel, a bare `user@host`, a host, or only a number (A4-02).

/// The user part: what stands before `@` without scheme and user parameters, or the number of a `tel` URI or of a bare
/// number. `None` for an address that is only a host.
///
/// ```
/// use siprec::metadata::user_of;
/// assert_eq!(user_of("sip:4678@pbx.example.com;user=phone"), Some("4678"));
/// assert_eq!(user_of("tel:+13035550199;ext=7"), Some("+13035550199"));
/// assert_eq!(user_of("sip:192.0.2.1"), None);
/// ```
#[must_use]
pub fn user_of(aor: &str) -> Option<&str> {
    let (scheme, rest) = split_scheme(aor);
    let user = match rest.rsplit_once('@') {
        Some((user, _)) => user,
        None if scheme == Some("tel") || is_number(rest.split(';').next()?.trim()) => rest,
        None => return None,
    };
    let user = user.split([';', ':', '@']).next()?.trim();
    (!user.is_empty()).then_some(user)
}

/// The host part without port and parameters; `None` for a `tel` URI or a bare number.
#[must_use]
pub fn host_of(aor: &str) -> Option<&str> {
    let (scheme, rest) = split_scheme(aor);
    let after = match rest.rsplit_once('@') {
        Some((_, host)) => host,
        None if scheme == Some("tel") || user_of(aor).is_some() => return None,
        None => rest,
    };
    let end = if after.starts_with('[') {
        after.find(']').map_or(after.len(), |n| n + 1)
    } else {
        after.find([':', ';', '?', '>']).unwrap_or(after.len())
    };
    let host = after[..end].trim();
    (!host.is_empty()).then_some(host)
}

/// Whether text is a dialable number: digits with the usual separators, maybe a leading `+`, at least two digits.
#[must_use]
pub fn is_number(text: &str) -> bool {
    let rest = text.strip_prefix('+').unwrap_or(text);
    rest.bytes().filter(u8::is_ascii_digit).count() >= 2
        && rest.bytes().all(|b| b.is_ascii_digit() || b"-().*#".contains(&b))
        // An IPv4 address has the same characters.
        && text.parse::<std::net::Ipv4Addr>().is_err()
}

/// Scheme in lower case when it is one of the three, and the rest.
fn split_scheme(aor: &str) -> (Option<&'static str>, &str) {
    let aor = aor.trim();
    for scheme in ["sips", "sip", "tel"] {
        if let Some((head, rest)) = aor.split_at_checked(scheme.len())
            && head.eq_ignore_ascii_case(scheme)
            && let Some(rest) = rest.strip_prefix(':')
        {
            return (Some(scheme), rest);
        }
    }
    (None, aor)
}
