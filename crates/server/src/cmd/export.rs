//! `sidetone export`: recordings as sound files, or in a zip.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};

use audio::file::{Form, Meter};

use super::Failure;
use super::client::{Answer, Server};
use super::times::{clock, milliseconds};
use super::zip::{Found, Wanted, Zip};
use crate::export::PACKAGE;

/// Bytes moved at once.
const PIECE_BYTES: usize = 64 * 1024;

/// Arguments of `sidetone export`.
#[derive(Debug, clap::Args)]
pub(super) struct Export {
    /// The recordings' ids; or say which with --agent, --number, --started-from, --started-to, --text.
    #[arg(required_unless_present_any = ["agent", "number", "started_from", "started_to", "text"])]
    ids: Vec<String>,
    #[command(flatten)]
    found: Found,
    #[command(flatten)]
    zip: Zip,
    /// Put all of them into one zip with their sealed files and what both can be verified with: see `sidetone verify`. Without
    /// --output, it is named after the first.
    #[arg(long, conflicts_with_all = ["zip", "rate", "from", "to", "format"])]
    package: bool,
    /// The form: wav, opus, flac or mp3 (which needs an ffmpeg where the recorder is).
    #[arg(long, default_value = "wav")]
    format: Form,
    /// Where to begin, from the recording's start: seconds, or minutes:seconds, as 12.5 or 1:02.
    #[arg(long, value_parser = milliseconds)]
    from: Option<u64>,
    /// Where to end [default: the end].
    #[arg(long, value_parser = milliseconds)]
    to: Option<u64>,
    /// 1 for all parties mixed, 2 for one side each [default: 2 where there are two].
    #[arg(long)]
    channels: Option<u8>,
    /// Samples a second: 8000, 16000 or 48000 [default: those of its codecs].
    #[arg(long)]
    rate: Option<u32>,
    /// The file to write, or the folder for several [default: here, named after the recording].
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Why, for the audit; asked for where `audit.ask_reason` is set.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
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
        if let Some(path) = &self.zip.zip {
            let wanted = self.zip.wanted(self.format, self.channels, self.reason)?;
            return wanted.save(Some(path), (&ids, &self.found), &self.server);
        }
        if self.package {
            let Self { channels, reason, .. } = self;
            let wanted = Wanted { format: PACKAGE, channels, combined: false, password: None, reason };
            return wanted.save(self.output.as_deref(), (&ids, &self.found), &self.server);
        }
        let ids = if ids.is_empty() { self.found.ids(&self.server)? } else { ids };
        if ids.len() > 1 && self.output.as_ref().is_some_and(|path| !path.is_dir()) {
            return Err("several recordings need a folder that exists: -o FOLDER".to_owned());
        }
        for id in ids {
            let mut parameters = vec![("format", self.format.to_string())];
            parameters.extend(self.channels.map(|channels| ("channels", channels.to_string())));
            parameters.extend(self.from.map(|ms| ("from_ms", ms.to_string())));
            parameters.extend(self.to.map(|ms| ("to_ms", ms.to_string())));
            parameters.extend(self.rate.map(|rate| ("rate", rate.to_string())));
            parameters.extend(self.reason.clone().map(|reason| ("reason", reason)));
            let answer = self.server.ask(&format!("/v1/recordings/{id}/audio"), &parameters)?;
            let name =
                answer.file_name.clone().unwrap_or_else(|| format!("{id}.{}", self.format.extension()));
            let path = match &self.output {
                Some(folder) if folder.is_dir() => folder.join(name),
                Some(path) => path.clone(),
                None => name.into(),
            };
            save(answer, Some(self.format), &path)?;
        }
        Ok(())
    }
}

/// Streams the answer into a file that bears its name only when it is whole; of sound, in which form it is.
#[expect(clippy::print_stdout, reason = "where the file is, is what the person wants to know")]
pub(super) fn save(mut answer: Answer, form: Option<Form>, path: &Path) -> Result<(), Failure> {
    let wrong = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut draft = path.as_os_str().to_owned();
    draft.push(".part");
    let draft = PathBuf::from(draft);
    let mut file = File::create(&draft).map_err(wrong)?;
    let bar = progress(&answer);
    let mut meter = form.map(Meter::new);
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
        let ms = meter.as_mut().map_or(0, |meter| meter.push(&piece[..count]));
        bar.set_position(if answer.length.is_some() { written } else { ms });
        bar.set_message(clock(ms));
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

/// A bar by bytes where their number is known, else by the time the sound lasts; neither for a call that still runs.
fn progress(answer: &Answer) -> ProgressBar {
    let (bar, template) = match (answer.length, answer.duration_ms) {
        (Some(bytes), _) => (ProgressBar::new(bytes), "{bar:40} {bytes} of {total_bytes}".to_owned()),
        (None, Some(ms)) => {
            (ProgressBar::new(ms), format!("{{bar:40}} {{percent}} %, {{msg}} of {}", clock(ms)))
        }
        (None, None) => (ProgressBar::new_spinner(), "{spinner} {msg}".to_owned()),
    };
    bar.set_style(ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
