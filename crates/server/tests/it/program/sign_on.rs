//! Single sign-on at the built program: at a real provider (oidc-provider), and at one that forges what it says.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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
        Browser { jar: self.setup.beside(&format!("{name}.cookies")), home: self.home.clone() }
    }
}

/// Somebody's browser, as far as cookies and redirects go.
struct Browser {
    jar: PathBuf,
    home: String,
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

#[test]
fn somebody_signs_on_at_a_real_provider_and_may_what_their_groups_may_until_they_may_not() {
    let place = Place::new();
    let people = json!({"dana": {"groups": ["staff", "leads"]}, "ada": {"groups": ["keepers"]}});
    std::fs::create_dir(place.setup.beside("provider")).expect("a folder");
    let provider = Provider::start(&place.setup.beside("provider"), &place.home, &people);
    let (program, key) = place.start(&provider.issuer, GROUPS);
    let dana = place.browser("dana");
    let asked = dana.sign_on();
    assert!(asked.at.starts_with(&provider.issuer), "{asked:?}");
    let came = dana.enter(&asked, "name=dana&enter=1");
    assert_eq!((came.status, came.at), (200, dana.url("/recordings")));
    let session = dana.session();
    assert_eq!((&session["kind"], &session["name"]), (&json!("person"), &json!("dana")));
    assert_eq!((&session["roles"], &session["business_units"]), (&json!(["supervisor"]), &json!([3])));
    assert_eq!((&session["password"], &session["sign_on"]["name"]), (&json!(false), &json!("Example ID")));

    // The provider remembers dana, and now says something else of her.
    provider.says("dana", &json!({"groups": ["keepers"]}));
    assert_eq!(dana.sign_on().at, dana.url("/recordings"));
    assert_eq!(dana.session()["roles"], json!(["administrator"]));
    provider.says("dana", &json!({"groups": ["staff"]}));
    assert_eq!(dana.sign_on().at, dana.url("/login?sign_on=no-group&next=%2Frecordings"));
    assert_eq!(dana.session()["kind"], "nobody", "the login she had is over too");
    provider.says("dana", &json!({"groups": ["leads"]}));
    assert_eq!(dana.sign_on().at, dana.url("/recordings"));

    // Signing out leads to the provider, which knows by the hint who it is about.
    let token = format!("X-CSRF-Token: {}", text(&dana.session()["csrf_token"]));
    let left = dana.go(&["-X", "DELETE", "-H", &token, &dana.url("/v1/session")]);
    let leads_to = text(&left.json()["leads_to"]).to_owned();
    assert!(leads_to.starts_with(&provider.issuer) && leads_to.contains("id_token_hint="), "{leads_to}");
    assert!(dana.go(&["-L", &leads_to]).body.contains("Sign out of Example ID"));
    assert_eq!(dana.session()["kind"], "nobody");

    // A name that is an account's already is not taken over, and who turns back is told so.
    let ada = place.browser("ada");
    let came = ada.enter(&ada.sign_on(), "name=ada&enter=1");
    assert_eq!(came.at, ada.url("/login?sign_on=taken&next=%2Frecordings"));
    let kim = place.browser("kim");
    let came = kim.enter(&kim.sign_on(), "leave=1");
    assert_eq!(came.at, kim.url("/login?sign_on=refused&next=%2Frecordings"));

    // An account that is locked here stays out, whoever vouches.
    let users = ask(&program, &key, "GET", "/v1/users", "");
    let account =
        users["items"].as_array().expect("a list").iter().find(|it| it["name"] == "dana").expect("dana");
    assert_eq!(account["sign_on"], json!({"issuer": provider.issuer, "subject": "subject-of-dana"}));
    let locked = json!({"roles": ["supervisor"], "business_units": [3], "active": false}).to_string();
    ask(&program, &key, "PUT", &format!("/v1/users/{}", account["id"]), &locked);
    assert_eq!(dana.sign_on().at, dana.url("/login?sign_on=locked&next=%2Frecordings"));

    let told: Vec<String> =
        on_record(&program, &key).iter().map(|it| format!("{} {}", it[0], it[1])).collect();
    let wanted = [
        "done 303",
        "done 303",
        "refused no-group",
        "done 303",
        "refused taken",
        "refused refused",
        "refused locked",
    ];
    assert_eq!(told, wanted);
    let first = &on_record(&program, &key)[0];
    assert_eq!(first[2], "dana");
    assert!(
        first[3].contains("subject-of-dana") && first[3].contains("groups leads, roles supervisor"),
        "{first:?}"
    );
    assert_eq!([counted(&program, &key, "done"), counted(&program, &key, "not_admitted")], [3, 3]);
    assert!(!program.log().contains(Provider::SECRET));
}

#[test]
fn who_has_no_account_is_refused_until_an_administrator_links_one() {
    let place = Place::new();
    std::fs::create_dir(place.setup.beside("provider")).expect("a folder");
    let provider =
        Provider::start(&place.setup.beside("provider"), &place.home, &json!({"kim": {}, "dana": {}}));
    let (program, key) = place.start(&provider.issuer, "");
    let kim = place.browser("kim");
    let came = kim.enter(&kim.sign_on(), "name=kim&enter=1");
    assert_eq!(came.at, kim.url("/login?sign_on=unknown&next=%2Frecordings"));
    let [outcome, _, whom, _] = on_record(&program, &key).pop().expect("it is on record");
    assert_eq!((outcome.as_str(), whom), ("refused", format!("subject-of-kim of {}", provider.issuer)));

    let wanted = json!({"name": "kim.lee", "password": PASSWORD, "roles": ["auditor"]}).to_string();
    let account = ask(&program, &key, "POST", "/v1/users", &wanted);
    let link = format!("/v1/users/{}/sign-on", account["id"]);
    let linked = ask(&program, &key, "PUT", &link, r#"{"subject": "subject-of-kim"}"#);
    assert_eq!(linked["sign_on"]["subject"], "subject-of-kim");
    let again = ask(&program, &key, "PUT", "/v1/users/1/sign-on", r#"{"subject": "subject-of-kim"}"#);
    assert!(text(&again["detail"]).contains("kim.lee is linked"), "{again}");
    let wrong = ask(&program, &key, "PUT", &link, r#"{"subject": ""}"#);
    assert!(text(&wrong["detail"]).contains("must be the provider's name"), "{wrong}");
    assert_eq!(kim.sign_on().at, kim.url("/recordings"));
    let session = kim.session();
    assert_eq!(
        (&session["name"], &session["roles"], &session["password"]),
        (&json!("kim.lee"), &json!(["auditor"]), &json!(true))
    );

    ask(&program, &key, "DELETE", &link, "");
    assert_eq!(kim.session()["kind"], "nobody");
    assert_eq!(kim.sign_on().at, kim.url("/login?sign_on=unknown&next=%2Frecordings"));
}

#[test]
fn while_the_provider_is_away_a_password_still_opens_the_door() {
    let place = Place::new();
    let (program, key) = place.start(&format!("http://127.0.0.1:{}", free_port()), GROUPS);
    let ada = place.browser("ada");
    let came = ada.sign_on();
    assert_eq!(came.at, ada.url("/login?sign_on=unavailable&next=%2Frecordings"));
    let [outcome, answer, _, detail] = on_record(&program, &key).pop().expect("it is on record");
    assert_eq!((outcome.as_str(), answer.as_str()), ("failed", "unavailable"));
    assert!(detail.contains("takes no connection"), "{detail}");
    assert_eq!(counted(&program, &key, "unavailable"), 1);
    let login = json!({"name": "ada", "password": PASSWORD}).to_string();
    let session = ada.go(&["-d", &login, &ada.url("/v1/session")]);
    assert_eq!((session.status, &session.json()["password"]), (201, &json!(true)));
    let mut out = ada.go(&["-X", "DELETE", &ada.url("/v1/session")]);
    assert_eq!(out.status, 403, "without its token");
    let token = format!("X-CSRF-Token: {}", text(&session.json()["csrf_token"]));
    out = ada.go(&["-X", "DELETE", "-H", &token, &ada.url("/v1/session")]);
    assert_eq!(out.status, 204, "who came by password leaves here only");
}

/// What is forged about the claims of a token.
type Change<'c> = &'c dyn Fn(&mut Value);

/// A provider that says what a test wants it to.
struct Forger {
    issuer: String,
    /// What the token endpoint answers: a status and a body.
    answer: Arc<Mutex<(u16, Value)>>,
}

fn own_key() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("32 bytes")
}

impl Forger {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let issuer = format!("http://{}", listener.local_addr().expect("an address"));
        let answer = Arc::new(Mutex::new((500, Value::Null)));
        let forger = Self { issuer: issuer.clone(), answer: answer.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                respond(stream, &issuer, &answer);
            }
        });
        forger
    }

