//! `/`: the console. What it does is tested in a browser, in `console/tests`.

use axum::body::Body;
use axum::http::Request;

use crate::fake::Recorder;

#[tokio::test]
async fn the_console_and_its_parts_come_with_a_strict_policy() {
    let recorder = Recorder::start_empty().await;
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/recordings", "text/html; charset=utf-8"),
        ("/recordings/01a22159-a313-7b8b-983f-bf78e968dc25?t=12", "text/html; charset=utf-8"),
        ("/calls/01a22159-a313-7b8b-983f-bf78e968dc25", "text/html; charset=utf-8"),
        ("/admin/webhooks/1", "text/html; charset=utf-8"),
        ("/login?next=%2F", "text/html; charset=utf-8"),
        ("/console.css", "text/css; charset=utf-8"),
        ("/console.js", "text/javascript; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let answer = recorder.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), kind, "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("data:"), "{policy}");
    }
    let api = recorder.get("/v1/agents").await;
    assert_eq!(api.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
    let elsewhere = recorder.get("/no-such-page").await;
    assert_eq!(elsewhere.status, 404);
}

#[tokio::test]
async fn nothing_on_the_page_is_inline_or_from_elsewhere() {
    let recorder = Recorder::start_empty().await;
    let page = recorder.get("/").await.text();
    for inline in
        ["<script>", "<style", " style=", " onclick", " onload", "javascript:", "http://", "https://"]
    {
        assert!(!page.contains(inline), "{inline}");
    }
    assert!(page.contains("src=\"/console.js\"") && page.contains("href=\"/console.css\""), "{page}");
}

#[tokio::test]
async fn a_browser_that_has_a_file_is_told_so_instead_of_being_given_it_again() {
    let recorder = Recorder::start_empty().await;
    let first = recorder.get("/console.js").await;
    let etag = first.header("etag").to_owned();
    let ask = |known: &str| {
        Request::get("/console.js").header("if-none-match", known).body(Body::empty()).expect("a request")
    };
    let again = recorder.send(ask(&etag)).await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    let other = recorder.send(ask("\"0000000000000000\"")).await;
    assert_eq!((other.status.as_u16(), other.body.len()), (200, first.body.len()));
}

#[tokio::test]
async fn a_link_elsewhere_leads_into_the_console_and_to_nothing_else() {
    let recorder = Recorder::start_empty().await;
    let led = async |path: &str, mode: &str, to: &str| {
        let request =
            Request::get(path).header("host", "127.0.0.1:8080").header("sec-fetch-site", "cross-site");
        let request = request.header("sec-fetch-mode", mode).header("sec-fetch-dest", to);
        recorder.send(request.body(Body::empty()).unwrap()).await.status.as_u16()
    };
    for path in ["/", "/recordings?text=kim", "/calls/01a22159-a313-7b8b-983f-bf78e968dc25", "/login"] {
        assert_eq!(led(path, "navigate", "document").await, 200, "{path}");
        assert_eq!(led(path, "navigate", "iframe").await, 403, "{path}");
        assert_eq!(led(path, "no-cors", "image").await, 403, "{path}");
    }
    for path in ["/v1/recordings", "/v1/session/sign-on", "/api/Agent/GetAll", "/metrics", "//v1/recordings"]
    {
        assert_eq!(led(path, "navigate", "document").await, 403, "{path}");
    }
    // Only who is sent back by a provider gets so far; here nobody vouches.
    assert_eq!(led("/v1/session/sign-on/callback", "navigate", "document").await, 404);
}
