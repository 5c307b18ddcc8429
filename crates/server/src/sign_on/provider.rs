//! What is known of the provider: its addresses and its keys, as it publishes them (OpenID Connect Discovery). Both are kept for
//! an hour, and for a day while it cannot be asked.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::Jwk;
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::Settings;
use super::line::{Answer, Asked, Line};
use super::place::Place;
use super::token::{Claims, Distrust, Expected, Leaving, read, read_leaving};
use crate::clock::Clock;

/// How long what it publishes is taken as it was, and for how long while it cannot be asked.
const FRESH: Duration = Duration::from_secs(3_600);
const OLD: Duration = Duration::from_secs(86_400);

/// How long it is not asked again when it did not answer, or has just told its keys.
const REST: Duration = Duration::from_secs(5);

/// Keys that are looked at.
const KEYS_MAX: usize = 64;

/// The provider, and what is known of it.
pub(super) struct Provider {
    settings: Arc<Settings>,
    clock: Clock,
    line: Line,
    addresses: Mutex<Known<Addresses>>,
    keys: Mutex<Known<Vec<Jwk>>>,
}

/// Something that is asked for now and then.
struct Known<T> {
    found: Option<(Arc<T>, Duration)>,
    /// Why the last try came to nothing, and when.
    failed: Option<(String, Duration)>,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self { found: None, failed: None }
    }
}

impl<T> Known<T> {
    fn younger_than(&self, age: Duration, now: Duration) -> Option<Arc<T>> {
        let is_young = |at: &Duration| now.saturating_sub(*at) < age;
        self.found.as_ref().filter(|(_, at)| is_young(at)).map(|(found, _)| Arc::clone(found))
    }

    /// What is to be used without asking; an error if it was asked a moment ago in vain.
    fn settled(&self, fresh: Duration, now: Duration) -> Option<Result<Arc<T>, String>> {
        if let Some(found) = self.younger_than(fresh, now) {
            return Some(Ok(found));
        }
        let (why, _) = self.failed.as_ref().filter(|(_, at)| now.saturating_sub(*at) < REST)?;
        Some(self.younger_than(OLD, now).ok_or_else(|| why.clone()))
    }

    /// It was asked for.
    fn settle(&mut self, asked: Result<T, String>, now: Duration) -> Result<Arc<T>, String> {
        match asked {
            Ok(found) => {
                let found = Arc::new(found);
                *self = Self { found: Some((Arc::clone(&found), now)), failed: None };
                Ok(found)
            }
            Err(why) => {
                tracing::warn!(why, "the provider of single sign-on cannot be asked");
                self.failed = Some((why.clone(), now));
                self.younger_than(OLD, now).ok_or(why)
            }
        }
    }
}

/// Its addresses.
#[derive(Debug)]
pub(super) struct Addresses {
    /// Where people sign in.
    pub(super) people: Place,
    /// Where codes are exchanged.
    token: Place,
    keys: Place,
    /// Where more is told of somebody, if it is.
    about: Option<Place>,
    /// Where people sign out, if they can.
    pub(super) end: Option<Place>,
    /// Whether it says in its answers who it is (RFC 9207).
    pub(super) names_itself: bool,
    /// Whether it takes a secret in the form only.
    secret_in_form: bool,
}

impl Addresses {
    fn read(document: &Map<String, Value>, issuer: &str) -> Result<Self, String> {
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        if text("issuer") != Some(issuer) {
            let named: String = text("issuer").unwrap_or("nothing").chars().take(200).collect();
            return Err(format!(
                "it names itself \"{named}\"; sign_on.issuer has to say the same, to the letter"
            ));
        }
        let place =
            |name: &str| text(name).map(Place::read).transpose().map_err(|why| format!("its {name}: {why}"));
        let needed = |name: &str| place(name)?.ok_or_else(|| format!("its document has no {name}"));
        let methods = document.get("token_endpoint_auth_methods_supported").and_then(Value::as_array);
        let takes =
            |method: &str| methods.is_none_or(|all| all.iter().any(|one| one.as_str() == Some(method)));
        Ok(Self {
            people: needed("authorization_endpoint")?,
            token: needed("token_endpoint")?,
            keys: needed("jwks_uri")?,
            about: place("userinfo_endpoint")?,
            end: place("end_session_endpoint")?,
            names_itself: document.get("authorization_response_iss_parameter_supported")
                == Some(&Value::Bool(true)),
            secret_in_form: !takes("client_secret_basic") && takes("client_secret_post"),
        })
    }
}

/// Why somebody who came back is not known.
#[derive(Debug)]
pub(super) enum NotVouched {
    /// The provider cannot be asked, or does not know the recorder.
    Unavailable(String),
    /// It does not take the code.
    Refused(String),
    /// What it says is not believed.
    Distrust(Distrust),
}

impl From<Distrust> for NotVouched {
    fn from(distrust: Distrust) -> Self {
        Self::Distrust(distrust)
    }
}

