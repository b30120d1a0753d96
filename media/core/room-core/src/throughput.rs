//! How much arrives at the viewer, by the viewer's clock: the rate that draft-ietf-rmcat-gcc-02 section 5.5 calls R_hat.

const BUCKET_US: i64 = 64_000;
const BUCKETS: i64 = 8;
const RECENT: i64 = 3;

/// Bits a second over the last half second, in which several pictures arrive.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Throughput {
    bytes: [u32; BUCKETS as usize],
    /// The first and the newest bucket that something arrived in.
    first: Option<i64>,
    newest: i64,
}

impl Throughput {
    pub(crate) fn add(&mut self, arrived_us: i64, bytes: usize) {
        let bucket = arrived_us.div_euclid(BUCKET_US);
        let passed = bucket - self.newest;
        if self.first.is_none() || !(-BUCKETS..BUCKETS).contains(&passed) {
            *self = Throughput { first: Some(bucket), newest: bucket, ..Throughput::default() };
        } else if passed < 0 && bucket < self.first.unwrap_or_default() {
            return;
        }
        for skipped in self.newest + 1..=bucket {
            self.bytes[skipped.rem_euclid(BUCKETS) as usize] = 0;
        }
        self.newest = self.newest.max(bucket);
        self.bytes[bucket.rem_euclid(BUCKETS) as usize] += bytes as u32;
    }

    /// `None` before a quarter of a second was seen. The newest bucket is left out: more may come into it.
    #[must_use]
    pub(crate) fn bps(&self) -> Option<f64> {
        let whole = (self.newest - self.first?).min(BUCKETS - 1);
        (whole >= BUCKETS / 2).then(|| self.over(whole))
    }

    /// Over the last fifth of a second: what a full way carries is smooth, and news of it must not wait.
    #[must_use]
    pub(crate) fn recent_bps(&self) -> Option<f64> {
        self.bps().map(|_| self.over(RECENT))
    }

    fn over(&self, whole: i64) -> f64 {
        let buckets = self.newest - whole..self.newest;
        let bytes: u32 = buckets.map(|bucket| self.bytes[bucket.rem_euclid(BUCKETS) as usize]).sum();
        f64::from(bytes) * 8_000_000.0 / (whole * BUCKET_US) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(throughput: &mut Throughput, from_ms: i64, to_ms: i64, bytes_a_ms: usize) {
        for ms in from_ms..to_ms {
            throughput.add(ms * 1_000, bytes_a_ms);
        }
    }

    #[test]
    fn a_rate_is_known_after_a_quarter_of_a_second_and_follows_within_a_half() {
        let mut throughput = Throughput::default();
        filled(&mut throughput, 0, 250, 125);
        assert_eq!(throughput.bps(), None);
        filled(&mut throughput, 250, 1_000, 125);
        assert_eq!(throughput.bps(), Some(1_000_000.0));
        filled(&mut throughput, 1_000, 1_280, 50);
        assert_eq!(throughput.recent_bps(), Some(400_000.0));
        filled(&mut throughput, 1_280, 1_600, 50);
        assert_eq!(throughput.bps(), Some(400_000.0));
    }

    #[test]
    fn a_pause_counts_for_as_long_as_it_is_short_and_a_jump_of_the_clock_begins_anew() {
        let mut throughput = Throughput::default();
        filled(&mut throughput, 0, 1_024, 100);
        filled(&mut throughput, 1_280, 1_281, 100);
        let halved = throughput.bps().unwrap();
        assert!((300_000.0..550_000.0).contains(&halved), "{halved}");
        for us in [1 << 40, -5_000_000_000] {
            throughput.add(us, 100);
            assert_eq!(throughput.bps(), None);
        }
    }
}
