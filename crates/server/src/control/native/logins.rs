//! Logins: somebody's own, to be seen and ended; and an end to all of another's.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, Request, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::query::Query;
use super::session::read_secret;
use super::users::{number, tell_whose};
use crate::control::error::Problem;
use crate::control::time::rfc3339;
use crate::http::{App, Who, read_body};
use crate::identity::{Asking, Ending, Visit};

/// An open login.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LoginItem {
    /// Names it; opens nothing.
    id: String,
    /// Since when, RFC 3339.
    since: String,
    /// When something was asked in it last, RFC 3339.
    used: String,
    /// The network address it was asked from last.
    address: String,
    /// The program it was begun with, as that says of itself: `Firefox on Linux`.
    program: String,
    /// Whether it was begun with a password; else by single sign-on.
    password: bool,
    /// Whether it is the one that asks.
    current: bool,
}

impl LoginItem {
    fn of(visit: Visit) -> Self {
        Self {
            id: visit.handle,
            since: rfc3339(visit.began),
            used: rfc3339(visit.seen),
            address: visit.visitor.from,
            program: visit.visitor.program,
            password: visit.by_password,
            current: visit.is_this,
        }
    }
}

/// One's own open logins.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LoginList {
    /// Oldest first.
    items: Vec<LoginItem>,
}

/// Who one is, shown again.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShownAgain {
    /// The password, where the account has one. Who has none has signed on within the last ten minutes.
    #[serde(default)]
    password: Option<String>,
}

/// One's own open logins: since when, from where, with what.
#[utoipa::path(
    get,
    path = "/v1/session/logins",
    tag = "access",
    operation_id = "listLogins",
    responses(
        (status = 200, description = "The logins", body = LoginList),
        (status = 400, description = "A parameter is unknown", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "Nobody is logged in with a cookie", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(asking): Extension<Asking>,
    RawQuery(query): RawQuery,
) -> Result<Json<LoginList>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let visits = app.identity.own_visits(&asking)?;
    Ok(Json(LoginList { items: visits.into_iter().map(LoginItem::of).collect() }))
}

/// Ends all logins of one's own but the one that asks.
#[utoipa::path(
    delete,
    path = "/v1/session/logins",
    tag = "access",
    operation_id = "endOtherLogins",
    request_body = ShownAgain,
    responses(
        (status = 204, description = "They are over"),
        (status = 400, description = "The body is not valid, or the password is missing", body = Problem,
         content_type = "application/problem+json"),
        (status = 403, description = "The password is wrong, or somebody without one has signed on too long ago", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "Nobody is logged in with a cookie", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 429, description = "Too many were wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be checked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn end_others(
    State(app): State<Arc<App>>,
    Extension(asking): Extension<Asking>,
    request: Request,
) -> Result<StatusCode, Problem> {
    end(&app, &asking, Ending::Others, request).await
}

/// Ends one login of one's own.
#[utoipa::path(
    delete,
    path = "/v1/session/logins/{id}",
    tag = "access",
    operation_id = "endLogin",
    params(("id" = String, Path, description = "The login's name in the list")),
    request_body = ShownAgain,
    responses(
        (status = 204, description = "It is over"),
        (status = 400, description = "The body is not valid, or the password is missing", body = Problem,
         content_type = "application/problem+json"),
        (status = 403, description = "The password is wrong, or somebody without one has signed on too long ago", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such login of one's own", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "Nobody is logged in with a cookie", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 429, description = "Too many were wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be checked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn end_one(
    State(app): State<Arc<App>>,
    Extension(asking): Extension<Asking>,
    Path(id): Path<String>,
    request: Request,
) -> Result<StatusCode, Problem> {
    end(&app, &asking, Ending::One(&id), request).await
}

async fn end(
    app: &App,
    asking: &Asking,
    ending: Ending<'_>,
    request: Request,
) -> Result<StatusCode, Problem> {
    Query::read(request.uri().query(), &[])?;
    let text = Zeroizing::new(read_body(request.into_body()).await?.to_vec());
    let ShownAgain { password } = match text.trim_ascii() {
        [] => ShownAgain::default(),
        text => read_secret(text, r#"{"password": "..."}"#)?,
    };
    app.identity.end_own(asking, password.map(Zeroizing::new), ending).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all logins of an account.
#[utoipa::path(
    delete,
    path = "/v1/users/{id}/logins",
    tag = "access",
    operation_id = "endUserLogins",
    params(("id" = i64, Path, description = "The account's number")),
    responses(
        (status = 204, description = "They are over"),
        (status = 400, description = "The number is none", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such account", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn end_of_user(
    State(app): State<Arc<App>>,
    Who(who): Who,
    Path(text): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Problem> {
    Query::read(query.as_deref(), &[])?;
    let number = number(&text)?;
    tell_whose(&app, number);
    app.identity.end_logins_of(number, &who)?;
    Ok(StatusCode::NO_CONTENT)
}
