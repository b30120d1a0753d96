//! How often a picture stood still, as far as a server can tell.
//!
//! The measure is that of a browser (`freezeCount`, W3C webrtc-stats): pictures that follow each other by more than
//! three times the usual distance, and than that distance and 150 ms. The server does not see what is shown; it infers:
//!
//! 1. a picture left later than that after the one before, and it is not that it was captured later;
//! 2. the viewer asked for a keyframe in mid-stream, and none left for that long;
//! 3. the viewer still asks for the same packet that long after it first did.
//!
//! What it cannot see: a loss that the viewer never tells of, and a device too slow to decode. A picture that was
//! captured late (a still screen, a muted camera, film that is held) is no freeze.
//!
//! Invariant: counts only grow.

use std::time::Duration;

use crate::time::Time;

const LEAST: Duration = Duration::from_millis(150);
/// Pictures over which the usual distance is a mean.
const MEMORY: i64 = 30;
/// Longer distances are rests, not the pace.
const LONGEST_STEP_NS: i64 = 1_000_000_000;
/// A packet that is asked for no more for this long was given up, or came.
const ASKED_AGAIN: Duration = Duration::from_millis(700);

#[derive(Clone, Debug, Default)]
pub struct Freezes {
    count: u32,
    frozen: Duration,
    /// When the last picture left, and when it was captured.
    last: Option<(Time, i64)>,
    /// The usual distance of captures.
    step_ns: i64,
    /// Since when the viewer has lost its way.
    lost: Option<Time>,
    asked: Option<Asked>,
}

/// A packet that the viewer misses.
#[derive(Clone, Copy, Debug)]
struct Asked {
    sequence: u16,
    first: Time,
    last: Time,
    counted: bool,
}

impl Freezes {
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// For how long in all.
    #[must_use]
    pub fn frozen(&self) -> Duration {
        self.frozen
    }

    fn threshold(&self) -> Duration {
        let step = Duration::from_nanos(self.step_ns.max(0).unsigned_abs());
        (3 * step).max(step + LEAST)
    }

    /// A picture of the stream left, or came, whole.
    pub fn picture(&mut self, now: Time, captured_unix_ns: i64) {
        let Some((at, captured)) = self.last.replace((now, captured_unix_ns)) else { return };
        let step_ns = captured_unix_ns - captured;
        let (span, step) = (now.since(at), Duration::from_nanos(step_ns.max(0).unsigned_abs()));
        if span > self.threshold() && span > step + LEAST {
            self.add(span);
        }
        if (1..LONGEST_STEP_NS).contains(&step_ns) {
            let memory = if self.step_ns == 0 { 1 } else { MEMORY };
            self.step_ns += (step_ns - self.step_ns) / memory;
        }
    }

    /// A keyframe leaves: whoever had lost its way has it.
    pub fn keyframe(&mut self, now: Time) {
        let Some(since) = self.lost.take() else { return };
        if now.since(since) > self.threshold() {
            self.add(now.since(since));
            // The way back is not a gap, too.
            self.last = None;
        }
    }

    /// The viewer asks for a keyframe.
    pub fn lost(&mut self, now: Time) {
        if self.last.is_some() {
            self.lost.get_or_insert(now);
        }
    }

    /// The viewer asks for packets.
    pub fn asked(&mut self, now: Time, lost: &[u16]) {
        let threshold = self.threshold();
        let open = self.asked.filter(|asked| now.since(asked.last) < ASKED_AGAIN);
        let Some(mut asked) = open else {
            let first = lost.first().filter(|_| self.last.is_some());
            let begun = |sequence: &u16| Asked { sequence: *sequence, first: now, last: now, counted: false };
            self.asked = first.map(begun);
            return;
        };
        if !lost.contains(&asked.sequence) {
            return;
        }
        if asked.counted {
            self.frozen += now.since(asked.last);
        } else if now.since(asked.first) > threshold {
            asked.counted = true;
            self.add(now.since(asked.first));
        }
        asked.last = now;
        self.asked = Some(asked);
    }

