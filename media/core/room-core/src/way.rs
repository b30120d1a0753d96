//! One way between the server and a client, in virtual time: for tests and fuzzing.
//!
//! One queue of bounded length before a link of some rate, as at most homes: what comes while it is full is lost. Behind
//! it a network that loses, one by one or many in a row, delays, lets some overtake others, and brings some twice.

use std::time::Duration;

use crate::time::Time;

/// What addresses and lengths add to a datagram.
const HEADERS: u64 = 28;

#[derive(Clone, Copy, Debug)]
pub struct Way {
    pub bps: u64,
    /// How long what waits may take to leave.
    pub queue: Duration,
    pub delay: Duration,
    /// At most so much more delay, by chance; the order is kept.
    pub jitter: Duration,
    /// Lost by chance.
    pub loss_percent: u64,
    /// So many are lost in a row, on average, when some are lost.
    pub losses_in_a_row: u64,
    /// Overtaken by what follows them within `overtaking`.
    pub overtaken_percent: u64,
    pub overtaking: Duration,
    /// Arrive a second time, within a hundredth of a second.
    pub twice_percent: u64,
    pub seed: u64,
    losing: bool,
    free: Time,
    last: Time,
    datagrams: u64,
    pub dropped: u64,
}

impl Way {
    #[must_use]
    pub fn new(bps: u64, seed: u64) -> Way {
        Way {
            bps,
            queue: Duration::from_millis(250),
            delay: Duration::from_millis(20),
            jitter: Duration::from_millis(2),
            loss_percent: 0,
            losses_in_a_row: 1,
            overtaken_percent: 0,
            overtaking: Duration::from_millis(8),
            twice_percent: 0,
            seed,
            losing: false,
            free: Time::default(),
            last: Time::default(),
            datagrams: 0,
            dropped: 0,
        }
    }

    /// When a datagram that is sent now arrives: never, once, or twice.
    pub fn carry(&mut self, now: Time, bytes: usize) -> impl Iterator<Item = Time> + use<> {
        let arrives = self.arrives(now, bytes).map(|at| {
            let overtaken = self.percent(5) < self.overtaken_percent;
            if overtaken { at.plus(self.overtaking * self.chance(6) as u32 / 256) } else { at }
        });
        let again = arrives.filter(|_| self.percent(7) < self.twice_percent);
        let again = again.map(|at| at.plus(Duration::from_millis(10) * self.chance(8) as u32 / 256));
        arrives.into_iter().chain(again)
    }

    fn arrives(&mut self, now: Time, bytes: usize) -> Option<Time> {
        self.datagrams += 1;
        let begins = self.free.max(now);
        if self.is_unlucky() || begins.since(now) > self.queue {
            self.dropped += 1;
            return None;
        }
        let bits = (bytes as u64 + HEADERS) * 8;
        self.free = begins.plus(Duration::from_nanos(bits * 1_000_000_000 / self.bps.max(1)));
        let jitter = self.jitter * self.chance(2) as u32 / 256;
        self.last = self.last.max(self.free.plus(self.delay + jitter));
        Some(self.last)
    }

    /// Losses in a row come as in the model of Gilbert: a way that loses goes on losing for a while.
    fn is_unlucky(&mut self) -> bool {
        if self.losses_in_a_row <= 1 {
            return self.chance(1) * 100 < self.loss_percent * 256;
        }
        let (loss, luck) = (self.loss_percent, 100 - self.loss_percent);
        let changes = if self.losing { 65_536 } else { 65_536 * loss / luck } / self.losses_in_a_row;
        self.losing ^= self.chance(3) << 8 | self.chance(4) < changes;
        self.losing
    }

    fn percent(&self, of: u64) -> u64 {
        self.chance(of) * 100 / 256
    }

    fn chance(&self, of: u64) -> u64 {
        // Dice of their own, so that what is added leaves the others as they were.
        let die = (of / 3) << 48;
        scatter(self.seed.wrapping_mul(0x1_0001).wrapping_add(self.datagrams * 3 + of).wrapping_add(die))
    }
}

/// Takes out of a queue what arrives by now, in order.
pub(crate) fn due<W>(queue: &mut Vec<(Time, W, Vec<u8>)>, now: Time) -> Vec<(Time, W, Vec<u8>)> {
    let (mut due, rest): (Vec<_>, Vec<_>) =
        std::mem::take(queue).into_iter().partition(|(at, ..)| *at <= now);
    *queue = rest;
    due.sort_by_key(|(at, ..)| *at);
    due
}

/// A number below 256 that looks like chance and is the same every time.
#[must_use]
pub fn scatter(n: u64) -> u64 {
    let mut mixed = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ mixed >> 31) & 0xff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_carries_its_rate_and_loses_what_its_queue_cannot_hold() {
        let mut way = Way { jitter: Duration::ZERO, ..Way::new(1_000_000, 1) };
        let now = Time::from_nanos(1_000_000_000);
        let arrived: Vec<_> = (0..40).flat_map(|_| way.carry(now, 1_222)).collect();
        // A hundredth of a second each, and a quarter of a second may wait.
        assert_eq!(arrived.len(), 26);
        assert_eq!(arrived[25].since(now), Duration::from_millis(280));
        assert_eq!(way.dropped, 14);
    }

    /// Which of many datagrams came, a millisecond apart, and when.
    fn many(way: &mut Way) -> Vec<(u64, Time)> {
        let sent = |n: u64| Time::from_nanos(1_000_000_000 + n * 1_000_000);
        (0..40_000).flat_map(|n| way.carry(sent(n), 100).map(move |at| (n, at))).collect()
    }

    #[test]
    fn a_way_loses_its_share_one_by_one_or_many_in_a_row() {
        for (loss_percent, losses_in_a_row) in [(5, 1), (30, 1), (5, 8), (20, 4)] {
            let mut way = Way::new(100_000_000, 9);
            (way.loss_percent, way.losses_in_a_row) = (loss_percent, losses_in_a_row);
            let came: Vec<u64> = many(&mut way).into_iter().map(|(n, _)| n).collect();
            let lost = 40_000 - came.len() as u64;
            let holes = came.windows(2).filter(|two| two[1] > two[0] + 1).count() as u64;
            let percent = lost as f64 / 400.0;
            assert!((percent - loss_percent as f64).abs() < 1.0, "{percent} of {loss_percent} %");
            // One by one, the next may be lost by chance.
            let alone = 100.0 / (100.0 - loss_percent as f64);
            let expected = if losses_in_a_row == 1 { alone } else { losses_in_a_row as f64 };
            let in_a_row = lost as f64 / holes as f64;
            assert!((in_a_row / expected - 1.0).abs() < 0.15, "{in_a_row} in a row, not {expected}");
        }
    }

    #[test]
    fn some_are_overtaken_and_some_come_twice() {
        let mut way = Way::new(100_000_000, 9);
        (way.overtaken_percent, way.twice_percent, way.jitter) = (5, 5, Duration::ZERO);
        let mut came = many(&mut way);
        assert!((41_500..42_500).contains(&came.len()), "{}", came.len());
        came.sort_by_key(|(_, at)| *at);
        let mut seen = std::collections::BTreeSet::new();
        let first: Vec<u64> = came.iter().map(|(n, _)| *n).filter(|n| seen.insert(*n)).collect();
        let overtaken = first.windows(2).filter(|two| two[1] < two[0]).count();
        assert!((1_200..2_100).contains(&overtaken), "{overtaken}");
    }
}
