//! What the audit is told of who gave which rights to whom, of what two decide, and of logins.

use axum::http::Method;
use serde_json::{Value, json};

use super::{FIRST_PASSWORD, PASSWORD, Person, asking, by_key, from, log_in};
use crate::fake::Recorder;
use crate::talk::Talk;

/// A recorder, ada who is an administrator, and the text of an auditor's key.
async fn watched() -> (Recorder, Person, String) {
    let recorder = asking().await;
    let ada = log_in(&recorder, "ada").await;
    let key = ada.add_key(&recorder, "reads", &json!({"roles": ["auditor"]})).await;
    (recorder, ada, key)
}

/// The entries of a search, oldest first.
async fn entries(recorder: &Recorder, key: &str, query: &str) -> Vec<Value> {
    recorder.has_written().await;
    let found = by_key(recorder, key, Method::GET, &format!("/v1/audit?limit=500&{query}"), "").await;
    assert_eq!(found.status, 200, "{}", found.text());
    found.json()["items"].as_array().unwrap().iter().rev().cloned().collect()
}

/// About what, how and why of the last entry of an action.
async fn last(recorder: &Recorder, key: &str, action: &str) -> [String; 3] {
    let found = entries(recorder, key, &format!("action={action}")).await;
    let entry = found.last().unwrap_or_else(|| panic!("no {action}"));
    ["about", "detail", "reason"].map(|name| entry[name].as_str().unwrap().to_owned())
}

async fn alarms(recorder: &Recorder, ada: &Person, kind: &str) -> Vec<[String; 2]> {
    let listed = ada.get(recorder, "/v1/alarms").await.json()["items"].as_array().unwrap().clone();
    let of_it = listed.into_iter().filter(|alarm| alarm["kind"] == kind);
    of_it.map(|alarm| ["about", "what"].map(|name| alarm[name].as_str().unwrap().to_owned())).collect()
}

#[tokio::test]
async fn which_rights_were_given_to_whom_is_on_record_before_and_after() {
    let (recorder, ada, key) = watched().await;
    let dana =
        ada.add_fresh(&recorder, "dana", &json!({"roles": ["supervisor"], "business_units": [3]})).await;
    let [about, detail, _] = last(&recorder, &key, "account.add").await;
    assert_eq!(about, "dana");
    assert!(detail.starts_with(&format!("account {dana}: supervisor for unit 3")), "{detail}");
    let uri = format!("/v1/users/{dana}");
    let wanted = json!({"roles": ["compliance", "privacy_officer"], "active": true});
    assert_eq!(ada.send(&recorder, Method::PUT, &uri, &wanted).await.status, 200);
    let [about, detail, _] = last(&recorder, &key, "account.change").await;
    assert_eq!(about, format!("account {dana}"));
    let change = "dana: supervisor for unit 3 → compliance privacy_officer for everybody";
    assert!(detail.starts_with(change), "{detail}");
    let wanted = json!({"roles": ["agent"], "agents": (1..=60).collect::<Vec<_>>(), "active": false});
    assert_eq!(ada.send(&recorder, Method::PUT, &uri, &wanted).await.status, 200);
    let [_, detail, _] = last(&recorder, &key, "account.change").await;
    assert!(detail.ends_with("agent 49, agent 50, and 10 more, locked"), "{detail}");
    for (method, path) in
        [(Method::DELETE, "/second-factor"), (Method::DELETE, "/logins"), (Method::DELETE, "")]
    {
        let done = ada.send(&recorder, method, &format!("{uri}{path}"), &Value::Null).await;
        assert_eq!(done.status, 204, "{}", done.text());
    }
    for action in ["account.end-second-factor", "account.end-logins", "account.remove"] {
        let [about, detail, _] = last(&recorder, &key, action).await;
        assert_eq!(about, format!("account {dana}"), "{action}");
        assert!(
            detail == "dana" || detail.starts_with("dana: agent for agent 1, agent 2"),
            "{action}: {detail}"
        );
    }
}

