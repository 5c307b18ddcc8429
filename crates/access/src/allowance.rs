//! How often somebody may ask: so many times a minute, and those of one minute at once (F-API-4).

use std::time::Duration;

/// What they are counted over.
const MINUTE: Duration = Duration::from_secs(60);

/// What is asked for, as far as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// To be told something.
    Telling,
    /// Sound, or files of it.
    Content,
    /// That something be changed.
    Change,
}

impl Asked {
    /// Its words in refusals.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Telling => "questions",
            Self::Content => "requests for sound and files",
            Self::Change => "changes",
        }
    }
}

/// How often each may be asked for within a minute; 0 for as often as one likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// [`Asked::Telling`].
    pub telling: u32,
    /// [`Asked::Content`].
    pub content: u32,
    /// [`Asked::Change`].
    pub change: u32,
}

impl Default for Rates {
    /// More than a page with its player needs, or a program that looks at ten things each second.
    fn default() -> Self {
        Self { telling: 1_200, content: 600, change: 600 }
    }
}

impl Rates {
    /// How often this may be asked for within a minute.
    pub const fn of(self, asked: Asked) -> u32 {
        match asked {
            Asked::Telling => self.telling,
            Asked::Content => self.content,
            Asked::Change => self.change,
        }
    }
}

/// What somebody has asked for lately, as the time by which all of it would be paid for at the rate that is allowed.
/// Time is since any fixed moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowance([Duration; 3]);

impl Allowance {
    /// Takes one, if it may be had now.
    ///
    /// # Errors
    /// How long they have to wait for it; nothing was taken.
    pub fn draw(&mut self, rates: Rates, asked: Asked, now: Duration) -> Result<(), Duration> {
        let Some(price) = MINUTE.checked_div(rates.of(asked)) else { return Ok(()) };
        let paid = &mut self.0[asked as usize];
        let owing = (*paid).max(now) + price;
        match owing.checked_sub(now + MINUTE) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                *paid = owing;
                Ok(())
            }
        }
    }

    /// Whether nothing would be lost by forgetting it.
    pub fn is_whole(&self, now: Duration) -> bool {
        self.0.iter().all(|paid| *paid <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);
    const RATES: Rates = Rates { telling: 60, content: 6, change: 0 };

    #[test]
    fn those_of_a_minute_may_be_had_at_once_and_then_one_after_the_other() {
        let mut allowance = Allowance::default();
        for _ in 0..6 {
            assert_eq!(allowance.draw(RATES, Asked::Content, 100 * S), Ok(()));
        }
        assert_eq!(allowance.draw(RATES, Asked::Content, 100 * S), Err(10 * S));
        assert_eq!(allowance.draw(RATES, Asked::Content, 104 * S), Err(6 * S));
        assert_eq!(allowance.draw(RATES, Asked::Content, 110 * S), Ok(()));
        assert_eq!(allowance.draw(RATES, Asked::Content, 110 * S), Err(10 * S));
        // Others have their own count, and what is not limited has none.
        assert_eq!(allowance.draw(RATES, Asked::Telling, 110 * S), Ok(()));
        for _ in 0..10_000 {
            assert_eq!(allowance.draw(RATES, Asked::Change, 110 * S), Ok(()));
        }
        assert!(!allowance.is_whole(110 * S) && allowance.is_whole(170 * S));
    }

    proptest::proptest! {
        #[test]
        fn no_minute_has_more_than_two_minutes_worth_and_who_waits_as_told_is_served(
            rate in 1_u32..500,
            pauses in proptest::collection::vec(0_u64..3_000, 1..400),
        ) {
            let rates = Rates { telling: rate, content: 0, change: 0 };
            let (mut allowance, mut now, mut served) = (Allowance::default(), Duration::ZERO, Vec::new());
            for pause in pauses {
                now += Duration::from_millis(pause);
                match allowance.draw(rates, Asked::Telling, now) {
                    Ok(()) => served.push(now),
                    Err(wait) => {
                        proptest::prop_assert!(!wait.is_zero() && wait <= MINUTE);
                        let mut later = allowance;
                        proptest::prop_assert_eq!(later.draw(rates, Asked::Telling, now + wait), Ok(()));
                    }
                }
            }
            for (place, at) in served.iter().enumerate() {
                let within = served[place..].iter().take_while(|other| **other < *at + MINUTE).count();
                proptest::prop_assert!(within <= 2 * rate as usize);
            }
        }
    }
}
