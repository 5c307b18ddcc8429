//! A sender of RTP that remembers what it sent, and when: what a recorder kept is compared with that and not
//! with a schedule.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::time::{Since, now_ns};

/// The length of a frame.
const FRAME: Duration = Duration::from_millis(20);

/// Samples, and for G.711 bytes, of a frame.
pub const FRAME_SAMPLES: usize = 160;

/// The fixed header and a payload (RFC 3550 section 5.1).
#[derive(Debug, Clone, Copy)]
pub struct Head {
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Marker bit.
    pub marker: bool,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp.
    pub timestamp: u32,
    /// The source.
    pub ssrc: u32,
}

/// The bytes of a packet.
pub fn packet(head: Head, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, head.payload_type | if head.marker { 0x80 } else { 0 }];
    packet.extend(head.sequence.to_be_bytes());
    packet.extend(head.timestamp.to_be_bytes());
    packet.extend(head.ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

/// One leg's socket and source.
#[derive(Debug)]
pub struct Leg {
    socket: UdpSocket,
    ssrc: u32,
}

impl Leg {
    /// A leg of source `ssrc`, sent from this machine.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn new(ssrc: u32) -> Self {
        Self::on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), ssrc)
    }

    /// A leg sent from an address.
    ///
    /// # Panics
    /// When there is no such address, or no free port.
    pub fn on(address: SocketAddr, ssrc: u32) -> Self {
        let socket = UdpSocket::bind(address).unwrap_or_else(|error| panic!("{address}: {error}"));
        Self { socket, ssrc }
    }

    /// Its port.
    ///
    /// # Panics
    /// Never: it is bound.
    pub fn port(&self) -> u16 {
        self.socket.local_addr().expect("it is bound").port()
    }

    /// Sends frame `number` of this leg as PCMU.
    pub fn send_frame(&self, to: SocketAddr, number: u32, payload: &[u8]) -> bool {
        let head = Head {
            payload_type: 0,
            marker: number == 0,
            sequence: u16::try_from(number & 0xffff).unwrap_or_default(),
            timestamp: number.wrapping_mul(160),
            ssrc: self.ssrc,
        };
        self.send(to, &packet(head, payload))
    }

    /// Sends any datagram from its port.
    pub fn send(&self, to: SocketAddr, bytes: &[u8]) -> bool {
        self.socket.send_to(bytes, to).is_ok()
    }
}

/// A frame that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Its number, which is its sequence number.
    pub number: u32,
    /// The system's time just after the system took it.
    pub at_ns: i64,
}

/// Noise that no other leg or frame has.
pub fn noise(seed: u64, number: u32) -> [u8; FRAME_SAMPLES] {
    let mut state = (seed << 32 | u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut payload = [0; FRAME_SAMPLES];
    for byte in &mut payload {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        *byte = state.to_be_bytes()[0];
    }
    payload
}

/// Legs that talk at real pace, on a thread of their own.
#[derive(Debug)]
pub struct Talk {
    going: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<Vec<Sent>>>>,
}

impl Talk {
    /// Begins to send [`noise`] of each leg's source to its address.
    pub fn start(legs: Vec<(Leg, SocketAddr)>) -> Self {
        let going = Arc::new(AtomicBool::new(true));
        let ours = Arc::clone(&going);
        let thread = std::thread::spawn(move || send_all(&legs, &ours));
        Self { going, thread: Some(thread) }
    }

    /// Ends it, and gives what each leg sent.
    ///
    /// # Panics
    /// When the thread did.
    pub fn stop(mut self) -> Vec<Vec<Sent>> {
        self.going.store(false, Ordering::Relaxed);
        self.thread.take().and_then(|thread| thread.join().ok()).expect("the sender went on to its end")
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.going.store(false, Ordering::Relaxed);
    }
}

fn send_all(legs: &[(Leg, SocketAddr)], going: &AtomicBool) -> Vec<Vec<Sent>> {
    let mut sent: Vec<Vec<Sent>> = vec![Vec::new(); legs.len()];
    let began = Since::now();
    let mut number = 0u32;
    while going.load(Ordering::Relaxed) {
        for ((leg, to), sent) in legs.iter().zip(&mut sent) {
            if leg.send_frame(*to, number, &noise(u64::from(leg.ssrc), number)) {
                sent.push(Sent { number, at_ns: now_ns() });
            }
        }
        number += 1;
        began.sleep_until(FRAME * number);
    }
    sent
}
