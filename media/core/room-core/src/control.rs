//! Commands from the outside and messages between shards, one function each.

use std::sync::Arc;

use crate::codec::MediaKind;
use crate::ice::Credentials;
use crate::ids::{PeerId, RoomId, ShardIndex, SourceId, TrackId};
use crate::message::{Command, Message, Route};
use crate::packet::Packet;
use crate::params::PeerParams;
use crate::peer::{Gone, Peer};
use crate::room::{Layout, Room};
use crate::shard::Shard;
use crate::source::Source;
use crate::time::Time;
use crate::track::{Origin, Track};

/// Whose fault it is if a command cannot be carried out.
fn room_of_command(shard: &Shard, command: &Command) -> Option<RoomId> {
    match command {
        Command::AddRoom { room, .. }
        | Command::CloseRoom { room }
        | Command::AddPeer { room, .. }
        | Command::AddSource { room, .. }
        | Command::AddTap { room, .. }
        | Command::SetLayout { room, .. } => Some(*room),
        Command::RemovePeer { peer } | Command::RestartIce { peer, .. } | Command::SetView { peer, .. } => {
            room_of_peer(shard, *peer)
        }
        Command::WriteFrame { source, .. }
        | Command::FlushSource { source }
        | Command::HoldSource { source, .. }
        | Command::RemoveSource { source } => shard.sources.get(source).map(|source| source.room),
        Command::RemoveTap { .. }
        | Command::Mute { .. }
        | Command::Unmute { .. }
        | Command::SetDeadline { .. } => None,
    }
}

fn room_of_message(shard: &Shard, message: &Message) -> Option<RoomId> {
    match message {
        Message::Media(room, _)
        | Message::Groups(room, _)
        | Message::Presence { room, .. }
        | Message::TrackAdded { room, .. }
        | Message::TrackRemoved { room, .. }
        | Message::GroupsForgotten { room, .. }
        | Message::RoomFailed { room } => Some(*room),
        Message::KeyframeWanted { publisher, .. } | Message::LayersWatched { publisher, .. } => {
            room_of_peer(shard, *publisher)
        }
        Message::Ended { address } => {
            let peer = shard.addresses.get(address).and_then(|place| shard.peers[*place].as_ref());
            peer.map(|peer| peer.room)
        }
        Message::Moved { peer, .. } => Some(peer.room),
        Message::Command(_) | Message::Datagram { .. } => None,
    }
}

fn room_of_peer(shard: &Shard, peer: PeerId) -> Option<RoomId> {
    let place = shard.places.get(&peer)?;
    shard.peers[*place].as_ref().map(|peer| peer.room)
}

pub(crate) fn command(shard: &mut Shard, now: Time, command: Command) {
    if let Some(room) = room_of_command(shard, &command) {
        shard.begin(room);
    }
    match command {
        Command::AddRoom { room, key } => {
            shard.rooms.entry(room).or_insert_with(|| Room::new(key));
        }
        Command::CloseRoom { room } => shard.close_room(room),
        Command::AddPeer { peer, room, params, tracks } => shard.new_peer(now, peer, room, *params, &tracks),
        Command::RemovePeer { peer } => shard.drop_peer(peer),
        Command::RestartIce { peer, credentials } => shard.restart_ice(peer, credentials),
        Command::AddSource { source, room, audio, video } => shard.new_source(source, room, audio, video),
        Command::WriteFrame { source, frame } => {
            if let Some(found) = shard.sources.get_mut(&source) {
                found.write(now, frame);
                shard.source_changed(now, source);
            }
        }
        Command::FlushSource { source } => shard.flush_source(source),
        Command::HoldSource { source, until } => {
            if let Some(found) = shard.sources.get_mut(&source) {
                found.hold(until);
                shard.source_changed(now, source);
            }
        }
        Command::RemoveSource { source } => shard.remove_source(source),
        Command::AddTap { tap, room } => shard.add_tap(tap, room),
        Command::RemoveTap { tap } => shard.remove_tap(tap),
        Command::SetLayout { room, layout } => shard.set_layout(now, room, layout),
        Command::Mute { track } => shard.mute(track),
        Command::Unmute { track } => shard.unmute(now, track),
        Command::SetView { peer, slot, max_height } => shard.set_view(now, peer, slot, max_height),
        Command::SetDeadline { deadline } => shard.deadline = deadline,
    }
}

