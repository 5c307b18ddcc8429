//! What happened to each call, in order: for the person who asks why it was recorded as it was.
//!
//! Kept in memory with limits, and sealed with the recordings of the call. What is dropped is counted. Writing never waits
//! for a disk.
//!
//! Belongs here: what is remembered and for how long. Does not: who tells it (SIP's witness, the desk, the finisher).

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use calls::card;
use calls::id::CallId;
use calls::time::Wall;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// Entries kept of one call: the first and the newest; what lies between gives way.
pub const MAX_ENTRIES: usize = 256;

/// Text kept of one call, bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// Text kept of all calls, bytes; the oldest calls give way.
const ALL_BYTES: usize = 32 << 20;

/// Longest text of one message.
const TEXT_BYTES: usize = 4 * 1024;

/// Calls remembered, live and ended.
const MAX_CALLS: usize = 16_384;

/// Dialogs remembered of which no call is known yet.
const MAX_DIALOGS: usize = 256;

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A SIP message came or went.
    Message,
    /// The client told metadata.
    Metadata,
    /// The recorder decided something.
    Decision,
    /// Something was commanded.
    Command,
    /// What came of media.
    Media,
    /// Something was wrong.
    Fault,
}

impl Kind {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Metadata => "metadata",
            Self::Decision => "decision",
            Self::Command => "command",
            Self::Media => "media",
            Self::Fault => "fault",
        }
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it first happened.
    pub at: Wall,
    /// What kind.
    pub kind: Kind,
    /// A sentence.
    pub what: String,
    /// A SIP message, without keys, secrets and metadata, and without card numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// How often, as when a message came again.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_once(times: &u32) -> bool {
    *times == 1
}

impl Entry {
    /// An entry without a message. Card numbers are struck out.
    pub fn new(at: Wall, kind: Kind, what: impl Into<String>) -> Self {
        let what = card::struck(&what.into()).into_owned();
        Self { at, kind, what, text: None, times: 1 }
    }

    /// The same with the excerpt of a message.
    #[must_use]
    pub fn with_text(mut self, text: &str) -> Self {
        let mut text = card::struck(text).into_owned();
        if text.len() > TEXT_BYTES {
            text.truncate(text.floor_char_boundary(TEXT_BYTES));
            text.push_str("\n[cut]");
        }
        self.text = Some(text);
        self
    }

    fn bytes(&self) -> usize {
        64 + self.what.len() + self.text.as_ref().map_or(0, String::len)
    }

    fn repeats(&self, other: &Self) -> bool {
        (self.kind, &self.what, &self.text) == (other.kind, &other.what, &other.text)
    }
}

/// What happened to one call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chronicle {
    /// In order.
    pub entries: Vec<Entry>,
    /// Entries that were dropped for want of room.
    pub dropped: u64,
    bytes: usize,
    /// The dialogs that bring the call.
    brought_by: Vec<String>,
}

impl Chronicle {
    fn put(&mut self, entry: Entry) {
        const NEAR: usize = 8;
        let mut near = self.entries.iter_mut().rev().take(NEAR);
        if let Some(before) = near.find(|before| before.kind == Kind::Message && before.repeats(&entry)) {
            before.times = before.times.saturating_add(1);
            return;
        }
        self.bytes += entry.bytes();
        self.entries.push(entry);
        while self.entries.len() > MAX_ENTRIES || (self.bytes > MAX_BYTES && self.entries.len() > 1) {
            let dropped = self.entries.remove(self.entries.len() / 2);
            self.bytes -= dropped.bytes();
            self.dropped += 1;
        }
    }
}

/// The chronicles of all calls. Copies of it show the same.
#[derive(Debug, Clone, Default)]
pub struct Chronicles(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Oldest first: ids of calls carry the time of their beginning.
    calls: BTreeMap<CallId, Chronicle>,
    bytes: usize,
    /// Which calls a dialog brings, by SIP Call-ID.
    brings: HashMap<String, Vec<CallId>>,
    /// Dialogs of which no call is known yet.
    dialogs: HashMap<String, Chronicle>,
    dialogs_oldest_first: VecDeque<String>,
}

impl Chronicles {
    /// Something happened to a call.
    pub fn call(&self, call: CallId, entry: Entry) {
        self.0.lock().put(call, entry);
    }

    /// Something happened in a dialog, which may bring a call.
    pub fn dialog(&self, sip_call_id: &str, entry: Entry) {
        let mut state = self.0.lock();
        if let Some(calls) = state.brings.get(sip_call_id).cloned() {
            return calls.into_iter().for_each(|call| state.put(call, entry.clone()));
        }
        if !state.dialogs.contains_key(sip_call_id) {
            state.dialogs_oldest_first.push_back(sip_call_id.to_owned());
            if state.dialogs_oldest_first.len() > MAX_DIALOGS
                && let Some(oldest) = state.dialogs_oldest_first.pop_front()
            {
                state.dialogs.remove(&oldest);
            }
        }
        state.dialogs.entry(sip_call_id.to_owned()).or_default().put(entry);
    }

    /// A dialog brings this call: what happened in it happened to the call.
    pub fn brings(&self, sip_call_id: &str, call: CallId) {
        let mut state = self.0.lock();
        let calls = state.brings.entry(sip_call_id.to_owned()).or_default();
        if !calls.contains(&call) {
            calls.push(call);
        }
        let before = state.dialogs.remove(sip_call_id).unwrap_or_default();
        state.dialogs_oldest_first.retain(|known| known != sip_call_id);
        before.entries.into_iter().for_each(|entry| state.put(call, entry));
        let chronicle = state.calls.entry(call).or_default();
        chronicle.brought_by.push(sip_call_id.to_owned());
        chronicle.dropped += before.dropped;
        chronicle.entries.sort_by_key(|entry| entry.at);
    }

