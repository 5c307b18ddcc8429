//! A vCon signed (JWS, RFC 7515) and encrypted (JWE, RFC 7516), in the general JSON forms the vCon draft wants.
//!
//! Signed: `RS256` or `ES256`, as the key is; `x5c` with the chain, and the vCon's `uuid`, all in the protected header.
//! Encrypted: what was signed, `RSA-OAEP` and `A256CBC-HS512` (RFC 7518 sections 4.3 and 5.2.5), `cty` `application/vcon`.

use std::path::Path;

use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use aws_lc_rs::{constant_time, hmac};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use super::super::Failure;

/// What signs: a certificate's chain and its key.
pub(super) struct Signer {
    chain: Vec<CertificateDer<'static>>,
    key: Key,
}

enum Key {
    Rsa(Box<RsaKeyPair>),
    P256(Box<EcdsaKeyPair>),
}

impl Key {
    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::P256(_) => "ES256",
        }
    }

    fn public(&self) -> &[u8] {
        match self {
            Self::Rsa(pair) => pair.public_key().as_ref(),
            Self::P256(pair) => pair.public_key().as_ref(),
        }
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).ok()?;
                Some(signature)
            }
            Self::P256(pair) => Some(pair.sign(&random, message).ok()?.as_ref().to_vec()),
        }
    }
}

impl Signer {
    /// Reads both from PEM files.
    pub(super) fn read(chain: &Path, key: &Path) -> Result<Self, Failure> {
        let chain_of = certificates(chain)?;
        let wrong = |what: String| format!("{}: {what}", key.display());
        let der = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(error.to_string()))?;
        let key_pair = match &der {
            PrivateKeyDer::Pkcs1(der) => {
                RsaKeyPair::from_der(der.secret_pkcs1_der()).ok().map(Box::new).map(Key::Rsa)
            }
            PrivateKeyDer::Pkcs8(der) => of_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Sec1(der) => {
                let pair = EcdsaKeyPair::from_private_key_der(
                    &ECDSA_P256_SHA256_FIXED_SIGNING,
                    der.secret_sec1_der(),
                );
                pair.ok().map(Box::new).map(Key::P256)
            }
            _ => None,
        };
        let key_pair = key_pair
            .ok_or_else(|| wrong("it must be an RSA key of 2048 bits or more, or a P-256 key".to_owned()))?;
        // A signature that nobody can verify would be found out far away.
        let is_its_own = chain_of.first().is_some_and(|leaf| has_key(leaf, key_pair.public()));
        if !is_its_own {
            return Err(wrong(format!("it is not the key of the first certificate in {}", chain.display())));
        }
        Ok(Self { chain: chain_of, key: key_pair })
    }

    /// Signs a vCon.
    pub(super) fn sign(&self, vcon: &[u8]) -> Result<Value, Failure> {
        let read: Value =
            serde_json::from_slice(vcon).map_err(|error| format!("the vCon cannot be read: {error}"))?;
        let x5c: Vec<String> = self.chain.iter().map(|der| BASE64_STANDARD.encode(der)).collect();
        let header = json!({"alg": self.key.algorithm(), "x5c": x5c, "uuid": read["uuid"]});
        let protected = BASE64_URL_SAFE_NO_PAD.encode(header.to_string());
        let payload = BASE64_URL_SAFE_NO_PAD.encode(vcon);
        let signature = self.key.sign(format!("{protected}.{payload}").as_bytes());
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signature.ok_or("the key does not sign")?);
        Ok(json!({"payload": payload, "signatures": [{"protected": protected, "signature": signature}]}))
    }
}

fn of_pkcs8(der: &[u8]) -> Option<Key> {
    if let Ok(pair) = RsaKeyPair::from_pkcs8(der) {
        return Some(Key::Rsa(Box::new(pair)));
    }
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der);
    pair.ok().map(Box::new).map(Key::P256)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let wrong = |what: String| format!("{}: {what}", path.display());
    let read = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
    let chain = read.collect::<Result<Vec<_>, _>>().map_err(|error| wrong(error.to_string()))?;
    if chain.is_empty() { Err(wrong("there is no certificate in it (PEM)".to_owned())) } else { Ok(chain) }
}

/// Whether the certificate is of this public key.
fn has_key(der: &CertificateDer<'_>, public: &[u8]) -> bool {
    X509Certificate::from_der(der).is_ok_and(|(_, certificate)| {
        let own = &certificate.public_key().subject_public_key.data;
        constant_time::verify_slices_are_equal(own, public).is_ok()
    })
}

/// Encrypts a signed vCon for the holder of a certificate with an RSA key.
pub(super) fn encrypt(signed: &Value, recipient: &Path) -> Result<Value, Failure> {
    let wrong = |what: &str| format!("{}: {what}", recipient.display());
    let leaf = certificates(recipient)?.swap_remove(0);
    let (_, certificate) = X509Certificate::from_der(&leaf).map_err(|_| wrong("it is no certificate"))?;
    let public = PublicEncryptingKey::from_der(certificate.public_key().raw).ok();
    let public = public.and_then(|key| OaepPublicEncryptingKey::new(key).ok());
    let public =
        public.ok_or_else(|| wrong("vCons are encrypted for RSA keys (RSA-OAEP), and it has none"))?;
    let failed = |_: Unspecified| "the system's cryptography refuses".to_owned();

    let mut key = Zeroizing::new([0; 64]);
    aws_lc_rs::rand::fill(&mut *key).map_err(failed)?;
    let mut wrapped = vec![0; public.ciphertext_size()];
    let wrapped = public.encrypt(&OAEP_SHA1_MGF1SHA1, &*key, &mut wrapped, None).map_err(failed)?;
    let header = json!({"enc": "A256CBC-HS512", "cty": "application/vcon"});
    let protected = BASE64_URL_SAFE_NO_PAD.encode(header.to_string());

    // RFC 7518 section 5.2.2.1: the first half authenticates, the second encrypts.
    let (mac_key, enc_key) = key.split_at(32);
    let cipher = UnboundCipherKey::new(&AES_256, enc_key).and_then(PaddedBlockEncryptingKey::cbc_pkcs7);
    let mut text = signed.to_string().into_bytes();
    let context = cipher.and_then(|cipher| cipher.encrypt(&mut text)).map_err(failed)?;
    let DecryptionContext::Iv128(iv) = context else { return Err("the cipher gives no vector".to_owned()) };
    let iv: &[u8; 16] = iv.as_ref();
    let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA512, mac_key));
    for part in [protected.as_bytes(), &iv[..], &text, &(protected.len() as u64 * 8).to_be_bytes()] {
        mac.update(part);
    }
    let tag = mac.sign();
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    Ok(json!({
        "protected": protected,
        "recipients": [{"header": {"alg": "RSA-OAEP"}, "encrypted_key": encode(wrapped)}],
        "iv": encode(iv),
        "ciphertext": encode(&text),
        "tag": encode(&tag.as_ref()[..32]),
    }))
}
