//! Looks at the audit as it is kept: each entry, each head, and whether a witness kept elsewhere agrees.

use std::collections::BTreeMap;
use std::time::Duration;

use audit::{Checker, Fault, Head, Link, PURPOSE};
use index::custody::{Custody, Standing, Unrecorded};
use index::trail::{Kept, Query};
use index::{DatabaseError, Trail};
use vault::keys::signing::verify_among;
use vault::{Signature, VerifyingKey};

/// For how long a recorder may write without signing: many times as long as it does.
const LONGEST_UNSIGNED: Duration = Duration::from_secs(10 * 60);

/// Recordings that are named; the others are counted.
const NAMED: usize = 20;

/// What was looked at, and the first thing that is wrong.
#[derive(Debug, Default)]
pub struct Findings {
    /// Entries that are as they were written.
    pub entries: u64,
    /// Of them those a signed head vouches for.
    pub vouched: u64,
    /// Heads in the index whose signatures hold.
    pub heads: u64,
    /// Recordings whose seals are on record.
    pub recordings: u64,
    /// Heads of the witness whose signatures hold.
    pub witnessed: u64,
    /// What is worth knowing and is no fault.
    pub remarks: Vec<String>,
    /// What is wrong, the first of each kind of thing that was looked at.
    pub faults: Vec<String>,
}

/// Looks at all of it. Heads count if one of the `keys` has signed them; those of the `witness` were kept elsewhere.
///
/// # Errors
/// [`DatabaseError`] if it cannot be looked at.
pub async fn check(
    trail: &Trail,
    keys: &[VerifyingKey],
    witness: Vec<Head>,
) -> Result<Findings, DatabaseError> {
    let mut looking =
        Looking { keys, findings: Findings::default(), strange: BTreeMap::new(), unsigned: None };
    let witness: Vec<Head> =
        witness.into_iter().filter(|head| looking.is_signed(head, "the witness's")).collect();
    looking.findings.witnessed = witness.len() as u64;
    if keys.is_empty() {
        looking.findings.remarks.push("no public key is at hand: no head could be looked at".to_owned());
    } else {
        // What was kept elsewhere is this install's: then its key is one of these, unless they were exchanged.
        looking.findings.faults.extend(std::mem::take(&mut looking.strange).into_iter().map(|(why, count)| {
            format!(
                "audit: {count} heads of the witness do not count: {why}. The keys beside this audit were exchanged, or the \
                 witness is another install's; name the public key you were given with --key"
            )
        }));
    }
    let mut checker = Checker::new(&witness);
    if let Err(fault) = looking.walk(trail, &mut checker).await? {
        looking.findings.faults.push(format!("audit: {fault}"));
    }
    looking.findings.entries = checker.at().number;
    looking.findings.vouched = checker.vouched();
    let damages = trail.damages().await?;
    if let Some(first) = damages.first() {
        looking.findings.faults.push(format!(
            "audit: the database finds its tables damaged ({first}{}); restore a backup beside it and compare",
            if damages.len() > 1 { ", and more" } else { "" }
        ));
    }
    looking.compare_recordings(trail).await?;
    let unsigned = looking.unsigned.map_or(0, |(first, last)| last.saturating_sub(first));
    if looking.keys_known() && Duration::from_nanos(unsigned.unsigned_abs()) > LONGEST_UNSIGNED {
        looking.findings.faults.push(format!(
            "audit: no head vouches for the entries behind {}, which were written over {} minutes: it is signed each minute, so heads \
             were taken out, or it could not be signed; compare with a witness",
            looking.findings.vouched,
            unsigned / 60_000_000_000
        ));
    } else if looking.findings.vouched < looking.findings.entries {
        looking.findings.remarks.push(format!(
            "no head vouches for the entries behind {}: they are of the last minute, or heads were taken out; only a witness can \
             tell",
            looking.findings.vouched
        ));
    }
    let strange = looking.strange.into_iter();
    looking.findings.remarks.extend(strange.map(|(why, count)| format!("{count} heads do not count: {why}")));
    Ok(looking.findings)
}

/// Whether the last that was done is that the recorder stopped in order: then it has left behind what its files were like.
///
/// # Errors
/// [`DatabaseError`] if it cannot be looked at.
pub async fn has_stopped_in_order(trail: &Trail) -> Result<bool, DatabaseError> {
    let last = trail.find(&Query { limit: 1, ..Query::default() }).await?.items.pop();
    Ok(last.and_then(|kept| kept.said.ok()).is_some_and(|(entry, _)| entry.action == "recorder.stop"))
}

/// A look that is under way.
struct Looking<'a> {
    keys: &'a [VerifyingKey],
    findings: Findings,
    /// Why heads do not count, and how many.
    strange: BTreeMap<String, u64>,
    /// When the first entry was written that no head vouches for yet, and the last, nanoseconds.
    unsigned: Option<(i64, i64)>,
}