#[tokio::test]
async fn what_a_key_may_do_and_for_how_long_is_on_record_and_its_text_is_not() {
    let (recorder, ada, key) = watched().await;
    let wanted = json!({"roles": ["compliance"], "days": 30, "certificate": "crm.example.com"});
    let text = ada.add_key(&recorder, "comp", &wanted).await;
    let [about, detail, _] = last(&recorder, &key, "api-key.add").await;
    assert_eq!(about, "comp");
    let made = "api-key 2: compliance for everybody, 30 days, certificate crm.example.com";
    assert!(detail.starts_with(made), "{detail}");
    assert_eq!(ada.post(&recorder, "/v1/api-keys/2/rotate", &json!({"old_for_s": 60})).await.status, 200);
    let none = json!({"certificate": null});
    assert_eq!(ada.send(&recorder, Method::PUT, "/v1/api-keys/2/certificate", &none).await.status, 200);
    assert_eq!(ada.send(&recorder, Method::DELETE, "/v1/api-keys/2", &Value::Null).await.status, 204);
    for (action, how) in [
        ("api-key.rotate", "comp: compliance for everybody, the text before is good for 60 s"),
        ("api-key.set-certificate", "comp: compliance for everybody, certificate crm.example.com → none"),
        ("api-key.revoke", "comp: compliance for everybody"),
    ] {
        let [about, detail, _] = last(&recorder, &key, action).await;
        assert_eq!(about, "api-key 2", "{action}");
        assert!(detail.starts_with(how), "{action}: {detail}");
    }
    let all = json!(entries(&recorder, &key, "").await).to_string();
    for secret in [&*text, PASSWORD, FIRST_PASSWORD] {
        assert!(!all.contains(secret), "{all}");
    }
}

#[tokio::test]
async fn a_key_that_is_replaced_is_named_with_the_one_in_its_place() {
    let (recorder, ada, key) = watched().await;
    let replaced = ada.post(&recorder, "/v1/keys/rotations", &json!({"kind": "reading"})).await;
    assert_eq!(replaced.status, 201, "{}", replaced.text());
    let ids = replaced.json();
    let [_, detail, _] = last(&recorder, &key, "key.rotate").await;
    assert_eq!(
        detail,
        format!("reading key {} → {}", ids["from"].as_str().unwrap(), ids["to"].as_str().unwrap())
    );
}

#[tokio::test]
async fn a_refusal_says_why_and_a_bad_request_repeats_nothing_that_was_sent() {
    let (recorder, ada, key) = watched().await;
    ada.add(&recorder, "pia", &json!({"roles": ["privacy_officer"]})).await;
    let pia = log_in(&recorder, "pia").await;
    let asked = json!({"number": "+15550100", "why": "GDPR 17(1)(a)"});
    assert_eq!(pia.post(&recorder, "/v1/erasures", &asked).await.status, 202);
    assert_eq!(pia.post(&recorder, "/v1/approvals/1/approve", &json!({})).await.status, 403);
    let [about, detail, reason] = last(&recorder, &key, "approval.approve").await;
    assert_eq!((&*about, &*reason), ("approval 1", "GDPR 17(1)(a)"));
    let (what, why) = detail.split_once("; why not: ").unwrap_or_else(|| panic!("{detail}"));
    assert_eq!(what, "erasure by number, asked by pia");
    assert!(why.starts_with("Another person has to approve"), "{detail}");
    for bad in [
        json!({"name": "Jane Caller", "number": "12", "why": "w"}),
        json!({"name": "Jane Caller", "number": 12, "why": "w"}),
        json!({"name": ["Jane Caller"], "why": "w"}),
        json!({"name": "Jane Caller"}),
    ] {
        assert_eq!(pia.post(&recorder, "/v1/erasures", &bad).await.status, 400, "{bad}");
    }
    let all = json!(entries(&recorder, &key, "").await).to_string();
    assert!(!all.contains("Jane") && !all.contains("15550100"), "{all}");
    let [_, detail, _] = last(&recorder, &key, "erasure.ask").await;
    assert_eq!(detail, "why not: what was sent is not as it should be");
    // Also before anybody is let in to it.
    assert_eq!(pia.get(&recorder, "/v1/audit").await.status, 403);
    let [_, detail, _] = last(&recorder, &key, "audit.search").await;
    assert!(detail.starts_with("why not: "), "{detail}");
}

