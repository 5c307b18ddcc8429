//! `sidetone upgrade`: brings a data folder to the form that this version writes, with no recorder running.
//!
//! The recorder does the same when it starts; this does it before, and says what it does.

use std::path::Path;
use std::sync::Arc;

use index::Index;
use vault::{KeyFolder, Store, sums};

use super::backup::{said, sign_sums};
use super::check::signing_keys;
use super::data::Data;
use super::{Failure, runtime};
use crate::clock::Clock;
use crate::keep::Volumes;
use crate::recorder::few;
use crate::trail::{TipSigner, sign_head};

/// Arguments of `sidetone upgrade`.
#[derive(Debug, clap::Args)]
pub(super) struct Upgrade {
    #[command(flatten)]
    data: Data,
    /// Only say what would be done.
    #[arg(long)]
    check: bool,
}

impl Upgrade {
    #[expect(clippy::print_stdout, reason = "what was done is what the person wants to know")]
    pub(super) fn run(self) -> Result<(), Failure> {
        let volumes = self.data.volumes()?;
        let data = volumes.data();
        if !data.join("format").exists() {
            return Err(format!("{} is no data folder; name the recorder's with --data", data.display()));
        }
        let _held = Store::hold(volumes.disk(), data).map_err(|error| error.to_string())?;
        println!("{}: journal and recordings are of this version", data.display());
        let path = data.join("index.sqlite");
        let (found, known) = runtime()?.block_on(versions(&path))?;
        let name = path.display();
        match found {
            None => println!("{name}: there is none yet; the first start makes it"),
            Some(found) if found == known => println!("{name}: version {known}, which is this one"),
            Some(found) if self.check => {
                println!("{name}: version {found}, would become {known}; a copy would be put beside it");
            }
            Some(found) => {
                expect_untouched(&volumes)?;
                sums::remove(data).map_err(said)?;
                runtime()?.block_on(upgrade(&path, &data.join("keys")))?;
                sign_sums(data, volumes.summed())?;
                super::files::give(&data.join(format!("index.sqlite.v{found}")))?;
                println!("{name}: version {found} became {known}; the old one is kept as {name}.v{found}");
            }
        }
        Ok(())
    }
}

/// What an upgrade writes is signed anew, which would vouch for whatever was changed since the recorder stopped.
fn expect_untouched(volumes: &Volumes) -> Result<(), Failure> {
    let known = signing_keys(volumes.data())?;
    let changed = sums::compare(volumes.summed(), &known, u64::MAX).map_err(said)?.unwrap_or_default();
    if changed.is_empty() {
        return Ok(());
    }
    let what = few(&changed);
    Err(format!(
        "nothing was upgraded: {what}. A start of the recorder upgrades as well, and raises an alarm that says all this"
    ))
}

async fn versions(path: &Path) -> Result<(Option<i64>, i64), Failure> {
    Index::versions(path).await.map_err(|error| error.to_string())
}

/// Also signs the audit, where the recorder's keys are, as a start would: its end, and a head over what was brought there. Keys of the
/// first versions get a signing key.
async fn upgrade(path: &Path, keys: &Path) -> Result<(), Failure> {
    if keys.join("state.key").exists() && !keys.join("signing.key").exists() {
        KeyFolder::open_or_create(keys).map_err(|error| error.to_string())?;
    }
    if !keys.join("signing.key").exists() {
        Index::open(path).await.map_err(said)?.close().await;
        return Ok(());
    }
    let (key, clock) = (vault::keys::signing_key(keys).map_err(said)?, Clock::start());
    let notary = TipSigner::new(key.clone(), keys, clock).map_err(said)?;
    let index = Index::open_signing(path, Arc::new(notary)).await.map_err(said)?;
    let trail = index.trail();
    let last = trail.append(&[]).await.map_err(said)?.after;
    sign_head(&trail, last, &key, clock).await.map_err(said)?;
    index.close().await;
    Ok(())
}
