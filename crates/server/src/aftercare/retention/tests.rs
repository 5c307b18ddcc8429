//! Recordings grow old on a disk that fails on demand, under a clock that steps.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use calls::archive::{ArchiveAction, ArchiveActions, ArchiveKind, NextAction};
use calls::gate::{Closed, Gate};
use calls::id::{AgentId, ArchiveActionId, CallId, RecordingId, StreamNumber};
use calls::packet::Packet;
use calls::time::Wall;
use index::{Care, Completeness, HoldWanted, Index, Inherited, Party, Query, RecordingRow};
use parking_lot::Mutex;
use vault::disk::sim::{Crash, SimDisk};
use vault::{
    Archive, Destroyed, Digest, Disk, FrameBatch, KeyFolder, Opened, ReadingKey, RecorderKeys, Store,
};

use super::guard::Reading;
use super::{Archives, Archivist, Asked, Files, Memory, Settings, Stopped, Subject};
use crate::clock::Clock;
use crate::desk::Later;
use crate::observe::alarms::{Alarm, Alarms, Kind};
use crate::observe::feed::{Feed, Next, Told};
use crate::observe::metrics::Metrics;
use crate::trail::Audit;

const DAY_S: i64 = 86_400;
const ROOT: &str = "/";
const COLD: &str = "/cold";
const NEAR: &str = "/near";

static KEYS: LazyLock<(RecorderKeys, ReadingKey)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let keys = KeyFolder::open_or_create(&folder.path().join("keys")).expect("keys");
    (keys.recorder(), keys.reading().expect("the private half"))
});

/// A recording whose id was drawn on 2025-08-20.
fn id(last: u8) -> RecordingId {
    let mut bytes = *"0198c7a2-4f3e-7abc-8def-012345678900".parse::<RecordingId>().unwrap().as_bytes();
    bytes[15] = last;
    RecordingId::from_bytes(bytes)
}

/// When all of them ended.
fn ended() -> Wall {
    Wall::from_ms(1_755_700_010_000)
}

fn day(days: i64) -> Wall {
    Wall::from_ms(ended().as_ms() + days * DAY_S * 1_000)
}

fn action(id: u32, kind: ArchiveKind, target: &str, next: Option<(u32, u32)>) -> ArchiveAction {
    ArchiveAction {
        id: ArchiveActionId(id),
        name: format!("action {id}"),
        kind,
        target: (kind != ArchiveKind::Purge).then(|| target.to_owned()),
        next: next.map(|(id, after_days)| NextAction { action: ArchiveActionId(id), after_days }),
        active: true,
    }
}

/// 1 purges; 2 moves to `cold` and purges 20 days later; 3 copies to `near` and moves to `cold` at once; 4 backs up to `near`
/// and purges at once.
fn actions() -> ArchiveActions {
    let all = [
        action(1, ArchiveKind::Purge, "", None),
        action(2, ArchiveKind::Normal, "cold", Some((1, 20))),
        action(3, ArchiveKind::Copy, "near", Some((2, 0))),
        action(4, ArchiveKind::Backup, "near", Some((1, 0))),
    ];
    let by_id: serde_json::Map<String, serde_json::Value> =
        all.into_iter().map(|it| (it.id.to_string(), serde_json::to_value(it).unwrap())).collect();
    serde_json::from_value(by_id.into()).unwrap()
}

/// A data folder without threads.
struct SimFiles(Mutex<Opened>);

impl SimFiles {
    fn now<T: Send + 'static>(done: Result<T, String>) -> Later<Result<T, String>> {
        Box::pin(std::future::ready(done))
    }
}

impl Files for SimFiles {
    fn forget_journal(&self) -> Later<Result<(), String>> {
        let mut store = self.0.lock();
        store.writer.begin_anew();
        let _ = store.writer.append_checkpoint(b"all there is");
        let done = store.writer.commit().map_err(|error| error.to_string());
        let is_anew = store.writer.is_anew();
        Self::now(done.and_then(|_| if is_anew { Ok(()) } else { Err("the journal is as it was".into()) }))
    }

    fn erase(&self, recording: RecordingId) -> Later<Result<Destroyed, String>> {
        Self::now(self.0.lock().sealer.erase(recording).map_err(|error| error.to_string()))
    }

    fn remove_moved(&self, recording: RecordingId) -> Later<Result<(), String>> {
        Self::now(self.0.lock().sealer.remove_moved(recording).map_err(|error| error.to_string()))
    }
}

