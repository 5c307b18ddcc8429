//! Where everything is said over TLS.

use serde_json::{Value, json};
use sim::counterpart::{Nginx, free_port};

use super::super::setup;
use super::super::tls::Authority;
use super::forged::{Forger, begin, own_key, signed};
use super::{Browser, GROUPS, PASSWORD};

#[test]
fn a_provider_is_believed_by_its_authority_only_and_cookies_are_for_this_host_over_tls_only() {
    let address = format!("127.0.0.1:{}", free_port());
    let setup = setup().argument("--http").argument(&address);
    let (authority, forger) = (Authority::new(&setup, "ca"), Forger::start());
    let [own, shown] = ["http", "provider"].map(|file| authority.give(file, &["127.0.0.1"]));
    let nginx = Nginx::start(&setup.beside("nginx"), (&shown.certificate, &shown.key), forger.address);
    forger.goes_by(&format!("https://{}", nginx.address));
    let settings = |ca: &str| {
        format!(
            "[http.tls]\ncertificate = \"{}\"\nkey = \"{}\"\n\
             [sign_on]\nissuer = \"https://{}\"\nclient_id = \"sidetone\"\n{ca}{GROUPS}",
            own.certificate.display(),
            own.key.display(),
            nginx.address
        )
    };
    let jar = setup.beside("cookies");
    let browser =
        Browser { jar: jar.clone(), home: format!("https://{address}"), ca: Some(authority.file.clone()) };
    let kept = || std::fs::read_to_string(&jar).expect("curl keeps cookies");

    let program = setup.clone().settings(&settings("")).start();
    let ada = json!({"name": "ada", "password": PASSWORD, "roles": ["administrator"]}).to_string();
    assert_eq!(browser.go(&["-d", &ada, &browser.url("/v1/users/first")]).status, 201);
    let sent = browser.go(&[&browser.url("/v1/session/sign-on")]);
    assert_eq!(sent.to, browser.url("/login?sign_on=unavailable"));
    program.stop();

    let ca = format!("ca = \"{}\"\n", authority.argument());
    let _program = setup.clone().settings(&settings(&ca)).start();
    let (state, nonce) = begin(&browser);
    assert!(kept().contains("TRUE\t") && kept().contains("\t__Host-sidetone-sign-on\t"), "{}", kept());
    forger.gives(&signed(&own_key(), &json!({"alg": "EdDSA", "kid": "own"}), &forger.claims(&nonce)));
    let back = browser.url(&format!("/v1/session/sign-on/callback?state={state}&code=c"));
    let came = browser.go(&["-i", &back]);
    assert_eq!(came.to, browser.url("/"), "{}", came.body);
    let ended = "set-cookie: __Host-sidetone-sign-on=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure";
    assert!(came.body.contains(ended) && kept().contains("\t__Host-sidetone\t"), "{}", came.body);
    let session: Value = browser.session();
    assert_eq!((&session["name"], &session["roles"]), (&json!("dana"), &json!(["supervisor"])));
    let leaves = browser.go(&["-X", "DELETE", "-H", "X-CSRF-Token: none", &browser.url("/v1/session")]);
    assert_eq!(leaves.status, 403);
}
