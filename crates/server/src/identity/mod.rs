//! Who asks: people by account and password, programs by key or certificate.
//!
//! Accounts and keys are in the index; a copy is in memory, so that a command is known by its key while the index is away.
//! What is written is written to the index first.
//!
//! Belongs here: passwords, keys, cookies, and the way from them to a [`Principal`]. Does not: what a principal may do
//! (`access`), HTTP's answers (`control`), what a system that vouches for people says (`sign_on`): whom it means comes in at
//! `Identity::log_in_external`.

mod accounts;
mod api_keys;
mod attempts;
mod certificates;
mod credentials;
mod external;
mod factor;
mod guesses;
mod hashes;
mod key;
mod logins;
mod names;
mod password;
mod places;
mod program;
mod stays;
mod visits;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use access::{Due, Entry, Grant, Kind, Principal, Role, StayLimits};
use axum::http::HeaderMap;
use calls::time::Wall;
use index::{Account, ApiKey, DatabaseError, KeyHash, Register};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Semaphore;
use vault::RecorderKeys;

use crate::clock::Clock;
use crate::observe::alarms::Alarms;
use crate::observe::metrics::Metrics;
use crate::tls::ClientCertificate;
use attempts::Attempts;
use credentials::Shown;
use guesses::Guesses;
use stays::{Found, Stays};

pub(crate) use accounts::{AccountError, AccountWanted};
pub(crate) use api_keys::{KeyError, NewKey};
pub(crate) use attempts::Throttle;
pub(crate) use credentials::{clear_cookies, cookie_named, hides_login, set_cookie};
pub(crate) use external::{NotAdmitted, Vouched};
pub use hashes::{BadList, HashLines, check as check_hashes, find as find_hash};
pub(crate) use key::PREFIX as KEY_PREFIX;
pub(crate) use logins::{LoggedIn, LoginError, OwnError, Visitor};
pub(crate) use password::check_passphrase;
pub use password::{BadPassword, PasswordRules};
pub(crate) use places::{NoPlace, Place, Places};
pub(crate) use visits::{Ending, Visit};

/// Whether somebody has to show who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Login {
    /// Where HTTP is heard beyond loopback, and from the first account on.
    #[default]
    Auto,
    /// Always.
    Required,
    /// Never: who reaches HTTP may do everything.
    Open,
}

/// What is asked of those who ask.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Whether a login is asked for.
    pub login: Login,
    /// Whether HTTP is heard on loopback only, or was said to need no login.
    pub is_open: bool,
    /// How long a login lasts.
    pub stay: StayLimits,
    /// Whether an erasure or the release of a hold needs another's approval.
    pub four_eyes: bool,
    /// Whether metrics are told to everybody.
    pub open_metrics: bool,
    /// Of whom a second factor is demanded: of those who have one of these roles and log in by password.
    pub factor_of: BTreeSet<Role>,
    /// For how long a password is good that somebody else has set.
    pub first_password: Duration,
}

impl Default for Policy {
    /// Auto on loopback; half an hour idle and twelve hours in all; four eyes; a second factor of nobody; three days for a first
    /// password.
    fn default() -> Self {
        Self {
            login: Login::Auto,
            is_open: true,
            stay: StayLimits {
                idle: Duration::from_secs(30 * 60),
                absolute: Duration::from_secs(12 * 3_600),
            },
            four_eyes: true,
            open_metrics: false,
            factor_of: BTreeSet::new(),
            first_password: Duration::from_hours(72),
        }
    }
}

/// What it is made of.
#[derive(Debug)]
pub struct Wiring {
    /// Where accounts and keys are kept.
    pub register: Register,
    /// What the secrets of second factors are made of.
    pub keys: RecorderKeys,
    /// The recorder's clock.
    pub clock: Clock,
    /// What is asked of those who ask.
    pub policy: Policy,
    /// What new passwords are held to.
    pub passwords: PasswordRules,
    /// Where wrong passwords are counted.
    pub metrics: Arc<Metrics>,
    /// Who is told of guesses.
    pub alarms: Alarms,
}

/// Passwords that are compared at a time: each takes 19 MiB and a core.
const COMPARING_MAX: usize = 2;

/// Knows who asks. Clones are the same.
#[derive(Debug, Clone)]
pub struct Identity(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    register: Register,
    keys: RecorderKeys,
    clock: Clock,
    policy: Policy,
    passwords: PasswordRules,
    known: RwLock<Known>,
    stays: Mutex<Stays>,
    attempts: Mutex<Attempts>,
    guesses: Mutex<Guesses>,
    metrics: Arc<Metrics>,
    alarms: Alarms,
    comparing: Semaphore,
    /// Held by who changes accounts or keys: a change is read, written and seen before the next.
    turn: tokio::sync::Mutex<()>,
    /// Passwords that were right a moment ago, for clients that show theirs with each request.
    right: Mutex<logins::Right>,
}

