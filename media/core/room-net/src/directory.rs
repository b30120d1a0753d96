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
use crate::wake::Wake;

/// What the threads share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) inboxes: Vec<Inbox>,
    pub(crate) routes: Routes,
    pub(crate) events: Events,
    pub(crate) connections: Connections,
    /// Rung when the thread of connections is to look at `door_closed`.
    pub(crate) door_wake: Wake,
    pub(crate) door_closed: AtomicBool,
    directory: Mutex<Directory>,
}

#[derive(Debug, Default)]
pub(crate) struct Directory {
    pub(crate) rooms: HashMap<Arc<str>, RoomEntry>,
    pub(crate) peers: HashMap<PeerId, Arc<str>>,
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
                let room = directory.peers.remove(&peer)?;
                if let Some(entry) = directory.rooms.get_mut(&room) {
                    entry.peers = entry.peers.saturating_sub(1);
                }
                Some(Event::PeerGone { peer, room, reason })
            }
            Event::RoomFailed { room, report } => {
                directory.rooms.remove(&room);
                Some(Event::RoomFailed { room, report })
            }
            other => Some(other),
        }
    }
}
