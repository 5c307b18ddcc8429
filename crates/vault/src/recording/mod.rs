//! Finished calls: one immutable file per recording. Until it is sealed it is a part file that grows.
//!
//! Belongs here: the file's bytes, its catalogue, its digest, growing it, reading it. Does not: when it is sealed,
//! and in which order of syncs ([`crate::seal`]). Bytes: `ref/recording-file.md`.

pub(crate) mod catalogue;
pub(crate) mod digest;
pub(crate) mod layout;
pub(crate) mod merkle;
pub(crate) mod part;
pub(crate) mod place;
pub(crate) mod reader;
pub(crate) mod remainder;
pub(crate) mod statement;
pub(crate) mod surveying;
pub(crate) mod writer;
