//! ID tokens: whether one is the provider's, for us, for this sign-on, and of now (OpenID Connect Core section 3.1.3.7).

use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value};

/// What is claimed of somebody.
pub(super) type Claims = Map<String, Value>;

/// How far the two clocks may be apart.
const LEEWAY_S: i64 = 60;

/// Signatures that only the provider can make; `none`, and those by a secret that two have, are not among them.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// The longest token.
const TOKEN_MAX_BYTES: usize = 64 << 10;

/// The longest `sub`, in bytes; OpenID Connect allows 255 characters.
pub(crate) const SUBJECT_MAX_BYTES: usize = 255;

/// The longest `sid` and `jti`, in bytes.
pub(super) const SESSION_MAX_BYTES: usize = 255;

/// How old a logout token may be.
const LEAVING_MAX_S: i64 = 600;

/// What a logout token is about (OpenID Connect Back-Channel Logout section 2.4).
const LEAVING: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Why a token is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Distrust {
    /// It cannot be read.
    #[error("the token cannot be read")]
    Malformed,
    /// It is signed in a way that proves nothing.
    #[error("the token is signed by \"{0}\", which is not taken; RS256 or ES256 would be right")]
    Algorithm(String),
    /// It is signed by a key that the provider does not publish.
    #[error("the token is signed by a key that the provider does not publish")]
    Key,
    /// Its signature is wrong.
    #[error("the signature of the token is wrong")]
    Signature,
    /// It is somebody else's.
    #[error("the token is by another issuer")]
    Issuer,
    /// It is for somebody else.
    #[error("the token is for another client")]
    Audience,
    /// It is of another sign-on.
    #[error("the token belongs to another sign-on: its nonce differs")]
    Nonce,
    /// It names nobody.
    #[error("the token names nobody: its sub is missing or too long")]
    Subject,
    /// The provider has not made sure of them as it should.
    #[error("the provider has not made sure of them as the settings want it: {0}")]
    Weak(String),
    /// It is no logout token.
    #[error("it is no logout token: {0}")]
    NotLeaving(&'static str),
    /// It is not of now.
    #[error("by the recorder's clock the token is {0}")]
    Clock(String),
}

/// What a token has to say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    /// How strongly the provider has to have made sure of them, one of these, if there are any; and by what, all of these.
    pub(super) acr: &'a [String],
    pub(super) amr: &'a [String],
    /// Seconds since 1970.
    pub(super) now_s: i64,
}

/// The claims of a token, if it is signed by one of the keys and says what it has to.
pub(super) fn read(token: &str, keys: &[Jwk], expected: Expected<'_>) -> Result<Claims, Distrust> {
    let claims = verified(token, keys)?;
    check(&claims, expected)?;
    Ok(claims)
}

/// The claims of a token that is signed by one of the keys.
fn verified(token: &str, keys: &[Jwk]) -> Result<Claims, Distrust> {
    let header = header(token).ok_or(Distrust::Malformed)?;
    let named = header.get("alg").and_then(Value::as_str).unwrap_or_default();
    let algorithm = named.parse().ok().filter(|named| ALGORITHMS.contains(named));
    let algorithm = algorithm.ok_or_else(|| Distrust::Algorithm(named.chars().take(20).collect()))?;
    let kid = header.get("kid").and_then(Value::as_str);
    let mut fit = keys.iter().filter(|key| fits(key, kid, algorithm)).peekable();
    fit.peek().ok_or(Distrust::Key)?;
    let mut validation = Validation::new(algorithm);
    // What it claims is checked by us, by our own clock.
    validation.required_spec_claims.clear();
    (validation.validate_exp, validation.validate_aud) = (false, false);
    let decode = |key: &Jwk| {
        let key = DecodingKey::from_jwk(key).ok().filter(|key| key.family() == algorithm.family())?;
        jsonwebtoken::decode::<Claims>(token, &key, &validation).ok()
    };
    fit.find_map(decode).map(|token| token.claims).ok_or(Distrust::Signature)
}

