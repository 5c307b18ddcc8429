//! Keys of programs.

use std::sync::Arc;
use std::time::Duration;

use access::Principal;
use axum::Json;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode};
use index::ApiKey;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body;
use super::grants::{self, GrantFields};
use super::query::Query;
use super::users::{location, number};
use crate::control::error::Problem;
use crate::control::given;
use crate::control::time::rfc3339;
use crate::http::{App, Who, principal, read_body};
use crate::identity::{KeyError, NewKey};
use crate::trail::{note, note_name};

const DAY: Duration = Duration::from_secs(86_400);

/// How long a key lasts, in days: usually, and at most.
const DAYS: u32 = 365;
const DAYS_MAX: u32 = 3_650;

/// How long the text before is taken after an exchange, in seconds: usually, and at most.
const OLD_FOR_S: u32 = 86_400;
const OLD_FOR_MAX_S: u32 = 30 * 86_400;

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiKeyWanted {
    /// What it is called: 1 to 64 letters, digits and `. _ - @`.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// Roles: agent, supervisor, compliance, `privacy_officer`, administrator, integration, auditor.
    #[schema(min_items = 1)]
    roles: Vec<String>,
    /// The business units it is for. Where neither these nor agents are said, it is for all.
    #[serde(default)]
    business_units: Option<Vec<i64>>,
    /// The agents it is for, by number.
    #[serde(default)]
    agents: Option<Vec<u32>>,
    /// How many days it lasts, 1 to 3,650; 365 if left out.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 3650)]
    days: Option<u32>,
    /// The client certificate that stands for it: a name in it, or `sha256:` and its fingerprint.
    #[serde(default)]
    certificate: Option<String>,
}

/// Which client certificate stands for a key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiKeyCertificate {
    /// A name in it, or `sha256:` and its fingerprint; null for none.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required)]
    certificate: Option<String>,
}

/// How a key's text is exchanged.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ApiKeyRotation {
    /// How many days the new text lasts, 1 to 3,650; as many as it was made for if left out.
    #[schema(minimum = 1, maximum = 3650)]
    days: Option<u32>,
    /// For how many seconds the text before is taken yet, up to 30 days; a day if left out.
    #[schema(maximum = 2592000)]
    old_for_s: Option<u32>,
}

/// A key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApiKeyItem {
    /// Its number.
    id: i64,
    /// What it is called.
    name: String,
    /// How its text begins; the rest is secret, and is told once.
    begins: String,
    #[serde(flatten)]
    grant: GrantFields,
    /// When it was made, RFC 3339.
    created: String,
    /// By whom.
    created_by: String,
    /// When it ends by itself, RFC 3339.
    expires: Option<String>,
    /// Until when the text before is taken too, RFC 3339; null if it was never exchanged.
    old_until: Option<String>,
    /// The client certificate that stands for it: a name in it, or `sha256:` and its fingerprint; null if none does.
    certificate: Option<String>,
    /// When it was taken back, RFC 3339; null while it is not.
    revoked: Option<String>,
    /// By whom; null while it is not.
    revoked_by: Option<String>,
}

/// A key and its text.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewApiKeyItem {
    #[serde(flatten)]
    item: ApiKeyItem,
    /// The key: `Authorization: Bearer` and this. It is told this once.
    key: String,
}

/// Keys.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApiKeyList {
    /// Oldest first, those that were taken back included.
    items: Vec<ApiKeyItem>,
}

impl ApiKeyItem {
    fn new(key: &ApiKey) -> Self {
        Self {
            id: key.number,
            name: key.name.clone(),
            begins: format!("{}{}_", crate::identity::KEY_PREFIX, key.key.handle),
            grant: GrantFields::of(&key.grant),
            created: rfc3339(key.created),
            created_by: key.created_by.clone(),
            expires: key.expires.map(rfc3339),
            old_until: key.old.as_ref().map(|(_, until)| rfc3339(*until)),
            certificate: key.certificate.clone(),
            revoked: key.revoked.as_ref().map(|(at, _)| rfc3339(*at)),
            revoked_by: key.revoked.as_ref().map(|(_, by)| by.clone()),
        }
    }
}

