//! Programs that are known by the client certificate they show: curl with certificates of openssl's kind against the built program.

use std::process::Command;

use serde_json::{Value, json};
use sim::{Program, debian};

use super::https::{curl, secure};
use super::tls::Pair;
use super::{setup, text};

/// Somebody at the recorder, with what they show beside their certificate.
struct Client<'t> {
    program: &'t Program,
    ca: &'t str,
    shown: Vec<String>,
}

impl Client<'_> {
    fn with(&self, pair: &Pair) -> Client<'_> {
        let words = ["--cert", pair.certificate.to_str().unwrap(), "--key", pair.key.to_str().unwrap()];
        Client { shown: words.map(str::to_owned).into(), ..*self }
    }

    fn with_key(&self, key: &str) -> Client<'_> {
        let more = ["-H".to_owned(), format!("Authorization: Bearer {key}")];
        Client { shown: self.shown.iter().cloned().chain(more).collect(), ..*self }
    }

    /// Status and body of an answer; 0 if there is none.
    fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let (url, body) = (self.program.http.url(path), body.to_string());
        let mut arguments = vec!["--cacert", self.ca, "-X", method, &url];
        if method != "GET" {
            arguments.extend(["-d", &body]);
        }
        arguments.extend(self.shown.iter().map(String::as_str));
        let said = curl(&arguments);
        let status = said.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        let body = said.lines().find(|line| line.starts_with('{')).unwrap_or("null");
        (status, serde_json::from_str(body).unwrap_or_default())
    }

    fn commands(&self) -> u16 {
        let whom = json!({"AgentIdentifier": "Id", "Value": "1"});
        self.ask("POST", "/api/Blackout/StartForAgent", &whom).0
    }
}

/// The SHA-256 of a certificate as openssl tells it.
fn fingerprint(pair: &Pair) -> String {
    let mut openssl = Command::new(debian::program("openssl", "openssl"));
    openssl.args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]).arg(&pair.certificate);
    let said = String::from_utf8(openssl.output().expect("openssl runs").stdout).expect("ASCII");
    format!("sha256:{}", said.trim().rsplit('=').next().expect("a fingerprint"))
}

#[test]
fn a_program_is_known_by_its_certificate_also_when_it_is_renewed_and_another_may_nothing() {
    let setup = setup();
    let (program, authority) =
        secure(&setup, &|authority| format!("client_ca = \"{}\"", authority.argument()));
    let bare = Client { program: &program, ca: authority.argument(), shown: Vec::new() };
    let made = |wanted: Value| bare.ask("POST", "/v1/api-keys", &wanted);
    let crm = json!({"name": "crm", "roles": ["integration"], "certificate": "CRM.example.com"});
    let (status, crm) = made(crm);
    assert_eq!((status, text(&crm["certificate"])), (201, "crm.example.com"));
    let (status, said) =
        made(json!({"name": "b", "roles": ["integration"], "certificate": "crm.example.com"}));
    assert_eq!(status, 409, "{said}");
    assert!(text(&said["detail"]).contains("key crm has this certificate"), "{said}");
    let (_, key) = made(json!({"name": "setup", "roles": ["administrator", "auditor"]}));
    let setup_key = text(&key["key"]).to_owned();
    let ada = json!({"name": "ada", "password": "three blind mice run", "roles": ["administrator"]});
    assert_eq!(bare.ask("POST", "/v1/users/first", &ada).0, 201);
    let administrator = bare.with_key(&setup_key);

    let ours = authority.give("crm", &["crm.example.com"]);
    assert_eq!(bare.commands(), 401, "no certificate");
    assert_eq!(bare.with(&ours).commands(), 200);
    let (_, session) = bare.with(&ours).ask("GET", "/v1/session", &Value::Null);
    assert_eq!((&session["kind"], &session["name"]), (&json!("peer"), &json!("crm")));
    assert_eq!(bare.with(&ours).ask("GET", "/v1/recordings", &Value::Null).0, 403, "what its role may not");
    assert_eq!(bare.with(&ours).with_key("stk_0123456789_x").commands(), 401, "a wrong key is not made good");
    let renewed = authority.give("renewed", &["crm.example.com"]);
    assert_ne!(fingerprint(&ours), fingerprint(&renewed));
    assert_eq!(bare.with(&renewed).commands(), 200);
    let other = authority.give("other", &["other.example.com"]);
    assert_eq!(bare.with(&other).commands(), 401);
    assert_eq!(bare.with(&other).ask("GET", "/v1/session", &Value::Null).1["kind"], "nobody");
    let stranger = super::tls::Authority::new(&setup, "stranger").give("forged", &["crm.example.com"]);
    assert_eq!(bare.with(&stranger).commands(), 0, "it does not get so far");

    let (_, found) = administrator.ask("GET", "/v1/audit?who=crm&action=blackout.open", &Value::Null);
    assert_eq!(
        (&found["items"][0]["kind"], &found["items"][0]["role"]),
        (&json!("peer"), &json!("integration"))
    );

    // By its fingerprint it is that one and no other.
    let at = format!("/v1/api-keys/{}/certificate", crm["id"]);
    let put = |certificate: Value| administrator.ask("PUT", &at, &json!({"certificate": certificate}));
    let (status, item) = put(json!(fingerprint(&other)));
    assert_eq!((status, text(&item["certificate"]).len()), (200, 71));
    assert_eq!([bare.with(&other).commands(), bare.with(&ours).commands()], [200, 401]);
    let (status, said) = put(json!("*.example.com"));
    assert!(status == 400 && text(&said["detail"]).contains("is no certificate"), "{said}");
    assert_eq!(administrator.ask("PUT", &at, &json!({})).0, 400, "what is not said takes nothing away");
    assert_eq!(bare.with(&other).commands(), 200);
    put(Value::Null);
    assert_eq!(bare.with(&other).commands(), 401);

    // What was said is there after a restart, until the key is taken back.
    put(json!("crm.example.com"));
    let again = program.setup.clone();
    program.stop();
    let program = again.start();
    let bare = Client { program: &program, ca: authority.argument(), shown: Vec::new() };
    assert_eq!(bare.with(&ours).commands(), 200);
    let taken = bare.with_key(&setup_key).ask("DELETE", &format!("/v1/api-keys/{}", crm["id"]), &Value::Null);
    assert_eq!(taken.0, 204);
    assert_eq!(bare.with(&ours).commands(), 401);
}
