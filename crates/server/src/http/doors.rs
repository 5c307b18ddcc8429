//! The routes and who may pass each: a route cannot be made without saying so (F-API-5).

use std::sync::Arc;

use access::{Asked, Kind, Permission, Principal};
use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};

use super::{App, allowances, principal};
use crate::control::error::Problem;

/// Who may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Everybody: it tells nothing about calls.
    Open,
    /// Whoever it is known of who they are; everybody where nobody is asked.
    Known,
    /// Who may do this. To whose calls, what reads the data asks.
    May(Permission),
}

impl Rule {
    /// Refuses who may not pass: 401 if they could show who they are, 403 if they have.
    pub(crate) fn admit(self, who: &Principal) -> Result<(), Problem> {
        let permission = match self {
            Self::Open => return Ok(()),
            Self::Known if who.kind != Kind::Nobody => return Ok(()),
            Self::May(permission) if who.may(permission) => return Ok(()),
            Self::Known => None,
            Self::May(permission) => Some(permission),
        };
        match permission.filter(|_| who.kind != Kind::Nobody) {
            None => {
                let right = "say who you are: log in at /v1/session, or send an API key as Authorization: Bearer stk_...";
                let problem = Problem::new(StatusCode::UNAUTHORIZED, right);
                Err(problem.with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
            }
            Some(permission) => {
                let roles =
                    access::Role::ALL.into_iter().filter(|role| role.permissions().contains(&permission));
                let roles: Vec<&str> = roles.map(access::Role::as_str).collect();
                let right = format!("this is not for {}; it is for {}", who.name, roles.join(", "));
                Err(Problem::new(StatusCode::FORBIDDEN, right))
            }
        }
    }
}

impl Rule {
    /// What is asked for by this method, if that is counted: what everybody may ask is limited by address alone.
    pub(crate) fn asks(self, method: &Method) -> Option<Asked> {
        match self {
            Self::Open => None,
            Self::May(Permission::Hear | Permission::Export) => Some(Asked::Content),
            Self::Known | Self::May(_) if *method == Method::GET || *method == Method::HEAD => {
                Some(Asked::Telling)
            }
            Self::Known | Self::May(_) => Some(Asked::Change),
        }
    }
}

/// Routes, each with its rule.
#[derive(Default)]
pub(crate) struct Doors {
    router: Router<Arc<App>>,
    rules: Vec<(Method, &'static str, Rule)>,
}

impl Doors {
    pub(crate) fn get<H, T>(self, path: &'static str, rule: Rule, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        self.add((MethodFilter::GET, Method::GET), path, rule, handler)
    }

    pub(crate) fn post<H, T>(self, path: &'static str, rule: Rule, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        self.add((MethodFilter::POST, Method::POST), path, rule, handler)
    }

    pub(crate) fn put<H, T>(self, path: &'static str, rule: Rule, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        self.add((MethodFilter::PUT, Method::PUT), path, rule, handler)
    }

    pub(crate) fn patch<H, T>(self, path: &'static str, rule: Rule, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        self.add((MethodFilter::PATCH, Method::PATCH), path, rule, handler)
    }

    pub(crate) fn delete<H, T>(self, path: &'static str, rule: Rule, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        self.add((MethodFilter::DELETE, Method::DELETE), path, rule, handler)
    }

    fn add<H, T>(
        mut self,
        (filter, method): (MethodFilter, Method),
        path: &'static str,
        rule: Rule,
        handler: H,
    ) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        let pass = move |request: Request, next: Next| pass(rule, request, next);
        self.router = self.router.route(path, on(filter, handler).route_layer(middleware::from_fn(pass)));
        self.rules.push((method, path, rule));
        self
    }

    /// The routes.
    pub(crate) fn into_router(self) -> Router<Arc<App>> {
        self.router
    }

    /// Which there are, and who may pass.
    pub(crate) fn rules(&self) -> &[(Method, &'static str, Rule)] {
        &self.rules
    }
}

async fn pass(rule: Rule, request: Request, next: Next) -> Response {
    let who = principal(request.extensions());
    let admitted = rule.admit(&who).and_then(|()| match rule.asks(request.method()) {
        Some(asked) => allowances::draw(request.extensions(), &who, asked).map_err(Problem::from),
        None => Ok(()),
    });
    match admitted {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}
