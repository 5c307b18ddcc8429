//! Listening to a recording that is still made.
//!
//! A listener looks for what is new a few times a second, on the disk; the desk is asked how the recording stands. Nobody
//! else waits for it: one who reads slowly hears later, and who has gone is gone. What was asked for ends with the
//! recording (design/decisions/0013).

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use calls::id::{CallId, RecordingId};
use calls::recording::RecordingState;
use calls::time::Wall;
use futures_util::stream;

use super::asked::Asked;
use super::body::Places;
use super::{named, of_unknown_length, places, spare, write_down};
use crate::control::error::Problem;
use crate::control::native::recordings::no_such;
use crate::control::scope::covers_known;
use crate::http::{App, principal};
use crate::keep::finish::manifest_so_far;
use crate::keep::manifest::Manifest;
use crate::playback::{Channels, Encoding, LivePart, LiveSound, Shape, SoundError};
use crate::trail::Heard;

/// Between two looks for what is new.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Looks without an answer of the journal's thread, which has other things to do, until the listener is let go: 30 s.
const MAX_UNANSWERED: u32 = 150;

/// How a recording stands.
struct Known {
    manifest: Manifest,
    state: RecordingState,
}

impl Known {
    /// Whether it ends where its manifest says.
    fn is_over(&self) -> bool {
        !matches!(self.state, RecordingState::Pending | RecordingState::Recording)
    }
}

/// What the tracker knows of a recording; looked for in one call, if that is known already.
async fn known(app: &App, call: Option<CallId>, id: RecordingId) -> Result<Option<Known>, Problem> {
    let now = app.clock.now();
    let known = app.desk.look(move |tracker| {
        let calls = &tracker.state().calls;
        let call = match call {
            Some(call) => calls.get(&call)?,
            None => calls.values().find(|call| call.recordings.iter().any(|known| known.id == id))?,
        };
        let recording = call.recordings.iter().find(|known| known.id == id)?;
        Some(Known { manifest: manifest_so_far(call, recording, now), state: recording.state })
    });
    Ok(known.await?)
}

