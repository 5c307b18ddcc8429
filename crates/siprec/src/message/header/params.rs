//! `;name=value` parameters of headers and URIs (RFC 3261 §25.1 generic-param).

use core::fmt;

use super::list::find_outside;

/// Parameters in order. Names are compared without regard to case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params {
    /// Name, and value as written (quotes kept), if there is one.
    items: Vec<(String, Option<String>)>,
}

impl Params {
    /// Reads `a=b;c;d="e;f"`, with or without a leading semicolon and with blanks around signs.
    pub fn parse(text: &str) -> Self {
        let mut items = Vec::new();
        let mut rest = text;
        loop {
            let end = find_outside(rest, |c| c == ';').unwrap_or(rest.len());
            let item = rest[..end].trim();
            if !item.is_empty() {
                items.push(match item.split_once('=') {
                    Some((name, value)) => (name.trim().to_owned(), Some(value.trim().to_owned())),
                    None => (item.to_owned(), None),
                });
            }
            match rest.get(end + 1..) {
                Some(more) => rest = more,
                None => return Self { items },
            }
        }
    }

    /// Whether the parameter is there, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.items.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
    }

    /// The value without its quotes. `None` if the parameter is absent or has no value.
    pub fn get(&self, name: &str) -> Option<&str> {
        let value = self.items.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?.1.as_deref()?;
        Some(value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value))
    }

    /// Sets a parameter, in place if it is there.
    pub fn set(&mut self, name: &str, value: Option<String>) {
        match self.items.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case(name)) {
            Some(item) => item.1 = value,
            None => self.items.push((name.to_owned(), value)),
        }
    }

    /// All parameters: name, and value as written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.items.iter().map(|(name, value)| (name.as_str(), value.as_deref()))
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.items {
            match value {
                Some(value) => write!(f, ";{name}={value}")?,
                None => write!(f, ";{name}")?,
            }
        }
        Ok(())
    }
}
