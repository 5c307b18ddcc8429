//! XML tree to [`Document`], in all dialects at once (A4-03).

use super::document::{
    Content, DataMode, Dialect, Document, Extension, Group, NameId, Owner, Participant, ParticipantSession,
    ParticipantStream, Reason, Session, SessionRecording, Stream, Warning,
};
use super::xml::{self, Element, XmlError};
use super::{NAMESPACE, Timestamp};

/// Why bytes are no metadata document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// Not XML, or beyond the limits.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// XML of another kind.
    #[error("the root element is `{root}`; recording or recording_metadata is expected")]
    NotARecording {
        /// Its name.
        root: String,
    },
    /// A request for a snapshot, which only a recorder sends (RFC 7866 §9.2).
    #[error("the document is a snapshot request, not recording metadata")]
    SnapshotRequest {
        /// `requestreason`, when given.
        reason: Option<String>,
    },
}

/// Reads one document.
///
/// # Errors
/// [`MetadataError`] when the bytes are not well-formed XML within the limits, or not about a recording. The call is
/// recorded all the same (A4-10).
pub fn parse(bytes: &[u8]) -> Result<Document, MetadataError> {
    let text = xml::text_of(bytes)?;
    let (root, prefix) = xml::read(bytes)?;
    if root.is("requestsnapshot") {
        let reason = root.child("requestreason").map(|reason| reason.trimmed().to_owned());
        return Err(MetadataError::SnapshotRequest { reason });
    }
    if !root.is("recording") && !root.is("recording_metadata") {
        return Err(MetadataError::NotARecording { root: root.name });
    }
    let mut read = Read { text, content: Content::default(), warnings: Vec::new(), legacy: false };
    let namespace = root.namespace(&prefix).unwrap_or("");
    read.legacy = namespace != NAMESPACE || root.name != "recording";
    let known = ["", NAMESPACE, "urn:ietf:params:xml:ns:recording", "urn:ietf:params:xml:ns:siprec"];
    if !known.contains(&namespace) {
        read.warnings.push(Warning::Namespace { namespace: namespace.to_owned() });
    }
    let data_mode = read.document(&root);
    read.duplicates();
    Ok(Document {
        data_mode,
        dialect: if read.legacy { Dialect::Legacy } else { Dialect::Rfc7865 },
        content: read.content,
        warnings: read.warnings,
    })
}

struct Read<'a> {
    text: &'a str,
    content: Content,
    warnings: Vec<Warning>,
    legacy: bool,
}

