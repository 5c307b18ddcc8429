//! One communication session out of a picture that tells of several (A5-03, A5-04, A7-08).

use std::collections::HashSet;

use super::{Content, DataMode, Dialect, Document, History, Picture, parse, print};

impl Picture {
    /// A complete document that says what the picture says; `None` if nothing was told.
    #[must_use]
    pub fn document(&self) -> Option<Vec<u8>> {
        if self.updates == 0 {
            return None;
        }
        let mut content = self.content.clone();
        // Which of two came later cannot be told in one document.
        content.sessions.retain(|session| !self.superseded.contains(&session.id));
        let live: HashSet<&str> = self.live_streams().into_iter().map(|stream| stream.id.as_str()).collect();
        content.streams.retain(|stream| live.contains(stream.id.as_str()));
        let (data_mode, dialect) = (DataMode::Complete, Dialect::Rfc7865);
        let document = Document { data_mode, dialect, content, warnings: Vec::new() };
        let text = print(&document);
        if parse(&text).is_ok() {
            return Some(text);
        }
        // Extensions stand as they were read; one may lean on what stood around it.
        Some(print(&Document { content: without_extensions(document.content), ..document }))
    }

    /// The client said in so many words that there is no call now: its last complete document was empty (A5-05).
    #[must_use]
    pub fn says_no_call(&self) -> bool {
        self.emptied
    }

    /// What the picture tells of communication session `id`, as if it told of no other: that session, who is or was in
    /// it or is bound to none, its streams and those bound to none.
    #[must_use]
    pub fn of_session(&self, id: &str) -> Self {
        let own = &self.content;
        let foreign: HashSet<&str> = (own.streams.iter())
            .filter(|stream| stream.session.as_deref().is_some_and(|session| session != id))
            .map(|stream| stream.id.as_str())
            .collect();
        let takes_part = |participant: &str| self.takes_part(participant, id, &foreign);
        let participants = own.participants.iter().filter(|it| takes_part(&it.id)).cloned().collect();
        let sessions: Vec<_> = own.sessions.iter().filter(|session| session.id == id).cloned().collect();
        let is_group = |group: &str| sessions.iter().any(|session| session.group.as_deref() == Some(group));
        let content = Content {
            groups: own.groups.iter().filter(|group| is_group(&group.id)).cloned().collect(),
            participants,
            streams: own.streams.iter().filter(|it| !foreign.contains(it.id.as_str())).cloned().collect(),
            session_recordings: own
                .session_recordings
                .iter()
                .filter(|it| it.session == id)
                .cloned()
                .collect(),
            participant_sessions: (own.participant_sessions.iter())
                .filter(|it| it.session == id)
                .cloned()
                .collect(),
            participant_streams: (own.participant_streams.iter())
                .filter(|it| takes_part(&it.participant))
                .cloned()
                .map(|mut it| {
                    it.send.retain(|stream| !foreign.contains(stream.as_str()));
                    it.recv.retain(|stream| !foreign.contains(stream.as_str()));
                    it
                })
                .collect(),
            extensions: own.extensions.clone(),
            sessions,
        };
        let past = &self.history;
        let is_own = |stream: &str| !foreign.contains(stream);
        let history = History {
            participants: past.participants.iter().filter(|it| takes_part(&it.id)).cloned().collect(),
            presences: (past.presences.iter())
                .filter(|it| it.session.as_deref().is_none_or(|session| session == id))
                .cloned()
                .collect(),
            sendings: (past.sendings.iter())
                .filter(|it| is_own(&it.stream) && takes_part(&it.participant))
                .cloned()
                .collect(),
            hearings: (past.hearings.iter())
                .filter(|it| is_own(&it.stream) && takes_part(&it.participant))
                .cloned()
                .collect(),
        };
        Self { content, history, ..self.clone() }
    }

    /// The communication session whose stream is on m-line `line` now; `None` if its stream is bound to none, or not
    /// described.
    #[must_use]
    pub fn session_on_line(&self, line: usize) -> Option<&str> {
        let carried = self.carried();
        let on_line = carried.values().find(|(_, carried)| carried.line == Some(line));
        on_line.and_then(|(stream, _)| stream.session.as_deref())
    }

    /// Whether a participant is or was in a session. One who is bound to no session takes part in all, unless all the
    /// streams they speak into or hear are of others.
    fn takes_part(&self, participant: &str, session: &str, foreign: &HashSet<&str>) -> bool {
        let bound = self.content.participant_sessions.iter().filter(|it| it.participant == participant);
        let bound = bound.map(|it| it.session.as_str());
        let was_bound = self.history.presences.iter().filter(|it| it.participant == participant);
        let mut all = bound.chain(was_bound.filter_map(|it| it.session.as_deref())).peekable();
        if all.peek().is_some() {
            return all.any(|id| id == session);
        }
        let streams = self.content.participant_streams.iter().filter(|it| it.participant == participant);
        let mut streams = streams.flat_map(|it| it.send.iter().chain(&it.recv)).peekable();
        streams.peek().is_none() || streams.any(|stream| !foreign.contains(stream.as_str()))
    }
}

