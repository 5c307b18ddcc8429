//! Who did what: entries, the chain that holds them together, and how it is checked (C8-03, F-INS-1).
//!
//! Each entry has a number, counted from 1 without a gap, and a hash over its content and the hash of the entry before: whoever
//! changes, takes out, moves or puts in one has to write all behind it anew. A signed [`Head`] says how the chain stood at a
//! time; one that is kept where nobody of the recorder can change it (a *witness*) shows that as well, and that the end was cut
//! off. A signed [`Tip`] says where it ends now: nobody without the key puts anything behind it.
//!
//! Belongs here: bytes that are hashed and signed, what a check finds, the lines of an extract. Does not: where entries are
//! kept (`index`), who writes them and when (the server), keys (`vault`). `ref/audit.md` has the forms.

mod chain;
mod check;
mod entry;
mod head;
mod hex;
mod line;
mod tip;

pub use chain::{Hash, Link};
pub use check::{Checker, Fault};
pub use entry::{Entry, Outcome, TEXT_MAX_BYTES};
pub use head::{Head, PURPOSE};
pub use line::{EXTRACT, Line, LineFault, Start};
pub use tip::{EndFault, TIP_PURPOSE, Tip, ends};
