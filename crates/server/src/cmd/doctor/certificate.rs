//! What SIP over TLS shows: can it be used, for whom is it, for how long.

use calls::time::Wall;

use super::report::Report;
use crate::clock::Clock;
use crate::config::Config;
use crate::control::time::rfc3339;
use crate::tls::TlsServer;

/// How long before its end somebody should know.
const SOON_S: i64 = 14 * 86_400;

pub(super) fn look(report: &mut Report, config: &Config) {
    let Some(heard) = &config.sip_tls else { return };
    match TlsServer::open(heard.files.clone()) {
        Ok(tls) => judge(report, Clock::start().now(), &tls.names(), tls.validity_s()),
        Err(error) => report.fail(
            "certificate",
            error.to_string(),
            "a recorder does not start with it, and one that runs goes on with what it has; correct the files of sip.tls",
        ),
    }
}

/// `validity_s`: first and last second, since 1970.
fn judge(report: &mut Report, now: Wall, names: &[String], (from_s, until_s): (i64, i64)) {
    let now_s = now.as_ms().div_euclid(1_000);
    let day = |seconds: i64| rfc3339(Wall::from_ms(seconds.saturating_mul(1_000)));
    let whose = if names.is_empty() { "nobody by name".to_owned() } else { names.join(", ") };
    let renew =
        "have a new one made and put it in the same place: it is taken within a minute, without a restart";
    if now_s > until_s {
        let said = format!("the certificate for {whose} expired on {}: SBCs refuse it", day(until_s));
        report.fail("certificate", said, renew);
    } else if now_s < from_s {
        let said = format!("the certificate for {whose} is valid from {} on: SBCs refuse it", day(from_s));
        report.fail("certificate", said, "correct the clock of this machine, or wait");
    } else if until_s - now_s < SOON_S {
        let days = (until_s - now_s) / 86_400;
        report.warn("certificate", format!("the certificate for {whose} expires in {days} days"), renew);
    } else {
        report.ok(
            "certificate",
            format!("an SBC is shown a certificate for {whose}, valid until {}", day(until_s)),
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
            judge(&mut report, now, &names, validity);
            [State::Ok, State::Warning, State::Failed].map(|state| report.count(state))
        };
        assert_eq!(state(-10, 90 * 86_400), [1, 0, 0]);
        assert_eq!(state(-10, 3 * 86_400), [0, 1, 0]);
        assert_eq!(state(-10, -1), [0, 0, 1]);
        assert_eq!(state(60, 90 * 86_400), [0, 0, 1]);
    }
}
