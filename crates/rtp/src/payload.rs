//! What payload types mean, as far as it matters before anyone listens: key presses and comfort noise.
//!
//! Belongs here: RFC 3551 §6 static types, RFC 4733 events, RFC 3389 levels. Does not: decoding sound (crate `audio`).

/// What kind of payload a payload type carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Coded sound.
    Audio,
    /// Named telephone events, RFC 4733: pressed keys.
    TelephoneEvent,
    /// Comfort noise, RFC 3389: silence with a level.
    ComfortNoise,
}

/// One agreed payload type of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// What it carries.
    pub kind: Kind,
    /// RTP clock, Hz. Not always the sampling rate: G.722 says 8,000 and samples at 16,000 (B3-01).
    pub clock_hz: u32,
}

impl Format {
    /// A static payload type that needs no rtpmap (B1-03, RFC 3551 §6): PCMU, PCMA, G.722, G.729, comfort noise.
    #[must_use]
    pub fn from_static(payload_type: u8) -> Option<Self> {
        let kind = match payload_type {
            0 | 8 | 9 | 18 => Kind::Audio,
            13 | 19 => Kind::ComfortNoise,
            _ => return None,
        };
        Some(Self { payload_type, kind, clock_hz: 8000 })
    }
}

/// A payload of RFC 4733 §2.3.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     event     |E|R| volume    |          duration             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// Event code; 0 to 9, 10 for *, 11 for #, 12 to 15 for A to D, or [`WITHHELD_EVENT`].
    pub event: u8,
    /// End bit: this is one of the last packets of the event.
    pub end: bool,
    /// Tone level, -dBm0.
    pub volume: u8,
    /// Length so far, RTP ticks.
    pub duration: u16,
}

/// Stands in a stored event for "a key was pressed, which one was not kept" (B5-03). RFC 4733 §7 leaves the code
/// unassigned.
pub const WITHHELD_EVENT: u8 = 255;

impl TelephoneEvent {
    /// Reads the first four bytes of a payload; `None` if there are fewer.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let [event, flags, high, low] = *payload.first_chunk::<4>()?;
        let (end, volume) = (flags & 0x80 != 0, flags & 0x3f);
        Some(Self { event, end, volume, duration: u16::from_be_bytes([high, low]) })
    }

    /// The payload that says this.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 4] {
        let [high, low] = self.duration.to_be_bytes();
        [self.event, u8::from(self.end) << 7 | (self.volume & 0x3f), high, low]
    }
}

/// The payload to store in place of a telephone-event payload, so that the time and length of a key press are kept and
/// **which key it was is not** (B5-03: digits are cardholder data in the making).
///
/// Exactly four bytes come out whatever goes in: anything behind the first event could hold another.
#[must_use]
pub fn withhold_digit(payload: &[u8]) -> [u8; 4] {
    let seen = TelephoneEvent::parse(payload);
    let blank = TelephoneEvent { event: WITHHELD_EVENT, end: false, volume: 0, duration: 0 };
    seen.map_or(blank, |event| TelephoneEvent { event: WITHHELD_EVENT, ..event }).to_bytes()
}

/// One press of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPress {
    /// Source it came from.
    pub ssrc: u32,
    /// RTP time of its beginning.
    pub timestamp: u32,
    /// Event code.
    pub event: u8,
    /// Length so far over all segments, RTP ticks.
    pub duration: u32,
}

/// What a telephone-event packet adds to what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    /// A key went down.
    Began(KeyPress),
    /// The same press goes on, or a packet of it was repeated.
    Continues,
    /// The press has ended.
    Ended(KeyPress),
}

/// Turns the packets of events into key presses: one press, one event (B5-01).
///
/// Packets of a press share SSRC, timestamp and event. A press longer than the 16-bit duration goes on as a segment
/// whose timestamp is the end of the one before (RFC 4733 §2.5.1.3). The end is sent three times or, from some senders,
/// never; the next press then ends it silently.
#[derive(Debug, Clone, Default)]
pub struct KeyPresses {
    last: Option<Pressed>,
}

#[derive(Debug, Clone, Copy)]
struct Pressed {
    press: KeyPress,
    segment_timestamp: u32,
    segment_duration: u16,
    ended: bool,
}

