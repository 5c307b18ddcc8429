//! A world drawn from a seed: some lives of a recorder, each with its faults and its end, and a last one without any.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use calls::agent::AgentIdentifier;
use calls::archive::Keeping;
use calls::id::RecordingId;
use calls::schedule::{CERTAIN, Kind, MatchRule, Terms};
use calls::time::Wall;
use calls::tracker::{HeldCalls, HoldBack, Outcome, Refusal, Settings, Target, Tracker};
use index::{AnnotateError, DatabaseError, PutError, RecordingRow};
use parking_lot::Mutex;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;
use vault::disk::sim::Crash;
use vault::{Archive, KeyFolder, ReadingKey, RecorderKeys, Store};

use super::book::{Book, End};
use super::clients::{self, PHONES, Surroundings};
use super::disks::Disks;
use super::reader::{Reader, turns};
use super::wire::{Weather, Wire};
use crate::clock::Clock;
use crate::desk::effects::Effects;
use crate::desk::{self, Later};
use crate::keep::finish::Finisher;
use crate::keep::{self, Rows, Sealing};
use crate::media;
use crate::media::table::Table;
use crate::observe::alarms::Alarms;
use crate::observe::chronicle::Chronicles;
use crate::observe::feed::Feed;
use crate::observe::metrics::Metrics;
use crate::recorder::{recover, watch};

/// What is broken on purpose, to see that it is found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sabotage {
    /// The disk says that it has synced, and has not.
    NoSync,
    /// Gates are said to be closed, and close 100 ms later.
    LateGate,
    /// Gates are said to be open, and open 100 ms later.
    LateLight,
    /// Files are looked at by their names and lengths only.
    NoDigest,
    /// Rows are said to be written, and are not.
    NoRow,
    /// What is to be held back is recorded.
    RecordsAll,
    /// Calls are held back 100 ms late.
    HoldsLate,
    /// What schedules leave out is kept.
    KeepAll,
}

/// More than the calls of a world take: what has left the memory is tried elsewhere.
const HOLD_BACK: media::HoldBack = media::HoldBack { window: Duration::from_secs(60), bytes: 1 << 24 };

const ROOT: &str = "/";

/// Small, so that segments come and go.
const SEGMENT_BYTES: u64 = 40_000;

/// What a kill, and what a power cut may cost (E2-01, E2-02).
const KILL_COSTS: Duration = Duration::from_millis(200);
const CUT_COSTS: Duration = Duration::from_millis(1_000);

/// Long enough for calls that begin, change and end.
const ONE_LIFE: Duration = Duration::from_millis(3_500);

/// After the faults everything has to be in order again within this (E2-30).
const SETTLES_IN: Duration = Duration::from_secs(30);

