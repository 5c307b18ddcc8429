//! Calls forked by the phone itself: two plain dialogs, one for each end, described in the parameters of From (A12,
//! CUCM built-in bridge).

use super::vendor::Headers;
use super::{Fact, ForkedEnd, ForkedLeg};
use crate::message::Uri;
use crate::message::header::NameAddr;

/// By which a gateway that forks a call names the party on each m-line (A12, Cisco gateway forking).
pub(super) const GATEWAY_HEADER: &str = "X-Cisco-Recording-Participant";

/// Reads the leg; `None` when From has neither `x-nearend` nor `x-farend`.
pub(super) fn leg(headers: Headers<'_>) -> Option<ForkedLeg> {
    let from = NameAddr::parse(headers.get(&["From", "f"])?).ok()?;
    let uri = Uri::parse(&from.uri).ok()?;
    let end = match (uri.params.has("x-nearend"), uri.params.has("x-farend")) {
        (true, false) => Fact::stated(ForkedEnd::Near, "From;x-nearend"),
        (false, true) => Fact::stated(ForkedEnd::Far, "From;x-farend"),
        _ => return None,
    };
    let fact = |name: &str| {
        let value = uri.params.get(name).filter(|value| !value.is_empty())?;
        Some(Fact::stated(value, &format!("From;{name}")))
    };
    let pair_key = fact("x-nearendclusterid").zip(fact("x-refci")).map(|(cluster, reference)| {
        Fact::stated(format!("{}/{}", cluster.value, reference.value), "From;x-nearendclusterid,x-refci")
    });
    Some(ForkedLeg {
        end,
        pair_key,
        device: fact("x-nearenddevice"),
        near_address: fact("x-nearendaddr"),
        far_address: fact("x-farendaddr"),
    })
}
