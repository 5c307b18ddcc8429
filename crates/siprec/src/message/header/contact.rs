//! The feature tags of a Contact (RFC 3840, RFC 7866 §6).

use super::NameAddr;
use crate::message::Uri;

/// How a client says that it is an SRC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SrcTag {
    /// No tag.
    None,
    /// The `src` of the drafts (A1-04).
    Draft,
    /// `+sip.src` (RFC 7866 §6.1.1), beside the URI or, as one product writes it, inside it (A1-05).
    Standard,
}

/// Looks for the SRC's feature tag, without regard to case, value or place (A1-05).
pub fn src_tag(contact: &NameAddr) -> SrcTag {
    let inside = Uri::parse(&contact.uri).map(|uri| uri.params).unwrap_or_default();
    let has = |name| contact.params.has(name) || inside.has(name);
    if has("+sip.src") {
        SrcTag::Standard
    } else if has("src") {
        SrcTag::Draft
    } else {
        SrcTag::None
    }
}