/// Answers who wants to listen to a recording that has no row yet.
pub(super) async fn listen(
    app: Arc<App>,
    id: RecordingId,
    asked: Asked,
    request: &Parts,
) -> Result<Response, Problem> {
    let who = principal(&request.extensions);
    let scope = who.scope().clone();
    let is_covered = app.desk.look(move |tracker| covers_known(&scope, tracker, None, Some(id))).await?;
    let known = known(&app, None, id).await?.filter(|_| is_covered == Some(true)).ok_or_else(no_such)?;
    if matches!(known.state, RecordingState::Pending | RecordingState::Error)
        || known.manifest.streams.is_empty()
    {
        return Err(Problem::not_found(
            "nothing has come that could be heard of this recording; ask again later",
        ));
    }
    Encoding::available(asked.form, &app.ffmpeg).map_err(SoundError::Mp3)?;
    let mut headers = named(asked.form, known.manifest.started, id, HeaderMap::new());
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("none"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if request.method == Method::HEAD {
        return Ok((headers, of_unknown_length()).into_response());
    }
    let (places, call) = (places(&app, &who, asked.form)?, known.manifest.call);
    let part = LivePart {
        rate: asked.rate,
        channels: asked.channels.unwrap_or(Channels::fitting(&known.manifest)),
        from_ms: asked.from_ms,
        to_ms: asked.to_ms,
    };
    let sound = LiveSound::follow(&app.archive, &app.reading, known.manifest, part, &app.ffmpeg);
    let listener = Listener {
        app,
        id,
        asked,
        sound,
        encoding: None,
        samples: Vec::new(),
        missed: 0,
        heard: None,
        places,
    };
    // What cannot be heard at all is refused before anything is written down.
    let (listener, first) = listener.begin().await?;
    let what = format!("{}, while it is made", listener.asked.words(None));
    let (of, reason) = ((id, Some(call)), listener.asked.reason.clone());
    let heard =
        write_down(&listener.app, of, (&request.extensions, &request.headers), (what, reason)).await?;
    let listener = Listener { heard: Some(heard), ..listener };
    Ok((headers, listener.body(first)).into_response())
}

/// One listener's way through a recording that grows.
struct Listener {
    app: Arc<App>,
    id: RecordingId,
    asked: Asked,
    sound: LiveSound,
    /// None until it is known what is to be encoded.
    encoding: Option<Encoding>,
    samples: Vec<i16>,
    missed: u64,
    /// None until it is on record.
    heard: Option<Heard>,
    #[expect(dead_code, reason = "given back when the body is dropped")]
    places: Places,
}

/// What one look gave.
struct Looked {
    bytes: Vec<u8>,
    /// How much of the recording they hold.
    ms: u64,
    /// Whether that was the last.
    ends: bool,
}

/// What the journal and the tracker say at one time.
struct Stand {
    manifest: Manifest,
    is_over: bool,
    unsettled: Vec<vault::Settlement>,
    now: Wall,
}

/// How a recording stands, and where what is new of it lies. `last` is what was known of it last.
async fn stand(app: &App, id: RecordingId, last: Manifest) -> Result<Stand, Problem> {
    for _ in 0..MAX_UNANSWERED {
        spare(app)?;
        // What is durable at this time is found by what is asked for after it.
        let now = app.clock.now();
        let unsettled = app.unsettled.of(id).await;
        let known = known(app, Some(last.call), id).await?;
        if let Some(unsettled) = unsettled {
            let (manifest, is_over) = match known {
                Some(known) => (known.manifest.clone(), known.is_over()),
                // Forgotten: it is sealed, and what was known last holds.
                None => (last, true),
            };
            return Ok(Stand { manifest, is_over, unsettled, now });
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err(Problem::unavailable("the journal has too much to do"))
}

impl Listener {
    /// Looks until there is something to be sent.
    async fn begin(mut self) -> Result<(Self, Looked), Problem> {
        loop {
            let (listener, looked) = self.look().await?;
            self = listener;
            if looked.ends || !looked.bytes.is_empty() {
                return Ok((self, looked));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// One look at what is new.
    async fn look(mut self) -> Result<(Self, Looked), Problem> {
        let last = self.sound.manifest().clone();
        let Stand { manifest, is_over, unsettled, now } = stand(&self.app, self.id, last).await?;
        // Decoding takes a while and files may be slow: neither belongs on a thread that others wait for.
        let looked = tokio::task::spawn_blocking(move || {
            self.sound.look(manifest, &unsettled, now)?;
            let looked = self.encode(is_over)?;
            Ok::<_, SoundError>((self, looked))
        });
        Ok(looked.await.map_err(|panicked| Problem::failed("listening to a running call", &panicked))??)
    }

    fn encode(&mut self, is_over: bool) -> Result<Looked, SoundError> {
        let goes_on = self.sound.window(is_over, &mut self.samples)?;
        let missed = self.sound.missed();
        self.app.metrics.live_missed.add(missed - self.missed);
        self.missed = missed;
        let mut bytes = Vec::new();
        if self.samples.is_empty() && goes_on {
            return Ok(Looked { bytes, ms: 0, ends: false });
        }
        let mut encoding = match self.encoding.take() {
            Some(encoding) => encoding,
            None => {
                let shape =
                    Shape { channels: self.sound.channels().count(), rate: self.sound.rate(), frames: None };
                Encoding::begin(self.asked.form, shape, &self.app.ffmpeg)?
            }
        };
        encoding.push(&self.samples, &mut bytes)?;
        let frames = self.samples.len() as u64 / u64::from(self.sound.channels().count());
        let ms = frames * 1_000 / u64::from(self.sound.rate().hz());
        if goes_on {
            self.encoding = Some(encoding);
        } else {
            encoding.finish(&mut bytes)?;
        }
        Ok(Looked { bytes, ms, ends: !goes_on })
    }

    fn body(self, first: Looked) -> Body {
        Body::from_stream(stream::try_unfold(Some((self, Some(first))), |state| async {
            let Some((mut listener, mut first)) = state else { return Ok(None) };
            loop {
                let looked = match first.take() {
                    Some(first) => first,
                    None => {
                        let (back, looked) = listener.look().await.map_err(|problem| {
                            tracing::warn!(?problem, "listening to a running call breaks off");
                            std::io::Error::other("it breaks off")
                        })?;
                        listener = back;
                        looked
                    }
                };
                let bytes = Bytes::from(looked.bytes);
                if let Some(heard) = &mut listener.heard {
                    heard.more(looked.ms);
                }
                match (bytes.is_empty(), looked.ends) {
                    (_, true) => return Ok::<_, std::io::Error>(Some((bytes, None))),
                    (false, false) => return Ok(Some((bytes, Some((listener, None))))),
                    (true, false) => tokio::time::sleep(LOOK_EVERY).await,
                }
            }
        }))
    }
}
