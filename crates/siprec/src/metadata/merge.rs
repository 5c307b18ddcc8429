//! Applies a document to a picture: a complete one replaces it, a partial one touches only what it names (A5).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use super::document::{Content, DataMode, Dialect, Document, Extension, Warning};
use super::{MAX_PER_KIND, MAX_PICTURE_BYTES, Participant, Picture, Presence, Timestamp};

/// Why a document could not be applied. The picture is as it was before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// More elements of one kind than a picture holds.
    #[error("the picture would have more than {MAX_PER_KIND} {kind} elements")]
    TooMany {
        /// The kind.
        kind: &'static str,
    },
    /// More text than a picture holds.
    #[error("the picture would hold {bytes} bytes of text; the limit is {MAX_PICTURE_BYTES}")]
    TooLarge {
        /// How much it would be.
        bytes: usize,
    },
    /// More changes than the history holds.
    #[error("the history of this recording session is full; the update is not applied")]
    HistoryFull,
}

/// What an update changed, in ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Participants who are now in a call and were in none.
    pub joined: Vec<String>,
    /// Participants who are in no call any more.
    pub left: Vec<String>,
    /// Communication sessions that began.
    pub sessions_started: Vec<String>,
    /// Communication sessions that ended: stopped, superseded, disassociated, or vanished from a complete document.
    pub sessions_ended: Vec<String>,
    /// Someone else speaks into a stream, or someone began or ceased to.
    pub senders_changed: bool,
    /// Someone hears other streams than before.
    pub hearers_changed: bool,
    /// Ids referred to and described nowhere (A5-07).
    pub dangling: Vec<String>,
    /// What was odd about the document.
    pub warnings: Vec<Warning>,
}

impl Change {
    /// Nothing of the call changed, whatever else the document said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.joined.is_empty()
            && self.left.is_empty()
            && self.sessions_started.is_empty()
            && self.sessions_ended.is_empty()
            && !self.senders_changed
            && !self.hearers_changed
    }
}

impl Picture {
    /// Applies a document that arrived at `arrived` on the recorder's clock, with the labels of the SDP in the same
    /// message, or else of the SDP in force (A5-06).
    ///
    /// # Errors
    /// [`ApplyError`]; the picture is unchanged then (A5-08). A reference to an unknown id is no error (A5-07).
    pub fn apply(
        &mut self,
        document: &Document,
        labels_in_force: &[Option<String>],
        arrived: Duration,
    ) -> Result<Change, ApplyError> {
        let mut next = self.clone();
        next.updates += 1;
        let before = next.label_sessions();
        let known: HashSet<String> = next.content.sessions.iter().map(|s| s.id.clone()).collect();
        match document.data_mode {
            DataMode::Complete => next.replace(&document.content),
            DataMode::Partial => next.touch(&document.content),
        }
        let is_empty = document.content.sessions.is_empty()
            && document.content.participants.is_empty()
            && document.content.streams.is_empty()
            && document.content.extensions.is_empty();
        next.emptied = is_empty && (document.data_mode == DataMode::Complete || next.emptied);
        if document.dialect == Dialect::Legacy {
            next.dialect = Dialect::Legacy;
        }
        let duplicates = document.warnings.iter().filter_map(|warning| match warning {
            Warning::DuplicateId { id, .. } => Some(id.clone()),
            _ => None,
        });
        next.ambiguous.extend(duplicates);
        next.supersede(&before, &known);
        let mut change = next.settle(self, labels_in_force, arrived)?;
        change.warnings.clone_from(&document.warnings);
        *self = next;
        Ok(change)
    }

    /// A new SDP without metadata: streams are found under other labels from now on (A5-05, A5-06).
    ///
    /// # Errors
    /// [`ApplyError`]; the picture is unchanged then.
    pub fn labels_changed(
        &mut self,
        labels_in_force: &[Option<String>],
        arrived: Duration,
    ) -> Result<Change, ApplyError> {
        let mut next = self.clone();
        let change = next.settle(self, labels_in_force, arrived)?;
        *self = next;
        Ok(change)
    }

    /// Brings the history up to date and says what is different from `before`.
    fn settle(
        &mut self,
        before: &Self,
        labels: &[Option<String>],
        arrived: Duration,
    ) -> Result<Change, ApplyError> {
        self.labels = labels.to_vec();
        self.last_arrival = self.last_arrival.max(arrived);
        for participant in &self.content.participants {
            let known = Participant { extensions: Vec::new(), ..participant.clone() };
            match self.history.participants.iter_mut().find(|p| p.id == participant.id) {
                Some(old) if known.names.is_empty() => old.id = known.id,
                Some(old) => *old = known,
                None => self.history.participants.push(known),
            }
        }
        self.check_limits()?;
        let now = self.now(self.last_arrival);
        let content = &self.content;
        let claimed_to = |presence: &Presence| claimed_end(content, presence);
        self.history.update(now, self.last_arrival, claimed_to)?;
        Ok(self.difference(before))
    }

