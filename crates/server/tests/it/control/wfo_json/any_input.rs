use std::sync::LazyLock;

use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::fake::{Answer, Recorder};

const PATHS: [&str; 13] = [
    "/api/Agent",
    "/api/Agent/GetAll",
    "/api/Record/StartForAgent",
    "/api/Record/UpdateForAgent",
    "/api/Record/StopForAgent",
    "/api/Blackout/StartForAgent",
    "/api/Blackout/StopForAgent",
    "/api/Record/UpdateForDevice",
    "/api/WebExport/SingleExport",
    "/api/WebExport/MultiExport",
    "/api/WebExport/CombinedExport",
    "/v1/exports",
    "/v1/agents/import",
];

fn near_command() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "\"AgentIdentifier\"",
        "\"Value\"",
        "\"CallMetadata\"",
        "\"DeviceId\"",
        "\"idents\"",
        "\"mediaformat\"",
        "\"WAV\"",
        "\"recordings\"",
        "\"Id\"",
        "\"Phone\"",
        "\"1\"",
        "\"4678\"",
        "1",
        "null",
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"user1\"",
        "\"keepdays\"",
        "\"\\ud800\"",
        "1e999",
        "-",
        "\"\u{202e}\"",
        "\"CallInstance\"",
        "true",
    ]);
    prop::collection::vec(word, 0..16).prop_map(|words| format!("{{{}}}", words.concat()))
}

/// One recorder for all cases: what a case leaves behind is input to the next.
fn never_fails(ask: impl AsyncFnOnce(&Recorder) -> Answer) -> Result<(), TestCaseError> {
    static RECORDER: LazyLock<(Runtime, Recorder)> = LazyLock::new(|| {
        let runtime = Runtime::new().unwrap();
        let recorder = runtime.block_on(Recorder::start());
        (runtime, recorder)
    });
    let (runtime, recorder) = &*RECORDER;
    let answer = runtime.block_on(ask(recorder));
    prop_assert!(!answer.status.is_server_error(), "{}: {}", answer.status, answer.text());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_body_makes_the_server_fail(
        path in prop::sample::select(&PATHS[..]),
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            near_command().prop_map(String::into_bytes),
        ],
        form in any::<bool>(),
    ) {
        never_fails(async |recorder| {
            let label = if form { "application/x-www-form-urlencoded" } else { "application/json" };
            let method = if path.starts_with("/api/Agent") { "GET" } else { "POST" };
            let request = axum::http::Request::builder().method(method).uri(path).header("content-type", label);
            recorder.send(request.body(axum::body::Body::from(body)).unwrap()).await
        })?;
    }

    #[test]
    fn no_query_makes_the_server_fail(
        path in prop::sample::select(vec![
            "/api/Agent", "/v1/agents", "/v1/agents/1", "/v1/calls", "/v1/recordings",
            "/v1/recordings/0198c7a2-4f3e-7abc-8def-0123456789ab",
        ]),
        query in "(agentIdentifier|value|agent|number|from|to|text|user1|cursor|limit|state|x|=|&|%|%[0-9a-fA-F]{2}|\\+|[!-~]){0,24}",
    ) {
        let Ok(uri) = format!("{path}?{query}").parse::<axum::http::Uri>() else { return Ok(()) };
        never_fails(async |recorder| recorder.get(&uri.to_string()).await)?;
    }

    #[test]
    fn no_path_makes_the_server_fail(path in "/(api/|v1/|recordings/|agents/|calls/|audio|%2e%2e|%00|\\.\\./|%ff|[!-~]){0,6}") {
        let Ok(uri) = path.parse::<axum::http::Uri>() else { return Ok(()) };
        never_fails(async |recorder| recorder.get(&uri.to_string()).await)?;
    }
}
