//! A chain, and everything somebody might do to it.

mod lines;
mod tampering;
mod world;
