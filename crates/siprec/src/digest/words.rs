//! `Digest name=value, name="value", ...` (RFC 7616 §3.3, §3.4).

/// The words of a challenge or an answer. At most 32 are read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words(Vec<(String, String)>);

/// Words of one header value.
const MAX_WORDS: usize = 32;

impl Words {
    /// Reads the value of `Authorization` or `WWW-Authenticate`. `None` if it is no digest, says a word twice, or cannot
    /// be read.
    pub fn parse(value: &str) -> Option<Self> {
        let (scheme, mut rest) = value.trim().split_once([' ', '\t'])?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let mut words = Vec::new();
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                return Some(Self(words));
            }
            let (name, after) = rest.split_once('=')?;
            let name = name.trim().to_ascii_lowercase();
            let (text, after) = value_of(after.trim_start())?;
            let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            if !is_name || words.len() >= MAX_WORDS || words.iter().any(|(known, _)| *known == name) {
                return None;
            }
            words.push((name, text));
            rest = after.trim_start();
            if !rest.is_empty() && !rest.starts_with(',') {
                return None;
            }
        }
    }

    /// A word, by its name in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A quoted or bare value, and what follows it.
fn value_of(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(letters.next()?.1),
            letter => value.push(letter),
        }
    }
    None
}
