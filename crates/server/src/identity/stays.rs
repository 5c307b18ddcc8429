//! Logins with a cookie. They are in memory: a recorder that starts anew asks people to log in again.

use std::collections::HashMap;
use std::time::Duration;

use access::{Stay, StayLimits};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::Visitor;

/// Logins there may be at a time; of one account, and of all.
const OF_ONE_MAX: usize = 16;
const MAX: usize = 10_000;

/// How somebody has come in.
#[derive(Debug)]
pub(super) enum Way {
    /// By the password of their account.
    Password,
    /// By a provider that vouches for them.
    Vouched(Vouching),
}

/// By whose word somebody is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Vouching {
    /// The provider, and its name for them.
    pub(super) issuer: String,
    pub(super) subject: String,
    /// Its name for the session they have there, if it has told one.
    pub(super) session: Option<String>,
    /// What is shown there when the login ends.
    pub(super) hint: String,
}

impl Vouching {
    /// Whether a provider means this login: by its name for the person, for their session, or by both.
    fn is_meant(&self, issuer: &str, subject: Option<&str>, session: Option<&str>) -> bool {
        let is_theirs = subject.is_none_or(|subject| subject == self.subject);
        let is_of_it = session.is_none_or(|session| Some(session) == self.session.as_deref());
        let is_said = subject.is_some() || session.is_some();
        is_said && self.issuer == issuer && is_theirs && is_of_it
    }
}

/// Who has come in, and from where.
#[derive(Debug)]
pub(super) struct Entered {
    pub(super) account: i64,
    pub(super) way: Way,
    pub(super) visitor: Visitor,
}

/// One login.
#[derive(Debug)]
struct Open {
    account: i64,
    stay: Stay,
    csrf: String,
    way: Way,
    /// With what, and from where last.
    visitor: Visitor,
}

/// A login as a request finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) id: [u8; 32],
    pub(super) account: i64,
    pub(super) csrf: String,
    /// Whether it began with a password.
    pub(super) by_password: bool,
    /// When it ends if nothing comes any more, since the recorder's start.
    pub(super) ends: Duration,
}

/// A login as whose it is sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) id: [u8; 32],
    pub(super) stay: Stay,
    pub(super) by_password: bool,
    pub(super) visitor: Visitor,
}

/// All of them, by the SHA-256 of their cookie: who reads the memory learns no cookie.
#[derive(Debug)]
pub(super) struct Stays {
    limits: StayLimits,
    open: HashMap<[u8; 32], Open>,
}

impl Stays {
    pub(super) fn new(limits: StayLimits) -> Self {
        Self { limits, open: HashMap::new() }
    }

    /// Begins one; its cookie is returned. Where there are too many, the one that would end first ends.
    pub(super) fn begin(&mut self, entered: Entered, now: Duration) -> Result<String, getrandom::Error> {
        let Entered { account, way, visitor } = entered;
        let mut token = [0; 32];
        getrandom::fill(&mut token)?;
        let cookie = URL_SAFE_NO_PAD.encode(token);
        self.open.retain(|_, open| !open.stay.is_over(&self.limits, now));
        let own = self.open.values().filter(|open| open.account == account).count();
        if own >= OF_ONE_MAX {
            self.end_first(|open| open.account == account);
        }
        if self.open.len() >= MAX {
            self.end_first(|_| true);
        }
        let open = Open { account, stay: Stay::begin(now), csrf: csrf(&cookie), way, visitor };
        self.open.insert(digest(&cookie), open);
        Ok(cookie)
    }

    fn end_first(&mut self, is_meant: impl Fn(&Open) -> bool) {
        let meant = self.open.iter().filter(|(_, open)| is_meant(open));
        let first = meant.min_by_key(|(_, open)| open.stay.ends(&self.limits)).map(|(key, _)| *key);
        first.map(|key| self.open.remove(&key));
    }

