//! The rate by loss (draft-ietf-rmcat-gcc-02 section 6): less when more than a tenth is lost, more below a fiftieth.

use std::time::Duration;

use crate::rate::LEAST_BPS;
use crate::time::Time;

const EVERY: Duration = Duration::from_millis(500);
/// Fewer packets tell nothing.
const FEWEST: u32 = 20;
const MUCH: f64 = 0.10;
const LITTLE: f64 = 0.02;
const GROWTH: f64 = 1.05;
/// A limit so much above the rate by delay is none.
const NO_LIMIT: f64 = 2.0;

/// Loss as told by transport-wide feedback.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Loss {
    limit_bps: Option<f64>,
    since: Time,
    told: u32,
    missing: u32,
    /// Of the half second before.
    share: f64,
}

impl Loss {
    pub(crate) fn arrived(&mut self) {
        self.told += 1;
    }

    pub(crate) fn missing(&mut self) {
        self.told += 1;
        self.missing += 1;
    }

    /// A packet that was told to be missing came after all.
    pub(crate) fn late(&mut self) {
        self.missing = self.missing.saturating_sub(1);
    }

    /// `None` while loss is no reason for a limit.
    #[must_use]
    pub(crate) fn limit_bps(&self) -> Option<f64> {
        self.limit_bps
    }

    /// Follows the loss of the last half second, where `delay_bps` is the rate by delay.
    pub(crate) fn update(&mut self, now: Time, delay_bps: f64) {
        if now.since(self.since) < EVERY || self.told < FEWEST {
            return;
        }
        let share = f64::from(self.missing) / f64::from(self.told);
        let rate = self.limit_bps.unwrap_or(delay_bps).min(delay_bps);
        if share > MUCH {
            self.limit_bps = Some((rate * (1.0 - 0.5 * share)).max(LEAST_BPS));
        } else if share < LITTLE {
            let grown = self.limit_bps.map(|limit| limit * GROWTH);
            self.limit_bps = grown.filter(|limit| *limit < NO_LIMIT * delay_bps);
        }
        *self = Loss { limit_bps: self.limit_bps, since: now, share, ..Loss::default() };
    }

    /// A probe got through. That most of it did says little where much is lost all the time.
    pub(crate) fn raise(&mut self, bps: f64) {
        if self.share <= MUCH {
            self.limit_bps = self.limit_bps.map(|limit| limit.max(bps));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_nanos((1_000 + ms) * 1_000_000)
    }

    fn half_seconds(loss: &mut Loss, from: u64, count: u64, percent: u32) -> Option<f64> {
        for n in from..from + count {
            (0..100).for_each(|packet| if packet < percent { loss.missing() } else { loss.arrived() });
            loss.update(at(n * 500), 2_000_000.0);
        }
        loss.limit_bps()
    }

    #[test]
    fn a_tenth_makes_less_a_fiftieth_more_and_between_them_nothing() {
        let mut loss = Loss::default();
        assert_eq!(half_seconds(&mut loss, 0, 5, 1), None);
        assert_eq!(half_seconds(&mut loss, 5, 1, 20), Some(1_800_000.0));
        assert_eq!(half_seconds(&mut loss, 6, 1, 40), Some(1_440_000.0));
        loss.raise(3_000_000.0);
        assert_eq!(loss.limit_bps(), Some(1_440_000.0));
        assert_eq!(half_seconds(&mut loss, 7, 9, 5), Some(1_440_000.0));
        let grown = half_seconds(&mut loss, 16, 2, 0).unwrap();
        assert!((grown - 1_440_000.0 * 1.05 * 1.05).abs() < 1.0);
        loss.raise(1_800_000.0);
        assert_eq!(loss.limit_bps(), Some(1_800_000.0));
        assert_eq!(half_seconds(&mut loss, 18, 30, 0), None, "in the end it is no limit");
    }

    #[test]
    fn what_comes_late_was_not_lost_and_a_few_packets_tell_nothing() {
        let mut loss = Loss::default();
        for _ in 0..30 {
            loss.missing();
        }
        for _ in 0..30 {
            loss.late();
        }
        loss.update(at(500), 2_000_000.0);
        assert_eq!(loss.limit_bps(), None);
        for _ in 0..10 {
            loss.missing();
        }
        loss.update(at(1_000), 2_000_000.0);
        assert_eq!(loss.limit_bps(), None);
    }

    #[test]
    fn all_lost_again_and_again_leaves_the_least() {
        assert_eq!(half_seconds(&mut Loss::default(), 0, 60, 100), Some(LEAST_BPS));
    }
}
