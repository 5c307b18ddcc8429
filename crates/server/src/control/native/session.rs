//! Somebody's own login: logging in and out, password, second factor.

use std::sync::Arc;

use axum::Extension;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::body;
use super::grants::GrantFields;
use super::query::Query;
use super::sign_on::{LeaveItem, SignOnItem, left};
use crate::control::error::Problem;
use crate::http::{App, is_from_here, is_over_tls, read_body};
use crate::identity::{Asking, LoggedIn, LoginError, OwnError, Visitor, clear_cookies, set_cookie};
use crate::trail::{Actor, note, note_name};

/// Who asks, and what they may do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionItem {
    /// Whether the recorder asks who somebody is.
    login_required: bool,
    /// Whether the first account can be made now, at `/v1/users/first`: there is none, and this is the machine of the recorder.
    setup: bool,
    /// `person`, `program`, `peer`; `local` where nobody is asked; `nobody` if a login is missing.
    kind: &'static str,
    /// The name of the account or key; `anonymous` if there is none.
    name: String,
    /// Roles, as `/v1/roles` explains them.
    roles: Vec<String>,
    /// What may be done.
    permissions: Vec<&'static str>,
    /// The business units it is for; null for all.
    business_units: Option<Vec<i64>>,
    /// The agents it is for; null for all.
    agents: Option<Vec<u32>>,
    /// What a page sends as `X-CSRF-Token` with all that changes something; null where no cookie is used.
    csrf_token: Option<String>,
    /// In how many seconds the login ends if nothing comes any more; null where there is none.
    ends_in_s: Option<u64>,
    /// Whether who listens or exports has to say why (`audit.ask_reason`).
    asks_reason: bool,
    /// Whether erasures and releases of holds need the approval of another.
    four_eyes: bool,
    /// Whether the account has a password here; false where no account is used.
    password: bool,
    /// Whether the account has a second factor; false where no account is used.
    second_factor: bool,
    /// Who vouches for people beside passwords; null if nobody does.
    sign_on: Option<SignOnItem>,
    /// What has to be done before the login is good for anything else, in this order: `password` (change the one that somebody
    /// else has set), `second_factor` (set one up).
    due: Vec<&'static str>,
}

impl SessionItem {
    fn new(app: &App, asking: &Asking, setup: bool) -> Self {
        let Asking { principal, login, .. } = asking;
        let GrantFields { roles, business_units, agents } = GrantFields::of(&principal.grant);
        let account = login.as_ref().and_then(|login| app.identity.account(login.account));
        Self {
            login_required: app.identity.asks(),
            setup,
            kind: principal.kind.as_str(),
            name: principal.name.clone(),
            roles,
            permissions: principal.grant.permissions().iter().map(|permission| permission.as_str()).collect(),
            business_units,
            agents,
            csrf_token: login.as_ref().map(|login| login.csrf.clone()),
            ends_in_s: login.as_ref().map(|login| login.left.as_secs()),
            asks_reason: app.audit.asks_reason(),
            four_eyes: app.identity.four_eyes(principal),
            password: account.as_ref().is_some_and(|account| account.password.is_some()),
            second_factor: account.is_some_and(|account| account.factor_on),
            sign_on: app.sign_on.as_ref().map(SignOnItem::of),
            due: login.iter().flat_map(|login| &login.due).map(|due| due.as_str()).collect(),
        }
    }
}

/// Name and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginAsked {
    /// The account's name, in any case.
    name: String,
    /// Its password.
    password: String,
    /// A code of the second factor, where the account has one.
    #[serde(default)]
    code: Option<String>,
}

/// The password before, and the one from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordAsked {
    /// The password as it is.
    old: String,
    /// The password as it is to be: 15 to 256 characters.
    #[schema(min_length = 15, max_length = 256)]
    new: String,
}

/// One's own password, shown again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordShown {
    /// The password.
    password: String,
}

/// A code of the second factor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodeShown {
    /// Six digits.
    #[schema(min_length = 6, max_length = 6)]
    code: String,
}

/// The secret of a second factor, told this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct FactorItem {
    /// As people type it, base32.
    secret: String,
    /// As an app reads it out of a QR code: `otpauth://totp/...`.
    address: String,
}

