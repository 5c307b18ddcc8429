//! At a provider that says whatever it likes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Browser, GROUPS, PASSWORD, Place, counted, on_record};

/// What is forged about the claims of a token.
type Change<'c> = &'c dyn Fn(&mut Value);

/// A provider that says what a test wants it to.
pub(super) struct Forger {
    pub(super) address: SocketAddr,
    /// As it names itself.
    issuer: Arc<Mutex<String>>,
    /// What the token endpoint answers: a status and a body.
    answer: Arc<Mutex<(u16, Value)>>,
}

pub(super) fn own_key() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("32 bytes")
}

impl Forger {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let issuer = Arc::new(Mutex::new(format!("http://{address}")));
        let answer = Arc::new(Mutex::new((500, Value::Null)));
        let forger = Self { address, issuer: issuer.clone(), answer: answer.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let issuer = issuer.lock().expect("nobody panics").clone();
                respond(stream, &issuer, &answer);
            }
        });
        forger
    }

    pub(super) fn issuer(&self) -> String {
        self.issuer.lock().expect("nobody panics").clone()
    }

    /// It is known by another name from now on.
    pub(super) fn goes_by(&self, issuer: &str) {
        issuer.clone_into(&mut self.issuer.lock().expect("nobody panics"));
    }

    /// The claims of a token as it should be for this sign-on.
    pub(super) fn claims(&self, nonce: &str) -> Value {
        let now = jiff::Timestamp::now().as_second();
        json!({
            "iss": self.issuer(), "aud": "sidetone", "sub": "7", "nonce": nonce, "iat": now, "exp": now + 300,
            "preferred_username": "dana", "groups": ["leads"],
        })
    }

    /// The next code is exchanged for this token.
    pub(super) fn gives(&self, token: &str) {
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
pub(super) fn signed(key: &Ed25519KeyPair, head: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(head), part(claims));
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes())))
}

/// Begins to sign on; state and nonce, as the provider sees them.
pub(super) fn begin(browser: &Browser) -> (String, String) {
    let sent = browser.go(&[&browser.url("/v1/session/sign-on")]);
    let parameters = sent.parameters();
    assert_eq!((sent.status, parameters["code_challenge_method"].as_str()), (303, "S256"));
    assert_eq!(parameters["redirect_uri"], browser.url("/v1/session/sign-on/callback"));
    (parameters["state"].clone(), parameters["nonce"].clone())
}

#[test]
fn a_token_that_is_not_by_the_provider_for_us_for_this_sign_on_and_of_now_lets_nobody_in() {
    let (place, forger) = (Place::new(), Forger::start());
    let (program, key) = place.start(&forger.issuer(), GROUPS);
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
    let (program, key) = place.start(&forger.issuer(), GROUPS);
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
