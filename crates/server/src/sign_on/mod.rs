//! Single sign-on: a provider vouches for people, by OpenID Connect's authorization code flow with PKCE.
//!
//! Belongs here: what is said to the provider, and what of its answers is believed. Does not: accounts and logins
//! ([`crate::identity`]), addresses and cookies of ours ([`crate::control`]). Passwords go on working beside it: who vouches may
//! be away.

mod failure;
mod flows;
mod line;
mod news;
mod person;
mod place;
mod provider;
mod taken;
mod token;

use std::fmt;
use std::sync::Arc;

use access::{Lockout, Role};
use parking_lot::Mutex;
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::identity::{Identity, LoggedIn, NotAdmitted, Throttle, Visitor, Vouched};
use crate::observe::metrics::Metrics;
use flows::Flows;
use news::News;
use person::Person;
use provider::Provider;
use taken::Taken;
use token::Leaving;

pub(crate) use failure::Failure;
pub(crate) use flows::PATIENCE;
pub use person::GroupScope;
pub use place::Place;
pub(crate) use token::SUBJECT_MAX_BYTES;

/// Where people come back to, behind the recorder's address.
pub(crate) const CALLBACK: &str = "/v1/session/sign-on/callback";

/// Where they are when they have signed out at the provider.
const LOGIN: &str = "/login";

/// Sign-ons from one address that may come to nothing in a row; many may share it.
const FREE_OF_ADDRESS: u32 = 20;

/// The longest ID token that is kept for signing out.
const HINT_MAX_BYTES: usize = 4_096;

/// Who vouches for people, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The provider, as it names itself.
    pub issuer: String,
    /// As what the recorder is known there.
    pub client_id: String,
    /// What it shows there.
    pub secret: Option<Secret>,
    /// What is asked for, as the provider reads it.
    pub scopes: String,
    /// What stands on the button.
    pub label: String,
    /// Which claims are read.
    pub names: ClaimNames,
    /// What groups may do. If there are none, accounts may do what they were given here.
    pub groups: Vec<Group>,
    /// Whether somebody without an account gets one.
    pub admits: bool,
    /// How strongly the provider has to make sure of people, one of these; as it likes if there are none.
    pub acr_values: Vec<String>,
    /// By what it has to, all of these.
    pub amr: Vec<String>,
    /// Authorities that are believed beside those of the system, PEM.
    pub ca: Option<Vec<u8>>,
    /// The address at which browsers reach the recorder, without a slash at its end.
    pub home: String,
}

/// Which claims are read: by name, or by where they are if they begin with a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimNames {
    /// Names an account.
    pub name: String,
    /// Names groups.
    pub groups: String,
    /// Holds an agent's number.
    pub agent: Option<String>,
}

impl ClaimNames {
    fn all(&self) -> impl Iterator<Item = &str> {
        [self.name.as_str(), self.groups.as_str()].into_iter().chain(self.agent.as_deref())
    }
}

/// What a group may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name, as the claim has it.
    pub name: String,
    /// Roles.
    pub roles: Vec<Role>,
    /// Whose calls they are for.
    pub scope: GroupScope,
}

/// The client's secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Zeroizing<String>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What it is made of.
pub struct Wiring {
    /// Who vouches, and for whom.
    pub settings: Settings,
    /// Where accounts and logins are.
    pub identity: Identity,
    /// The recorder's clock.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// Signs people on. Copies of it are the same.
#[derive(Clone)]
pub struct SignOn(Arc<Inner>);

struct Inner {
    settings: Arc<Settings>,
    identity: Identity,
    clock: Clock,
    metrics: Arc<Metrics>,
    provider: Provider,
    flows: Mutex<Flows>,
    /// Addresses from which sign-ons come to nothing; and word of people who have left.
    misses: Mutex<Throttle>,
    leaving_misses: Mutex<Throttle>,
    /// Logout tokens that were taken.
    taken: Mutex<Taken>,
    news: Mutex<News>,
}

/// Where a browser is sent, and what it takes along.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) to: String,
    pub(crate) cookie: String,
}

/// What a browser brings back from the provider.
#[derive(Debug, Default)]
pub(crate) struct Brought {
    pub(crate) state: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) issuer: Option<String>,
}

/// Somebody is signed on.
#[derive(Debug)]
pub(crate) struct SignedOn {
    pub(crate) logged_in: LoggedIn,
    /// Where in the console to go on.
    pub(crate) next: String,
    /// How, for the audit.
    pub(crate) detail: String,
}

/// Somebody has left at the provider.
#[derive(Debug)]
pub(crate) struct LeftThere {
    /// The accounts whose logins have ended.
    pub(crate) names: Vec<String>,
    /// Whom the provider means, for the audit.
    pub(crate) detail: String,
}

