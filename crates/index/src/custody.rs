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
    /// The row names another file than the chain does.
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

/// Recordings whose seals the chain does not have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unrecorded {
    /// Those that came before the first whose seal it has.
    pub older: u64,
    /// Those that came after it.
    pub others: u64,
    /// One of the latter.
    pub one: Option<String>,
}