fn header(token: &str) -> Option<Claims> {
    use base64::Engine as _;
    let (header, _) = token.split_once('.').filter(|_| token.len() <= TOKEN_MAX_BYTES)?;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Whether a key may have made a signature of this kind.
fn fits(key: &Jwk, kid: Option<&str>, algorithm: Algorithm) -> bool {
    let common = &key.common;
    let is_named = kid.is_none_or(|kid| common.key_id.as_deref() == Some(kid));
    let is_for_signatures =
        common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature);
    let is_of_kind = common.key_algorithm.is_none_or(|known| known == algorithm.into());
    is_named && is_for_signatures && is_of_kind
}

/// Checks what a token claims.
fn check(claims: &Claims, expected: Expected<'_>) -> Result<(), Distrust> {
    let text = |name| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.issuer) {
        return Err(Distrust::Issuer);
    }
    let us = expected.client_id;
    let audience = match claims.get("aud") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    // Where it is for several, it says to whom it was given.
    let given_to = claims.get("azp").map(|azp| azp.as_str() == Some(us)).unwrap_or(audience.len() == 1);
    if !audience.contains(&us) || !given_to {
        return Err(Distrust::Audience);
    }
    if text("nonce") != Some(expected.nonce) {
        return Err(Distrust::Nonce);
    }
    if !text("sub").is_some_and(|sub| (1..=SUBJECT_MAX_BYTES).contains(&sub.len())) {
        return Err(Distrust::Subject);
    }
    check_strength(claims, expected)?;
    check_times(claims, expected.now_s)
}

/// Whether the provider has made sure of somebody as it should.
fn check_strength(claims: &Claims, expected: Expected<'_>) -> Result<(), Distrust> {
    let acr = claims.get("acr").and_then(Value::as_str);
    if !expected.acr.is_empty() && !expected.acr.iter().any(|wanted| Some(wanted.as_str()) == acr) {
        let acr: String = acr.unwrap_or("missing").chars().take(100).collect();
        return Err(Distrust::Weak(format!("acr is {acr}, and {} is wanted", expected.acr.join(" or "))));
    }
    let by = match claims.get("amr") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    match expected.amr.iter().find(|wanted| !by.contains(&wanted.as_str())) {
        Some(missing) => Err(Distrust::Weak(format!("{missing} is not in its amr"))),
        None => Ok(()),
    }
}

/// Whether it is of now.
fn check_times(claims: &Claims, now: i64) -> Result<(), Distrust> {
    let expires = seconds(claims, "exp").ok_or(Distrust::Malformed)?;
    let issued = seconds(claims, "iat").ok_or(Distrust::Malformed)?;
    let begins = seconds(claims, "nbf").unwrap_or(issued).max(issued);
    if expires.saturating_add(LEEWAY_S) <= now {
        return Err(Distrust::Clock(format!("over since {} s", now.saturating_sub(expires))));
    }
    if begins > now.saturating_add(LEEWAY_S) {
        return Err(Distrust::Clock(format!("of a time that comes in {} s", begins.saturating_sub(now))));
    }
    Ok(())
}

/// Somebody has signed out at the provider, or was signed out there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaving {
    /// Its name for them, for their session, or both.
    pub(super) subject: Option<String>,
    pub(super) session: Option<String>,
    /// Names the token, which is taken once.
    pub(super) id: String,
    /// From when on it would not be taken any more, seconds since 1970.
    pub(super) until_s: i64,
}

/// What a logout token says, if it is signed by one of the keys and is one, for us and of now (section 2.6).
pub(super) fn read_leaving(
    token: &str,
    keys: &[Jwk],
    (issuer, client_id): (&str, &str),
    now_s: i64,
) -> Result<Leaving, Distrust> {
    let claims = verified(token, keys)?;
    let kind = header(token).and_then(|header| Some(header.get("typ")?.as_str()?.to_ascii_lowercase()));
    if !matches!(kind.as_deref(), None | Some("jwt" | "logout+jwt" | "application/logout+jwt")) {
        return Err(Distrust::NotLeaving("its typ is another"));
    }
    check_leaving(&claims, (issuer, client_id), now_s)
}