/// Somebody is not.
#[derive(Debug)]
pub(crate) struct NotSignedOn {
    pub(crate) failure: Failure,
    /// Whom the provider vouches for, as far as that is known; for the audit.
    pub(crate) whom: String,
    /// Where they wanted to go on.
    pub(crate) next: Option<String>,
}

impl SignOn {
    /// With a provider that is asked when it is first needed.
    pub fn new(wiring: Wiring) -> Self {
        let Wiring { settings, identity, clock, metrics } = wiring;
        let settings = Arc::new(settings);
        let provider = Provider::new(Arc::clone(&settings), clock);
        let throttle = || Mutex::new(Throttle::of(Lockout::after(FREE_OF_ADDRESS)));
        Self(Arc::new(Inner {
            settings,
            identity,
            clock,
            metrics,
            provider,
            flows: Mutex::default(),
            misses: throttle(),
            leaving_misses: throttle(),
            taken: Mutex::default(),
            news: Mutex::default(),
        }))
    }

    /// What stands on the button.
    pub(crate) fn label(&self) -> &str {
        &self.0.settings.label
    }

    /// The address of the login page at which a sign-on comes to an end: others' cookies do not get there.
    pub(crate) fn login_page(&self) -> String {
        format!("{}{LOGIN}", self.0.settings.home)
    }

    /// The provider, as it names itself.
    pub(crate) fn issuer(&self) -> &str {
        &self.0.settings.issuer
    }

    fn callback(&self) -> String {
        format!("{}{CALLBACK}", self.0.settings.home)
    }

    /// Whether a failure is to be written down. Who is let wait is counted only.
    pub(crate) fn is_news(&self, failure: &Failure) -> bool {
        let is_away = matches!(failure, Failure::Unavailable(_));
        let now = self.0.clock.since_start();
        !matches!(failure, Failure::Wait) && self.0.news.lock().admit(is_away, now)
    }

    /// Sends a browser to the provider; it will go on at `next`.
    ///
    /// # Errors
    /// [`Failure`], counted.
    pub(crate) async fn begin(&self, next: String, from: &str) -> Result<Sent, Failure> {
        self.begun(next, from).await.inspect_err(|failure| failure.counter(&self.0.metrics).increment())
    }

    async fn begun(&self, next: String, from: &str) -> Result<Sent, Failure> {
        let Inner { settings, clock, metrics, provider, flows, misses, .. } = &*self.0;
        misses.lock().admits(from, clock.since_start()).map_err(|_| Failure::Wait)?;
        let addresses = provider.addresses().await.map_err(Failure::Unavailable)?;
        let begun = flows.lock().begin(next, clock.since_start());
        let begun =
            begun.map_err(|error| Failure::Unavailable(format!("there is no randomness: {error}")))?;
        if begun.pushed_out {
            metrics.sign_on_pushed_out.increment();
        }
        let (back, strength) = (self.callback(), settings.acr_values.join(" "));
        let mut asked = vec![
            ("response_type", "code"),
            ("client_id", &settings.client_id),
            ("redirect_uri", back.as_str()),
            ("scope", &settings.scopes),
            ("state", &begun.state),
            ("nonce", &begun.nonce),
            ("code_challenge", &begun.challenge),
            ("code_challenge_method", "S256"),
        ];
        if !strength.is_empty() {
            asked.push(("acr_values", &strength));
        }
        let to = addresses.people.with(&asked);
        Ok(Sent { to, cookie: begun.cookie })
    }

    /// Takes back somebody whom the provider has sent, with the cookie of their browser.
    ///
    /// # Errors
    /// [`NotSignedOn`], counted.
    pub(crate) async fn finish(
        &self,
        brought: Brought,
        cookie: Option<&str>,
        visitor: Visitor,
    ) -> Result<SignedOn, NotSignedOn> {
        let Inner { clock, metrics, misses, .. } = &*self.0;
        let from = visitor.from.clone();
        let finished = self.finished(brought, cookie, visitor).await;
        match &finished {
            Ok(_) => {
                misses.lock().succeed(&from);
                metrics.sign_on_done.increment();
            }
            Err(NotSignedOn { failure, .. }) => {
                if failure.is_theirs() {
                    misses.lock().fail(&from, clock.since_start());
                }
                failure.counter(metrics).increment();
            }
        }
        finished
    }

