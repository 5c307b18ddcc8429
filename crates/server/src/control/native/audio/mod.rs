//! The sound of a recording.
//!
//! A client that stops reading holds a few hundred kilobytes and no thread: the next window is rendered when the
//! one before has left. That somebody listens is written down before the first byte does (C8-05).
//!
//! Of a WAV file any range of bytes may be asked for. What the bytes of the other forms are is known only when all before
//! them were made, so there are no ranges of them; another place is asked for by time. Nor are there of a recording that
//! is still made ([`live`]).

mod asked;
mod body;
mod live;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use access::Principal;
use audio::Rate;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use calls::id::{CallId, RecordingId};
use calls::time::Wall;
use index::RecordingRow;

use self::asked::Asked;
use self::body::{Places, Source};
use super::range::{self, Wanted};
use super::recordings::{known_row, no_such, recording_id};
use crate::control::error::Problem;
use crate::control::time::rfc3339;
use crate::http::{App, actor, principal};
use crate::identity::{NoPlace, Place};
use crate::playback::{self, Channels, Encoding, FfmpegError, Form, Passage, Rendition, Sound, SoundError};
use crate::trail::{Heard, note};

/// How many may listen at once: each holds an open file and a window of sound (F-API-4).
pub(crate) const MAX_LISTENERS: usize = 256;

/// How many encoders may run at once in processes of their own: each takes some tens of megabytes.
pub(crate) const MAX_ENCODERS: usize = 16;

/// What was done so shortly ago may not have been when it was asked for.
const JUST_NOW: Duration = Duration::from_secs(5);

/// How long what is sent lasts, in seconds: browsers knew it by this name, and of most forms no length is known.
const DURATION: HeaderName = HeaderName::from_static("x-content-duration");

/// Says why somebody listens.
pub(crate) const REASON: HeaderName = HeaderName::from_static("sidetone-reason");

/// Part of the validator: it changes when the same file is rendered to other bytes.
const RENDERING: u32 = 2;

