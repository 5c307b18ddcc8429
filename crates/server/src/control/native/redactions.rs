//! Spans that are erased from sealed recordings.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::StatusCode;
use calls::time::Wall;
use index::{Redaction, RedactionAsked};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::query::Query;
use super::recordings::{recording_id, row};
use super::{body, principal};
use crate::aftercare::RedactFailure;
use crate::control::error::Problem;
use crate::control::time::rfc3339;
use crate::http::{App, Who, read_body};

/// How long an asker is kept waiting; it is done all the same.
const PATIENCE: Duration = Duration::from_secs(20);

/// The longest name or reason.
const TEXT_MAX_CHARS: usize = 500;

/// A span to be erased.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedactionWanted {
    /// Where it begins, in ms from the recording's start.
    from_ms: u64,
    /// Where it ends.
    to_ms: u64,
    /// Who approves it. A person who is logged in does it under their own name.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 500)]
    by: Option<String>,
    /// Why it has to go.
    #[schema(min_length = 1, max_length = 500)]
    why: String,
    /// Whether it is card data that goes: that is erased even under a legal hold.
    #[serde(default)]
    card_data: bool,
}

/// A span that was erased, or is about to be.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RedactionItem {
    /// Its number, over all recordings.
    number: i64,
    /// Where it begins, in ms from the recording's start.
    from_ms: i64,
    /// Where it ends.
    to_ms: i64,
    /// Who approved it.
    by: String,
    /// Why.
    why: String,
    /// The network address it was asked from.
    source: String,
    /// When it was asked, RFC 3339.
    asked: String,
    /// When it was done, RFC 3339; null while it is not.
    done: Option<String>,
    /// Whether it was card data.
    card_data: bool,
    /// The legal hold that held the recording then; null if none did.
    under_hold: Option<i64>,
    /// How many packets were erased; null while it is not done.
    packets: Option<u64>,
    /// The digest of the file before, hexadecimal; null while it is not done.
    digest_before: Option<String>,
    /// The digest of the file after, hexadecimal; null while it is not done.
    digest_after: Option<String>,
}

/// The redactions of a recording.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RedactionList {
    /// In the order they were asked for.
    items: Vec<RedactionItem>,
}

impl RedactionItem {
    fn new(redaction: Redaction, started: Wall) -> Self {
        let ms = |at: Wall| (at.as_ns() - started.as_ns()) / 1_000_000;
        let Redaction { number, asked, under_hold, done } = redaction;
        let digest = |digest| vault::Digest(digest).to_string();
        Self {
            number,
            from_ms: ms(asked.from),
            to_ms: ms(asked.until),
            by: asked.who,
            why: asked.why,
            source: asked.source,
            asked: rfc3339(asked.at),
            done: done.map(|(at, ..)| rfc3339(at)),
            card_data: asked.card_data,
            under_hold,
            packets: done.map(|(_, packets, ..)| packets),
            digest_before: done.map(|(_, _, before, _)| digest(before)),
            digest_after: done.map(|(.., after)| digest(after)),
        }
    }
}

impl RedactionWanted {
    fn read(body: &[u8]) -> Result<Self, Problem> {
        let example =
            r#"{"from_ms": 12000, "to_ms": 19500, "by": "Robin", "why": "a card number was read out"}"#;
        let mut wanted: Self = body::read(body, example)?;
        if wanted.to_ms <= wanted.from_ms {
            return Err(Problem::parameter("to_ms", "to_ms must lie behind from_ms"));
        }
        wanted.why = body::line("why", &wanted.why, TEXT_MAX_CHARS)?;
        Ok(wanted)
    }
}