    async fn finished(
        &self,
        brought: Brought,
        cookie: Option<&str>,
        visitor: Visitor,
    ) -> Result<SignedOn, NotSignedOn> {
        let Inner { clock, provider, flows, misses, .. } = &*self.0;
        let nobody = |failure| NotSignedOn { failure, whom: String::new(), next: None };
        let now = clock.since_start();
        misses.lock().admits(&visitor.from, now).map_err(|_| nobody(Failure::Wait))?;
        let flow = brought.state.as_deref().and_then(|state| flows.lock().take(state, cookie, now));
        let flow = flow.ok_or_else(|| nobody(Failure::Stale))?;
        let somebody =
            |failure: Failure| NotSignedOn { failure, whom: String::new(), next: Some(flow.next.clone()) };
        let code = self.code(brought).await.map_err(somebody)?;
        let told = provider.exchange(&code, &flow.verifier, &flow.nonce, &self.callback()).await;
        let told = told.map_err(|error| somebody(error.into()))?;
        let person = Person::of(&told.claims, &self.0.settings);
        let whom = format!("{} of {}", person.subject, self.issuer());
        let signed_on = self.admit(&person, told.token, visitor).await;
        let (logged_in, detail) = signed_on.map_err(|why| NotSignedOn {
            failure: why.into(),
            whom,
            next: Some(flow.next.clone()),
        })?;
        Ok(SignedOn { logged_in, next: flow.next, detail })
    }

    /// The code in what was brought back, if it comes from the provider.
    async fn code(&self, brought: Brought) -> Result<String, Failure> {
        let Brought { code, error, issuer, state: _ } = brought;
        let addresses = self.0.provider.addresses().await.map_err(Failure::Unavailable)?;
        let is_named = match &issuer {
            Some(issuer) => issuer == self.issuer(),
            None => !addresses.names_itself,
        };
        if !is_named {
            return Err(Failure::Untrusted("the answer is another provider's".to_owned()));
        }
        if let Some(error) = error {
            let word = error.chars().filter(char::is_ascii_graphic).take(60).collect();
            return Err(Failure::Refused(word));
        }
        code.ok_or_else(|| Failure::Refused("it has sent no code".to_owned()))
    }

    async fn admit(
        &self,
        person: &Person,
        token: String,
        visitor: Visitor,
    ) -> Result<(LoggedIn, String), NotAdmitted> {
        let settings = &*self.0.settings;
        let vouched = Vouched {
            issuer: settings.issuer.clone(),
            subject: person.subject.clone(),
            session: person.session.clone(),
            name: person.name.clone(),
            by_groups: (!settings.groups.is_empty()).then(|| person.grant.clone()),
            admits: settings.admits,
            hint: if token.len() <= HINT_MAX_BYTES { token } else { String::new() },
        };
        let logged_in = self.0.identity.log_in_external(vouched, visitor).await?;
        let by = if person.groups.is_empty() {
            String::new()
        } else {
            format!(", groups {}", person.groups.join(", "))
        };
        let roles: Vec<&str> =
            logged_in.asking.principal.grant.roles().iter().map(|role| role.as_str()).collect();
        let detail = format!("{} of {}{by}, roles {}", person.subject, settings.issuer, roles.join(", "));
        Ok((logged_in, detail))
    }

    /// The provider says that somebody has left there: their logins end (OpenID Connect Back-Channel Logout).
    ///
    /// # Errors
    /// [`Failure`]: the token is not believed, or was taken before.
    pub(crate) async fn left_there(&self, token: &str, from: &str) -> Result<LeftThere, Failure> {
        let Inner { clock, provider, identity, leaving_misses, taken, .. } = &*self.0;
        let now = clock.since_start();
        leaving_misses.lock().admits(from, now).map_err(|_| Failure::Wait)?;
        let believed = provider.leaving(token).await.map_err(Failure::from);
        let now_s = clock.world_s();
        let once = believed.and_then(|leaving| {
            let is_new = taken.lock().take(&leaving.id, leaving.until_s, now_s);
            if is_new {
                Ok(leaving)
            } else {
                Err(Failure::Untrusted("the token was taken before".to_owned()))
            }
        });
        let Leaving { subject, session, .. } = once.inspect_err(|failure| {
            if failure.is_theirs() {
                leaving_misses.lock().fail(from, now);
            }
        })?;
        let names = identity.end_vouched(self.issuer(), subject.as_deref(), session.as_deref());
        let said = |name: &str, value: Option<String>| value.map(|value| format!("{name} {value}"));
        let meant = [said("sub", subject), said("sid", session)].into_iter().flatten().collect::<Vec<_>>();
        Ok(LeftThere { names, detail: format!("by {}: {}", self.issuer(), meant.join(", ")) })
    }

    /// Where a browser is sent to sign out at the provider too, if it can; `hint` is the ID token it was signed on with.
    pub(crate) fn leave(&self, hint: &str) -> Option<String> {
        let addresses = self.0.provider.known_addresses()?;
        let page = self.login_page();
        let mut said = vec![
            ("client_id", self.0.settings.client_id.as_str()),
            ("post_logout_redirect_uri", page.as_str()),
        ];
        if !hint.is_empty() {
            said.push(("id_token_hint", hint));
        }
        Some(addresses.end.as_ref()?.with(&said))
    }
}
