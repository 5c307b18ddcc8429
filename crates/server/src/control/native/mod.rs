//! The native API under `/v1`, described by `/openapi.json`: a file per resource.
//!
//! Refusals are problem documents (RFC 9457). Query parameters that are not known are refused by name, so that a
//! misspelt condition never widens a search.

pub(crate) mod agents;
pub(crate) mod alarms;
pub(crate) mod annotations;
pub(crate) mod api_keys;
pub(crate) mod approvals;
pub(crate) mod archive_actions;
pub(crate) mod audio;
pub(crate) mod audit;
pub(crate) mod blackouts;
mod body;
pub(crate) mod calls;
pub(crate) mod chronicle;
mod clocks;
pub(crate) mod deliveries;
pub(crate) mod devices;
pub(crate) mod erasures;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod exports;
pub(crate) mod grants;
pub(crate) mod health;
pub(crate) mod holds;
pub(crate) mod key_exports;
pub(crate) mod keys;
pub(crate) mod levels;
pub(crate) mod logins;
pub(crate) mod manifest;
mod query;
mod range;
pub(crate) mod recording;
pub(crate) mod recordings;
pub(crate) mod redactions;
pub(crate) mod refusals;
pub(crate) mod related;
pub(crate) mod restriction;
pub(crate) mod retention;
pub(crate) mod schedules;
pub(crate) mod searches;
pub(crate) mod session;
pub(crate) mod sign_on;
pub(crate) mod test_call;
pub(crate) mod users;
pub(crate) mod vcon;
pub(crate) mod waveform;
pub(crate) mod webhooks;

use access::{Permission as P, Principal};
use axum::extract::Request;

use crate::http::Rule::{Known, May, Open};
use crate::http::{self, Doors};

/// Who sends a request.
fn principal(request: &Request) -> Principal {
    http::principal(request.extensions())
}

pub(crate) fn routes() -> Doors {
    let doors = calls_and_recordings(Doors::default());
    let doors = care(doors);
    let doors = settings(doors);
    let doors = people(doors);
    doors
        .get("/v1/audit", May(P::ReadAudit), audit::find)
        .get("/v1/audit/export", May(P::ReadAudit), audit::export)
        .get("/v1/alarms", May(P::SeeHealth), alarms::list)
        .get("/v1/refusals", May(P::SeeHealth), refusals::list)
        .get("/v1/trunks", May(P::SeeHealth), refusals::trunks)
        .get("/v1/events", Known, events::events)
        .get("/v1/levels", May(P::SeeCalls), levels::levels)
        .post("/v1/test-call", May(P::PlaceTestCalls), test_call::place)
        .get("/healthz", Open, health::alive)
        .get("/readyz", Open, health::ready)
        .get("/metrics", May(P::SeeHealth), health::metrics)
}

fn calls_and_recordings(doors: Doors) -> Doors {
    doors
        .get("/v1/agents", May(P::SeeAgents), agents::list)
        .post("/v1/agents/import", May(P::ManageAgents), agents::import)
        .get("/v1/agents/{id}", May(P::SeeAgents), agents::one)
        .put("/v1/agents/{id}", May(P::ManageAgents), agents::put)
        .delete("/v1/agents/{id}", May(P::ManageAgents), agents::remove)
        .put("/v1/agents/{id}/seat", May(P::ManageAgents), agents::seat)
        .get("/v1/devices", May(P::SeeAgents), devices::list)
        .get("/v1/blackouts", May(P::SeeCalls), blackouts::report)
        .get("/v1/calls", May(P::SeeCalls), calls::list)
        .get("/v1/calls/{id}", May(P::SeeCalls), calls::one)
        .get("/v1/calls/{id}/timeline", May(P::SeeCalls), chronicle::of_call)
        .get("/v1/recordings", May(P::SeeCalls), recordings::find)
        .get("/v1/recordings/{id}", May(P::SeeCalls), recording::one)
        .patch("/v1/recordings/{id}", May(P::Annotate), annotations::tag)
        .get("/v1/recordings/{id}/annotations", May(P::SeeCalls), annotations::list)
        .post("/v1/recordings/{id}/annotations", May(P::Annotate), annotations::add)
        .delete("/v1/recordings/{id}/annotations/{number}", May(P::Annotate), annotations::remove)
        .get("/v1/recordings/{id}/audio", May(P::Hear), audio::listen)
        .get("/v1/recordings/{id}/manifest", May(P::Export), manifest::of_recording)
        .get("/v1/recordings/{id}/timeline", May(P::SeeCalls), chronicle::of_recording)
        .get("/v1/recordings/{id}/vcon", May(P::Export), vcon::export)
        .get("/v1/recordings/{id}/waveform", May(P::Hear), waveform::of_recording)
        .get("/v1/exports", May(P::Export), exports::list)
        .post("/v1/exports", May(P::Export), exports::create)
        .get("/v1/exports/{id}", May(P::Export), exports::one)
        .delete("/v1/exports/{id}", May(P::Export), exports::cancel)
        .get("/v1/exports/{id}/download", May(P::Export), exports::download)
}

fn care(doors: Doors) -> Doors {
    doors
        .get("/v1/recordings/{id}/redactions", May(P::SeeCalls), redactions::list)
        .post("/v1/recordings/{id}/redactions", May(P::Redact), redactions::redact)
        .put("/v1/recordings/{id}/restriction", May(P::Restrict), restriction::put)
        .delete("/v1/recordings/{id}/restriction", May(P::Restrict), restriction::lift)
        .get("/v1/holds", May(P::SeeCare), holds::list)
        .post("/v1/holds", May(P::Hold), holds::place)
        .get("/v1/holds/{id}", May(P::SeeCare), holds::one)
        .post("/v1/holds/{id}/release", May(P::Hold), holds::release)
        .get("/v1/erasures", May(P::SeeCare), erasures::list)
        .post("/v1/erasures", May(P::Erase), erasures::erase)
}

