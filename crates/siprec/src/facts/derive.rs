//! Puts the call's facts together.

use std::collections::HashMap;

use super::forked;
use super::roles::{is_extension, roles, users};
use super::vendor::{self, Headers, Stated, user_in};
use super::{CallDirection, CallFacts, Fact, MetadataStatus, ParticipantRole, Role};
use crate::metadata::{Content, Dialect, Participant, Picture, is_number};

impl CallFacts {
    /// Derives all facts from the headers of the message that began the recording session and the picture as it is.
    #[must_use]
    pub fn derive(headers: &[(String, String)], picture: &Picture) -> Self {
        let headers = Headers(headers);
        let mut stated = vendor::read(headers, picture);
        let roles = roles(&stated, picture);
        let participants = &picture.content().participants;
        let with_role = |role: Role| {
            let id = roles.iter().find(|r| r.role.value == role).map(|r| &r.participant);
            id.and_then(|id| participants.iter().find(|participant| participant.id == *id))
        };
        let aor_of = |role: Role| {
            let user = with_role(role).and_then(|participant| users(participant).next());
            user.map(|user| Fact::inferred(user, "nameID"))
        };
        // A13-02: the vendor block, then the address of record.
        let ani = stated.caller.take().or_else(|| aor_of(Role::Caller));
        let dnis = stated.dialled.take().or(stated.callee.take()).or_else(|| aor_of(Role::Callee));
        let forked_leg = forked::leg(headers);
        let described = picture.updates() > 0;
        let speakers = if described { Vec::new() } else { forked::speakers(headers, forked_leg.as_ref()) };
        let is_plain = !described && forked_leg.is_none() && speakers.is_empty();
        let [from, to] = if is_plain { plain_parties(headers) } else { [None, None] };
        let (ani, dnis) = (ani.or_else(|| from.clone()), dnis.or_else(|| to.clone()));
        // The recorded phone is as good as a recorded party.
        let near = forked_leg.as_ref().and_then(|leg| leg.near_address.clone());
        stated.recorded_party = stated.recorded_party.take().or(near);
        let mut candidates = agent_candidates(&stated, participants, &roles);
        if candidates.is_empty() {
            let inside = speakers.iter().map(|speaker| &speaker.address).filter(|it| is_extension(&it.value));
            candidates = without_repetition(from.into_iter().chain(to).chain(inside.cloned()).collect());
        }
        let far = forked_leg.as_ref().and_then(|leg| leg.far_address.clone());
        let direction = stated.direction.take().or_else(|| inferred_direction(&with_role));
        Self {
            metadata_status: status(picture),
            ani,
            dnis,
            direction,
            agent_candidates: candidates,
            numbers: numbers(participants, headers, stated.recorded_party.iter().cloned().chain(far)),
            mixed: mixed(picture),
            roles,
            vendor_ids: stated.vendor_ids,
            queue: stated.queue,
            queue_number: stated.queue_number,
            recorded_party: stated.recorded_party,
            recorded_user: stated.recorded_user,
            agent_display_name: stated.agent_display_name,
            diverted_from: stated.diverted_from,
            speakers,
            forked_leg,
        }
    }
}

/// Who calls and who is called, where nothing but the INVITE itself says so: a client without metadata that is neither a
/// phone's fork nor a gateway's (A1-09, A13-02).
fn plain_parties(headers: Headers<'_>) -> [Option<Fact>; 2] {
    let user = |name: &str| Some(Fact::inferred(user_in(headers.get(&[name])?)?, name));
    [user("P-Asserted-Identity").or_else(|| user("From")), user("To")]
}

fn status(picture: &Picture) -> MetadataStatus {
    match (picture.updates(), picture.dialect()) {
        (0, _) => MetadataStatus::HeadersOnly,
        (_, Dialect::Rfc7865) => MetadataStatus::Ok,
        (_, Dialect::Legacy) => MetadataStatus::OkLegacy,
    }
}