    /// A dialog goes on without this call. What happens in it while it brings no call is of the next that it brings.
    pub fn leaves(&self, sip_call_id: &str, call: CallId) {
        self.0.lock().leave(sip_call_id, call);
    }

    /// What happened to a call is kept elsewhere.
    pub fn forget(&self, call: CallId) {
        let mut state = self.0.lock();
        if let Some(chronicle) = state.calls.remove(&call) {
            state.let_go(call, &chronicle);
        }
    }

    /// What happened to a call so far, if that is remembered.
    pub fn of(&self, call: CallId) -> Option<Chronicle> {
        self.0.lock().calls.get(&call).cloned()
    }
}

impl State {
    fn put(&mut self, call: CallId, entry: Entry) {
        let chronicle = self.calls.entry(call).or_default();
        let before = chronicle.bytes;
        chronicle.put(entry);
        self.bytes = self.bytes + chronicle.bytes - before;
        while self.bytes > ALL_BYTES || self.calls.len() > MAX_CALLS {
            let Some((call, oldest)) = self.calls.pop_first() else { return };
            self.let_go(call, &oldest);
        }
    }

    /// What stood for a chronicle that was taken out.
    fn let_go(&mut self, call: CallId, chronicle: &Chronicle) {
        self.bytes -= chronicle.bytes;
        chronicle.brought_by.iter().for_each(|dialog| self.leave(dialog, call));
    }

    fn leave(&mut self, dialog: &str, call: CallId) {
        if let Some(calls) = self.brings.get_mut(dialog) {
            calls.retain(|known| *known != call);
            if calls.is_empty() {
                self.brings.remove(dialog);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Wall {
        Wall::from_ms(1_700_000_000_000 + ms)
    }

    fn message(ms: i64, what: &str) -> Entry {
        Entry::new(at(ms), Kind::Message, what).with_text("INVITE sip:r@h SIP/2.0")
    }

    #[test]
    fn what_happened_before_the_call_was_known_is_the_calls_and_repeats_are_counted() {
        let chronicles = Chronicles::default();
        let call = CallId::from_bytes([1; 16]);
        chronicles.dialog("a", message(0, "INVITE came"));
        chronicles.dialog("a", message(500, "INVITE came"));
        chronicles.call(call, Entry::new(at(600), Kind::Decision, "recorded"));
        chronicles.brings("a", call);
        chronicles.dialog("a", message(700, "ACK came"));
        chronicles.dialog("b", message(800, "INVITE came"));
        let seen = chronicles.of(call).unwrap();
        let told: Vec<_> = seen.entries.iter().map(|entry| (entry.what.as_str(), entry.times)).collect();
        assert_eq!(told, [("INVITE came", 2), ("recorded", 1), ("ACK came", 1)]);
        assert_eq!(chronicles.of(CallId::from_bytes([2; 16])), None);
    }

    #[test]
    fn the_first_and_the_newest_stay_and_what_gave_way_is_counted() {
        let mut chronicle = Chronicle::default();
        for n in 0..1_000 {
            chronicle.put(Entry::new(at(n), Kind::Metadata, format!("update {n}")));
        }
        assert_eq!((chronicle.entries.len(), chronicle.dropped), (MAX_ENTRIES, 744));
        assert_eq!(chronicle.entries[0].what, "update 0");
        assert_eq!(chronicle.entries.last().unwrap().what, "update 999");
        for n in 0..100 {
            let text = "x".repeat(10_000);
            chronicle.put(Entry::new(at(2_000), Kind::Message, format!("{n}")).with_text(&text));
        }
        let bytes: usize = chronicle.entries.iter().map(Entry::bytes).sum();
        assert!(bytes <= MAX_BYTES && bytes == chronicle.bytes, "{bytes}");
    }

    #[test]
    fn no_card_number_is_remembered() {
        let entry = Entry::new(at(0), Kind::Decision, "queue 4111111111111111")
            .with_text("INVITE sip:4111111111111111@h SIP/2.0");
        assert!(!format!("{entry:?}").contains("4111111111111111"), "{entry:?}");
    }

    #[test]
    fn calls_and_dialogs_that_are_forgotten_leave_nothing_behind() {
        let chronicles = Chronicles::default();
        for n in 0..MAX_DIALOGS + 10 {
            chronicles.dialog(&n.to_string(), message(0, "INVITE came"));
        }
        assert_eq!(chronicles.0.lock().dialogs.len(), MAX_DIALOGS);
        for n in 0..u16::try_from(MAX_CALLS + 10).unwrap() {
            let mut bytes = [0; 16];
            bytes[..2].copy_from_slice(&n.to_be_bytes());
            chronicles.brings(&format!("call {n}"), CallId::from_bytes(bytes));
            chronicles.call(CallId::from_bytes(bytes), Entry::new(at(0), Kind::Decision, "recorded"));
        }
        let state = chronicles.0.lock();
        let bytes: usize = state.calls.values().map(|chronicle| chronicle.bytes).sum();
        assert_eq!((state.calls.len(), state.brings.len(), state.bytes), (MAX_CALLS, MAX_CALLS, bytes));
    }
}
