//! How much may leave for one viewer at a time: video in bursts that a home's router can hold. Sound is not counted and
//! never waits.

use std::time::Duration;

use crate::time::Time;

/// Packets that may leave for one viewer within `SPACING`.
pub(crate) const BURST: usize = 10;
pub(crate) const SPACING: Duration = Duration::from_millis(5);

/// When the last packets left, the oldest at `next`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    left: [Option<Time>; BURST],
    next: u8,
}

impl Pace {
    /// Whether one more may leave.
    #[must_use]
    pub(crate) fn may(&self, now: Time) -> bool {
        self.left[usize::from(self.next)].is_none_or(|at| now.since(at) >= SPACING)
    }

    /// One more left.
    pub(crate) fn left(&mut self, now: Time) {
        self.left[usize::from(self.next)] = Some(now);
        self.next = (self.next + 1) % BURST as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(us: u64) -> Time {
        Time::from_nanos(1_000_000_000 + us * 1_000)
    }

    #[test]
    fn no_more_than_ten_leave_within_five_milliseconds_wherever_these_begin() {
        let mut pace = Pace::default();
        let mut left = Vec::new();
        for us in 0..40_000 {
            // In gusts, as pictures come.
            if us % 7_000 < 3_000 && pace.may(at(us)) {
                pace.left(at(us));
                left.push(us);
            }
        }
        assert!(left.len() > 50);
        assert!(left.windows(11).all(|eleven| eleven[10] - eleven[0] >= 5_000));
    }
}
