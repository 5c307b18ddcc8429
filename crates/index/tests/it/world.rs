//! A small world of recordings.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use calls::id::{AgentId, CallId, RecordingId};
use calls::time::Wall;
use index::trail::{Notary, Whose};
use index::{Care, Completeness, Direction, Index, Inherited, Page, Party, Query, RecordingRow};

/// An index in a folder that goes when it does.
pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) index: Index,
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let index = Index::open(&folder.path().join("index.db")).await.expect("a new index opens");
        Self { folder, index }
    }

    /// One whose writer has the key of the install.
    pub(crate) async fn signing() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("index.db");
        let index = Index::open_signing(&path, Key::new("own")).await.expect("a new index opens");
        Self { folder, index }
    }

    /// Closes the index and opens it again, as who has this key.
    pub(crate) async fn reopened_by(self, key: Arc<Key>) -> Self {
        let path = self.path();
        self.index.close().await;
        let index = Index::open_signing(&path, key).await.expect("the index opens again");
        Self { folder: self.folder, index }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("index.db")
    }

    /// Closes the index and opens it again.
    pub(crate) async fn reopened(self) -> Self {
        let path = self.path();
        self.index.close().await;
        let index = Index::open(&path).await.expect("the index opens again");
        Self { folder: self.folder, index }
    }

    pub(crate) async fn put(&self, row: &RecordingRow) -> i64 {
        self.index.put_recording(row).await.expect("a recording is put")
    }

    pub(crate) async fn find(&self, query: Query) -> Page<RecordingRow> {
        self.index.find(&query).await.expect("a search is answered")
    }

    /// The places (see [`row`]) of what is found, newest first.
    pub(crate) async fn places(&self, query: Query) -> Vec<u8> {
        self.find(query).await.items.iter().map(|row| row.id.as_bytes()[15]).collect()
    }
}

/// The key of an install, which signs as no real one does: whoever reads this could.
#[derive(Debug)]
pub(crate) struct Key {
    name: &'static str,
    pub(crate) former: &'static str,
}

impl Key {
    pub(crate) fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self { name, former: "none" })
    }

    pub(crate) fn after(name: &'static str, former: &'static str) -> Arc<Self> {
        Arc::new(Self { name, former })
    }
}

impl Notary for Key {
    fn now_ns(&self) -> i64 {
        1_800_000_000_000_000_000
    }

    fn sign(&self, message: &[u8]) -> String {
        format!("{} {message:?}", self.name)
    }

    fn whose(&self, message: &[u8], signature: &str) -> Whose {
        match signature {
            _ if signature == self.sign(message) => Whose::Own,
            _ if signature == format!("{} {message:?}", self.former) => Whose::Former(self.former.to_owned()),
            _ => Whose::Nobodys("nobody signed it".to_owned()),
        }
    }
}

pub(crate) fn id(place: u8) -> RecordingId {
    let mut bytes = [0x11; 16];
    bytes[15] = place;
    RecordingId::from_bytes(bytes)
}

/// The recording number `place` of the world: it started `place` seconds into it.
pub(crate) fn row(place: u8) -> RecordingRow {
    let started = Wall::from_ms(1_700_000_000_000 + i64::from(place) * 1_000);
    let ended = Wall::from_ns(started.as_ns() + 9_000_000_001);
    RecordingRow {
        id: id(place),
        call: CallId::from_bytes([place; 16]),
        ident: 0,
        sip_call_id: Some(format!("{place}@192.0.2.9")),
        call_instance: Some(format!("{place}-77@192.0.2.9")),
        agent: Some(AgentId(1)),
        agent_name: Some("Jane Doe".to_owned()),
        device: Some("4678".to_owned()),
        direction: Some(Direction::Inbound),
        ani: Some("+15550100".to_owned()),
        dnis: Some("18005550199".to_owned()),
        business_unit: 3,
        started,
        ended,
        duration_ms: 9_000,
        file: format!("recordings/2023/{place}.rec"),
        file_bytes: 144_000,
        digest: [place; 32],
        streams: 2,
        completeness: Completeness::CompleteWithGaps,
        interrupted: false,
        blackout_ms: 2_500,
        packets_received: 900,
        packets_stored: 650,
        packets_dark: 250,
        packets_lost: 4,
        fields: BTreeMap::from([
            ("user1".to_owned(), "gold".to_owned()),
            ("user2".to_owned(), format!("order {place}")),
            ("gate".to_owned(), "12".to_owned()),
        ]),
        parties: vec![
            Party {
                name: Some("J\u{f6}rg M\u{fc}ller".to_owned()),
                address: "sip:+15550100@192.0.2.9;user=phone".to_owned(),
                stream: Some(0),
            },
            Party { name: None, address: "tel:4678".to_owned(), stream: Some(1) },
        ],
        known_as: [format!("00FA08010F5C6D{place:02X};encoding=hex"), format!("guid-{place}")].into(),
        why: "kept: every call is recorded".to_owned(),
        schedule: Some("Sales 20 %".to_owned()),
        keep_days: Some(90),
        archive_action: 3,
        overridden: false,
        inherited: Inherited { keep_days: Some(90), archive_action: 3 },
        link: None,
        doubled: false,
        copies: 0,
        remarks: Vec::new(),
        care: Care { next: Some((3, ended.after(Duration::from_secs(90 * 86_400)))), ..Care::default() },
    }
}

/// A row with other party names and addresses than the usual ones.
pub(crate) fn anonymous(place: u8) -> RecordingRow {
    RecordingRow {
        agent: None,
        agent_name: None,
        device: None,
        direction: None,
        ani: None,
        dnis: None,
        sip_call_id: None,
        call_instance: None,
        fields: BTreeMap::new(),
        parties: Vec::new(),
        ..row(place)
    }
}
