//! Somebody's own logins, as they see them: which are open, and an end to those that are not theirs any more.

use std::fmt::Write as _;
use std::time::Duration;

use access::Principal;
use calls::time::Wall;
use index::Account;
use zeroize::Zeroizing;

use super::stays::Listed;
use super::{AccountError, Asking, Identity, OwnError, Visitor};

/// How old the login of somebody who has no password may be: they show who they are by signing on again.
const FRESH: Duration = Duration::from_secs(600);

/// Bytes of a login's digest that name it: it is no secret, and opens nothing.
const HANDLE_BYTES: usize = 8;

/// An open login, as whose it is sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Visit {
    /// Names it.
    pub(crate) handle: String,
    pub(crate) began: Wall,
    /// When something was asked in it last.
    pub(crate) seen: Wall,
    pub(crate) by_password: bool,
    pub(crate) visitor: Visitor,
    /// Whether it is the one by which this is asked.
    pub(crate) is_this: bool,
}

/// Which logins are to end.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending<'a> {
    /// All but the one by which this is asked.
    Others,
    /// The one of this handle.
    One(&'a str),
}

fn handle(id: &[u8; 32]) -> String {
    id.iter().take(HANDLE_BYTES).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Identity {
    /// Somebody's own open logins, the oldest first.
    ///
    /// # Errors
    /// [`OwnError::NoLogin`].
    pub(crate) fn own_visits(&self, asking: &Asking) -> Result<Vec<Visit>, OwnError> {
        let own = asking.login.as_ref().ok_or(OwnError::NoLogin)?;
        let (now, since_start) = (self.0.clock.now(), self.0.clock.since_start());
        let listed = self.0.stays.lock().of_account(own.account, since_start);
        let at = |moment: Duration| now.before(since_start.saturating_sub(moment));
        let visit = |Listed { id, stay, by_password, visitor }| Visit {
            handle: handle(&id),
            began: at(stay.began()),
            seen: at(stay.seen()),
            by_password,
            visitor,
            is_this: id == own.id,
        };
        Ok(listed.into_iter().map(visit).collect())
    }

    /// Ends logins of one's own. Who asks shows who they are again: by their password, or by having signed on just now.
    ///
    /// # Errors
    /// [`OwnError`].
    pub(crate) async fn end_own(
        &self,
        asking: &Asking,
        password: Option<Zeroizing<String>>,
        ending: Ending<'_>,
    ) -> Result<(), OwnError> {
        let account = self.shown_again(asking, password).await?;
        let own = asking.login.as_ref().ok_or(OwnError::NoLogin)?;
        let mut stays = self.0.stays.lock();
        match ending {
            Ending::Others => stays.end_all(account.number, Some(own.id)),
            Ending::One(named) => {
                let listed = stays.of_account(account.number, self.0.clock.since_start());
                let meant = listed.iter().find(|it| handle(&it.id) == named).ok_or(OwnError::NoSuchLogin)?;
                stays.end_one(account.number, &meant.id);
            }
        }
        Ok(())
    }

    /// Somebody's own account, once they have shown again who they are.
    async fn shown_again(
        &self,
        asking: &Asking,
        password: Option<Zeroizing<String>>,
    ) -> Result<Account, OwnError> {
        let account = self.own_account(asking)?;
        if account.password.is_some() {
            return self.own(asking, password.ok_or(OwnError::PasswordWanted)?).await;
        }
        let own = asking.login.as_ref().ok_or(OwnError::NoLogin)?;
        let now = self.0.clock.since_start();
        let listed = self.0.stays.lock().of_account(own.account, now);
        let is_fresh = |it: &Listed| it.id == own.id && now.saturating_sub(it.stay.began()) < FRESH;
        if listed.iter().any(is_fresh) { Ok(account) } else { Err(OwnError::SignOnAgain) }
    }

    /// Searches that somebody comes back to, as they were put.
    ///
    /// # Errors
    /// [`OwnError::NoLogin`].
    pub(crate) fn own_searches(&self, asking: &Asking) -> Result<Option<String>, OwnError> {
        Ok(self.own_account(asking)?.searches)
    }

    /// Keeps searches that somebody comes back to.
    ///
    /// # Errors
    /// [`OwnError`].
    pub(crate) async fn put_own_searches(
        &self,
        asking: &Asking,
        searches: Option<String>,
    ) -> Result<(), OwnError> {
        let account = self.own_account(asking)?;
        self.change(account.number, |account, _| account.searches = searches).await?;
        Ok(())
    }

    /// Ends all logins of an account.
    ///
    /// # Errors
    /// [`AccountError::NoSuch`].
    pub(crate) fn end_logins_of(&self, number: i64, who: &Principal) -> Result<(), AccountError> {
        let account = self.account(number).ok_or(AccountError::NoSuch)?;
        self.forget(&account);
        tracing::info!(name = account.name, by = who.name, "the logins of an account were ended");
        Ok(())
    }
}
