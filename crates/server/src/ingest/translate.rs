//! SIPREC's words become the domain's, here and nowhere else.

use base64::Engine;
use calls::call::{self, Format};
use calls::field::{Field, Fields};
use calls::time::Wall;
use calls::tracker::{Arrival, ArrivingParty, ArrivingStream, Document};
use rtp::Kind;
use siprec::facts::{CallDirection, CallFacts, Confidence, Fact, VendorIdKind};
use siprec::metadata::{self, Participant, Picture, StreamAssociation};
use siprec::sdp::{self, AcceptedLine, Plan};
use siprec::{CloseCause, MetadataArrival, RecordingSession};

use super::keep_list::KeepList;
use super::settings::TrunkTerms;

/// The headers of an INVITE, which tell of one call.
#[derive(Debug)]
pub(super) struct Headers {
    all: Vec<(String, String)>,
    /// The communication session they tell of: the first that the INVITE told of, or one that it did not name (an empty
    /// id); none if it said that there is no call.
    of: Option<String>,
}

impl Headers {
    /// The headers of an INVITE that began this session, before anything else was told.
    pub(super) fn new(all: Vec<(String, String)>, session: &RecordingSession) -> Self {
        let mut told = sessions(session.picture());
        Self { all, of: if told.is_empty() { None } else { Some(told.swap_remove(0).to_owned()) } }
    }

    /// Those of a session of an earlier run.
    pub(super) fn again(all: Vec<(String, String)>, of: Option<String>) -> Self {
        Self { all, of }
    }

    /// Which communication session they tell of.
    pub(super) fn told_of(&self) -> Option<&str> {
        self.of.as_deref()
    }

    /// The session that was not named at first is the first that is.
    fn learn(&mut self, told: &[&str]) {
        if self.of.as_deref() == Some("")
            && let [first, ..] = told
        {
            self.of = Some((*first).to_owned());
        }
    }

    fn of(&self, cs: &str) -> &[(String, String)] {
        if self.of.as_deref() == Some(cs) { &self.all } else { &[] }
    }
}

/// The communication sessions that go on (A7-08). Where none was described there is one without a name, but for a client
/// that says that there is none (A5-05).
fn sessions(picture: &Picture) -> Vec<&str> {
    match picture.content().sessions.is_empty() {
        true if picture.says_no_call() => Vec::new(),
        true => vec![""],
        false => picture.open_sessions(),
    }
}

/// What a recording session tells of its calls now, one for each communication session that goes on in it.
///
/// `headers` are those of its INVITE; `document` is the metadata that has come, if any.
pub(super) fn arrivals(
    session: &RecordingSession,
    plan: &Plan,
    headers: &mut Headers,
    document: Option<&Document>,
    terms: &TrunkTerms,
) -> Vec<Arrival> {
    let picture = session.picture();
    let told = sessions(picture);
    headers.learn(&told);
    let lines = lines_of(picture, plan, &told);
    let each = told.iter().zip(lines);
    each.map(|(cs, lines)| {
        let own = if cs.is_empty() { picture.clone() } else { picture.of_session(cs) };
        let of_cs = OfSession { picture: own, lines, headers: headers.of(cs) };
        Arrival { document: document.cloned(), ..arrival(session, plan, of_cs, terms) }
    })
    .collect()
}

/// The accepted lines of each session. Nothing is lost: a line of no session is of the first; one whose session is over, or
/// was never described, is of the first that has no line.
fn lines_of(picture: &Picture, plan: &Plan, told: &[&str]) -> Vec<Vec<usize>> {
    let mut lines = vec![Vec::new(); told.len()];
    let mut left = Vec::new();
    for (line, _) in plan.accepted() {
        let place = picture.session_on_line(line).map(|id| told.iter().position(|told| *told == id));
        match place {
            Some(Some(place)) => lines[place].push(line),
            Some(None) => left.push(line),
            None => lines.iter_mut().take(1).for_each(|first| first.push(line)),
        }
    }
    if let Some(without) = lines.iter_mut().find(|lines| lines.is_empty()) {
        without.extend(left);
    }
    lines
}

/// What is told of one communication session.
struct OfSession<'a> {
    picture: Picture,
    lines: Vec<usize>,
    headers: &'a [(String, String)],
}

fn arrival(session: &RecordingSession, plan: &Plan, of_cs: OfSession<'_>, terms: &TrunkTerms) -> Arrival {
    let OfSession { picture, lines, headers } = &of_cs;
    let facts = CallFacts::derive(headers, picture);
    let forked_leg = facts.forked_leg.as_ref();
    let told_session = picture.content().sessions.first();
    let streams = streams(picture, plan, lines);
    Arrival {
        session: session.local_tag().to_owned(),
        pair: forked_leg.and_then(|leg| leg.pair_key.as_ref()).map(|key| key.value.clone()),
        sip_call_id: session.sip_call_id().to_owned(),
        session_id: told_session.map(|session| session.id.clone()).unwrap_or_default(),
        candidates: facts.agent_candidates.iter().map(|fact| fact.value.clone()).collect(),
        fields: fields(&facts, &terms.keep),
        facts: told(&facts, told_session).into_iter().filter(|fact| terms.keep.takes(&fact.name)).collect(),
        parties: parties(picture, &facts, &terms.keep),
        on_hold: streams.iter().any(|stream| stream.held),
        streams,
        trunk: session.trunk().map(str::to_owned),
        brought_by: Some(brought_by(&session.source())),
        business_unit: terms.business_unit,
        document: None,
        since: None,
    }
}

