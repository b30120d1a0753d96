//! A narrow way from the server to one client, in virtual time: for tests and fuzzing.
//!
//! One queue of bounded length before a link of some rate, as at most homes: what comes while it is full is lost.

use std::time::Duration;

use crate::time::Time;
use crate::world::scatter;

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
    pub seed: u64,
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
            seed,
            free: Time::default(),
            last: Time::default(),
            datagrams: 0,
            dropped: 0,
        }
    }

    /// When a datagram that is sent now arrives; `None` for never.
    pub fn carry(&mut self, now: Time, bytes: usize) -> Option<Time> {
        self.datagrams += 1;
        let begins = self.free.max(now);
        let unlucky = self.chance(1) * 100 < self.loss_percent * 256;
        if begins.since(now) > self.queue || unlucky {
            self.dropped += 1;
            return None;
        }
        let bits = (bytes as u64 + HEADERS) * 8;
        self.free = begins.plus(Duration::from_nanos(bits * 1_000_000_000 / self.bps.max(1)));
        let jitter = self.jitter * self.chance(2) as u32 / 256;
        self.last = self.last.max(self.free.plus(self.delay + jitter));
        Some(self.last)
    }

    fn chance(&self, of: u64) -> u64 {
        scatter(self.seed.wrapping_mul(0x1_0001).wrapping_add(self.datagrams * 3 + of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_carries_its_rate_and_loses_what_its_queue_cannot_hold() {
        let mut way = Way { jitter: Duration::ZERO, ..Way::new(1_000_000, 1) };
        let now = Time::from_nanos(1_000_000_000);
        let arrived: Vec<_> = (0..40).filter_map(|_| way.carry(now, 1_222)).collect();
        // A hundredth of a second each, and a quarter of a second may wait.
        assert_eq!(arrived.len(), 26);
        assert_eq!(arrived[25].since(now), Duration::from_millis(280));
        assert_eq!(way.dropped, 14);
    }
}
