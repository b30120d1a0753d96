//! Whether queues on the way grow (draft-ietf-rmcat-gcc-02 sections 5.3 and 5.4).
//!
//! The draft filters the delay's gradient by Kalman; browsers have long since taken the slope of a line through the last
//! delays instead, which reacts the same and has fewer constants, and so do we. The threshold adapts as in section 5.4,
//! so that a flow that fills queues by itself does not starve this one.

use crate::groups::Spacing;

const WINDOW: usize = 20;
/// How much of the delay before stays in the smoothed one.
const SMOOTHING: f64 = 0.9;
const GAIN: f64 = 4.0;
/// Groups beyond which a slope is not trusted more.
const MOST_TRUSTED: u64 = 60;
/// Milliseconds for which queues must grow.
const OVERUSE_MS: f64 = 10.0;
const FIRST_THRESHOLD: f64 = 12.5;
const LEAST_THRESHOLD: f64 = 6.0;
const LARGEST_THRESHOLD: f64 = 600.0;
/// How fast the threshold follows, up and down, a millisecond.
const UP: f64 = 0.008_7;
const DOWN: f64 = 0.039;
/// What is further beyond the threshold is an event, not the way's usual.
const OUTLIER: f64 = 15.0;
const LONGEST_STEP_MS: f64 = 100.0;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Usage {
    #[default]
    Normal,
    /// Queues grow.
    Over,
    /// Queues empty.
    Under,
}

#[derive(Clone, Debug)]
pub(crate) struct Trend {
    groups: u64,
    /// When each of the last groups arrived, and its smoothed delay, in milliseconds since the first.
    points: [(f32, f32); WINDOW],
    arrived_ms: f64,
    delay_ms: f64,
    smoothed_ms: f64,
    slope_before: f64,
    threshold: f64,
    over_ms: Option<f64>,
    over_groups: u32,
    usage: Usage,
}

impl Default for Trend {
    fn default() -> Trend {
        Trend {
            groups: 0,
            points: [(0.0, 0.0); WINDOW],
            arrived_ms: 0.0,
            delay_ms: 0.0,
            smoothed_ms: 0.0,
            slope_before: 0.0,
            threshold: FIRST_THRESHOLD,
            over_ms: None,
            over_groups: 0,
            usage: Usage::Normal,
        }
    }
}

impl Trend {
    #[must_use]
    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    /// Takes the spacing of two groups.
    pub(crate) fn update(&mut self, spacing: Spacing) {
        let left_ms = spacing.left_us as f64 / 1_000.0;
        let arrived_ms = spacing.arrived_us as f64 / 1_000.0;
        self.arrived_ms += arrived_ms;
        self.delay_ms += arrived_ms - left_ms;
        self.smoothed_ms = SMOOTHING * self.smoothed_ms + (1.0 - SMOOTHING) * self.delay_ms;
        self.points[self.groups as usize % WINDOW] = (self.arrived_ms as f32, self.smoothed_ms as f32);
        self.groups += 1;
        let slope = if self.groups as usize >= WINDOW { self.slope() } else { self.slope_before };
        self.detect(slope, left_ms);
        self.adapt(slope, arrived_ms);
        self.rebase();
    }

    /// Of the line of least squares, in milliseconds of delay a millisecond.
    fn slope(&self) -> f64 {
        let points = || self.points.iter().map(|(x, y)| (f64::from(*x), f64::from(*y)));
        let count = WINDOW as f64;
        let (sum_x, sum_y) = points().fold((0.0, 0.0), |sum, (x, y)| (sum.0 + x, sum.1 + y));
        let (mean_x, mean_y) = (sum_x / count, sum_y / count);
        let (above, below) = points().fold((0.0, 0.0), |sum, (x, y)| {
            (sum.0 + (x - mean_x) * (y - mean_y), sum.1 + (x - mean_x).powi(2))
        });
        if below > 0.0 { above / below } else { self.slope_before }
    }

