//! `sidetone keys`: which keys there are, and replacing, sealing and destroying them. It works on a key folder, and a recorder may
//! run on it meanwhile: `systemctl reload sidetone` has it look again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use calls::time::Wall;
use clap::Subcommand;
use serde_json::json;
use vault::keys::{self, Form, Kind, Listed, NothingUnlocks, Stand, Unlock};
use vault::{Digest, KeyId, sums};
use zeroize::Zeroizing;

use super::client::print_table;
use super::data::{Data, Opens};
use super::{Failure, ask, runtime};
use crate::aftercare::retention::Archives;
use crate::clock::Clock;
use crate::config::{Config, first_line};
use crate::control::time::rfc3339;
use crate::identity;
use crate::keep::Volumes;
use crate::keys::{Asks, Unlocker};

/// Arguments of `sidetone keys`.
#[derive(Debug, clap::Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    opens: Opens,
    /// A key folder that lies somewhere else, where nothing is recorded [default: keys in the data folder].
    #[arg(long, global = true, value_name = "DIR")]
    keys: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show the keys there are, and those that were replaced or destroyed.
    List {
        /// Count the recordings that need each reading key; reads a piece of every file.
        #[arg(long)]
        count: bool,
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Replace the reading key. Nothing is written anew: the one before is kept, encrypted for the new one.
    Rotate {
        /// Replace the state key instead; it is used from the recorder's next start on.
        #[arg(long)]
        state: bool,
        /// The state key is lost, and no copy is left: make another, and give up what the journal knows. Recordings are kept.
        #[arg(long, requires = "state")]
        lost: bool,
    },
    /// Keep the private half of the reading key in another form.
    Keep(Keep),
    /// Destroy a key that was replaced, once nothing needs it.
    Destroy {
        /// Its id.
        id: KeyId,
    },
    /// Make a reading key in the folder that --keys names: for a place where nothing is recorded. Bring the recorder its reading.pub.
    Make,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct FormArgs {
    /// Sealed with a passphrase.
    #[arg(long)]
    passphrase: bool,
    /// Encrypted by the token's key of this label, which is made if there is none.
    #[arg(long, value_name = "LABEL")]
    token: Option<String>,
    /// As it is: whoever has the file has the key.
    #[arg(long)]
    in_clear: bool,
}

#[derive(Debug, clap::Args)]
struct Keep {
    #[command(flatten)]
    form: FormArgs,
    /// A file with the new passphrase in its first line [default: it is asked for].
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
}

impl Keys {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self { what, data, opens, keys: folder } = self;
        let config = data.config_that(opens)?;
        let is_elsewhere = folder.is_some();
        let folder = folder.unwrap_or_else(|| config.data.join("keys"));
        let now = Clock::start().now();
        let unlocker = Unlocker::new(config.keys.clone(), ask::person());
        match what {
            What::List { count, json } => show(&config, &folder, (count && !is_elsewhere, json)),
            What::Rotate { lost: true, .. } => {
                let lost = Volumes::of(&config).archive().live_keys().map_err(said)?.state;
                let id = keys::lose_state(&folder, now, &lost).map_err(said)?;
                print(&format!(
                    "the state key is {id} now; what the journal knew is given up, recordings are kept"
                ));
                print(
                    "start the recorder, bring back agents and schedules, and give webhooks their new secrets",
                );
                Ok(())
            }
            What::Rotate { state, lost: false } => {
                let data = Some(config.data.as_path()).filter(|_| !is_elsewhere);
                rotate((data, &folder), now, state, &unlocker)
            }
            What::Keep(keep) => keep.run(&folder, &unlocker, &config),
            What::Destroy { id } => {
                if !is_elsewhere {
                    runtime()?.block_on(is_free(&config, &folder, id))?;
                }
                let kind = keys::destroy(&folder, now, id).map_err(said)?;
                print(&format!("the {} key {id} is destroyed", kind.word()));
                print("copies of the key folder may have it still: destroy them too, backups included");
                Ok(())
            }
            What::Make if !is_elsewhere => {
                Err("say with --keys where; a recorder makes its own at its first start".to_owned())
            }
            What::Make => {
                let id = keys::make_reading(&folder, now, (&Form::Clear, &NothingUnlocks)).map_err(said)?;
                let shown = folder.display();
                print(&format!("the reading key {id} is in {shown}"));
                print(&format!(
                    "copy {shown}/reading.pub into the recorder's key folder and reload; reading.key stays here"
                ));
                Ok(())
            }
        }
    }
}

