//! XML text to a small tree, within limits: no document type, no entities but the five of XML, no recursion.

use std::ops::Range;

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::{MAX_ATTRIBUTES, MAX_DEPTH, MAX_ELEMENTS, MAX_TEXT_BYTES};

/// One element of the tree. Prefixes are dropped: dialects differ in nothing else so often (A4-03).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// Local name as sent.
    pub name: String,
    /// Attributes as `(prefix, local name, value)`; the prefix is empty when there is none.
    pub attributes: Vec<(String, String, String)>,
    /// Child elements in order.
    pub children: Vec<Self>,
    /// All character data directly inside, joined, not trimmed.
    pub text: String,
    /// Where the element stands in the document's text.
    pub(super) span: Range<usize>,
}

impl Element {
    /// Whether the local name is `name`, in any case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Text without the white space around it.
    #[must_use]
    pub fn trimmed(&self) -> &str {
        self.text.trim()
    }

    /// Value of the first attribute with one of these local names, in the order the names are given.
    #[must_use]
    pub fn attribute(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| {
            let found = self.attributes.iter().find(|(prefix, local, _)| {
                prefix != "xmlns"
                    && !(prefix.is_empty() && local == "xmlns")
                    && local.eq_ignore_ascii_case(name)
            });
            found.map(|(_, _, value)| value.as_str())
        })
    }

    /// Children with that local name.
    pub fn children_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.is(name))
    }

    /// The first child with that local name.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.is(name))
    }

    /// The first element with that local name in this subtree, itself included, in document order.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Self> {
        // The tree is at most MAX_DEPTH deep, so recursion is bounded.
        if self.is(name) { Some(self) } else { self.children.iter().find_map(|child| child.find(name)) }
    }

    /// The namespace bound to `prefix` on this very element.
    pub(super) fn namespace(&self, prefix: &str) -> Option<&str> {
        let bound = self.attributes.iter().find(|(p, local, _)| {
            if prefix.is_empty() { p.is_empty() && local == "xmlns" } else { p == "xmlns" && local == prefix }
        });
        bound.map(|(_, _, value)| value.as_str())
    }
}

/// Why text is not XML the recorder reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum XmlError {
    /// Not UTF-8, the one encoding RFC 7865 §5.1.1 allows.
    #[error("metadata is not UTF-8 at byte {offset}")]
    NotUtf8 {
        /// First byte that is not.
        offset: usize,
    },
    /// A document type declaration, the door to entity attacks (F-XML-1).
    #[error("metadata has a DOCTYPE at byte {offset}; none is ever needed")]
    DocumentType {
        /// Where.
        offset: usize,
    },
    /// An entity that XML does not define itself.
    #[error("metadata names the undefined entity `{name}` at byte {offset}")]
    UndefinedEntity {
        /// The name between `&` and `;`.
        name: String,
        /// Where.
        offset: usize,
    },
    /// A limit is passed.
    #[error("metadata has more than {limit} {what}")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// Not well-formed.
    #[error("metadata is not well-formed XML at byte {offset}: {reason}")]
    Malformed {
        /// Where.
        offset: usize,
        /// What the reader expected.
        reason: String,
    },
}

/// Reads one document. Returns the root and its prefix.
pub(super) fn read(bytes: &[u8]) -> Result<(Element, String), XmlError> {
    let text = text_of(bytes)?;
    let mut reader = Reader::from_str(text);
    // Names such as `AT&T` come unescaped from some clients (A12, OpenSIPS).
    reader.config_mut().allow_dangling_amp = true;
    let mut tree = Tree::default();
    loop {
        let offset = position(reader.buffer_position());
        let event = reader.read_event().map_err(|error| malformed(offset, &error))?;
        let end = position(reader.buffer_position());
        match event {
            Event::Start(start) => tree.open(&start, offset)?,
            Event::Empty(start) => {
                tree.open(&start, offset)?;
                tree.close(end);
            }
            Event::End(_) => tree.close(end),
            Event::Text(text) => tree.text(&text, offset)?,
            Event::CData(data) => tree.text(&data, offset)?,
            Event::GeneralRef(reference) => tree.text(&resolve(&reference, offset)?, offset)?,
            Event::DocType(_) => return Err(XmlError::DocumentType { offset }),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    match (tree.open.pop(), tree.root) {
        (Some(open), _) => {
            Err(malformed(text.len(), &format!("the element `{}` is never closed", open.name)))
        }
        (None, None) => Err(malformed(text.len(), &"there is no root element")),
        (None, Some(root)) => Ok((root, tree.root_prefix)),
    }
}

/// UTF-8 text without a byte order mark. What the declaration calls the encoding does not matter: the bytes decide.
pub(super) fn text_of(bytes: &[u8]) -> Result<&str, XmlError> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| XmlError::NotUtf8 { offset: error.valid_up_to() })?;
    // No document holds one, and where one stands the bytes are text of another kind.
    if let Some(offset) = text.find('\0') {
        return Err(malformed(offset, &"there is a null byte"));
    }
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text).trim_start())
}

