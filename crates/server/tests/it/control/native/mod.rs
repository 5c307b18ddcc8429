//! `/v1/...`: the recorder's own API.

mod agents;
mod audio;
mod calls;
mod exports;
mod forms;
pub(crate) mod recordings;