/// Accounts and keys as they are in the index.
#[derive(Debug, Default)]
struct Known {
    accounts: HashMap<i64, Account>,
    keys: HashMap<i64, ApiKey>,
}

/// The line by which somebody shows who they are.
#[derive(Debug)]
pub(crate) struct ByLine<'a> {
    /// The address they ask from.
    pub(crate) from: String,
    /// Whether it is over TLS.
    pub(crate) is_secure: bool,
    /// The certificate that was shown on it.
    pub(crate) certificate: Option<&'a ClientCertificate>,
}

/// Who asks, as it was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asking {
    pub(crate) principal: Principal,
    /// The login it is known by, where it is one with a cookie.
    pub(crate) login: Option<OpenLogin>,
    shown: Proof,
}

/// What somebody has shown who has no login.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Proof {
    /// Nothing, or a certificate, which is looked at when the line begins.
    None,
    /// The password that was set then.
    Password(Option<Wall>),
    /// The text of a key, by the part that finds it.
    Key(String),
}

/// A login with a cookie, as a request finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenLogin {
    /// Tells it from others.
    id: [u8; 32],
    /// The account.
    pub(crate) account: i64,
    /// What must be sent along to change something.
    pub(crate) csrf: String,
    /// How long it lasts if nothing comes any more.
    pub(crate) left: Duration,
    /// What has to be done before it is good for anything else.
    pub(crate) due: Vec<Due>,
}

/// What is said of an approved request that a recorder did not see done.
const UNFINISHED: &str =
    "the recorder ended before this was known to be done: look whether it is, and if not ask for it anew";

