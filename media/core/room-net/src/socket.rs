//! One UDP socket of a group that shares a port, read and written many datagrams a call.

use std::io;
use std::mem::size_of;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use room_core::transmit::Transmit;

use crate::address::Name;
use crate::receive::Receiver;
use crate::send::{Segmentation, Sender};

const BUFFER_BYTES: libc::c_int = 8 * 1024 * 1024;

pub(crate) struct Socket {
    socket: UdpSocket,
    receiver: Receiver,
    sender: Sender,
}

impl Socket {
    /// Joins the group at `address`; port 0 begins a new one.
    pub(crate) fn join(address: SocketAddr, segmentation: Segmentation) -> io::Result<Socket> {
        let socket = open(address)?;
        for option in [libc::SO_RCVBUF, libc::SO_SNDBUF] {
            // The kernel caps it at its own limit; less is no error.
            let _ = set_option(&socket, libc::SOL_SOCKET, option, BUFFER_BYTES);
        }
        // A kernel that cannot join what comes together brings it one by one.
        let _ = set_option(&socket, libc::SOL_UDP, libc::UDP_GRO, 1);
        Ok(Socket { socket, receiver: Receiver::new(), sender: Sender::new(segmentation) })
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

    /// Reads what there is, at most one batch. Returns how many messages.
    pub(crate) fn receive(&mut self) -> usize {
        self.receiver.receive(&self.socket)
    }

    /// The datagrams of the last `receive`.
    pub(crate) fn datagrams(&mut self) -> impl Iterator<Item = (SocketAddr, &mut [u8])> {
        self.receiver.datagrams()
    }

    /// Sends everything. What the kernel does not take in time is dropped, as a network would.
    pub(crate) fn send(&mut self, transmit: &Transmit) {
        self.sender.send(&self.socket, transmit);
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
    let (name, length) = Name::of(address);
    // SAFETY: `name` is a socket address of the length that is told.
    if unsafe { libc::bind(fd, (&raw const name).cast(), length) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(socket)
}

pub(crate) fn set_option(
    socket: &impl AsRawFd,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_come_and_go_in_batches_with_their_addresses() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(mut ours) = Socket::join(host.parse().unwrap(), Segmentation::ByKernel) else { continue };
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
        let ours = Socket::join("127.0.0.1:0".parse().unwrap(), Segmentation::None).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], ours.local_port().unwrap()));
        assert!(Socket::join(address, Segmentation::None).is_ok(), "our own group shares it");
        assert!(Socket::check_free(address).is_err());
    }

    #[test]
    fn what_the_kernel_joined_is_taken_apart() {
        let mut ours = Socket::join("127.0.0.1:0".parse().unwrap(), Segmentation::None).unwrap();
        let mut theirs = Socket::join("127.0.0.1:0".parse().unwrap(), Segmentation::ByKernel).unwrap();
        let to = SocketAddr::from(([127, 0, 0, 1], ours.local_port().unwrap()));
        let mut transmit = Transmit::default();
        for n in 0..9_u8 {
            transmit.push(to, &vec![n; if n == 8 { 300 } else { 1_100 }]);
        }
        theirs.send(&transmit);
        assert_eq!(ours.receive(), 1, "on loopback it comes as it left");
        let taken: Vec<(u8, usize)> = ours.datagrams().map(|(_, bytes)| (bytes[0], bytes.len())).collect();
        let sent: Vec<(u8, usize)> = transmit.iter().map(|(_, bytes)| (bytes[0], bytes.len())).collect();
        assert_eq!(taken, sent);
    }
}
