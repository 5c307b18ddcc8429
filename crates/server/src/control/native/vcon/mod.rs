//! A call as a vCon (draft-ietf-vcon-vcon-core; ref/vcon.md).
//!
//! What is said of the call is put together first; sound is rendered and encoded window by window as it leaves, so that no
//! recording is ever held as a whole.

mod said;
mod told;

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use index::{RecordingRow, Related, Relation};
use vcon::{Carried, INLINE_MAX_BYTES};

use super::audio::{self, header_text, open, spare};
use super::principal;
use super::query::Query;
use super::recordings::{covers_row, recording_id, row};
use crate::control::error::Problem;
use crate::control::time::rfc3339;
use crate::http::App;
use crate::playback::{Channels, Sound, Wav};
use said::{Cast, Share};

/// Where sound is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Audio {
    Inline,
    Url,
    None,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    /// As large files want it (D3-07), if it is left out.
    audio: Option<Audio>,
    channels: Option<Channels>,
    share: Option<Share>,
    /// Why somebody wants it, as they say.
    reason: Option<String>,
}

impl Asked {
    fn read(query: Option<&str>) -> Result<Self, Problem> {
        let query = Query::read(query, &["audio", "channels", "party", "heard_by", "reason"])?;
        let audio = match query.text("audio").as_deref() {
            None => None,
            Some("inline") => Some(Audio::Inline),
            Some("url") => Some(Audio::Url),
            Some("none") => Some(Audio::None),
            Some(_) => return Err(Problem::parameter("audio", "audio must be inline, url or none")),
        };
        let channels = match query.text("channels").as_deref() {
            None => None,
            Some("1") => Some(Channels::Mono),
            Some("2") => Some(Channels::Stereo),
            Some(_) => return Err(Problem::parameter("channels", "channels must be 1 or 2")),
        };
        let place = "the place of a party in the vCon of the whole call, counted from 0";
        let share = match (query.number("party", place)?, query.number("heard_by", place)?) {
            (None, None) => None,
            (Some(party), None) => Some(Share::SaidBy(party)),
            (None, Some(party)) => Some(Share::HeardBy(party)),
            (Some(_), Some(_)) => {
                return Err(Problem::parameter("heard_by", "give party or heard_by, not both"));
            }
        };
        if share.is_some() && audio == Some(Audio::Url) {
            let why = "the sound of one party stands at no address: audio must be inline or none with it";
            return Err(Problem::parameter("audio", why));
        }
        Ok(Self { audio, channels, share, reason: query.text("reason") })
    }
}

/// A recording on its way into a vCon.
struct Part {
    row: RecordingRow,
    sound: Sound,
    wav: Wav,
    channels: Channels,
    carried: Carried,
}

