//! `[[trunk]]`: known peers, each with its terms.
//!
//! Values are read by types that refuse what cannot be, so that the refusal comes with its line.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::Deserialize;
use siprec::digest::Credentials;

use super::ConfigError;
use super::secret::{self, Readers};
use crate::ingest::KeepList;

/// A known peer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trunk {
    /// Its name, for people.
    pub name: String,
    /// Addresses it signals from, such as `10.1.2.3` or `10.1.0.0/16`. May be left out beside a certificate.
    #[serde(default)]
    pub networks: Vec<Network>,
    /// The client certificate it must show: a name in it, or its SHA-256 fingerprint.
    #[serde(default)]
    pub certificate: Option<CertificateRule>,
    /// Which marks its INVITEs carry. Default `strict`.
    #[serde(default)]
    pub profile: Profile,
    /// Further addresses its media may come from.
    #[serde(default)]
    pub media_networks: Vec<Network>,
    /// Whether signalling in the clear is refused, and media in the clear (A10-02). Default false.
    #[serde(default)]
    pub secure_only: bool,
    /// Whether its media may or must be SRTP (A10-03). Default: `require` with `secure_only`, else `optional`.
    #[serde(default)]
    pub srtp: Option<Srtp>,
    /// Codecs that are recorded. Default: all that can be stored.
    #[serde(default)]
    pub codecs: Option<Vec<CodecName>>,
    /// Recording sessions at a time. Default: as many as there is room for.
    #[serde(default)]
    pub max_calls: Option<usize>,
    /// Streams at a time, of all its calls. Default: as many as there is room for.
    #[serde(default)]
    pub max_streams: Option<usize>,
    /// Whether its media comes through an address translator (B8-02). Default false.
    #[serde(default)]
    pub nat: Nat,
    /// The business unit of its calls that no agent's own takes the place of.
    #[serde(default)]
    pub business_unit: Option<i64>,
    /// Whether an INVITE with unreadable metadata is refused (A4-10). Default false.
    #[serde(default)]
    pub strict_metadata: bool,
    /// What is kept of what it tells (A4-14). Default: what `metadata.keep` says.
    #[serde(default)]
    pub keep: Option<KeepList>,
    /// Whether the sender reports of its streams are by one clock (B7-05). Default false.
    #[serde(default)]
    pub one_clock: bool,
    /// The login it must give (RFC 8760).
    #[serde(default)]
    pub digest: Option<Digest>,
    /// What stands in the files of `digest`.
    #[serde(skip)]
    pub(crate) credentials: Option<Credentials>,
}

/// `[trunk.digest]`: the login a peer must give. Exactly one of `password_file` and `ha1_file`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digest {
    /// Its name.
    pub user: String,
    /// The realm it is asked for. Default `sidetone`.
    #[serde(default)]
    pub realm: Option<String>,
    /// A file with the password in its first line.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// A file with H(user:realm:password) in hexadecimal, one a line: SHA-256 (64 digits), MD5 (32), or both.
    #[serde(default)]
    pub ha1_file: Option<PathBuf>,
}

/// By which marks a trunk's INVITE is taken for a recording session (A1-04, A1-06).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Both that RFC 7866 demands.
    #[default]
    Strict,
    /// Either of them, or the drafts' tag.
    TagLess,
    /// Those, or a metadata part alone.
    BodyOnly,
    /// Those, or the headers of Cisco's gateway forking.
    HeaderOnly,
    /// Those, or the INVITEs of a CUCM built-in bridge.
    BibPair,
}

/// Whether media may or must be protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Srtp {
    /// Plain RTP only.
    Refuse,
    /// As the client offers it.
    Optional,
    /// SRTP only.
    Require,
}

/// How media finds its way through an address translator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Nat {
    /// There is none: media comes from the address in the SDP, or the media networks.
    #[default]
    None,
    /// The first source that proves itself is taken (B8-02).
    Latch,
}

impl<'de> Deserialize<'de> for Nat {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Whether(bool),
            How(String),
        }
        match Written::deserialize(from) {
            Ok(Written::Whether(false)) => Ok(Self::None),
            Ok(Written::Whether(true)) => Ok(Self::Latch),
            Ok(Written::How(how)) if how == "latch" => Ok(Self::Latch),
            _ => Err(serde::de::Error::custom("nat is false, true or \"latch\"")),
        }
    }
}

