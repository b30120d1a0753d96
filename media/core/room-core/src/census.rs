//! Counting everybody in a shard: one pass, no copy of anything but numbers.

use std::sync::Arc;

use crate::codec::MediaKind;
use crate::peer::Peer;
use crate::publication::Publication;
use crate::room::Room;
use crate::shard::Shard;
use crate::slot::Slot;
use crate::source::Source;
use crate::stats::{PeerStats, ShardStats, SlotStats, TrackStats};
use crate::time::Time;

impl Shard {
    /// Counts everything.
    #[must_use]
    pub fn stats(&self, now: Time) -> ShardStats {
        let mut stats = ShardStats { totals: self.gone, ..ShardStats::default() };
        stats.frames_refused = self.sources.values().map(Source::refused).sum();
        stats.unknown_datagrams = self.unknown_datagrams;
        stats.panics = self.panics;
        for peer in self.peers.iter().flatten() {
            stats.totals.add(&peer.counters);
            stats.peers.push(of_peer(now, peer, self.rooms.get(&peer.room)));
        }
        stats
    }
}

fn of_peer(now: Time, peer: &Peer, room: Option<&Room>) -> PeerStats {
    let slots = peer.slots.iter();
    PeerStats {
        peer: peer.id.0,
        room: room.map_or_else(|| Arc::from(""), |room| Arc::clone(&room.key)),
        connected: peer.is_connected(),
        rtt_ms: peer.round_trip.map(|span| span.as_secs_f64() * 1_000.0),
        estimate_bps: peer.congestion.last().map(|(bps, _)| bps),
        estimate_origin: peer.congestion.last().map(|(_, origin)| origin.name()),
        counters: peer.counters,
        tracks: peer.publications.iter().flat_map(of_publication).collect(),
        slots: slots.filter_map(|slot| of_slot(now, peer, slot, room)).collect(),
    }
}

fn of_publication(publication: &Publication) -> impl Iterator<Item = TrackStats> {
    let layers = publication.layers.iter().enumerate();
    layers.filter_map(|(index, layer)| {
        let (codec, jitter_ms) = layer.incoming()?;
        Some(TrackStats {
            track: publication.track,
            kind: publication.kind,
            layer: index as u8,
            codec,
            counts: layer.counts,
            lost: layer.lost(),
            jitter_ms,
            freezes: layer.freezes.count(),
            frozen_ms: layer.freezes.frozen().as_millis() as u64,
        })
    })
}

/// `None` for a slot that never carried anything.
fn of_slot(now: Time, peer: &Peer, slot: &Slot, room: Option<&Room>) -> Option<SlotStats> {
    let track = room.and_then(|room| room.carried(slot.kind, slot.index, peer.id));
    if track.is_none() && slot.counts.packets == 0 {
        return None;
    }
    let carried = track.and_then(|track| track.encoding(slot.carried(track.id)?).map(|found| (track, found)));
    let newest = track.and_then(|track| {
        track.encodings.iter().filter_map(|one| one.history.last()).map(|last| last.captured_unix_ns).max()
    });
    let clock_rate = if slot.kind == MediaKind::Audio { 48_000.0 } else { 90_000.0 };
    let is_shown = slot.kind == MediaKind::Video && slot.shown() > 0;
    Some(SlotStats {
        kind: slot.kind,
        slot: slot.index,
        track: carried.map(|(track, encoding)| (track.id, encoding.layer)),
        counts: slot.counts,
        jitter_ms: f64::from(slot.counts.jitter) * 1_000.0 / clock_rate,
        freezes: slot.freezes.count(),
        frozen_ms: slot.freezes.frozen().as_millis() as u64,
        is_frozen: is_shown && newest.is_some_and(|newest| slot.freezes.is_frozen(now, newest)),
    })
}
