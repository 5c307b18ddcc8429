//! The media of all calls at real pace: one thread, one socket, one system call for many packets.
//!
//! The 20 ms of a packet are cut into slots of one millisecond; each stream has its slot, so that packets arrive
//! spread over the 20 ms. What the thread could not do in time is counted, never made up by sending less.

use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, sendmmsg};

/// Payload of a packet: 20 ms of G.711.
pub(crate) const PAYLOAD_BYTES: usize = 160;

/// A packet: RTP's head and the payload.
pub(crate) const PACKET_BYTES: usize = 12 + PAYLOAD_BYTES;

const SLOTS: usize = 20;
const SLOT: Duration = Duration::from_millis(1);

/// Packets given to the kernel with one call.
const BATCH: usize = 64;

/// The sending thread.
pub(crate) struct Pacer {
    /// From where it sends.
    pub(crate) local: SocketAddr,
    streams: Sender<Vec<SocketAddr>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    _reports: UdpSocket,
}

#[derive(Default)]
struct Shared {
    sent: AtomicU64,
    failed: AtomicU64,
    late_slots: AtomicU64,
    worst_lag_us: AtomicU64,
    stop: AtomicBool,
}

/// What was sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    /// Packets.
    pub(crate) packets: u64,
    /// Packets the kernel did not take; they are not among `packets`.
    pub(crate) failed: u64,
    /// Slots that began more than 5 ms late.
    pub(crate) late_slots: u64,
    /// The worst delay of a slot, ms.
    pub(crate) worst_lag_ms: f64,
}

struct Stream {
    to: SockaddrIn,
    packet: [u8; PACKET_BYTES],
    sequence: u16,
    timestamp: u32,
}

impl Pacer {
    /// Starts the thread.
    pub(crate) fn start() -> Result<Self, String> {
        let (socket, reports) = sockets()?;
        let local = socket.local_addr().map_err(|error| error.to_string())?;
        let (streams, joining) = crossbeam_channel::unbounded();
        let shared = Arc::new(Shared::default());
        let its = Arc::clone(&shared);
        let thread = std::thread::spawn(move || run(&socket, &joining, &its));
        Ok(Self { local, streams, shared, thread: Some(thread), _reports: reports })
    }

    /// Begins to send to these ports.
    pub(crate) fn send_to(&self, ports: Vec<SocketAddr>) {
        let _ = self.streams.send(ports);
    }

    /// What was sent so far.
    pub(crate) fn sent(&self) -> Sent {
        let shared = &self.shared;
        Sent {
            packets: shared.sent.load(Ordering::Relaxed),
            failed: shared.failed.load(Ordering::Relaxed),
            late_slots: shared.late_slots.load(Ordering::Relaxed),
            worst_lag_ms: crate::figures::to_f64(shared.worst_lag_us.load(Ordering::Relaxed)) / 1e3,
        }
    }

    /// Stops sending; says what was sent in all.
    pub(crate) fn stop(mut self) -> Sent {
        self.end();
        self.sent()
    }

    fn end(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A thread that went on sending would reach the ports of the next recorder.
impl Drop for Pacer {
    fn drop(&mut self) {
        self.end();
    }
}

/// A port for media, and the one after it, where the recorder's reports go: read by nobody, refused by nobody.
fn sockets() -> Result<(UdpSocket, UdpSocket), String> {
    for _ in 0..64 {
        let media = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
        let port = media.local_addr().map_err(|error| error.to_string())?.port();
        if port % 2 == 0
            && let Ok(reports) = UdpSocket::bind((Ipv4Addr::LOCALHOST, port + 1))
        {
            return Ok((media, reports));
        }
    }
    Err("no pair of ports is free for media".to_owned())
}

fn run(socket: &UdpSocket, joining: &Receiver<Vec<SocketAddr>>, shared: &Shared) {
    let mut slots: Vec<Vec<Stream>> = (0..SLOTS).map(|_| Vec::new()).collect();
    let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let (mut slot, mut joined) = (0, 0u32);
    let mut next = Instant::now();
    while !shared.stop.load(Ordering::Relaxed) {
        for port in joining.try_iter().flatten() {
            let SocketAddr::V4(to) = port else { continue };
            slots[joined as usize % SLOTS].push(Stream::new(to, joined));
            joined += 1;
        }
        let streams = &mut slots[slot];
        streams.iter_mut().for_each(Stream::advance);
        for streams in streams.chunks(BATCH) {
            send(socket, streams, &mut headers, shared);
        }
        slot = (slot + 1) % SLOTS;
        next += SLOT;
        let now = Instant::now();
        match next.checked_duration_since(now) {
            Some(wait) => std::thread::sleep(wait),
            None => {
                let lag = now - next;
                shared
                    .worst_lag_us
                    .fetch_max(u64::try_from(lag.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
                shared.late_slots.fetch_add(u64::from(lag > Duration::from_millis(5)), Ordering::Relaxed);
            }
        }
    }
}

fn send(socket: &UdpSocket, streams: &[Stream], headers: &mut MultiHeaders<SockaddrIn>, shared: &Shared) {
    let mut left = streams;
    while !left.is_empty() {
        let slices: Vec<[IoSlice<'_>; 1]> =
            left.iter().map(|stream| [IoSlice::new(&stream.packet)]).collect();
        let addresses: Vec<Option<SockaddrIn>> = left.iter().map(|stream| Some(stream.to)).collect();
        let sent = sendmmsg(socket.as_raw_fd(), headers, &slices, &addresses, [], MsgFlags::empty());
        match sent.map(Iterator::count) {
            Ok(count) if count > 0 => {
                shared.sent.fetch_add(count as u64, Ordering::Relaxed);
                left = &left[count..];
            }
            _ => {
                shared.failed.fetch_add(1, Ordering::Relaxed);
                left = &left[1..];
            }
        }
    }
}

impl Stream {
    fn new(to: SocketAddrV4, number: u32) -> Self {
        let mut packet = [0xd5; PACKET_BYTES];
        packet[0] = 0x80;
        packet[1] = 0x80;
        packet[8..12].copy_from_slice(&(number.wrapping_mul(0x9e37_79b9) | 1).to_be_bytes());
        // No two packets alike, or a disk that compresses would be flattered.
        let mut noise = number.wrapping_add(1);
        for byte in &mut packet[12..] {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = noise.to_be_bytes()[0];
        }
        Self { to: to.into(), packet, sequence: 0, timestamp: number }
    }

    fn advance(&mut self) {
        if self.sequence != 0 {
            self.packet[1] = 0;
        }
        self.packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        self.packet[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(160);
    }
}
