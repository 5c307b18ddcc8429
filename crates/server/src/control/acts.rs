//! Which request is which act: what stands in the audit of it (C8-05; ref/audit.md).
//!
//! Every route that changes something or gives out what was said, or who said it, has a line here; a test holds the list to
//! ref/openapi.json. Lists that are asked for again and again, as by a page that shows the live calls, are no acts.

use std::borrow::Cow;

use axum::extract::MatchedPath;
use axum::http::{Method, Request, StatusCode};
use percent_encoding::percent_decode_str;

use super::wfo_json;
use crate::trail::{Act, Actor};

/// Method, path and action of each route; without an action it is no act.
const ROUTES: &[(&str, &str, Option<&str>)] = &[
    ("GET", "/v1/agents", None),
    ("POST", "/v1/agents/import", Some("agent.import")),
    ("GET", "/v1/agents/{id}", None),
    ("PUT", "/v1/agents/{id}", Some("agent.put")),
    ("DELETE", "/v1/agents/{id}", Some("agent.remove")),
    ("PUT", "/v1/agents/{id}/seat", Some("agent.seat")),
    ("GET", "/v1/alarms", None),
    ("GET", "/v1/archive-actions", None),
    ("POST", "/v1/archive-actions", Some("archive-action.add")),
    ("GET", "/v1/archive-actions/{id}", None),
    ("PUT", "/v1/archive-actions/{id}", Some("archive-action.put")),
    ("GET", "/v1/audit", Some("audit.search")),
    ("GET", "/v1/audit/export", Some("audit.export")),
    ("GET", "/v1/blackouts", Some("blackout.report")),
    ("GET", "/v1/calls", None),
    ("GET", "/v1/calls/{id}", Some("call.view")),
    ("GET", "/v1/calls/{id}/timeline", Some("call.timeline")),
    ("GET", "/v1/devices", None),
    ("GET", "/v1/erasures", Some("erasure.list")),
    ("POST", "/v1/erasures", Some("erasure.ask")),
    ("GET", "/v1/events", Some("events.follow")),
    ("GET", "/v1/exports", None),
    ("POST", "/v1/exports", Some("export.create")),
    ("GET", "/v1/exports/{id}", None),
    ("DELETE", "/v1/exports/{id}", Some("export.cancel")),
    ("GET", "/v1/exports/{id}/download", Some("export.download")),
    ("GET", "/v1/holds", None),
    ("POST", "/v1/holds", Some("hold.place")),
    ("GET", "/v1/holds/{id}", Some("hold.view")),
    // Where another has to approve it, it is asked for: `hold.ask-release`.
    ("POST", "/v1/holds/{id}/release", Some("hold.release")),
    ("GET", "/v1/keys", None),
    ("GET", "/v1/levels", None),
    ("POST", "/v1/keys/rotations", Some("key.rotate")),
    ("GET", "/v1/keys/exports", None),
    ("POST", "/v1/keys/exports", Some("key-export.ask")),
    ("DELETE", "/v1/keys/exports/{id}", Some("key-export.take-back")),
    ("POST", "/v1/keys/exports/{id}/file", Some("key-export.fetch")),
    ("GET", "/v1/recordings", Some("recording.search")),
    ("GET", "/v1/recordings/{id}", Some("recording.view")),
    ("PATCH", "/v1/recordings/{id}", Some("recording.annotate")),
    ("GET", "/v1/recordings/{id}/annotations", Some("remark.list")),
    ("POST", "/v1/recordings/{id}/annotations", Some("remark.add")),
    ("DELETE", "/v1/recordings/{id}/annotations/{number}", Some("remark.remove")),
    ("GET", "/v1/recordings/{id}/audio", Some("recording.listen")),
    ("GET", "/v1/recordings/{id}/manifest", Some("recording.manifest")),
    ("GET", "/v1/recordings/{id}/redactions", Some("recording.redactions")),
    ("POST", "/v1/recordings/{id}/redactions", Some("recording.redact")),
    ("PUT", "/v1/recordings/{id}/restriction", Some("recording.restrict")),
    ("DELETE", "/v1/recordings/{id}/restriction", Some("recording.lift-restriction")),
    ("GET", "/v1/recordings/{id}/timeline", Some("recording.timeline")),
    ("GET", "/v1/recordings/{id}/vcon", Some("recording.vcon")),
    ("GET", "/v1/recordings/{id}/waveform", Some("recording.waveform")),
    ("GET", "/v1/refusals", None),
    ("GET", "/v1/retention", None),
    ("POST", "/v1/retention/confirm", Some("retention.confirm")),
    ("GET", "/v1/schedules", None),
    ("POST", "/v1/schedules", Some("schedule.add")),
    ("POST", "/v1/schedules/explain", None),
    ("GET", "/v1/schedules/{id}", None),
    ("PUT", "/v1/schedules/{id}", Some("schedule.put")),
    ("DELETE", "/v1/schedules/{id}", Some("schedule.remove")),
    ("GET", "/v1/session", None),
    ("POST", "/v1/session", Some("login.begin")),
    ("DELETE", "/v1/session", Some("login.end")),
    // These write down what came of them, as logins: their addresses hold what is secret for a moment.
    ("GET", "/v1/session/sign-on", None),
    ("GET", "/v1/session/sign-on/callback", None),
    ("POST", "/v1/session/sign-on/logout", None),
    ("GET", "/v1/session/searches", None),
    ("PUT", "/v1/session/searches", None),
    ("GET", "/v1/session/logins", None),
    ("DELETE", "/v1/session/logins", Some("login.end-others")),
    ("DELETE", "/v1/session/logins/{id}", Some("login.end-one")),
    ("PUT", "/v1/session/password", Some("password.set")),
    ("POST", "/v1/session/second-factor", Some("second-factor.begin")),
    ("PUT", "/v1/session/second-factor", Some("second-factor.confirm")),
    ("DELETE", "/v1/session/second-factor", Some("second-factor.end")),
    ("GET", "/v1/roles", None),
    ("GET", "/v1/users", None),
    ("POST", "/v1/users", Some("account.add")),
    ("POST", "/v1/users/first", Some("account.add")),
    ("GET", "/v1/users/{id}", None),
    ("PUT", "/v1/users/{id}", Some("account.change")),
    ("DELETE", "/v1/users/{id}", Some("account.remove")),
    ("DELETE", "/v1/users/{id}/logins", Some("account.end-logins")),
    ("PUT", "/v1/users/{id}/password", Some("account.set-password")),
    ("DELETE", "/v1/users/{id}/second-factor", Some("account.end-second-factor")),
    ("PUT", "/v1/users/{id}/sign-on", Some("account.link")),
    ("DELETE", "/v1/users/{id}/sign-on", Some("account.unlink")),
    ("GET", "/v1/api-keys", None),
    ("POST", "/v1/api-keys", Some("api-key.add")),
    ("GET", "/v1/api-keys/{id}", None),
    ("DELETE", "/v1/api-keys/{id}", Some("api-key.revoke")),
    ("PUT", "/v1/api-keys/{id}/certificate", Some("api-key.set-certificate")),
    ("POST", "/v1/api-keys/{id}/rotate", Some("api-key.rotate")),
    ("GET", "/v1/approvals", None),
    ("GET", "/v1/approvals/{id}", None),
    ("POST", "/v1/approvals/{id}/approve", Some("approval.approve")),
    ("POST", "/v1/approvals/{id}/refuse", Some("approval.refuse")),
    ("POST", "/v1/test-call", Some("test-call.place")),
    ("GET", "/v1/trunks", None),
    ("GET", "/v1/webhooks", None),
    ("POST", "/v1/webhooks", Some("webhook.add")),
    ("GET", "/v1/webhooks/{id}", None),
    ("PUT", "/v1/webhooks/{id}", Some("webhook.put")),
    ("DELETE", "/v1/webhooks/{id}", Some("webhook.remove")),
    ("GET", "/v1/webhooks/{id}/deliveries", None),
    ("POST", "/v1/webhooks/{id}/replay", Some("webhook.replay")),
    ("POST", "/v1/webhooks/{id}/secret", Some("webhook.exchange-secret")),
    ("POST", "/v1/webhooks/{id}/test", Some("webhook.test")),
    ("GET", "/healthz", None),
    ("GET", "/readyz", None),
    ("GET", "/metrics", None),
    ("GET", "/openapi.json", None),
    ("GET", "/api/Agent", None),
    ("GET", "/api/Agent/GetAll", None),
    ("POST", "/api/Record/StartForAgent", Some("record.start")),
    ("POST", "/api/Record/UpdateForAgent", Some("record.update")),
    ("POST", "/api/Record/StopForAgent", Some("record.stop")),
    ("POST", "/api/Blackout/StartForAgent", Some("blackout.open")),
    ("POST", "/api/Blackout/StopForAgent", Some("blackout.close")),
    ("POST", "/api/Record/StartForDevice", Some("record.start")),
    ("POST", "/api/Record/UpdateForDevice", Some("record.update")),
    ("POST", "/api/Record/StopForDevice", Some("record.stop")),
    ("POST", "/api/Blackout/StartForDevice", Some("blackout.open")),
    ("POST", "/api/Blackout/StopForDevice", Some("blackout.close")),
    ("GET", "/api/WebExport/SingleExport", Some("export.download")),
    ("POST", "/api/WebExport/SingleExport", Some("export.download")),
    ("POST", "/api/WebExport/MultiExport", Some("export.download")),
    ("POST", "/api/WebExport/CombinedExport", Some("export.download")),
    ("POST", "/api/EmailExport/SingleExport", Some("export.send")),
    ("POST", "/api/EmailExport/MultiExport", Some("export.send")),
    ("POST", "/api/EmailExport/CombinedExport", Some("export.send")),
];