pub(crate) fn message(shard: &mut Shard, now: Time, message: Message) {
    if let Some(room) = room_of_message(shard, &message) {
        shard.begin(room);
    }
    match message {
        Message::Media(room, packets) => shard.receive_media(now, room, packets),
        Message::Groups(room, packets) => shard.receive_groups(now, room, packets),
        Message::Presence { room, shard: other, present } => shard.presence(now, room, other, present),
        Message::TrackAdded { room, track, kind, origin, home, layers } => {
            if let Some(room) = shard.rooms.get_mut(&room) {
                room.tracks.insert(track, Track::new(track, kind, origin, home, layers));
            }
        }
        Message::TrackRemoved { room, track } => shard.forget_track(room, track),
        Message::GroupsForgotten { room, tracks } => shard.forget_groups(room, tracks),
        Message::KeyframeWanted { publisher, track, layer } => {
            shard.ask_publisher(now, publisher, track, layer);
        }
        Message::LayersWatched { publisher, track, shard: other, layers } => {
            shard.layers_watched(now, publisher, track, other, layers);
        }
        Message::Ended { address } => shard.lose_address(address),
        Message::Command(command) => shard.command(now, command),
        Message::RoomFailed { room } => shard.close_room(room),
        Message::Datagram { .. } | Message::Moved { .. } => {}
    }
}

impl Shard {
    pub(crate) fn close_room(&mut self, room: RoomId) {
        let peers = self.rooms.get(&room).map(|found| found.peers.clone()).unwrap_or_default();
        for place in peers {
            self.remove_peer(place, Gone::RoomClosed);
        }
        self.sources.retain(|_, source| source.room != room);
        self.close_taps(room);
        self.frames.forget_room(room);
        self.fan_out.forget_room(room);
        self.rooms.remove(&room);
    }

    fn new_peer(&mut self, now: Time, id: PeerId, room: RoomId, params: PeerParams, tracks: &[TrackId]) {
        let peer = Peer::new(id, room, params, tracks, &self.setup.identity, self.setup.anchor, now);
        self.welcome(now, Box::new(peer));
    }

    pub(crate) fn add_track(
        &mut self,
        room: RoomId,
        track: TrackId,
        kind: MediaKind,
        origin: Origin,
        layers: u8,
    ) {
        let home = self.index;
        if let Some(found) = self.rooms.get_mut(&room) {
            found.tracks.insert(track, Track::new(track, kind, origin, home, layers));
        }
        self.tell_others(|| Message::TrackAdded { room, track, kind, origin, home, layers });
    }

    pub(crate) fn remove_track(&mut self, room: RoomId, track: TrackId) {
        self.forget_track(room, track);
        self.tell_others(|| Message::TrackRemoved { room, track });
    }

    fn forget_track(&mut self, room: RoomId, track: TrackId) {
        self.end_taps(room, track);
        if let Some(found) = self.rooms.get_mut(&room) {
            found.tracks.remove(&track);
        }
    }

    fn drop_peer(&mut self, peer: PeerId) {
        if let Some(place) = self.places.get(&peer).copied() {
            self.remove_peer(place, Gone::Closed);
        } else if let Some(to) = self.moved_to(peer) {
            self.outbox.push((to, Message::Command(Command::RemovePeer { peer })));
        }
    }

    fn restart_ice(&mut self, id: PeerId, credentials: Credentials) {
        let Some(place) = self.places.get(&id).copied() else {
            if let Some(to) = self.moved_to(id) {
                let command = Command::RestartIce { peer: id, credentials };
                self.outbox.push((to, Message::Command(command)));
            }
            return;
        };
        let Some(peer) = self.peers[place].as_mut() else { return };
        self.ufrags.insert(credentials.local_ufrag.clone(), place);
        self.routes.push(Route::Ufrag(credentials.local_ufrag.clone(), self.index));
        if let Some(ufrag) = peer.ice.restart(credentials) {
            self.forget_ufrag(ufrag);
        }
    }

    fn new_source(&mut self, id: SourceId, room: RoomId, audio: TrackId, video: TrackId) {
        if self.rooms.contains_key(&room) {
            self.sources.insert(id, Source::new(room, audio, video));
            self.add_track(room, audio, MediaKind::Audio, Origin::Injected, 1);
            self.add_track(room, video, MediaKind::Video, Origin::Injected, 1);
        }
    }

