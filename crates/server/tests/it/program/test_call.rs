//! The recorder calls itself, for whoever wants to see it record.

use serde_json::{Value, json};
use sim::time::wait_for;

use super::{PATIENCE, recording, sealed, setup, text};

#[test]
fn a_test_call_is_placed_is_seen_as_it_comes_and_says_what_came_of_it() {
    let program = setup().start();
    let http = program.http.clone();
    let placing = std::thread::spawn(move || http.post("/v1/test-call", &Value::Null));
    let live = wait_for("the test call is up", PATIENCE, || {
        let calls = program.http.get("/v1/calls?state=live").ok().json();
        let call = calls["items"].get(0).filter(|call| call["fields"]["user15"] == "test call")?;
        Some(call.clone())
    });
    assert_eq!(live["device"], "sidetone-test");
    let refused = program.http.post("/v1/test-call", &Value::Null);
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains("A test call is running"), "{}", refused.text());

    let said = placing.join().expect("it is answered").ok().json();
    assert_eq!((&said["passed"], &said["todo"]), (&json!(true), &Value::Null), "{said}");
    assert_eq!(said["call"], live["id"]);
    assert!(text(&said["said"]).starts_with("an SBC would see: INVITE answered 200 in"), "{said}");
    for leg in said["legs"].as_array().expect("a list") {
        assert!(
            leg["received"].as_u64() >= leg["sent"].as_u64() && leg["sent"].as_u64() > Some(200),
            "{said}"
        );
        assert!(leg["heard_dbov"].as_i64() > Some(-20), "{said}");
    }
    let found = sealed(&program.http, 1).remove(0);
    assert_eq!((&found["id"], &found["fields"]["user15"]), (&said["recording"], &json!("test call")));
    let refused = program.http.post("/v1/test-call", &Value::Null);
    assert!(matches!(refused.status, 200 | 429), "{}", refused.text());

    // Who placed it and what came of it is on record; that it was looked at is no listen.
    let audit = program.http.get("/v1/audit?action=test-call").ok().json();
    let entry = audit["items"].as_array().expect("a list").iter().find(|entry| entry["outcome"] == "done");
    let entry = entry.expect("it is an act");
    assert_eq!((&entry["recording"], &entry["call"]), (&found["id"], &said["call"]));
    assert!(text(&entry["detail"]).contains("INVITE answered 200"), "{entry}");
    let listens = program.http.get("/v1/audit?action=recording.listen").ok().json();
    assert_eq!(listens["items"], json!([]));
}

#[test]
fn a_test_call_is_kept_although_no_schedule_keeps_calls() {
    let program = setup().start();
    let never = json!({"name": "nothing", "kind": {"type": "percentage", "percent": 0}, "zone": "UTC"});
    assert_eq!(program.http.post("/v1/schedules", &never).status, 201);
    let said = program.http.post("/v1/test-call", &Value::Null).ok().json();
    assert_eq!(said["passed"], true, "{said}");
    let found = sealed(&program.http, 1).remove(0);
    assert!(text(&recording(&program.http, &found)["why"]).contains("command"), "{found}");
}

#[test]
fn a_test_call_that_is_turned_away_says_what_an_sbc_would_see() {
    let program = setup().settings("[sip]\nunlisted = \"refuse\"\n").start();
    let said = program.http.post("/v1/test-call", &Value::Null).ok().json();
    assert_eq!(
        (&said["passed"], &said["call"], &said["recording"]),
        (&json!(false), &Value::Null, &Value::Null)
    );
    assert!(text(&said["said"]).contains("refused the call: 403"), "{said}");
    assert!(text(&said["todo"]).contains("/v1/refusals"), "{said}");
}
