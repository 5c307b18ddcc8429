//! What the stories share: keys, packets, and a scripted life of a recorder with a book of what it was promised.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use calls::gate::{Admitted, Closed, Gate};
use calls::id::{RecordingId, StreamNumber};
use calls::packet::Packet;
use calls::time::Wall;
use vault::disk::sim::{Crash, SimDisk};
use vault::{
    Digest, FrameBatch, JournalWriter, KeyFolder, Opened, ReadingKey, RecorderKeys, RecordingReader,
    RecordingWriter, Sealer, Settings, Store,
};

pub(crate) const ROOT: &str = "/";
pub(crate) const EVER: (Wall, Wall) = (Wall::from_ns(i64::MIN), Wall::from_ns(i64::MAX));

static KEYS: LazyLock<(RecorderKeys, ReadingKey)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let keys = KeyFolder::open_or_create(&folder.path().join("keys")).unwrap();
    (keys.recorder(), keys.reading().unwrap())
});

pub(crate) fn recorder_keys() -> &'static RecorderKeys {
    &KEYS.0
}

pub(crate) fn reading_key() -> &'static ReadingKey {
    &KEYS.1
}

/// A recording whose id was drawn on 2025-08-20.
pub(crate) fn recording(last: u8) -> RecordingId {
    let mut bytes = *"0198c7a2-4f3e-7abc-8def-012345678900".parse::<RecordingId>().unwrap().as_bytes();
    bytes[15] = last;
    RecordingId::from_bytes(bytes)
}

/// A packet with its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) arrival: i64,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    pub(crate) payload_type: u8,
    pub(crate) marker: bool,
    pub(crate) payload: Vec<u8>,
}

impl Kept {
    pub(crate) fn packet(&self) -> Packet<'_> {
        Packet {
            arrival: Wall::from_ns(self.arrival),
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            payload_type: self.payload_type,
            marker: self.marker,
            payload: &self.payload,
        }
    }

    pub(crate) fn of(packet: &Packet<'_>) -> Self {
        Self {
            arrival: packet.arrival.as_ns(),
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            ssrc: packet.ssrc,
            payload_type: packet.payload_type,
            marker: packet.marker,
            payload: packet.payload.to_vec(),
        }
    }

    /// The `i`-th packet of ordinary G.711 with a jitter of some milliseconds.
    pub(crate) fn g711(stream: u16, i: u32, bytes: usize) -> Self {
        let jitter = i64::from(i.wrapping_mul(2_654_435_761) % 6_000_000);
        Self {
            arrival: 1_755_700_000_000_000_000 + i64::from(i) * 20_000_000 + jitter,
            sequence: u16::try_from((7_000 + u64::from(i)) % 65_536).unwrap(),
            timestamp: 99 + i * 160,
            ssrc: 0xabc0_0000 + u32::from(stream),
            payload_type: 0,
            marker: i == 0,
            payload: (0..bytes).map(|n| u8::try_from((n + i as usize * 7) % 251).unwrap()).collect(),
        }
    }
}

pub(crate) fn admitted(recording: RecordingId, stream: StreamNumber, kept: &Kept) -> Admitted<Packet<'_>> {
    let mut gate = Gate::closed(recording, stream);
    gate.open(Closed::Blackout, EVER.0);
    gate.admit(Wall::from_ns(kept.arrival), kept.packet()).unwrap()
}

pub(crate) fn open(disk: &SimDisk, segment_bytes: u64) -> Opened {
    Store::open(Arc::new(disk.clone()), Path::new(ROOT), recorder_keys(), Settings { segment_bytes }).unwrap()
}

pub(crate) fn read_all(reader: &mut RecordingReader, stream: StreamNumber) -> Vec<Kept> {
    let mut packets = reader.packets(stream, EVER.0, EVER.1);
    let mut all = Vec::new();
    while let Some(packet) = packets.next_packet().unwrap() {
        all.push(Kept::of(&packet));
    }
    all
}

pub(crate) type Place = (RecordingId, StreamNumber);

/// What a life did, and what it was promised.
#[derive(Debug, Default, Clone)]
pub(crate) struct Book {
    /// Everything appended, in order.
    pub(crate) packets: BTreeMap<Place, Vec<Kept>>,
    /// How many packets of each stream were committed.
    pub(crate) acknowledged: BTreeMap<Place, usize>,
    /// Events appended: event `n` says `n`.
    pub(crate) events: u64,
    pub(crate) acknowledged_events: u64,
    /// Recordings with an index row, and what it says.
    pub(crate) rows: BTreeMap<RecordingId, Digest>,
    /// Whether the life came to its orderly end.
    pub(crate) ended: bool,
}