/// Has calls kept on demand only: by a schedule, if an earlier life has not made it durable.
async fn keep_on_demand(desk: &desk::Handle) {
    let terms = serde_json::json!({
        "name": "ask me", "kind": {"type": "on_demand"}, "probability": 100, "priority": 0, "starts": 0, "zone": "UTC",
        "keeping": {"archive_action": 1}, "active": true,
    });
    let terms: Terms = serde_json::from_value(terms).expect("a schedule");
    while let Ok(false) = desk.look(|tracker| !tracker.state().schedules.is_empty()).await {
        let terms = terms.clone();
        if desk.wish(move |tracker, now| tracker.add_schedule(now, terms)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

async fn look_again(disks: Disks) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        disks.look_again();
    }
}

thread_local! {
    static POWER: RefCell<Option<Disks>> = const { RefCell::new(None) };
}

/// Waiting for a disk without power is the end of the task that waits.
fn pause(_: Duration) {
    if POWER.with_borrow(|disks| disks.as_ref().is_some_and(Disks::is_off)) {
        std::panic::resume_unwind(Box::new("the power is off"));
    }
}

/// Rows that outlive every crash; putting one may fail.
#[derive(Default)]
struct SimRows {
    rows: Mutex<BTreeMap<RecordingId, RecordingRow>>,
    random: Mutex<Option<ChaCha12Rng>>,
    forgets: bool,
}

impl SimRows {
    fn fails(&self) -> Option<DatabaseError> {
        let fails = self.random.lock().as_mut().is_some_and(|random| random.next_u32().is_multiple_of(8));
        fails.then(|| DatabaseError::Busy { doing: "simulating", source: "somebody else has it".into() })
    }
}

/// The world's rows as the recorder sees them.
struct RowsSeen(Arc<SimRows>);

impl Rows for RowsSeen {
    fn put(&self, row: RecordingRow) -> Later<Result<(), PutError>> {
        let rows = Arc::clone(&self.0);
        Box::pin(async move {
            if let Some(error) = rows.fails() {
                return Err(error.into());
            }
            if !rows.forgets {
                let mut rows = rows.rows.lock();
                if let Some(known) = rows.get(&row.id).filter(|known| known.digest != row.digest) {
                    return Err(PutError::Different { recording: row.id, file: known.file.clone() });
                }
                rows.entry(row.id).or_insert(row);
            }
            Ok(())
        })
    }

    fn annotate(
        &self,
        recording: RecordingId,
        fields: Vec<(String, String)>,
        _: Wall,
    ) -> Later<Result<(), AnnotateError>> {
        let rows = Arc::clone(&self.0);
        Box::pin(async move {
            if let Some(error) = rows.fails() {
                return Err(error.into());
            }
            let mut rows = rows.rows.lock();
            let row = rows.get_mut(&recording).ok_or(AnnotateError::Unknown(recording))?;
            row.fields.extend(fields);
            Ok(())
        })
    }

    fn find(&self, recording: RecordingId) -> Later<Result<Option<RecordingRow>, DatabaseError>> {
        let rows = Arc::clone(&self.0);
        Box::pin(async move {
            match rows.fails() {
                Some(error) => Err(error),
                None => Ok(rows.rows.lock().get(&recording).cloned()),
            }
        })
    }
}

/// How a life goes and ends.
struct Fate {
    lasts: Duration,
    /// The power goes in this many disk calls; else the process is killed.
    cut_in: Option<u64>,
    torn: Option<u64>,
    /// Whether the journal's thread is held up now and then.
    stalls: bool,
    weather: Weather,
}

/// See the module's head.
pub(super) struct World {
    random: ChaCha12Rng,
    pub(super) disks: Disks,
    rows: Arc<SimRows>,
    pub(super) keys: (RecorderKeys, ReadingKey),
    wall: Wall,
    wire: Wire,
    /// What the recorder is still to bring home.
    tasks: TaskTracker,
    pub(super) book: Arc<Mutex<Book>>,
    /// Whether a schedule leaves out every other call of each agent.
    has_schedule: bool,
    digests: BTreeMap<RecordingId, [u8; 32]>,
    /// Whether calls are kept on demand, and held back until then.
    holds_back: bool,
    pub(super) sabotage: Option<Sabotage>,
    pub(super) wrong: Vec<String>,
    /// Whether the power went.
    pub(super) was_cut: bool,
    cut_at: Option<(u64, Option<u64>)>,
    /// Whether the power went while pages were under way: then frames may be missing between others.
    pub(super) was_torn: bool,
}

/// Drawing a pair takes long, and which it is does not matter.
fn keys() -> (RecorderKeys, ReadingKey) {
    static KEYS: LazyLock<(RecorderKeys, ReadingKey)> = LazyLock::new(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let keys = KeyFolder::open_or_create(&folder.path().join("keys")).expect("keys");
        (keys.recorder(), keys.reading().expect("the private half"))
    });
    KEYS.clone()
}

/// A schedule that keeps half of each agent's calls, unless one is there already.
fn add_half(tracker: &mut Tracker, now: Wall) -> Result<((), Outcome), Refusal> {
    if !tracker.state().schedules.is_empty() {
        return Ok(((), Outcome::default()));
    }
    let terms = Terms {
        name: "half".to_owned(),
        description: String::new(),
        owner: String::new(),
        kind: Kind::AgentPercentage { percent: 50 },
        rule: MatchRule::default(),
        probability: CERTAIN,
        priority: 0,
        starts: Wall::EPOCH,
        ends: None,
        zone: "UTC".to_owned(),
        keeping: Keeping::default(),
        active: true,
    };
    tracker.add_schedule(now, terms).map(|(_, outcome)| ((), outcome))
}

