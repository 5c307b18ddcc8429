//! The Web API Service: a URL becomes a request of the API Server (wfo-api section 4.2).
//!
//! `GET` or `POST` of `/webAPI.aspx` in any case; the parameters stand in the query, or in a form. The status is 200 and the
//! body a RESULT, of an error too.

use std::sync::Arc;

use access::{Kind, Permission, Principal};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt as _, Limited};
use tokio::net::TcpListener;
use tokio::sync::watch as signal;

use super::code::Fault;
use super::command::{self, Speaker};
use super::framer::MESSAGE_LIMIT_BYTES;
use super::parameters::Parameters;
use super::peers::Peers;
use crate::control::error::WfoFault;
use crate::http::listener::LimitedListener;
use crate::http::{
    App, Entrance, Hosts, Proxies, REQUEST_TIMEOUT, Served, Standing, add_safe_headers, certificate,
    check_origin, is_over_tls, peer,
};
use crate::identity::ByLine;
use crate::tls::TlsServer;
use crate::trail::Actor;

/// The address, as the original writes it.
const PATH: &str = "/webAPI.aspx";

struct Face {
    app: Arc<App>,
    /// By which names it may be asked.
    hosts: Hosts,
}

/// Serves the web face until the recorder stops; over TLS if there is a certificate.
pub(super) fn start(
    listener: TcpListener,
    peers: Peers,
    app: Arc<App>,
    stop: signal::Receiver<bool>,
    tls: Option<TlsServer>,
) {
    let on_loopback = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
    let hosts = if on_loopback { Hosts::Loopback } else { Hosts::Any };
    let metrics = Arc::clone(&app.metrics);
    let router = Router::new().fallback(serve).with_state(Arc::new(Face { app, hosts }));
    let entrance = Entrance {
        listener: LimitedListener::new(listener).of(peers),
        tls,
        proxies: Proxies::default(),
        hsts: None,
        metrics,
    };
    tokio::spawn(crate::http::serve(entrance, router, stop));
}

async fn serve(State(face): State<Arc<Face>>, request: Request) -> Response {
    let mut response = if let Err(why) = check_origin(face.hosts, Served::Commands, &request) {
        plain(StatusCode::FORBIDDEN, why.to_owned())
    } else if !request.uri().path().eq_ignore_ascii_case(PATH) {
        plain(
            StatusCode::NOT_FOUND,
            format!("there is nothing at this address; ask {PATH}?type=test&requestid=1"),
        )
    } else if !matches!(*request.method(), Method::GET | Method::POST) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, format!("{PATH} is asked with GET or POST"));
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
        response
    } else {
        let from = peer(request.extensions()).map_or_else(|| "unknown".to_owned(), |peer| peer.to_string());
        let headers = request.headers().clone();
        let shown = certificate(request.extensions());
        let identity = &face.app.identity;
        let is_secure = is_over_tls(request.extensions());
        let line = ByLine { from, is_secure, certificate: shown.as_deref() };
        let asking = identity.of(&headers, line, true).await;
        let (who, standing) = (asking.principal.clone(), Standing::new(identity, asking));
        answer(&face, &who, request.map(|body| standing.reading(body))).await
    };
    add_safe_headers(response.headers_mut());
    response
}

async fn answer(face: &Face, who: &Principal, request: Request) -> Response {
    if let Err(fault) = admit(who) {
        return fault.into_response();
    }
    // Who is not asked for a login is known by the address they may speak from.
    let actor = if who.is_known() { Actor::from(who) } else { Actor { kind: "peer", ..Actor::from(who) } };
    let speaker = Speaker { actor, grant: who.grant.clone() };
    let answered = async {
        let parameters = parameters(request).await;
        command::answer(&face.app, &speaker, parameters).await
    };
    match tokio::time::timeout(REQUEST_TIMEOUT, answered).await {
        Ok(xml) => ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], xml + "\r\n").into_response(),
        Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "this took too long; send it again".to_owned()),
    }
}

fn plain(status: StatusCode, text: String) -> Response {
    (status, text + "\n").into_response()
}

/// Where a login is asked for, one is wanted here too; what each command takes is asked when it is read. This face does not look
/// whose call a command is about: who may command only some does so elsewhere.
fn admit(who: &Principal) -> Result<(), WfoFault> {
    let may_any = who.may(Permission::Command) || who.may(Permission::ManageAgents);
    if may_any && who.scope().is_all() {
        return Ok(());
    }
    Err(match who.kind {
        Kind::Nobody => WfoFault::Unauthorized,
        _ => WfoFault::NotAllowed(format!("this address commands all agents, which {} may not", who.name)),
    })
}

async fn parameters(request: Request<Body>) -> Result<Parameters, Fault> {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let body = match Limited::new(request.into_body(), MESSAGE_LIMIT_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => {
            let what = format!(
                "the body broke off, or has more than {MESSAGE_LIMIT_BYTES} bytes, or who sends it may this no more"
            );
            return Err(Fault::format(what));
        }
    };
    read(&query, &body)
}

/// Parameters of the query, and of the body if there is one: a form.
pub(super) fn read(query: &str, body: &[u8]) -> Result<Parameters, Fault> {
    if query.len() > MESSAGE_LIMIT_BYTES {
        return Err(Fault::format(format!("the query has more than {MESSAGE_LIMIT_BYTES} bytes")));
    }
    let mut parameters = Parameters::default();
    for pairs in [query.as_bytes(), body.trim_ascii()] {
        for (name, value) in form_urlencoded::parse(pairs) {
            parameters.add(&name, value.into_owned())?;
        }
    }
    Ok(parameters)
}