impl NewApiKeyItem {
    fn new(new: NewKey) -> Self {
        Self { item: ApiKeyItem::new(&new.key), key: new.text }
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        let text = error.to_string();
        match error {
            KeyError::Name | KeyError::Card => Self::parameter("name", text),
            KeyError::Certificate(_) => Self::parameter("certificate", text),
            KeyError::NoSuch => Self::not_found(text),
            KeyError::Revoked | KeyError::Taken(_) | KeyError::Alike(_) => {
                Self::new(StatusCode::CONFLICT, text)
            }
            KeyError::Register(error) => error.into(),
            KeyError::Database(error) => error.into(),
            KeyError::Random(_) => Self::unavailable(text),
        }
    }
}

/// Tells the audit which key it is, and what it may do.
fn tell_which(app: &App, number: i64, how: &str) {
    let key = app.identity.api_key(number);
    let told = key.map(|key| format!("{}: {}{how}", key.name, grants::told(&key.grant)));
    note(|note| note.detail = told);
}

/// Whoever exchanges the text or the certificate of a key has it in hand, as who makes one.
fn tell_in_hand(app: &App, who: &Principal, key: &ApiKey, how: &str) {
    let is = format!("{}, {how}", grants::told(&key.grant));
    given::tell(app, who, (&format!("API key {}", key.name), &is), None, &key.grant);
}

fn by_certificate(certificate: Option<&str>) -> String {
    certificate.map_or_else(String::new, |certificate| format!(", certificate {certificate}"))
}

fn days(days: u32) -> Result<Duration, Problem> {
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(Problem::parameter("days", format!("days must be 1 to {DAYS_MAX}")));
    }
    Ok(DAY * days)
}