impl World {
    pub(super) fn new(seed: u64, sabotage: Option<Sabotage>) -> Self {
        // Every third world has a second volume.
        let disks = Disks::new(seed.is_multiple_of(3));
        if sabotage == Some(Sabotage::NoSync) {
            disks.leave_out_syncs();
        }
        // In every fourth world nothing is kept that nobody asks for.
        let holds_back = seed % 4 == 2
            && sabotage.is_none_or(|it| matches!(it, Sabotage::RecordsAll | Sabotage::HoldsLate));
        let forgets = sabotage == Some(Sabotage::NoRow);
        Self {
            random: ChaCha12Rng::seed_from_u64(seed),
            disks,
            rows: Arc::new(SimRows { forgets, ..SimRows::default() }),
            keys: keys(),
            wall: Wall::from_ms(1_764_000_000_000),
            wire: Wire::default(),
            tasks: TaskTracker::new(),
            book: Arc::new(Mutex::new(Book::of(holds_back))),
            has_schedule: seed % 4 == 1,
            digests: BTreeMap::new(),
            holds_back,
            sabotage,
            wrong: Vec::new(),
            was_cut: false,
            cut_at: None,
            was_torn: false,
        }
    }

    /// A single life on a good disk, whose power goes in a certain disk call (E2-02).
    pub(super) fn cut_at(seed: u64, call: u64, torn: Option<u64>) -> Self {
        Self { cut_at: Some((call, torn)), ..Self::new(seed, None) }
    }

    /// What happened, as text.
    pub(super) fn told(&self) -> String {
        self.book.lock().notes()
    }

    /// Plays it; says what is wrong.
    pub(super) fn play(&mut self) -> Vec<String> {
        let lives = if self.cut_at.is_some() { 1 } else { 1 + self.below(3) };
        for _ in 0..lives {
            let mut fate = self.draw_fate();
            if let Some((call, torn)) = self.cut_at {
                fate = Fate { lasts: ONE_LIFE, cut_in: Some(call), torn, stalls: true, ..fate };
            }
            self.live(&fate);
            self.note_digests();
        }
        self.live_last();
        self.note_digests();
        self.look_at_everything();
        std::mem::take(&mut self.wrong)
    }

    pub(super) fn archive(&self) -> Archive {
        Archive::new(self.disks.disk(), Path::new(ROOT))
    }

    pub(super) fn rows(&self) -> Vec<RecordingRow> {
        self.rows.rows.lock().values().cloned().collect()
    }

    /// Sealed is immutable: the digest of a row is the same whenever it is looked at.
    fn note_digests(&mut self) {
        for row in self.rows() {
            let first = *self.digests.entry(row.id).or_insert(row.digest);
            if first != row.digest {
                self.wrong.push(format!("the row of recording {} has another digest", row.id));
            }
        }
    }

    pub(super) fn below(&mut self, limit: u32) -> u32 {
        self.random.next_u32() % limit
    }

    fn child(&mut self) -> ChaCha12Rng {
        ChaCha12Rng::seed_from_u64(self.random.next_u64())
    }

    fn draw_fate(&mut self) -> Fate {
        let cut = self.below(2) == 0;
        let torn = self.below(2) == 0;
        Fate {
            lasts: Duration::from_millis(800 + u64::from(self.below(5_000))),
            cut_in: cut.then(|| 10 + u64::from(self.below(250))),
            torn: torn.then(|| self.random.next_u64()),
            stalls: cut,
            weather: Weather { lost: self.below(60), doubled: self.below(60), delayed: self.below(200) },
        }
    }

