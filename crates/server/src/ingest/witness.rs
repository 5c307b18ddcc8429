//! Sees every message, event and wish of SIP, and writes down what people will ask about: who was turned away and
//! why, how each trunk does. It changes nothing.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use calls::id::CallId;
use siprec::{CloseCause, Command, Event, MetadataArrival, Passed, SessionId};

use super::settings::{TermsByTrunk, Wiring};
use super::sip::Wish;
use crate::clock::Clock;
use crate::media;
use crate::observe::alarms::{About, Alarms, Kind as Wrong};
use crate::observe::chronicle::{Chronicles, Entry, Kind};
use crate::observe::metrics::Metrics;
use crate::observe::refusals::{Refusal, Refusals};

/// INVITEs remembered until it is known what becomes of them.
const OPEN_INVITES: usize = 1_024;

/// Longest text of a sender that is kept.
const TEXT_LIMIT: usize = 256;

/// What the witness is told once.
pub(super) struct Witness {
    clock: Clock,
    config: siprec::Config,
    trunks: Arc<TermsByTrunk>,
    refusals: Refusals,
    alarms: Alarms,
    chronicles: Chronicles,
    metrics: Arc<Metrics>,
    /// What INVITEs offered that have no session yet, by SIP Call-ID, oldest first in `order`.
    offers: HashMap<String, Vec<String>>,
    order: VecDeque<String>,
    sessions: HashMap<SessionId, Known>,
}

/// A session that was asked for.
struct Known {
    peer: SocketAddr,
    transport: siprec::Transport,
    trunk: Option<String>,
    sip_call_id: String,
    offered: Vec<String>,
    stands: bool,
}

impl Witness {
    pub(super) fn new(config: siprec::Config, trunks: Arc<TermsByTrunk>, wiring: &Wiring) -> Self {
        Self {
            clock: wiring.clock,
            config,
            trunks,
            refusals: wiring.refusals.clone(),
            alarms: wiring.alarms.clone(),
            chronicles: wiring.chronicles.clone(),
            metrics: Arc::clone(&wiring.metrics),
            offers: HashMap::new(),
            order: VecDeque::new(),
            sessions: HashMap::new(),
        }
    }

    /// Sees an event before it is acted on.
    pub(super) fn event(&mut self, event: &Event) {
        match event {
            Event::Passed(passed) => self.passed(passed),
            Event::Invited { session, invitation } => {
                let offered = self.offers.remove(&invitation.sip_call_id).unwrap_or_default();
                let known = Known {
                    peer: invitation.source.peer,
                    transport: invitation.source.transport,
                    trunk: invitation.trunk.clone(),
                    sip_call_id: invitation.sip_call_id.clone(),
                    offered,
                    stands: false,
                };
                for (line, why) in invitation.plan.refused() {
                    let what = format!("line {} is not recorded: {why}", line + 1);
                    self.tell(&invitation.sip_call_id, Kind::Decision, what);
                }
                self.sessions.insert(*session, known);
            }
            Event::Modified { session, modification } => {
                for (line, why) in modification.plan.refused() {
                    self.tell_of(
                        *session,
                        Kind::Decision,
                        format!("line {} is not recorded: {why}", line + 1),
                    );
                }
            }
            Event::Warning { session, warning } => {
                self.tell_of(*session, Kind::Fault, warning.to_string());
            }
            Event::Unreachable { session, status } => {
                let status = status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
                self.tell_of(
                    *session,
                    Kind::Fault,
                    format!("the client does not answer in its dialog: {status}"),
                );
            }
            Event::Confirmed { session } => {
                if let Some(known) = self.sessions.get_mut(session).filter(|known| !known.stands) {
                    known.stands = true;
                    self.refusals.session(known.trunk.as_deref(), true);
                }
            }
            Event::Closed { session, cause } => self.closed(*session, cause),
            Event::Refused { source, method, sip_call_id, status, why } => {
                self.refused(source, method.as_str(), sip_call_id.as_deref(), *status, why);
            }
            _ => {}
        }
    }