/// A recorder with two calls of two streams.
pub(crate) struct Life {
    pub(crate) book: Book,
    writer: Option<JournalWriter>,
    sealer: Sealer,
    calls: Vec<RecordingWriter>,
    /// How often each step is tried before the life gives up.
    tries: usize,
}

const TICKS: u32 = 14;
const PACKETS_A_TICK: u32 = 3;
pub(crate) const SEGMENT_BYTES: u64 = 6_000;

impl Life {
    /// Begins on `disk`; `None` if the store does not open.
    pub(crate) fn begin(disk: &SimDisk, tries: usize) -> Option<Self> {
        let settings = Settings { segment_bytes: SEGMENT_BYTES };
        let opened = (0..tries).find_map(|_| {
            Store::open(Arc::new(disk.clone()), Path::new(ROOT), recorder_keys(), settings).ok()
        })?;
        assert!(opened.recovered.unfinished.is_empty());
        let calls = (1..=2).map(|call| opened.intake.begin(recording(call))).collect();
        let (writer, sealer) = (Some(opened.writer), opened.sealer);
        Some(Self { book: Book::default(), writer, sealer, calls, tries })
    }

    /// Lives to the end, or until a step fails as often as it may.
    pub(crate) fn live(mut self) -> Book {
        let _ = self.days();
        self.book
    }

    fn days(&mut self) -> Option<()> {
        for tick in 0..TICKS {
            self.talk(tick)?;
            self.event()?;
            self.commit()?;
            match tick {
                3 | 8 => self.settle(0)?,
                5 => self.settle(1)?,
                10 => self.seal(0)?,
                _ => {}
            }
        }
        self.seal(1)?;
        let state = self.book.events.to_string();
        self.writer.take()?.close(state.as_bytes()).ok()?;
        self.book.ended = true;
        Some(())
    }

    fn talk(&mut self, tick: u32) -> Option<()> {
        let mut batch = self.writer.as_mut()?.spare_batch();
        let sealed = self.book.rows.len();
        for call in &mut self.calls[sealed..] {
            for i in tick * PACKETS_A_TICK..(tick + 1) * PACKETS_A_TICK {
                for stream in [0, 1] {
                    // Far apart, so that minutes pass.
                    let mut kept = Kept::g711(stream, i, 120);
                    kept.arrival += i64::from(i / 12) * 40_000_000_000;
                    let place = (call.recording(), StreamNumber(stream));
                    call.append(admitted(place.0, place.1, &kept), &mut batch).unwrap();
                    self.book.packets.entry(place).or_default().push(kept);
                }
            }
            call.flush(Wall::EPOCH, Duration::ZERO, &mut batch);
        }
        self.writer.as_mut()?.append(batch).unwrap();
        Some(())
    }

    fn event(&mut self) -> Option<()> {
        self.book.events += 1;
        self.writer.as_mut()?.append_event(self.book.events.to_string().as_bytes()).ok()?;
        Some(())
    }

    fn commit(&mut self) -> Option<()> {
        let tries = self.tries;
        let committed = {
            let writer = self.writer.as_mut()?;
            (0..tries).find_map(|_| writer.commit().ok())?
        };
        self.book.acknowledged_events = self.book.events;
        self.book.acknowledged =
            self.book.packets.iter().map(|(place, packets)| (*place, packets.len())).collect();
        if committed.checkpoint_due {
            let state = self.book.events.to_string();
            let writer = self.writer.as_mut()?;
            writer.append_checkpoint(state.as_bytes()).ok()?;
            (0..tries).find_map(|_| writer.commit().ok())?;
        }
        Some(())
    }

    fn settle(&mut self, call: usize) -> Option<()> {
        let recording = self.calls[call].recording();
        let writer = self.writer.as_mut()?;
        let settlement = writer.take_unsettled(recording);
        let sealer = &mut self.sealer;
        let receipt = (0..self.tries).find_map(|_| sealer.settle(&settlement).ok())?;
        assert_eq!(receipt.lost_frames(), 0);
        // Freeing may fail; it is tried again at the next occasion.
        let _ = writer.settled(receipt);
        Some(())
    }

