//! What `/openapi.json` says of the built program, tried by somebody who has read nothing else.

use std::process::Command;

use serde_json::json;

use super::{sealed, setup, text};

/// What a request may show: no server error; status, headers and body as they are described for it; a refusal of what is not
/// described. That whatever is described is taken is not asked: which names are known and which URLs may be called no schema says.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,missing_required_header,\
                      unsupported_method,allow_header_conformance,negative_data_rejection,use_after_free,\
                      ensure_resource_availability";

#[test]
fn schemathesis_finds_nothing_that_is_not_described() {
    // A mail server that never answers: letters are taken, and fail later.
    let mail = ["--smtp-server", "127.0.0.1", "--smtp-port", "1", "--smtp-tls", "off"];
    let letters = ["--smtp-from", "recorder@example.com", "--smtp-allow-recipients", "*"];
    let setup = mail.iter().chain(&letters).fold(setup(), |setup, said| setup.argument(said));
    let program = setup.start();
    // Something is there to be asked about.
    program.call(&["--agent-phone", "4678", "--number", "+15550100", "--seconds", "2"]).wait();
    let found = sealed(&program.http, 1);
    let note = json!({"kind": "note", "text": "a callback was promised", "by": "Kim"});
    let noted = program.http.post(&format!("/v1/recordings/{}/annotations", text(&found[0]["id"])), &note);
    assert_eq!(noted.status, 201);

    let mut schemathesis = Command::new(sim::pypi::program("schemathesis"));
    schemathesis.current_dir(setup.data()).args(["run", &program.http.url("/openapi.json"), "--no-color"]);
    // The events have no end.
    schemathesis.args(["--exclude-path", "/v1/events", "--checks", CHECKS, "--warnings", "off"]);
    schemathesis.args(["--max-examples", "20", "--seed", "4711", "--request-timeout", "30"]);
    let output = schemathesis.output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("passed"), "it has tried something: {said}");
    program.http.get("/healthz").ok();
}
