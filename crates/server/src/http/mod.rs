//! One router out of the faces: commands, questions, sound, the page, and how the recorder is.
//!
//! Belongs here: what holds for every connection and every request (limits, safe headers, who may ask from where).
//! Does not: any one address.

pub mod allowances;
mod audited;
mod client;
mod doors;
mod guard;
mod identify;
pub mod listener;
mod pace;
mod room;
mod serve;
mod standing;
mod unread;

use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use access::Principal;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Extensions, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use index::Index;
use jiff::tz::TimeZone;
use tower_http::catch_panic::CatchPanicLayer;
use vault::{Archive, ReadingKey};

use crate::aftercare::Redactor;
use crate::aftercare::retention::Archivist;
use crate::caller::TestCalls;
use crate::clock::Clock;
use crate::config::PublicUrl;
use crate::control::error::{Problem, Told, WfoFault};
use crate::control::{native, openapi, wfo_json};
use crate::desk::Handle;
use crate::export::Exports;
use crate::identity::{Identity, NoPlace, Place, Places};
use crate::keep::Unsettled;
use crate::keys::Keys;
use crate::levels::Levels;
use crate::observe::alarms::Alarms;
use crate::observe::chronicle::Chronicles;
use crate::observe::feed::Feed;
use crate::observe::health::Readiness;
use crate::observe::metrics::Metrics;
use crate::observe::overload::LoadGauge;
use crate::observe::refusals::Refusals;
use crate::playback::{Ffmpeg, Surveys, Waveforms};
use crate::sign_on::SignOn;
use crate::tls::TlsServer;
use crate::trail::{Audit, Note, Signer};
use crate::web;
use crate::webhooks::Webhooks;

use allowances::Allowances;
pub(crate) use allowances::{OverRate, draw};
use audited::Audited;
use identify::identify;

pub(crate) use audited::actor;
pub use client::{Client, Proxies};
pub(crate) use doors::{Doors, Rule};
pub use guard::Hosts;
pub(crate) use guard::{Served, add_safe_headers, check as check_origin};
pub(crate) use identify::{Who, certificate, is_from_here, is_over_tls, principal};
pub(crate) use serve::{Entrance, hsts, serve};
pub(crate) use standing::{NotTheSame, Standing};

/// The most bytes a body may have (product decision, table of bad input).
pub const BODY_LIMIT_BYTES: usize = 1 << 20;

/// How long a request may take until its answer begins. The desk itself gives up after 5 s; the rest is for slow
/// senders and a busy index.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// All that the faces need to answer.
#[derive(Clone)]
pub struct App {
    /// The way to the tracker.
    pub desk: Handle,
    /// Sealed recordings, to be found.
    pub index: Index,
    /// Sealed recordings, to be read.
    pub archive: Archive,
    /// Where what is newest of the others lies.
    pub unsettled: Unsettled,
    /// Erases spans of them.
    pub redactor: Redactor,
    /// Knows where they are, and has them erased.
    pub archivist: Archivist,
    /// The key that opens them, if it is here.
    pub reading: ReadingKey,
    /// All keys.
    pub keys: Keys,
    /// The recorder's clock.
    pub clock: Clock,
    /// The zone of times in WFO fields.
    pub zone: TimeZone,
    /// Whether the recorder can record.
    pub readiness: Readiness,
    /// Who did what.
    pub audit: Audit,
    /// Signs it.
    pub signer: Signer,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Who was turned away.
    pub refusals: Refusals,
    /// What somebody should see to.
    pub alarms: Alarms,
    /// What happens, as it happens.
    pub feed: Feed,
    /// How strained the recorder is.
    pub load: LoadGauge,
    /// Who asks.
    pub identity: Identity,
    /// Who vouches for people, if somebody does.
    pub sign_on: Option<SignOn>,
    /// By which names the recorder may be asked.
    pub hosts: Hosts,
    /// How often each may ask.
    pub allowances: Allowances,
    /// Places for those who listen at once.
    pub listeners: Listeners,
    /// How loud the legs of live calls are.
    pub levels: Levels,
    /// Test calls to the recorder itself.
    pub test_calls: TestCalls,
    /// The surveys of recordings that were looked at last.
    pub surveys: Surveys,
    /// The waveforms that were looked at last.
    pub waveforms: Waveforms,
    /// Recordings that leave as files.
    pub exports: Exports,
    /// What happened to each call.
    pub chronicles: Chronicles,
    /// What decodes what we do not.
    pub ffmpeg: Ffmpeg,
    /// As what the recorder is known elsewhere.
    pub known_as: KnownAs,
    /// The way of events to those who want to be told.
    pub webhooks: Webhooks,
    /// The certificate of SIP over TLS, if that is heard.
    pub sip_tls: Option<TlsServer>,
    /// The certificate of HTTP over TLS, if that is heard.
    pub http_tls: Option<TlsServer>,
}

/// As what a recorder is known elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAs {
    /// The name of its machine, which ids are made of.
    pub host: String,
    /// The address it is reached at from elsewhere, without a slash at its end; `https://`.
    pub url: Option<String>,
}

impl KnownAs {
    /// By this address; where there is none, by the machine's own name.
    pub fn new(url: Option<PublicUrl>) -> Self {
        let own_name = || nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
        let host = url.as_ref().map(|url| url.host().to_owned()).or_else(own_name);
        Self { host: host.unwrap_or_else(|| "localhost".to_owned()), url: url.map(|url| url.to_string()) }
    }
}

