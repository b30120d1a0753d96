//! Published frames handed out whole, for whoever records: encoded, each with its instant, never a packet.
//!
//! ```text
//!   WAITING ── a keyframe (sound: any packet) ──► READING ── frame by frame ──► handed out
//!      ▲                                            │
//!      └── a gap that nobody filled within PATIENCE, a mute, a full queue ──────┘  what comes next says so
//! ```
//!
//! A tap reads the histories that are kept for viewers anyway: it holds no packet back from anyone, copies none, and
//! waits for nothing that a viewer does not wait for. It counts as somebody who watches the best layer.
//!
//! Invariant: per track instants ascend, by a millisecond at least; a frame that misses a packet is not handed out,
//! and the first picture after one can be decoded alone.

mod reader;

use std::collections::HashMap;
use std::sync::Arc;

use crate::codec::Codec;
use crate::depacketise;
use crate::ids::{PeerId, RoomId, TapId, TrackId};
use crate::packet::Packet;
use crate::shard::Shard;
use crate::time::{Anchor, Time};
use crate::track::{Origin, Track};

use reader::{Around, Reader, ends};

/// What a tap hands out, in order per track.
#[derive(Clone, Debug)]
pub enum Tapped {
    Frame(TappedFrame),
    /// The track is silent by the server's hand; what comes after it is after a gap.
    Muted {
        track: TrackId,
    },
    /// The track is in a form that makes no frames here: VP9 in spatial layers. Nothing comes of it until it changes.
    Unreadable {
        track: TrackId,
    },
    /// Its publisher has left.
    Ended {
        track: TrackId,
    },
    /// The room is closed; each shard says so once.
    Closed,
}

impl Tapped {
    /// What it takes while it waits to be fetched, in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        if let Tapped::Frame(frame) = self { frame.len } else { 0 }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A whole frame: its payloads are shared with the viewers' histories, and written out once, by `write`.
#[derive(Clone, Debug)]
pub struct TappedFrame {
    pub track: TrackId,
    pub peer: PeerId,
    pub codec: Codec,
    pub layer: u8,
    /// When it was captured; one clock for all tracks of a peer.
    pub at: Time,
    /// The publisher has told its clock: its tracks are in step. Before, the instant is that of arrival.
    pub synced: bool,
    pub keyframe: bool,
    /// Something that came before it is missing.
    pub after_gap: bool,
    /// In bytes.
    pub len: usize,
    /// H.264 parameter sets that the publisher sent earlier only.
    parameters: Arc<[u8]>,
    packets: Vec<Arc<Packet>>,
}

impl TappedFrame {
    /// Writes the frame, `len` bytes, to the beginning of `out`.
    pub fn write(&self, out: &mut [u8]) {
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            if let Some(place) = out.get_mut(at..at + bytes.len()) {
                place.copy_from_slice(bytes);
            }
            at += bytes.len();
        };
        put(&self.parameters);
        // It has been done before: that is how `len` is known.
        let _ = depacketise::frame(self.codec, payloads(&self.packets), put);
    }

    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len];
        self.write(&mut bytes);
        bytes
    }

    fn captured_unix_ns(&self) -> i64 {
        self.packets.first().map_or(0, |packet| packet.captured_unix_ns)
    }

    fn timestamp(&self) -> (u32, u32) {
        self.packets.first().map_or((0, 0), |packet| (packet.encoding, packet.timestamp))
    }
}

fn payloads(packets: &[Arc<Packet>]) -> impl Iterator<Item = &[u8]> {
    packets.iter().map(|packet| &packet.payload[..])
}

/// Everything that peers publish in a room.
#[derive(Debug)]
pub struct Tap {
    pub id: TapId,
    readers: HashMap<TrackId, Reader>,
}

