//! Commands and questions come in.
//!
//! Wire names end here: what a command asks for goes to the desk in domain words, and the answer comes back in
//! the words of the face it was asked at.
//!
//! Belongs here: parsing requests, printing answers. Does not: decisions (the desk), sound ([`crate::playback`]).

pub(crate) mod acts;
pub(crate) mod error;
pub(crate) mod given;
mod guarded;
pub(crate) mod hands;
pub(crate) mod native;
pub mod openapi;
pub(crate) mod scope;
pub(crate) mod spreadsheet;
pub(crate) mod time;
pub(crate) mod wfo_json;
pub(crate) mod wfo_xml;
pub(crate) mod zip;

#[doc(hidden)]
pub use wfo_json::check_parameters;
pub use wfo_xml::Heard;
#[doc(hidden)]
pub use wfo_xml::{check_query, check_stream};