/// Addresses with a common prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network {
    /// Any address of the network.
    pub address: IpAddr,
    /// How many leading bits count.
    pub prefix_bits: u8,
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is no network; 10.1.2.3, 10.1.0.0/16 and 2001:db8::/32 are");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text.as_str(), None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = bits.map_or(Ok(width), |bits| bits.trim().parse().map_err(|_| wrong()))?;
        if prefix_bits > width { Err(wrong()) } else { Ok(Self { address, prefix_bits }) }
    }
}

impl Network {
    /// As the SIP side reads it.
    pub(crate) fn of_peer(self) -> siprec::Network {
        siprec::Network { address: self.address, prefix_bits: self.prefix_bits }
    }

    /// As the media side reads it.
    pub(crate) fn of_media(self) -> rtp::Network {
        rtp::Network::new(self.address, self.prefix_bits)
    }
}

/// Which client certificate a trunk must show.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct CertificateRule(pub(crate) siprec::CertificateRule);

impl TryFrom<String> for CertificateRule {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || {
            format!(
                "\"{text}\" is no certificate; a name in it such as sbc1.example.com, or sha256: and the 64 hexadecimal \
                 digits of its fingerprint, is"
            )
        };
        let Some(digits) = text.strip_prefix("sha256:") else {
            let is_name = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && c != '*');
            return if is_name { Ok(Self(siprec::CertificateRule::Name(text))) } else { Err(wrong()) };
        };
        let digits: String = digits.chars().filter(|c| *c != ':').collect();
        let bytes = from_hex(&digits).and_then(|bytes| bytes.try_into().ok()).ok_or_else(wrong)?;
        Ok(Self(siprec::CertificateRule::Fingerprint(bytes)))
    }
}

/// The bytes of hexadecimal digits; `None` if that is not what they are.
pub(crate) fn from_hex(digits: &str) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let pairs = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok());
    pairs.collect()
}

/// A codec by its name in SDP, without clock.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct CodecName(pub(crate) String);

impl TryFrom<String> for CodecName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let stored = siprec::sdp::Policy::default().codecs;
        let audio = stored.iter().filter(|codec| codec.is_audio());
        let mut names: Vec<&str> = audio.map(|codec| codec.encoding.as_str()).collect();
        names.dedup();
        match names.iter().find(|name| name.eq_ignore_ascii_case(&text)) {
            Some(name) => Ok(Self((*name).to_owned())),
            None => Err(format!("\"{text}\" is no codec that can be stored; {} are", names.join(", "))),
        }
    }
}

impl Digest {
    /// What shows that a peer knows the password, out of the files.
    pub(super) fn read(&self) -> Result<Credentials, ConfigError> {
        let realm = self.realm.clone().unwrap_or_else(|| "sidetone".to_owned());
        let (path, hashed) = match (&self.password_file, &self.ha1_file) {
            (Some(path), _) => (path, false),
            (None, Some(path)) => (path, true),
            (None, None) => {
                let cause = "it wants one of password_file and ha1_file".to_owned();
                return Err(ConfigError::Value { key: "trunk.digest", cause });
            }
        };
        let wrong = |cause: &str| ConfigError::File { path: path.clone(), cause: cause.to_owned() };
        let text = secret::read(path, Readers::Owner)?;
        let text = std::str::from_utf8(&text).map_err(|_| wrong("it is not UTF-8"))?;
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        if !hashed {
            let password =
                lines.next().ok_or_else(|| wrong("it is empty; the password in its first line is right"))?;
            return Ok(Credentials::of_password(&self.user, &realm, password));
        }
        let mut credentials = Credentials { user: self.user.clone(), realm, sha256: None, md5: None };
        for line in lines {
            match (line.len(), from_hex(line)) {
                (64, Some(_)) => credentials.sha256 = Some(line.to_ascii_lowercase()),
                (32, Some(_)) => credentials.md5 = Some(line.to_ascii_lowercase()),
                _ => return Err(wrong("a line is no hash; 64 hexadecimal digits (SHA-256) or 32 (MD5) are")),
            }
        }
        if credentials.sha256.is_none() && credentials.md5.is_none() {
            return Err(wrong("it is empty; H(user:realm:password) in hexadecimal is right"));
        }
        Ok(credentials)
    }
}