/// A recording's call as a vCon, version 0.4.0 of the draft: all recordings of the call, each a dialog with its sound, who took
/// part, fields, blackouts and gaps. What a blackout covered is silence of true length, and which keys were pressed stands
/// nowhere.
#[utoipa::path(
    get,
    path = "/v1/recordings/{id}/vcon",
    tag = "recordings",
    operation_id = "getVcon",
    params(
        ("id" = String, Path, description = "The recording's id"),
        ("audio" = Option<String>, Query, description = "Where sound is: inline, in the vCon; url, at an address with a hash of what is there (needs http.public_url); none. If left out, inline, and url for a file of more than 64 MiB"),
        ("channels" = Option<u16>, Query, description = "1 or 2; 1 mixes all streams; 2 where there are two if left out"),
        ("party" = Option<u64>, Query, description = "Only what this party said, by its place among the parties; the other legs are silent, the other parties nameless, and fields and facts are left out"),
        ("heard_by" = Option<u64>, Query, description = "Only what this party heard, as far as the recording client says which streams those are"),
        ("reason" = Option<String>, Query, description = "Why its sound is wanted, for the audit; needed where audit.ask_reason is set. The header Sidetone-Reason does the same"),
    ),
    responses(
        (status = 200, description = "The vCon", body = serde_json::Value, content_type = "application/vcon"),
        (status = 400, description = "A parameter is unknown or wrong, or sound can neither stand inside nor be referred to", body = Problem,
         content_type = "application/problem+json"),
        (status = 403, description = "A recording of the call is restricted: stored, and neither played nor given out", body = Problem,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such recording, or it is still being made", body = Problem,
         content_type = "application/problem+json"),
        (status = 410, description = "It was erased", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "A file cannot be read", body = Problem,
         content_type = "application/problem+json"),
        (status = 501, description = "It holds G.729, and there is no ffmpeg to decode it", body = Problem,
         content_type = "application/problem+json"),
        (status = 503, description = "Too many listen, recording needs what listening would take, the listen cannot be written down, or the reading key is not here", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn export(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let asked = Asked::read(request.uri().query())?;
    let who = principal(&request);
    let row = row(&app, &who, recording_id(&id)?).await?;
    spare(&app)?;
    let place = audio::place(&app, &who)?;
    let mut related = app.index.related(row.id).await?;
    related.retain(|related| covers_row(&who, &related.row));
    let (of_call, others): (Vec<Related>, Vec<Related>) =
        related.into_iter().partition(|related| related.relation == Relation::SameCall);
    let mut rows: Vec<RecordingRow> = of_call.into_iter().map(|related| related.row).collect();
    rows.push(row);
    rows.sort_by_key(|row| (row.started, row.ident));
    let mut parts = Vec::with_capacity(rows.len());
    for row in rows {
        parts.push(part(&app, row, &asked).await?);
    }
    let cast = Cast::of(parts.iter().map(|part| (&part.row, part.sound.manifest())));
    if let Some(share) = asked.share {
        cast.narrow(share, &mut parts)?;
    }
    let parts = carried(&app, &asked, parts).await?;
    let conversation = said::conversation(&app.known_as, &cast, asked.share, &parts, &others);
    let pieces =
        vcon::compose(&conversation).map_err(|fault| Problem::failed("putting the vCon together", &fault))?;
    let bytes = told::length(&pieces, &parts);
    let headers = headers(&parts, bytes);
    if *request.method() == Method::HEAD {
        return Ok((StatusCode::OK, headers).into_response());
    }
    let said = |part: &Part| {
        let of = (part.row.id, Some(part.row.call));
        (part.carried == Carried::Inline).then(|| (of, words(part.channels, asked.share)))
    };
    let (parts_heard, mut heard) = (parts.iter().map(said).collect::<Vec<_>>(), Vec::new());
    for part in parts_heard {
        heard.push(match part {
            Some((of, what)) => {
                let asker = (request.extensions(), request.headers());
                Some(audio::write_down(&app, of, asker, (what, asked.reason.clone())).await?)
            }
            None => None,
        });
    }
    Ok((headers, told::body(app, pieces, (parts, heard), place)).into_response())
}

/// Opens a recording.
async fn part(app: &App, row: RecordingRow, asked: &Asked) -> Result<Part, Problem> {
    super::restriction::check(&row)?;
    let sound = open(app, &row, None).await?;
    let channels = asked.channels.unwrap_or(Channels::fitting(sound.manifest()));
    let wav = sound.wav(0..u64::MAX, channels).map_err(|error| {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("recording {} has no sound file: {error}", row.id),
        )
    })?;
    Ok(Part { row, sound, wav, channels, carried: Carried::LeftOut })
}

/// Says of each recording where its sound will be.
async fn carried(app: &App, asked: &Asked, parts: Vec<Part>) -> Result<Vec<Part>, Problem> {
    let mut done = Vec::with_capacity(parts.len());
    for mut part in parts {
        let bytes = part.wav.total_bytes();
        let is_large = bytes > INLINE_MAX_BYTES;
        let audio = asked.audio.unwrap_or(if is_large { Audio::Url } else { Audio::Inline });
        part.carried = match audio {
            Audio::None => Carried::LeftOut,
            Audio::Inline => Carried::Inline,
            Audio::Url => match &app.known_as.url {
                Some(url) if asked.share.is_none() => {
                    let (channels, hz) = (part.channels.count(), part.sound.rate().hz());
                    let id = part.row.id;
                    let url = format!("{url}/v1/recordings/{id}/audio?channels={channels}&rate={hz}");
                    let (hashed, content_hash) = told::hashed(part).await?;
                    part = hashed;
                    Carried::At { url, content_hash }
                }
                _ => return Err(nowhere(bytes, is_large, asked.share)),
            },
        };
        done.push(part);
    }
    Ok(done)
}

/// Why sound can neither stand inside nor be referred to.
fn nowhere(bytes: u64, is_large: bool, share: Option<Share>) -> Problem {
    let mib = bytes.div_ceil(1 << 20);
    let what = if is_large {
        format!("the sound has {mib} MiB, which by default does not stand in a vCon")
    } else {
        "sound is to be referred to".to_owned()
    };
    let why = match share {
        Some(_) => "the sound of one party stands at no address",
        None => "http.public_url, the recorder's address elsewhere, is not set",
    };
    Problem::parameter("audio", format!("{what}, and {why}; ask for audio=inline or audio=none"))
}

fn headers(parts: &[Part], bytes: u64) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(vcon::MEDIA_TYPE));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    if let Some(first) = parts.first() {
        let name = file_name(&first.row, vcon::EXTENSION);
        headers.insert(header::CONTENT_DISPOSITION, header_text(&format!("attachment; filename=\"{name}\"")));
    }
    headers
}

/// Made of digits, letters and hyphens of ours: nothing in it comes from outside.
fn file_name(row: &RecordingRow, extension: &str) -> String {
    let started = rfc3339(row.started).replace([':', '.'], "-");
    format!("{started}_{}.{extension}", row.id)
}

/// What was asked for, as the log of listens has it (C8-05).
fn words(channels: Channels, share: Option<Share>) -> String {
    let share = match share {
        None => String::new(),
        Some(Share::SaidBy(party)) => format!(", what party {party} said"),
        Some(Share::HeardBy(party)) => format!(", what party {party} heard"),
    };
    format!("vcon with wav, channels {}{share}", channels.count())
}
