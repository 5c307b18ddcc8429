//! What the index keeps of a recording, in domain words.
//!
//! Belongs here: the rows that go in and come out. Does not: how they are stored ([`crate::sqlite`]), what is
//! asked of them ([`crate::query`]).

use std::collections::{BTreeMap, BTreeSet};

use calls::call::Link;
use calls::id::{AgentId, CallId, RecordingId};
use calls::time::Wall;

use crate::care::Care;
use crate::remark::Remark;

/// One sealed recording as it is found again.
///
/// A row implies a synced file of that length and digest: it is put after the file, never before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingRow {
    /// The recording's own id.
    pub id: RecordingId,
    /// The call it is kept of; several recordings may share one.
    pub call: CallId,
    /// The numeric key that WFO exports use. The index assigns it: what stands here when a row is put is not
    /// looked at.
    pub ident: i64,
    /// SIP Call-ID of the recording session, if SIP was involved.
    pub sip_call_id: Option<String>,
    /// The WFO call instance.
    pub call_instance: Option<String>,
    /// The agent, if one was known.
    pub agent: Option<AgentId>,
    /// The agent's name when the recording was sealed.
    pub agent_name: Option<String>,
    /// The physical number of the phone.
    pub device: Option<String>,
    /// Which way the call went, if that is known.
    pub direction: Option<Direction>,
    /// The calling number, as received.
    pub ani: Option<String>,
    /// The number called, as received.
    pub dnis: Option<String>,
    /// The agent's business unit, 0 if there is none.
    pub business_unit: i64,
    /// The first instant.
    pub started: Wall,
    /// One past the last instant.
    pub ended: Wall,
    /// Length as it plays, gaps and blackouts included.
    pub duration_ms: u64,
    /// The sealed file: a path relative to the data folder, `/` between its parts. No two rows name the same.
    pub file: String,
    /// Length of that file.
    pub file_bytes: u64,
    /// SHA-256 by which that file is known.
    pub digest: [u8; 32],
    /// How many streams the file holds.
    pub streams: i64,
    /// The label of B10-04.
    pub completeness: Completeness,
    /// Whether a stop of the recorder ended it.
    pub interrupted: bool,
    /// How much of `duration_ms` is blackout.
    pub blackout_ms: u64,
    /// Packets received, over all streams.
    pub packets_received: u64,
    /// Packets stored.
    pub packets_stored: u64,
    /// Packets a blackout turned away.
    pub packets_dark: u64,
    /// Packets that never came.
    pub packets_lost: u64,
    /// Metadata under its WFO keys, user1 to user15 included. Keys are kept in lower case.
    pub fields: BTreeMap<String, String>,
    /// Who was in the call.
    pub parties: Vec<Party>,
    /// Ids that other systems gave the call, as they were sent.
    pub known_as: BTreeSet<String>,
    /// The sentence that says why it was kept.
    pub why: String,
    /// The schedule that had it kept, by its name then; `None` if the settings did.
    pub schedule: Option<String>,
    /// Days from its end that it is kept; `None` for ever.
    pub keep_days: Option<i64>,
    /// The number of the archive action that is done when they are over; 1 purges.
    pub archive_action: i64,
    /// Whether a command said otherwise than schedule and settings.
    pub overridden: bool,
    /// What schedule or settings said: what holds again when a command writes -1.
    pub inherited: Inherited,
    /// How its call belongs to an earlier one.
    pub link: Option<Link>,
    /// Whether it is a copy all of which the original holds too. The index finds it out.
    pub doubled: bool,
    /// How many copies of it lists leave out. The index counts them.
    pub copies: u32,
    /// What people have attached to it, in the order they did; none when a row is put.
    pub remarks: Vec<Remark>,
    /// What is done, or to be done, to it. The index finds it out: what stands here when a row is put is not looked at.
    pub care: Care,
}

/// What schedule or settings said of how long a recording is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inherited {
    /// Days; `None` for ever.
    pub keep_days: Option<i64>,
    /// The archive action.
    pub archive_action: i64,
}

/// A recording that has to do with another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// The recording.
    pub row: RecordingRow,
    /// What it has to do with the other.
    pub relation: Relation,
    /// Ids of other systems that both have, as this one has them.
    pub shared: Vec<String>,
}

/// What one recording has to do with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// It is of the same call.
    SameCall,
    /// It is of the same communication session at the same time, brought by another recording session (A9-09).
    Copy,
    /// The other goes on where it ended (A7-09).
    Before,
    /// It goes on where the other ended.
    After,
    /// Some system gave both calls the same id, as for the legs of a transfer (A7-05).
    SharesId,
}

