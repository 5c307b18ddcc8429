//! Which addresses may be called (F-API-7): those that everybody can reach, and those the operator has opened.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::Network;

/// What the operator has opened: networks, and hosts by name, whatever their addresses are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allow {
    networks: Vec<Network>,
    hosts: Vec<String>,
}

impl Allow {
    /// Reads entries as settings write them.
    ///
    /// # Errors
    /// The entry that is none, and what would be right.
    pub fn read(entries: &[String]) -> Result<Self, String> {
        let mut allow = Self::default();
        for entry in entries {
            let entry = entry.trim().to_ascii_lowercase();
            let is_host = |text: &str| {
                let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
                text.chars().any(|c| c.is_ascii_alphabetic()) && text.chars().all(is_part)
            };
            match Network::try_from(entry.clone()) {
                Ok(network) => allow.networks.push(network),
                Err(_) if is_host(&entry) => allow.hosts.push(entry),
                Err(_) => {
                    let right = "10.1.0.0/16, 127.0.0.1 and hooks.example.com are";
                    return Err(format!("\"{entry}\" is neither a network nor a host; {right}"));
                }
            }
        }
        Ok(allow)
    }

    /// Why a receiver may not be called at this address; `None` if it may.
    pub(super) fn why_closed(&self, host: &str, address: IpAddr) -> Option<&'static str> {
        let address = address.to_canonical();
        if self.hosts.iter().any(|open| open == host) || self.networks.iter().any(|open| holds(open, address))
        {
            return None;
        }
        closed(address)
    }
}

fn holds(network: &Network, address: IpAddr) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    };
    let ((own, own_width), (other, other_width)) = (bits(network.address), bits(address));
    let apart = 128 - u32::from(network.prefix_bits);
    own_width == other_width && (own ^ other).checked_shr(apart).unwrap_or(0) == 0
}

/// Why an address is not one that everybody can reach, by the registries of special addresses (RFC 6890).
fn closed(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => closed_v4(v4),
        IpAddr::V6(v6) => closed_v6(v6),
    }
}

fn closed_v4(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets() {
        [0, ..] => Some("it is of this network"),
        [127, ..] => Some("it is of this machine"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Some("it is private"),
        [169, 254, ..] => Some("it is of this link, as metadata services are"),
        [100, 64..=127, ..] => Some("it is shared behind a carrier"),
        [192, 0, 0, _] | [192, 88, 99, _] | [198, 18 | 19, ..] => Some("it is for special purposes"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Some("it is for documents"),
        [224..=239, ..] => Some("it is multicast"),
        [240..=255, ..] => Some("it is reserved"),
        _ => None,
    }
}

fn closed_v6(address: Ipv6Addr) -> Option<&'static str> {
    let inner = |high: u16, low: u16| closed_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("it is no address"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("it is of this machine"),
        // Within it an address of IPv4: mapped, translated, of NAT64 (RFC 6052).
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inner(high, low),
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => inner(high, low),
        [0xfc00..=0xfdff, ..] => Some("it is private"),
        [0xfe80..=0xfebf, ..] => Some("it is of this link"),
        [0xff00..=0xffff, ..] => Some("it is multicast"),
        // Teredo, ORCHID and their like; documents.
        [0x2001, 0..=0x01ff, ..] => Some("it is for special purposes"),
        [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => Some("it is for documents"),
        // All that is given out (RFC 4291 section 2.4).
        [0x2000..=0x3fff, ..] => None,
        _ => Some("it is not of those that are given out"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_address_within_another_is_as_closed_as_it_is_by_itself(bits in any::<u32>()) {
            let v4 = Ipv4Addr::from_bits(bits);
            let alone = Allow::default().why_closed("h", v4.into());
            let (high, low) = (bits >> 16, bits & 0xffff);
            for within in [
                format!("::ffff:{v4}"), format!("::ffff:0:{v4}"), format!("64:ff9b::{v4}"),
                format!("2002:{high:x}:{low:x}::1"),
            ] {
                prop_assert_eq!(Allow::default().why_closed("h", of(&within)), alone, "{}", within);
            }
        }
    }

    fn of(text: &str) -> IpAddr {
        text.parse().unwrap_or_else(|_| panic!("{text} is an address"))
    }

    #[test]
    fn what_everybody_can_reach_is_open_and_nothing_else() {
        for open in [
            "8.8.8.8",
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "198.17.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "2002:808:808::1",
            "64:ff9b::808:808",
            "::ffff:8.8.8.8",
        ] {
            assert_eq!(Allow::default().why_closed("h", of(open)), None, "{open}");
        }
    }

    #[test]
    fn a_network_or_a_host_that_is_opened_is_open_and_its_neighbours_are_not() {
        let entries = ["10.1.0.0/16", "127.0.0.1", "fd00::/8", "Hooks.Example.com"].map(str::to_owned);
        let allow = Allow::read(&entries).unwrap();
        for open in ["10.1.2.3", "127.0.0.1", "::ffff:10.1.2.3", "fd12::1"] {
            assert_eq!(allow.why_closed("h", of(open)), None, "{open}");
        }
        for closed in ["10.2.0.1", "127.0.0.2", "fc00::1", "::1", "169.254.169.254", "::ffff:10.2.0.1"] {
            assert!(allow.why_closed("h", of(closed)).is_some(), "{closed}");
        }
        assert_eq!(allow.why_closed("hooks.example.com", of("192.168.1.1")), None);
        assert_eq!(Allow::read(&["0.0.0.0/0".to_owned()]).unwrap().why_closed("h", of("10.0.0.1")), None);
        for wrong in ["", "10.0.0.0/40", "http://a", "a b", "1.2.3"] {
            let said = Allow::read(&[wrong.to_owned()]).unwrap_err();
            assert!(said.contains("hooks.example.com"), "{wrong}: {said}");
        }
    }
}