/// The places for those who listen at once.
#[derive(Debug, Clone)]
pub struct Listeners {
    all: Places,
    encoders: Places,
}

impl Default for Listeners {
    /// 256 places, 16 of them with an encoder in a process of its own.
    fn default() -> Self {
        Self {
            all: Places::new(native::audio::MAX_LISTENERS),
            encoders: Places::new(native::audio::MAX_ENCODERS),
        }
    }
}

impl Listeners {
    /// A place for somebody.
    pub(crate) fn take_place(&self, who: &Principal) -> Result<Place, NoPlace> {
        self.all.take(who)
    }

    /// Leave for somebody to have an encoder run.
    pub(crate) fn take_encoder(&self, who: &Principal) -> Result<Place, NoPlace> {
        self.encoders.take(who)
    }
}

/// The whole HTTP face. What serves it says with each request who is at its other end ([`Client`]).
pub fn router(app: App) -> Router {
    let app = Arc::new(app);
    Router::new()
        .merge(native::routes().into_router())
        .merge(openapi::routes().into_router())
        .merge(web::routes())
        .method_not_allowed_fallback(|| async { Problem::method() })
        .fallback(elsewhere)
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            tracing::error!("answering a request panicked");
            let detail = "answering this failed; the log says more";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).into_response()
        }))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), around))
        .with_state(app)
}

/// Each method and path of the native face, and the permission it wants: `open` for none, `known` for any login.
#[doc(hidden)]
pub fn rules() -> Vec<(String, &'static str, &'static str)> {
    let word = |rule: Rule| match rule {
        Rule::Open => "open",
        Rule::Known => "known",
        Rule::May(permission) => permission.as_str(),
    };
    let (native, openapi) = (native::routes(), openapi::routes());
    let all = native.rules().iter().chain(openapi.rules());
    all.map(|(method, path, rule)| (method.to_string(), *path, word(*rule))).collect()
}

/// Paths of the WFO face match without regard to case, so no table of routes can hold them.
async fn elsewhere(State(app): State<Arc<App>>, request: Request) -> Response {
    if wfo_json::owns(request.uri().path()) {
        wfo_json::answer(&app, request).await
    } else {
        Problem::not_found("there is nothing at this address; /openapi.json lists what there is")
            .into_response()
    }
}

/// What is done around every request.
async fn around(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let admitted = admit(&app, &mut request).await;
    let standing = request.extensions().get().cloned().map(|asking| Standing::new(&app.identity, asking));
    let request = match &standing {
        Some(standing) => request.map(|body| standing.reading(body)),
        None => request,
    };
    let audited = Audited::begin(&app.audit, &request);
    let (mut response, mut note) = Note::of(answer(&app, admitted, request, next)).await;
    note.refusal = response.extensions_mut().remove().map(|Told(why)| why);
    audited.end(response.status(), note).await;
    match &standing {
        Some(standing) => standing.sending(response),
        None => response,
    }
}

/// Finds out who asks, and turns away what a foreign web page makes a browser send.
async fn admit(app: &App, request: &mut Request) -> Result<(), Response> {
    let is_wfo = wfo_json::owns(request.uri().path());
    match check_origin(app.hosts, Served::Pages, request) {
        Err(why) if is_wfo => Err(WfoFault::Forbidden(why).into_response()),
        Err(why) => Err(Problem::new(StatusCode::FORBIDDEN, why).into_response()),
        Ok(()) => {
            request.extensions_mut().insert(app.allowances.clone());
            identify(&app.identity, request).await.map_err(IntoResponse::into_response)
        }
    }
}

async fn answer(app: &App, admitted: Result<(), Response>, request: Request, next: Next) -> Response {
    let is_wfo = wfo_json::owns(request.uri().path());
    let mut response = match admitted {
        Err(refusal) => refusal,
        Ok(()) => match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
            Ok(response) => response,
            Err(_) if is_wfo => WfoFault::TooSlow.into_response(),
            Err(_) => Problem::unavailable("this took too long").into_response(),
        },
    };
    add_safe_headers(response.headers_mut());
    let class = match response.status().as_u16() {
        500.. => &app.metrics.http_5xx,
        400.. => &app.metrics.http_4xx,
        300.. => &app.metrics.http_3xx,
        _ => &app.metrics.http_2xx,
    };
    class.increment();
    match response.status() {
        StatusCode::UNAUTHORIZED => app.metrics.http_401.increment(),
        StatusCode::TOO_MANY_REQUESTS => app.metrics.http_429.increment(),
        _ => {}
    }
    response
}

/// The network address a request came from.
pub(crate) fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<Client>().map(|client| client.address)
}

/// Why a body could not be read.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// It is larger than [`BODY_LIMIT_BYTES`].
    TooLarge,
    /// It ended too early.
    Broken,
    /// Who sent it may not do any more what they might when they began.
    NotTheSame(NotTheSame),
}

/// Reads a whole body.
pub(crate) async fn read_body(body: Body) -> Result<Bytes, BodyError> {
    match Limited::new(body, BODY_LIMIT_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge),
        Err(error) => Err(not_the_same(&*error).map_or(BodyError::Broken, BodyError::NotTheSame)),
    }
}

/// Whether a body was refused for who sent it: the reason lies below what bodies wrap it in.
fn not_the_same(error: &(dyn Error + 'static)) -> Option<NotTheSame> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(*found);
        }
        next = error.source();
    }
    None
}
