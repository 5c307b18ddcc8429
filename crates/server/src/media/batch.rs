//! Reads the datagrams that wait at a socket, several with one system call, each with the kernel's time of
//! arrival (`SO_TIMESTAMPNS`).
//!
//! With one call in `clock.rs` the only unsafe code of the project. A safe wrapper exists
//! (`nix::sys::socket::recvmmsg`) but builds its lists anew for each call; at tens of thousands of calls a second
//! that is a good part of what a packet costs. Here the lists are built once and point into buffers that live
//! exactly as long.

#![expect(
    unsafe_code,
    reason = "recvmmsg(2) without a list built for each call; see the head of this module"
)]

use std::io::Error;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};

use nix::sys::socket::{setsockopt, sockopt};

/// Datagrams read with one call. A tick brings a few packets a stream, so more would only cost memory.
pub const BATCH: usize = 8;

/// The longest datagram looked at: Ethernet's 1,500 and some. A longer one is cut and so fails its checks.
const DATAGRAM_BYTES: usize = 2_048;

/// Room for the one control message we ask for.
const CONTROL_BYTES: usize = 64;

/// Buffers for one thread's reads.
pub struct Batch {
    headers: Box<[libc::mmsghdr; BATCH]>,
    // The headers point into this, and into nothing else.
    slots: Box<[Slot; BATCH]>,
    /// Headers the kernel has written to since they were last made ready.
    used: usize,
}

/// Where the kernel puts one datagram.
#[repr(C)]
struct Slot {
    iovec: libc::iovec,
    name: libc::sockaddr_in6,
    control: Control,
    bytes: [u8; DATAGRAM_BYTES],
}

/// Aligned as control messages want it.
#[repr(C, align(8))]
struct Control([u8; CONTROL_BYTES]);

// SAFETY: the pointers in the headers lead into the slots only, which go where the batch goes.
unsafe impl Send for Batch {}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Batch")
    }
}

/// One datagram.
#[derive(Debug)]
pub struct Datagram<'a> {
    /// Who sent it.
    pub from: SocketAddr,
    /// When it arrived, by the system clock, nanoseconds since the epoch; absent if the kernel did not say.
    pub system_ns: Option<i64>,
    /// Its bytes, which may be worked on where they lie.
    pub bytes: &'a mut [u8],
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl Batch {
    /// Makes the buffers.
    #[must_use]
    pub fn new() -> Self {
        // SAFETY: all three are plain C structures of numbers and pointers, for which all zeroes is a value.
        let (headers, slots) = unsafe {
            (
                Box::<[libc::mmsghdr; BATCH]>::new_zeroed().assume_init(),
                Box::<[Slot; BATCH]>::new_zeroed().assume_init(),
            )
        };
        let mut batch = Self { headers, slots, used: BATCH };
        for (header, slot) in batch.headers.iter_mut().zip(batch.slots.iter_mut()) {
            slot.iovec.iov_base = slot.bytes.as_mut_ptr().cast();
            slot.iovec.iov_len = DATAGRAM_BYTES;
            header.msg_hdr.msg_name = (&raw mut slot.name).cast();
            header.msg_hdr.msg_iov = &raw mut slot.iovec;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = slot.control.0.as_mut_ptr().cast();
        }
        batch
    }

    /// Reads what waits at `socket`, at most one batch, and hands it over one by one. Says whether there may
    /// be more; if not, the poller will tell when there is.
    ///
    /// # Errors
    /// What the socket says, except that nothing waits or that a peer's port is closed.
    pub fn read(&mut self, socket: RawFd, mut each: impl FnMut(Datagram<'_>)) -> std::io::Result<bool> {
        for header in &mut self.headers[..self.used] {
            header.msg_hdr.msg_namelen = length_of::<libc::sockaddr_in6>();
            header.msg_hdr.msg_controllen = CONTROL_BYTES;
        }
        self.used = 0;
        // SAFETY: each of the BATCH headers points to a name, a control buffer and one iovec of the stated
        // lengths, all within `self.slots`, which is on the heap, is not moved and is borrowed by nobody now.
        // MSG_DONTWAIT and no timeout: the kernel keeps none of the pointers.
        let count = unsafe {
            let (headers, flags) = (self.headers.as_mut_ptr(), libc::MSG_DONTWAIT);
            // Not libc's recvmmsg: that one can be cancelled, and pays for it at each call.
            libc::syscall(
                libc::SYS_recvmmsg,
                socket,
                headers,
                BATCH,
                flags,
                std::ptr::null_mut::<libc::timespec>(),
            )
        };
        let Ok(count) = usize::try_from(count) else {
            let error = Error::last_os_error();
            return match error.raw_os_error() {
                Some(libc::EAGAIN) => Ok(false),
                // A peer's port is closed, or a signal came: datagrams may wait behind it.
                Some(libc::ECONNREFUSED | libc::EINTR) => Ok(true),
                _ => Err(error),
            };
        };
        self.used = count.min(BATCH);
        for (header, slot) in self.headers.iter().zip(self.slots.iter_mut()).take(self.used) {
            let Some(from) = slot.source() else { continue };
            let bytes = &mut slot.bytes[..DATAGRAM_BYTES.min(header.msg_len as usize)];
            each(Datagram { from, system_ns: stamp(&header.msg_hdr), bytes });
        }
        Ok(count == BATCH)
    }
}

impl Slot {
    fn source(&self) -> Option<SocketAddr> {
        let name = &self.name;
        match i32::from(name.sin6_family) {
            libc::AF_INET => {
                // SAFETY: the kernel says this is a sockaddr_in, which is shorter than a sockaddr_in6, has no
                // stricter alignment, and has no bytes that are not a value.
                let name = unsafe { &*(&raw const self.name).cast::<libc::sockaddr_in>() };
                let address = Ipv4Addr::from(u32::from_be(name.sin_addr.s_addr));
                Some(SocketAddrV4::new(address, u16::from_be(name.sin_port)).into())
            }
            libc::AF_INET6 => {
                let address = Ipv6Addr::from(name.sin6_addr.s6_addr);
                let port = u16::from_be(name.sin6_port);
                Some(SocketAddrV6::new(address, port, name.sin6_flowinfo, name.sin6_scope_id).into())
            }
            _ => None,
        }
    }
}

/// The kernel's time of arrival, ns since the epoch.
fn stamp(header: &libc::msghdr) -> Option<i64> {
    // SAFETY: the kernel has filled `msg_control` and said in `msg_controllen` how far; CMSG_FIRSTHDR checks
    // that a whole head fits, and the buffer is aligned for it. We asked for one kind of message only, so the
    // first is the one or there is none.
    let control = unsafe { libc::CMSG_FIRSTHDR(header).as_ref() }?;
    if (control.cmsg_level, control.cmsg_type) != (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) {
        return None;
    }
    // SAFETY: a message of this kind carries a timespec; where it lies it may be unaligned for Rust.
    let at = unsafe { libc::CMSG_DATA(control).cast::<libc::timespec>().read_unaligned() };
    at.tv_sec.checked_mul(1_000_000_000)?.checked_add(at.tv_nsec)
}

fn length_of<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).unwrap_or_default()
}

