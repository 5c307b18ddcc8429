//! `sidetone vcon ID...`: calls as vCons.

mod jose;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use calls::id::RecordingId;

use super::Failure;
use super::client::{Answer, Server};
use super::export::save;
use super::files::on;

/// A vCon that is signed is held as a whole; a longer one has its sound elsewhere.
const MAX_SIGNED_BYTES: u64 = 256 << 20;

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
    /// Sign it, with the certificate in this file and those it was issued by (PEM). RSA or P-256.
    #[arg(long, value_name = "FILE", requires = "sign_key")]
    sign: Option<PathBuf>,
    /// The certificate's private key (PEM).
    #[arg(long, value_name = "FILE", requires = "sign")]
    sign_key: Option<PathBuf>,
    /// Encrypt what was signed for the holder of the certificate in this file (PEM, RSA).
    #[arg(long, value_name = "FILE", requires = "sign")]
    encrypt_to: Option<PathBuf>,
    /// Why, for the audit; asked for where `audit.ask_reason` is set.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    server: Server,
}

impl Vcon {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.ids.len() > 1 && self.output.as_ref().is_some_and(|path| !path.is_dir()) {
            return Err("several calls need a folder that exists: -o FOLDER".to_owned());
        }
        let signer = match (&self.sign, &self.sign_key) {
            (Some(chain), Some(key)) => Some(jose::Signer::read(chain, key)?),
            _ => None,
        };
        for id in &self.ids {
            let mut parameters = Vec::new();
            parameters.extend(self.audio.clone().map(|audio| ("audio", audio)));
            parameters.extend(self.channels.map(|channels| ("channels", channels.to_string())));
            parameters.extend(self.party.map(|party| ("party", party.to_string())));
            parameters.extend(self.heard_by.map(|party| ("heard_by", party.to_string())));
            parameters.extend(self.reason.clone().map(|reason| ("reason", reason)));
            let answer = self.server.ask(&format!("/v1/recordings/{id}/vcon"), &parameters)?;
            let name = answer.file_name.clone().unwrap_or_else(|| format!("{id}.vcon"));
            let path = match &self.output {
                Some(folder) if folder.is_dir() => folder.join(name),
                Some(path) => path.clone(),
                None => name.into(),
            };
            match &signer {
                None => save(answer, None, &path)?,
                Some(signer) => self.save_signed(answer, signer, &path)?,
            }
        }
        Ok(())
    }

    #[expect(clippy::print_stdout, reason = "where the file is, is what the person wants to know")]
    fn save_signed(&self, mut answer: Answer, signer: &jose::Signer, path: &Path) -> Result<(), Failure> {
        let mut vcon = Vec::new();
        let read = answer.body.by_ref().take(MAX_SIGNED_BYTES + 1).read_to_end(&mut vcon);
        read.map_err(|error| format!("the recorder stopped sending: {error}"))?;
        if vcon.len() as u64 > MAX_SIGNED_BYTES {
            return Err(format!(
                "it is longer than {MAX_SIGNED_BYTES} bytes; leave the sound elsewhere: --audio url"
            ));
        }
        if answer.length.is_some_and(|bytes| bytes != vcon.len() as u64) {
            return Err("only a part of it came; try again".to_owned());
        }
        let mut text = signer.sign(&vcon)?;
        if let Some(recipient) = &self.encrypt_to {
            text = jose::encrypt(&text, recipient)?;
        }
        std::fs::write(path, text.to_string()).map_err(on(path))?;
        println!("{}", path.display());
        Ok(())
    }
}
