//! What SIP and HTTP show over TLS: can it be used, for whom is it, for how long.

use calls::time::Wall;

use super::report::Report;
use crate::clock::Clock;
use crate::config::Config;
use crate::control::time::rfc3339;
use crate::tls::{Spoken, TlsServer};

/// How long before its end somebody should know.
const SOON_S: i64 = 14 * 86_400;

pub(super) fn look(report: &mut Report, config: &Config) {
    let sip = config.sip_tls.as_ref().map(|heard| (&heard.files, Spoken::Sip, SBC));
    let http = config.http_tls.as_ref().map(|files| (files, Spoken::Http, BROWSER));
    for (files, spoken, shown) in sip.into_iter().chain(http) {
        match TlsServer::open(files.clone(), spoken) {
            Ok(tls) => judge(report, shown, Clock::start().now(), &tls.names(), tls.validity_s()),
            Err(error) => report.fail(
                "certificate",
                error.to_string(),
                format!(
                    "a recorder does not start with it, and one that runs goes on with what it has; correct the files of {}",
                    shown.setting
                ),
            ),
        }
    }
}

/// To whom a certificate is shown.
#[derive(Debug, Clone, Copy)]
struct Shown {
    one: &'static str,
    many: &'static str,
    setting: &'static str,
}

const SBC: Shown = Shown { one: "an SBC", many: "SBCs", setting: "sip.tls" };
const BROWSER: Shown = Shown { one: "a browser", many: "browsers and programs", setting: "http.tls" };

/// `validity_s`: first and last second, since 1970.
fn judge(report: &mut Report, shown: Shown, now: Wall, names: &[String], (from_s, until_s): (i64, i64)) {
    let now_s = now.as_ms().div_euclid(1_000);
    let day = |seconds: i64| rfc3339(Wall::from_ms(seconds.saturating_mul(1_000)));
    let whose = if names.is_empty() { "nobody by name".to_owned() } else { names.join(", ") };
    let renew =
        "have a new one made and put it in the same place: it is taken within a minute, without a restart";
    if now_s > until_s {
        let said =
            format!("the certificate for {whose} expired on {}: {} refuse it", day(until_s), shown.many);
        report.fail("certificate", said, renew);
    } else if now_s < from_s {
        let said =
            format!("the certificate for {whose} is valid from {} on: {} refuse it", day(from_s), shown.many);
        report.fail("certificate", said, "correct the clock of this machine, or wait");
    } else if until_s - now_s < SOON_S {
        let days = (until_s - now_s) / 86_400;
        report.warn("certificate", format!("the certificate for {whose} expires in {days} days"), renew);
    } else {
        report.ok(
            "certificate",
            format!("{} is shown a certificate for {whose}, valid until {}", shown.one, day(until_s)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::State;
    use super::*;

    #[test]
    fn a_certificate_is_looked_at_from_both_ends() {
        let names = ["rec.example.com".to_owned()];
        let now = Wall::from_ms(1_800_000_000_000);
        let state = |from_s: i64, until_s: i64| {
            let mut report = Report::new(false);
            let validity = (1_800_000_000 + from_s, 1_800_000_000 + until_s);
            judge(&mut report, SBC, now, &names, validity);
            [State::Ok, State::Warning, State::Failed].map(|state| report.count(state))
        };
        assert_eq!(state(-10, 90 * 86_400), [1, 0, 0]);
        assert_eq!(state(-10, 3 * 86_400), [0, 1, 0]);
        assert_eq!(state(-10, -1), [0, 0, 1]);
        assert_eq!(state(60, 90 * 86_400), [0, 0, 1]);
    }
}
