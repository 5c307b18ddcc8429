//! Random call histories, told once as partial documents, once as complete ones, once mixed: the picture and the
//! who-spoke-when timeline must be the model's each time (A5).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use siprec::metadata::{
    Content, DataMode, Dialect, Document, NameId, Participant, ParticipantSession, ParticipantStream,
    Picture, Session, Stream, Timestamp, parse, print,
};

/// Histories per test run, each told four times. They take some twenty seconds, and would take six times that if the
/// workspace did not have this crate and the XML reader below it optimised in development builds too.
const HISTORIES: u32 = 10_000;

/// What is true at one moment.
#[derive(Debug, Clone, Default)]
struct Model {
    session: Option<String>,
    /// Stream id by label.
    streams: BTreeMap<String, String>,
    parties: BTreeMap<String, Party>,
    /// The next new id of any kind.
    next: u32,
}

#[derive(Debug, Clone, PartialEq)]
struct Party {
    name: String,
    label: String,
    sending: bool,
}

type Link = (String, String, String);
type Interval = (Link, Duration, Option<Duration>);

#[derive(Debug, Clone, Copy)]
enum Event {
    Join { label: u8, new_stream: bool },
    Return { who: u8 },
    Leave { who: u8 },
    Hold { who: u8 },
    Resume { who: u8 },
    Rename { who: u8 },
    Stop,
    NewSession { parties: u8 },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..4_u8, any::<bool>()).prop_map(|(label, new_stream)| Event::Join { label, new_stream }),
        1 => any::<u8>().prop_map(|who| Event::Return { who }),
        2 => any::<u8>().prop_map(|who| Event::Leave { who }),
        3 => any::<u8>().prop_map(|who| Event::Hold { who }),
        3 => any::<u8>().prop_map(|who| Event::Resume { who }),
        1 => any::<u8>().prop_map(|who| Event::Rename { who }),
        1 => Just(Event::Stop),
        1 => (1..4_u8).prop_map(|parties| Event::NewSession { parties }),
    ]
}

impl Model {
    fn fresh(&mut self, kind: &str) -> String {
        self.next += 1;
        format!("{kind}-{}", self.next)
    }

    fn party(&mut self, who: u8) -> Option<&mut Party> {
        let len = self.parties.len();
        self.parties.values_mut().nth(usize::from(who) % len.max(1))
    }

    fn step(&mut self, event: Event, gone: &mut Vec<(String, Party)>) {
        if self.session.is_none() && !matches!(event, Event::NewSession { .. }) {
            return;
        }
        match event {
            Event::Join { label, new_stream } => self.join(&label.to_string(), new_stream),
            Event::Return { who } => {
                if gone.is_empty() {
                    return;
                }
                let (id, party) = gone.swap_remove(usize::from(who) % gone.len());
                self.parties.retain(|_, other| other.label != party.label);
                self.parties.insert(id, party);
            }
            Event::Leave { who } => {
                let id = self.parties.keys().nth(usize::from(who) % self.parties.len().max(1)).cloned();
                if let Some(id) = id {
                    gone.extend(self.parties.remove_entry(&id));
                }
            }
            Event::Hold { who } => self.party(who).into_iter().for_each(|party| party.sending = false),
            Event::Resume { who } => self.party(who).into_iter().for_each(|party| party.sending = true),
            Event::Rename { who } => self.party(who).into_iter().for_each(|party| party.name.push('x')),
            Event::Stop => {
                self.session = None;
                self.parties.clear();
                gone.clear();
            }
            Event::NewSession { parties } => {
                self.session = Some(self.fresh("session"));
                self.parties.clear();
                gone.clear();
                (0..parties).for_each(|label| self.join(&label.to_string(), label % 2 == 0));
            }
        }
    }

