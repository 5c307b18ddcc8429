//! Addresses as settings write them; what is none is told what would be.

use std::net::{IpAddr, SocketAddr};

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// An address with a port.
pub(super) fn with_port(text: &str) -> Result<SocketAddr, String> {
    let wrong = |_| format!("\"{text}\" is no address with a port; 127.0.0.1:5060 and [::1]:5060 are");
    text.parse().map_err(wrong)
}

/// An address alone.
pub(super) fn alone(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| format!("\"{text}\" is no address; 192.0.2.10 and 2001:db8::1 are"))
}

/// An address with a port, in a file.
pub(super) fn read_with_port<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    with_port(&String::deserialize(from)?).map(Some).map_err(D::Error::custom)
}

/// An address alone, in a file.
pub(super) fn read_alone<'de, D: Deserializer<'de>>(from: D) -> Result<Option<IpAddr>, D::Error> {
    alone(&String::deserialize(from)?).map(Some).map_err(D::Error::custom)
}
