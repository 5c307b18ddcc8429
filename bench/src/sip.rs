//! The signalling of all calls, over one socket, on one thread.
//!
//! Each call is a [`siprec::client::Call`]; answers find theirs by the number that its Call-ID begins with.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use siprec::client::{Call, Command, Event, Input, Output, Party, Settings, StreamSettings};

use crate::child::phone;

/// How long the thread waits for a datagram before it looks for other work.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// How often the calls' timers are looked at.
const TIMERS_EVERY: Duration = Duration::from_millis(50);

/// What the thread can be told.
#[derive(Debug)]
pub(crate) enum Order {
    /// Place a call for the agent of the same number.
    Place(usize),
    /// End a call.
    HangUp(usize),
}

/// What happened to a call.
#[derive(Debug)]
pub(crate) enum Happened {
    /// It was answered.
    Answered { call: usize, after: Duration, rtp: Vec<SocketAddr> },
    /// Its BYE was answered, or it failed; `why` in the latter case.
    Ended { call: usize, why: Option<String> },
}

/// The way to the thread, which ends when this is dropped.
pub(crate) struct Signalling {
    /// Orders.
    pub(crate) orders: Sender<Order>,
    /// What happens.
    pub(crate) happened: Receiver<Happened>,
}

struct Caller {
    call: Call,
    invited: Instant,
    wake: Option<Duration>,
}

impl Signalling {
    /// Starts the thread. All calls' media come from `media`.
    pub(crate) fn start(recorder: SocketAddr, media: SocketAddr) -> Result<Self, String> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
        socket.connect(recorder).map_err(|error| error.to_string())?;
        socket.set_read_timeout(Some(LOOK_EVERY)).map_err(|error| error.to_string())?;
        let (orders, waiting) = crossbeam_channel::unbounded();
        let (tell, happened) = crossbeam_channel::unbounded();
        let thread = Thread { socket, recorder, media, tell, callers: Vec::new(), zero: Instant::now() };
        std::thread::spawn(move || thread.run(&waiting));
        Ok(Self { orders, happened })
    }
}

struct Thread {
    socket: UdpSocket,
    recorder: SocketAddr,
    media: SocketAddr,
    tell: Sender<Happened>,
    callers: Vec<Option<Caller>>,
    zero: Instant,
}

impl Thread {
    fn run(mut self, orders: &Receiver<Order>) {
        let mut buffer = vec![0; 65_535];
        let mut look_at_timers = Instant::now();
        loop {
            loop {
                match orders.try_recv() {
                    Ok(Order::Place(call)) => self.place(call),
                    Ok(Order::HangUp(call)) => {
                        self.feed(call, Input::Command(Command::HangUp { stopped: None }));
                    }
                    Err(crossbeam_channel::TryRecvError::Empty) => break,
                    Err(crossbeam_channel::TryRecvError::Disconnected) => return,
                }
            }
            if let Ok(count) = self.socket.recv(&mut buffer)
                && let Some(call) = call_of(&buffer[..count])
            {
                self.feed(call, Input::Received(&buffer[..count]));
            }
            if look_at_timers.elapsed() >= TIMERS_EVERY {
                look_at_timers = Instant::now();
                let now = self.zero.elapsed();
                for call in 0..self.callers.len() {
                    let wake = self.callers[call].as_ref().and_then(|caller| caller.wake);
                    if wake.is_some_and(|wake| wake <= now) {
                        self.feed(call, Input::Timeout);
                    }
                }
            }
        }
    }

    fn place(&mut self, call: usize) {
        let Ok(local) = self.socket.local_addr() else { return };
        let mut settings = Settings::new(local, &format!("sip:recorder@{}", self.recorder));
        settings.media_address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        settings.streams = ["1", "2"].map(|label| StreamSettings::g711(label, self.media.port())).into();
        settings.parties = vec![
            Party::new(&format!("sip:55{call:07}@caller.example.com"), Some("1")),
            Party::new(&format!("sip:{}@agents.example.com", phone(call)), Some("2")),
        ];
        settings.sip_call_id = Some(format!("{call}-{}@bench", std::process::id()));
        let mut seed = [7; 32];
        seed[..8].copy_from_slice(&(call as u64).to_le_bytes());
        let caller = Caller { call: Call::new(settings, seed), invited: Instant::now(), wake: None };
        self.callers.resize_with(self.callers.len().max(call + 1), || None);
        self.callers[call] = Some(caller);
        self.feed(call, Input::Command(Command::Start));
    }

    fn feed(&mut self, number: usize, input: Input<'_>) {
        let Some(caller) = self.callers.get_mut(number).and_then(Option::as_mut) else { return };
        caller.call.handle(self.zero.elapsed(), input);
        let mut why = None;
        loop {
            match caller.call.poll() {
                Output::Transmit(bytes) => drop(self.socket.send(&bytes)),
                Output::Event(Event::Answered(answered)) => {
                    let media = answered.streams.iter().filter_map(|stream| stream.media.as_ref());
                    let rtp = media.map(|media| media.rtp).collect();
                    let after = caller.invited.elapsed();
                    let _ = self.tell.send(Happened::Answered { call: number, after, rtp });
                }
                Output::Event(Event::Ended(_)) => {
                    let _ = self.tell.send(Happened::Ended { call: number, why: why.take() });
                    self.callers[number] = None;
                    return;
                }
                Output::Event(
                    event @ (Event::Refused { .. } | Event::TimedOut { .. } | Event::Unusable { .. }),
                ) => {
                    why = Some(format!("{event:?}"));
                }
                Output::Event(_) => {}
                Output::Timeout(at) => {
                    caller.wake = Some(at);
                    return;
                }
                Output::Idle => {
                    caller.wake = None;
                    return;
                }
            }
        }
    }
}

/// The number in front of the Call-ID.
fn call_of(message: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(message).ok()?;
    let line = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.eq_ignore_ascii_case("call-id") || name.eq_ignore_ascii_case("i")).then_some(value)
    })?;
    line.trim().split('-').next()?.parse().ok()
}