/// The party with an extension sits in the centre: called means inbound, calling means outbound. Two extensions or
/// none say nothing.
fn inferred_direction<'a>(
    with_role: &impl Fn(Role) -> Option<&'a Participant>,
) -> Option<Fact<CallDirection>> {
    let inside = |role: Role| Some(users(with_role(role)?).any(is_extension));
    let direction = match (inside(Role::Caller)?, inside(Role::Callee)?) {
        (false, true) => CallDirection::Inbound,
        (true, false) => CallDirection::Outbound,
        _ => return None,
    };
    Some(Fact::inferred(direction, "nameID"))
}

/// A13-08, likeliest first: who the client says is recorded; else extensions; else users that are no numbers.
fn agent_candidates(stated: &Stated, participants: &[Participant], roles: &[ParticipantRole]) -> Vec<Fact> {
    let mut candidates: Vec<Fact> = stated.recorded_party.iter().cloned().collect();
    if let Some(user) = &stated.recorded_user {
        candidates.push(user.clone());
        candidates.extend(user_in(&user.value).map(|part| Fact::stated(part, &user.source)));
    }
    if candidates.is_empty() {
        let is_real = |participant: &&Participant| {
            let role = roles.iter().find(|role| role.participant == participant.id);
            role.is_none_or(|role| role.role.value != Role::Placeholder)
        };
        let all: Vec<&str> = participants.iter().filter(is_real).flat_map(users).collect();
        let of = |wanted: fn(&str) -> bool| all.iter().copied().filter(move |user| wanted(user));
        let likely = of(is_extension).chain(of(|user| !is_number(user)));
        candidates.extend(likely.map(|user| Fact::inferred(user, "nameID")));
    }
    without_repetition(candidates)
}

/// Numbers of all parties; without metadata, those a gateway names per stream (A12, Cisco gateway forking).
fn numbers(
    participants: &[Participant],
    headers: Headers<'_>,
    others: impl Iterator<Item = Fact>,
) -> Vec<Fact> {
    let of_parties = participants.iter().flat_map(users).map(|user| Fact::stated(user, "nameID"));
    let source = forked::GATEWAY_HEADER;
    let of_headers = headers.0.iter().filter(|(name, _)| name.eq_ignore_ascii_case(source));
    let of_headers =
        of_headers.filter_map(|(_, value)| user_in(value)).map(|user| Fact::stated(user, source));
    without_repetition(
        of_parties.chain(of_headers).chain(others).filter(|fact: &Fact| is_number(&fact.value)).collect(),
    )
}

fn without_repetition(facts: Vec<Fact>) -> Vec<Fact> {
    let mut kept: Vec<Fact> = Vec::with_capacity(facts.len());
    for fact in facts {
        if !kept.iter().any(|other| other.value == fact.value) {
            kept.push(fact);
        }
    }
    kept
}

/// One stream with several speakers, or one the client calls mixed: no split is made up (A12, Metaswitch).
fn mixed(picture: &Picture) -> Option<Fact<bool>> {
    let mut speakers: HashMap<&str, usize> = HashMap::new();
    for sending in picture.history().current_sendings() {
        *speakers.entry(&sending.stream).or_default() += 1;
    }
    if speakers.values().any(|&count| count > 1) {
        return Some(Fact::stated(true, "participantstreamassoc"));
    }
    if stream_modes(picture.content()).any(|mode| mode.eq_ignore_ascii_case("mixed")) {
        return Some(Fact::stated(true, "stream/mode"));
    }
    (speakers.len() > 1).then(|| Fact::stated(false, "participantstreamassoc"))
}

fn stream_modes(content: &Content) -> impl Iterator<Item = &str> {
    let extensions = content.streams.iter().flat_map(|stream| &stream.extensions);
    extensions.filter(|extension| extension.element.is("mode")).map(|extension| extension.element.trimmed())
}
