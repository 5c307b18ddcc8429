//! What goes into an [`crate::Endpoint`] and what comes out.

use core::net::SocketAddr;

use crate::{Certificate, Command, Event, Now};

/// How a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// An encrypted stream.
    Tls,
}

impl Transport {
    /// The word in `Via`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }

    /// Whether the transport itself repeats what was lost.
    pub fn is_reliable(self) -> bool {
        self != Self::Udp
    }
}

/// A stream connection; the shell gives each a number it never uses again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// Where a message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// How it came.
    pub transport: Transport,
    /// The other end's address.
    pub peer: SocketAddr,
    /// The connection it came on, unless it was a datagram.
    pub connection: Option<ConnectionId>,
    /// The peer's rule, by its place in [`crate::Config::peers`].
    pub rule: Option<usize>,
    /// The fingerprint of the client certificate it has shown.
    pub certificate: Option<[u8; 32]>,
}

/// One thing that happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// A datagram came to the SIP port.
    Datagram {
        /// Its sender.
        peer: SocketAddr,
        /// All of it.
        bytes: &'a [u8],
    },
    /// A stream connection stands, opened by the peer or for [`Target::Dial`].
    Connected {
        /// Its number.
        connection: ConnectionId,
        /// TCP or TLS.
        transport: Transport,
        /// The other end.
        peer: SocketAddr,
        /// The client certificate it has shown, verified.
        certificate: Option<Certificate>,
    },
    /// Bytes came on a connection.
    Bytes {
        /// Which.
        connection: ConnectionId,
        /// Some of the stream; cut anywhere.
        bytes: &'a [u8],
    },
    /// A connection is gone, whoever closed it.
    Disconnected {
        /// Which.
        connection: ConnectionId,
    },
    /// The time of [`Output::Timeout`] has come. Early or needless ones do no harm.
    Timeout,
    /// The program wants something.
    Command(Command),
}

/// Where bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A datagram to this address.
    Udp(SocketAddr),
    /// Down this connection.
    Connection(ConnectionId),
    /// Down any connection to this address; open one if there is none and report it with [`Input::Connected`]. If
    /// that fails, drop the bytes: timers deal with it.
    Dial {
        /// TCP or TLS.
        transport: Transport,
        /// To where.
        peer: SocketAddr,
    },
}

/// What the endpoint wants.
#[derive(Debug)]
pub enum Output {
    /// Send these bytes.
    Transmit {
        /// Where to.
        to: Target,
        /// One message.
        bytes: Vec<u8>,
    },
    /// Close this connection once everything before has been written.
    Disconnect {
        /// Which.
        connection: ConnectionId,
    },
    /// Tell the program.
    Event(Event),
    /// Nothing more for now; feed [`Input::Timeout`] at this time.
    Timeout(Now),
    /// Nothing more for now, and no timer runs.
    Idle,
}
