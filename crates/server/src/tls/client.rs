//! TLS as a client: what `sidetone call` needs to reach a recorder.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};

use super::{install_provider, roots_of};

/// Whom a client believes.
#[derive(Debug, Clone, Copy)]
pub enum Believed<'a> {
    /// Who shows a certificate of one of these authorities (PEM), in the name that was dialled.
    Authorities(&'a [u8]),
    /// Everybody: the line is encrypted, and who is at its other end is not known.
    Everybody,
}

/// A client's settings. `shown` is its certificate and key, both PEM, if it has one.
///
/// # Errors
/// What would be right, as text.
pub fn client(believed: Believed<'_>, shown: Option<(&[u8], &[u8])>) -> Result<Arc<ClientConfig>, String> {
    install_provider();
    let builder = match believed {
        Believed::Authorities(text) => ClientConfig::builder().with_root_certificates(roots_of(text)?),
        Believed::Everybody => {
            ClientConfig::builder().dangerous().with_custom_certificate_verifier(Arc::new(Unverified))
        }
    };
    let config = match shown {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = CertificateDer::pem_slice_iter(certificate)
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| format!("the certificate is no PEM file: {error}"))?;
            let key = PrivateKeyDer::from_pem_slice(key)
                .map_err(|error| format!("the key is no PEM file: {error}"))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| format!("certificate and key cannot be used: {error}"))?
        }
    };
    Ok(Arc::new(config))
}

/// A client's settings that believe whom the system believes (its store of authorities, or what `SSL_CERT_FILE` names), and
/// the authorities of a PEM file beside them.
///
/// # Errors
/// What would be right, as text.
pub(crate) fn by_system(beside: Option<&[u8]>) -> Result<Arc<ClientConfig>, String> {
    install_provider();
    let mut roots = beside.map(roots_of).transpose()?.unwrap_or_else(rustls::RootCertStore::empty);
    let found = rustls_native_certs::load_native_certs();
    let (taken, _) = roots.add_parsable_certificates(found.certs);
    if taken == 0 && beside.is_none() {
        return Err("the system has no authorities to believe; install ca-certificates".to_owned());
    }
    Ok(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}

/// Believes any certificate; the signatures of the handshake are checked all the same.
#[derive(Debug)]
struct Unverified;

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let known = &provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let known = &provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