impl KeyPresses {
    /// Takes one telephone-event packet, in arrival order; `None` if the payload is no event.
    pub fn observe(&mut self, ssrc: u32, timestamp: u32, payload: &[u8]) -> Option<Press> {
        let seen = TelephoneEvent::parse(payload)?;
        let same_key = self.last.filter(|last| last.press.ssrc == ssrc && last.press.event == seen.event);
        let known = same_key.and_then(|mut last| {
            if last.segment_timestamp == timestamp {
                return Some(last);
            }
            let segment_end = last.segment_timestamp.wrapping_add(u32::from(last.segment_duration));
            if last.ended || segment_end != timestamp {
                return None;
            }
            (last.segment_timestamp, last.segment_duration) = (timestamp, 0);
            Some(last)
        });
        let Some(mut last) = known else {
            if self.is_old_news(ssrc, timestamp) {
                return Some(Press::Continues);
            }
            let press = KeyPress { ssrc, timestamp, event: seen.event, duration: u32::from(seen.duration) };
            self.last = Some(Pressed {
                press,
                segment_timestamp: timestamp,
                segment_duration: seen.duration,
                ended: seen.end,
            });
            return Some(Press::Began(press));
        };
        let before = last.press.timestamp;
        last.segment_duration = last.segment_duration.max(seen.duration);
        last.press.duration = timestamp.wrapping_sub(before).wrapping_add(u32::from(last.segment_duration));
        let ends = seen.end && !last.ended;
        last.ended |= seen.end;
        self.last = Some(last);
        Some(if ends { Press::Ended(last.press) } else { Press::Continues })
    }

    /// A packet older than the press we are in: a late repeat of one before it.
    fn is_old_news(&self, ssrc: u32, timestamp: u32) -> bool {
        self.last.is_some_and(|last| {
            let older_by = last.segment_timestamp.wrapping_sub(timestamp);
            last.press.ssrc == ssrc && older_by != 0 && older_by < 1 << 20
        })
    }
}

/// Level of a comfort noise payload in -dBov, 0 (loudest) to 127 (B4-02, RFC 3389 §3); `None` if it is empty.
#[must_use]
pub fn comfort_noise_level(payload: &[u8]) -> Option<u8> {
    payload.first().map(|level| level & 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(event: u8, end: bool, duration: u16) -> [u8; 4] {
        TelephoneEvent { event, end, volume: 10, duration }.to_bytes()
    }

    #[test]
    fn one_press_is_one_event_though_its_end_is_sent_three_times() {
        let mut presses = KeyPresses::default();
        let began = presses.observe(1, 1000, &event(5, false, 160));
        assert!(matches!(began, Some(Press::Began(KeyPress { event: 5, timestamp: 1000, .. }))));
        assert_eq!(presses.observe(1, 1000, &event(5, false, 320)), Some(Press::Continues));
        let ended = presses.observe(1, 1000, &event(5, true, 480));
        assert_eq!(ended, Some(Press::Ended(KeyPress { ssrc: 1, timestamp: 1000, event: 5, duration: 480 })));
        assert_eq!(presses.observe(1, 1000, &event(5, true, 480)), Some(Press::Continues));
        assert_eq!(presses.observe(1, 1000, &event(5, true, 480)), Some(Press::Continues));
        assert!(matches!(presses.observe(1, 4000, &event(5, false, 160)), Some(Press::Began(_))));
    }

    #[test]
    fn a_long_press_goes_on_in_segments() {
        let mut presses = KeyPresses::default();
        presses.observe(1, 0, &event(1, false, 0xffff));
        assert_eq!(presses.observe(1, 0xffff, &event(1, false, 160)), Some(Press::Continues));
        let ended = presses.observe(1, 0xffff, &event(1, true, 400));
        assert!(
            matches!(ended, Some(Press::Ended(KeyPress { duration: 65_935, timestamp: 0, .. }))),
            "{ended:?}"
        );
    }

    #[test]
    fn a_press_without_end_is_over_when_the_next_begins_and_stragglers_do_not_revive_it() {
        let mut presses = KeyPresses::default();
        presses.observe(1, 1000, &event(1, false, 160));
        assert!(matches!(presses.observe(1, 3000, &event(2, false, 160)), Some(Press::Began(_))));
        assert_eq!(presses.observe(1, 1000, &event(1, true, 320)), Some(Press::Continues));
        assert_eq!(presses.observe(1, 3000, &[2, 0]), None);
    }

    #[test]
    fn a_withheld_digit_keeps_its_length_and_nothing_else() {
        let stored = withhold_digit(&event(7, true, 800));
        assert_eq!(stored, event(WITHHELD_EVENT, true, 800));
        let all = (0..=255).map(|key| withhold_digit(&event(key, true, 800)));
        assert!(all.into_iter().all(|bytes| bytes == stored), "no key can be told from another");
        assert_eq!(withhold_digit(&[4, 0, 1]), [WITHHELD_EVENT, 0, 0, 0]);
        assert_eq!(withhold_digit(&[4, 0, 1, 0, 7, 0, 1, 0]), [WITHHELD_EVENT, 0, 1, 0]);
        assert_eq!(
            withhold_digit(&[4, 0x40, 0, 0]),
            [WITHHELD_EVENT, 0, 0, 0],
            "the reserved bit carries nothing"
        );
    }

    #[test]
    fn comfort_noise_tells_its_level() {
        assert_eq!(comfort_noise_level(&[0xc0 | 5, 9, 9]), Some(0x45));
        assert_eq!(comfort_noise_level(&[]), None);
    }
}
