//! Receiving: `recvmmsg` with the time at which the kernel put each datagram into the socket.
//!
//! Delay is measured to that time and not to the time of reading: a viewer of the bench shares two cores with the
//! server, and would otherwise measure its own queue.

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;

/// Datagrams taken by one call.
pub const BATCH: usize = 32;
const DATAGRAM_BYTES: usize = 2_048;
const CONTROL_BYTES: usize = 64;

/// A non-blocking socket on a free port of the loopback, which stamps arrivals.
///
/// `buffer_bytes` is how much may wait in the kernel; as root it is not bounded by `rmem_max`.
pub fn open(buffer_bytes: i32) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_nonblocking(true)?;
    if set(&socket, libc::SO_RCVBUFFORCE, buffer_bytes).is_err() {
        set(&socket, libc::SO_RCVBUF, buffer_bytes)?;
    }
    set(&socket, libc::SO_TIMESTAMPNS, 1)?;
    Ok(socket)
}

fn set(socket: &UdpSocket, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the value is a c_int that outlives the call.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, (&raw const value).cast(), size)
    };
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
    bytes: Vec<[u8; DATAGRAM_BYTES]>,
    controls: Vec<Control>,
    names: Vec<libc::sockaddr_in>,
    slices: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
}

// SAFETY: the pointers inside lead only into the inbox's own vectors, which move with it (their heap blocks stay).
unsafe impl Send for Inbox {}

impl Default for Inbox {
    fn default() -> Self {
        // SAFETY: all-zero is valid for these plain structs.
        let (name, header): (libc::sockaddr_in, libc::mmsghdr) = unsafe { (zeroed(), zeroed()) };
        let empty = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        Inbox {
            bytes: vec![[0; DATAGRAM_BYTES]; BATCH],
            controls: vec![Control([0; CONTROL_BYTES]); BATCH],
            names: vec![name; BATCH],
            slices: vec![empty; BATCH],
            headers: vec![header; BATCH],
        }
    }
}

impl Inbox {
    /// Takes what waits, at most `BATCH` datagrams; 0 when nothing does.
    pub fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        for i in 0..BATCH {
            self.slices[i] =
                libc::iovec { iov_base: self.bytes[i].as_mut_ptr().cast(), iov_len: DATAGRAM_BYTES };
            let header = &mut self.headers[i].msg_hdr;
            header.msg_name = (&raw mut self.names[i]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            header.msg_iov = &raw mut self.slices[i];
            header.msg_iovlen = 1;
            header.msg_control = self.controls[i].0.as_mut_ptr().cast();
            header.msg_controllen = CONTROL_BYTES;
        }
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
            return Ok(count as usize);
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

    /// Datagram `i` of the last batch: its bytes, who sent it, and when the kernel took it in (nanoseconds of
    /// `CLOCK_REALTIME`).
    pub fn datagram(&self, i: usize) -> (&[u8], SocketAddr, Option<u64>) {
        let header = &self.headers[i];
        let name = &self.names[i];
        let ip = Ipv4Addr::from(name.sin_addr.s_addr.to_ne_bytes());
        let source = SocketAddr::V4(SocketAddrV4::new(ip, u16::from_be(name.sin_port)));
        (&self.bytes[i][..header.msg_len as usize], source, arrival_ns(&header.msg_hdr))
    }
}

fn arrival_ns(header: &libc::msghdr) -> Option<u64> {
    // SAFETY: the kernel filled the control buffer and its length; CMSG_* stay within it.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        while !control.is_null() {
            if (*control).cmsg_level == libc::SOL_SOCKET && (*control).cmsg_type == libc::SCM_TIMESTAMPNS {
                let at = libc::CMSG_DATA(control).cast::<libc::timespec>().read_unaligned();
                return Some(at.tv_sec as u64 * 1_000_000_000 + at.tv_nsec as u64);
            }
            control = libc::CMSG_NXTHDR(header, control);
        }
    }
    None
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

    #[test]
    fn a_segmented_send_arrives_as_datagrams_with_their_arrival_time() {
        let (from, to) = (open(1 << 20).unwrap(), open(1 << 20).unwrap());
        let before = realtime_ns();
        let bytes: Vec<u8> = (0..2_500u32).map(|i| (i / 1_000) as u8).collect();
        assert_eq!(send_segments(&from, &bytes, 1_000, address(&to)).unwrap(), 2_500);
        let after = realtime_ns();

        let mut inbox = Inbox::default();
        wait_readable(&to, Duration::from_secs(5)).unwrap();
        assert_eq!(inbox.receive(&to).unwrap(), 3);
        for (i, length) in [1_000, 1_000, 500].into_iter().enumerate() {
            let (datagram, source, arrived) = inbox.datagram(i);
            assert_eq!(datagram.len(), length);
            assert!(datagram.iter().all(|&byte| byte == i as u8));
            assert_eq!(source, SocketAddr::V4(address(&from)));
            assert!((before..=after).contains(&arrived.expect("the kernel stamps arrivals")));
        }
        assert_eq!(inbox.receive(&to).unwrap(), 0);
        assert_eq!(overflowed(&to).unwrap(), 0);
    }

    #[test]
    fn what_nobody_read_in_time_is_counted() {
        let (from, to) = (open(1 << 20).unwrap(), open(4_096).unwrap());
        for _ in 0..100 {
            from.send_to(&[0; 1_000], address(&to)).unwrap();
        }
        let mut inbox = Inbox::default();
        let kept = inbox.receive(&to).unwrap();
        assert!(kept < 32, "{kept} fitted");
        assert_eq!(overflowed(&to).unwrap() as usize, 100 - kept);
    }
}