    /// The claims of a token as it should be for this sign-on.
    fn claims(&self, nonce: &str) -> Value {
        let now = jiff::Timestamp::now().as_second();
        json!({
            "iss": self.issuer, "aud": "sidetone", "sub": "7", "nonce": nonce, "iat": now, "exp": now + 300,
            "preferred_username": "dana", "groups": ["leads"],
        })
    }

    /// The next code is exchanged for this token.
    fn gives(&self, token: &str) {
        *self.answer.lock().expect("nobody panics") =
            (200, json!({"id_token": token, "token_type": "Bearer"}));
    }
}

/// Answers one request.
fn respond(stream: TcpStream, issuer: &str, answer: &Mutex<(u16, Value)>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let (mut first, mut length) = (String::new(), 0);
    let _ = reader.read_line(&mut first);
    loop {
        let mut line = String::new();
        let _ = reader.read_line(&mut line);
        if let Some(told) = line.to_lowercase().strip_prefix("content-length:") {
            length = told.trim().parse().expect("a number");
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let _ = reader.read_exact(&mut vec![0; length]);
    let public = URL_SAFE_NO_PAD.encode(own_key().public_key());
    let (status, body) = match first.split(' ').nth(1).unwrap_or_default() {
        "/.well-known/openid-configuration" => (
            200,
            json!({
                "issuer": issuer, "authorization_endpoint": format!("{issuer}/auth"),
                "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
            }),
        ),
        "/keys" => (200, json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "own", "x": public}]})),
        _ => answer.lock().expect("nobody panics").clone(),
    };
    let body = body.to_string();
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let _ = (&stream).write_all((head + &body).as_bytes());
}

