//! Trying what the way carries beyond what is sent (draft-ietf-rmcat-gcc-02 section 5.5 leaves a flow that sends little
//! without an answer; browsers probe): for a moment packets that the viewer has already fill the way up to a target.
//!
//! ```text
//!   IDLE ── a higher layer is in reach ──► SENDING ── 40 ms ──► WAITING ── told, or 1 s ──► IDLE
//! ```
//!
//! Invariant: a probe is at most `MOST_BPS` for `LENGTH`, or a handful of packets over `LONGEST`; a viewer who has all
//! they show is never probed.

use std::time::Duration;

use crate::time::Time;

const LENGTH: Duration = Duration::from_millis(40);
/// At low rates it lasts until there are packets enough to tell something.
const LONGEST: Duration = Duration::from_millis(200);
pub(crate) const STEP: Duration = Duration::from_millis(5);
/// Feedback on what left last takes no longer than this.
const PATIENCE: Duration = Duration::from_secs(1);
pub(crate) const MOST_BPS: f64 = 8_000_000.0;
/// How much more than the estimate is tried: at first, and later.
const FIRST_TIMES: f64 = 3.0;
const TIMES: f64 = 2.0;
/// After one that showed nothing the next waits, and longer each time.
const FIRST_WAIT: Duration = Duration::from_secs(4);
const LONGEST_WAIT: Duration = Duration::from_secs(8);
/// One that reached this share of its target, and so much more than was known, is followed by a higher one.
const REACHED: f64 = 0.7;
const MORE: f64 = 1.2;
/// Packets without which an answer is chance, and the share of them that must arrive.
const FEWEST: u32 = 5;
const ARRIVING: f64 = 0.8;
/// What arrives slower than it left has filled the way: a little less than that is what it carries.
const FILLED: f64 = 0.9;
const CARRIED: f64 = 0.95;
/// What arrives so much faster than it left was held up on the way.
const ABSURD: f64 = 2.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Sending { since: Time, next: Time },
    Waiting { since: Time },
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Probing {
    phase: Phase,
    /// The current cluster's number, from one.
    cluster: u8,
    known_bps: f64,
    target_bps: f64,
    sent_packets: u32,
    sent_bytes: u32,
    measured: Measured,
    not_before: Time,
    wait: Duration,
    times: f64,
}

/// The ends of what arrived of a cluster.
#[derive(Clone, Copy, Debug, Default)]
struct Measured {
    packets: u32,
    bytes: u32,
    /// When it left, and its bytes.
    last_left: Option<(Time, u32)>,
    first_left: Option<Time>,
    /// By the viewer's clock, in microseconds, and its bytes.
    first_arrived: Option<(i64, u32)>,
    last_arrived: Option<i64>,
}

impl Default for Probing {
    fn default() -> Probing {
        Probing {
            phase: Phase::Idle,
            cluster: 0,
            known_bps: 0.0,
            target_bps: 0.0,
            sent_packets: 0,
            sent_bytes: 0,
            measured: Measured::default(),
            not_before: Time::default(),
            wait: FIRST_WAIT,
            times: FIRST_TIMES,
        }
    }
}

impl Probing {
    /// Begins a probe, if it is time for one, for a viewer who could use `wanted_bps`.
    pub(crate) fn consider(&mut self, now: Time, estimate_bps: f64, wanted_bps: f64) {
        let target = (estimate_bps * self.times).min(wanted_bps).min(MOST_BPS);
        if self.phase != Phase::Idle || now < self.not_before || target <= estimate_bps {
            return;
        }
        let cluster = self.cluster.checked_add(1).unwrap_or(1);
        let phase = Phase::Sending { since: now, next: now };
        let Probing { not_before, wait, times, .. } = *self;
        let (known_bps, target_bps) = (estimate_bps, target);
        *self =
            Probing { phase, cluster, known_bps, target_bps, not_before, wait, times, ..Probing::default() };
    }

