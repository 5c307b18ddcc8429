//! `/v1/...`: the recorder's own API.

mod agents;
mod audio;
mod calls;
pub(crate) mod recordings;
mod vcon;
mod webhooks;
