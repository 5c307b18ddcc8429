//! What commands that ask a recorder over TLS believe, and show of themselves.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use super::Failure;

/// With an `https://` address of the recorder.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Trust {
    /// The authorities whose certificates are believed of the recorder (PEM) [default: those of the system].
    #[arg(long, global = true, env = "SIDETONE_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The certificate shown to the recorder, with those between it and its authority (PEM).
    #[arg(
        long,
        global = true,
        env = "SIDETONE_CLIENT_CERTIFICATE",
        value_name = "FILE",
        requires = "client_key"
    )]
    client_certificate: Option<PathBuf>,
    /// Its key (PEM).
    #[arg(
        long,
        global = true,
        env = "SIDETONE_CLIENT_KEY",
        value_name = "FILE",
        requires = "client_certificate"
    )]
    client_key: Option<PathBuf>,
}

impl Trust {
    /// What has to be said again to be believed the same, with a blank before it.
    pub(super) fn said(&self) -> String {
        self.ca.as_ref().map_or_else(String::new, |ca| format!(" --ca {}", ca.display()))
    }

    /// As the client of HTTP takes it.
    pub(super) fn config(&self) -> Result<TlsConfig, Failure> {
        crate::tls::install_provider();
        let roots = match &self.ca {
            Some(path) => certificates(path)?,
            None => of_system(),
        };
        let shown = match (&self.client_certificate, &self.client_key) {
            (Some(certificate), Some(key)) => {
                Some(ClientCert::new_with_certs(&certificates(certificate)?, private_key(key)?))
            }
            _ => None,
        };
        Ok(TlsConfig::builder().root_certs(RootCerts::Specific(Arc::new(roots))).client_cert(shown).build())
    }
}

fn of_system() -> Vec<Certificate<'static>> {
    let found = rustls_native_certs::load_native_certs();
    found.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect()
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, Failure> {
    let text = read(path)?;
    let items = parse_pem(&text).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    let found: Vec<_> = items.collect();
    if found.is_empty() {
        let path = path.display();
        return Err(format!("{path}: there is no certificate in it; -----BEGIN CERTIFICATE----- begins one"));
    }
    Ok(found)
}

fn private_key(path: &Path) -> Result<PrivateKey<'static>, Failure> {
    PrivateKey::from_pem(&read(path)?).map_err(|_| {
        let path = path.display();
        format!("{path}: there is no private key in it; -----BEGIN PRIVATE KEY----- begins one")
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
}
