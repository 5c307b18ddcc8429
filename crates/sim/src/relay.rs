//! A bad line for SIP over UDP: it loses, repeats and reorders datagrams, the same way for a seed as far as the order of
//! arrival is the same.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a datagram that is to be overtaken waits for the one that overtakes it.
const HELD: Duration = Duration::from_millis(30);

/// What goes wrong, each in percent of the datagrams of both directions.
#[derive(Debug, Clone, Copy)]
pub struct Trouble {
    /// Lost.
    pub lost: u64,
    /// Delivered twice.
    pub doubled: u64,
    /// Overtaken by the next.
    pub overtaken: u64,
}

/// What has gone wrong so far.
#[derive(Debug, Default)]
pub struct Done {
    /// Datagrams that never arrived.
    pub lost: AtomicU64,
    /// Datagrams that arrived twice.
    pub doubled: AtomicU64,
    /// Datagrams that arrived behind the next.
    pub overtaken: AtomicU64,
}

/// Stands between clients and a recorder. Dropped, it ends.
#[derive(Debug)]
pub struct Relay {
    /// Where clients send to.
    pub address: SocketAddr,
    /// What has gone wrong.
    pub done: Arc<Done>,
    going: Arc<AtomicBool>,
}

/// Decides what becomes of each datagram.
#[derive(Debug, Clone)]
struct Fate {
    trouble: Trouble,
    state: Arc<Mutex<u64>>,
    done: Arc<Done>,
    going: Arc<AtomicBool>,
}

impl Fate {
    /// A number below 100.
    fn draw(&self) -> u64 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        (*state >> 11) % 100
    }

    /// Whether it is to be, and if so counts it.
    fn strikes(&self, percent: u64, count: &AtomicU64) -> bool {
        let strikes = self.draw() < percent;
        count.fetch_add(u64::from(strikes), Ordering::Relaxed);
        strikes
    }
}

/// One direction of one client: passes on what `from` hears, by `deliver`.
fn pass(from: &UdpSocket, fate: &Fate, mut deliver: impl FnMut(&[u8], SocketAddr)) {
    from.set_read_timeout(Some(HELD)).expect("a timeout over 0");
    let mut buffer = vec![0; 65_535];
    let mut held: Option<(Vec<u8>, SocketAddr)> = None;
    while fate.going.load(Ordering::Relaxed) {
        if let Ok((count, peer)) = from.recv_from(&mut buffer) {
            let bytes = &buffer[..count];
            if fate.strikes(fate.trouble.lost, &fate.done.lost) {
                continue;
            }
            if held.is_none() && fate.strikes(fate.trouble.overtaken, &fate.done.overtaken) {
                held = Some((bytes.to_vec(), peer));
                continue;
            }
            deliver(bytes, peer);
            if fate.strikes(fate.trouble.doubled, &fate.done.doubled) {
                deliver(bytes, peer);
            }
        }
        if let Some((bytes, peer)) = held.take() {
            deliver(&bytes, peer);
        }
    }
}

impl Relay {
    /// Begins to stand before a recorder.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn start(recorder: SocketAddr, seed: u64, trouble: Trouble) -> Self {
        let front = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port"));
        let address = front.local_addr().expect("it is bound");
        let (done, going) = (Arc::new(Done::default()), Arc::new(AtomicBool::new(true)));
        let state = Arc::new(Mutex::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1));
        let fate = Fate { trouble, state, done: Arc::clone(&done), going: Arc::clone(&going) };
        std::thread::spawn(move || {
            let mut ways: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
            let (socket, fate_back) = (Arc::clone(&front), fate.clone());
            pass(&socket, &fate, |bytes, client| {
                let way = ways.entry(client).or_insert_with(|| back(recorder, client, &front, &fate_back));
                let _ = way.send(bytes);
            });
        });
        Self { address, done, going }
    }
}

/// A socket of its own for a client towards the recorder, and a thread for what comes back.
fn back(recorder: SocketAddr, client: SocketAddr, front: &Arc<UdpSocket>, fate: &Fate) -> Arc<UdpSocket> {
    let way = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port"));
    way.connect(recorder).expect("an address");
    let (ours, front, fate) = (Arc::clone(&way), Arc::clone(front), fate.clone());
    std::thread::spawn(move || {
        pass(&ours, &fate, |bytes, _| {
            let _ = front.send_to(bytes, client);
        });
    });
    way
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.going.store(false, Ordering::Relaxed);
    }
}
