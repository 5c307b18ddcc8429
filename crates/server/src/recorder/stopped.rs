//! What the data folder looked like when a recorder stopped in order, and whether it still does when the next one starts (C8-08).

use index::Index;
use vault::sums::{self, Changed};
use vault::{RecorderKeys, SigningKey};

use super::StartError;
use crate::keep::Volumes;
use crate::observe::alarms::{About, Alarms, Kind};
use crate::trail::check::has_stopped_in_order;

/// Longer files are not read at a start, which is not to wait for them: `sidetone check` reads them.
const LONGEST_BYTES: u64 = 256 << 20;

/// What the end of a run writes.
pub(super) struct Sums {
    volumes: Volumes,
    key: SigningKey,
    /// None if there was nothing to compare with.
    changed: Option<Vec<Changed>>,
}

/// Compares with what the run before has left, and removes that: from now on everything changes. Nothing of it keeps the recorder
/// from recording.
pub(super) fn compare(volumes: &Volumes, keys: &RecorderKeys) -> Result<Sums, StartError> {
    let data = volumes.data();
    let wrong = |cause: String| StartError::Data { path: data.display().to_string(), cause };
    let known = vault::keys::verifying_keys(&data.join("keys")).map_err(|error| wrong(error.to_string()))?;
    let compared = sums::compare(volumes.summed(), &known, LONGEST_BYTES);
    let changed = compared.unwrap_or_else(|error| {
        tracing::error!(%error, "what the run before has left cannot be compared");
        None
    });
    sums::remove(data).map_err(|error| wrong(error.to_string()))?;
    Ok(Sums { volumes: volumes.clone(), key: keys.signing().clone(), changed })
}

/// Things that are named at once; the others are counted.
const NAMED: usize = 5;

fn touched(alarms: &Alarms, part: &str, found: &[String]) {
    if !found.is_empty() {
        alarms.raise(Kind::StoreTouched, About::Part(part.to_owned()), few(found));
    }
}

/// The first of what was found, and how many there are besides.
pub(crate) fn few(found: &[impl ToString]) -> String {
    let mut what = found.iter().take(NAMED).map(ToString::to_string).collect::<Vec<_>>().join("; ");
    if found.len() > NAMED {
        what.push_str(&format!("; and {} more", found.len() - NAMED));
    }
    what
}

impl Sums {
    /// Says what was changed since the run before, and what is not as it should be in the schema of the index.
    pub(super) async fn tell(&self, alarms: &Alarms, index: &Index) {
        let trail = &index.trail();
        let removed = match &self.changed {
            // While the audit cannot be asked it is not known whether there should be any.
            None if has_stopped_in_order(trail).await.unwrap_or(false) => Some(Changed::Removed),
            _ => None,
        };
        let changed = self.changed.iter().flatten().chain(&removed).map(ToString::to_string);
        touched(alarms, "store", &changed.collect::<Vec<_>>());
        let differences = index.schema_differences().await.unwrap_or_else(|error| vec![error.to_string()]);
        touched(alarms, "index.sqlite", &differences);
    }

    /// Writes down what nothing changes any more.
    pub(super) fn write(self) {
        let Self { volumes, key, .. } = self;
        match sums::write(volumes.summed(), &key) {
            Ok(true) => {}
            Ok(false) => tracing::warn!(
                "the index was not closed whole; the next start cannot tell whether it was touched"
            ),
            Err(error) => {
                tracing::warn!(%error, "the next start cannot tell whether the data folder was touched")
            }
        }
    }
}
