//! Who a certificate says its holder is (RFC 5922 §7.1).

use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Names of a certificate that are looked at; the rest is for nobody we know.
const MAX_NAMES: usize = 64;

/// The identity in a client certificate that was verified.
pub fn certificate_of(der: &CertificateDer<'_>) -> siprec::Certificate {
    let fingerprint = Sha256::digest(der).into();
    let names = X509Certificate::from_der(der).map(|(_, parsed)| names_of(&parsed)).unwrap_or_default();
    siprec::Certificate { fingerprint, names }
}

/// A client certificate that was verified, as HTTP knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Its subject, as in `CN=crm, O=Example` (RFC 4514).
    pub subject: String,
    /// DNS names, URIs and IP addresses of its subject alternative names; its common name if it has none of them.
    pub names: Vec<String>,
    /// SHA-256 of it as it came (DER).
    pub fingerprint: [u8; 32],
}

/// What a client certificate that was verified says of its holder.
pub fn client_certificate(der: &CertificateDer<'_>) -> ClientCertificate {
    let siprec::Certificate { fingerprint, names } = certificate_of(der);
    let subject = X509Certificate::from_der(der).map(|(_, parsed)| parsed.subject().to_string());
    ClientCertificate { subject: subject.unwrap_or_default(), names, fingerprint }
}

fn names_of(certificate: &X509Certificate<'_>) -> Vec<String> {
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let stated = alternative.iter().flat_map(|extension| &extension.value.general_names);
    let names: Vec<String> = stated.filter_map(name_of).take(MAX_NAMES).collect();
    if !names.is_empty() {
        return names;
    }
    let common = certificate.subject().iter_common_name();
    common.filter_map(|name| name.as_str().ok().map(str::to_owned)).take(MAX_NAMES).collect()
}

fn name_of(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        // sip:example.com names the host, as RFC 5922 has it.
        GeneralName::URI(uri) => Some(uri.strip_prefix("sip:").unwrap_or(uri).to_owned()),
        GeneralName::IPAddress(bytes) => match *bytes {
            [a, b, c, d] => Some(std::net::Ipv4Addr::new(*a, *b, *c, *d).to_string()),
            bytes => <[u8; 16]>::try_from(bytes).ok().map(|v6| std::net::Ipv6Addr::from(v6).to_string()),
        },
        _ => None,
    }
}

/// When a certificate is valid, first and last second since 1970; `None` if it cannot be read.
pub(super) fn validity_s(der: &CertificateDer<'_>) -> Option<(i64, i64)> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let validity = certificate.validity();
    Some((validity.not_before.timestamp(), validity.not_after.timestamp()))
}
