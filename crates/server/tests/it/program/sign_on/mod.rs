//! Single sign-on at the built program: at a real provider (oidc-provider), and at one that forges what it says.

mod forged;
mod leaving;
mod real;
mod tls;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use sim::counterpart::{Provider, free_port};
use sim::{Program, Setup};

use super::{setup, text};

const PASSWORD: &str = "three blind mice run";

/// A recorder that takes whom a provider vouches for, at an address that is known before it starts.
struct Place {
    setup: Setup,
    home: String,
}

impl Place {
    fn new() -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        Self { setup: setup().argument("--http").argument(&address), home: format!("http://{address}") }
    }

    /// Starts it. A key for what an administrator may do is made, then ada's account, so that a login is asked for.
    fn start(&self, issuer: &str, more: &str) -> (Program, String) {
        let secret = self.setup.write("secret", Provider::SECRET.as_bytes());
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
        let settings = format!(
            "[sign_on]\nissuer = \"{issuer}\"\nclient_id = \"sidetone\"\nclient_secret_file = \"{}\"\n\
             name = \"Example ID\"\n{more}",
            secret.display()
        );
        let program = self.setup.clone().settings(&settings).start();
        let wanted = json!({"name": "tests", "roles": ["administrator", "auditor"]});
        let key = text(&program.http.post("/v1/api-keys", &wanted).json()["key"]).to_owned();
        let ada = json!({"name": "ada", "password": PASSWORD, "roles": ["administrator"]});
        assert_eq!(program.http.post("/v1/users/first", &ada).status, 201);
        (program, key)
    }

    fn browser(&self, name: &str) -> Browser {
        let jar = self.setup.beside(&format!("{name}.cookies"));
        Browser { jar, home: self.home.clone(), ca: None }
    }
}

/// Somebody's browser, as far as cookies and redirects go.
struct Browser {
    jar: PathBuf,
    home: String,
    /// The authority it believes, if it has to.
    ca: Option<PathBuf>,
}

/// Where a browser has come to.
#[derive(Debug)]
struct Came {
    status: u16,
    /// The address it is at.
    at: String,
    /// Where it was sent, if it did not follow.
    to: String,
    body: String,
}

impl Came {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// What stands behind the address it was sent to.
    fn parameters(&self) -> BTreeMap<String, String> {
        let (_, query) = self.to.split_once('?').unwrap_or_else(|| panic!("{self:?}"));
        form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }
}

impl Browser {
    fn go(&self, arguments: &[&str]) -> Came {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "20", "-w", "\n%{http_code} %{url_effective} %{redirect_url}"]);
        if let Some(ca) = &self.ca {
            curl.arg("--cacert").arg(ca);
        }
        curl.arg("-b").arg(&self.jar).arg("-c").arg(&self.jar).args(arguments);
        let said = String::from_utf8(curl.output().expect("curl is there").stdout).expect("UTF-8");
        let (body, last) = said.rsplit_once('\n').expect("curl says how it went");
        let mut words = last.split(' ').map(str::to_owned);
        let mut word = || words.next().unwrap_or_default();
        Came { status: word().parse().expect("a status"), at: word(), to: word(), body: body.to_owned() }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.home)
    }

    /// Begins to sign on, and follows to wherever that leads.
    fn sign_on(&self) -> Came {
        self.go(&["-L", &self.url("/v1/session/sign-on?next=/recordings")])
    }

    /// Says at the provider who it is.
    fn enter(&self, asked: &Came, form: &str) -> Came {
        assert!(asked.body.contains("Example ID"), "{asked:?}");
        self.go(&["-L", "-d", form, &asked.at])
    }

    fn session(&self) -> Value {
        self.go(&[&self.url("/v1/session")]).json()
    }

    /// Comes back from a provider with this behind the address; where it is sent.
    fn come_back(&self, query: &str) -> String {
        self.go(&[&self.url(&format!("/v1/session/sign-on/callback?{query}"))]).to.replace(&self.home, "")
    }
}

/// A question with a key.
fn ask(program: &Program, key: &str, method: &str, path: &str, body: &str) -> Value {
    let head = format!("Authorization: Bearer {key}");
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-X", method, "-H", &head, "-d", body]).arg(program.http.url(path));
    let output = curl.output().expect("curl is there");
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

/// What is on record of sign-ons, oldest first: outcome, answer, whom, how.
fn on_record(program: &Program, key: &str) -> Vec<[String; 4]> {
    let found = ask(program, key, "GET", "/v1/audit?action=login.begin&limit=500", "");
    let items = found["items"].as_array().unwrap_or_else(|| panic!("{found}")).iter().rev();
    let words = ["outcome", "answer", "about", "detail"];
    items.map(|item| words.map(|word| item[word].as_str().unwrap_or_default().to_owned())).collect()
}

fn counted(program: &Program, key: &str, result: &str) -> u64 {
    let head = format!("Authorization: Bearer {key}");
    let output = Command::new("curl").args(["-sS", "-H", &head, &program.http.url("/metrics")]).output();
    let said = String::from_utf8(output.expect("curl is there").stdout).expect("UTF-8");
    let name = format!("sidetone_sign_ons_total{{result=\"{result}\"}}");
    let count = said.lines().find_map(|line| line.strip_prefix(&name)?.trim().parse().ok());
    count.unwrap_or_else(|| panic!("no {name} in:\n{said}"))
}

const GROUPS: &str = "unknown = \"admit\"\n\
    [[sign_on.group]]\nname = \"leads\"\nroles = [\"supervisor\"]\nbusiness_units = [3]\n\
    [[sign_on.group]]\nname = \"keepers\"\nroles = [\"administrator\"]\n";
