//! Lists of passwords that are known to everybody, as the SHA-1 of each, in order: lines of forty hexadecimal digits, which a colon
//! and a count may follow (the form of the list of Have I Been Pwned). They may have tens of gigabytes, and are searched where
//! they lie.
//!
//! Belongs here: the search. Does not: what a list is about, and where it lies.

use std::cmp::Ordering;
use std::fmt;
use std::io;

/// Digits of a SHA-1.
const DIGITS: usize = 40;

/// The longest line, with what ends it: digits, a colon, a count of 64 bits, CR and LF.
const LINE_MAX: usize = DIGITS + 1 + 20 + 2;

/// Places of a list that are looked at before it is used.
const LOOKS: u64 = 1_000;

/// Where the lines of a list are.
pub trait HashLines: fmt::Debug + Send + Sync {
    /// How many bytes there are.
    fn bytes(&self) -> u64;

    /// Reads from a byte on until the buffer is full; never asked for more than there is.
    ///
    /// # Errors
    /// What stands in the way.
    fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()>;
}

/// Lines in memory.
impl HashLines for &[u8] {
    fn bytes(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let rest = usize::try_from(at).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let there = rest.get(..into.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(there);
        Ok(())
    }
}

/// Why a list cannot be searched.
#[derive(Debug, thiserror::Error)]
pub enum BadList {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// It is another kind of file.
    #[error(
        "at byte {0} it has no line of 40 hexadecimal digits, a colon and a count, in the order of the digits; the list of Have I \
         Been Pwned, SHA-1 and ordered by hash, is right"
    )]
    Form(u64),
}

/// The SHA-1 of a password, as the lists have it.
pub(super) fn sha1(password: &str) -> [u8; DIGITS] {
    use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
    let digit = |at: usize| {
        let byte = digest.as_ref()[at / 2];
        b"0123456789ABCDEF"[usize::from(if at.is_multiple_of(2) { byte >> 4 } else { byte & 15 })]
    };
    std::array::from_fn(digit)
}

/// One line of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line {
    begins: u64,
    /// Where the next begins.
    ends: u64,
    digits: [u8; DIGITS],
    count: u64,
}

/// How often a password with this SHA-1 was seen, by a list in order; `None` if it is not in it.
///
/// # Errors
/// [`BadList`].
pub fn find(lines: &dyn HashLines, wanted: &[u8; DIGITS]) -> Result<Option<u64>, BadList> {
    let (mut from, mut until) = (0, lines.bytes());
    while from < until {
        let line = line_at(lines, from + (until - from) / 2, from)?;
        match line.digits.cmp(wanted) {
            Ordering::Equal => return Ok(Some(line.count)),
            Ordering::Less => from = line.ends,
            Ordering::Greater => until = line.begins,
        }
    }
    Ok(None)
}

/// Looks at some lines all over a list: whether it has the form, as far as that can be seen without reading all of it.
///
/// # Errors
/// [`BadList`].
pub fn check(lines: &dyn HashLines) -> Result<(), BadList> {
    let bytes = lines.bytes();
    let last = bytes.checked_sub(1).ok_or(BadList::Form(0))?;
    let mut before: Option<Line> = None;
    for look in 0..=LOOKS {
        let at = u64::try_from(u128::from(last) * u128::from(look) / u128::from(LOOKS)).unwrap_or(last);
        let line = line_at(lines, at, 0)?;
        let follows = before.is_none_or(|it| it.begins == line.begins || it.digits < line.digits);
        if !follows {
            return Err(BadList::Form(line.begins));
        }
        before = Some(line);
    }
    Ok(())
}

/// The line that a byte is in; `from` is known to begin one.
fn line_at(lines: &dyn HashLines, at: u64, from: u64) -> Result<Line, BadList> {
    let bad = || BadList::Form(at);
    let reach = LINE_MAX as u64;
    let first = at.saturating_sub(reach).max(from);
    let end = at.saturating_add(reach).min(lines.bytes());
    let mut piece = [0; 2 * LINE_MAX];
    let piece = piece.get_mut(..usize::try_from(end - first).map_err(|_| bad())?).ok_or_else(bad)?;
    lines.read(first, piece)?;
    let (before, rest) = piece.split_at(usize::try_from(at - first).map_err(|_| bad())?);
    let begin = match before.iter().rposition(|byte| *byte == b'\n') {
        Some(newline) => newline + 1,
        None if first == from => 0,
        None => return Err(bad()),
    };
    let newline = rest.iter().position(|byte| *byte == b'\n');
    let end_of_text = newline.unwrap_or(rest.len()) + before.len();
    if newline.is_none() && end < lines.bytes() {
        return Err(bad());
    }
    let text = &piece[begin..end_of_text];
    let (digits, count) = parts(text.strip_suffix(b"\r").unwrap_or(text)).ok_or_else(bad)?;
    let next = end_of_text + usize::from(newline.is_some());
    Ok(Line { begins: first + begin as u64, ends: first + next as u64, digits, count })
}

