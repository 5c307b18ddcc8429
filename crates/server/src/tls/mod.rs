//! TLS: who we are and whom we believe, exchanged without a restart (A10-01, F-TLS-1).
//!
//! Belongs here: certificates, keys and what rustls is told. Does not: reading files ([`crate::config`]), sockets.

pub mod client;
mod identity;
mod reload;

use std::sync::Arc;

use parking_lot::RwLock;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::config::{ConfigError, TlsFiles, TlsTexts};

pub use identity::{ClientCertificate, certificate_of, client_certificate};
pub(crate) use reload::watch;

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// What stands in a file.
    #[error("{path}: {cause}")]
    Content {
        /// Its path.
        path: String,
        /// What would be right.
        cause: String,
    },
    /// Certificate, key and authorities do not go together.
    #[error("{certificate} and {key} do not go together: {cause}")]
    Together {
        /// The file of the certificate.
        certificate: String,
        /// The file of the key.
        key: String,
        /// What is wrong.
        cause: String,
    },
}

/// Makes rustls use the one provider of cryptography of this program. To be called before any TLS.
pub fn install_provider() {
    // A second start in one process, as in tests, changes nothing.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// What is spoken under TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoken {
    /// SIP.
    Sip,
    /// HTTP/2, or HTTP/1.1, as the client would have it (ALPN, RFC 7301).
    Http,
}

impl Spoken {
    fn protocols(self) -> Vec<Vec<u8>> {
        match self {
            // SBCs ask for none.
            Self::Sip => Vec::new(),
            Self::Http => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        }
    }
}

/// What a TLS server shows and believes; can be exchanged while it is heard. Clones share it.
#[derive(Clone)]
pub struct TlsServer {
    files: TlsFiles,
    spoken: Spoken,
    current: Arc<RwLock<Current>>,
}

#[derive(Clone)]
struct Current {
    texts: TlsTexts,
    config: Arc<ServerConfig>,
    names: Vec<String>,
    /// First and last second.
    validity_s: (i64, i64),
}

/// What a look at the files has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reloaded {
    /// They say what they said.
    Same,
    /// They say something else, which is shown from now on.
    Exchanged,
}

impl TlsServer {
    /// Reads the files of a TLS server.
    ///
    /// # Errors
    /// [`TlsError`], naming the file and what would be right.
    pub fn open(files: TlsFiles, spoken: Spoken) -> Result<Self, TlsError> {
        install_provider();
        let current = load(&files, files.read()?, spoken)?;
        Ok(Self { files, spoken, current: Arc::new(RwLock::new(current)) })
    }

    /// What the next connection is served with.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().config)
    }

    /// When the certificate expires, in seconds since 1970.
    pub fn expires_s(&self) -> i64 {
        self.current.read().validity_s.1
    }

    /// When the certificate is valid: first and last second, since 1970.
    pub fn validity_s(&self) -> (i64, i64) {
        self.current.read().validity_s
    }

    /// For whom the certificate is.
    pub fn names(&self) -> Vec<String> {
        self.current.read().names.clone()
    }

    /// Looks at the files again. Connections that stand are not touched.
    ///
    /// # Errors
    /// [`TlsError`]; what was shown before is shown on.
    pub fn reload(&self) -> Result<Reloaded, TlsError> {
        let texts = self.files.read()?;
        if self.current.read().texts == texts {
            return Ok(Reloaded::Same);
        }
        let current = load(&self.files, texts, self.spoken)?;
        *self.current.write() = current;
        Ok(Reloaded::Exchanged)
    }
}

fn load(files: &TlsFiles, texts: TlsTexts, spoken: Spoken) -> Result<Current, TlsError> {
    let wrong = |path: &std::path::Path, cause: &str| TlsError::Content {
        path: path.display().to_string(),
        cause: cause.to_owned(),
    };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&texts.certificate)
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(&files.certificate, &format!("it is no PEM file of certificates: {error}")))?;
    let own = chain.first().ok_or_else(|| {
        wrong(&files.certificate, "there is no certificate in it; -----BEGIN CERTIFICATE----- begins one")
    })?;
    let validity_s = identity::validity_s(own)
        .ok_or_else(|| wrong(&files.certificate, "its first certificate is no X.509 certificate"))?;
    let names = certificate_of(own).names;
    let key = PrivateKeyDer::from_pem_slice(&texts.key).map_err(|_| {
        wrong(&files.key, "there is no private key in it; -----BEGIN PRIVATE KEY----- begins one")
    })?;
    let together = |error: rustls::Error| TlsError::Together {
        certificate: files.certificate.display().to_string(),
        key: files.key.display().to_string(),
        cause: match error {
            rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch) => {
                "the key is that of another certificate".to_owned()
            }
            error => error.to_string(),
        },
    };
    // TLS 1.2 and 1.3; older versions are not built in.
    let builder = ServerConfig::builder();
    let builder = match (&files.client_ca, &texts.client_ca) {
        (Some(path), Some(text)) => {
            let roots = Arc::new(roots_of(text).map_err(|cause| wrong(path, &cause))?);
            let verifier = WebPkiClientVerifier::builder(roots);
            let verifier =
                if files.require_client_certificate { verifier } else { verifier.allow_unauthenticated() };
            let verifier = verifier.build().map_err(|error| wrong(path, &error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
        _ => builder.with_no_client_auth(),
    };
    // One certificate for every name and for none: many SBCs send no SNI.
    let mut config = builder.with_single_cert(chain, key).map_err(together)?;
    config.alpn_protocols = spoken.protocols();
    Ok(Current { texts, config: Arc::new(config), names, validity_s })
}

/// The authorities in a PEM file.
///
/// # Errors
/// What would be right, as text.
pub(crate) fn roots_of(text: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(text) {
        let certificate =
            certificate.map_err(|error| format!("it is no PEM file of certificates: {error}"))?;
        roots.add(certificate).map_err(|error| format!("an authority in it cannot be used: {error}"))?;
    }
    if roots.is_empty() {
        return Err("there is no certificate in it; -----BEGIN CERTIFICATE----- begins one".to_owned());
    }
    Ok(roots)
}
