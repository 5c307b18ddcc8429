//! Keys in SDP: `a=crypto` (RFC 4568).
//!
//! *Belongs here*: what an attribute says, and which one of a line is taken. *Does not*: what is done with the keys.

use std::fmt;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Most attributes read of one line.
pub(super) const MAX_CRYPTO: usize = 32;

/// Most keys read of one attribute.
const MAX_KEYS: usize = 8;

/// Most bytes of an MKI (RFC 4568 §6.1).
const MAX_MKI_BYTES: usize = 128;

/// Most packets one key may protect (RFC 3711 §9.2).
const MAX_LIFETIME: u128 = 1 << 48;

/// Some clients leave the padding away.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Whether media may or must be protected (A10-02, A10-03).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Srtp {
    /// Lines of RTP/SAVP are refused, and `a=crypto` of others is not looked at.
    Refuse,
    /// As the client offers it: RTP/SAVP is SRTP, `a=crypto` below RTP/AVP too (A10-06), everything else plain RTP.
    #[default]
    Optional,
    /// Lines that would be plain RTP are refused.
    Require,
}

/// A crypto suite that may be agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suite {
    /// Its name (RFC 4568 §6.2, RFC 6188 §4.3, RFC 7714 §14.2).
    pub name: String,
    /// Bytes of a master key and its salt together.
    pub key_bytes: usize,
}

impl Suite {
    /// The suites of A10-03.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let suite = |(name, key_bytes): (&str, usize)| Self { name: name.to_owned(), key_bytes };
        let all = [
            ("AES_CM_128_HMAC_SHA1_80", 30),
            ("AES_CM_128_HMAC_SHA1_32", 30),
            ("AES_256_CM_HMAC_SHA1_80", 46),
            ("AES_256_CM_HMAC_SHA1_32", 46),
            ("AEAD_AES_128_GCM", 28),
            ("AEAD_AES_256_GCM", 44),
        ];
        all.map(suite).into()
    }
}

/// A master key followed by its salt. `Debug` shows neither; both are overwritten when dropped (A10-05).
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop, Serialize, Deserialize)]
pub struct MasterKey(Vec<u8>);

impl MasterKey {
    /// The key of these bytes.
    #[must_use]
    pub fn new(key_and_salt: Vec<u8>) -> Self {
        Self(key_and_salt)
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// As `inline:` has it.
    pub(crate) fn inline(&self) -> String {
        STANDARD.encode(&self.0)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({} bytes)", self.0.len())
    }
}

/// A master key, and what names it in packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedKey {
    /// The key.
    pub key: MasterKey,
    /// The MKI as it stands in packets; empty if there is none.
    pub mki: Vec<u8>,
}

/// One `a=crypto`, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crypto {
    /// What names the attribute in offer and answer.
    pub tag: u32,
    /// The suite's name.
    pub suite: String,
    /// The keys of who sent the attribute, at least one.
    pub keys: Vec<NamedKey>,
    /// RTCP is authenticated and not encrypted (`UNENCRYPTED_SRTCP`, RFC 4568 §6.3.2).
    pub plain_rtcp: bool,
}

/// Why an `a=crypto` cannot be used. No sentence holds a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CryptoError {
    /// Not of the form.
    #[error("it is not `<tag> <suite> inline:<key>`")]
    Form,
    /// The tag is no number of one to nine digits without a leading zero.
    #[error("its tag is not a number of one to nine digits without a leading zero")]
    Tag,
    /// An attribute before it has the tag.
    #[error("its tag {0} was used before in the line")]
    TagTaken(u32),
    /// The suite is not among those that may be agreed on.
    #[error("suite {0} is not used here")]
    Suite(String),
    /// A key that is not base64 of the right length.
    #[error("its key is not base64 of the {0} bytes that the suite needs")]
    Key(usize),
    /// More than 2^48 packets, or no number (RFC 4568 §6.1).
    #[error("its lifetime is not between 1 and 2^48 packets")]
    Lifetime,
    /// MKIs that are missing, differ in length or do not fit.
    #[error("several keys need MKIs of one length, 1 to {MAX_MKI_BYTES} bytes, into which their values fit")]
    Mki,
    /// A session parameter that would have to be known (RFC 4568 §6.3.7).
    #[error("parameter {0} is not used here")]
    Parameter(String),
}

/// Reads all values of a line's `a=crypto`.
pub(super) fn read<'a>(values: impl Iterator<Item = &'a str>) -> Vec<Result<Crypto, CryptoError>> {
    let mut read: Vec<Result<Crypto, CryptoError>> = Vec::new();
    for value in values.take(MAX_CRYPTO) {
        let crypto = parse(value).and_then(|crypto| {
            let taken = read.iter().flatten().any(|earlier| earlier.tag == crypto.tag);
            if taken { Err(CryptoError::TagTaken(crypto.tag)) } else { Ok(crypto) }
        });
        read.push(crypto);
    }
    read
}

