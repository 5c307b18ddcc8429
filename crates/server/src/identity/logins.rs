//! Logging in and out, and what people do about their own login.

use std::collections::HashMap;
use std::time::Duration;

use access::Principal;
use calls::time::Wall;
use hmac::{Hmac, KeyInit as _, Mac as _};
use index::{Account, DatabaseError};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::stays::{Entered, Way};
use super::{AccountError, Asking, BadPassword, Identity, attempts, factor, password, program};

/// Why somebody is not logged in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    /// Name, password or code is wrong, or the account may not log in: which, is not told.
    #[error("name, password or code is not right")]
    Wrong,
    /// The password is right, and a code of the second factor is wanted too.
    #[error("a code of the second factor is wanted too: send it as code")]
    CodeWanted,
    /// Too many were wrong.
    #[error("too many wrong passwords; try again in {} seconds", .0.as_secs() + 1)]
    Wait(Duration),
    /// The password is a first one, and was not used in time.
    #[error(
        "this first password was not used in time, and is good for nothing any more; an administrator sets another"
    )]
    Late,
    /// Too many log in at once, or there is no randomness.
    #[error("this cannot be checked now; try again in a moment")]
    Busy,
}

/// Who is at the other end of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Visitor {
    /// The network address.
    pub(crate) from: String,
    /// The program, roughly: `Firefox on Linux`.
    pub(crate) program: String,
}

impl Visitor {
    /// From an address, with a program that says of itself what it is.
    pub(crate) fn new(from: String, headers: &axum::http::HeaderMap) -> Self {
        let said = headers.get(axum::http::header::USER_AGENT).and_then(|said| said.to_str().ok());
        Self { from, program: program::named(said.unwrap_or_default()) }
    }
}

/// Somebody is logged in.
#[derive(Debug)]
pub(crate) struct LoggedIn {
    pub(crate) asking: Asking,
    /// The cookie by which they are known from now on.
    pub(crate) cookie: String,
}

/// Passwords that were right a moment ago, by their HMAC with a key that dies with the recorder.
#[derive(Debug, Default)]
pub(super) struct Right {
    key: Option<[u8; 32]>,
    known: HashMap<[u8; 32], (i64, Duration)>,
}

/// How long a password that was right is taken without comparing it again, and how many are remembered.
const RIGHT_FOR: Duration = Duration::from_secs(60);
const RIGHT_MAX: usize = 1_000;

/// How long and how often a request waits for another of the same client whose password is being compared.
const AT_ONCE_PAUSE: Duration = Duration::from_millis(50);
const AT_ONCE_TRIES: u32 = 60;

impl Right {
    /// What a name and a password are remembered by, and where they were shown: from elsewhere they are compared, and guesses counted.
    fn digest(&mut self, name: &str, password: &str, from: &str) -> Option<[u8; 32]> {
        if self.key.is_none() {
            let mut key = [0; 32];
            getrandom::fill(&mut key).ok()?;
            self.key = Some(key);
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.as_ref()?).ok()?;
        for text in [from, &name.to_lowercase()] {
            mac.update(text.as_bytes());
            mac.update(&[0]);
        }
        mac.update(password.as_bytes());
        Some(mac.finalize().into_bytes().into())
    }

    fn remember(&mut self, digest: [u8; 32], account: i64, now: Duration) {
        self.known.retain(|_, (_, until)| now < *until);
        if self.known.len() < RIGHT_MAX {
            self.known.insert(digest, (account, now.saturating_add(RIGHT_FOR)));
        }
    }

    /// An account has another password, or is gone.
    pub(super) fn forget(&mut self, account: i64) {
        self.known.retain(|_, (known, _)| *known != account);
    }
}

/// A password that is being compared.
struct Trying<'t> {
    identity: &'t Identity,
    /// As what it is counted.
    counted: String,
    from: &'t str,
}

impl Drop for Trying<'_> {
    fn drop(&mut self) {
        self.identity.0.attempts.lock().end(&self.counted, self.from);
    }
}

