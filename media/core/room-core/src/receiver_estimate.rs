//! What the way to a viewer carries, by the viewer's own word (REMB, draft-alvestrand-rmcat-remb-03): for those who do not
//! tell of each packet, as aiortc and older Safari.
//!
//! A viewer's own estimate (REMB) grows with what it is sent and never beyond half as much again: well above what is
//! sent it tells nothing but that there is room.

use std::time::Duration;

use crate::time::Time;

/// What a way is taken for until it shows otherwise: a stage of three cameras and a programme.
const UNKNOWN_BPS: u64 = 6_000_000;
/// An estimate that is not renewed is forgotten.
const LASTS: Duration = Duration::from_secs(10);
/// Beyond this share of what is sent, in fifths, an estimate is no limit.
const ROOM_FIFTHS: u64 = 6;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReceiverEstimate {
    told: Option<(u64, Time)>,
}

impl ReceiverEstimate {
    /// The viewer says what it takes.
    pub(crate) fn receiver_says(&mut self, now: Time, bitrate_bps: u64) {
        self.told = Some((bitrate_bps, now));
    }

    /// What was said last.
    #[must_use]
    pub(crate) fn last(&self) -> Option<u64> {
        self.told.map(|(bps, _)| bps)
    }

    /// While `sent_bps` are sent.
    #[must_use]
    pub(crate) fn estimate_bps(&self, now: Time, sent_bps: u64) -> u64 {
        let told = self.told.filter(|(_, at)| now.since(*at) < LASTS).map(|(bps, _)| bps);
        match told {
            Some(bps) if bps < sent_bps * ROOM_FIFTHS / 5 => bps,
            Some(bps) => bps.max(UNKNOWN_BPS),
            None => UNKNOWN_BPS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_near_what_is_sent_is_a_limit_for_as_long_as_it_lasts() {
        let at = |ms: u64| Time::from_nanos(ms * 1_000_000);
        let mut estimate = ReceiverEstimate::default();
        assert_eq!(estimate.estimate_bps(at(0), 1_000_000), UNKNOWN_BPS);
        estimate.receiver_says(at(0), 1_100_000);
        assert_eq!(estimate.estimate_bps(at(1), 1_000_000), 1_100_000);
        assert_eq!(estimate.estimate_bps(at(1), 2_000_000), 1_100_000);
        assert_eq!(estimate.estimate_bps(at(1), 700_000), UNKNOWN_BPS, "there is room");
        assert_eq!(estimate.estimate_bps(at(10_000), 2_000_000), UNKNOWN_BPS);
        estimate.receiver_says(at(0), 9_000_000);
        assert_eq!(estimate.estimate_bps(at(1), 1_000_000), 9_000_000);
    }
}
