//! `[sip.tls]`: SIP over TLS; and the files of any TLS server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::address::read_with_port;
use super::secret::{self, Readers};
use super::{ConfigError, Flags};

/// Files of certificates and keys are no larger than this.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// `[sip.tls]`, as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SipTls {
    /// Address and port. SIP over TLS is heard only if this is set.
    #[serde(default, deserialize_with = "read_with_port")]
    pub listen: Option<SocketAddr>,
    /// Our certificate and those between it and its authority, PEM.
    pub certificate: Option<PathBuf>,
    /// Its key, PEM.
    pub key: Option<PathBuf>,
    /// The authorities whose client certificates we believe, PEM.
    pub client_ca: Option<PathBuf>,
    /// Whether a client must show a certificate. Default false.
    pub require_client_certificate: Option<bool>,
}

/// SIP over TLS as it is to be heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsListener {
    /// Where.
    pub listen: SocketAddr,
    /// By which files.
    pub files: TlsFiles,
}

/// The files of a TLS server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Our certificate and those between it and its authority, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// The authorities whose client certificates we believe, PEM.
    pub client_ca: Option<PathBuf>,
    /// Whether a client must show a certificate.
    pub require_client_certificate: bool,
}

/// What stands in the files of a TLS server.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsTexts {
    /// Of the certificate.
    pub certificate: Vec<u8>,
    /// Of the key.
    pub key: Vec<u8>,
    /// Of the authorities of clients.
    pub client_ca: Option<Vec<u8>>,
}

impl SipTls {
    /// The same where flags have been given.
    pub(super) fn with_flags(self, flags: &Flags) -> Self {
        Self {
            listen: flags.sip_tls.or(self.listen),
            certificate: flags.sip_tls_certificate.clone().or(self.certificate),
            key: flags.sip_tls_key.clone().or(self.key),
            client_ca: flags.sip_tls_client_ca.clone().or(self.client_ca),
            require_client_certificate: if flags.sip_tls_require_client_certificate {
                Some(true)
            } else {
                self.require_client_certificate
            },
        }
    }

    /// What is to be heard; `None` if SIP over TLS is not asked for.
    ///
    /// # Errors
    /// [`ConfigError`], saying which key is missing.
    pub(super) fn listener(&self) -> Result<Option<TlsListener>, ConfigError> {
        let wrong = |key, cause: &str| Err(ConfigError::Value { key, cause: cause.to_owned() });
        let Some(listen) = self.listen else {
            return if *self == Self::default() {
                Ok(None)
            } else {
                wrong(
                    "sip.tls.listen",
                    "it is not set, so the other keys of [sip.tls] have no effect; 0.0.0.0:5061 is usual",
                )
            };
        };
        let (Some(certificate), Some(key)) = (self.certificate.clone(), self.key.clone()) else {
            return wrong(
                "sip.tls",
                "SIP over TLS needs sip.tls.certificate and sip.tls.key, the paths of two PEM files",
            );
        };
        let client_ca = self.client_ca.clone();
        let require_client_certificate = self.require_client_certificate.unwrap_or(false);
        let files = TlsFiles { certificate, key, client_ca, require_client_certificate };
        files.check("sip.tls.require_client_certificate", "sip.tls.client_ca")?;
        Ok(Some(TlsListener { listen, files }))
    }
}

impl TlsFiles {
    /// Whether a certificate that is asked for could be believed; by the names of the two settings.
    pub(super) fn check(&self, require: &'static str, client_ca: &str) -> Result<(), ConfigError> {
        if self.require_client_certificate && self.client_ca.is_none() {
            let cause = format!(
                "no certificate could be believed; name the PEM file of their authority in {client_ca}"
            );
            return Err(ConfigError::Value { key: require, cause });
        }
        Ok(())
    }

    /// Reads the files.
    ///
    /// # Errors
    /// [`ConfigError`], when one cannot be read, or when others than its owner and group may read the key.
    pub fn read(&self) -> Result<TlsTexts, ConfigError> {
        Ok(TlsTexts {
            certificate: read(&self.certificate)?,
            key: secret::read(&self.key, Readers::Group)?.to_vec(),
            client_ca: self.client_ca.as_deref().map(read).transpose()?,
        })
    }
}

/// Reads a file of certificates.
///
/// # Errors
/// [`ConfigError`], when it cannot be read, or cannot be one.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ConfigError> {
    let unreadable = |cause| ConfigError::Unreadable { path: path.to_owned(), cause };
    let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
    if bytes > MAX_FILE_BYTES {
        let cause = format!("it has {bytes} bytes; a PEM file of a few kilobytes would be right");
        return Err(ConfigError::File { path: path.to_owned(), cause });
    }
    std::fs::read(path).map_err(unreadable)
}