fn check_leaving(
    claims: &Claims,
    (issuer, client_id): (&str, &str),
    now_s: i64,
) -> Result<Leaving, Distrust> {
    if claims.get("iss").and_then(Value::as_str) != Some(issuer) {
        return Err(Distrust::Issuer);
    }
    let is_for_us = match claims.get("aud") {
        Some(Value::String(one)) => one == client_id,
        Some(Value::Array(many)) => many.iter().any(|one| one.as_str() == Some(client_id)),
        _ => false,
    };
    if !is_for_us {
        return Err(Distrust::Audience);
    }
    // What is asked for at a sign-on is in no logout token: one cannot be shown as the other.
    if claims.contains_key("nonce") {
        return Err(Distrust::NotLeaving("it has a nonce"));
    }
    if !claims.get("events").and_then(|events| events.get(LEAVING)).is_some_and(Value::is_object) {
        return Err(Distrust::NotLeaving("its events do not say so"));
    }
    check_times(claims, now_s)?;
    let issued = seconds(claims, "iat").ok_or(Distrust::Malformed)?;
    let until_s = issued.saturating_add(LEAVING_MAX_S + LEEWAY_S);
    if until_s <= now_s {
        return Err(Distrust::Clock(format!("{} s old", now_s.saturating_sub(issued))));
    }
    let text = |name| match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if (1..=SESSION_MAX_BYTES).contains(&text.len()) => Ok(Some(text.clone())),
        Some(_) => Err(Distrust::Malformed),
    };
    let id = text("jti")?.ok_or(Distrust::NotLeaving("it has no jti"))?;
    match (text("sub")?, text("sid")?) {
        (None, None) => Err(Distrust::Subject),
        (subject, session) => Ok(Leaving { subject, session, id, until_s }),
    }
}

