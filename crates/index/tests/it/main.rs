//! The questions the index answers, asked of a real database in a temporary folder.

mod annotating;
mod auditing;
mod custody;
mod finding;
mod hostile;
mod links;
mod naming;
mod opening;
mod outbox;
mod paging;
mod putting;
mod redacting;
mod registering;
mod remarking;
mod retaining;
mod schema;
mod scoping;
mod tip;
mod world;
