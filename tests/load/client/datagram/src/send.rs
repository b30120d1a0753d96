//! Sending: one datagram a call, or several equal ones cut by the kernel (`UDP_SEGMENT`).

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;

const CONTROL_BYTES: usize = 32;

/// The control buffer of a message must be aligned for its header.
#[repr(align(8))]
struct Control([u8; CONTROL_BYTES]);

fn raw(to: SocketAddrV4) -> libc::sockaddr_in {
    // SAFETY: all-zero is a valid sockaddr_in.
    let mut address: libc::sockaddr_in = unsafe { zeroed() };
    address.sin_family = libc::AF_INET as libc::sa_family_t;
    address.sin_port = to.port().to_be();
    address.sin_addr.s_addr = u32::from_ne_bytes(to.ip().octets());
    address
}

/// One `sendto`.
pub fn send_to(socket: &UdpSocket, packet: &[u8], to: SocketAddrV4) -> io::Result<usize> {
    socket.send_to(packet, SocketAddr::V4(to))
}

/// One `sendmsg` of `packets`, which the kernel cuts into datagrams of `segment` bytes.
pub fn send_segments(
    socket: &UdpSocket,
    packets: &[u8],
    segment: u16,
    to: SocketAddrV4,
) -> io::Result<usize> {
    let mut address = raw(to);
    let mut slice =
        libc::iovec { iov_base: packets.as_ptr().cast_mut().cast::<libc::c_void>(), iov_len: packets.len() };
    let mut control = Control([0; CONTROL_BYTES]);
    // SAFETY: every pointer of the message is to a local that outlives the call; the control buffer is aligned and
    // holds one header with a u16; the kernel only reads the payload.
    let sent = unsafe {
        let mut message: libc::msghdr = zeroed();
        message.msg_name = (&raw mut address).cast();
        message.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
        message.msg_iov = &raw mut slice;
        message.msg_iovlen = 1;
        message.msg_control = control.0.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(size_of::<u16>() as u32) as usize;
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_UDP;
        (*header).cmsg_type = libc::UDP_SEGMENT;
        (*header).cmsg_len = libc::CMSG_LEN(size_of::<u16>() as u32) as usize;
        libc::CMSG_DATA(header).cast::<u16>().write_unaligned(segment);
        libc::sendmsg(socket.as_raw_fd(), &raw const message, 0)
    };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(sent as usize) }
}
