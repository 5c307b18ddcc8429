//! Looks at the audit as it is kept: each entry, each head, and whether a witness kept elsewhere agrees.

use std::collections::BTreeMap;

use audit::{Checker, Fault, Head, Link, PURPOSE};
use index::trail::{Kept, Query};
use index::{DatabaseError, Trail};
use vault::keys::signing::verify_among;
use vault::{Signature, VerifyingKey};

/// What was looked at, and the first thing that is wrong.
#[derive(Debug, Default)]
pub struct Findings {
    /// Entries that are as they were written.
    pub entries: u64,
    /// Of them those a signed head vouches for.
    pub vouched: u64,
    /// Heads in the index whose signatures hold.
    pub heads: u64,
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
    let mut looking = Looking { keys, findings: Findings::default(), strange: BTreeMap::new() };
    let witness: Vec<Head> =
        witness.into_iter().filter(|head| looking.is_signed(head, "the witness's")).collect();
    looking.findings.witnessed = witness.len() as u64;
    if keys.is_empty() {
        looking.findings.remarks.push("no public key is at hand: no head could be looked at".to_owned());
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
    let strange = looking.strange.into_iter();
    looking.findings.remarks.extend(strange.map(|(why, count)| format!("{count} heads do not count: {why}")));
    Ok(looking.findings)
}

/// A look that is under way.
struct Looking<'a> {
    keys: &'a [VerifyingKey],
    findings: Findings,
    /// Why heads do not count, and how many.
    strange: BTreeMap<String, u64>,
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
                return Ok(std::mem::replace(checker, Checker::behind(at, [])).end().map(drop));
            }
            for (kept, _) in page {
                if let Err(fault) = next(checker, kept) {
                    return Ok(Err(fault));
                }
            }
        }
    }

    fn keys_known(&self) -> bool {
        !self.keys.is_empty()
    }
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
