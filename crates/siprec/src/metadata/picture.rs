//! The picture: what all documents of one recording session together say now.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use super::history::{Now, StreamAssociation};
use super::{Content, Dialect, History, Participant, Presence, Session, Stream};

/// The current picture of a recording session's calls, with its history.
///
/// Changed only by [`Picture::apply`] and [`Picture::labels_changed`], each all or nothing (A5-08).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Picture {
    pub(super) content: Content,
    pub(super) history: History,
    /// Labels of the m-lines in force, by index (A5-06).
    pub(super) labels: Vec<Option<String>>,
    /// Update in which a stream last claimed its label, by stream id.
    pub(super) claimed: BTreeMap<String, u64>,
    /// Sessions whose streams a newer session took over without a stop (A5-04).
    pub(super) superseded: BTreeSet<String>,
    /// Ids used for more than one element (A4-12).
    pub(super) ambiguous: BTreeSet<String>,
    pub(super) updates: u64,
    /// The last complete document was empty, and none has come since.
    pub(super) emptied: bool,
    pub(super) dialect: Dialect,
    pub(super) last_arrival: Duration,
}

/// Where a communication session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionState {
    /// Going on, in this recording session.
    Open,
    /// It has a stop-time.
    Stopped,
    /// A newer session took its streams without a goodbye (A5-04).
    Superseded,
    /// It left this recording session (`sessionrecordingassoc` with a disassociate-time).
    Disassociated,
    /// Never described here, only referred to (A5-07).
    Unknown,
}

impl Picture {
    /// The elements as they stand. Participants and streams that a partial document said goodbye to are still listed.
    #[must_use]
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// What held when.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Legacy as soon as one document was (A4-03).
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// How many documents were applied; 0 means the client sent no metadata (A1-09).
    #[must_use]
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// A participant of the current picture.
    #[must_use]
    pub fn participant(&self, id: &str) -> Option<&Participant> {
        self.content.participants.iter().find(|participant| participant.id == id)
    }

    /// A communication session of the current picture.
    #[must_use]
    pub fn session(&self, id: &str) -> Option<&Session> {
        self.content.sessions.iter().find(|session| session.id == id)
    }

    /// Where a communication session stands.
    #[must_use]
    pub fn session_state(&self, id: &str) -> SessionState {
        let stopped = self.session(id).map(|session| session.stopped.is_some());
        let mut recordings = self.content.session_recordings.iter().filter(|assoc| assoc.session == id);
        match stopped {
            _ if self.superseded.contains(id) => SessionState::Superseded,
            Some(true) => SessionState::Stopped,
            _ if recordings.any(|assoc| assoc.disassociated.is_some()) => SessionState::Disassociated,
            Some(false) => SessionState::Open,
            None => SessionState::Unknown,
        }
    }

    /// Sessions that are over for this recording session, described or only referred to.
    fn closed_sessions(&self) -> HashSet<&str> {
        let stopped = self.content.sessions.iter().filter(|session| session.stopped.is_some());
        let left = self.content.session_recordings.iter().filter(|assoc| assoc.disassociated.is_some());
        (stopped.map(|session| session.id.as_str()))
            .chain(left.map(|assoc| assoc.session.as_str()))
            .chain(self.superseded.iter().map(String::as_str))
            .collect()
    }

    /// Described sessions that are going on, in the picture's order.
    #[must_use]
    pub fn open_sessions(&self) -> Vec<&str> {
        let closed = self.closed_sessions();
        let ids = self.content.sessions.iter().map(|session| session.id.as_str());
        ids.filter(|id| !closed.contains(id)).collect()
    }

    /// Whether any call is going on (A5-05: an empty complete document means none is).
    #[must_use]
    pub fn has_open_session(&self) -> bool {
        !self.open_sessions().is_empty()
    }

    /// Participants who are in a call now, in the picture's order.
    #[must_use]
    pub fn present(&self) -> Vec<&Participant> {
        let present: HashSet<_> = self.history.current_presences().map(|p| p.participant.as_str()).collect();
        self.content.participants.iter().filter(|p| present.contains(p.id.as_str())).collect()
    }

