//! Watches the legs of one call for broken media (B10-01, B10-02), and for a peer that is gone (A8-06).
//!
//! Belongs here: what silence of a leg or of all legs means and when. Does not: acting on it, and asking the peer. The
//! caller reports what was heard, at least once a second, and polls.

/// A leg that has sent nothing this long after another began is silent (B10-01).
pub const LEG_SILENT_NS: i64 = 3_000_000_000;
/// A leg under [`MUTE_LEVEL_DBOV`] this long is mute (B10-01).
pub const LEG_MUTE_NS: i64 = 30_000_000_000;
/// Level under which sound is none, dBov (B10-01).
pub const MUTE_LEVEL_DBOV: i8 = -70;
/// Legs of one call that are watched; more are ignored.
pub const MAX_LEGS: usize = 64;

/// How long no media at all is borne (B10-02, A8-06).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Until a warning, ns.
    pub warn_ns: i64,
    /// Until the peer is to be asked whether it is there, ns.
    pub ask_ns: i64,
    /// Of a peer that does not answer, until it is gone, ns.
    pub gone_ns: i64,
}

impl Default for Patience {
    /// 30 s, 10 min, and 60 s.
    fn default() -> Self {
        Self { warn_ns: 30_000_000_000, ask_ns: 600_000_000_000, gone_ns: 60_000_000_000 }
    }
}

/// Something a person or the call's owner should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alarm {
    /// This leg has sent nothing though another began 3 s ago: one-way audio.
    LegSilent(usize),
    /// A leg that was reported silent has begun.
    LegHeard(usize),
    /// This leg sends, but nothing that could be heard for 30 s.
    LegMute(usize),
    /// A leg that was reported mute carries sound again.
    LegAudible(usize),
    /// No media on any leg for the warning time.
    NoMedia,
    /// Media again after [`Alarm::NoMedia`].
    MediaAgain,
    /// No media on any leg for long: ask whoever sends the call whether they are there. To be asked again after the
    /// same time.
    Ask,
    /// This carrier neither answers nor sends media: what it carried is over.
    Gone(u64),
}

#[derive(Debug, Clone, Copy, Default)]
struct Leg {
    first_ns: Option<i64>,
    last_ns: Option<i64>,
    silent: bool,
    /// Since when its level is under the mute level.
    quiet_since_ns: Option<i64>,
    mute: bool,
}

/// A carrier of some of the call's legs that did not answer when it was asked whether it is there.
#[derive(Debug, Clone)]
struct Unanswering {
    carrier: u64,
    legs: Vec<usize>,
}

/// Supervision of one call. Time starts at its making and goes forward only.
#[derive(Debug, Clone)]
pub struct Supervision {
    legs: Vec<Leg>,
    patience: Patience,
    /// When it began, or when media began to be expected again.
    expected_ns: i64,
    last_heard_ns: i64,
    /// When it was last asked for, or known for another reason, whether the peer is there.
    asked_ns: i64,
    unanswering: Vec<Unanswering>,
    paused: bool,
    warned: bool,
}

impl Supervision {
    /// Starts to watch `legs` legs, none of which has been heard.
    #[must_use]
    pub fn new(now_ns: i64, legs: usize, patience: Patience) -> Self {
        Self {
            legs: vec![Leg::default(); legs.min(MAX_LEGS)],
            patience,
            expected_ns: now_ns,
            last_heard_ns: now_ns,
            asked_ns: now_ns,
            unanswering: Vec::new(),
            paused: false,
            warned: false,
        }
    }

    /// Watches one leg more; returns its number.
    pub fn add_leg(&mut self) -> usize {
        if self.legs.len() < MAX_LEGS {
            self.legs.push(Leg::default());
        }
        self.legs.len() - 1
    }

    /// Media of a leg arrived, last at this time.
    pub fn heard(&mut self, leg: usize, at_ns: i64) {
        self.last_heard_ns = self.last_heard_ns.max(at_ns);
        if let Some(leg) = self.legs.get_mut(leg) {
            leg.first_ns.get_or_insert(at_ns);
            leg.last_ns = leg.last_ns.max(Some(at_ns));
        }
    }