    /// A new party takes over the label; whoever spoke there leaves.
    fn join(&mut self, label: &str, new_stream: bool) {
        self.parties.retain(|_, party| party.label != label);
        if new_stream || !self.streams.contains_key(label) {
            let stream = self.fresh("stream");
            self.streams.insert(label.to_owned(), stream);
        }
        let id = self.fresh("party");
        let party = Party { name: format!("name of {id}"), label: label.to_owned(), sending: true };
        self.parties.insert(id, party);
    }

    fn sendings(&self) -> BTreeSet<Link> {
        let sending = self.parties.iter().filter(|(_, party)| party.sending);
        sending
            .map(|(id, party)| (id.clone(), self.streams[&party.label].clone(), party.label.clone()))
            .collect()
    }

    fn hearings(&self) -> BTreeSet<Link> {
        let sendings = self.sendings();
        let hears = |id: &String| {
            let others = sendings.iter().filter(|(sender, ..)| sender != id);
            others.map(|(_, stream, label)| (id.clone(), stream.clone(), label.clone())).collect::<Vec<_>>()
        };
        self.parties.keys().flat_map(hears).collect()
    }

    fn assoc(&self, id: &str) -> ParticipantStream {
        let of = |links: BTreeSet<Link>| {
            links.into_iter().filter(|(party, ..)| party == id).map(|(_, stream, _)| stream).collect()
        };
        let (send, recv) = (of(self.sendings()), of(self.hearings()));
        ParticipantStream { participant: id.to_owned(), send, recv, ..ParticipantStream::default() }
    }

    fn participant(&self, id: &str) -> Participant {
        let name = Some(self.parties[id].name.clone());
        let names = vec![NameId { aor: format!("sip:{id}@example.com"), name, language: None }];
        Participant { id: id.to_owned(), names, extensions: Vec::new() }
    }

    fn present(&self, id: &str) -> ParticipantSession {
        ParticipantSession {
            participant: id.to_owned(),
            session: self.session.clone().unwrap_or_default(),
            ..ParticipantSession::default()
        }
    }

    fn stream(&self, label: &str) -> Stream {
        Stream {
            id: self.streams[label].clone(),
            session: self.session.clone(),
            label: Some(label.to_owned()),
            ..Stream::default()
        }
    }

    fn complete(&self) -> Content {
        let Some(session) = &self.session else { return Content::default() };
        Content {
            sessions: vec![Session { id: session.clone(), ..Session::default() }],
            participants: self.parties.keys().map(|id| self.participant(id)).collect(),
            streams: self.streams.keys().map(|label| self.stream(label)).collect(),
            participant_sessions: self.parties.keys().map(|id| self.present(id)).collect(),
            participant_streams: self.parties.keys().map(|id| self.assoc(id)).collect(),
            ..Content::default()
        }
    }

    /// Only what is different from `before`. `goodbye` says whether a session that was replaced is stopped.
    fn partial(&self, before: &Self, goodbye: bool) -> Content {
        let mut content = Content::default();
        let now = || Some(Timestamp::read("2026-03-02T09:18:30Z"));
        let new_session = self.session != before.session;
        if new_session {
            if let Some(old) = before.session.as_ref().filter(|_| goodbye || self.session.is_none()) {
                content.sessions.push(Session { id: old.clone(), stopped: now(), ..Session::default() });
            }
            content
                .sessions
                .extend(self.session.iter().map(|id| Session { id: id.clone(), ..Session::default() }));
        }
        if self.session.is_none() {
            return content;
        }
        for id in before.parties.keys().filter(|id| !new_session && !self.parties.contains_key(*id)) {
            content
                .participant_sessions
                .push(ParticipantSession { disassociated: now(), ..self.present(id) });
        }
        for (label, stream) in &self.streams {
            if new_session || before.streams.get(label) != Some(stream) {
                content.streams.push(self.stream(label));
            }
        }
        for (id, party) in &self.parties {
            let known = before.parties.get(id).filter(|_| !new_session);
            if known.is_none() {
                content.participant_sessions.push(self.present(id));
            }
            if known.is_none_or(|old| old.name != party.name) {
                content.participants.push(self.participant(id));
            }
            if known.is_none() || self.assoc(id) != before.assoc(id) {
                content.participant_streams.push(self.assoc(id));
            }
        }
        content
    }
}