    /// A request was turned away by the endpoint.
    fn refused(
        &mut self,
        source: &siprec::Source,
        method: &str,
        sip_call_id: Option<&str>,
        status: Option<u16>,
        why: &str,
    ) {
        self.metrics.refused(status).increment();
        if status == Some(488) {
            self.alarms.raise(Wrong::NothingToRecord, About::Trunk(self.trunk_of(source)), why);
        }
        let offered = sip_call_id.and_then(|id| self.offers.remove(id));
        let now = self.clock.now();
        self.refusals.put(Refusal {
            at: now,
            first: now,
            count: 1,
            peer: source.peer,
            transport: source.transport.as_str(),
            trunk: self.trunk_of(source),
            method: short(method),
            sip_call_id: sip_call_id.map(short),
            status,
            why: short(why),
            offered: offered.unwrap_or_default(),
        });
    }

    /// Sees a session of an earlier run that goes on.
    pub(super) fn resumed(&mut self, session: SessionId, known: &siprec::RecordingSession, calls: &[CallId]) {
        let source = known.source();
        for call in calls {
            self.chronicles.brings(known.sip_call_id(), *call);
        }
        self.refusals.session(known.trunk(), true);
        let known = Known {
            peer: source.peer,
            transport: source.transport,
            trunk: known.trunk().map(str::to_owned),
            sip_call_id: known.sip_call_id().to_owned(),
            offered: Vec::new(),
            stands: true,
        };
        self.sessions.insert(session, known);
        self.tell_of(session, Kind::Decision, "the recording session goes on after a restart".to_owned());
    }

    /// Sees what a session's task or the recorder wants, before it is done.
    pub(super) fn wish(&mut self, wish: &Wish) {
        if let Wish::Began { session, call } = wish
            && let Some(known) = self.sessions.get(session)
        {
            self.chronicles.brings(&known.sip_call_id, *call);
        }
        if let Wish::Left { session, call } = wish
            && let Some(known) = self.sessions.get(session)
        {
            self.chronicles.leaves(&known.sip_call_id, *call);
        }
        if let Wish::Command(Command::Reject { session, status, reason, .. }) = wish
            && let Some(known) = self.sessions.get(session).filter(|known| !known.stands)
        {
            self.turned_down(known, *status, reason);
        }
    }

    /// Sees what a session tells of its calls, before the calls are told.
    pub(super) fn note_fault(&self, session: SessionId, metadata: Option<&MetadataArrival>) {
        if let Some(fault) = metadata.and_then(|metadata| metadata.outcome.as_ref().err()) {
            self.metrics.metadata_unreadable.increment();
            let trunk = self.sessions.get(&session).and_then(|known| known.trunk.clone());
            let what = format!("{fault} (in recording session {session})");
            self.alarms.raise(Wrong::MetadataUnreadable, About::Trunk(trunk), what);
        }
    }

    fn closed(&mut self, session: SessionId, cause: &CloseCause) {
        self.tell_of(session, Kind::Decision, format!("the recording session is over: {cause}"));
        let Some(known) = self.sessions.remove(&session) else { return };
        if known.stands {
            self.refusals.session(known.trunk.as_deref(), false);
        } else if *cause == CloseCause::Undecided {
            self.turned_down(&known, 503, "The recorder did not decide in time");
        }
    }

    fn turned_down(&self, known: &Known, status: u16, why: &str) {
        self.metrics.refused(Some(status)).increment();
        let now = self.clock.now();
        self.refusals.put(Refusal {
            at: now,
            first: now,
            count: 1,
            peer: known.peer,
            transport: known.transport.as_str(),
            trunk: known.trunk.clone(),
            method: "INVITE".to_owned(),
            sip_call_id: Some(short(&known.sip_call_id)),
            status: Some(status),
            why: short(why),
            offered: known.offered.clone(),
        });
    }

    /// Sees what the media threads notice.
    pub(super) fn notice(&self, notice: &media::Notice) {
        let media::Noticed::Alarm(alarm) = &notice.what else { return };
        let what = format!("media: {alarm:?}");
        self.chronicles.call(notice.call, Entry::new(self.clock.now(), Kind::Fault, what));
    }

    fn tell(&self, sip_call_id: &str, kind: Kind, what: String) {
        self.chronicles.dialog(sip_call_id, Entry::new(self.clock.now(), kind, what));
    }

    fn tell_of(&self, session: SessionId, kind: Kind, what: String) {
        if let Some(known) = self.sessions.get(&session) {
            self.tell(&known.sip_call_id, kind, what);
        }
    }

