//! Folders and files mirror the addresses.

pub(crate) mod access;
pub(crate) mod native;
mod observe;
mod openapi;
pub(crate) mod wfo_json;