/// Has the kernel stamp what arrives. What its buffer holds by default, some seconds of a stream, is enough.
///
/// # Errors
/// What the kernel says.
pub fn prepare(socket: &UdpSocket) -> std::io::Result<()> {
    socket.set_nonblocking(true)?;
    setsockopt(socket, sockopt::ReceiveTimestampns, &true)?;
    Ok(())
}

/// The number the kernel knows the socket by.
pub fn number_of(socket: &UdpSocket) -> RawFd {
    socket.as_raw_fd()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(host: &str) -> (UdpSocket, UdpSocket) {
        let (to, from) = (UdpSocket::bind((host, 0)).unwrap(), UdpSocket::bind((host, 0)).unwrap());
        prepare(&to).unwrap();
        from.connect(to.local_addr().unwrap()).unwrap();
        (to, from)
    }

    #[test]
    fn what_waits_is_read_in_order_with_sender_and_time() {
        for host in ["127.0.0.1", "::1"] {
            let (to, from) = pair(host);
            let mut batch = Batch::new();
            let before = crate::clock::Clock::start().now().as_ns();
            for round in 0..3u8 {
                let sent: Vec<Vec<u8>> = (0..11).map(|n| vec![round; n * 20]).collect();
                sent.iter().for_each(|bytes| assert_eq!(from.send(bytes).unwrap(), bytes.len()));
                let mut read = Vec::new();
                while batch
                    .read(number_of(&to), |datagram| {
                        assert_eq!(datagram.from, from.local_addr().unwrap());
                        let at = datagram.system_ns.unwrap();
                        assert!(at >= before && at < before + 60_000_000_000, "{at}");
                        read.push(datagram.bytes.to_vec());
                    })
                    .unwrap()
                {}
                assert_eq!(read, sent);
            }
        }
    }

    #[test]
    fn a_datagram_that_is_too_long_is_cut_and_an_unstamped_one_has_no_time() {
        let (to, from) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        from.send_to(&[7; 3_000], to.local_addr().unwrap()).unwrap();
        let mut seen = Vec::new();
        let more = Batch::new().read(number_of(&to), |datagram| {
            seen.push((datagram.bytes.len(), datagram.system_ns));
        });
        assert!(!more.unwrap());
        assert_eq!(seen, [(DATAGRAM_BYTES, None)]);
    }

    #[test]
    fn nothing_waiting_is_no_error() {
        let (to, _from) = pair("127.0.0.1");
        assert!(!Batch::new().read(number_of(&to), |_| unreachable!()).unwrap());
    }
}