fn open(disk: &SimDisk) -> Opened {
    let settings = vault::Settings { segment_bytes: 1 << 20 };
    Store::open(Arc::new(disk.clone()), Path::new(ROOT), &KEYS.0, settings).expect("the store opens")
}

/// Seals a recording of a second, whose frames stay in the journal.
fn seal(store: &mut Opened, id: RecordingId) -> (Digest, u64) {
    let mut gate = Gate::closed(id, StreamNumber(0));
    gate.open(Closed::Blackout, Wall::from_ns(i64::MIN));
    let mut call = store.intake.begin(id);
    let mut batch = FrameBatch::new();
    for i in 0..50_u16 {
        let arrival = Wall::from_ms(ended().as_ms() - 2_000 + i64::from(i) * 20);
        let packet = Packet {
            arrival,
            sequence: i,
            timestamp: u32::from(i) * 160,
            ssrc: 7,
            payload_type: 0,
            marker: false,
            payload: &[0x55; 160],
        };
        call.append(gate.admit(arrival, packet).expect("the gate is open"), &mut batch).expect("it fits");
    }
    call.flush(Wall::EPOCH, Duration::ZERO, &mut batch);
    store.writer.append(batch).expect("it is taken");
    store.writer.commit().expect("it is durable");
    let sealed = store.sealer.seal(&store.writer.take_unsettled(id), b"{}").expect("it is sealed");
    let _ = store.writer.settled(sealed.receipt).expect("the journal is told");
    (sealed.digest, sealed.bytes)
}

fn row(last: u8, (digest, file_bytes): (Digest, u64), keep_days: Option<i64>, action: i64) -> RecordingRow {
    RecordingRow {
        id: id(last),
        call: CallId::from_bytes([last; 16]),
        ident: 0,
        sip_call_id: None,
        call_instance: None,
        agent: Some(AgentId(1)),
        agent_name: Some("Rowan Pike".into()),
        device: Some("4678".into()),
        direction: None,
        ani: Some(format!("+1555010{last:04}")),
        dnis: None,
        business_unit: 0,
        started: Wall::from_ms(ended().as_ms() - 2_000),
        ended: ended(),
        duration_ms: 2_000,
        file: Archive::new(Arc::new(SimDisk::new()), Path::new(ROOT)).path_of(id(last)).display().to_string(),
        file_bytes,
        digest: digest.0,
        streams: 1,
        completeness: Completeness::Complete,
        interrupted: false,
        blackout_ms: 0,
        packets_received: 50,
        packets_stored: 50,
        packets_dark: 0,
        packets_lost: 0,
        fields: BTreeMap::from([("user1".to_owned(), format!("order {last}"))]),
        parties: vec![Party {
            name: Some("J\u{f6}rg M\u{fc}ller".into()),
            address: "4678".into(),
            stream: Some(0),
        }],
        known_as: BTreeSet::new(),
        why: "kept".into(),
        schedule: None,
        keep_days,
        archive_action: action,
        overridden: false,
        inherited: Inherited { keep_days, archive_action: action },
        link: None,
        doubled: false,
        copies: 0,
        remarks: Vec::new(),
        care: Care::default(),
    }
}

/// A data folder with sealed recordings, and the index of it.
struct Prepared {
    disk: SimDisk,
    folder: tempfile::TempDir,
    digests: BTreeMap<u8, Digest>,
}

impl Prepared {
    /// Recordings by their last byte, with the days they are kept and the action then.
    async fn with(kept: &[(u8, Option<i64>, i64)]) -> Self {
        let (disk, folder) = (SimDisk::new(), tempfile::tempdir().unwrap());
        for archive in [COLD, NEAR] {
            disk.create_dir(Path::new(archive)).unwrap();
        }
        disk.sync_dir(Path::new(ROOT)).unwrap();
        let mut store = open(&disk);
        let index = Index::open(&folder.path().join("index.db")).await.unwrap();
        let mut digests = BTreeMap::new();
        for (last, keep_days, action) in kept {
            let sealed = seal(&mut store, id(*last));
            digests.insert(*last, sealed.0);
            index.put_recording(&row(*last, sealed, *keep_days, *action)).await.unwrap();
        }
        index.close().await;
        drop(store);
        Self { disk, folder, digests }
    }

    /// A copy to live in, on a disk as a crash would leave it.
    async fn life(&self) -> Life {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(self.folder.path().join("index.db"), folder.path().join("index.db")).unwrap();
        Life::begin(self.disk.after(Crash::Power), folder).await
    }
}

