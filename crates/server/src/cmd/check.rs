//! `sidetone check`: rows against files, files against digests and signatures, and the audit against itself and its heads.

use std::path::{Path, PathBuf};

use index::Index;
use indicatif::ProgressBar;
use serde_json::json;
use vault::sums::Changed;
use vault::{Digest, VerifyingKey};

use super::audit::heads_in;
use super::data::{Data, Opens, bar};
use super::{Failure, ask, plain, runtime};
use crate::aftercare::retention::Archives;
use crate::keep::Volumes;
use crate::keep::check::{Depth, Fault, Keys, Report, check};
use crate::keys;
use crate::trail;
use crate::trail::check::Findings;

/// Arguments of `sidetone check`.
#[derive(Debug, clap::Args)]
pub(super) struct Check {
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    opens: Opens,
    /// Only look whether each file is there, and is as long and ends as it should.
    #[arg(long)]
    quick: bool,
    /// Look at the audit alone: who did what.
    #[arg(long)]
    audit: bool,
    /// Heads of the audit that were kept elsewhere: a file of lines, or a folder of such files.
    #[arg(long, value_name = "FILE")]
    witness: Option<PathBuf>,
    /// The public key of the install, which came to you by a safe way: with it the signing keys of the data folder do not count,
    /// for who can change the audit or put in a recording can change them too. Several for an install that has changed its key.
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.data.config_that(self.opens)?;
        let volumes = Volumes::of(&config);
        if let Some(looked) = super::apart::look(volumes.data(), self.json)? {
            return looked;
        }
        // A recorder that runs beside this has a folder of its own.
        let archives = Archives::of(&config, &volumes, "fetched.check").map_err(|error| error.to_string())?;
        let (key, away) = keys::open_reading(&config.keys, &volumes.data().join("keys"), ask::person())
            .map_err(|error| error.to_string())?;
        // A recorder that shall not be able to listen has no reading key, and a copy may have no keys at all.
        let key = away.is_none().then_some(key);
        let looked = match (self.quick, &away) {
            (true, _) => "the length and the end of each file were looked at".to_owned(),
            (false, None) => "every byte was read, and every tag looked at".to_owned(),
            (false, Some(away)) => format!("every byte was read, and no tag looked at: {}", away.words()),
        };
        let (runtime, data) = (runtime()?, volumes.data());
        let signing = keys_of(&self.key, data)?;
        let depth = Depth::Contents(Keys { reading: key.as_ref(), signing: &signing });
        let depth = if self.quick { Depth::Names } else { depth };
        let index = runtime.block_on(index_of(data))?;
        let report = if self.audit {
            None
        } else {
            let mut report = runtime.block_on(look((&volumes, &archives), &index, depth, self.json))?;
            // While a recorder runs there are none.
            let longest = if self.quick { 0 } else { u64::MAX };
            let changed = vault::sums::compare(volumes.summed(), &signing, longest)
                .map_err(|error| error.to_string())?;
            let has_stopped = runtime.block_on(trail::check::has_stopped_in_order(&index.trail()));
            if changed.is_none() && has_stopped.map_err(|error| error.to_string())? {
                report.faults.push(Fault::Touched(Changed::Removed));
            }
            report.faults.extend(changed.into_iter().flatten().map(Fault::Touched));
            report.faults.extend(state_key_fault(&volumes)?);
            Some(report)
        };
        let findings = runtime.block_on(look_at_audit(&index, &signing, self.witness.as_deref()))?;
        if self.json {
            print_json(report.as_ref(), &findings);
        } else {
            if let Some(report) = &report {
                print(report, &looked);
            }
            print_audit(&findings);
        }
        wrong(report.map_or(0, |report| report.faults.len()) + findings.faults.len())
    }
}

/// The journal that a recorder would not start on, if there is one; a copy without keys says nothing of it.
fn state_key_fault(volumes: &Volumes) -> Result<Option<Fault>, Failure> {
    let keys = volumes.data().join("keys");
    if !keys.join("state.key").exists() {
        return Ok(None);
    }
    let states = vault::keys::read_states(&keys, None).map_err(|error| error.to_string())?;
    let folders = volumes.folders();
    let misfit = folders.into_iter().find_map(|folder| vault::Store::expect_fit(folder, &states).err());
    Ok(misfit.map(Fault::StateKey))
}

/// The public keys that are named, or those of the data folder, if it has any: a copy may have none.
fn keys_of(named: &[PathBuf], data: &Path) -> Result<Vec<VerifyingKey>, Failure> {
    let of_folder = signing_keys(data)?;
    if named.is_empty() {
        return Ok(of_folder);
    }
    let named = named.iter().map(|path| vault::keys::verifying_key(path));
    named.collect::<Result<_, _>>().map_err(|error| error.to_string())
}

/// How the command ends that has found so many faults.
pub(super) fn wrong(faults: usize) -> Result<(), Failure> {
    match faults {
        0 => Ok(()),
        1 => Err("one thing is wrong".to_owned()),
        many => Err(format!("{many} things are wrong")),
    }
}

