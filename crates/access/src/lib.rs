//! Who may do what, and to whose calls.
//!
//! A [`Principal`] asks. Its [`Grant`] has [`Role`]s, which say what it may do ([`Permission`]), and a [`Scope`], which says
//! whose calls it may do it to. Both are asked in one place each: the permission where a request comes in, the scope where
//! data is read (F-API-1, F-API-5).
//!
//! Belongs here: roles, permissions, scopes, and the limits of logins as state machines that are told the time. Does not:
//! passwords, keys and cookies (the server), tables (`index`).

mod allowance;
mod due;
mod grant;
mod lockout;
mod permission;
mod principal;
mod role;
mod scope;
mod stay;

pub use allowance::{Allowance, Asked, Rates};
pub use due::{Due, Entry};
pub use grant::{Grant, GrantError};
pub use lockout::{LONGEST_WAIT, Lockout};
pub use permission::Permission;
pub use principal::{Kind, Principal};
pub use role::{NoRole, Role};
pub use scope::Scope;
pub use stay::{Stay, StayLimits};
