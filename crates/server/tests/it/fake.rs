//! A recorder without media: a real desk, a real index, and hands that do nothing, or not yet.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use calls::effect::Effect;
use calls::event::Event;
use calls::id::{CallId, RecordingId};
use calls::time::Wall;
use calls::tracker::{Settings, Tracker};
use http_body_util::BodyExt;
use index::Index;
use jiff::tz::TimeZone;
use serde_json::Value;
use sidetone::aftercare::Redactor;
use sidetone::aftercare::retention::{Archives, Archivist, LocalFiles};
use sidetone::clock::Clock;
use sidetone::desk::{self, Handle, Hands, Later, Order};
use sidetone::export;
use sidetone::http::allowances::Allowances;
use sidetone::http::{self, App, Hosts, KnownAs, Listeners};
use sidetone::identity::{self, Identity, Policy};
use sidetone::keep;
use sidetone::keys::{Asks, Keys};
use sidetone::observe::alarms::Alarms;
use sidetone::observe::feed::Feed;
use sidetone::observe::health::Readiness;
use sidetone::observe::metrics::Metrics;
use sidetone::observe::overload::LoadGauge;
use sidetone::observe::refusals::Refusals;
use sidetone::trail::{Act, Actor, Audit, Signer};
use sidetone::webhooks::{self, Webhooks};
use tower::ServiceExt;
use vault::{KeyFolder, Opened, RealDisk, Store};

/// Two agents; the second has no names.
pub(crate) const AGENTS: &str =
    "id,phone,username,system_username,crm_username,name,business_unit,device_alias,station
1,4678,rpike,CORP\\rpike,pike.r,Rowan Pike,3,front desk,WS-17
2,4102,,,,,,,
";

/// A disk that is there, or full.
pub(crate) struct FakeHands {
    clock: Clock,
    full: AtomicBool,
    feed: Feed,
}

impl FakeHands {
    /// From now on nothing becomes durable.
    pub(crate) fn fill_the_disk(&self) {
        self.full.store(true, Ordering::SeqCst);
    }
}

impl Hands for FakeHands {
    fn has_room(&self) -> bool {
        !self.full.load(Ordering::SeqCst)
    }

    fn journal(&self, _: Vec<Vec<u8>>) -> Later<u64> {
        if self.has_room() { Box::pin(std::future::ready(0)) } else { Box::pin(std::future::pending()) }
    }

    fn checkpoint(&self, _: Vec<u8>) {}

    fn darken(&self, _: Vec<CallId>, _: Order) -> Later<Wall> {
        Box::pin(std::future::ready(self.clock.now()))
    }

    fn carry_out(&self, _: Effect, _: Order) {}

    fn tell(&self, events: Vec<Event>, number: u64) {
        self.feed.tell_facts(self.clock.now(), &events, number);
    }

    fn keep(&self, _: CallId, _: RecordingId) -> Later<()> {
        Box::pin(std::future::ready(()))
    }

    fn settled(&self, _: Vec<CallId>) -> Later<()> {
        Box::pin(async {})
    }
}

/// The recorder and what a test may do to it.
pub(crate) struct Recorder {
    pub(crate) router: Router,
    app: App,
    pub(crate) desk: Handle,
    pub(crate) hands: Arc<FakeHands>,
    pub(crate) index: Index,
    pub(crate) readiness: Readiness,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) webhooks: Webhooks,
    pub(crate) feed: Feed,
    pub(crate) exports: export::Exports,
    /// The folder of sealed files.
    pub(crate) data: PathBuf,
    pub(crate) store: Mutex<Opened>,
    /// The key the sealed files are read with.
    pub(crate) reading: vault::ReadingKey,
    folder: tempfile::TempDir,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The `Message` of a WFO refusal.
    pub(crate) fn message(&self) -> String {
        self.json()["Message"].as_str().expect("a Message").to_owned()
    }

    /// The detail of a problem document, once it is seen to be one.
    pub(crate) fn detail(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(problem["type"], "about:blank");
        problem["detail"].as_str().expect("a detail").to_owned()
    }
}

