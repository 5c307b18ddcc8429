//! Who and what of a call becomes which object. ref/vcon.md has it as a table.

use jiff::Timestamp;

use crate::VERSION;
use crate::conversation::{Carried, Conversation, Note, Participant, Recording};
use crate::object::{Attachment, Channel, Dialog, Head, Party, Redacted};
use crate::piece::{Piece, Pieces};

/// Why something cannot become a vCon.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A party is named that is not there.
    #[error("recording {recording} names party {party}, and there are {parties}")]
    NoSuchParty {
        /// The recording, by its place.
        recording: usize,
        /// The party, by its place.
        party: usize,
        /// How many there are.
        parties: usize,
    },
    /// A note is about a recording that is not there.
    #[error("a note is about recording {recording}, and there are {recordings}")]
    NoSuchRecording {
        /// The recording, by its place.
        recording: usize,
        /// How many there are.
        recordings: usize,
    },
    /// A file would be referred to by an address that is not safe.
    #[error("{0} is no https:// address, and a file outside is to be fetched safely")]
    NotHttps(String),
    /// A time lies outside of what RFC 3339 can say.
    #[error("{0} ns lies outside the years a vCon can name")]
    Time(i64),
}

/// The text of a vCon, in pieces.
///
/// One recording is one dialog. Several are of one call: a `recording-set` behind them says so.
///
/// # Errors
/// [`Fault`] if what is said of the call does not fit together.
pub fn compose(conversation: &Conversation) -> Result<Vec<Piece>, Fault> {
    let Conversation { parties, recordings, notes, .. } = conversation;
    let redacted = conversation.redaction.as_ref();
    let mut all: Vec<Party> = parties.iter().map(party).collect();
    all.push(recorder(&conversation.recorder));
    let head = Head {
        vcon: VERSION,
        uuid: conversation.uuid.clone(),
        extensions: ["CC"],
        created_at: instant(conversation.created_ns)?,
        updated_at: conversation.updated_ns.map(instant).transpose()?,
        redacted: redacted.map(|it| Redacted { kind: it.kind, uuid: it.of.clone() }),
        parties: all,
    };
    let mut pieces = Pieces::default();
    pieces.open_object(&head);
    pieces.text(r#","dialog":["#);
    for (place, recording) in recordings.iter().enumerate() {
        if place > 0 {
            pieces.text(",");
        }
        let dialog = dialog(conversation, place, recording)?;
        match recording.carried {
            Carried::Inline => pieces.object_with_sound(&dialog, place),
            Carried::At { .. } | Carried::LeftOut => pieces.json(&dialog),
        }
    }
    if recordings.len() > 1 {
        pieces.text(",");
        pieces.json(&set(conversation)?);
    }
    pieces.text("]");
    if !notes.is_empty() {
        pieces.text(r#","attachments":"#);
        let notes = notes.iter().map(|note| attachment(note, recordings.len(), parties.len()));
        pieces.json(&notes.collect::<Result<Vec<_>, _>>()?);
    }
    pieces.text("}\n");
    Ok(pieces.done())
}

fn dialog(conversation: &Conversation, place: usize, recording: &Recording) -> Result<Dialog, Fault> {
    let parties = conversation.parties.len();
    let named = recording.channels.iter().flatten().chain(recording.originator.iter());
    if let Some(party) = named.copied().find(|party| *party >= parties) {
        return Err(Fault::NoSuchParty { recording: place, party, parties });
    }
    let (url, content_hash) = match &recording.carried {
        Carried::At { url, .. } if !url.starts_with("https://") => return Err(Fault::NotHttps(url.clone())),
        Carried::At { url, content_hash } => (Some(url.clone()), Some(content_hash.clone())),
        Carried::Inline | Carried::LeftOut => (None, None),
    };
    let first = recording.channels.iter().flatten().next();
    Ok(Dialog {
        kind: "recording",
        start: instant(recording.started_ns)?,
        duration: seconds(recording.duration_ms),
        parties: recording.channels.iter().cloned().map(Channel).collect(),
        // Said only where it is not the first that is named.
        originator: recording.originator.filter(|party| first != Some(party)),
        recordings: None,
        recording_set: (conversation.recordings.len() > 1).then_some(conversation.recordings.len()),
        interaction_id: conversation.interaction_id.clone(),
        mediatype: Some(recording.media_type),
        filename: Some(recording.file_name.clone()),
        url,
        content_hash,
        encoding: (recording.carried == Carried::Inline).then_some("base64url"),
    })
}

/// All recordings of the call together.
fn set(conversation: &Conversation) -> Result<Dialog, Fault> {
    let recordings = &conversation.recordings;
    let end_ns = |recording: &Recording| {
        let length_ns = i64::try_from(recording.duration_ms).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        recording.started_ns.saturating_add(length_ns)
    };
    let start_ns = recordings.iter().map(|recording| recording.started_ns).min().unwrap_or_default();
    let end_ns = recordings.iter().map(end_ns).max().unwrap_or(start_ns);
    let length_ms = u64::try_from(end_ns.saturating_sub(start_ns) / 1_000_000).unwrap_or(0);
    Ok(Dialog {
        kind: "recording-set",
        start: instant(start_ns)?,
        duration: seconds(length_ms),
        parties: (0..conversation.parties.len()).map(|party| Channel(vec![party])).collect(),
        originator: None,
        recordings: Some((0..recordings.len()).collect()),
        recording_set: None,
        interaction_id: conversation.interaction_id.clone(),
        mediatype: None,
        filename: None,
        url: None,
        content_hash: None,
        encoding: None,
    })
}

fn attachment(note: &Note, recordings: usize, recorder: usize) -> Result<Attachment, Fault> {
    if note.recording >= recordings {
        return Err(Fault::NoSuchRecording { recording: note.recording, recordings });
    }
    Ok(Attachment {
        purpose: note.purpose,
        start: instant(note.start_ns)?,
        party: recorder,
        dialog: note.recording,
        mediatype: "application/json",
        encoding: "json",
        body: note.body.clone(),
    })
}

fn party(participant: &Participant) -> Party {
    if participant.anonymous {
        return Party { name: Some("anonymous".to_owned()), ..Party::default() };
    }
    let address = address(participant.address.trim());
    let named = |name: &String| !name.trim().is_empty();
    let name = participant.name.clone().filter(named).or(address.name);
    Party {
        tel: address.tel,
        sip: address.sip,
        mailto: address.mailto,
        validation: name.is_some().then_some("none"),
        name,
        uuid: participant.uuid.clone(),
        kind: participant.is_agent.then_some("person"),
        role: participant.is_agent.then_some("agent"),
    }
}

fn recorder(name: &str) -> Party {
    Party { name: Some(name.to_owned()), validation: Some("none"), kind: Some("bot"), ..Party::default() }
}

/// What a party's address is written as: by its scheme; without one, a number is `tel` and what has a host is `sip`. What is
/// neither stands for the name.
fn address(address: &str) -> Party {
    let text = || Some(address.to_owned());
    let has_scheme = |scheme: &str| {
        let begin = address.get(..scheme.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(scheme)) && address.len() > scheme.len()
    };
    let is_number = |text: &str| {
        let is_digit = |c: char| c.is_ascii_digit() || "*#-.()".contains(c);
        let digits = text.strip_prefix('+').unwrap_or(text);
        digits.contains(|c: char| c.is_ascii_digit()) && digits.chars().all(is_digit)
    };
    if address.is_empty() {
        return Party::default();
    }
    if has_scheme("sip:") || has_scheme("sips:") {
        let user = address.split_once(':').map_or("", |(_, rest)| rest).split(['@', ';']).next();
        // A number that holds everywhere is one by whatever it is reached.
        let tel = user.filter(|user| user.starts_with('+') && is_number(user)).map(str::to_owned);
        return Party { sip: text(), tel, ..Party::default() };
    }
    if has_scheme("tel:") || is_number(address) {
        return Party { tel: text(), ..Party::default() };
    }
    if has_scheme("mailto:") {
        return Party { mailto: text(), ..Party::default() };
    }
    if address.contains('@') && !address.contains(char::is_whitespace) {
        return Party { sip: Some(format!("sip:{address}")), ..Party::default() };
    }
    Party { name: text(), ..Party::default() }
}

fn instant(ns: i64) -> Result<String, Fault> {
    let at = Timestamp::from_nanosecond(i128::from(ns)).map_err(|_| Fault::Time(ns))?;
    Ok(at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
}

#[expect(clippy::cast_precision_loss, reason = "exact to the millisecond for 285,000 years")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_what_it_is() {
        let read = |text: &str| {
            let Party { tel, sip, mailto, name, .. } = address(text);
            [tel, sip, mailto, name].map(Option::unwrap_or_default)
        };
        let none = || String::new();
        assert_eq!(read("sip:4678@192.0.2.1"), [none(), "sip:4678@192.0.2.1".into(), none(), none()]);
        let both = read("SIPS:+15550100@sbc.example.com;user=phone");
        assert_eq!(both[..2], ["+15550100".to_owned(), "SIPS:+15550100@sbc.example.com;user=phone".into()]);
        assert_eq!(read("tel:+1-555-0100"), ["tel:+1-555-0100".into(), none(), none(), none()]);
        assert_eq!(read("4678"), ["4678".into(), none(), none(), none()]);
        assert_eq!(read("mailto:kim@example.com"), [none(), none(), "mailto:kim@example.com".into(), none()]);
        assert_eq!(read("kim@example.com"), [none(), "sip:kim@example.com".into(), none(), none()]);
        assert_eq!(read("Front desk"), [none(), none(), none(), "Front desk".into()]);
        assert_eq!(read(""), [none(), none(), none(), none()]);
        assert_eq!(read("sip:"), [none(), none(), none(), "sip:".into()]);
    }
}
