//! Single sign-on, as browsers meet it: to the provider, and back; and who is linked with whom.

use std::sync::Arc;

use audit::Outcome;
use axum::Json;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body;
use super::query::Query;
use super::users::{UserItem, number, tell_whose};
use crate::control::error::Problem;
use crate::http::{App, Who, actor, is_over_tls, read_body};
use crate::identity::{Visitor, cookie_named, set_cookie};
use crate::sign_on::{
    Brought, Failure, LeftThere, NotSignedOn, PATIENCE, SUBJECT_MAX_BYTES, SignOn, SignedOn,
};
use crate::trail::{Act, Actor, note_more};

/// The cookie that ties a sign-on to its browser, in the clear on loopback and over TLS. It comes along when the provider sends
/// the browser back, which one of a login would not.
const COOKIE: &str = "sidetone-sign-on";
const SECURE_COOKIE: &str = "__Host-sidetone-sign-on";

/// The longest address in the console that is gone on at.
const NEXT_MAX_BYTES: usize = 2_048;

/// Who vouches for people, as the login page shows it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignOnItem {
    /// What stands on the button.
    name: String,
    /// The address of the login page from which a sign-on comes back to this recorder.
    page: String,
}

impl SignOnItem {
    pub(super) fn of(sign_on: &SignOn) -> Self {
        Self { name: sign_on.label().to_owned(), page: sign_on.login_page() }
    }
}

/// With whom an account is linked at the provider.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LinkedItem {
    /// The provider, as it names itself.
    issuer: String,
    /// Its name for the person.
    subject: String,
}

impl LinkedItem {
    pub(super) fn of(external: &(String, String)) -> Self {
        let (issuer, subject) = external.clone();
        Self { issuer, subject }
    }
}

/// With whom an account is to be linked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkWanted {
    /// The provider's name for the person (`sub`), as the audit has it when they were refused.
    #[schema(min_length = 1, max_length = 255)]
    subject: String,
}

const NO_PROVIDER: &str = "nobody vouches for people here; sign_on.issuer in the settings says who does";

fn no_provider() -> Problem {
    Problem::not_found(NO_PROVIDER)
}

