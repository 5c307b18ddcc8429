//! Keys of programs: made, exchanged and taken back by who may.

use std::time::Duration;

use access::{Grant, Principal};
use index::{ApiKey, DatabaseError, RegisterError};

use super::accounts::{AccountError, NAME_MAX_CHARS, check_name};
use super::certificates::canonical;
use super::{Identity, key};

/// Why a key is as it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// The name is none.
    #[error(
        "a name has 1 to {NAME_MAX_CHARS} letters, digits and . _ - @, and is neither anonymous nor recorder"
    )]
    Name,
    /// The name holds a card number, and stands in every log.
    #[error("a name may hold no card number, for it stands in every log; take another")]
    Card,
    /// A person, or another program, could be taken for it.
    #[error(
        "{0} has this name or one that looks like it, or had it; people and programs are known by their names, so take another"
    )]
    Alike(String),
    /// The certificate is none.
    #[error("{0}")]
    Certificate(String),
    /// Another key has the certificate.
    #[error("the key {0} has this certificate already; take it from there first")]
    Taken(String),
    /// There is no such key.
    #[error("there is no such key")]
    NoSuch,
    /// It is taken back.
    #[error("this key was taken back; make another")]
    Revoked,
    /// It cannot be made.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// It cannot be written down.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// There is no randomness.
    #[error("the operating system has no randomness to give now: {0}")]
    Random(getrandom::Error),
}

/// A key and its text, which is told this once.
#[derive(Debug)]
pub(crate) struct NewKey {
    pub(crate) key: ApiKey,
    pub(crate) text: String,
}

impl Identity {
    /// All keys, oldest first.
    pub(crate) fn api_keys(&self) -> Vec<ApiKey> {
        let mut keys: Vec<ApiKey> = self.0.known.read().keys.values().cloned().collect();
        keys.sort_by_key(|key| key.number);
        keys
    }

    /// One key.
    pub(crate) fn api_key(&self, number: i64) -> Option<ApiKey> {
        self.0.known.read().keys.get(&number).cloned()
    }

    /// Makes a key that lasts for so long.
    ///
    /// # Errors
    /// [`KeyError`].
    pub(crate) async fn add_api_key(
        &self,
        name: String,
        grant: Grant,
        (lasts, certificate): (Duration, Option<&str>),
        by: &str,
    ) -> Result<NewKey, KeyError> {
        check_name(&name).map_err(|error| match error {
            AccountError::Card => KeyError::Card,
            _ => KeyError::Name,
        })?;
        let certificate = certificate.map(canonical).transpose().map_err(KeyError::Certificate)?;
        let (text, hash) = key::draw().map_err(KeyError::Random)?;
        let created = self.0.clock.now();
        let expires = Some(created.after(lasts));
        let mut key = ApiKey {
            number: 0,
            name,
            key: hash,
            old: None,
            certificate,
            grant,
            created,
            created_by: by.to_owned(),
            lasts,
            expires,
            revoked: None,
        };
        let _turn = self.0.turn.lock().await;
        if let Some(other) = self.named_like(&key.name).await? {
            return Err(KeyError::Alike(other));
        }
        self.expect_free(key.certificate.as_deref(), None)?;
        key.number = self.0.register.add_api_key(&key).await?;
        self.0.known.write().keys.insert(key.number, key.clone());
        tracing::info!(name = key.name, by, "an API key was made");
        Ok(NewKey { key, text })
    }

    /// Exchanges the text of a key, which then lasts for so long from now, or for as long as it was made for. The one before is
    /// taken for a while yet.
    ///
    /// # Errors
    /// [`KeyError`].
    pub(crate) async fn rotate_api_key(
        &self,
        number: i64,
        (lasts, old_for): (Option<Duration>, Duration),
        who: &Principal,
    ) -> Result<NewKey, KeyError> {
        let (text, hash) = key::draw().map_err(KeyError::Random)?;
        let now = self.0.clock.now();
        let key = self
            .change_key(number, |key| {
                let old = std::mem::replace(&mut key.key, hash);
                // What had ended does not begin again, nor does it last longer than it would have.
                let until = key.expires.map_or(now.after(old_for), |expires| expires.min(now.after(old_for)));
                key.old = (until > now).then_some((old, until));
                key.lasts = lasts.unwrap_or(key.lasts);
                key.expires = Some(now.after(key.lasts));
                Ok(())
            })
            .await?;
        tracing::info!(name = key.name, by = who.name, "the text of an API key was exchanged");
        Ok(NewKey { key, text })
    }

    /// Takes a key back: it is taken no more.
    ///
    /// # Errors
    /// [`KeyError`].
    pub(crate) async fn revoke_api_key(&self, number: i64, who: &Principal) -> Result<(), KeyError> {
        let now = self.0.clock.now();
        let revoke = |key: &mut ApiKey| {
            key.revoked = Some((now, who.name.clone()));
            Ok(())
        };
        let key = self.change_key(number, revoke).await?;
        tracing::info!(name = key.name, by = who.name, "an API key was taken back");
        Ok(())
    }

    /// Says which client certificate stands for a key, or that none does.
    ///
    /// # Errors
    /// [`KeyError`].
    pub(crate) async fn set_certificate(
        &self,
        number: i64,
        certificate: Option<&str>,
        who: &Principal,
    ) -> Result<ApiKey, KeyError> {
        let certificate = certificate.map(canonical).transpose().map_err(KeyError::Certificate)?;
        let set = |key: &mut ApiKey| {
            self.expect_free(certificate.as_deref(), Some(number))?;
            key.certificate = certificate;
            Ok(())
        };
        let key = self.change_key(number, set).await?;
        tracing::info!(name = key.name, by = who.name, "the certificate of a key was set");
        Ok(key)
    }

    /// No other key that is not taken back has the certificate. Asked under the turn, so that two that are given it at once do not
    /// both have it.
    fn expect_free(&self, certificate: Option<&str>, but: Option<i64>) -> Result<(), KeyError> {
        let known = self.0.known.read();
        let other = known.keys.values().find(|key| {
            let is_other = Some(key.number) != but && key.revoked.is_none();
            is_other && certificate.is_some() && key.certificate.as_deref() == certificate
        });
        other.map_or(Ok(()), |key| Err(KeyError::Taken(key.name.clone())))
    }

    async fn change_key(
        &self,
        number: i64,
        how: impl FnOnce(&mut ApiKey) -> Result<(), KeyError>,
    ) -> Result<ApiKey, KeyError> {
        let _turn = self.0.turn.lock().await;
        let mut key = self.api_key(number).ok_or(KeyError::NoSuch)?;
        if key.revoked.is_some() {
            return Err(KeyError::Revoked);
        }
        how(&mut key)?;
        if !self.0.register.change_api_key(&key).await? {
            return Err(KeyError::NoSuch);
        }
        self.0.known.write().keys.insert(number, key.clone());
        Ok(key)
    }
}
