//! Watches the legs of one call for broken media (B10-01, B10-02).
//!
//! Belongs here: what silence of a leg or of all legs means and when. Does not: acting on it. The caller reports what
//! was heard, at least once a second, and polls.

/// A leg that has sent nothing this long after another began is silent (B10-01).
pub const LEG_SILENT_NS: i64 = 3_000_000_000;
/// A leg under [`MUTE_LEVEL_DBOV`] this long is mute (B10-01).
pub const LEG_MUTE_NS: i64 = 30_000_000_000;
/// Level under which sound is none, dBov (B10-01).
pub const MUTE_LEVEL_DBOV: i8 = -70;
/// Legs of one call that are watched; more are ignored.
pub const MAX_LEGS: usize = 64;

/// How long no media at all is borne (B10-02).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Until a warning, ns.
    pub warn_ns: i64,
    /// Until the call is to be closed, ns.
    pub close_ns: i64,
}

impl Default for Patience {
    /// 30 s and 10 min.
    fn default() -> Self {
        Self { warn_ns: 30_000_000_000, close_ns: 600_000_000_000 }
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
    /// No media on any leg for the closing time: close the call, unless the dialog answers a probe.
    Close,
}

#[derive(Debug, Clone, Copy, Default)]
struct Leg {
    first_ns: Option<i64>,
    silent: bool,
    /// Since when its level is under the mute level.
    quiet_since_ns: Option<i64>,
    mute: bool,
}

/// Supervision of one call. Time starts at its making and goes forward only.
#[derive(Debug, Clone)]
pub struct Supervision {
    legs: Vec<Leg>,
    patience: Patience,
    last_heard_ns: i64,
    paused: bool,
    warned: bool,
    closed: bool,
}

impl Supervision {
    /// Starts to watch `legs` legs, none of which has been heard.
    #[must_use]
    pub fn new(now_ns: i64, legs: usize, patience: Patience) -> Self {
        Self {
            legs: vec![Leg::default(); legs.min(MAX_LEGS)],
            patience,
            last_heard_ns: now_ns,
            paused: false,
            warned: false,
            closed: false,
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
        self.last_heard_ns = self.last_heard_ns.max(now_ns);
    }

    /// The dialog answered a probe: patience starts anew after [`Alarm::Close`].
    pub fn probe_answered(&mut self, now_ns: i64) {
        self.closed = false;
        self.last_heard_ns = self.last_heard_ns.max(now_ns);
    }

    /// The next alarm, or `None`. To be drained.
    pub fn poll(&mut self, now_ns: i64) -> Option<Alarm> {
        self.poll_legs(now_ns).or_else(|| self.poll_all(now_ns))
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
        let close = absent_ns >= self.patience.close_ns && !self.closed;
        self.closed |= close;
        close.then_some(Alarm::Close)
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
    fn no_media_warns_then_closes_and_a_pause_stops_the_clock() {
        let mut call = Supervision::new(0, 1, Patience::default());
        assert_eq!(drain(&mut call, 30 * S), [Alarm::NoMedia]);
        call.heard(0, 31 * S);
        assert_eq!(drain(&mut call, 31 * S), [Alarm::MediaAgain]);
        call.set_paused(31 * S, true);
        assert_eq!(drain(&mut call, 5000 * S), []);
        call.set_paused(5000 * S, false);
        assert_eq!(drain(&mut call, 5600 * S), [Alarm::NoMedia, Alarm::Close]);
        assert_eq!(drain(&mut call, 5601 * S), []);
        call.probe_answered(5601 * S);
        assert_eq!(drain(&mut call, 5602 * S), [Alarm::MediaAgain]);
        assert_eq!(drain(&mut call, 6201 * S), [Alarm::NoMedia, Alarm::Close]);
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
