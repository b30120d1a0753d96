//! Sending: what lies side by side for one viewer leaves as one datagram that the kernel, or the card, cuts up
//! (`UDP_SEGMENT`), and many such in one call.
//!
//! Invariant: where the kernel refuses to cut, everything leaves all the same, one by one from then on.

use std::io;
use std::mem::{size_of, zeroed};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use room_core::tcp;
use room_core::transmit::{Run, Transmit};

use crate::address::Name;

/// Messages handed over in one call.
const AT_ONCE: usize = 1_024;
/// How long a full send buffer is waited for before what is left is dropped.
const PATIENCE_MS: libc::c_int = 10;

/// How datagrams that lie side by side leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Segmentation {
    /// By one call, cut by the kernel.
    ByKernel,
    /// One by one: it was asked for, or the kernel has refused.
    None,
}

/// Room for one control message of two bytes; the kernel wants it aligned.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; 24]);

/// What the calls point to, kept from one to the next.
pub(crate) struct Sender {
    segmentation: Segmentation,
    names: Vec<(Name, libc::socklen_t)>,
    parts: Vec<libc::iovec>,
    controls: Vec<Control>,
    headers: Vec<libc::mmsghdr>,
    /// The first datagram of each message, and how many it holds.
    held: Vec<(usize, usize)>,
}

// SAFETY: the pointers inside are written anew before each call, and lead nowhere between calls.
unsafe impl Send for Sender {}

/// How far a turn came.
enum Outcome {
    Done,
    /// The kernel does not cut: nothing from this datagram on has left.
    Refused(usize),
}

impl Sender {
    pub(crate) fn new(segmentation: Segmentation) -> Sender {
        let (names, parts, controls, headers, held) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Sender { segmentation, names, parts, controls, headers, held }
    }

    #[cfg(test)]
    pub(crate) fn segmentation(&self) -> Segmentation {
        self.segmentation
    }

    /// Sends everything that goes over UDP. What the kernel does not take in time is dropped, as a network would.
    pub(crate) fn send(&mut self, socket: &UdpSocket, transmit: &Transmit) {
        let mut from = 0;
        loop {
            match self.segmentation {
                Segmentation::ByKernel => self.lay_out(from, transmit.runs(from)),
                Segmentation::None => self.lay_out(from, transmit.singles(from)),
            }
            match self.send_all(socket) {
                Outcome::Done => return,
                Outcome::Refused(at) => {
                    self.segmentation = Segmentation::None;
                    from = at;
                }
            }
        }
    }

    /// `first` is the number of the first datagram of the runs.
    fn lay_out<'a>(&mut self, first: usize, runs: impl Iterator<Item = Run<'a>>) {
        self.names.clear();
        self.parts.clear();
        self.controls.clear();
        self.held.clear();
        let mut next = first;
        for run in runs {
            let first = next;
            next += run.count;
            if tcp::connection(run.to).is_some() {
                continue;
            }
            self.names.push(Name::of(run.to));
            self.parts.push(libc::iovec {
                iov_base: run.bytes.as_ptr().cast_mut().cast(),
                iov_len: run.bytes.len(),
            });
            self.controls.push(segment_control(run.segment as u16));
            self.held.push((first, run.count));
        }
        self.headers.clear();
        for (at, name) in self.names.iter_mut().enumerate() {
            // SAFETY: all-zero is a valid value of this plain C structure.
            let mut header: libc::mmsghdr = unsafe { zeroed() };
            header.msg_hdr.msg_name = (&raw mut name.0).cast();
            header.msg_hdr.msg_namelen = name.1;
            header.msg_hdr.msg_iov = &raw mut self.parts[at];
            header.msg_hdr.msg_iovlen = 1;
            if self.held[at].1 > 1 {
                header.msg_hdr.msg_control = (&raw mut self.controls[at]).cast();
                header.msg_hdr.msg_controllen = size_of::<Control>();
            }
            self.headers.push(header);
        }
    }

    fn send_all(&mut self, socket: &UdpSocket) -> Outcome {
        let (mut done, mut waited) = (0, false);
        while done < self.headers.len() {
            let rest = &mut self.headers[done..];
            let most = rest.len().min(AT_ONCE) as u32;
            // SAFETY: the headers and all they point to outlive the call: the names, parts and controls are not
            // touched, and the bytes belong to whoever called `send`.
            let count =
                unsafe { libc::sendmmsg(socket.as_raw_fd(), rest.as_mut_ptr(), most, libc::MSG_DONTWAIT) };
            if let Ok(sent @ 1..) = usize::try_from(count) {
                done += sent;
                continue;
            }
            let error = io::Error::last_os_error();
            match error.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock if !waited => waited = wait_for_room(socket),
                io::ErrorKind::WouldBlock => return Outcome::Done,
                _ if self.held[done].1 > 1 && is_refusal(&error) => {
                    return Outcome::Refused(self.held[done].0);
                }
                // This one cannot be sent; those behind it may.
                _ => done += 1,
            }
        }
        Outcome::Done
    }
}