#[tokio::test]
async fn a_release_that_is_asked_for_is_none_until_it_is_done_and_both_name_the_hold() {
    let (recorder, ada, key) = watched().await;
    ada.add(&recorder, "cora", &json!({"roles": ["compliance"]})).await;
    ada.add(&recorder, "pia", &json!({"roles": ["privacy_officer"]})).await;
    let (cora, pia) = (log_in(&recorder, "cora").await, log_in(&recorder, "pia").await);
    let sealed = recorder.seal(1, &Talk::default()).await.to_string();
    let hold = json!({"matter": "2026-77", "owner": "Dana", "reason": "a claim", "recordings": [sealed]});
    assert_eq!(cora.post(&recorder, "/v1/holds", &hold).await.status, 201);
    let [about, detail, reason] = last(&recorder, &key, "hold.place").await;
    assert_eq!([&*about, &*detail, &*reason], ["hold 1", "matter=2026-77, owner=Dana", "a claim"]);
    assert_eq!(cora.post(&recorder, "/v1/holds/1/release", &json!({"why": "settled"})).await.status, 202);
    assert!(entries(&recorder, &key, "action=hold.release").await.is_empty());
    let [about, detail, reason] = last(&recorder, &key, "hold.ask-release").await;
    assert_eq!([&*about, &*detail, &*reason], ["hold 1", "matter 2026-77, approval 1", "settled"]);
    assert_eq!(pia.post(&recorder, "/v1/approvals/1/approve", &json!({})).await.status, 200);
    let [about, detail, reason] = last(&recorder, &key, "hold.release").await;
    let done = "release of hold 1, matter 2026-77, approval 1, asked by cora, approved by pia";
    assert_eq!([&*about, &*detail, &*reason], ["hold 1", done, "settled"]);
    let entry = &entries(&recorder, &key, "action=hold.release").await[0];
    assert_eq!((&entry["who"], &entry["outcome"]), (&json!("pia"), &json!("done")));
    let [about, detail, _] = last(&recorder, &key, "approval.approve").await;
    assert_eq!([&*about, &*detail], ["approval 1", "release of hold 1, matter 2026-77, asked by cora"]);
}

#[tokio::test]
async fn a_key_that_is_asked_for_is_named_at_each_step() {
    let (recorder, ada, key) = watched().await;
    ada.add(&recorder, "pia", &json!({"roles": ["privacy_officer"]})).await;
    let pia = log_in(&recorder, "pia").await;
    let id = ada.get(&recorder, "/v1/keys").await.json()["items"][0]["id"].as_str().unwrap().to_owned();
    let asked = json!({"key": id, "why": "a copy for the safe"});
    let asked = ada.post(&recorder, "/v1/keys/exports", &asked).await;
    assert_eq!(asked.status, 202, "{}", asked.text());
    let [_, detail, reason] = last(&recorder, &key, "key-export.ask").await;
    assert_eq!((&*detail, &*reason), (&*format!("key={id}, approval 1"), "a copy for the safe"));
    assert_eq!(pia.post(&recorder, "/v1/approvals/1/refuse", &json!({})).await.status, 200);
    let [_, detail, _] = last(&recorder, &key, "approval.refuse").await;
    assert_eq!(detail, format!("private half of key {id}, asked by ada"));
}

#[tokio::test]
async fn a_login_is_found_under_whose_it_is() {
    let (recorder, ada, key) = watched().await;
    ada.add_fresh(&recorder, "cora", &json!({"roles": ["compliance"]})).await;
    super::log_in_with(&recorder, "cora", FIRST_PASSWORD).await;
    let found = entries(&recorder, &key, "who=cora&action=login").await;
    let said = ["kind", "who", "action", "outcome"].map(|name| found[0][name].as_str().unwrap());
    assert_eq!(said, ["person", "cora", "login.begin", "done"], "{found:?}");
    let found = entries(&recorder, &key, "who=ada&action=login.begin").await;
    assert_eq!(found[0]["role"], "administrator");
}

