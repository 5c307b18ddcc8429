//! Bytes as base64url without padding (RFC 7515 section 2), as they come.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Encodes bytes that come in parts as if they came at once.
#[derive(Debug, Default)]
pub struct Base64Url {
    /// Up to two bytes that wait for their third.
    rest: Vec<u8>,
}

impl Base64Url {
    /// What can be written of these bytes and those before.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        let missing = if self.rest.is_empty() { 0 } else { (3 - self.rest.len()).min(bytes.len()) };
        let (first, bytes) = bytes.split_at(missing);
        self.rest.extend_from_slice(first);
        let mut text = String::with_capacity(bytes.len() / 3 * 4 + 8);
        if self.rest.len() == 3 {
            URL_SAFE_NO_PAD.encode_string(&self.rest, &mut text);
            self.rest.clear();
        }
        if self.rest.is_empty() {
            let (whole, rest) = bytes.split_at(bytes.len() / 3 * 3);
            URL_SAFE_NO_PAD.encode_string(whole, &mut text);
            self.rest.extend_from_slice(rest);
        }
        text
    }

    /// The last of it.
    #[must_use]
    pub fn end(self) -> String {
        URL_SAFE_NO_PAD.encode(self.rest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_of_any_size_give_the_text_of_the_whole(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..12)) {
            let mut encoder = Base64Url::default();
            let mut text: String = parts.iter().map(|part| encoder.push(part)).collect();
            text.push_str(&encoder.end());
            prop_assert_eq!(text, URL_SAFE_NO_PAD.encode(parts.concat()));
        }
    }
}
