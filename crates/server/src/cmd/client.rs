//! Asking a running recorder over HTTP: what the subcommands for people have in common.

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::files::on;
use super::trust::Trust;
use super::{Failure, plain};

/// The longest answer that is read into memory; sound is streamed.
const ANSWER_LIMIT_BYTES: u64 = 64 * 1024 * 1024;

/// What to do where a key is wanted and there is none.
const NO_KEY: &str = "; this command line shows the key in SIDETONE_API_KEY, or in the file that SIDETONE_API_KEY_FILE names, and \
    `sidetone api-keys add NAME --role ROLE --as YOU --key-to FILE` makes one";

/// Where a recorder is that was told nothing.
const DEFAULT: &str = "http://127.0.0.1:8080";

/// Where the recorder is.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Server {
    /// The recorder's HTTP address.
    #[arg(
        long,
        global = true,
        env = "SIDETONE_SERVER",
        default_value = DEFAULT,
        value_name = "URL"
    )]
    server: String,
    #[command(flatten)]
    key: ApiKey,
    #[command(flatten)]
    trust: Trust,
    /// Of a person, in place of a key.
    #[arg(skip)]
    login: Option<Login>,
}

/// What a program shows where the recorder asks who asks.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ApiKey {
    /// The API key to ask with, where the recorder asks who asks. Other users of this machine can see arguments: the variable or
    /// a file is the better way.
    #[arg(long, global = true, env = "SIDETONE_API_KEY", hide_env_values = true, value_name = "KEY")]
    api_key: Option<String>,
    /// The file that has the key in its first line, where the key itself is not said.
    #[arg(long, global = true, env = "SIDETONE_API_KEY_FILE", value_name = "FILE")]
    api_key_file: Option<PathBuf>,
}

impl ApiKey {
    /// Whether none is said.
    fn is_nowhere(&self) -> bool {
        self.api_key.is_none() && self.api_key_file.is_none()
    }

    /// The key, if there is one.
    fn text(&self) -> Result<Option<String>, Failure> {
        let (None, Some(file)) = (&self.api_key, &self.api_key_file) else {
            return Ok(self.api_key.clone());
        };
        let text = std::fs::read_to_string(file).map_err(on(file))?;
        let line = text.lines().next().unwrap_or_default().trim();
        if line.is_empty() {
            Err(format!("{}: there is no key in it", file.display()))
        } else {
            Ok(Some(line.to_owned()))
        }
    }
}

/// A person who is logged in.
#[derive(Debug, Clone)]
struct Login {
    cookie: String,
    csrf_token: String,
    due: Vec<String>,
}

/// What was sent back.
pub(super) struct Answer {
    /// Its length, if it was stated.
    pub(super) length: Option<u64>,
    /// How long its sound lasts, ms, if that was stated.
    pub(super) duration_ms: Option<u64>,
    /// The name it would be saved under.
    pub(super) file_name: Option<String>,
    /// The cookie that is set with it.
    cookie: Option<String>,
    /// What it is made of.
    pub(super) body: Box<dyn Read>,
}

impl Server {
    /// Asks for something, with parameters.
    pub(super) fn get(&self, path: &str, parameters: &[(&str, String)]) -> Result<Value, Failure> {
        json(self.ask(path, parameters)?)
    }

    /// Asks for something that is not held in memory.
    pub(super) fn ask(&self, path: &str, parameters: &[(&str, String)]) -> Result<Answer, Failure> {
        let mut request = self.shown(self.agent()?.get(self.url(path)))?;
        for (key, value) in parameters {
            request = request.query(key, value);
        }
        self.answer(request.call())
    }

    /// What has to be said again in a command that asks the same recorder, with a blank before it.
    pub(super) fn said(&self) -> String {
        let server =
            if self.server == DEFAULT { String::new() } else { format!(" --server {}", self.server) };
        server + &self.trust.said()
    }

    /// The recorder at an address.
    pub(super) fn at(server: String, key: ApiKey, trust: Trust) -> Self {
        Self { server, key, trust, login: None }
    }

