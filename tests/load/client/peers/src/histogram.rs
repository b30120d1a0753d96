//! Counts of delays, exact to 3 %: 32 buckets for each doubling.

const LINEAR: u32 = 64;
const BUCKETS: usize = 27 * 32 + 32;

#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Vec<u32>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { counts: vec![0; BUCKETS], total: 0 }
    }
}

impl Histogram {
    pub fn add(&mut self, us: u32) {
        self.counts[bucket(us)] += 1;
        self.total += 1;
    }

    pub fn merge(&mut self, other: &Histogram) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
    }

    pub fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
    }

    /// The delay in milliseconds that a share `part` (0 to 1) of the packets did not exceed; `None` without any.
    pub fn quantile_ms(&self, part: f64) -> Option<f64> {
        let rank = ((self.total as f64 * part).ceil() as u64).max(1);
        let mut seen = 0;
        for (i, &count) in self.counts.iter().enumerate() {
            seen += u64::from(count);
            if seen >= rank {
                return Some(middle_us(i) / 1_000.0);
            }
        }
        None
    }
}

fn bucket(us: u32) -> usize {
    if us < LINEAR {
        return us as usize;
    }
    let shift = 31 - us.leading_zeros() - 5;
    (shift * 32 + (us >> shift)) as usize
}

fn middle_us(bucket: usize) -> f64 {
    if bucket < LINEAR as usize {
        return bucket as f64;
    }
    let shift = bucket / 32 - 1;
    let low = ((bucket % 32 + 32) << shift) as f64;
    low + f64::from(1u32 << shift) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_within_three_percent() {
        let mut histogram = Histogram::default();
        (1..=100_000).for_each(|us| histogram.add(us));
        for (part, ms) in [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0), (0.001, 0.1)] {
            let found = histogram.quantile_ms(part).unwrap();
            assert!((found / ms - 1.0f64).abs() < 0.03, "{part}: {found} for {ms}");
        }
    }

    #[test]
    fn every_delay_has_a_bucket() {
        let mut histogram = Histogram::default();
        [0, 63, 64, 65, 127, 128, u32::MAX].into_iter().for_each(|us| histogram.add(us));
        assert_eq!(histogram.total, 7);
        assert!(bucket(63) < bucket(64) && bucket(127) < bucket(128));
    }

    #[test]
    fn merging_adds_and_nothing_has_no_quantile() {
        let (mut one, mut two) = (Histogram::default(), Histogram::default());
        assert_eq!(one.quantile_ms(0.5), None);
        two.add(5);
        one.merge(&two);
        assert_eq!(one.quantile_ms(0.5), Some(0.005));
    }
}
