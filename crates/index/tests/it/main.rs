//! The questions the index answers, asked of a real database in a temporary folder.

mod annotating;
mod finding;
mod hostile;
mod links;
mod opening;
mod paging;
mod putting;
mod redacting;
mod retaining;
mod world;
