//! What the recorder makes of an offer, line by line, before any port is opened.

use std::fmt;
use std::net::SocketAddr;

use super::crypto::choose;
use super::{Codec, Crypto, CryptoError, Direction, Format, Offer, OfferLine, Srtp, Suite};

/// What may be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Most media lines recorded in one recording session (A2-01, A2-10).
    pub max_streams: usize,
    /// What the recorder stores. The offer's order of preference is kept, not this list's.
    pub codecs: Vec<Codec>,
    /// Whether RTP and RTCP may share a port when the client offers it (A2-08).
    pub rtcp_mux: bool,
    /// Whether media may or must be protected.
    pub srtp: Srtp,
    /// The suites by which it may be.
    pub suites: Vec<Suite>,
}

impl Default for Policy {
    /// 16 lines; G.711 in both laws, G.722, G.729, Opus, L16 at 8, 16 and 48 kHz, telephone events and comfort noise;
    /// RTCP mux and SRTP when offered (A2-01, A2-13, A10-03).
    fn default() -> Self {
        Self {
            max_streams: 16,
            codecs: vec![
                Codec::mono("PCMU", 8_000),
                Codec::mono("PCMA", 8_000),
                // G.722 says 8,000 and samples at 16,000 (B3-01).
                Codec::mono("G722", 8_000),
                // Annex A makes the same stream, annex B adds silence frames; either may come (RFC 3551 §4.5.6).
                Codec::mono("G729", 8_000),
                // Always called stereo (RFC 7587 §4.1).
                Codec { max_channels: 2, ..Codec::mono("opus", 48_000) },
                Codec::mono("L16", 8_000),
                Codec::mono("L16", 16_000),
                Codec::mono("L16", 48_000),
                Codec::any_clock("telephone-event"),
                Codec::any_clock("CN"),
            ],
            rtcp_mux: true,
            srtp: Srtp::Optional,
            suites: Suite::all(),
        }
    }
}

/// The verdict on every line of one offer, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// One entry per media line of the offer.
    pub lines: Vec<LinePlan>,
}

impl Plan {
    /// No line is recorded: the answer is 488, not a 200 with nothing in it (A2-03).
    #[must_use]
    pub fn nothing_to_record(&self) -> bool {
        self.accepted().next().is_none()
    }

    /// True when every line that is recorded is paused by the client (A7-03).
    #[must_use]
    pub fn all_paused(&self) -> bool {
        !self.nothing_to_record() && self.accepted().all(|(_, line)| line.paused)
    }

    /// The recorded lines with their index.
    pub fn accepted(&self) -> impl Iterator<Item = (usize, &AcceptedLine)> {
        self.lines.iter().filter_map(|line| match &line.verdict {
            Verdict::Accepted(accepted) => Some((line.index, accepted)),
            Verdict::Refused(_) => None,
        })
    }

    /// The refused lines with their reason. Lines the client itself left empty (port 0) are not refusals.
    pub fn refused(&self) -> impl Iterator<Item = (usize, &Refusal)> {
        self.lines.iter().filter_map(|line| match &line.verdict {
            Verdict::Refused(reason) if *reason != Refusal::NotInUse => Some((line.index, reason)),
            _ => None,
        })
    }

    /// The label in force on each line (A5-06); see [`super::Description::labels`].
    #[must_use]
    pub fn labels(&self) -> Vec<Option<String>> {
        let in_use = |line: &LinePlan| line.verdict != Verdict::Refused(Refusal::NotInUse);
        let taken =
            |label: &String| self.lines.iter().any(|line| in_use(line) && line.label.as_ref() == Some(label));
        let label = |line: &LinePlan| line.label.clone().filter(|label| in_use(line) || !taken(label));
        self.lines.iter().map(label).collect()
    }
}

/// One media line of the offer and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinePlan {
    /// Position in the offer, from 0.
    pub index: usize,
    /// The offer's label; a missing one is the client's breach and is recorded all the same (A2-06).
    pub label: Option<String>,
    /// Recorded or not.
    pub verdict: Verdict,
}

