//! The packets of one encoding that may be sent again: shared by all viewers of a shard.
//!
//! Invariant: positions are sequence numbers; what is not there (lost, too old) is `None`. The start of the
//! current group of pictures is known for as long as all of the group is still held.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::packet::Packet;

#[derive(Debug)]
pub struct History {
    first: u64,
    packets: VecDeque<Option<Arc<Packet>>>,
    capacity: usize,
    group: Option<u64>,
}

impl History {
    #[must_use]
    pub fn new(capacity: usize) -> History {
        History { first: 0, packets: VecDeque::new(), capacity, group: None }
    }

    /// Keeps a packet. Returns false when it is too old to matter, or already there.
    pub fn insert(&mut self, packet: Arc<Packet>) -> bool {
        let sequence = packet.sequence;
        if self.packets.is_empty() {
            self.first = sequence;
        }
        let Some(place) = sequence.checked_sub(self.first).map(|place| place as usize) else { return false };
        if place >= self.packets.len() + self.capacity {
            self.packets.clear();
            self.group = None;
            self.first = sequence;
            return self.insert(packet);
        }
        if packet.starts && self.group.is_none_or(|group| group < sequence) {
            self.group = Some(sequence);
        }
        if place >= self.packets.len() {
            self.packets.resize(place + 1, None);
        }
        let slot = &mut self.packets[place];
        let is_new = slot.is_none();
        slot.get_or_insert(packet);
        self.shrink();
        is_new
    }

    fn shrink(&mut self) {
        while self.packets.len() > self.capacity {
            self.packets.pop_front();
            self.first += 1;
        }
        if self.group.is_some_and(|group| group < self.first) {
            self.group = None;
        }
    }

    #[must_use]
    pub fn get(&self, sequence: u64) -> Option<&Arc<Packet>> {
        let place = sequence.checked_sub(self.first)?;
        self.packets.get(place as usize)?.as_ref()
    }

    /// The newest packet.
    #[must_use]
    pub fn last(&self) -> Option<&Arc<Packet>> {
        self.packets.iter().rev().flatten().next()
    }

    /// The oldest place that is kept.
    #[must_use]
    pub fn begin(&self) -> u64 {
        self.first
    }

    /// One past the newest sequence number.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.first + self.packets.len() as u64
    }

    /// Places that are held, those of lost packets among them.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.packets.len()
    }

    /// Where the current group of pictures begins.
    #[must_use]
    pub fn group(&self) -> Option<u64> {
        self.group
    }

    /// Everything since the current group began, for a shard that comes late.
    #[must_use]
    pub fn current_group(&self) -> Vec<Arc<Packet>> {
        let start = self.group.unwrap_or(self.end());
        (start..self.end()).filter_map(|sequence| self.get(sequence).cloned()).collect()
    }

    /// Nobody may start here any more.
    pub fn forget_group(&mut self) {
        self.group = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Codec;

    fn packet(sequence: u64, starts: bool) -> Arc<Packet> {
        Arc::new(Packet { starts, ..Packet::empty(Codec::Vp8, sequence) })
    }

    #[test]
    fn old_packets_make_room_and_with_them_the_start_of_their_group() {
        let mut history = History::new(4);
        assert!(history.insert(packet(10, true)));
        for sequence in [12, 11, 13] {
            assert!(history.insert(packet(sequence, false)));
        }
        assert!(!history.insert(packet(12, false)), "already there");
        assert_eq!(history.current_group().len(), 4);
        history.insert(packet(14, false));
        assert_eq!(history.group(), None);
        assert!(history.get(10).is_none() && history.get(11).is_some());
    }

    #[test]
    fn a_jump_ahead_starts_anew_instead_of_filling_memory() {
        let mut history = History::new(4);
        history.insert(packet(10, false));
        history.insert(packet(1 << 40, true));
        assert_eq!(history.packets.len(), 1);
        assert_eq!(history.group(), Some(1 << 40));
    }
}
