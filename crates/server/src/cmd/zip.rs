//! Several recordings in one zip: asked for as a job, saved while the recorder makes it.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use audio::file::Form;
use calls::id::RecordingId;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::Failure;
use super::client::{Answer, Server, text};

/// Bytes moved at once.
const PIECE_BYTES: usize = 64 * 1024;

/// How often the recorder is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// Which recordings, if they are not named.
#[derive(Debug, clap::Args)]
pub(super) struct Found {
    /// All recordings of an agent, by id, phone or name.
    #[arg(long, conflicts_with = "ids")]
    agent: Option<String>,
    /// All with a number: calling, called, or a party's; the end of it is enough.
    #[arg(long, conflicts_with = "ids")]
    number: Option<String>,
    /// All started at or after this time (RFC 3339, such as 2026-03-02T09:00:00Z).
    #[arg(long, conflicts_with = "ids", value_name = "TIME")]
    started_from: Option<String>,
    /// All started before this time.
    #[arg(long, conflicts_with = "ids", value_name = "TIME")]
    started_to: Option<String>,
    /// All with these words in names, numbers and fields.
    #[arg(long, conflicts_with = "ids")]
    text: Option<String>,
}

impl Found {
    /// The conditions, as the recorder takes them.
    fn conditions(&self) -> Vec<(&'static str, String)> {
        let Self { agent, number, started_from, started_to, text } = self;
        let said = [
            ("agent", agent),
            ("number", number),
            ("from", started_from),
            ("to", started_to),
            ("text", text),
        ];
        said.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))).collect()
    }

    /// The ids of all recordings that are found.
    pub(super) fn ids(&self, server: &Server) -> Result<Vec<RecordingId>, Failure> {
        let mut parameters = self.conditions();
        parameters.push(("limit", "500".to_owned()));
        let mut ids = Vec::new();
        loop {
            let page = server.get("/v1/recordings", &parameters)?;
            let items = page["items"].as_array().into_iter().flatten();
            ids.extend(items.filter_map(|item| item["id"].as_str()?.parse::<RecordingId>().ok()));
            parameters.retain(|(key, _)| *key != "cursor");
            match page["next"].as_str() {
                Some(next) => parameters.push(("cursor", next.to_owned())),
                None if ids.is_empty() => return Err("no recording is found".to_owned()),
                None => return Ok(ids),
            }
        }
    }
}

/// What is to be in a zip, and how.
#[derive(Debug, clap::Args)]
pub(super) struct Zip {
    /// Put all of them into one zip, and write it to this file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["output", "rate", "from", "to"])]
    pub(super) zip: Option<PathBuf>,
    /// Join all of them to one sound file in the zip.
    #[arg(long, requires = "zip")]
    combined: bool,
    /// Encrypt the zip with the password in the first line of this file.
    #[arg(long, value_name = "FILE", requires = "zip")]
    password_file: Option<PathBuf>,
}

impl Zip {
    /// What a zip of recordings is asked for with.
    pub(super) fn wanted(
        &self,
        format: Form,
        channels: Option<u8>,
        reason: Option<String>,
    ) -> Result<Wanted, Failure> {
        let password = match &self.password_file {
            None => None,
            Some(file) => {
                let wrong = |error: std::io::Error| format!("{}: {error}", file.display());
                let text = std::fs::read_to_string(file).map_err(wrong)?;
                Some(text.lines().next().unwrap_or_default().to_owned())
            }
        };
        Ok(Wanted { format: format.name(), channels, combined: self.combined, password, reason })
    }
}

/// What a job is asked for.
pub(super) struct Wanted {
    pub(super) format: &'static str,
    pub(super) channels: Option<u8>,
    pub(super) combined: bool,
    pub(super) password: Option<String>,
    pub(super) reason: Option<String>,
}

