//! The console, at `/`: the files that `console/` is built into, as they are in `dist/`.
//!
//! They are static; all they show they ask from `/v1`. The policy forbids inline scripts and styles and anything from
//! elsewhere (F-XSS-1). What is on which address is decided in the browser: each of the console's addresses answers
//! with the same page.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::http::App;

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; media-src 'self'; \
     img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Where the console can be entered: `console/src/pages.ts` says what is there.
const PAGES: [&str; 7] =
    ["/", "/recordings", "/recordings/{id}", "/calls/{id}", "/admin", "/admin/{*rest}", "/login"];

/// The page and its parts.
pub(crate) fn routes() -> Router<Arc<App>> {
    let page = || get(|| async { file("text/html; charset=utf-8", include_bytes!("dist/index.html")) });
    PAGES
        .iter()
        .fold(Router::new(), |routes, path| routes.route(path, page()))
        .route(
            "/console.js",
            get(|| async { file("text/javascript; charset=utf-8", include_bytes!("dist/console.js")) }),
        )
        .route(
            "/console.css",
            get(|| async { file("text/css; charset=utf-8", include_bytes!("dist/console.css")) }),
        )
        .route("/icon.svg", get(|| async { file("image/svg+xml", include_bytes!("dist/icon.svg")) }))
}

fn file(kind: &'static str, bytes: &'static [u8]) -> impl IntoResponse {
    let headers: [(HeaderName, HeaderValue); 3] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        // The files come with the program: after an upgrade the browser must not show the old ones.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, bytes)
}
