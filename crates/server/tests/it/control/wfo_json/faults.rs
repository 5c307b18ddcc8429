use axum::body::Body;
use axum::http::{Method, Request};

use crate::fake::Recorder;

/// Every body that is refused, and the beginning of what is said about it.
const REFUSED: [(&str, &str); 12] = [
    ("", "AgentIdentifier and Value are missing; send it in the URI or in the JSON body, for example {"),
    (r#"{"AgentIdentifier":"Id"}"#, "Value is missing"),
    (r#"{"Value":"1"}"#, "AgentIdentifier is missing"),
    (r#"{"AgentIdentifier":"Id","Value":" "}"#, "Value is missing"),
    (r#"{"AgentIdentifier":"Id","Value":null}"#, "Value is missing"),
    (
        r#"{"AgentIdentifier":"Badge","Value":"1"}"#,
        "\"Badge\" is no AgentIdentifier; there are Id, Phone, CrmUsername, SystemUsername, Username.",
    ),
    (r#"{"AgentIdentifier":"Id","Value":"77"}"#, "No agent has the Id \"77\"."),
    (r#"{"AgentIdentifier":"Id","Value":"one"}"#, "No agent has the Id \"one\"."),
    ("{\"AgentIdentifier\":\"Id\",\n\"Value\":}", "The body is no JSON: expected value at line 2 column 9"),
    ("AgentIdentifier=Id", "The body is no JSON object; send for example"),
    (
        r#"{"AgentIdentifier":"Id","Value":["1"]}"#,
        "Value must be a text or a number, not an object or a list.",
    ),
    (
        r#"{"AgentIdentifier":"Id","Value":"1","CallMetadata":[]}"#,
        "CallMetadata must be a JSON object of texts, for example {\"user2\":\"1234567890\"}.",
    ),
];

#[tokio::test]
async fn each_fault_is_a_404_whose_message_names_it() {
    let recorder = Recorder::start().await;
    for (body, said) in REFUSED {
        let answer = recorder.post("/api/Record/StartForAgent", body).await;
        assert_eq!(answer.status, 404, "{body}");
        assert!(answer.message().starts_with(said), "{body}: {}", answer.message());
        assert_eq!(answer.header("content-type"), "application/json");
    }
    let answer = recorder.get("/api/Agent?agentIdentifier=Id").await;
    assert_eq!((answer.status.as_u16(), answer.message().starts_with("Value is missing")), (404, true));
    let answer = recorder.post("/api/Blackout/StopForDevice", "{}").await;
    assert!(answer.message().starts_with("DeviceId is missing; send it"));
}

#[tokio::test]
async fn an_update_without_metadata_or_without_a_call_is_refused() {
    let recorder = Recorder::start().await;
    let path = "/api/Record/UpdateForAgent";
    let answer = recorder.post(path, r#"{"AgentIdentifier":"Id","Value":"1"}"#).await;
    assert!(answer.message().starts_with("CallMetadata is missing"));
    let body = r#"{"AgentIdentifier":"Id","Value":"1","CallMetadata":{"user1":"x"}}"#;
    let answer = recorder.post(path, body).await;
    assert_eq!((answer.status.as_u16(), answer.message()), (404, "Agent 1 has no call.".to_owned()));
    let answer = recorder.post("/api/Record/StopForAgent", body).await;
    assert_eq!((answer.status.as_u16(), answer.message()), (404, "Agent 1 has no call.".to_owned()));
}

#[tokio::test]
async fn a_malformed_value_is_refused_by_the_name_of_its_key_and_never_repeated() {
    let recorder = Recorder::start().await;
    for (key, value, wanted) in [
        ("keepdays", "4111x", "a whole number, -1 for no override"),
        ("archiveaction", "-7.4111", "a whole number, -1 for no override"),
        ("calldirection", "4111", "I or O"),
    ] {
        let body = format!(r#"{{"AgentIdentifier":"Id","Value":"1","CallMetadata":{{"{key}":"{value}"}}}}"#);
        let answer = recorder.post("/api/Record/StartForAgent", body).await;
        assert_eq!(answer.status, 404);
        assert_eq!(answer.message(), format!("In CallMetadata the value of {key} must be {wanted}."));
    }
    let agent = recorder.get("/api/Agent?agentIdentifier=Id&value=1").await.json();
    assert!(agent["ActiveCall"].is_null(), "a refused start starts nothing");
}

#[tokio::test]
async fn a_wrong_method_and_an_unknown_command_say_what_would_be_right() {
    let recorder = Recorder::start().await;
    let answer = recorder.get("/api/Record/StartForAgent").await;
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "POST"));
    assert_eq!(answer.message(), "/api/Record/StartForAgent is called with POST.");
    let answer = recorder.method(Method::DELETE, "/api/agent").await;
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "GET"));
    for path in ["/api/Record/StartForAgents", "/api", "/api/", "/Api/Record"] {
        let answer = recorder.post(path, "{}").await;
        assert_eq!(answer.status, 404);
        assert!(answer.message().contains("/api/Record/StartForAgent, "), "{path}");
    }
}

#[tokio::test]
async fn a_body_over_1_mib_is_too_large_and_one_of_1_mib_is_not() {
    let recorder = Recorder::start().await;
    let of = |bytes: usize| {
        let (head, tail) = (r#"{"AgentIdentifier":"Id","Value":"1","x":""#, r#""}"#);
        format!("{head}{}{tail}", "x".repeat(bytes - head.len() - tail.len()))
    };
    let path = "/api/Record/StartForAgent";
    assert_eq!(recorder.post(path, of(1 << 20)).await.status, 200);
    let answer = recorder.post(path, of((1 << 20) + 1)).await;
    assert_eq!(
        (answer.status.as_u16(), answer.message().as_str()),
        (413, "The body is larger than 1048576 bytes.")
    );
}

#[tokio::test]
async fn what_cannot_be_made_durable_is_a_500_and_questions_still_answer() {
    let recorder = Recorder::start().await;
    recorder.hands.fill_the_disk();
    let body = r#"{"AgentIdentifier":"Id","Value":"1"}"#;
    for path in ["/api/Record/StartForAgent", "/api/Record/StopForAgent", "/api/Blackout/StopForAgent"] {
        let answer = recorder.post(path, body).await;
        assert_eq!(answer.status, 500, "{path}");
        assert!(answer.message().starts_with("The command could not be written to disk in time"));
    }
    assert_eq!(recorder.get("/api/Agent?agentIdentifier=Id&value=1").await.status, 200);
    assert_eq!(recorder.metrics.commands_failed.get(), 3);
}

#[tokio::test]
async fn a_blackout_that_cannot_be_made_durable_is_a_500_and_on_all_the_same() {
    let recorder = Recorder::start().await;
    recorder.hands.fill_the_disk();
    tokio::time::pause();
    let answer =
        recorder.post("/api/Blackout/StartForAgent", r#"{"AgentIdentifier":"Id","Value":"1"}"#).await;
    assert_eq!(answer.status, 500);
    assert!(answer.message().contains("A blackout asked for is on all the same."));
    let agent = recorder.get("/api/Agent?agentIdentifier=Id&value=1").await.json();
    assert_eq!(agent["BlackoutActive"], true);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for_without_end() {
    let recorder = Recorder::start().await;
    tokio::time::pause();
    for path in ["/api/Record/StartForAgent", "/v1/agents/import"] {
        let body = Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
        let answer = recorder.post(path, body).await;
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "2"), "{path}");
    }
    let broken = futures_util::stream::iter([Ok(b"{".to_vec()), Err(std::io::Error::other("reset"))]);
    let answer = recorder.post("/api/Record/StartForAgent", Body::from_stream(broken)).await;
    assert_eq!(answer.message(), "The body broke off before its end; send it again.");
}

#[tokio::test]
async fn a_foreign_web_page_can_neither_command_nor_read() {
    let recorder = Recorder::start().await;
    let ask = |name: &'static str, value: &'static str| {
        let request = Request::get("/api/Agent/GetAll").header("host", "127.0.0.1:8080").header(name, value);
        recorder.send(request.body(Body::empty()).unwrap())
    };
    assert_eq!(ask("sec-fetch-site", "cross-site").await.status, 403);
    assert_eq!(ask("origin", "https://evil.example").await.status, 403);
    assert_eq!(ask("origin", "null").await.status, 403);
    assert_eq!(ask("origin", "http://127.0.0.1:8080").await.status, 200);
    assert_eq!(ask("sec-fetch-site", "same-origin").await.status, 200);
    // So an image is asked for in the clear: no header says for which page.
    let by_browser = |path: &'static str| {
        let request =
            Request::get(path).header("host", "127.0.0.1:8080").header("user-agent", "Mozilla/5.0 (X11)");
        recorder.send(request.header("accept-language", "en").body(Body::empty()).unwrap())
    };
    let refused = by_browser("/api/Agent/GetAll").await;
    assert_eq!(refused.status, 403);
    assert!(refused.message().contains("send it from a program, or over https"), "{}", refused.message());
    assert_eq!(by_browser("/v1/session").await.status, 200, "our own page asks so");
    for (host, status) in [
        ("recorder.evil.example", 403),
        ("localhost.evil.example:8080", 403),
        ("127.0.0.1.evil.example", 403),
        ("LOCALHOST:8080", 200),
        ("[::1]:8080", 200),
        ("192.0.2.1", 200),
    ] {
        let request = Request::get("/api/Agent/GetAll").header("host", host).body(Body::empty()).unwrap();
        assert_eq!(recorder.send(request).await.status, status, "{host}");
    }
}
