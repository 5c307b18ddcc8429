//! Calls forked without SIPREC, described in headers alone: by the phone itself, in two plain dialogs, one for each end
//! (A12, CUCM built-in bridge); and by a gateway, in one (A12, Cisco gateway forking).

use super::vendor::{Headers, user_in};
use super::{Fact, ForkedEnd, ForkedLeg, Speaker};
use crate::message::header::NameAddr;
use crate::message::{Headers as Message, Uri};

/// Whether a phone forked the call.
pub(crate) fn is_phone_fork(headers: &Message) -> bool {
    headers.get("From").is_some_and(|from| end_of(from).is_some())
}

/// Whether a gateway forked the call.
pub(crate) fn is_gateway_fork(headers: &Message) -> bool {
    headers.get(GATEWAY_HEADER).is_some()
}

/// By which a gateway that forks a call names the party on each m-line (A12, Cisco gateway forking).
pub(super) const GATEWAY_HEADER: &str = "X-Cisco-Recording-Participant";

/// Reads the leg; `None` when From has neither `x-nearend` nor `x-farend`.
pub(super) fn leg(headers: Headers<'_>) -> Option<ForkedLeg> {
    let from = NameAddr::parse(headers.get(&["From", "f"])?).ok()?;
    let uri = Uri::parse(&from.uri).ok()?;
    let end = match end_of(headers.get(&["From", "f"])?)? {
        ForkedEnd::Near => Fact::stated(ForkedEnd::Near, "From;x-nearend"),
        ForkedEnd::Far => Fact::stated(ForkedEnd::Far, "From;x-farend"),
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

fn end_of(from: &str) -> Option<ForkedEnd> {
    let uri = Uri::parse(&NameAddr::parse(from).ok()?.uri).ok()?;
    match (uri.params.has("x-nearend"), uri.params.has("x-farend")) {
        (true, false) => Some(ForkedEnd::Near),
        (false, true) => Some(ForkedEnd::Far),
        _ => None,
    }
}

/// Who speaks on which m-line, as far as headers say so: each line of a gateway's fork by its `media-index`, counted from
/// 0; the one line of a phone's fork by its end.
pub(super) fn speakers(headers: Headers<'_>, leg: Option<&ForkedLeg>) -> Vec<Speaker> {
    if let Some(leg) = leg {
        let address = match leg.end.value {
            ForkedEnd::Near => leg.near_address.clone(),
            ForkedEnd::Far => leg.far_address.clone(),
        };
        return address.map(|address| Speaker { line: 0, address }).into_iter().collect();
    }
    let of_gateway = headers.0.iter().filter(|(name, _)| name.eq_ignore_ascii_case(GATEWAY_HEADER));
    of_gateway.filter_map(|(_, value)| speaker(value)).collect()
}

/// `<uri>;media-index="n"`.
fn speaker(value: &str) -> Option<Speaker> {
    let line = NameAddr::parse(value).ok()?.params.get("media-index")?.trim_matches('"').parse().ok()?;
    Some(Speaker { line, address: Fact::stated(user_in(value)?, GATEWAY_HEADER) })
}