    fn difference(&self, before: &Self) -> Change {
        let present = |picture: &Self| -> Vec<String> {
            let mut seen = HashSet::new();
            let ids = picture.history.current_presences().map(|presence| presence.participant.clone());
            ids.filter(|id| seen.insert(id.clone())).collect()
        };
        let open = |picture: &Self| -> Vec<String> {
            picture.open_sessions().into_iter().map(str::to_owned).collect()
        };
        let without = |some: &[String], others: &[String]| -> Vec<String> {
            let others: HashSet<_> = others.iter().collect();
            some.iter().filter(|id| !others.contains(id)).cloned().collect()
        };
        let (present_then, present_now) = (present(before), present(self));
        let (open_then, open_now) = (open(before), open(self));
        Change {
            joined: without(&present_now, &present_then),
            left: without(&present_then, &present_now),
            sessions_started: without(&open_now, &open_then),
            sessions_ended: without(&open_then, &open_now),
            senders_changed: before.history.sendings != self.history.sendings,
            hearers_changed: before.history.hearings != self.history.hearings,
            dangling: self.dangling().into_iter().map(str::to_owned).collect(),
            warnings: Vec::new(),
        }
    }

    /// A5-01: the document is the picture.
    fn replace(&mut self, content: &Content) {
        let mut claimed = BTreeMap::new();
        for stream in &content.streams {
            let same = |old: &&super::Stream| old.id == stream.id && old.label == stream.label;
            let kept = self.content.streams.iter().find(same).and_then(|old| self.claimed.get(&old.id));
            claimed.insert(stream.id.clone(), kept.copied().unwrap_or(self.updates));
        }
        self.claimed = claimed;
        self.ambiguous.clear();
        self.content = content.clone();
        let content = &self.content;
        self.superseded.retain(|id| content.sessions.iter().any(|session| session.id == *id));
    }

    /// A5-02, A5-03: only what is named; what an element does not say stays as it was.
    fn touch(&mut self, news: &Content) {
        let own = &mut self.content;
        upsert(
            &mut own.groups,
            &news.groups,
            |a, b| a.id == b.id,
            |old, new| {
                keep(&mut old.associated, &new.associated);
                keep(&mut old.disassociated, &new.disassociated);
                keep_list(&mut old.extensions, &new.extensions);
            },
        );
        upsert(
            &mut own.sessions,
            &news.sessions,
            |a, b| a.id == b.id,
            |old, new| {
                keep_list(&mut old.sip_session_ids, &new.sip_session_ids);
                keep_list(&mut old.reasons, &new.reasons);
                keep(&mut old.group, &new.group);
                keep(&mut old.started, &new.started);
                keep(&mut old.stopped, &new.stopped);
                keep_list(&mut old.extensions, &new.extensions);
            },
        );
        upsert(
            &mut own.participants,
            &news.participants,
            |a, b| a.id == b.id,
            |old, new| {
                keep_list(&mut old.names, &new.names);
                keep_list(&mut old.extensions, &new.extensions);
            },
        );
        upsert(
            &mut own.streams,
            &news.streams,
            |a, b| a.id == b.id,
            |old, new| {
                keep(&mut old.session, &new.session);
                keep(&mut old.label, &new.label);
                keep(&mut old.associated, &new.associated);
                old.disassociated.clone_from(&new.disassociated);
                keep_list(&mut old.extensions, &new.extensions);
            },
        );
        self.claimed.extend(news.streams.iter().map(|stream| (stream.id.clone(), self.updates)));
        // An association named again without a disassociate-time holds again.
        let recordings = (&mut own.session_recordings, &news.session_recordings);
        upsert(
            recordings.0,
            recordings.1,
            |a, b| a.session == b.session,
            |old, new| {
                keep(&mut old.associated, &new.associated);
                old.disassociated.clone_from(&new.disassociated);
            },
        );
        let same = |a: &super::ParticipantSession, b: &super::ParticipantSession| {
            a.participant == b.participant && a.session == b.session
        };
        upsert(&mut own.participant_sessions, &news.participant_sessions, same, |old, new| {
            keep(&mut old.associated, &new.associated);
            old.disassociated.clone_from(&new.disassociated);
            keep_list(&mut old.params, &new.params);
        });
        // RFC 7865 §6.8.1: the whole send and recv set is replaced.
        let streams = (&mut own.participant_streams, &news.participant_streams);
        upsert(streams.0, streams.1, |a, b| a.participant == b.participant, |old, new| *old = new.clone());
        keep_list(&mut own.extensions, &news.extensions);
    }

    /// Which session holds each label.
    fn label_sessions(&self) -> HashMap<String, String> {
        let live = self.live_streams();
        let pairs = live.iter().filter_map(|stream| Some((stream.label.clone()?, stream.session.clone()?)));
        pairs.collect()
    }

