//! The contact centre: who is on which phone, what is kept, what is silent.
//!
//! A pure crate. Time, identities and wishes come in as arguments; decisions go out as events (what has
//! happened, to be journaled) and effects (what must be done now). It performs nothing.

pub mod agent;
pub mod agents_file;
pub mod archive;
pub mod blackout;
pub mod call;
pub mod card;
pub mod effect;
pub mod event;
pub mod field;
pub mod gate;
pub mod id;
pub mod packet;
pub mod recording;
pub mod schedule;
pub mod time;
pub mod tracker;
