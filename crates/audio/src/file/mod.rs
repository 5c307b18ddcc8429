//! Sound files.
//!
//! Belongs here: the forms sound is given out in, and what makes them of samples window by window, in little memory.
//! Does not: where samples come from, MP3 (an installed ffmpeg makes it; here is only the head of such a file).

mod encoder;
pub mod flac;
mod form;
mod meter;
pub mod mp3;
pub mod ogg;
pub mod opus;
pub mod wav;

pub use encoder::{Encoder, Shape};
pub use form::{Form, NoForm};
pub use meter::Meter;
