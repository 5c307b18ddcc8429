//! Where `sidetone call` calls, and how it gets there.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};

use rustls::pki_types::ServerName;
use siprec::digest::Login;

use super::super::Failure;
use crate::caller::Signalling;
use crate::tls::client::{Believed, client};

/// What TLS needs.
#[derive(Debug, clap::Args)]
pub(super) struct Tls {
    /// The authorities whose certificates are believed of the recorder (PEM), with transport=tls.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The certificate shown to the recorder (PEM).
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// Its key (PEM).
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Believe any certificate. For test machines: whoever sits between could hear and change all of it.
    #[arg(long, conflicts_with = "ca")]
    insecure: bool,
}

/// The login given when the recorder asks for one.
#[derive(Debug, clap::Args)]
pub(super) struct LoginArguments {
    /// The name to log in with.
    #[arg(long, value_name = "NAME", requires = "password_source")]
    user: Option<String>,
    /// A file with the password in its first line.
    #[arg(long, value_name = "FILE", group = "password_source", requires = "user")]
    password_file: Option<PathBuf>,
    /// The password; only as a variable, since whoever lists processes sees arguments.
    #[arg(
        long,
        hide = true,
        env = "SIDETONE_CALL_PASSWORD",
        hide_env_values = true,
        group = "password_source"
    )]
    password: Option<String>,
}

impl LoginArguments {
    pub(super) fn read(&self) -> Result<Option<Login>, Failure> {
        let Some(user) = self.user.clone() else { return Ok(None) };
        let password = match (&self.password_file, &self.password) {
            (Some(path), _) => {
                let text = String::from_utf8(read(path)?);
                let text = text.map_err(|_| format!("{} is not UTF-8", path.display()))?;
                text.lines().next().unwrap_or_default().trim().to_owned()
            }
            (None, password) => password.clone().unwrap_or_default(),
        };
        Ok(Some(Login { user, password }))
    }
}

/// A recorder to be called.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Its address.
    pub(super) address: SocketAddr,
    /// Its host, as it was written.
    host: String,
    transport: siprec::Transport,
}

impl Target {
    /// Reads a SIP URI and looks its host up.
    pub(super) fn read(uri: &str) -> Result<Self, Failure> {
        let wrong = || {
            format!(
                "\"{uri}\" is no recorder; sip:127.0.0.1:5060, sip:[::1]:5060, sip:host:5060;transport=tcp and \
                 sip:host:5061;transport=tls are"
            )
        };
        let rest = uri.strip_prefix("sip:").ok_or_else(wrong)?;
        let (host, parameters) = rest.split_once(';').unwrap_or((rest, ""));
        let (transport, port) = match parameters {
            "" | "transport=udp" => (siprec::Transport::Udp, 5060),
            "transport=tcp" => (siprec::Transport::Tcp, 5060),
            "transport=tls" => (siprec::Transport::Tls, 5061),
            _ => return Err(wrong()),
        };
        let host = host.rsplit('@').next().unwrap_or(host);
        let (host, port) = match host.rsplit_once(':') {
            // The colons of a bracketed address are none before a port.
            Some((name, digits)) if !digits.ends_with(']') => (name, digits.parse().map_err(|_| wrong())?),
            _ => (host, port),
        };
        let name = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let mut addresses = (name, port).to_socket_addrs().map_err(|error| format!("{host}: {error}"))?;
        let address = addresses.next().ok_or_else(wrong)?;
        Ok(Self { address, host: name.to_owned(), transport })
    }
}

impl Tls {
    /// How signalling gets there.
    pub(super) fn signalling(&self, target: &Target) -> Result<Signalling, Failure> {
        match target.transport {
            siprec::Transport::Udp => Ok(Signalling::Udp),
            siprec::Transport::Tcp => Ok(Signalling::Tcp),
            siprec::Transport::Tls => self.tls(&target.host),
        }
    }

    fn tls(&self, host: &str) -> Result<Signalling, Failure> {
        let ca = self.ca.as_deref().map(read).transpose()?;
        let believed = match (&ca, self.insecure) {
            (Some(ca), _) => Believed::Authorities(ca),
            (None, true) => Believed::Everybody,
            (None, false) => {
                return Err("TLS needs --ca FILE, the authority of the recorder's certificate; or --insecure, which gives \
                            up knowing who answers"
                    .to_owned());
            }
        };
        let own = self.cert.as_deref().zip(self.key.as_deref());
        let own = own.map(|(cert, key)| Ok::<_, Failure>((read(cert)?, read(key)?))).transpose()?;
        let shown = own.as_ref().map(|(cert, key)| (cert.as_slice(), key.as_slice()));
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|_| format!("\"{host}\" is no name a certificate could have"))?;
        Ok(Signalling::Tls { config: client(believed, shown)?, name })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorder_is_named_by_host_port_and_transport() {
        let read = |uri: &str| Target::read(uri).map(|target| (target.address.to_string(), target.transport));
        assert_eq!(read("sip:127.0.0.1"), Ok(("127.0.0.1:5060".into(), siprec::Transport::Udp)));
        assert_eq!(
            read("sip:a@127.0.0.1:70;transport=tcp"),
            Ok(("127.0.0.1:70".into(), siprec::Transport::Tcp))
        );
        assert_eq!(read("sip:[::1];transport=tls"), Ok(("[::1]:5061".into(), siprec::Transport::Tls)));
        assert_eq!(read("sip:[::1]:70"), Ok(("[::1]:70".into(), siprec::Transport::Udp)));
        for wrong in ["127.0.0.1", "sip:127.0.0.1:x", "sip:127.0.0.1;transport=ws", "sip:127.0.0.1:70000"] {
            assert!(read(wrong).unwrap_err().contains("transport=tls"), "{wrong}");
        }
    }
}
