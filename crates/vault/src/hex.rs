//! Thirty-two bytes written as 64 hexadecimal digits: keys in their files, and digests.

/// Reads them into the caller's bytes, so that a key is in no second place. `None` unless there are exactly 64 digits.
pub(crate) fn read(digits: &[u8], into: &mut [u8; 32]) -> Option<()> {
    let digits: &[u8; 64] = digits.try_into().ok()?;
    for (byte, pair) in into.iter_mut().zip(digits.chunks_exact(2)) {
        let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(())
}
