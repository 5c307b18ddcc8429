//! The console, at `/`: the files that `console/` is built into, as they are in `dist/`.
//!
//! They are static; all they show they ask from `/v1`. The policy forbids inline scripts and styles and anything from
//! elsewhere (F-XSS-1). What is on which address is decided in the browser: each of the console's addresses answers
//! with the same page.

use std::hash::{DefaultHasher, Hasher as _};
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::http::App;

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; media-src 'self'; \
     img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Where the console can be entered: `console/src/pages.ts` says what is there.
const PAGES: [&str; 7] =
    ["/", "/recordings", "/recordings/{id}", "/calls/{id}", "/admin", "/admin/{*rest}", "/login"];

/// Whether an address is one of the console's: what is there is the same for everybody, and holds nothing of anybody's.
pub(crate) fn is_page(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    path.starts_with('/') && matches!(first, "" | "recordings" | "calls" | "admin" | "login")
}

/// The page and its parts.
pub(crate) fn routes() -> Router<Arc<App>> {
    let file = |kind, bytes| get(move |headers: HeaderMap| async move { answer(kind, bytes, &headers) });
    let page = file("text/html; charset=utf-8", include_bytes!("dist/index.html").as_slice());
    PAGES
        .iter()
        .fold(Router::new(), |routes, path| routes.route(path, page.clone()))
        .route("/console.js", file("text/javascript; charset=utf-8", include_bytes!("dist/console.js")))
        .route("/console.css", file("text/css; charset=utf-8", include_bytes!("dist/console.css")))
        .route("/icon.svg", file("image/svg+xml", include_bytes!("dist/icon.svg")))
}

/// A file, or that the browser has it already. The files come with the program and are asked for each time, so that
/// after an upgrade no old one is shown.
fn answer(kind: &'static str, bytes: &'static [u8], asked: &HeaderMap) -> Response {
    let etag = validator(bytes);
    let is_known = asked.get(header::IF_NONE_MATCH).is_some_and(|known| *known == etag);
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::ETAG, etag),
    ];
    if is_known {
        (StatusCode::NOT_MODIFIED, headers).into_response()
    } else {
        (headers, bytes).into_response()
    }
}

/// Changes when the bytes do: between two builds of the program, not while one runs.
fn validator(bytes: &[u8]) -> HeaderValue {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    HeaderValue::from_str(&format!("\"{:016x}\"", hasher.finish()))
        .expect("quotes and digits are visible ASCII")
}
