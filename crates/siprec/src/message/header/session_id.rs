//! `Session-ID` (RFC 7989 §5): 32 lower-case hex digits for each end.

use core::fmt;

/// The UUID by which one end knows the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionUuid([u8; 16]);

impl SessionUuid {
    /// The nil UUID: the other end is not known yet (§5).
    pub const NIL: Self = Self([0; 16]);

    /// From random bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads the sender's own UUID from a header value; parameters are ignored. `None` if it is not 32 hex digits.
    pub fn parse(value: &str) -> Option<Self> {
        let digits = value.split(';').next()?.trim();
        if digits.len() != 32 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        u128::from_str_radix(digits, 16).ok().map(|number| Self(number.to_be_bytes()))
    }
}

impl fmt::Display for SessionUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}