impl Looking<'_> {
    /// Whether a head counts.
    fn is_signed(&mut self, head: &Head, whose: &str) -> bool {
        match signed(self.keys, head) {
            Ok(()) => true,
            Err(Unsigned::Strange(why)) => {
                *self.strange.entry(why).or_default() += 1;
                false
            }
            Err(Unsigned::Forged(why)) => {
                let number = head.link.number;
                self.findings.faults.push(format!("audit: {whose} head of entry {number}: {why}"));
                false
            }
        }
    }

    /// Whether each recording that was sealed is there as the chain says, or erased on record, and no other is (C8-03).
    async fn compare_recordings(&mut self, trail: &Trail) -> Result<(), DatabaseError> {
        let (mut number, mut wrong) = (0, 0_usize);
        loop {
            let page = trail.custody(number).await?;
            let Some(last) = page.last() else { break };
            number = last.number;
            self.findings.recordings += page.len() as u64;
            for custody in page.iter().filter(|custody| custody.standing != Standing::Good) {
                wrong += 1;
                if wrong <= NAMED {
                    self.findings.faults.push(out_of_place(custody));
                }
            }
        }
        if wrong > NAMED {
            self.findings.faults.push(format!("audit: {} more recordings are not as it says", wrong - NAMED));
        }
        let Unrecorded { older, others, one } = trail.unrecorded().await?;
        if let Some(one) = one {
            self.findings.faults.push(format!(
                "audit: it has no entry of the seal of {others} recordings that are in the index, such as {one}: somebody put \
                 them in, or took entries out"
            ));
        }
        if older > 0 {
            let remark = format!("{older} recordings were sealed before seals were written down in it");
            self.findings.remarks.push(remark);
        }
        Ok(())
    }

    async fn walk(
        &mut self,
        trail: &Trail,
        checker: &mut Checker,
    ) -> Result<Result<(), Fault>, DatabaseError> {
        loop {
            let at = checker.at();
            // There is no more than one head for an entry, so that a page of them is enough for a page of entries. They are
            // read first: a recorder that runs writes on meanwhile, and each of them has its entry now.
            let heads = trail.heads_from(at.number.saturating_add(1)).await?;
            let page = trail.after(at.number, &Query::default()).await?;
            for kept in heads {
                if self.is_signed(&kept.head, "the") && self.keys_known() {
                    if page.iter().any(|(row, _)| row.number == kept.head.link.number) {
                        self.findings.heads += 1;
                    }
                    if let Err(fault) = checker.add(&kept.head) {
                        return Ok(Err(fault));
                    }
                }
            }
            if page.is_empty() {
                return Ok(checker.end().map(drop));
            }
            for (kept, _) in page {
                // The seal of a recording is dated when that ended, which may be long ago.
                let at = kept.said.as_ref().ok().filter(|(entry, _)| entry.action != "recording.seal");
                let at = at.map(|(entry, _)| entry.at_ns);
                if let Err(fault) = next(checker, kept) {
                    return Ok(Err(fault));
                }
                if checker.vouched() == checker.at().number {
                    self.unsigned = None;
                } else if let Some(at) = at {
                    self.unsigned = Some((self.unsigned.map_or(at, |(first, _)| first), at));
                }
            }
        }
    }

    fn keys_known(&self) -> bool {
        !self.keys.is_empty()
    }
}

/// What is wrong with a recording, as a sentence.
fn out_of_place(custody: &Custody) -> String {
    let Custody { number, recording, standing } = custody;
    let what = match standing {
        Standing::Good => "is as it says".to_owned(),
        Standing::Missing => {
            "is not in the index, and no erasure of it is on record: its row was removed".to_owned()
        }
        Standing::Another { said, stands } => {
            format!("is another file now: it says {said}, and the index {stands}")
        }
        Standing::ErasedUnsaid => "stands as erased, and it has no entry of an erasure".to_owned(),
        Standing::Returned => {
            "was erased by it, and is in the index again: its row was brought back".to_owned()
        }
    };
    format!(
        "audit: recording {recording}, sealed by entry {number}, {what}; restore a backup beside it and compare"
    )
}

fn next(checker: &mut Checker, kept: Kept) -> Result<(), Fault> {
    let Kept { number, said } = kept;
    let (entry, hash) = said.map_err(|cause| Fault::Unreadable { number, cause })?;
    checker.next(number, entry.content(number), hash)
}

/// Why a head does not count.
pub(crate) enum Unsigned {
    /// It may be good; nobody here can say so.
    Strange(String),
    /// It is not what was signed.
    Forged(String),
}

/// Whether one of the keys has signed a head.
pub(crate) fn signed(keys: &[VerifyingKey], head: &Head) -> Result<(), Unsigned> {
    let signature: Signature = head
        .signature
        .parse()
        .map_err(|error: vault::keys::signing::NotASignature| Unsigned::Forged(error.to_string()))?;
    verify_among(keys, PURPOSE, &head.message(), &signature).map_err(|error| match error {
        vault::keys::signing::NotSigned::UnknownKey(_) => Unsigned::Strange(error.to_string()),
        vault::keys::signing::NotSigned::Altered(_) => Unsigned::Forged(error.to_string()),
    })
}

/// How an extract stands, when it was gone through.
#[derive(Debug)]
pub struct Extract {
    /// Entries that are whole in it.
    pub whole: u64,
    /// Entries of which it has the hash alone.
    pub stubs: u64,
    /// The link behind the last.
    pub end: Link,
    /// The last entry a head vouches for.
    pub vouched: u64,
}
