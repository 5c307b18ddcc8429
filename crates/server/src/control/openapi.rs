//! The description of the HTTP face, OpenAPI 3.1.
//!
//! It is made from the code and committed as `ref/openapi.json`; a test compares the two.

use std::sync::LazyLock;

use axum::http::header;
use bytes::Bytes;
use serde_json::{Value, json};
use utoipa::OpenApi;

use super::native::{
    agents, alarms, annotations, api_keys, approvals, archive_actions, audio, audit, blackouts, calls,
    chronicle, deliveries, devices, erasures, events, explain, exports, grants, health, holds, key_exports,
    keys, levels, logins, manifest, recording, recordings, redactions, refusals, restriction, retention,
    schedules, searches, session, sign_on, test_call, users, vcon, waveform, webhooks,
};
use super::wfo_json;
use crate::http::{Doors, Rule};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sidetone",
        description = "An open call recorder for contact centres: the commands of the WFO Recording API, and \
                       the recorder's own API. See ref/control-api.md.",
    ),
    paths(
        wfo_json::status,
        wfo_json::list,
        wfo_json::start,
        wfo_json::update,
        wfo_json::stop,
        wfo_json::open,
        wfo_json::close,
        wfo_json::single,
        wfo_json::several,
        wfo_json::letter,
        agents::list,
        agents::import,
        agents::one,
        agents::put,
        agents::remove,
        agents::seat,
        alarms::list,
        archive_actions::list,
        archive_actions::add,
        archive_actions::one,
        archive_actions::put,
        schedules::list,
        schedules::add,
        schedules::one,
        schedules::put,
        schedules::remove,
        explain::explain,
        events::events,
        levels::levels,
        test_call::place,
        blackouts::report,
        calls::list,
        calls::one,
        chronicle::of_call,
        chronicle::of_recording,
        devices::list,
        manifest::of_recording,
        recordings::find,
        recording::one,
        annotations::tag,
        annotations::list,
        annotations::add,
        annotations::remove,
        audio::listen,
        exports::list,
        exports::create,
        exports::one,
        exports::cancel,
        exports::download,
        redactions::list,
        redactions::redact,
        vcon::export,
        waveform::of_recording,
        restriction::put,
        restriction::lift,
        retention::status,
        retention::confirm,
        holds::list,
        holds::place,
        holds::one,
        holds::release,
        keys::list,
        keys::rotate,
        key_exports::list,
        key_exports::ask,
        key_exports::take_back,
        key_exports::fetch,
        erasures::list,
        erasures::erase,
        refusals::list,
        refusals::trunks,
        session::get,
        session::log_in,
        session::log_out,
        sign_on::begin,
        sign_on::finish,
        sign_on::left_there,
        searches::get,
        searches::put,
        logins::list,
        logins::end_others,
        logins::end_one,
        session::set_password,
        session::begin_factor,
        session::confirm_factor,
        session::end_factor,
        grants::roles,
        users::list,
        users::add,
        users::add_first,
        users::one,
        users::change,
        users::remove,
        logins::end_of_user,
        users::set_password,
        users::reset_factor,
        sign_on::link,
        sign_on::unlink,
        api_keys::list,
        api_keys::add,
        api_keys::one,
        api_keys::revoke,
        api_keys::rotate,
        api_keys::set_certificate,
        approvals::list,
        approvals::one,
        approvals::approve,
        approvals::refuse,
        webhooks::list,
        webhooks::add,
        webhooks::one,
        audit::find,
        audit::export,
        webhooks::put,
        webhooks::remove,
        webhooks::exchange_secret,
        deliveries::list,
        deliveries::replay,
        webhooks::test,
        health::alive,
        health::ready,
        health::metrics,
    ),
    components(schemas(wfo_json::DeviceCommand))
)]
struct Description;

/// The description as it is served and committed, with a line end behind it.
pub fn description() -> String {
    let mut api = serde_json::to_value(Description::openapi()).expect("the description is plain data");
    add_device_commands(&mut api);
    add_exports(&mut api);
    add_posted_export(&mut api);
    name_user_fields(&mut api);
    narrow_parameters(&mut api);
    widen_commands(&mut api);
    widen_agents(&mut api);
    widen_parameters(&mut api);
    super::guarded::describe(&mut api);
    let mut text = serde_json::to_string_pretty(&api).expect("plain data can be printed");
    text.push('\n');
    text
}

/// Put together once: it takes a while, and whoever reaches the recorder may ask for it.
static SERVED: LazyLock<Bytes> = LazyLock::new(|| description().into());

pub(crate) fn routes() -> Doors {
    let answer = || async { ([(header::CONTENT_TYPE, "application/json")], SERVED.clone()) };
    Doors::default().get("/openapi.json", Rule::Open, answer)
}

