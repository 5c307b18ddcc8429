//! The running recorder: does it answer, can it record, what does it say of itself.

use super::report::Report;
use crate::cmd::client::Server;

/// What a running recorder says of itself.
pub(super) struct Running {
    metrics: String,
}

impl Running {
    /// A counter or gauge.
    pub(super) fn metric(&self, name: &str) -> Option<u64> {
        self.metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
    }
}

/// Asks the recorder whether it lives and can record; `None` if none answers.
pub(super) fn look(report: &mut Report, recorder: &Server) -> Option<Running> {
    let alive = recorder.look("/healthz");
    match alive {
        Err(why) => {
            report.fail(
                "recorder",
                why,
                "start it; what can be looked at without it follows, and no test call is placed",
            );
            return None;
        }
        Ok((200, text)) if text == "alive\n" => {}
        Ok((status, _)) => {
            report.fail(
                "recorder",
                format!("something answers at {} that is no recorder: status {status}", recorder.url("")),
                "name the recorder's HTTP address with --to, or free the port for it",
            );
            return None;
        }
    }
    ready(report, recorder);
    let metrics = recorder.look("/metrics").map(|(_, text)| text).unwrap_or_default();
    Some(Running { metrics })
}

fn ready(report: &mut Report, recorder: &Server) {
    let Ok((status, text)) = recorder.look("/readyz") else { return };
    let ready: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let said = |key: &str| {
        let all = ready[key].as_object().into_iter().flatten();
        all.map(|(part, why)| format!("{part}: {}", why.as_str().unwrap_or_default())).collect::<Vec<_>>()
    };
    if status == 200 {
        report.ok("recorder", format!("answers at {} and can record", recorder.url("")));
    }
    for reason in said("reasons") {
        report.fail(
            "recorder",
            format!("runs, and takes no new call: {reason}"),
            "see to it; calls are taken again some seconds later. SBCs see 503 meanwhile",
        );
    }
    for warning in said("warnings") {
        report.warn("recorder", warning, "see to it before new calls are refused");
    }
}
