//! Accounts: made, changed and removed by who may.

use access::{Grant, Permission, Principal};
use calls::time::Wall;
use index::{Account, DatabaseError, RegisterError};
use tokio::sync::MutexGuard;
use zeroize::Zeroizing;

use super::logins::NotTaken;
use super::names::is_like;
use super::{BadPassword, Identity, LoginError};

/// The longest name.
pub(crate) const NAME_MAX_CHARS: usize = 64;

/// Why an account is as it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    /// The name is none.
    #[error(
        "a name has 1 to {NAME_MAX_CHARS} letters, digits and . _ - @, and is neither anonymous nor recorder"
    )]
    Name,
    /// The name holds a card number, and stands in every log.
    #[error("a name may hold no card number, for it stands in every log; take another")]
    Card,
    /// Somebody else, or a program, could be taken for it.
    #[error(
        "{0} has this name or one that looks like it, or had it; people and programs are known by their names, so take another"
    )]
    Alike(String),
    /// The password is none.
    #[error(transparent)]
    Password(#[from] BadPassword),
    /// It would be the first, and could not make another.
    #[error("the first account needs the role administrator: it makes the others")]
    First,
    /// It was to be the first, and there is one.
    #[error("there is an account already; log in, and make others at /v1/users")]
    NotFirst,
    /// Nobody would be left.
    #[error("no administrator would be left who may log in with a password; make another first")]
    Last,
    /// Somebody changes what they themselves may do.
    #[error("nobody changes what they themselves may do; another administrator has to")]
    Own,
    /// There is no such account.
    #[error("there is no such account")]
    NoSuch,
    /// Another is linked with that person.
    #[error("the account {0} is linked with this person already; take that link away first")]
    Linked(String),
    /// It cannot be made.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// It cannot be written down.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The password cannot be hashed now.
    #[error(transparent)]
    Busy(#[from] LoginError),
}

impl From<NotTaken> for AccountError {
    fn from(error: NotTaken) -> Self {
        match error {
            NotTaken::Bad(error) => error.into(),
            NotTaken::Busy(error) => error.into(),
        }
    }
}

/// An account to be made.
#[derive(Debug)]
pub(crate) struct AccountWanted {
    pub(crate) name: String,
    /// None if it logs in elsewhere only.
    pub(crate) password: Option<Zeroizing<String>>,
    pub(crate) external: Option<(String, String)>,
    pub(crate) grant: Grant,
}

/// Checks the name of an account or a key: one that can stand in every log and answer as it is.
pub(super) fn check_name(name: &str) -> Result<(), AccountError> {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
    let is_taken = ["anonymous", "recorder", "unknown"].iter().any(|taken| is_like(name, taken));
    let fits = (1..=NAME_MAX_CHARS).contains(&name.chars().count());
    if !fits || is_taken || !name.chars().all(is_plain) {
        return Err(AccountError::Name);
    }
    if calls::card::strike_out(name).is_some() { Err(AccountError::Card) } else { Ok(()) }
}

impl Identity {
    /// All accounts, oldest first.
    pub(crate) fn accounts(&self) -> Vec<Account> {
        let mut accounts: Vec<Account> = self.0.known.read().accounts.values().cloned().collect();
        accounts.sort_by_key(|account| account.number);
        accounts
    }

    /// One account.
    pub(crate) fn account(&self, number: i64) -> Option<Account> {
        self.0.known.read().accounts.get(&number).cloned()
    }

    /// Makes an account.
    ///
    /// # Errors
    /// [`AccountError`].
    pub(crate) async fn add_account(&self, wanted: AccountWanted, by: &str) -> Result<Account, AccountError> {
        self.make_account(wanted, by, false).await
    }

    /// Makes the first account, and no other.
    ///
    /// # Errors
    /// [`AccountError`].
    pub(crate) async fn add_first_account(
        &self,
        wanted: AccountWanted,
        by: &str,
    ) -> Result<Account, AccountError> {
        self.make_account(wanted, by, true).await
    }

    async fn make_account(
        &self,
        wanted: AccountWanted,
        by: &str,
        has_to_be_first: bool,
    ) -> Result<Account, AccountError> {
        check_name(&wanted.name)?;
        let hash = match wanted.password {
            Some(text) => Some(self.hash_new(&wanted.name, text).await?),
            None => None,
        };
        let _turn = self.0.turn.lock().await;
        let first = !self.has_accounts();
        if has_to_be_first && !first {
            return Err(AccountError::NotFirst);
        }
        if first && (hash.is_none() || !wanted.grant.has(Permission::ManageAccess)) {
            return Err(AccountError::First);
        }
        if let Some(other) = self.named_like(&wanted.name).await? {
            return Err(AccountError::Alike(other));
        }
        let created = self.0.clock.now();
        let mut account = Account {
            number: 0,
            name: wanted.name,
            password_set: hash.as_ref().map(|_| created),
            password: hash,
            external: wanted.external,
            factor: 0,
            factor_on: false,
            grant: wanted.grant,
            active: true,
            created,
            created_by: by.to_owned(),
            // The first account is made by whose it is.
            password_is_first: !first,
            searches: None,
        };
        account.password_is_first &= account.password.is_some();
        account.number = self.0.register.add_account(&account, first).await?;
        self.0.known.write().accounts.insert(account.number, account.clone());
        tracing::info!(name = account.name, by, "an account was made");
        Ok(account)
    }

    /// An account or a key that has, or had, a name which could be taken for this one. Asked under the turn.
    pub(super) async fn named_like(&self, name: &str) -> Result<Option<String>, DatabaseError> {
        let former = self.0.register.former_accounts().await?;
        let known = self.0.known.read();
        let accounts = known.accounts.values().map(|account| ("the account", &account.name));
        let former = former.iter().map(|account| ("an account that was removed,", &account.name));
        let keys = known.keys.values().map(|key| ("the API key", &key.name));
        let other = accounts.chain(former).chain(keys).find(|(_, other)| is_like(name, other));
        Ok(other.map(|(what, other)| format!("{what} {other}")))
    }

    /// Changes what an account may do, and whether it may log in.
    ///
    /// # Errors
    /// [`AccountError`].
    pub(crate) async fn change_account(
        &self,
        number: i64,
        (grant, active): (Grant, bool),
        who: &Principal,
    ) -> Result<Account, AccountError> {
        let changed = self
            .change(number, |account, _| {
                account.grant = grant;
                account.active = active;
            })
            .await?;
        if !active {
            self.0.stays.lock().end_all(number, None);
        }
        tracing::info!(name = changed.name, by = who.name, "an account was changed");
        Ok(changed)
    }

    /// Sets the password of an account, whose logins end. Who has it from somebody else changes it when they log in.
    ///
    /// # Errors
    /// [`AccountError`].
    pub(crate) async fn set_password(
        &self,
        number: i64,
        text: Zeroizing<String>,
        who: &Principal,
    ) -> Result<(), AccountError> {
        let account = self.account(number).ok_or(AccountError::NoSuch)?;
        let hash = self.hash_new(&account.name, text).await?;
        let is_own = who.kind == access::Kind::Person && account.name == who.name;
        self.put_password(number, hash, !is_own).await?;
        self.forget(&account);
        tracing::info!(name = account.name, by = who.name, "the password of an account was set");
        Ok(())
    }

    /// Does without the second factor of somebody who has lost it. Their logins end.
    ///
    /// # Errors
    /// [`AccountError`].
    pub(crate) async fn reset_factor(&self, number: i64, who: &Principal) -> Result<(), AccountError> {
        let account = self.change(number, |account, _| account.factor_on = false).await?;
        self.forget(&account);
        tracing::info!(name = account.name, by = who.name, "the second factor of an account was ended");
        Ok(())
    }

    /// Removes an account; its logins end.
    ///
    /// # Errors
    /// [`AccountError`].
    pub(crate) async fn remove_account(&self, number: i64, who: &Principal) -> Result<(), AccountError> {
        let _turn = self.0.turn.lock().await;
        let account = self.account(number).ok_or(AccountError::NoSuch)?;
        self.expect_another(number)?;
        self.0.register.remove_account(number).await?;
        self.0.known.write().accounts.remove(&number);
        self.forget(&account);
        tracing::info!(name = account.name, by = who.name, "an account was removed");
        Ok(())
    }

    /// Gives an account a password, by its hash; `is_first` if somebody else does so.
    pub(super) async fn put_password(
        &self,
        number: i64,
        hash: String,
        is_first: bool,
    ) -> Result<(), AccountError> {
        let put = |account: &mut Account, now| {
            account.password = Some(hash);
            account.password_set = Some(now);
            account.password_is_first = is_first;
        };
        self.change(number, put).await.map(drop)
    }

    /// The logins of an account end.
    pub(super) fn end_logins(&self, number: i64) {
        self.0.stays.lock().end_all(number, None);
    }

    /// Nothing an account was logged in by counts any more.
    pub(super) fn forget(&self, account: &Account) {
        self.end_logins(account.number);
        self.forget_right(account);
    }

    /// That the password of an account was right says nothing any more.
    pub(super) fn forget_right(&self, account: &Account) {
        self.0.right.lock().forget(account.number);
        self.0.attempts.lock().forget(&account.name);
    }

    /// There has to be somebody else who may make accounts, and needs nobody to vouch for them: who vouches may be away.
    /// Asked under the turn, so that two who take that away from each other are not both the other.
    fn expect_another(&self, number: i64) -> Result<(), AccountError> {
        let may = |account: &Account| {
            let is_other = account.number != number && account.password.is_some();
            account.active && is_other && account.grant.has(Permission::ManageAccess)
        };
        if self.0.known.read().accounts.values().any(may) { Ok(()) } else { Err(AccountError::Last) }
    }

    /// Changes an account: on the disk, then in memory. One who may make accounts stays so, or another is left.
    pub(super) async fn change(
        &self,
        number: i64,
        how: impl FnOnce(&mut Account, Wall),
    ) -> Result<Account, AccountError> {
        let turn = self.0.turn.lock().await;
        self.change_in(&turn, number, how).await
    }

    /// The same for whoever has the turn already.
    pub(super) async fn change_in(
        &self,
        _turn: &MutexGuard<'_, ()>,
        number: i64,
        how: impl FnOnce(&mut Account, Wall),
    ) -> Result<Account, AccountError> {
        let old = self.account(number).ok_or(AccountError::NoSuch)?;
        let mut account = old.clone();
        how(&mut account, self.0.clock.now());
        let stays = account.active && account.grant.has(Permission::ManageAccess);
        let is_less = account.active != old.active || account.grant != old.grant;
        if is_less && !stays {
            self.expect_another(number)?;
        }
        if !self.0.register.change_account(&account).await? {
            return Err(AccountError::NoSuch);
        }
        self.0.known.write().accounts.insert(number, account.clone());
        Ok(account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_holds_a_card_number_is_refused() {
        for bad in ["4539578763621486", "dana-4539.5787.6362.1486"] {
            assert!(matches!(check_name(bad), Err(AccountError::Card)), "{bad}");
        }
        assert!(check_name("4539578763621487").is_ok(), "that is no card");
    }

    #[test]
    fn a_name_is_one_that_can_stand_anywhere() {
        for good in ["dana", "Dana.S", "dana@example.com", "Zoë-7", "a"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        let long = "a".repeat(NAME_MAX_CHARS + 1);
        for bad in [
            "",
            " dana",
            "da na",
            "a\nb",
            "a:b",
            "<b>",
            "=1+1",
            "Anonymous",
            "recorder",
            "rec\u{43e}rder",
            "a\u{202e}b",
            &*long,
        ] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
