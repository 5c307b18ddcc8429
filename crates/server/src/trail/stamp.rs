//! Asks a time stamping authority when a head was there (RFC 3161): somebody else says so, and signs it.
//!
//! What is asked for is the SHA-256 of the head's line ([`audit::Line`], without its line break), so that any program can check
//! the token against a witness. Here only that the token is for this head and this question is looked at; whose signature it
//! bears is for whoever relies on it (`openssl ts -verify`).

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use x509_parser::asn1_rs::{Any, FromDer as _, Tag};

/// The longest answer that is read; a token with its certificates has some kilobytes.
const ANSWER_LIMIT_BYTES: u64 = 256 << 10;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The algorithm of the imprint: SHA-256 without parameters (2.16.840.1.101.3.4.2.1), DER.
const SHA_256: &[u8] = &[0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];

/// A time stamping authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// Its address, `http://`: what it says is signed.
    pub url: String,
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoToken {
    /// It does not answer, or not with 200.
    #[error("the time stamping authority does not answer as it should: {0}")]
    Answer(String),
    /// It answers with something that is no answer of an authority.
    #[error("the time stamping authority answers with something that is no RFC 3161 response")]
    Malformed,
    /// It refuses.
    #[error("the time stamping authority refuses, with status {0}")]
    Refused(u64),
    /// The token is for something else.
    #[error("the time stamping authority answers with a token for something else")]
    Other,
}

impl Authority {
    /// A token for these bytes, DER. Takes as long as it takes: call it where that is no harm.
    ///
    /// # Errors
    /// [`NoToken`].
    pub fn stamp(&self, bytes: &[u8], nonce: u64) -> Result<Vec<u8>, NoToken> {
        let imprint: [u8; 32] = Sha256::digest(bytes).into();
        let answer = |error: ureq::Error| NoToken::Answer(error.to_string());
        let config = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).build();
        let asked = ureq::Agent::new_with_config(config)
            .post(&self.url)
            .header("Content-Type", "application/timestamp-query")
            .send(request(&imprint, nonce));
        let body = asked.map_err(answer)?.into_body().into_with_config().limit(ANSWER_LIMIT_BYTES);
        token_of(&body.read_to_vec().map_err(answer)?, &imprint, nonce)
    }
}

/// A `TimeStampReq` that wants the authority's certificate in the token.
fn request(imprint: &[u8; 32], nonce: u64) -> Vec<u8> {
    let imprint = element(0x30, &[SHA_256, &element(0x04, &[imprint])]);
    element(0x30, &[&[0x02, 0x01, 0x01], &imprint, &integer(nonce), &[0x01, 0x01, 0xff]])
}

/// An element of DER; none here is longer than 127 bytes.
fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u8::try_from(content.len()).unwrap_or(u8::MAX);
    [&[tag, length], content.as_slice()].concat()
}

/// A number of DER: as few bytes as hold it, the first without its highest bit.
fn integer(number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1);
    let sign: &[u8] = if bytes[first] & 0x80 == 0 { &[] } else { &[0] };
    element(0x02, &[sign, &bytes[first..]])
}

/// The token of a `TimeStampResp`, if it was granted and is for this imprint and nonce.
fn token_of(response: &[u8], imprint: &[u8; 32], nonce: u64) -> Result<Vec<u8>, NoToken> {
    let read = || {
        let (_, whole) = Any::from_der(response).ok()?;
        let (token, info) = Any::from_der(whole.data).ok()?;
        Some((elements(info.data)?.first()?.as_u64().ok()?, token))
    };
    let (status, token) = read().ok_or(NoToken::Malformed)?;
    // Granted, or granted with changes.
    if status > 1 {
        return Err(NoToken::Refused(status));
    }
    let fields = info_of(token).and_then(elements).ok_or(NoToken::Malformed)?;
    let stamped = fields.get(2).and_then(|imprint| elements(imprint.data)).ok_or(NoToken::Malformed)?;
    let is_it = stamped.get(1).is_some_and(|hash| hash.data == imprint);
    let is_asked = fields.iter().any(|field| field.tag() == Tag::Integer && field.as_u64() == Ok(nonce));
    if is_it && is_asked { Ok(token.to_vec()) } else { Err(NoToken::Other) }
}

/// The fields of the `TSTInfo` in a token: `ContentInfo`, its `SignedData`, the content encapsulated there.
fn info_of(token: &[u8]) -> Option<&[u8]> {
    let content_info = elements(Any::from_der(token).ok()?.1.data)?;
    let (_, signed) = Any::from_der(content_info.get(1)?.data).ok()?;
    let encapsulated = elements(elements(signed.data)?.get(2)?.data)?;
    let (_, octets) = Any::from_der(encapsulated.get(1)?.data).ok()?;
    Any::from_der(octets.data).ok().map(|(_, info)| info.data)
}

/// The elements in what an element holds.
fn elements(mut content: &[u8]) -> Option<Vec<Any<'_>>> {
    let mut found = Vec::new();
    while !content.is_empty() {
        let (rest, element) = Any::from_der(content).ok()?;
        found.push(element);
        content = rest;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_is_the_one_of_the_rfc() {
        let expected = [
            &[0x30, 0x3b, 0x02, 0x01, 0x01, 0x30, 0x2f][..],
            SHA_256,
            &[0x04, 0x20],
            &[7; 32],
            &[0x02, 0x02, 0x00, 0x80, 0x01, 0x01, 0xff],
        ];
        assert_eq!(request(&[7; 32], 128), expected.concat());
    }

    #[test]
    fn a_refusal_is_said_and_what_is_no_answer_is_none() {
        let refused = [0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x02];
        assert_eq!(token_of(&refused, &[0; 32], 1), Err(NoToken::Refused(2)));
        assert_eq!(token_of(b"<html>", &[0; 32], 1), Err(NoToken::Malformed));
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = token_of(&bytes, &[0; 32], 1);
        }
    }
}
