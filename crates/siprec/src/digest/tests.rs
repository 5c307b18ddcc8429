//! The examples of the RFCs, and what a forger, a replayer and a stranger get.

use proptest::prelude::*;

use super::*;

fn credentials() -> Credentials {
    Credentials::of_password("sbc", "sidetone", "secret")
}

fn login(password: &str) -> Login {
    Login { user: "sbc".into(), password: password.into() }
}

fn answered(challenges: &[String], login: &Login) -> String {
    login.answer(challenges.iter().map(String::as_str), "INVITE", "sip:recorder@192.0.2.1", "c0ffee").unwrap()
}

#[test]
fn the_example_of_rfc_7616_comes_out() {
    let words = "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", \
                 nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, \
                 cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth";
    let words = Words::parse(words).unwrap();
    for (algorithm, wanted) in [
        (Algorithm::Sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
    ] {
        let ha1 = algorithm.ha1("Mufasa", "http-auth@example.org", "Circle of Life");
        assert_eq!(response(algorithm, &ha1, "GET", &words), wanted);
    }
}

#[test]
fn the_right_password_is_right_once() {
    let mut verifier = Verifier::new([7; 32]);
    let now = Now::from_secs(100);
    let challenges = verifier.challenge(now, &credentials(), false);
    assert!(challenges[0].contains("SHA-256") && challenges[1].contains("MD5"), "{challenges:?}");
    for challenge in &challenges {
        let one = std::slice::from_ref(challenge);
        let judgement = verifier.judge(now, &credentials(), "INVITE", &answered(one, &login("secret")));
        // Both use one nonce with the count 1: the second is a replay for all we know.
        let wanted = if *challenge == challenges[0] { Judgement::Right } else { Judgement::Stale };
        assert_eq!(judgement, wanted);
    }
    let md5 = Credentials { sha256: None, ..credentials() };
    let challenges = verifier.challenge(now, &md5, false);
    assert_eq!(challenges.len(), 1);
    assert_eq!(
        verifier.judge(now, &md5, "INVITE", &answered(&challenges, &login("secret"))),
        Judgement::Right
    );
}

#[test]
fn wrong_password_wrong_name_wrong_method_and_foreign_nonce_are_the_same() {
    let mut verifier = Verifier::new([7; 32]);
    let challenges = verifier.challenge(Now::ZERO, &credentials(), false);
    let right = answered(&challenges, &login("secret"));
    let foreign = Verifier::new([8; 32]).challenge(Now::ZERO, &credentials(), false);
    for (answer, method) in [
        (answered(&challenges, &login("wrong")), "INVITE"),
        (answered(&challenges, &Login { user: "other".into(), ..login("secret") }), "INVITE"),
        (right.clone(), "BYE"),
        (answered(&foreign, &login("secret")), "INVITE"),
        (right.replace("qop=auth, ", ""), "INVITE"),
        (right.replace("nc=00000001", "nc=1"), "INVITE"),
        (String::from("Basic c2JjOnNlY3JldA=="), "INVITE"),
    ] {
        assert_eq!(verifier.judge(Now::from_secs(1), &credentials(), method, &answer), Judgement::Wrong);
    }
    assert_eq!(verifier.judge(Now::from_secs(1), &credentials(), "INVITE", &right), Judgement::Right);
}

#[test]
fn an_old_nonce_and_a_forgotten_one_are_stale() {
    let mut verifier = Verifier::new([7; 32]);
    let challenges = verifier.challenge(Now::from_secs(1), &credentials(), false);
    let answer = answered(&challenges, &login("secret"));
    let late = Now::from_secs(2) + NONCE_LIFE;
    assert_eq!(verifier.judge(late, &credentials(), "INVITE", &answer), Judgement::Stale);
    assert!(verifier.challenge(late, &credentials(), true)[0].contains("stale=true"));

    let now = Now::from_secs(2);
    assert_eq!(verifier.judge(now, &credentials(), "INVITE", &answer), Judgement::Right);
    for _ in 0..MAX_NONCES {
        let challenges = verifier.challenge(now, &credentials(), false);
        let answer = answered(&challenges, &login("secret"));
        assert_eq!(verifier.judge(now, &credentials(), "INVITE", &answer), Judgement::Right);
    }
    assert_eq!(
        verifier.judge(now, &credentials(), "INVITE", &answer),
        Judgement::Stale,
        "forgotten, so not taken"
    );
    assert!(verifier.counts.len() <= MAX_NONCES && verifier.in_use.len() <= MAX_NONCES);
}

proptest! {
    #[test]
    fn nothing_that_is_no_answer_is_right(text in ".{0,200}") {
        let mut verifier = Verifier::new([7; 32]);
        prop_assert_eq!(verifier.judge(Now::ZERO, &credentials(), "INVITE", &text), Judgement::Wrong);
        let padded = format!("Digest {text}");
        prop_assert_eq!(verifier.judge(Now::ZERO, &credentials(), "INVITE", &padded), Judgement::Wrong);
    }

    #[test]
    fn what_is_quoted_comes_back(value in "[ -~]{0,40}") {
        let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
        let words = Words::parse(&format!("Digest a=\"{quoted}\", b=c")).unwrap();
        prop_assert_eq!(words.get("a"), Some(value.as_str()));
        prop_assert_eq!(words.get("b"), Some("c"));
    }
}
