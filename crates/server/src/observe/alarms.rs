//! The one list of what somebody should see to: what it is, since when, what it means and what to do (C4-03).
//!
//! A condition that *lasts* is raised until it is cleared; what happens at one moment stands for a day. Each change is a line
//! in the log, a number in the metrics, and is told to whoever listens to the list.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use calls::id::{CallId, RecordingId};
use calls::time::Wall;
use parking_lot::Mutex;

use super::feed::{Feed, Told};
use super::metrics::Metrics;
use crate::clock::Clock;

/// How long what is over, or happened at one moment, stands in the list.
const STANDS: Duration = Duration::from_hours(24);

/// How long leave to hear stands there.
const STANDS_LONG: Duration = Duration::from_hours(7 * 24);

/// Alarms kept. The oldest that is over makes room, else the oldest.
const LIMIT: usize = 1_000;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth a look.
    Warning,
    /// Sound or facts are lost, or about to be.
    Critical,
}

macro_rules! kinds {
    ($($name:ident $key:literal $severity:ident $lasts:literal $means:literal $todo:literal;)*) => {
        /// What can be the matter.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "`means` says it")]
        pub enum Kind {
            $($name,)*
        }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its name in the API and in metrics.
            pub fn key(self) -> &'static str {
                match self { $(Self::$name => $key,)* }
            }

            /// How bad it is.
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }

            /// Whether it is there until it is cleared.
            pub fn lasts(self) -> bool {
                match self { $(Self::$name => $lasts,)* }
            }

            /// What it means.
            pub fn means(self) -> &'static str {
                match self { $(Self::$name => $means,)* }
            }

            /// What to do.
            pub fn todo(self) -> &'static str {
                match self { $(Self::$name => $todo,)* }
            }
        }
    };
}

