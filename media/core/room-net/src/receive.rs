//! Receiving: many datagrams a call, and those of one sender that came together as one (`UDP_GRO`).

use std::mem::{size_of, zeroed};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use room_core::limits::DATAGRAM_BYTES;

use crate::address::{NAME_BYTES, Name};

/// Messages read in one call.
pub(crate) const BATCH: usize = 32;
/// What the kernel joins to one message at most. Memory that nothing was written to is not taken.
const MESSAGE_BYTES: usize = 65_536;

/// Room for one control message of an integer.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; 24]);

/// One message: datagrams of `segment` bytes, the last maybe shorter.
#[derive(Debug)]
struct Message {
    from: Option<SocketAddr>,
    length: usize,
    segment: usize,
}

#[derive(Debug)]
pub(crate) struct Receiver {
    buffers: Vec<u8>,
    received: Vec<Message>,
}

impl Receiver {
    pub(crate) fn new() -> Receiver {
        Receiver { buffers: vec![0; BATCH * MESSAGE_BYTES], received: Vec::with_capacity(BATCH) }
    }

    /// Reads what there is, at most one batch. Returns how many messages.
    pub(crate) fn receive(&mut self, socket: &UdpSocket) -> usize {
        self.received.clear();
        let mut names = [Name::nobody(); BATCH];
        let mut controls = [Control([0; 24]); BATCH];
        // SAFETY: all-zero is a valid value of these plain C structures.
        let (mut parts, mut headers): ([libc::iovec; BATCH], [libc::mmsghdr; BATCH]) =
            unsafe { (zeroed(), zeroed()) };
        for (n, buffer) in self.buffers.chunks_exact_mut(MESSAGE_BYTES).enumerate() {
            parts[n] = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
            let header = &mut headers[n].msg_hdr;
            header.msg_name = (&raw mut names[n]).cast();
            header.msg_namelen = NAME_BYTES;
            header.msg_iov = &raw mut parts[n];
            header.msg_iovlen = 1;
            header.msg_control = (&raw mut controls[n]).cast();
            header.msg_controllen = size_of::<Control>();
        }
        // SAFETY: every header points to a name, a control buffer, a part and through it a buffer, all alive and of
        // the length that is told.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                BATCH as u32,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        for n in 0..usize::try_from(count).unwrap_or_default() {
            let (header, length) = (&headers[n].msg_hdr, headers[n].msg_len as usize);
            let truncated = header.msg_flags & libc::MSG_TRUNC != 0;
            let from = names[n].address().filter(|_| !truncated);
            let segment = joined(header).filter(|segment| *segment > 0).unwrap_or(length.max(1));
            self.received.push(Message { from, length, segment });
        }
        self.received.len()
    }

    /// The datagrams of the last `receive`.
    pub(crate) fn datagrams(&mut self) -> impl Iterator<Item = (SocketAddr, &mut [u8])> {
        let messages = self.received.iter().zip(self.buffers.chunks_exact_mut(MESSAGE_BYTES));
        messages.filter_map(|(message, buffer)| Some((message, message.from?, buffer))).flat_map(
            |(message, from, buffer)| {
                let pieces = buffer[..message.length].chunks_mut(message.segment);
                pieces.filter(|piece| piece.len() <= DATAGRAM_BYTES).map(move |piece| (from, piece))
            },
        )
    }
}

/// The length of each datagram of a message that the kernel joined.
fn joined(header: &libc::msghdr) -> Option<usize> {
    // SAFETY: the kernel filled the control buffer and told its length; the macros stay within it.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        while !control.is_null() {
            if (*control).cmsg_level == libc::SOL_UDP && (*control).cmsg_type == libc::UDP_GRO {
                let segment = libc::CMSG_DATA(control).cast::<libc::c_int>().read_unaligned();
                return usize::try_from(segment).ok();
            }
            control = libc::CMSG_NXTHDR(header, control);
        }
    }
    None
}
