//! What a text says: its signs as they stand, and as they are without the escapes of addresses (percent-encoding, RFC 3986
//! section 2.1) and of markup (references to characters, HTML section 13.5).

use std::ops::Range;

/// The longest name of a sign in markup that is looked for, as in `&nbsp;`.
const MAX_NAME_BYTES: usize = 8;

/// One sign, and where it stands in the text.
pub(super) struct Sign {
    /// The digit that it is, in whatever script.
    pub digit: Option<u8>,
    /// It.
    pub what: char,
    /// Where.
    pub place: Range<usize>,
}

/// What a text says if it is read in one way; `None` where that is no other than as it stands.
type Reading = fn(&str) -> Option<Vec<Sign>>;

/// How a text may be read, one after the other.
pub(super) const READINGS: [Reading; 4] = [
    |text| Some(signs(as_it_stands(text))),
    |text| text.contains('%').then(|| signs(without_percent(as_it_stands(text)))),
    |text| text.contains('&').then(|| signs(without_references(as_it_stands(text)))),
    |text| text.contains('%').then(|| signs(without_references(without_percent(as_it_stands(text))))),
];

/// Bytes, each with its place in the text.
type Placed = Vec<(u8, Range<usize>)>;

fn as_it_stands(text: &str) -> Placed {
    text.bytes().enumerate().map(|(at, byte)| (byte, at..at + 1)).collect()
}

fn without_percent(text: Placed) -> Placed {
    let hex = |at: usize| text.get(at).and_then(|(byte, _)| char::from(*byte).to_digit(16));
    let (mut read, mut at) = (Vec::with_capacity(text.len()), 0);
    while let Some((byte, place)) = text.get(at) {
        let encoded = hex(at + 1).zip(hex(at + 2)).filter(|_| *byte == b'%');
        let encoded = encoded.and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        let count = if encoded.is_some() { 3 } else { 1 };
        read.push((encoded.unwrap_or(*byte), place.start..text[at + count - 1].1.end));
        at += count;
    }
    read
}

fn without_references(text: Placed) -> Placed {
    let (mut read, mut at) = (Vec::with_capacity(text.len()), 0);
    while let Some((byte, place)) = text.get(at) {
        match reference(&text[at..]) {
            Some((sign, count)) => {
                let place = place.start..text[at + count - 1].1.end;
                let mut bytes = [0; 4];
                let bytes = sign.encode_utf8(&mut bytes).as_bytes();
                read.extend(bytes.iter().map(|byte| (*byte, place.clone())));
                at += count;
            }
            None => {
                read.push((*byte, place.clone()));
                at += 1;
            }
        }
    }
    read
}

/// The sign that a reference at the beginning of a text is, and how long the reference is. What has a name is taken for a space:
/// no digit has one.
fn reference(text: &[(u8, Range<usize>)]) -> Option<(char, usize)> {
    let byte = |at: usize| text.get(at).map(|(byte, _)| *byte);
    let run = |from: usize, is_in: fn(&u8) -> bool| {
        text.iter().skip(from).take_while(move |(byte, _)| is_in(byte)).map(|(byte, _)| char::from(*byte))
    };
    if byte(0) != Some(b'&') {
        return None;
    }
    if byte(1) != Some(b'#') {
        let length = run(1, u8::is_ascii_alphabetic).take(MAX_NAME_BYTES + 1).count();
        let is_whole = (2..=MAX_NAME_BYTES).contains(&length) && byte(1 + length) == Some(b';');
        return is_whole.then_some((' ', length + 2));
    }
    let (radix, from, is_in): (u32, usize, fn(&u8) -> bool) = match byte(2) {
        Some(b'x' | b'X') => (16, 3, u8::is_ascii_hexdigit),
        _ => (10, 2, u8::is_ascii_digit),
    };
    let value = |code: u32, digit: char| {
        code.saturating_mul(radix).saturating_add(digit.to_digit(radix).unwrap_or(0))
    };
    let (count, code) = run(from, is_in).fold((0, 0), |(count, code), digit| (count + 1, value(code, digit)));
    // Browsers do without the semicolon.
    let end = from + count + usize::from(byte(from + count) == Some(b';'));
    char::from_u32(code).filter(|_| count > 0).map(|sign| (sign, end))
}

/// The signs that bytes are, without those that nobody sees.
fn signs(text: Placed) -> Vec<Sign> {
    let bytes: Vec<u8> = text.iter().map(|(byte, _)| *byte).collect();
    let (mut signs, mut at) = (Vec::with_capacity(bytes.len()), 0);
    let mut take = |what: char, count: usize| {
        let place = text[at].1.start..text[at + count - 1].1.end;
        at += count;
        if !is_unseen(what) {
            signs.push(Sign { digit: digit(what), what, place });
        }
    };
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| take(c, c.len_utf8()));
        if !chunk.invalid().is_empty() {
            take(char::REPLACEMENT_CHARACTER, chunk.invalid().len());
        }
    }
    signs
}

/// Whether nobody sees it where it stands: joiners, marks of direction, soft hyphens, choices of a form.
fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
    )
}

/// A decimal digit of any script.
fn digit(c: char) -> Option<u8> {
    /// The zeros of scripts, each followed by its other nine (Unicode, general category Nd).
    const ZEROS: [u32; 20] = [
        0x0030, 0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6,
        0x0d66, 0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x17e0, 0x1810, 0xff10,
    ];
    // Five forms for mathematics stand one after the other.
    const MATHEMATICAL: std::ops::RangeInclusive<u32> = 0x1d7ce..=0x1d7ff;
    let code = u32::from(c);
    let digit = if MATHEMATICAL.contains(&code) {
        Some((code - MATHEMATICAL.start()) % 10)
    } else {
        ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code)).map(|zero| code - zero)
    };
    digit.and_then(|digit| u8::try_from(digit).ok())
}