impl Identity {
    /// Logs somebody in by name and password, and by a code where their account has a second factor.
    ///
    /// # Errors
    /// [`LoginError`].
    pub(crate) async fn log_in(
        &self,
        name: &str,
        password: Zeroizing<String>,
        code: Option<&str>,
        visitor: Visitor,
    ) -> Result<LoggedIn, LoginError> {
        let from = &*visitor.from;
        let account = self.compare(name, password, from).await?;
        if self.first_password_until(&account).is_some_and(|until| until <= self.0.clock.now()) {
            return Err(LoginError::Late);
        }
        if account.factor_on {
            match code {
                None => return Err(LoginError::CodeWanted),
                Some(code) if self.takes_code(&account, code).await? => {}
                Some(_) => {
                    self.fail(name, from);
                    return Err(LoginError::Wrong);
                }
            }
        }
        self.0.attempts.lock().succeed(name, from, self.0.clock.since_start());
        self.begin(Entered { account: account.number, way: Way::Password, visitor })
    }

    /// Begins a login.
    pub(super) fn begin(&self, entered: Entered) -> Result<LoggedIn, LoginError> {
        let now = self.0.clock.since_start();
        let from = entered.visitor.from.clone();
        let cookie = self.0.stays.lock().begin(entered, now).map_err(|_| LoginError::Busy)?;
        let asking = self.by_cookie(&cookie, &from).ok_or(LoginError::Wrong)?;
        Ok(LoggedIn { asking, cookie })
    }

    /// Ends the login of a request, if it has one. Where another system vouched for it, what is shown there is returned.
    pub(crate) fn log_out(&self, headers: &axum::http::HeaderMap, is_secure: bool) -> Option<String> {
        let cookie = super::credentials::cookie(headers, is_secure)?;
        self.0.stays.lock().end(&cookie)
    }

    /// Who shows name and password with each request (RFC 7617). An account with a second factor cannot, nor one of which
    /// something is due first.
    pub(super) async fn by_password(
        &self,
        name: &str,
        password: Zeroizing<String>,
        from: &str,
    ) -> Option<(Principal, Option<Wall>)> {
        let digest = self.0.right.lock().digest(name, &password, from)?;
        let is_good = |account: i64| self.due(account, true).is_empty();
        let mut tries = 0;
        let account = loop {
            let now = self.0.clock.since_start();
            let remembered =
                self.0.right.lock().known.get(&digest).filter(|(_, until)| now < *until).copied();
            if let Some((account, _)) = remembered {
                return self.person_of_now(account, from).filter(|_| is_good(account));
            }
            match self.compare(name, password.clone(), from).await {
                // Others of the same client are being compared: what they show is what this one does.
                Err(LoginError::Wait(wait)) if wait <= Duration::from_secs(1) && tries < AT_ONCE_TRIES => {
                    tries += 1;
                    tokio::time::sleep(AT_ONCE_PAUSE).await;
                }
                compared => {
                    let good = |account: &Account| !account.factor_on && is_good(account.number);
                    break compared.ok().filter(good)?;
                }
            }
        };
        let now = self.0.clock.since_start();
        self.0.attempts.lock().succeed(name, from, now);
        self.0.right.lock().remember(digest, account.number, now);
        self.person(account.number, from).map(|person| (person, account.password_set))
    }

    /// The person of an account, and when their password was set.
    fn person_of_now(&self, account: i64, from: &str) -> Option<(Principal, Option<Wall>)> {
        Some((self.person(account, from)?, self.account(account)?.password_set))
    }

    /// The account of a name and a password, if both are right.
    async fn compare(
        &self,
        name: &str,
        password: Zeroizing<String>,
        from: &str,
    ) -> Result<Account, LoginError> {
        let now = self.0.clock.since_start();
        let begun = self.0.attempts.lock().begin(name, from, now);
        let counted = begun.map_err(|wait| {
            self.0.metrics.logins_waited.increment();
            LoginError::Wait(wait)
        })?;
        // Whoever goes away before it is compared has tried all the same.
        let _trying = Trying { identity: self, counted, from };
        let account = self.account_named(name).filter(|account| account.active);
        let hash = account.as_ref().and_then(|account| account.password.clone());
        let is_right = self.is_right(password, hash).await?;
        match account.filter(|_| is_right) {
            Some(account) => Ok(account),
            None => {
                self.fail(name, from);
                Err(LoginError::Wrong)
            }
        }
    }