/// Acts that are no request, or only part of one.
const OTHERS: &[&str] = &[
    "recording.heard",
    "recording.seal",
    "recording.adopt",
    "recording.reseal",
    "recording.erase",
    "recording.mark",
    "recording.restore",
    "recording.archive",
    "hold.ask-release",
    "call.report-begin",
    "call.report-change",
    "call.report-end",
    "chat.report-begin",
    "chat.report-change",
    "chat.report-end",
    "recorder.start",
    "recorder.stop",
    "audit.begin",
    "audit.touched",
    "audit.rekey",
    "audit.lost",
];

/// Whether there is an act of this name, or any of this noun.
pub(crate) fn is_action(wanted: &str) -> bool {
    let mut known = ROUTES.iter().filter_map(|(_, _, action)| *action).chain(OTHERS.iter().copied());
    let is_of = |action: &str| {
        action.strip_prefix(wanted).is_some_and(|verb| verb.is_empty() || verb.starts_with('.'))
    };
    !wanted.is_empty() && known.any(is_of)
}

/// The act that a request is, if it is one: of whom, and to what, as far as its address says.
pub(crate) fn act_of<B>(request: &Request<B>, actor: &Actor) -> Option<Act> {
    let path = request.uri().path();
    let pattern = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let action = action_of(request.method(), pattern.unwrap_or(path), wfo_json::owns(path))?;
    let mut act = Act::new(actor, action);
    if let Some(named) = pattern.and_then(|pattern| named(pattern, path)) {
        let noun = action.split('.').next().unwrap_or_default();
        act = if pattern.is_some_and(|pattern| pattern.starts_with("/v1/recordings/")) {
            match named.parse() {
                Ok(id) => act.recording(id),
                Err(_) => act.about(format!("recording {named}")),
            }
        } else if noun == "call" {
            match named.parse() {
                Ok(id) => act.call(id),
                Err(_) => act.about(format!("call {named}")),
            }
        } else {
            act.about(format!("{noun} {named}"))
        };
    }
    match request.uri().query() {
        // Parameters of the other faces may be passwords.
        Some(query) if pattern.is_some() => Some(act.detail(readable(query))),
        _ => Some(act),
    }
}

