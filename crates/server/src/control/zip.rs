//! A zip as an answer: its head, and its body while it is made.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use calls::time::Wall;
use futures_util::stream;

use super::time::rfc3339;
use crate::export::{ExportError, JobRun, Run};

/// The headers of a zip that is made now.
pub(crate) fn head(now: Wall) -> HeaderMap {
    // Made of digits and letters of ours.
    let name: String = rfc3339(now).chars().map(|c| if c == ':' || c == '.' { '-' } else { c }).collect();
    let disposition = format!("attachment; filename=\"recordings_{name}.zip\"");
    HeaderMap::from_iter([
        (header::CONTENT_TYPE, HeaderValue::from_static("application/zip")),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_str(&disposition).expect("digits and letters are visible ASCII"),
        ),
    ])
}

/// A zip whose first bytes are there; the rest is made as it is read.
pub(crate) fn answer(now: Wall, first: Bytes, run: Run) -> Response {
    let pieces = stream::unfold((Some(first), Some(run)), |(first, run)| async {
        let mut run = run?;
        match first {
            Some(first) => Some((Ok(first), (None, Some(run)))),
            None => match run.next().await? {
                Ok(piece) => Some((Ok(piece), (None, Some(run)))),
                Err(error) => Some((Err(broken(error)), (None, None))),
            },
        }
    });
    (head(now), Body::from_stream(pieces)).into_response()
}

/// The same for a job, which is told how it ended.
pub(crate) fn answer_job(now: Wall, first: Bytes, run: JobRun) -> Response {
    let pieces = stream::unfold((Some(first), Some(run)), |(first, run)| async {
        let mut run = run?;
        match first {
            Some(first) => Some((Ok(first), (None, Some(run)))),
            None => match run.next().await {
                Some(Ok(piece)) => Some((Ok(piece), (None, Some(run)))),
                Some(Err(error)) => {
                    run.end(Err(error.clone()));
                    Some((Err(broken(error)), (None, None)))
                }
                None => {
                    run.end(Ok(()));
                    None
                }
            },
        }
    });
    (head(now), Body::from_stream(pieces)).into_response()
}

/// The client sees the connection break off: what it has is no zip.
fn broken(error: ExportError) -> std::io::Error {
    tracing::warn!(%error, "an export breaks off");
    std::io::Error::other(error)
}