impl Read<'_> {
    fn document(&mut self, root: &Element) -> DataMode {
        let mut data_mode = DataMode::default();
        for child in &root.children {
            match child.name.to_ascii_lowercase().as_str() {
                "datamode" => data_mode = self.data_mode(child),
                "group" => self.group(child),
                "session" => self.session(child),
                "participant" => self.participant(child),
                "stream" => self.stream(child),
                "sessionrecordingassoc" => {
                    let session = self.id(child, &["session_id", "session", "id"]);
                    let (associated, disassociated) = self.times(child);
                    let assoc = SessionRecording { session, associated, disassociated };
                    self.content.session_recordings.push(assoc);
                }
                "participantsessionassoc" => self.participant_session(child),
                "participantstreamassoc" => self.participant_stream(child),
                _ => {
                    let extension = self.extension(child);
                    self.content.extensions.push(extension);
                }
            }
        }
        data_mode
    }

    fn data_mode(&mut self, element: &Element) -> DataMode {
        self.legacy |= element.name != "datamode";
        let text = element.trimmed();
        if text.is_empty() || text.eq_ignore_ascii_case("complete") {
            return DataMode::Complete;
        }
        if !text.eq_ignore_ascii_case("partial") {
            self.warnings.push(Warning::DataMode { text: text.chars().take(80).collect() });
        }
        DataMode::Partial
    }

    /// The id under its RFC name, which comes first, or under an older one.
    fn id(&mut self, element: &Element, names: &[&str]) -> String {
        let id = element.attribute(names).unwrap_or_default().trim();
        self.legacy |= element.attribute(&names[..1]).is_none() || id.is_empty();
        id.to_owned()
    }

    fn group(&mut self, element: &Element) {
        let id = self.id(element, &["group_id", "id"]);
        let (associated, disassociated) = self.times(element);
        let extensions = self.extensions(element, &["associate-time", "disassociate-time"]);
        self.content.groups.push(Group { id, associated, disassociated, extensions });
    }

    fn session(&mut self, element: &Element) {
        let id = self.id(element, &["session_id", "id"]);
        let by_attribute = element.attribute(&["group", "group_id", "group-ref"]);
        self.legacy |= by_attribute.is_some();
        let group = element.child("group-ref").map(Element::trimmed).or(by_attribute.map(str::trim));
        let session = Session {
            sip_session_ids: texts(element, "sipSessionID"),
            reasons: element.children_named("reason").map(reason).collect(),
            group: group.filter(|group| !group.is_empty()).map(str::to_owned),
            started: self.time(element, "start-time"),
            stopped: self.time(element, "stop-time"),
            extensions: self.extensions(
                element,
                &[
                    "sipSessionID",
                    "reason",
                    "group-ref",
                    "start-time",
                    "stop-time",
                    "associate-time",
                    "disassociate-time",
                ],
            ),
            id,
        };
        // Older forms say here when the CS joined the RS.
        let (associated, disassociated) = self.times(element);
        if associated.is_some() || disassociated.is_some() {
            self.legacy = true;
            let session = session.id.clone();
            self.content.session_recordings.push(SessionRecording { session, associated, disassociated });
        }
        self.content.sessions.push(session);
    }

    fn participant(&mut self, element: &Element) {
        let id = self.id(element, &["participant_id", "id"]);
        let mut names: Vec<NameId> = element.children_named("nameID").map(name_id).collect();
        for aor in element.children_named("aor") {
            self.legacy = true;
            let name = element.child("name").and_then(name_text);
            names.push(NameId { aor: aor.trimmed().to_owned(), name, language: None });
        }
        let (associated, disassociated) = self.times(element);
        if let Some(session) = element.attribute(&["session_id", "session"]) {
            self.legacy = true;
            self.content.participant_sessions.push(ParticipantSession {
                participant: id.clone(),
                session: session.trim().to_owned(),
                associated: associated.clone(),
                disassociated: disassociated.clone(),
                params: Vec::new(),
            });
        }
        let (send, recv) = (ids(element, "send"), ids(element, "recv"));
        if !send.is_empty() || !recv.is_empty() {
            self.legacy = true;
            // When the party left is said by its place in the session; the streams follow it.
            let (associated, disassociated) = (None, None);
            let assoc = ParticipantStream { participant: id.clone(), send, recv, associated, disassociated };
            self.content.participant_streams.push(assoc);
        }
        let known = ["nameID", "aor", "name", "send", "recv", "associate-time", "disassociate-time"];
        let extensions = self.extensions(element, &known);
        self.content.participants.push(Participant { id, names, extensions });
    }

    fn stream(&mut self, element: &Element) {
        let id = self.id(element, &["stream_id", "id"]);
        let session = element.attribute(&["session_id", "session"]).map(str::trim).filter(|s| !s.is_empty());
        self.legacy |= session.is_some() && element.attribute(&["session_id"]).is_none();
        let label = element.child("label").map(Element::trimmed).or(element.attribute(&["label"]));
        let (associated, disassociated) = self.times(element);
        let extensions = self.extensions(element, &["label", "associate-time", "disassociate-time"]);
        self.content.streams.push(Stream {
            id,
            session: session.map(str::to_owned),
            label: label.filter(|label| !label.is_empty()).map(str::to_owned),
            associated,
            disassociated,
            extensions,
        });
    }

    fn participant_session(&mut self, element: &Element) {
        let participant = self.id(element, &["participant_id", "participant", "id"]);
        let session = self.id(element, &["session_id", "session"]);
        let (associated, disassociated) = self.times(element);
        let params = element
            .children_named("param")
            .map(|param| {
                let field = |name: &str| param.attribute(&[name]).or(param.child(name).map(Element::trimmed));
                (field("pname").unwrap_or_default().to_owned(), field("pval").unwrap_or_default().to_owned())
            })
            .collect();
        let assoc = ParticipantSession { participant, session, associated, disassociated, params };
        // The association wins over what a participant's own attribute says.
        self.content
            .participant_sessions
            .retain(|other| (&other.participant, &other.session) != (&assoc.participant, &assoc.session));
        self.content.participant_sessions.push(assoc);
    }

    fn participant_stream(&mut self, element: &Element) {
        let participant = self.id(element, &["participant_id", "participant", "id"]);
        let (associated, disassociated) = self.times(element);
        let (send, recv) = (ids(element, "send"), ids(element, "recv"));
        match self.content.participant_streams.iter_mut().find(|other| other.participant == participant) {
            // Both spellings in one document, or one association per stream: one set.
            Some(other) => {
                other.send.extend(send);
                other.recv.extend(recv);
                other.associated = other.associated.take().or(associated);
                other.disassociated = other.disassociated.take().or(disassociated);
            }
            None => self.content.participant_streams.push(ParticipantStream {
                participant,
                send,
                recv,
                associated,
                disassociated,
            }),
        }
    }

    fn times(&mut self, element: &Element) -> (Option<Timestamp>, Option<Timestamp>) {
        (self.time(element, "associate-time"), self.time(element, "disassociate-time"))
    }

    fn time(&mut self, element: &Element, name: &str) -> Option<Timestamp> {
        let time =
            Timestamp::read(element.child(name).map(Element::trimmed).filter(|text| !text.is_empty())?);
        if !time.is_readable() {
            self.warnings.push(Warning::Time { text: time.text.chars().take(80).collect() });
        }
        Some(time)
    }

    fn extensions(&self, element: &Element, known: &[&str]) -> Vec<Extension> {
        let unknown = element.children.iter().filter(|child| !known.iter().any(|name| child.is(name)));
        unknown.map(|child| self.extension(child)).collect()
    }

    fn extension(&self, element: &Element) -> Extension {
        let raw = self.text.get(element.span.clone()).unwrap_or_default().to_owned();
        Extension { raw, element: element.clone() }
    }

    /// A4-12: one id for two elements. Empty ids name nothing.
    fn duplicates(&mut self) {
        let content = &self.content;
        let ids = (content.groups.iter().map(|e| (Owner::Group, &e.id)))
            .chain(content.sessions.iter().map(|e| (Owner::Session, &e.id)))
            .chain(content.participants.iter().map(|e| (Owner::Participant, &e.id)))
            .chain(content.streams.iter().map(|e| (Owner::Stream, &e.id)));
        let mut seen = std::collections::HashMap::new();
        for (kind, id) in ids.filter(|(_, id)| !id.is_empty()) {
            if let Some(&first) = seen.get(id) {
                self.warnings.push(Warning::DuplicateId { id: id.clone(), first, second: kind });
            } else {
                seen.insert(id, kind);
            }
        }
    }
}

