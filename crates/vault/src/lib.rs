//! Files: nothing that was admitted is lost; nothing else is ever written.
//!
//! The vault keeps what the gate admitted (`calls::gate::Admitted` is the only thing it takes), encrypted from the
//! first byte, through crashes, in an order of writes and syncs that `design/durability.md` numbers.
//!
//! A packet's way, and who owns each stage:
//!
//! 1. [`RecordingWriter`], on a media thread, packs and encrypts packets into frames.
//! 2. [`JournalWriter`], on its own thread, appends the frames of all live calls to one log and makes them durable
//!    with one sync.
//! 3. [`Sealer`], on another, moves frames into a file per recording, and seals that file when the recording ends.
//! 4. [`Archive`] gives sealed recordings to readers, who alone need the [`ReadingKey`]; a [`Follower`] reads one that still
//!    grows.
//!
//! [`Store::open`] makes all of them, and tells what was found. Byte layouts: `ref/journal-file.md`,
//! `ref/recording-file.md`.
//!
//! Belongs here: every file of the data folder. Does not: what events and manifests mean (the server), rows (the
//! `index` crate), clocks and threads (the server).

mod apart;
mod batch;
mod block;
pub mod disk;
mod erase;
mod follow;
mod frame;
mod hex;
mod intake;
mod journal;
pub mod keys;
mod line;
pub mod owner;
mod recording;
mod redact;
mod seal;
mod shelf;
mod store;
pub mod sums;
mod used;
mod verify;

pub use apart::bulk::{Bulk, BulkListing, BulkName};
pub use apart::pages::{KeyPages, PageError, Rewritten, TakenFrom};
pub use apart::{BackupId, NoBackupId, TakenKeys};
pub use batch::FrameBatch;
pub use block::PacketHead;
pub use disk::{Disk, DiskError, RealDisk, Space, SpillDisk};
pub use erase::Destroyed;
pub use follow::{Follower, Reached, Sees};
pub use intake::{AppendError, Intake, MAX_STREAMS, RecordingWriter};
pub use journal::layout::MAX_OPAQUE_BYTES;
pub use journal::recovery::{Damage, DamageKind};
pub use journal::refusal::{Unappended, WriteError};
pub use journal::settlement::{Receipt, Settlement};
pub use journal::writer::{Committed, Freed, JournalWriter, MAX_QUEUED_BYTES};
pub use keys::signing::{Signature, SigningKey, SigningKeyId, VerifyingKey};
pub use keys::{KeyError, KeyFolder, KeyId, ReadingKey, RecorderKeys, StateKeys};
pub use line::append_line;
pub use recording::catalogue::StreamTally;
pub use recording::digest::{Digest, NotADigest};
pub use recording::reader::{Heads, Packets, ReadError, RecordingReader};
pub use recording::remainder::{Erased, ErasedMinute, Erases};
pub use recording::statement::{Seal, Statement};
pub use recording::writer::{MAX_MANIFEST_BYTES, SALT_BYTES};
pub use redact::RedactError;
pub use seal::{SealError, Sealed, Sealer, Survey};
pub use shelf::{Shelf, ShelfError};
pub use store::{Archive, Held, Listing, OpenError, Opened, Recovered, Settings, Store, Unfinished};
pub use used::LiveKeys;
pub use verify::{Verified, verify_file};