    /// Labels of the streams a participant speaks into now.
    #[must_use]
    pub fn sends_labels(&self, participant: &str) -> Vec<&str> {
        let sends = self.history.current_sendings().filter(|entry| entry.participant == participant);
        sends.filter_map(|entry| entry.label.as_deref()).collect()
    }

    /// Labels of the streams a participant hears now.
    #[must_use]
    pub fn hears_labels(&self, participant: &str) -> Vec<&str> {
        let hears = self.history.current_hearings().filter(|entry| entry.participant == participant);
        hears.filter_map(|entry| entry.label.as_deref()).collect()
    }

    /// Ids that are referred to and described nowhere here: not an error, another recording session may know them;
    /// reason to ask for a snapshot when they should be this client's own (A5-07).
    #[must_use]
    pub fn dangling(&self) -> Vec<&str> {
        let content = &self.content;
        let groups: HashSet<_> = content.groups.iter().map(|e| e.id.as_str()).collect();
        let sessions: HashSet<_> = content.sessions.iter().map(|e| e.id.as_str()).collect();
        let participants: HashSet<_> = content.participants.iter().map(|e| e.id.as_str()).collect();
        let streams: HashSet<_> = content.streams.iter().map(|e| e.id.as_str()).collect();
        let session_refs = (content.session_recordings.iter().map(|e| &e.session))
            .chain(content.participant_sessions.iter().map(|e| &e.session))
            .chain(content.streams.iter().filter_map(|e| e.session.as_ref()));
        let participant_refs = (content.participant_sessions.iter().map(|e| &e.participant))
            .chain(content.participant_streams.iter().map(|e| &e.participant));
        let stream_refs = content.participant_streams.iter().flat_map(|e| e.send.iter().chain(&e.recv));
        let group_refs = content.sessions.iter().filter_map(|e| e.group.as_ref());
        let mut unknown = Vec::new();
        unknown.extend(group_refs.filter(|id| !groups.contains(id.as_str())));
        unknown.extend(session_refs.filter(|id| !sessions.contains(id.as_str())));
        unknown.extend(participant_refs.filter(|id| !participants.contains(id.as_str())));
        unknown.extend(stream_refs.filter(|id| !streams.contains(id.as_str())));
        let mut seen = HashSet::new();
        unknown.into_iter().map(String::as_str).filter(|id| seen.insert(*id)).collect()
    }

    /// Streams that hold their label: of several with one label, the ones that claimed it last (A5-03).
    pub(super) fn live_streams(&self) -> Vec<&Stream> {
        let claim = |stream: &Stream| self.claimed.get(&stream.id).copied().unwrap_or(0);
        let mut newest: HashMap<&str, u64> = HashMap::new();
        for stream in &self.content.streams {
            if let Some(label) = &stream.label {
                let update = newest.entry(label).or_default();
                *update = (*update).max(claim(stream));
            }
        }
        let holds = |stream: &&Stream| {
            stream.label.as_ref().is_none_or(|label| newest.get(label.as_str()) == Some(&claim(stream)))
        };
        self.content.streams.iter().filter(holds).collect()
    }

