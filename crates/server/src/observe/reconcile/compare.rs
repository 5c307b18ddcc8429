//! Compares a list of calls with recordings.
//!
//! A call is known by its id, else by its numbers and its time. How much of it is recorded is what its recordings cover
//! together: a call that goes on after a restart has two, one that is transferred may have more.

use std::time::Duration;

use calls::id::RecordingId;
use calls::time::Wall;
use index::reversed_digits;

use super::Expected;

/// Digits at the end of a number that tell it from others, where it has so many: country and area codes are written or left
/// out.
const TELLING_DIGITS: usize = 7;

/// How far around a missing call other recordings are looked for, to tell a recorder that was down from a call that did not
/// come.
const NEARBY: Duration = Duration::from_secs(15 * 60);

/// A recording, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Which.
    pub id: RecordingId,
    /// Its first instant.
    pub started: Wall,
    /// One past its last.
    pub ended: Wall,
    /// Numbers of those who took part, and of the device.
    pub numbers: Vec<String>,
    /// What its seal says of its media: `complete`, `gaps`, `partial`, `failed`.
    pub completeness: String,
    /// What cut it short, such as a gap by a restart, if anything did.
    pub note: Option<String>,
}

/// A request that was turned away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnedAway {
    /// When it happened first and last.
    pub span: (Wall, Wall),
    /// The status and why.
    pub why: String,
}

/// What came of an expected call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is recorded as long as it lasted.
    Recorded {
        /// By which recordings.
        by: Vec<RecordingId>,
    },
    /// A part of it is not.
    Short {
        /// By which recordings the rest is.
        by: Vec<RecordingId>,
        /// How much is recorded.
        seconds: u64,
        /// What is known of why.
        why: String,
    },
    /// Nothing of it is.
    Missing {
        /// What is known of why.
        why: String,
    },
    /// Nobody talked, so there is nothing to record.
    Unanswered,
}

/// Compares one call with the recordings that may be of it. `by_id` are those that have its id; `all` is in the order of
/// their start. Clocks may differ by `tolerance`.
pub fn compare(
    expected: &Expected,
    by_id: &[Recorded],
    all: &[Recorded],
    turned_away: &[TurnedAway],
    tolerance: Duration,
) -> Verdict {
    if expected.seconds == 0 {
        return Verdict::Unanswered;
    }
    let span = Span::of(expected, tolerance);
    let of_call: Vec<&Recorded> = if by_id.is_empty() {
        let overlapping = || all.iter().filter(|recorded| span.shared_ms(recorded) > 0);
        let known = |all_of_them: bool| {
            overlapping().filter(|it| is_of(expected, it, all_of_them)).collect::<Vec<_>>()
        };
        let both = known(true);
        if both.is_empty() { known(false) } else { both }
    } else {
        by_id.iter().collect()
    };
    if of_call.is_empty() {
        return Verdict::Missing { why: why_missing(span, all, turned_away) };
    }
    let by = of_call.iter().map(|recorded| recorded.id).collect();
    let seconds = covered_ms(&of_call, span) / 1_000;
    let wanted = expected.seconds.saturating_sub(tolerance.as_secs());
    let broken = of_call.iter().find(|recorded| recorded.completeness == "failed");
    match broken {
        None if seconds >= wanted => Verdict::Recorded { by },
        _ => Verdict::Short { by, seconds, why: why_short(&of_call, span, broken.is_some()) },
    }
}

#[derive(Debug, Clone, Copy)]
struct Span {
    from_ms: i64,
    to_ms: i64,
}

impl Span {
    fn of(expected: &Expected, tolerance: Duration) -> Self {
        let tolerance = i64::try_from(tolerance.as_millis()).unwrap_or(i64::MAX);
        let length = i64::try_from(expected.seconds.saturating_mul(1_000)).unwrap_or(i64::MAX);
        let at = expected.at.as_ms();
        let to_ms = at.saturating_add(length).saturating_add(tolerance);
        Self { from_ms: at.saturating_sub(tolerance), to_ms }
    }

