//! A room as one shard sees it: who of it is here, which tracks it has, who sees which.

use std::collections::HashMap;
use std::sync::Arc;

use crate::codec::MediaKind;
use crate::ids::{PeerId, ShardIndex, TrackId};
use crate::tap::Tap;
use crate::time::Time;
use crate::track::{Origin, Track};

/// Where a peer is kept in its shard.
pub type Place = usize;

#[derive(Debug)]
pub struct Room {
    /// The name under which the outside knows it.
    pub key: Arc<str>,
    pub peers: Vec<Place>,
    pub tracks: HashMap<TrackId, Track>,
    layout: Layout,
    /// Shards, besides this one, with peers of the room.
    elsewhere: Vec<ShardIndex>,
    pub tell_watched_at: Time,
    pub taps: Vec<Tap>,
}

/// Which track each slot carries, per kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    pub audio: Vec<Option<TrackId>>,
    pub video: Vec<Option<TrackId>>,
}

impl Layout {
    #[must_use]
    pub fn of(&self, kind: MediaKind) -> &[Option<TrackId>] {
        match kind {
            MediaKind::Audio => &self.audio,
            MediaKind::Video => &self.video,
        }
    }
}

impl Room {
    #[must_use]
    pub fn new(key: Arc<str>) -> Room {
        Room {
            key,
            peers: Vec::new(),
            tracks: HashMap::new(),
            layout: Layout::default(),
            elsewhere: Vec::new(),
            tell_watched_at: Time::default(),
            taps: Vec::new(),
        }
    }

    /// Replaces the layout; returns the slots whose track changed.
    pub fn set_layout(&mut self, layout: Layout) -> Vec<(MediaKind, usize)> {
        let before = std::mem::replace(&mut self.layout, layout);
        let mut changed = Vec::new();
        for kind in [MediaKind::Audio, MediaKind::Video] {
            let (old, new) = (before.of(kind), self.layout.of(kind));
            let most = old.len().max(new.len());
            let track = |of: &[Option<TrackId>], slot: usize| of.get(slot).copied().flatten();
            changed.extend(
                (0..most).filter(|slot| track(old, *slot) != track(new, *slot)).map(|slot| (kind, slot)),
            );
        }
        changed
    }

    /// Some track comes in more than one layer.
    #[must_use]
    pub fn has_layers(&self) -> bool {
        self.tracks.values().any(|track| track.ladder.has_choice())
    }

    /// Some slot carries `track`.
    #[must_use]
    pub fn carries(&self, track: &Track) -> bool {
        self.layout.of(track.kind).contains(&Some(track.id))
    }

    /// That slot carries `track`, which several may do.
    #[must_use]
    pub fn carries_in(&self, slot: usize, track: &Track) -> bool {
        self.layout.of(track.kind).get(slot) == Some(&Some(track.id))
    }

    /// The track of a slot, for everyone but its publisher.
    #[must_use]
    pub fn carried(&self, kind: MediaKind, slot: usize, viewer: PeerId) -> Option<&Track> {
        let id = self.layout.of(kind).get(slot).copied().flatten()?;
        self.tracks.get(&id).filter(|track| track.kind == kind && track.origin != Origin::Published(viewer))
    }

    pub fn set_elsewhere(&mut self, shard: ShardIndex, present: bool) {
        self.elsewhere.retain(|other| *other != shard);
        if present {
            self.elsewhere.push(shard);
        }
    }

    #[must_use]
    pub fn elsewhere(&self) -> &[ShardIndex] {
        &self.elsewhere
    }
}