fn settings(doors: Doors) -> Doors {
    doors
        .get("/v1/keys", May(P::SeeHealth), keys::list)
        .post("/v1/keys/rotations", May(P::ManageAccess), keys::rotate)
        .get("/v1/keys/exports", May(P::ManageAccess), key_exports::list)
        .post("/v1/keys/exports", May(P::ManageAccess), key_exports::ask)
        .delete("/v1/keys/exports/{id}", May(P::ManageAccess), key_exports::take_back)
        .post("/v1/keys/exports/{id}/file", May(P::ManageAccess), key_exports::fetch)
        .get("/v1/retention", May(P::SeePolicy), retention::status)
        .post("/v1/retention/confirm", May(P::ManagePolicy), retention::confirm)
        .get("/v1/archive-actions", May(P::SeePolicy), archive_actions::list)
        .post("/v1/archive-actions", May(P::ManagePolicy), archive_actions::add)
        .get("/v1/archive-actions/{id}", May(P::SeePolicy), archive_actions::one)
        .put("/v1/archive-actions/{id}", May(P::ManagePolicy), archive_actions::put)
        .get("/v1/schedules", May(P::SeePolicy), schedules::list)
        .post("/v1/schedules", May(P::ManagePolicy), schedules::add)
        .post("/v1/schedules/explain", May(P::SeePolicy), explain::explain)
        .get("/v1/schedules/{id}", May(P::SeePolicy), schedules::one)
        .put("/v1/schedules/{id}", May(P::ManagePolicy), schedules::put)
        .delete("/v1/schedules/{id}", May(P::ManagePolicy), schedules::remove)
        .get("/v1/webhooks", May(P::ManageWebhooks), webhooks::list)
        .post("/v1/webhooks", May(P::ManageWebhooks), webhooks::add)
        .get("/v1/webhooks/{id}", May(P::ManageWebhooks), webhooks::one)
        .put("/v1/webhooks/{id}", May(P::ManageWebhooks), webhooks::put)
        .delete("/v1/webhooks/{id}", May(P::ManageWebhooks), webhooks::remove)
        .get("/v1/webhooks/{id}/deliveries", May(P::ManageWebhooks), deliveries::list)
        .post("/v1/webhooks/{id}/replay", May(P::ManageWebhooks), deliveries::replay)
        .post("/v1/webhooks/{id}/secret", May(P::ManageWebhooks), webhooks::exchange_secret)
        .post("/v1/webhooks/{id}/test", May(P::ManageWebhooks), webhooks::test)
}

fn people(doors: Doors) -> Doors {
    doors
        .get("/v1/session", Open, session::get)
        .post("/v1/session", Open, session::log_in)
        .delete("/v1/session", Open, session::log_out)
        .get("/v1/session/sign-on", Open, sign_on::begin)
        .get("/v1/session/sign-on/callback", Open, sign_on::finish)
        .post("/v1/session/sign-on/logout", Open, sign_on::left_there)
        .get("/v1/session/logins", Known, logins::list)
        .delete("/v1/session/logins", Known, logins::end_others)
        .delete("/v1/session/logins/{id}", Known, logins::end_one)
        .get("/v1/session/searches", Known, searches::get)
        .put("/v1/session/searches", Known, searches::put)
        .put("/v1/session/password", Known, session::set_password)
        .post("/v1/session/second-factor", Known, session::begin_factor)
        .put("/v1/session/second-factor", Known, session::confirm_factor)
        .delete("/v1/session/second-factor", Known, session::end_factor)
        .get("/v1/roles", Known, grants::roles)
        .get("/v1/users", May(P::ManageAccess), users::list)
        .post("/v1/users", May(P::ManageAccess), users::add)
        .post("/v1/users/first", Open, users::add_first)
        .get("/v1/users/{id}", May(P::ManageAccess), users::one)
        .put("/v1/users/{id}", May(P::ManageAccess), users::change)
        .delete("/v1/users/{id}", May(P::ManageAccess), users::remove)
        .delete("/v1/users/{id}/logins", May(P::ManageAccess), logins::end_of_user)
        .put("/v1/users/{id}/password", May(P::ManageAccess), users::set_password)
        .delete("/v1/users/{id}/second-factor", May(P::ManageAccess), users::reset_factor)
        .put("/v1/users/{id}/sign-on", May(P::ManageAccess), sign_on::link)
        .delete("/v1/users/{id}/sign-on", May(P::ManageAccess), sign_on::unlink)
        .get("/v1/api-keys", May(P::ManageAccess), api_keys::list)
        .post("/v1/api-keys", May(P::ManageAccess), api_keys::add)
        .get("/v1/api-keys/{id}", May(P::ManageAccess), api_keys::one)
        .delete("/v1/api-keys/{id}", May(P::ManageAccess), api_keys::revoke)
        .put("/v1/api-keys/{id}/certificate", May(P::ManageAccess), api_keys::set_certificate)
        .post("/v1/api-keys/{id}/rotate", May(P::ManageAccess), api_keys::rotate)
        .get("/v1/approvals", May(P::SeeCare), approvals::list)
        .get("/v1/approvals/{id}", May(P::SeeCare), approvals::one)
        .post("/v1/approvals/{id}/approve", May(P::Approve), approvals::approve)
        .post("/v1/approvals/{id}/refuse", May(P::Approve), approvals::refuse)
}
