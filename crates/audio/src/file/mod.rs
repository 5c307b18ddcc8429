//! Sound files.

pub mod ogg;
pub mod wav;
