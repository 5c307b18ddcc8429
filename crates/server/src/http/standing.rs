//! Whether whoever asks is still who they were when the head of their request came: changes count at once.
//!
//! A body may take half a minute to come and an answer hours to leave. So they are asked again when the body is whole, before
//! anything is done about it, and with each piece of an answer that is made while it leaves. Every request passes here: no route
//! can forget it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, Response, header};
use hyper::body::{Frame, SizeHint};

use crate::identity::{Asking, Identity};

/// They may not do any more what they might when they asked.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("what whoever asks may do has ended, or was changed meanwhile")]
pub(crate) struct NotTheSame;

/// Somebody who asks, to be asked again.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    identity: Identity,
    asking: Asking,
}

impl Standing {
    pub(crate) fn new(identity: &Identity, asking: Asking) -> Self {
        Self { identity: identity.clone(), asking }
    }

    /// The body of a request, at whose end they are asked again.
    pub(crate) fn reading(&self, body: Body) -> Body {
        Body::new(Reading { body, standing: self.clone(), is_asked: false })
    }

    /// An answer, with each piece of which they are asked again. One that was whole when it began is what was done already.
    pub(crate) fn sending(&self, answer: Response<Body>) -> Response<Body> {
        if answer.body().size_hint().exact().is_some() {
            return answer;
        }
        let is_events = is_events(answer.headers());
        answer.map(|body| Body::new(Sending { body, standing: self.clone(), is_events, is_over: false }))
    }
}

fn is_events(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

struct Reading {
    body: Body,
    standing: Standing,
    is_asked: bool,
}

impl HttpBody for Reading {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() && !self.is_asked {
            self.is_asked = true;
            let Standing { identity, asking } = &self.standing;
            if !identity.is_same(asking) {
                return Poll::Ready(Some(Err(axum::Error::new(NotTheSame))));
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.is_asked && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

struct Sending {
    body: Body,
    standing: Standing,
    /// Events have no whole: they just end. Nor does following them keep a login from being idle.
    is_events: bool,
    is_over: bool,
}

impl Sending {
    fn may_go_on(&self) -> bool {
        let Standing { identity, asking } = &self.standing;
        let is_same = identity.is_same(asking);
        if is_same && !self.is_events {
            identity.is_at_it(asking);
        }
        is_same
    }
}

impl HttpBody for Sending {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        if self.may_go_on() {
            return Pin::new(&mut self.body).poll_frame(context);
        }
        self.is_over = true;
        // What holds places and files is let go now, not when the line is.
        self.body = Body::empty();
        if self.is_events {
            return Poll::Ready(None);
        }
        let who = &self.standing.asking.principal;
        tracing::warn!(name = who.name, kind = who.kind.as_str(), "an answer breaks off: {NotTheSame}");
        Poll::Ready(Some(Err(axum::Error::new(NotTheSame))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