/// Looks at the audit with these public keys, and at what could change it unasked.
async fn look_at_audit(
    index: &Index,
    keys: &[VerifyingKey],
    witness: Option<&Path>,
) -> Result<Findings, Failure> {
    let witness = witness.map(heads_in).transpose()?.unwrap_or_default();
    let findings = trail::check::check(&index.trail(), keys, witness).await;
    let mut findings = findings.map_err(|error| error.to_string())?;
    let differences = index.schema_differences().await.map_err(|error| error.to_string())?;
    findings.faults.extend(
        differences
            .into_iter()
            .map(|difference| format!("index.sqlite: {difference}; restore a backup beside it and compare")),
    );
    Ok(findings)
}

async fn look(
    (volumes, archives): (&Volumes, &Archives),
    index: &Index,
    depth: Depth<'_>,
    json: bool,
) -> Result<Report, Failure> {
    let data = volumes.data();
    let archive = volumes.archive();
    let count = index.count().await.map_err(|error| error.to_string())?;
    let bar = if json { ProgressBar::hidden() } else { bar(count, "recordings") };
    let elsewhere = async |name: &str, entry: &index::FileEntry| {
        let file = archives.reader(Some(name), entry.recording, Digest(entry.digest)).await;
        file.map_err(|error| error.to_string())
    };
    let report = check((&archive, elsewhere), index, depth, |_| bar.inc(1)).await;
    super::files::remove_folder(&data.join("fetched.check"))?;
    bar.finish_and_clear();
    report.map_err(|error| error.to_string())
}

async fn index_of(data: &Path) -> Result<Index, Failure> {
    Index::open_to_read(&data.join("index.sqlite")).await.map_err(|error| error.to_string())
}

#[expect(clippy::print_stdout, reason = "the findings are what was asked for")]
fn print_audit(findings: &Findings) {
    for fault in &findings.faults {
        println!("{}", plain::line(fault));
    }
    let Findings { entries, vouched, heads, recordings, witnessed, remarks, .. } = findings;
    println!(
        "audit: {entries} entries are as they were written; signed heads vouch for those up to {vouched}"
    );
    println!("audit: {heads} heads in the index and {witnessed} of a witness were looked at");
    println!("audit: {recordings} recordings were sealed by it, and looked for in the index");
    for remark in remarks {
        println!("audit: {}", plain::line(remark));
    }
}

/// The public halves of the signing keys; none in a copy without keys.
pub(super) fn signing_keys(data: &Path) -> Result<Vec<VerifyingKey>, Failure> {
    let folder = data.join("keys");
    if !folder.exists() {
        return Ok(Vec::new());
    }
    if folder.join("state.key").exists() {
        // A recorder has to start on it.
        vault::keys::inspect(&folder, None).map_err(|error| error.to_string())?;
    }
    vault::keys::verifying_keys(&folder).map_err(|error| error.to_string())
}

#[expect(clippy::print_stdout, reason = "the findings are what was asked for")]
fn print(report: &Report, looked: &str) {
    for fault in &report.faults {
        println!("{}", plain::line(&fault.to_string()));
    }
    let Report { recordings, bytes, archived, missing_frames, unsigned, unsealed, .. } = report;
    println!("{recordings} recordings, {bytes} bytes: {looked}");
    if *archived > 0 {
        println!("{archived} of them are in archives");
    }
    if report.unopened > 0 {
        println!(
            "{} of them were made for a reading key whose private half is not here: no tag of theirs was looked at",
            report.unopened
        );
    }
    if *unsigned > 0 {
        println!("{unsigned} of them were sealed before there were signatures");
    }
    if *missing_frames > 0 {
        println!("{missing_frames} frames were missing already when their recordings were sealed");
    }
    if *unsealed > 0 {
        println!("{unsealed} recordings are not sealed yet; they are not looked at");
    }
}

#[expect(clippy::print_stdout, reason = "the findings are what was asked for")]
fn print_json(report: Option<&Report>, findings: &Findings) {
    let Findings { entries, vouched, heads, recordings, witnessed, remarks, faults } = findings;
    let audit = json!({
        "entries": entries,
        "vouched": vouched,
        "heads": heads,
        "recordings": recordings,
        "witnessed": witnessed,
        "remarks": remarks,
    });
    let Some(report) = report else {
        println!("{:#}", json!({ "audit": audit, "faults": faults }));
        return;
    };
    let of_files = report.faults.iter().map(ToString::to_string);
    let faults: Vec<String> = of_files.chain(faults.iter().cloned()).collect();
    let Report { recordings, bytes, archived, packets, missing_frames, unsealed, .. } = report;
    let all = json!({
        "audit": audit,
        "recordings": recordings,
        "bytes": bytes,
        "archived": archived,
        "packets": packets,
        "unopened": report.unopened,
        "missing_frames": missing_frames,
        "unsealed": unsealed,
        "faults": faults,
    });
    println!("{all:#}");
}
