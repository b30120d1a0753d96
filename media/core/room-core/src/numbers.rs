//! How one encoding's sequence numbers become a slot's, when some packets are left out on purpose.
//!
//! Invariant: what is left out leaves no gap; a number once told stands for the same packet for good, so that a
//! late packet keeps the offset of its time.

use std::collections::VecDeque;

/// Changes of the offset that are remembered: a viewer asks for packets of the last seconds only.
const REMEMBERED: usize = 96;

/// From `origin` on, packet `origin + n` is called `out + n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    origin: u64,
    out: u64,
    /// Pictures that were left out before.
    pictures: u16,
}

#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    latest: Segment,
    earlier: VecDeque<Segment>,
    /// One past the newest packet that was told or left out.
    next: u64,
}

/// A packet's number towards the viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    pub(crate) sequence: u64,
    /// How many pictures before it were left out.
    pub(crate) pictures: u16,
}

impl Numbers {
    /// Packet `origin` is called `out`.
    pub(crate) fn starting(origin: u64, out: u64) -> Numbers {
        let latest = Segment { origin, out, pictures: 0 };
        Numbers { latest, earlier: VecDeque::new(), next: origin }
    }

    /// Nothing newer was seen.
    pub(crate) fn is_newest(&self, origin: u64) -> bool {
        origin >= self.next
    }

    pub(crate) fn saw(&mut self, origin: u64) {
        self.next = self.next.max(origin + 1);
    }

    /// `None` for what came before the start or was left out.
    pub(crate) fn number(&self, origin: u64) -> Option<Number> {
        let mut end = u64::MAX;
        for segment in self.segments() {
            if origin >= segment.origin {
                let sequence = segment.out + (origin - segment.origin);
                return (sequence < end).then_some(Number { sequence, pictures: segment.pictures });
            }
            end = segment.out;
        }
        None
    }

    /// Which packet is called `sequence`; `None` before the start.
    pub(crate) fn origin(&self, sequence: u64) -> Option<u64> {
        let segment = self.segments().find(|segment| sequence >= segment.out)?;
        Some(segment.origin + (sequence - segment.out))
    }

    /// Leaves the newest packet out; with the first of a picture the picture.
    pub(crate) fn leave_out(&mut self, origin: u64, begins_picture: bool) {
        let Some(number) = self.number(origin).filter(|_| self.is_newest(origin)) else { return };
        let pictures = number.pictures.wrapping_add(u16::from(begins_picture));
        if self.latest.origin < origin {
            self.earlier.push_front(self.latest);
            self.earlier.truncate(REMEMBERED);
        }
        self.latest = Segment { origin: origin + 1, out: number.sequence, pictures };
        self.next = origin + 1;
    }

    /// The newest first.
    fn segments(&self) -> impl Iterator<Item = &Segment> {
        std::iter::once(&self.latest).chain(&self.earlier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(numbers: &mut Numbers, origin: u64) -> Option<(u64, u16)> {
        let number = numbers.number(origin)?;
        numbers.saw(origin);
        Some((number.sequence, number.pictures))
    }

    #[test]
    fn what_is_left_out_leaves_no_gap_and_can_be_looked_up_backwards() {
        let mut numbers = Numbers::starting(100, 7);
        assert_eq!(told(&mut numbers, 100), Some((7, 0)));
        numbers.leave_out(101, true);
        numbers.leave_out(102, false);
        assert_eq!(told(&mut numbers, 103), Some((8, 1)));
        numbers.leave_out(104, true);
        assert_eq!(told(&mut numbers, 105), Some((9, 2)));
        for (sequence, origin) in [(7, 100), (8, 103), (9, 105)] {
            assert_eq!(numbers.origin(sequence), Some(origin));
        }
        assert_eq!((numbers.number(101), numbers.number(99), numbers.origin(6)), (None, None, None));
    }

    #[test]
    fn a_late_packet_keeps_the_offset_of_its_time() {
        let mut numbers = Numbers::starting(1, 1);
        told(&mut numbers, 1);
        // 2 is late, 3 is left out.
        numbers.leave_out(3, true);
        assert_eq!(told(&mut numbers, 4), Some((3, 1)));
        assert_eq!(told(&mut numbers, 2), Some((2, 0)));
        assert!(!numbers.is_newest(4) && numbers.is_newest(5));
    }

    #[test]
    fn only_the_newest_packet_can_be_left_out() {
        let mut numbers = Numbers::starting(1, 1);
        told(&mut numbers, 5);
        numbers.leave_out(3, true);
        assert_eq!(told(&mut numbers, 6), Some((6, 0)));
    }

    #[test]
    fn what_is_long_past_is_forgotten() {
        let mut numbers = Numbers::starting(0, 0);
        for origin in 0..10_000 {
            match origin % 2 {
                0 => assert!(told(&mut numbers, origin).is_some()),
                _ => numbers.leave_out(origin, true),
            }
        }
        assert_eq!(numbers.earlier.len(), REMEMBERED);
        assert_eq!(told(&mut numbers, 10_000), Some((5_000, 5_000)));
        assert_eq!(numbers.origin(5_000), Some(10_000));
        assert_eq!(numbers.origin(4_999), Some(9_998));
    }
}