impl Tap {
    /// From now on: what came before is not handed out.
    pub(crate) fn new<'t>(id: TapId, tracks: impl Iterator<Item = &'t Track>) -> Tap {
        let reader = |track: &Track| (track.id, Reader::waiting(ends(track)));
        Tap { id, readers: tracks.map(reader).collect() }
    }

    /// Hands out what is whole by now; returns a layer whose keyframe is wanted.
    fn read(&mut self, now: Time, anchor: &Anchor, track: &Track, out: &mut Vec<Tapped>) -> Option<u8> {
        let Origin::Published(peer) = track.origin else { return None };
        let reader = self.readers.entry(track.id).or_insert_with(|| Reader::waiting(Vec::new()));
        let mut around = Around { now, anchor, peer, out };
        reader.read(track, &mut around)
    }

    fn mute(&mut self, track: &Track, out: &mut Vec<Tapped>) {
        if let Some(reader) = self.readers.get_mut(&track.id) {
            reader.let_go(out);
            reader.interrupt(ends(track));
            out.push(Tapped::Muted { track: track.id });
        }
    }

    fn end(&mut self, track: TrackId, out: &mut Vec<Tapped>) {
        if let Some(mut reader) = self.readers.remove(&track) {
            reader.let_go(out);
            out.push(Tapped::Ended { track });
        }
    }
}

impl Shard {
    /// Begins to hand out what is published in the room.
    pub(crate) fn add_tap(&mut self, id: TapId, room: RoomId) {
        let here = self.index;
        let Some(found) = self.rooms.get_mut(&room) else {
            self.tapped.push((id, Tapped::Closed));
            return;
        };
        let tracks = found.tracks.values().filter(|track| track.home == here && !track.is_injected());
        let tap = Tap::new(id, tracks);
        found.taps.push(tap);
        found.tell_watched_at = Time::default();
    }

    pub(crate) fn remove_tap(&mut self, id: TapId) {
        for room in self.rooms.values_mut() {
            room.taps.retain(|tap| tap.id != id);
        }
    }

    /// Reads what has come of these tracks.
    pub(crate) fn read_taps(&mut self, now: Time, room: RoomId, tracks: &[TrackId]) {
        let here = self.index;
        let Some(found) = self.rooms.get_mut(&room) else { return };
        let (mut out, mut needs) = (Vec::new(), Vec::new());
        for tap in &mut found.taps {
            for id in tracks {
                let Some(track) = found.tracks.get(id).filter(|track| track.home == here) else { continue };
                needs.extend(tap.read(now, &self.setup.anchor, track, &mut out).map(|layer| (*id, layer)));
            }
            self.tapped.extend(out.drain(..).map(|one| (tap.id, one)));
        }
        for (track, layer) in needs {
            self.want_keyframe(now, room, track, layer);
        }
    }

    /// What was handed out of a track found no room: it goes on at the next keyframe.
    pub fn tap_overflowed(&mut self, now: Time, id: TapId, track: TrackId) {
        for room in self.rooms.values_mut() {
            let Some(tap) = room.taps.iter_mut().find(|tap| tap.id == id) else { continue };
            if let (Some(reader), Some(track)) = (tap.readers.get_mut(&track), room.tracks.get(&track)) {
                reader.overflow(now, ends(track));
            }
        }
    }

    pub(crate) fn mute_taps(&mut self, track: TrackId) {
        for room in self.rooms.values_mut() {
            let Some(found) = room.tracks.get(&track) else { continue };
            for tap in &mut room.taps {
                let mut out = Vec::new();
                tap.mute(found, &mut out);
                self.tapped.extend(out.into_iter().map(|one| (tap.id, one)));
            }
        }
    }

    /// The track is over.
    pub(crate) fn end_taps(&mut self, room: RoomId, track: TrackId) {
        let Some(room) = self.rooms.get_mut(&room) else { return };
        for tap in &mut room.taps {
            let mut out = Vec::new();
            tap.end(track, &mut out);
            self.tapped.extend(out.into_iter().map(|one| (tap.id, one)));
        }
    }

    pub(crate) fn close_taps(&mut self, room: RoomId) {
        let taps = self.rooms.get_mut(&room).map(|room| std::mem::take(&mut room.taps)).unwrap_or_default();
        self.tapped.extend(taps.into_iter().map(|tap| (tap.id, Tapped::Closed)));
    }
}
