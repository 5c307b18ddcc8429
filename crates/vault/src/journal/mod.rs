//! Live calls: one shared append-only log, one sync for all calls.
//!
//! Belongs here: segments, their writing, reading and recovery. Does not: the recording files frames are moved to
//! ([`crate::recording`], [`crate::seal`]). Bytes: `ref/journal-file.md`; order of steps: `design/durability.md`.

pub(crate) mod layout;
pub(crate) mod reader;
pub(crate) mod recovery;
pub(crate) mod refusal;
pub(crate) mod segment;
pub(crate) mod settlement;
pub(crate) mod writer;
