//! `sidetone check`: rows against files, files against digests.

use indicatif::ProgressBar;
use serde_json::json;
use vault::Digest;

use super::data::{Data, Opens, bar};
use super::{Failure, ask, runtime};
use crate::aftercare::retention::Archives;
use crate::keep::Volumes;
use crate::keep::check::{Depth, Report, check};
use crate::keys;

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
    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.data.config_that(self.opens)?;
        let volumes = Volumes::of(&config);
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
        let depth = if self.quick { Depth::Names } else { Depth::Contents(key.as_ref()) };
        let report = runtime()?.block_on(look((&volumes, &archives), depth, self.json))?;
        if self.json {
            print_json(&report);
        } else {
            print(&report, &looked);
        }
        match report.faults.len() {
            0 => Ok(()),
            1 => Err("one thing is wrong".to_owned()),
            many => Err(format!("{many} things are wrong")),
        }
    }
}

async fn look(
    (volumes, archives): (&Volumes, &Archives),
    depth: Depth<'_>,
    json: bool,
) -> Result<Report, Failure> {
    let data = volumes.data();
    let index = index::Index::open_to_read(&data.join("index.sqlite")).await;
    let index = index.map_err(|error| error.to_string())?;
    let archive = volumes.archive();
    let count = index.count().await.map_err(|error| error.to_string())?;
    let bar = if json { ProgressBar::hidden() } else { bar(count, "recordings") };
    let elsewhere = async |name: &str, entry: &index::FileEntry| {
        let file = archives.reader(Some(name), entry.recording, Digest(entry.digest)).await;
        file.map_err(|error| error.to_string())
    };
    let report = check((&archive, elsewhere), &index, depth, |_| bar.inc(1)).await;
    super::files::remove_folder(&data.join("fetched.check"))?;
    bar.finish_and_clear();
    report.map_err(|error| error.to_string())
}

#[expect(clippy::print_stdout, reason = "the findings are what was asked for")]
fn print(report: &Report, looked: &str) {
    for fault in &report.faults {
        println!("{fault}");
    }
    let Report { recordings, bytes, archived, missing_frames, unsealed, .. } = report;
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
    if *missing_frames > 0 {
        println!("{missing_frames} frames were missing already when their recordings were sealed");
    }
    if *unsealed > 0 {
        println!("{unsealed} recordings are not sealed yet; they are not looked at");
    }
}

#[expect(clippy::print_stdout, reason = "the findings are what was asked for")]
fn print_json(report: &Report) {
    let faults: Vec<String> = report.faults.iter().map(ToString::to_string).collect();
    let Report { recordings, bytes, archived, packets, missing_frames, unsealed, .. } = report;
    let all = json!({
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
