//! Comma-separated values (RFC 3261 §7.3.1), where commas inside quotes and angle brackets do not count.

/// The elements of a list, trimmed, empty ones left out.
pub fn split(value: &str) -> impl Iterator<Item = &str> {
    Elements { rest: Some(value) }.map(str::trim).filter(|element| !element.is_empty())
}

/// Whether an element is missing between two commas, before the first or after the last.
pub(crate) fn has_gap(value: &str) -> bool {
    Elements { rest: Some(value) }.any(|element| element.trim().is_empty())
}

struct Elements<'a> {
    rest: Option<&'a str>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        match find_outside(rest, |c| c == ',') {
            Some(at) => {
                self.rest = Some(&rest[at + 1..]);
                Some(&rest[..at])
            }
            None => self.rest.take(),
        }
    }
}

/// The first place outside quotes and angle brackets where a character satisfies `wanted`.
pub(crate) fn find_outside(text: &str, wanted: impl Fn(char) -> bool) -> Option<usize> {
    let (mut quoted, mut escaped, mut bracketed) = (false, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '>' => bracketed = false,
            _ if bracketed => {}
            _ if wanted(c) => return Some(at),
            '<' => bracketed = true,
            _ => {}
        }
    }
    None
}