impl Relation {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SameCall => "same-call",
            Self::Copy => "copy",
            Self::Before => "before",
            Self::After => "after",
            Self::SharesId => "shares-id",
        }
    }
}

/// Somebody in a recorded call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Display name as received.
    pub name: Option<String>,
    /// Address of record, or a bare number, as received.
    pub address: String,
    /// The stream this party speaks into, if known.
    pub stream: Option<u16>,
}

/// Which way a call went, seen from the contact centre.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// `I` on the wire.
    Inbound,
    /// `O` on the wire.
    Outbound,
}

impl Direction {
    /// The letter of the WFO wire: `I` or `O`.
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Inbound => "I",
            Self::Outbound => "O",
        }
    }

    /// Reads the letter, in either case.
    pub fn from_letter(text: &str) -> Option<Self> {
        match text {
            "I" | "i" => Some(Self::Inbound),
            "O" | "o" => Some(Self::Outbound),
            _ => None,
        }
    }
}

/// How whole a recording is (B10-04), by rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// Nothing is missing.
    Complete,
    /// Every stream is there; some packets never came.
    CompleteWithGaps,
    /// A stream is missing, or the recording was cut short.
    Partial,
    /// Nothing can be heard.
    Failed,
}

impl Completeness {
    /// The label as it is stored and shown.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::CompleteWithGaps => "complete-with-gaps",
            Self::Partial => "partial",
            Self::Failed => "failed",
        }
    }

    /// Reads the label.
    pub fn from_label(text: &str) -> Option<Self> {
        [Self::Complete, Self::CompleteWithGaps, Self::Partial, Self::Failed]
            .into_iter()
            .find(|it| it.label() == text)
    }
}

/// One listen to a recording (C8-05): appended before the first byte of audio leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// When.
    pub at: Wall,
    /// What was listened to. It need not have a row: a live call can be listened to.
    pub recording: RecordingId,
    /// The name of the login or key, or what stands for it where none is asked.
    pub who: String,
    /// The network address it came from.
    pub from: String,
    /// What was asked for: format and range.
    pub what: String,
}

/// A span of a sealed recording that somebody wants erased (C2-12).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedactionAsked {
    /// The recording.
    pub recording: RecordingId,
    /// Where it begins.
    pub from: Wall,
    /// Where it ends.
    pub until: Wall,
    /// Who approved it.
    pub who: String,
    /// Why.
    pub why: String,
    /// The network address it was asked from.
    pub source: String,
    /// When.
    pub at: Wall,
    /// Whether it is card data that goes: that is erased even under a legal hold, for it may never be kept (C6).
    pub card_data: bool,
}

/// What came of it: what the row of the recording is to say from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedactionDone {
    /// When it was done.
    pub at: Wall,
    /// How many packets were erased.
    pub packets: u64,
    /// How many are left.
    pub packets_left: u64,
    /// The digest of the file before.
    pub digest_before: [u8; 32],
    /// The digest of the file that is there now.
    pub digest_after: [u8; 32],
    /// Its length.
    pub file_bytes: u64,
}

/// A redaction as it is on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redaction {
    /// Its number, over all recordings.
    pub number: i64,
    /// What was asked for.
    pub asked: RedactionAsked,
    /// The hold that held the recording when it was asked, if it was card data.
    pub under_hold: Option<i64>,
    /// When it was done, how many packets were erased, and the digests of the file before and after; absent while it is not.
    pub done: Option<(Wall, u64, [u8; 32], [u8; 32])>,
}

/// What a row says about its file, for whoever compares rows with files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// The row's numeric key; give the last one of a page to get the next page.
    pub ident: i64,
    /// The recording.
    pub recording: RecordingId,
    /// The archive its file is in; `None` for the data folder.
    pub place: Option<String>,
    /// Path relative to the data folder or the archive.
    pub file: String,
    /// Length the file must have.
    pub file_bytes: u64,
    /// Digest the file must have.
    pub digest: [u8; 32],
}

/// How much of the recordings of a time an agent was dark in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DarkTotals {
    /// The agent; `None` for recordings without one.
    pub agent: Option<AgentId>,
    /// The agent's name, as one of the recordings has it.
    pub agent_name: Option<String>,
    /// Recordings in all.
    pub recordings: u64,
    /// Of these, those with a blackout.
    pub dark_recordings: u64,
    /// How long all are together.
    pub recorded_ms: u64,
    /// How long they are dark together.
    pub dark_ms: u64,
    /// How long the one is dark that is so longest.
    pub longest_ms: u64,
}
