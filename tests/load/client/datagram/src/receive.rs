//! Receiving: `recvmmsg` with the time at which the kernel put each datagram into the socket.
//!
//! Delay is measured to that time and not to the time of reading: a viewer of the bench shares two cores with the
//! server, and would otherwise measure its own queue.
//!
//! A socket with `Whole::Bursts` (`UDP_GRO`) gets a burst that was sent as one in one piece; the inbox cuts it.

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{AddrParseError, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;

/// Datagrams or bursts taken by one call.
pub const BATCH: usize = 32;
/// The largest burst there is.
const BURST_BYTES: usize = 65_536;
const CONTROL_BYTES: usize = 64;

/// What reaches a socket in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// Each datagram by itself.
    Datagrams,
    /// What the sender gave the kernel in one call (`UDP_GRO`), as from a network card that does the same.
    Bursts,
}

/// Where a program's sockets are.
#[derive(Clone, Copy, Debug)]
pub struct Local {
    pub address: Ipv4Addr,
    pub whole: Whole,
}

impl Local {
    /// By the arguments `--bind ADDRESS` (127.0.0.1 without) and `--bursts`, which are taken out.
    pub fn take(arguments: &mut Vec<String>) -> Result<Local, AddrParseError> {
        let mut local = Local { address: Ipv4Addr::LOCALHOST, whole: Whole::Datagrams };
        if let Some(at) = arguments.iter().position(|argument| argument == "--bursts") {
            arguments.remove(at);
            local.whole = Whole::Bursts;
        }
        if let Some(at) = arguments.iter().position(|argument| argument == "--bind") {
            let address = arguments.drain(at..arguments.len().min(at + 2)).nth(1).unwrap_or_default();
            local.address = address.parse()?;
        }
        Ok(local)
    }
}

/// A non-blocking socket on a free port, which stamps arrivals.
///
/// `buffer_bytes` is how much may wait in the kernel; as root it is not bounded by `rmem_max`.
pub fn open(local: Local, buffer_bytes: i32) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((local.address, 0))?;
    socket.set_nonblocking(true)?;
    if set(&socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, buffer_bytes).is_err() {
        set(&socket, libc::SOL_SOCKET, libc::SO_RCVBUF, buffer_bytes)?;
    }
    set(&socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1)?;
    if local.whole == Whole::Bursts {
        set(&socket, libc::SOL_UDP, libc::UDP_GRO, 1)?;
    }
    Ok(socket)
}

fn set(socket: &UdpSocket, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the value is a c_int that outlives the call.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), size) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Datagrams that the kernel dropped since `open` because nobody read the socket in time.
pub fn overflowed(socket: &UdpSocket) -> io::Result<u32> {
    const DROPS: usize = 8; // SK_MEMINFO_DROPS of linux/sock_diag.h
    let mut info = [0u32; DROPS + 1];
    let mut size = size_of_val(&info) as libc::socklen_t;
    // SAFETY: the kernel writes at most `size` bytes of `info`.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            info.as_mut_ptr().cast(),
            &raw mut size,
        )
    };
    if result == 0 { Ok(info[DROPS]) } else { Err(io::Error::last_os_error()) }
}

#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL_BYTES]);

/// Room for one batch, used for all sockets of a thread.
pub struct Inbox {
    bytes: Vec<u8>,
    controls: Vec<Control>,
    names: Vec<libc::sockaddr_in>,
    slices: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
    taken: usize,
}

/// One datagram of the last batch.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    pub bytes: &'a [u8],
    pub source: SocketAddr,
    /// When the kernel took it in, nanoseconds of `CLOCK_REALTIME`.
    pub arrived_ns: Option<u64>,
}

// SAFETY: the pointers inside lead only into the inbox's own vectors, which move with it (their heap blocks stay).
unsafe impl Send for Inbox {}

impl Default for Inbox {
    fn default() -> Self {
        // SAFETY: all-zero is valid for these plain structs.
        let (name, header): (libc::sockaddr_in, libc::mmsghdr) = unsafe { (zeroed(), zeroed()) };
        let empty = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        Inbox {
            bytes: vec![0; BATCH * BURST_BYTES],
            controls: vec![Control([0; CONTROL_BYTES]); BATCH],
            names: vec![name; BATCH],
            slices: vec![empty; BATCH],
            headers: vec![header; BATCH],
            taken: 0,
        }
    }
}

impl Inbox {
    /// Takes what waits, at most `BATCH` datagrams or bursts, and returns how many; 0 when nothing does.
    pub fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        for (i, bytes) in self.bytes.chunks_exact_mut(BURST_BYTES).enumerate() {
            self.slices[i] = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: BURST_BYTES };
            let header = &mut self.headers[i].msg_hdr;
            header.msg_name = (&raw mut self.names[i]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            header.msg_iov = &raw mut self.slices[i];
            header.msg_iovlen = 1;
            header.msg_control = self.controls[i].0.as_mut_ptr().cast();
            header.msg_controllen = CONTROL_BYTES;
        }
        self.taken = 0;
        // SAFETY: each header points into the vectors of `self`, which has BATCH elements each.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        if count >= 0 {
            self.taken = count as usize;
            return Ok(self.taken);
        }
        let error = io::Error::last_os_error();
        // An ICMP error of an earlier send is no reason to stop reading.
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::ConnectionRefused => {
                Ok(0)
            }
            _ => Err(error),
        }
    }

    /// The datagrams of the last batch, bursts cut.
    pub fn datagrams(&self) -> impl Iterator<Item = Datagram<'_>> {
        (0..self.taken).flat_map(|i| self.burst(i))
    }

    fn burst(&self, i: usize) -> impl Iterator<Item = Datagram<'_>> {
        let header = &self.headers[i];
        let name = &self.names[i];
        let ip = Ipv4Addr::from(name.sin_addr.s_addr.to_ne_bytes());
        let source = SocketAddr::V4(SocketAddrV4::new(ip, u16::from_be(name.sin_port)));
        let notes = Notes::read(&header.msg_hdr);
        let length = header.msg_len as usize;
        let bytes = &self.bytes[i * BURST_BYTES..][..length];
        let each = notes.segment.unwrap_or(length).max(1);
        bytes.chunks(each).map(move |bytes| Datagram { bytes, source, arrived_ns: notes.arrived_ns })
    }
}

