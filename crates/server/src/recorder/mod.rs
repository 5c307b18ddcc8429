//! The whole recorder: what `sidetone serve`, the demonstration, the tests and the benchmark start.
//!
//! It opens in the order of design/durability.md: keys, store, tracker, index, what a crash left; SIP and HTTP
//! open last. It closes the other way round.

mod audit;
mod doors;
mod exports;
mod parts;
mod recover;
mod retain;
mod sip;
mod stopped;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use calls::id::{ArchiveActionId, RecordingId};
use calls::tracker::Tracker;
use index::Index;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch as signal};
use tokio_util::task::TaskTracker;
use vault::disk::{Disk, RealDisk};
use vault::keys::{ReadingKey, RecorderKeys};
use vault::{Archive, Opened, Store};

use crate::aftercare::Redactor;
use crate::caller::{TestCalls, reachable};
use crate::clock::Clock;
use crate::config::Config;
use crate::control::{given, wfo_xml};
use crate::desk::effects::Effects;
use crate::http::allowances::Allowances;
use crate::http::{App, Hosts, Listeners};
use crate::identity::{self, Identity};
use crate::ingest::{self, Ports};
use crate::keep::finish::Finisher;
use crate::keep::{self, Sealing, Volumes};
use crate::keys::{self, Asks, Keys};
use crate::levels::Levels;
use crate::observe::alarms::Alarms;
use crate::observe::blackout_norm::BlackoutWatch;
use crate::observe::chronicle::Chronicles;
use crate::observe::feed::Feed;
use crate::observe::health::Readiness;
use crate::observe::machine;
use crate::observe::metrics::Metrics;
use crate::observe::overload::LoadGauge;
use crate::observe::refusals::Refusals;
use crate::playback::{Surveys, Waveforms};
use crate::tls::TlsError;
use crate::trail::{Act, Actor, Audit, Signer, TipSigner};
use crate::{desk, media};
use doors::Certificates;
pub(crate) use stopped::few;

/// How long an orderly stop waits for calls to end and recordings to be sealed.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// How long it waits for events to get into the outbox.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

/// Why a recorder does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder, its keys or its journal.
    #[error("{path} cannot be used: {cause}")]
    Data {
        /// The folder.
        path: String,
        /// What stands in the way.
        cause: String,
    },
    /// The index.
    #[error("the index cannot be used: {0}")]
    Index(String),
    /// A port.
    #[error("{what} cannot be heard on {address}: {cause}")]
    Port {
        /// SIP or HTTP.
        what: &'static str,
        /// The address.
        address: SocketAddr,
        /// What stands in the way.
        cause: std::io::Error,
    },
    /// An archive.
    #[error("{0}")]
    Archive(String),
    /// Certificates and keys.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The archive action of the settings.
    #[error(
        "retention.archive_action = {0}: there is no such archive action in the data folder; start without it, put the \
         action, and set it then"
    )]
    ArchiveAction(ArchiveActionId),
    /// The agents of the settings.
    #[error("the agents of the settings cannot be taken: {0}")]
    Agents(String),
    /// The machine.
    #[error("the machine does not give what the recorder needs: {0}")]
    Machine(String),
}

impl From<wfo_xml::NotHeard> for StartError {
    fn from(port: wfo_xml::NotHeard) -> Self {
        let wfo_xml::NotHeard { what, address, cause } = port;
        Self::Port { what, address, cause }
    }
}

/// A running recorder.
pub struct Recorder {
    /// The desk.
    pub desk: desk::Handle,
    /// Where SIP is heard.
    pub sip: ingest::Addresses,
    /// Where HTTP is heard.
    pub http: SocketAddr,
    /// Where the API Server of WFO is heard.
    pub wfo_xml: wfo_xml::Heard,
    /// Sealed recordings, to be found.
    pub index: Index,
    /// Sealed recordings, to be read.
    pub archive: Archive,
    /// The key they are read with.
    pub reading: ReadingKey,
    /// The clock.
    pub clock: Clock,
    /// Whether it can record.
    pub readiness: Readiness,
    ingest: ingest::Handle,
    journal: keep::Handle,
    media: media::Handle,
    tasks: TaskTracker,
    stopping: signal::Sender<bool>,
    closing: signal::Sender<bool>,
    follower: tokio::task::JoinHandle<()>,
    writer: JoinHandle<()>,
    audit: (Audit, Signer),
    sums: stopped::Sums,
}