/// A recorder as far as retention knows one.
struct Life {
    disk: SimDisk,
    folder: tempfile::TempDir,
    archivist: Archivist,
    reading: Arc<Mutex<Reading>>,
}

fn reading(at: Wall) -> Reading {
    let since_boot = Duration::from_millis(u64::try_from(at.as_ms()).unwrap());
    Reading { wall: at, boot: "a".into(), since_boot, synchronised: false }
}

impl Life {
    async fn begin(disk: SimDisk, folder: tempfile::TempDir) -> Self {
        let index = Index::open(&folder.path().join("index.db")).await.unwrap();
        let mut store = open(&disk);
        // What the journal has is sealed already, or is sealed now: as a recorder does at its start.
        for unfinished in std::mem::take(&mut store.recovered.unfinished) {
            if let Ok(sealed) = store.sealer.seal(&unfinished.settlement, b"{}") {
                let _ = store.writer.settled(sealed.receipt);
            }
        }
        let (clock, feed) = (Clock::at(day(0)), Feed::default());
        let as_disk = Arc::new(disk.clone()) as Arc<dyn Disk>;
        let folders = [("cold".to_owned(), PathBuf::from(COLD)), ("near".to_owned(), PathBuf::from(NEAR))];
        let reading = Arc::new(Mutex::new(reading(day(0))));
        let read = Arc::clone(&reading);
        let trail = index.trail();
        let archivist = Archivist {
            clock,
            readings: Arc::new(move || read.lock().clone()),
            index,
            archives: Archives::of_folders(store.archive.clone(), &as_disk, &folders),
            files: Arc::new(SimFiles(Mutex::new(store))),
            actions: Arc::new(|| Box::pin(std::future::ready(Some(actions())))),
            settings: Settings::default(),
            audit: Audit::start(trail, clock, Arc::default(), Alarms::new(clock, feed.clone()), None),
            alarms: Alarms::new(clock, feed.clone()),
            feed,
            metrics: Arc::new(Metrics::default()),
            memory: Arc::new(tokio::sync::Mutex::new(Memory::default())),
            turn: Arc::default(),
            wake: Arc::default(),
            forgotten: Arc::default(),
        };
        Self { disk, folder, archivist, reading }
    }

    /// A time goes by as times do, and what is due is done.
    async fn at(&self, days: i64) {
        *self.reading.lock() = reading(day(days));
        self.jobs().await;
    }

    async fn jobs(&self) {
        self.archivist.archive_job().await;
        self.archivist.purge_job().await;
    }

    /// The process ends; the next finds what it left on the disk.
    async fn again(self, crash: Crash) -> Self {
        let Self { disk, folder, archivist, .. } = self;
        archivist.index.clone().close().await;
        drop(archivist);
        Self::begin(disk.after(crash), folder).await
    }

    async fn row(&self, last: u8) -> Option<RecordingRow> {
        self.archivist.index.recording(id(last)).await.unwrap()
    }

    fn archive(&self, root: &str) -> Archive {
        Archive::new(Arc::new(self.disk.clone()), Path::new(root))
    }

    /// The roots under which there is a whole file of the recording.
    fn places(&self, last: u8, digest: Digest) -> Vec<&'static str> {
        let whole = |root: &&str| {
            self.archive(root).verify(id(last), Some(&KEYS.1)).is_ok_and(|verified| verified.digest == digest)
        };
        [ROOT, COLD, NEAR].into_iter().filter(whole).collect()
    }

    /// Files whose names have the recording's id.
    fn traces(&self, last: u8) -> Vec<PathBuf> {
        let id = id(last).to_string();
        let files = self.disk.files().into_iter().map(|(path, _)| path);
        files.filter(|path| path.display().to_string().contains(&id)).collect()
    }

    fn alarms(&self) -> Vec<Kind> {
        let all = self.archivist.alarms.list().into_iter();
        all.filter(Alarm::is_active).map(|it| it.kind).collect()
    }

    /// The kinds of what was told so far, alarms left out.
    async fn told(&self) -> Vec<&'static str> {
        let feed = &self.archivist.feed;
        let (mut listener, mut kinds, mut seen) = (feed.after(0), Vec::new(), 0);
        while seen < feed.last() {
            let Some(Next::Told(told)) = listener.next().await else { break };
            for (number, told) in told {
                seen = number;
                if let Told::Happened(happened) = told {
                    kinds.push(happened.kind);
                }
            }
        }
        kinds
    }
}