#[tokio::test]
async fn wrong_passwords_are_counted_and_an_account_that_waits_for_them_is_an_alarm() {
    let (recorder, ada, _) = watched().await;
    let guess = async |n: u8, name: &str| {
        let body = json!({"name": name, "password": "not the password of hers"});
        from(&recorder, &format!("192.0.2.{n}:4711"), Method::POST, "/v1/session", &body)
            .await
            .status
            .as_u16()
    };
    for _ in 0..4 {
        assert_eq!(guess(1, "ADA").await, 401);
    }
    assert!(alarms(&recorder, &ada, "login_guessed").await.is_empty(), "these may be slips");
    assert_eq!(guess(1, "ada").await, 401);
    assert_eq!(guess(1, "ada").await, 429);
    let told = alarms(&recorder, &ada, "login_guessed").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0][0] == "account ada" && told[0][1].contains("192.0.2.1"), "{told:?}");
    for n in 2..=20 {
        assert_eq!(guess(n, &format!("name{n}")).await, 401);
    }
    let told = alarms(&recorder, &ada, "login_guessed").await;
    assert!(told.iter().any(|[about, what]| about == "logins" && what.contains("20 addresses")), "{told:?}");
    let metrics = ada.get(&recorder, "/metrics").await.text();
    for line in [
        "sidetone_logins_refused_total{reason=\"wrong\"} 24",
        "sidetone_logins_refused_total{reason=\"wait\"} 1",
        "sidetone_http_unheard_total{status=\"401\"} 24",
        "sidetone_http_unheard_total{status=\"429\"} 1",
    ] {
        assert!(metrics.contains(line), "no {line} in\n{metrics}");
    }
}

#[tokio::test]
async fn who_may_not_hear_and_gives_leave_to_is_an_alarm_and_who_may_is_none() {
    let (recorder, ada, _) = watched().await;
    let given = async || alarms(&recorder, &ada, "hearing_given").await;
    assert!(given().await.is_empty(), "an auditor hears nothing");
    ada.add_key(&recorder, "comp", &json!({"roles": ["compliance"]})).await;
    let told = given().await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0][0], "API key comp");
    let what =
        "ada, who may not hear recordings, has given leave to: api-key 2: compliance for everybody, 365 days";
    assert_eq!(told[0][1], what);
    let sam = ada.add_fresh(&recorder, "sam", &json!({"roles": ["auditor"]})).await;
    assert_eq!(given().await.len(), 1);
    let uri = format!("/v1/users/{sam}");
    let hears = json!({"roles": ["supervisor"], "business_units": [3], "active": true});
    assert_eq!(ada.send(&recorder, Method::PUT, &uri, &hears).await.status, 200);
    assert_eq!(ada.send(&recorder, Method::PUT, &uri, &hears).await.status, 200, "the same is nothing new");
    let told = given().await;
    let of_sam = told.iter().find(|[about, _]| about == "account sam").unwrap();
    assert!(of_sam[1].ends_with("sam: auditor for everybody → supervisor for unit 3"), "{told:?}");
    // Who may hear gives nothing that they have not.
    ada.add(&recorder, "both", &json!({"roles": ["administrator", "compliance"]})).await;
    let both = log_in(&recorder, "both").await;
    both.add_key(&recorder, "speech", &json!({"roles": ["compliance"]})).await;
    let about: Vec<_> = given().await.into_iter().map(|[about, _]| about).collect();
    assert!(
        about.contains(&"account both".to_owned()) && !about.contains(&"API key speech".to_owned()),
        "{about:?}"
    );
    // A key that is there is in the hands of who exchanges its text.
    assert_eq!(ada.post(&recorder, "/v1/api-keys/3/rotate", &json!({})).await.status, 200);
    assert!(given().await.iter().any(|[about, _]| about == "API key speech"));
}

#[tokio::test]
async fn a_search_of_the_audit_that_can_find_nothing_says_what_is_wrong() {
    let (recorder, _, key) = watched().await;
    for (query, parameter, right) in [
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from", "before to"),
        ("recording=01a22159", "recording", "whole id of a recording"),
        ("call=x", "call", "whole id of a call"),
        ("action=recording.lisen", "action", "ref/audit.md"),
    ] {
        for path in ["/v1/audit", "/v1/audit/export"] {
            let refused = by_key(&recorder, &key, Method::GET, &format!("{path}?{query}"), "").await;
            assert_eq!(refused.status, 400, "{query}: {}", refused.text());
            assert_eq!(refused.json()["parameter"], parameter);
            assert!(refused.detail().contains(right), "{}", refused.text());
        }
    }
    assert!(!entries(&recorder, &key, "action=api-key").await.is_empty(), "a noun is an action");
    entries(&recorder, &key, "recording=01A22159-A313-7B8B-983F-BF78E968DC25").await;
}
