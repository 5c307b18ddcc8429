//! Payload formats: the static table, `a=rtpmap`, and which of them the recorder stores.

/// One payload format of a media line, fully named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// RTP payload type, 0 to 127.
    pub payload_type: u8,
    /// Encoding name as sent, or from the static table; compare without regard to case.
    pub encoding: String,
    /// RTP clock rate in Hz.
    pub clock_hz: u32,
    /// Audio channels, 1 when not named.
    pub channels: u8,
    /// Text of `a=fmtp` after the payload type.
    pub fmtp: Option<String>,
}

impl Format {
    /// Whether the encoding is `name`, in any case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.encoding.eq_ignore_ascii_case(name)
    }

    /// Sound, as against events (RFC 4733) and comfort noise (RFC 3389), which only accompany it.
    #[must_use]
    pub fn is_audio(&self) -> bool {
        !self.is("telephone-event") && !self.is("CN")
    }

    /// The format a static payload type stands for (RFC 3551 §6), for media lines without `a=rtpmap` (A2-17).
    ///
    /// Type 19 is reserved today; older gateways still send comfort noise with it.
    #[must_use]
    pub fn from_static(payload_type: u8) -> Option<Self> {
        let (encoding, clock_hz, channels) = match payload_type {
            0 => ("PCMU", 8_000, 1),
            3 => ("GSM", 8_000, 1),
            4 => ("G723", 8_000, 1),
            5 => ("DVI4", 8_000, 1),
            6 => ("DVI4", 16_000, 1),
            7 => ("LPC", 8_000, 1),
            8 => ("PCMA", 8_000, 1),
            9 => ("G722", 8_000, 1),
            10 => ("L16", 44_100, 2),
            11 => ("L16", 44_100, 1),
            12 => ("QCELP", 8_000, 1),
            13 | 19 => ("CN", 8_000, 1),
            14 => ("MPA", 90_000, 1),
            15 => ("G728", 8_000, 1),
            16 => ("DVI4", 11_025, 1),
            17 => ("DVI4", 22_050, 1),
            18 => ("G729", 8_000, 1),
            _ => return None,
        };
        Some(Self { payload_type, encoding: encoding.to_owned(), clock_hz, channels, fmtp: None })
    }

    /// Reads the text of `a=rtpmap` after the payload type: `encoding/clock[/channels]`.
    pub(super) fn from_rtpmap(payload_type: u8, text: &str) -> Option<Self> {
        let mut fields = text.trim().split('/');
        let encoding = fields.next().map(str::trim).filter(|name| !name.is_empty())?.to_owned();
        let clock_hz = fields.next()?.trim().parse().ok().filter(|&hz| hz > 0)?;
        let channels = match fields.next().map(str::trim) {
            None | Some("") => 1,
            Some(text) => text.parse().ok().filter(|&n| n > 0)?,
        };
        Some(Self { payload_type, encoding, clock_hz, channels, fmtp: None })
    }
}

/// A codec the recorder is willing to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codec {
    /// Encoding name of the media type registry, compared without regard to case.
    pub encoding: String,
    /// The RTP clock rate it must have, in Hz; `None` for any.
    pub clock_hz: Option<u32>,
    /// Most channels.
    pub max_channels: u8,
}

impl Codec {
    /// A one-channel codec with a fixed clock.
    #[must_use]
    pub fn mono(encoding: &str, clock_hz: u32) -> Self {
        Self { encoding: encoding.to_owned(), clock_hz: Some(clock_hz), max_channels: 1 }
    }

    /// A one-channel format that runs on whatever clock its audio runs on.
    #[must_use]
    pub fn any_clock(encoding: &str) -> Self {
        Self { encoding: encoding.to_owned(), clock_hz: None, max_channels: 1 }
    }

    /// Sound, as against events and comfort noise, which only accompany it.
    #[must_use]
    pub fn is_audio(&self) -> bool {
        !["telephone-event", "CN"].iter().any(|other| self.encoding.eq_ignore_ascii_case(other))
    }

    /// As `a=rtpmap` has it: `encoding/clock`, or the encoding alone.
    pub(super) fn name(&self) -> String {
        self.clock_hz.map_or_else(|| self.encoding.clone(), |hz| format!("{}/{hz}", self.encoding))
    }

    pub(super) fn takes(&self, format: &Format) -> bool {
        format.is(&self.encoding)
            && self.clock_hz.is_none_or(|hz| hz == format.clock_hz)
            && format.channels <= self.max_channels
    }
}
