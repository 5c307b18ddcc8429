//! Who has left at the provider has left here, if it is the provider who says so.

use aws_lc_rs::signature::Ed25519KeyPair;
use serde_json::{Value, json};
use sim::counterpart::Provider;

use super::forged::{Forger, begin, own_key, signed};
use super::{Browser, GROUPS, Place, ask, on_record};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// What is on record of logins that have ended: outcome, answer, whose, by whose word.
fn ends(program: &sim::Program, key: &str) -> Vec<[String; 4]> {
    let found = ask(program, key, "GET", "/v1/audit?action=login.end&limit=500", "");
    let items = found["items"].as_array().unwrap_or_else(|| panic!("{found}")).iter().rev();
    let words = ["outcome", "answer", "about", "detail"];
    items.map(|item| words.map(|word| item[word].as_str().unwrap_or_default().to_owned())).collect()
}

/// The value of a field in a form.
fn field(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{page}"));
    rest.split('"').next().unwrap_or_default().to_owned()
}

#[test]
fn who_signs_out_at_a_real_provider_is_signed_out_here_at_once() {
    let place = Place::new();
    std::fs::create_dir(place.setup.beside("provider")).expect("a folder");
    let people = json!({"dana": {"groups": ["leads"]}, "kim": {"groups": ["leads"]}});
    let provider = Provider::start(&place.setup.beside("provider"), &place.home, &people);
    let (program, key) = place.start(&provider.issuer, GROUPS);
    let [dana, kim] = ["dana", "kim"].map(|name| {
        let browser = place.browser(name);
        let came = browser.enter(&browser.sign_on(), &format!("name={name}&enter=1"));
        assert_eq!(came.at, browser.url("/recordings"));
        browser
    });
    let asked = dana.go(&["-L", &format!("{}/session/end", provider.issuer)]);
    assert!(asked.body.contains("Sign out of Example ID"), "{asked:?}");
    assert_eq!(dana.session()["name"], "dana", "she was only asked");
    let form = format!("xsrf={}&logout=yes", field(&asked.body, "xsrf"));
    dana.go(&["-L", "-d", &form, &format!("{}/session/end/confirm", provider.issuer)]);
    assert_eq!(dana.session()["kind"], "nobody");
    assert_eq!(kim.session()["name"], "kim");
    let [outcome, _, whose, detail] = ends(&program, &key).pop().expect("it is on record");
    assert_eq!((outcome.as_str(), whose.as_str()), ("done", "dana"));
    assert!(detail.contains(&provider.issuer) && detail.contains("sid "), "{detail}");
}

/// Sends what claims to be a logout token; the status.
fn told(browser: &Browser, token: &str) -> u16 {
    let body = format!("logout_token={token}");
    browser.go(&["-d", &body, &browser.url("/v1/session/sign-on/logout")]).status
}

#[test]
fn a_logout_token_that_is_not_by_the_provider_for_us_of_now_and_new_ends_nothing() {
    let (place, forger) = (Place::new(), Forger::start());
    let (program, key) = place.start(&forger.issuer(), GROUPS);
    let (dana, stranger) = (place.browser("dana"), place.browser("stranger"));
    let (state, nonce) = begin(&dana);
    let mut claims = forger.claims(&nonce);
    claims["sid"] = json!("s1");
    forger.gives(&signed(&own_key(), &json!({"alg": "EdDSA"}), &claims));
    assert_eq!(dana.come_back(&format!("state={state}&code=c")), "/");

    let now = jiff::Timestamp::now().as_second();
    let good = |jti: &str| {
        json!({
            "iss": forger.issuer(), "aud": "sidetone", "iat": now, "exp": now + 120, "jti": jti, "sid": "s1",
            "events": {EVENT: {}},
        })
    };
    let head = json!({"alg": "EdDSA", "kid": "own", "typ": "logout+jwt"});
    let wrong: [(&str, Value); 9] = [
        ("iss", json!("http://127.0.0.1:1")),
        ("aud", json!("another")),
        ("iat", json!(now - 700)),
        ("exp", json!(now - 120)),
        ("events", json!({"http://schemas.openid.net/event/another": {}})),
        ("nonce", json!(nonce)),
        ("jti", json!(null)),
        ("sid", json!(null)),
        ("sub", json!("")),
    ];
    for (name, value) in wrong {
        let mut claims = good(name);
        claims[name] = value;
        assert_eq!(told(&stranger, &signed(&own_key(), &head, &claims)), 400, "{claims}");
    }
    let another = Ed25519KeyPair::generate().expect("randomness");
    assert_eq!(told(&stranger, &signed(&another, &head, &good("a"))), 400, "another's signature");
    let none = signed(&own_key(), &json!({"alg": "none"}), &good("b"));
    assert_eq!(told(&stranger, &none), 400);
    assert_eq!(
        told(&stranger, &signed(&own_key(), &json!({"alg": "EdDSA", "typ": "at+jwt"}), &good("c"))),
        400
    );
    assert_eq!(told(&stranger, "nonsense"), 400);
    let twice =
        stranger.go(&["-d", "logout_token=a&logout_token=b", &stranger.url("/v1/session/sign-on/logout")]);
    assert_eq!(twice.status, 400);
    let mut elsewhere = good("d");
    elsewhere["sid"] = json!("s2");
    assert_eq!(told(&stranger, &signed(&own_key(), &head, &elsewhere)), 200, "there is no such session");
    assert_eq!(dana.session()["name"], "dana");

    let token = signed(&own_key(), &head, &good("e"));
    assert_eq!(told(&stranger, &token), 200);
    assert_eq!(dana.session()["kind"], "nobody");
    assert_eq!(told(&stranger, &token), 400, "a second time");
    let ended = ends(&program, &key);
    let done: Vec<_> =
        ended.iter().filter(|[outcome, ..]| outcome == "done").map(|it| it[2].as_str()).collect();
    assert_eq!(done, ["", "dana"]);
    assert!(ended.iter().any(|it| it[3].contains("taken before")), "{ended:?}");
}

#[test]
fn whom_the_provider_has_not_made_sure_of_as_the_settings_want_it_is_let_in_nowhere() {
    let place = Place::new();
    std::fs::create_dir(place.setup.beside("provider")).expect("a folder");
    let people = json!({
        "dana": {"groups": ["leads"], "acr": "mfa", "amr": ["pwd", "otp", "mfa"]},
        "kim": {"groups": ["leads"], "acr": "0", "amr": ["pwd"]},
        "lou": {"groups": ["leads"]},
    });
    let provider = Provider::start(&place.setup.beside("provider"), &place.home, &people);
    let strong = format!("acr_values = [\"phr\", \"mfa\"]\namr = [\"mfa\"]\n{GROUPS}");
    let (program, key) = place.start(&provider.issuer, &strong);
    let sent = place.browser("dana").go(&[&place.browser("dana").url("/v1/session/sign-on")]);
    assert_eq!(sent.parameters()["acr_values"], "phr mfa");
    for (name, page) in [
        ("dana", "/recordings"),
        ("kim", "/login?sign_on=weak&next=%2Frecordings"),
        ("lou", "/login?sign_on=weak&next=%2Frecordings"),
    ] {
        let browser = place.browser(name);
        let came = browser.enter(&browser.sign_on(), &format!("name={name}&enter=1"));
        assert_eq!(came.at, browser.url(page), "{name}");
    }
    let told = on_record(&program, &key);
    assert!(told[1][3].contains("acr is 0, and phr or mfa is wanted"), "{told:?}");
    assert!(told[2][3].contains("acr is missing"), "{told:?}");
}