    /// One life, from the opening of the store to its end.
    fn live(&mut self, fate: &Fate) {
        let calls = self.disks.calls();
        if let Some(cut_in) = fate.cut_in {
            self.disks.crash_at(calls + cut_in);
        }
        // Now and then a few calls in a row fail.
        let failures = if self.cut_at.is_some() { 0 } else { self.below(4) };
        for _ in 0..failures {
            let from = calls + 5 + u64::from(self.below(250));
            let kind = if self.below(2) == 0 { ErrorKind::StorageFull } else { ErrorKind::Other };
            let until = from + 1 + u64::from(self.below(4));
            let on_second = self.below(2) == 0;
            self.disks.fail(on_second, from, until, kind);
        }
        if self.disks.are_two() && self.cut_at.is_none() && self.below(2) == 0 {
            // Not while it starts: that needs the first.
            let from = calls + 40 + u64::from(self.below(200));
            self.disks.break_first(from);
        }
        *self.rows.random.lock() = Some(self.child());
        let (ended, wrong) = self.run(fate, true);
        self.wrong.extend(wrong);
        let was_cut = self.disks.is_off();
        self.was_cut |= was_cut;
        let may_cost = if was_cut || fate.stalls { CUT_COSTS } else { KILL_COSTS };
        self.book.lock().life_ends(End { at: ended, may_cost });
        let crash = match (was_cut, fate.torn) {
            (false, _) => Crash::Process,
            (true, None) => Crash::Power,
            (true, Some(number)) => Crash::Torn(number),
        };
        let calls = self.disks.calls() - calls;
        self.book
            .lock()
            .note(format!("the life ends at {} by {crash:?}, after {calls} disk calls", ended.as_ns()));
        self.was_torn |= matches!(crash, Crash::Torn(_));
        self.disks = self.disks.after(crash);
        if self.sabotage == Some(Sabotage::NoSync) {
            self.disks.leave_out_syncs();
        }
        self.wall = ended.after(Duration::from_millis(200 + u64::from(self.below(2_000))));
    }

    /// The last life has no faults: everything comes to its end.
    fn live_last(&mut self) {
        *self.rows.random.lock() = None;
        let calm = Weather { lost: 0, doubled: 0, delayed: 0 };
        let fate = Fate { lasts: SETTLES_IN, cut_in: None, torn: None, stalls: false, weather: calm };
        let (ended, wrong) = self.run(&fate, false);
        self.wrong.extend(wrong);
        self.wall = ended;
    }

