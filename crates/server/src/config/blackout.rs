//! Settings of blackouts.

use std::time::Duration;

use super::Config;
use super::file::{Blackout, TimeoutChoice};

impl Config {
    /// Takes what is said; what is not stays as it is.
    pub(super) fn set_blackout(&mut self, said: &Blackout) {
        let (policy, norm) = (&mut self.tracker.blackout, &mut self.blackout_norm);
        if let Some(seconds) = said.timeout_s {
            policy.timeout = (seconds > 0).then(|| Duration::from_secs(seconds));
        }
        if let Some(choice) = said.on_timeout {
            policy.stay_dark = choice == TimeoutChoice::StayDark;
        }
        if let Some(times) = said.norm_times {
            norm.times = Some(times).filter(|times| *times > 0);
        }
        if let Some(minutes) = said.norm_minutes {
            norm.dark = (minutes > 0).then(|| Duration::from_secs(minutes.saturating_mul(60)));
        }
    }
}
