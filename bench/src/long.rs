//! A recording of a long call, without the wait: packets with stepped times go through the gate, the journal and the sealer of a
//! data folder whose recorder rests, and the index gets its row.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use audio::codec::g711;
use audio::tone::Sine;
use calls::gate::{Closed, Gate};
use calls::id::{AgentId, CallId, RecordingId, StreamNumber};
use calls::packet::Packet;
use calls::time::{Span, Wall};
use index::{Care, Completeness, Direction, Index, Inherited, Party, RecordingRow};
use serde_json::{Value, json};
use vault::{FrameBatch, KeyFolder, Opened, RealDisk, RecordingWriter, Store};

/// Frames of 20 ms in a minute.
const FRAMES: u32 = 3_000;

/// What the two sides say, in turns of so many frames.
const TONES_HZ: [f64; 2] = [440.0, 880.0];
const TURN: u32 = 200;

/// Writes one that began so long ago and lasted so many minutes; it is dark in its middle minute. Says its id.
pub(crate) fn write(data: &Path, minutes: u32) -> Result<String, String> {
    let now = sidetone::clock::Clock::start().now();
    let length = Duration::from_secs(60 * u64::from(minutes));
    let started = now.before(length + Duration::from_secs(60));
    let id = RecordingId::from_bytes(drawn(started, 1)?);
    let call = CallId::from_bytes(drawn(started, 2)?);
    let keys = KeyFolder::open_or_create(&data.join("keys")).map_err(|error| error.to_string())?.recorder();
    let opened = Store::open(Arc::new(RealDisk::new()), data, &keys, vault::Settings::default());
    let mut store = opened.map_err(|error| error.to_string())?;
    let dark = Span {
        from: started.after(length / 2),
        until: Some(started.after(length / 2 + Duration::from_secs(60))),
    };
    let mut writing = Writing::begin(&store, id, (started, dark))?;
    for minute in 0..minutes {
        writing.minute(&mut store, minute)?;
    }
    let manifest = manifest((id, call), (started, started.after(length)), dark).to_string();
    let settlement = store.writer.take_unsettled(id);
    let sealed = store.sealer.seal(&settlement, manifest.as_bytes()).map_err(|error| error.to_string())?;
    store.writer.settled(sealed.receipt).map_err(|error| error.to_string())?;
    let row = RecordingRow {
        file: sealed.path.to_string_lossy().into_owned(),
        file_bytes: sealed.bytes,
        digest: sealed.digest.0,
        ended: started.after(length),
        duration_ms: 60_000 * u64::from(minutes),
        packets_received: writing.stored + writing.dark,
        packets_stored: writing.stored,
        packets_dark: writing.dark,
        ..row(id, call, started)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(async {
        let index = Index::open(&data.join("index.sqlite")).await.map_err(|error| error.to_string())?;
        index.put_recording(&row).await.map_err(|error| error.to_string())?;
        index.close().await;
        Ok(id.to_string())
    })
}

/// An id as it would have been drawn then (RFC 9562, version 7).
fn drawn(at: Wall, last: u8) -> Result<[u8; 16], String> {
    let ms = u64::try_from(at.as_ms()).map_err(|error| error.to_string())?;
    let mut id = [0; 16];
    id[..6].copy_from_slice(&ms.to_be_bytes()[2..]);
    (id[6], id[8], id[15]) = (0x70, 0x80, last);
    Ok(id)
}

/// A recording on its way to the journal.
struct Writing {
    writer: RecordingWriter,
    gates: [Gate; 2],
    /// A second of each side's tone, and of silence.
    voices: [Vec<u8>; 2],
    silence: Vec<u8>,
    started: Wall,
    lit: Wall,
    dark_span: Span,
    stored: u64,
    dark: u64,
}

impl Writing {
    fn begin(store: &Opened, id: RecordingId, (started, dark_span): (Wall, Span)) -> Result<Self, String> {
        let lit = dark_span.until.ok_or("the blackout ends")?;
        let gates = [0, 1].map(|number| {
            let mut gate = Gate::closed(id, StreamNumber(number));
            gate.open(Closed::Blackout, started);
            gate
        });
        let voices = TONES_HZ
            .map(|hz| Sine::new(hz, 8_000).take(8_000).map(g711::linear_to_pcmu).collect::<Vec<u8>>());
        let writer = store.intake.begin(id);
        let silence = vec![g711::linear_to_pcmu(0); 160];
        Ok(Self { writer, gates, voices, silence, started, lit, dark_span, stored: 0, dark: 0 })
    }

    fn minute(&mut self, store: &mut Opened, minute: u32) -> Result<(), String> {
        let mut batch = FrameBatch::new();
        for number in minute * FRAMES..(minute + 1) * FRAMES {
            let arrival = self.started.after(Duration::from_millis(20 * u64::from(number)));
            if arrival == self.dark_span.from {
                self.gates.iter_mut().for_each(|gate| gate.close(Closed::Blackout));
            } else if arrival == self.lit {
                self.gates.iter_mut().for_each(|gate| gate.open(Closed::Blackout, arrival));
            }
            for (side, gate) in (0_u32..).zip(&self.gates) {
                let talks = number / TURN % 2 == side;
                let frame = usize::try_from(number % 50).map_err(|error| error.to_string())? * 160;
                let voice = &self.voices[usize::from(side == 1)][frame..frame + 160];
                let packet = Packet {
                    arrival,
                    sequence: u16::try_from(number & 0xffff).map_err(|error| error.to_string())?,
                    timestamp: number.wrapping_mul(160),
                    ssrc: 7 + side,
                    payload_type: 0,
                    marker: number == 0,
                    payload: if talks { voice } else { &self.silence },
                };
                match gate.admit(arrival, packet) {
                    Ok(admitted) => {
                        self.writer.append(admitted, &mut batch).map_err(|error| error.to_string())?;
                        self.stored += 1;
                    }
                    Err(_) => self.dark += 1,
                }
            }
        }
        let now = self.started.after(Duration::from_secs(60 * u64::from(minute + 1)));
        self.writer.flush(now, Duration::ZERO, &mut batch);
        store.writer.append(batch).map_err(|error| error.to_string())?;
        store.writer.commit().map(drop).map_err(|error| error.to_string())
    }
}

fn manifest((id, call): (RecordingId, CallId), (started, stopped): (Wall, Wall), dark: Span) -> Value {
    let format = json!({"payload_type": 0, "encoding": "PCMU", "clock_hz": 8000, "channels": 1});
    let stream =
        |number: u16| json!({"number": number, "label": (number + 1).to_string(), "formats": [format]});
    json!({
        "recording": id, "call": call, "call_instance": "long@192.0.2.1", "session_id": "long", "agents": [1],
        "device": "4678", "started": started, "stopped": stopped, "why": "kept: every call is recorded",
        "dark": [dark], "streams": [stream(0), stream(1)],
        "parties": [
            {"address": "sip:+15550142@192.0.2.9", "name": "", "sends": [0]},
            {"address": "sip:4678@192.0.2.9", "name": "", "sends": [1]},
        ],
    })
}

fn row(id: RecordingId, call: CallId, started: Wall) -> RecordingRow {
    let party =
        |address: &str, stream| Party { name: None, address: address.to_owned(), stream: Some(stream) };
    RecordingRow {
        id,
        call,
        ident: 0,
        sip_call_id: None,
        call_instance: None,
        agent: Some(AgentId(1)),
        agent_name: Some("Rowan Pike".to_owned()),
        device: Some("4678".to_owned()),
        direction: Some(Direction::Inbound),
        ani: Some("+15550142".to_owned()),
        dnis: Some("4678".to_owned()),
        business_unit: 0,
        started,
        ended: started,
        duration_ms: 0,
        file: String::new(),
        file_bytes: 0,
        digest: [0; 32],
        streams: 2,
        completeness: Completeness::Complete,
        interrupted: false,
        blackout_ms: 60_000,
        packets_received: 0,
        packets_stored: 0,
        packets_dark: 0,
        packets_lost: 0,
        fields: std::collections::BTreeMap::new(),
        parties: vec![party("sip:+15550142@192.0.2.9", 0), party("sip:4678@192.0.2.9", 1)],
        known_as: std::collections::BTreeSet::new(),
        why: "kept: every call is recorded".to_owned(),
        schedule: None,
        keep_days: None,
        archive_action: 1,
        overridden: false,
        inherited: Inherited { keep_days: None, archive_action: 1 },
        link: None,
        doubled: false,
        copies: 0,
        remarks: Vec::new(),
        care: Care::default(),
    }
}
