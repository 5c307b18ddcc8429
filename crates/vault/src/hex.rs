//! Bytes written as hexadecimal digits: keys in their files, digests, signatures.

use std::fmt;

/// Reads them into the caller's bytes, so that a key is in no second place. `None` unless there are exactly two digits for each, as
/// they are written here: in a file in which a letter has changed its case, something is wrong (C8-08).
pub(crate) fn read(digits: &[u8], into: &mut [u8]) -> Option<()> {
    if digits.len() != 2 * into.len() {
        return None;
    }
    for (byte, pair) in into.iter_mut().zip(digits.chunks_exact(2)) {
        let value = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_as_they_are_written_and_no_other_way() {
        let (mut text, mut bytes) = (Vec::new(), [0; 3]);
        write(&[0x00, 0x9a, 0xff], &mut text);
        assert_eq!((text.as_slice(), read(&text, &mut bytes)), (&b"009aff"[..], Some(())));
        assert_eq!(bytes, [0x00, 0x9a, 0xff]);
        for other in ["009Aff", "009af", "009aff0", "009ag0", ""] {
            assert_eq!(read(other.as_bytes(), &mut bytes), None, "{other}");
        }
    }
}