/// Who brought a recording session, for its manifest (C8-02).
fn brought_by(source: &siprec::Source) -> String {
    let siprec::Source { transport, peer, certificate, .. } = source;
    let transport = format!("{transport:?}").to_lowercase();
    match certificate {
        None => format!("{transport} {peer}"),
        Some(fingerprint) => {
            format!("{transport} {peer}, certificate sha-256:{}", vault::Digest(*fingerprint))
        }
    }
}

fn fields(facts: &CallFacts, keep: &KeepList) -> Fields {
    let direction = facts.direction.as_ref().map(|direction| match direction.value {
        CallDirection::Inbound => "I".to_owned(),
        CallDirection::Outbound => "O".to_owned(),
    });
    let vendor =
        [VendorIdKind::OriginalCallId, VendorIdKind::Ucid, VendorIdKind::Gcid, VendorIdKind::CiscoGuid];
    let vendor = vendor.into_iter().filter(|kind| keep.takes(kind.as_str()));
    let pbx_call_id = vendor.filter_map(|kind| facts.vendor_id(kind)).map(|id| id.id.value.clone()).next();
    let value = |fact: &Option<Fact>| fact.as_ref().map(|fact| fact.value.clone());
    let all = [
        ("ani", Field::Ani, value(&facts.ani)),
        ("dnis", Field::Dnis, value(&facts.dnis)),
        ("direction", Field::Direction, direction),
        ("queue", Field::AcdGate, value(&facts.queue)),
    ];
    let named = all.into_iter().filter(|(name, ..)| keep.takes(name)).map(|(_, field, value)| (field, value));
    let all = named.chain([(Field::PbxCallId, pbx_call_id)]);
    let taken = all.filter_map(|(field, value)| Some((field, field.accept(&value?).ok()?)));
    taken.collect()
}

/// Every fact by its name, with its source (A13-01).
fn told(facts: &CallFacts, session: Option<&metadata::Session>) -> Vec<call::Fact> {
    let direction = facts.direction.as_ref().map(|fact| Fact {
        value: match fact.value {
            CallDirection::Inbound => "inbound".to_owned(),
            CallDirection::Outbound => "outbound".to_owned(),
        },
        source: fact.source.clone(),
        confidence: fact.confidence,
    });
    let mixed = facts.mixed.as_ref().map(|fact| Fact {
        value: fact.value.to_string(),
        source: fact.source.clone(),
        confidence: fact.confidence,
    });
    let named = [
        ("ani", &facts.ani),
        ("dnis", &facts.dnis),
        ("direction", &direction),
        ("queue", &facts.queue),
        ("queue_number", &facts.queue_number),
        ("recorded_party", &facts.recorded_party),
        ("recorded_user", &facts.recorded_user),
        ("agent_display_name", &facts.agent_display_name),
        ("diverted_from", &facts.diverted_from),
        ("mixed", &mixed),
    ];
    let named = named.into_iter().filter_map(|(name, fact)| Some(told_as(name, fact.as_ref()?, false)));
    let candidates = facts.agent_candidates.iter().map(|fact| told_as("agent_candidate", fact, false));
    let ids = facts.vendor_ids.iter().map(|id| told_as(id.kind.as_str(), &id.id, true));
    named.chain(ids).chain(session.into_iter().flat_map(ids_of)).chain(candidates).collect()
}

/// What names the communication session, and what joins it to others (RFC 7865 sections 6.2 and 6.3).
fn ids_of(session: &metadata::Session) -> impl Iterator<Item = call::Fact> {
    let own = ("communication_session", &session.id, "session/@session_id");
    let group = session.group.iter().map(|id| ("communication_session_group", id, "session/group-ref"));
    let sip = session.sip_session_ids.iter().map(|id| ("sip_session_id", id, "session/sipSessionID"));
    let ids = std::iter::once(own).chain(group).chain(sip).filter(|(_, id, _)| !id.is_empty());
    ids.map(|(name, id, source)| call::Fact {
        name: name.to_owned(),
        value: id.clone(),
        source: source.to_owned(),
        confidence: call::Confidence::Stated,
        is_id: true,
    })
}

fn told_as(name: &str, fact: &Fact, is_id: bool) -> call::Fact {
    call::Fact {
        name: name.to_owned(),
        value: fact.value.clone(),
        source: fact.source.clone(),
        confidence: match fact.confidence {
            Confidence::Inferred => call::Confidence::Inferred,
            Confidence::Configured => call::Confidence::Configured,
            Confidence::Stated => call::Confidence::Stated,
        },
        is_id,
    }
}

