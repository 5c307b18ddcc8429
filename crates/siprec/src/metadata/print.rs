//! Prints documents in RFC 7865's form: what a client sends, and the one document a recorder sends.

use std::fmt::Write as _;

use super::document::{DataMode, Document, NameId};
use super::{NAMESPACE, Timestamp};

/// Prints a document. Extensions are written as they were read; their prefixes must be bound in their own text.
#[must_use]
pub fn print(document: &Document) -> Vec<u8> {
    let mut xml = Xml(String::with_capacity(4_096));
    xml.0.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n");
    xml.open("recording", &[("xmlns", NAMESPACE)]);
    let data_mode = match document.data_mode {
        DataMode::Complete => "complete",
        DataMode::Partial => "partial",
    };
    xml.leaf("datamode", &[], data_mode);
    let content = &document.content;
    for group in &content.groups {
        xml.open("group", &[("group_id", &group.id)]);
        xml.times(&group.associated, &group.disassociated);
        xml.raw(group.extensions.iter().map(|extension| extension.raw.as_str()));
        xml.close("group");
    }
    for session in &content.sessions {
        xml.open("session", &[("session_id", &session.id)]);
        session.sip_session_ids.iter().for_each(|id| xml.leaf("sipSessionID", &[], id));
        for reason in &session.reasons {
            let cause = reason.cause.map(|cause| cause.to_string()).unwrap_or_default();
            xml.leaf("reason", &[("cause", &cause), ("protocol", &reason.protocol)], &reason.text);
        }
        session.group.iter().for_each(|group| xml.leaf("group-ref", &[], group));
        xml.time("start-time", &session.started);
        xml.time("stop-time", &session.stopped);
        xml.raw(session.extensions.iter().map(|extension| extension.raw.as_str()));
        xml.close("session");
    }
    for participant in &content.participants {
        xml.open("participant", &[("participant_id", &participant.id)]);
        participant.names.iter().for_each(|name| xml.name_id(name));
        xml.raw(participant.extensions.iter().map(|extension| extension.raw.as_str()));
        xml.close("participant");
    }
    for stream in &content.streams {
        let session = stream.session.as_deref().map(|session| ("session_id", session));
        let attributes: Vec<_> = [("stream_id", stream.id.as_str())].into_iter().chain(session).collect();
        xml.open("stream", &attributes);
        stream.label.iter().for_each(|label| xml.leaf("label", &[], label));
        xml.times(&stream.associated, &stream.disassociated);
        xml.raw(stream.extensions.iter().map(|extension| extension.raw.as_str()));
        xml.close("stream");
    }
    associations(&mut xml, document);
    xml.raw(content.extensions.iter().map(|extension| extension.raw.as_str()));
    xml.close("recording");
    xml.0.into_bytes()
}

fn associations(xml: &mut Xml, document: &Document) {
    for assoc in &document.content.session_recordings {
        xml.open("sessionrecordingassoc", &[("session_id", &assoc.session)]);
        xml.times(&assoc.associated, &assoc.disassociated);
        xml.close("sessionrecordingassoc");
    }
    for assoc in &document.content.participant_sessions {
        let ids = [("participant_id", assoc.participant.as_str()), ("session_id", &assoc.session)];
        xml.open("participantsessionassoc", &ids);
        xml.times(&assoc.associated, &assoc.disassociated);
        assoc
            .params
            .iter()
            .for_each(|(name, value)| xml.leaf("param", &[("pname", name), ("pval", value)], ""));
        xml.close("participantsessionassoc");
    }
    for assoc in &document.content.participant_streams {
        xml.open("participantstreamassoc", &[("participant_id", &assoc.participant)]);
        assoc.send.iter().for_each(|id| xml.leaf("send", &[], id));
        assoc.recv.iter().for_each(|id| xml.leaf("recv", &[], id));
        xml.times(&assoc.associated, &assoc.disassociated);
        xml.close("participantstreamassoc");
    }
}

/// Prints the request for a full snapshot, sent in an UPDATE without SDP (RFC 7866 §9.2, RFC 7865 §7; A6-02).
#[must_use]
pub fn print_snapshot_request(reason: Option<&str>) -> Vec<u8> {
    let mut xml = Xml(String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"));
    xml.open("requestsnapshot", &[("xmlns", NAMESPACE)]);
    reason.into_iter().for_each(|reason| xml.leaf("requestreason", &[("xml:lang", "en")], reason));
    xml.close("requestsnapshot");
    xml.0.into_bytes()
}

struct Xml(String);

impl Xml {
    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes);
        self.0.push_str("\r\n");
    }

    fn close(&mut self, name: &str) {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push_str(">\r\n");
    }

    fn leaf(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.tag(name, attributes);
        self.text(text);
        self.close(name);
    }

    fn tag(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.0.push('<');
        self.0.push_str(name);
        for (key, value) in attributes.iter().filter(|(key, value)| !(*key == "cause" && value.is_empty())) {
            write!(self.0, " {key}=\"").expect("writing to a String cannot fail");
            self.text(value);
            self.0.push('"');
        }
        self.0.push('>');
    }

    /// Escaped, and without the control characters XML 1.0 cannot hold (XML §2.2).
    fn text(&mut self, text: &str) {
        let held = |c: &char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
        let text: String =
            text.chars().filter(held).filter(|c| !matches!(c, '\u{fffe}' | '\u{ffff}')).collect();
        self.0.push_str(&quick_xml::escape::escape(text));
    }

    fn name_id(&mut self, name_id: &NameId) {
        self.open("nameID", &[("aor", &name_id.aor)]);
        if let Some(name) = &name_id.name {
            let language = name_id.language.as_deref().map(|language| ("xml:lang", language));
            self.leaf("name", language.as_slice(), name);
        }
        self.close("nameID");
    }

    fn times(&mut self, associated: &Option<Timestamp>, disassociated: &Option<Timestamp>) {
        self.time("associate-time", associated);
        self.time("disassociate-time", disassociated);
    }

    fn time(&mut self, name: &str, time: &Option<Timestamp>) {
        time.iter().for_each(|time| self.leaf(name, &[], &time.text));
    }

    fn raw<'a>(&mut self, extensions: impl Iterator<Item = &'a str>) {
        for raw in extensions {
            self.0.push_str(raw);
            self.0.push_str("\r\n");
        }
    }
}