    /// The viewer has all they show, or the way is full: nothing more is sent.
    pub(crate) fn stop(&mut self) {
        self.phase = Phase::Idle;
    }

    /// Something full happened on the way: leave it alone for a while.
    pub(crate) fn wait(&mut self, now: Time) {
        self.stop();
        self.not_before = self.not_before.max(now.plus(FIRST_WAIT));
    }

    /// What packets that leave now belong to; zero for none.
    #[must_use]
    pub(crate) fn cluster(&self) -> u8 {
        if matches!(self.phase, Phase::Sending { .. }) { self.cluster } else { 0 }
    }

    #[must_use]
    pub(crate) fn wake(&self) -> Time {
        if let Phase::Sending { next, .. } = self.phase { next } else { Time::FAR }
    }

    /// A packet of the cluster left, media or padding.
    pub(crate) fn left(&mut self, bytes: usize) {
        self.sent_packets += 1;
        self.sent_bytes += bytes as u32;
    }

    /// How many bytes are to be added now.
    pub(crate) fn due(&mut self, now: Time) -> usize {
        let Phase::Sending { since, next } = self.phase else { return 0 };
        let elapsed = now.since(since);
        let tells = elapsed >= LENGTH && self.sent_packets > FEWEST;
        if tells || elapsed >= LONGEST {
            self.phase = Phase::Waiting { since: now };
            return 0;
        }
        if now < next {
            return 0;
        }
        self.phase = Phase::Sending { since, next: now.plus(STEP) };
        let wanted = self.target_bps / 8.0 * (elapsed + STEP).as_secs_f64();
        (wanted as usize).saturating_sub(self.sent_bytes as usize)
    }

    /// A packet of a cluster arrived.
    pub(crate) fn arrived(&mut self, cluster: u8, left: Time, arrived_us: i64, bytes: u16) {
        if cluster == 0 || cluster != self.cluster {
            return;
        }
        let bytes = u32::from(bytes);
        let measured = &mut self.measured;
        measured.packets += 1;
        measured.bytes += bytes;
        measured.first_left = Some(measured.first_left.map_or(left, |first| first.min(left)));
        if measured.last_left.is_none_or(|(last, _)| left >= last) {
            measured.last_left = Some((left, bytes));
        }
        if measured.first_arrived.is_none_or(|(first, _)| arrived_us < first) {
            measured.first_arrived = Some((arrived_us, bytes));
        }
        measured.last_arrived = Some(measured.last_arrived.map_or(arrived_us, |last| last.max(arrived_us)));
    }

    /// The rate that the probe has shown, once, when enough of it was told of.
    pub(crate) fn result(&mut self, now: Time) -> Option<f64> {
        let Phase::Waiting { since } = self.phase else { return None };
        let Measured { packets, bytes, .. } = self.measured;
        let enough = |arrived: u32, sent: u32| f64::from(arrived) >= f64::from(sent) * ARRIVING;
        let whole = packets >= self.sent_packets;
        let lasted = now.since(since);
        let is_told = enough(packets, self.sent_packets) && enough(bytes, self.sent_bytes);
        if !(whole || is_told && lasted > PATIENCE / 4 || lasted > PATIENCE) {
            return None;
        }
        self.phase = Phase::Idle;
        let shown = self.measured.bps().filter(|_| is_told && packets >= FEWEST);
        let least = (self.target_bps * REACHED).max(self.known_bps * MORE);
        let reached = shown.is_some_and(|bps| bps >= least);
        self.times = TIMES;
        self.not_before = if reached { now } else { now.plus(self.wait) };
        self.wait = if reached { FIRST_WAIT } else { (self.wait * 2).min(LONGEST_WAIT) };
        shown
    }
}