/// The first attribute that can be used (A10-04), or why none can.
pub(super) fn choose(
    offered: &[Result<Crypto, CryptoError>],
    suites: &[Suite],
) -> Result<Crypto, Vec<CryptoError>> {
    let mut why = Vec::new();
    for crypto in offered {
        match crypto.clone().and_then(|crypto| fits(crypto, suites)) {
            Ok(crypto) => return Ok(crypto),
            Err(error) => why.push(error),
        }
    }
    Err(why)
}

fn fits(crypto: Crypto, suites: &[Suite]) -> Result<Crypto, CryptoError> {
    let suite = suites.iter().find(|suite| suite.name.eq_ignore_ascii_case(&crypto.suite));
    let suite = suite.ok_or_else(|| CryptoError::Suite(short(&crypto.suite)))?;
    if crypto.keys.iter().any(|named| named.key.bytes().len() != suite.key_bytes) {
        return Err(CryptoError::Key(suite.key_bytes));
    }
    Ok(crypto)
}

fn parse(value: &str) -> Result<Crypto, CryptoError> {
    let mut words = value.split_ascii_whitespace();
    let (Some(tag), Some(suite), Some(keys)) = (words.next(), words.next(), words.next()) else {
        return Err(CryptoError::Form);
    };
    let digits = (1..=9).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || (tag.len() > 1 && tag.starts_with('0')) {
        return Err(CryptoError::Tag);
    }
    let tag = tag.parse().map_err(|_| CryptoError::Tag)?;
    let keys = keys.split(';').take(MAX_KEYS + 1).map(named_key).collect::<Result<Vec<_>, _>>()?;
    let length = keys.first().ok_or(CryptoError::Form)?.mki.len();
    let named = keys.iter().all(|named| named.mki.len() == length) && (length > 0 || keys.len() == 1);
    if !named || keys.len() > MAX_KEYS {
        return Err(CryptoError::Mki);
    }
    let mut plain_rtcp = false;
    for parameter in words {
        let name = parameter.split_once('=').map_or(parameter, |(name, _)| name);
        match name.to_ascii_uppercase().as_str() {
            "UNENCRYPTED_SRTCP" => plain_rtcp = true,
            // A hint for the replay window: ours has one size (RFC 4568 §6.3.6).
            "WSH" => {}
            // RFC 4568 §6.3.7: what may be passed over says so.
            name if name.starts_with('-') => {}
            name => return Err(CryptoError::Parameter(short(name))),
        }
    }
    Ok(Crypto { tag, suite: suite.to_owned(), keys, plain_rtcp })
}

/// `inline:<key and salt>[|lifetime][|mki:length]`.
fn named_key(text: &str) -> Result<NamedKey, CryptoError> {
    let method = text.get(..7).filter(|method| method.eq_ignore_ascii_case("inline:"));
    let mut parts = text.get(7..).filter(|_| method.is_some()).ok_or(CryptoError::Form)?.split('|');
    let key = LENIENT.decode(parts.next().unwrap_or_default().trim());
    // A length that fits no suite is told when the suite is known to be ours.
    let key = MasterKey::new(key.unwrap_or_default());
    let mut mki = Vec::new();
    let mut rest = parts.peekable();
    if let Some(lifetime) = rest.next_if(|part| !part.contains(':')) {
        check_lifetime(lifetime)?;
    }
    if let Some(part) = rest.next() {
        mki = parse_mki(part)?;
    }
    if rest.next().is_some() {
        return Err(CryptoError::Form);
    }
    Ok(NamedKey { key, mki })
}

fn check_lifetime(text: &str) -> Result<(), CryptoError> {
    let packets = match text.strip_prefix("2^") {
        Some(exponent) => exponent.parse().ok().and_then(|exponent| 1_u128.checked_shl(exponent)),
        None => text.parse().ok(),
    };
    let right = packets.is_some_and(|packets| (1..=MAX_LIFETIME).contains(&packets));
    if right { Ok(()) } else { Err(CryptoError::Lifetime) }
}

fn parse_mki(text: &str) -> Result<Vec<u8>, CryptoError> {
    let (value, length) = text.split_once(':').ok_or(CryptoError::Mki)?;
    let value: u128 = value.parse().map_err(|_| CryptoError::Mki)?;
    let length: usize = length.parse().map_err(|_| CryptoError::Mki)?;
    let bytes = value.to_be_bytes();
    let spare = bytes.iter().take_while(|byte| **byte == 0).count();
    if !(1..=MAX_MKI_BYTES).contains(&length) || bytes.len() - spare > length {
        return Err(CryptoError::Mki);
    }
    let mut mki = vec![0; length.saturating_sub(bytes.len())];
    mki.extend_from_slice(&bytes[bytes.len() - length.min(bytes.len())..]);
    Ok(mki)
}

