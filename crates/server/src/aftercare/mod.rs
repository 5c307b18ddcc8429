//! What is done to recordings after they were sealed.
//!
//! Belongs here: which of it a wish or a term concerns, and the order of steps in which it is done. Does not: files (the vault), rows
//! (the index), who may ask (`control`).

mod erasure;
mod redact;
pub mod retention;

pub use redact::{RedactFailure, Redactor};
