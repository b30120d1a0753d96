//! How fast something flows.

use std::time::Duration;

use crate::time::Time;

const WINDOW: Duration = Duration::from_secs(1);
/// A window that became this long had a pause in it, and tells nothing.
const PAUSE: Duration = Duration::from_secs(3);

/// Bits a second, measured over windows of a second and smoothed over two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meter {
    since: Option<Time>,
    bytes: u64,
    bps: Option<u64>,
}

impl Meter {
    pub fn add(&mut self, now: Time, bytes: usize) {
        let since = *self.since.get_or_insert(now);
        let elapsed = now.since(since);
        if elapsed >= WINDOW {
            if elapsed < PAUSE {
                let measured = (self.bytes * 8 * 1_000) / elapsed.as_millis() as u64;
                self.bps = Some(self.bps.map_or(measured, |before| (before + measured) / 2));
            }
            self.since = Some(now);
            self.bytes = 0;
        }
        self.bytes += bytes as u64;
    }

    /// `None` before the first window is over.
    #[must_use]
    pub fn bps(&self) -> Option<u64> {
        self.bps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_flow_is_measured_and_a_pause_is_not() {
        let mut meter = Meter::default();
        let mut now = Time::from_nanos(1);
        for _ in 0..300 {
            meter.add(now, 125);
            now = now.plus(Duration::from_millis(10));
        }
        assert_eq!(meter.bps(), Some(100_000));
        meter.add(now.plus(Duration::from_secs(60)), 125);
        assert_eq!(meter.bps(), Some(100_000));
    }
}