    /// The recorder, asked as a person who logs in; [`Self::log_out`] ends it.
    pub(super) fn logged_in(&self, who: &Value) -> Result<Self, Failure> {
        let sent = self.agent()?.post(self.url("/v1/session")).send(who.to_string().as_bytes());
        let answer = self.heard(sent).map_err(|refused| refused.said)?;
        let cookie = answer.cookie.clone().ok_or("the recorder gives no login")?;
        let session = json(answer)?;
        let csrf_token = session["csrf_token"].as_str().ok_or("the recorder gives no login")?.to_owned();
        let due = session["due"].as_array().into_iter().flatten().map(text).collect();
        Ok(Self { login: Some(Login { cookie, csrf_token, due }), ..self.clone() })
    }

    /// What who is logged in has to do before anything else.
    pub(super) fn due(&self) -> &[String] {
        self.login.as_ref().map_or(&[], |login| &login.due)
    }

    /// Ends the login.
    pub(super) fn log_out(&self) -> Result<(), Failure> {
        self.delete("/v1/session")
    }

    fn agent(&self) -> Result<ureq::Agent, Failure> {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(5)))
            .timeout_recv_response(Some(Duration::from_secs(60)));
        let config =
            if self.server.starts_with("https:") { config.tls_config(self.trust.config()?) } else { config };
        Ok(ureq::Agent::new_with_config(config.build()))
    }

    /// Asks for something whose refusal is an answer as well: status and body.
    pub(super) fn look(&self, path: &str) -> Result<(u16, String), Failure> {
        let asked = self.shown(self.agent()?.get(self.url(path)))?;
        let response = asked.call().map_err(|error| self.unanswered(&error))?;
        let status = response.status().as_u16();
        let mut text = Vec::new();
        let body = response.into_body().into_reader();
        body.take(ANSWER_LIMIT_BYTES).read_to_end(&mut text).map_err(|error| error.to_string())?;
        Ok((status, String::from_utf8_lossy(&text).into_owned()))
    }

    /// Sends a body.
    pub(super) fn post(&self, path: &str, body: &[u8]) -> Result<Value, Failure> {
        json(self.answer(self.shown(self.agent()?.post(self.url(path)))?.send(body))?)
    }

    /// Puts something in the place of what is there.
    pub(super) fn put(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        json(self.sent(path, body)?)
    }

    /// The same, where the answer has nothing to tell.
    pub(super) fn set(&self, path: &str, body: &Value) -> Result<(), Failure> {
        self.sent(path, body).map(drop)
    }

    fn sent(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.answer(self.shown(self.agent()?.put(self.url(path)))?.send(body.to_string().as_bytes()))
    }

    /// Has something removed.
    pub(super) fn delete(&self, path: &str) -> Result<(), Failure> {
        self.answer(self.shown(self.agent()?.delete(self.url(path)))?.call()).map(drop)
    }

    /// Shows who asks: the login, else the key, if there is one.
    fn shown<B>(&self, request: ureq::RequestBuilder<B>) -> Result<ureq::RequestBuilder<B>, Failure> {
        if let Some(Login { cookie, csrf_token, .. }) = &self.login {
            return Ok(request.header("cookie", cookie).header("x-csrf-token", csrf_token));
        }
        Ok(match self.key.text()? {
            Some(key) => request.header("authorization", format!("Bearer {key}")),
            None => request,
        })
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.trim_end_matches('/'))
    }

    fn unanswered(&self, error: &ureq::Error) -> Failure {
        let at = &self.server;
        let of_tls = matches!(error, ureq::Error::Tls(_)) || tls_error(error).is_some();
        if is_for_another_name(error) {
            return format!(
                "the certificate that is shown at {at} is for another name ({error}); ask by that name, which has to lead there, as \
                 in --server https://recorder.example.com:8443"
            );
        }
        if of_tls {
            return format!(
                "there is no agreement on TLS with {at} ({error}); name the authority of its certificate with --ca, and \
                 where it asks for a certificate, one with --client-certificate and --client-key"
            );
        }
        format!("no recorder answers at {at} ({error}); start one with `sidetone serve`, or name its address")
    }

    fn answer(&self, sent: Sent) -> Result<Answer, Failure> {
        let is_bare = self.login.is_none() && self.key.is_nowhere();
        self.heard(sent).map_err(|Refused { status, said }| match status {
            Some(401) if is_bare => format!("{}{NO_KEY}", said.trim_end_matches('.')),
            _ => said,
        })
    }

    /// What was answered, or why it was refused.
    fn heard(&self, sent: Sent) -> Result<Answer, Refused> {
        let response = sent.map_err(|error| Refused { status: None, said: self.unanswered(&error) })?;
        let status = response.status();
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let length = header("content-length").and_then(|length| length.parse().ok());
        let file_name = header("content-disposition").and_then(file_name);
        let duration_ms = header("x-content-duration").and_then(|text| super::times::milliseconds(text).ok());
        let cookie = header("set-cookie").and_then(|set| Some(set.split_once(';')?.0.to_owned()));
        let body = Box::new(response.into_body().into_reader());
        let answer = Answer { length, duration_ms, file_name, cookie, body };
        if status.is_success() {
            return Ok(answer);
        }
        let problem = json(answer).unwrap_or_default();
        let said = ["detail", "title", "Message"].into_iter().find_map(|key| problem[key].as_str());
        let said = said.map_or_else(|| format!("the recorder answers {status}"), str::to_owned);
        Err(Refused { status: Some(status.as_u16()), said })
    }
}

