//! Signatures by the Standard Webhooks specification: `v1,` and the HMAC-SHA-256 of id, time and body, base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// A secret as it is told to who receives.
pub(super) fn written(key: &[u8; 32]) -> String {
    format!("whsec_{}", STANDARD.encode(key))
}

/// The signatures of a message, one by each key, parted by spaces.
pub(super) fn signatures<'a>(
    keys: impl IntoIterator<Item = &'a [u8; 32]>,
    id: &str,
    at_s: i64,
    body: &str,
) -> String {
    let sign = |key: &[u8; 32]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
        mac.update(format!("{id}.{at_s}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    };
    keys.into_iter().map(sign).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_signed_as_the_specification_has_it() {
        // printf 'msg_1.1614265330.{"a":1}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0707...07 -binary | base64
        let said = signatures([&[7; 32]], "msg_1", 1_614_265_330, r#"{"a":1}"#);
        assert_eq!(said, "v1,msJ2Az1Qy8kMjwuvkeK90JarUwpqFGH0hHfkaJBv2gg=");
        let two = signatures([&[7; 32], &[8; 32]], "msg_1", 1_614_265_330, r#"{"a":1}"#);
        assert_eq!(two.split(' ').count(), 2);
        assert!(two.starts_with(&said));
        assert_eq!(written(&[0; 32]), "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    }
}
