//! `"Name" <uri>;params` as in From, To, Contact, Route, Record-Route (RFC 3261 §20.10).

use core::fmt;

use super::{list::find_outside, params::Params};

/// A name, a URI and the parameters of the header (not those of the URI).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// The display name as written, quotes kept; empty if there is none.
    pub display: String,
    /// The URI as written, without angle brackets.
    pub uri: String,
    /// Header parameters such as `tag`.
    pub params: Params,
}

impl NameAddr {
    /// Reads one name-addr or addr-spec. Without angle brackets, parameters belong to the header (§20.10).
    ///
    /// # Errors
    /// Words that say what is wrong.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        let Some(open) = find_outside(text, |c| c == '<') else {
            if text.contains(['<', '>', '"']) {
                return Err("quotes or angle brackets do not match");
            }
            let (uri, params) = text.split_once(';').unwrap_or((text, ""));
            return Self::checked("", uri.trim(), params);
        };
        let (display, rest) = (text[..open].trim(), &text[open + 1..]);
        let close = rest.find('>').ok_or("angle bracket not closed")?;
        let params = rest[close + 1..].trim();
        if !params.is_empty() && !params.starts_with(';') {
            return Err("text after the closing angle bracket");
        }
        Self::checked(display, rest[..close].trim(), params)
    }

    fn checked(display: &str, uri: &str, params: &str) -> Result<Self, &'static str> {
        if uri.is_empty() {
            return Err("no URI");
        }
        if uri.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err("blank inside the URI");
        }
        Ok(Self { display: display.to_owned(), uri: uri.to_owned(), params: Params::parse(params) })
    }

    /// The `tag` parameter; an empty one counts as none.
    pub fn tag(&self) -> Option<&str> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }

    /// The display name without quotes and backslash escapes.
    pub fn name(&self) -> String {
        let Some(inner) = self.display.strip_prefix('"').and_then(|d| d.strip_suffix('"')) else {
            return self.display.clone();
        };
        let mut name = String::with_capacity(inner.len());
        let mut letters = inner.chars();
        while let Some(c) = letters.next() {
            name.extend(if c == '\\' { letters.next() } else { Some(c) });
        }
        name
    }
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.display.is_empty() {
            write!(f, "{} ", self.display)?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}
