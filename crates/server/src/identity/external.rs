//! People whom another system vouches for (single sign-on): which account is theirs, and what it may do now.

use access::{Grant, Principal};
use index::{Account, RegisterError};

use super::accounts::{AccountError, AccountWanted};
use super::stays::{Entered, Vouching, Way};
use super::{Identity, LoggedIn, Visitor};

/// Somebody who is vouched for.
#[derive(Debug)]
pub(crate) struct Vouched {
    /// By whom, as it names itself (`iss`).
    pub(crate) issuer: String,
    /// Its name for them, which never changes and is never given to another (`sub`).
    pub(crate) subject: String,
    /// How an account of theirs would be called.
    pub(crate) name: Option<String>,
    /// What their groups may do, where groups decide that; `Some(None)` if they are in none.
    pub(crate) by_groups: Option<Option<Grant>>,
    /// Whether they get an account if they have none.
    pub(crate) admits: bool,
    /// Its name for the session they have there (`sid`), if it tells one.
    pub(crate) session: Option<String>,
    /// What is shown when they sign out where they signed on.
    pub(crate) hint: String,
}

/// Why somebody who is vouched for is not logged in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotAdmitted {
    /// There is no account of theirs, and none is made.
    #[error("there is no account that is linked with them")]
    Unknown,
    /// Their account may not log in.
    #[error("their account may not log in")]
    Locked,
    /// They are in no group that may do anything here.
    #[error("none of their groups may do anything here")]
    NoGroup,
    /// Their name there is none here.
    #[error("an account cannot have the name the provider has for them")]
    Name,
    /// Another account has the name.
    #[error("another account has their name, or had it; an administrator can link an account with them")]
    Taken,
    /// There is no account at all yet.
    #[error("the first account is made on the recorder's machine, with a password")]
    First,
    /// By their groups they would not be the administrator any more, and there is no other.
    #[error("their groups take the administrator away from the only account that is one")]
    Last,
    /// It cannot be done now.
    #[error("it cannot be done now: {0}")]
    Busy(String),
}

impl NotAdmitted {
    /// The word for the login page.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Locked => "locked",
            Self::NoGroup => "no-group",
            Self::Name => "name",
            Self::Taken => "taken",
            Self::First => "first",
            Self::Last => "last",
            Self::Busy(_) => "busy",
        }
    }
}

impl From<AccountError> for NotAdmitted {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Name | AccountError::Card => Self::Name,
            AccountError::Register(RegisterError::NameTaken) | AccountError::Alike(_) => Self::Taken,
            AccountError::First => Self::First,
            AccountError::Last => Self::Last,
            other => Self::Busy(other.to_string()),
        }
    }
}

impl Identity {
    /// Logs in somebody whom another system vouches for by its name and its name for them (`iss` and `sub` of single sign-on).
    /// Where groups decide, the account may do from now on what they say.
    ///
    /// # Errors
    /// [`NotAdmitted`].
    pub(crate) async fn log_in_external(
        &self,
        vouched: Vouched,
        visitor: Visitor,
    ) -> Result<LoggedIn, NotAdmitted> {
        let Vouched { issuer, subject, name, by_groups, admits, session, hint } = vouched;
        let vouching = Vouching { issuer: issuer.clone(), subject: subject.clone(), session, hint };
        let account = match (self.account_linked(&issuer, &subject), by_groups) {
            (Some(account), _) if !account.active => return Err(NotAdmitted::Locked),
            (Some(account), None) => account,
            (Some(account), Some(grant)) => self.regrant(account, grant).await?,
            (None, _) if !admits => return Err(NotAdmitted::Unknown),
            (None, None | Some(None)) => return Err(NotAdmitted::NoGroup),
            (None, Some(Some(grant))) => {
                let name = name.ok_or(NotAdmitted::Name)?;
                let wanted =
                    AccountWanted { name, password: None, external: Some((issuer.clone(), subject)), grant };
                self.add_account(wanted, &issuer).await?
            }
        };
        let entered = Entered { account: account.number, way: Way::Vouched(vouching), visitor };
        self.begin(entered).map_err(|error| NotAdmitted::Busy(error.to_string()))
    }

