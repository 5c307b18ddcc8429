//! `sidetone vcon ID...`: calls as vCons.

use std::path::PathBuf;

use calls::id::RecordingId;

use super::Failure;
use super::client::Server;
use super::export::save;

/// Arguments of `sidetone vcon`.
#[derive(Debug, clap::Args)]
pub(super) struct Vcon {
    /// The ids of recordings, one of each call.
    #[arg(required = true)]
    ids: Vec<RecordingId>,
    /// Where the sound is: inline, url (with a hash; the recorder needs an address elsewhere), none [default: inline, url beyond 64 MiB].
    #[arg(long)]
    audio: Option<String>,
    /// 1 for all parties mixed, 2 for one side each [default: 2 where there are two].
    #[arg(long)]
    channels: Option<u8>,
    /// Only what this party said: its place among the parties of the vCon, counted from 0.
    #[arg(long, conflicts_with = "heard_by")]
    party: Option<usize>,
    /// Only what this party heard.
    #[arg(long)]
    heard_by: Option<usize>,
    /// The file to write, or the folder for several [default: here, named after the recording].
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    #[command(flatten)]
    server: Server,
}

impl Vcon {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.ids.len() > 1 && self.output.as_ref().is_some_and(|path| !path.is_dir()) {
            return Err("several calls need a folder that exists: -o FOLDER".to_owned());
        }
        for id in &self.ids {
            let mut parameters = Vec::new();
            parameters.extend(self.audio.clone().map(|audio| ("audio", audio)));
            parameters.extend(self.channels.map(|channels| ("channels", channels.to_string())));
            parameters.extend(self.party.map(|party| ("party", party.to_string())));
            parameters.extend(self.heard_by.map(|party| ("heard_by", party.to_string())));
            let answer = self.server.ask(&format!("/v1/recordings/{id}/vcon"), &parameters)?;
            let name = answer.file_name.clone().unwrap_or_else(|| format!("{id}.vcon"));
            let path = match &self.output {
                Some(folder) if folder.is_dir() => folder.join(name),
                Some(path) => path.clone(),
                None => name.into(),
            };
            save(answer, None, &path)?;
        }
        Ok(())
    }
}