impl Trunk {
    /// What may be recorded of it.
    pub(crate) fn media_policy(&self) -> siprec::sdp::Policy {
        let mut policy = siprec::sdp::Policy::default();
        if let Some(codecs) = &self.codecs {
            let named = |encoding: &str| codecs.iter().any(|name| name.0.eq_ignore_ascii_case(encoding));
            policy.codecs.retain(|codec| !codec.is_audio() || named(&codec.encoding));
        }
        policy.srtp = match self.srtp {
            Some(Srtp::Refuse) => siprec::sdp::Srtp::Refuse,
            Some(Srtp::Require) => siprec::sdp::Srtp::Require,
            // A10-02: what is secure is so in its media as well.
            None if self.secure_only => siprec::sdp::Srtp::Require,
            Some(Srtp::Optional) | None => siprec::sdp::Srtp::Optional,
        };
        policy
    }

    /// Its terms for the SIP side.
    pub(crate) fn peer_rule(&self) -> siprec::PeerRule {
        siprec::PeerRule {
            certificate: self.certificate.clone().map(|rule| rule.0),
            leniency: match self.profile {
                Profile::Strict => siprec::Leniency::Strict,
                Profile::TagLess => siprec::Leniency::TagLess,
                Profile::BodyOnly => siprec::Leniency::BodyOnly,
                Profile::HeaderOnly => siprec::Leniency::HeaderOnly,
                Profile::BibPair => siprec::Leniency::BibPair,
            },
            strict_metadata: self.strict_metadata,
            secure_only: self.secure_only,
            media: self.media_policy(),
            digest: self.credentials.clone(),
            max_sessions: self.max_calls.unwrap_or(usize::MAX),
            ..siprec::PeerRule::new(&self.name, self.networks.iter().map(|net| net.of_peer()).collect())
        }
    }
}

/// What is wrong with the trunks together, or with one as a whole.
///
/// # Errors
/// A sentence that names the trunk and says what would be right.
pub(super) fn check(trunks: &[Trunk]) -> Result<(), String> {
    for (index, trunk) in trunks.iter().enumerate() {
        let of = |wrong: &str| Err(format!("trunk \"{}\": {wrong}", trunk.name));
        if trunk.name.trim().is_empty() {
            return Err(format!("the trunk number {} has no name; any text is one", index + 1));
        }
        if trunks[..index].iter().any(|earlier| earlier.name == trunk.name) {
            return of("there are two of this name; each needs its own");
        }
        if trunk.secure_only && matches!(trunk.srtp, Some(Srtp::Refuse | Srtp::Optional)) {
            return of("secure_only takes no media in the clear; leave srtp away, or say srtp = \"require\"");
        }
        if trunk.networks.is_empty() && trunk.certificate.is_none() {
            return of(
                "nobody would be it; say networks = [\"10.1.2.3\"], certificate = \"sbc1.example.com\", or both",
            );
        }
        if trunk.codecs.as_ref().is_some_and(Vec::is_empty) {
            return of("codecs is empty, so nothing could be recorded; leave the key out for all");
        }
        if trunk.max_calls == Some(0) || trunk.max_streams == Some(0) {
            return of(
                "max_calls and max_streams start at 1; to keep a peer out, leave its trunk out and set \
                       sip.unlisted = \"refuse\"",
            );
        }
        if let Some(digest) = &trunk.digest
            && digest.password_file.is_some() == digest.ha1_file.is_some()
        {
            return of("digest wants one of password_file and ha1_file");
        }
        let plain =
            |text: &str| !text.is_empty() && text.chars().all(|c| !c.is_control() && c != '"' && c != '\\');
        if let Some(digest) = &trunk.digest
            && !(plain(&digest.user)
                && digest.realm.as_deref().is_none_or(plain)
                && !digest.user.contains(':'))
        {
            return of("digest's user and realm are plain text without quotes, and the user has no colon");
        }
    }
    Ok(())
}

/// Trunks that hold the same peers, as sentences: the first one counts, which may not be what was meant.
pub(super) fn overlaps(trunks: &[Trunk]) -> Vec<String> {
    let mut said = Vec::new();
    for (index, later) in trunks.iter().enumerate() {
        for earlier in &trunks[..index] {
            let apart = earlier.certificate.is_some() && earlier.certificate != later.certificate;
            let shared = later.networks.iter().find(|network| {
                earlier.networks.iter().any(|other| {
                    let (a, b) = (network.of_peer(), other.of_peer());
                    a.holds(b.address) || b.holds(a.address)
                })
            });
            if let Some(shared) = shared.filter(|_| !apart) {
                said.push(format!(
                    "trunks \"{}\" and \"{}\" both hold addresses of {}/{}; the first one in the file counts",
                    earlier.name, later.name, shared.address, shared.prefix_bits
                ));
            }
        }
    }
    said
}
