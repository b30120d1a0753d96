//! One UDP socket of a group that shares a port, read and written many datagrams a call.

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use room_core::limits::DATAGRAM_BYTES;
use room_core::transmit::Transmit;

/// Datagrams read in one call.
const BATCH: usize = 64;
const BUFFER_BYTES: libc::c_int = 8 * 1024 * 1024;
/// How long a full send buffer is waited for before what is left is dropped.
const PATIENCE_MS: libc::c_int = 10;

#[derive(Debug)]
pub(crate) struct Socket {
    socket: UdpSocket,
    buffers: Box<[[u8; DATAGRAM_BYTES]; BATCH]>,
    received: Vec<(usize, SocketAddr)>,
}

impl Socket {
    /// Joins the group at `address`; port 0 begins a new one.
    pub(crate) fn join(address: SocketAddr) -> io::Result<Socket> {
        let socket = open(address)?;
        for option in [libc::SO_RCVBUF, libc::SO_SNDBUF] {
            // The kernel caps it at its own limit; less is no error.
            let _ = set_option(&socket, libc::SOL_SOCKET, option, BUFFER_BYTES);
        }
        let buffers = vec![[0; DATAGRAM_BYTES]; BATCH].into_boxed_slice().try_into();
        let buffers = buffers.map_err(|_| io::ErrorKind::OutOfMemory)?;
        Ok(Socket { socket, buffers, received: Vec::with_capacity(BATCH) })
    }

    /// Fails when anyone else, a group that shares the port included, already has `address`.
    pub(crate) fn check_free(address: SocketAddr) -> io::Result<()> {
        UdpSocket::bind(address).map(drop)
    }

    pub(crate) fn local_port(&self) -> io::Result<u16> {
        Ok(self.socket.local_addr()?.port())
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Reads what there is, at most one batch. Returns how many.
    pub(crate) fn receive(&mut self) -> usize {
        self.received.clear();
        // SAFETY: all-zero is a valid value of these plain C structures.
        let (mut names, mut parts, mut headers): (
            [libc::sockaddr_storage; BATCH],
            [libc::iovec; BATCH],
            [libc::mmsghdr; BATCH],
        ) = unsafe { (zeroed(), zeroed(), zeroed()) };
        for (n, buffer) in self.buffers.iter_mut().enumerate() {
            parts[n] = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
            headers[n].msg_hdr.msg_name = (&raw mut names[n]).cast();
            headers[n].msg_hdr.msg_namelen = size_of::<libc::sockaddr_storage>() as u32;
            headers[n].msg_hdr.msg_iov = &raw mut parts[n];
            headers[n].msg_hdr.msg_iovlen = 1;
        }
        // SAFETY: every header points to a name, a part and through it a buffer, all alive and of the
        // length that is told.
        let count = unsafe {
            libc::recvmmsg(
                self.fd(),
                headers.as_mut_ptr(),
                BATCH as u32,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        for n in 0..usize::try_from(count).unwrap_or_default() {
            let truncated = headers[n].msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            let from = address_of(&names[n]).filter(|_| !truncated);
            let unspecified = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));
            let length = if from.is_some() { headers[n].msg_len as usize } else { 0 };
            self.received.push((length, from.unwrap_or(unspecified)));
        }
        self.received.len()
    }

    /// The datagrams of the last `receive`.
    pub(crate) fn datagrams(&mut self) -> impl Iterator<Item = (SocketAddr, &mut [u8])> {
        let received = self.received.iter().zip(self.buffers.iter_mut());
        received
            .filter(|((length, _), _)| *length > 0)
            .map(|((length, from), buffer)| (*from, &mut buffer[..*length]))
    }

    /// Sends everything. What the kernel does not take in time is dropped, as a network would.
    pub(crate) fn send(&self, transmit: &Transmit) {
        let mut names: Vec<(libc::sockaddr_storage, u32)> =
            transmit.iter().map(|(to, _)| name_of(to)).collect();
        let mut parts: Vec<libc::iovec> = transmit
            .iter()
            .map(|(_, bytes)| libc::iovec {
                iov_base: bytes.as_ptr().cast_mut().cast(),
                iov_len: bytes.len(),
            })
            .collect();
        let mut headers: Vec<libc::mmsghdr> = Vec::with_capacity(parts.len());
        for (name, part) in names.iter_mut().zip(&mut parts) {
            // SAFETY: all-zero is a valid value of this plain C structure.
            let mut header: libc::mmsghdr = unsafe { zeroed() };
            header.msg_hdr.msg_name = (&raw mut name.0).cast();
            header.msg_hdr.msg_namelen = name.1;
            header.msg_hdr.msg_iov = part;
            header.msg_hdr.msg_iovlen = 1;
            headers.push(header);
        }
        self.send_all(&mut headers);
    }

    fn send_all(&self, headers: &mut [libc::mmsghdr]) {
        let (mut done, mut waited) = (0, false);
        while done < headers.len() {
            let rest = &mut headers[done..];
            let most = rest.len().min(1_024) as u32;
            // SAFETY: the headers and all they point to outlive the call.
            let count = unsafe { libc::sendmmsg(self.fd(), rest.as_mut_ptr(), most, libc::MSG_DONTWAIT) };
            match usize::try_from(count) {
                Ok(sent) if sent > 0 => done += sent,
                _ => match io::Error::last_os_error().kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock if !waited => waited = self.wait_for_room(),
                    io::ErrorKind::WouldBlock => return,
                    // This one cannot be sent; those behind it may.
                    _ => done += 1,
                },
            }
        }
    }

