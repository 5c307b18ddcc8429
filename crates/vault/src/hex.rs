//! Bytes written as hexadecimal digits: keys in their files, digests, signatures.

use std::fmt;

/// Reads them into the caller's bytes, so that a key is in no second place. `None` unless there are exactly two digits for each.
pub(crate) fn read(digits: &[u8], into: &mut [u8]) -> Option<()> {
    if digits.len() != 2 * into.len() {
        return None;
    }
    for (byte, pair) in into.iter_mut().zip(digits.chunks_exact(2)) {
        let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(())
}

/// Writes two digits for each byte into a text.
pub(crate) fn show(bytes: &[u8], text: &mut impl fmt::Write) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(text, "{byte:02x}"))
}

/// Appends two digits for each byte.
pub(crate) fn write(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        out.extend([byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
    }
}
