//! Free text, made safe to search with.
//!
//! The full-text engine has a language of its own: AND, NOT, NEAR, `*`, `^`, `:`, quotes. People type names.
//! So every word is quoted and only our own operators stand outside the quotes; no text is an error.

/// How many words of a search count. More narrow nothing in practice, and the engine's parser has a limit of
/// its own (256 levels).
pub const WORDS_MAX: usize = 64;

/// The search expression for what somebody typed: all words, each as a prefix. `None` if nothing but blanks was
/// typed.
pub(crate) fn expression(typed: &str) -> Option<String> {
    let words: Vec<String> = typed
        .split(|c: char| c.is_whitespace() || c == '\0')
        .filter(|word| !word.is_empty())
        .take(WORDS_MAX)
        .map(|word| format!("\"{}\" *", word.replace('"', "\"\"")))
        .collect();
    (!words.is_empty()).then(|| words.join(" AND "))
}

/// A text as it is given to the full-text engine to be found by.
pub(crate) fn searchable<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let mut words = String::new();
    for part in parts.filter(|part| !part.is_empty()) {
        words.push_str(part);
        words.push('\n');
    }
    words.replace('\0', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_become_words() {
        assert_eq!(
            expression("smith OR (NEAR \"x\")").as_deref(),
            Some(r#""smith" * AND "OR" * AND "(NEAR" * AND """x"")" *"#)
        );
    }

    #[test]
    fn blanks_are_no_condition() {
        assert_eq!(expression(" \t\n\u{a0}"), None);
    }
}
