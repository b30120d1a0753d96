//! Layers across a shard: each viewer's choice is made here, and what of each track is watched told to its home.

use std::collections::HashMap;
use std::time::Duration;

use crate::codec::MediaKind;
use crate::ids::{PeerId, RoomId, ShardIndex, TrackId};
use crate::ladder::Rung;
use crate::layers::Wish;
use crate::message::Message;
use crate::peer::Peer;
use crate::room::Room;
use crate::shard::Shard;
use crate::time::Time;
use crate::track::{Origin, Track};

const TELL_EVERY: Duration = Duration::from_millis(500);
/// What a voice takes with its headers.
const SOUND_BPS: u64 = 64_000;

/// Chooses layers for a viewer's slots. Slots come in the order of what is on stage first.
pub(crate) fn steer(peer: &mut Peer, room: &Room, now: Time) {
    let id = peer.id;
    let sounds = peer.slots.iter().filter(|slot| slot.kind == MediaKind::Audio && slot.is_flowing(now));
    let sound_bps = SOUND_BPS * sounds.count() as u64;
    let mut slots: Vec<_> = peer.slots.iter_mut().filter(|slot| slot.kind == MediaKind::Video).collect();
    slots.sort_by_key(|slot| slot.index);
    let rungs: Vec<Vec<Rung>> = slots
        .iter()
        .map(|slot| {
            room.carried(slot.kind, slot.index, id).map(|track| track.ladder.rungs()).unwrap_or_default()
        })
        .collect();
    let wishes: Vec<_> = slots
        .iter()
        .zip(&rungs)
        .map(|(slot, rungs)| Wish { rungs, shown: slot.shown(), now: slot.chosen() })
        .collect();
    let (bytes, congestion) = (peer.counters.bytes_out, &mut peer.congestion);
    let choices = peer.steering.steer(now, bytes, sound_bps, congestion, &wishes);
    let is_broken = peer.steering.is_broken();
    for (slot, choice) in slots.into_iter().zip(choices) {
        if is_broken && slot.chosen() != choice {
            slot.interrupt();
        }
        slot.choose(choice);
    }
}

/// The layers of `track` that a viewer watches or waits for, as bits.
fn watched(peer: &Peer, room: &Room, track: &Track) -> u8 {
    let slots = peer.slots.iter().filter(|slot| slot.kind == MediaKind::Video && slot.shown() > 0);
    let carrying = slots.filter(|slot| {
        room.carried(slot.kind, slot.index, peer.id).is_some_and(|carried| carried.id == track.id)
    });
    carrying.fold(0, |layers, slot| {
        let sent = slot.carried(track.id).and_then(|encoding| track.encoding(encoding));
        let sent = sent.map_or(0, |encoding| 1 << encoding.layer);
        layers | sent | slot.chosen().map_or(0, |choice| 1 << choice.layer)
    })
}

/// The layer that a tap watches, as bits: the best.
fn tapped(room: &Room, track: &Track) -> u8 {
    let best = track.ladder.rungs().last().map_or(0, |rung| 1 << rung.layer);
    if room.taps.is_empty() { 0 } else { best }
}

impl Shard {
    /// Tells the homes of the room's tracks which layers are watched here, every now and then.
    pub(crate) fn tell_watched(&mut self, now: Time, room: RoomId) {
        let Some(found) = self.rooms.get_mut(&room) else { return };
        if now < found.tell_watched_at || !found.has_layers() {
            return;
        }
        found.tell_watched_at = now.plus(TELL_EVERY);
        let changed = self.watched_here(room);
        for (track, layers) in changed {
            let Some(found) = self.rooms.get_mut(&room).and_then(|room| room.tracks.get_mut(&track)) else {
                continue;
            };
            found.watched = Some(layers);
            let Origin::Published(publisher) = found.origin else { continue };
            let (home, shard) = (found.home, self.index);
            if home == shard {
                self.layers_watched(now, publisher, track, shard, layers);
            } else {
                self.outbox.push((home, Message::LayersWatched { publisher, track, shard, layers }));
            }
        }
    }

    /// What has changed since it was told.
    fn watched_here(&self, room: RoomId) -> HashMap<TrackId, u8> {
        let Some(found) = self.rooms.get(&room) else { return HashMap::new() };
        let peers = || found.peers.iter().filter_map(|place| self.peers[*place].as_deref());
        let tracks = found.tracks.values().filter(|track| track.ladder.has_choice());
        let layers = tracks.map(|track| {
            // The lowest always comes in at home: whoever begins to watch has a picture soon.
            let lowest = track.ladder.rungs().first().map_or(0, |rung| 1 << rung.layer);
            let kept = if track.home == self.index { lowest | tapped(found, track) } else { 0 };
            let layers = peers().fold(kept, |layers, peer| layers | watched(peer, found, track));
            (track, layers)
        });
        let changed = layers.filter(|(track, layers)| track.watched != Some(*layers));
        changed.map(|(track, layers)| (track.id, layers)).collect()
    }

    /// Takes note at home.
    pub(crate) fn layers_watched(
        &mut self,
        now: Time,
        publisher: PeerId,
        track: TrackId,
        shard: ShardIndex,
        layers: u8,
    ) {
        let Some(place) = self.places.get(&publisher) else { return };
        let Some(peer) = self.peers[*place].as_mut() else { return };
        for publication in peer.publications.iter_mut().filter(|one| one.track == track) {
            publication.watched(shard, layers);
        }
        self.peer_changed(now, publisher);
    }

    /// A shard has lost its last peer of the room.
    pub(crate) fn nobody_watches_at(&mut self, now: Time, room: RoomId, shard: ShardIndex) {
        let Some(found) = self.rooms.get(&room) else { return };
        let mut publishers = Vec::new();
        for place in &found.peers {
            let Some(peer) = self.peers[*place].as_mut() else { continue };
            for publication in &mut peer.publications {
                publication.unwatched(shard);
                publishers.push(peer.id);
            }
        }
        for publisher in publishers {
            self.peer_changed(now, publisher);
        }
    }
}