/// Nobody carries out what it is told.
fn idle_redactor(
    aside: &std::path::Path,
    keys: &KeyFolder,
    (clock, index, archive): (Clock, &Index, &vault::Archive),
) -> Redactor {
    std::fs::create_dir(aside).unwrap();
    let (sealing, _) = keep::Sealing::new();
    let feed = Feed::default();
    let alarms = Alarms::new(clock, feed.clone());
    let store = Store::open(Arc::new(RealDisk::new()), aside, &keys.recorder(), vault::Settings::default());
    let wiring = keep::Wiring {
        clock,
        sealing: sealing.clone(),
        metrics: Arc::default(),
        alarms: alarms.clone(),
        pause: std::thread::sleep,
        checkpoint_due: Box::new(|| {}),
    };
    let (journal, _) = keep::start_writer(store.unwrap().writer, wiring).unwrap();
    let (index, archive) = (index.clone(), archive.clone());
    let reading = keys.reading().unwrap();
    Redactor { clock, index, archive, reading, sealing, journal, alarms, feed, turn: Arc::default() }
}

/// Jobs begin when a test says so.
fn idle_archivist(redactor: &Redactor, desk: &Handle, archive: &vault::Archive) -> Archivist {
    let Redactor { clock, index, sealing, journal, alarms, feed, .. } = redactor.clone();
    let desk = desk.clone();
    let disk = Arc::new(RealDisk::new()) as Arc<dyn vault::Disk>;
    Archivist {
        clock,
        readings: Arc::new(|| sidetone::clock::reading("a boot".to_owned())),
        files: Arc::new(LocalFiles { sealing, journal }),
        archives: Archives::of_folders(archive.clone(), &disk, &[]),
        actions: Arc::new(move || {
            let desk = desk.clone();
            Box::pin(async move { desk.look(|tracker| tracker.state().archive_actions.clone()).await.ok() })
        }),
        settings: sidetone::aftercare::retention::Settings::default(),
        audit: Audit::start(index.trail(), clock, Arc::default(), alarms.clone(), None),
        index,
        alarms,
        feed,
        metrics: Arc::default(),
        memory: Arc::default(),
        turn: Arc::default(),
        wake: Arc::default(),
        forgotten: Arc::default(),
    }
}

/// Nothing is sent until a test starts it.
fn idle_webhooks(
    (index, keys): (&Index, &KeyFolder),
    clock: Clock,
    (feed, alarms, metrics): (&Feed, &Alarms, &Arc<Metrics>),
) -> Webhooks {
    Webhooks::new(webhooks::Wiring {
        clock,
        outbox: index.outbox(),
        keys: keys.recorder(),
        feed: feed.clone(),
        alarms: alarms.clone(),
        metrics: Arc::clone(metrics),
        host: "rec1.example.com".to_owned(),
        allow: webhooks::Allow::default(),
        ca: None,
    })
}

/// Exports without a mail server.
fn exports(
    (archivist, audit): (&Archivist, &Audit),
    keys: &KeyFolder,
    (zone, readiness, identity): (&TimeZone, &Readiness, &Identity),
    (feed, alarms, metrics): (&Feed, &Alarms, &Arc<Metrics>),
) -> export::Exports {
    let source = export::Source {
        index: archivist.index.clone(),
        audit: audit.clone(),
        archives: archivist.archives.clone(),
        reading: keys.reading().unwrap(),
        signing: keys.recorder().signing().clone(),
        ffmpeg: sidetone::playback::Ffmpeg::default(),
        clock: archivist.clock,
        zone: zone.clone(),
        readiness: readiness.clone(),
        identity: identity.clone(),
        metrics: Arc::clone(metrics),
        feed: feed.clone(),
        alarms: alarms.clone(),
    };
    export::Exports::new(source, None)
}

impl Recorder {
    /// A recorder that knows the [`AGENTS`].
    pub(crate) async fn start() -> Self {
        let recorder = Self::start_empty().await;
        let answer = recorder.post("/v1/agents/import", AGENTS).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        recorder
    }

    /// A fresh install.
    pub(crate) async fn start_empty() -> Self {
        Self::start_with(Policy::default()).await
    }

