//! Which streams sound in which channel.

use calls::id::StreamNumber;

use crate::keep::manifest::Manifest;

/// How many channels sound is given out in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// All streams together.
    Mono,
    /// Left and right. Of two streams that one recording session brought the one with the lower number is left. Else
    /// those the agent's party speaks into are right and all others left (A13-07); where nobody can say which these
    /// are, even numbers are left and odd ones right, for a leg that comes anew takes the next number. A single stream
    /// sounds in both.
    Stereo,
}

impl Channels {
    /// Two channels, or one where there is one stream.
    pub fn fitting(manifest: &Manifest) -> Self {
        if manifest.streams.len() > 1 { Self::Stereo } else { Self::Mono }
    }

    /// 1 or 2.
    pub fn count(self) -> u16 {
        match self {
            Self::Mono => 1,
            Self::Stereo => 2,
        }
    }

    /// For each channel whether the stream at each place of `streams` (ascending numbers) sounds in it.
    pub(super) fn lanes(self, manifest: &Manifest, streams: &[StreamNumber]) -> Vec<Vec<bool>> {
        if self == Self::Mono || streams.len() < 2 {
            return vec![vec![true; streams.len()]; usize::from(self.count())];
        }
        let of_one_session = manifest.parties.iter().all(|party| party.carrier == 0);
        let right: Vec<bool> = match streams.len() {
            2 if of_one_session => vec![false, true],
            _ => rightmost(manifest, streams),
        };
        vec![right.iter().map(|right| !right).collect(), right]
    }
}

fn rightmost(manifest: &Manifest, streams: &[StreamNumber]) -> Vec<bool> {
    let device = manifest.device.as_deref().unwrap_or_default();
    let mut agents = manifest.parties.iter().filter(|party| is_of_device(&party.address, device));
    let sends: Vec<StreamNumber> = agents.by_ref().flat_map(|party| party.sends.iter().copied()).collect();
    let right: Vec<bool> = streams.iter().map(|stream| sends.contains(stream)).collect();
    let tells_apart = right.contains(&true) && right.contains(&false);
    if tells_apart { right } else { streams.iter().map(|stream| stream.0 % 2 == 1).collect() }
}

/// Whether an address is that of a device.
pub(crate) fn is_of_device(address: &str, device: &str) -> bool {
    !device.is_empty() && user_of(address) == device
}

/// What stands for the person in an address: without scheme, host and parameters (RFC 3261 section 19.1).
fn user_of(address: &str) -> &str {
    let rest = ["sip:", "sips:", "tel:"]
        .iter()
        .find_map(|scheme| {
            address
                .get(..scheme.len())
                .filter(|it| it.eq_ignore_ascii_case(scheme))
                .map(|_| &address[scheme.len()..])
        })
        .unwrap_or(address);
    rest.split(['@', ';']).next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_of_an_address_is_found() {
        for address in
            ["4678", "sip:4678@192.0.2.1:5060", "SIPS:4678@[2001:db8::1];user=phone", "tel:4678;ext=1"]
        {
            assert_eq!(user_of(address), "4678", "{address}");
        }
        assert_eq!(user_of("\u{e9}"), "\u{e9}");
    }
}
