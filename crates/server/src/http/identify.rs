//! Who asks: each request is given its [`Principal`] before anything is done about it.

use access::Principal;
use axum::extract::Request;
use axum::http::Extensions;

use super::peer;

/// The principal of a request, as [`identify`] has put it there. One that nobody has put there may do nothing.
pub(crate) fn principal(extensions: &Extensions) -> Principal {
    extensions.get::<Principal>().cloned().unwrap_or_else(|| Principal::nobody(source(extensions)))
}

/// Finds out who asks, and has the request carry it.
pub(super) fn identify(request: &mut Request) {
    let who = Principal::local(source(request.extensions()));
    request.extensions_mut().insert(who);
}

/// The network address a request came from, as it is written down.
fn source(extensions: &Extensions) -> String {
    peer(extensions).map_or_else(|| "unknown".to_owned(), |from| from.to_string())
}
