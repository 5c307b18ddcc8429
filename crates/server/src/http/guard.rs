//! Keeps foreign web pages away from a recorder that asks for no login.
//!
//! A browser on the recorder's machine may be shown a page that sends commands to `127.0.0.1` (F-CSRF), or one
//! whose own name was made to point there, so that it could even read the answers. Neither is a client of ours:
//! clients are no browsers, and our own page asks from its own origin.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, header};

use crate::control::wfo_json;
use crate::sign_on::CALLBACK as SIGNED_ON;
use crate::web::is_page;

/// By which names the recorder may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hosts {
    /// By an address, or as `localhost`: right where it listens on loopback only.
    #[default]
    Loopback,
    /// By any name: right where it listens for others.
    Any,
}

/// What is served where somebody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Served {
    /// Pages of ours, and what they and programs ask for.
    Pages,
    /// Commands of programs and no page, so that no page has the origin of this address.
    Commands,
}

/// Refuses what a foreign web page makes a browser send, and says why.
pub(crate) fn check(hosts: Hosts, served: Served, request: &Request) -> Result<(), &'static str> {
    let text =
        |name| request.headers().get(name).map(|value: &HeaderValue| value.to_str().unwrap_or_default());
    let host = text(header::HOST).or(request.uri().authority().map(axum::http::uri::Authority::as_str));
    if hosts == Hosts::Loopback && host.is_some_and(|host| !is_no_name(host)) {
        return Err(
            "this recorder listens on loopback and is asked by a name; ask it as 127.0.0.1 or localhost (a proxy \
             must send that as Host)",
        );
    }
    let fetch = |name| text(header::HeaderName::from_static(name));
    // Another site may lead the whole window here, as a link does and as the provider of single sign-on: to what is the same for
    // everybody, or asks for more than being led here. Nobody can look into it from there.
    let is_led = request.method() == Method::GET
        && fetch("sec-fetch-mode") == Some("navigate")
        && fetch("sec-fetch-dest") == Some("document");
    if is_led && (is_page(request.uri().path()) || request.uri().path() == SIGNED_ON) {
        return Ok(());
    }
    let is_for_programs = served == Served::Commands || wfo_json::owns(request.uri().path());
    let foreign = match (fetch("sec-fetch-site"), text(header::ORIGIN)) {
        // A page's address typed into a browser is no fetch by another page.
        (Some(site), _) => !matches!(site, "same-origin" | "none"),
        // Where there are no pages, one of the same origin has a name that was made to lead here.
        (None, Some(origin)) => {
            served == Served::Commands || host != origin.split_once("://").map(|(_, host)| host)
        }
        // An image or a link of any page is asked for so, over HTTP in the clear: nothing says whose page it is.
        (None, None) if is_for_programs && is_browser(request.headers()) => {
            return Err(
                "this was sent by a browser that does not say for which page, so any page may be behind it; send it from a \
                 program, or over https",
            );
        }
        (None, None) => false,
    };
    if foreign {
        return Err("web pages of another origin may not use this recorder; call it from a program");
    }
    Ok(())
}

/// Whether a browser has sent this, for a page that cannot hide it: browsers say `Mozilla/5.0` and a language with all they load,
/// and no page can take either away without asking first. Programs say neither, or one of the two: `Mozilla/4.0` is what the HTTP
/// of Windows says for desktop programs.
fn is_browser(headers: &HeaderMap) -> bool {
    let program = headers.get(header::USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
    program.starts_with(b"Mozilla/5.0") && headers.contains_key(header::ACCEPT_LANGUAGE)
}

/// Whether a `Host` is an address or `localhost`: what nobody elsewhere can make lead here.
pub(super) fn is_no_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(v6) => return v6.split(']').next().is_some_and(|v6| v6.parse::<std::net::Ipv6Addr>().is_ok()),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::Ipv4Addr>().is_ok()
}

/// Headers that make a browser careful, on every answer that has not set its own.
pub(crate) fn add_safe_headers(headers: &mut HeaderMap) {
    let safe = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in safe {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}