    /// Ends the logins that a provider means: those of a person by its name for them, of a session by its name for that, or of
    /// both. The names of their accounts.
    pub(crate) fn end_vouched(
        &self,
        issuer: &str,
        subject: Option<&str>,
        session: Option<&str>,
    ) -> Vec<String> {
        let ended = self.0.stays.lock().end_vouched(issuer, subject, session);
        let known = self.0.known.read();
        ended.iter().filter_map(|number| Some(known.accounts.get(number)?.name.clone())).collect()
    }

    /// What an account may do is what groups say. Whose groups may nothing is logged in nowhere any more.
    async fn regrant(&self, account: Account, grant: Option<Grant>) -> Result<Account, NotAdmitted> {
        let Some(grant) = grant else {
            self.end_logins(account.number);
            return Err(NotAdmitted::NoGroup);
        };
        if account.grant == grant {
            return Ok(account);
        }
        let changed = self.change(account.number, |account, _| account.grant = grant).await;
        let changed = changed.inspect_err(|error| {
            if matches!(error, AccountError::Last) {
                self.end_logins(account.number);
            }
        })?;
        tracing::info!(name = changed.name, "an account may do what its groups say");
        Ok(changed)
    }

    fn account_linked(&self, issuer: &str, subject: &str) -> Option<Account> {
        let is_meant =
            |account: &&Account| account.external.as_ref().is_some_and(|(i, s)| i == issuer && s == subject);
        self.0.known.read().accounts.values().find(is_meant).cloned()
    }

    /// Links an account with somebody whom another system vouches for, or with nobody any more. Its logins end.
    ///
    /// # Errors
    /// [`AccountError`].
    pub(crate) async fn link_account(
        &self,
        number: i64,
        external: Option<(String, String)>,
        who: &Principal,
    ) -> Result<Account, AccountError> {
        let turn = self.0.turn.lock().await;
        if let Some((issuer, subject)) = &external
            && let Some(other) = self.account_linked(issuer, subject)
            && other.number != number
        {
            return Err(AccountError::Linked(other.name));
        }
        let account = self.change_in(&turn, number, |account, _| account.external = external).await?;
        self.end_logins(number);
        tracing::info!(
            name = account.name,
            by = who.name,
            "an account was linked with a person elsewhere, or with none"
        );
        Ok(account)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use access::{Role, Scope};
    use index::Index;
    use vault::KeyFolder;
    use zeroize::Zeroizing;

    use super::*;
    use crate::clock::Clock;
    use crate::identity::{PasswordRules, Policy, Wiring};
    use crate::observe::alarms::Alarms;
    use crate::observe::feed::Feed;

    #[tokio::test]
    async fn of_two_who_link_the_same_person_at_once_one_is_told_which_account_has_the_link() {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(&folder.path().join("index.db")).await.unwrap();
        let keys = KeyFolder::open_or_create(&folder.path().join("keys")).unwrap().recorder();
        let (clock, register) = (Clock::start(), index.register());
        let (policy, passwords) = (Policy::default(), PasswordRules::default());
        let alarms = Alarms::new(clock, Feed::default());
        let metrics = Arc::default();
        let wiring = Wiring { register, keys, clock, policy, passwords, metrics, alarms };
        let identity = Identity::open(wiring).await.unwrap();
        let wanted = |name: &str, password: Option<&str>| AccountWanted {
            name: name.to_owned(),
            password: password.map(|text| Zeroizing::new(text.to_owned())),
            external: None,
            grant: Grant::new([Role::Administrator], Scope::All).unwrap(),
        };
        identity.add_first_account(wanted("ada", Some("three blind mice run")), "here").await.unwrap();
        let bea = identity.add_account(wanted("bea", None), "ada").await.unwrap().number;
        let cora = identity.add_account(wanted("cora", None), "ada").await.unwrap().number;
        let kim = || Some(("https://id.example".to_owned(), "kim".to_owned()));
        let ada = Principal::local("127.0.0.1".to_owned());
        let (one, other) =
            tokio::join!(identity.link_account(bea, kim(), &ada), identity.link_account(cora, kim(), &ada));
        assert_eq!(one.unwrap().name, "bea");
        assert!(matches!(other, Err(AccountError::Linked(name)) if name == "bea"));
        assert_eq!(identity.account_linked("https://id.example", "kim").unwrap().number, bea);
    }
}
