//! A SIP message body, cut into the two parts a recording session knows: the session description and the metadata.
//!
//! *Belongs here*: MIME multipart framing, media types, dispositions, and the same in reverse for the client.
//! *Does not*: what the parts say ([`crate::sdp`], [`crate::metadata`]), which SIP status a fault earns on a trunk.
//!
//! RFC 2046 §5.1 (multipart), RFC 3261 §7.4 and §20.11 (bodies, `handling`), RFC 5621, RFC 7866 §9.1 and RFC 9806
//! (the metadata type).

mod split;
#[cfg(test)]
mod tests;

pub use split::split;

/// Media type of a session description.
pub const SDP_TYPE: &str = "application/sdp";

/// Media type of recording metadata as RFC 9806 §2 registers it; the only one ever sent (A3-02).
pub const METADATA_TYPE: &str = "application/rs-metadata+xml";

/// Most parts one body may have, nested ones counted. Real clients send two or three.
pub const MAX_PARTS: usize = 16;

/// Largest metadata part, in bytes (A3-08).
pub const MAX_METADATA_BYTES: usize = 128 * 1024;

/// Largest session description, in bytes: far above 64 media lines with a dozen formats each.
pub const MAX_SDP_BYTES: usize = 64 * 1024;

/// Most header bytes in front of one part.
pub const MAX_PART_HEADER_BYTES: usize = 4 * 1024;

/// Deepest nesting of multipart in multipart.
pub const MAX_NESTING: usize = 3;

/// What a body holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// The session description, without the line end that belongs to a boundary.
    pub sdp: Option<Vec<u8>>,
    /// The recording metadata, still XML text in bytes.
    pub metadata: Option<Vec<u8>>,
    /// Everything else, in order, by type only.
    pub unknown: Vec<UnknownPart>,
}

impl Parts {
    /// True when the message had no body at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sdp.is_none() && self.metadata.is_none() && self.unknown.is_empty()
    }

    /// The first part this side does not understand although the sender requires it (A3-05: 415 with Accept, unless
    /// the trunk is lenient).
    #[must_use]
    pub fn not_understood(&self) -> Option<&UnknownPart> {
        self.unknown.iter().find(|part| part.required)
    }
}

/// A part of a type the recorder does not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownPart {
    /// Media type in lower case, without parameters; `text/plain` when the part names none (RFC 2046 §5.1).
    pub content_type: String,
    /// False only for `handling=optional`; required is the default (RFC 3261 §20.11).
    pub required: bool,
}

/// Why a body cannot be cut into parts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// There are bytes, and nothing says what they are.
    #[error("the body has {bytes} bytes but the message has no Content-Type header")]
    NoContentType {
        /// Length of the body.
        bytes: usize,
    },
    /// `Content-Type` is not `type/subtype`.
    #[error("Content-Type `{value}` is not of the form type/subtype")]
    BadContentType {
        /// The value as sent, cut to 80 characters.
        value: String,
    },
    /// A multipart type without the parameter that frames it.
    #[error("multipart Content-Type without a boundary parameter of 1 to 70 characters (RFC 2046 §5.1.1)")]
    NoBoundary,
    /// The boundary never occurs.
    #[error("the boundary `{boundary}` occurs nowhere in the body")]
    BoundaryNotFound {
        /// The boundary looked for.
        boundary: String,
    },
    /// A part has a header line without a colon, or headers without an end.
    #[error("part {part}: its header block is malformed at body offset {offset}")]
    BadPartHeader {
        /// Number of the part, from 1.
        part: usize,
        /// Byte offset in the body that holds the part.
        offset: usize,
    },
    /// A part the recorder must read is base64 or quoted-printable.
    #[error("part {part}: Content-Transfer-Encoding `{encoding}`; only 7bit, 8bit and binary are read")]
    TransferEncoding {
        /// Number of the part, from 1.
        part: usize,
        /// The encoding named.
        encoding: String,
    },
    /// Two session descriptions: which one is the offer cannot be known.
    #[error("the body has two application/sdp parts; one is expected")]
    TwoDescriptions,
    /// Too many parts.
    #[error("the body has more than {MAX_PARTS} parts")]
    TooManyParts,
    /// Multipart nested too deeply.
    #[error("multipart is nested more than {MAX_NESTING} deep")]
    TooDeep,
    /// A part is larger than its limit.
    #[error("the {what} part has {bytes} bytes; the limit is {limit}")]
    TooLarge {
        /// Which part.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

impl BodyError {
    /// The SIP status that tells the sender what is wrong: 400, 413 or 415 (RFC 3261 §21.4).
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::TooLarge { .. } | Self::TooManyParts => 413,
            Self::TransferEncoding { .. } => 415,
            _ => 400,
        }
    }
}

/// A body ready to be sent, with the headers that describe it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Body {
    /// Value for `Content-Type`; empty when there is no body.
    pub content_type: String,
    /// Value for `Content-Disposition`, when one is needed.
    pub content_disposition: Option<&'static str>,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Puts a description and metadata together, as multipart/mixed only when both are there (A3-01).
///
/// The boundary is the first of `sidetone-0`, `sidetone-1`, ... that occurs in neither part.
#[must_use]
pub fn join(sdp: Option<&[u8]>, metadata: Option<&[u8]>) -> Body {
    match (sdp, metadata) {
        (None, None) => Body::default(),
        (Some(sdp), None) => {
            Body { content_type: SDP_TYPE.to_owned(), content_disposition: None, bytes: sdp.to_vec() }
        }
        (None, Some(metadata)) => Body {
            content_type: METADATA_TYPE.to_owned(),
            content_disposition: Some("recording-session"),
            bytes: metadata.to_vec(),
        },
        (Some(sdp), Some(metadata)) => join_both(sdp, metadata),
    }
}

fn join_both(sdp: &[u8], metadata: &[u8]) -> Body {
    let boundary = (0_u32..)
        .map(|n| format!("sidetone-{n}"))
        .find(|boundary| !occurs(sdp, boundary.as_bytes()) && !occurs(metadata, boundary.as_bytes()))
        .expect("finite parts cannot hold every boundary");
    let mut bytes = Vec::with_capacity(sdp.len() + metadata.len() + 256);
    for (headers, part) in [
        (format!("Content-Type: {SDP_TYPE}"), sdp),
        (format!("Content-Type: {METADATA_TYPE}\r\nContent-Disposition: recording-session"), metadata),
    ] {
        bytes.extend_from_slice(format!("--{boundary}\r\n{headers}\r\n\r\n").as_bytes());
        bytes.extend_from_slice(part);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Body { content_type: format!("multipart/mixed;boundary={boundary}"), content_disposition: None, bytes }
}

fn occurs(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
