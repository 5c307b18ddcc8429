use axum::http::Method;
use serde_json::{Value, json};

use super::recordings::row;
use crate::control::access::{asking, by_key, log_in};
use crate::fake::{Answer, Recorder};

/// A recorder with one finished recording of ten seconds, and its address.
async fn world() -> (Recorder, String) {
    let recorder = Recorder::start().await;
    recorder.index.put_recording(&row(1)).await.unwrap();
    (recorder, format!("/v1/recordings/{}", row(1).id))
}

async fn attach(recorder: &Recorder, at: &str, body: &Value) -> Answer {
    recorder.post(&format!("{at}/annotations"), body.to_string()).await
}

async fn found(recorder: &Recorder, condition: &str) -> usize {
    recorder.get(&format!("/v1/recordings?{condition}")).await.json()["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_bookmark_a_note_and_a_category_are_attached_listed_and_found() {
    let (recorder, at) = world().await;
    let bookmark = json!({"kind": "bookmark", "text": " refund promised ", "from_ms": 2000, "to_ms": 3500, "by": "Robin"});
    let answer = attach(&recorder, &at, &bookmark).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let seen = answer.json();
    assert_eq!(
        (&seen["text"], &seen["from_ms"], &seen["to_ms"], &seen["removed"]),
        (&json!("refund promised"), &json!(2000), &json!(3500), &Value::Null)
    );
    let note = json!({"kind": "note", "text": "first line\nsecond line", "by": "Kim"});
    assert_eq!(attach(&recorder, &at, &note).await.status, 201);
    let category = json!({"kind": "category", "text": "Complaint", "by": "Kim"});
    assert_eq!(attach(&recorder, &at, &category).await.status, 201);

    let items = recorder.get(&format!("{at}/annotations")).await.json()["items"].clone();
    let kinds: Vec<_> = items.as_array().unwrap().iter().map(|item| item["kind"].clone()).collect();
    assert_eq!(kinds, ["bookmark", "note", "category"]);
    let summary = recorder.get("/v1/recordings").await.json()["items"][0].clone();
    assert_eq!(
        (&summary["categories"], &summary["bookmarks"], &summary["notes"]),
        (&json!(["Complaint"]), &json!(1), &json!(1))
    );
    for (condition, count) in [
        ("text=refund", 1),
        ("text=second", 1),
        ("category=COMPLAINT", 1),
        ("category=Compl", 0),
        ("annotated=bookmark", 1),
        ("annotated=note&category=complaint", 1),
    ] {
        assert_eq!(found(&recorder, condition).await, count, "{condition}");
    }
}

#[tokio::test]
async fn what_is_taken_back_is_found_no_more_and_stays_on_record() {
    let (recorder, at) = world().await;
    let category = json!({"kind": "category", "text": "Complaint", "by": "Kim"});
    let number = attach(&recorder, &at, &category).await.json()["number"].clone();
    let remove = async |query: &str| {
        recorder.request(Method::DELETE, &format!("{at}/annotations/{number}{query}"), "").await
    };
    let nobody = remove("").await;
    assert_eq!((nobody.status.as_u16(), &nobody.json()["parameter"]), (400, &json!("by")));
    assert_eq!(remove("?by=Alex").await.status, 204);
    assert_eq!(remove("?by=Alex").await.status, 404);

    assert_eq!(found(&recorder, "category=complaint").await, 0);
    let list = format!("{at}/annotations");
    assert_eq!(recorder.get(&list).await.json()["items"], json!([]));
    let all = recorder.get(&format!("{list}?removed=all")).await.json();
    assert_eq!((&all["items"][0]["by"], &all["items"][0]["removed_by"]), (&json!("Kim"), &json!("Alex")));
}

#[tokio::test]
async fn what_somebody_has_said_is_taken_back_by_them_or_by_who_may_erase_and_by_nobody_else() {
    let recorder = asking().await;
    recorder.index.put_recording(&row(1)).await.unwrap();
    let at = format!("/v1/recordings/{}/annotations", row(1).id);
    let ada = log_in(&recorder, "ada").await;
    let unit = json!([row(1).business_unit]);
    ada.add(&recorder, "sue", &json!({"roles": ["supervisor"], "business_units": unit})).await;
    ada.add(&recorder, "rowan", &json!({"roles": ["agent"], "agents": [1]})).await;
    ada.add(&recorder, "cora", &json!({"roles": ["compliance"]})).await;
    let grant = json!({"roles": ["supervisor"], "business_units": unit});
    let coach = ada.add_key(&recorder, "coach", &grant).await;
    let (sue, rowan, cora) =
        (log_in(&recorder, "sue").await, log_in(&recorder, "rowan").await, log_in(&recorder, "cora").await);
    let note = json!({"kind": "note", "text": "was rude"});
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let said = sue.post(&recorder, &at, &note).await;
        assert_eq!(said.status, 201, "{}", said.text());
        numbers.push(said.json()["number"].clone());
    }
    let for_kim = json!({"kind": "note", "text": "was rude", "by": "Kim"}).to_string();
    let by_coach = by_key(&recorder, &coach, Method::POST, &at, &for_kim).await.json()["number"].clone();

    let none = Value::Null;
    let first = format!("{at}/{}", numbers[0]);
    let refused = rowan.send(&recorder, Method::DELETE, &first, &none).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(refused.detail().starts_with("Sue has said this"), "{}", refused.detail());
    let uri = format!("{first}?by=sue");
    assert_eq!(by_key(&recorder, &coach, Method::DELETE, &uri, "").await.status, 403, "in her name");
    let of_program = format!("{at}/{by_coach}?by=Alex");
    assert_eq!(sue.send(&recorder, Method::DELETE, &of_program, &none).await.status, 403);
    assert_eq!(sue.get(&recorder, &at).await.json()["items"].as_array().unwrap().len(), 3);

    assert_eq!(sue.send(&recorder, Method::DELETE, &first, &none).await.status, 204);
    let second = format!("{at}/{}", numbers[1]);
    assert_eq!(cora.send(&recorder, Method::DELETE, &second, &none).await.status, 204);
    assert_eq!(by_key(&recorder, &coach, Method::DELETE, &of_program, "").await.status, 204);
}

