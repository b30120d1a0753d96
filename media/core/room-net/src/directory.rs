//! What the threads share: ways to each other, and who is in which room.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use room_core::ids::{PeerId, RoomId, ShardIndex, SourceId};
use room_core::message::Event;

use crate::connection::Connections;
use crate::events::Events;
use crate::inbox::Inbox;
use crate::routes::Routes;
use crate::tap::Taps;
use crate::wake::Wake;

/// What the threads share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) inboxes: Vec<Inbox>,
    pub(crate) routes: Routes,
    pub(crate) events: Events,
    pub(crate) taps: Taps,
    pub(crate) connections: Connections,
    /// Rung when the thread of connections is to look at `door_closed`.
    pub(crate) door_wake: Wake,
    pub(crate) door_closed: AtomicBool,
    directory: Mutex<Directory>,
}

#[derive(Debug, Default)]
pub(crate) struct Directory {
    pub(crate) rooms: HashMap<Arc<str>, RoomEntry>,
    /// The room of each peer: a name may be another room's by the time a peer is gone.
    pub(crate) peers: HashMap<PeerId, (Arc<str>, RoomId)>,
    /// The shard of each source, and its room.
    pub(crate) sources: HashMap<SourceId, (ShardIndex, RoomId)>,
}

#[derive(Debug)]
pub(crate) struct RoomEntry {
    pub(crate) id: RoomId,
    pub(crate) peers: usize,
}

impl Shared {
    pub(crate) fn new(shards: usize) -> io::Result<Shared> {
        Ok(Shared {
            inboxes: (0..shards).map(|_| Inbox::new()).collect::<io::Result<_>>()?,
            routes: Routes::default(),
            events: Events::new()?,
            taps: Taps::default(),
            connections: Connections::default(),
            door_wake: Wake::new()?,
            door_closed: AtomicBool::new(false),
            directory: Mutex::default(),
        })
    }

    /// Tells the thread of connections to end.
    pub(crate) fn close_door(&self) {
        self.door_closed.store(true, Ordering::Release);
        self.door_wake.ring();
    }

    pub(crate) fn directory(&self) -> MutexGuard<'_, Directory> {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the directory true; returns the event as it is to be told.
    pub(crate) fn note(&self, event: Event) -> Option<Event> {
        let mut directory = self.directory();
        match event {
            Event::PeerGone { peer, reason, .. } => {
                let (room, id) = directory.peers.remove(&peer)?;
                if let Some(entry) = directory.rooms.get_mut(&room).filter(|entry| entry.id == id) {
                    entry.peers = entry.peers.saturating_sub(1);
                }
                Some(Event::PeerGone { peer, room, reason })
            }
            Event::RoomFailed { id, room, report } => {
                let is_open = directory.rooms.get(&room).is_some_and(|entry| entry.id == id);
                directory.sources.retain(|_, (_, of)| *of != id);
                if is_open {
                    directory.rooms.remove(&room);
                    return Some(Event::RoomFailed { id, room, report });
                }
                // Two shards may fail in one room, and the room be open again by then: this is for the log only.
                Some(Event::RoomFailed { id, room: Arc::from(""), report: format!("{room}: {report}") })
            }
            other => Some(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use room_core::peer::Gone;

    fn failed(id: u64) -> Event {
        Event::RoomFailed { id: RoomId(id), room: Arc::from("room"), report: "why".to_owned() }
    }

    /// Two threads may fail in one room, and the room be open again before the second tells.
    #[test]
    fn a_room_that_is_open_again_is_not_closed_by_what_is_told_of_the_one_before() {
        let shared = Shared::new(1).unwrap();
        let entry = |id| RoomEntry { id: RoomId(id), peers: 1 };
        shared.directory().rooms.insert(Arc::from("room"), entry(1));
        let gone = Event::PeerGone { peer: PeerId(7), room: Arc::from("room"), reason: Gone::RoomClosed };
        shared.directory().peers.insert(PeerId(7), (Arc::from("room"), RoomId(1)));
        assert_eq!(shared.note(failed(1)), Some(failed(1)));
        assert!(shared.directory().rooms.is_empty());

        shared.directory().rooms.insert(Arc::from("room"), entry(2));
        assert_eq!(shared.note(gone.clone()), Some(gone));
        let told = shared.note(failed(1));
        let for_the_log =
            Event::RoomFailed { id: RoomId(1), room: Arc::from(""), report: "room: why".to_owned() };
        assert_eq!(told, Some(for_the_log));
        assert_eq!(shared.directory().rooms["room"].peers, 1, "who went was of the room before");
    }
}
