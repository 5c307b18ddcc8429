//! What is known of a call, in the words of the `vcon` crate.

use calls::id::StreamNumber;
use index::{RecordingRow, Related};
use serde_json::{Value, json};
use vcon::{Conversation, Note, Participant, Recording, Redaction};

use super::Part;
use crate::control::error::Problem;
use crate::control::native::clocks::GapItem;
use crate::http::KnownAs;
use crate::keep::manifest::Manifest;
use crate::playback::is_of_device;

/// What of a call is given out, if not all of it (C5-03).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    /// What a party said.
    SaidBy(usize),
    /// What a party heard.
    HeardBy(usize),
}

impl Share {
    fn party(self) -> usize {
        match self {
            Self::SaidBy(party) | Self::HeardBy(party) => party,
        }
    }

    /// What tells its vCon from that of the whole.
    fn mark(self) -> String {
        match self {
            Self::SaidBy(party) => format!("said by {party}"),
            Self::HeardBy(party) => format!("heard by {party}"),
        }
    }
}

/// Somebody in the call, over all its recordings.
#[derive(Debug, Default, PartialEq, Eq)]
struct Player {
    address: String,
    name: String,
    agent: Option<u32>,
    is_agent: bool,
}

/// Who was in the call, and what each said and heard.
#[derive(Debug, Default)]
pub(super) struct Cast {
    players: Vec<Player>,
    /// For each recording who speaks into which stream.
    speaks: Vec<Vec<(StreamNumber, usize)>>,
    /// For each recording who hears which stream, as far as that is said.
    hears: Vec<Vec<(StreamNumber, usize)>>,
}

impl Cast {
    /// Everybody who was ever in the call, in the order in which the recordings name them; and somebody for each stream of whom
    /// nothing is known.
    pub(super) fn of<'a>(recordings: impl Iterator<Item = (&'a RecordingRow, &'a Manifest)>) -> Self {
        let mut cast = Self::default();
        for (row, manifest) in recordings {
            cast.add(row, manifest);
        }
        cast
    }

    fn add(&mut self, row: &RecordingRow, manifest: &Manifest) {
        let device = manifest.device.as_deref().unwrap_or_default();
        let agent = manifest.agents.first().map(|agent| agent.0);
        let (mut speaks, mut hears) = (Vec::new(), Vec::new());
        for party in &manifest.parties {
            let is_agent = agent.is_some() && is_of_device(&party.address, device);
            let agent = agent.filter(|_| is_agent);
            let (address, mut name) = (party.address.clone(), party.name.clone());
            if is_agent && name.trim().is_empty() {
                name = row.agent_name.clone().unwrap_or_default();
            }
            let player = self.place(Player { address, name, agent, is_agent });
            speaks.extend(party.sends.iter().map(|stream| (*stream, player)));
            hears.extend(party.hears.iter().map(|stream| (*stream, player)));
        }
        if agent.is_some() && !self.players.iter().any(|player| player.is_agent) {
            let name = row.agent_name.clone().unwrap_or_default();
            self.place(Player { address: device.to_owned(), name, agent, is_agent: true });
        }
        for stream in &manifest.streams {
            if !speaks.iter().any(|(spoken, _)| *spoken == stream.number) {
                speaks.push((stream.number, self.players.len()));
                self.players.push(Player::default());
            }
        }
        self.speaks.push(speaks);
        self.hears.push(hears);
    }

    /// Where somebody is, or is from now on.
    fn place(&mut self, player: Player) -> usize {
        let is_same = |known: &Player| {
            (known.address.as_str(), known.name.as_str()) == (player.address.as_str(), player.name.as_str())
        };
        match self.players.iter().position(is_same) {
            Some(place) => place,
            None => {
                self.players.push(player);
                self.players.len() - 1
            }
        }
    }

    /// Lets of each recording only a share be heard.
    pub(super) fn narrow(&self, share: Share, parts: &mut [Part]) -> Result<(), Problem> {
        let (parameter, streams) = match share {
            Share::SaidBy(_) => ("party", &self.speaks),
            Share::HeardBy(_) => ("heard_by", &self.hears),
        };
        let wanted = share.party();
        if wanted >= self.players.len() {
            let why = format!("there is no party {wanted}; there are {}, counted from 0", self.players.len());
            return Err(Problem::parameter(parameter, why));
        }
        let of_wanted = |of: &[(StreamNumber, usize)]| -> Vec<StreamNumber> {
            of.iter().filter(|(_, player)| *player == wanted).map(|(stream, _)| *stream).collect()
        };
        if matches!(share, Share::HeardBy(_)) && self.hears.iter().all(|hears| of_wanted(hears).is_empty()) {
            let why = format!("what party {wanted} heard is not known: the recording client did not say");
            return Err(Problem::parameter(parameter, why));
        }
        for (part, streams) in parts.iter_mut().zip(streams) {
            part.sound.hear_only(&of_wanted(streams));
        }
        Ok(())
    }

    /// Who is heard in each channel of a recording.
    fn channels(&self, place: usize, part: &Part) -> Vec<Vec<usize>> {
        let in_lane = |lane: Vec<StreamNumber>| {
            let speaks = self.speaks[place].iter().filter(|(stream, _)| lane.contains(stream));
            let mut players: Vec<usize> = speaks.map(|(_, player)| *player).collect();
            players.sort_unstable();
            players.dedup();
            players
        };
        part.sound.lanes(part.channels).into_iter().map(in_lane).collect()
    }

    /// Who placed the call: whose number is the calling one, else the agent of a call that went out.
    fn originator(&self, row: &RecordingRow) -> Option<usize> {
        let ani = row.ani.as_deref().unwrap_or_default();
        let calling = self.players.iter().position(|player| is_of_device(&player.address, ani));
        let agent = || self.players.iter().position(|player| player.is_agent);
        calling.or_else(|| agent().filter(|_| row.direction == Some(index::Direction::Outbound)))
    }

    /// Whether anybody is seen in a share of the call.
    fn is_seen(&self, share: Option<Share>, player: usize) -> bool {
        match share {
            None => true,
            Some(share) if share.party() == player => true,
            Some(Share::SaidBy(_)) => false,
            // Who is heard by somebody is known to them.
            Some(Share::HeardBy(wanted)) => self.hears.iter().zip(&self.speaks).any(|(hears, speaks)| {
                let heard = |stream: StreamNumber| hears.contains(&(stream, wanted));
                speaks.iter().any(|(stream, speaker)| *speaker == player && heard(*stream))
            }),
        }
    }
}

