//! Who lives in a shard: peers come, move to another shard, and go.
//!
//! Invariant: the tables of places, ufrags and addresses name exactly the peers that are here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::ids::{PeerId, ShardIndex};
use crate::message::{Event, Message, Route};
use crate::peer::{Gone, Peer};
use crate::room::Place;
use crate::shard::Shard;
use crate::time::Time;
use crate::track::Origin;

/// How long a shard knows where a peer that it gave away has gone: commands may still be under way.
const FORWARDING: Duration = Duration::from_secs(10);

impl Shard {
    pub(crate) fn forget_address(&mut self, place: Place, address: SocketAddr) {
        if self.addresses.get(&address) == Some(&place) {
            self.addresses.remove(&address);
            self.routes.push(Route::NoAddress(address, self.index));
        }
    }

    /// Nothing can be sent to `address` any more; whose it was goes on over another, or loses consent.
    pub(crate) fn lose_address(&mut self, address: SocketAddr) {
        let Some(place) = self.addresses.get(&address).copied() else { return };
        self.forget_address(place, address);
        if let Some(peer) = self.peers[place].as_mut() {
            peer.ice.forget(address);
        }
    }

    /// The kernel brings this peer's datagrams to another shard: let it live there.
    pub(crate) fn give_away(
        &mut self,
        now: Time,
        place: Place,
        to: ShardIndex,
        from: SocketAddr,
        bytes: &[u8],
    ) {
        let Some(peer) = self.take_peer(place) else { return };
        self.moved.push_back((now, peer.id, to));
        while self.moved.front().is_some_and(|(at, ..)| now.since(*at) > FORWARDING) {
            self.moved.pop_front();
        }
        self.routes.extend(peer.ice.local_ufrags().map(|ufrag| Route::Ufrag(ufrag.to_owned(), to)));
        self.outbox.push((to, Message::Moved { peer, from, bytes: bytes.to_vec() }));
    }

    /// Takes a peer in, and what it publishes with it.
    pub(crate) fn welcome(&mut self, now: Time, peer: Box<Peer>) {
        let (id, room) = (peer.id, peer.room);
        let published: Vec<_> =
            peer.publications.iter().map(|one| (one.track, one.kind, one.layers.len() as u8)).collect();
        if self.add_peer(now, peer).is_none() {
            // The room closed or failed meanwhile; its name is gone with it.
            self.events.push(Event::PeerGone { peer: id, room: Arc::from(""), reason: Gone::RoomClosed });
            return;
        }
        for (track, kind, layers) in published {
            self.add_track(room, track, kind, Origin::Published(id), layers);
        }
    }

    fn add_peer(&mut self, now: Time, peer: Box<Peer>) -> Option<Place> {
        let room = self.rooms.get_mut(&peer.room)?;
        let place = self.free.pop().unwrap_or_else(|| {
            self.peers.push(None);
            self.peers.len() - 1
        });
        room.peers.push(place);
        let is_first = room.peers.len() == 1;
        self.places.insert(peer.id, place);
        for ufrag in peer.ice.local_ufrags() {
            self.ufrags.insert(ufrag.to_owned(), place);
            self.routes.push(Route::Ufrag(ufrag.to_owned(), self.index));
        }
        let (id, room) = (peer.id, peer.room);
        if peer.publishes() || !peer.is_connected() {
            self.awaited.insert(id);
        }
        self.peers[place] = Some(peer);
        if is_first {
            self.tell_presence(room, true);
        }
        self.peer_changed(now, id);
        Some(place)
    }

    /// A name by which checks asked for a peer serves no more.
    pub(crate) fn forget_ufrag(&mut self, ufrag: String) {
        self.ufrags.remove(&ufrag);
        self.routes.push(Route::NoUfrag(ufrag));
    }

    /// Takes a peer out of every table, without a word to anyone outside.
    fn take_peer(&mut self, place: Place) -> Option<Box<Peer>> {
        let mut peer = self.peers.get_mut(place)?.take()?;
        // Wherever it goes, it must be promised a call anew.
        peer.alarm_rang(Time::FAR);
        self.free.push(place);
        self.places.remove(&peer.id);
        self.awaited.remove(&peer.id);
        for ufrag in peer.ice.local_ufrags() {
            self.ufrags.remove(ufrag);
        }
        for address in peer.ice.addresses() {
            self.forget_address(place, *address);
        }
        let mut is_last = false;
        if let Some(room) = self.rooms.get_mut(&peer.room)
            && let Some(at) = room.peers.iter().position(|other| *other == place)
        {
            room.peers.remove(at);
            is_last = room.peers.is_empty();
            self.fan_out.peer_left(peer.room, at);
        }
        if is_last {
            self.tell_presence(peer.room, false);
        }
        Some(peer)
    }

    pub(crate) fn remove_peer(&mut self, place: Place, reason: Gone) {
        let Some(mut peer) = self.take_peer(place) else { return };
        peer.close(&mut self.transmit);
        self.routes.extend(peer.ice.local_ufrags().map(|ufrag| Route::NoUfrag(ufrag.to_owned())));
        self.gone.add(&peer.counters);
        for publication in &peer.publications {
            if publication.started {
                self.events.push(Event::TrackEnded { track: publication.track });
            }
            self.remove_track(peer.room, publication.track);
        }
        if let Some(room) = self.rooms.get(&peer.room) {
            self.events.push(Event::PeerGone { peer: peer.id, room: Arc::clone(&room.key), reason });
        }
    }

    /// Where a peer that is not here was given to.
    pub(crate) fn moved_to(&self, peer: PeerId) -> Option<ShardIndex> {
        self.moved.iter().rev().find(|(_, id, _)| *id == peer).map(|(.., to)| *to)
    }
}
