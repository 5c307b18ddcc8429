//! Why somebody is not signed on: a word for the page, a sentence for the audit, a count.

use super::provider::NotVouched;
use super::token::Distrust;
use crate::identity::NotAdmitted;
use crate::observe::metrics::{Counter, Metrics};

/// Why somebody is not signed on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The provider cannot be asked, or does not know the recorder.
    #[error("the provider cannot be asked: {0}")]
    Unavailable(String),
    /// The provider has not let them in, or does not take the code.
    #[error("the provider has not signed them on: {0}")]
    Refused(String),
    /// The sign-on was not begun here, in this browser, just now; or it is over.
    #[error("the sign-on was not begun in this browser, was used before, or took too long")]
    Stale,
    /// Too many from this address came to nothing.
    #[error("too many sign-ons from this address have come to nothing")]
    Wait,
    /// The two clocks differ.
    #[error("the clocks of the provider and the recorder differ: {0}")]
    Clock(String),
    /// The provider has not made sure of them as it should.
    #[error("{0}")]
    Weak(String),
    /// What the provider says is not believed.
    #[error("what the provider says is not believed: {0}")]
    Untrusted(String),
    /// The provider vouches for them, and there is no place for them here.
    #[error("{0}")]
    NotAdmitted(#[from] NotAdmitted),
}

impl From<NotVouched> for Failure {
    fn from(error: NotVouched) -> Self {
        match error {
            NotVouched::Unavailable(why) => Self::Unavailable(why),
            NotVouched::Refused(why) => Self::Refused(why),
            NotVouched::Distrust(clock @ Distrust::Clock(_)) => Self::Clock(clock.to_string()),
            NotVouched::Distrust(weak @ Distrust::Weak(_)) => Self::Weak(weak.to_string()),
            NotVouched::Distrust(other) => Self::Untrusted(other.to_string()),
        }
    }
}

impl Failure {
    /// The word for the login page, which has a sentence for each.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::Refused(_) => "refused",
            Self::Stale => "stale",
            Self::Wait => "wait",
            Self::Clock(_) => "clock",
            Self::Weak(_) => "weak",
            Self::Untrusted(_) => "untrusted",
            Self::NotAdmitted(why) => why.word(),
        }
    }

    pub(super) fn counter<'m>(&self, metrics: &'m Metrics) -> &'m Counter {
        match self {
            Self::Unavailable(_) => &metrics.sign_on_unavailable,
            Self::Refused(_) => &metrics.sign_on_refused,
            Self::Stale => &metrics.sign_on_stale,
            Self::Wait => &metrics.sign_on_wait,
            Self::Clock(_) => &metrics.sign_on_clock,
            Self::Weak(_) => &metrics.sign_on_weak,
            Self::Untrusted(_) => &metrics.sign_on_untrusted,
            Self::NotAdmitted(_) => &metrics.sign_on_not_admitted,
        }
    }

    /// Whether it is by what somebody has sent: who does that again and again waits, and is not written down each time.
    pub(super) fn is_theirs(&self) -> bool {
        !matches!(self, Self::Unavailable(_) | Self::Wait)
    }
}