/// Recorded or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The line is recorded.
    Accepted(AcceptedLine),
    /// The line is answered with port 0.
    Refused(Refusal),
}

/// A line that is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedLine {
    /// The formats agreed, in the offer's order, at least one of them audio.
    pub formats: Vec<Format>,
    /// Direction of the answer: recvonly or inactive (A2-04, A2-05).
    pub direction: Direction,
    /// Where the client's RTP is expected from; `None` for a zero address or a name.
    pub remote_rtp: Option<SocketAddr>,
    /// Where the client takes RTCP.
    pub remote_rtcp: Option<SocketAddr>,
    /// RTP and RTCP share one port on both sides.
    pub rtcp_mux: bool,
    /// Packet time the client announces, in milliseconds; packets may differ.
    pub ptime_ms: Option<u16>,
    /// The client says no media will come: inactive, or a zero address (A2-16, A7-03).
    pub paused: bool,
    /// The client offered recvonly, as if it wanted sound from the recorder: worth an alarm (A2-05).
    pub offered_recvonly: bool,
    /// The client's `a=crypto` that was chosen; `None`: plain RTP.
    pub crypto: Option<Crypto>,
}

/// Why a line is answered with port 0.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The client offered port 0 itself (A2-14).
    NotInUse,
    /// Beyond the policy's number of streams (A2-10).
    TooManyStreams {
        /// The limit.
        limit: usize,
    },
    /// Not audio.
    NotAudio {
        /// The media type offered.
        media: String,
    },
    /// SRTP, which is not wanted, or with keys by another way than SDP (A10-03).
    Encrypted {
        /// The profile offered.
        protocol: String,
    },
    /// SRTP, and none of the line's `a=crypto` can be used (A10-04).
    NoKeys {
        /// What is wrong with each, in their order.
        why: Vec<CryptoError>,
        /// What would have been taken.
        suites: Vec<String>,
    },
    /// Plain RTP where only SRTP is taken (A10-02).
    InTheClear {
        /// The profile offered.
        protocol: String,
    },
    /// A transport that is not RTP.
    NotRtp {
        /// The protocol offered.
        protocol: String,
    },
    /// No audio format that can be stored (A2-03).
    NoCodec {
        /// What was offered, as `encoding/clock` or the bare payload type.
        offered: Vec<String>,
        /// What would have been taken.
        stored: Vec<String>,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInUse => f.write_str("the client offered port 0"),
            Self::TooManyStreams { limit } => write!(f, "the limit of {limit} streams is reached"),
            Self::NotAudio { media } => write!(f, "media type `{media}` is not recorded, only audio"),
            Self::Encrypted { protocol } => {
                write!(f, "`{protocol}` is protected in a way that is not taken here; offer ")?;
                f.write_str(if is_sdes(protocol) { "RTP/AVP" } else { "RTP/SAVP with a=crypto, or RTP/AVP" })
            }
            Self::NoKeys { why, suites } => {
                f.write_str("no a=crypto of the line can be used")?;
                for (index, why) in why.iter().enumerate() {
                    write!(f, "{} {why}", if index == 0 { ":" } else { "," })?;
                }
                write!(f, "; suites are {}", suites.join(", "))
            }
            Self::InTheClear { protocol } => {
                write!(
                    f,
                    "`{protocol}` is in the clear, and only SRTP is taken; offer RTP/SAVP with a=crypto"
                )
            }
            Self::NotRtp { protocol } => write!(f, "protocol `{protocol}` is not RTP/AVP or RTP/AVPF"),
            Self::NoCodec { offered, stored } => write!(
                f,
                "no offered codec can be stored: offered {}; stored are {}",
                offered.join(", "),
                stored.join(", ")
            ),
        }
    }
}

/// Decides on every line of `offer`. Nothing is reserved by it.
#[must_use]
pub fn plan(offer: &Offer, policy: &Policy) -> Plan {
    let lines = offer
        .lines
        .iter()
        .enumerate()
        .map(|(index, line)| LinePlan {
            index,
            label: line.label.clone(),
            verdict: match judge(index, line, policy) {
                Ok(accepted) => Verdict::Accepted(accepted),
                Err(refusal) => Verdict::Refused(refusal),
            },
        })
        .collect();
    Plan { lines }
}

