//! `/v1/...`: the recorder's own API.

mod agents;
mod annotations;
mod audio;
mod calls;
mod exports;
mod forms;
pub(crate) mod recordings;
mod schedules;
