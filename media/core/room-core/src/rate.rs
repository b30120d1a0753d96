//! The rate by delay (draft-ietf-rmcat-gcc-02 section 5.5): additive or multiplicative increase, multiplicative decrease.
//!
//! ```text
//!            normal              queues grow
//!   HOLD ───────────► INCREASE ──────────────► decrease ──► HOLD
//!     ▲                  │ queues empty                      ▲
//!     └──────────────────┴───────────────────────────────────┘
//! ```
//!
//! Near what the way carried when queues last grew the increase is additive, about a packet a round trip. A flow that
//! sends less than it might learns nothing of the way: its estimate grows to half as much again as arrives, and beyond
//! that by probes only.

use std::time::Duration;

use crate::time::Time;
use crate::trend::Usage;

pub(crate) const LEAST_BPS: f64 = 50_000.0;
pub(crate) const MOST_BPS: f64 = 30_000_000.0;
/// What is left of the arriving rate when queues grow.
const BETA: f64 = 0.85;
/// A second.
const GROWTH: f64 = 1.08;
const LEAST_GROWTH_BPS: f64 = 4_000.0;
/// Beyond what arrives.
const UNTRIED: f64 = 1.5;
const UNTRIED_BPS: f64 = 10_000.0;
const PACKET_BITS: f64 = 1_200.0 * 8.0;
const PICTURES_PER_SECOND: f64 = 30.0;
/// How long the way takes to answer, besides its round trip.
const RESPONSE: Duration = Duration::from_millis(100);
const LEAST_BETWEEN: Duration = Duration::from_millis(10);
const MOST_BETWEEN: Duration = Duration::from_millis(200);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Hold,
    Increase,
}

#[derive(Clone, Debug)]
pub(crate) struct Rate {
    bps: f64,
    phase: Phase,
    capacity: Capacity,
    changed: Time,
    reduced: Option<Time>,
}

impl Rate {
    #[must_use]
    pub(crate) fn starting(now: Time, bps: f64) -> Rate {
        Rate { bps, phase: Phase::Hold, capacity: Capacity::default(), changed: now, reduced: None }
    }

    #[must_use]
    pub(crate) fn bps(&self) -> f64 {
        self.bps
    }

    /// When queues last made it less.
    #[must_use]
    pub(crate) fn reduced(&self) -> Option<Time> {
        self.reduced
    }

    /// A probe has shown what the way carries.
    pub(crate) fn set(&mut self, now: Time, bps: f64) {
        self.bps = bps.clamp(LEAST_BPS, MOST_BPS);
        self.changed = now;
    }

    /// Follows the way, while `arriving_bps` arrive.
    pub(crate) fn update(
        &mut self,
        now: Time,
        usage: Usage,
        arriving_bps: Option<f64>,
        round_trip: Duration,
    ) {
        match usage {
            Usage::Over => {
                if self.may_reduce(now, arriving_bps, round_trip) {
                    self.reduce(now, arriving_bps);
                }
                return;
            }
            Usage::Under => self.phase = Phase::Hold,
            Usage::Normal => {
                // The time of holding is none of growing.
                if std::mem::replace(&mut self.phase, Phase::Increase) == Phase::Increase {
                    self.increase(now, arriving_bps, round_trip);
                }
            }
        }
        self.changed = now;
    }

    fn increase(&mut self, now: Time, arriving_bps: Option<f64>, round_trip: Duration) {
        let Some(arriving) = arriving_bps else { return };
        if self.capacity.is_exceeded_by(arriving) {
            self.capacity = Capacity::default();
        }
        let limit = UNTRIED * arriving + UNTRIED_BPS;
        let seconds = now.since(self.changed).as_secs_f64().min(1.0);
        let grown = match self.capacity.bps {
            Some(_) => self.bps + self.step_bps(round_trip) * seconds,
            None => (self.bps * GROWTH.powf(seconds)).max(self.bps + LEAST_GROWTH_BPS * seconds),
        };
        if limit > self.bps {
            self.bps = grown.min(limit).clamp(LEAST_BPS, MOST_BPS);
        }
    }

    /// About one packet in the time that the way takes to answer.
    fn step_bps(&self, round_trip: Duration) -> f64 {
        let picture = self.bps / PICTURES_PER_SECOND;
        let packet = picture / (picture / PACKET_BITS).ceil().max(1.0);
        (packet / (round_trip + RESPONSE).as_secs_f64()).max(LEAST_GROWTH_BPS)
    }

    fn may_reduce(&self, now: Time, arriving_bps: Option<f64>, round_trip: Duration) -> bool {
        let between = round_trip.clamp(LEAST_BETWEEN, MOST_BETWEEN);
        self.reduced.is_none_or(|at| now.since(at) >= between)
            || arriving_bps.is_some_and(|arriving| arriving < self.bps / 2.0)
    }

    fn reduce(&mut self, now: Time, arriving_bps: Option<f64>) {
        let arriving = arriving_bps.unwrap_or(self.bps);
        let mut reduced = arriving * BETA;
        if reduced > self.bps
            && let Some(capacity) = self.capacity.bps
        {
            reduced = capacity * BETA;
        }
        if self.capacity.is_far_above(arriving) {
            self.capacity = Capacity::default();
        }
        self.capacity.note(arriving);
        self.bps = reduced.min(self.bps).clamp(LEAST_BPS, MOST_BPS);
        self.phase = Phase::Hold;
        self.changed = now;
        self.reduced = Some(now);
    }

