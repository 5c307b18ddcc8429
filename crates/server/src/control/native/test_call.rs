//! A test call from the recorder to itself, and what an SBC would have seen.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use calls::field::{Field, Fields};
use calls::id::{CallId, DeviceId};
use calls::tracker::{Target, Tracker};
use index::RecordingRow;
use serde::Serialize;
use utoipa::ToSchema;

use super::audio;
use super::query::Query;
use crate::caller::{self, NotNow, Pacer, Placed, TALK, TestTurn};
use crate::control::error::Problem;
use crate::http::App;
use crate::playback::{Sound, WAVEFORM_RATE, Waveform};
use crate::recorder::seed;
use crate::trail::note;

/// The phone a test call is on: no agent has it.
const PHONE: &str = "sidetone-test";

/// How its recording is marked: in user15.
const MARK: &str = "test call";

/// How long it may take to be placed and to end, beside its talk, and to be sealed then.
const PLACE_PATIENCE: Duration = Duration::from_secs(6);
const SEAL_PATIENCE: Duration = Duration::from_secs(12);

/// How often is looked whether it has come, or is sealed.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// One that a command has to keep is kept from a moment after its beginning on: so many packets of each leg may come before.
const BEFORE_COMMAND: u64 = 50;

/// A leg that is quieter than this was not heard; the tones are at -6 dBov and more.
const HEARD_DBOV: i8 = -20;

/// What a test call has shown.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct TestCallItem {
    /// Whether all went as it should.
    passed: bool,
    /// What an SBC would have seen, as a sentence.
    said: String,
    /// What to do about it; null if it passed.
    todo: Option<&'static str>,
    /// Its call; null if none came to be.
    call: Option<String>,
    /// Its recording, marked `user15` = `test call`; null if none was sealed in time.
    recording: Option<String>,
    /// From the INVITE to its answer, ms; null if it was refused.
    answered_after_ms: Option<u64>,
    /// The two legs.
    legs: Vec<TestLeg>,
}

/// A leg of a test call.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TestLeg {
    /// Packets that were sent.
    sent: u64,
    /// Packets that came; null if that cannot be read now.
    received: Option<u64>,
    /// How loud its tone is in the recording, dBov; null if that cannot be read now.
    heard_dbov: Option<i8>,
}