kinds! {
    CannotRecord "cannot_record" Critical true
        "new calls are refused with 503; calls that are up go on"
        "give the part that is named what it lacks, or let the SBC use another recorder meanwhile";
    LimitNear "limit_near" Warning true
        "new calls will be refused when the limit is reached"
        "make room, or raise the limit if the machine can bear it";
    JournalFailing "journal_failing" Critical true
        "the disk takes nothing; sound waits in memory, and some 20 seconds after the first failure it is lost"
        "look at the disk of the data folder: the log has the system's own words";
    VolumeRefuses "volume_refuses" Critical true
        "this volume takes nothing; what is new goes to the other one, and recordings that were begun here wait"
        "make room on it, or look at its disk; it is tried again each second, and taken again when it writes";
    Storage "storage" Critical false
        "something that was written is not there any more, or could not be written where it should"
        "run sidetone check, and look at the disk: it may be failing";
    RecordingDamaged "recording_damaged" Critical false
        "blocks of this recording do not open and are silent when it is played: a failing disk or somebody has changed its file"
        "run sidetone check, and bring the file back from a backup or from its archive";
    StoreTouched "store_touched" Critical false
        "index or journal are not what they were when the recorder stopped, or not what it makes: somebody or a failing disk has changed them"
        "stop, run sidetone check, and restore what it names from a backup; look at the disk, and at who was on the machine";
    NotSealed "not_sealed" Critical true
        "a recording is safe in the journal, but cannot be made a file yet; it is tried again"
        "look at the log for what stands in the way, most often the disk";
    NotRedacted "not_redacted" Critical true
        "a span of a recording is to be erased and could not be yet; it is tried again"
        "look at the reason; what stands in the way is most often the disk, or a damaged file";
    ReadingKeyAway "reading_key_away" Warning true
        "calls are recorded, and nobody can listen here: the private half of the reading key is not to be had"
        "look at the reason: bring the file or the token back, or give the right passphrase or PIN (keys.unlock_file), and reload; \
         or say keys.reading_key = none if it is meant so";
    KeysNotTaken "keys_not_taken" Critical true
        "the key files cannot be used: it goes on with the keys it has, and would not start with those that are there"
        "put right what the reason says, most often whose the files are, and reload; do not restart before";
    NotErased "not_erased" Critical true
        "it was decided that a recording is erased, and it could not be yet; it is tried again with each job"
        "look at the reason; an archive that is not mounted is the most frequent";
    NotArchived "not_archived" Warning true
        "recordings that are due do not get to where they are to go; they stay where they are, and it is tried again"
        "look at the reason, and at the archive that is named";
    RetentionStopped "retention_stopped" Critical true
        "nothing is deleted, for what would be is not what is usual"
        "find out why; if it is right, say sidetone retention confirm";
    HeldRedacted "held_redacted" Warning false
        "card data was erased from a recording under a legal hold, for it may never be kept"
        "tell the owner of the hold; sidetone show of the recording has the span and who approved it";
    IndexFailing "index_failing" Critical true
        "recordings are sealed but cannot be found yet; their rows are tried again"
        "look at the disk of index.sqlite and at who else has it open";
    AuditFailing "audit_failing" Critical true
        "who did what cannot be written down; nobody may listen meanwhile, and what else is done waits in memory to be written"
        "look at the disk of index.sqlite and at who else has it open";
    AuditTouched "audit_touched" Critical false
        "the audit is not as the recorder left it: somebody has changed, removed or added entries"
        "say sidetone check --audit with a witness that was kept elsewhere, and find out who was on this machine";
    AuditUnwitnessed "audit_unwitnessed" Warning true
        "what is signed of the audit does not get to this witness; until it does, nobody elsewhere could tell that the end was cut off"
        "look at the reason: a folder that is not mounted is the most frequent; the next head covers those that were missed";
    SessionLost "session_lost" Critical false
        "a call that was up could not go on after a restart; the rest of it is not recorded unless its client calls again"
        "look at the reason; ports that another program has taken are the most frequent";
    ClientGone "client_gone" Warning false
        "a recording client neither answered nor sent media, and its recording was ended"
        "look at the SBC and the network between";
    OneWayAudio "one_way_audio" Critical true
        "one leg of a call sends and this one does not: half of the call is missing"
        "look at the SBC's media route and at firewalls for the port of this leg";
    NoMedia "no_media" Critical true
        "a call is up and nothing comes on any of its legs"
        "look at the SBC's media route and at firewalls; sidetone timeline shows what was agreed";
    NoSound "no_sound" Warning true
        "a leg sends silence only"
        "a muted headset, or an SBC that records the wrong side";
    NothingToRecord "nothing_to_record" Critical false
        "a client offered nothing that can be recorded and was refused with 488: its call is not recorded"
        "sidetone refusals shows what was offered; allow one of the codecs that can be stored on the SBC";
    MetadataUnreadable "metadata_unreadable" Warning false
        "who takes part is not known of a call; its sound is recorded all the same"
        "sidetone timeline of the call has the fault; tell the SBC's vendor";
    AmbiguousAgent "ambiguous_agent" Warning false
        "several agents match a call, and it is tied to each"
        "give each agent a phone and user name of their own";
    BlackoutTimedOut "blackout_timed_out" Warning false
        "nobody stopped a blackout in its time"
        "find out why the application that started it did not stop it; it may have hidden more than it should";
    BlackoutsOverNorm "blackouts_over_norm" Warning false
        "an agent is dark more often or longer than is usual: a blackout is for card numbers, and could hide something else"
        "look at /v1/blackouts and at the calls; raise blackout.norm_times or blackout.norm_minutes if it is right so";
    ClockApart "clock_apart" Warning true
        "the system clock was stepped since the start: recordings and audit go on by the time of before, so that nothing in them overlaps or is missing"
        "restart the recorder when it suits: it then takes the time of the system clock; find out what has stepped it";
    ListensOverNorm "listens_over_norm" Warning false
        "somebody hears or takes away more recordings than is usual: it may be their work, and could be a theft"
        "look into the audit for what they do and why (who, action recording.listen); raise audit.norm_recordings if it is right so, or lock the account";
    HearingGiven "hearing_given" Warning false
        "who may not hear recordings has given somebody, or a program, leave to: it may be their work, and could be a way to hear themselves"
        "ask who is named whether it is meant so; if not, take the key back or lock the account, and look into the audit for what was heard with it";
    LoginGuessed "login_guessed" Warning false
        "somebody guesses passwords: an account has to wait for its next login, or wrong ones come from many addresses"
        "ask whose account it is whether it was them; the log names the addresses: keep those out, and demand a second factor (login.second_factor)";
    CardNumber "card_number_struck_out" Warning false
        "a field told in a blackout held a card number, which was struck out"
        "keep the application that sends it from sending card numbers";
    WebhookFailing "webhook_failing" Warning true
        "a receiver of events does not take them; they wait in their order, for a day each"
        "look at the receiver, and at sidetone webhooks deliveries for what it answers";
    WebhookDead "webhook_dead" Warning false
        "a receiver has not taken an event for a day, and it was given up"
        "have it sent again with sidetone webhooks replay when the receiver is well";
    WebhookOff "webhook_off" Warning false
        "a receiver has answered 410 Gone and was switched off"
        "remove the webhook, or give it another URL and switch it on again";
    WebhookLost "webhook_lost" Critical false
        "events did not get to those who want them, and will not"
        "let receivers look at the lists of calls and recordings; see that the disk of index.sqlite is well";
    TlsCertificate "tls_certificate" Critical true
        "the certificate on disk cannot be used; the one before is shown on"
        "put a certificate and key in place that belong together and are valid";
    TlsCertificateExpires "tls_certificate_expires" Warning true
        "the certificate that is named expires within two weeks; then clients that look at it do not connect any more"
        "put a new certificate in place; it is taken without a restart";
}

