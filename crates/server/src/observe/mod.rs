//! The recorder tells how it is: counters, and whether it can record.
//!
//! Belongs here: what is counted and what is reported. Does not: who counts (each part where things happen),
//! HTTP ([`crate::control`] serves what stands here).

pub mod alarms;
pub mod blackout_norm;
pub mod chronicle;
pub mod feed;
pub mod health;
pub mod machine;
pub mod metrics;
pub mod overload;
pub mod reconcile;
pub mod refusals;
