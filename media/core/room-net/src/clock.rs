//! The machine's clocks.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use room_core::time::{Anchor, Time};

/// `CLOCK_MONOTONIC` now, as Python's `time.monotonic_ns` tells it.
pub(crate) fn now() -> Time {
    let mut spec = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `spec` is a valid place to write to, and the clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut spec) };
    Time::from_nanos(spec.tv_sec as u64 * 1_000_000_000 + spec.tv_nsec as u64)
}

pub(crate) fn anchor() -> Anchor {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Anchor { at: now(), instant: Instant::now(), unix_ns: unix.as_nanos() as u64 }
}