    /// The sound of a leg has this level now, dBov (0 is the loudest, -127 none).
    pub fn level(&mut self, leg: usize, at_ns: i64, dbov: i8) {
        if let Some(leg) = self.legs.get_mut(leg) {
            if dbov < MUTE_LEVEL_DBOV {
                leg.quiet_since_ns.get_or_insert(at_ns);
            } else {
                leg.quiet_since_ns = None;
            }
        }
    }

    /// The recording session is paused or persistent: no media is expected, and its absence closes nothing (B10-02).
    /// When it ends, patience starts anew.
    pub fn set_paused(&mut self, now_ns: i64, paused: bool) {
        self.paused = paused;
        self.expected_ns = self.expected_ns.max(now_ns);
        self.last_heard_ns = self.last_heard_ns.max(now_ns);
    }

    /// Whether the carrier of these legs, by a number of the caller's, has answered when it was asked whether it is
    /// there. One that has not is [`Alarm::Gone`] once its legs have sent nothing for the time of [`Patience`], paused
    /// or not; one that has is waited for anew.
    pub fn answered(&mut self, now_ns: i64, carrier: u64, legs: &[usize], answers: bool) {
        self.unanswering.retain(|other| other.carrier != carrier);
        if answers {
            self.asked_ns = self.asked_ns.max(now_ns);
        } else if self.unanswering.len() < MAX_LEGS {
            let legs = legs.iter().copied().take(MAX_LEGS).collect();
            self.unanswering.push(Unanswering { carrier, legs });
        }
    }

    /// The next alarm, or `None`. To be drained.
    pub fn poll(&mut self, now_ns: i64) -> Option<Alarm> {
        self.poll_legs(now_ns).or_else(|| self.poll_carriers(now_ns)).or_else(|| self.poll_all(now_ns))
    }

    /// A8-06.
    fn poll_carriers(&mut self, now_ns: i64) -> Option<Alarm> {
        let last_of = |leg: &usize| self.legs.get(*leg).and_then(|leg| leg.last_ns);
        let is_gone = |carrier: &Unanswering| {
            let heard_ns = carrier.legs.iter().filter_map(last_of).max();
            let since_ns = heard_ns.unwrap_or(self.expected_ns).max(self.expected_ns);
            now_ns.saturating_sub(since_ns) >= self.patience.gone_ns
        };
        let gone = self.unanswering.iter().position(is_gone)?;
        Some(Alarm::Gone(self.unanswering.remove(gone).carrier))
    }

    fn poll_legs(&mut self, now_ns: i64) -> Option<Alarm> {
        let began_ns = self.legs.iter().filter_map(|leg| leg.first_ns).min();
        let paused = self.paused;
        for (number, leg) in self.legs.iter_mut().enumerate() {
            let overdue = began_ns.is_some_and(|began| now_ns.saturating_sub(began) >= LEG_SILENT_NS);
            let silent = leg.first_ns.is_none() && (overdue && !paused || leg.silent);
            if silent != std::mem::replace(&mut leg.silent, silent) {
                return Some(if silent { Alarm::LegSilent(number) } else { Alarm::LegHeard(number) });
            }
            let mute = leg.quiet_since_ns.is_some_and(|since| now_ns.saturating_sub(since) >= LEG_MUTE_NS);
            if mute != std::mem::replace(&mut leg.mute, mute) {
                return Some(if mute { Alarm::LegMute(number) } else { Alarm::LegAudible(number) });
            }
        }
        None
    }

