//! What others have written, as a terminal may show it: a name that a caller, a peer or a file chose draws no lines of its own, and
//! turns no others around.

use std::borrow::Cow;

/// Whether a terminal acts on it, or shows it where it does not stand.
pub(super) fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// One line, with what steers as escapes.
pub(super) fn line(text: &str) -> Cow<'_, str> {
    without(text, steers)
}

/// The same for a text of several lines.
pub(super) fn lines(text: &str) -> Cow<'_, str> {
    without(text, |c| steers(c) && c != '\n' && c != '\t')
}

/// A text with these as escapes.
pub(super) fn without(text: &str, is_bad: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_bad) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_bad(c) { plain.extend(c.escape_default()) } else { plain.push(c) }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_draws_no_line_and_a_text_keeps_its_own() {
        let forged = "x\r\ngood: y\u{1b}[2K\u{202e}\u{2028}";
        assert_eq!(line(forged), "x\\r\\ngood: y\\u{1b}[2K\\u{202e}\\u{2028}");
        assert_eq!(lines("a\n\tb\u{1b}c"), "a\n\tb\\u{1b}c");
        assert_eq!(line("Jörg-山.zip"), "Jörg-山.zip");
    }
}
