//! What of a recording's sound is asked for, and how.

use std::ops::Range;

use audio::Rate;

use super::super::query::Query;
use crate::control::error::Problem;
use crate::playback::{Channels, Form};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) form: Form,
    pub(super) channels: Option<Channels>,
    pub(super) rate: Option<Rate>,
    pub(super) from_ms: u64,
    pub(super) to_ms: Option<u64>,
    /// Why somebody wants to hear it, as they say.
    pub(super) reason: Option<String>,
}

impl Asked {
    pub(super) fn read(query: Option<&str>) -> Result<Self, Problem> {
        let query = Query::read(query, &["channels", "rate", "from_ms", "to_ms", "format", "reason"])?;
        let form = match query.text("format") {
            None => Form::default(),
            Some(text) => text.parse().map_err(|error| Problem::parameter("format", format!("{error}")))?,
        };
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
        Ok(Self { form, channels, rate, from_ms, to_ms, reason: query.text("reason") })
    }

    /// The frames asked for of so many.
    pub(super) fn span(&self, frames: u64, rate: Rate) -> Result<Range<u64>, Problem> {
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

    /// It in words, for the log of listens; `bytes` where part of a file was asked for.
    pub(super) fn words(&self, bytes: Option<&Range<u64>>) -> String {
        let channels =
            self.channels.map_or("as recorded".to_owned(), |channels| channels.count().to_string());
        let to_ms = self.to_ms.map_or("end".to_owned(), |to_ms| to_ms.to_string());
        let bytes =
            bytes.map_or(String::new(), |bytes| format!(", bytes {} to {}", bytes.start, bytes.end - 1));
        format!("{}, channels {channels}, ms {} to {to_ms}{bytes}", self.form, self.from_ms)
    }
}