/// The sound of a recording, at the rate of its codecs unless another is asked for: WAV and FLAC with 16-bit samples, Opus
/// in Ogg, or MP3, which an installed ffmpeg makes.
///
/// Two channels unless there is but one stream: the stream with the lower number left, the other right. Of more
/// than two streams the agent's are right and all others left. Blackouts are silence of true length. Byte ranges are there
/// for WAV alone; of the other forms another place is asked for with `from_ms`. `X-Content-Duration` tells the length in
/// seconds.
///
/// Of a recording that is still made it gives what is kept so far and then what comes, two seconds later than it is said, until
/// the recording ends; without a length or ranges. A `from_ms` behind what there is begins with what comes next.
#[utoipa::path(
    get,
    path = "/v1/recordings/{id}/audio",
    tag = "recordings",
    operation_id = "getAudio",
    params(
        ("id" = String, Path, description = "The recording's id"),
        ("channels" = Option<u16>, Query, description = "1 or 2; 1 mixes all streams"),
        ("rate" = Option<u32>, Query, description = "8000, 16000 or 48000 samples a second; if left out, the highest of the codecs in it: 8000 for G.711 and G.729, 16000 for G.722, 48000 for Opus"),
        ("from_ms" = Option<u64>, Query, description = "Where to begin, in ms from the recording's start"),
        ("to_ms" = Option<u64>, Query, description = "Where to end; the end of the recording if left out"),
        ("format" = Option<String>, Query, description = "wav (if left out), opus, flac or mp3"),
        ("reason" = Option<String>, Query, description = "Why it is listened to, for the audit; wanted where audit.ask_reason is set. The header Sidetone-Reason does the same"),
        ("Range" = Option<String>, Header, description = "One range of bytes, of a WAV file"),
    ),
    responses(
        (status = 200, description = "The whole file", content(
            (Vec<u8> = "audio/wav"), (Vec<u8> = "audio/ogg"), (Vec<u8> = "audio/flac"), (Vec<u8> = "audio/mpeg"),
        )),
        (status = 206, description = "The range asked for", body = Vec<u8>, content_type = "audio/wav"),
        (status = 304, description = "The caller has it already (If-None-Match)"),
        (status = 400, description = "A parameter is unknown or wrong", body = Problem,
         content_type = "application/problem+json"),
        (status = 403, description = "The recording is restricted: stored, and neither played nor given out", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such recording, or nothing has come of it", body = Problem,
         content_type = "application/problem+json"),
        (status = 410, description = "It was erased", body = Problem, content_type = "application/problem+json"),
        (status = 416, description = "The range lies behind the end", body = Problem,
         content_type = "application/problem+json"),
        (status = 500, description = "The file cannot be read", body = Problem,
         content_type = "application/problem+json"),
        (status = 501, description = "It holds G.729 or MP3 is asked for, and there is no ffmpeg", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "Too many listen, recording needs what listening would take, the listen cannot be written down, or the reading key is not here", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn listen(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let asked = Asked::read(request.uri().query())?;
    let id = recording_id(&id)?;
    spare(&app)?;
    let (request, _) = request.into_parts();
    let who = principal(&request.extensions);
    let Some(row) = known_row(&app, &who, id).await? else {
        return live::listen(app, id, asked, &request).await;
    };
    super::restriction::check(&row)?;
    if !playback::may_hear(&who, &row) {
        return Err(no_such());
    }
    let places = places(&app, &who, asked.form)?;
    let sound = open(&app, &row, asked.rate).await?;
    let channels = asked.channels.unwrap_or(Channels::fitting(sound.manifest()));
    let span = asked.span(sound.frames(), sound.rate())?;
    let given = Given { app, row, asked, places, request };
    if given.asked.form == Form::Wav {
        given.wav(sound, span, channels).await
    } else {
        given.rendition(sound, span, channels).await
    }
}

/// A request that can be met, and what it takes.
struct Given {
    app: Arc<App>,
    row: RecordingRow,
    asked: Asked,
    places: Places,
    request: Parts,
}

impl Given {
    async fn wav(self, sound: Sound, span: Range<u64>, channels: Channels) -> Result<Response, Problem> {
        let wav = sound.wav(span.clone(), channels).map_err(|error| {
            Problem::parameter("to_ms", format!("{error}; ask for a part of it with from_ms and to_ms"))
        })?;
        let etag = format!("\"{}-{RENDERING}-{}-{}\"", sound.digest(), channels.count(), sound.rate().hz());
        let total = wav.total_bytes();
        let is_head = self.request.method == Method::HEAD;
        let (status, bytes) = match range::wanted(&self.request.headers, &etag, total) {
            Wanted::NotModified => return Ok((StatusCode::NOT_MODIFIED, validator(&etag)).into_response()),
            Wanted::Nothing => return Err(behind_the_end(total)),
            Wanted::Whole => (StatusCode::OK, 0..total),
            Wanted::Part(_) if is_head => (StatusCode::OK, 0..total),
            Wanted::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
        };
        let mut headers = self.headers(&etag, &span, sound.rate());
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.end - bytes.start));
        if status == StatusCode::PARTIAL_CONTENT {
            headers.insert(
                header::CONTENT_RANGE,
                header_text(&format!("bytes {}-{}/{total}", bytes.start, bytes.end - 1)),
            );
        }
        if is_head {
            return Ok((status, headers).into_response());
        }
        let (what, reason) = (self.asked.words(Some(&bytes)), self.asked.reason.clone());
        let of = (self.row.id, Some(self.row.call));
        let request = (&self.request.extensions, &self.request.headers);
        let heard = write_down(&self.app, of, request, (what, reason)).await?;
        let source = Source::Wav { sound: Box::new(sound), wav, first: bytes.start, rest: bytes };
        Ok((status, headers, body::body(self.app, source, self.places, heard)).into_response())
    }

    async fn rendition(
        self,
        sound: Sound,
        span: Range<u64>,
        channels: Channels,
    ) -> Result<Response, Problem> {
        let (form, rate) = (self.asked.form, sound.rate());
        // Another ffmpeg makes other bytes of the same sound.
        let opaque = format!("\"{}-{RENDERING}-{form}-{}-{}\"", sound.digest(), channels.count(), rate.hz());
        let etag = format!("W/{opaque}");
        if range::is_known(&self.request.headers, &opaque) {
            return Ok((StatusCode::NOT_MODIFIED, validator(&etag)).into_response());
        }
        let mut headers = self.headers(&etag, &span, rate);
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("none"));
        if self.request.method == Method::HEAD {
            Encoding::available(form, &self.app.ffmpeg).map_err(SoundError::Mp3)?;
            return Ok((headers, of_unknown_length()).into_response());
        }
        let ffmpeg = self.app.ffmpeg.clone();
        let begun = tokio::task::spawn_blocking(move || {
            Rendition::new(Passage::new(sound, span, channels), form, &ffmpeg)
        });
        let rendition = begun.await.map_err(|panicked| Problem::failed("encoding", &panicked))??;
        let (what, reason) = (self.asked.words(None), self.asked.reason.clone());
        let of = (self.row.id, Some(self.row.call));
        let request = (&self.request.extensions, &self.request.headers);
        let heard = write_down(&self.app, of, request, (what, reason)).await?;
        let source = Source::Rendition(Box::new(rendition));
        Ok((headers, body::body(self.app, source, self.places, heard)).into_response())
    }

    fn headers(&self, etag: &str, span: &Range<u64>, rate: Rate) -> HeaderMap {
        let ms = (span.end - span.start) * 1_000 / u64::from(rate.hz());
        let mut headers = named(self.asked.form, self.row.started, self.row.id, validator(etag));
        headers.insert(DURATION, header_text(&format!("{}.{:03}", ms / 1_000, ms % 1_000)));
        headers
    }
}

