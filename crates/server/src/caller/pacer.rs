//! Sends the media of all test calls of a process at real pace, on one thread.
//!
//! The 20 ms of a frame are cut into slots of one millisecond; each stream sends in the slot it drew, so that
//! many calls make a steady flow and not a burst every 20 ms.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryRecvError};
use rtp::srtp::Outbound;

use super::sound::Codec;
use crate::clock::Clock;

/// Slots of a frame.
const SLOTS: usize = 20;

/// The length of a slot.
const SLOT: Duration = Duration::from_millis(1);

/// Streams that may wait to be taken up.
const LIMIT: usize = 65_536;

/// Bytes of the largest frame.
const MAX_FRAME_BYTES: usize = Codec::L16Wide.frame_bytes();

/// Payload type of telephone events in test calls.
const EVENT_PAYLOAD_TYPE: u8 = 101;

/// Frames a key stays pressed, and frames until the next one is.
const KEY_FRAMES: (u32, u32) = (5, 10);

/// Keys pressed while talking (RFC 4733): each for 100 ms, one every 200 ms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PressedKeys {
    /// `0` to `9`, `*` and `#`; anything else is not pressed.
    pub keys: String,
    /// How long after the beginning the first is pressed.
    pub after: Duration,
}

/// A stream to be sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) socket: Arc<UdpSocket>,
    pub(super) to: SocketAddr,
    pub(super) payload_type: u8,
    pub(super) ssrc: u32,
    pub(super) frames: Arc<[u8]>,
    pub(super) codec: Codec,
    pub(super) keys: Option<PressedKeys>,
    /// What its packets are protected with.
    pub(super) protection: Option<Outbound>,
    pub(super) sent: Arc<AtomicU64>,
}

struct Stream {
    out: Outgoing,
    sequence: u16,
    timestamp: u32,
    /// Frames sent so far.
    count: u32,
    /// Gone when the call is over.
    keep: Weak<()>,
}

/// The thread that sends. Cheap to clone; it ends with its last clone and stream.
#[derive(Debug, Clone)]
pub struct Pacer {
    streams: Sender<Joining>,
}

type Joining = (Outgoing, Weak<()>);

/// A stream that is being sent, until this is dropped.
#[derive(Debug)]
pub(super) struct Sending {
    _alive: Arc<()>,
}

impl Pacer {
    /// Starts the thread.
    ///
    /// # Errors
    /// What the system says to the making of a thread.
    pub fn start(clock: Clock) -> std::io::Result<Self> {
        let (streams, waiting) = crossbeam_channel::bounded(LIMIT);
        std::thread::Builder::new().name("caller".into()).spawn(move || run(clock, &waiting))?;
        Ok(Self { streams })
    }

    pub(super) fn send(&self, out: Outgoing) -> Sending {
        let alive = Arc::new(());
        if self.streams.send((out, Arc::downgrade(&alive))).is_err() {
            tracing::error!("the caller's media thread is gone");
        }
        Sending { _alive: alive }
    }
}

fn run(clock: Clock, waiting: &Receiver<Joining>) {
    let mut slots: Vec<Vec<Stream>> = (0..SLOTS).map(|_| Vec::new()).collect();
    let mut next = clock.since_start();
    let mut slot = 0;
    let mut joined = 0usize;
    let mut connected = true;
    loop {
        while connected {
            match waiting.try_recv() {
                Ok((out, keep)) => {
                    let first = u16::try_from(out.ssrc & 0xffff).unwrap_or_default();
                    let stream = Stream { timestamp: out.ssrc, out, sequence: first, count: 0, keep };
                    slots[joined % SLOTS].push(stream);
                    joined += 1;
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => connected = false,
            }
        }
        for stream in &mut slots[slot] {
            stream.send_frame();
        }
        slots[slot].retain(|stream| stream.keep.strong_count() > 0);
        if !connected && slots.iter().all(Vec::is_empty) {
            return;
        }
        slot = (slot + 1) % SLOTS;
        next += SLOT;
        std::thread::sleep(next.saturating_sub(clock.since_start()));
    }
}

impl Stream {
    fn send_frame(&mut self) {
        if self.keep.strong_count() == 0 {
            return;
        }
        let mut packet = [0; 12 + MAX_FRAME_BYTES];
        let length = match self.key_now() {
            Some((event, frame)) => self.fill_event(&mut packet, event, frame),
            None => self.fill_audio(&mut packet),
        };
        let sent = match &mut self.out.protection {
            None => self.out.socket.send_to(&packet[..length], self.out.to).is_ok(),
            Some(protection) => {
                let mut packet = packet[..length].to_vec();
                protection.protect_rtp(&mut packet).is_ok()
                    && self.out.socket.send_to(&packet, self.out.to).is_ok()
            }
        };
        if sent {
            self.out.sent.fetch_add(1, Ordering::Relaxed);
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.count += 1;
        self.timestamp = self.timestamp.wrapping_add(self.out.codec.frame_ticks());
    }

    fn header(&self, packet: &mut [u8], payload_type: u8, marker: bool, timestamp: u32) {
        packet[0] = 0x80;
        packet[1] = payload_type | if marker { 0x80 } else { 0 };
        packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
        packet[8..12].copy_from_slice(&self.out.ssrc.to_be_bytes());
    }

    fn fill_audio(&self, packet: &mut [u8]) -> usize {
        self.header(packet, self.out.payload_type, self.count == 0, self.timestamp);
        let bytes = self.out.codec.frame_bytes();
        let frames = self.out.frames.len() / bytes;
        let at = (self.count as usize % frames) * bytes;
        packet[12..12 + bytes].copy_from_slice(&self.out.frames[at..at + bytes]);
        12 + bytes
    }

    /// The key pressed in this frame and how many frames it has been, if any.
    fn key_now(&self) -> Option<(u8, u32)> {
        let keys = self.out.keys.as_ref()?;
        let after = u32::try_from(keys.after.as_millis() / 20).ok()?;
        let since = self.count.checked_sub(after)?;
        let key = keys.keys.chars().nth((since / KEY_FRAMES.1) as usize)?;
        let frame = since % KEY_FRAMES.1;
        let event = match key {
            '0'..='9' => key as u8 - b'0',
            '*' => 10,
            '#' => 11,
            _ => return None,
        };
        (frame < KEY_FRAMES.0).then_some((event, frame))
    }

    fn fill_event(&self, packet: &mut [u8], event: u8, frame: u32) -> usize {
        let ticks = self.out.codec.frame_ticks();
        let start = self.timestamp.wrapping_sub(frame * ticks);
        self.header(packet, EVENT_PAYLOAD_TYPE, frame == 0, start);
        let end = if frame + 1 == KEY_FRAMES.0 { 0x80 } else { 0 };
        let duration = u16::try_from((frame + 1) * ticks).unwrap_or(u16::MAX);
        packet[12] = event;
        packet[13] = end | 10;
        packet[14..16].copy_from_slice(&duration.to_be_bytes());
        16
    }
}