/// A token with this head and these claims, signed by a key.
fn signed(key: &Ed25519KeyPair, head: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(head), part(claims));
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes())))
}

/// Begins to sign on; state and nonce, as the provider sees them.
fn begin(browser: &Browser) -> (String, String) {
    let sent = browser.go(&[&browser.url("/v1/session/sign-on")]);
    let parameters = sent.parameters();
    assert_eq!((sent.status, parameters["code_challenge_method"].as_str()), (303, "S256"));
    assert_eq!(parameters["redirect_uri"], browser.url("/v1/session/sign-on/callback"));
    (parameters["state"].clone(), parameters["nonce"].clone())
}

#[test]
fn a_token_that_is_not_by_the_provider_for_us_for_this_sign_on_and_of_now_lets_nobody_in() {
    let (place, forger) = (Place::new(), Forger::start());
    let (program, key) = place.start(&forger.issuer, GROUPS);
    let browser = place.browser("dana");
    let (head, own) = (json!({"alg": "EdDSA", "kid": "own"}), own_key());
    let stranger = Ed25519KeyPair::generate().expect("randomness");
    let now = jiff::Timestamp::now().as_second();
    let forged = |change: Change<'_>| {
        let (state, nonce) = begin(&browser);
        let mut claims = forger.claims(&nonce);
        change(&mut claims);
        (state, claims)
    };
    let claims_of: [(&str, Change<'_>); 7] = [
        ("untrusted", &|claims| claims["nonce"] = json!("of another sign-on")),
        ("untrusted", &|claims| claims["aud"] = json!("another client")),
        ("untrusted", &|claims| claims["aud"] = json!(["sidetone", "another client"])),
        ("untrusted", &|claims| claims["iss"] = json!("http://127.0.0.1:1")),
        ("untrusted", &|claims| claims["sub"] = json!("")),
        ("clock", &|claims| claims["exp"] = json!(now - 120)),
        ("clock", &|claims| claims["iat"] = json!(now + 600)),
    ];
    let mut wanted = Vec::new();
    for (word, change) in claims_of {
        let (state, claims) = forged(change);
        forger.gives(&signed(&own, &head, &claims));
        assert_eq!(
            browser.come_back(&format!("state={state}&code=c")),
            format!("/login?sign_on={word}"),
            "{claims}"
        );
        wanted.push(word);
    }
    let heads = [
        (json!({"alg": "none"}), None),
        (json!({"alg": "HS256", "kid": "own"}), Some(&own)),
        (json!({"alg": "RS256", "kid": "own"}), Some(&own)),
        (head.clone(), Some(&stranger)),
        (json!({"alg": "EdDSA", "kid": "unknown"}), Some(&stranger)),
    ];
    for (head, key) in heads {
        let (state, claims) = forged(&|_| ());
        let mut token = signed(key.unwrap_or(&own), &head, &claims);
        if key.is_none() {
            token.truncate(token.rfind('.').expect("three parts") + 1);
        }
        forger.gives(&token);
        assert_eq!(browser.come_back(&format!("state={state}&code=c")), "/login?sign_on=untrusted", "{head}");
        wanted.push("untrusted");
    }
    assert_eq!(browser.session()["kind"], "nobody");
    let (state, claims) = forged(&|_| ());
    forger.gives(&signed(&own, &head, &claims));
    assert_eq!(browser.come_back(&format!("state={state}&code=c")), "/");
    assert_eq!(browser.session()["name"], "dana");
    wanted.push("303");
    let told: Vec<String> = on_record(&program, &key).into_iter().map(|[_, answer, ..]| answer).collect();
    assert_eq!(told, wanted);
    assert_eq!([counted(&program, &key, "untrusted"), counted(&program, &key, "clock")], [10, 2]);
}