    fn detect(&mut self, slope: f64, left_ms: f64) {
        let trend = self.weighted(slope);
        if trend > self.threshold {
            self.over_ms = Some(self.over_ms.map_or(left_ms / 2.0, |ms| ms + left_ms));
            self.over_groups += 1;
            let lasts = self.over_ms.is_some_and(|ms| ms > OVERUSE_MS) && self.over_groups > 1;
            if lasts && slope >= self.slope_before {
                (self.over_ms, self.over_groups) = (None, 0);
                self.usage = Usage::Over;
            }
        } else {
            (self.over_ms, self.over_groups) = (None, 0);
            self.usage = if trend < -self.threshold { Usage::Under } else { Usage::Normal };
        }
        self.slope_before = slope;
    }

    fn adapt(&mut self, slope: f64, arrived_ms: f64) {
        let trend = self.weighted(slope).abs();
        if trend > self.threshold + OUTLIER {
            return;
        }
        let speed = if trend < self.threshold { DOWN } else { UP };
        self.threshold += speed * (trend - self.threshold) * arrived_ms.min(LONGEST_STEP_MS);
        self.threshold = self.threshold.clamp(LEAST_THRESHOLD, LARGEST_THRESHOLD);
    }

    fn weighted(&self, slope: f64) -> f64 {
        self.groups.min(MOST_TRUSTED) as f64 * slope * GAIN
    }

    /// Single precision counts a few hours in milliseconds well: begin anew now and then.
    fn rebase(&mut self) {
        const HOUR_MS: f64 = 3_600_000.0;
        if self.arrived_ms > HOUR_MS {
            for point in &mut self.points {
                point.0 -= self.arrived_ms as f32;
            }
            self.arrived_ms = 0.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups each 20 ms, each this much later than the one before. Returns where the first overuse was seen.
    fn first_overuse(trend: &mut Trend, growth_us: impl Fn(i64) -> i64, groups: i64) -> Option<i64> {
        (0..groups).find(|n| {
            trend.update(Spacing { left_us: 20_000, arrived_us: 20_000 + growth_us(*n) });
            trend.usage() == Usage::Over
        })
    }

    fn noise(n: i64) -> i64 {
        i64::from(crate::world::scatter(n as u64) as i32 - 128) * 16
    }

    #[test]
    fn jitter_of_two_milliseconds_is_no_overuse() {
        let spread = |n| noise(n + 1) - noise(n);
        assert_eq!(first_overuse(&mut Trend::default(), spread, 5_000), None);
    }

    #[test]
    fn a_queue_that_grows_by_a_tenth_is_seen_within_half_a_second_and_an_end_of_it_too() {
        let mut trend = Trend::default();
        assert_eq!(first_overuse(&mut trend, |n| noise(n + 1) - noise(n), 200), None);
        let seen = first_overuse(&mut trend, |_| 2_000, 100);
        assert!(seen.is_some_and(|groups| groups < 25), "{seen:?}");
        for _ in 0..60 {
            trend.update(Spacing { left_us: 20_000, arrived_us: 15_000 });
        }
        assert_eq!(trend.usage(), Usage::Under);
        for _ in 0..60 {
            trend.update(Spacing { left_us: 20_000, arrived_us: 20_000 });
        }
        assert_eq!(trend.usage(), Usage::Normal);
    }

    #[test]
    fn a_way_that_sways_gets_a_higher_threshold_and_a_calm_one_the_least() {
        // Delay that rises and falls by 60 ms, as beside a flow that fills queues.
        let sway = |n: i64| if n / 60 % 2 == 0 { 1_000 } else { -1_000 };
        let mut trend = Trend::default();
        let mut highest: f64 = 0.0;
        for n in 0..500 {
            trend.update(Spacing { left_us: 20_000, arrived_us: 20_000 + sway(n) });
            highest = if n < 100 { 0.0 } else { highest.max(trend.threshold) };
        }
        assert!(highest > 1.2 * LEAST_THRESHOLD, "{highest}");
        for _ in 0..500 {
            trend.update(Spacing { left_us: 20_000, arrived_us: 20_000 });
        }
        assert_eq!(trend.threshold, LEAST_THRESHOLD);
    }

    #[test]
    fn an_hour_changes_nothing() {
        let mut trend = Trend::default();
        assert_eq!(first_overuse(&mut trend, |n| noise(n + 1) - noise(n), 400_000), None);
        assert!(first_overuse(&mut trend, |_| 2_000, 100).is_some());
    }
}