    fn passed(&mut self, passed: &Passed) {
        if matters(passed) {
            let (way, preposition) = if passed.sent { ("sent", "to") } else { ("came", "from") };
            let Passed { what, cseq, transport, peer, .. } = passed;
            let what = match passed.cseq.rsplit(' ').next() {
                Some(method) if method != what => format!("{what} to {cseq} {way} {preposition} {peer}"),
                _ => format!("{what} {way} {preposition} {peer}"),
            };
            let what = format!("{what} over {}", transport.as_str());
            let entry = Entry::new(self.clock.now(), Kind::Message, what);
            let keeps_text = self.trunks.of(passed.trunk.as_deref()).keep.takes("messages");
            let entry = if keeps_text { entry.with_text(&passed.text) } else { entry };
            self.chronicles.dialog(&passed.sip_call_id, entry);
        }
        // The first of a session: repeats and changes of it are not what a trunk is asked about.
        let opens = !passed.sent && passed.what == "INVITE" && !has_to_tag(&passed.text);
        if !opens || self.offers.contains_key(&passed.sip_call_id) {
            return;
        }
        self.refusals.invited(passed.trunk.as_deref(), self.clock.now());
        self.offers.insert(passed.sip_call_id.clone(), offered(&passed.text));
        self.order.push_back(passed.sip_call_id.clone());
        if self.order.len() > OPEN_INVITES
            && let Some(oldest) = self.order.pop_front()
        {
            self.offers.remove(&oldest);
        }
    }

    fn trunk_of(&self, peer: &siprec::Source) -> Option<String> {
        self.config.rule(peer).map(|rule| rule.name.clone())
    }
}

/// Whether a message belongs to a call: OPTIONS and REGISTER outside of one do not.
fn matters(passed: &Passed) -> bool {
    let method = passed.cseq.rsplit(' ').next().unwrap_or_default();
    ["INVITE", "ACK", "BYE", "CANCEL", "UPDATE", "INFO"].contains(&method)
        || (method == "OPTIONS" && has_to_tag(&passed.text))
}

/// A text of a sender, so long as it may be kept.
fn short(text: &str) -> String {
    text.chars().take(TEXT_LIMIT).collect()
}

/// Whether the excerpt of a request stands in a dialog.
fn has_to_tag(text: &str) -> bool {
    let to = text.lines().find_map(|line| line.strip_prefix("To: "));
    to.is_some_and(|to| to.rsplit('>').next().is_some_and(|parameters| parameters.contains(";tag=")))
}

/// What the description in the excerpt of a message offers: for each m-line its kind, protocol and codecs.
fn offered(text: &str) -> Vec<String> {
    const LINES: usize = 16;
    const FORMATS: usize = 16;
    let maps: HashMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("a=rtpmap:"))
        .filter_map(|map| map.split_once(' '))
        .collect();
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let (kind, port, protocol) = (words.next()?, words.next()?, words.next()?);
        let name = |format| maps.get(format).copied().or_else(|| usual(format)).unwrap_or(format);
        let codecs: Vec<&str> = words.take(FORMATS).map(name).collect();
        let unused = if port == "0" { " (port 0)" } else { "" };
        Some(short(&format!("{kind} {protocol} {}{unused}", codecs.join(" "))))
    };
    text.lines().filter_map(|text| text.strip_prefix("m=")).filter_map(line).take(LINES).collect()
}

/// The codec of a payload type that needs no `a=rtpmap` (RFC 3551 §6).
fn usual(format: &str) -> Option<&'static str> {
    Some(match format {
        "0" => "PCMU/8000",
        "3" => "GSM/8000",
        "4" => "G723/8000",
        "8" => "PCMA/8000",
        "9" => "G722/8000",
        "13" => "CN/8000",
        "15" => "G728/8000",
        "18" => "G729/8000",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_offered_is_told_by_codec_names() {
        let text = "INVITE sip:r@h SIP/2.0\nTo: <sip:r@h>\n\nv=0\nm=audio 4000 RTP/AVP 18 97 99\n\
                    a=rtpmap:97 SPEEX/16000\nm=video 0 RTP/AVP 31\n";
        assert_eq!(offered(text), ["audio RTP/AVP G729/8000 SPEEX/16000 99", "video RTP/AVP 31 (port 0)"]);
    }

    #[test]
    fn a_tag_in_the_address_is_not_the_dialogs() {
        assert!(has_to_tag("INVITE x\nTo: <sip:r@h>;tag=1\n"));
        assert!(!has_to_tag("INVITE x\nTo: <sip:r@h;tag=1>\n"));
        assert!(!has_to_tag("INVITE x\nFrom: <sip:r@h>;tag=1\n"));
    }
}
