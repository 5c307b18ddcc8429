//! `sidetone audit`: who did what is found, given out, and looked at without a recorder.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::audit::{Checker, Head, Line};
use vault::VerifyingKey;

use super::Failure;
use super::client::{Server, print_items, text};
use super::files::make_folder;
use crate::trail::check::{Extract, Seen, Unsigned, signed};

/// Arguments of `sidetone audit`.
#[derive(Debug, clap::Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show who did what, newest first.
    Find(Find),
    /// Save an extract: JSON lines that others can check, or a table.
    Export(Export),
    /// Look at an extract with the public key alone: whether it is as it was written.
    Verify(Verify),
    /// Take the time stamp of an extract out, with what was stamped, for openssl ts -verify.
    Stamp(Stamp),
}

#[derive(Debug, clap::Args)]
struct Conditions {
    /// The name of a login or key, whole.
    #[arg(long)]
    who: Option<String>,
    /// What was done, such as recording.listen; or the noun before the dot alone.
    #[arg(long)]
    action: Option<String>,
    /// The id of a recording.
    #[arg(long)]
    recording: Option<String>,
    /// The id of a call.
    #[arg(long)]
    call: Option<String>,
    /// At or after this time (RFC 3339).
    #[arg(long)]
    from: Option<String>,
    /// Before this time.
    #[arg(long)]
    to: Option<String>,
    #[command(flatten)]
    server: Server,
}

impl Conditions {
    fn parameters(&self) -> Vec<(&'static str, String)> {
        let asked = [
            ("who", &self.who),
            ("action", &self.action),
            ("recording", &self.recording),
            ("call", &self.call),
            ("from", &self.from),
            ("to", &self.to),
        ];
        asked.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect()
    }
}

#[derive(Debug, clap::Args)]
struct Find {
    #[command(flatten)]
    conditions: Conditions,
    /// How many at most.
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

#[derive(Debug, clap::Args)]
struct Export {
    #[command(flatten)]
    conditions: Conditions,
    /// jsonl or csv.
    #[arg(long, default_value = "jsonl")]
    format: String,
    /// The file; standard output if left out.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Verify {
    /// The extract, JSON lines.
    file: PathBuf,
    /// The public key of the install: its keys/signing.pub.
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Heads that were kept elsewhere: a file of lines, or a folder of such files.
    #[arg(long, value_name = "FILE")]
    witness: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Stamp {
    /// The extract, JSON lines.
    file: PathBuf,
    /// The folder for the two files.
    #[arg(long, value_name = "DIR", default_value = ".")]
    into: PathBuf,
}

impl Audit {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Find(find) => find.run(),
            Command::Export(export) => export.run(),
            Command::Verify(verify) => verify.run(),
            Command::Stamp(stamp) => stamp.run(),
        }
    }
}

impl Find {
    fn run(self) -> Result<(), Failure> {
        let mut parameters = self.conditions.parameters();
        parameters.push(("limit", self.limit.to_string()));
        let answer = self.conditions.server.get("/v1/audit", &parameters)?;
        let columns =
            ["number", "at", "who", "source", "action", "outcome", "recording", "about", "detail", "reason"];
        print_items(&columns, &answer, |item| columns.iter().map(|column| text(&item[column])).collect());
        Ok(())
    }
}

impl Export {
    fn run(self) -> Result<(), Failure> {
        let mut parameters = self.conditions.parameters();
        parameters.push(("format", self.format));
        let mut answer = self.conditions.server.ask("/v1/audit/export", &parameters)?;
        match &self.output {
            None => {
                let mut out = std::io::stdout().lock();
                let copied = std::io::copy(&mut answer.body, &mut out).and_then(|_| out.flush());
                copied.map_err(|error| error.to_string())
            }
            Some(path) => {
                let written = std::fs::File::create_new(path).and_then(|mut file| {
                    std::io::copy(&mut answer.body, &mut file).and_then(|_| file.sync_all())
                });
                written.map_err(|error| format!("{}: {error}", path.display()))
            }
        }
    }
}

impl Verify {
    #[expect(clippy::print_stdout, reason = "the finding is what was asked for")]
    fn run(self) -> Result<(), Failure> {
        if self.key.is_empty() {
            return Err("name the public key of the install: --key keys/signing.pub".to_owned());
        }
        let key = |path: &PathBuf| vault::keys::verifying_key(path).map_err(|error| error.to_string());
        let keys = self.key.iter().map(key).collect::<Result<Vec<_>, _>>()?;
        let witness = self.witness.as_deref().map(heads_in).transpose()?.unwrap_or_default();
        let Extract { asked, whole, stubs, end, vouched } = extract(&self.file, &keys, &witness)?;
        if whole + stubs == 0 {
            return Err(
                "there is no entry in it, so that it shows nothing, not even that there was none".to_owned()
            );
        }
        println!("{whole} entries are as they were written; of {stubs} between them it has the hashes alone");
        if vouched < end.number {
            return Err(format!(
                "nothing that was signed vouches for the entries behind {vouched}; export them again in a minute, or \
                 name a witness"
            ));
        }
        println!("the head of entry {vouched}, which is signed, vouches for all of them");
        let asked = if asked.is_empty() { "everything".to_owned() } else { asked.escape_debug().to_string() };
        println!(
            "it says that {asked} was asked for, and does not show that none of it is missing: the {stubs} entries of which it has \
             the hashes alone could be any"
        );
        Ok(())
    }
}