/// Digits in upper case, and the count; 1 if there is none.
fn parts(text: &[u8]) -> Option<([u8; DIGITS], u64)> {
    let (digits, rest) = text.split_first_chunk::<DIGITS>()?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let count = match rest.split_first() {
        None => 1,
        Some((b':', count)) if count.iter().all(u8::is_ascii_digit) => {
            std::str::from_utf8(count).ok()?.parse().ok()?
        }
        Some(_) => return None,
    };
    Some((digits.to_ascii_uppercase().try_into().ok()?, count))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use proptest::prelude::*;

    use super::*;

    /// A list that counts how often it is read.
    #[derive(Debug)]
    struct Counted(Vec<u8>, AtomicUsize);

    impl HashLines for Counted {
        fn bytes(&self) -> u64 {
            self.0.len() as u64
        }

        fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
            self.1.fetch_add(1, Relaxed);
            let at = usize::try_from(at).expect("it is short");
            into.copy_from_slice(&self.0[at..at + into.len()]);
            Ok(())
        }
    }

    fn list(text: impl Into<Vec<u8>>) -> Counted {
        Counted(text.into(), AtomicUsize::new(0))
    }

    /// Digits that begin with this number.
    fn digits(number: u32) -> String {
        format!("{number:08X}{}", "0".repeat(32))
    }

    #[test]
    fn a_password_is_found_by_its_sha_1_with_how_often_it_was_seen() {
        assert_eq!(&sha1("password"), b"5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8");
        let text = "0000000A0DBB9C1A8CE1A1B1C3E0F2A1D3C4B5A6:4\r\n5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8:52256179\r\n";
        assert_eq!(find(&list(text), &sha1("password")).unwrap(), Some(52_256_179));
        assert_eq!(find(&list(text), &sha1("passwort")).unwrap(), None);
        let bare: &'static [u8] = b"5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8";
        assert_eq!(find(&bare, &sha1("password")).unwrap(), Some(1), "without a count and an end");
        assert_eq!(find(&list(""), &sha1("password")).unwrap(), None);
    }

    #[test]
    fn of_a_million_lines_a_few_are_read() {
        let lines: String = (0..100_000).map(|number| format!("{}:{number}\n", digits(2 * number))).collect();
        let lines = list(lines);
        check(&lines).unwrap();
        lines.1.store(0, Relaxed);
        let wanted: [u8; DIGITS] = digits(77_777).into_bytes().try_into().unwrap();
        assert_eq!(find(&lines, &wanted).unwrap(), None);
        assert!(lines.1.load(Relaxed) <= 23, "{}", lines.1.load(Relaxed));
    }

    #[test]
    fn what_is_no_list_in_order_is_refused_with_its_place() {
        let good = format!("{}:1\n{}:2\n", digits(1), digits(2));
        check(&list(good.clone())).unwrap();
        for bad in [
            String::new(),
            "\n".to_owned(),
            "{\"a\": 1}".to_owned(),
            "password\n123456\n".to_owned(),
            format!("{good}\n"),
            format!("{good}{}:\n", digits(3)),
            format!("{good}{}:-1\n", digits(3)),
            format!("{good}{} 1\n", digits(3)),
            format!("{good}{}F:1\n", digits(3)),
            format!("{good}{}:1\n", digits(1)),
            format!("{good}{}", "0".repeat(500)),
            // As the same site has them for another hash.
            "00000011059407D743D40689940F858C:1\n".to_owned(),
        ] {
            let told = check(&list(bad.clone())).map_err(|error| error.to_string());
            assert!(told.as_ref().is_err_and(|told| told.contains("ordered by hash")), "{bad}: {told:?}");
        }
    }

    proptest! {
        #[test]
        fn the_search_finds_what_reading_from_the_first_line_to_the_last_finds(
            known in proptest::collection::btree_map(0_u32..60, 0_u64..1_000_000_000_000, 0..40),
            crlf in any::<bool>(), ended in any::<bool>(),
        ) {
            let end = if crlf { "\r\n" } else { "\n" };
            let lines: Vec<String> = known.iter().map(|(key, count)| format!("{}:{count}", digits(*key))).collect();
            let mut text = lines.join(end);
            if ended && !text.is_empty() {
                text += end;
            }
            let known: BTreeMap<u32, u64> = known;
            let lines = list(text);
            prop_assert_eq!(check(&lines).is_ok(), !known.is_empty());
            for key in 0..60 {
                let wanted: [u8; DIGITS] = digits(key).into_bytes().try_into().unwrap();
                prop_assert_eq!(find(&lines, &wanted).unwrap(), known.get(&key).copied());
            }
        }

        #[test]
        fn any_bytes_are_searched_or_refused(bytes in "([0-9A-F]{40}(:[0-9]{1,3})?\n){0,5}[0-9A-Fa-f:\r\n\\PC]{0,300}", wanted in "[0-9A-F]{40}") {
            let lines = list(bytes);
            let wanted: [u8; DIGITS] = wanted.into_bytes().try_into().unwrap();
            for told in [find(&lines, &wanted).map(drop), check(&lines)] {
                prop_assert!(matches!(told, Ok(()) | Err(BadList::Form(_))), "{:?}", told);
            }
        }
    }
}