/// What the provider says of somebody, and the token that said so.
pub(super) struct Told {
    pub(super) claims: Claims,
    pub(super) token: String,
}

impl Provider {
    pub(super) fn new(settings: Arc<Settings>, clock: Clock) -> Self {
        let line = Line::new(settings.ca.clone());
        Self { settings, clock, line, addresses: Mutex::default(), keys: Mutex::default() }
    }

    /// Its addresses. One asks at a time; the others wait for what it finds.
    ///
    /// # Errors
    /// Why they are not known, as text.
    pub(super) async fn addresses(&self) -> Result<Arc<Addresses>, String> {
        let mut known = self.addresses.lock().await;
        if let Some(settled) = known.settled(FRESH, self.clock.since_start()) {
            return settled;
        }
        let issuer = &self.settings.issuer;
        let asked = async {
            let place =
                Place::read(&format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')))?;
            let document = document(&self.line.ask(&place, Asked::Document(None)).await?)?;
            Addresses::read(&document, issuer)
        };
        let asked = asked.await;
        known.settle(asked, self.clock.since_start())
    }

    /// Its addresses, if they are known by now.
    pub(super) fn known_addresses(&self) -> Option<Arc<Addresses>> {
        self.addresses.try_lock().ok()?.younger_than(OLD, self.clock.since_start())
    }

    /// Its keys, which are not older than `fresh` where it can be asked.
    async fn keys(&self, place: &Place, fresh: Duration) -> Result<Arc<Vec<Jwk>>, String> {
        let mut known = self.keys.lock().await;
        if let Some(settled) = known.settled(fresh, self.clock.since_start()) {
            return settled;
        }
        let asked = async {
            let document = document(&self.line.ask(place, Asked::Document(None)).await?)?;
            let keys = document.get("keys").and_then(Value::as_array).ok_or("it publishes no keys")?;
            // Keys of kinds we do not know are none of ours.
            let keys = keys.iter().take(KEYS_MAX).filter_map(|key| serde_json::from_value(key.clone()).ok());
            Ok(keys.collect())
        };
        let asked = asked.await;
        known.settle(asked, self.clock.since_start())
    }

    /// Exchanges a code for what the provider says of somebody.
    ///
    /// # Errors
    /// [`NotVouched`].
    pub(super) async fn exchange(
        &self,
        code: &str,
        verifier: &str,
        nonce: &str,
        back: &str,
    ) -> Result<Told, NotVouched> {
        let addresses = self.addresses().await.map_err(NotVouched::Unavailable)?;
        let asked = self
            .exchanged(&addresses, &[("code", code), ("code_verifier", verifier), ("redirect_uri", back)]);
        let answer = self.line.ask(&addresses.token, asked).await.map_err(NotVouched::Unavailable)?;
        let object = answer.object().unwrap_or_default();
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        if answer.status != 200 {
            return Err(refusal(answer.status, text("error")));
        }
        let token = text("id_token").ok_or(Distrust::Malformed)?.to_owned();
        let now_s = self.clock.world_s();
        let Settings { issuer, client_id, acr_values: acr, amr, .. } = &*self.settings;
        let expected = Expected { issuer, client_id, nonce, acr, amr, now_s };
        let claims = self.believed(&addresses, |keys| read(&token, keys, expected)).await?;
        let claims = self.completed(&addresses, claims, text("access_token")).await?;
        Ok(Told { claims, token })
    }

    /// What a token says. One by an unknown key makes us look for new keys, once.
    async fn believed<T>(
        &self,
        addresses: &Addresses,
        read: impl Fn(&[Jwk]) -> Result<T, Distrust>,
    ) -> Result<T, NotVouched> {
        let keys = self.keys(&addresses.keys, FRESH).await.map_err(NotVouched::Unavailable)?;
        match read(&keys) {
            Err(Distrust::Key) => {
                let keys = self.keys(&addresses.keys, REST).await.map_err(NotVouched::Unavailable)?;
                Ok(read(&keys)?)
            }
            read => Ok(read?),
        }
    }

    /// What a logout token says.
    ///
    /// # Errors
    /// [`NotVouched`].
    pub(super) async fn leaving(&self, token: &str) -> Result<Leaving, NotVouched> {
        let addresses = self.addresses().await.map_err(NotVouched::Unavailable)?;
        let Settings { issuer, client_id, .. } = &*self.settings;
        let now_s = self.clock.world_s();
        self.believed(&addresses, |keys| read_leaving(token, keys, (issuer, client_id), now_s)).await
    }

    /// What is claimed, with what the provider tells elsewhere where the token does not say all that is wanted.
    async fn completed(
        &self,
        addresses: &Addresses,
        mut claims: Claims,
        access: Option<&str>,
    ) -> Result<Claims, NotVouched> {
        let (Some(about), Some(access)) = (&addresses.about, access) else { return Ok(claims) };
        if self.settings.names.all().all(|name| super::person::claim(&claims, name).is_some()) {
            return Ok(claims);
        }
        let unreadable = |_| NotVouched::Unavailable("its access token cannot be sent".to_owned());
        let mut bearer = HeaderValue::from_str(&format!("Bearer {access}")).map_err(unreadable)?;
        bearer.set_sensitive(true);
        let answer = self.line.ask(about, Asked::Document(Some(bearer))).await;
        let more = answer.and_then(|answer| document(&answer)).map_err(NotVouched::Unavailable)?;
        // What is told of somebody else is not told (OpenID Connect Core section 5.3.2).
        if more.get("sub") != claims.get("sub") {
            return Err(Distrust::Subject.into());
        }
        for (name, value) in more {
            claims.entry(name).or_insert(value);
        }
        Ok(claims)
    }

    /// The form by which a code is exchanged.
    fn exchanged(&self, addresses: &Addresses, said: &[(&str, &str)]) -> Asked {
        let Settings { client_id, secret, .. } = &*self.settings;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code").extend_pairs(said);
        let authorization = match secret {
            Some(secret) if !addresses.secret_in_form => Some(basic(client_id, &secret.0)),
            secret => {
                form.append_pair("client_id", client_id);
                if let Some(secret) = secret {
                    form.append_pair("client_secret", &secret.0);
                }
                None
            }
        };
        Asked::Form(form.finish(), authorization)
    }
}

/// Name and secret as RFC 6749 section 2.3.1 has them.
fn basic(name: &str, secret: &str) -> HeaderValue {
    let encoded =
        |text: &str| Zeroizing::new(form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>());
    let pair = Zeroizing::new(format!("{}:{}", *encoded(name), *encoded(secret)));
    let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair.as_bytes())))
        .expect("base64 is visible ASCII");
    value.set_sensitive(true);
    value
}

