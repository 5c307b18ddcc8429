//! The headers we read, one file each.
//!
//! *Belongs here*: reading and printing the value of one header. *Does not*: what follows from it.

pub mod contact;
pub mod cseq;
pub mod list;
pub mod name_addr;
pub mod params;
pub mod session_expires;
pub mod session_id;
pub mod via;

pub use cseq::CSeq;
pub use name_addr::NameAddr;
pub use params::Params;
pub use session_expires::{MinSe, Refresher, SessionExpires};
pub use session_id::SessionUuid;
pub use via::Via;