/// Nobody may listen while recording needs what that would take (A9-07).
pub(super) fn spare(app: &App) -> Result<(), Problem> {
    match app.readiness.spares_playback() {
        Some(why) => Err(Problem::unavailable(format!("recording needs what listening would take: {why}"))),
        None => Ok(()),
    }
}

/// Writes the listen down, durably; how much was heard is written when what is returned is dropped.
pub(super) async fn write_down(
    app: &App,
    of: (RecordingId, Option<CallId>),
    request: (&Extensions, &HeaderMap),
    (what, why): (String, Option<String>),
) -> Result<Heard, Problem> {
    let (extensions, headers) = request;
    let why = reason(app, headers, why)?;
    let heard = Heard::begin(&app.audit, actor(extensions), of, (what, why)).await;
    let heard = heard.map_err(|_| {
        Problem::unavailable("that somebody listens cannot be written down now, so nothing may be heard")
    })?;
    note(|note| note.is_written = true);
    app.metrics.listens.increment();
    Ok(heard)
}

/// Why somebody listens, as they say; wanted where the settings want it (C5-06).
pub(super) fn reason(app: &App, headers: &HeaderMap, said: Option<String>) -> Result<String, Problem> {
    let in_header =
        || headers.get(REASON).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let said = said.or_else(in_header).map(|text| text.trim().to_owned()).unwrap_or_default();
    if said.is_empty() && app.audit.asks_reason() {
        let right = "here a reason is wanted of who listens: say reason=..., or send it in the header Sidetone-Reason";
        return Err(Problem::parameter("reason", right));
    }
    Ok(said)
}

/// What the file is called, and of what kind it is.
fn named(form: Form, started: Wall, id: RecordingId, mut headers: HeaderMap) -> HeaderMap {
    // Made of digits, letters and hyphens of ours: nothing in it comes from outside.
    let started = rfc3339(started).replace([':', '.'], "-");
    let name = format!("inline; filename=\"{started}_{id}.{}\"", form.extension());
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.content_type()));
    headers.insert(header::CONTENT_DISPOSITION, header_text(&name));
    headers
}