impl Kind {
    /// How long it stands in the list, once it is over or has happened.
    pub fn stands(self) -> Duration {
        if self == Self::HearingGiven { STANDS_LONG } else { STANDS }
    }
}

/// What it is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum About {
    /// A part of the recorder or of its machine, such as `disk`.
    Part(String),
    /// A call.
    Call(CallId),
    /// A leg of a call, counted from 0 as its streams are.
    Leg(CallId, usize),
    /// A recording.
    Recording(RecordingId),
    /// A trunk; none for peers without one.
    Trunk(Option<String>),
    /// Whose a blackout is; a device's number is nobody's business.
    Owner(String),
    /// A recording session.
    Session(String),
    /// Somebody, by the name of their account.
    Account(String),
}

impl About {
    /// The call it is about, if it is about one.
    pub fn call(&self) -> Option<CallId> {
        match self {
            Self::Call(call) | Self::Leg(call, _) => Some(*call),
            _ => None,
        }
    }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Part(part) => f.write_str(part),
            Self::Call(call) => write!(f, "call {call}"),
            Self::Leg(call, leg) => write!(f, "call {call}, leg {leg}"),
            Self::Recording(recording) => write!(f, "recording {recording}"),
            Self::Trunk(Some(trunk)) => write!(f, "trunk {trunk}"),
            Self::Trunk(None) => f.write_str("peers without a trunk"),
            Self::Owner(owner) => f.write_str(owner),
            Self::Account(name) => write!(f, "account {name}"),
            Self::Session(session) => write!(f, "recording session {session}"),
        }
    }
}

/// An alarm as it stands in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// What is the matter.
    pub kind: Kind,
    /// With what.
    pub about: About,
    /// The particulars, as they were said last.
    pub what: String,
    /// Since when, or when it first happened.
    pub since: Wall,
    /// When it was said last.
    pub last: Wall,
    /// How often it was said.
    pub count: u64,
    /// When it was cleared.
    pub over: Option<Wall>,
}

impl Alarm {
    /// Whether somebody should see to it: it lasts, or happened not long ago ([`Kind::stands`]).
    pub fn is_active(&self) -> bool {
        self.over.is_none()
    }
}

/// The list. Copies of it are the same.
#[derive(Debug, Clone)]
pub struct Alarms(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    state: Mutex<State>,
    feed: Feed,
}

#[derive(Debug, Default)]
struct State {
    alarms: BTreeMap<(Kind, About), Alarm>,
    totals: BTreeMap<Kind, u64>,
}

impl Alarms {
    /// Nothing is the matter. Each change is told to the feed.
    pub fn new(clock: Clock, feed: Feed) -> Self {
        Self(Arc::new(Inner { clock, state: Mutex::default(), feed }))
    }

    /// Blocks of a recording did not open while it was read for somebody: they are silent, counted, and to be seen to (C8-08).
    pub fn met_damage(&self, metrics: &Metrics, recording: RecordingId, blocks: u64) {
        if blocks > 0 {
            metrics.playback_damaged.add(blocks);
            let what = format!("{blocks} blocks did not open when it was played");
            self.raise(Kind::RecordingDamaged, About::Recording(recording), what);
        }
    }

    /// Something is the matter. Said again while it lasts, the newer particulars stand.
    pub fn raise(&self, kind: Kind, about: About, what: impl Into<String>) {
        self.raise_at(self.0.clock.now(), kind, about, what);
    }

