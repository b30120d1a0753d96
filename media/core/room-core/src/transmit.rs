//! Where datagrams are written, encrypted straight into place, until the socket takes them: one arena a shard.
//!
//! Datagrams to one address that follow each other lie side by side, so that segmentation offload can take them as one.

use std::net::SocketAddr;

use crate::departures::Slices;
use crate::time::Time;

/// One or two datagrams cost less by themselves: a segmented send is dearer than a plain one, and then cheaper a piece.
const LEAST_IN_RUN: usize = 3;
/// What one call may carry: no more segments than any kernel takes, within one UDP length.
const MOST_IN_RUN: usize = 64;
const RUN_BYTES: usize = 60_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Datagram {
    to: SocketAddr,
    start: usize,
    len: usize,
}

/// Datagrams to one address, side by side, all of one length but for the last, which may be shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run<'a> {
    pub to: SocketAddr,
    pub count: usize,
    /// Bytes of each but the last.
    pub segment: usize,
    pub bytes: &'a [u8],
}

#[derive(Debug)]
pub struct Transmit {
    /// Always initialised to its full length, so that claiming room costs nothing.
    buffer: Vec<u8>,
    used: usize,
    datagrams: Vec<Datagram>,
    slices: Slices,
}

impl Default for Transmit {
    fn default() -> Self {
        let (buffer, datagrams) = (vec![0; 512 * 1024], Vec::with_capacity(512));
        Transmit { buffer, used: 0, datagrams, slices: Slices::default() }
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

    /// Takes everything back that was claimed since there were `count` datagrams.
    pub fn rewind(&mut self, count: usize) {
        self.datagrams.truncate(count);
        self.used = self.datagrams.last().map_or(0, |last| last.start + last.len);
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

    /// The datagrams from number `from` on, each by itself.
    pub fn singles(&self, from: usize) -> impl Iterator<Item = Run<'_>> {
        self.datagrams[from..].iter().map(|one| self.run(std::slice::from_ref(one)))
    }

    /// The datagrams from number `from` on, as many in a run as may leave together.
    pub fn runs(&self, from: usize) -> impl Iterator<Item = Run<'_>> {
        let mut rest = &self.datagrams[from..];
        std::iter::from_fn(move || {
            let together = match side_by_side(rest) {
                few if few < LEAST_IN_RUN => 1.min(few),
                many => many,
            };
            let (run, behind) = rest.split_at(together);
            rest = behind;
            (!run.is_empty()).then(|| self.run(run))
        })
    }

    fn run(&self, datagrams: &[Datagram]) -> Run<'_> {
        let (first, last) = (datagrams[0], datagrams[datagrams.len() - 1]);
        let bytes = &self.buffer[first.start..last.start + last.len];
        Run { to: first.to, count: datagrams.len(), segment: first.len, bytes }
    }

    /// The number of what is being written until it leaves.
    #[must_use]
    pub fn slice(&self) -> u32 {
        self.slices.current()
    }

    /// When a slice left.
    #[must_use]
    pub fn left_at(&self, slice: u32) -> Option<Time> {
        self.slices.time(slice)
    }

    /// The socket has taken everything.
    pub fn left(&mut self, now: Time) {
        self.slices.left(now);
        self.used = 0;
        self.datagrams.clear();
    }
}

/// How many of the first datagrams can be one run.
fn side_by_side(datagrams: &[Datagram]) -> usize {
    let Some(first) = datagrams.first() else { return 0 };
    let fits = |two: &&[Datagram]| {
        let (before, one) = (two[0], two[1]);
        one.to == first.to
            && before.len == first.len
            && one.len <= first.len
            && one.start + one.len - first.start <= RUN_BYTES
    };
    1 + datagrams.windows(2).take(MOST_IN_RUN - 1).take_while(fits).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(sent: &[(u16, usize)]) -> Vec<(usize, usize, usize)> {
        let mut transmit = Transmit::default();
        for (port, len) in sent {
            transmit.push(SocketAddr::from(([127, 0, 0, 1], *port)), &vec![*port as u8; *len]);
        }
        let runs: Vec<Run<'_>> = transmit.runs(0).collect();
        let whole: Vec<u8> = runs.iter().flat_map(|run| run.bytes.to_vec()).collect();
        let each: Vec<u8> = transmit.iter().flat_map(|(_, bytes)| bytes.to_vec()).collect();
        assert_eq!(whole, each, "every byte once, in order");
        assert_eq!(transmit.singles(0).count(), sent.len());
        runs.iter().map(|run| (run.count, run.segment, run.bytes.len())).collect()
    }

    #[test]
    fn a_frame_to_one_viewer_is_one_run_that_ends_with_what_is_shorter() {
        let sent = [(1, 900), (1, 900), (1, 900), (1, 20), (1, 20), (2, 900), (2, 900), (2, 900)];
        assert_eq!(lengths(&sent), [(4, 900, 2_720), (1, 20, 20), (3, 900, 2_700)]);
    }

    #[test]
    fn one_or_two_leave_by_themselves_and_so_does_what_is_longer_than_the_first() {
        assert_eq!(lengths(&[(1, 9), (1, 9), (2, 8)]), [(1, 9, 9), (1, 9, 9), (1, 8, 8)]);
        assert_eq!(lengths(&[(1, 8), (1, 9), (1, 9), (1, 9)]), [(1, 8, 8), (3, 9, 27)]);
        assert_eq!(lengths(&[]), []);
    }

    #[test]
    fn what_is_taken_back_leaves_what_came_before_as_it_was() {
        let mut transmit = Transmit::default();
        let to = |port| SocketAddr::from(([127, 0, 0, 1], port));
        transmit.push(to(1), &[1; 5]);
        transmit.push(to(2), &[2; 5]);
        transmit.claim(to(2), 900);
        transmit.rewind(1);
        transmit.push(to(3), &[3; 4]);
        let left: Vec<_> = transmit.iter().map(|(to, bytes)| (to.port(), bytes.to_vec())).collect();
        assert_eq!(left, [(1, vec![1; 5]), (3, vec![3; 4])]);
        transmit.rewind(0);
        assert!(transmit.is_empty());
    }

    #[test]
    fn a_run_is_no_longer_than_a_kernel_takes() {
        let many = lengths(&[(1, 100); 150]);
        assert_eq!(many, [(64, 100, 6_400), (64, 100, 6_400), (22, 100, 2_200)]);
        assert!(lengths(&[(1, 1_200); 64]).iter().all(|(_, _, bytes)| *bytes <= RUN_BYTES));
    }
}