    fn poll_all(&mut self, now_ns: i64) -> Option<Alarm> {
        let absent_ns = if self.paused { 0 } else { now_ns.saturating_sub(self.last_heard_ns) };
        let warn = absent_ns >= self.patience.warn_ns;
        if warn != std::mem::replace(&mut self.warned, warn) {
            return Some(if warn { Alarm::NoMedia } else { Alarm::MediaAgain });
        }
        let long = absent_ns >= self.patience.ask_ns;
        let ask = long && now_ns.saturating_sub(self.asked_ns) >= self.patience.ask_ns;
        if ask {
            self.asked_ns = now_ns;
        }
        ask.then_some(Alarm::Ask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;

    fn drain(supervision: &mut Supervision, now_ns: i64) -> Vec<Alarm> {
        std::iter::from_fn(|| supervision.poll(now_ns)).collect()
    }

    #[test]
    fn a_leg_that_never_starts_is_silent_three_seconds_after_the_other() {
        let mut call = Supervision::new(0, 2, Patience::default());
        assert_eq!(drain(&mut call, 20 * S), [], "nobody talks yet");
        call.heard(0, 21 * S);
        assert_eq!(drain(&mut call, 24 * S - 1), []);
        assert_eq!(drain(&mut call, 24 * S), [Alarm::LegSilent(1)]);
        assert_eq!(drain(&mut call, 25 * S), [], "said once");
        call.heard(1, 26 * S);
        assert_eq!(drain(&mut call, 26 * S), [Alarm::LegHeard(1)]);
    }

    #[test]
    fn no_media_warns_then_asks_and_a_pause_stops_the_clock() {
        let mut call = Supervision::new(0, 1, Patience::default());
        assert_eq!(drain(&mut call, 30 * S), [Alarm::NoMedia]);
        call.heard(0, 31 * S);
        assert_eq!(drain(&mut call, 31 * S), [Alarm::MediaAgain]);
        call.set_paused(31 * S, true);
        assert_eq!(drain(&mut call, 5000 * S), []);
        call.set_paused(5000 * S, false);
        assert_eq!(drain(&mut call, 5600 * S), [Alarm::NoMedia, Alarm::Ask]);
        assert_eq!(drain(&mut call, 5601 * S), []);
        call.answered(5601 * S, 7, &[0], true);
        assert_eq!(drain(&mut call, 6200 * S), [], "B10-02: who answers is borne without media");
        assert_eq!(drain(&mut call, 6201 * S), [Alarm::Ask], "and asked again");
        call.answered(6233 * S, 7, &[0], false);
        assert_eq!(drain(&mut call, 6233 * S), [Alarm::Gone(7)], "no media for so long, and no answer");
        assert_eq!(drain(&mut call, 6234 * S), [], "said once");
    }

    #[test]
    fn who_does_not_answer_is_gone_when_no_media_has_come_for_a_minute_either() {
        let mut call = Supervision::new(0, 3, Patience::default());
        for leg in 0..3 {
            call.heard(leg, 100 * S);
        }
        call.answered(100 * S, 7, &[0, 1], false);
        call.heard(1, 130 * S);
        call.heard(2, 189 * S);
        assert_eq!(drain(&mut call, 190 * S - 1), [], "A8-06: its media came half a minute after");
        assert_eq!(drain(&mut call, 190 * S), [Alarm::Gone(7)], "though another carrier's media goes on");
    }

    #[test]
    fn who_answers_after_all_or_sends_media_is_not_gone() {
        let mut call = Supervision::new(0, 1, Patience::default());
        call.heard(0, 10 * S);
        call.answered(40 * S, 7, &[0], false);
        call.answered(69 * S, 7, &[0], true);
        assert_eq!(drain(&mut call, 71 * S), [Alarm::NoMedia]);
        call.answered(300 * S, 7, &[0], false);
        call.heard(0, 300 * S);
        assert_eq!(drain(&mut call, 359 * S), []);
    }

    #[test]
    fn who_is_paused_and_does_not_answer_is_gone_too() {
        let mut call = Supervision::new(0, 1, Patience::default());
        call.set_paused(0, true);
        call.answered(30 * S, 7, &[0], false);
        assert_eq!(drain(&mut call, 60 * S), [Alarm::Gone(7)]);
    }

    #[test]
    fn a_leg_without_sound_is_mute_after_thirty_seconds() {
        let mut call = Supervision::new(0, 1, Patience::default());
        for second in 0..30 {
            call.heard(0, second * S);
            call.level(0, second * S, -90);
            assert_eq!(drain(&mut call, second * S), []);
        }
        assert_eq!(drain(&mut call, 30 * S), [Alarm::LegMute(0)]);
        call.level(0, 31 * S, -30);
        assert_eq!(drain(&mut call, 31 * S), [Alarm::LegAudible(0)]);
    }
}
