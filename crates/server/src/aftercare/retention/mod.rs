//! Retention: recordings grow old, go to archives, are held, and are erased (design/retention.md).
//!
//! Pure: [`plan`], [`guard`], [`brake`]. The rest carries out what they say.

pub mod archives;
mod archivist;
pub mod brake;
mod bucket;
mod erasing;
mod files;
pub mod guard;
mod memory;
pub mod plan;
mod subject;

pub use archives::{ArchiveError, Archives};
pub use archivist::{Actions, Archivist, Settings};
pub use bucket::BucketSettings;
pub use files::{Files, LocalFiles};
pub use memory::{Memory, Stopped};
pub use subject::{Asked, Outcome, Subject};

#[cfg(test)]
mod tests;
