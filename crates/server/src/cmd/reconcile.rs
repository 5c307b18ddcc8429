//! `sidetone reconcile FILE`: which calls of a PBX's list are recorded, and which are not (C4-03).

use std::path::PathBuf;
use std::time::Duration;

use calls::id::RecordingId;
use calls::time::Wall;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::Failure;
use super::client::{Server, print_table, text};
use crate::control::time::{parse_rfc3339, rfc3339};
use crate::observe::reconcile::{Columns, Expected, Recorded, TurnedAway, Verdict, compare, parse};

/// Rows asked for at once.
const PAGE: &str = "500";

/// A recording that began so long before a call may still be of it.
const LONGEST_CALL: Duration = Duration::from_secs(24 * 60 * 60);

/// Arguments of `sidetone reconcile`.
#[derive(Debug, clap::Args)]
pub(super) struct Reconcile {
    /// The list of calls: CSV with the header `time,from,to,duration_s,call_id`, or part of it.
    file: PathBuf,
    /// Columns of another name, such as "time=Start Time,from=Calling Number".
    #[arg(long, default_value = "", value_name = "PAIRS")]
    columns: Columns,
    /// The zone of times that tell none, by IANA name [default: this machine's].
    #[arg(long, value_name = "NAME")]
    zone: Option<String>,
    /// How far the PBX's clock and the recorder's may be apart, and how much of a call may be missing.
    #[arg(long, default_value_t = 5, value_name = "S")]
    tolerance_s: u64,
    /// Print every call, not only those that are not recorded whole.
    #[arg(long)]
    all: bool,
    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

impl Reconcile {
    pub(super) fn run(self) -> Result<(), Failure> {
        let bytes = std::fs::read(&self.file).map_err(|error| format!("{}: {error}", self.file.display()))?;
        let zone = match &self.zone {
            Some(name) => {
                TimeZone::get(name).map_err(|_| format!("\"{name}\" is no time zone; Europe/Berlin is"))?
            }
            None => TimeZone::system(),
        };
        let expected = parse(&bytes, &self.columns, &zone);
        let expected = expected.map_err(|error| format!("{}: {error}", self.file.display()))?;
        let all = self.recordings(&expected)?;
        let turned_away = self.turned_away()?;
        let tolerance = Duration::from_secs(self.tolerance_s);
        let mut verdicts = Vec::new();
        for call in &expected {
            let by_id = if call.call_id.is_empty() { Vec::new() } else { self.known_as(&call.call_id)? };
            verdicts.push(compare(call, &by_id, &all, &turned_away, tolerance));
        }
        let counts = Counts::of(&verdicts);
        if self.json {
            print_json(&expected, &verdicts, &counts);
        } else {
            print(&expected, &verdicts, &counts, self.all);
        }
        match counts.short + counts.missing {
            0 => Ok(()),
            1 => Err("one call is not recorded whole".to_owned()),
            many => Err(format!("{many} calls are not recorded whole")),
        }
    }

    /// All recordings of the time of the list, in the order of their start.
    fn recordings(&self, expected: &[Expected]) -> Result<Vec<Recorded>, Failure> {
        let begins = expected.iter().map(|call| call.at).min();
        let ends = expected.iter().map(|call| call.at.after(Duration::from_secs(call.seconds))).max();
        let (Some(begins), Some(ends)) = (begins, ends) else { return Ok(Vec::new()) };
        let from =
            Wall::from_ms(begins.as_ms() - i64::try_from(LONGEST_CALL.as_millis()).unwrap_or(i64::MAX));
        let to = ends.after(Duration::from_secs(3_600));
        let mut parameters = vec![("from", rfc3339(from)), ("to", rfc3339(to)), ("limit", PAGE.to_owned())];
        let mut all = Vec::new();
        loop {
            let page = self.server.get("/v1/recordings", &parameters)?;
            all.extend(page["items"].as_array().into_iter().flatten().filter_map(recorded));
            parameters.truncate(3);
            match page["next"].as_str() {
                Some(next) => parameters.push(("cursor", next.to_owned())),
                None => break,
            }
        }
        all.sort_by_key(|recorded| recorded.started);
        Ok(all)
    }

    fn known_as(&self, id: &str) -> Result<Vec<Recorded>, Failure> {
        let page = self.server.get("/v1/recordings", &[("known_as", id.to_owned())])?;
        Ok(page["items"].as_array().into_iter().flatten().filter_map(recorded).collect())
    }

