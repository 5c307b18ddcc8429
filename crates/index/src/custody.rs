//! Whether recordings are as the chain of the audit says (C8-03): none was taken out of the index, put in, or exchanged.

/// What became of a recording whose seal the chain has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custody {
    /// The entry of the seal.
    pub number: u64,
    /// The recording's id, as the entry has it.
    pub recording: String,
    /// How its row stands.
    pub standing: Standing,
}

/// How the row of a recording stands to what the chain says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// As it says.
    Good,
    /// There is no row.
    Missing,
    /// The row names another file than the chain does, or has another number.
    Another {
        /// What the chain says last.
        said: String,
        /// What the row says.
        stands: String,
    },
    /// The row is of an erased recording, and the chain does not say so.
    ErasedUnsaid,
    /// The chain says that it was erased, and the row does not.
    Returned,
}

/// Recordings that are in the index past the chain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unrecorded {
    /// Those of which it has no entry of their seal.
    pub count: u64,
    /// One of them.
    pub one: Option<String>,
    /// Rows whose number is none that a recorder gives, 1 or more.
    pub unlisted: u64,
}