    /// Something was the matter then.
    pub fn raise_at(&self, now: Wall, kind: Kind, about: About, what: impl Into<String>) {
        let what = what.into();
        let mut state = self.0.state.lock();
        state.tidy(self.0.clock.now());
        let known = state.alarms.get(&(kind, about.clone())).filter(|known| known.is_active());
        let is_new = known.is_none();
        let is_same = known.is_some_and(|known| kind.lasts() && known.what == what);
        let (since, count) = known.map_or((now, 0), |known| (known.since, known.count));
        // A condition that lasts is looked at again and again: that is one alarm.
        let count = if kind.lasts() { 1 } else { count + 1 };
        let alarm = Alarm { kind, about: about.clone(), what, since, last: now, count, over: None };
        state.alarms.insert((kind, about), alarm.clone());
        if is_new || !kind.lasts() {
            *state.totals.entry(kind).or_default() += 1;
        }
        drop(state);
        if is_new {
            let (about, what) = (&alarm.about, &alarm.what);
            match kind.severity() {
                Severity::Critical => tracing::error!(alarm = kind.key(), %about, what, "{}", kind.means()),
                Severity::Warning => tracing::warn!(alarm = kind.key(), %about, what, "{}", kind.means()),
            }
        }
        if !is_same {
            self.0.feed.tell(Told::Alarm(Box::new(alarm)));
        }
    }

    /// A condition is over. One that is not there changes nothing.
    pub fn clear(&self, kind: Kind, about: &About) {
        self.clear_all(|alarm| alarm.kind == kind && alarm.about == *about);
    }

    /// What lasts of a call is over with it.
    pub fn call_is_over(&self, call: CallId) {
        self.clear_all(|alarm| alarm.kind.lasts() && alarm.about.call() == Some(call));
    }

    /// What lasts of this kind is just what is said here, by part.
    pub fn set_parts(&self, kind: Kind, parts: &BTreeMap<&'static str, String>) {
        let is_said =
            |alarm: &Alarm| matches!(&alarm.about, About::Part(part) if parts.contains_key(part.as_str()));
        self.clear_all(|alarm| alarm.kind == kind && !is_said(alarm));
        for (part, what) in parts {
            self.raise(kind, About::Part((*part).to_owned()), what.clone());
        }
    }

    fn clear_all(&self, which: impl Fn(&Alarm) -> bool) {
        let now = self.0.clock.now();
        let mut cleared = Vec::new();
        let mut state = self.0.state.lock();
        for alarm in state.alarms.values_mut().filter(|alarm| alarm.is_active() && which(alarm)) {
            alarm.over = Some(now);
            cleared.push(alarm.clone());
        }
        drop(state);
        for alarm in cleared {
            tracing::info!(alarm = alarm.kind.key(), about = %alarm.about, "this is over");
            self.0.feed.tell(Told::Alarm(Box::new(alarm)));
        }
    }

    /// All that stand in the list, those that are active and worst first, then the newest.
    pub fn list(&self) -> Vec<Alarm> {
        let mut state = self.0.state.lock();
        state.tidy(self.0.clock.now());
        let mut all: Vec<Alarm> = state.alarms.values().cloned().collect();
        drop(state);
        all.sort_by_key(|alarm| std::cmp::Reverse((alarm.is_active(), alarm.kind.severity(), alarm.last)));
        all
    }

    /// Of each kind: how often it was raised since the start, and how many are active.
    pub fn counts(&self) -> Vec<(Kind, u64, u64)> {
        let mut state = self.0.state.lock();
        state.tidy(self.0.clock.now());
        let active = |kind: Kind| {
            state.alarms.values().filter(|alarm| alarm.kind == kind && alarm.is_active()).count() as u64
        };
        Kind::ALL
            .iter()
            .map(|kind| (*kind, state.totals.get(kind).copied().unwrap_or(0), active(*kind)))
            .collect()
    }
}