#[derive(Default)]
struct Tree {
    open: Vec<Element>,
    root: Option<Element>,
    root_prefix: String,
    elements: usize,
}

impl Tree {
    fn open(&mut self, start: &BytesStart<'_>, offset: usize) -> Result<(), XmlError> {
        if self.open.is_empty() && self.root.is_some() {
            return Err(malformed(offset, &"there is a second root element"));
        }
        self.elements += 1;
        if self.elements > MAX_ELEMENTS {
            return Err(XmlError::TooMuch { what: "elements", limit: MAX_ELEMENTS });
        }
        if self.open.len() == MAX_DEPTH {
            return Err(XmlError::TooMuch { what: "levels of nesting", limit: MAX_DEPTH });
        }
        let mut element = Element { span: offset..offset, ..Element::default() };
        let name = start.name();
        let (prefix, local) = split_name(name.as_ref());
        local.clone_into(&mut element.name);
        if self.open.is_empty() {
            prefix.clone_into(&mut self.root_prefix);
        }
        // The lenient reading takes unquoted values, as one vendor's manual prints them (A12, Oracle).
        for attribute in start.html_attributes() {
            let attribute = attribute.map_err(|error| malformed(offset, &error))?;
            if element.attributes.len() == MAX_ATTRIBUTES {
                return Err(XmlError::TooMuch { what: "attributes on one element", limit: MAX_ATTRIBUTES });
            }
            let (prefix, local) = split_name(attribute.key.as_ref());
            let value = unescape(&attribute.value, offset)?;
            element.attributes.push((prefix.to_owned(), local.to_owned(), value));
        }
        self.open.push(element);
        Ok(())
    }

    fn close(&mut self, end: usize) {
        let Some(mut element) = self.open.pop() else { return };
        element.span.end = end;
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
    }

    fn text(&mut self, text: &str, offset: usize) -> Result<(), XmlError> {
        let Some(element) = self.open.last_mut() else {
            let blank = text.trim().is_empty();
            return if blank {
                Ok(())
            } else {
                Err(malformed(offset, &"there is text outside the root element"))
            };
        };
        if element.text.len() + text.len() > MAX_TEXT_BYTES {
            return Err(XmlError::TooMuch { what: "bytes of text in one element", limit: MAX_TEXT_BYTES });
        }
        element.text.push_str(text);
        Ok(())
    }
}

fn split_name(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
}

fn resolve(reference: &BytesRef<'_>, offset: usize) -> Result<String, XmlError> {
    if let Some(c) = reference.resolve_char_ref().map_err(|error| malformed(offset, &error))? {
        return Ok(c.to_string());
    }
    match resolve_xml_entity(reference) {
        Some(text) => Ok(text.to_owned()),
        None => Err(XmlError::UndefinedEntity { name: reference.chars().take(80).collect(), offset }),
    }
}

/// Attribute text: the five entities and character references, and a bare `&` taken for itself.
fn unescape(raw: &str, offset: usize) -> Result<String, XmlError> {
    if raw.len() > MAX_TEXT_BYTES {
        return Err(XmlError::TooMuch { what: "bytes in one attribute", limit: MAX_TEXT_BYTES });
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('&') {
        text.push_str(before);
        let name_end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '#')).unwrap_or(after.len());
        if name_end == 0 || after.as_bytes().get(name_end) != Some(&b';') {
            text.push('&');
            rest = after;
        } else {
            text.push_str(&resolve(&BytesRef::new(&after[..name_end]), offset)?);
            rest = &after[name_end + 1..];
        }
    }
    text.push_str(rest);
    Ok(text)
}

fn malformed(offset: usize, reason: &impl ToString) -> XmlError {
    XmlError::Malformed { offset, reason: reason.to_string() }
}

fn position(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
