//! Packets that left together are one group (draft-ietf-rmcat-gcc-02 section 5.2): their spacing tells of the sender, the
//! spacing of groups of the way.

use crate::time::Time;

/// What leaves within this time is one group.
const BURST_US: i64 = 5_000;
/// A queue that empties at once after a pause brings groups together; for no longer than this.
const LONGEST_BURST_US: i64 = 100_000;
/// Groups that arrive in a wrong order, after which the viewer's clock is taken to have jumped.
const WRONG: u8 = 3;
const JUMP_US: i64 = 3_000_000;

/// From one group to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spacing {
    pub(crate) left_us: i64,
    pub(crate) arrived_us: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Group {
    first_left_us: i64,
    last_left_us: i64,
    first_arrived_us: i64,
    last_arrived_us: i64,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Groups {
    current: Option<Group>,
    previous: Option<Group>,
    wrong: u8,
}

impl Groups {
    /// Takes a packet; returns the spacing of the last two groups when it begins a new one.
    pub(crate) fn push(&mut self, left: Time, arrived_us: i64) -> Option<Spacing> {
        let left_us = (left.as_nanos() / 1_000) as i64;
        let begins = Group {
            first_left_us: left_us,
            last_left_us: left_us,
            first_arrived_us: arrived_us,
            last_arrived_us: arrived_us,
        };
        let Some(current) = &mut self.current else {
            self.current = Some(begins);
            return None;
        };
        // One of an earlier group came late.
        if left_us < current.first_left_us {
            return None;
        }
        if current.takes(left_us, arrived_us) {
            current.last_left_us = current.last_left_us.max(left_us);
            current.last_arrived_us = current.last_arrived_us.max(arrived_us);
            return None;
        }
        let current = *current;
        self.current = Some(begins);
        let previous = self.previous.replace(current)?;
        self.check(Spacing {
            left_us: current.last_left_us - previous.last_left_us,
            arrived_us: current.last_arrived_us - previous.last_arrived_us,
        })
    }

    fn check(&mut self, spacing: Spacing) -> Option<Spacing> {
        let jumped = (spacing.arrived_us - spacing.left_us).abs() > JUMP_US;
        self.wrong = if spacing.arrived_us < 0 { self.wrong + 1 } else { 0 };
        if jumped || self.wrong >= WRONG {
            *self = Groups::default();
            return None;
        }
        (spacing.arrived_us >= 0).then_some(spacing)
    }
}

impl Group {
    fn takes(&self, left_us: i64, arrived_us: i64) -> bool {
        left_us - self.first_left_us <= BURST_US || self.is_burst(left_us, arrived_us)
    }

    /// It arrived with the group although it left later: both waited for the same thing.
    fn is_burst(&self, left_us: i64, arrived_us: i64) -> bool {
        let spacing = arrived_us - self.last_arrived_us;
        let slower = spacing - (left_us - self.last_left_us);
        slower < 0 && spacing.abs() <= BURST_US && arrived_us - self.first_arrived_us < LONGEST_BURST_US
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spacings(packets: &[(i64, i64)]) -> Vec<(i64, i64)> {
        let mut groups = Groups::default();
        let packets = packets.iter().map(|(left, arrived)| (left * 1_000 + 1_000_000, arrived * 1_000));
        let spacings =
            packets.filter_map(|(left, at)| groups.push(Time::from_nanos(left as u64 * 1_000), at));
        spacings.map(|one| (one.left_us / 1_000, one.arrived_us / 1_000)).collect()
    }

    #[test]
    fn what_left_within_five_milliseconds_is_one_group() {
        let packets = [(0, 100), (5, 107), (20, 120), (24, 126), (40, 140), (60, 170), (80, 180)];
        // From the last packet of each group to the last of the next.
        assert_eq!(spacings(&packets), [(19, 19), (16, 14), (20, 30)]);
    }

    #[test]
    fn what_waited_together_and_arrives_at_once_is_one_group() {
        let packets = [(0, 100), (20, 160), (30, 161), (40, 162), (60, 180), (80, 200)];
        assert_eq!(spacings(&packets), [(40, 62), (20, 18)]);
    }

    #[test]
    fn a_clock_that_jumps_is_a_new_start() {
        let on = [(60, 90_020), (80, 90_040), (100, 90_060), (120, 90_080)];
        let packets = [&[(0, 0), (20, 20), (40, 90_000)][..], &on].concat();
        assert_eq!(spacings(&packets), [(20, 20), (20, 20)]);
        let mut back = vec![(0, 900), (20, 920), (40, 100), (60, 90), (80, 80)];
        back.extend((0..5).map(|n| (100 + 20 * n, 120 + 20 * n)));
        assert!(spacings(&back).iter().all(|(_, arrived)| *arrived >= 0));
        assert_eq!(spacings(&back).last(), Some(&(20, 20)));
    }
}