    /// Runs a recorder until its time is over, the power is gone, or, with nobody calling, nothing is left to do.
    fn run(&mut self, fate: &Fate, busy: bool) -> (Wall, Vec<String>) {
        POWER.set(Some(self.disks.clone()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime");
        let ended = runtime.block_on(async {
            let clock = Clock::at(self.wall);
            let until = self.wall.after(fate.lasts);
            let mut wrong = Vec::new();
            let Some(desk) = self.start(clock, fate).await else { return (clock.now(), wrong) };
            for (phone, view) in self.views(&desk).await {
                wrong.extend(self.book.lock().look(phone, &view));
            }
            if busy {
                self.invite_clients(clock, &desk, fate);
            }
            tokio::spawn(look_again(self.disks.clone()));
            while clock.now() < until && !self.disks.is_off() {
                tokio::time::sleep(Duration::from_millis(10)).await;
                if !busy && self.is_settled(&desk).await {
                    break;
                }
            }
            (clock.now(), wrong)
        });
        drop(runtime);
        POWER.set(None);
        ended
    }

    async fn views(&self, desk: &desk::Handle) -> Vec<(usize, calls::tracker::AgentView)> {
        let mut views = Vec::new();
        for phone in 0..PHONES.len() {
            let target = Target::Agent { kind: AgentIdentifier::Id, value: (phone + 1).to_string() };
            if let Ok(view) = desk.agent(target).await {
                views.push((phone, view));
            }
        }
        views
    }

    async fn is_settled(&self, desk: &desk::Handle) -> bool {
        use calls::recording::RecordingState::{Sealed, Stopped};
        let Ok(calls) = desk.calls().await else { return false };
        let mut recordings = calls.iter().flat_map(|call| &call.recordings);
        let all_sealed = recordings.all(|recording| recording.state == Sealed || recording.state != Stopped);
        all_sealed
            && self.tasks.is_empty()
            && self.archive().list().is_ok_and(|listing| listing.unsealed.is_empty())
    }

    pub(super) fn open_store(&mut self) -> Option<vault::Opened> {
        let opened = (0..8).find_map(|_| {
            let disk = self.disks.disk();
            let settings = vault::Settings { segment_bytes: SEGMENT_BYTES };
            Store::open(disk, Path::new(ROOT), &self.keys.0, settings).ok()
        });
        if opened.is_none() && !self.disks.is_off() {
            self.wrong.push("the store does not open".to_owned());
        }
        opened
    }

    fn replay(&mut self, recovered: vault::Recovered) -> Option<(Tracker, Vec<vault::Unfinished>)> {
        let mut seed = [0; 32];
        self.random.fill_bytes(&mut seed);
        let window = HOLD_BACK.window;
        let hold_back = self.holds_back.then_some(HoldBack { calls: HeldCalls::OnDemand, window });
        let mut tracker = Tracker::new(Settings { hold_back, ..Settings::default() }, seed);
        match recover::replay(&mut tracker, recovered) {
            Ok((left, _)) => Some((tracker, left)),
            Err(error) => {
                self.wrong.push(format!("the journal does not replay: {error}"));
                None
            }
        }
    }

    /// The recorder but for its sockets: what `Core::start` does, with the world's parts.
    async fn start(&mut self, clock: Clock, fate: &Fate) -> Option<desk::Handle> {
        let vault::Opened { intake, writer, sealer, recovered, .. } = self.open_store()?;
        let (tracker, left) = self.replay(recovered)?;
        let (metrics, alarms, chronicles) =
            (Arc::new(Metrics::default()), Alarms::new(clock, Feed::default()), Chronicles::default());
        let (sealing, unstarted) = Sealing::new();
        let (checkpoint_due, due) = mpsc::channel(1);
        let wiring = keep::Wiring {
            clock,
            sealing: sealing.clone(),
            metrics: Arc::clone(&metrics),
            alarms: alarms.clone(),
            pause,
            checkpoint_due: Box::new(move || {
                let _ = checkpoint_due.try_send(());
            }),
        };
        let (journal, turn) = keep::writer_by_turns(writer, wiring);
        tokio::spawn(turns(turn, self.child(), if fate.stalls { 400 } else { 15 }));
        tokio::spawn(turns(keep::sealer_by_turns(sealer, unstarted, journal.clone()), self.child(), 15));
        let (media, instructions) = media::by_hand();
        let reader = Reader {
            clock,
            table: Table::new(intake, rtp::supervision::Patience::default(), HOLD_BACK),
            instructions,
            wire: Wire::default(),
            journal: journal.clone(),
            sabotage: self.sabotage,
            late: Vec::new(),
            book: Arc::clone(&self.book),
        };
        self.wire = reader.wire.clone();
        tokio::spawn(reader.run(self.child()));
        let tasks = TaskTracker::new();
        self.tasks = tasks.clone();
        let left_behind = Arc::new(Mutex::new(HashMap::new()));
        let finisher_of = |desk| Finisher {
            clock,
            desk,
            media: media.clone(),
            journal: journal.clone(),
            sealing: sealing.clone(),
            rows: Arc::new(RowsSeen(Arc::clone(&self.rows))),
            metrics: Arc::clone(&metrics),
            alarms: alarms.clone(),
            chronicles: chronicles.clone(),
            left: Arc::clone(&left_behind),
            one_clock: Arc::default(),
        };
        let desk = desk::start(tracker, clock, chronicles.clone(), |desk| {
            let finisher = finisher_of(desk);
            let (feed, blackouts) = (Feed::default(), Default::default());
            Effects { clock, finisher, feed, tasks: tasks.clone(), blackouts }.into_hands()
        });
        tokio::spawn(watch::checkpoints(desk.clone(), due));
        recover::finish_left(&finisher_of(desk.clone()), left, &tasks).await.ok()?;
        let agents: String = PHONES.iter().zip(1..).map(|(phone, id)| format!("{id},{phone}\n")).collect();
        let agents = calls::agents_file::parse(format!("id,phone\n{agents}").as_bytes()).expect("agents");
        // A disk that fails for longer is the fate of this life.
        let _ = desk.put_agents(agents).await;
        if self.holds_back {
            keep_on_demand(&desk).await;
        }
        if self.has_schedule {
            let _ = desk.wish(add_half).await;
        }
        let _ = desk.end_lost_calls(BTreeSet::new()).await;
        let _ = desk.checkpoint().await;
        Some(desk)
    }

    fn invite_clients(&mut self, clock: Clock, desk: &desk::Handle, fate: &Fate) {
        let around = Surroundings {
            clock,
            desk: desk.clone(),
            wire: self.wire.clone(),
            weather: fate.weather,
            book: Arc::clone(&self.book),
            keeps_all: self.sabotage == Some(Sabotage::KeepAll),
        };
        for phone in 0..PHONES.len() {
            tokio::spawn(clients::bring_calls(around.clone(), phone, self.child()));
        }
        tokio::spawn(clients::command(around.clone(), self.child()));
        tokio::spawn(clients::break_network(around, self.child()));
    }
}
