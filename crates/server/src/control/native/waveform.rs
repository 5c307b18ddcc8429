//! How loud a recording is from step to step: what a player draws before anything is heard.

use std::ops::Range;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::query::Query;
use super::recordings::{no_such, recording_id, row};
use super::{audio, restriction};
use crate::control::error::Problem;
use crate::http::{App, Who};
use crate::playback::{self, Lane, WAVEFORM_RATE, Waveform, WaveformKey};

/// Steps of a waveform, unless others are asked for: what a wide screen shows.
const STEPS: u64 = 2_000;
/// The most steps of one answer.
const STEPS_MAX: u64 = 8_000;
/// The shortest step, ms.
const STEP_MIN_MS: u64 = 10;

/// How loud a recording is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WaveformItem {
    /// Its id.
    recording: String,
    /// Where the first step begins, ms from the recording's start.
    from_ms: u64,
    /// Where the last step ends.
    to_ms: u64,
    /// How long each step is, ms; the last may be shorter.
    step_ms: u64,
    /// The channels as `/audio` gives them, left first: two, or one where there is one stream.
    lanes: Vec<LaneItem>,
    /// Damaged blocks, each of which is silence.
    damaged: u64,
}

/// A channel of a waveform.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LaneItem {
    /// The streams that sound in it, by number.
    streams: Vec<u32>,
    /// The loudest sample of each step, in dBov: 0 is as loud as can be, -127 is silence.
    peaks_dbov: Vec<i8>,
    /// When keys were pressed, the first 2,000; which they were is not kept.
    keys: Vec<PressedItem>,
}

/// A key that was pressed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PressedItem {
    /// When, ms from the recording's start.
    from_ms: i64,
    /// Until when.
    to_ms: i64,
}

impl LaneItem {
    fn new(lane: &Lane) -> Self {
        let ms = |ns: i64| ns / 1_000_000;
        Self {
            streams: lane.streams.iter().map(|stream| u32::from(stream.0)).collect(),
            peaks_dbov: lane.peaks_dbov.clone(),
            keys: lane
                .keys_ns
                .iter()
                .map(|key| PressedItem { from_ms: ms(key.start), to_ms: ms(key.end) })
                .collect(),
        }
    }
}

/// How loud a finished recording is from step to step, by channel, with the keys that were pressed. Blackouts, gaps and what was
/// erased are silence. Nothing of what was said can be heard from it; it is no listen.
#[utoipa::path(
    get,
    path = "/v1/recordings/{id}/waveform",
    tag = "recordings",
    operation_id = "getWaveform",
    params(
        ("id" = String, Path, description = "The recording's id"),
        ("steps" = Option<u64>, Query, description = "About how many steps, 1 to 8000; 2000 if left out. No step is shorter than 10 ms", minimum = 1, maximum = 8000),
        ("from_ms" = Option<u64>, Query, description = "Where to begin, in ms from the recording's start"),
        ("to_ms" = Option<u64>, Query, description = "Where to end; the end of the recording if left out"),
    ),
    responses(
        (status = 200, description = "The waveform", body = WaveformItem),
        (status = 400, description = "A parameter is unknown or wrong", body = Problem,
         content_type = "application/problem+json"),
        (status = 403, description = "The recording is restricted: stored, and neither played nor given out", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such recording, or it is still being made", body = Problem,
         content_type = "application/problem+json"),
        (status = 410, description = "It was erased", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The file cannot be read", body = Problem,
         content_type = "application/problem+json"),
        (status = 501, description = "It holds G.729, and there is no ffmpeg", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "Too many listen, or recording needs what this would take", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn of_recording(
    State(app): State<Arc<App>>,
    Who(who): Who,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<WaveformItem>, Problem> {
    let asked = Asked::read(query.as_deref())?;
    let row = row(&app, &who, recording_id(&id)?).await?;
    restriction::check(&row)?;
    if !playback::may_hear(&who, &row) {
        return Err(no_such());
    }
    audio::spare(&app)?;
    let lasts_ms = u64::try_from(row.ended.since(row.started).as_millis()).unwrap_or(u64::MAX);
    let (span_ms, step_ms) = asked.steps(lasts_ms)?;
    let key = WaveformKey { digest: vault::Digest(row.digest), span_ms: span_ms.clone(), step_ms };
    let waveform = match app.waveforms.get(&key) {
        Some(waveform) => waveform,
        None => {
            let _place = audio::place(&app, &who)?;
            let sound = audio::open(&app, &row, Some(WAVEFORM_RATE)).await?;
            let frames_per_ms = u64::from(WAVEFORM_RATE.hz() / 1_000);
            let end = if span_ms.end >= lasts_ms { sound.frames() } else { span_ms.end * frames_per_ms };
            let span = span_ms.start * frames_per_ms..end;
            let made = tokio::task::spawn_blocking(move || Waveform::of(sound, span, step_ms)).await;
            let made =
                Arc::new(made.map_err(|panicked| Problem::failed("looking at the recording", &panicked))??);
            app.waveforms.keep(key, Arc::clone(&made));
            made
        }
    };
    Ok(Json(WaveformItem {
        recording: row.id.to_string(),
        from_ms: span_ms.start,
        to_ms: span_ms.end,
        step_ms,
        lanes: waveform.lanes.iter().map(LaneItem::new).collect(),
        damaged: waveform.damaged,
    }))
}

/// What is asked for.
struct Asked {
    steps: u64,
    from_ms: u64,
    to_ms: Option<u64>,
}

impl Asked {
    fn read(query: Option<&str>) -> Result<Self, Problem> {
        let query = Query::read(query, &["steps", "from_ms", "to_ms"])?;
        let wanted = format!("a whole number, 1 to {STEPS_MAX}");
        let steps = query.number("steps", &wanted)?.unwrap_or(STEPS);
        if !(1..=STEPS_MAX).contains(&steps) {
            return Err(Problem::parameter("steps", format!("steps must be {wanted}")));
        }
        let wanted = "a whole number of milliseconds from the recording's start";
        let from_ms = query.number("from_ms", wanted)?.unwrap_or(0);
        let to_ms = query.number("to_ms", wanted)?;
        if to_ms.is_some_and(|to_ms| to_ms <= from_ms) {
            return Err(Problem::parameter("to_ms", "to_ms must lie behind from_ms"));
        }
        Ok(Self { steps, from_ms, to_ms })
    }

    /// The span and the length of a step, of a recording that lasts so long.
    fn steps(&self, lasts_ms: u64) -> Result<(Range<u64>, u64), Problem> {
        if self.from_ms > 0 && self.from_ms >= lasts_ms {
            let why = format!("from_ms must lie before the end; this one lasts {lasts_ms} ms");
            return Err(Problem::parameter("from_ms", why));
        }
        let span = self.from_ms..self.to_ms.unwrap_or(lasts_ms).min(lasts_ms);
        let step_ms = (span.end - span.start).div_ceil(self.steps).max(STEP_MIN_MS);
        Ok((span, step_ms))
    }
}
