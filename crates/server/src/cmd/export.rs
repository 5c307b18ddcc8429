//! `sidetone export ID...`: recordings as sound files.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};

use super::Failure;
use super::client::{Answer, Server};

/// Bytes moved at once.
const PIECE_BYTES: usize = 64 * 1024;

/// Arguments of `sidetone export`.
#[derive(Debug, clap::Args)]
pub(super) struct Export {
    /// The recordings' ids.
    #[arg(required = true)]
    ids: Vec<String>,
    /// The form: wav.
    #[arg(long, default_value = "wav")]
    format: String,
    /// 1 for all parties mixed, 2 for one side each [default: 2 where there are two].
    #[arg(long)]
    channels: Option<u8>,
    /// Samples a second: 8000, 16000 or 48000 [default: those of its codecs].
    #[arg(long)]
    rate: Option<u32>,
    /// The file to write, or the folder for several [default: here, named after the recording].
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    #[command(flatten)]
    server: Server,
}

impl Export {
    pub(super) fn run(self) -> Result<(), Failure> {
        let ids: Vec<calls::id::RecordingId> = self
            .ids
            .iter()
            .map(|id| id.parse().map_err(|error: calls::id::NotAnId| format!("{id}: {error}")))
            .collect::<Result<_, Failure>>()?;
        if ids.len() > 1 && self.output.as_ref().is_some_and(|path| !path.is_dir()) {
            return Err("several recordings need a folder that exists: -o FOLDER".to_owned());
        }
        for id in ids {
            let mut parameters = vec![("format", self.format.clone())];
            parameters.extend(self.channels.map(|channels| ("channels", channels.to_string())));
            parameters.extend(self.rate.map(|rate| ("rate", rate.to_string())));
            let answer = self.server.ask(&format!("/v1/recordings/{id}/audio"), &parameters)?;
            let name = answer.file_name.clone().unwrap_or_else(|| format!("{id}.{}", self.format));
            let path = match &self.output {
                Some(folder) if folder.is_dir() => folder.join(name),
                Some(path) => path.clone(),
                None => name.into(),
            };
            save(answer, &path)?;
        }
        Ok(())
    }
}

/// Streams the answer into a file that bears its name only when it is whole.
#[expect(clippy::print_stdout, reason = "where the file is, is what the person wants to know")]
pub(super) fn save(mut answer: Answer, path: &Path) -> Result<(), Failure> {
    let wrong = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut draft = path.as_os_str().to_owned();
    draft.push(".part");
    let draft = PathBuf::from(draft);
    let mut file = File::create(&draft).map_err(wrong)?;
    let bar = match answer.length {
        Some(bytes) => ProgressBar::new(bytes),
        None => ProgressBar::new_spinner(),
    };
    let style = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let mut piece = vec![0; PIECE_BYTES];
    let mut written = 0u64;
    loop {
        let count =
            answer.body.read(&mut piece).map_err(|error| format!("the recorder stopped sending: {error}"))?;
        if count == 0 {
            break;
        }
        file.write_all(&piece[..count]).map_err(wrong)?;
        written += count as u64;
        bar.set_position(written);
    }
    bar.finish_and_clear();
    if answer.length.is_some_and(|bytes| bytes != written) {
        return Err(format!(
            "{}: only {written} bytes came; the draft is kept as {}",
            path.display(),
            draft.display()
        ));
    }
    std::fs::rename(&draft, path).map_err(wrong)?;
    println!("{}", path.display());
    Ok(())
}
