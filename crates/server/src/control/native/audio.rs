//! The sound of a recording, by bytes.
//!
//! A client that stops reading holds a few hundred kilobytes and no thread: the next window is rendered when the
//! one before has left. That somebody listens is written down before the first byte does (C8-05).

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use audio::Rate;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use calls::id::RecordingId;
use futures_util::stream;
use index::{Listen, RecordingRow};
use tokio::sync::OwnedSemaphorePermit;

use super::query::Query;
use super::range::{self, Wanted};
use super::recordings::{recording_id, row};
use crate::control::error::Problem;
use crate::control::time::rfc3339;
use crate::http::App;
use crate::playback::{Channels, FfmpegError, Sound, SoundError, Wav};

/// How many may listen at once: each holds an open file and a window of sound (F-API-4).
pub(crate) const MAX_LISTENERS: usize = 256;

/// What was done so shortly ago may not have been when it was asked for.
const JUST_NOW: Duration = Duration::from_secs(5);

/// Part of the validator: it changes when the same file is rendered to other bytes.
const RENDERING: u32 = 2;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    channels: Option<Channels>,
    rate: Option<Rate>,
    from_ms: u64,
    to_ms: Option<u64>,
}

/// The sound of a recording: a WAV file with 16-bit samples, at the rate of its codecs unless another is asked for.
///
/// Two channels unless there is but one stream: the stream with the lower number left, the other right. Of more
/// than two streams the agent's are right and all others left. Blackouts are silence of true length.
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
        ("format" = Option<String>, Query, description = "wav, the only one so far"),
        ("Range" = Option<String>, Header, description = "One range of bytes"),
    ),
    responses(
        (status = 200, description = "The whole file", body = Vec<u8>, content_type = "audio/wav"),
        (status = 206, description = "The range asked for", body = Vec<u8>, content_type = "audio/wav"),
        (status = 304, description = "The caller has it already (If-None-Match)"),
        (status = 400, description = "A parameter is unknown or wrong", body = Problem,
         content_type = "application/problem+json"),
        (status = 403, description = "The recording is restricted: stored, and neither played nor given out", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such recording, or it is still being made", body = Problem,
         content_type = "application/problem+json"),
        (status = 410, description = "It was erased", body = Problem, content_type = "application/problem+json"),
        (status = 416, description = "The range lies behind the end", body = Problem,
         content_type = "application/problem+json"),
        (status = 500, description = "The file cannot be read", body = Problem,
         content_type = "application/problem+json"),
        (status = 501, description = "It holds G.729, and there is no ffmpeg to decode it", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "Too many listen, recording needs what listening would take, or the listen cannot be written down", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn listen(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let asked = Asked::read(request.uri().query())?;
    let row = row(&app, recording_id(&id)?).await?;
    super::restriction::check(&row)?;
    // A9-07: recording comes first.
    if let Some(why) = app.readiness.spares_playback() {
        return Err(Problem::unavailable(format!("recording needs what listening would take: {why}")));
    }
    let place = app.listeners.take_place();
    let place = place.ok_or_else(|| Problem::unavailable("too many are listening now"))?;
    let sound = open(&app, &row, asked.rate).await?;
    if sound.digest().0 != row.digest {
        is_being_redacted(&app, row.id).await?;
        let cause = std::io::Error::other("the digest of the file is not the one in the index");
        return Err(Problem::failed("reading the recording", &cause));
    }
    let channels = asked.channels.unwrap_or(Channels::fitting(sound.manifest()));
    let span = asked.span(sound.frames(), sound.rate())?;
    let wav = sound.wav(span, channels).map_err(|error| {
        Problem::parameter("to_ms", format!("{error}; ask for a part of it with from_ms and to_ms"))
    })?;
    let etag = format!("\"{}-{RENDERING}-{}-{}\"", sound.digest(), channels.count(), sound.rate().hz());
    let total = wav.total_bytes();
    let (status, bytes) = match range::wanted(request.headers(), &etag, total) {
        Wanted::NotModified => return Ok((StatusCode::NOT_MODIFIED, validator(&etag)).into_response()),
        Wanted::Nothing => return Err(behind_the_end(total)),
        Wanted::Whole => (StatusCode::OK, 0..total),
        Wanted::Part(_) if *request.method() == Method::HEAD => (StatusCode::OK, 0..total),
        Wanted::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
    };
    let mut headers = headers(&row, &etag, &bytes);
    if status == StatusCode::PARTIAL_CONTENT {
        headers.insert(
            header::CONTENT_RANGE,
            header_text(&format!("bytes {}-{}/{total}", bytes.start, bytes.end - 1)),
        );
    }
    if *request.method() == Method::HEAD {
        return Ok((status, headers).into_response());
    }
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    write_down(&app, row.id, peer, &asked, &bytes).await?;
    Ok((status, headers, body(app, sound, wav, bytes, place)).into_response())
}

impl Asked {
    fn read(query: Option<&str>) -> Result<Self, Problem> {
        let query = Query::read(query, &["channels", "rate", "from_ms", "to_ms", "format"])?;
        if query.text("format").is_some_and(|format| !format.eq_ignore_ascii_case("wav")) {
            return Err(Problem::parameter("format", "format must be wav; there is no other yet"));
        }
        let channels = match query.text("channels").as_deref() {
            None => None,
            Some("1") => Some(Channels::Mono),
            Some("2") => Some(Channels::Stereo),
            Some(_) => return Err(Problem::parameter("channels", "channels must be 1 or 2")),
        };
        let rate = match query.text("rate").as_deref() {
            None => None,
            Some(text) => {
                let wrong = || Problem::parameter("rate", "rate must be 8000, 16000 or 48000");
                Some(text.parse().ok().and_then(Rate::of_hz).ok_or_else(wrong)?)
            }
        };
        let wanted = "a whole number of milliseconds from the recording's start";
        let from_ms = query.number("from_ms", wanted)?.unwrap_or(0);
        let to_ms = query.number("to_ms", wanted)?;
        if to_ms.is_some_and(|to_ms| to_ms <= from_ms) {
            return Err(Problem::parameter("to_ms", "to_ms must lie behind from_ms"));
        }
        Ok(Self { channels, rate, from_ms, to_ms })
    }

    /// The frames asked for of so many.
    fn span(&self, frames: u64, rate: Rate) -> Result<Range<u64>, Problem> {
        let frames_per_ms = u64::from(rate.hz() / 1_000);
        let frame_at = |ms: u64| ms.saturating_mul(frames_per_ms);
        let first = frame_at(self.from_ms);
        if first > 0 && first >= frames {
            let why =
                format!("from_ms must lie before the end; this one lasts {} ms", frames / frames_per_ms);
            return Err(Problem::parameter("from_ms", why));
        }
        Ok(first..self.to_ms.map_or(frames, frame_at).min(frames))
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

async fn open(app: &App, row: &RecordingRow, rate: Option<Rate>) -> Result<Sound, Problem> {
    let archive = super::retention::reader(app, row).await?;
    let (recording, key, ffmpeg) = (row.id, app.reading.clone(), app.ffmpeg.clone());
    let opened =
        tokio::task::spawn_blocking(move || Sound::open(&archive, &key, recording, rate, &ffmpeg)).await;
    match opened {
        Ok(Ok(sound)) => Ok(sound),
        Ok(Err(error)) => Err(Problem::from(error)),
        Err(panicked) => Err(Problem::failed("opening the recording", &panicked)),
    }
}

impl From<SoundError> for Problem {
    fn from(error: SoundError) -> Self {
        match error {
            missing @ SoundError::Ffmpeg(FfmpegError::Missing(_)) => Self::new(
                StatusCode::NOT_IMPLEMENTED,
                format!("this recording cannot be made sound now: {missing}"),
            ),
            error => Self::failed("reading the recording", &error),
        }
    }
}

/// Writes the listen down, durably. Where no login is asked, nobody has a name.
async fn write_down(
    app: &App,
    recording: RecordingId,
    peer: Option<IpAddr>,
    asked: &Asked,
    bytes: &Range<u64>,
) -> Result<(), Problem> {
    let channels = asked.channels.map_or("as recorded".to_owned(), |channels| channels.count().to_string());
    let to_ms = asked.to_ms.map_or("end".to_owned(), |to_ms| to_ms.to_string());
    let listen = Listen {
        at: app.clock.now(),
        recording,
        who: "anonymous".to_owned(),
        from: peer.map_or("unknown".to_owned(), |peer| peer.to_string()),
        what: format!(
            "wav, channels {channels}, ms {} to {to_ms}, bytes {} to {}",
            asked.from_ms,
            bytes.start,
            bytes.end - 1
        ),
    };
    app.index.record_listen(&listen).await.map_err(|error| {
        let _ = Problem::failed("writing down a listen", &error);
        Problem::unavailable("that somebody listens cannot be written down now, so nothing may be heard")
    })?;
    app.metrics.listens.increment();
    Ok(())
}

fn headers(row: &RecordingRow, etag: &str, bytes: &Range<u64>) -> HeaderMap {
    // Made of digits, letters and hyphens of ours: nothing in it comes from outside.
    let started = rfc3339(row.started).replace([':', '.'], "-");
    let name = format!("inline; filename=\"{started}_{}.wav\"", row.id);
    let mut headers = validator(etag);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("audio/wav"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.end - bytes.start));
    headers.insert(header::CONTENT_DISPOSITION, header_text(&name));
    headers
}

fn validator(etag: &str) -> HeaderMap {
    HeaderMap::from_iter([(header::ETAG, header_text(etag))])
}

fn behind_the_end(total: u64) -> Problem {
    let detail = format!("the range lies behind the end; there are {total} bytes");
    Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, detail)
        .with_header(header::CONTENT_RANGE, header_text(&format!("bytes */{total}")))
}

fn header_text(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("ids, digits and words of ours are visible ASCII")
}

/// One listener's way through a file.
struct Listener {
    app: Arc<App>,
    sound: Sound,
    wav: Wav,
    rest: Range<u64>,
    damaged: u64,
    /// Given back when the body is dropped.
    _place: OwnedSemaphorePermit,
}

fn body(app: Arc<App>, sound: Sound, wav: Wav, rest: Range<u64>, place: OwnedSemaphorePermit) -> Body {
    let listener = Listener { app, sound, wav, rest, damaged: 0, _place: place };
    Body::from_stream(stream::try_unfold(listener, |mut listener| async {
        if listener.rest.is_empty() {
            return Ok(None);
        }
        // Decoding takes a while and files may be slow: neither belongs on a thread that others wait for.
        let rendered = tokio::task::spawn_blocking(move || {
            let Range { start, end } = listener.rest;
            let bytes = listener.sound.wav_bytes(&listener.wav, start, end)?;
            listener.rest.start += bytes.len() as u64;
            let damaged = listener.sound.damaged();
            listener.app.metrics.playback_damaged.add(damaged - listener.damaged);
            listener.damaged = damaged;
            Ok::<_, SoundError>((Bytes::from(bytes), listener))
        });
        match rendered.await {
            Ok(Ok((bytes, listener))) => Ok(Some((bytes, listener))),
            Ok(Err(error)) => {
                tracing::error!(%error, "a recording breaks off while it is played");
                Err(std::io::Error::other(error))
            }
            Err(panicked) => Err(std::io::Error::other(panicked)),
        }
    }))
}