/// A body for `HEAD` without a length: an empty one would be said to be the length of the file.
fn of_unknown_length() -> Body {
    Body::from_stream(futures_util::stream::empty::<Result<Vec<u8>, std::io::Error>>())
}

/// Places for one who listens, if there are any left.
fn places(app: &App, who: &Principal, form: Form) -> Result<Places, Problem> {
    let listener = place(app, who)?;
    let encoder = match form {
        Form::Mp3 => {
            let taken = app.listeners.take_encoder(who);
            Some(taken.map_err(|none| no_place(app, none, "have MP3 made", "files of MP3"))?)
        }
        _ => None,
    };
    Ok(Places { _listener: listener, _encoder: encoder })
}

/// A place among those who listen.
pub(super) fn place(app: &App, who: &Principal) -> Result<Place, Problem> {
    app.listeners.take_place(who).map_err(|none| no_place(app, none, "are listening", "recordings"))
}

fn no_place(app: &App, none: NoPlace, what: &str, things: &str) -> Problem {
    match none {
        NoPlace::Full => Problem::unavailable(format!("too many {what} now")),
        NoPlace::FullOfTheirs(each) => {
            app.metrics.http_over_rate.increment();
            let right = format!(
                "{each} {things} are on their way to you, which is all one account or key may have; take one to its end, or \
                 close it, and ask again"
            );
            Problem::new(StatusCode::TOO_MANY_REQUESTS, right)
        }
    }
}

/// Between the exchange of a file and that of its row the two differ.
async fn is_being_redacted(app: &App, recording: RecordingId) -> Result<(), Problem> {
    let redactions = app.index.redactions(recording).await?;
    // One that was ended a moment ago was not when the row was read.
    let is_recent = |redaction: &index::Redaction| {
        redaction.done.is_none_or(|(at, ..)| app.clock.now().since(at) < JUST_NOW)
    };
    if redactions.iter().any(is_recent) {
        return Err(Problem::unavailable("a span of this recording is being erased"));
    }
    Ok(())
}

/// Opens the file of a recording whose row was just read, in the data folder or in its archive; it is the one of the row.
pub(super) async fn open(app: &App, row: &RecordingRow, rate: Option<Rate>) -> Result<Sound, Problem> {
    let archive = super::retention::reader(app, row).await?;
    let (recording, key) = (row.id, app.reading.clone());
    let (ffmpeg, surveys) = (app.ffmpeg.clone(), app.surveys.clone());
    let opened = tokio::task::spawn_blocking(move || {
        Sound::open(&archive, &key, recording, rate, (&ffmpeg, &surveys))
    })
    .await;
    let sound = opened.map_err(|panicked| Problem::failed("opening the recording", &panicked))??;
    if sound.digest().0 != row.digest {
        is_being_redacted(app, row.id).await?;
        let cause = std::io::Error::other("the digest of the file is not the one in the index");
        return Err(Problem::failed("reading the recording", &cause));
    }
    Ok(sound)
}

impl From<SoundError> for Problem {
    fn from(error: SoundError) -> Self {
        match error {
            missing @ SoundError::Ffmpeg(FfmpegError::Missing(_)) => Self::new(
                StatusCode::NOT_IMPLEMENTED,
                format!("this recording cannot be made sound now: {missing}"),
            ),
            missing @ SoundError::Mp3(FfmpegError::Missing(_)) => {
                Self::new(StatusCode::NOT_IMPLEMENTED, missing.to_string())
            }
            away @ SoundError::NotHeld(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, away.to_string()),
            error => Self::failed("reading the recording", &error),
        }
    }
}

fn validator(etag: &str) -> HeaderMap {
    HeaderMap::from_iter([(header::ETAG, header_text(etag))])
}

fn behind_the_end(total: u64) -> Problem {
    let detail = format!("the range lies behind the end; there are {total} bytes");
    Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, detail)
        .with_header(header::CONTENT_RANGE, header_text(&format!("bytes */{total}")))
}

pub(super) fn header_text(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("ids, digits and words of ours are visible ASCII")
}