impl State {
    /// Lets go of what has stood long enough, and of the oldest where there is no room.
    fn tidy(&mut self, now: Wall) {
        self.alarms.retain(|_, alarm| match alarm.over {
            Some(over) => now.since(over) < alarm.kind.stands(),
            None => alarm.kind.lasts() || now.since(alarm.last) < alarm.kind.stands(),
        });
        while self.alarms.len() >= LIMIT {
            let oldest = self.alarms.iter().min_by_key(|(_, alarm)| (alarm.is_active(), alarm.last));
            let Some(key) = oldest.map(|(key, _)| key.clone()) else { return };
            self.alarms.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarms() -> Alarms {
        Alarms::new(Clock::start(), Feed::default())
    }

    fn part(name: &str) -> About {
        About::Part(name.to_owned())
    }

    #[test]
    fn an_alarm_of_a_certificate_is_of_the_one_that_it_names() {
        for kind in [Kind::TlsCertificate, Kind::TlsCertificateExpires] {
            let said = [kind.means(), kind.todo()].concat();
            assert!(!said.contains("SIP") && !said.contains("HTTP"), "{said}");
        }
    }

    #[test]
    fn what_lasts_is_one_alarm_until_it_is_over_and_a_new_one_when_it_comes_again() {
        let alarms = alarms();
        for what in ["full", "full", "fuller"] {
            alarms.raise(Kind::CannotRecord, part("disk"), what);
        }
        let list = alarms.list();
        assert_eq!((list.len(), list[0].what.as_str(), list[0].count), (1, "fuller", 1));
        alarms.clear(Kind::CannotRecord, &part("disk"));
        alarms.clear(Kind::CannotRecord, &part("disk"));
        assert!(alarms.list()[0].over.is_some());
        alarms.raise(Kind::CannotRecord, part("disk"), "full");
        let total = alarms.counts().into_iter().find(|(kind, ..)| *kind == Kind::CannotRecord).unwrap();
        assert_eq!((total.1, total.2), (2, 1));
        let is_active = |told: Told| matches!(told, Told::Alarm(alarm) if alarm.is_active());
        let told: Vec<bool> = alarms.0.feed.kept().into_iter().map(is_active).collect();
        assert_eq!(told, [true, true, false, true]);
    }

    #[test]
    fn what_happens_again_and_again_is_counted_in_one_place() {
        let alarms = alarms();
        let trunk = About::Trunk(Some("SBC".into()));
        for _ in 0..3 {
            alarms.raise(Kind::NothingToRecord, trunk.clone(), "speex");
        }
        assert_eq!(alarms.list()[0].count, 3);
        assert_eq!(alarms.list().len(), 1);
    }

    #[test]
    fn a_call_takes_what_lasts_of_it_with_it_and_leaves_what_has_happened() {
        let alarms = alarms();
        let [one, other] = [1, 2].map(|byte| CallId::from_bytes([byte; 16]));
        alarms.raise(Kind::OneWayAudio, About::Leg(one, 1), "");
        alarms.raise(Kind::CardNumber, About::Call(one), "");
        alarms.raise(Kind::NoMedia, About::Call(other), "");
        alarms.call_is_over(one);
        let active: Vec<Kind> =
            alarms.list().into_iter().filter(Alarm::is_active).map(|it| it.kind).collect();
        assert_eq!(active, [Kind::NoMedia, Kind::CardNumber], "the worst first");
    }

    #[test]
    fn parts_that_are_not_named_any_more_are_well_again() {
        let alarms = alarms();
        alarms
            .set_parts(Kind::LimitNear, &[("disk", "90 %".to_owned()), ("memory", "much".to_owned())].into());
        alarms.set_parts(Kind::LimitNear, &[("disk", "95 %".to_owned())].into());
        let list = alarms.list();
        assert_eq!((list[0].about.to_string().as_str(), list[0].what.as_str()), ("disk", "95 %"));
        assert!(!list[1].is_active());
    }

    #[test]
    fn there_are_never_more_than_there_is_room_for_and_what_is_over_goes_first() {
        let alarms = alarms();
        alarms.raise(Kind::JournalFailing, part("journal"), "");
        for number in 0..LIMIT + 10 {
            let about = part(&number.to_string());
            alarms.raise(Kind::LimitNear, about.clone(), "");
            alarms.clear(Kind::LimitNear, &about);
        }
        let list = alarms.list();
        assert!(list.len() <= LIMIT && list[0].kind == Kind::JournalFailing);
    }

    #[test]
    fn each_kind_says_what_it_means_and_what_to_do() {
        let mut keys: Vec<&str> = Kind::ALL.iter().map(|kind| kind.key()).collect();
        assert!(Kind::ALL.iter().all(|kind| kind.means().len() > 20 && kind.todo().len() > 20));
        keys.dedup();
        assert_eq!(keys.len(), Kind::ALL.len());
    }
}
