//! L16: linear samples of 16 bits, most significant byte first. RFC 3551 §4.5.11.

/// The samples of a payload. A byte left over at its end is half a sample and is dropped (B3-04).
pub fn decode(payload: &[u8]) -> impl Iterator<Item = i16> + '_ {
    payload.as_chunks::<2>().0.iter().map(|bytes| i16::from_be_bytes(*bytes))
}

/// The payload of samples.
pub fn encode(samples: &[i16]) -> impl Iterator<Item = u8> + '_ {
    samples.iter().flat_map(|sample| sample.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_significant_byte_comes_first_and_half_a_sample_is_dropped() {
        let samples = [1, -2, i16::MAX, i16::MIN];
        let mut payload: Vec<u8> = encode(&samples).collect();
        assert_eq!(payload, [0, 1, 0xff, 0xfe, 0x7f, 0xff, 0x80, 0]);
        payload.push(7);
        assert!(decode(&payload).eq(samples));
        assert_eq!(decode(&[9]).count(), 0);
    }
}