/// Replaces a key of a folder, which may be that of a data folder.
fn rotate(
    (data, folder): (Option<&Path>, &Path),
    now: Wall,
    state: bool,
    unlocker: &Unlocker,
) -> Result<(), Failure> {
    let summed = data.filter(|_| !state).map(|data| (data, keys::signing_key(folder)));
    // While a recorder runs there are no sums.
    let summed = match summed {
        Some((data, Ok(key))) if sums::hold_keys(data, &key).map_err(said)? => Some((data, key)),
        _ => None,
    };
    let change = match state {
        true => keys::replace_state(folder, now),
        false => keys::replace_reading(folder, now, unlocker),
    };
    let change = change.map_err(said)?;
    if let Some((data, key)) = summed {
        sums::list_keys_anew(data, &key).map_err(said)?;
    }
    let kind = if state { Kind::State } else { Kind::Reading };
    print(&format!("the {} key {} is replaced by {}", kind.word(), change.from, change.to));
    print(match state {
        true => "it is used from the recorder's next start on",
        false => "a recorder that runs takes it when it is told to look: systemctl reload sidetone",
    });
    print("make a backup of the key folder now, apart from the recordings");
    Ok(())
}

impl Keep {
    fn run(self, folder: &Path, unlocker: &Unlocker, config: &Config) -> Result<(), Failure> {
        let form = match &self.form.token {
            Some(label) => Form::token(label)?,
            None if self.form.passphrase => Form::Passphrase,
            None => Form::Clear,
        };
        let id = match &form {
            Form::Token(label) => {
                if unlocker.make_token_key(label)? {
                    print(&format!("the token has made the key {label}"));
                }
                keys::keep_as(folder, &form, unlocker, unlocker)
            }
            Form::Passphrase => {
                let new = NewPassphrase { file: self.new_passphrase_file, words: &config.passwords.words };
                keys::keep_as(folder, &form, unlocker, &new)
            }
            Form::Clear => keys::keep_as(folder, &form, unlocker, &NothingUnlocks),
        };
        let id = id.map_err(said)?;
        print(&format!("the private half of the reading key {id} is kept {}", form.words()));
        if form != Form::Clear && config.keys.unlock_file.is_none() {
            print(
                "the recorder needs what opens it at its start: keys.unlock_file, or the credential sidetone.unlock",
            );
        }
        Ok(())
    }
}

/// The passphrase that something is to be sealed with: it is typed twice.
struct NewPassphrase<'w> {
    /// The file that has it.
    file: Option<PathBuf>,
    /// Words of this place, of which none is made.
    words: &'w [String],
}

impl NewPassphrase<'_> {
    fn given(&self) -> Result<Zeroizing<Vec<u8>>, String> {
        match (&self.file, ask::person()) {
            (Some(file), _) => first_line(file),
            (None, Asks::Nobody) => {
                Err("nobody can be asked for the new passphrase; name a file with --new-passphrase-file"
                    .to_owned())
            }
            (None, Asks::Person(_)) => {
                let (once, again) = (ask::secret("the new passphrase")?, ask::secret("once more")?);
                if once == again {
                    Ok(once)
                } else {
                    Err("the two are not the same; nothing was changed".to_owned())
                }
            }
        }
    }
}

impl Unlock for NewPassphrase<'_> {
    fn passphrase(&self, _: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
        let passphrase = self.given()?;
        let text =
            std::str::from_utf8(&passphrase).map_err(|_| "the new passphrase is not UTF-8".to_owned())?;
        let checked = identity::check_passphrase("", text, self.words);
        checked.map_err(|why| format!("the new passphrase does not do: {why}"))?;
        Ok(passphrase)
    }

    fn token_opens(&self, label: &str, encrypted: &[u8]) -> Result<Zeroizing<Vec<u8>>, String> {
        NothingUnlocks.token_opens(label, encrypted)
    }

    fn token_seals(&self, label: &str, plain: &[u8]) -> Result<Vec<u8>, String> {
        NothingUnlocks.token_seals(label, plain)
    }
}

/// Refuses while anything that is stored needs the key.
async fn is_free(config: &Config, folder: &Path, id: KeyId) -> Result<(), Failure> {
    let listed = keys::list(folder).map_err(said)?;
    let kind = listed.iter().find(|key| key.id == id && key.stand == Stand::Former).map(|key| key.kind);
    let volumes = Volumes::of(config);
    let live = volumes.archive().live_keys().map_err(said)?;
    let refused = match kind {
        Some(Kind::State) => {
            live.state.contains(&id).then(|| "the journal has events of before it was replaced".to_owned())
        }
        Some(Kind::Reading) if live.reading.contains(&id) => {
            Some("recordings that are not sealed yet were begun with it".to_owned())
        }
        Some(Kind::Reading) => {
            let needing = needing(config, &volumes).await?;
            let count = needing.iter().filter(|keys| keys.contains(&id)).count();
            (count > 0).then(|| {
                format!(
                    "{count} recordings were made for it; nobody could ever hear them again. Erase them first"
                )
            })
        }
        // What it is instead is said by who is asked to destroy it.
        None => None,
    };
    match refused {
        Some(why) => Err(format!("the key {id} is needed: {why}")),
        None => Ok(()),
    }
}