fn judge(index: usize, line: &OfferLine, policy: &Policy) -> Result<AcceptedLine, Refusal> {
    if line.port == 0 {
        return Err(Refusal::NotInUse);
    }
    if index >= policy.max_streams {
        return Err(Refusal::TooManyStreams { limit: policy.max_streams });
    }
    if !line.media.eq_ignore_ascii_case("audio") {
        return Err(Refusal::NotAudio { media: line.media.clone() });
    }
    let crypto = protection(line, policy)?;
    let rtcp_mux = line.rtcp_mux && policy.rtcp_mux;
    let formats = agreed(line, policy, rtcp_mux)?;
    // RFC 3264 §6.1: a recorder receives or does nothing.
    let direction = match line.direction {
        Direction::SendRecv | Direction::SendOnly => Direction::RecvOnly,
        Direction::RecvOnly | Direction::Inactive => Direction::Inactive,
    };
    Ok(AcceptedLine {
        formats,
        direction,
        remote_rtp: line.rtp(),
        remote_rtcp: line.rtcp(rtcp_mux),
        rtcp_mux,
        ptime_ms: line.ptime_ms,
        paused: direction == Direction::Inactive || line.is_zero_address(),
        offered_recvonly: line.direction == Direction::RecvOnly,
        crypto,
    })
}

/// RTP/SAVP and RTP/SAVPF: SRTP with keys in SDP.
fn is_sdes(protocol: &str) -> bool {
    ["RTP/SAVP", "RTP/SAVPF"].iter().any(|known| protocol.eq_ignore_ascii_case(known))
}

/// What protects the line; `None` for plain RTP.
fn protection(line: &OfferLine, policy: &Policy) -> Result<Option<Crypto>, Refusal> {
    let protocol = || line.protocol.clone();
    let plain = ["RTP/AVP", "RTP/AVPF"].iter().any(|known| line.protocol.eq_ignore_ascii_case(known));
    if !plain && !is_sdes(&line.protocol) {
        let secured = line.protocol.to_ascii_uppercase().contains("SAVP");
        return Err(if secured {
            Refusal::Encrypted { protocol: protocol() }
        } else {
            Refusal::NotRtp { protocol: protocol() }
        });
    }
    let chosen = || choose(&line.crypto, &policy.suites);
    match (policy.srtp, plain) {
        (Srtp::Refuse, true) => Ok(None),
        (Srtp::Refuse, false) => Err(Refusal::Encrypted { protocol: protocol() }),
        // A10-06: keys below RTP/AVP are an offer that may be left.
        (Srtp::Optional, true) => Ok(chosen().ok()),
        (Srtp::Require, true) if line.crypto.is_empty() => Err(Refusal::InTheClear { protocol: protocol() }),
        (_, _) => chosen().map(Some).map_err(|why| {
            let suites = policy.suites.iter().map(|suite| suite.name.clone()).collect();
            Refusal::NoKeys { why, suites }
        }),
    }
}

fn agreed(line: &OfferLine, policy: &Policy, rtcp_mux: bool) -> Result<Vec<Format>, Refusal> {
    let storable = |format: &&Format| policy.codecs.iter().any(|codec| codec.takes(format));
    // RFC 5761 §4: with mux, payload types 64 to 95 look like RTCP.
    let clashes = |format: &Format| rtcp_mux && (64..=95).contains(&format.payload_type);
    let formats: Vec<Format> =
        line.formats.iter().filter(storable).filter(|format| !clashes(format)).cloned().collect();
    if formats.iter().any(Format::is_audio) {
        return Ok(formats);
    }
    let name = |token: &String| {
        let known = line.formats.iter().find(|format| token.parse() == Ok(format.payload_type));
        known.map_or_else(|| token.clone(), |format| format!("{}/{}", format.encoding, format.clock_hz))
    };
    Err(Refusal::NoCodec {
        offered: line.format_tokens.iter().map(name).collect(),
        stored: policy.codecs.iter().map(Codec::name).collect(),
    })
}
