//! What is done to recordings after they were sealed.
//!
//! Belongs here: which of it a wish concerns, and the order of steps in which it is done. Does not: files (the vault), rows
//! (the index), who may ask (`control`).

mod erasure;
mod redact;

pub use redact::{RedactFailure, Redactor};
