//! How loud the legs of live calls are, while somebody watches.
//!
//! Media threads hand over a few packets of each watched leg, of what gates have let through ([`crate::media::Tap`]); a thread of
//! its own decodes them and keeps the last reading of each leg. Nobody waits for it, and where nobody watches it sleeps.
//!
//! Belongs here: from packets to readings, and for which calls. Does not: who may see them (`control`).

mod ear;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use audio::Formats;
use calls::id::{CallId, StreamNumber};
use calls::time::Wall;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::media::Tapped;
use ear::Ears;

/// The most who watch at once, each some calls.
const MAX_WATCHERS: usize = 64;

/// How long a call is watched after somebody has said so.
const WATCHED: Duration = Duration::from_secs(3);

/// A reading that is older says nothing of now: the leg is silent by sending nothing.
const FRESH: Duration = Duration::from_millis(800);

/// When nothing came for so long, decoders are let go.
const IDLE: Duration = Duration::from_secs(5);

/// How a call is to be measured.
#[derive(Debug, Clone)]
pub struct Watched {
    /// The call.
    pub call: CallId,
    /// What the payload types of its streams mean.
    pub formats: Vec<(StreamNumber, Formats)>,
}

/// What is known of a watched call.
#[derive(Debug)]
struct Known {
    until: Wall,
    formats: Vec<(StreamNumber, Formats)>,
    readings: BTreeMap<StreamNumber, Reading>,
}

/// How loud a leg was.
#[derive(Debug, Clone, Copy)]
struct Reading {
    at: Wall,
    dbov: i8,
}

/// Has media threads take packets of these calls until then.
type Lease = Box<dyn Fn(Vec<CallId>, Wall) + Send + Sync>;

/// The readings of the calls that are watched.
#[derive(Debug, Default)]
struct Readings(Mutex<HashMap<CallId, Known>>);

/// How loud calls are. Copies of it are the same.
#[derive(Clone)]
pub struct Levels {
    readings: Arc<Readings>,
    lease: Arc<Lease>,
    watchers: Arc<Semaphore>,
}

impl std::fmt::Debug for Levels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Levels")
    }
}

impl Levels {
    /// Starts the thread that measures what comes out of a tap; it ends with the tap. `lease` has packets of calls taken until
    /// an instant.
    ///
    /// # Errors
    /// What the system says to the making of a thread.
    pub fn start(
        tapped: Receiver<Tapped>,
        lease: impl Fn(Vec<CallId>, Wall) + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let readings = Arc::new(Readings::default());
        // It holds what it writes to and no more: what has packets taken must be free to end.
        let measured = Arc::clone(&readings);
        std::thread::Builder::new().name("levels".into()).spawn(move || measured.run(&tapped))?;
        Ok(Self {
            readings,
            lease: Arc::new(Box::new(lease)),
            watchers: Arc::new(Semaphore::new(MAX_WATCHERS)),
        })
    }

    /// A place for somebody who watches, given back when it is dropped; `None` if all are taken.
    pub(crate) fn take_place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.watchers).try_acquire_owned().ok()
    }

    /// Has calls measured from now on for some seconds; who goes on watching says so again.
    pub fn watch(&self, now: Wall, calls: Vec<Watched>) {
        let until = now.after(WATCHED);
        let ids: Vec<CallId> = calls.iter().map(|watched| watched.call).collect();
        let mut known = self.readings.0.lock();
        known.retain(|_, known| known.until > now);
        for Watched { call, formats } in calls {
            let readings = BTreeMap::new();
            let known = known.entry(call).or_insert_with(|| Known { until, formats: Vec::new(), readings });
            (known.until, known.formats) = (until, formats);
        }
        drop(known);
        (self.lease)(ids, until);
    }

    /// How loud each leg of a call was a moment ago, in dBov; a leg of which nothing came, or nothing can be told, is left out.
    pub fn of(&self, now: Wall, call: CallId) -> Vec<(StreamNumber, i8)> {
        let known = self.readings.0.lock();
        let readings = known.get(&call).into_iter().flat_map(|known| &known.readings);
        let fresh = readings.filter(|(_, reading)| now.since(reading.at) < FRESH);
        fresh.map(|(leg, reading)| (*leg, reading.dbov)).collect()
    }
}

