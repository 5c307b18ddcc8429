//! By which marks an INVITE is taken for a recording session (RFC 7866 §6.2; A1).

use crate::{
    Leniency,
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

/// A1-01, A1-04.
pub(super) fn is_recording_session(request: &Request, contact: &NameAddr, leniency: Leniency) -> bool {
    let (required, tag) = (request.headers.lists("Require", "siprec"), src_tag(contact));
    match leniency {
        Leniency::Strict => required && tag == SrcTag::Standard,
        Leniency::TagLess | Leniency::BodyOnly | Leniency::HeaderOnly | Leniency::BibPair => {
            required || tag != SrcTag::None
        }
    }
}

/// Which mark is missing, so that the engineer at the other end knows what to switch on.
pub(super) fn why_no_recording_session(request: &Request, contact: &NameAddr) -> &'static str {
    let (required, tag) = (request.headers.lists("Require", "siprec"), src_tag(contact));
    match (required, tag) {
        (true, _) => "No recording session: Contact lacks +sip.src",
        (false, SrcTag::Standard) => "No recording session: Require lacks siprec",
        (false, _) => "No recording session: want +sip.src in Contact, siprec in Require",
    }
}