/// A time, which may have a fraction (RFC 7519 section 2).
fn seconds(claims: &Claims, name: &str) -> Option<i64> {
    let number = claims.get(name)?;
    #[expect(clippy::cast_possible_truncation, reason = "a time out of range is one at the end of it")]
    number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds as i64))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const EXPECTED: Expected<'_> = Expected {
        issuer: "https://id.example.com",
        client_id: "sidetone",
        nonce: "n",
        acr: &[],
        amr: &[],
        now_s: 1_000_000,
    };

    fn good() -> Value {
        json!({"iss": "https://id.example.com", "aud": "sidetone", "nonce": "n", "sub": "7", "exp": 1_000_300, "iat": 999_999})
    }

    fn with(name: &str, value: Value) -> Claims {
        let mut claims = good();
        claims[name] = value;
        claims.as_object().unwrap().clone()
    }

    #[test]
    fn a_token_is_taken_only_by_whom_for_whom_and_when_it_was_meant() {
        assert_eq!(check(good().as_object().unwrap(), EXPECTED), Ok(()));
        let clock = |claims: &Claims| matches!(check(claims, EXPECTED), Err(Distrust::Clock(_)));
        for (name, value, why) in [
            ("iss", json!("https://id.example.com/"), Distrust::Issuer),
            ("iss", json!(null), Distrust::Issuer),
            ("aud", json!("another"), Distrust::Audience),
            ("aud", json!([]), Distrust::Audience),
            ("aud", json!(["sidetone", "another"]), Distrust::Audience),
            ("azp", json!("another"), Distrust::Audience),
            ("nonce", json!("m"), Distrust::Nonce),
            ("nonce", json!(null), Distrust::Nonce),
            ("sub", json!(""), Distrust::Subject),
            ("sub", json!("x".repeat(256)), Distrust::Subject),
            ("sub", json!(7), Distrust::Subject),
            ("exp", json!("soon"), Distrust::Malformed),
            ("iat", json!(null), Distrust::Malformed),
        ] {
            assert_eq!(check(&with(name, value.clone()), EXPECTED), Err(why), "{name}: {value}");
        }
        assert!(clock(&with("exp", json!(999_940))) && !clock(&with("exp", json!(999_941))));
        assert!(clock(&with("iat", json!(1_000_061))) && !clock(&with("iat", json!(1_000_060.5))));
        assert!(clock(&with("nbf", json!(1_000_061))));
        let mut several = with("aud", json!(["sidetone", "another"]));
        several.insert("azp".to_owned(), json!("sidetone"));
        assert_eq!(check(&several, EXPECTED), Ok(()));
    }

    #[test]
    fn a_token_is_taken_only_if_the_provider_has_made_sure_of_them_as_the_settings_want_it() {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let (acr, amr) = (words(&["phr", "urn:mfa"]), words(&["mfa", "pwd"]));
        let checked = |claims: &Claims, acr: &[String], amr: &[String]| match check(
            claims,
            Expected { acr, amr, ..EXPECTED },
        ) {
            Ok(()) => "good".to_owned(),
            Err(Distrust::Weak(why)) => why,
            Err(other) => panic!("{other}"),
        };
        assert_eq!(checked(&with("acr", json!("urn:mfa")), &acr, &[]), "good");
        for weak in [json!("0"), json!(null), json!(["urn:mfa"]), json!("urn:mfa phr")] {
            assert!(
                checked(&with("acr", weak.clone()), &acr, &[]).contains("phr or urn:mfa is wanted"),
                "{weak}"
            );
        }
        assert_eq!(checked(&with("amr", json!(["otp", "pwd", "mfa"])), &[], &amr), "good");
        assert_eq!(checked(&with("amr", json!("mfa")), &[], &words(&["mfa"])), "good");
        for weak in [json!(["mfa"]), json!("pwd"), json!(null), json!({"mfa": 1, "pwd": 1})] {
            assert!(checked(&with("amr", weak.clone()), &[], &amr).contains("is not in its amr"), "{weak}");
        }
        let mut both = with("amr", json!(["mfa", "pwd"]));
        assert!(checked(&both, &acr, &amr).contains("missing"));
        both.insert("acr".to_owned(), json!("phr"));
        assert_eq!(checked(&both, &acr, &amr), "good");
    }

    fn leaving() -> Value {
        json!({
            "iss": "https://id.example.com", "aud": "sidetone", "sub": "7", "sid": "s", "jti": "j",
            "exp": 1_000_120, "iat": 999_999, "events": {LEAVING: {}},
        })
    }

    #[test]
    fn a_logout_token_is_taken_only_by_whom_for_whom_and_as_what_it_was_meant() {
        let checked = |claims: &Value| {
            let claims = claims.as_object().unwrap();
            check_leaving(claims, (EXPECTED.issuer, EXPECTED.client_id), EXPECTED.now_s)
        };
        let good = checked(&leaving()).unwrap();
        assert_eq!((good.subject.as_deref(), good.session.as_deref()), (Some("7"), Some("s")));
        assert_eq!((good.id.as_str(), good.until_s), ("j", 999_999 + 660));
        let with = |name: &str, value: Value| {
            let mut claims = leaving();
            claims[name] = value;
            checked(&claims)
        };
        assert!(with("aud", json!(["another", "sidetone"])).is_ok());
        for (name, value, why) in [
            ("iss", json!("https://id.example.com/"), Distrust::Issuer),
            ("aud", json!("another"), Distrust::Audience),
            ("aud", json!(["another"]), Distrust::Audience),
            ("nonce", json!("n"), Distrust::NotLeaving("it has a nonce")),
            ("nonce", json!(null), Distrust::NotLeaving("it has a nonce")),
            ("events", json!({}), Distrust::NotLeaving("its events do not say so")),
            ("events", json!([LEAVING]), Distrust::NotLeaving("its events do not say so")),
            ("events", json!({LEAVING: true}), Distrust::NotLeaving("its events do not say so")),
            ("exp", json!("soon"), Distrust::Malformed),
            ("iat", json!(null), Distrust::Malformed),
            ("sub", json!(7), Distrust::Malformed),
            ("sid", json!("x".repeat(256)), Distrust::Malformed),
            ("jti", json!(""), Distrust::Malformed),
        ] {
            assert_eq!(with(name, value.clone()), Err(why), "{name}: {value}");
        }
        for (name, value) in [("exp", 999_940), ("iat", 1_000_061), ("iat", 999_340)] {
            assert!(matches!(with(name, json!(value)), Err(Distrust::Clock(_))), "{name}: {value}");
        }
        let without = |names: &[&str]| {
            let mut claims = leaving();
            names.iter().for_each(|name| drop(claims.as_object_mut().unwrap().remove(*name)));
            checked(&claims)
        };
        assert_eq!(without(&["sub", "sid"]), Err(Distrust::Subject));
        assert_eq!(without(&["jti"]), Err(Distrust::NotLeaving("it has no jti")));
        assert!(without(&["sub"]).is_ok() && without(&["sid"]).is_ok());
        assert_eq!(without(&["exp"]), Err(Distrust::Malformed));
    }

    #[test]
    fn neither_kind_of_token_is_taken_for_the_other() {
        let of = (EXPECTED.issuer, EXPECTED.client_id);
        let (sign_on, key) = signed(&json!({"alg": "EdDSA", "kid": "k"}), &good());
        let keys = std::slice::from_ref(&key);
        assert_eq!(
            read_leaving(&sign_on, keys, of, EXPECTED.now_s),
            Err(Distrust::NotLeaving("it has a nonce"))
        );
        for kind in ["logout+jwt", "JWT"] {
            let (logout, _) = signed(&json!({"alg": "EdDSA", "kid": "k", "typ": kind}), &leaving());
            assert!(read_leaving(&logout, keys, of, EXPECTED.now_s).is_ok(), "{kind}");
            assert_eq!(read(&logout, keys, EXPECTED), Err(Distrust::Nonce));
        }
        let (other, _) = signed(&json!({"alg": "EdDSA", "kid": "k", "typ": "at+jwt"}), &leaving());
        assert_eq!(
            read_leaving(&other, keys, of, EXPECTED.now_s),
            Err(Distrust::NotLeaving("its typ is another"))
        );
    }

    /// A token as the provider would sign it, with a head of one's choice; and the key that it publishes.
    fn signed(head: &Value, claims: &Value) -> (String, Jwk) {
        signed_by(&Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap(), head, claims)
    }

    fn signed_by(key: &Ed25519KeyPair, head: &Value, claims: &Value) -> (String, Jwk) {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(head), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes()));
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "kid": "k", "use": "sig", "x": URL_SAFE_NO_PAD.encode(key.public_key())});
        (format!("{text}.{signature}"), serde_json::from_value(jwk).unwrap())
    }

    fn why(token: &str, key: &Jwk) -> Distrust {
        read(token, std::slice::from_ref(key), EXPECTED).unwrap_err()
    }

    #[test]
    fn a_token_is_taken_only_with_the_signature_of_a_key_that_is_published() {
        let head = json!({"alg": "EdDSA", "kid": "k"});
        let (token, key) = signed(&head, &good());
        assert_eq!(read(&token, std::slice::from_ref(&key), EXPECTED).unwrap()["sub"], "7");
        let (unnamed, _) = signed(&json!({"alg": "EdDSA"}), &good());
        assert!(read(&unnamed, std::slice::from_ref(&key), EXPECTED).is_ok());

        let mut other = key.clone();
        other.common.key_id = Some("another".to_owned());
        assert_eq!(why(&token, &other), Distrust::Key);
        other.common = key.common.clone();
        other.common.public_key_use = Some(PublicKeyUse::Encryption);
        assert_eq!(why(&token, &other), Distrust::Key);
        let (_, another) = signed_by(&Ed25519KeyPair::generate().unwrap(), &head, &good());
        assert_eq!(why(&token, &another), Distrust::Signature, "a key of the same name");

        let [_, claims, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
        for (alg, signature) in [("none", ""), ("None", ""), ("HS256", signature), ("", signature)] {
            let head = URL_SAFE_NO_PAD.encode(json!({"alg": alg, "kid": "k"}).to_string());
            let forged = format!("{head}.{claims}.{signature}");
            assert_eq!(why(&forged, &key), Distrust::Algorithm(alg.to_owned()));
        }
        let (crossed, _) = signed(&json!({"alg": "RS256", "kid": "k"}), &good());
        assert_eq!(why(&crossed, &key), Distrust::Signature, "another kind of key");
        for none in ["", ".", "a.b", "a.b.c", "e30.e30.e30", &"x".repeat(70_000)] {
            let distrust = why(none, &key);
            assert!(matches!(distrust, Distrust::Malformed | Distrust::Algorithm(_)), "{none}: {distrust}");
        }
    }

    proptest! {
        #[test]
        fn no_other_text_is_a_token(at in 0_usize..200, byte in any::<u8>()) {
            let (token, key) = signed(&json!({"alg": "EdDSA", "kid": "k"}), &good());
            let mut bytes = token.clone().into_bytes();
            let at = at % bytes.len();
            prop_assume!(bytes[at] != byte);
            bytes[at] = byte;
            // The last character of a part may hold bits that mean nothing; a reader that is strict refuses those too.
            if let Ok(other) = String::from_utf8(bytes) {
                prop_assert!(read(&other, std::slice::from_ref(&key), EXPECTED).is_err());
            }
        }
    }
}
