//! Which layers of a publication are watched, all shards together, and what the publisher was told of it.
//!
//! ```text
//!   SENT ── nobody watches it for REST ──► PAUSED ── somebody does ──► SENT
//! ```
//!
//! Invariant: what is watched is asked for at once; nothing is paused before a shard has said what is watched.

use std::time::Duration;

use crate::ids::ShardIndex;
use crate::time::Time;

/// A layer that nobody watches goes on for this long: somebody may only be between two sizes.
const REST: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub(crate) struct Watch {
    shards: Vec<(ShardIndex, u8)>,
    told: u8,
    idle_since: Option<Time>,
}

impl Watch {
    /// All of so many layers are sent.
    pub(crate) fn of(layers: u8) -> Watch {
        Watch { shards: Vec::new(), told: (1 << layers) - 1, idle_since: None }
    }

    pub(crate) fn set(&mut self, shard: ShardIndex, layers: u8) {
        self.forget(shard);
        self.shards.push((shard, layers));
    }

    pub(crate) fn forget(&mut self, shard: ShardIndex) {
        self.shards.retain(|(other, _)| *other != shard);
    }

    fn watched(&self) -> Option<u8> {
        self.shards.iter().map(|(_, layers)| *layers).reduce(|all, layers| all | layers)
    }

    /// The layers to send, as bits, when the publisher must be told anew.
    pub(crate) fn due(&mut self, now: Time) -> Option<u8> {
        let watched = self.watched()?;
        if watched & !self.told != 0 {
            self.told |= watched;
            return Some(self.told);
        }
        if watched == self.told {
            self.idle_since = None;
            return None;
        }
        let since = *self.idle_since.get_or_insert(now);
        if now.since(since) < REST {
            return None;
        }
        self.idle_since = None;
        self.told = watched;
        Some(watched)
    }

    pub(crate) fn wake(&self) -> Time {
        match self.watched() {
            Some(watched) if watched == self.told => Time::FAR,
            Some(_) => self.idle_since.map_or(Time::default(), |since| since.plus(REST)),
            None => Time::FAR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_nanos((1_000 + ms) * 1_000_000)
    }

    #[test]
    fn a_layer_is_paused_after_a_rest_and_wanted_at_once() {
        let mut watch = Watch::of(3);
        assert_eq!((watch.due(at(0)), watch.wake()), (None, Time::FAR), "nobody has said anything");
        watch.set(0, 0b001);
        watch.set(1, 0b010);
        assert_eq!(watch.due(at(0)), None);
        assert_eq!(watch.wake(), at(3_000));
        assert_eq!(watch.due(at(3_000)), Some(0b011));
        assert_eq!(watch.wake(), Time::FAR);
        watch.set(1, 0b100);
        assert_eq!(watch.due(at(3_100)), Some(0b111));
        assert_eq!(watch.due(at(3_101)), None);
        assert_eq!(watch.due(at(6_101)), Some(0b101));
    }

    #[test]
    fn one_who_comes_back_in_time_pauses_nothing() {
        let mut watch = Watch::of(2);
        watch.set(0, 0b01);
        assert_eq!(watch.due(at(0)), None);
        watch.set(0, 0b11);
        assert_eq!(watch.due(at(1_000)), None);
        watch.set(0, 0b01);
        assert_eq!(watch.due(at(2_000)), None);
        assert_eq!(watch.due(at(4_000)), None, "the rest begins anew");
        assert_eq!(watch.due(at(5_000)), Some(0b01));
    }

    #[test]
    fn a_shard_whose_last_viewer_went_counts_no_more() {
        let mut watch = Watch::of(2);
        watch.set(0, 0b01);
        watch.set(1, 0b10);
        watch.forget(1);
        watch.due(at(0));
        assert_eq!(watch.due(at(3_000)), Some(0b01));
    }
}