/// The siblings by device say what the commands by agent say, with another body.
fn add_device_commands(api: &mut Value) {
    let Some(paths) = api["paths"].as_object_mut() else { return };
    let by_agent: Vec<(String, Value)> = paths
        .iter()
        .filter(|(path, _)| path.ends_with("ForAgent"))
        .map(|(path, item)| (path.clone(), item.clone()))
        .collect();
    for (path, mut item) in by_agent {
        let post = &mut item["post"];
        let name = post["operationId"].as_str().unwrap_or_default().to_owned();
        post["operationId"] = json!(format!("{name}ForDevice"));
        post["summary"] = json!(format!("{name} by device: an extension."));
        post["description"] =
            json!(format!("As {name}, for the device named; an agent at it is meant then."));
        post["requestBody"]["content"]["application/json"]["schema"]["$ref"] =
            json!("#/components/schemas/DeviceCommand");
        paths.insert(path.replace("ForAgent", "ForDevice"), item);
    }
}

/// Exports that take what another takes, and do it otherwise.
fn add_exports(api: &mut Value) {
    let others = [
        (
            "/api/WebExport/MultiExport",
            "/api/WebExport/CombinedExport",
            "Combined Export: many recordings in one file, one after the other by number, half a second apart.",
        ),
        (
            "/api/EmailExport/SingleExport",
            "/api/EmailExport/MultiExport",
            "Multi Export by mail: many recordings go to a mailbox.",
        ),
        (
            "/api/EmailExport/SingleExport",
            "/api/EmailExport/CombinedExport",
            "Combined Export by mail: many recordings in one file go to a mailbox.",
        ),
    ];
    for (like, path, summary) in others {
        let mut item = api["paths"][like].clone();
        let mut parts = path.rsplit('/');
        let name = parts.next().unwrap_or_default();
        let mail = if parts.next() == Some("EmailExport") { "Email" } else { "" };
        item["post"]["operationId"] = json!(format!("{mail}{name}"));
        item["post"]["summary"] = json!(summary);
        api["paths"][path] = item;
    }
}

/// The export of one recording takes its parameters in a body too, as the one by mail does.
fn add_posted_export(api: &mut Value) {
    let body = api["paths"]["/api/EmailExport/SingleExport"]["post"]["requestBody"].clone();
    let item = &mut api["paths"]["/api/WebExport/SingleExport"];
    let mut post = item["get"].clone();
    post.as_object_mut().into_iter().for_each(|post| drop(post.remove("parameters")));
    let name = post["operationId"].as_str().unwrap_or_default().to_owned();
    post["operationId"] = json!(format!("{name}Posted"));
    post["requestBody"] = body;
    item["post"] = post;
}

/// `user1` stands for its fourteen siblings in the code.
fn name_user_fields(api: &mut Value) {
    let Some(parameters) = api["paths"]["/v1/recordings"]["get"]["parameters"].as_array_mut() else { return };
    let Some(at) = parameters.iter().position(|parameter| parameter["name"] == "user1") else { return };
    let mut first = parameters.remove(at);
    for n in (1..=15).rev() {
        first["name"] = json!(format!("user{n}"));
        first["description"] = json!(format!("Exact value of user{n}"));
        parameters.insert(at, first.clone());
    }
}

