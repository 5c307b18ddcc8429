//! What was found, as sentences and as JSON.

use serde::Serialize;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// Nothing to do.
    Ok,
    /// Recording works; somebody should look at it.
    Warning,
    /// Calls are not recorded, or will not be.
    Failed,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What was looked at.
    pub(super) check: &'static str,
    /// How it came out.
    pub(super) state: State,
    /// What was seen.
    pub(super) said: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) todo: Option<String>,
}

/// All findings, in the order in which they were made.
#[derive(Debug, Default)]
pub(super) struct Report {
    findings: Vec<Finding>,
    /// Whether each is printed as soon as it is made.
    aloud: bool,
}

impl Report {
    pub(super) fn new(aloud: bool) -> Self {
        Self { findings: Vec::new(), aloud }
    }

    pub(super) fn ok(&mut self, check: &'static str, said: impl Into<String>) {
        self.add(Finding { check, state: State::Ok, said: said.into(), todo: None });
    }

    pub(super) fn warn(&mut self, check: &'static str, said: impl Into<String>, todo: impl Into<String>) {
        let todo = Some(todo.into());
        self.add(Finding { check, state: State::Warning, said: said.into(), todo });
    }

    pub(super) fn fail(&mut self, check: &'static str, said: impl Into<String>, todo: impl Into<String>) {
        let todo = Some(todo.into());
        self.add(Finding { check, state: State::Failed, said: said.into(), todo });
    }

    /// How many came out so.
    pub(super) fn count(&self, state: State) -> usize {
        self.findings.iter().filter(|finding| finding.state == state).count()
    }

    /// The findings as JSON, and whether recording works.
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::json!({ "ok": self.count(State::Failed) == 0, "checks": self.findings })
    }

    #[expect(clippy::print_stdout, reason = "the findings are what was asked for")]
    fn add(&mut self, finding: Finding) {
        if self.aloud {
            let state = match finding.state {
                State::Ok => "ok",
                State::Warning => "warning",
                State::Failed => "FAILED",
            };
            println!("{state:<8} {:<12} {}", finding.check, finding.said);
            if let Some(todo) = &finding.todo {
                println!("{:<21} -> {todo}", "");
            }
        }
        self.findings.push(finding);
    }

    #[cfg(test)]
    pub(super) fn last(&self) -> &Finding {
        self.findings.last().expect("something was found")
    }
}
