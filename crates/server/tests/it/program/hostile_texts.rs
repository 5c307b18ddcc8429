//! Texts that are meant for a log, a browser or a terminal, sent wherever a text is taken.

use serde_json::json;
use sim::time::wait_for;

use super::{PATIENCE, setup, text};

const FORGED: &str = "Kim\r\n2026-11-30T00:00:00Z ERROR forged\u{1b}[2K\u{202e}\u{2028}line";

#[test]
fn no_log_line_begins_with_what_somebody_has_sent() {
    let program = setup().log("debug").start();
    let hold = json!({"matter": FORGED, "owner": FORGED, "reason": FORGED, "by": FORGED,
                      "query": {"number": "+15550100"}});
    program.http.post("/v1/holds", &hold);
    program.http.put("/v1/agents/88", &json!({"phone": "70088", "name": FORGED}));
    program.http.post("/v1/agents/import", &json!(FORGED));
    program.http.get("/v1/recordings?text=a%0d%0aERROR%20forged");
    program.http.post("/api/Record/StartForAgent%0d%0aERROR%20forged", &json!({}));
    program.http.post("/api/Record/StartForAgent", &json!({"agentIdentifier": FORGED, "value": FORGED}));
    program.call(&["--agent-phone", "4678", "--number", "+1555\u{2028}0100", "--seconds", "1"]).wait_any();
    wait_for("it has logged something", PATIENCE, || (program.log().lines().count() > 5).then_some(()));
    let log = program.stop().log;
    for line in log.split(['\n', '\r', '\u{2028}']) {
        let plain = line.trim_start();
        assert!(
            !plain.starts_with("ERROR forged") && !plain.starts_with("2026-11-30T00:00:00Z ERROR"),
            "{line}"
        );
    }
    assert!(!log.contains(['\u{1b}', '\u{202e}']), "{log}");
}

#[test]
fn hostile_values_come_back_as_json_that_no_browser_reads_as_a_page() {
    let program = setup().start();
    let script = "<script>alert(1)</script>";
    let put = program.http.put("/v1/agents/89", &json!({"phone": "70089", "name": script}));
    assert_eq!(put.status, 201, "{}", put.text());
    let shown = program.http.get("/v1/agents/89").ok();
    assert_eq!(text(&shown.json()["name"]), script);
    let refused = program.http.get("/v1/recordings?limit=%3Cscript%3Ealert(1)%3C/script%3E");
    let unknown = program.http.get("/%3Cscript%3Ealert(1)%3C/script%3E");
    for answer in [shown, refused, unknown] {
        let kind = answer.header("content-type");
        assert!(
            kind.starts_with("application/json") || kind.starts_with("application/problem+json"),
            "{kind}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"));
    }
}
