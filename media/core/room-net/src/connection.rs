//! The open TCP connections as those who send see them: written to without waiting, from any thread.
//!
//! Invariant: nobody waits for a connection. What it does not take now waits in its own queue, or is lost.

use std::collections::HashMap;
use std::io;
use std::mem::zeroed;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::num::NonZeroU32;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use room_core::demux::{Kind, kind};
use room_core::tcp;
use room_core::time::Time;
use room_core::transmit::Transmit;

use crate::clock;
use crate::outgoing::{AT_ONCE, Outgoing};
use crate::poll::{Interest, Poll};

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) socket: TcpStream,
    pub(crate) number: NonZeroU32,
    /// Of the peer, marked with the number.
    pub(crate) address: SocketAddr,
    poll: Arc<Poll>,
    queue: Mutex<Queue>,
    /// When a check was answered last, in nanoseconds; only an authentic one is. Zero: never.
    answered: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    outgoing: Outgoing,
    /// The poll tells when there is room again.
    waits: bool,
}

impl Connection {
    pub(crate) fn new(
        socket: TcpStream,
        peer: SocketAddr,
        number: NonZeroU32,
        poll: Arc<Poll>,
    ) -> Connection {
        let address = tcp::address(peer, number);
        Connection { socket, number, address, poll, queue: Mutex::default(), answered: AtomicU64::new(0) }
    }

    /// When somebody who knows a password of ours was answered last.
    pub(crate) fn answered(&self) -> Option<Time> {
        let nanos = self.answered.load(Ordering::Acquire);
        (nanos > 0).then(|| Time::from_nanos(nanos))
    }

    fn push(&self, datagram: &[u8]) {
        if kind(datagram) == Kind::Stun {
            self.answered.store(clock::now().as_nanos(), Ordering::Release);
        }
        self.queue().outgoing.push(datagram);
    }

    /// Writes what the kernel takes; the poll is asked to tell when it takes more.
    pub(crate) fn flush(&self) {
        let mut queue = self.queue();
        let waits = !self.write(&mut queue.outgoing);
        if waits != queue.waits {
            queue.waits = waits;
            let interest = if waits { Interest::ReadingAndWriting } else { Interest::Reading };
            // It can fail only for a socket that is gone, and then nobody waits for it.
            let _ = self.poll.change(self.socket.as_raw_fd(), u64::from(self.number.get()), interest);
        }
    }

    /// Returns whether everything is written, or never will be.
    fn write(&self, outgoing: &mut Outgoing) -> bool {
        while !outgoing.is_empty() {
            let Ok(count) = usize::try_from(self.write_some(outgoing)) else {
                match io::Error::last_os_error().kind() {
                    io::ErrorKind::Interrupted => continue,
                    io::ErrorKind::WouldBlock => return false,
                    // The reading side will notice.
                    _ => outgoing.clear(),
                }
                return true;
            };
            outgoing.wrote(count);
        }
        true
    }

    fn write_some(&self, outgoing: &Outgoing) -> isize {
        let mut parts = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; AT_ONCE];
        let mut count = 0;
        for (part, slice) in parts.iter_mut().zip(outgoing.slices()) {
            *part = libc::iovec { iov_base: slice.as_ptr().cast_mut().cast(), iov_len: slice.len() };
            count += 1;
        }
        // SAFETY: all-zero is a valid value of this plain C structure.
        let mut header: libc::msghdr = unsafe { zeroed() };
        header.msg_iov = parts.as_mut_ptr();
        header.msg_iovlen = count;
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        // SAFETY: the header, its parts and the frames that they point to live for the call.
        unsafe { libc::sendmsg(self.socket.as_raw_fd(), &raw const header, flags) }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Connections {
    table: RwLock<HashMap<NonZeroU32, Arc<Connection>>>,
    /// How many, to be asked without the lock.
    open: AtomicUsize,
}

impl Connections {
    pub(crate) fn insert(&self, connection: Arc<Connection>) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.insert(connection.number, connection);
        self.open.store(table.len(), Ordering::Release);
    }

    pub(crate) fn remove(&self, number: NonZeroU32) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.remove(&number);
        self.open.store(table.len(), Ordering::Release);
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.open.load(Ordering::Acquire) == 0
    }

    /// Sends what goes over connections.
    pub(crate) fn send(&self, transmit: &Transmit) {
        if self.open.load(Ordering::Acquire) == 0 {
            return;
        }
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let mut current: Option<&Arc<Connection>> = None;
        for (to, datagram) in transmit.iter() {
            let Some(number) = tcp::connection(to) else { continue };
            if current.is_none_or(|connection| connection.number != number) {
                if let Some(done) = current.take() {
                    done.flush();
                }
                current = table.get(&number);
            }
            if let Some(connection) = current {
                connection.push(datagram);
            }
        }
        if let Some(done) = current {
            done.flush();
        }
    }

    /// Nobody speaks to this address any more. What was written still arrives.
    pub(crate) fn release(&self, address: SocketAddr) {
        let Some(number) = tcp::connection(address) else { return };
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = table.get(&number) {
            // One that has ended already is as good. The reading side notices, and closes it.
            let _ = connection.socket.shutdown(Shutdown::Both);
        }
    }
}