    /// A fresh install that asks for a login as it is told.
    #[expect(clippy::too_many_lines, reason = "all that a recorder is made of, a part a line")]
    pub(crate) async fn start_with(policy: Policy) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (clock, feed) = (Clock::start(), Feed::default());
        let hands = Arc::new(FakeHands { clock, full: AtomicBool::new(false), feed: feed.clone() });
        let settings = Settings { civil: sidetone::zones::civil, ..Settings::default() };
        let tracker = Tracker::new(settings, [7; 32]);
        let its_hands = Arc::clone(&hands);
        let chronicles = sidetone::observe::chronicle::Chronicles::default();
        let desk = desk::start(tracker, clock, chronicles.clone(), move |_| its_hands);
        let index = Index::open(&folder.path().join("index.db")).await.unwrap();
        let keys = KeyFolder::open_or_create(&folder.path().join("keys")).unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let disk = Arc::new(RealDisk::new());
        let store = Store::open(disk, &data, &keys.recorder(), vault::Settings::default()).unwrap();
        let (readiness, metrics) = (Readiness::ready(), Arc::new(Metrics::default()));
        let alarms = Alarms::new(clock, feed.clone());
        let webhooks = idle_webhooks((&index, &keys), clock, (&feed, &alarms, &metrics));
        let redactor = idle_redactor(&folder.path().join("aside"), &keys, (clock, &index, &store.archive));
        let archivist = idle_archivist(&redactor, &desk, &store.archive);
        let zone = TimeZone::get("America/New_York").unwrap();
        let (register, passwords) = (index.register(), identity::PasswordRules::default());
        let wiring = identity::Wiring {
            register,
            keys: keys.recorder(),
            clock,
            policy,
            passwords,
            metrics: Arc::clone(&metrics),
            alarms: alarms.clone(),
        };
        let identity = Identity::open(wiring).await.unwrap();
        let audit = Audit::start(index.trail(), clock, Arc::clone(&metrics), alarms.clone(), Some(2));
        let signer = Signer {
            trail: index.trail(),
            key: keys.recorder().signing().clone(),
            clock,
            metrics: Arc::clone(&metrics),
            alarms: alarms.clone(),
            witnesses: Arc::new([]),
            authority: None,
            every: Duration::from_secs(60),
            turn: Arc::default(),
        };
        let exports =
            exports((&archivist, &audit), &keys, (&zone, &readiness, &identity), (&feed, &alarms, &metrics));
        // Nothing comes out of this tap: no media threads are there.
        let (_, media) = sidetone::media::Tap::new(&metrics);
        let app = App {
            desk: desk.clone(),
            index: index.clone(),
            archive: store.archive.clone(),
            audit,
            signer,
            unsettled: keep::Unsettled::new(redactor.journal.clone(), Arc::default()),
            redactor,
            archivist,
            reading: keys.reading().unwrap(),
            keys: Keys::open(folder.path().join("keys"), Default::default(), Asks::Nobody).unwrap(),
            clock,
            zone,
            readiness: readiness.clone(),
            metrics: Arc::clone(&metrics),
            alarms,
            refusals: Refusals::of_trunks(["old SBC"]),
            feed: feed.clone(),
            load: LoadGauge::default(),
            identity,
            sign_on: None,
            hosts: Hosts::Loopback,
            allowances: Allowances::new(access::Rates::default(), clock, Arc::clone(&metrics)),
            listeners: Listeners::default(),
            levels: sidetone::levels::Levels::start(media, |_, _| {}).unwrap(),
            test_calls: sidetone::caller::TestCalls::to(None),
            surveys: sidetone::playback::Surveys::default(),
            waveforms: sidetone::playback::Waveforms::default(),
            exports: exports.clone(),
            chronicles,
            ffmpeg: sidetone::playback::Ffmpeg::default(),
            webhooks: webhooks.clone(),
            known_as: KnownAs {
                host: "rec1.example.com".to_owned(),
                url: Some("https://rec1.example.com".to_owned()),
            },
            sip_tls: None,
            http_tls: None,
        };
        Self {
            router: http::router(app.clone()),
            app,
            desk,
            hands,
            index,
            readiness,
            metrics,
            webhooks,
            feed,
            exports,
            store: Mutex::new(store),
            reading: keys.reading().unwrap(),
            data,
            folder,
        }
    }

    /// The same recorder with other rates, and nobody has asked for anything.
    pub(crate) fn with_rates(mut self, rates: access::Rates) -> Self {
        self.app.allowances = Allowances::new(rates, self.app.clock, Arc::clone(&self.metrics));
        self.router = http::router(self.app.clone());
        self
    }

    /// The same recorder with another ffmpeg.
    pub(crate) fn with_ffmpeg(mut self, program: PathBuf) -> Self {
        self.app.ffmpeg = sidetone::playback::Ffmpeg::new(program);
        self.router = http::router(self.app.clone());
        self
    }

    /// The same recorder with a mail server.
    pub(crate) fn with_mail(mut self, smtp: export::Smtp) -> Self {
        let app = &self.app;
        let source = export::Source {
            index: app.index.clone(),
            audit: app.audit.clone(),
            archives: app.archivist.archives.clone(),
            reading: app.reading.clone(),
            signing: app.signer.key.clone(),
            ffmpeg: app.ffmpeg.clone(),
            clock: app.clock,
            zone: app.zone.clone(),
            readiness: app.readiness.clone(),
            identity: app.identity.clone(),
            metrics: Arc::clone(&app.metrics),
            feed: app.feed.clone(),
            alarms: app.alarms.clone(),
        };
        self.exports = export::Exports::new(source, Some(smtp));
        self.app.exports = self.exports.clone();
        self.router = http::router(self.app.clone());
        self
    }

    /// The same recorder after it has read accounts and keys again, as at a start.
    pub(crate) async fn with_identity_read_again(mut self) -> Self {
        let keys = KeyFolder::open_or_create(&self.folder.path().join("keys")).unwrap().recorder();
        let policy = Policy { login: identity::Login::Required, ..Policy::default() };
        let (register, passwords) = (self.index.register(), identity::PasswordRules::default());
        let (metrics, alarms) = (Arc::clone(&self.metrics), self.app.alarms.clone());
        let clock = self.app.clock;
        let wiring = identity::Wiring { register, keys, clock, policy, passwords, metrics, alarms };
        self.app.identity = Identity::open(wiring).await.unwrap();
        self.router = http::router(self.app.clone());
        self
    }

    /// Seconds since 1970 by the recorder's clock.
    pub(crate) fn now_s(&self) -> u64 {
        u64::try_from(self.app.clock.now().as_ns() / 1_000_000_000).unwrap()
    }

    /// The manifest of a sealed recording, as it was given to the seal.
    pub(crate) fn manifest(&self, id: RecordingId) -> Vec<u8> {
        let archive = self.store.lock().unwrap().archive.clone();
        archive.open(id, &self.reading).unwrap().manifest().unwrap()
    }

    /// Waits until all that was done so far is in the audit.
    pub(crate) async fn has_written(&self) {
        self.app.audit.flush(Act::new(&Actor::recorder(), "recorder.stop")).await;
    }

    pub(crate) async fn get(&self, uri: &str) -> Answer {
        self.send(Request::get(uri).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, uri: &str, body: impl Into<Body>) -> Answer {
        self.send(Request::post(uri).body(body.into()).unwrap()).await
    }

    pub(crate) async fn put(&self, uri: &str, body: impl Into<Body>) -> Answer {
        self.send(Request::put(uri).body(body.into()).unwrap()).await
    }

    pub(crate) async fn request(&self, method: Method, uri: &str, body: &str) -> Answer {
        self.send(Request::builder().method(method).uri(uri).body(Body::from(body.to_owned())).unwrap()).await
    }

    pub(crate) async fn method(&self, method: Method, uri: &str) -> Answer {
        self.send(Request::builder().method(method).uri(uri).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post_labelled(&self, uri: &str, label: &str, body: &str) -> Answer {
        let request = Request::post(uri).header(header::CONTENT_TYPE, label);
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("a router always answers");
        let (head, body) = response.into_parts();
        let kind = head.headers.get("content-type");
        let body = match kind.is_some_and(|kind| kind == "text/event-stream") {
            // It has no end.
            true => Vec::new(),
            false => body.collect().await.expect("the body comes to its end").to_bytes().to_vec(),
        };
        Answer { status: head.status, headers: head.headers, body }
    }
}
