//! Accounts of people.

use std::sync::Arc;

use access::{Grant, Principal};
use axum::Json;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use index::{Account, RegisterError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::grants::{self, GrantFields};
use super::query::{Query, id};
use super::session::read_secret;
use super::sign_on::LinkedItem;
use crate::control::error::Problem;
use crate::control::given;
use crate::control::hands::is_behind;
use crate::control::time::rfc3339;
use crate::http::{App, Who, is_from_here, principal, read_body};
use crate::identity::{AccountError, AccountWanted, Identity};
use crate::trail::{note, note_name};

const EXAMPLE: &str =
    r#"{"name": "dana", "password": "...", "roles": ["supervisor"], "business_units": [3]}"#;

/// An account to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserWanted {
    /// The name to log in with: 1 to 64 letters, digits and `. _ - @`.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// The first password, 15 to 256 characters; who logs in with it sets their own.
    #[schema(min_length = 15, max_length = 256)]
    password: String,
    /// Roles: agent, supervisor, compliance, `privacy_officer`, administrator, integration, auditor.
    #[schema(min_items = 1)]
    roles: Vec<String>,
    /// The business units it is for. Where neither these nor agents are said, it is for all.
    #[serde(default)]
    business_units: Option<Vec<i64>>,
    /// The agents it is for, by number.
    #[serde(default)]
    agents: Option<Vec<u32>>,
}

/// What an account is to be like.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserChanged {
    /// Roles.
    #[schema(min_items = 1)]
    roles: Vec<String>,
    /// The business units it is for. Where neither these nor agents are said, it is for all.
    #[serde(default)]
    business_units: Option<Vec<i64>>,
    /// The agents it is for, by number.
    #[serde(default)]
    agents: Option<Vec<u32>>,
    /// Whether it may log in.
    active: bool,
}

/// A password to be set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPassword {
    /// 15 to 256 characters.
    #[schema(min_length = 15, max_length = 256)]
    password: String,
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserItem {
    /// Its number.
    id: i64,
    /// The name it logs in with.
    name: String,
    #[serde(flatten)]
    grant: GrantFields,
    /// Whether it may log in.
    active: bool,
    /// Whether a second factor is asked for.
    second_factor: bool,
    /// When its password was set, RFC 3339; null if it has none.
    password_set: Option<String>,
    /// Until when that is good if somebody else has set it, RFC 3339: who logs in with it sets their own. Null where that is done.
    first_password_until: Option<String>,
    /// With whom it is linked at the provider of single sign-on; null if with nobody.
    sign_on: Option<LinkedItem>,
    /// When it was made, RFC 3339.
    created: String,
    /// By whom.
    created_by: String,
}

/// Accounts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserList {
    /// Oldest first.
    items: Vec<UserItem>,
}

impl UserItem {
    pub(super) fn new(identity: &Identity, account: &Account) -> Self {
        Self {
            id: account.number,
            name: account.name.clone(),
            grant: GrantFields::of(&account.grant),
            active: account.active,
            second_factor: account.factor_on,
            password_set: account.password_set.map(rfc3339),
            first_password_until: identity.first_password_until(account).map(rfc3339),
            sign_on: account.external.as_ref().map(LinkedItem::of),
            created: rfc3339(account.created),
            created_by: account.created_by.clone(),
        }
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        let text = error.to_string();
        match error {
            AccountError::Name | AccountError::Card => Self::parameter("name", text),
            AccountError::Password(_) => Self::parameter("password", text),
            AccountError::First => Self::parameter("roles", text),
            AccountError::NotFirst => Self::new(StatusCode::FORBIDDEN, text),
            AccountError::Last | AccountError::Own | AccountError::Linked(_) | AccountError::Alike(_) => {
                Self::new(StatusCode::CONFLICT, text)
            }
            AccountError::NoSuch => Self::not_found(text),
            AccountError::Register(error) => error.into(),
            AccountError::Database(error) => error.into(),
            AccountError::Busy(error) => error.into(),
        }
    }
}

impl From<RegisterError> for Problem {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Database(error) => error.into(),
            error => Self::new(StatusCode::CONFLICT, error.to_string()),
        }
    }
}

pub(super) fn number(text: &str) -> Result<i64, Problem> {
    id(text, "the number of an account, a key or a request is a whole number such as 7")
}

fn no_such() -> Problem {
    AccountError::NoSuch.into()
}