    /// The login of a cookie, if it is not over. Its idle time begins anew, and it is where it is asked from.
    pub(super) fn find(&mut self, cookie: &str, now: Duration, from: &str) -> Option<Found> {
        let key = digest(cookie);
        let open = self.open.get_mut(&key)?;
        if open.stay.is_over(&self.limits, now) {
            self.open.remove(&key);
            return None;
        }
        open.stay.touch(&self.limits, now);
        if open.visitor.from != from {
            from.clone_into(&mut open.visitor.from);
        }
        Some(Found {
            id: key,
            account: open.account,
            csrf: open.csrf.clone(),
            by_password: matches!(open.way, Way::Password),
            ends: open.stay.ends(&self.limits),
        })
    }

    /// Whether one is not over. Its idle time goes on.
    pub(super) fn is_open(&self, id: &[u8; 32], now: Duration) -> bool {
        self.open.get(id).is_some_and(|open| !open.stay.is_over(&self.limits, now))
    }

    /// The idle time of one that is not over begins anew.
    pub(super) fn touch(&mut self, id: &[u8; 32], now: Duration) {
        if let Some(open) = self.open.get_mut(id) {
            open.stay.touch(&self.limits, now);
        }
    }

    /// Ends one, and gives what is shown where it was signed on.
    pub(super) fn end(&mut self, cookie: &str) -> Option<String> {
        match self.open.remove(&digest(cookie))?.way {
            Way::Password => None,
            Way::Vouched(vouching) => Some(vouching.hint),
        }
    }

    /// Those of an account that are not over, the oldest first.
    pub(super) fn of_account(&self, account: i64, now: Duration) -> Vec<Listed> {
        let own = self.open.iter().filter(|(_, open)| open.account == account);
        let mut listed: Vec<Listed> = own
            .filter(|(_, open)| !open.stay.is_over(&self.limits, now))
            .map(|(id, open)| Listed {
                id: *id,
                stay: open.stay,
                by_password: matches!(open.way, Way::Password),
                visitor: open.visitor.clone(),
            })
            .collect();
        listed.sort_by_key(|listed| (listed.stay.began(), listed.id));
        listed
    }

    /// Ends one of an account. Whether it was there.
    pub(super) fn end_one(&mut self, account: i64, id: &[u8; 32]) -> bool {
        let is_own = self.open.get(id).is_some_and(|open| open.account == account);
        is_own && self.open.remove(id).is_some()
    }

    /// Ends those that a provider means; their accounts.
    pub(super) fn end_vouched(
        &mut self,
        issuer: &str,
        subject: Option<&str>,
        session: Option<&str>,
    ) -> Vec<i64> {
        let mut ended = Vec::new();
        self.open.retain(|_, open| {
            let is_meant =
                matches!(&open.way, Way::Vouched(vouching) if vouching.is_meant(issuer, subject, session));
            if is_meant {
                ended.push(open.account);
            }
            !is_meant
        });
        ended.sort_unstable();
        ended.dedup();
        ended
    }

    /// Ends all of an account, but for one.
    pub(super) fn end_all(&mut self, account: i64, but: Option<[u8; 32]>) {
        self.open.retain(|key, open| open.account != account || Some(*key) == but);
    }
}

fn digest(cookie: &str) -> [u8; 32] {
    Sha256::digest(cookie.as_bytes()).into()
}