/// What a parameter can be, more exactly than its Rust type says.
fn narrow_parameters(api: &mut Value) {
    let id = || json!({"type": "string", "format": "uuid"});
    let instant = || json!({"type": "string", "format": "date-time"});
    let count = || json!({"type": "integer", "format": "int64", "minimum": 0});
    let narrow = [
        ("/v1/calls", "state", json!({"type": "string", "enum": ["live", "ended"]})),
        ("/v1/calls/{id}", "id", id()),
        ("/v1/calls/{id}/timeline", "id", id()),
        ("/v1/recordings", "from", instant()),
        ("/v1/recordings", "to", instant()),
        ("/v1/recordings", "call", id()),
        ("/v1/recordings", "limit", json!({"type": "integer", "minimum": 1, "maximum": index::PAGE_MAX})),
        ("/v1/blackouts", "from", instant()),
        ("/v1/blackouts", "to", instant()),
        ("/v1/audit", "from", instant()),
        ("/v1/audit", "to", instant()),
        ("/v1/audit", "limit", json!({"type": "integer", "minimum": 1, "maximum": index::PAGE_MAX})),
        ("/v1/audit/export", "from", instant()),
        ("/v1/audit/export", "to", instant()),
        ("/v1/audit/export", "format", json!({"type": "string", "enum": ["jsonl", "csv"]})),
        ("/v1/exports/{id}", "id", id()),
        ("/v1/exports/{id}/download", "id", id()),
        ("/v1/recordings/{id}", "id", id()),
        ("/v1/recordings/{id}/redactions", "id", id()),
        ("/v1/recordings/{id}/annotations", "id", id()),
        ("/v1/recordings/{id}/audio", "id", id()),
        ("/v1/recordings/{id}/audio", "channels", json!({"type": "integer", "enum": [1, 2]})),
        (
            "/v1/recordings/{id}/audio",
            "rate",
            json!({"type": "integer", "enum": ::audio::Rate::ALL.map(::audio::Rate::hz)}),
        ),
        ("/v1/recordings/{id}/audio", "from_ms", count()),
        ("/v1/recordings/{id}/audio", "to_ms", count()),
        (
            "/v1/recordings/{id}/audio",
            "format",
            json!({"type": "string", "enum": ["wav", "opus", "flac", "mp3"]}),
        ),
        ("/v1/webhooks/{id}", "id", id()),
        ("/v1/webhooks/{id}/deliveries", "id", id()),
        (
            "/v1/webhooks/{id}/deliveries",
            "state",
            json!({"type": "string", "enum": index::DeliveryState::ALL.map(index::DeliveryState::as_str)}),
        ),
        (
            "/v1/webhooks/{id}/deliveries",
            "limit",
            json!({"type": "integer", "minimum": 1, "maximum": index::PAGE_MAX}),
        ),
        ("/v1/recordings/{id}/vcon", "id", id()),
        ("/v1/recordings/{id}/vcon", "audio", json!({"type": "string", "enum": ["inline", "url", "none"]})),
        ("/v1/recordings/{id}/vcon", "channels", json!({"type": "integer", "enum": [1, 2]})),
        ("/v1/recordings/{id}/vcon", "party", count()),
        ("/v1/recordings/{id}/vcon", "heard_by", count()),
        ("/v1/recordings/{id}/waveform", "id", id()),
        ("/v1/recordings/{id}/waveform", "from_ms", count()),
        ("/v1/recordings/{id}/waveform", "to_ms", count()),
    ];
    for (path, name, schema) in narrow {
        let parameters = api["paths"][path]["get"]["parameters"].as_array_mut();
        let parameter = parameters.into_iter().flatten().find(|parameter| parameter["name"] == name);
        parameter.expect("the table names parameters there are")["schema"] = schema;
    }
}

/// What holds for all parameters of the native API: an id that is a number may be any of 32 bits; one that may be left out is not
/// null, but may be empty, as forms send it.
fn widen_parameters(api: &mut Value) {
    let paths = api["paths"].as_object_mut().into_iter().flatten();
    for (_, item) in paths.filter(|(path, _)| path.starts_with("/v1/")) {
        let operations = item.as_object_mut().into_iter().flat_map(serde_json::Map::values_mut);
        let parameters = operations.filter_map(|operation| operation.get_mut("parameters")?.as_array_mut());
        for parameter in parameters.flatten() {
            let is_in_query = parameter["in"] == "query";
            let schema = &mut parameter["schema"];
            if schema["type"].as_array().is_some_and(|types| types.contains(&json!("null"))) {
                schema["type"] = schema["type"][0].take();
            }
            if schema["format"] == "int32" && schema["minimum"] == 0 {
                schema["format"] = json!("int64");
                schema["maximum"] = json!(u32::MAX);
            } else if schema["format"] == "int64" && schema["minimum"] == 0 {
                // Twice as many as the name of the format says.
                schema.as_object_mut().map(|schema| schema.remove("format"));
            }
            let is_any_text =
                schema["type"] == "string" && schema["format"].is_null() && schema["enum"].is_null();
            if is_in_query && !is_any_text {
                *schema = json!({"anyOf": [schema.take(), {"type": "string", "enum": [""]}]});
            }
        }
    }
}

/// An agent's values are texts or numbers, as files have them.
fn widen_agents(api: &mut Value) {
    for body in ["AgentFields", "AgentRow"] {
        let properties = api["components"]["schemas"][body]["properties"].as_object_mut();
        for (name, property) in properties.into_iter().flatten() {
            property["type"] = if name == "id" {
                json!(["integer", "string"])
            } else {
                json!(["string", "integer", "null"])
            };
            property.as_object_mut().into_iter().for_each(|property| {
                property.remove("format");
                property.remove("minimum");
            });
        }
    }
}

/// The commands take more than the texts they are meant to be sent.
fn widen_commands(api: &mut Value) {
    for export in ["ExportCommand", "MailCommand"] {
        api["components"]["schemas"][export]["properties"]["encrypt"]["type"] =
            json!(["boolean", "string", "integer", "null"]);
    }
    let scalar = json!(["string", "number", "boolean", "null"]);
    for command in ["AgentCommand", "DeviceCommand"] {
        let properties = &mut api["components"]["schemas"][command]["properties"];
        for (name, property) in properties.as_object_mut().into_iter().flatten() {
            match name.as_str() {
                "CallMetadata" => property["additionalProperties"]["type"] = scalar.clone(),
                "CallInstance" => property["type"] = scalar.clone(),
                _ => property["type"] = json!(["string", "number"]),
            }
        }
    }
}