impl From<LoginError> for Problem {
    fn from(error: LoginError) -> Self {
        let text = error.to_string();
        match error {
            LoginError::Wrong | LoginError::CodeWanted | LoginError::Late => {
                Self::new(StatusCode::UNAUTHORIZED, text)
            }
            LoginError::Wait(wait) => Self::new(StatusCode::TOO_MANY_REQUESTS, text)
                .with_header(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1)),
            LoginError::Busy => Self::unavailable(text),
        }
    }
}

impl From<OwnError> for Problem {
    fn from(error: OwnError) -> Self {
        match error {
            // 403 and not 401: the login itself is good.
            OwnError::Login(LoginError::Wrong) => {
                Self::new(StatusCode::FORBIDDEN, "the password or code shown is not right")
            }
            OwnError::Login(error) => error.into(),
            OwnError::Account(error) => error.into(),
            OwnError::Database(error) => error.into(),
            OwnError::Password(error) => Self::parameter("new", error.to_string()),
            error @ OwnError::PasswordWanted => Self::parameter("password", error.to_string()),
            error @ OwnError::SignOnAgain => Self::new(StatusCode::FORBIDDEN, error.to_string()),
            error @ OwnError::NoSuchLogin => Self::not_found(error.to_string()),
            error @ (OwnError::NoLogin | OwnError::FactorOn | OwnError::NoFactor) => {
                Self::new(StatusCode::CONFLICT, error.to_string())
            }
        }
    }
}

/// Reads a body that holds a secret: what the parser says of it may repeat a value, and its place is enough.
pub(super) fn read_secret<T: serde::de::DeserializeOwned>(text: &[u8], example: &str) -> Result<T, Problem> {
    serde_json::from_slice(text).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        Problem::new(
            StatusCode::BAD_REQUEST,
            format!("the body is not as it should be (at {place}): {example}"),
        )
    })
}

