//! `[wfo_xml]`: where the API Server of WFO is heard, and by whom it may be spoken to.

use std::net::SocketAddr;

use serde::Deserialize;

use super::address::read_with_port;
use super::{ConfigError, Flags, Network};

/// `[wfo_xml]`. Nothing is heard unless it is said where.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WfoXml {
    /// Commands over TCP: address and port, 5620 by custom.
    #[serde(default, deserialize_with = "read_with_port")]
    pub listen: Option<SocketAddr>,
    /// Events over TCP: address and port, 5621 by custom.
    #[serde(default, deserialize_with = "read_with_port")]
    pub events: Option<SocketAddr>,
    /// Commands over HTTP: address and port, 2012 by custom.
    #[serde(default, deserialize_with = "read_with_port")]
    pub web: Option<SocketAddr>,
    /// The same over TLS, with certificate and key of `[sip.tls]`: address and port, 2013 by custom.
    #[serde(default, deserialize_with = "read_with_port")]
    pub web_tls: Option<SocketAddr>,
    /// Who may speak beside this machine: addresses and networks.
    pub allow: Vec<Network>,
}

impl WfoXml {
    /// The same where flags have been given.
    pub(super) fn with_flags(self, flags: &Flags) -> Self {
        Self {
            listen: flags.wfo_xml.or(self.listen),
            events: flags.wfo_xml_events.or(self.events),
            web: flags.wfo_xml_web.or(self.web),
            web_tls: flags.wfo_xml_web_tls.or(self.web_tls),
            allow: if flags.wfo_xml_allow.is_empty() { self.allow } else { flags.wfo_xml_allow.clone() },
        }
    }

    /// Whether it can be meant so.
    ///
    /// # Errors
    /// [`ConfigError`], saying what would be right.
    pub(super) fn check(&self, has_certificate: bool) -> Result<(), ConfigError> {
        let heard = [
            ("wfo_xml.listen", self.listen),
            ("wfo_xml.events", self.events),
            ("wfo_xml.web", self.web),
            ("wfo_xml.web_tls", self.web_tls),
        ];
        if !self.allow.is_empty() && heard.iter().all(|(_, address)| address.is_none()) {
            let cause =
                "nothing is heard that it could allow; set wfo_xml.listen, 0.0.0.0:5620 by custom".to_owned();
            return Err(ConfigError::Value { key: "wfo_xml.allow", cause });
        }
        if self.web_tls.is_some() && !has_certificate {
            let cause = "it shows the certificate of SIP over TLS, and there is none; set sip.tls.listen, \
                         sip.tls.certificate and sip.tls.key";
            return Err(ConfigError::Value { key: "wfo_xml.web_tls", cause: cause.to_owned() });
        }
        for (key, address) in heard {
            if let Some(address) = address.filter(|it| !it.ip().is_loopback() && self.allow.is_empty()) {
                let cause = format!(
                    "{address} is heard outside this machine, and the protocol asks nobody for a login: whoever reaches it can \
                     stop every recording. Listen on 127.0.0.1, or name who may speak in wfo_xml.allow, as in \
                     allow = [\"192.0.2.10\", \"10.20.0.0/16\"]"
                );
                return Err(ConfigError::Value { key, cause });
            }
        }
        Ok(())
    }
}