    fn flush_source(&mut self, id: SourceId) {
        let Some(source) = self.sources.get_mut(&id) else { return };
        source.flush();
        let (room, tracks) = (source.room, [source.audio, source.video]);
        self.forget_groups(room, tracks);
        self.tell_others(|| Message::GroupsForgotten { room, tracks });
    }

    fn forget_groups(&mut self, room: RoomId, tracks: [TrackId; 2]) {
        let Some(found) = self.rooms.get_mut(&room) else { return };
        for track in tracks {
            if let Some(track) = found.tracks.get_mut(&track) {
                track.forget_groups();
            }
        }
    }

    fn remove_source(&mut self, id: SourceId) {
        if let Some(source) = self.sources.remove(&id) {
            self.remove_track(source.room, source.audio);
            self.remove_track(source.room, source.video);
        }
    }

    fn set_layout(&mut self, now: Time, room: RoomId, layout: Layout) {
        let Some(found) = self.rooms.get_mut(&room) else { return };
        #[cfg(test)]
        crate::trap::step(crate::trap::Site::Layout, room.0);
        let changed = found.set_layout(layout);
        for place in found.peers.clone() {
            let Some(peer) = self.peers[place].as_mut() else { continue };
            let mut is_touched = false;
            for (kind, index) in &changed {
                if let Some(slot) = peer.slot(*kind, *index) {
                    slot.change_hands();
                    is_touched = true;
                }
            }
            if !is_touched {
                continue;
            }
            peer.steering.hurry();
            if peer.is_connected() {
                self.join_slots(now, place);
            }
        }
    }

    fn mute(&mut self, track: TrackId) {
        self.mute_taps(track);
        for source in self.sources.values_mut() {
            source.mute(track);
        }
        for peer in self.peers.iter_mut().flatten() {
            for publication in peer.publications.iter_mut().filter(|one| one.track == track) {
                publication.mute();
            }
        }
    }

    fn unmute(&mut self, now: Time, track: TrackId) {
        for source in self.sources.values_mut() {
            source.unmute(track);
        }
        let mut changed = Vec::new();
        for peer in self.peers.iter_mut().flatten() {
            for publication in peer.publications.iter_mut().filter(|one| one.track == track) {
                publication.unmute(now);
                changed.push(peer.id);
            }
        }
        for peer in changed {
            self.peer_changed(now, peer);
        }
    }

    fn set_view(&mut self, now: Time, id: PeerId, slot: usize, max_height: u32) {
        let Some(place) = self.places.get(&id).copied() else {
            if let Some(to) = self.moved_to(id) {
                let command = Command::SetView { peer: id, slot, max_height };
                self.outbox.push((to, Message::Command(command)));
            }
            return;
        };
        let Some(peer) = self.peers[place].as_mut() else { return };
        let is_connected = peer.is_connected();
        let Some(slot) = peer.slot(MediaKind::Video, slot) else { return };
        slot.show(max_height);
        peer.steering.hurry();
        if is_connected {
            self.join_slots(now, place);
        }
    }

    /// Another shard has got its first peer of the room, or lost its last.
    fn presence(&mut self, now: Time, room: RoomId, other: ShardIndex, present: bool) {
        let Some(found) = self.rooms.get_mut(&room) else { return };
        found.set_elsewhere(other, present);
        if !present {
            self.nobody_watches_at(now, room, other);
            return;
        }
        let here = self.index;
        let tracks = found.tracks.values().filter(|track| track.home == here && track.is_injected());
        let groups: Vec<Arc<Packet>> = tracks
            .flat_map(|track| &track.encodings)
            .flat_map(|encoding| encoding.history.current_group())
            .collect();
        if !groups.is_empty() {
            self.outbox.push((other, Message::Groups(room, groups)));
        }
    }

    fn receive_groups(&mut self, now: Time, room: RoomId, packets: Vec<Arc<Packet>>) {
        let Some(found) = self.rooms.get_mut(&room) else { return };
        for packet in packets {
            if let Some(track) = found.tracks.get_mut(&packet.track) {
                track.remember(now, &packet);
            }
        }
        for place in found.peers.clone() {
            if self.peers[place].as_ref().is_some_and(|peer| peer.is_connected()) {
                self.join_slots(now, place);
            }
        }
    }
}
