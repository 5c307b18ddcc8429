//! Looks at the audit as it is kept: each entry, each head, and whether a witness kept elsewhere agrees.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use audit::{Checker, Entry, Fault, Head, Link, PURPOSE, Tip, ends};
use index::custody::{Custody, Standing, Unrecorded};
use index::trail::{End, Kept, Query};
use index::{DatabaseError, Trail};
use vault::keys::signing::verify_among;
use vault::{Signature, VerifyingKey};

use super::notary;

/// For how long a recorder may write without signing: many times as long as it does.
const LONGEST_UNSIGNED: Duration = Duration::from_secs(10 * 60);

/// Recordings that are named; the others are counted.
const NAMED: usize = 20;

/// A head, and where it was read.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The head.
    pub head: Head,
    /// In words.
    pub place: Arc<str>,
}

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
    witness: Vec<Seen>,
) -> Result<Findings, DatabaseError> {
    let findings = Findings::default();
    let mut looking =
        Looking { keys, findings, strange: BTreeMap::new(), unsigned: None, begun: 0, touched: 0 };
    let mut checker = Checker::new();
    for Seen { head, place } in &witness {
        if looking.is_signed(head, "the witness's") {
            looking.findings.witnessed += 1;
            let added = checker.add(head.link, place);
            looking.findings.faults.extend(added.err().map(told));
        }
    }
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
    looking.walk_all(trail, &mut checker).await?;
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
    /// The entry from which on the end was signed; 0 if it was not passed.
    begun: u64,
    /// Entries that tell of others who wrote.
    touched: usize,
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
        let Unrecorded { count, one, unlisted } = trail.unrecorded().await?;
        if let Some(one) = one {
            self.findings.faults.push(format!(
                "audit: it has no entry of the seal of {count} recordings that are in the index, such as {one}: somebody put \
                 them in, or took entries out"
            ));
        }
        if unlisted > 0 {
            self.findings.faults.push(format!(
                "audit: {unlisted} recordings have a number in the index that no recorder gives: somebody put them in"
            ));
        }
        Ok(())
    }

    /// Goes through the chain to its end, and holds that against the tip. A recorder that runs writes on meanwhile.
    async fn walk_all(&mut self, trail: &Trail, checker: &mut Checker) -> Result<(), DatabaseError> {
        loop {
            if let Err(fault) = self.walk(trail, checker).await? {
                self.findings.faults.push(told(fault));
                return Ok(());
            }
            let end = trail.end().await?;
            if end.last.number <= checker.at().number {
                self.findings.faults.extend(self.wrong_end(&end).map(|why| format!("audit: {why}")));
                return Ok(());
            }
        }
    }

    /// What is wrong with how the chain ends.
    fn wrong_end(&self, end: &End) -> Option<String> {
        let Some(Tip { link, signature }) = &end.tip else {
            let nothing = "nothing says where it ends: the tip was taken out, or no recorder of this version was started on it yet";
            return (end.last.number > 0).then(|| nothing.to_owned());
        };
        let signed = notary::signed(self.keys, &Tip::message(*link), signature);
        match signed {
            Err(why) if self.keys_known() => Some(format!(
                "the tip, which says that it ends with entry {}, does not count: {why}",
                link.number
            )),
            _ => ends(*link, end.last, end.there).err().map(|fault| fault.to_string()),
        }
    }

    /// What the chain itself says of how it was written.
    fn hear(&mut self, number: u64, entry: &Entry) {
        let Entry { action, about, detail, .. } = entry;
        match action.as_str() {
            "audit.touched" => {
                self.touched += 1;
                if self.touched <= NAMED {
                    self.findings.faults.push(format!("audit: entry {number} says: {detail}"));
                }
            }
            "audit.begin" if self.begun > 0 => {
                let first = self.begun;
                let twice =
                    format!("audit: entry {number} begins what entry {first} has begun: one was put in");
                self.findings.faults.push(twice);
            }
            "audit.begin" => {
                self.begun = number;
                let before = format!(
                    "the end was not signed yet when the entries up to {} were written: heads and a witness alone vouch for them",
                    number - 1
                );
                self.findings.remarks.extend((number > 1).then_some(before));
            }
            "audit.rekey" => {
                let is_known = self.keys.iter().any(|key| *about == format!("key {}", key.id()));
                let said =
                    format!("entry {number}: until there the chain was signed with another key, {about}");
                match is_known || self.keys.is_empty() {
                    true => self.findings.remarks.push(said),
                    false => self.findings.faults.push(format!(
                        "audit: {said}, of which the public half is not at hand; name it with --key too, if it was yours"
                    )),
                }
            }
            _ => {}
        }
    }

    async fn walk(
        &mut self,
        trail: &Trail,
        checker: &mut Checker,
    ) -> Result<Result<(), Fault>, DatabaseError> {
        let index: Arc<str> = "the index".into();
        loop {
            let at = checker.at();
            // There is no more than one head for an entry, so that a page of them is enough for a page of entries. They are
            // read first: a recorder that runs writes on meanwhile, and each of them has its entry now.
            let heads = trail.heads_from(at.number.saturating_add(1)).await?;
            let page = trail.after(at.number, &Query::default()).await?;
            // Those of later entries come with their page, and those behind the end with the last.
            let last = page.last().map_or(u64::MAX, |(row, _)| row.number);
            for kept in heads.into_iter().filter(|kept| kept.head.link.number <= last) {
                if self.is_signed(&kept.head, "the") && self.keys_known() {
                    if page.iter().any(|(row, _)| row.number == kept.head.link.number) {
                        self.findings.heads += 1;
                    }
                    match checker.add(kept.head.link, &index) {
                        // The chain is held against both.
                        Err(two @ Fault::TwoHeads { .. }) => self.findings.faults.push(told(two)),
                        Err(fault) => return Ok(Err(fault)),
                        Ok(()) => {}
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
                if let Ok((entry, _)) = &kept.said {
                    self.hear(kept.number, entry);
                }
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

fn told(fault: Fault) -> String {
    format!("audit: {fault}")
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
            format!("is another now: it says {said}, and the index {stands}")
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
    /// What was asked for, as it says itself: that is not signed.
    pub asked: String,
    /// Entries that are whole in it.
    pub whole: u64,
    /// Entries of which it has the hash alone.
    pub stubs: u64,
    /// The link behind the last.
    pub end: Link,
    /// The last entry a head vouches for.
    pub vouched: u64,
}