/// Leads to the provider, and from there back. A failure leads to the login page, which says what it was.
#[utoipa::path(
    get,
    path = "/v1/session/sign-on",
    tag = "access",
    operation_id = "beginSignOn",
    params(("next" = Option<String>, Query, description = "Where in the console to go on; its start if left out")),
    responses(
        (status = 303, description = "To the provider, or to the login page",
         headers(("Location" = String, description = "Where"))),
        (status = 400, description = "A parameter is unknown", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "Nobody vouches for people here", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn begin(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let query = Query::read(request.uri().query(), &["next"])?;
    let next = in_console(&query.text("next").unwrap_or_default());
    let sign_on = app.sign_on.as_ref().ok_or_else(no_provider)?;
    let who = actor(request.extensions());
    match sign_on.begin(next.clone(), &who.source).await {
        Ok(sent) => {
            let cookie = flow_cookie(&sent.cookie, PATIENCE.as_secs(), is_over_tls(request.extensions()));
            Ok(lead(&sent.to, [cookie]))
        }
        Err(failure) => {
            tell(&app, sign_on, Act::new(&who, "login.begin"), &failure).await;
            Ok(to_login_page(&failure, Some(&next), []))
        }
    }
}

/// Takes back whom the provider has sent. Whoever is signed on has the cookie of a login; a failure leads to the login page.
#[utoipa::path(
    get,
    path = "/v1/session/sign-on/callback",
    tag = "access",
    operation_id = "finishSignOn",
    params(
        ("state" = Option<String>, Query, description = "Which sign-on it is"),
        ("code" = Option<String>, Query, description = "What the recorder shows the provider"),
        ("error" = Option<String>, Query, description = "Why the provider has signed nobody on"),
        ("iss" = Option<String>, Query, description = "The provider, as it names itself"),
    ),
    responses(
        (status = 303, description = "To where somebody wanted to be, or to the login page",
         headers(("Location" = String, description = "Where"))),
        (status = 404, description = "Nobody vouches for people here", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn finish(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let sign_on = app.sign_on.as_ref().ok_or_else(no_provider)?;
    let is_secure = is_over_tls(request.extensions());
    let cookie = cookie_named(request.headers(), if is_secure { SECURE_COOKIE } else { COOKIE });
    let act = Act::new(&actor(request.extensions()), "login.begin");
    let brought = brought(request.uri().query().unwrap_or_default());
    let visitor = Visitor::new(actor(request.extensions()).source, request.headers());
    let end = flow_cookie("", 0, is_secure);
    match sign_on.finish(brought, cookie.as_deref(), visitor).await {
        Ok(SignedOn { logged_in, next, detail }) => {
            // Whoever was logged in before here is so no more: a login is never taken over.
            app.identity.log_out(request.headers(), is_secure);
            let who = &logged_in.asking.principal;
            let act = Act::new(&Actor::from(who), "login.begin").about(&who.name).detail(detail);
            app.audit.note(act.outcome(Outcome::Done, "303")).await;
            Ok(lead(&next, [end, set_cookie(&logged_in.cookie, is_secure)]))
        }
        Err(NotSignedOn { failure, whom, next }) => {
            tell(&app, sign_on, act.about(whom), &failure).await;
            Ok(to_login_page(&failure, next.as_deref(), [end]))
        }
    }
}

/// What the provider sends when somebody has left there.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the form, which is read by hand")]
pub(crate) struct LogoutTold {
    /// A logout token.
    logout_token: String,
}

/// Takes the provider's word that somebody has signed out there: their logins here end (OpenID Connect Back-Channel Logout).
#[utoipa::path(
    post,
    path = "/v1/session/sign-on/logout",
    tag = "access",
    operation_id = "endSignOn",
    request_body(content = LogoutTold, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "They are over, if there were any"),
        (status = 400, description = "It is no logout token, not the provider's, not of now, or was taken before", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "Nobody vouches for people here", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 429, description = "Too many from this address were none", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The provider's keys cannot be asked for now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn left_there(State(app): State<Arc<App>>, request: Request) -> Result<StatusCode, Problem> {
    Query::read(request.uri().query(), &[])?;
    let who = actor(request.extensions());
    let body = read_body(request.into_body()).await?;
    let sign_on = app.sign_on.as_ref().ok_or_else(no_provider)?;
    let act = Act::new(&who, "login.end");
    let token = one_of(&body, "logout_token").ok_or_else(|| {
        Problem::new(StatusCode::BAD_REQUEST, "the body is not as it should be: a form with one logout_token")
    })?;
    match sign_on.left_there(&token, &who.source).await {
        Ok(LeftThere { names, detail }) => {
            let act = act.about(names.join(", ")).detail(detail);
            app.audit.note(act.outcome(Outcome::Done, "200")).await;
            Ok(StatusCode::OK)
        }
        Err(failure) => {
            tell(&app, sign_on, act, &failure).await;
            let status = match failure {
                Failure::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
                Failure::Wait => StatusCode::TOO_MANY_REQUESTS,
                _ => StatusCode::BAD_REQUEST,
            };
            Err(Problem::new(status, failure.to_string()))
        }
    }
}

/// Writes down why somebody was not signed on, or not believed.
async fn tell(app: &App, sign_on: &SignOn, act: Act, failure: &Failure) {
    let why = failure.to_string();
    tracing::warn!(why, "nobody was signed on, or signed out by the provider's word");
    if !sign_on.is_news(failure) {
        return;
    }
    let is_ours = matches!(failure, Failure::Unavailable(_));
    let outcome = if is_ours { Outcome::Failed } else { Outcome::Refused };
    app.audit.note(act.detail(why).outcome(outcome, failure.word())).await;
}

/// What the provider has put behind the address. A word that stands there twice is none.
fn brought(query: &str) -> Brought {
    let one = |wanted: &str| one_of(query.as_bytes(), wanted);
    Brought { state: one("state"), code: one("code"), error: one("error"), issuer: one("iss") }
}

/// The one value of a name in a form.
fn one_of(form: &[u8], wanted: &str) -> Option<String> {
    let mut found = form_urlencoded::parse(form).filter(|(name, _)| name == wanted);
    let (_, value) = found.next()?;
    (found.next().is_none() && !value.is_empty()).then(|| value.into_owned())
}

/// An address in the console, and nothing that leads out of it.
fn in_console(wanted: &str) -> String {
    let is_inside = wanted.starts_with('/') && !wanted.starts_with("//") && !wanted.contains('\\');
    let is_plain = wanted.len() <= NEXT_MAX_BYTES && wanted.bytes().all(|byte| byte.is_ascii_graphic());
    let is_page = !wanted.starts_with("/v1/") && !wanted.starts_with("/login");
    if is_inside && is_plain && is_page { wanted.to_owned() } else { "/".to_owned() }
}

fn flow_cookie(value: &str, seconds: u64, is_secure: bool) -> String {
    let (name, secure) = if is_secure { (SECURE_COOKIE, "; Secure") } else { (COOKIE, "") };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}")
}

fn to_login_page<const N: usize>(failure: &Failure, next: Option<&str>, cookies: [String; N]) -> Response {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("sign_on", failure.word());
    if let Some(next) = next.filter(|next| *next != "/") {
        query.append_pair("next", next);
    }
    lead(&format!("/login?{}", query.finish()), cookies)
}

fn lead<const N: usize>(to: &str, cookies: [String; N]) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/login"));
    response.headers_mut().insert(header::LOCATION, to);
    for cookie in cookies {
        let cookie = HeaderValue::from_str(&cookie).expect("base64 and words of ours are visible ASCII");
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Links an account with somebody at the provider, who may then sign on as it. Its logins end.
#[utoipa::path(
    put,
    path = "/v1/users/{id}/sign-on",
    tag = "access",
    operation_id = "linkUser",
    params(("id" = i64, Path, description = "The account's number")),
    request_body = LinkWanted,
    responses(
        (status = 200, description = "It is linked, durably", body = UserItem),
        (status = 400, description = "The number or the body is not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such account", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "Nobody vouches for people here, or another account is linked with them",
         body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn link(
    State(app): State<Arc<App>>,
    Who(who): Who,
    Path(text): Path<String>,
    request: Request,
) -> Result<Json<UserItem>, Problem> {
    Query::read(request.uri().query(), &[])?;
    let number = number(&text)?;
    let LinkWanted { subject } =
        body::read(&read_body(request.into_body()).await?, r#"{"subject": "248289761001"}"#)?;
    if !(1..=SUBJECT_MAX_BYTES).contains(&subject.len()) || subject.chars().any(char::is_control) {
        let right =
            format!("subject must be the provider's name for the person, 1 to {SUBJECT_MAX_BYTES} bytes");
        return Err(Problem::parameter("subject", right));
    }
    // About which account it is says the address.
    tell_whose(&app, number);
    note_more(&format!("is {}", subject.chars().take(64).collect::<String>()));
    let sign_on = app.sign_on.as_ref();
    let sign_on = sign_on.ok_or_else(|| Problem::new(StatusCode::CONFLICT, NO_PROVIDER))?;
    let external = Some((sign_on.issuer().to_owned(), subject));
    let account = app.identity.link_account(number, external, &who).await?;
    Ok(Json(UserItem::new(&app.identity, &account)))
}

/// Takes the link of an account away: nobody signs on as it any more. Its logins end.
#[utoipa::path(
    delete,
    path = "/v1/users/{id}/sign-on",
    tag = "access",
    operation_id = "unlinkUser",
    params(("id" = i64, Path, description = "The account's number")),
    responses(
        (status = 204, description = "It is linked with nobody"),
        (status = 400, description = "The number is none", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such account", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn unlink(
    State(app): State<Arc<App>>,
    Who(who): Who,
    Path(text): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Problem> {
    Query::read(query.as_deref(), &[])?;
    let number = number(&text)?;
    tell_whose(&app, number);
    if let Some((_, subject)) = app.identity.account(number).and_then(|account| account.external) {
        note_more(&format!("was {}", subject.chars().take(64).collect::<String>()));
    }
    app.identity.link_account(number, None, &who).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where a browser goes on that has logged out: to the provider, if it signed on there and can sign out there.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LeaveItem {
    /// The address at the provider.
    leads_to: String,
}

/// What is answered to somebody who has logged out, with the hint of their login if the provider vouched for it.
pub(super) fn left(app: &App, hint: Option<String>) -> Response {
    let leads_to = hint.and_then(|hint| app.sign_on.as_ref()?.leave(&hint));
    match leads_to {
        Some(leads_to) => (StatusCode::OK, Json(LeaveItem { leads_to })).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_out_of_the_console() {
        for inside in ["/", "/recordings", "/recordings?text=a%20b", "/calls/7#x"] {
            assert_eq!(in_console(inside), inside);
        }
        let long = format!("/{}", "x".repeat(NEXT_MAX_BYTES));
        for outside in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "evil",
            "/a\r\nb",
            "/ä",
            "/login?next=/",
            "/v1/recordings",
            "javascript:alert(1)",
            &long,
        ] {
            assert_eq!(in_console(outside), "/", "{outside}");
        }
    }

    #[test]
    fn the_cookie_of_a_sign_on_comes_along_from_elsewhere_and_is_kept_from_scripts() {
        let near = flow_cookie("x", 600, false);
        assert_eq!(near, "sidetone-sign-on=x; Path=/; HttpOnly; SameSite=Lax; Max-Age=600");
        let secure = flow_cookie("", 0, true);
        assert_eq!(secure, "__Host-sidetone-sign-on=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure");
    }

    #[test]
    fn what_stands_twice_behind_an_address_is_not_chosen_from() {
        let Brought { state, code, error, issuer } =
            brought("state=a&code=b&code=c&iss=https%3A%2F%2Fid&session_state=x&error=");
        assert_eq!(
            (state.as_deref(), code, error, issuer.as_deref()),
            (Some("a"), None, None, Some("https://id"))
        );
    }
}
