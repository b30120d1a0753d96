//! What left for one viewer and when, until the viewer tells how it arrived: numbers on the transport
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 2).
//!
//! Packets are written into the arena a slice at a time and leave together a moment later. A packet keeps the number of
//! its slice; when that left is known once for the whole shard.
//!
//! Invariant: a viewer costs eight bytes a packet that is under way, and never more than `REMEMBERED` of them.

use std::collections::VecDeque;
use std::time::Duration;

use crate::replay::extend;
use crate::time::Time;

const REMEMBERED: usize = 1_024;
/// Packets that may still be told to have come late, after others that left later were told of.
const OVERTAKEN: u64 = 64;
/// Feedback on slices that left longer ago is worth nothing.
const LASTS: Duration = Duration::from_secs(3);
const SLICES: usize = 32_768;

/// When the last slices of a shard left.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slices {
    /// The number of the slice that is being written; wraps.
    current: u32,
    times: VecDeque<Time>,
}

impl Slices {
    #[must_use]
    pub(crate) fn current(&self) -> u32 {
        self.current
    }

    /// The slice that was being written has left.
    pub(crate) fn left(&mut self, now: Time) {
        self.current = self.current.wrapping_add(1);
        self.times.push_back(now);
        while self.times.len() > SLICES || self.times.front().is_some_and(|at| now.since(*at) > LASTS) {
            self.times.pop_front();
        }
    }

    /// When a slice left; `None` for one that has not, or too long ago.
    #[must_use]
    pub(crate) fn time(&self, slice: u32) -> Option<Time> {
        let age = self.current.wrapping_sub(slice) as usize;
        self.times.get(self.times.len().checked_sub(age).filter(|_| age > 0)?).copied()
    }
}

/// One packet that left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Departure {
    pub(crate) slice: u32,
    pub(crate) bytes: u16,
    /// The probe that it was part of, zero for none.
    pub(crate) cluster: u8,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Unknown,
    Missing,
    Arrived,
}

/// What feedback changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Arrived(Departure),
    /// It was told to be missing before.
    Late(Departure),
    Missing(Departure),
}

#[derive(Clone, Debug)]
pub(crate) struct Departures {
    /// The number of the oldest that is remembered, with its rollover counter.
    first: u64,
    packets: VecDeque<Departure>,
}

impl Default for Departures {
    fn default() -> Departures {
        // Room below, for feedback with numbers that were never given.
        Departures { first: 0x1_0001, packets: VecDeque::new() }
    }
}

impl Departures {
    /// The number of the packet that leaves next.
    #[must_use]
    pub(crate) fn next(&self) -> u16 {
        (self.first + self.packets.len() as u64) as u16
    }

    /// It leaves, with this slice.
    pub(crate) fn leave(&mut self, slice: u32, bytes: usize, cluster: u8) {
        let bytes = u16::try_from(bytes).unwrap_or(u16::MAX);
        self.packets.push_back(Departure { slice, bytes, cluster, fate: Fate::Unknown });
        if self.packets.len() > REMEMBERED {
            self.packets.pop_front();
            self.first += 1;
        }
    }

    /// The viewer tells of a packet; `None` when that is nothing new, or it was never sent.
    pub(crate) fn told(&mut self, number: u16, arrived: bool) -> Option<News> {
        let number = extend(self.first + self.packets.len() as u64, number);
        let departure = self.packets.get_mut(number.checked_sub(self.first)? as usize)?;
        let before = departure.fate;
        departure.fate = match (before, arrived) {
            (Fate::Unknown, false) => Fate::Missing,
            (Fate::Unknown | Fate::Missing, true) => Fate::Arrived,
            _ => return None,
        };
        Some(match (before, arrived) {
            (_, false) => News::Missing(*departure),
            (Fate::Missing, true) => News::Late(*departure),
            _ => News::Arrived(*departure),
        })
    }

    /// Forgets what was told of, up to `number`, but for what may only have been overtaken.
    pub(crate) fn settle(&mut self, number: u16) {
        let end = extend(self.first + self.packets.len() as u64, number).saturating_sub(OVERTAKEN);
        while self.first < end && self.packets.pop_front().is_some() {
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_nanos((1_000 + ms) * 1_000_000)
    }

    #[test]
    fn a_slice_has_the_time_at_which_it_left_for_as_long_as_that_matters() {
        let mut slices = Slices::default();
        let first = slices.current();
        assert_eq!(slices.time(first), None, "it is being written");
        slices.left(at(3));
        let second = slices.current();
        slices.left(at(5));
        assert_eq!([first, second].map(|slice| slices.time(slice)), [Some(at(3)), Some(at(5))]);
        assert_eq!(slices.time(second + 1), None);
        slices.left(at(3_004));
        assert_eq!([first, second].map(|slice| slices.time(slice)), [None, Some(at(5))]);
    }

    #[test]
    fn each_packet_is_told_of_once_and_one_that_was_missing_may_come_late() {
        let mut departures = Departures::default();
        let numbers: Vec<u16> = (0..3)
            .map(|n| {
                let number = departures.next();
                departures.leave(n, 100, 0);
                number
            })
            .collect();
        assert!(matches!(departures.told(numbers[0], true), Some(News::Arrived(one)) if one.slice == 0));
        assert_eq!(departures.told(numbers[0], true), None);
        assert_eq!(departures.told(numbers[0], false), None, "what arrived is not lost any more");
        assert!(matches!(departures.told(numbers[1], false), Some(News::Missing(_))));
        assert_eq!(departures.told(numbers[1], false), None);
        assert!(matches!(departures.told(numbers[1], true), Some(News::Late(_))));
        assert_eq!(departures.told(numbers[2].wrapping_add(1), true), None, "it was never sent");
    }

    #[test]
    fn numbers_go_on_across_the_rollover_and_memory_is_bounded() {
        let mut departures = Departures::default();
        let mut before = departures.next();
        for n in 0..200_000_u32 {
            assert_eq!(departures.next(), before);
            before = before.wrapping_add(1);
            departures.leave(n, 1_200, 0);
            if n % 50 == 49 {
                let newest = departures.next().wrapping_sub(1);
                assert!(matches!(departures.told(newest, true), Some(News::Arrived(one)) if one.slice == n));
                departures.settle(newest);
                assert!(departures.packets.len() <= OVERTAKEN as usize + 1);
            }
        }
        for n in 0..5_000 {
            departures.leave(n, 1_200, 0);
        }
        assert_eq!(departures.packets.len(), REMEMBERED);
        assert_eq!(size_of::<Departure>(), 8);
        let unknown = departures.next().wrapping_add(3_000);
        departures.settle(unknown);
        assert!(departures.next() != 0, "whatever is told");
    }
}
