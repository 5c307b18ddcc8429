//! What is said of a recording's clocks: the machine's, the senders', and where packets never came.

use audio::Gaps;
use calls::time::Wall;
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::SystemClock;
use crate::control::time::rfc3339;
use crate::keep::manifest::ClockReport;
use crate::playback::SurveyedLeg;

/// The system clock while a recording was made. The times of a recording are by one clock that does not step, which was
/// set to the system clock when the recorder was started.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClockItem {
    /// When it was started.
    at_start: ClockReading,
    /// When it was stopped.
    at_stop: ClockReading,
    /// Its steps between; they change no time of the recording.
    steps: Vec<StepItem>,
}

/// The system clock at an instant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClockReading {
    /// Whether a time source keeps it, by the kernel's word; null if it does not tell.
    synchronised: Option<bool>,
    /// How far it may be off, by the word of whatever keeps it.
    max_error_ms: Option<f64>,
    /// How far it is ahead of the times of this recording.
    ahead_ms: f64,
}

/// A step of the system clock.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StepItem {
    /// When, RFC 3339, by the times of this recording.
    at: String,
    /// By how much it was put forward; back if negative.
    by_ms: f64,
}

/// A span of a stream for which packets were sent and none is there.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GapItem {
    /// Its first instant, RFC 3339.
    from: String,
    /// The first instant after it.
    until: String,
    /// Packets that are missing.
    packets: u64,
    /// `lost` if they never came; `damaged` if packets were stored there and cannot be read.
    reason: &'static str,
}

/// By what a stream was put on the timeline.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlignmentItem {
    /// `sender_reports` if its sender's wall clock is another stream's too and said where it lies; else `arrival`.
    by: &'static str,
    /// How far sender reports have moved it towards the beginning.
    moved_ms: f64,
    /// Sender reports that were used.
    reports: u64,
    /// Sender reports disagree with arrival by more than 250 ms, and arrival was believed.
    at_odds: bool,
    /// By how many parts in a million its sender's media clock is fast, negative if slow; null under a minute of it.
    drift_ppm: Option<f64>,
    /// Stretches of unbroken media clock: more than one if it was set, or the source changed.
    segments: u64,
    /// Packets of sources that interleaved with the stream's: stored, and not heard.
    extra_packets: u64,
}

impl ClockItem {
    pub(crate) fn new(report: &ClockReport) -> Self {
        let steps = report.steps.iter();
        Self {
            at_start: ClockReading::new(report.at_start),
            at_stop: ClockReading::new(report.at_stop),
            steps: steps.map(|step| StepItem { at: rfc3339(step.at), by_ms: ms(step.by_ns) }).collect(),
        }
    }
}

impl ClockReading {
    fn new(clock: SystemClock) -> Self {
        Self {
            synchronised: clock.synchronised,
            max_error_ms: clock.max_error_ns.map(ms),
            ahead_ms: ms(clock.ahead_ns),
        }
    }
}

impl GapItem {
    pub(crate) fn all(started: Wall, gaps: &Gaps) -> Vec<Self> {
        let at = |ns: i64| rfc3339(Wall::from_ns(started.as_ns().saturating_add(ns)));
        let item = |gap: &audio::Gap| Self {
            from: at(gap.from_ns),
            until: at(gap.until_ns),
            packets: gap.packets,
            reason: if gap.damaged { "damaged" } else { "lost" },
        };
        gaps.listed.iter().map(item).collect()
    }
}

impl AlignmentItem {
    pub(crate) fn new(leg: &SurveyedLeg) -> Self {
        let shift = leg.shift;
        let by_reports = shift.used > 0 && !shift.at_odds;
        Self {
            by: if by_reports { "sender_reports" } else { "arrival" },
            moved_ms: ms(shift.shifted_ns),
            reports: u64::try_from(shift.used).unwrap_or(u64::MAX),
            at_odds: shift.at_odds,
            drift_ppm: leg.map.drift_ppm().map(|ppm| (ppm * 10.0).round() / 10.0),
            segments: u64::try_from(leg.map.segments().len()).unwrap_or(u64::MAX),
            extra_packets: leg.map.extra_source(),
        }
    }
}

/// Milliseconds, to a thousandth.
#[expect(clippy::cast_precision_loss, reason = "beyond 2^53 microseconds, 285 years, nobody counts them")]
fn ms(ns: i64) -> f64 {
    (ns / 1_000) as f64 / 1_000.0
}