/// All that a vCon is to say. Parts are in the order of time; there is one at least.
pub(super) fn conversation(
    known_as: &KnownAs,
    cast: &Cast,
    share: Option<Share>,
    parts: &[Part],
    others: &[Related],
) -> Conversation {
    let host = known_as.host.as_str();
    let participant = |(place, player): (usize, &Player)| Participant {
        address: player.address.clone(),
        name: Some(player.name.clone()).filter(|name| !name.is_empty()),
        is_agent: player.is_agent,
        uuid: player.agent.map(|agent| vcon::agent_uuid(host, agent)),
        anonymous: !cast.is_seen(share, place),
    };
    let erased = parts.iter().flat_map(|part| &part.sound.manifest().redacted);
    let erased_last = erased.max_by_key(|redacted| redacted.number);
    let whole = vcon_id(host, parts, None);
    let redaction = match (share, erased_last) {
        (Some(_), _) => Some(Redaction { kind: "other parties", of: Some(whole.clone()) }),
        (None, Some(_)) => Some(Redaction { kind: "span", of: None }),
        (None, None) => None,
    };
    let created = parts.iter().map(|part| part.sound.manifest().stopped).max();
    Conversation {
        uuid: if share.is_some() { vcon_id(host, parts, share) } else { whole },
        created_ns: created.map_or(0, calls::time::Wall::as_ns),
        updated_ns: erased_last.map(|redacted| redacted.asked.as_ns()),
        interaction_id: interaction(parts),
        parties: cast.players.iter().enumerate().map(participant).collect(),
        recordings: parts.iter().enumerate().map(|(place, part)| recording(cast, place, part)).collect(),
        notes: notes(cast, share, parts, others),
        redaction,
        recorder: format!("Sidetone at {host}"),
    }
}

/// The id of the call's vCon: that of its first recording, and another one for each form of it that holds more or less.
fn vcon_id(host: &str, parts: &[Part], share: Option<Share>) -> String {
    let Some((first, rest)) = parts.split_first() else { return String::new() };
    let further = rest.iter().map(|part| part.row.id.to_string());
    let erased = parts.iter().flat_map(|part| &part.sound.manifest().redacted);
    let erased = erased.map(|redacted| format!("erased {}", redacted.number));
    let marks: Vec<String> = further.chain(erased).chain(share.map(Share::mark)).collect();
    vcon::vcon_uuid(*first.row.id.as_bytes(), host, &marks.join(" "))
}

