//! Erasure by subject (C5-02): what is about somebody is found, and erased unless a hold or the law keeps it (C6).

use calls::time::Wall;
use index::{Cause, DatabaseError, Erasure, FindError, Mark, Query, RecordingRow, Rule, Verdict};

use super::archivist::Archivist;
use super::plan::{self, Stays};

/// Whom it is about. Every condition given must hold, and one must be given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// A number, a name of a party, user fields: as a search has them.
    pub query: Query,
    /// A party's whole name.
    pub name: Option<String>,
}

/// Who asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Who.
    pub who: String,
    /// The legal ground.
    pub why: String,
    /// The network address it was asked from.
    pub source: String,
}

/// What came of it, or would come.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What would go, in a dry run.
    pub would_go: Vec<RecordingRow>,
    /// What has gone, with the proof; what is not done yet is on record and will be.
    pub erased: Vec<Erasure>,
    /// What stays, and why.
    pub stays: Vec<(RecordingRow, Stays)>,
}

impl Archivist {
    /// What is about somebody, and whether it may go.
    ///
    /// # Errors
    /// [`FindError`].
    pub async fn about(&self, subject: &Subject) -> Result<Outcome, FindError> {
        let now = self.memory.lock().await.seen().unwrap_or_else(|| self.clock.now());
        let mut outcome = Outcome::default();
        for row in self.index.about(&subject.query, subject.name.as_deref()).await? {
            match self.may_go(&row, now) {
                Ok(()) => outcome.would_go.push(row),
                Err(stays) => outcome.stays.push((row, stays)),
            }
        }
        Ok(outcome)
    }

    fn may_go(&self, row: &RecordingRow, now: Wall) -> Result<(), Stays> {
        plan::may_go(&row.care.holds, row.ended, self.settings.minimum_days, now)
    }

    /// Decides that what is about somebody is erased, but for what stays. Durable on return: it will be done, if not in this
    /// run then in the next. Without a grace: whoever asks has seen a dry run.
    ///
    /// # Errors
    /// [`FindError`]; what was decided until then is done with the next job.
    pub async fn decide(&self, subject: &Subject, asked: &Asked) -> Result<Outcome, FindError> {
        let Outcome { would_go, mut stays, .. } = self.about(subject).await?;
        let now = self.clock.now();
        let cause = Cause {
            rule: Rule::Subject,
            who: asked.who.clone(),
            why: asked.why.clone(),
            source: asked.source.clone(),
        };
        let mark = Mark { marked: now, erase: now, cause };
        let mut erased = Vec::new();
        for row in would_go {
            let marked = self.index.mark(&[row.ident], &mark, false).await?.pop();
            let verdict = match marked {
                Some((_, Verdict::Held(hold))) => Verdict::Held(hold),
                _ => self.index.decide_erasure(row.ident, now).await?,
            };
            match verdict {
                Verdict::Done(erasure) => erased.push(erasure),
                Verdict::Held(hold) => stays.push((row, Stays::Held(hold))),
                Verdict::Gone => {}
            }
        }
        Ok(Outcome { would_go: Vec::new(), erased, stays })
    }

    /// Carries out what was decided.
    ///
    /// # Errors
    /// [`DatabaseError`]: the next job goes on.
    pub async fn carry_out(self, decided: Vec<Erasure>) -> Result<(), DatabaseError> {
        let _turn = self.turn.lock().await;
        self.destroy(decided).await
    }
}