    fn fail(&self, name: &str, from: &str) {
        let now = self.0.clock.since_start();
        let waits = {
            let mut attempts = self.0.attempts.lock();
            attempts.fail(name, from, now);
            attempts.waits(name, from, now)
        };
        self.tell_wrong(name, from, waits);
    }

    async fn is_right(&self, password: Zeroizing<String>, hash: Option<String>) -> Result<bool, LoginError> {
        // A long text would be work for nothing: no password is one.
        if password.chars().count() > *password::PASSWORD_CHARS.end() {
            return Ok(false);
        }
        let _place = self.0.comparing.acquire().await.map_err(|_| LoginError::Busy)?;
        let compared = tokio::task::spawn_blocking(move || password::is_right(&password, hash.as_deref()));
        compared.await.map_err(|_| LoginError::Busy)
    }

    pub(super) fn account_named(&self, name: &str) -> Option<Account> {
        let key = attempts::key_of(name);
        self.0.known.read().accounts.values().find(|account| account.name.to_lowercase() == key).cloned()
    }

    /// Whether a code is that of an account now; it is taken once (RFC 6238 section 5.2).
    async fn takes_code(&self, account: &Account, code: &str) -> Result<bool, LoginError> {
        let seconds = u64::try_from(self.0.clock.world_s()).unwrap_or_default();
        let Some(step) = factor::of(&self.factor_secret(account)).check(code.trim(), seconds) else {
            return Ok(false);
        };
        let used = self.0.register.use_factor_step(account.number, step).await;
        used.map_err(|error| {
            tracing::error!(%error, "a code of a second factor cannot be used up");
            LoginError::Busy
        })
    }

    fn factor_secret(&self, account: &Account) -> Zeroizing<[u8; 32]> {
        self.0.keys.secret(&format!("second factor {} {}", account.number, account.factor))
    }

    /// Sets somebody's own password, who knows the one before. Their other logins end.
    ///
    /// # Errors
    /// [`OwnError`].
    pub(crate) async fn change_own_password(
        &self,
        login: &Asking,
        (old, new): (Zeroizing<String>, Zeroizing<String>),
    ) -> Result<(), OwnError> {
        if *old == *new {
            return Err(BadPassword::Same.into());
        }
        let account = self.own(login, old).await?;
        let hash = self.hash_new(&account.name, new).await?;
        self.put_password(account.number, hash, false).await?;
        let own = login.login.as_ref().map(|login| login.id);
        self.0.stays.lock().end_all(account.number, own);
        self.forget_right(&account);
        Ok(())
    }

    /// Makes the secret of a second factor, which is asked for once a code of it was shown: the secret as people type it, and as
    /// an app reads it.
    ///
    /// # Errors
    /// [`OwnError`].
    pub(crate) async fn begin_factor(
        &self,
        login: &Asking,
        password: Zeroizing<String>,
    ) -> Result<(String, String), OwnError> {
        let account = self.own(login, password).await?;
        if account.factor_on {
            return Err(OwnError::FactorOn);
        }
        let account = self.change(account.number, |account, _| account.factor += 1).await?;
        let secret = factor::written(&factor::of(&self.factor_secret(&account)));
        let address = factor::address(&account.name, &secret);
        Ok((secret, address))
    }

    /// A code shows that the app has the secret: from now on a code is asked for.
    ///
    /// # Errors
    /// [`OwnError`].
    pub(crate) async fn confirm_factor(&self, login: &Asking, code: &str) -> Result<(), OwnError> {
        let account = self.own_account(login)?;
        if account.factor == 0 {
            return Err(OwnError::NoFactor);
        }
        if !self.takes_code(&account, code).await? {
            return Err(LoginError::Wrong.into());
        }
        self.change(account.number, |account, _| account.factor_on = true).await?;
        self.0.right.lock().forget(account.number);
        Ok(())
    }

    /// Does without the second factor.
    ///
    /// # Errors
    /// [`OwnError`].
    pub(crate) async fn end_factor(
        &self,
        login: &Asking,
        password: Zeroizing<String>,
    ) -> Result<(), OwnError> {
        let account = self.own(login, password).await?;
        self.change(account.number, |account, _| account.factor_on = false).await?;
        Ok(())
    }