    /// What holds now, everything beginning at `at`; [`History::update`] keeps what began earlier.
    pub(super) fn now(&self, at: Duration) -> Now {
        let closed = self.closed_sessions();
        let mut sessions_of: HashMap<&str, Vec<(&str, bool)>> = HashMap::new();
        for assoc in &self.content.participant_sessions {
            let open = assoc.disassociated.is_none() && !closed.contains(assoc.session.as_str());
            sessions_of.entry(&assoc.participant).or_default().push((&assoc.session, open));
        }
        let streams: HashMap<&str, (&Stream, Carried)> = self.carried();
        // A party bound to the stream's session is there when it is in that session; else when it is in any.
        let takes_part = |participant: &str, stream: &Stream| {
            let Some(sessions) = sessions_of.get(participant) else { return true };
            let own = sessions.iter().find(|(id, _)| Some(*id) == stream.session.as_deref());
            own.map_or_else(|| sessions.iter().any(|(_, open)| *open), |(_, open)| *open)
        };
        let associate = |participant: &str, ids: &[String]| -> Vec<StreamAssociation> {
            let known = ids.iter().filter_map(|id| streams.get(id.as_str()));
            known
                .filter(|(stream, _)| stream.session.as_deref().is_none_or(|id| !closed.contains(id)))
                .filter(|(stream, _)| stream.disassociated.is_none() && takes_part(participant, stream))
                .map(|(stream, carried)| StreamAssociation {
                    participant: participant.to_owned(),
                    stream: stream.id.clone(),
                    label: stream.label.clone(),
                    line: carried.line,
                    inferred: carried.inferred
                        || self.ambiguous.contains(participant)
                        || self.ambiguous.contains(&stream.id),
                    from: at,
                    to: None,
                })
                .collect()
        };
        let assocs = || self.content.participant_streams.iter().filter(|assoc| assoc.disassociated.is_none());
        Now {
            presences: self.presences(at, &closed),
            sendings: assocs().flat_map(|assoc| associate(&assoc.participant, &assoc.send)).collect(),
            hearings: assocs().flat_map(|assoc| associate(&assoc.participant, &assoc.recv)).collect(),
        }
    }

    fn presences(&self, at: Duration, closed: &HashSet<&str>) -> Vec<Presence> {
        let presence = |participant: &str, session: Option<&String>, claimed_from| Presence {
            participant: participant.to_owned(),
            session: session.cloned(),
            from: at,
            to: None,
            claimed_from,
            claimed_to: None,
        };
        let assocs = &self.content.participant_sessions;
        let bound: HashSet<_> = assocs.iter().map(|assoc| assoc.participant.as_str()).collect();
        let unbound = self.content.participants.iter().filter(|p| !bound.contains(p.id.as_str()));
        (assocs.iter())
            .filter(|assoc| assoc.disassociated.is_none() && !closed.contains(assoc.session.as_str()))
            .map(|assoc| presence(&assoc.participant, Some(&assoc.session), assoc.associated.clone()))
            .chain(unbound.map(|participant| presence(&participant.id, None, None)))
            .collect()
    }

    /// Live streams by id, each with the m-line that carries it.
    pub(super) fn carried(&self) -> HashMap<&str, (&Stream, Carried)> {
        let mut lines: HashMap<&str, usize> = HashMap::new();
        for (index, label) in self.labels.iter().enumerate() {
            if let Some(label) = label {
                lines.entry(label).or_insert(index);
            }
        }
        let live = self.live_streams();
        let line_of = |stream: &Stream| stream.label.as_deref().and_then(|label| lines.get(label)).copied();
        let taken: HashSet<usize> = live.iter().filter_map(|stream| line_of(stream)).collect();
        let mut left_lines = (0..self.labels.len()).filter(|index| !taken.contains(index));
        let mut left_streams = live.iter().filter(|stream| line_of(stream).is_none());
        // A4-09: exactly one of each is left.
        let pair = match (left_streams.next(), left_streams.next(), left_lines.next(), left_lines.next()) {
            (Some(stream), None, Some(line), None) => Some((stream.id.as_str(), line)),
            _ => None,
        };
        let carried = |stream: &Stream| match (line_of(stream), pair) {
            (Some(line), _) => Carried { line: Some(line), inferred: false },
            (None, Some((id, line))) if id == stream.id => Carried { line: Some(line), inferred: true },
            _ => Carried { line: None, inferred: false },
        };
        live.into_iter().map(|stream| (stream.id.as_str(), (stream, carried(stream)))).collect()
    }
}

#[derive(Clone, Copy)]
pub(super) struct Carried {
    pub(super) line: Option<usize>,
    inferred: bool,
}