impl Recorder {
    /// Starts a recorder. When this returns it answers.
    ///
    /// # Errors
    /// [`StartError`], saying what stands in the way.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        Self::start_with(config, Asks::Nobody).await
    }

    /// The same, where somebody may be asked for what opens the reading key.
    ///
    /// # Errors
    /// [`StartError`].
    #[expect(clippy::too_many_lines, reason = "the whole, in the order in which it is opened, a part a line")]
    pub async fn start_with(config: Config, asks: Asks) -> Result<Self, StartError> {
        prepare(&config);
        let certificates = Certificates::open(&config)?;
        let (clock, volumes) = (Clock::start(), Volumes::of(&config));
        let (opened, keys) = open_store(&config, &volumes, asks)?;
        let (reading, sums) = (keys.reading.clone(), stopped::compare(&volumes, &keys.recorder)?);
        let (index, archive) = (open_index(&config.data, &keys, clock).await?, opened.archive.clone());
        let (core, notices) = Core::start(&config, clock, opened, index.clone()).await?;
        sums.tell(&core.finisher.alarms, &index).await;

        let (readiness, load) = (Readiness::ready(), LoadGauge::default());
        let ((stopping, stop), (closing, close)) = (signal::channel(false), signal::channel(false));
        let audit = core.audit(&config, &index, &keys.recorder, stop.clone()).await?;
        core.watch_files(&certificates, &keys, &stop);
        let sip = core.hear_sip(&config, certificates.sip.clone(), notices).await?;
        let identity = core.identify(&config, &index, keys.recorder.clone()).await?;
        let (known_as, webhooks) = core.webhooks(&config, &index, keys.recorder.clone()).await;
        let follower = webhooks.start(stop.clone(), close);
        // What an earlier run has left is dealt with: its journal can go.
        core.finisher.desk.checkpoint().await.map_err(|error| StartError::Machine(error.to_string()))?;
        let looked = core.looked(&config, volumes.clone(), &readiness, &load, &archive);
        tokio::spawn(watch::readiness(looked, sip.clone(), stop.clone()));
        let archivist = core.archivist(&config, &volumes, (&index, &audit.0), stop.clone())?;
        let app = App {
            exports: core.exports(
                &config,
                (&index, &audit.0, &archivist.archives, &keys),
                (&readiness, &identity),
            ),
            desk: core.finisher.desk.clone(),
            index: index.clone(),
            archive: archive.clone(),
            audit: audit.0.clone(),
            signer: audit.1.clone(),
            unsettled: keep::Unsettled::new(core.finisher.journal.clone(), Arc::clone(&core.finisher.left)),
            redactor: core.redactor(&index, &archive, &reading),
            archivist,
            reading: reading.clone(),
            keys,
            clock,
            zone: config.zone.clone(),
            readiness: readiness.clone(),
            metrics: Arc::clone(&core.finisher.metrics),
            refusals: core.refusals.clone(),
            alarms: core.finisher.alarms.clone(),
            feed: core.feed.clone(),
            load,
            sign_on: core.sign_on(&config, &identity),
            identity,
            hosts: if config.http.ip().is_loopback() { Hosts::Loopback } else { Hosts::Any },
            allowances: Allowances::new(config.rates, clock, Arc::clone(&core.finisher.metrics)),
            listeners: Listeners::default(),
            levels: core.levels.clone(),
            test_calls: TestCalls::to(Some(reachable(sip.addresses.udp, config.sip_advertised))),
            surveys: Surveys::default(),
            waveforms: Waveforms::default(),
            ffmpeg: config.ffmpeg.clone(),
            known_as,
            webhooks,
            chronicles: core.finisher.chronicles.clone(),
            sip_tls: certificates.sip,
            http_tls: certificates.http,
        };
        let wfo_xml = wfo_xml::start(&config.wfo_xml, app.clone(), stop.clone()).await?;
        let http = doors::serve_http(&config, app, stop).await?;
        Ok(Self {
            desk: core.finisher.desk.clone(),
            sip: sip.addresses,
            http,
            wfo_xml,
            index,
            archive,
            reading,
            clock,
            readiness,
            ingest: sip,
            journal: core.finisher.journal.clone(),
            media: core.finisher.media.clone(),
            tasks: core.tasks,
            stopping,
            closing,
            follower,
            writer: core.writer,
            audit,
            sums,
        })
    }

    /// Closes and leaves calls as they are: the next start goes on with them (A9-12). All that was kept so far is on disk.
    /// The process is to end after this.
    pub async fn rest(self) {
        self.readiness.raise("stopping", "the recorder is stopping");
        let _ = self.stopping.send(true);
        self.ingest.rest().await;
        self.media.flushed().await;
        self.close().await;
    }

    /// Ends every call, seals every recording, and closes.
    pub async fn stop(self) {
        self.readiness.raise("stopping", "the recorder is stopping");
        let _ = self.stopping.send(true);
        self.ingest.end().await;
        self.tasks.close();
        if tokio::time::timeout(STOP_PATIENCE, self.tasks.wait()).await.is_err() {
            tracing::error!("not every recording could be sealed in time; the next start goes on with them");
        }
        self.close().await;
    }

    /// What was handed to the journal is on disk; nothing is written after it.
    async fn close(self) {
        self.journal.end().await;
        let writer = self.writer;
        let _ = tokio::task::spawn_blocking(move || writer.join()).await;
        let _ = self.closing.send(true);
        if tokio::time::timeout(CLOSE_PATIENCE, self.follower).await.is_err() {
            tracing::warn!("not every event is in the outbox; the next start finds them in the journal");
        }
        let (audit, signer) = self.audit;
        audit.flush(Act::new(&Actor::recorder(), "recorder.stop")).await;
        signer.sign().await;
        self.index.close().await;
        let sums = self.sums;
        let _ = tokio::task::spawn_blocking(move || sums.write()).await;
    }
}

