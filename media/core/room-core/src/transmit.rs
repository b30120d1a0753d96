//! Where datagrams are written, encrypted in place, until the socket takes them: one arena a shard.
//!
//! Datagrams to one address that follow each other lie side by side, which is what segmentation offload
//! will need.

use std::net::SocketAddr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    pub to: SocketAddr,
    start: usize,
    len: usize,
}

#[derive(Debug)]
pub struct Transmit {
    /// Always initialised to its full length, so that claiming room costs nothing.
    buffer: Vec<u8>,
    used: usize,
    datagrams: Vec<Datagram>,
}

impl Default for Transmit {
    fn default() -> Self {
        Transmit { buffer: vec![0; 128 * 1024], used: 0, datagrams: Vec::with_capacity(512) }
    }
}

impl Transmit {
    /// Room for one datagram, to be written in full.
    pub fn claim(&mut self, to: SocketAddr, len: usize) -> &mut [u8] {
        let start = self.used;
        self.used += len;
        if self.used > self.buffer.len() {
            self.buffer.resize(self.used.next_power_of_two(), 0);
        }
        self.datagrams.push(Datagram { to, start, len });
        &mut self.buffer[start..self.used]
    }

    /// Takes the last claim back: what should have been written there failed.
    pub fn unclaim(&mut self) {
        if let Some(last) = self.datagrams.pop() {
            self.used = last.start;
        }
    }

    pub fn push(&mut self, to: SocketAddr, datagram: &[u8]) {
        self.claim(to, datagram.len()).copy_from_slice(datagram);
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.datagrams.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (SocketAddr, &[u8])> {
        self.datagrams.iter().map(|one| (one.to, &self.buffer[one.start..one.start + one.len]))
    }

    pub fn clear(&mut self) {
        self.used = 0;
        self.datagrams.clear();
    }
}