/// The reading keys that each recording needs, wherever it is.
async fn needing(config: &Config, volumes: &Volumes) -> Result<Vec<BTreeSet<KeyId>>, Failure> {
    let index = index::Index::open_to_read(&volumes.data().join("index.sqlite")).await.map_err(said)?;
    let archives = Archives::of(config, volumes, "fetched.keys").map_err(said)?;
    let archive = volumes.archive();
    let mut all = Vec::new();
    for entry in index.files().await.map_err(said)? {
        let there = match entry.place.as_deref() {
            None => archive.clone(),
            place => archives.reader(place, entry.recording, Digest(entry.digest)).await.map_err(said)?,
        };
        all.push(there.reading_keys(entry.recording).map_err(said)?);
    }
    index.close().await;
    super::files::remove_folder(&volumes.data().join("fetched.keys"))?;
    Ok(all)
}

fn show(config: &Config, folder: &Path, (count, as_json): (bool, bool)) -> Result<(), Failure> {
    let listed = keys::list(folder).map_err(said)?;
    let needing =
        if count { Some(runtime()?.block_on(needing(config, &Volumes::of(config)))?) } else { None };
    let recordings = |key: &Listed| {
        let needing = needing.as_ref().filter(|_| key.kind == Kind::Reading)?;
        Some(needing.iter().filter(|keys| keys.contains(&key.id)).count())
    };
    let elsewhere = elsewhere(&listed, needing.as_deref().unwrap_or_default());
    if as_json {
        let of_elsewhere = elsewhere.iter().map(|(id, recordings)| {
            json!({
                "id": id.to_string(), "kind": Kind::Reading.word(), "stand": ELSEWHERE, "private_half": null,
                "since": null, "until": null, "recordings": recordings,
            })
        });
        let items = listed.iter().map(|key| {
            json!({
                "id": key.id.to_string(), "kind": key.kind.word(), "stand": key.stand.word(),
                "private_half": key.form.as_ref().map(Form::words), "since": key.since.map(rfc3339),
                "until": key.until.map(rfc3339), "recordings": recordings(key),
            })
        });
        let items: Vec<_> = items.chain(of_elsewhere).collect();
        print(&format!("{:#}", json!({"items": items})));
        return Ok(());
    }
    let time = |at: Option<Wall>| at.map_or("-".to_owned(), rfc3339);
    let of_elsewhere = elsewhere.iter().map(|(id, recordings)| {
        let words = [Kind::Reading.word(), ELSEWHERE, "not here", "-", "-"].map(str::to_owned);
        [vec![id.to_string()], words.into(), vec![recordings.to_string()]].concat()
    });
    let rows: Vec<Vec<String>> = listed
        .iter()
        .map(|key| {
            let half = match (key.kind, key.stand, &key.form) {
                (Kind::Reading, Stand::Present, Some(form)) => form.words(),
                (Kind::Reading, Stand::Present, None) => "not here".to_owned(),
                (Kind::Reading, Stand::Former, _) => "encrypted for the next".to_owned(),
                _ => "-".to_owned(),
            };
            let recordings = recordings(key).map_or("-".to_owned(), |count| count.to_string());
            let words = [key.kind.word(), key.stand.word()].map(str::to_owned);
            [vec![key.id.to_string()], words.into(), vec![half, time(key.since), time(key.until), recordings]]
                .concat()
        })
        .chain(of_elsewhere)
        .collect();
    print_table(&["id", "kind", "stand", "private half", "since", "until", "recordings"], &rows);
    Ok(())
}

/// How a reading key stands that recordings here were made for, and of which the key folder has nothing: another pair was brought.
const ELSEWHERE: &str = "elsewhere";

/// Such keys, and how many recordings need each.
fn elsewhere(listed: &[Listed], needing: &[BTreeSet<KeyId>]) -> BTreeMap<KeyId, usize> {
    let mut counts = BTreeMap::new();
    for id in needing.iter().flatten().filter(|id| listed.iter().all(|key| key.id != **id)) {
        *counts.entry(*id).or_default() += 1;
    }
    counts
}

#[expect(clippy::print_stdout, reason = "what was done is what the person wants to know")]
fn print(line: &str) {
    println!("{line}");
}

fn said(error: impl std::fmt::Display) -> Failure {
    error.to_string()
}
