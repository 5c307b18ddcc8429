//! A sealed recording of tones, made the way a call makes it: through the gate, the journal and the sealer.

use std::time::Duration;

use audio::{codec::g711, tone};
use calls::gate::{Closed, Gate};
use calls::id::{CallId, RecordingId, StreamNumber};
use calls::packet::Packet;
use calls::time::{Span, Wall};
use serde_json::json;
use vault::FrameBatch;

use crate::control::native::recordings::row;
use crate::fake::Recorder;

/// What is said in a recording.
pub(crate) struct Talk {
    /// One tone for each stream, Hz.
    pub(crate) tones_hz: Vec<f64>,
    /// How long, ms.
    pub(crate) length_ms: u32,
    /// A blackout, ms from the start.
    pub(crate) dark_ms: Option<(u32, u32)>,
    /// The streams of agent 1's party.
    pub(crate) agents_streams: Vec<u16>,
    /// Frames of 20 ms of the first stream that never came, from and until.
    pub(crate) lost: (u16, u16),
    /// How much longer the way of each stream but the first is, ms; its sender reports tell that.
    pub(crate) late_ms: Option<u32>,
    /// What the agent is called.
    pub(crate) agent: &'static str,
}

impl Default for Talk {
    /// Ten seconds of two tones, dark from 4 s to 6 s.
    fn default() -> Self {
        Self {
            tones_hz: vec![440.0, 880.0],
            length_ms: 10_000,
            dark_ms: Some((4_000, 6_000)),
            agents_streams: vec![1],
            lost: (0, 0),
            late_ms: None,
            agent: "Rowan Pike",
        }
    }
}

impl Talk {
    /// The streams, as a manifest has them.
    fn streams(&self, started: Wall) -> Vec<serde_json::Value> {
        let stream = |number: usize| {
            let pcmu = json!({"payload_type": 0, "encoding": "PCMU", "clock_hz": 8000, "channels": 1});
            let clocks = self.late_ms.map(|late_ms| sender_clock(number, started, late_ms));
            json!({
                "number": number, "label": number.to_string(), "formats": [pcmu],
                "ledger": ledger(number == 0), "sender_clocks": clocks.into_iter().collect::<Vec<_>>(),
            })
        };
        (0..self.tones_hz.len()).map(stream).collect()
    }
}

impl Recorder {
    /// Seals a talk and puts its row.
    pub(crate) async fn seal(&self, n: u8, talk: &Talk) -> RecordingId {
        self.seal_as(n, row(n).call, talk).await
    }

    /// The same, as a recording of this call.
    pub(crate) async fn seal_as(&self, n: u8, call: CallId, talk: &Talk) -> RecordingId {
        let row = index::RecordingRow { call, agent_name: Some(talk.agent.to_owned()), ..row(n) };
        let row = seal(&mut self.store.lock().unwrap(), row, talk);
        self.index.put_recording(&row).await.unwrap();
        row.id
    }
}

/// Seals a talk, and gives the row of the file.
pub(crate) fn seal(
    store: &mut vault::Opened,
    mut row: index::RecordingRow,
    talk: &Talk,
) -> index::RecordingRow {
    let started = row.started;
    let at = |ms: u32| started.after(Duration::from_millis(ms.into()));
    let dark: Vec<Span> =
        talk.dark_ms.iter().map(|(from, until)| Span { from: at(*from), until: Some(at(*until)) }).collect();
    let streams = talk.streams(row.started);
    let manifest = json!({
        "recording": row.id, "call": row.call, "call_instance": "a@192.0.2.1", "session_id": "s-1",
        "agents": [1], "device": "4678", "started": row.started, "stopped": at(talk.length_ms),
        "why": row.why, "why_stopped": "stopped: the recording client ended its session",
        "dark": dark, "streams": streams,
        "parties": [
            {"address": "sip:+15550100@192.0.2.9", "name": "Kim", "sends": [0]},
            {"address": "sip:4678@192.0.2.9", "name": "Rowan Pike", "sends": talk.agents_streams},
        ],
    });
    serde_json::from_value::<sidetone::keep::manifest::Manifest>(manifest.clone()).expect("a manifest");
    let sealed = {
        let mut writer = store.intake.begin(row.id);
        let mut batch = FrameBatch::new();
        for (number, tone_hz) in (0..).zip(&talk.tones_hz) {
            let mut gate = Gate::closed(row.id, StreamNumber(number));
            gate.open(Closed::Blackout, Wall::from_ns(i64::MIN));
            let samples = usize::try_from(talk.length_ms * 8).unwrap();
            let voice: Vec<u8> =
                tone::Sine::new(*tone_hz, 8000).take(samples).map(g711::linear_to_pcmu).collect();
            let late_ms = talk.late_ms.filter(|_| number > 0).unwrap_or(0);
            for (payload, n) in voice.chunks(160).zip(0_u16..) {
                let arrival = at(u32::from(n) * 20 + late_ms);
                if number == 0 && (talk.lost.0..talk.lost.1).contains(&n) {
                    continue;
                }
                if dark.iter().any(|span| span.contains(arrival)) {
                    continue;
                }
                let packet = Packet {
                    arrival,
                    sequence: n,
                    timestamp: u32::from(n) * 160,
                    ssrc: 7 + u32::from(number),
                    payload_type: 0,
                    marker: n == 0,
                    payload,
                };
                let admitted = gate.admit(arrival, packet).unwrap();
                writer.append(admitted, &mut batch).unwrap();
            }
        }
        writer.flush(at(talk.length_ms), Duration::ZERO, &mut batch);
        store.writer.append(batch).unwrap();
        store.writer.commit().unwrap();
        let settlement = store.writer.take_unsettled(row.id);
        let sealed = store.sealer.seal(&settlement, manifest.to_string().as_bytes()).unwrap();
        store.writer.settled(sealed.receipt).unwrap();
        (sealed.path, sealed.bytes, sealed.digest)
    };
    let (path, bytes, digest) = sealed;
    row.file = path.to_str().unwrap().to_owned();
    (row.file_bytes, row.digest) = (bytes, digest.0);
    row.ended = row.started.after(Duration::from_millis(talk.length_ms.into()));
    row.duration_ms = talk.length_ms.into();
    row
}

/// The reports of a stream's sender, one a second: the clock of the gateway that all of them pass.
fn sender_clock(number: usize, started: Wall, late_ms: u32) -> serde_json::Value {
    let late_ms = if number > 0 { late_ms } else { 0 };
    let pair = |second: u32| {
        let arrival = started.after(Duration::from_millis((second * 1_000 + late_ms).into()));
        json!({"arrival_ns": arrival.as_ns(), "ntp": u64::from(second + 9_000) << 32, "timestamp": second * 8_000})
    };
    let pairs: Vec<_> = (1..9).map(pair).collect();
    json!({"ssrc": 7 + number, "cname": "gateway", "pairs": pairs})
}

/// A ledger of one stream; of the other a crash has taken it.
fn ledger(is_there: bool) -> Option<rtp::Ledger> {
    let ledger = rtp::Ledger {
        received: 500,
        stored: 400,
        dark: 100,
        first_ns: Some(1_764_000_060_000_000_000),
        ..rtp::Ledger::default()
    };
    is_there.then_some(ledger)
}