    fn seal(&mut self, call: usize) -> Option<()> {
        let recording = self.calls[call].recording();
        let writer = self.writer.as_mut()?;
        let settlement = writer.take_unsettled(recording);
        let sealer = &mut self.sealer;
        let sealed = (0..self.tries).find_map(|_| sealer.seal(&settlement, b"manifest").ok())?;
        self.book.rows.insert(recording, sealed.digest);
        let _ = writer.settled(sealed.receipt);
        Some(())
    }
}

/// What a start after a crash makes of the disk: everything sealed. Panics where a promise is broken; `None` if a
/// call failed because the power went again.
pub(crate) fn recover(disk: &SimDisk) -> Option<(u64, BTreeMap<RecordingId, Digest>)> {
    let settings = Settings { segment_bytes: SEGMENT_BYTES };
    let opened = Store::open(Arc::new(disk.clone()), Path::new(ROOT), recorder_keys(), settings).ok()?;
    let Opened { mut writer, mut sealer, recovered, .. } = opened;
    let covered: u64 =
        recovered.checkpoint.map_or(0, |state| String::from_utf8(state).unwrap().parse().unwrap());
    let mut events = covered;
    for (_, event) in &recovered.events {
        events += 1;
        assert_eq!(String::from_utf8(event.clone()).unwrap(), events.to_string(), "an event is missing");
    }
    let mut sealed_now = BTreeMap::new();
    for unfinished in recovered.unfinished {
        let sealed = sealer.seal(&unfinished.settlement, b"interrupted").ok()?;
        sealed_now.insert(unfinished.recording, sealed.digest);
        let _ = writer.settled(sealed.receipt);
    }
    writer.append_checkpoint(events.to_string().as_bytes()).ok()?;
    writer.commit().ok()?;
    Some((events, sealed_now))
}

/// Checks a recovered disk against the book: what was promised is there, and nothing that never was.
pub(crate) fn check(disk: &SimDisk, book: &Book, events: u64, sealed: &BTreeMap<RecordingId, Digest>) {
    assert!(events >= book.acknowledged_events, "{events} of {} events", book.acknowledged_events);
    assert!(events <= book.events);
    let archive = vault::Archive::new(Arc::new(disk.clone()), Path::new(ROOT));
    for (recording, digest) in &book.rows {
        let verified = archive.verify(*recording, Some(reading_key())).unwrap();
        assert_eq!(verified.digest, *digest, "a sealed file changed");
    }
    for recording in sealed.keys() {
        let verified = archive.verify(*recording, Some(reading_key())).unwrap();
        assert_eq!(verified.digest, sealed[recording]);
    }
    for (place, packets) in &book.packets {
        let acknowledged = book.acknowledged.get(place).copied().unwrap_or(0);
        match archive.open(place.0, reading_key()) {
            Ok(mut reader) => {
                let kept = read_all(&mut reader, place.1);
                assert!(kept.len() >= acknowledged, "{place:?}: {} of {acknowledged} packets", kept.len());
                assert_eq!(kept[..acknowledged], packets[..acknowledged], "{place:?}");
                // Of what came after, any part may be there, in order.
                let mut rest = packets[acknowledged..].iter();
                assert!(
                    kept[acknowledged..].iter().all(|kept| rest.any(|packet| packet == kept)),
                    "{place:?}"
                );
                let expected: &[u8] =
                    if book.rows.contains_key(&place.0) { b"manifest" } else { b"interrupted" };
                let manifest = reader.manifest().unwrap();
                // A crash after the seal and before the row leaves the first manifest.
                assert!(manifest == expected || manifest == b"manifest");
            }
            Err(error) => assert_eq!(acknowledged, 0, "{place:?}: {error}"),
        }
    }
}

/// Every way a crash leaves the disk, with one of the torn ones.
pub(crate) fn crashes(seed: u64) -> [Crash; 3] {
    [Crash::Process, Crash::Power, Crash::Torn(seed + 1)]
}

/// A batch of a steady talk of one recording.
pub(crate) fn talk(call: &mut RecordingWriter, streams: u16, packets: u32, batch: &mut FrameBatch) {
    for i in 0..packets {
        for stream in 0..streams {
            let kept = Kept::g711(stream, i, 160);
            call.append(admitted(call.recording(), StreamNumber(stream), &kept), batch).unwrap();
        }
        if i % 5 == 4 {
            call.flush(Wall::EPOCH, Duration::ZERO, batch);
        }
    }
    call.flush(Wall::EPOCH, Duration::ZERO, batch);
}