#[test]
fn a_sign_on_is_good_once_and_in_the_browser_it_began_in() {
    let (place, forger) = (Place::new(), Forger::start());
    let (program, key) = place.start(&forger.issuer, GROUPS);
    let (browser, other) = (place.browser("dana"), place.browser("other"));
    let good = |nonce: &str| signed(&own_key(), &json!({"alg": "EdDSA"}), &forger.claims(nonce));
    let back = |browser: &Browser, query: &str| browser.come_back(query);

    let (state, nonce) = begin(&browser);
    forger.gives(&good(&nonce));
    assert_eq!(back(&browser, &format!("state={state}&code=c")), "/");
    let before = browser.session();
    assert_eq!(back(&browser, &format!("state={state}&code=c")), "/login?sign_on=stale", "a second time");
    assert_eq!(browser.session()["csrf_token"], before["csrf_token"], "who is logged in stays so");

    // What one browser has begun does not log another in: not with its own cookie, and not without one.
    let (state, nonce) = begin(&browser);
    forger.gives(&good(&nonce));
    begin(&other);
    assert_eq!(back(&other, &format!("state={state}&code=c")), "/login?sign_on=stale");
    assert_eq!(
        back(&browser, &format!("state={state}&code=c")),
        "/login?sign_on=stale",
        "others have seen it"
    );
    let (state, _) = begin(&browser);
    assert_eq!(back(&place.browser("third"), &format!("state={state}&code=c")), "/login?sign_on=stale");
    assert_eq!(other.session()["kind"], "nobody");
    for query in
        ["", "code=c", "state=&code=c", "state=x&code=c", &format!("state={state}&state={state}&code=c")]
    {
        assert_eq!(back(&browser, query), "/login?sign_on=stale", "{query}");
    }

    // Another provider answers, this one says no, does not take the code, or talks nonsense.
    for (more, answer, word) in [
        ("code=c&iss=http%3A%2F%2Fevil.example", (200, json!({})), "untrusted"),
        ("error=access_denied&error_description=no", (200, json!({})), "refused"),
        ("error=%0d%0aSet-Cookie", (200, json!({})), "refused"),
        ("", (200, json!({})), "refused"),
        ("code=used", (400, json!({"error": "invalid_grant"})), "refused"),
        ("code=c", (401, json!({"error": "invalid_client"})), "unavailable"),
        ("code=c", (200, json!({"id_token": "nonsense"})), "untrusted"),
        ("code=c", (200, json!(["nonsense"])), "untrusted"),
    ] {
        let (state, _) = begin(&other);
        *forger.answer.lock().expect("nobody panics") = answer;
        assert_eq!(
            back(&other, &format!("state={state}&{more}")),
            format!("/login?sign_on={word}"),
            "{more}"
        );
    }

    // Who goes on like that waits, and is on record no more; a password is another matter.
    let mut last = String::new();
    for _ in 0..20 {
        last = back(&other, "state=x&code=c");
    }
    assert_eq!(last, "/login?sign_on=wait");
    let entries = on_record(&program, &key).len();
    assert_eq!(back(&other, "state=x&code=c"), "/login?sign_on=wait");
    assert_eq!(other.go(&[&other.url("/v1/session/sign-on")]).to, other.url("/login?sign_on=wait"));
    assert_eq!(on_record(&program, &key).len(), entries);
    let login = json!({"name": "ada", "password": PASSWORD}).to_string();
    assert_eq!(other.go(&["-d", &login, &other.url("/v1/session")]).status, 201);
}

#[test]
fn settings_that_could_not_work_stop_the_start_with_what_would_be_right() {
    let wrong = |toml: &str, right: &str| {
        let (status, said) = setup().settings(toml).start_refused();
        assert!(!status.success() && said.contains(right), "{toml}: {said}");
    };
    wrong("[sign_on]\nclient_id = \"x\"\n", "sign_on.issuer");
    wrong("[sign_on]\nissuer = \"http://id.example.com\"\nclient_id = \"x\"\n", "in the clear");
    wrong("[sign_on]\nissuer = \"https://id.example.com\"\nclient_id = \"x\"\n", "http.public_url");
    wrong("[sign_on]\nissuers = \"https://id.example.com\"\n", "issuers");
}

#[test]
fn a_recorder_for_which_nobody_vouches_says_so() {
    let program = setup().start();
    let answer = program.http.get("/v1/session/sign-on");
    assert_eq!(answer.status, 404);
    assert!(text(&answer.json()["detail"]).contains("sign_on.issuer"));
    assert_eq!(program.http.get("/v1/session").ok().json()["sign_on"], Value::Null);
    let at: SocketAddr = program.http.address().parse().expect("an address");
    assert!(at.ip().is_loopback());
}