    fn wider(self, by: Duration) -> Self {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        Self { from_ms: self.from_ms.saturating_sub(by), to_ms: self.to_ms.saturating_add(by) }
    }

    fn shared_ms(self, recorded: &Recorded) -> i64 {
        let (from, to) = self.clip(recorded);
        to - from
    }

    fn clip(self, recorded: &Recorded) -> (i64, i64) {
        let from = recorded.started.as_ms().clamp(self.from_ms, self.to_ms);
        (from, recorded.ended.as_ms().clamp(from, self.to_ms.max(from)))
    }
}

/// How much of the span the recordings cover together.
fn covered_ms(recordings: &[&Recorded], span: Span) -> u64 {
    let mut parts: Vec<(i64, i64)> = recordings.iter().map(|recorded| span.clip(recorded)).collect();
    parts.sort_unstable();
    let (mut covered, mut reached) = (0, i64::MIN);
    for (from, to) in parts {
        covered += (to - from.max(reached)).max(0);
        reached = reached.max(to);
    }
    u64::try_from(covered).unwrap_or(0)
}

/// Whether the numbers of the call are in the recording: each that is told, or one of them.
fn is_of(expected: &Expected, recorded: &Recorded, each: bool) -> bool {
    let known = |number: &str| recorded.numbers.iter().any(|other| is_same_number(number, other));
    let mut told = [&expected.from, &expected.to]
        .into_iter()
        .filter(|number| reversed_digits(number).is_some())
        .peekable();
    told.peek().is_some()
        && if each { told.all(|number| known(number)) } else { told.any(|number| known(number)) }
}

fn is_same_number(one: &str, other: &str) -> bool {
    let (Some(one), Some(other)) = (reversed_digits(one), reversed_digits(other)) else { return false };
    let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
    short == long || (short.len() >= TELLING_DIGITS && long.starts_with(&short))
}

fn why_missing(span: Span, all: &[Recorded], turned_away: &[TurnedAway]) -> String {
    let refused = turned_away.iter().find(|refusal| {
        let (first, last) = refusal.span;
        first.as_ms() <= span.to_ms && last.as_ms() >= span.from_ms
    });
    if let Some(TurnedAway { why, .. }) = refused {
        return format!("a call was turned away at that time: {why}");
    }
    let nearby = span.wider(NEARBY);
    if all.iter().any(|recorded| nearby.shared_ms(recorded) > 0) {
        "no recording session came for it, and others did: see what the SBC is told to record".to_owned()
    } else {
        "nothing was recorded around that time: the recorder was down, or no client called it".to_owned()
    }
}

