//! Which sockets have something to read (epoll), and the pause between two looks.

use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::EventFd;

/// Sockets reported by one look; the rest are reported by the next.
const READY_LIMIT: usize = 1_024;

/// What a ready socket carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Socket {
    /// Media; the number is the reader's own.
    Rtp(usize),
    /// Reports.
    Rtcp(usize),
}

impl Socket {
    fn token(self) -> u64 {
        match self {
            Self::Rtp(place) => (place as u64) << 1,
            Self::Rtcp(place) => ((place as u64) << 1) | 1,
        }
    }

    fn from_token(token: u64) -> Self {
        let place = usize::try_from(token >> 1).expect("it was made from a usize");
        if token & 1 == 0 { Self::Rtp(place) } else { Self::Rtcp(place) }
    }
}

/// Watches sockets.
#[derive(Debug)]
pub struct Poller {
    epoll: Epoll,
    bell: Arc<EventFd>,
    events: Vec<EpollEvent>,
    /// Sockets that were not read to their end.
    unfinished: Vec<Socket>,
}

impl Poller {
    /// Watches nothing yet; `bell` cuts pauses short.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn new(bell: Arc<EventFd>) -> std::io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Self { epoll, bell, events: vec![EpollEvent::empty(); READY_LIMIT], unfinished: Vec::new() })
    }

    /// Watches a socket until it is closed. It is reported when something new comes (edge-triggered: the kernel
    /// does not look again at each socket it has reported), so read it to its end or say [`Self::unfinished`].
    ///
    /// # Errors
    /// What the kernel says.
    pub fn watch(&self, socket: &UdpSocket, as_what: Socket) -> std::io::Result<()> {
        Ok(self
            .epoll
            .add(socket, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, as_what.token()))?)
    }

    /// Watches a socket no more, which stays open.
    pub fn leave(&self, socket: &UdpSocket) {
        // One that is not watched is left already.
        let _ = self.epoll.delete(socket);
    }

    /// Sleeps, but not longer than until somebody rings.
    pub fn pause(&self, tick: Duration) {
        let timeout = PollTimeout::try_from(tick).unwrap_or(PollTimeout::ZERO);
        let mut bell = [PollFd::new(self.bell.as_fd(), PollFlags::POLLIN)];
        if poll(&mut bell, timeout).is_ok_and(|ready| ready > 0) {
            let _ = self.bell.read();
        }
    }

    /// Has a socket reported again by the next look, although nothing new may come.
    pub fn unfinished(&mut self, socket: Socket) {
        self.unfinished.push(socket);
    }

    /// The sockets that have something to read now. Says whether there may be more.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn ready(&mut self, out: &mut Vec<Socket>) -> std::io::Result<bool> {
        out.clear();
        out.append(&mut self.unfinished);
        match self.epoll.wait(&mut self.events, EpollTimeout::ZERO) {
            Ok(count) => {
                out.extend(self.events[..count].iter().map(|event| Socket::from_token(event.data())));
                Ok(count == READY_LIMIT)
            }
            Err(nix::Error::EINTR) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}