    fn turned_away(&self) -> Result<Vec<TurnedAway>, Failure> {
        let list = self.server.get("/v1/refusals", &[])?;
        let refusal = |item: &Value| {
            let at = |key: &str| parse_rfc3339(item[key].as_str()?);
            let why =
                format!("{} {} (from {})", text(&item["status"]), text(&item["why"]), text(&item["peer"]));
            Some(TurnedAway { span: (at("first")?, at("at")?), why })
        };
        Ok(list["items"].as_array().into_iter().flatten().filter_map(refusal).collect())
    }
}

fn recorded(item: &Value) -> Option<Recorded> {
    let at = |key: &str| parse_rfc3339(item[key].as_str()?);
    let numbers = ["ani", "dnis", "device"].into_iter().map(|key| &item[key]);
    let parties = item["parties"].as_array().into_iter().flatten().map(|party| &party["address"]);
    let interrupted = item["interrupted"] == true;
    Some(Recorded {
        id: item["id"].as_str()?.parse::<RecordingId>().ok()?,
        started: at("started")?,
        ended: at("ended")?,
        numbers: numbers.chain(parties).filter_map(|it| it.as_str().map(str::to_owned)).collect(),
        completeness: item["completeness"].as_str().unwrap_or_default().to_owned(),
        note: interrupted.then(|| "the recorder stopped in the middle of it".to_owned()),
    })
}

#[derive(Debug, Default)]
struct Counts {
    recorded: usize,
    short: usize,
    missing: usize,
    unanswered: usize,
}

impl Counts {
    fn of(verdicts: &[Verdict]) -> Self {
        let mut counts = Self::default();
        for verdict in verdicts {
            *match verdict {
                Verdict::Recorded { .. } => &mut counts.recorded,
                Verdict::Short { .. } => &mut counts.short,
                Verdict::Missing { .. } => &mut counts.missing,
                Verdict::Unanswered => &mut counts.unanswered,
            } += 1;
        }
        counts
    }
}

/// What is said of a call: the word, by which recordings, how much of it, and why not more.
fn said(verdict: &Verdict, call: &Expected) -> (&'static str, Vec<String>, u64, String) {
    let ids = |by: &[RecordingId]| by.iter().map(ToString::to_string).collect();
    match verdict {
        Verdict::Recorded { by } => ("recorded", ids(by), call.seconds, String::new()),
        Verdict::Short { by, seconds, why } => ("short", ids(by), *seconds, why.clone()),
        Verdict::Missing { why } => ("missing", Vec::new(), 0, why.clone()),
        Verdict::Unanswered => ("unanswered", Vec::new(), 0, "nobody talked".to_owned()),
    }
}

#[expect(clippy::print_stdout, reason = "the findings are what was asked for")]
fn print(expected: &[Expected], verdicts: &[Verdict], counts: &Counts, all: bool) {
    let is_wanted =
        |verdict: &Verdict| all || matches!(verdict, Verdict::Short { .. } | Verdict::Missing { .. });
    let wanted = expected.iter().zip(verdicts).filter(|(_, verdict)| is_wanted(verdict));
    let rows: Vec<Vec<String>> = wanted
        .map(|(call, verdict)| {
            let (word, by, seconds, why) = said(verdict, call);
            let shown = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
            vec![
                call.line.to_string(),
                rfc3339(call.at),
                shown(&call.from),
                shown(&call.to),
                word.to_owned(),
                format!("{seconds} of {} s", call.seconds),
                shown(&why),
                shown(&by.join(" ")),
            ]
        })
        .collect();
    if !rows.is_empty() {
        print_table(&["line", "time", "from", "to", "state", "kept", "why", "recordings"], &rows);
    }
    let Counts { recorded, short, missing, unanswered } = counts;
    println!(
        "{recorded} of {} calls are recorded whole, {short} in part, {missing} not at all; {unanswered} had nothing to record",
        expected.len()
    );
}

#[expect(clippy::print_stdout, reason = "the findings are what was asked for")]
fn print_json(expected: &[Expected], verdicts: &[Verdict], counts: &Counts) {
    let calls = expected.iter().zip(verdicts).map(|(call, verdict)| {
        let (state, recordings, seconds, why) = said(verdict, call);
        json!({
            "line": call.line,
            "time": rfc3339(call.at),
            "from": call.from,
            "to": call.to,
            "call_id": call.call_id,
            "seconds": call.seconds,
            "state": state,
            "recorded_seconds": seconds,
            "why": why,
            "recordings": recordings,
        })
    });
    let Counts { recorded, short, missing, unanswered } = counts;
    let all = json!({
        "recorded": recorded,
        "short": short,
        "missing": missing,
        "unanswered": unanswered,
        "calls": calls.collect::<Vec<_>>(),
    });
    println!("{all:#}");
}