    pub(super) fn own_account(&self, login: &Asking) -> Result<Account, OwnError> {
        let number = login.login.as_ref().ok_or(OwnError::NoLogin)?.account;
        self.0.known.read().accounts.get(&number).cloned().ok_or(OwnError::NoLogin)
    }

    /// Somebody's own account, once they have shown the password again.
    pub(super) async fn own(&self, login: &Asking, password: Zeroizing<String>) -> Result<Account, OwnError> {
        let account = self.own_account(login)?;
        Ok(self.compare(&account.name, password, &login.principal.from).await?)
    }

    /// Whether a passphrase that protects something elsewhere is as good as a password of this person has to be, as far as it
    /// takes no file.
    pub(crate) fn check_passphrase(&self, name: &str, passphrase: &str) -> Result<(), String> {
        password::check_passphrase(name, passphrase, &self.0.passwords.words)
    }

    /// The hash of a new password of somebody, if it is a good one.
    pub(super) async fn hash_new(&self, name: &str, password: Zeroizing<String>) -> Result<String, NotTaken> {
        password::check(name, &password, &self.0.passwords.words)?;
        let _place = self.0.comparing.acquire().await.map_err(|_| LoginError::Busy)?;
        let leaked = self.0.passwords.leaked.clone();
        let hashed = tokio::task::spawn_blocking(move || {
            let seen = leaked.map(|list| password::leaked(&*list, &password)).transpose();
            match seen.map_err(|error| format!("the list of leaked passwords: {error}"))?.flatten() {
                Some(times) => Ok(Err(BadPassword::Leaked(times))),
                None => password::hash(&password).map(Ok),
            }
        });
        let hashed: Result<Result<String, BadPassword>, String> =
            hashed.await.map_err(|_| LoginError::Busy)?;
        let hashed = hashed.map_err(|error| {
            tracing::error!(error, "a password cannot be checked and hashed");
            LoginError::Busy
        })?;
        Ok(hashed?)
    }
}

/// Why a new password is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotTaken {
    /// It is none.
    #[error(transparent)]
    Bad(#[from] BadPassword),
    /// It cannot be looked at now.
    #[error(transparent)]
    Busy(#[from] LoginError),
}

impl From<NotTaken> for OwnError {
    fn from(error: NotTaken) -> Self {
        match error {
            NotTaken::Bad(error) => error.into(),
            NotTaken::Busy(error) => error.into(),
        }
    }
}

/// Why somebody cannot change their own login.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OwnError {
    /// They are not logged in by password.
    #[error("this is for people who are logged in with a password; log in at /v1/session first")]
    NoLogin,
    /// The password or code shown is wrong.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The new password is none.
    #[error(transparent)]
    Password(#[from] BadPassword),
    /// There is a second factor already.
    #[error("there is a second factor already; end it first")]
    FactorOn,
    /// The password is wanted again.
    #[error("show your password again, as in {{\"password\": \"...\"}}")]
    PasswordWanted,
    /// They have no password, and have not signed on just now.
    #[error("this is for who has signed on within the last ten minutes; sign on again, then end the logins")]
    SignOnAgain,
    /// There is no such login of theirs.
    #[error("there is no such login of yours; GET /v1/session/logins lists them")]
    NoSuchLogin,
    /// There is none.
    #[error("no second factor was begun; begin one first")]
    NoFactor,
    /// It cannot be written down.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// It cannot be written down.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_was_right_is_remembered_for_a_minute_and_forgotten_with_the_account() {
        let mut right = Right::default();
        let now = Duration::from_secs(5);
        let digest = right.digest("Dana", "a password of hers", "192.0.2.7").unwrap();
        assert_eq!(right.digest("dana", "a password of hers", "192.0.2.7"), Some(digest));
        assert_ne!(right.digest("dan", "aa password of hers", "192.0.2.7"), Some(digest));
        assert_ne!(right.digest("dana", "a password of hers", "192.0.2.8"), Some(digest), "from elsewhere");
        right.remember(digest, 7, now);
        assert!(right.known.contains_key(&digest));
        right.forget(7);
        assert!(right.known.is_empty());
    }
}