/// Intervals by the plainest method: what holds after each step.
#[derive(Default)]
struct Timeline {
    intervals: Vec<Interval>,
}

impl Timeline {
    fn at(&mut self, at: Duration, holds: &BTreeSet<Link>) {
        for (link, _, to) in self.intervals.iter_mut().filter(|(_, _, to)| to.is_none()) {
            if !holds.contains(link) {
                *to = Some(at);
            }
        }
        for link in holds {
            if !self.intervals.iter().any(|(other, _, to)| other == link && to.is_none()) {
                self.intervals.push((link.clone(), at, None));
            }
        }
    }

    fn sorted(mut self) -> Vec<Interval> {
        self.intervals.sort();
        self.intervals
    }
}

fn sorted(entries: &[siprec::metadata::StreamAssociation]) -> Vec<Interval> {
    let interval = |e: &siprec::metadata::StreamAssociation| {
        ((e.participant.clone(), e.stream.clone(), e.label.clone().unwrap()), e.from, e.to)
    };
    let mut intervals: Vec<_> = entries.iter().map(interval).collect();
    intervals.sort();
    intervals
}

/// Tells the history to a picture. `told[n]` says how step n is told: complete, or partial with or without goodbye.
fn check(events: &[Event], told: &[(bool, bool)]) -> Result<(), TestCaseError> {
    let labels: Vec<_> = (0..4).map(|label| Some(label.to_string())).collect();
    let (mut model, mut picture) = (Model::default(), Picture::default());
    let (mut sendings, mut hearings) = (Timeline::default(), Timeline::default());
    let mut gone = Vec::new();
    let first = Event::NewSession { parties: 2 };
    for (step, event) in std::iter::once(&first).chain(events).enumerate() {
        let before = model.clone();
        model.step(*event, &mut gone);
        let at = Duration::from_secs(u64::try_from(step).unwrap());
        let (complete, goodbye) = told[step % told.len()];
        let content = if complete { model.complete() } else { model.partial(&before, goodbye) };
        let data_mode = if complete { DataMode::Complete } else { DataMode::Partial };
        let document = Document { data_mode, dialect: Dialect::Rfc7865, content, warnings: Vec::new() };
        // Through the text form, so that printing and reading are part of what is tested.
        let document = {
            let read = parse(&print(&document)).unwrap();
            prop_assert_eq!(&read, &document);
            read
        };
        picture.apply(&document, &labels, at).unwrap();
        sendings.at(at, &model.sendings());
        hearings.at(at, &model.hearings());
        let present: BTreeMap<_, _> =
            picture.present().iter().map(|p| (p.id.clone(), p.names[0].name.clone().unwrap())).collect();
        let expected: BTreeMap<_, _> =
            model.parties.iter().map(|(id, p)| (id.clone(), p.name.clone())).collect();
        prop_assert_eq!(present, expected, "after step {} ({:?})", step, event);
        prop_assert_eq!(picture.has_open_session(), model.session.is_some());
    }
    prop_assert_eq!(sorted(&picture.history().sendings), sendings.sorted());
    prop_assert_eq!(sorted(&picture.history().hearings), hearings.sorted());
    let on_their_lines =
        |e: &siprec::metadata::StreamAssociation| e.line.map(|line| line.to_string()) == e.label;
    prop_assert!(picture.history().sendings.iter().all(on_their_lines));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: HISTORIES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn partials_and_completes_tell_the_same_history(
        events in prop::collection::vec(event(), 0..24),
        mixed in prop::collection::vec(any::<(bool, bool)>(), 1..25),
    ) {
        check(&events, &[(false, true)])?;
        check(&events, &[(false, false)])?;
        check(&events, &[(true, true)])?;
        check(&events, &mixed)?;
    }
}
