//! Programs by the client certificate they show, which one of our authorities has given: a key's record says which one stands
//! for it.
//!
//! A name is the usual rule: it stays when the certificate is renewed, and is as good as the authorities of `http.tls.client_ca`.
//! A fingerprint is for those that give certificates to others too.

use access::{Kind, Principal};

use super::{Identity, is_alive, named};
use crate::config::CertificateRule;
use crate::tls::ClientCertificate;

/// What a fingerprint begins with.
const FINGERPRINT: &str = "sha256:";

/// How a certificate is written down: a name in lower case, or its fingerprint in lower case without colons.
///
/// # Errors
/// What would be right, as text.
pub(super) fn canonical(text: &str) -> Result<String, String> {
    Ok(match CertificateRule::try_from(text.trim().to_owned())?.0 {
        siprec::CertificateRule::Name(name) => name.to_lowercase(),
        siprec::CertificateRule::Fingerprint(bytes) => written(&bytes),
    })
}

fn written(fingerprint: &[u8; 32]) -> String {
    let digits: String = fingerprint.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{FINGERPRINT}{digits}")
}

/// All that may be written down of a certificate. What is a name in it is no fingerprint.
fn ways_to_name(certificate: &ClientCertificate) -> Vec<String> {
    let names = certificate.names.iter().map(|name| name.to_lowercase());
    let names = names.filter(|name| !name.starts_with(FINGERPRINT));
    names.chain([written(&certificate.fingerprint)]).collect()
}

impl Identity {
    /// The program that a certificate stands for; nobody if it stands for several.
    pub(super) fn by_certificate(&self, certificate: &ClientCertificate, from: &str) -> Option<Principal> {
        let (now, ways) = (self.0.clock.now(), ways_to_name(certificate));
        let known = self.0.known.read();
        let mut meant = known.keys.values().filter(|key| {
            is_alive(key, now) && key.certificate.as_ref().is_some_and(|named| ways.contains(named))
        });
        let (first, second) = (meant.next()?, meant.next());
        if let Some(second) = second {
            tracing::warn!(first.name, second.name, "one certificate stands for two keys, and so for none");
            return None;
        }
        Some(named(Kind::Peer, &first.name, &first.grant, from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_known_by_its_names_and_its_fingerprint_and_by_no_name_that_looks_like_one() {
        let other = written(&[9; 32]);
        let certificate = ClientCertificate {
            subject: "CN=crm".to_owned(),
            names: vec!["CRM.example.com".to_owned(), other.clone(), other.to_uppercase()],
            fingerprint: [7; 32],
        };
        assert_eq!(ways_to_name(&certificate), ["crm.example.com".to_owned(), written(&[7; 32])]);
        assert_eq!(canonical(" CRM.Example.com ").as_deref(), Ok("crm.example.com"));
        let colons = vec!["07"; 32].join(":");
        assert_eq!(canonical(&format!("sha256:{colons}")), Ok(written(&[7; 32])));
        for none in ["", "a b", "*.example.com", "sha256:07"] {
            assert!(canonical(none).unwrap_err().contains("is no certificate"), "{none}");
        }
    }
}