#[tokio::test]
async fn a_held_recording_keeps_the_values_of_its_fields_and_who_writes_which_is_on_record() {
    let (recorder, at) = world().await;
    let patch =
        async |body: Value| recorder.request(Method::PATCH, &at, &json!({"fields": body}).to_string()).await;
    assert_eq!(patch(json!({"user3": "promised 500"})).await.status, 200);
    let hold = json!({"matter": "m", "owner": "Dana", "reason": "r", "by": "Robin", "recordings": [row(1).id.to_string()]});
    assert_eq!(recorder.post("/v1/holds", hold.to_string()).await.status, 201);
    for lost in [json!({"user3": "promised nothing"}), json!({"user3": "", "user4": "x"})] {
        let refused = patch(lost).await;
        assert_eq!(refused.status, 409, "{}", refused.text());
        assert!(
            refused.detail().contains("hold 1") && refused.detail().contains("user3"),
            "{}",
            refused.detail()
        );
    }
    assert_eq!(patch(json!({"user3": "promised 500", "user4": "seen"})).await.status, 200, "nothing is lost");
    let seen = recorder.get(&at).await.json()["fields"].clone();
    assert_eq!((&seen["user3"], &seen["user4"]), (&json!("promised 500"), &json!("seen")));

    let acts = recorder.get("/v1/audit?action=recording.annotate").await.json()["items"].clone();
    let details: Vec<_> = acts.as_array().unwrap().iter().map(|act| act["detail"].clone()).collect();
    assert!(
        details.contains(&json!("writes user3, user4")) && details.contains(&json!("writes user3")),
        "{acts}"
    );
    assert!(!acts.to_string().contains("promised"), "values may be of people: {acts}");
}

#[tokio::test]
async fn a_card_number_in_a_note_is_not_kept() {
    let (recorder, at) = world().await;
    let note = json!({"kind": "note", "text": "card 4111 1111 1111 1111, order 1234567890", "by": "Kim"});
    let kept = attach(&recorder, &at, &note).await.json()["text"].clone();
    assert_eq!(kept, "card **** **** **** ****, order 1234567890");
    assert_eq!(found(&recorder, "text=1111").await, 0);
    assert_eq!(found(&recorder, "text=1234567890").await, 1);
}

#[tokio::test]
async fn what_cannot_be_attached_is_refused_by_field() {
    let (recorder, at) = world().await;
    let good = json!({"kind": "bookmark", "text": "x", "by": "Kim"});
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for (body, parameter, detail) in [
        (with("kind", json!("star")), "kind", "Kind must be one of bookmark, note, category."),
        (with("text", json!(" ")), "text", "Text must be a line of 1 to 200 characters."),
        (with("text", json!("x".repeat(201))), "text", "Text must be a line of 1 to 200 characters."),
        (with("text", json!("two\nlines")), "text", "Text must be a line of 1 to 200 characters."),
        (with("by", json!("")), "by", "By must be a line of 1 to 500 characters."),
        (
            with("from_ms", json!(10_001)),
            "from_ms",
            "From_ms must lie in the recording, which lasts 10000 ms.",
        ),
        (with("to_ms", json!(5)), "to_ms", "To_ms must lie behind from_ms and in the recording"),
    ] {
        let answer = attach(&recorder, &at, &body).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["parameter"]), (400, &json!(parameter)), "{body}");
        assert!(answer.detail().starts_with(detail), "{body}: {}", answer.detail());
    }
    for body in
        [with("colour", json!("red")), with("from_ms", json!(-1)), with("from_ms", json!(1e40)), json!([])]
    {
        let answer = attach(&recorder, &at, &body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(
            answer.detail().contains("\"refund promised\""),
            "it shows what is right: {}",
            answer.detail()
        );
    }
    let nowhere = "/v1/recordings/0198c7a2-4f3e-7abc-8def-0123456789ab";
    assert_eq!(attach(&recorder, nowhere, &good).await.status, 404);
    assert_eq!(recorder.get(&format!("{at}/annotations")).await.json()["items"], json!([]));
    assert_eq!(recorder.get(&format!("{at}/annotations?removed=yes")).await.status, 400);
}

#[tokio::test]
async fn user_fields_of_a_finished_recording_are_written_and_no_others() {
    let (recorder, at) = world().await;
    let patch = async |body: &str| recorder.request(Method::PATCH, &at, body).await;
    let answer = patch(r#"{"fields": {"User3": " callback done ", "user2": ""}}"#).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["fields"]["user3"], "callback done");
    assert_eq!(found(&recorder, "user3=callback%20done").await, 1);
    assert_eq!(found(&recorder, "text=1234567890").await, 0);
    for body in [
        r#"{"fields": {"keepdays": "1"}}"#,
        r#"{"fields": {"ani": "1"}}"#,
        r#"{"fields": {"user16": "1"}}"#,
        r#"{"fields": {}}"#,
    ] {
        let answer = patch(body).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["parameter"]), (400, &json!("fields")), "{body}");
    }
    assert_eq!(patch(r#"{"fields": {"user1": 1}}"#).await.status, 400);
}
