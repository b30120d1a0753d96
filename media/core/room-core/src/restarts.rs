//! How often a viewer's slot may start its group of pictures again.
//!
//! The first requests are answered soon: a browser that was not ready drops the start and asks again.  Whoever keeps
//! asking waits twice as long each time, up to a second; a restart costs the viewer a burst and some smoothness.

use crate::time::Time;
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(300);
const LONGEST: Duration = Duration::from_secs(1);
/// After this long without a restart the next one is a first again.
const CALM: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Restarts {
    last: Option<Time>,
    streak: u32,
}

impl Restarts {
    pub(crate) fn may(&self, now: Time) -> bool {
        self.last.is_none_or(|at| now.since(at) >= self.wait())
    }

    pub(crate) fn note(&mut self, now: Time) {
        let again = self.last.is_some_and(|at| now.since(at) < CALM);
        self.streak = if again { self.streak + 1 } else { 0 };
        self.last = Some(now);
    }

    fn wait(&self) -> Duration {
        (FIRST * (1 << self.streak.min(4))).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restarts_within(from: Time, length: Duration, every: Duration, restarts: &mut Restarts) -> Vec<u128> {
        let mut granted = Vec::new();
        let mut now = from;
        while now.since(from) < length {
            if restarts.may(now) {
                restarts.note(now);
                granted.push(now.since(from).as_millis());
            }
            now = now.plus(every);
        }
        granted
    }

    #[test]
    fn the_first_request_is_answered_soon_and_a_flood_once_a_second() {
        let start = Time::default().plus(Duration::from_secs(5));
        let mut restarts = Restarts::default();
        let granted =
            restarts_within(start, Duration::from_millis(4_600), Duration::from_millis(10), &mut restarts);
        assert_eq!(granted, [0, 300, 900, 1900, 2900, 3900]);
    }

    #[test]
    fn after_a_calm_time_it_is_quick_again() {
        let start = Time::default();
        let mut restarts = Restarts::default();
        restarts_within(start, Duration::from_secs(5), Duration::from_millis(10), &mut restarts);
        let later = start.plus(Duration::from_secs(60));
        assert!(restarts.may(later));
        restarts.note(later);
        assert!(!restarts.may(later.plus(Duration::from_millis(299))));
        assert!(restarts.may(later.plus(Duration::from_millis(300))));
    }
}