/// The redactions of a recording.
#[utoipa::path(
    get,
    path = "/v1/recordings/{id}/redactions",
    tag = "recordings",
    operation_id = "listRedactions",
    params(("id" = String, Path, description = "The recording's id")),
    responses(
        (status = 200, description = "The redactions", body = RedactionList),
        (status = 400, description = "The id is none", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such recording, or it is still being made", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Who(who): Who,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<RedactionList>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let row = row(&app, &who, recording_id(&id)?).await?;
    let redactions = app.index.redactions(row.id).await?.into_iter();
    let items = redactions.map(|redaction| RedactionItem::new(redaction, row.started)).collect();
    Ok(Json(RedactionList { items }))
}

/// Erases a span of a finished recording for good: the keys of its minutes are destroyed, and what remains is sealed again.
/// It cannot be undone.
#[utoipa::path(
    post,
    path = "/v1/recordings/{id}/redactions",
    tag = "recordings",
    operation_id = "redactRecording",
    params(("id" = String, Path, description = "The recording's id")),
    request_body = RedactionWanted,
    responses(
        (status = 201, description = "It is erased", body = RedactionItem),
        (status = 202, description = "It is on record and will be erased; the disk takes its time", body = RedactionItem),
        (status = 400, description = "The id, the span or a text is not valid", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such recording, or it is still being made", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "Nothing sounds in this span, a legal hold holds the recording, or an archive has it", body = Problem,
         content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 1 MiB", body = Problem,
         content_type = "application/problem+json"),
        (status = 500, description = "The recording cannot be read, or the redaction cannot be written down",
         body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The index cannot be asked now, or the reading key is not here", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn redact(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<(StatusCode, Json<RedactionItem>), Problem> {
    Query::read(request.uri().query(), &[])?;
    let recording = recording_id(&id)?;
    let who = principal(&request);
    let row = row(&app, &who, recording).await?;
    let wanted = RedactionWanted::read(&read_body(request.into_body()).await?)?;
    let by = body::signed(&who, wanted.by.as_deref())?;
    let lasts_ms = row.duration_ms;
    if wanted.from_ms >= lasts_ms {
        let right = format!("from_ms must lie before the end; this one lasts {lasts_ms} ms");
        return Err(Problem::parameter("from_ms", right));
    }
    let at_ms = |ms: u64| row.started.after(Duration::from_millis(ms));
    let asked = RedactionAsked {
        recording,
        from: at_ms(wanted.from_ms),
        until: at_ms(wanted.to_ms.min(lasts_ms.saturating_add(1))),
        who: by,
        why: wanted.why,
        source: who.from.clone(),
        at: app.clock.now(),
        card_data: wanted.card_data,
    };
    if app.identity.four_eyes(&who) {
        let before = app.index.redactions(recording).await?.into_iter().map(|redaction| redaction.asked);
        let spans = before.map(|asked| (asked.from, asked.until)).chain([(asked.from, asked.until)]);
        if covered(spans.collect()) * 2 > Duration::from_millis(lasts_ms) {
            return Err(Problem::new(StatusCode::CONFLICT, MORE_THAN_HALF));
        }
    }
    let number = app.redactor.ask(&asked).await?;
    let doing = tokio::spawn(app.redactor.clone().carry_out(number, asked));
    let is_done = tokio::time::timeout(PATIENCE, doing).await.is_ok();
    let redactions = app.index.redactions(recording).await?;
    let redaction = redactions.into_iter().find(|redaction| redaction.number == number);
    let redaction = redaction.ok_or_else(|| {
        let cause = std::io::Error::other("it is not on record");
        Problem::failed("reading the redaction", &cause)
    })?;
    let status = if is_done { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    Ok((status, Json(RedactionItem::new(redaction, row.started))))
}

/// Who erases most of a recording erases it, a span at a time.
const MORE_THAN_HALF: &str = "more than half of this recording would be erased with what is already: nobody does that alone. Ask for its \
    erasure (POST /v1/erasures), which another person approves; a legal hold on it is released first, by two as well";

/// How long spans are together, where they lie over each other once.
fn covered(mut spans: Vec<(Wall, Wall)>) -> Duration {
    spans.sort();
    let (mut total, mut reached) = (Duration::ZERO, Wall::EPOCH);
    for (from, until) in spans {
        let from = from.max(reached);
        if until > from {
            total += until.since(from);
            reached = until;
        }
    }
    total
}

impl From<RedactFailure> for Problem {
    fn from(failure: RedactFailure) -> Self {
        match &failure {
            RedactFailure::Nothing | RedactFailure::Stays(_) => {
                Self::new(StatusCode::CONFLICT, failure.to_string())
            }
            RedactFailure::NotHeld(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, failure.to_string()),
            RedactFailure::Unreadable(_) => Self::failed("reading the recording", &failure),
            RedactFailure::Index(_) => Self::failed("writing the redaction down", &failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_that_lie_over_each_other_are_counted_once() {
        let of = |spans: &[(i64, i64)]| {
            covered(spans.iter().map(|(from, until)| (Wall::from_ms(*from), Wall::from_ms(*until))).collect())
        };
        assert_eq!(of(&[]), Duration::ZERO);
        assert_eq!(of(&[(1_000, 2_000), (5_000, 6_500)]), Duration::from_millis(2_500));
        assert_eq!(of(&[(5_000, 9_000), (1_000, 6_000), (2_000, 3_000)]), Duration::from_millis(8_000));
        assert_eq!(of(&[(3_000, 3_000), (4_000, 2_000)]), Duration::ZERO);
    }
}