/// The id the PBX gave the call; ours, if it gave none.
fn interaction(parts: &[Part]) -> String {
    let told = parts.iter().find_map(|part| part.row.fields.get("callid").filter(|id| !id.is_empty()));
    told.cloned().or_else(|| Some(parts.first()?.row.call.to_string())).unwrap_or_default()
}

fn recording(cast: &Cast, place: usize, part: &Part) -> Recording {
    let manifest = part.sound.manifest();
    let length = manifest.stopped.since(manifest.started);
    Recording {
        started_ns: manifest.started.as_ns(),
        duration_ms: u64::try_from(length.as_millis()).unwrap_or(u64::MAX),
        channels: cast.channels(place, part),
        originator: cast.originator(&part.row),
        media_type: "audio/x-wav",
        file_name: super::file_name(&part.row, "wav"),
        carried: part.carried.clone(),
    }
}

fn notes(cast: &Cast, share: Option<Share>, parts: &[Part], others: &[Related]) -> Vec<Note> {
    let mut notes = Vec::new();
    for (recording, part) in parts.iter().enumerate() {
        let (row, manifest) = (&part.row, part.sound.manifest());
        let mut say = |purpose: &'static str, body: Value| {
            notes.push(Note { purpose, recording, start_ns: manifest.started.as_ns(), body });
        };
        say("manifest", account(row, manifest));
        // Of one party's share nobody else may be known.
        if share.is_none() {
            if !row.fields.is_empty() {
                say("fields", json!(row.fields));
            }
            if !manifest.facts.is_empty() {
                say("facts", facts(manifest));
            }
        }
        let ms = |at: calls::time::Wall| (at.as_ns() - manifest.started.as_ns()) / 1_000_000;
        let span = |span: &calls::time::Span| json!({"from_ms": ms(span.from), "to_ms": ms(span.until.unwrap_or(manifest.stopped))});
        if !manifest.dark.is_empty() {
            say("blackouts", manifest.dark.iter().map(span).collect());
        }
        if !manifest.redacted.is_empty() {
            say("erased", manifest.redacted.iter().map(|redacted| span(&redacted.span)).collect());
        }
        let gaps = gaps(part);
        if !gaps.is_empty() {
            say("gaps", gaps.into());
        }
        say("consent", consent(cast));
    }
    if share.is_none() && !others.is_empty() {
        let last = parts.len().saturating_sub(1);
        let start_ns = parts.get(last).map_or(0, |part| part.sound.manifest().started.as_ns());
        let item = |related: &Related| json!({"recording": related.row.id, "call": related.row.call, "relation": related.relation.as_str()});
        let body = others.iter().map(item).collect();
        notes.push(Note { purpose: "related", recording: last, start_ns, body });
    }
    notes
}

/// What the recording is, and the account of its packets.
fn account(row: &RecordingRow, manifest: &Manifest) -> Value {
    json!({
        "recording": row.id,
        "call": row.call,
        "sha256": vault::Digest(row.digest).to_string(),
        "file_bytes": row.file_bytes,
        "why": row.why,
        "why_stopped": manifest.why_stopped,
        "direction": row.direction.map(index::Direction::letter),
        "completeness": row.completeness.label(),
        "interrupted": row.interrupted,
        "blackout_ms": row.blackout_ms,
        "packets": {
            "received": row.packets_received,
            "stored": row.packets_stored,
            "dark": row.packets_dark,
            "lost": row.packets_lost,
        },
    })
}

fn facts(manifest: &Manifest) -> Value {
    let fact = |fact: &calls::call::Fact| {
        json!({
            "name": fact.name, "value": fact.value, "source": fact.source,
            "confidence": fact.confidence.as_str(),
        })
    };
    manifest.facts.iter().map(fact).collect()
}

fn gaps(part: &Part) -> Vec<Value> {
    let started = part.sound.manifest().started;
    let of_leg = |(stream, gaps): &(StreamNumber, audio::Gaps)| {
        let is_whole = gaps.listed.is_empty();
        (!is_whole)
            .then(|| json!({"stream": stream.0, "gaps": GapItem::all(started, gaps), "more": gaps.more}))
    };
    part.sound.gaps().iter().filter_map(of_leg).collect()
}

/// Nobody has told the recorder of consent yet: it is unknown of everybody (C3-01, C3-05).
fn consent(cast: &Cast) -> Value {
    (0..cast.players.len()).map(|party| json!({"party": party, "state": "unknown"})).collect()
}
