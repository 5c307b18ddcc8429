//! Whether a connection goes forward: something of an answer leaves, or a request is whole.
//!
//! What merely comes in does not count, nor do pings: a client that sends a head byte by byte, or reads nothing of
//! what it asked for, would have its place for ever.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::sync::Notify;

use super::room::Presence;

/// Told whenever the connection it belongs to has gone forward. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    stepped: Arc<Notify>,
    presence: Presence,
}

impl Pace {
    /// Of the connection that has this place.
    pub(super) fn new(presence: Presence) -> Self {
        Self { stepped: Arc::default(), presence }
    }

    /// It has gone forward.
    pub(super) fn step(&self) {
        self.presence.step();
        self.stepped.notify_one();
    }

    /// Waits until it goes forward.
    pub(super) async fn stepped(&self) {
        self.stepped.notified().await;
    }
}

/// The body of an answer, each piece of which is a step: it is asked for when there is room for it on the line.
pub(super) struct Paced {
    body: Body,
    pace: Pace,
}

impl Paced {
    pub(super) fn new(body: Body, pace: Pace) -> Self {
        Self { body, pace }
    }
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if polled.is_ready() {
            self.pace.step();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
