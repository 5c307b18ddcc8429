//! Rust text, cut into code, comments and strings: just enough to tell where a word stands.

/// A Rust file as rules look at it.
#[derive(Debug)]
pub(crate) struct Source {
    /// The text with the inside of comments, strings and character literals blanked; lines stay lines.
    pub(crate) code: String,
    /// String literals: line (from 1) and content as written.
    pub(crate) strings: Vec<(usize, String)>,
}

impl Source {
    pub(crate) fn new(text: &str) -> Self {
        let mut cutter = Cutter { rest: text, line: 1, code: String::new(), strings: Vec::new() };
        while cutter.cut() {}
        Self { code: cutter.code, strings: cutter.strings }
    }

    /// Lines of code with their numbers, those of test modules left out.
    pub(crate) fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests = self.test_lines();
        (1..).zip(self.code.lines()).filter(move |(line, _)| !tests.contains(line))
    }

    /// The lines of items behind `#[cfg(test)]`.
    pub(crate) fn test_lines(&self) -> std::collections::BTreeSet<usize> {
        let mut lines = std::collections::BTreeSet::new();
        let mut from = 0;
        while let Some(found) = self.code[from..].find("#[cfg(test)]") {
            let start = from + found;
            let end = item_end(&self.code, start);
            lines.extend(line_of(&self.code, start)..=line_of(&self.code, end.saturating_sub(1)));
            from = end.max(start + 1);
        }
        lines
    }
}

/// The line, from 1, of a place in a text.
pub(crate) fn line_of(text: &str, place: usize) -> usize {
    text.as_bytes()[..place.min(text.len())].iter().filter(|&&byte| byte == b'\n').count() + 1
}

/// Where the item that begins at `start` ends: its `;`, or the brace that closes its first one.
fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    for (place, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth <= 1 => return place + 1,
            b'}' => depth -= 1,
            b';' if depth == 0 => return place + 1,
            _ => {}
        }
    }
    code.len()
}

struct Cutter<'a> {
    rest: &'a str,
    line: usize,
    code: String,
    strings: Vec<(usize, String)>,
}

impl Cutter<'_> {
    /// Takes one piece; false at the end.
    fn cut(&mut self) -> bool {
        let rest = self.rest;
        if rest.starts_with("//") {
            self.blank(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.blank(comment_len(rest));
        } else if let Some((open, close)) = string_fence(rest, self.code.chars().next_back()) {
            let inside = &rest[open..];
            let len = if close == "\"" && !rest[..open].contains('r') {
                escaped_len(inside, b'"')
            } else {
                inside.find(&close).unwrap_or(inside.len())
            };
            self.strings.push((self.line, inside[..len].to_owned()));
            self.keep(open);
            self.blank(len);
            self.keep(close.len());
        } else if let Some(len) = char_len(rest) {
            self.keep(1);
            self.blank(len);
            self.keep(1);
        } else {
            let Some(first) = rest.chars().next() else { return false };
            self.keep(first.len_utf8());
        }
        true
    }

    fn keep(&mut self, len: usize) {
        let (piece, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.line += piece.matches('\n').count();
        self.code.push_str(piece);
        self.rest = rest;
    }

    fn blank(&mut self, len: usize) {
        let (piece, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.line += piece.matches('\n').count();
        self.code.extend(piece.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        self.rest = rest;
    }
}

/// How long the block comment at the beginning is; they nest.
fn comment_len(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut place = 0;
    while place < text.len() {
        let rest = &text.as_bytes()[place..];
        if rest.starts_with(b"/*") {
            depth += 1;
            place += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            place += 2;
            if depth == 0 {
                return place;
            }
        } else {
            place += 1;
        }
    }
    text.len()
}

/// The length of a string's opening and the text that closes it, if one begins here.
fn string_fence(text: &str, before: Option<char>) -> Option<(usize, String)> {
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let prefix = text.find(|c: char| !matches!(c, 'b' | 'c' | 'r')).unwrap_or(text.len());
    if prefix > 2 || (prefix > 0 && in_word) {
        return None;
    }
    let raw = text[..prefix].contains('r');
    let hashes = if raw { text[prefix..].bytes().take_while(|&b| b == b'#').count() } else { 0 };
    let open = prefix + hashes;
    text[open..].starts_with('"').then(|| (open + 1, format!("\"{}", "#".repeat(hashes))))
}

/// How long the text is up to the closing mark; a backslash takes the next byte along.
fn escaped_len(text: &str, close: u8) -> usize {
    let mut skip = false;
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            _ if skip => skip = false,
            b'\\' => skip = true,
            _ if byte == close => return place,
            _ => {}
        }
    }
    text.len()
}

/// The length of what stands in the character literal that begins here; `None` for a lifetime.
fn char_len(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('\'')?;
    if inside.starts_with('\\') {
        return Some(escaped_len(inside, b'\''));
    }
    let first = inside.chars().next()?.len_utf8();
    inside[first..].starts_with('\'').then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_blanked_and_lines_stay() {
        let text =
            "let a = \"x // \\\" y\"; // \"no\nlet b = r#\"q\"\n\"#; /* /* */ fs\n */ 'x'; b'\\''; &'a str;";
        let source = Source::new(text);
        assert_eq!(source.code.lines().count(), text.lines().count());
        assert_eq!(source.strings, [(1, "x // \\\" y".to_owned()), (2, "q\"\n".to_owned())]);
        assert!(!source.code.contains("fs") && !source.code.contains("no"), "{}", source.code);
        assert!(source.code.ends_with("' '; b'  '; &'a str;"), "{}", source.code);
    }

    #[test]
    fn test_modules_are_found_and_declarations_too() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { {} }\n}\nfn c() {}\n#[cfg(test)]\nmod d;\nfn e() {}";
        let source = Source::new(text);
        let lines: Vec<usize> = source.product_lines().map(|(line, _)| line).collect();
        assert_eq!(lines, [1, 6, 9]);
    }

    #[test]
    fn an_unfinished_text_ends() {
        for text in ["\"abc", "/* abc", "r##\"abc\"#", "'\\", "'", "b", "#[cfg(test)] mod a {"] {
            let source = Source::new(text);
            source.test_lines();
            assert_eq!(source.code.chars().count(), text.chars().count(), "{text}");
        }
    }
}