fn why_short(recordings: &[&Recorded], span: Span, is_broken: bool) -> String {
    if is_broken {
        return "none of its media could be kept".to_owned();
    }
    if let Some(note) = recordings.iter().find_map(|recorded| recorded.note.clone()) {
        return note;
    }
    let begins = recordings.iter().map(|recorded| recorded.started.as_ms()).min().unwrap_or(span.from_ms);
    let ends = recordings.iter().map(|recorded| recorded.ended.as_ms()).max().unwrap_or(span.to_ms);
    let (late, early) = ((begins - span.from_ms).max(0) / 1_000, (span.to_ms - ends).max(0) / 1_000);
    match (late, early) {
        (late, early) if late > early => format!("its recording begins {late} s late"),
        (_, early) => format!("its recording ends {early} s early"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLERANCE: Duration = Duration::from_secs(5);

    fn call(at_s: i64, from: &str, to: &str, seconds: u64) -> Expected {
        let (from, to) = (from.to_owned(), to.to_owned());
        Expected { line: 2, at: Wall::from_ms(at_s * 1_000), from, to, seconds, call_id: String::new() }
    }

    fn recorded(number: u8, span_s: (i64, i64), numbers: &[&str]) -> Recorded {
        Recorded {
            id: RecordingId::from_bytes([number; 16]),
            started: Wall::from_ms(span_s.0 * 1_000),
            ended: Wall::from_ms(span_s.1 * 1_000),
            numbers: numbers.iter().map(|it| (*it).to_owned()).collect(),
            completeness: "complete".to_owned(),
            note: None,
        }
    }

    fn id(number: u8) -> RecordingId {
        RecordingId::from_bytes([number; 16])
    }

    #[test]
    fn a_call_is_known_by_its_numbers_however_they_are_written_and_by_its_time() {
        let all = [
            recorded(1, (100, 160), &["sip:+15550100@carrier.example", "4678"]),
            recorded(2, (200, 260), &["sip:+15550100@carrier.example", "4678"]),
            recorded(3, (200, 260), &["5550100", "4102"]),
        ];
        let verdict = |expected: Expected| compare(&expected, &[], &all, &[], TOLERANCE);
        assert_eq!(verdict(call(102, "001 555-0100", "4678", 60)), Verdict::Recorded { by: vec![id(1)] });
        assert_eq!(verdict(call(198, "5550100", "4102", 60)), Verdict::Recorded { by: vec![id(3)] });
        // One of two numbers is enough where no recording has both.
        assert_eq!(verdict(call(100, "anonymous", "4678", 60)), Verdict::Recorded { by: vec![id(1)] });
        assert!(matches!(verdict(call(100, "678", "", 60)), Verdict::Missing { .. }), "678 is not 4678");
        assert_eq!(verdict(call(100, "5550100", "4678", 0)), Verdict::Unanswered);
    }

    #[test]
    fn an_id_counts_more_than_numbers_and_time() {
        let of_id = [recorded(9, (1_000, 1_060), &[])];
        let all = [recorded(1, (1_000, 1_060), &["4678"])];
        let verdict = compare(&call(1_000, "4678", "", 60), &of_id, &all, &[], TOLERANCE);
        assert_eq!(verdict, Verdict::Recorded { by: vec![id(9)] });
    }

    #[test]
    fn what_recordings_cover_together_counts_and_the_end_that_is_missing_is_named() {
        let mut parts = vec![recorded(1, (100, 130), &["4678"]), recorded(2, (130, 161), &["4678"])];
        let expected = call(100, "4678", "", 60);
        let verdict = compare(&expected, &[], &parts, &[], TOLERANCE);
        assert_eq!(verdict, Verdict::Recorded { by: vec![id(1), id(2)] });
        parts.truncate(1);
        let short = |parts: &[Recorded], why: &str| match compare(&expected, &[], parts, &[], TOLERANCE) {
            Verdict::Short { seconds, why: said, .. } => assert!(said.contains(why), "{said}, {seconds} s"),
            other => panic!("{other:?}"),
        };
        short(&parts, "ends 35 s early");
        short(&[recorded(1, (140, 165), &["4678"])], "begins 45 s late");
        parts[0].note = Some("the recorder was started anew".to_owned());
        short(&parts, "started anew");
        let mut failed = recorded(1, (100, 160), &["4678"]);
        failed.completeness = "failed".to_owned();
        short(&[failed], "none of its media");
    }

    #[test]
    fn a_missing_call_is_told_with_what_is_known_of_why() {
        let expected = call(10_000, "5550100", "4678", 60);
        let missing = |all: &[Recorded], turned_away: &[TurnedAway]| match compare(
            &expected,
            &[],
            all,
            turned_away,
            TOLERANCE,
        ) {
            Verdict::Missing { why } => why,
            other => panic!("{other:?}"),
        };
        assert!(missing(&[], &[]).contains("was down"));
        let other = recorded(1, (9_500, 9_600), &["4102"]);
        assert!(missing(std::slice::from_ref(&other), &[]).contains("no recording session came"));
        let at = |second: i64| Wall::from_ms(second * 1_000);
        let refusal = TurnedAway { span: (at(9_900), at(10_010)), why: "503 Disk full".to_owned() };
        assert!(missing(&[other], &[refusal]).contains("turned away at that time: 503 Disk full"));
    }
}
