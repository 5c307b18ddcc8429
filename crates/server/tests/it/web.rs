//! `/`: the page.

use crate::fake::Recorder;

#[tokio::test]
async fn the_page_and_its_parts_come_with_a_strict_policy() {
    let recorder = Recorder::start_empty().await;
    for (path, kind) in [("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript")] {
        let answer = recorder.get(path).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), format!("{kind}; charset=utf-8"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
    }
    let api = recorder.get("/v1/agents").await;
    assert_eq!(api.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
}

#[tokio::test]
async fn nothing_on_the_page_is_inline_from_elsewhere_or_written_as_html() {
    let recorder = Recorder::start_empty().await;
    let (page, script) = (recorder.get("/").await.text(), recorder.get("/page.js").await.text());
    for inline in
        ["<script>", "<style", " style=", " onclick", " onload", "javascript:", "http://", "https://"]
    {
        assert!(!page.contains(inline), "{inline}");
    }
    for unsafe_way in
        ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "setAttribute(", "http"]
    {
        assert!(!script.contains(unsafe_way), "{unsafe_way}");
    }
}
