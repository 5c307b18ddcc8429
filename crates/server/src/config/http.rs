//! `[http]`: where commands and questions come in, by which certificate, and past which proxies.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use super::address::read_with_port;
use super::public::PublicUrl;
use super::{Config, ConfigError, Flags, Network, TlsFiles, set};
use crate::identity::Login;

/// `[http]`, as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Address and port. Default `127.0.0.1:8080`.
    #[serde(default, deserialize_with = "read_with_port")]
    pub listen: Option<SocketAddr>,
    /// Allow an address outside this machine although nobody has to log in. Default false.
    pub without_login: Option<bool>,
    /// Allow an address outside this machine although nothing is encrypted. Default false.
    pub without_tls: Option<bool>,
    /// The address it is reached at from elsewhere. Default: none.
    pub public_url: Option<PublicUrl>,
    /// Proxies whose word is taken on who asks. Default: none.
    pub trusted_proxies: Option<Vec<Network>>,
    /// For how many seconds a browser is told to come by TLS only. Default one year.
    pub hsts_s: Option<u32>,
    /// Questions of one login or key within a minute; 0 for any. Default 1200.
    pub questions_per_minute: Option<u32>,
    /// Requests of one login or key for sound and files within a minute; 0 for any. Default 600.
    pub content_per_minute: Option<u32>,
    /// Changes by one login or key within a minute; 0 for any. Default 600.
    pub changes_per_minute: Option<u32>,
    /// `[http.tls]`
    pub tls: HttpTls,
}

/// `[http.tls]`, as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpTls {
    /// Our certificate and those between it and its authority, PEM. With it HTTP is heard over TLS, and not without.
    pub certificate: Option<PathBuf>,
    /// Its key, PEM.
    pub key: Option<PathBuf>,
    /// The authorities whose client certificates we believe, PEM.
    pub client_ca: Option<PathBuf>,
    /// Whether a client must show a certificate. Default false.
    pub require_client_certificate: Option<bool>,
}

impl HttpTls {
    /// The same where flags have been given.
    pub(super) fn with_flags(self, flags: &Flags) -> Self {
        let required = flags.http_tls_require_client_certificate.then_some(true);
        Self {
            certificate: flags.http_tls_certificate.clone().or(self.certificate),
            key: flags.http_tls_key.clone().or(self.key),
            client_ca: flags.http_tls_client_ca.clone().or(self.client_ca),
            require_client_certificate: required.or(self.require_client_certificate),
        }
    }

    /// The files by which TLS is spoken; `None` if it is not asked for.
    ///
    /// # Errors
    /// [`ConfigError`], saying which key is missing.
    pub(super) fn files(&self) -> Result<Option<TlsFiles>, ConfigError> {
        let (Some(certificate), Some(key)) = (self.certificate.clone(), self.key.clone()) else {
            let cause =
                "HTTP over TLS needs http.tls.certificate and http.tls.key, the paths of two PEM files";
            return if *self == Self::default() {
                Ok(None)
            } else {
                Err(ConfigError::Value { key: "http.tls", cause: cause.to_owned() })
            };
        };
        let require_client_certificate = self.require_client_certificate.unwrap_or(false);
        let files =
            TlsFiles { certificate, key, client_ca: self.client_ca.clone(), require_client_certificate };
        files.check("http.tls.require_client_certificate", "http.tls.client_ca")?;
        Ok(Some(files))
    }
}

impl Config {
    /// Takes what is said; what is not stays as it is.
    pub(super) fn set_rates(&mut self, telling: Option<u32>, content: Option<u32>, change: Option<u32>) {
        set(&mut self.rates.telling, telling);
        set(&mut self.rates.content, content);
        set(&mut self.rates.change, change);
    }

    /// Refuses what would be open to a network without a word that says so (F-API-8, product decision 7).
    pub(super) fn check_http(&self) -> Result<(), ConfigError> {
        if self.http.ip().is_loopback() {
            return Ok(());
        }
        let certified = self.http_tls.as_ref().is_some_and(|tls| tls.require_client_certificate);
        let asks = self.login.login != Login::Open;
        if !asks && !certified && !self.http_without_login {
            return Err(ConfigError::OpenHttp(self.http));
        }
        if self.http_tls.is_none() && !self.http_without_tls {
            return Err(ConfigError::PlainHttp(self.http));
        }
        Ok(())
    }
}
