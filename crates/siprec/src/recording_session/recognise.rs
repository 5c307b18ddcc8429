//! By which marks an INVITE is taken for a recording session (RFC 7866 §6.2; A1).

use crate::{
    Leniency,
    facts::{is_gateway_fork, is_phone_fork},
    message::{
        Fault, Request, Uri,
        header::{
            NameAddr,
            contact::{SrcTag, src_tag},
        },
    },
};

/// The Contact of a dialog-creating request (RFC 3261 §12.1.1).
pub(super) fn contact(request: &Request) -> Result<NameAddr, Fault> {
    let mut contacts = request.headers.list("Contact");
    let contact = contacts.next().ok_or(Fault::Missing("Contact"))?;
    if contacts.next().is_some() {
        return Err(Fault::Repeated("Contact"));
    }
    let malformed = |why| Fault::Malformed { name: "Contact", why };
    let contact = NameAddr::parse(contact).map_err(malformed)?;
    Uri::parse(&contact.uri).map_err(|error| malformed(error.reason()))?;
    Ok(contact)
}

/// A1-01, A1-04, and the two kinds of forks that carry no mark of SIPREC at all (A1-06). A body alone is looked at by the
/// caller.
pub(super) fn is_recording_session(request: &Request, contact: &NameAddr, leniency: Leniency) -> bool {
    let (required, tag) = (request.headers.lists("Require", "siprec"), src_tag(contact));
    match leniency {
        Leniency::Strict => required && tag == SrcTag::Standard,
        Leniency::TagLess | Leniency::BodyOnly => required || tag != SrcTag::None,
        Leniency::HeaderOnly => required || tag != SrcTag::None || is_gateway_fork(&request.headers),
        Leniency::BibPair => required || tag != SrcTag::None || is_phone_fork(&request.headers),
    }
}

/// Which mark is missing, so that the engineer at the other end knows what to switch on.
pub(super) fn why_no_recording_session(
    request: &Request,
    contact: &NameAddr,
    leniency: Leniency,
) -> &'static str {
    match leniency {
        Leniency::HeaderOnly => {
            return "No recording session: neither marks of SIPREC nor X-Cisco-Recording-Participant";
        }
        Leniency::BibPair => {
            return "No recording session: neither marks of SIPREC nor x-nearend or x-farend in From";
        }
        Leniency::Strict if is_gateway_fork(&request.headers) => {
            return "No recording session: a gateway's fork wants a trunk with profile header-only";
        }
        Leniency::Strict if is_phone_fork(&request.headers) => {
            return "No recording session: a phone's fork wants a trunk with profile bib-pair";
        }
        _ => {}
    }
    let (required, tag) = (request.headers.lists("Require", "siprec"), src_tag(contact));
    match (required, tag) {
        (true, _) => "No recording session: Contact lacks +sip.src",
        (false, SrcTag::Standard) => "No recording session: Require lacks siprec",
        (false, _) => "No recording session: want +sip.src in Contact, siprec in Require",
    }
}