fn document(answer: &Answer) -> Result<Map<String, Value>, String> {
    if answer.status != 200 {
        return Err(format!("it answers {}; a document was asked for", answer.status));
    }
    answer.object().ok_or_else(|| "its answer is no JSON object".to_owned())
}

/// Why a code was not taken: `invalid_grant` is about the code, everything else about us (RFC 6749 section 5.2).
fn refusal(status: u16, error: Option<&str>) -> NotVouched {
    let word: String = error.unwrap_or("no reason").chars().filter(char::is_ascii_graphic).take(60).collect();
    if error == Some("invalid_grant") {
        return NotVouched::Refused(word);
    }
    NotVouched::Unavailable(format!("it does not exchange codes with this recorder: {status}, {word}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://id.example.com";

    fn published() -> Map<String, Value> {
        let document = json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://id.example.com/auth",
            "token_endpoint": "https://id.example.com/token",
            "jwks_uri": "https://keys.example.com/",
        });
        document.as_object().unwrap().clone()
    }

    #[test]
    fn what_a_provider_publishes_is_taken_if_it_is_its_own_and_safe() {
        assert!(Addresses::read(&published(), ISSUER).is_ok());
        let said = |name: &str, value: Value| {
            let mut document = published();
            document.insert(name.to_owned(), value);
            Addresses::read(&document, ISSUER).unwrap_err()
        };
        assert!(said("issuer", json!("https://id.example.com/")).contains("to the letter"));
        assert!(said("issuer", json!(null)).contains("to the letter"));
        assert!(said("token_endpoint", json!("http://id.example.com/token")).contains("in the clear"));
        assert!(said("jwks_uri", json!("file:///etc/passwd")).contains("jwks_uri"));
        assert!(said("authorization_endpoint", json!(7)).contains("no authorization_endpoint"));
        assert!(said("end_session_endpoint", json!("nowhere")).contains("end_session_endpoint"));
    }

    #[test]
    fn what_is_known_is_used_while_the_provider_is_away_and_it_is_not_asked_all_the_time() {
        let s = Duration::from_secs;
        let mut known = Known::default();
        assert!(known.settled(FRESH, s(0)).is_none(), "it has to be asked");
        assert!(known.settle(Err("away".to_owned()), s(0)).is_err());
        assert_eq!(known.settled(FRESH, s(4)), Some(Err("away".to_owned())));
        assert_eq!(known.settled(FRESH, s(5)), None);
        assert_eq!(known.settle(Ok(7), s(5)), Ok(Arc::new(7)));
        assert_eq!(known.settled(FRESH, s(3_600)), Some(Ok(Arc::new(7))));
        assert_eq!(known.settled(FRESH, s(3_605)), None);
        assert_eq!(known.settle(Err("away".to_owned()), s(3_605)), Ok(Arc::new(7)));
        assert_eq!(known.settled(FRESH, s(3_606)), Some(Ok(Arc::new(7))));
        assert!(
            known.settle(Err("away".to_owned()), s(86_405)).is_err(),
            "what is a day old is not believed"
        );
    }
}
