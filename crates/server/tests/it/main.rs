//! The server as its users meet it: requests in, answers out.
#![expect(clippy::unwrap_used, reason = "functions that only tests call")]

mod control;
mod fake;
mod packaging;
mod program;
mod talk;
mod web;