/// What the media threads notice.
type Notices = mpsc::Receiver<media::Notice>;

/// What runs between the wire and the disk.
struct Core {
    finisher: Finisher,
    feed: Feed,
    levels: Levels,
    /// What an earlier run has told.
    journaled: recover::Journaled,
    ports: Ports,
    refusals: Refusals,
    /// Recordings of an earlier run that hold something.
    begun: Arc<BTreeSet<RecordingId>>,
    tasks: TaskTracker,
    writer: JoinHandle<()>,
}

impl Core {
    /// Starts the threads and the desk, and brings home what an earlier run has left.
    async fn start(
        config: &Config,
        clock: Clock,
        opened: Opened,
        index: Index,
    ) -> Result<(Self, Notices), StartError> {
        let machine = |error: std::io::Error| StartError::Machine(error.to_string());
        let Opened { intake, writer, sealer, recovered, .. } = opened;
        let mut tracker = Tracker::new(config.tracker.clone(), seed()?);
        let (left, journaled) = recover::replay(&mut tracker, recovered)?;
        let action = config.tracker.keeping.archive_action;
        if tracker.state().archive_actions.get(action).is_none() {
            return Err(StartError::ArchiveAction(action));
        }
        let begun = Arc::new(left.iter().map(|unfinished| unfinished.recording).collect());
        let (metrics, feed) = (Arc::new(Metrics::default()), Feed::default());
        feed.begin_behind(journaled.last);
        let alarms = Alarms::new(clock, feed.clone());
        let (sealing, unstarted) = Sealing::new();
        let (checkpoint_due, due) = mpsc::channel(1);
        let wiring = keep::Wiring {
            clock,
            sealing: sealing.clone(),
            metrics: Arc::clone(&metrics),
            alarms: alarms.clone(),
            pause: std::thread::sleep,
            checkpoint_due: Box::new(move || {
                // One that is waiting already will do.
                let _ = checkpoint_due.try_send(());
            }),
        };
        let (journal, writer) = keep::start_writer(writer, wiring).map_err(machine)?;
        keep::start_sealer(sealer, unstarted, journal.clone()).map_err(machine)?;
        let (tap, tapped) = media::Tap::new(&metrics);
        let terms = (config.patience, config.hold_back, &tap);
        let (media, notices) =
            media::start(config.media_threads, clock, &intake, &journal, &metrics, terms).map_err(machine)?;
        let watched = media.clone();
        let levels =
            Levels::start(tapped, move |calls, until| watched.watch(calls, until)).map_err(machine)?;

        let tasks = TaskTracker::new();
        let left_behind = Arc::new(Mutex::new(HashMap::new()));
        let chronicles = Chronicles::default();
        let one_clock = config.trunks.iter().filter(|trunk| trunk.one_clock);
        let one_clock = Arc::new(one_clock.map(|trunk| trunk.name.clone()).collect());
        let finisher_of = |desk| Finisher {
            clock,
            desk,
            media: media.clone(),
            journal: journal.clone(),
            sealing: sealing.clone(),
            rows: Arc::new(index.clone()),
            metrics: Arc::clone(&metrics),
            alarms: alarms.clone(),
            chronicles: chronicles.clone(),
            left: Arc::clone(&left_behind),
            one_clock: Arc::clone(&one_clock),
        };
        let desk = desk::start(tracker, clock, chronicles.clone(), |desk| {
            let (finisher, tasks) = (finisher_of(desk), tasks.clone());
            let blackouts = Mutex::new(BlackoutWatch::new(config.blackout_norm));
            Effects { clock, finisher, feed: feed.clone(), tasks, blackouts }.into_hands()
        });
        tokio::spawn(watch::checkpoints(desk.clone(), due));
        let finisher = finisher_of(desk.clone());
        recover::finish_left(&finisher, left, &tasks).await?;
        if !config.agents.is_empty() {
            let taken = desk.put_agents(config.agents.clone()).await;
            taken.map_err(|error| StartError::Agents(error.to_string()))?;
        }
        let refusals = Refusals::of_trunks(config.trunks.iter().map(|trunk| trunk.name.as_str()));
        let most =
            config.limits.streams(config.rtp_ports.pairs(), machine::open_files_limit().unwrap_or(u64::MAX));
        let ports = Ports::new(clock, config.sip.ip(), config.rtp_ports, seed()?).at_most(most);
        Ok((Self { finisher, feed, levels, journaled, ports, refusals, begun, tasks, writer }, notices))
    }