impl Measured {
    fn bps(&self) -> Option<f64> {
        let (last_left, last_bytes) = self.last_left?;
        let (first_arrived, first_bytes) = self.first_arrived?;
        let sending = last_left.since(self.first_left?).as_secs_f64();
        let arriving = (self.last_arrived? - first_arrived) as f64 / 1_000_000.0;
        let (sent, arrived) = (self.bytes - last_bytes, self.bytes - first_bytes);
        if sending <= 0.0 || arriving <= 0.0 {
            return None;
        }
        let (left, came) = (f64::from(sent) * 8.0 / sending, f64::from(arrived) * 8.0 / arriving);
        match came / left {
            absurd if absurd > ABSURD => None,
            slower if slower < FILLED => Some(came * CARRIED),
            _ => Some(left.min(came)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_nanos((1_000 + ms) * 1_000_000)
    }

    /// Sends a probe over a way; returns its bytes and what it showed.
    fn tried(probing: &mut Probing, from_ms: u64, capacity_bps: f64, lost: u32) -> (u32, Option<f64>) {
        let (mut ms, mut free_us, mut count, mut bytes) = (from_ms, 0, 0, 0);
        while probing.cluster() != 0 {
            let mut due = probing.due(at(ms)) as i64;
            while due > 0 {
                probing.left(1_200);
                due -= 1_200;
                bytes += 1_200;
                free_us = free_us.max(ms as i64 * 1_000) + (1_200.0 * 8e6 / capacity_bps) as i64;
                count += 1;
                if count > lost {
                    probing.arrived(probing.cluster, at(ms), free_us, 1_200);
                }
            }
            ms += 5;
        }
        (bytes, probing.result(at(ms + 1_100)))
    }

    #[test]
    fn a_wide_way_shows_the_target_and_the_next_probe_follows_at_once() {
        let mut probing = Probing::default();
        probing.consider(at(0), 1_000_000.0, 20_000_000.0);
        let (bytes, shown) = tried(&mut probing, 0, 50_000_000.0, 0);
        assert!((15_000..18_000).contains(&bytes), "40 ms of 3 Mb/s: {bytes}");
        let shown = shown.unwrap();
        assert!((2_500_000.0..3_600_000.0).contains(&shown), "{shown}");
        probing.consider(at(1_200), shown, 20_000_000.0);
        assert_ne!(probing.cluster(), 0);
    }

    #[test]
    fn a_narrow_way_shows_what_it_carries_and_is_left_alone_longer_and_longer() {
        let mut probing = Probing::default();
        let mut begun = Vec::new();
        for ms in (0..40_000).step_by(100) {
            probing.consider(at(ms), 400_000.0, 20_000_000.0);
            if probing.cluster() != 0 {
                begun.push(ms);
                let (_, shown) = tried(&mut probing, ms, 500_000.0, 0);
                assert!((430_000.0..500_000.0).contains(&shown.unwrap()), "{shown:?}");
            }
        }
        assert_eq!(begun.len(), 5, "{begun:?}");
    }

    #[test]
    fn one_that_is_lost_shows_nothing() {
        let mut probing = Probing::default();
        probing.consider(at(0), 1_000_000.0, 20_000_000.0);
        assert_eq!(tried(&mut probing, 0, 50_000_000.0, 5).1, None);
    }

    #[test]
    fn nothing_is_tried_beyond_what_is_wanted_or_beyond_the_limit() {
        let mut probing = Probing::default();
        probing.consider(at(0), 1_000_000.0, 900_000.0);
        assert_eq!(probing.cluster(), 0);
        probing.consider(at(0), 1_000_000.0, 1_400_000.0);
        assert!(tried(&mut probing, 0, 50_000_000.0, 0).0 < 9_000);
        let mut probing = Probing::default();
        probing.consider(at(0), 9_000_000.0, 90_000_000.0);
        assert_eq!(probing.cluster(), 0);
        probing.consider(at(0), 7_000_000.0, 90_000_000.0);
        assert!(tried(&mut probing, 0, 50_000_000.0, 0).0 <= 42_000);
    }
}