impl Stamp {
    #[expect(clippy::print_stdout, reason = "where it is was asked for")]
    fn run(self) -> Result<(), Failure> {
        let Self { file, into } = self;
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        make_folder(&into)?;
        let mut head = None;
        for line in text.lines() {
            match (Line::from_json(line), head) {
                (Ok(Line::Head(_)), _) => head = Some(line),
                (Ok(Line::Stamp { number, token }), Some(stamped)) => {
                    let path = |extension: &str| into.join(format!("audit-head-{number}.{extension}"));
                    for (path, bytes) in [(path("json"), stamped.as_bytes()), (path("tst"), &token)] {
                        std::fs::write(&path, bytes)
                            .map_err(|error| format!("{}: {error}", path.display()))?;
                    }
                    let (data, token) = (path("json"), path("tst"));
                    println!(
                        "openssl ts -verify -token_in -in {} -data {} -CAfile AUTHORITY.pem",
                        token.display(),
                        data.display()
                    );
                    return Ok(());
                }
                _ => head = None,
            }
        }
        Err(format!("{} has no time stamp in it; it has one if audit.timestamp_url is set", file.display()))
    }
}

/// Goes through an extract.
fn extract(path: &Path, keys: &[VerifyingKey], witness: &[Seen]) -> Result<Extract, Failure> {
    let file = std::fs::File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut lines = BufReader::new(file).lines().enumerate();
    let mut next = move || -> Result<Option<(usize, Line)>, Failure> {
        let Some((place, line)) = lines.next() else { return Ok(None) };
        let line = line.map_err(|error| error.to_string())?;
        let read = Line::from_json(&line).map_err(|fault| format!("line {}: {fault}", place + 1))?;
        Ok(Some((place + 1, read)))
    };
    let Some((_, Line::Start(start))) = next()? else {
        return Err(
            "line 1: an extract begins with a line that says extract; save it with sidetone audit export"
                .to_owned(),
        );
    };
    // What a witness has seen behind the end is no matter of an extract.
    let mut checker = Checker::behind(start.behind);
    for Seen { head, place } in witness {
        count(keys, head)?;
        checker.add(head.link, place).map_err(|fault| fault.to_string())?;
    }
    let here: Arc<str> = path.display().to_string().into();
    let (mut whole, mut stubs) = (0, 0);
    while let Some((place, line)) = next()? {
        let passed = match line {
            Line::Entry { number, entry, hash } => {
                whole += 1;
                checker.next(number, entry.content(number), hash)
            }
            Line::Stub { number, content } => {
                stubs += 1;
                checker.next_stub(number, content)
            }
            Line::Head(head) => {
                count(keys, &head).map_err(|why| format!("line {place}: {why}"))?;
                checker.add(head.link, &here)
            }
            // Whose word it is, is for whoever relies on it.
            Line::Stamp { .. } => Ok(()),
            Line::Start(_) => return Err(format!("line {place}: another extract begins here; part them")),
        };
        passed.map_err(|fault| format!("line {place}: {fault}"))?;
    }
    Ok(Extract { asked: start.asked, whole, stubs, end: checker.at(), vouched: checker.vouched() })
}

fn count(keys: &[VerifyingKey], head: &Head) -> Result<(), Failure> {
    signed(keys, head).map_err(|unsigned| match unsigned {
        Unsigned::Strange(why) | Unsigned::Forged(why) => {
            format!("the head of entry {}: {why}", head.link.number)
        }
    })
}

/// The heads in a file, or in the files of a folder. A line that a power cut has torn is passed over.
pub(super) fn heads_in(path: &Path) -> Result<Vec<Seen>, Failure> {
    let wrong = |error: std::io::Error| format!("{}: {error}", path.display());
    let files = if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(wrong)?;
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(wrong)?
    } else {
        vec![path.to_owned()]
    };
    let mut heads = Vec::new();
    for file in files {
        let text = std::fs::read(&file).map_err(wrong)?;
        let text = String::from_utf8_lossy(&text).into_owned();
        heads.extend(text.lines().zip(1..).filter_map(|(line, place)| match Line::from_json(line) {
            Ok(Line::Head(head)) => {
                Some(Seen { head, place: format!("line {place} of {}", file.display()).into() })
            }
            _ => None,
        }));
    }
    if heads.is_empty() {
        return Err(format!("{} has no head of an audit in it", path.display()));
    }
    Ok(heads)
}