/// Who takes part: as metadata says, or, where there is none, as headers do.
fn parties(picture: &Picture, facts: &CallFacts, keep: &KeepList) -> Vec<ArrivingParty> {
    let described = picture.history().participants.iter().map(|party| arriving(party, picture));
    let speakers = facts.speakers.iter().map(|speaker| ArrivingParty {
        address: speaker.address.value.clone(),
        name: String::new(),
        sends: u16::try_from(speaker.line).into_iter().collect(),
        hears: Vec::new(),
    });
    let kept = |text: String, name: &str| if keep.takes(name) { text } else { String::new() };
    let all = described.chain(speakers).map(|party| ArrivingParty {
        address: kept(party.address, "party_address"),
        name: kept(party.name, "party_name"),
        ..party
    });
    all.collect()
}

fn arriving(party: &Participant, picture: &Picture) -> ArrivingParty {
    let lines = |associations: &[StreamAssociation]| {
        let own = associations.iter().filter(|association| association.participant == party.id);
        let mut lines: Vec<u16> = Vec::new();
        for line in own.filter_map(|association| u16::try_from(association.line?).ok()) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines
    };
    let history = picture.history();
    let first = party.names.first();
    ArrivingParty {
        address: first.map(|name| name.aor.clone()).unwrap_or_default(),
        name: party.names.iter().find_map(|name| name.name.clone()).unwrap_or_default(),
        sends: lines(&history.sendings),
        hears: lines(&history.hearings),
    }
}

fn streams(picture: &Picture, plan: &Plan, lines: &[usize]) -> Vec<ArrivingStream> {
    plan.accepted()
        .filter(|(index, _)| lines.contains(index))
        .filter_map(|(index, line)| {
            Some(ArrivingStream {
                slot: u16::try_from(index).ok()?,
                label: plan.lines.get(index)?.label.clone(),
                formats: formats(line),
                suite: line.crypto.as_ref().map(|crypto| crypto.suite.clone()),
                paused: line.paused,
                held: is_held(picture, index, line),
            })
        })
        .collect()
}

/// What the payload types of a line mean.
pub(super) fn formats(line: &AcceptedLine) -> Vec<Format> {
    let format = |format: &sdp::Format| Format {
        payload_type: format.payload_type,
        encoding: format.encoding.clone(),
        clock_hz: format.clock_hz,
        channels: format.channels,
    };
    line.formats.iter().map(format).collect()
}

/// Somebody who spoke into a stream that is still agreed does not any more, and nobody else does (A7-04).
fn is_held(picture: &Picture, line: usize, accepted: &AcceptedLine) -> bool {
    let speaks_now = || picture.history().current_sendings().any(|sending| sending.line == Some(line));
    let spoke = || picture.history().sendings.iter().any(|sending| sending.line == Some(line));
    picture.has_open_session() && !accepted.paused && spoke() && !speaks_now()
}

/// The metadata that came then, as it came, if that is kept.
pub(super) fn document_of(
    (metadata, received): (&MetadataArrival, Wall),
    terms: &TrunkTerms,
) -> Option<Document> {
    if !terms.keep.takes("documents") {
        return None;
    }
    let (text, base64) = match std::str::from_utf8(&metadata.raw) {
        Ok(text) => (text.to_owned(), false),
        // Nothing of it is lost (A4-10).
        Err(_) => (base64::engine::general_purpose::STANDARD.encode(&metadata.raw), true),
    };
    let fault = metadata.outcome.as_ref().err().map(ToString::to_string);
    Some(Document { received, text, base64, fault })
}

/// Why a call is over whose last recording session is closed; `ours` is our own reason, if we closed it.
pub(super) fn why_over(cause: &CloseCause, ours: Option<&str>) -> String {
    let why = match cause {
        CloseCause::Bye { .. } => "the recording client ended its session".to_owned(),
        CloseCause::Cancelled => "the recording client withdrew its INVITE".to_owned(),
        CloseCause::Asked => ours.unwrap_or("the recorder ended its recording session").to_owned(),
        CloseCause::Undecided => "the recorder did not decide in time".to_owned(),
        CloseCause::AckMissing => "the recording client did not confirm its session (no ACK)".to_owned(),
        CloseCause::AnswerMissing => "the recording client did not answer our offer".to_owned(),
        CloseCause::Expired => "the recording client did not refresh its session in time".to_owned(),
        CloseCause::Denied { status } => {
            format!("the recording client did not know its session any more ({status})")
        }
        _ => "its recording session was over".to_owned(),
    };
    format!("stopped: {why}")
}

/// The payload types of a line, as its receiver wants them.
pub(super) fn receiver_formats(line: &AcceptedLine) -> Vec<rtp::Format> {
    let kind = |encoding: &str| match encoding.to_ascii_lowercase().as_str() {
        "telephone-event" => Kind::TelephoneEvent,
        "cn" => Kind::ComfortNoise,
        _ => Kind::Audio,
    };
    let agreed = line.formats.iter();
    agreed
        .map(|format| rtp::Format {
            payload_type: format.payload_type,
            kind: kind(&format.encoding),
            clock_hz: format.clock_hz,
        })
        .collect()
}