impl Readings {
    fn run(&self, tapped: &Receiver<Tapped>) {
        let mut ears = Ears::default();
        loop {
            match tapped.recv_timeout(IDLE) {
                Ok(packet) => self.hear(&mut ears, &packet),
                Err(RecvTimeoutError::Timeout) => ears.forget(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn hear(&self, ears: &mut Ears, packet: &Tapped) {
        let codec = {
            let known = self.0.lock();
            let formats = known.get(&packet.call).into_iter().flat_map(|known| &known.formats);
            let mut own = formats.filter(|(stream, _)| *stream == packet.stream);
            own.find_map(|(_, formats)| formats.get(packet.payload_type)).map(|(codec, _)| codec)
        };
        let Some(dbov) = codec.and_then(|codec| ears.hear(codec, packet)) else { return };
        if let Some(known) = self.0.lock().get_mut(&packet.call) {
            known.readings.insert(packet.stream, Reading { at: packet.arrival, dbov });
        }
    }
}

#[cfg(test)]
mod tests {
    use audio::codec::g711;
    use audio::tone::Sine;

    use super::*;

    const CALL: CallId = CallId::from_bytes([1; 16]);

    fn packet(at_ms: i64, amplitude: i16, begins: bool) -> Tapped {
        let voice = Sine::new(440.0, amplitude).take(160).map(g711::linear_to_pcmu);
        Tapped {
            call: CALL,
            stream: StreamNumber(1),
            arrival: Wall::from_ms(at_ms),
            payload_type: 0,
            begins,
            payload: voice.collect(),
        }
    }

    /// What was leased, and until when.
    type Leased = Arc<Mutex<Vec<(Vec<CallId>, Wall)>>>;

    fn levels() -> (Levels, Leased) {
        let leased = Arc::new(Mutex::new(Vec::new()));
        let lease = Arc::clone(&leased);
        let (_, tapped) = crossbeam_channel::bounded(1);
        (Levels::start(tapped, move |calls, until| lease.lock().push((calls, until))).unwrap(), leased)
    }

    fn watched() -> Vec<Watched> {
        vec![Watched { call: CALL, formats: vec![(StreamNumber(1), Formats::new(&[]))] }]
    }

    #[test]
    fn a_leg_is_as_loud_as_what_was_said_last_and_says_nothing_when_nothing_comes() {
        let (levels, leased) = levels();
        let mut ears = Ears::default();
        levels.watch(Wall::from_ms(0), watched());
        assert_eq!(*leased.lock(), [(vec![CALL], Wall::from_ms(3_000))]);
        levels.readings.hear(&mut ears, &packet(10, 8_000, true));
        assert_eq!(levels.of(Wall::from_ms(20), CALL), [(StreamNumber(1), -15)]);
        levels.readings.hear(&mut ears, &packet(260, 800, true));
        assert_eq!(levels.of(Wall::from_ms(300), CALL), [(StreamNumber(1), -35)]);
        assert_eq!(levels.of(Wall::from_ms(1_200), CALL), []);
    }

    #[test]
    fn nothing_is_known_of_a_call_that_nobody_watches() {
        let (levels, _) = levels();
        let mut ears = Ears::default();
        levels.readings.hear(&mut ears, &packet(10, 8_000, true));
        assert_eq!(levels.of(Wall::from_ms(20), CALL), []);
        levels.watch(Wall::from_ms(0), watched());
        levels.readings.hear(&mut ears, &packet(10, 8_000, true));
        // Somebody watches something else, long after.
        levels.watch(Wall::from_ms(3_001), Vec::new());
        levels.readings.hear(&mut ears, &packet(3_010, 8_000, true));
        assert_eq!(levels.of(Wall::from_ms(3_020), CALL), []);
    }

    #[test]
    fn so_many_may_watch_and_no_more() {
        let (levels, _) = levels();
        let places: Vec<_> = std::iter::from_fn(|| levels.take_place()).collect();
        assert_eq!(places.len(), MAX_WATCHERS);
        drop(places);
        assert!(levels.take_place().is_some());
    }
}
