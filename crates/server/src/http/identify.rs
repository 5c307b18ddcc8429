//! Who asks: each request is given its [`Principal`] before anything is done about it.

use std::convert::Infallible;
use std::sync::Arc;

use access::{Due, Kind, Principal};
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderName, Method, StatusCode};

use super::{Client, peer};
use crate::control::error::Problem;
use crate::control::wfo_json;
use crate::identity::{Asking, ByLine, Identity, hides_login};
use crate::tls::ClientCertificate;

/// What a page sends along to change something, out of `/v1/session`.
const CSRF: HeaderName = HeaderName::from_static("x-csrf-token");

/// What a proxy says of whom it asks for.
const FORWARDED: [&str; 3] = ["forwarded", "x-forwarded-for", "x-real-ip"];

/// The principal of a request, as [`identify`] has put it there. One that nobody has put there may do nothing.
pub(crate) fn principal(extensions: &Extensions) -> Principal {
    extensions
        .get::<Asking>()
        .map_or_else(|| Principal::nobody(source(extensions)), |asking| asking.principal.clone())
}

/// Who asks, for a handler.
#[derive(Debug, Clone)]
pub(crate) struct Who(pub(crate) Principal);

impl<S: Sync> FromRequestParts<S> for Who {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(principal(&parts.extensions)))
    }
}

/// Finds out who asks, and has the request carry it.
///
/// # Errors
/// Somebody who is known by a cookie changes something, and does not show that the page it comes from is ours (F-CSRF); or
/// something is due of them first.
pub(super) async fn identify(identity: &Identity, request: &mut Request) -> Result<(), Problem> {
    let from = source(request.extensions());
    let takes_passwords = wfo_json::owns(request.uri().path());
    let certificate = certificate(request.extensions());
    let is_secure = is_over_tls(request.extensions());
    let line = ByLine { from: from.clone(), is_secure, certificate: certificate.as_deref() };
    let mut asking = identity.of(request.headers(), line, takes_passwords).await;
    // What collects metrics may not be able to show anything; nothing else is told to it.
    if request.uri().path() == "/metrics" && identity.opens_metrics() && asking.principal.kind == Kind::Nobody
    {
        asking.principal = Principal::local(from);
    }
    if asking.principal.kind == Kind::Nobody
        && request.uri().path().starts_with("/v1/")
        && hides_login(request.headers(), is_secure)
    {
        let right = "a name and a password came along (Authorization: Basic) and hide the login of the page: a proxy in between asks \
                     for them and passes them on. Have it keep them: in nginx, proxy_set_header Authorization \"\"";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, right));
    }
    let login = asking.login.as_ref();
    let csrf = login.map(|login| login.csrf.clone());
    let due = login.and_then(|login| login.due.first().copied());
    request.extensions_mut().insert(asking);
    if let Some(csrf) = csrf
        && !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
    {
        let shown = request.headers().get(CSRF).map(|value| value.as_bytes());
        if shown != Some(csrf.as_bytes()) {
            let right = "a page that is logged in with a cookie sends the csrf_token of /v1/session along as X-CSRF-Token";
            return Err(Problem::new(StatusCode::FORBIDDEN, right));
        }
    }
    due.map_or(Ok(()), |due| admit_to(due, request.uri().path()))
}

/// Admits somebody of whom something is due to where that is done, to logging in and out, and to what tells nothing of calls.
fn admit_to(due: Due, path: &str) -> Result<(), Problem> {
    let (own, right) = match due {
        Due::Password => (
            "/v1/session/password",
            "somebody else has set your password, and it is good for nothing but to be changed: PUT /v1/session/password \
             with old and new",
        ),
        Due::SecondFactor => (
            "/v1/session/second-factor",
            "a second factor is demanded here, and you have none: POST /v1/session/second-factor with your password tells \
             its secret, PUT with a code switches it on",
        ),
    };
    let is_login = path == "/v1/session" || path.starts_with("/v1/session/sign-on");
    let is_elsewhere = !path.starts_with("/v1/") && !wfo_json::owns(path);
    if is_login || is_elsewhere || path == own {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, right))
}

/// Whether a request comes from this machine, and from no proxy on it that asks for others.
pub(crate) fn is_from_here(extensions: &Extensions, headers: &HeaderMap) -> bool {
    let is_near = extensions.get::<Client>().is_some_and(Client::is_local);
    is_near && !FORWARDED.iter().any(|name| headers.contains_key(*name))
}

/// Whether a request came over TLS: a cookie that is set in its answer is then sent over TLS only.
pub(crate) fn is_over_tls(extensions: &Extensions) -> bool {
    extensions.get::<Client>().is_some_and(|client| client.secure)
}

/// The certificate that was shown on the line of a request.
pub(crate) fn certificate(extensions: &Extensions) -> Option<Arc<ClientCertificate>> {
    extensions.get::<Client>()?.certificate.clone()
}

/// The network address a request came from, as it is written down.
fn source(extensions: &Extensions) -> String {
    peer(extensions).map_or_else(|| "unknown".to_owned(), |peer| peer.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_whom_something_is_due_can_do_that_and_log_out_and_nothing_else() {
        for (due, own, other) in [
            (Due::Password, "/v1/session/password", "/v1/session/second-factor"),
            (Due::SecondFactor, "/v1/session/second-factor", "/v1/session/password"),
        ] {
            for open in ["/v1/session", "/v1/session/sign-on/callback", own, "/", "/login", "/healthz"] {
                assert!(admit_to(due, open).is_ok(), "{open}");
            }
            for closed in [
                other,
                "/v1/session/logins",
                "/v1/events",
                "/v1/roles",
                "/v1/users/first",
                "/api/agent",
                "/API/Agent",
                "/v1/",
            ] {
                assert!(admit_to(due, closed).is_err(), "{closed}");
            }
        }
    }
}
