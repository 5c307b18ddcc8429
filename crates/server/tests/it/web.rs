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