/// What kernels say that know no segmentation, cards that cannot do it, and paths that are too narrow for it.
fn is_refusal(error: &io::Error) -> bool {
    let refusals = [libc::EINVAL, libc::EIO, libc::ENOPROTOOPT, libc::EOPNOTSUPP, libc::EMSGSIZE];
    error.raw_os_error().is_some_and(|code| refusals.contains(&code))
}

fn segment_control(segment: u16) -> Control {
    let mut control = Control([0; 24]);
    // SAFETY: `Control` is aligned for a `cmsghdr`, and as long as one with its data.
    unsafe {
        let header = control.0.as_mut_ptr().cast::<libc::cmsghdr>();
        (*header).cmsg_level = libc::SOL_UDP;
        (*header).cmsg_type = libc::UDP_SEGMENT;
        (*header).cmsg_len = libc::CMSG_LEN(size_of::<u16>() as u32) as usize;
        libc::CMSG_DATA(header).cast::<u16>().write_unaligned(segment);
    }
    control
}

fn wait_for_room(socket: &UdpSocket) -> bool {
    let mut waiting = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    // SAFETY: one valid entry.
    unsafe { libc::poll(&raw mut waiting, 1, PATIENCE_MS) };
    true
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use super::*;

    /// Three frames to two viewers: of several packets, the last of them shorter, and of one.
    fn frames(viewers: &[SocketAddr]) -> Transmit {
        let mut transmit = Transmit::default();
        for (frame, lengths) in [&[1_100, 1_100, 1_100, 300][..], &[70], &[900; 40]].iter().enumerate() {
            for viewer in viewers {
                for (n, length) in lengths.iter().enumerate() {
                    transmit.push(*viewer, &vec![(frame * 50 + n) as u8; *length]);
                }
            }
        }
        transmit
    }

    fn received(sender: &mut Sender) {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(socket) = UdpSocket::bind(host) else { continue };
            let viewers = [UdpSocket::bind(host).unwrap(), UdpSocket::bind(host).unwrap()];
            let addresses: Vec<SocketAddr> =
                viewers.iter().map(|viewer| viewer.local_addr().unwrap()).collect();
            let transmit = frames(&addresses);
            sender.send(&socket, &transmit);
            for (viewer, address) in viewers.iter().zip(addresses) {
                viewer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                let mut buffer = [0; 2_000];
                for (_, expected) in transmit.iter().filter(|(to, _)| *to == address) {
                    let length = viewer.recv(&mut buffer).unwrap();
                    assert_eq!(&buffer[..length], expected);
                }
            }
        }
    }

    #[test]
    fn every_datagram_arrives_by_itself_however_it_left() {
        for segmentation in [Segmentation::ByKernel, Segmentation::None] {
            let mut sender = Sender::new(segmentation);
            received(&mut sender);
            assert_eq!(sender.segmentation(), segmentation);
        }
    }

    #[test]
    fn what_a_kernel_refuses_to_cut_leaves_one_by_one_and_so_does_all_after_it() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let viewer = UdpSocket::bind("127.0.0.1:0").unwrap();
        viewer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        // Cutting is refused where checksums are switched off (udp(7): SO_NO_CHECK with UDP_SEGMENT is EINVAL).
        let on: libc::c_int = 1;
        // SAFETY: `on` lives for the call and its size is told.
        let result = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_NO_CHECK,
                (&raw const on).cast(),
                size_of::<libc::c_int>() as u32,
            )
        };
        assert_eq!(result, 0);
        let transmit = frames(&[viewer.local_addr().unwrap()]);
        let mut sender = Sender::new(Segmentation::ByKernel);
        sender.send(&socket, &transmit);
        assert_eq!(sender.segmentation(), Segmentation::None);
        let mut buffer = [0; 2_000];
        for (_, expected) in transmit.iter() {
            let length = viewer.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], expected);
        }
    }
}
