//! Faults of ours: a panic ends the room that was served, with a report, and nothing else.
//!
//! Invariant: whatever is done for a room is done after `begin`, so that no other is blamed; what a panic left half
//! written never leaves.

use std::sync::Arc;

use crate::ids::RoomId;
use crate::message::{Event, Message, Route};
use crate::peer::{Gone, Peer};
use crate::report;
use crate::room::Place;
use crate::shard::Shard;

/// The room that is being served, and how many datagrams were written before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Serving {
    room: RoomId,
    written: usize,
}

/// No room has this number.
const NO_ROOM: RoomId = RoomId(0);

impl Shard {
    /// Does `work`; if it panics, the room that it served is closed and reported.
    pub fn guarded<R>(&mut self, work: impl FnOnce(&mut Shard) -> R) -> Option<R> {
        self.serving = None;
        let outcome = report::watch(|| work(self));
        outcome.map_err(|report| self.fail(report)).ok()
    }

    /// From now on a room is served.
    pub(crate) fn begin(&mut self, room: RoomId) {
        if self.serving.is_none_or(|serving| serving.room != room) {
            self.serving = Some(Serving { room, written: self.transmit.len() });
        }
    }

    fn fail(&mut self, report: String) {
        self.panics += 1;
        let Some(Serving { room, written }) = self.serving.take() else {
            self.events.push(Event::RoomFailed { id: NO_ROOM, room: Arc::from(""), report });
            return;
        };
        // What was being written may be half done: it must not leave as it is, in clear.
        self.transmit.rewind(written);
        self.fan_out_woke.clear();
        if let Some(found) = self.rooms.get(&room) {
            self.events.push(Event::RoomFailed { id: room, room: Arc::clone(&found.key), report });
        }
        self.tell_others(|| Message::RoomFailed { room });
        let written = self.transmit.len();
        if report::watch(|| self.close_room(room)).is_err() {
            self.panics += 1;
            self.transmit.rewind(written);
            self.abandon_room(room);
        }
    }

    /// Forgets a room that cannot be closed, without calling anything of what is broken in it.
    pub(crate) fn abandon_room(&mut self, room: RoomId) {
        let is_broken = |peer: &Option<Box<Peer>>| peer.as_ref().is_some_and(|peer| peer.room == room);
        let broken: Vec<usize> = (0..self.peers.len()).filter(|at| is_broken(&self.peers[*at])).collect();
        let key = self.rooms.remove(&room).map_or_else(|| Arc::from(""), |found| found.key);
        for place in broken {
            let Some(peer) = self.peers[place].take() else { continue };
            let (id, key) = (peer.id, Arc::clone(&key));
            self.free.push(place);
            self.events.push(Event::PeerGone { peer: id, room: key, reason: Gone::RoomClosed });
        }
        let peers = &self.peers;
        let is_there = |place: &Place| peers.get(*place).is_some_and(Option::is_some);
        self.places.retain(|_, place| is_there(place));
        self.awaited.retain(|peer| self.places.contains_key(peer));
        let (routes, here) = (&mut self.routes, self.index);
        routes.extend(
            self.ufrags.extract_if(|_, place| !is_there(place)).map(|(name, _)| Route::NoUfrag(name)),
        );
        let addresses = self.addresses.extract_if(|_, place| !is_there(place));
        routes.extend(addresses.map(|(address, _)| Route::NoAddress(address, here)));
        self.sources.retain(|_, source| source.room != room);
        self.frames.forget_room(room);
        self.fan_out.forget_room(room);
    }
}