/// Who asks: their login, what they may do, and whether a login is wanted at all.
#[utoipa::path(
    get,
    path = "/v1/session",
    tag = "access",
    operation_id = "getSession",
    responses(
        (status = 200, description = "Who asks", body = SessionItem),
        (status = 400, description = "A parameter is unknown", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Extension(asking): Extension<Asking>,
    request: Request,
) -> Result<Json<SessionItem>, Problem> {
    Query::read(request.uri().query(), &[])?;
    let setup = !app.identity.has_accounts() && is_from_here(request.extensions(), request.headers());
    Ok(Json(SessionItem::new(&app, &asking, setup)))
}

/// Logs in. The answer sets a cookie, which no script can read; `csrf_token` goes along with all that changes something.
#[utoipa::path(
    post,
    path = "/v1/session",
    tag = "access",
    operation_id = "logIn",
    request_body = LoginAsked,
    responses(
        (status = 201, description = "Logged in", body = SessionItem,
         headers(("Set-Cookie" = String, description = "The login"))),
        (status = 400, description = "The body is not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 401, description = "Name, password or code is wrong, a code is wanted, or a first password was not used in time", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 429, description = "Too many were wrong: Retry-After says when to try again", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "It cannot be checked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn log_in(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    Query::read(request.uri().query(), &[])?;
    let (head, text) = request.into_parts();
    let from = crate::http::principal(&head.extensions).from;
    let text = Zeroizing::new(read_body(text).await?.to_vec());
    let asked: LoginAsked = read_secret(&text, r#"{"name": "dana", "password": "..."}"#)?;
    note_name(&asked.name);
    let visitor = Visitor::new(from, &head.headers);
    let LoggedIn { asking, cookie } =
        app.identity.log_in(&asked.name, asked.password.into(), asked.code.as_deref(), visitor).await?;
    note(|note| note.actor = Some(Actor::from(&asking.principal)));
    // Whoever was logged in before here is so no more: a login is never taken over.
    app.identity.log_out(&head.headers, is_over_tls(&head.extensions));
    let item = Json(SessionItem::new(&app, &asking, false));
    let mut response = (StatusCode::CREATED, item).into_response();
    let cookie = set_cookie(&cookie, is_over_tls(&head.extensions));
    response.headers_mut().insert(header::SET_COOKIE, visible(&cookie));
    Ok(response)
}

/// Logs out. Who has signed on at a provider that people can sign out at is told where.
#[utoipa::path(
    delete,
    path = "/v1/session",
    tag = "access",
    operation_id = "logOut",
    responses(
        (status = 200, description = "Logged out here, and not yet at the provider", body = LeaveItem),
        (status = 204, description = "Logged out, or nobody was logged in"),
        (status = 400, description = "A parameter is unknown", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn log_out(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    Query::read(request.uri().query(), &[])?;
    let hint = app.identity.log_out(request.headers(), is_over_tls(request.extensions()));
    let mut response = left(&app, hint);
    for cookie in clear_cookies() {
        response.headers_mut().append(header::SET_COOKIE, visible(&cookie));
    }
    Ok(response)
}

fn visible(cookie: &str) -> HeaderValue {
    HeaderValue::from_str(cookie).expect("base64 and words of ours are visible ASCII")
}

/// Sets one's own password. Other logins of the account end.
#[utoipa::path(
    put,
    path = "/v1/session/password",
    tag = "access",
    operation_id = "setOwnPassword",
    request_body = PasswordAsked,
    responses(
        (status = 204, description = "It is set, durably"),
        (status = 400, description = "The body or the new password is not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 403, description = "The old password is wrong", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "Nobody is logged in with a password", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 429, description = "Too many were wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be done now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn set_password(
    State(app): State<Arc<App>>,
    Extension(asking): Extension<Asking>,
    request: Request,
) -> Result<StatusCode, Problem> {
    Query::read(request.uri().query(), &[])?;
    let text = Zeroizing::new(read_body(request.into_body()).await?.to_vec());
    let PasswordAsked { old, new } = read_secret(&text, r#"{"old": "...", "new": "..."}"#)?;
    app.identity.change_own_password(&asking, (old.into(), new.into())).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Begins a second factor: the answer tells the secret, this once. It counts once a code of it was shown.
#[utoipa::path(
    post,
    path = "/v1/session/second-factor",
    tag = "access",
    operation_id = "beginSecondFactor",
    request_body = PasswordShown,
    responses(
        (status = 201, description = "The secret", body = FactorItem),
        (status = 400, description = "The body is not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 403, description = "The password is wrong", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "Nobody is logged in with a password, or there is one already", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 429, description = "Too many were wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be done now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn begin_factor(
    State(app): State<Arc<App>>,
    Extension(asking): Extension<Asking>,
    request: Request,
) -> Result<(StatusCode, Json<FactorItem>), Problem> {
    Query::read(request.uri().query(), &[])?;
    let text = Zeroizing::new(read_body(request.into_body()).await?.to_vec());
    let PasswordShown { password } = read_secret(&text, r#"{"password": "..."}"#)?;
    let (secret, address) = app.identity.begin_factor(&asking, password.into()).await?;
    Ok((StatusCode::CREATED, Json(FactorItem { secret, address })))
}

/// Shows a code of the second factor that was begun: from now on one is asked for when logging in.
#[utoipa::path(
    put,
    path = "/v1/session/second-factor",
    tag = "access",
    operation_id = "confirmSecondFactor",
    request_body = CodeShown,
    responses(
        (status = 204, description = "It is asked for from now on"),
        (status = 400, description = "The body is not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 403, description = "The code is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "None was begun", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "It cannot be done now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn confirm_factor(
    State(app): State<Arc<App>>,
    Extension(asking): Extension<Asking>,
    request: Request,
) -> Result<StatusCode, Problem> {
    Query::read(request.uri().query(), &[])?;
    let CodeShown { code } = body::read(&read_body(request.into_body()).await?, r#"{"code": "123456"}"#)?;
    app.identity.confirm_factor(&asking, &code).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Does without the second factor.
#[utoipa::path(
    delete,
    path = "/v1/session/second-factor",
    tag = "access",
    operation_id = "endSecondFactor",
    request_body = PasswordShown,
    responses(
        (status = 204, description = "It is asked for no more"),
        (status = 400, description = "The body is not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 403, description = "The password is wrong", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "Nobody is logged in with a password", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 429, description = "Too many were wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be done now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn end_factor(
    State(app): State<Arc<App>>,
    Extension(asking): Extension<Asking>,
    request: Request,
) -> Result<StatusCode, Problem> {
    Query::read(request.uri().query(), &[])?;
    let text = Zeroizing::new(read_body(request.into_body()).await?.to_vec());
    let PasswordShown { password } = read_secret(&text, r#"{"password": "..."}"#)?;
    app.identity.end_factor(&asking, password.into()).await?;
    Ok(StatusCode::NO_CONTENT)
}