/// The accounts.
#[utoipa::path(
    get,
    path = "/v1/users",
    tag = "access",
    operation_id = "listUsers",
    responses(
        (status = 200, description = "The accounts", body = UserList),
        (status = 400, description = "A parameter is unknown", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Json<UserList>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let accounts = app.identity.accounts();
    let items = accounts.iter().map(|account| UserItem::new(&app.identity, account)).collect();
    Ok(Json(UserList { items }))
}

/// Makes an account. The first needs the role administrator; from then on a login is asked for, if `http.login` is auto.
#[utoipa::path(
    post,
    path = "/v1/users",
    tag = "access",
    operation_id = "addUser",
    request_body = UserWanted,
    responses(
        (status = 201, description = "It is made, durably", body = UserItem,
         headers(("Location" = String, description = "Its address"))),
        (status = 400, description = "The body is not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "Another has the name, or there are too many", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<(StatusCode, HeaderMap, Json<UserItem>), Problem> {
    let (wanted, who) = wanted(request).await?;
    Ok(made(&app, &app.identity.add_account(wanted, &who.name).await?, &who))
}

/// Makes the first account: only while there is none, and only from the machine of the recorder.
#[utoipa::path(
    post,
    path = "/v1/users/first",
    tag = "access",
    operation_id = "addFirstUser",
    request_body = UserWanted,
    responses(
        (status = 201, description = "It is made, durably", body = UserItem,
         headers(("Location" = String, description = "Its address"))),
        (status = 400, description = "The body is not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 403, description = "There is an account already, or it is asked from elsewhere", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn add_first(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<(StatusCode, HeaderMap, Json<UserItem>), Problem> {
    // Asked again when it is written: until then another may have been quicker.
    if app.identity.has_accounts() {
        return Err(AccountError::NotFirst.into());
    }
    if !is_from_here(request.extensions(), request.headers()) {
        let right = "the first account is made on the recorder's own machine: `sidetone users add NAME --role administrator`";
        return Err(Problem::new(StatusCode::FORBIDDEN, right));
    }
    let (wanted, who) = wanted(request).await?;
    Ok(made(&app, &app.identity.add_first_account(wanted, &who.name).await?, &who))
}

/// The account that is asked for, and who asks.
async fn wanted(request: Request) -> Result<(AccountWanted, Principal), Problem> {
    Query::read(request.uri().query(), &[])?;
    let who = principal(request.extensions());
    let text = Zeroizing::new(read_body(request.into_body()).await?.to_vec());
    let UserWanted { name, password, roles, business_units, agents } = read_secret(&text, EXAMPLE)?;
    let password = Zeroizing::new(password);
    note_name(&name);
    let grant = GrantFields { roles, business_units, agents }.read()?;
    note(|note| note.detail = Some(grants::told(&grant)));
    Ok((AccountWanted { name, password: Some(password), external: None, grant }, who))
}

fn made(app: &App, account: &Account, who: &Principal) -> (StatusCode, HeaderMap, Json<UserItem>) {
    let told = format!("account {}: {}", account.number, grants::told(&account.grant));
    note(|note| note.detail = Some(told.clone()));
    given::tell(app, who, (&format!("account {}", account.name), &told), None, &account.grant);
    (StatusCode::CREATED, location("users", account.number), Json(UserItem::new(&app.identity, account)))
}

/// Tells the audit whose account it is: once it is removed, its number says that to nobody.
pub(super) fn tell_whose(app: &App, number: i64) {
    note(|note| note.detail = app.identity.account(number).map(|account| account.name));
}

/// What an account may do, as the audit is told it.
fn standing(grant: &Grant, active: bool) -> String {
    let locked = if active { "" } else { ", locked" };
    grants::told(grant) + locked
}

pub(super) fn location(of: &str, number: i64) -> HeaderMap {
    let address = HeaderValue::from_str(&format!("/v1/{of}/{number}")).expect("a number is visible ASCII");
    HeaderMap::from_iter([(header::LOCATION, address)])
}

/// One account.
#[utoipa::path(
    get,
    path = "/v1/users/{id}",
    tag = "access",
    operation_id = "getUser",
    params(("id" = i64, Path, description = "The account's number")),
    responses(
        (status = 200, description = "The account", body = UserItem),
        (status = 400, description = "The number is none", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such account", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<UserItem>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let account = app.identity.account(number(&text)?).ok_or_else(no_such)?;
    Ok(Json(UserItem::new(&app.identity, &account)))
}

/// Changes what an account may do, and whether it may log in; it counts at once, for logins that are open too.
#[utoipa::path(
    put,
    path = "/v1/users/{id}",
    tag = "access",
    operation_id = "changeUser",
    params(("id" = i64, Path, description = "The account's number")),
    request_body = UserChanged,
    responses(
        (status = 200, description = "It is so now, durably", body = UserItem),
        (status = 400, description = "The number or the body is not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such account", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "It is one's own, or no administrator would be left", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    request: Request,
) -> Result<Json<UserItem>, Problem> {
    Query::read(request.uri().query(), &[])?;
    let (number, who) = (number(&text)?, principal(request.extensions()));
    let example = r#"{"roles": ["supervisor"], "business_units": [3], "active": true}"#;
    let body = read_body(request.into_body()).await?;
    let UserChanged { roles, business_units, agents, active } = super::body::read(&body, example)?;
    let grant = GrantFields { roles, business_units, agents }.read()?;
    let old = app.identity.account(number).ok_or(AccountError::NoSuch)?;
    let (before, after) = (standing(&old.grant, old.active), standing(&grant, active));
    let told = format!("{}: {before} → {after}", old.name);
    note(|note| note.detail = Some(told.clone()));
    if old.grant != grant || !active {
        expect_not_own(&app, &old, &who).await?;
    }
    let account = app.identity.change_account(number, (grant, active), &who).await?;
    if active {
        let before = old.active.then_some(&old.grant);
        given::tell(&app, &who, (&format!("account {}", old.name), &told), before, &account.grant);
    }
    Ok(Json(UserItem::new(&app.identity, &account)))
}

/// Refuses whoever changes what they themselves may do, also with a key that they have had in their hands.
async fn expect_not_own(app: &App, account: &Account, who: &Principal) -> Result<(), Problem> {
    if is_behind(app, &account.name, who).await? { Err(AccountError::Own.into()) } else { Ok(()) }
}

/// Removes an account; its logins end. What it has done keeps its name.
#[utoipa::path(
    delete,
    path = "/v1/users/{id}",
    tag = "access",
    operation_id = "removeUser",
    params(("id" = i64, Path, description = "The account's number")),
    responses(
        (status = 204, description = "It is gone, durably"),
        (status = 400, description = "The number is none", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such account", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "It is one's own, or no administrator would be left", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Who(who): Who,
    Path(text): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Problem> {
    Query::read(query.as_deref(), &[])?;
    let number = number(&text)?;
    let account = app.identity.account(number).ok_or(AccountError::NoSuch)?;
    let was = standing(&account.grant, account.active);
    note(|note| note.detail = Some(format!("{}: {was}", account.name)));
    expect_not_own(&app, &account, &who).await?;
    app.identity.remove_account(number, &who).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sets the password of an account; its logins end. Whose it is changes it at the next login.
#[utoipa::path(
    put,
    path = "/v1/users/{id}/password",
    tag = "access",
    operation_id = "setPassword",
    params(("id" = i64, Path, description = "The account's number")),
    request_body = NewPassword,
    responses(
        (status = 204, description = "It is set, durably"),
        (status = 400, description = "The number or the password is not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such account", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn set_password(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    request: Request,
) -> Result<StatusCode, Problem> {
    Query::read(request.uri().query(), &[])?;
    let (number, who) = (number(&text)?, principal(request.extensions()));
    tell_whose(&app, number);
    let text = Zeroizing::new(read_body(request.into_body()).await?.to_vec());
    let NewPassword { password } = read_secret(&text, r#"{"password": "..."}"#)?;
    app.identity.set_password(number, password.into(), &who).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Does without the second factor of somebody who has lost it; their logins end.
#[utoipa::path(
    delete,
    path = "/v1/users/{id}/second-factor",
    tag = "access",
    operation_id = "resetSecondFactor",
    params(("id" = i64, Path, description = "The account's number")),
    responses(
        (status = 204, description = "It is asked for no more"),
        (status = 400, description = "The number is none", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such account", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn reset_factor(
    State(app): State<Arc<App>>,
    Who(who): Who,
    Path(text): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Problem> {
    Query::read(query.as_deref(), &[])?;
    let number = number(&text)?;
    tell_whose(&app, number);
    app.identity.reset_factor(number, &who).await?;
    Ok(StatusCode::NO_CONTENT)
}
