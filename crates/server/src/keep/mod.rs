//! Recordings are kept: the journal's thread, the sealer's thread, and the way of a stopped recording into its
//! file and the index.

mod agree;
pub mod check;
pub mod finish;
pub mod manifest;
mod rows;
mod sealer;
mod unsettled;
mod volumes;
mod writer;

pub use rows::Rows;
pub use sealer::{Sealing, Unstarted, start as start_sealer};
pub use unsettled::Unsettled;
pub use volumes::Volumes;
pub use writer::{Handle, Wiring, start as start_writer};

#[cfg(test)]
pub(crate) use sealer::by_turns as sealer_by_turns;
#[cfg(test)]
pub(crate) use writer::by_turns as writer_by_turns;