/// Places a call of five seconds from the recorder to itself, as an SBC would, waits until it is sealed, and says what was seen.
/// It is on the phone `sidetone-test` and marked; it shows among the live calls and the recordings like any other. One at a time, at
/// most one each ten seconds.
#[utoipa::path(
    post,
    path = "/v1/test-call",
    tag = "observe",
    operation_id = "placeTestCall",
    responses(
        (status = 200, description = "It was placed; `passed` says whether all went as it should", body = TestCallItem),
        (status = 400, description = "A parameter is unknown", body = Problem,
         content_type = "application/problem+json"),
        (status = 409, description = "A test call is running", body = Problem,
         content_type = "application/problem+json"),
        (status = 429, description = "A test call was placed a moment ago", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "The recorder hears no SIP, or is stopping", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn place(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Json<TestCallItem>, Problem> {
    Query::read(request.uri().query(), &[])?;
    let turn = app.test_calls.begin(app.clock.now())?;
    // It ends as a call does, whether or not somebody waits for what it shows.
    let test = tokio::spawn(run(Arc::clone(&app), turn));
    let item = test.await.map_err(|panicked| Problem::failed("placing a test call", &panicked))??;
    note(|note| {
        note.call = item.call.as_ref().and_then(|id| id.parse().ok());
        note.recording = item.recording.as_ref().and_then(|id| id.parse().ok());
        note.detail = Some(item.said.clone());
    });
    Ok(Json(item))
}

impl From<NotNow> for Problem {
    fn from(why: NotNow) -> Self {
        match why {
            NotNow::Running => Self::new(StatusCode::CONFLICT, why.to_string()),
            NotNow::NoSip => Self::unavailable(why.to_string()),
            NotNow::TooSoon(wait) => Self::new(StatusCode::TOO_MANY_REQUESTS, why.to_string())
                .with_header(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1)),
        }
    }
}

async fn run(app: Arc<App>, turn: TestTurn) -> Result<TestCallItem, Problem> {
    let seed = seed().map_err(|error| Problem::failed("placing a test call", &error))?;
    let pacer = Pacer::start(app.clock).map_err(|error| Problem::failed("placing a test call", &error))?;
    let failed = |why: String| TestCallItem {
        said: format!("an SBC would see: {why}"),
        todo: Some("see who was turned away and why under trunks (GET /v1/refusals), and the recorder's log"),
        ..TestCallItem::default()
    };
    let plan = match caller::test_plan(turn.recorder, PHONE, seed) {
        Ok(plan) => plan,
        Err(why) => return Ok(failed(why)),
    };
    let placing = tokio::time::timeout(TALK + PLACE_PATIENCE, caller::place(&plan, app.clock, &pacer));
    let (placed, call) = tokio::join!(placing, mark(&app));
    let marked = call?;
    let told = match placed {
        Ok(Ok(placed)) => return seen(&app, &placed, marked).await,
        Ok(Err(error)) => failed(error.to_string()),
        Err(_) => failed(format!("{} gives no answer, or none to the end of the call", turn.recorder)),
    };
    Ok(TestCallItem { call: marked.map(|marked| marked.call.to_string()), ..told })
}

/// A test call that was found while it talked.
#[derive(Clone, Copy)]
struct Marked {
    call: CallId,
    /// Whether no schedule kept it, so that a command had to.
    by_command: bool,
}

/// Marks the call as a test while it talks, and keeps it if no schedule does.
async fn mark(app: &App) -> Result<Option<Marked>, Problem> {
    let phone = || Target::Device(PHONE.to_owned());
    let ours = |tracker: &Tracker| {
        let phone = DeviceId(PHONE.to_owned());
        let mut calls = tracker.state().calls.values().rev();
        let call = calls.find(|call| call.is_live() && call.device.as_ref() == Some(&phone))?;
        let by_command = call.ruling.as_ref().is_some_and(|ruling| !ruling.kept);
        Some(Marked { call: call.id, by_command })
    };
    let begun = app.clock.now();
    while app.clock.now().since(begun) < TALK {
        tokio::time::sleep(LOOK_EVERY).await;
        if let Some(marked) = app.desk.look(ours).await? {
            let fields = Fields::from([(Field::User(15), MARK.to_owned())]);
            // Who reads what came of it sees whether it is marked.
            if let Err(error) = app.desk.tag(phone(), None, fields).await {
                tracing::warn!(%error, "a test call could not be marked");
            }
            if marked.by_command
                && let Err(error) = app.desk.start_recording(phone(), Fields::new()).await
            {
                tracing::warn!(%error, "a test call that no schedule keeps could not be kept");
            }
            return Ok(Some(marked));
        }
    }
    Ok(None)
}

/// What came of a call that was placed.
async fn seen(app: &Arc<App>, placed: &Placed, marked: Option<Marked>) -> Result<TestCallItem, Problem> {
    let ms = u64::try_from(placed.answered_after.as_millis()).unwrap_or(u64::MAX);
    let legs =
        placed.packets_sent.iter().map(|sent| TestLeg { sent: *sent, received: None, heard_dbov: None });
    let item = TestCallItem {
        call: marked.map(|marked| marked.call.to_string()),
        answered_after_ms: Some(ms),
        legs: legs.collect(),
        ..TestCallItem::default()
    };
    let row = match marked {
        Some(marked) => sealed(app, marked.call).await?,
        None => None,
    };
    let Some(row) = row else {
        return Ok(TestCallItem {
            said: format!(
                "an SBC would see: INVITE answered 200 in {ms} ms; but no sealed recording of it was found"
            ),
            todo: Some("see the recorder's log: is the disk slow, or full?"),
            ..item
        });
    };
    let item = TestCallItem { recording: Some(row.id.to_string()), ..item };
    let heard = match audio::open(app, &row, Some(WAVEFORM_RATE)).await {
        Ok(sound) => tokio::task::spawn_blocking(move || heard(sound)).await.ok().flatten(),
        // What reads is not unlocked, or the file cannot be read: that it is sealed is known all the same.
        Err(_) => None,
    };
    let before = if marked.is_some_and(|marked| marked.by_command) { BEFORE_COMMAND } else { 0 };
    Ok(judged(item, (placed, before), &row, heard))
}

async fn sealed(app: &App, call: CallId) -> Result<Option<RecordingRow>, Problem> {
    let begun = app.clock.now();
    let wanted = index::Query { call: Some(call), ..index::Query::default() };
    while app.clock.now().since(begun) < SEAL_PATIENCE {
        if let Some(row) = app.index.find(&wanted).await?.items.pop() {
            return Ok(Some(row));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(None)
}

/// Of each leg what came, and how loud it is; from the waveform, so it is no listen.
fn heard(sound: Sound) -> Option<Vec<(Option<u64>, i8)>> {
    let received: Vec<Option<u64>> = {
        let streams = sound.manifest().streams.iter();
        streams.map(|stream| stream.ledger.as_ref().map(|ledger| ledger.received)).collect()
    };
    let second = u64::from(sound.rate().hz());
    let lanes = Waveform::of(sound, second..2 * second, 100).ok()?.lanes;
    let loudest = lanes.into_iter().map(|lane| lane.peaks_dbov.into_iter().max().unwrap_or(i8::MIN));
    Some(received.into_iter().zip(loudest).collect())
}

fn judged(
    mut item: TestCallItem,
    (placed, before): (&Placed, u64),
    row: &RecordingRow,
    heard: Option<Vec<(Option<u64>, i8)>>,
) -> TestCallItem {
    for (leg, (received, dbov)) in item.legs.iter_mut().zip(heard.unwrap_or_default()) {
        (leg.received, leg.heard_dbov) = (received, Some(dbov));
    }
    let known: Vec<&TestLeg> = item.legs.iter().filter(|leg| leg.received.is_some()).collect();
    let came = known.iter().map(|leg| format!("{} of {}", leg.received.unwrap_or_default(), leg.sent));
    let came: Vec<String> = came.collect();
    let is_quiet = known.iter().any(|leg| leg.heard_dbov.is_none_or(|dbov| dbov < HEARD_DBOV));
    let is_short = known.iter().any(|leg| leg.received.is_none_or(|received| received + before < leg.sent));
    let nothing_came = row.packets_received == 0;
    item.todo = if placed.streams_refused > 0 {
        Some("streams were refused: G.711 should be taken always, unless the trunk's codecs leave it out")
    } else if nothing_came {
        Some(
            "media went to the address in our answer and did not get in: is sip.advertised right, and are the media ports let \
             through by every firewall?",
        )
    } else if is_short {
        Some("some packets were lost or turned away: the recording counts them by fate")
    } else if is_quiet {
        Some("a leg is silent, or in the wrong place: see the counts of the recording")
    } else {
        None
    };
    item.passed = item.todo.is_none();
    item.said = format!(
        "an SBC would see: INVITE answered 200 in {} ms; of the legs' packets {}; recording sealed, {}.{} s, {}",
        item.answered_after_ms.unwrap_or_default(),
        if came.is_empty() {
            "is not known how many came".to_owned()
        } else {
            format!("came {}", came.join(" and "))
        },
        row.duration_ms / 1_000,
        row.duration_ms % 1_000 / 100,
        row.completeness.label(),
    );
    item
}