fn without_extensions(mut content: Content) -> Content {
    content.groups.iter_mut().for_each(|it| it.extensions.clear());
    content.sessions.iter_mut().for_each(|it| it.extensions.clear());
    content.participants.iter_mut().for_each(|it| it.extensions.clear());
    content.streams.iter_mut().for_each(|it| it.extensions.clear());
    content.extensions.clear();
    content
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metadata::{Participant, parse};

    fn names(participants: &[Participant]) -> Vec<&str> {
        participants.iter().map(|participant| participant.id.as_str()).collect()
    }

    fn apply(picture: &mut Picture, at_s: u64, mode: &str, elements: &str) {
        let text = format!(
            "<recording xmlns='urn:ietf:params:xml:ns:recording:1'><datamode>{mode}</datamode>{elements}</recording>"
        );
        let document = parse(text.as_bytes()).unwrap();
        let labels = ["1", "2", "3", "4"].map(|label| Some(label.to_owned()));
        picture.apply(&document, &labels, Duration::from_secs(at_s)).unwrap();
    }

    const FIRST: &str = "<session session_id='A'/><participant participant_id='ann'/><participant participant_id='bob'/>\
        <stream stream_id='a1' session_id='A'><label>1</label></stream><stream stream_id='a2' session_id='A'><label>2</label></stream>\
        <participantsessionassoc participant_id='ann' session_id='A'/><participantsessionassoc participant_id='bob' session_id='A'/>\
        <participantstreamassoc participant_id='ann'><send>a1</send><recv>a2</recv></participantstreamassoc>\
        <participantstreamassoc participant_id='bob'><send>a2</send><recv>a1</recv></participantstreamassoc>";
    const SECOND: &str = "<session session_id='B'/><participant participant_id='cid'/>\
        <stream stream_id='b1' session_id='B'><label>3</label></stream>\
        <participantsessionassoc participant_id='cid' session_id='B'/>\
        <participantstreamassoc participant_id='cid'><send>b1</send></participantstreamassoc>";

    #[test]
    fn two_sessions_side_by_side_are_seen_each_without_the_other() {
        let mut picture = Picture::default();
        apply(&mut picture, 1, "complete", FIRST);
        apply(&mut picture, 2, "partial", SECOND);
        let (first, second) = (picture.of_session("A"), picture.of_session("B"));
        assert_eq!(names(&first.content().participants), ["ann", "bob"]);
        assert_eq!(names(&second.history().participants), ["cid"]);
        assert_eq!(second.history().sendings.len(), 1);
        assert_eq!(second.open_sessions(), ["B"]);
        let lines: Vec<_> = (0..4).map(|line| picture.session_on_line(line)).collect();
        assert_eq!(lines, [Some("A"), Some("A"), Some("B"), None]);
    }

    #[test]
    fn a_session_that_replaced_another_knows_nobody_of_it() {
        let mut picture = Picture::default();
        apply(&mut picture, 1, "complete", FIRST);
        apply(&mut picture, 2, "complete", SECOND);
        assert_eq!(picture.open_sessions(), ["B"]);
        let second = picture.of_session("B");
        assert_eq!(names(&second.history().participants), ["cid"]);
        assert!(second.history().sendings.iter().all(|sending| sending.participant == "cid"));
    }

    #[test]
    fn a_picture_printed_as_a_document_makes_the_same_picture() {
        let mut picture = Picture::default();
        assert_eq!(picture.document(), None);
        apply(&mut picture, 1, "complete", FIRST);
        apply(&mut picture, 2, "partial", SECOND);
        let stop = "<session session_id='A'><stop-time>2026-01-01T00:00:00Z</stop-time></session>\
            <extensiondata xmlns:x='urn:x'><x:note>as it was</x:note></extensiondata>";
        apply(&mut picture, 3, "partial", stop);
        let text = picture.document().unwrap();
        assert!(String::from_utf8_lossy(&text).contains("as it was"));
        let mut again = Picture::default();
        let labels = ["1", "2", "3", "4"].map(|label| Some(label.to_owned()));
        again.apply(&parse(&text).unwrap(), &labels, Duration::from_secs(9)).unwrap();
        assert_eq!(again.document(), Some(text));
        assert_eq!(again.open_sessions(), ["B"]);
        assert_eq!(again.session_on_line(2), Some("B"));
    }

    #[test]
    fn only_an_empty_complete_document_says_that_there_is_no_call() {
        let mut picture = Picture::default();
        assert!(!picture.says_no_call(), "nothing was said");
        apply(&mut picture, 1, "partial", "");
        assert!(!picture.says_no_call());
        apply(&mut picture, 2, "complete", "");
        assert!(picture.says_no_call());
        apply(&mut picture, 3, "partial", SECOND);
        assert!(!picture.says_no_call());
    }
}