fn hold(number: &str) -> HoldWanted {
    HoldWanted {
        matter: "2026-77".into(),
        owner: "Dana".into(),
        reason: "a claim".into(),
        query: Some(Query { number: Some(number.into()), ..Query::default() }),
        ..HoldWanted::default()
    }
}

fn asked() -> Asked {
    Asked { who: "Robin".into(), why: "GDPR 17(1)(a)".into(), source: "127.0.0.1".into() }
}

fn subject(number: &str) -> Subject {
    Subject { query: Query { number: Some(number.into()), ..Query::default() }, name: None }
}

#[tokio::test]
async fn a_recording_is_marked_when_its_days_are_over_and_erased_a_day_later() {
    let prepared = Prepared::with(&[(1, Some(10), 1), (2, None, 1)]).await;
    let life = prepared.life().await;
    life.at(9).await;
    assert!(life.row(1).await.unwrap().care.mark.is_none());
    life.at(10).await;
    let mark = life.row(1).await.unwrap().care.mark.unwrap();
    assert_eq!((mark.marked, mark.erase), (day(10), day(11)));
    assert_eq!(life.places(1, prepared.digests[&1]), [ROOT], "it is still there");
    life.at(11).await;
    assert!(life.row(1).await.is_none());
    assert_eq!(life.traces(1), Vec::<PathBuf>::new());
    let proof = life.archivist.index.erasure_of(id(1)).await.unwrap().unwrap();
    assert_eq!((proof.digest, proof.cause.who.as_str()), (prepared.digests[&1].0, "retention"));
    assert!(proof.done.is_some_and(|(_, files, keys)| (files, keys) == (1, 2)), "{proof:?}");
    life.at(9_999).await;
    assert_eq!(life.places(2, prepared.digests[&2]), [ROOT], "for ever is for ever");
    assert_eq!(life.told().await, ["recording.marked", "recording.erased"]);
    assert_eq!(life.alarms(), []);
}

#[tokio::test]
async fn a_row_of_actions_copies_moves_and_erases_everywhere() {
    let prepared = Prepared::with(&[(1, Some(10), 3), (2, Some(10), 4)]).await;
    let life = prepared.life().await;
    life.at(10).await;
    let digest = prepared.digests[&1];
    assert_eq!(life.places(1, digest), [COLD, NEAR]);
    let care = life.row(1).await.unwrap().care;
    assert_eq!((care.place.as_deref(), care.next), (Some("cold"), Some((1, day(30)))));
    let archives = &life.archivist.archives;
    let reader = archives.reader(care.place.as_deref(), id(1), digest).await.unwrap();
    reader.open(id(1), &KEYS.1).expect("it still plays");
    life.at(31).await;
    life.at(32).await;
    assert_eq!(life.traces(1), Vec::<PathBuf>::new(), "the copy goes with it");
    assert_eq!(life.places(2, prepared.digests[&2]), [NEAR], "a backup stays");
    assert!(life.row(2).await.is_none());
    assert_eq!(life.alarms(), []);
}

#[tokio::test]
async fn stopped_after_any_disk_call_nothing_is_lost_and_the_next_start_ends_it() {
    let prepared =
        Prepared::with(&[(1, Some(10), 1), (2, Some(10), 2), (3, Some(10), 3), (4, None, 1)]).await;
    let all = async |life: &Life| {
        life.at(10).await;
        life.at(11).await;
    };
    let calls = {
        let life = prepared.life().await;
        let before = life.disk.calls();
        all(&life).await;
        before..life.disk.calls()
    };
    assert!(calls.end - calls.start > 40, "{calls:?}");
    for call in calls {
        for crash in [Crash::Power, Crash::Process] {
            let life = prepared.life().await;
            life.disk.crash_at(call);
            all(&life).await;
            let life = life.again(crash).await;
            let when = format!("call {call}, {crash:?}");
            for (last, digest) in &prepared.digests {
                let Some(row) = life.row(*last).await else { continue };
                let at = match row.care.place.as_deref() {
                    None => ROOT,
                    Some("cold") => COLD,
                    Some(other) => panic!("{when}: {other}"),
                };
                let places = life.places(*last, *digest);
                assert!(
                    places.contains(&at),
                    "{when}: recording {last} is to be in {at}, and is in {places:?}"
                );
            }
            all(&life).await;
            assert_eq!(life.traces(1), Vec::<PathBuf>::new(), "{when}");
            assert!(life.row(1).await.is_none(), "{when}");
            assert_eq!(life.places(2, prepared.digests[&2]), [COLD], "{when}");
            assert_eq!(life.places(3, prepared.digests[&3]), [COLD, NEAR], "{when}");
            assert_eq!(life.places(4, prepared.digests[&4]), [ROOT], "{when}");
            for last in [2, 3] {
                assert_eq!(life.traces(last).len(), usize::from(last) - 1, "{when}: nothing is left over");
            }
            assert_eq!(life.alarms(), [], "{when}");
        }
    }
}