fn texts(element: &Element, name: &str) -> Vec<String> {
    element.children_named(name).map(Element::trimmed).filter(|t| !t.is_empty()).map(str::to_owned).collect()
}

/// Stream ids of `send` or `recv`, as text or as a child `id`.
fn ids(element: &Element, name: &str) -> Vec<String> {
    element
        .children_named(name)
        .flat_map(|child| {
            let mut ids = texts(child, "id");
            if ids.is_empty() && !child.trimmed().is_empty() {
                ids.push(child.trimmed().to_owned());
            }
            ids
        })
        .collect()
}

fn reason(element: &Element) -> Reason {
    Reason {
        protocol: element.attribute(&["protocol"]).unwrap_or("SIP").to_owned(),
        cause: element.attribute(&["cause"]).and_then(|cause| cause.trim().parse().ok()),
        text: element.trimmed().to_owned(),
    }
}

fn name_id(element: &Element) -> NameId {
    let aor = element.attribute(&["aor"]).or(element.child("aor").map(Element::trimmed)).unwrap_or_default();
    let name = element.child("name");
    NameId {
        aor: aor.trim().to_owned(),
        name: name.and_then(name_text),
        language: name.and_then(|name| name.attribute(&["lang"])).map(str::to_owned),
    }
}

fn name_text(element: &Element) -> Option<String> {
    let text = element.trimmed();
    (!text.is_empty()).then(|| text.to_owned())
}
