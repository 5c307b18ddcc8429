//! `CSeq: 4711 INVITE` (RFC 3261 §20.16).

use core::fmt;

use crate::message::Method;

/// A sequence number below 2^31 and the method it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CSeq {
    /// The number.
    pub number: u32,
    /// The method.
    pub method: Method,
}

impl CSeq {
    /// Reads the value.
    ///
    /// # Errors
    /// Words that say what is wrong.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut words = text.split_whitespace();
        let (Some(number), Some(method), None) = (words.next(), words.next(), words.next()) else {
            return Err("want a number and a method");
        };
        if !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err("want a number and a method");
        }
        // RFC 3261 §8.1.1.5: below 2^31.
        let number = number.parse().ok().filter(|n| *n < 1 << 31).ok_or("number is not below 2^31")?;
        Ok(Self { number, method: Method::new(method) })
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}