    fn wait_for_room(&self) -> bool {
        let mut waiting = libc::pollfd { fd: self.fd(), events: libc::POLLOUT, revents: 0 };
        // SAFETY: one valid entry.
        unsafe { libc::poll(&raw mut waiting, 1, PATIENCE_MS) };
        true
    }
}

fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: plain call; a negative result is an error.
    let fd = unsafe { libc::socket(family, kind, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `fd` was just opened and belongs to nobody else.
    let socket = UdpSocket::from(unsafe { OwnedFd::from_raw_fd(fd) });
    set_option(&socket, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
    let (name, length) = name_of(address);
    // SAFETY: `name` is a socket address of the length that is told.
    if unsafe { libc::bind(fd, (&raw const name).cast(), length) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(socket)
}

fn set_option(
    socket: &UdpSocket,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: `value` lives for the call and its size is told.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size_of::<libc::c_int>() as u32,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn name_of(address: SocketAddr) -> (libc::sockaddr_storage, u32) {
    // SAFETY: all-zero is a valid value of this plain C structure.
    let mut storage: libc::sockaddr_storage = unsafe { zeroed() };
    match address {
        SocketAddr::V4(v4) => {
            // SAFETY: the storage is large and aligned enough for every kind of address.
            let name = unsafe { &mut *(&raw mut storage).cast::<libc::sockaddr_in>() };
            name.sin_family = libc::AF_INET as libc::sa_family_t;
            name.sin_port = v4.port().to_be();
            name.sin_addr.s_addr = u32::from_ne_bytes(v4.ip().octets());
            (storage, size_of::<libc::sockaddr_in>() as u32)
        }
        SocketAddr::V6(v6) => {
            // SAFETY: as above.
            let name = unsafe { &mut *(&raw mut storage).cast::<libc::sockaddr_in6>() };
            name.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            name.sin6_port = v6.port().to_be();
            name.sin6_addr.s6_addr = v6.ip().octets();
            name.sin6_scope_id = v6.scope_id();
            (storage, size_of::<libc::sockaddr_in6>() as u32)
        }
    }
}

fn address_of(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match libc::c_int::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the kernel wrote an address of this family.
            let name = unsafe { &*std::ptr::from_ref(storage).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(name.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddr::V4(SocketAddrV4::new(ip, u16::from_be(name.sin_port))))
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let name = unsafe { &*std::ptr::from_ref(storage).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(name.sin6_addr.s6_addr);
            Some(SocketAddr::V6(SocketAddrV6::new(ip, u16::from_be(name.sin6_port), 0, name.sin6_scope_id)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_come_and_go_in_batches_with_their_addresses() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(mut ours) = Socket::join(host.parse().unwrap()) else { continue };
            let theirs = UdpSocket::bind(host.parse::<SocketAddr>().unwrap()).unwrap();
            let mut address: SocketAddr = host.parse().unwrap();
            address.set_port(ours.local_port().unwrap());
            for n in 0..5_u8 {
                theirs.send_to(&[n; 3], address).unwrap();
            }
            assert_eq!(ours.receive(), 5);
            let mut transmit = Transmit::default();
            for (from, bytes) in ours.datagrams() {
                assert_eq!(from, theirs.local_addr().unwrap());
                transmit.push(from, bytes);
            }
            ours.send(&transmit);
            let mut buffer = [0; 16];
            for n in 0..5_u8 {
                let length = theirs.recv(&mut buffer).unwrap();
                assert_eq!(buffer[..length], [n; 3]);
            }
        }
    }

    #[test]
    fn a_port_that_another_group_has_is_noticed() {
        let ours = Socket::join("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], ours.local_port().unwrap()));
        assert!(Socket::join(address).is_ok(), "our own group shares it");
        assert!(Socket::check_free(address).is_err());
    }
}