/// A word of the client, short enough for a sentence.
fn short(word: &str) -> String {
    word.chars().filter(|c| !c.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY_30: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";

    fn chosen(values: &[&str]) -> Result<Crypto, Vec<CryptoError>> {
        choose(&read(values.iter().copied()), &Suite::all())
    }

    fn why_not(value: &str) -> String {
        chosen(&[value]).unwrap_err().remove(0).to_string()
    }

    #[test]
    fn the_first_attribute_that_can_be_used_is_taken() {
        let [gcm, unknown, cm] = [
            format!("7 AEAD_AES_128_GCM inline:{KEY_30}"),
            format!("8 F8_128_HMAC_SHA1_80 inline:{KEY_30}"),
            format!("9 AES_CM_128_HMAC_SHA1_32 inline:{KEY_30}|2^20|1:4 UNENCRYPTED_SRTCP WSH=128 -later=1"),
        ];
        let crypto = chosen(&[&gcm, &unknown, &cm]).unwrap();
        assert_eq!((crypto.tag, crypto.suite.as_str()), (9, "AES_CM_128_HMAC_SHA1_32"));
        assert_eq!(crypto.keys[0].key.inline(), KEY_30);
        assert_eq!((&crypto.keys[0].mki[..], crypto.plain_rtcp), (&[0, 0, 0, 1][..], true));
    }

    #[test]
    fn padding_may_be_left_away_and_names_have_any_case() {
        let key = STANDARD.encode([5; 28]);
        for key in [key.as_str(), key.trim_end_matches('=')] {
            let crypto = chosen(&[&format!("1 aead_aes_128_gcm INLINE:{key}")]).unwrap();
            assert_eq!(crypto.keys[0].key.bytes(), [5; 28]);
        }
    }

    #[test]
    fn several_keys_are_told_apart_by_mkis_of_one_length() {
        let of = |keys: &str| chosen(&[&format!("1 AES_CM_128_HMAC_SHA1_80 {keys}")]);
        let two = of(&format!("inline:{KEY_30}|2^20|1:2;inline:{KEY_30}|2^20|258:2")).unwrap();
        assert_eq!(two.keys.iter().map(|named| &named.mki[..]).collect::<Vec<_>>(), [[0, 1], [1, 2]]);
        let long = of(&format!("inline:{KEY_30}|1:128")).unwrap();
        assert_eq!((long.keys[0].mki.len(), long.keys[0].mki[127]), (128, 1));
        for wrong in ["1:2;inline:K|2:3", "1:0", "1:129", "256:1", "x:1", "1:2;inline:K"] {
            let keys = format!("inline:{KEY_30}|{}", wrong.replace('K', KEY_30));
            assert_eq!(of(&keys), Err(vec![CryptoError::Mki]), "{wrong}");
        }
    }

    #[test]
    fn what_spoils_an_attribute_is_said_without_its_key() {
        let wrong = [
            ("1 AES_CM_128_HMAC_SHA1_80", "is not `<tag>"),
            ("1 AES_CM_128_HMAC_SHA1_80 d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj", "is not `<tag>"),
            ("01 AES_CM_128_HMAC_SHA1_80 inline:K", "its tag"),
            ("1234567890 AES_CM_128_HMAC_SHA1_80 inline:K", "its tag"),
            ("1 AES_CM_128_HMAC_SHA1_99 inline:K", "suite AES_CM_128_HMAC_SHA1_99 is not used here"),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:abc", "the 30 bytes"),
            ("1 AES_256_CM_HMAC_SHA1_80 inline:K", "the 46 bytes"),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:K|2^49", "2^48 packets"),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:K|0", "2^48 packets"),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:K|2^20|1:4|9", "is not `<tag>"),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:K KDR=1", "parameter KDR"),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:K UNAUTHENTICATED_SRTP", "parameter UNAUTHENTICATED_SRTP"),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:K UNENCRYPTED_SRTP", "parameter UNENCRYPTED_SRTP"),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:K FEC_ORDER=FEC_SRTP", "parameter FEC_ORDER"),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:K NEW", "parameter NEW"),
        ];
        for (value, why) in wrong {
            let said = why_not(&value.replace("inline:K", &format!("inline:{KEY_30}")));
            assert!(said.contains(why), "{value}: {said}");
            assert!(!said.contains(&KEY_30[..8]), "{said}");
        }
        let twice = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}");
        assert_eq!(read([&*twice, &*twice].into_iter())[1], Err(CryptoError::TagTaken(1)));
        let right = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|2^48");
        assert!(chosen(&[&right]).is_ok(), "the largest lifetime there is");
        assert!(!format!("{:?}", chosen(&[&right])).contains(&KEY_30[..8]));
    }
}