    /// Nobody tells anything while packets leave: the way may be blocked.
    pub(crate) fn silence(&mut self, now: Time) {
        self.set(now, self.bps * BETA);
        self.phase = Phase::Hold;
    }
}

/// What arrived when queues grew: mean and variance.
#[derive(Clone, Copy, Debug, Default)]
struct Capacity {
    bps: Option<f64>,
    /// Normalised by the mean, in kilobits a second, as browsers have it.
    variance: f64,
}

impl Capacity {
    const WEIGHT: f64 = 0.05;

    fn note(&mut self, arriving_bps: f64) {
        let mean = self.bps.map_or(arriving_bps, |bps| bps + Self::WEIGHT * (arriving_bps - bps));
        let error = (arriving_bps - mean) / 1_000.0;
        let relative = error * error / (mean / 1_000.0).max(1.0);
        let variance = (1.0 - Self::WEIGHT) * self.variance + Self::WEIGHT * relative;
        self.variance = variance.clamp(0.4, 2.5);
        self.bps = Some(mean);
    }

    fn deviation_bps(&self) -> f64 {
        (self.variance * self.bps.unwrap_or_default() / 1_000.0).sqrt() * 1_000.0
    }

    fn is_exceeded_by(&self, arriving_bps: f64) -> bool {
        self.bps.is_some_and(|bps| arriving_bps > bps + 3.0 * self.deviation_bps())
    }

    fn is_far_above(&self, arriving_bps: f64) -> bool {
        self.bps.is_some_and(|bps| arriving_bps < bps - 3.0 * self.deviation_bps())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND_TRIP: Duration = Duration::from_millis(50);

    fn at(ms: u64) -> Time {
        Time::from_nanos((1_000 + ms) * 1_000_000)
    }

    /// Feedback each 100 ms of a flow that sends what it may, up to `most_bps`, over a way of `capacity_bps`.
    fn run(rate: &mut Rate, from_ms: u64, seconds: u64, capacity_bps: f64, most_bps: f64) {
        for n in 0..seconds * 10 {
            let sent = rate.bps().min(most_bps);
            let usage = if sent > capacity_bps { Usage::Over } else { Usage::Normal };
            rate.update(at(from_ms + n * 100), usage, Some(sent.min(capacity_bps)), ROUND_TRIP);
        }
    }

    #[test]
    fn a_flow_that_sends_all_it_may_finds_the_capacity_and_stays_near_it() {
        let mut rate = Rate::starting(at(0), 300_000.0);
        run(&mut rate, 0, 60, 2_000_000.0, f64::MAX);
        for second in 60..120 {
            run(&mut rate, second * 1_000, 1, 2_000_000.0, f64::MAX);
            assert!((1_600_000.0..2_100_000.0).contains(&rate.bps()), "{}", rate.bps());
        }
    }

    #[test]
    fn near_the_capacity_it_grows_by_steps_and_far_from_it_by_a_share() {
        let mut rate = Rate::starting(at(0), 2_000_000.0);
        rate.update(at(0), Usage::Over, Some(2_000_000.0), ROUND_TRIP);
        assert_eq!(rate.bps(), 1_700_000.0);
        run(&mut rate, 100, 2, 2_000_000.0, f64::MAX);
        let near = rate.bps() - 1_700_000.0;
        assert!((60_000.0..150_000.0).contains(&near), "{near}");
        // Much more arrives than ever did before queues grew: the way has become another.
        rate.set(at(2_200), 3_000_000.0);
        run(&mut rate, 2_200, 2, f64::MAX, f64::MAX);
        let far = rate.bps() / 3_000_000.0;
        assert!((1.12..1.17).contains(&far), "{far}");
    }

    #[test]
    fn a_flow_that_sends_little_does_not_pretend_to_know_the_way() {
        let mut rate = Rate::starting(at(0), 300_000.0);
        run(&mut rate, 0, 60, f64::MAX, 400_000.0);
        assert_eq!(rate.bps(), 1.5 * 400_000.0 + 10_000.0);
        rate.set(at(61_000), 3_000_000.0);
        run(&mut rate, 61_000, 10, f64::MAX, 400_000.0);
        assert_eq!(rate.bps(), 3_000_000.0, "what a probe has shown stays");
    }

    #[test]
    fn a_way_that_breaks_down_is_followed_at_once_and_one_overuse_is_answered_once() {
        let mut rate = Rate::starting(at(0), 4_000_000.0);
        rate.update(at(0), Usage::Over, Some(3_000_000.0), ROUND_TRIP);
        assert_eq!(rate.bps(), 2_550_000.0);
        rate.update(at(20), Usage::Over, Some(2_500_000.0), ROUND_TRIP);
        assert_eq!(rate.bps(), 2_550_000.0, "within a round trip");
        rate.update(at(30), Usage::Over, Some(500_000.0), ROUND_TRIP);
        assert_eq!(rate.bps(), 425_000.0, "but for a breakdown");
        rate.update(at(500), Usage::Over, Some(0.0), ROUND_TRIP);
        assert_eq!(rate.bps(), LEAST_BPS);
    }
}