/// What a page must send along to change something: made of the cookie, which another page cannot read.
fn csrf(cookie: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(cookie.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(b"csrf");
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "192.0.2.1";

    const S: Duration = Duration::from_secs(1);

    /// Somebody comes in by their password.
    fn by_password(account: i64) -> Entered {
        let visitor = Visitor { from: "192.0.2.1".to_owned(), program: "curl".to_owned() };
        Entered { account, way: Way::Password, visitor }
    }

    fn stays() -> Stays {
        Stays::new(StayLimits { idle: 60 * S, absolute: 600 * S })
    }

    #[test]
    fn a_login_is_found_by_its_cookie_until_it_is_over() {
        let mut stays = stays();
        let cookie = stays.begin(by_password(7), Duration::ZERO).unwrap();
        let found = stays.find(&cookie, 59 * S, HERE).unwrap();
        assert_eq!((found.account, found.ends), (7, 119 * S));
        assert_ne!(found.csrf, cookie);
        assert_eq!(stays.find(&cookie, 120 * S, HERE), None);
        assert_eq!(stays.find(&cookie, 60 * S, HERE), None, "over is over");
        assert_eq!(stays.find("", Duration::ZERO, HERE), None);
    }

    #[test]
    fn who_changes_a_password_stays_and_who_else_was_logged_in_does_not() {
        let mut stays = stays();
        let (own, other, foreign) = (
            stays.begin(by_password(7), S).unwrap(),
            stays.begin(by_password(7), S).unwrap(),
            stays.begin(by_password(8), S).unwrap(),
        );
        stays.end_all(7, Some(digest(&own)));
        assert!(stays.find(&own, S, HERE).is_some());
        assert!(stays.find(&other, S, HERE).is_none());
        assert!(stays.find(&foreign, S, HERE).is_some());
        stays.end(&foreign);
        assert!(stays.find(&foreign, S, HERE).is_none());
    }

    #[test]
    fn somebody_sees_their_own_logins_and_ends_one_and_nobody_elses() {
        let mut stays = stays();
        let (first, second) =
            (stays.begin(by_password(7), S).unwrap(), stays.begin(by_password(7), 2 * S).unwrap());
        let foreign = stays.begin(by_password(8), S).unwrap();
        stays.find(&first, 30 * S, "2001:db8::1");
        let seen = stays.of_account(7, 40 * S);
        let told: Vec<_> =
            seen.iter().map(|it| (it.id, it.stay.began(), it.stay.seen(), &*it.visitor.from)).collect();
        assert_eq!(told, [(digest(&first), S, 30 * S, "2001:db8::1"), (digest(&second), 2 * S, 2 * S, HERE)]);
        assert_eq!(stays.of_account(7, 70 * S).len(), 1, "what is over is not shown");
        assert!(!stays.end_one(7, &digest(&foreign)), "another's is not there");
        assert!(stays.end_one(7, &digest(&second)) && !stays.end_one(7, &digest(&second)));
        assert!(stays.find(&foreign, 40 * S, HERE).is_some() && stays.find(&second, 40 * S, HERE).is_none());
    }

    #[test]
    fn a_provider_ends_the_session_or_the_person_it_names_and_nobody_who_came_by_password() {
        let mut stays = stays();
        let mut vouched = |issuer: &str, subject: &str, session: Option<&str>| {
            let (issuer, subject, hint) = (issuer.to_owned(), subject.to_owned(), String::new());
            let vouching = Vouching { issuer, subject, session: session.map(str::to_owned), hint };
            stays.begin(Entered { way: Way::Vouched(vouching), ..by_password(7) }, S).unwrap()
        };
        let [one, two, silent] =
            [Some("s1"), Some("s2"), None].map(|session| vouched("https://id", "dana", session));
        let [foreign, elsewhere] =
            [vouched("https://id", "kim", Some("s3")), vouched("https://other", "dana", Some("s1"))];
        let near = stays.begin(by_password(7), S).unwrap();
        let mut end = |subject, session| {
            let ended = stays.end_vouched("https://id", subject, session);
            let open = [&one, &two, &silent, &foreign, &elsewhere, &near]
                .map(|cookie| stays.find(cookie, S, HERE).is_some());
            (ended, open.map(u8::from))
        };
        assert_eq!(end(None, None), (vec![], [1, 1, 1, 1, 1, 1]));
        assert_eq!(end(Some("kim"), Some("s1")), (vec![], [1, 1, 1, 1, 1, 1]), "both have to be right");
        assert_eq!(end(None, Some("s1")), (vec![7], [0, 1, 1, 1, 1, 1]));
        assert_eq!(end(Some("dana"), None), (vec![7], [0, 0, 0, 1, 1, 1]));
        assert_eq!(end(Some("kim"), Some("s3")), (vec![7], [0, 0, 0, 0, 1, 1]));
    }

    #[test]
    fn logins_of_one_account_are_limited_and_the_oldest_ends() {
        let mut stays = stays();
        let first = stays.begin(by_password(7), S).unwrap();
        let others: Vec<String> =
            (2..=17).map(|second| stays.begin(by_password(7), second * S).unwrap()).collect();
        assert!(stays.find(&first, 18 * S, HERE).is_none());
        assert!(others.iter().all(|cookie| stays.find(cookie, 18 * S, HERE).is_some()));
    }
}