    /// Nothing is to be shown for now.
    pub fn rest(&mut self) {
        self.last = None;
        self.lost = None;
        self.asked = None;
    }

    /// The picture stands still now, though one was captured `newest_unix_ns`.
    #[must_use]
    pub fn is_frozen(&self, now: Time, newest_unix_ns: i64) -> bool {
        let threshold = self.threshold();
        let behind = self.last.is_some_and(|(at, captured)| {
            let behind = Duration::from_nanos((newest_unix_ns - captured).max(0).unsigned_abs());
            now.since(at) > threshold + LEAST && behind > threshold
        });
        behind || self.lost.is_some_and(|since| now.since(since) > threshold)
    }

    fn add(&mut self, span: Duration) {
        self.count += 1;
        self.frozen += span;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP_MS: u64 = 40;

    fn at(ms: u64) -> Time {
        Time::from_nanos((1_000 + ms) * 1_000_000)
    }

    fn captured(ms: u64) -> i64 {
        (ms * 1_000_000) as i64
    }

    /// A second of pictures, the last at 960 ms.
    fn flowing() -> Freezes {
        let mut freezes = Freezes::default();
        for n in 0..25 {
            freezes.picture(at(n * STEP_MS), captured(n * STEP_MS));
        }
        assert_eq!((freezes.count(), freezes.is_frozen(at(1_000), captured(1_000))), (0, false));
        freezes
    }

    #[test]
    fn a_picture_that_leaves_late_is_a_freeze_and_one_captured_late_is_none() {
        let mut freezes = flowing();
        freezes.picture(at(1_120), captured(1_000));
        assert_eq!(freezes.count(), 0, "160 ms");
        freezes.picture(at(1_320), captured(1_040));
        assert_eq!((freezes.count(), freezes.frozen()), (1, Duration::from_millis(200)));
        freezes.picture(at(5_320), captured(5_040));
        assert_eq!(freezes.count(), 1, "the camera was muted, or the screen stood still");
    }

    #[test]
    fn who_waits_for_a_keyframe_is_frozen_until_it_leaves() {
        let mut freezes = flowing();
        freezes.lost(at(1_000));
        assert!(!freezes.is_frozen(at(1_100), captured(1_100)));
        for ms in (1_000..1_400).step_by(40) {
            freezes.picture(at(ms), captured(ms));
        }
        assert!(freezes.is_frozen(at(1_400), captured(1_400)), "what leaves meanwhile is of no use");
        freezes.keyframe(at(1_400));
        freezes.picture(at(1_400), captured(1_400));
        assert_eq!((freezes.count(), freezes.frozen()), (1, Duration::from_millis(400)));
        freezes.lost(at(1_410));
        freezes.keyframe(at(1_500));
        assert_eq!(freezes.count(), 1, "soon enough");
    }

    #[test]
    fn a_packet_that_is_asked_for_for_long_holds_the_picture() {
        let mut freezes = flowing();
        for ms in [1_000, 1_100, 1_180] {
            freezes.asked(at(ms), &[7, 9]);
        }
        assert_eq!(freezes.count(), 0);
        for ms in [1_250, 1_350] {
            freezes.asked(at(ms), &[7]);
        }
        freezes.asked(at(1_360), &[11]);
        assert_eq!((freezes.count(), freezes.frozen()), (1, Duration::from_millis(350)));
        freezes.asked(at(3_000), &[7]);
        assert_eq!(freezes.count(), 1, "another one of that number");
    }

    #[test]
    fn what_flows_past_a_viewer_is_a_freeze_and_a_rest_is_none() {
        let mut freezes = flowing();
        assert!(freezes.is_frozen(at(2_000), captured(2_000)));
        assert!(!freezes.is_frozen(at(2_000), captured(960)), "nothing came in either");
        freezes.rest();
        assert!(!freezes.is_frozen(at(3_000), captured(3_000)));
        freezes.lost(at(3_000));
        freezes.asked(at(3_000), &[1]);
        freezes.picture(at(4_000), captured(4_000));
        assert_eq!(freezes.count(), 0);
    }
}