#[tokio::test]
async fn a_disk_call_that_fails_is_an_alarm_and_the_next_job_does_it() {
    let prepared = Prepared::with(&[(1, Some(10), 1), (2, Some(10), 3)]).await;
    for call in 0..90 {
        let life = prepared.life().await;
        let at = life.disk.calls() + call;
        life.disk.fail(at, at + 1, std::io::ErrorKind::StorageFull);
        life.at(10).await;
        life.at(11).await;
        life.at(12).await;
        life.jobs().await;
        assert_eq!(life.traces(1), Vec::<PathBuf>::new(), "call {call}");
        assert_eq!(life.places(2, prepared.digests[&2]), [COLD, NEAR], "call {call}");
        assert_eq!(life.alarms(), [], "call {call}");
    }
}

#[tokio::test]
async fn a_hold_between_mark_and_erasure_keeps_it_until_it_is_released() {
    let prepared = Prepared::with(&[(1, Some(10), 1), (2, Some(10), 2)]).await;
    let life = prepared.life().await;
    let index = &life.archivist.index;
    index.place_hold(&hold("5550100002"), day(9)).await.unwrap();
    life.at(10).await;
    index.place_hold(&hold("5550100001"), day(10)).await.unwrap();
    life.at(11).await;
    life.at(400).await;
    for last in [1, 2] {
        assert_eq!(life.places(last, prepared.digests[&last]), [ROOT], "{last}");
    }
    for number in [1, 2] {
        index.release_hold(number, ("Dana", "settled"), day(400)).await.unwrap();
    }
    life.at(400).await;
    life.at(401).await;
    assert!(life.row(1).await.is_none());
    assert_eq!(life.places(2, prepared.digests[&2]), [COLD]);
}

#[tokio::test]
async fn a_clock_set_forward_stops_everything_until_somebody_says_that_it_is_right() {
    let prepared = Prepared::with(&[(1, Some(10), 1), (2, Some(10), 2)]).await;
    let life = prepared.life().await;
    life.at(0).await;
    let forward = |boot: &str| Reading { wall: day(400), boot: boot.into(), ..reading(day(1)) };
    *life.reading.lock() = forward("a");
    for _ in 0..3 {
        life.jobs().await;
    }
    assert!(life.row(1).await.unwrap().care.mark.is_none());
    assert_eq!(life.places(2, prepared.digests[&2]), [ROOT]);
    assert_eq!(life.alarms(), [Kind::RetentionStopped]);
    // Nor does a restart help, of the recorder or of the machine.
    for boot in ["a", "b"] {
        let restarted = prepared.life().await;
        restarted.at(0).await;
        let restarted = restarted.again(Crash::Process).await;
        *restarted.reading.lock() = forward(boot);
        restarted.jobs().await;
        assert_eq!(restarted.alarms(), [Kind::RetentionStopped], "{boot}");
    }
    let confirmed = life.archivist.confirm("Robin").await.unwrap();
    assert!(matches!(confirmed, Some(Stopped::Clock(_))), "{confirmed:?}");
    life.jobs().await;
    assert!(life.row(1).await.unwrap().care.mark.is_some());
    assert_eq!(life.places(2, prepared.digests[&2]), [COLD]);
    assert_eq!(life.alarms(), []);
    assert_eq!(life.archivist.confirm("Robin").await.unwrap(), None, "there is nothing to confirm");
}

#[tokio::test]
async fn a_clock_set_back_erases_nothing_early() {
    let prepared = Prepared::with(&[(1, Some(10), 1)]).await;
    let life = prepared.life().await;
    life.at(10).await;
    assert_eq!(life.row(1).await.unwrap().care.mark.unwrap().erase, day(11));
    *life.reading.lock() = Reading { wall: day(3), ..reading(day(10)) };
    life.jobs().await;
    assert_eq!(life.places(1, prepared.digests[&1]), [ROOT]);
    *life.reading.lock() = Reading { wall: day(4), ..reading(day(11)) };
    life.jobs().await;
    assert_eq!(life.places(1, prepared.digests[&1]), [ROOT], "its day is that of the latest clock");
}

