//! Folders and files mirror the addresses.

pub(crate) mod native;
mod observe;
mod openapi;
mod wfo_json;