/// The keys.
#[utoipa::path(
    get,
    path = "/v1/api-keys",
    tag = "access",
    operation_id = "listApiKeys",
    responses(
        (status = 200, description = "The keys, without their texts", body = ApiKeyList),
        (status = 400, description = "A parameter is unknown", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Json<ApiKeyList>, Problem> {
    Query::read(query.as_deref(), &[])?;
    Ok(Json(ApiKeyList { items: app.identity.api_keys().iter().map(ApiKeyItem::new).collect() }))
}

/// Makes a key. Its text is told in this answer and never again.
#[utoipa::path(
    post,
    path = "/v1/api-keys",
    tag = "access",
    operation_id = "addApiKey",
    request_body = ApiKeyWanted,
    responses(
        (status = 201, description = "It is made, durably", body = NewApiKeyItem,
         headers(("Location" = String, description = "Its address"))),
        (status = 400, description = "The body is not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "Another has the name or had it, or there are too many", body = Problem,
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
) -> Result<(StatusCode, HeaderMap, Json<NewApiKeyItem>), Problem> {
    Query::read(request.uri().query(), &[])?;
    let who = principal(request.extensions());
    let text = read_body(request.into_body()).await?;
    let wanted: ApiKeyWanted =
        body::read(&text, r#"{"name": "crm", "roles": ["integration"], "days": 365}"#)?;
    let ApiKeyWanted { name, roles, business_units, agents, certificate, days: wanted } = wanted;
    let wanted = wanted.unwrap_or(DAYS);
    let lasts = days(wanted)?;
    note_name(&name);
    let grant = GrantFields { roles, business_units, agents }.read()?;
    let certified = by_certificate(certificate.as_deref());
    let told = format!("{}, {wanted} days{certified}", grants::told(&grant));
    note(|note| note.detail = Some(told.clone()));
    let new = app.identity.add_api_key(name, grant, (lasts, certificate.as_deref()), &who.name).await?;
    let told = format!("api-key {}: {told}", new.key.number);
    note(|note| note.detail = Some(told.clone()));
    given::tell(&app, &who, (&format!("API key {}", new.key.name), &told), None, &new.key.grant);
    Ok((StatusCode::CREATED, location("api-keys", new.key.number), Json(NewApiKeyItem::new(new))))
}

/// One key.
#[utoipa::path(
    get,
    path = "/v1/api-keys/{id}",
    tag = "access",
    operation_id = "getApiKey",
    params(("id" = i64, Path, description = "The key's number")),
    responses(
        (status = 200, description = "The key, without its text", body = ApiKeyItem),
        (status = 400, description = "The number is none", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such key", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<ApiKeyItem>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let key = app.identity.api_key(number(&text)?).ok_or(KeyError::NoSuch)?;
    Ok(Json(ApiKeyItem::new(&key)))
}

/// Takes a key back: from now on it is taken no more.
#[utoipa::path(
    delete,
    path = "/v1/api-keys/{id}",
    tag = "access",
    operation_id = "revokeApiKey",
    params(("id" = i64, Path, description = "The key's number")),
    responses(
        (status = 204, description = "It is taken back, durably"),
        (status = 400, description = "The number is none", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such key", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "It was taken back before", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    Who(who): Who,
    Path(text): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Problem> {
    Query::read(query.as_deref(), &[])?;
    let number = number(&text)?;
    tell_which(&app, number, "");
    app.identity.revoke_api_key(number, &who).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says which client certificate stands for a key: a program that shows it, and nothing else, may do what the key may.
#[utoipa::path(
    put,
    path = "/v1/api-keys/{id}/certificate",
    tag = "access",
    operation_id = "setCertificate",
    params(("id" = i64, Path, description = "The key's number")),
    request_body = ApiKeyCertificate,
    responses(
        (status = 200, description = "It is so now, durably", body = ApiKeyItem),
        (status = 400, description = "The number or the body is not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such key", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "The key was taken back, or another has this certificate", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn set_certificate(
    State(app): State<Arc<App>>,
    Who(who): Who,
    Path(text): Path<String>,
    request: Request,
) -> Result<Json<ApiKeyItem>, Problem> {
    Query::read(request.uri().query(), &[])?;
    let number = number(&text)?;
    let text = read_body(request.into_body()).await?;
    let ApiKeyCertificate { certificate } = body::read(&text, r#"{"certificate": "crm.example.com"}"#)?;
    let new = certificate.as_deref().unwrap_or("none");
    let old = app.identity.api_key(number).and_then(|key| key.certificate);
    tell_which(&app, number, &format!(", certificate {} → {new}", old.as_deref().unwrap_or("none")));
    let key = app.identity.set_certificate(number, certificate.as_deref(), &who).await?;
    if key.certificate.is_some() {
        tell_in_hand(&app, &who, &key, "another certificate stands for it");
    }
    Ok(Json(ApiKeyItem::new(&key)))
}

/// Exchanges a key's text: the new one is told in this answer, and the one before is taken for a while yet.
#[utoipa::path(
    post,
    path = "/v1/api-keys/{id}/rotate",
    tag = "access",
    operation_id = "rotateApiKey",
    params(("id" = i64, Path, description = "The key's number")),
    request_body = ApiKeyRotation,
    responses(
        (status = 200, description = "The new text", body = NewApiKeyItem),
        (status = 400, description = "The number or the body is not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such key", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "It was taken back", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn rotate(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
    request: Request,
) -> Result<Json<NewApiKeyItem>, Problem> {
    Query::read(request.uri().query(), &[])?;
    let (number, who) = (number(&text)?, principal(request.extensions()));
    let text = read_body(request.into_body()).await?;
    let ApiKeyRotation { days: wanted, old_for_s } = match text.trim_ascii() {
        b"" => ApiKeyRotation::default(),
        text => body::read(text, r#"{"days": 365, "old_for_s": 86400}"#)?,
    };
    let old_for = old_for_s.unwrap_or(OLD_FOR_S);
    if old_for > OLD_FOR_MAX_S {
        return Err(Problem::parameter("old_for_s", format!("old_for_s must be 0 to {OLD_FOR_MAX_S}")));
    }
    let for_days = wanted.map_or_else(String::new, |days| format!(", {days} days"));
    tell_which(&app, number, &format!("{for_days}, the text before is good for {old_for} s"));
    let lasts = (wanted.map(days).transpose()?, Duration::from_secs(old_for.into()));
    let new = app.identity.rotate_api_key(number, lasts, &who).await?;
    tell_in_hand(&app, &who, &new.key, "its text was exchanged");
    Ok(Json(NewApiKeyItem::new(new)))
}
