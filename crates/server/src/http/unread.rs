//! Requests that are answered before their body was read, as those are that are refused.
//!
//! Over HTTP/2 a body that nobody reads any more has its stream reset, and an answer may overtake a body that is on its way. The
//! answer is whole by then, yet clients there are (curl of Debian 12) that take either for a failure, and never show that they were
//! refused. So what is left of a body of usual size is read, and thrown away, before the answer goes.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Request, Version};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// What is read of it at most, and for how long.
const MOST_BYTES: usize = 64 << 10;
const LONGEST: Duration = Duration::from_secs(5);

/// How long an answer waits for that.
const PATIENCE: Duration = Duration::from_secs(1);

/// A body whose rest is read when it is dropped.
struct Attended {
    body: Option<Body>,
    /// Dropped when there is nothing more to be read.
    reading: Option<oneshot::Sender<()>>,
}

/// The rest of a body, as far as it is to be read.
pub(super) struct Rest(Option<oneshot::Receiver<()>>);

impl Rest {
    /// Waits until it is read, or long enough.
    pub(super) async fn ends(self) {
        if let Some(read) = self.0 {
            let _ = timeout(PATIENCE, read).await;
        }
    }
}

/// Has the rest of a body read when nobody wants it any more, where that makes a difference.
pub(super) fn attended(request: Request<Body>) -> (Request<Body>, Rest) {
    if request.version() != Version::HTTP_2 || request.body().is_end_stream() {
        return (request, Rest(None));
    }
    let (reading, read) = oneshot::channel();
    let attended = |body| Body::new(Attended { body: Some(body), reading: Some(reading) });
    (request.map(attended), Rest(Some(read)))
}

impl hyper::body::Body for Attended {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            (self.body, self.reading) = (None, None);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Attended {
    fn drop(&mut self) {
        let (left, reading) = (self.body.take().filter(|body| !body.is_end_stream()), self.reading.take());
        if let (Some(body), Ok(runtime)) = (left, tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                // What is longer or slower loses its stream, as it would have.
                let _ = timeout(LONGEST, Limited::new(body, MOST_BYTES).collect()).await;
                drop(reading);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::poll_fn;

    use axum::http::{Response, StatusCode};
    use hyper::service::service_fn;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use hyper_util::server::conn::auto;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// The status of an answer that comes before the body, and whether its stream is reset.
    async fn refused(attends: bool) -> (StatusCode, bool) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let refuse = move |request: Request<hyper::body::Incoming>| async move {
                let request = request.map(Body::new);
                if attends {
                    let (request, rest) = attended(request);
                    drop(request);
                    rest.ends().await;
                } else {
                    drop(request);
                }
                let refusal = Response::builder().status(401).body(Body::from("no"));
                Ok::<_, Infallible>(refusal.unwrap())
            };
            let serving = auto::Builder::new(TokioExecutor::new());
            serving.serve_connection(TokioIo::new(stream), service_fn(refuse)).await
        });
        let stream = TcpStream::connect(at).await.unwrap();
        let (mut client, mut connection) = h2::client::handshake(stream).await.unwrap();
        let mut pings = connection.ping_pong().unwrap();
        tokio::spawn(connection);
        let request = Request::post("http://127.0.0.1/").body(()).unwrap();
        let (answer, mut sending) = client.send_request(request, false).unwrap();
        let mut answer = answer.await.unwrap();
        while let Some(piece) = answer.body_mut().data().await {
            piece.unwrap();
        }
        // What the server has said before is here when its answer to this is.
        pings.ping(h2::Ping::opaque()).await.unwrap();
        let reset = poll_fn(|context| Poll::Ready(sending.poll_reset(context))).await;
        (answer.status(), reset.is_ready())
    }

    #[tokio::test]
    async fn an_answer_before_the_body_leaves_its_stream_to_end_as_it_should() {
        assert_eq!(refused(true).await, (StatusCode::UNAUTHORIZED, false));
        assert_eq!(refused(false).await, (StatusCode::UNAUTHORIZED, true), "which is what is mended");
    }

    #[tokio::test(start_paused = true)]
    #[expect(
        clippy::disallowed_methods,
        reason = "the runtime's clock stands still here, but for what is waited for"
    )]
    async fn an_answer_waits_for_a_body_that_comes_and_not_without_end_for_one_that_does_not() {
        let request = |body| Request::post("/").version(Version::HTTP_2).body(body).unwrap();
        let began = tokio::time::Instant::now();
        let slow = |pieces: usize| {
            let piece = |place: usize| async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                (place > 0).then(|| (Ok::<_, Infallible>(Bytes::from_static(b"more")), place - 1))
            };
            Body::from_stream(futures_util::stream::unfold(pieces, piece))
        };
        let (unread, rest) = attended(request(slow(3)));
        drop(unread);
        rest.ends().await;
        assert_eq!(began.elapsed(), Duration::from_millis(400), "it has come to its end");
        let (unread, rest) = attended(request(slow(1_000)));
        drop(unread);
        rest.ends().await;
        assert_eq!(began.elapsed(), Duration::from_millis(400) + PATIENCE);
        // Who has read it all has nothing to wait for, nor who sent none.
        let (whole, rest) = attended(request(slow(2)));
        whole.into_body().collect().await.unwrap();
        let read = began.elapsed();
        rest.ends().await;
        attended(request(Body::empty())).1.ends().await;
        assert_eq!(began.elapsed(), read);
    }
}