#[tokio::test]
async fn a_run_that_would_erase_too_much_stops_until_somebody_says_that_it_is_meant() {
    let kept: Vec<_> = (1..=9).map(|last| (last, Some(10), 1)).collect();
    let prepared = Prepared::with(&kept).await;
    let mut life = prepared.life().await;
    life.archivist.settings.brake = super::brake::Brake { percent: 50, least: 3 };
    // Nine in one day of thirty: the plan of a day is one.
    life.at(40).await;
    let marked = async |life: &Life| life.archivist.index.standing().await.unwrap().marked;
    assert_eq!((marked(&life).await, life.alarms()), (0, vec![Kind::RetentionStopped]));
    let confirmed = life.archivist.confirm("Robin").await.unwrap();
    assert!(matches!(confirmed, Some(Stopped::Brake { due: 9, room: 3 })), "{confirmed:?}");
    life.jobs().await;
    assert_eq!((marked(&life).await, life.alarms()), (9, vec![]));
    life.at(41).await;
    assert_eq!(life.archivist.index.standing().await.unwrap().erased, 9);
}

#[tokio::test]
async fn an_archive_that_is_away_is_named_and_what_needs_it_waits() {
    let prepared = Prepared::with(&[(1, Some(10), 2), (2, Some(10), 4)]).await;
    let mut life = prepared.life().await;
    let near = [("near".to_owned(), PathBuf::from(NEAR))];
    let disk = Arc::new(life.disk.clone()) as Arc<dyn Disk>;
    let both = life.archivist.archives.clone();
    life.archivist.archives = Archives::of_folders(life.archive(ROOT), &disk, &near);
    life.at(10).await;
    assert_eq!(life.places(1, prepared.digests[&1]), [ROOT]);
    assert_eq!(life.alarms(), [Kind::NotArchived]);
    assert!(life.places(2, prepared.digests[&2]).contains(&NEAR), "the other goes on");
    life.archivist.archives = both;
    life.jobs().await;
    assert_eq!(life.places(1, prepared.digests[&1]), [COLD]);
    assert_eq!(life.alarms(), []);
}

#[tokio::test]
async fn what_the_law_wants_kept_is_kept_whoever_asks() {
    let prepared = Prepared::with(&[(1, Some(10), 1)]).await;
    let mut life = prepared.life().await;
    life.archivist.settings.minimum_days = 30;
    life.at(20).await;
    assert!(life.row(1).await.unwrap().care.mark.is_none());
    let stays = life.archivist.decide(&subject("5550100001"), &asked()).await.unwrap();
    assert_eq!((stays.erased.len(), stays.stays.len()), (0, 1));
    life.at(30).await;
    assert!(life.row(1).await.unwrap().care.mark.is_some());
}

#[tokio::test]
async fn what_is_about_somebody_goes_at_once_everywhere_but_for_what_is_held() {
    let prepared = Prepared::with(&[(1, Some(10), 4), (2, None, 1), (3, None, 1)]).await;
    let life = prepared.life().await;
    life.archivist.archive_job().await;
    *life.reading.lock() = reading(day(10));
    life.archivist.archive_job().await;
    assert_eq!(life.places(1, prepared.digests[&1]), [ROOT, NEAR]);
    life.archivist.index.place_hold(&hold("5550100003"), day(10)).await.unwrap();
    let everybody = Subject { query: Query::default(), name: Some("j\u{f6}rg m\u{fc}ller".into()) };
    let dry = life.archivist.about(&everybody).await.unwrap();
    assert_eq!((dry.would_go.len(), dry.stays.len()), (2, 1));
    let done = life.archivist.decide(&everybody, &asked()).await.unwrap();
    life.archivist.clone().carry_out(done.erased.clone()).await.unwrap();
    assert_eq!((done.erased.len(), done.stays.len()), (2, 1));
    assert_eq!(life.traces(1), Vec::<PathBuf>::new(), "its backup too");
    assert_eq!(life.places(3, prepared.digests[&3]), [ROOT]);
    let proof = life.archivist.index.erasure_of(id(1)).await.unwrap().unwrap();
    assert_eq!((proof.cause.who.as_str(), proof.cause.why.as_str()), ("Robin", "GDPR 17(1)(a)"));
    assert_eq!(proof.done.map(|(_, files, _)| files), Some(2));
}
