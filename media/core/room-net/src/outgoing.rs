//! What waits to be written to one TCP connection: whole frames, as many as may wait.
//!
//! Invariant: a frame that has begun is finished before any other, and media never push out what keeps the connection.

use std::collections::VecDeque;
use std::io::IoSlice;

use room_core::demux::{Kind, kind};
use room_core::tcp;

/// Of media: about a second of film. What comes when it is full is lost, as on a network that is too narrow.
const MEDIA_BYTES: usize = 256 * 1024;
/// Kept free for checks and handshakes.
const RESERVE_BYTES: usize = 32 * 1024;
/// Frames written in one call.
pub(crate) const AT_ONCE: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    /// Partly written.
    begun: Option<(Box<[u8]>, usize)>,
    /// Checks and handshakes go first.
    urgent: VecDeque<Box<[u8]>>,
    media: VecDeque<Box<[u8]>>,
    bytes: usize,
}

impl Outgoing {
    /// Takes a datagram if there is room for it.
    pub(crate) fn push(&mut self, datagram: &[u8]) {
        let (queue, most) = match kind(datagram) {
            Kind::Stun | Kind::Dtls => (&mut self.urgent, MEDIA_BYTES + RESERVE_BYTES),
            _ => (&mut self.media, MEDIA_BYTES),
        };
        let frame = tcp::framed(datagram);
        if self.bytes + frame.len() <= most {
            self.bytes += frame.len();
            queue.push_back(frame);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    pub(crate) fn clear(&mut self) {
        *self = Outgoing::default();
    }

    /// What is to be written next, in order.
    pub(crate) fn slices(&self) -> impl Iterator<Item = IoSlice<'_>> {
        let begun = self.begun.iter().map(|(frame, written)| &frame[*written..]);
        let waiting = self.urgent.iter().chain(&self.media).map(|frame| &**frame);
        begun.chain(waiting).take(AT_ONCE).map(IoSlice::new)
    }

    /// That many bytes of `slices` have been written.
    pub(crate) fn wrote(&mut self, mut count: usize) {
        self.bytes -= count;
        while count > 0 {
            let next = || self.urgent.pop_front().or_else(|| self.media.pop_front()).map(|frame| (frame, 0));
            let Some((frame, written)) = self.begun.take().or_else(next) else { return };
            let now = count.min(frame.len() - written);
            count -= now;
            if written + now < frame.len() {
                self.begun = Some((frame, written + now));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECK: [u8; 20] = [1; 20];

    fn media(number: u8) -> Vec<u8> {
        let mut packet = vec![number; 1_000];
        packet[0] = 0x80;
        packet
    }

    /// Writes `step` bytes at a time, with `between` after each; returns the datagrams that came out.
    fn written(outgoing: &mut Outgoing, step: usize, mut between: impl FnMut(&mut Outgoing)) -> Vec<Vec<u8>> {
        let (mut reader, mut taken) = (tcp::Reader::default(), Vec::new());
        while !outgoing.is_empty() {
            let bytes: Vec<u8> = outgoing.slices().flat_map(|slice| slice.to_vec()).take(step).collect();
            reader.read(&bytes, |datagram| taken.push(datagram.to_vec())).unwrap();
            outgoing.wrote(bytes.len());
            between(outgoing);
        }
        taken
    }

    #[test]
    fn a_check_overtakes_media_but_not_the_frame_that_has_begun() {
        let mut outgoing = Outgoing::default();
        for number in 1..=3 {
            outgoing.push(&media(number));
        }
        let mut answer = Some(CHECK);
        let taken = written(&mut outgoing, 700, |outgoing| {
            if let Some(answer) = answer.take() {
                outgoing.push(&answer);
            }
        });
        assert_eq!(taken, [media(1), CHECK.to_vec(), media(2), media(3)]);
    }

    #[test]
    fn what_does_not_fit_is_lost_and_checks_still_pass() {
        let mut outgoing = Outgoing::default();
        for _ in 0..1_000 {
            outgoing.push(&media(1));
        }
        outgoing.push(&CHECK);
        assert!(outgoing.bytes <= MEDIA_BYTES + 22);
        for _ in 0..10_000 {
            outgoing.push(&CHECK);
        }
        assert!(outgoing.bytes <= MEDIA_BYTES + RESERVE_BYTES, "an end there is for them, too");
        let taken = written(&mut outgoing, 9_999, |_| {});
        assert_eq!(taken.iter().filter(|datagram| **datagram == media(1)).count(), MEDIA_BYTES / 1_002);
        assert_eq!(taken[0], CHECK);
    }
}
