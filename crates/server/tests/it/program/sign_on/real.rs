//! At a provider that others have written, and without one.

use std::net::SocketAddr;

use serde_json::{Value, json};
use sim::counterpart::{Provider, free_port};

use super::super::{setup, text};
use super::{GROUPS, PASSWORD, Place, ask, counted, on_record};

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
    ada.sign_on();
    assert_eq!(counted(&program, &key, "unavailable"), 2);
    assert_eq!(on_record(&program, &key).len(), 1, "it is known by now");
    let login = json!({"name": "ada", "password": PASSWORD}).to_string();
    let session = ada.go(&["-d", &login, &ada.url("/v1/session")]);
    assert_eq!((session.status, &session.json()["password"]), (201, &json!(true)));
    let mut out = ada.go(&["-X", "DELETE", &ada.url("/v1/session")]);
    assert_eq!(out.status, 403, "without its token");
    let token = format!("X-CSRF-Token: {}", text(&session.json()["csrf_token"]));
    out = ada.go(&["-X", "DELETE", "-H", &token, &ada.url("/v1/session")]);
    assert_eq!(out.status, 204, "who came by password leaves here only");
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
