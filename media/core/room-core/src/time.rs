//! Time as an argument: every entry of the core is told what time it is.
//!
//! Invariant: nothing in this crate reads a clock. `Time` counts nanoseconds of the machine's monotonic
//! clock; `Anchor` is the one place that knows how it relates to the wall clock.

use std::time::{Duration, Instant};

/// Seconds between the epochs of NTP (1900) and Unix (1970).
const NTP_OFFSET_S: u64 = 2_208_988_800;
const NS_PER_S: u64 = 1_000_000_000;

/// An instant of the monotonic clock, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// Further away than any run of the process.
    pub const FAR: Time = Time(u64::MAX);

    #[must_use]
    pub const fn from_nanos(ns: u64) -> Time {
        Time(ns)
    }

    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    #[must_use]
    pub fn plus(self, span: Duration) -> Time {
        Time(self.0.saturating_add(span.as_nanos() as u64))
    }

    #[must_use]
    pub fn minus(self, span: Duration) -> Time {
        Time(self.0.saturating_sub(span.as_nanos() as u64))
    }

    /// The time since `earlier`; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// This instant on an RTP clock of `rate` ticks a second, before wrapping.
    #[must_use]
    pub fn ticks(self, rate: u32) -> u64 {
        (u128::from(self.0) * u128::from(rate) / u128::from(NS_PER_S)) as u64
    }
}

/// One instant known on three clocks: the monotonic one, `std`'s handle on it, and the wall clock.
#[derive(Clone, Copy, Debug)]
pub struct Anchor {
    pub at: Time,
    pub instant: Instant,
    pub unix_ns: u64,
}

impl Anchor {
    /// `now` as the handle that the DTLS library wants.
    #[must_use]
    pub fn instant(&self, now: Time) -> Instant {
        self.instant + now.since(self.at)
    }

    #[must_use]
    pub fn time(&self, instant: Instant) -> Time {
        self.at.plus(instant.saturating_duration_since(self.instant))
    }

    /// Wall clock in nanoseconds since 1970.
    #[must_use]
    pub fn unix_ns(&self, now: Time) -> u64 {
        let drift = i128::from(now.as_nanos()) - i128::from(self.at.as_nanos());
        (i128::from(self.unix_ns) + drift).max(0) as u64
    }

    /// The instant at which the wall clock shows so many nanoseconds since 1970.
    #[must_use]
    pub fn time_of(&self, unix_ns: i64) -> Time {
        let drift = i128::from(unix_ns) - i128::from(self.unix_ns);
        Time((i128::from(self.at.as_nanos()) + drift).max(0) as u64)
    }

    /// Wall clock as a 32.32 fixed point NTP timestamp (RFC 3550 section 4).
    #[must_use]
    pub fn ntp(&self, now: Time) -> u64 {
        unix_to_ntp(self.unix_ns(now))
    }
}

#[must_use]
pub fn unix_to_ntp(unix_ns: u64) -> u64 {
    let fraction = ((unix_ns % NS_PER_S) << 32) / NS_PER_S;
    (((unix_ns / NS_PER_S) + NTP_OFFSET_S) << 32) | fraction
}

#[must_use]
pub fn ntp_to_unix(ntp: u64) -> i64 {
    let seconds = (ntp >> 32) as i64 - NTP_OFFSET_S as i64;
    let fraction = (((ntp & 0xffff_ffff) * NS_PER_S) >> 32) as i64;
    seconds * NS_PER_S as i64 + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_and_unix_are_inverse_within_a_nanosecond() {
        let unix = 1_700_000_000_123_456_789;
        assert!((ntp_to_unix(unix_to_ntp(unix)) - unix as i64).abs() <= 1);
    }

    #[test]
    fn an_hour_on_the_video_clock_is_exact() {
        assert_eq!(Time::from_nanos(3_600 * NS_PER_S).ticks(90_000), 3_600 * 90_000);
    }
}
