//! The typed view of a session description, with session-level defaults already resolved per line.

use std::net::{IpAddr, SocketAddr};

use super::{Crypto, CryptoError, Format, SdpError};

/// A description in the role of an offer (RFC 3264 §5).
pub type Offer = Description;

/// A description in the role of an answer (RFC 3264 §6).
pub type Answer = Description;

/// A session description, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// `o=` session id, as text; `0` when the line is missing.
    pub session_id: String,
    /// `o=` session version; rises with each change (RFC 3264 §8).
    pub version: u64,
    /// The values of each `t=` line, to be echoed in an answer (A2-11).
    pub times: Vec<(u64, u64)>,
    /// `a=group` values at session level, such as `BUNDLE 0 1`; never echoed (A2-09).
    pub groups: Vec<String>,
    /// The media lines, in order.
    pub lines: Vec<OfferLine>,
}

impl Description {
    /// Reads a description: missing `s=`, `t=`, session-level `c=`, repeated lines, bare line feeds, unknown lines and
    /// a missing last line end are all taken (A2-17).
    ///
    /// # Errors
    /// [`SdpError`] names the line and what would be right.
    pub fn parse(bytes: &[u8]) -> Result<Self, SdpError> {
        super::parse::parse(bytes)
    }

    /// The labels in force after this description, one per media line (RFC 7866 §7.1.1; A5-06). A line with port 0
    /// keeps its label, so that its stream is still known by its place, unless a line in use has taken the label over.
    #[must_use]
    pub fn labels(&self) -> Vec<Option<String>> {
        let taken = |label: &String| {
            self.lines.iter().any(|line| line.port != 0 && line.label.as_ref() == Some(label))
        };
        let label = |line: &OfferLine| line.label.clone().filter(|label| line.port != 0 || !taken(label));
        self.lines.iter().map(label).collect()
    }
}

/// One media line with the attributes the recorder reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferLine {
    /// `audio`, `video`, ...
    pub media: String,
    /// Port as sent; 0 means the line is not in use.
    pub port: u16,
    /// `RTP/AVP`, `RTP/SAVP`, ...
    pub protocol: String,
    /// The format tokens as sent, for echoing in a refused line.
    pub format_tokens: Vec<String>,
    /// The formats whose meaning is known, in order of preference.
    pub formats: Vec<Format>,
    /// `a=label` (RFC 4574); never invented (A2-06).
    pub label: Option<String>,
    /// Direction from the sender's point of view; sendrecv when nothing says otherwise (RFC 3264 §6.1).
    pub direction: Direction,
    /// Address of this line's `c=`, else the session's; `None` when missing or a name.
    pub address: Option<IpAddr>,
    /// Where RTCP goes, when `a=rtcp` says so (RFC 3605).
    pub rtcp: Option<Rtcp>,
    /// `a=rtcp-mux` is there (RFC 5761).
    pub rtcp_mux: bool,
    /// `a=ptime`, in milliseconds.
    pub ptime_ms: Option<u16>,
    /// Each `a=crypto` of the line, in order of preference (RFC 4568).
    pub crypto: Vec<Result<Crypto, CryptoError>>,
}

impl OfferLine {
    /// The zero address: no media will come, which is a pause (RFC 3264 §8.4; A2-16).
    #[must_use]
    pub fn is_zero_address(&self) -> bool {
        self.address.is_some_and(|address| address.is_unspecified())
    }

    /// Where the other side receives RTP, and so where its RTP most likely comes from. `None` for port 0, a zero
    /// address, and an address that is a name.
    #[must_use]
    pub fn rtp(&self) -> Option<SocketAddr> {
        let address = self.address.filter(|address| !address.is_unspecified())?;
        (self.port != 0).then(|| SocketAddr::new(address, self.port))
    }

    /// Where the other side receives RTCP: the RTP port when `muxed`, else `a=rtcp`, else the next port (A2-08).
    #[must_use]
    pub fn rtcp(&self, muxed: bool) -> Option<SocketAddr> {
        let rtp = self.rtp()?;
        if muxed {
            return Some(rtp);
        }
        match &self.rtcp {
            Some(rtcp) => Some(SocketAddr::new(rtcp.address.unwrap_or(rtp.ip()), rtcp.port)),
            None => rtp.port().checked_add(1).map(|port| SocketAddr::new(rtp.ip(), port)),
        }
    }
}

/// `a=rtcp` (RFC 3605).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rtcp {
    /// The RTCP port.
    pub port: u16,
    /// Its address, when it is not the line's.
    pub address: Option<IpAddr>,
}

/// Direction of a media line (RFC 8866 §6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Both ways; what a missing attribute means.
    #[default]
    SendRecv,
    /// The sender of the description only sends: the usual offer of a recording client.
    SendOnly,
    /// The sender of the description only receives: the usual answer of a recorder.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// The attribute's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    pub(super) fn from_attribute(name: &str) -> Option<Self> {
        [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive]
            .into_iter()
            .find(|direction| name.eq_ignore_ascii_case(direction.as_str()))
    }
}