/// What the kernel says about a message.
#[derive(Default)]
struct Notes {
    arrived_ns: Option<u64>,
    /// The length of each datagram of a burst but the last.
    segment: Option<usize>,
}

impl Notes {
    fn read(header: &libc::msghdr) -> Self {
        let mut notes = Notes::default();
        // SAFETY: the kernel filled the control buffer and its length; CMSG_* stay within it.
        unsafe {
            let mut control = libc::CMSG_FIRSTHDR(header);
            while !control.is_null() {
                let data = libc::CMSG_DATA(control);
                match ((*control).cmsg_level, (*control).cmsg_type) {
                    (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                        let at = data.cast::<libc::timespec>().read_unaligned();
                        notes.arrived_ns = Some(at.tv_sec as u64 * 1_000_000_000 + at.tv_nsec as u64);
                    }
                    (libc::SOL_UDP, libc::UDP_GRO) => {
                        notes.segment = usize::try_from(data.cast::<libc::c_int>().read_unaligned()).ok();
                    }
                    _ => {}
                }
                control = libc::CMSG_NXTHDR(header, control);
            }
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{realtime_ns, send_segments, wait_readable};
    use std::time::Duration;

    fn address(socket: &UdpSocket) -> SocketAddrV4 {
        match socket.local_addr().unwrap() {
            SocketAddr::V4(address) => address,
            SocketAddr::V6(address) => panic!("{address}"),
        }
    }

    fn loopback(whole: Whole, buffer_bytes: i32) -> UdpSocket {
        open(Local { address: Ipv4Addr::LOCALHOST, whole }, buffer_bytes).unwrap()
    }

    /// Sends three datagrams in one call and returns how many messages arrived.
    fn sends_three_as_one(to: &UdpSocket) -> usize {
        let from = loopback(Whole::Datagrams, 1 << 20);
        let before = realtime_ns();
        let bytes: Vec<u8> = (0..2_500u32).map(|i| (i / 1_000) as u8).collect();
        assert_eq!(send_segments(&from, &bytes, 1_000, address(to)).unwrap(), 2_500);
        let after = realtime_ns();

        let mut inbox = Inbox::default();
        wait_readable(to, Duration::from_secs(5)).unwrap();
        let messages = inbox.receive(to).unwrap();
        assert_eq!(inbox.datagrams().count(), 3);
        for (i, (datagram, length)) in inbox.datagrams().zip([1_000, 1_000, 500]).enumerate() {
            assert_eq!(datagram.bytes.len(), length);
            assert!(datagram.bytes.iter().all(|&byte| byte == i as u8));
            assert_eq!(datagram.source, SocketAddr::V4(address(&from)));
            assert!((before..=after).contains(&datagram.arrived_ns.expect("the kernel stamps arrivals")));
        }
        assert_eq!(inbox.receive(to).unwrap(), 0);
        assert_eq!(inbox.datagrams().count(), 0);
        assert_eq!(overflowed(to).unwrap(), 0);
        messages
    }

    #[test]
    fn arguments_say_where_sockets_are_and_the_others_stay() {
        let read = |text: &str| {
            let mut arguments: Vec<String> = text.split(' ').map(String::from).collect();
            Local::take(&mut arguments).map(|local| (local.address, local.whole, arguments.join(" ")))
        };
        assert_eq!(read("--n 1"), Ok((Ipv4Addr::LOCALHOST, Whole::Datagrams, "--n 1".into())));
        let far = Ipv4Addr::new(198, 18, 0, 2);
        assert_eq!(read("--bind 198.18.0.2 --n 1 --bursts"), Ok((far, Whole::Bursts, "--n 1".into())));
        assert!(read("--n 1 --bind").is_err() && read("--bind here").is_err());
    }

    #[test]
    fn a_segmented_send_arrives_as_datagrams_with_their_arrival_time() {
        assert_eq!(sends_three_as_one(&loopback(Whole::Datagrams, 1 << 20)), 3);
    }

    #[test]
    fn a_burst_that_came_in_one_piece_is_cut() {
        assert_eq!(sends_three_as_one(&loopback(Whole::Bursts, 1 << 20)), 1);
    }

    #[test]
    fn what_nobody_read_in_time_is_counted() {
        let (from, to) = (loopback(Whole::Datagrams, 1 << 20), loopback(Whole::Datagrams, 4_096));
        for _ in 0..100 {
            from.send_to(&[0; 1_000], address(&to)).unwrap();
        }
        let mut inbox = Inbox::default();
        let kept = inbox.receive(&to).unwrap();
        assert!(kept < 32, "{kept} fitted");
        assert_eq!(overflowed(&to).unwrap() as usize, 100 - kept);
    }
}