fn action_of(method: &Method, path: &str, is_wfo: bool) -> Option<&'static str> {
    let is_at = |known: &str| {
        if is_wfo { known.eq_ignore_ascii_case(path.trim_end_matches('/')) } else { known == path }
    };
    // What is asked for without its body is looked at: its length tells of it. Nothing is heard or taken so.
    let is_look = *method == Method::HEAD;
    let method = if is_look { "GET" } else { method.as_str() };
    let route = ROUTES.iter().find(|(known, at, _)| *known == method && is_at(at));
    match route.and_then(|(_, _, action)| *action) {
        Some("recording.listen") if is_look => Some("recording.view"),
        Some("export.download") if is_look => None,
        action => action,
    }
}

/// What stands in the place of `{id}`, as whoever answers reads it: `%34` is 4 (RFC 3986, 2.4).
fn named<'a>(pattern: &str, path: &'a str) -> Option<Cow<'a, str>> {
    let mut parts = pattern.split('/').zip(path.split('/'));
    let (_, named) = parts.find(|(part, _)| part.starts_with('{'))?;
    Some(percent_decode_str(named).decode_utf8_lossy())
}

/// A query as people read it.
fn readable(query: &str) -> String {
    let pairs = form_urlencoded::parse(query.as_bytes()).map(|(key, value)| format!("{key}={value}"));
    pairs.collect::<Vec<_>>().join(", ")
}