impl Wanted {
    /// Has the recorder make the zip, and saves it; without a path, here, named after the first recording.
    pub(super) fn save(
        self,
        path: Option<&Path>,
        (ids, found): (&[RecordingId], &Found),
        server: &Server,
    ) -> Result<(), Failure> {
        let Self { format, channels, combined, password, reason } = self;
        let mut wanted = json!({"format": format, "combined": combined});
        if ids.is_empty() {
            let conditions = found.conditions().into_iter();
            wanted["query"] = conditions.map(|(key, value)| (key.to_owned(), Value::from(value))).collect();
        } else {
            wanted["recordings"] = ids.iter().map(ToString::to_string).collect();
        }
        if let Some(channels) = channels {
            wanted["channels"] = channels.into();
        }
        if let Some(password) = password {
            wanted["password"] = password.into();
        }
        if let Some(reason) = reason {
            wanted["reason"] = reason.into();
        }
        let named = ids.first().map_or_else(|| "package".to_owned(), ToString::to_string);
        let path = path.map_or_else(|| PathBuf::from(format!("{named}.zip")), Path::to_owned);
        let job = server.post("/v1/exports", wanted.to_string().as_bytes())?;
        let at = format!("/v1/exports/{}", text(&job["id"]));
        let saved = download(server, &at, &path);
        let job = server.get(&at, &[]);
        // The recorder need not keep it, nor its password.
        let _ = server.delete(&at);
        saved?;
        tell(&path, &job?);
        Ok(())
    }
}

/// Streams the zip into a file that bears its name only when it is whole.
fn download(server: &Server, at: &str, path: &Path) -> Result<(), Failure> {
    let Answer { mut body, .. } = server.ask(&format!("{at}/download"), &[])?;
    let wrong = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut draft = path.as_os_str().to_owned();
    draft.push(".part");
    let draft = PathBuf::from(draft);
    let kept = |why: String| format!("{}: {why}; the draft is kept as {}", path.display(), draft.display());
    let mut file = File::create(&draft).map_err(wrong)?;
    let watch = Watch::start(server.clone(), at.to_owned());
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let count = body.read(&mut piece);
        let count = count.map_err(|error| kept(format!("the recorder stopped sending ({error})")))?;
        if count == 0 {
            break;
        }
        file.write_all(&piece[..count]).map_err(wrong)?;
    }
    watch.end();
    let job = server.get(at, &[])?;
    if job["state"] != "done" {
        return Err(kept(format!("the export is {}: {}", text(&job["state"]), text(&job["why"]))));
    }
    std::fs::rename(&draft, path).map_err(wrong)
}

/// Shows how far a zip is, until it is ended.
struct Watch {
    bar: ProgressBar,
    ended: Sender<()>,
    thread: JoinHandle<()>,
}

impl Watch {
    fn start(server: Server, at: String) -> Self {
        let bar = ProgressBar::new(100);
        let style = ProgressStyle::with_template("{bar:40} {percent} %, {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let (ended, end) = channel();
        let shown = bar.clone();
        let thread = std::thread::spawn(move || {
            while end.recv_timeout(ASK_EVERY) == Err(RecvTimeoutError::Timeout) {
                if let Ok(job) = server.get(&at, &[]) {
                    shown.set_position(job["percent"].as_u64().unwrap_or_default());
                    let (exported, all) = (text(&job["exported"]), text(&job["recordings"]));
                    shown.set_message(format!("{exported} of {all} recordings"));
                }
            }
        });
        Self { bar, ended, thread }
    }

    fn end(self) {
        drop(self.ended);
        let _ = self.thread.join();
        self.bar.finish_and_clear();
    }
}

/// Says where it is, and what is not in it.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "both are what the person wants to know")]
fn tell(path: &Path, job: &Value) {
    println!("{}", path.display());
    let omitted = job["omitted"].as_u64().unwrap_or_default();
    if omitted > 0 {
        eprintln!("sidetone: {omitted} of them are left out: they are not there, or may not be heard");
    }
    for failure in job["failures"].as_array().into_iter().flatten() {
        eprintln!("sidetone: {}: {}", text(&failure["recording"]), text(&failure["why"]));
    }
}
