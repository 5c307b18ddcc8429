//! Changes inputs: a few small wounds at a time, from a seeded source of numbers.

/// How long an input may grow; the largest datagram, which is also what E2-25 times.
pub(crate) const INPUT_MAX_BYTES: usize = 64 * 1024;

/// Numbers that look random and repeat for a seed (`SplitMix64`).
#[derive(Debug)]
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 if there is none.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % end).unwrap_or(0)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}

/// Pieces that parsers stumble over: ends of lines, quotes, lengths at their limits, signs, nulls.
const PIECES: &[&[u8]] = &[
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"\"",
    b"\\",
    b"<",
    b">",
    b"</",
    b"<!DOCTYPE a [",
    b"]]>",
    b"&amp;",
    b"&#0;",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b";",
    b":",
    b"=",
    b"@",
    b"%00",
    b"--",
    b"-1",
    b"0",
    b"65535",
    b"65536",
    b"2147483648",
    b"4294967296",
    b"18446744073709551616",
    b"99999999999999999999999",
    b"Content-Length: ",
    b"m=audio 0 RTP/AVP 0\r\n",
    b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x00",
    b"\x7f\xff\xff\xff",
    b"\x80\x00\x00\x00",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x8e\xa7",
    b"\xe2\x80\xae",
    b"\xef\xbb\xbf",
];

/// A changed copy of one of `inputs`.
pub(crate) fn mutated(numbers: &mut Numbers, inputs: &[Vec<u8>]) -> Vec<u8> {
    let mut input = pick(numbers, inputs).to_vec();
    for _ in 0..=numbers.below(4) {
        wound(numbers, &mut input, inputs);
    }
    input.truncate(INPUT_MAX_BYTES);
    input
}

fn pick<'a>(numbers: &mut Numbers, inputs: &'a [Vec<u8>]) -> &'a [u8] {
    inputs.get(numbers.below(inputs.len())).map_or(&[], Vec::as_slice)
}

fn wound(numbers: &mut Numbers, input: &mut Vec<u8>, inputs: &[Vec<u8>]) {
    let at = numbers.below(input.len() + 1);
    let end = (at + numbers.below(64)).min(input.len());
    match numbers.below(9) {
        0 => flip_bit(numbers, input),
        1 => set_byte(numbers, input),
        2 => input.truncate(at),
        3 => drop(input.drain(at..end)),
        4 => {
            let piece = PIECES[numbers.below(PIECES.len())];
            drop(input.splice(at..at, piece.iter().copied()));
        }
        5 => {
            let piece = PIECES[numbers.below(PIECES.len())];
            drop(input.splice(at..end, piece.iter().copied()));
        }
        6 => repeat(numbers, input, at, end),
        7 => {
            // The head of this and the tail of another.
            let other = pick(numbers, inputs);
            let from = numbers.below(other.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        _ => {
            let noise: Vec<u8> = (0..numbers.below(16)).map(|_| numbers.byte()).collect();
            drop(input.splice(at..end, noise));
        }
    }
}

fn flip_bit(numbers: &mut Numbers, input: &mut [u8]) {
    let at = numbers.below(input.len());
    if let Some(byte) = input.get_mut(at) {
        *byte ^= 1 << numbers.below(8);
    }
}

fn set_byte(numbers: &mut Numbers, input: &mut [u8]) {
    let at = numbers.below(input.len());
    if let Some(byte) = input.get_mut(at) {
        *byte = [0, 1, 0x7f, 0x80, 0xff, b' ', numbers.byte()][numbers.below(7)];
    }
}

/// A piece several times over: nesting and lists without end.
fn repeat(numbers: &mut Numbers, input: &mut Vec<u8>, at: usize, end: usize) {
    let piece = input[at..end].to_vec();
    let times = if numbers.below(16) == 0 { 500 } else { 1 + numbers.below(8) };
    let many: Vec<u8> = piece.iter().copied().cycle().take(piece.len() * times).collect();
    drop(input.splice(at..at, many));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_inputs_and_another_seed_others() {
        let inputs = [b"INVITE sip:a@b SIP/2.0\r\n\r\n".to_vec(), Vec::new()];
        let draw = |seed| {
            let mut numbers = Numbers::new(seed);
            (0..200).map(|_| mutated(&mut numbers, &inputs)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let distinct: std::collections::BTreeSet<_> = draw(1).into_iter().collect();
        assert!(distinct.len() > 100, "{} of 200 differ", distinct.len());
    }

    #[test]
    fn inputs_stay_within_their_limit_and_no_inputs_are_fine() {
        let mut numbers = Numbers::new(7);
        let big = [vec![b'x'; INPUT_MAX_BYTES]];
        for _ in 0..500 {
            assert!(mutated(&mut numbers, &big).len() <= INPUT_MAX_BYTES);
            mutated(&mut numbers, &[]);
        }
    }
}
