//! Recordings are kept: the journal's thread, the sealer's thread, and the way of a stopped recording into its
//! file and the index.

pub mod check;
pub mod finish;
pub mod manifest;
mod sealer;
mod writer;

pub use sealer::{Sealing, Unstarted, start as start_sealer};
pub use writer::{Handle, Wiring, start as start_writer};
