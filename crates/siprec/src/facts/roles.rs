//! Ties what is stated about caller and callee to the participants of the picture.

use super::vendor::Stated;
use super::{Fact, ParticipantRole, Role, same_number};
use crate::metadata::{Participant, Picture, is_number, user_of};

/// Longest number taken for an extension, in digits; public numbers have more.
pub(super) const MAX_EXTENSION_DIGITS: usize = 6;

/// Each participant's part, in the picture's order.
pub(super) fn roles(stated: &Stated, picture: &Picture) -> Vec<ParticipantRole> {
    let participants = &picture.content().participants;
    let mut roles: Vec<ParticipantRole> = participants
        .iter()
        .map(|participant| ParticipantRole {
            participant: participant.id.clone(),
            role: role(participant, stated, picture),
        })
        .collect();
    complement(&mut roles);
    roles
}

fn role(participant: &Participant, stated: &Stated, picture: &Picture) -> Fact<Role> {
    if let Some((_, calling)) = stated.calling.iter().find(|(id, _)| *id == participant.id) {
        let role = if *calling { Role::Caller } else { Role::Callee };
        return Fact::stated(role, "apkt/callingParty");
    }
    for (number, role) in [(&stated.caller, Role::Caller), (&stated.callee, Role::Callee)] {
        let Some(number) = number else { continue };
        if users(participant).any(|user| same_number(user, &number.value)) {
            return Fact::stated(role, &number.source);
        }
    }
    if is_placeholder(participant, picture) {
        return Fact::inferred(Role::Placeholder, "participant");
    }
    Fact::inferred(Role::Unknown, "")
}

/// With two real parties and one part known, the other part is the other party's.
fn complement(roles: &mut [ParticipantRole]) {
    let mut real: Vec<_> = roles.iter_mut().filter(|role| role.role.value != Role::Placeholder).collect();
    let [one, other] = &mut real[..] else { return };
    let opposite = |role: Role| match role {
        Role::Caller => Some(Role::Callee),
        Role::Callee => Some(Role::Caller),
        _ => None,
    };
    let (first, second) = (one.role.clone(), other.role.clone());
    for (known, unknown) in [(first, &mut other.role), (second, &mut one.role)] {
        if let (Some(role), Role::Unknown) = (opposite(known.value), unknown.value) {
            *unknown = Fact::inferred(role, &known.source);
        }
    }
}

/// A party that is only the client's own name for somebody not known yet (A12, Avaya): it has never spoken into or
/// heard a stream, has no display name, and its address is no number, while somebody else does speak.
fn is_placeholder(participant: &Participant, picture: &Picture) -> bool {
    let history = picture.history();
    let of_it = |id: &str| id == participant.id;
    let silent = !history.sendings.iter().chain(&history.hearings).any(|entry| of_it(&entry.participant));
    // A send that dangles says that the party does speak, into something described elsewhere.
    let assocs = &picture.content().participant_streams;
    let claims_none =
        assocs.iter().filter(|a| of_it(&a.participant)).all(|a| a.send.is_empty() && a.recv.is_empty());
    silent
        && claims_none
        && participant.names.iter().all(|name| name.name.is_none())
        && !users(participant).any(is_number)
        && history.current_sendings().next().is_some()
}

/// The user parts of a participant's addresses.
pub(super) fn users(participant: &Participant) -> impl Iterator<Item = &str> {
    participant.names.iter().filter_map(|name| user_of(&name.aor))
}

/// A short number without `+`: a phone inside the centre.
pub(super) fn is_extension(user: &str) -> bool {
    user.len() <= MAX_EXTENSION_DIGITS && user.len() >= 2 && user.bytes().all(|b| b.is_ascii_digit())
}