impl Identity {
    /// Reads accounts and keys.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn open(wiring: Wiring) -> Result<Self, DatabaseError> {
        let Wiring { register, keys, clock, policy, passwords, metrics, alarms } = wiring;
        register.fail_unfinished(UNFINISHED).await?;
        let accounts = register.accounts().await?.into_iter().map(|account| (account.number, account));
        let api_keys = register.api_keys().await?.into_iter().map(|key| (key.number, key));
        let known = Known { accounts: accounts.collect(), keys: api_keys.collect() };
        let stays = Mutex::new(Stays::new(policy.stay));
        Ok(Self(Arc::new(Inner {
            register,
            keys,
            clock,
            policy,
            passwords,
            known: RwLock::new(known),
            stays,
            attempts: Mutex::default(),
            guesses: Mutex::default(),
            metrics,
            alarms,
            comparing: Semaphore::new(COMPARING_MAX),
            turn: tokio::sync::Mutex::default(),
            right: Mutex::default(),
        })))
    }

    /// Whether somebody has to show who they are now.
    pub fn asks(&self) -> bool {
        self.asks_by(&self.0.known.read())
    }

    fn asks_by(&self, known: &Known) -> bool {
        match self.0.policy.login {
            Login::Open => false,
            Login::Required => true,
            Login::Auto => !self.0.policy.is_open || !known.accounts.is_empty(),
        }
    }

    /// Whether there is an account.
    pub fn has_accounts(&self) -> bool {
        !self.0.known.read().accounts.is_empty()
    }

    /// Whether what somebody asks for needs the approval of another. Where nobody is asked who they are, nobody could give it.
    pub(crate) fn four_eyes(&self, who: &Principal) -> bool {
        self.0.policy.four_eyes && who.kind != Kind::Local
    }

    /// Whether metrics are told to everybody.
    pub(crate) fn opens_metrics(&self) -> bool {
        self.0.policy.open_metrics
    }

    /// Finds out who asks by a line. Names and passwords are taken from who has nothing better, with `basic`; a certificate counts
    /// for who shows nothing else.
    pub(crate) async fn of(&self, headers: &HeaderMap, line: ByLine<'_>, basic: bool) -> Asking {
        let ByLine { from, is_secure, certificate } = line;
        let mut proof = Proof::None;
        let known = match credentials::shown(headers, is_secure) {
            Shown::Key(text) => {
                proof = key::handle(&text).map_or(Proof::None, |handle| Proof::Key(handle.to_owned()));
                self.by_key(&text, &from)
            }
            Shown::Password(name, password) if basic => {
                let (person, set) = self.by_password(&name, password, &from).await.unzip();
                proof = Proof::Password(set.flatten());
                person
            }
            Shown::Cookie(cookie) => {
                if let Some(asking) = self.by_cookie(&cookie, &from) {
                    return asking;
                }
                None
            }
            Shown::Nothing => certificate.and_then(|shown| self.by_certificate(shown, &from)),
            Shown::Password(..) | Shown::Unreadable => None,
        };
        let unknown =
            || if self.asks() { Principal::nobody(from.clone()) } else { Principal::local(from.clone()) };
        Asking { principal: known.unwrap_or_else(unknown), login: None, shown: proof }
    }

    /// Whether who asked may still do what they might when they asked: their login is not over, their key not taken back, and
    /// nobody has changed what they may do. Whoever is nobody has nothing that could end.
    pub(crate) fn is_same(&self, asking: &Asking) -> bool {
        let Asking { principal, login, shown } = asking;
        let (since_start, now) = (self.0.clock.since_start(), self.0.clock.now());
        if let Some(login) = login
            && !self.0.stays.lock().is_open(&login.id, since_start)
        {
            return false;
        }
        // Of whom something is due may nothing but that, whatever their account may.
        let owes = login.as_ref().is_some_and(|login| !login.due.is_empty());
        let known = self.0.known.read();
        let is_named =
            |name: &str, grant: &Grant| name == principal.name && (owes || *grant == principal.grant);
        let has_password =
            |account: &Account| !matches!(shown, Proof::Password(set) if *set != account.password_set);
        let has_text = |key: &ApiKey| match shown {
            Proof::Key(handle) => texts(key, now).any(|text| text.handle == *handle),
            Proof::None | Proof::Password(_) => true,
        };
        let has_key = |key: &ApiKey| is_alive(key, now) && is_named(&key.name, &key.grant) && has_text(key);
        match principal.kind {
            Kind::Nobody => true,
            Kind::Local => !self.asks_by(&known),
            Kind::Person => known.accounts.values().any(|account| {
                account.active && is_named(&account.name, &account.grant) && has_password(account)
            }),
            Kind::Program => known.keys.values().any(has_key),
            Kind::Peer => known.keys.values().filter(|key| key.certificate.is_some()).any(has_key),
        }
    }

    /// Whether somebody may still do what they might, whatever became of the login they asked with: for what is done for them
    /// after they have gone.
    pub(crate) fn has_same_rights(&self, principal: &Principal) -> bool {
        self.is_same(&Asking { principal: principal.clone(), login: None, shown: Proof::None })
    }

    /// Who asked takes what they asked for: their login is not idle.
    pub(crate) fn is_at_it(&self, asking: &Asking) {
        if let Some(login) = &asking.login {
            self.0.stays.lock().touch(&login.id, self.0.clock.since_start());
        }
    }

    fn by_cookie(&self, cookie: &str, from: &str) -> Option<Asking> {
        let now = self.0.clock.since_start();
        let Found { id, account, csrf, ends, by_password } = self.0.stays.lock().find(cookie, now, from)?;
        let mut principal = self.person(account, from)?;
        let due = self.due(account, by_password);
        if !due.is_empty() {
            principal.grant = Grant::nothing();
        }
        let left = ends.saturating_sub(now);
        let login = Some(OpenLogin { id, account, csrf, left, due });
        Some(Asking { principal, login, shown: Proof::None })
    }

    /// What an account has to do before it may do anything else.
    fn due(&self, account: i64, by_password: bool) -> Vec<Due> {
        let known = self.0.known.read();
        let Some(account) = known.accounts.get(&account) else { return Vec::new() };
        let entry = Entry {
            grant: &account.grant,
            by_password,
            has_first_password: account.password_is_first,
            has_factor: account.factor_on,
        };
        entry.due(&self.0.policy.factor_of)
    }

    /// Until when the password of an account is good, if somebody else has set it and it was not changed since.
    pub(crate) fn first_password_until(&self, account: &Account) -> Option<Wall> {
        let set = account.password_set.filter(|_| account.password_is_first)?;
        Some(set.after(self.0.policy.first_password))
    }

    fn by_key(&self, text: &str, from: &str) -> Option<Principal> {
        let handle = key::handle(text)?;
        let now = self.0.clock.now();
        let known = self.0.known.read();
        let found = known
            .keys
            .values()
            .find(|known| texts(known, now).any(|kept| kept.handle == handle && key::is_right(text, kept)))?;
        is_alive(found, now).then(|| named(Kind::Program, &found.name, &found.grant, from))
    }

    /// The person of an account that may log in.
    fn person(&self, account: i64, from: &str) -> Option<Principal> {
        let known = self.0.known.read();
        let account = known.accounts.get(&account).filter(|account| account.active)?;
        Some(named(Kind::Person, &account.name, &account.grant, from))
    }
}

/// The texts by which a key is taken.
fn texts(key: &ApiKey, now: Wall) -> impl Iterator<Item = &KeyHash> {
    let old = key.old.as_ref().filter(|(_, until)| now < *until).map(|(old, _)| old);
    [Some(&key.key), old].into_iter().flatten()
}

/// Whether a key is taken.
fn is_alive(key: &ApiKey, now: Wall) -> bool {
    key.revoked.is_none() && key.expires.is_none_or(|expires| now < expires)
}

fn named(kind: Kind, name: &str, grant: &Grant, from: &str) -> Principal {
    Principal { kind, name: name.to_owned(), grant: grant.clone(), from: from.to_owned() }
}