    /// Erases spans of recordings; begins with what an earlier run has left.
    fn redactor(&self, index: &Index, archive: &Archive, reading: &ReadingKey) -> Redactor {
        let Finisher { clock, sealing, journal, alarms, .. } = self.finisher.clone();
        let (index, archive, reading) = (index.clone(), archive.clone(), reading.clone());
        let redactor = Redactor {
            clock,
            index,
            archive,
            reading,
            sealing,
            journal,
            alarms,
            feed: self.feed.clone(),
            turn: Arc::default(),
        };
        tokio::spawn(redactor.clone().go_on());
        redactor
    }

    /// Has certificates exchanged when their files change, and looks for what opens the reading key.
    fn watch_files(&self, certificates: &Certificates, keys: &Keys, stop: &signal::Receiver<bool>) {
        tokio::spawn(keys::watch(keys.clone(), self.finisher.alarms.clone(), stop.clone()));
        self.watch_tls(certificates, stop);
    }
}

/// What comes before everything else.
fn prepare(config: &Config) {
    raise_open_files();
    config.doubts().iter().for_each(|doubt| tracing::warn!("{doubt}"));
}

fn open_store(config: &Config, volumes: &Volumes, asks: Asks) -> Result<(Opened, Keys), StartError> {
    let data = volumes.data();
    let wrong_at = |path: &Path, cause| StartError::Data { path: path.display().to_string(), cause };
    let wrong = |cause: String| wrong_at(data, cause);
    for folder in volumes.folders() {
        RealDisk::new().create_dir(folder).map_err(|error| wrong_at(folder, error.to_string()))?;
    }
    let keys = Keys::open(data.join("keys"), config.keys.clone(), asks);
    let keys = keys.map_err(|error| wrong(error.to_string()))?;
    let opened = Store::open(volumes.disk(), data, &keys.recorder, vault::Settings::default());
    Ok((opened.map_err(|error| wrong(error.to_string()))?, keys))
}

async fn open_index(data: &Path, keys: &Keys, clock: Clock) -> Result<Index, StartError> {
    let notary = TipSigner::new(keys.recorder.signing().clone(), &data.join("keys"), clock);
    let notary = notary.map_err(|error| StartError::Index(error.to_string()))?;
    let index = Index::open_signing(&data.join("index.sqlite"), Arc::new(notary)).await;
    index.map_err(|error| StartError::Index(error.to_string()))
}

impl Core {
    /// Knows who asks.
    async fn identify(
        &self,
        config: &Config,
        index: &Index,
        keys: RecorderKeys,
    ) -> Result<Identity, StartError> {
        let (clock, metrics) = (self.finisher.clock, Arc::clone(&self.finisher.metrics));
        let alarms = self.finisher.alarms.clone();
        let (policy, passwords) = (config.login.clone(), config.passwords.clone());
        let register = index.register();
        let wiring = identity::Wiring { register, keys, clock, policy, passwords, metrics, alarms };
        let wrong = |error: index::DatabaseError| StartError::Index(error.to_string());
        let identity = Identity::open(wiring).await.map_err(wrong)?;
        given::remember(&index.trail(), clock, &self.finisher.alarms).await.map_err(wrong)?;
        if identity.asks() && !identity.has_accounts() {
            tracing::warn!(
                "a login is asked for, and there is no account: `sidetone users add NAME --role administrator{}` makes the first, on \
                 this machine",
                config.asked_here()
            );
        }
        Ok(identity)
    }
}

/// Unpredictable bytes from the operating system.
///
/// # Errors
/// When it has none to give.
pub fn seed() -> Result<[u8; 32], StartError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| StartError::Machine(error.to_string()))?;
    Ok(seed)
}

/// Two sockets for each stream: the soft limit of open files is seldom enough.
pub fn raise_open_files() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    {
        tracing::warn!(%error, soft, hard, "the limit of open files stays low");
    }
}