    /// A5-04: a new session that took all labelled streams of an older one has ended it.
    fn supersede(&mut self, before: &HashMap<String, String>, known: &HashSet<String>) {
        let now = self.label_sessions();
        let holders: HashSet<&String> = now.values().collect();
        let is_new = |id: &String| !known.contains(id);
        let mut lost: HashMap<&String, bool> = HashMap::new();
        for (label, session) in before {
            let taken = now.get(label).is_some_and(is_new);
            *lost.entry(session).or_insert(true) &= taken;
        }
        for (session, all_taken) in lost {
            if all_taken && !holders.contains(session) {
                self.superseded.insert(session.clone());
            }
        }
        self.superseded.retain(|session| !holders.contains(session));
    }

    fn check_limits(&self) -> Result<(), ApplyError> {
        let content = &self.content;
        let counts = [
            ("group", content.groups.len()),
            ("session", content.sessions.len()),
            ("participant", content.participants.len().max(self.history.participants.len())),
            ("stream", content.streams.len()),
            ("sessionrecordingassoc", content.session_recordings.len()),
            ("participantsessionassoc", content.participant_sessions.len()),
            ("participantstreamassoc", content.participant_streams.len()),
            ("extension", content.extensions.len()),
        ];
        if let Some(&(kind, _)) = counts.iter().find(|(_, count)| *count > MAX_PER_KIND) {
            return Err(ApplyError::TooMany { kind });
        }
        let bytes =
            text_bytes(content) + self.history.participants.iter().map(participant_bytes).sum::<usize>();
        if bytes > MAX_PICTURE_BYTES { Err(ApplyError::TooLarge { bytes }) } else { Ok(()) }
    }
}

/// The client's own time for the end of a presence.
fn claimed_end(content: &Content, presence: &Presence) -> Option<Timestamp> {
    let session = presence.session.as_deref()?;
    let assoc = content
        .participant_sessions
        .iter()
        .find(|assoc| assoc.participant == presence.participant && assoc.session == session);
    let stop = || content.sessions.iter().find(|s| s.id == session).and_then(|s| s.stopped.clone());
    assoc.and_then(|assoc| assoc.disassociated.clone()).or_else(stop)
}

/// Merges each new element into the old one of the same identity, or adds it. Of two new elements with one identity,
/// the second never overwrites the first (A4-12: both texts are kept).
fn upsert<T: Clone>(old: &mut Vec<T>, news: &[T], same: impl Fn(&T, &T) -> bool, merge: impl Fn(&mut T, &T)) {
    let mut touched = vec![false; old.len()];
    for new in news {
        match (0..old.len()).find(|&index| !touched[index] && same(&old[index], new)) {
            Some(index) => {
                merge(&mut old[index], new);
                touched[index] = true;
            }
            None => {
                old.push(new.clone());
                touched.push(true);
            }
        }
    }
}

fn keep<T: Clone>(old: &mut Option<T>, new: &Option<T>) {
    if new.is_some() {
        old.clone_from(new);
    }
}

fn keep_list<T: Clone>(old: &mut Vec<T>, new: &Vec<T>) {
    if !new.is_empty() {
        old.clone_from(new);
    }
}

fn text_bytes(content: &Content) -> usize {
    // An extension is kept raw and as a tree.
    let extensions = |list: &[Extension]| list.iter().map(|extension| extension.raw.len() * 2).sum::<usize>();
    let texts = |list: &[String]| list.iter().map(String::len).sum::<usize>();
    let some = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let mut bytes = extensions(&content.extensions);
    bytes += content.groups.iter().map(|e| e.id.len() + extensions(&e.extensions)).sum::<usize>();
    bytes += (content.sessions.iter())
        .map(|e| e.id.len() + some(&e.group) + texts(&e.sip_session_ids) + extensions(&e.extensions))
        .chain(content.participants.iter().map(|e| participant_bytes(e) + extensions(&e.extensions)))
        .chain(
            content
                .streams
                .iter()
                .map(|e| e.id.len() + some(&e.session) + some(&e.label) + extensions(&e.extensions)),
        )
        .chain(content.participant_sessions.iter().map(|e| {
            e.participant.len()
                + e.session.len()
                + e.params.iter().map(|p| p.0.len() + p.1.len()).sum::<usize>()
        }))
        .chain(
            content.participant_streams.iter().map(|e| e.participant.len() + texts(&e.send) + texts(&e.recv)),
        )
        .sum::<usize>();
    bytes
}

fn participant_bytes(participant: &Participant) -> usize {
    let name = |name: &super::NameId| name.aor.len() + name.name.as_ref().map_or(0, String::len);
    participant.id.len() + participant.names.iter().map(name).sum::<usize>()
}
