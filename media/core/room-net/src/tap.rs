//! Frames on their way to Python: a bounded queue a tap. Media threads never wait for whoever fetches.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use room_core::ids::{TapId, TrackId};
use room_core::tap::Tapped;

/// What may wait to be fetched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) frames: usize,
    pub(crate) bytes: usize,
}

pub(crate) const ROOM: Room = Room { frames: 4_096, bytes: 32 * 1024 * 1024 };

/// What was fetched.
#[derive(Debug, Default)]
pub struct Drained {
    pub tapped: Vec<Tapped>,
    /// Frames that found the queue full, since the tap began.
    pub dropped: u64,
    /// The room is closed, or the tap: nothing more comes.
    pub closed: bool,
}

#[derive(Debug)]
struct Queue {
    room: Room,
    waiting: VecDeque<Tapped>,
    bytes: usize,
    dropped: u64,
    /// Shards from which more may come.
    open: usize,
}

impl Queue {
    /// Returns the track whose frame found no room.
    fn push(&mut self, one: Tapped) -> Option<TrackId> {
        if matches!(one, Tapped::Closed) {
            self.open = self.open.saturating_sub(1);
            return None;
        }
        // Marks are few and take nothing: they always find room.
        if let Tapped::Frame(frame) = &one {
            if self.waiting.len() >= self.room.frames || self.bytes + frame.len > self.room.bytes {
                return self.drop_one(frame.track);
            }
            self.bytes += frame.len;
        }
        self.waiting.push_back(one);
        None
    }

    fn drop_one(&mut self, track: TrackId) -> Option<TrackId> {
        self.dropped += 1;
        Some(track)
    }

    fn drain(&mut self, most: usize) -> Drained {
        let count = self.waiting.len().min(most);
        let tapped: Vec<Tapped> = self.waiting.drain(..count).collect();
        self.bytes -= tapped.iter().map(Tapped::len).sum::<usize>();
        Drained { tapped, dropped: self.dropped, closed: self.open == 0 && self.waiting.is_empty() }
    }
}

/// The queues of all taps.
#[derive(Debug, Default)]
pub(crate) struct Taps(RwLock<HashMap<TapId, Arc<Mutex<Queue>>>>);

impl Taps {
    /// Opens a queue into which so many shards write.
    pub(crate) fn open(&self, id: TapId, shards: usize, room: Room) {
        let queue = Queue { room, waiting: VecDeque::new(), bytes: 0, dropped: 0, open: shards };
        let mut queues = self.0.write().unwrap_or_else(PoisonError::into_inner);
        queues.insert(id, Arc::new(Mutex::new(queue)));
    }

    pub(crate) fn close(&self, id: TapId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    fn queue(&self, id: TapId) -> Option<Arc<Mutex<Queue>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&id).map(Arc::clone)
    }

    /// Queues what was handed out; returns the tracks of which something found no room, and then nothing more: what
    /// follows would not say that something is missing.
    pub(crate) fn push(&self, tapped: impl Iterator<Item = (TapId, Tapped)>) -> Vec<(TapId, TrackId)> {
        let mut refused = Vec::new();
        for (id, one) in tapped {
            let Some(queue) = self.queue(id) else { continue };
            let follows_a_gap = |track| refused.contains(&(id, track));
            let track = match &one {
                Tapped::Frame(frame) if follows_a_gap(frame.track) => locked(&queue).drop_one(frame.track),
                _ => locked(&queue).push(one),
            };
            refused.extend(track.filter(|track| !refused.contains(&(id, *track))).map(|track| (id, track)));
        }
        refused
    }

    pub(crate) fn drain(&self, id: TapId, most: usize) -> Drained {
        let Some(queue) = self.queue(id) else { return Drained { closed: true, ..Drained::default() } };
        locked(&queue).drain(most)
    }
}

fn locked(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use room_core::message::Command;
    use room_core::simulcast::{Camera, Shot};
    use room_core::world::{ROOM as STAGE, World};

    use super::*;

    /// What a tap hands out of two seconds of a camera.
    fn two_seconds(id: TapId, track: TrackId) -> Vec<(TapId, Tapped)> {
        let mut world = World::new(1);
        let mut camera = Camera::join(&mut world, track);
        world.run_ms(500);
        world.all(|| Command::AddTap { tap: id, room: STAGE });
        for n in 0..50 {
            camera.shoot(&mut world, [Shot { keyframe: n % 10 == 0, ..Shot::default() }; 3]);
            world.run_ms(40);
            if n == 0 {
                camera.report(&mut world);
            }
        }
        world.tapped
    }

    #[test]
    fn what_finds_no_room_is_counted_and_named_and_room_is_made_by_fetching() {
        let (taps, id, track) = (Taps::default(), TapId(1), TrackId(7));
        let tapped = two_seconds(id, track);
        assert!(tapped.len() > 40);
        taps.open(id, 1, Room { frames: 10, ..ROOM });
        taps.open(TapId(2), 1, Room { bytes: tapped[0].1.len() + tapped[1].1.len(), ..ROOM });
        assert_eq!(taps.push(tapped[..12].iter().cloned()), [(id, track)]);
        let drained = taps.drain(id, 100);
        assert_eq!((drained.tapped.len(), drained.dropped, drained.closed), (10, 2, false));
        assert!(taps.push(tapped[12..20].iter().cloned()).is_empty());
        let narrow = tapped[..3].iter().map(|(_, one)| (TapId(2), one.clone()));
        assert_eq!(taps.push(narrow), [(TapId(2), track)], "too many bytes");
        assert_eq!(taps.drain(TapId(2), 100).tapped.len(), 2);
        let small = tapped.iter().min_by_key(|(_, one)| one.len()).cloned();
        let batch = [tapped[0].clone(), tapped[1].clone(), tapped[2].clone()].into_iter().chain(small);
        taps.open(
            TapId(3),
            1,
            Room { bytes: tapped[0].1.len() + tapped[1].1.len() + tapped[2].1.len() - 1, ..ROOM },
        );
        assert_eq!(taps.push(batch.map(|(_, one)| (TapId(3), one))).len(), 1);
        let drained = taps.drain(TapId(3), 100);
        assert_eq!((drained.tapped.len(), drained.dropped), (2, 2), "nothing comes after a gap unmarked");
    }

    #[test]
    fn a_queue_is_over_when_every_shard_said_so_and_all_is_fetched() {
        let taps = Taps::default();
        let (id, track) = (TapId(1), TrackId(7));
        taps.open(id, 2, ROOM);
        let refused = taps.push([(id, Tapped::Muted { track }), (id, Tapped::Closed)].into_iter());
        assert!(refused.is_empty());
        assert_eq!(taps.push([(id, Tapped::Ended { track }), (id, Tapped::Closed)].into_iter()), []);
        let first = taps.drain(id, 1);
        assert!(matches!(first.tapped[..], [Tapped::Muted { .. }]) && !first.closed);
        let rest = taps.drain(id, 10);
        assert!(matches!(rest.tapped[..], [Tapped::Ended { .. }]) && rest.closed);
        taps.close(id);
        assert!(taps.drain(id, 10).closed);
    }
}
