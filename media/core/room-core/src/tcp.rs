//! What differs for datagrams that come over a TCP connection (RFC 6544): each is framed by its length (RFC 4571
//! section 2), and the address says which connection it is.
//!
//! Invariant: no address of UDP equals one of a connection, and no two connections have the same.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::num::NonZeroU32;

use crate::limits::DATAGRAM_BYTES;

const PREFIX: usize = 2;

/// The address of the connection with this number from `peer`: told apart by what the kernel never writes there.
#[must_use]
pub fn address(peer: SocketAddr, connection: NonZeroU32) -> SocketAddr {
    let ip = match peer.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    SocketAddr::V6(SocketAddrV6::new(ip, peer.port(), connection.get(), 0))
}

/// The number of the connection, if the address is of one.
#[must_use]
pub fn connection(address: SocketAddr) -> Option<NonZeroU32> {
    match address {
        SocketAddr::V4(_) => None,
        SocketAddr::V6(address) => NonZeroU32::new(address.flowinfo()),
    }
}

/// A datagram as it goes over the wire.
#[must_use]
pub fn framed(datagram: &[u8]) -> Box<[u8]> {
    let mut frame = Vec::with_capacity(PREFIX + datagram.len());
    frame.extend_from_slice(&(datagram.len() as u16).to_be_bytes());
    frame.extend_from_slice(datagram);
    frame.into_boxed_slice()
}

/// A frame announces more than a datagram may have: whatever follows cannot be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// Takes datagrams out of a connection's bytes; holds no more than one of them.
#[derive(Debug, Default)]
pub struct Reader {
    /// The beginning of a frame, its length first.
    begun: Vec<u8>,
}

impl Reader {
    /// Hands every datagram that is whole by now to `take`; empty frames, which keep connections alive, to nobody.
    ///
    /// # Errors
    /// `TooLong`: the connection is of no use any more.
    pub fn read(&mut self, mut bytes: &[u8], mut take: impl FnMut(&mut [u8])) -> Result<(), TooLong> {
        while !bytes.is_empty() {
            let (next, rest) = bytes.split_at(self.missing().min(bytes.len()));
            self.begun.extend_from_slice(next);
            bytes = rest;
            if self.length().is_some_and(|length| length > DATAGRAM_BYTES) {
                return Err(TooLong);
            }
            if self.missing() == 0 {
                if self.begun.len() > PREFIX {
                    take(&mut self.begun[PREFIX..]);
                }
                self.begun.clear();
            }
        }
        Ok(())
    }

    /// Of the datagram that has begun.
    fn length(&self) -> Option<usize> {
        let prefix = self.begun.first_chunk::<PREFIX>()?;
        Some(usize::from(u16::from_be_bytes(*prefix)))
    }

    /// Bytes until the length, or else the frame, is whole.
    fn missing(&self) -> usize {
        self.length().map_or(PREFIX, |length| PREFIX + length) - self.begun.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).unwrap()
    }

    #[test]
    fn a_connection_is_told_from_datagrams_of_the_same_address_and_from_the_next_connection() {
        for text in ["192.0.2.7:5004", "[2001:db8::7]:5004"] {
            let peer: SocketAddr = text.parse().unwrap();
            let (first, second) = (address(peer, number(1)), address(peer, number(2)));
            assert!(first != second && first != peer);
            assert_eq!((connection(first), connection(second)), (Some(number(1)), Some(number(2))));
            assert_eq!(connection(peer), None);
            assert_eq!((first.ip().to_canonical(), first.port()), (peer.ip(), peer.port()));
        }
    }

    #[test]
    fn datagrams_come_out_as_they_went_in_however_the_bytes_are_cut() {
        let datagrams = [vec![1; 20], Vec::new(), vec![2; DATAGRAM_BYTES], vec![3]];
        let bytes: Vec<u8> = datagrams.iter().flat_map(|one| framed(one).into_vec()).collect();
        for cut in [1, 2, 3, 7, 1_000, bytes.len()] {
            let (mut reader, mut taken) = (Reader::default(), Vec::new());
            for piece in bytes.chunks(cut) {
                reader.read(piece, |datagram| taken.push(datagram.to_vec())).unwrap();
            }
            let expected: Vec<_> = datagrams.iter().filter(|one| !one.is_empty()).cloned().collect();
            assert_eq!(taken, expected, "in pieces of {cut}");
        }
    }

    #[test]
    fn a_frame_longer_than_a_datagram_may_be_ends_it() {
        let length = (DATAGRAM_BYTES as u16 + 1).to_be_bytes();
        assert_eq!(Reader::default().read(&length, |_| unreachable!()), Err(TooLong));
        assert_eq!(Reader::default().read(b"GET / HTTP/1.1\r\n", |_| unreachable!()), Err(TooLong));
    }
}
