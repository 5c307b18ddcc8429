//! Sound files.

pub mod wav;
