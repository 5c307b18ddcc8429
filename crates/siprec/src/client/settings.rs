//! What a test call is made of.

use std::net::{IpAddr, SocketAddr};

use crate::Transport;
use crate::digest::Login;
use crate::sdp::{Format, MasterKey};

/// Everything about a call that is known before it begins.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Our SIP address, for Via and Contact.
    pub local: SocketAddr,
    /// How messages travel.
    pub transport: Transport,
    /// The recorder's URI, the Request-URI of the INVITE.
    pub recorder: String,
    /// Our URI in From.
    pub from: String,
    /// The recorder's URI in To.
    pub to: String,
    /// Where our RTP comes from.
    pub media_address: IpAddr,
    /// Offer `a=rtcp-mux` (RFC 5761).
    pub rtcp_mux: bool,
    /// The streams, in the order of the m-lines.
    pub streams: Vec<StreamSettings>,
    /// Who takes part. Without any, no metadata is sent, which is legal (A1-09).
    pub parties: Vec<Party>,
    /// `start-time` and `associate-time`, RFC 3339 text; left out when not given.
    pub started: Option<String>,
    /// Call-ID; made up when not given.
    pub sip_call_id: Option<String>,
    /// The login given when the recorder asks for one.
    pub login: Option<Login>,
    /// More header lines for the INVITE, such as `User-to-User`.
    pub headers: Vec<(String, String)>,
}

impl Settings {
    /// Settings over UDP with media from the SIP address, and no stream or party yet.
    #[must_use]
    pub fn new(local: SocketAddr, recorder: &str) -> Self {
        Self {
            local,
            transport: Transport::Udp,
            recorder: recorder.to_owned(),
            from: format!("sip:src@{local}"),
            to: recorder.to_owned(),
            media_address: local.ip(),
            rtcp_mux: false,
            streams: Vec::new(),
            parties: Vec::new(),
            started: None,
            sip_call_id: None,
            login: None,
            headers: Vec::new(),
        }
    }
}

/// One m-line to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSettings {
    /// `a=label`, and the label in the metadata.
    pub label: String,
    /// Our RTP port; RTCP is the next one unless muxed.
    pub rtp_port: u16,
    /// Formats in order of preference.
    pub formats: Vec<Format>,
    /// What our packets are protected with: the line is RTP/SAVP then.
    pub protection: Option<OfferedKey>,
}

/// What an `a=crypto` offers (RFC 4568).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedKey {
    /// The suite's name.
    pub suite: String,
    /// Our master key and salt, as long as the suite wants them.
    pub key: MasterKey,
}

impl StreamSettings {
    /// A stream with PCMU, PCMA and telephone events as type 101.
    #[must_use]
    pub fn g711(label: &str, rtp_port: u16) -> Self {
        Self::new(label, rtp_port, [0, 8].into_iter().filter_map(Format::from_static).collect())
    }

    /// A stream with these formats and telephone events as type 101 on the clock of the first (RFC 4733 §2.1; B3-03).
    #[must_use]
    pub fn new(label: &str, rtp_port: u16, mut formats: Vec<Format>) -> Self {
        formats.push(Format {
            payload_type: 101,
            encoding: "telephone-event".to_owned(),
            clock_hz: formats.first().map_or(8_000, |format| format.clock_hz),
            channels: 1,
            fmtp: Some("0-15".to_owned()),
        });
        Self { label: label.to_owned(), rtp_port, formats, protection: None }
    }
}

/// A participant of the copied call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Address of record.
    pub aor: String,
    /// Display name.
    pub name: Option<String>,
    /// Label of the stream the party speaks into; it hears all others.
    pub speaks_into: Option<String>,
}

impl Party {
    /// A party without a display name.
    #[must_use]
    pub fn new(aor: &str, speaks_into: Option<&str>) -> Self {
        Self { aor: aor.to_owned(), name: None, speaks_into: speaks_into.map(str::to_owned) }
    }

    /// The same party with a display name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }
}
