//! The test call: five seconds of two tones, as an SBC would bring them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use calls::time::Wall;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Codec, Plan, Signalling, Sound, SoundError};

/// How long a test call talks.
pub const TALK: Duration = Duration::from_secs(5);

/// Test calls of the recorder to itself are at least so far apart.
const APART: Duration = Duration::from_secs(10);

/// A test call to a recorder, on this phone.
///
/// # Errors
/// That no way leads to the recorder.
pub fn test_plan(recorder: SocketAddr, phone: &str, seed: [u8; 32]) -> Result<Plan, String> {
    let tone =
        |text: &str| Sound::from_text(text).map(Arc::new).map_err(|error: SoundError| error.to_string());
    Ok(Plan {
        recorder,
        signalling: Signalling::Udp,
        login: None,
        local: local_address(recorder)?,
        agent_phone: phone.to_owned(),
        number: "+15550100".to_owned(),
        talk: TALK,
        left: tone("tone:440")?,
        right: tone("tone:880")?,
        codec: Codec::Pcmu,
        srtp: None,
        keys: None,
        seed,
    })
}

/// Where a client of this machine finds a recorder that listens there, and is known elsewhere as `advertised`.
#[must_use]
pub fn reachable(heard: SocketAddr, advertised: Option<IpAddr>) -> SocketAddr {
    let here = advertised.unwrap_or(heard.ip());
    let loopback = match here {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(if here.is_unspecified() { loopback } else { here }, heard.port())
}

/// Our address on the way to the recorder.
///
/// # Errors
/// That there is none.
pub fn local_address(recorder: SocketAddr) -> Result<IpAddr, String> {
    let any: IpAddr = match recorder {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let found = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect(recorder)?;
        socket.local_addr()
    });
    found.map(|address| address.ip()).map_err(|error| format!("there is no way to {recorder}: {error}"))
}

/// Test calls of a recorder to itself: one at a time, and not one after the other. Copies of it are the same.
#[derive(Debug, Clone)]
pub struct TestCalls {
    recorder: Option<SocketAddr>,
    turn: Arc<Semaphore>,
    last: Arc<Mutex<Option<Wall>>>,
}

/// Why no test call is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    /// One is running.
    #[error("a test call is running; it takes some ten seconds")]
    Running,
    /// One was just placed.
    #[error("a test call was placed a moment ago; the next may be placed in {} s", .0.as_secs() + 1)]
    TooSoon(Duration),
    /// There is nobody to call.
    #[error("this recorder hears no SIP")]
    NoSip,
}

/// Leave to place one, given back when it is dropped.
#[derive(Debug)]
pub struct TestTurn {
    /// The recorder's own SIP address.
    pub recorder: SocketAddr,
    _turn: OwnedSemaphorePermit,
}

impl TestCalls {
    /// To the recorder at this address; without one there is nobody to call.
    #[must_use]
    pub fn to(recorder: Option<SocketAddr>) -> Self {
        Self { recorder, turn: Arc::new(Semaphore::new(1)), last: Arc::default() }
    }

    /// Leave to place one now.
    ///
    /// # Errors
    /// [`NotNow`].
    pub fn begin(&self, now: Wall) -> Result<TestTurn, NotNow> {
        let recorder = self.recorder.ok_or(NotNow::NoSip)?;
        let turn = Arc::clone(&self.turn).try_acquire_owned().map_err(|_| NotNow::Running)?;
        let mut last = self.last.lock();
        let wait = last.map(|last| APART.saturating_sub(now.since(last))).filter(|wait| !wait.is_zero());
        if let Some(wait) = wait {
            return Err(NotNow::TooSoon(wait));
        }
        *last = Some(now);
        Ok(TestTurn { recorder, _turn: turn })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_calls_are_placed_one_at_a_time_and_not_one_after_the_other() {
        let calls = TestCalls::to(Some("127.0.0.1:5060".parse().unwrap()));
        let turn = calls.begin(Wall::from_ms(0)).unwrap();
        assert_eq!(calls.begin(Wall::from_ms(60_000)).unwrap_err(), NotNow::Running);
        drop(turn);
        let early = calls.begin(Wall::from_ms(4_000)).unwrap_err();
        assert_eq!(early.to_string(), "a test call was placed a moment ago; the next may be placed in 7 s");
        assert!(calls.begin(Wall::from_ms(10_000)).is_ok());
        assert_eq!(TestCalls::to(None).begin(Wall::EPOCH).unwrap_err(), NotNow::NoSip);
    }

    #[test]
    fn a_recorder_that_listens_everywhere_is_found_at_home_or_where_it_says_it_is() {
        let heard = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert_eq!(reachable(heard("0.0.0.0:5060"), None), heard("127.0.0.1:5060"));
        assert_eq!(reachable(heard("[::]:5070"), None), heard("[::1]:5070"));
        let advertised = "192.0.2.7".parse().ok();
        assert_eq!(reachable(heard("0.0.0.0:5060"), advertised), heard("192.0.2.7:5060"));
    }
}