/// What an answer says of the outcome; `None` where nothing is written down: nothing was given out, or somebody asks again and
/// again.
pub(crate) fn outcome_of(status: StatusCode) -> Option<audit::Outcome> {
    match status {
        StatusCode::NOT_MODIFIED | StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS => None,
        status if status.is_server_error() => Some(audit::Outcome::Failed),
        status if status.is_client_error() => Some(audit::Outcome::Refused),
        _ => Some(audit::Outcome::Done),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_that_is_described_is_an_act_or_said_to_be_none() {
        let described: serde_json::Value =
            serde_json::from_str(include_str!("../../../../ref/openapi.json")).unwrap();
        let mut routes = BTreeSet::new();
        for (path, methods) in described["paths"].as_object().unwrap() {
            routes.extend(
                methods.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone())),
            );
        }
        let known: BTreeSet<_> =
            ROUTES.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
        let forgotten: Vec<_> = routes.difference(&known).collect();
        assert!(forgotten.is_empty(), "these routes have no line in ROUTES: {forgotten:?}");
    }

    #[test]
    fn each_act_that_is_described_is_known_by_its_name_and_by_its_noun() {
        let text = include_str!("../../../../ref/audit.md");
        let (_, table) = text.split_once("## Actions").unwrap();
        let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
        let mut count = 0;
        for row in rows {
            let first = row.split(" |").next().unwrap();
            let words = first.split('`').filter(|word| word.contains('.') && !word.contains(' '));
            for action in words.filter(|action| !action.ends_with("...")) {
                assert!(is_action(action) && is_action(action.split('.').next().unwrap()), "{action}");
                count += 1;
            }
        }
        assert!(count > 80, "{count}");
        for none in ["", ".", "hold.", "hol", "hold.none", "Hold.place", "recording.listen.more"] {
            assert!(!is_action(none), "{none:?}");
        }
    }

    #[test]
    fn an_act_says_what_it_is_done_to_and_how() {
        let asked = |method: &str, uri: &str| {
            let request = Request::builder().method(method).uri(uri).body(()).unwrap();
            action_of(request.method(), request.uri().path(), wfo_json::owns(request.uri().path()))
        };
        assert_eq!(asked("POST", "/API/blackout/STARTFORAGENT/"), Some("blackout.open"));
        assert_eq!(asked("GET", "/API/blackout/STARTFORAGENT"), None, "that is refused, and nothing is done");
        for path in ["/v1/holds/4/release", "/v1/holds/%34/release"] {
            assert_eq!(named("/v1/holds/{id}/release", path).as_deref(), Some("4"));
        }
        assert_eq!(
            readable("from=2026-01-01T00%3A00%3A00Z&text=R%C3%B6hm"),
            "from=2026-01-01T00:00:00Z, text=Röhm"
        );
    }
}