/// What is sent comes to this.
type Sent = Result<ureq::http::Response<ureq::Body>, ureq::Error>;

/// Why there is no answer that helps.
struct Refused {
    /// What the recorder has answered with, if it has.
    status: Option<u16>,
    /// As a sentence.
    said: Failure,
}

/// What TLS finds wrong, if that is it.
fn tls_error(error: &ureq::Error) -> Option<&rustls::Error> {
    match error {
        ureq::Error::Rustls(error) => Some(error),
        ureq::Error::Io(error) => error.get_ref()?.downcast_ref(),
        _ => None,
    }
}

fn is_for_another_name(error: &ureq::Error) -> bool {
    use rustls::CertificateError::{NotValidForName, NotValidForNameContext};
    let wrong = |error: &rustls::Error| {
        matches!(error, rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }))
    };
    tls_error(error).is_some_and(wrong)
}

impl Answer {
    /// All of it.
    pub(super) fn bytes(self) -> Result<Vec<u8>, Failure> {
        let mut all = Vec::new();
        self.body.take(ANSWER_LIMIT_BYTES).read_to_end(&mut all).map_err(|error| error.to_string())?;
        Ok(all)
    }
}

fn json(answer: Answer) -> Result<Value, Failure> {
    let mut text = Vec::new();
    answer.body.take(ANSWER_LIMIT_BYTES).read_to_end(&mut text).map_err(|error| error.to_string())?;
    serde_json::from_slice(&text).map_err(|error| format!("the recorder's answer makes no sense: {error}"))
}

/// The name in a `Content-Disposition`, if it is a plain one.
fn file_name(disposition: &str) -> Option<String> {
    let (_, name) = disposition.split_once("filename=")?;
    let name = name.split(';').next()?.trim().trim_matches('"');
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (!name.is_empty() && !name.starts_with('.') && name.chars().all(plain)).then(|| name.to_owned())
}

/// A text out of an answer, `-` where there is none.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() => printable(text),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => "-".to_owned(),
    }
}

/// A caller chooses the name: it may not steer the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if plain::steers(c) { '\u{fffd}' } else { c }).collect()
}

/// The items of an answer that is a list.
pub(super) fn items(answer: &Value) -> impl Iterator<Item = &Value> {
    answer["items"].as_array().into_iter().flatten()
}

/// Prints the items of an answer, a row for each.
pub(super) fn print_items(head: &[&str], answer: &Value, row: impl Fn(&Value) -> Vec<String>) {
    print_table(head, &items(answer).map(row).collect::<Vec<_>>());
}

/// Prints rows in columns as wide as their widest cell.
#[expect(clippy::print_stdout, reason = "a table is what was asked for")]
pub(super) fn print_table(head: &[&str], rows: &[Vec<String>]) {
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain([head[column].len()]).max().unwrap_or_default()
        })
        .collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    println!("{}", line(head.to_vec()));
    for row in rows {
        println!("{}", line(row.iter().map(String::as_str).collect()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_from_outside_is_taken_only_if_it_is_plain() {
        assert_eq!(file_name("attachment; filename=\"call-1.wav\""), Some("call-1.wav".into()));
        for bad in ["attachment", "attachment; filename=\"../x\"", "a; filename=.bashrc", "a; filename=\"\""]
        {
            assert_eq!(file_name(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(text(&Value::from("a\u{1b}[31m\u{202e}b")), "a\u{fffd}[31m\u{fffd}b");
    }
}
