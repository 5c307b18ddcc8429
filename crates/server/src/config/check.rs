//! Settings that cannot be: each is refused with what would be right, and what is doubtful is said.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use calls::archive::MAX_DAYS;

use super::{Config, ConfigError, trunk};

/// How far back calls may be held in memory.
const LONGEST_HELD: Duration = Duration::from_secs(4 * 3_600);

impl Config {
    /// What trunks need of the rest.
    fn check_trunks(&self) -> Result<(), ConfigError> {
        let believes = self.sip_tls.as_ref().is_some_and(|tls| tls.files.client_ca.is_some());
        for trunk in &self.trunks {
            let wrong = |wrong: &str| {
                let cause = format!("trunk \"{}\": {wrong}", trunk.name);
                Err(ConfigError::Value { key: "trunk", cause })
            };
            if trunk.certificate.is_some() && !believes {
                return wrong(
                    "it is to show a certificate, and none could be believed; set sip.tls.listen, and sip.tls.client_ca to \
                     the PEM file of its authority",
                );
            }
            if trunk.secure_only && self.sip_tls.is_none() {
                return wrong("it is to be heard over TLS only, and TLS is not heard; set sip.tls.listen");
            }
        }
        Ok(())
    }

    /// What may not be meant so, as sentences.
    pub fn doubts(&self) -> Vec<String> {
        let mut doubts = trunk::overlaps(&self.trunks);
        let told = self.sip_advertised.unwrap_or(self.sip.ip()).to_canonical();
        let far =
            self.trunks.iter().find(|trunk| trunk.networks.iter().any(|network| is_public(network.address)));
        if let Some(far) = far.filter(|_| !is_public(told)) {
            doubts.push(format!(
                "trunk \"{}\" is in a public network, and would be told to send to {told}, which cannot be reached from \
                 there; set sip.advertised to the address that leads here",
                far.name
            ));
        }
        doubts
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.check_http()?;
        if !(1..=64).contains(&self.media_threads) {
            let cause = format!("{} is out of range; 1 to 64 media threads are", self.media_threads);
            return Err(ConfigError::Value { key: "media.threads", cause });
        }
        if self.limits.streams == Some(0) || self.limits.recording_sessions == 0 {
            let cause = "0 would record nothing; 1 or more is right".to_owned();
            return Err(ConfigError::Value { key: "limits", cause });
        }
        if self.connections_per_address == 0 {
            let cause = "no connection could be made; 1 and more are right, 256 is usual".to_owned();
            return Err(ConfigError::Value { key: "sip.connections_per_address", cause });
        }
        if self.probe_every.is_zero() || self.patience.ask_ns == 0 || self.patience.gone_ns == 0 {
            let cause = "0 s would ask and give up without end; 300, 600 and 60 are usual".to_owned();
            return Err(ConfigError::Value {
                key: "sip.probe_s, media.ask_after_s, media.gone_after_s",
                cause,
            });
        }
        if self.hold_back.window > LONGEST_HELD || self.hold_back.bytes == 0 {
            let cause = "0 to 14400 seconds can be held back, in 1 MiB of memory and more".to_owned();
            return Err(ConfigError::Value { key: "hold_back.window_s, hold_back.memory_mib", cause });
        }
        if self.tracker.keeping.keep_days.is_some_and(|days| days > MAX_DAYS) {
            let cause = format!("0 to {MAX_DAYS} days are right; leave it out to keep for ever");
            return Err(ConfigError::Value { key: "retention.keep_days", cause });
        }
        self.wfo_xml.check(self.sip_tls.is_some())?;
        self.check_trunks()?;
        self.keys.check()?;
        if let Some(spill) = self.spill.as_ref().filter(|spill| nested(spill, &self.data)) {
            let (spill, data) = (spill.display(), self.data.display());
            let cause =
                format!("{spill} and {data} would share their fate; a folder on another volume is right");
            return Err(ConfigError::Value { key: "spill", cause });
        }
        if self.sip.ip().is_unspecified() && self.sip_advertised.is_none() {
            let cause = format!(
                "{} is heard on every address; say with sip.advertised (--sip-advertised) which one peers shall use",
                self.sip
            );
            return Err(ConfigError::Value { key: "sip.listen", cause });
        }
        Ok(())
    }
}

/// Whether one folder is the other or in it, as they are written.
fn nested(one: &Path, other: &Path) -> bool {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (one, other) = (absolute(one), absolute(other));
    one.starts_with(&other) || other.starts_with(&one)
}

/// Whether an address can be reached from anywhere (B9-03): not one of RFC 1918, RFC 6598, RFC 4193, of a link or of
/// this machine.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && (64..128).contains(&v4.octets()[1]);
            !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified() || shared)
        }
        IpAddr::V6(v6) => {
            !(v6.is_unique_local() || v6.is_loopback() || v6.is_unicast_link_local() || v6.is_unspecified())
        }
    }
}
