//! From one packet to every viewer: jobs, done in slices so that audio passes a frame's fan-out.
//!
//! A job is a frame, or what there is of it. Viewers are the outer loop and packets the inner, so that what one viewer
//! gets lies side by side and leaves in one call. Jobs that wait too
//! long, because the shard gets no time, are given up: their viewers go on at the newest keyframe.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::codec::MediaKind;
use crate::demand::steer;
use crate::ids::{PeerId, RoomId, TrackId};
use crate::limits::TOO_LATE;
use crate::message::Message;
use crate::packet::Packet;
use crate::room::Place;
use crate::shard::Shard;
use crate::slot::{Need, Slot};
use crate::time::Time;
use crate::track::Origin;

/// Datagrams after which a slice ends, and the socket takes what there is.
pub(crate) const SLICE: usize = 128;

/// Packets of one track and encoding, on their way to everyone in the room.
#[derive(Debug)]
struct Job {
    room: RoomId,
    /// When the first packet came.
    since: Time,
    packets: Vec<Arc<Packet>>,
    /// The viewer, in the room's order, who is next.
    next: usize,
}

impl Job {
    /// Whether the packet leaves side by side with the job's own: it is of the same frame, and nobody had that yet.
    fn takes(&self, room: RoomId, packet: &Packet) -> bool {
        let name = |packet: &Packet| (packet.track, packet.encoding, packet.timestamp);
        let same = self.packets.last().is_some_and(|last| name(last) == name(packet));
        same && self.room == room && self.next == 0
    }
}

#[derive(Debug, Default)]
pub(crate) struct FanOut {
    audio: VecDeque<Job>,
    video: VecDeque<Job>,
}

impl FanOut {
    fn push(&mut self, now: Time, room: RoomId, packets: Vec<Arc<Packet>>) {
        for packet in packets {
            let is_audio = packet.codec.kind() == MediaKind::Audio;
            let queue = if is_audio { &mut self.audio } else { &mut self.video };
            match queue.back_mut() {
                Some(last) if last.takes(room, &packet) => last.packets.push(packet),
                _ => queue.push_back(Job { room, since: now, packets: vec![packet], next: 0 }),
            }
        }
    }

    fn take(&mut self) -> Option<Job> {
        self.audio.pop_front().or_else(|| self.video.pop_front())
    }

    fn put_back(&mut self, job: Job) {
        let is_audio = job.packets.first().is_some_and(|packet| packet.codec.kind() == MediaKind::Audio);
        if is_audio { self.audio.push_front(job) } else { self.video.push_front(job) }
    }

    /// Of one room.
    fn give_up(&mut self, now: Time) -> Option<Gaps> {
        [&mut self.audio, &mut self.video].into_iter().find_map(|queue| give_up(queue, now))
    }

    /// The peer at `at` in the room's order left: those behind it moved up.
    pub(crate) fn peer_left(&mut self, room: RoomId, at: usize) {
        let jobs = self.audio.iter_mut().chain(&mut self.video);
        for job in jobs.filter(|job| job.room == room && job.next > at) {
            job.next -= 1;
        }
    }

    pub(crate) fn forget_room(&mut self, room: RoomId) {
        self.audio.retain(|job| job.room != room);
        self.video.retain(|job| job.room != room);
    }

    pub(crate) fn clear(&mut self) {
        self.audio.clear();
        self.video.clear();
    }
}

/// What tops a packet up to the length of its frame's longest: segmentation cuts a batch into equal pieces, and only the
/// last may be shorter. Encoders cut a frame into pieces that differ by a byte; more is not worth the bytes.
pub(crate) fn padding(length: usize, longest: usize, is_last: bool) -> &'static [u8] {
    if !is_last && length + 1 == longest { &[1] } else { &[] }
}

/// Packets of one encoding were given up.
#[derive(Debug, Default)]
struct Gap {
    /// Whether a decoder could have started at one of them, or can at one that is kept.
    began: bool,
    /// The start with which it goes on.
    start: Option<u64>,
}

type Gaps = (RoomId, HashMap<(TrackId, u32), Gap>);

/// Takes what waits too long out of a queue, and per encoding what follows until its next start. A job that has been
/// begun is brought to its end first, or the last viewers of a large room would never get anything.
fn give_up(jobs: &mut VecDeque<Job>, now: Time) -> Option<Gaps> {
    let is_late = |job: &Job| now.since(job.since) > TOO_LATE;
    let room = jobs.front().filter(|job| job.next == 0 && is_late(job))?.room;
    let mut gaps: HashMap<(TrackId, u32), Gap> = HashMap::new();
    for job in jobs.iter().filter(|job| job.room == room) {
        for packet in &job.packets {
            let gap = gaps.entry((packet.track, packet.encoding)).or_default();
            gap.began |= packet.starts;
            if packet.starts && !is_late(job) {
                gap.start.get_or_insert(packet.sequence);
            }
        }
    }
    for job in jobs.iter_mut().filter(|job| job.room == room) {
        job.packets.retain(|packet| {
            gaps[&(packet.track, packet.encoding)].start.is_some_and(|start| packet.sequence >= start)
        });
    }
    jobs.retain(|job| !job.packets.is_empty());
    Some((room, gaps))
}

fn tracks_of(packets: &[Arc<Packet>]) -> Vec<TrackId> {
    let mut tracks: Vec<TrackId> = packets.iter().map(|packet| packet.track).collect();
    tracks.dedup();
    tracks
}

impl Shard {
    /// Viewers of what was given up go on at its start, or at the next one.
    fn skip(&mut self, now: Time, room: RoomId, track: TrackId, encoding: u32, gap: &Gap) {
        let Some(found) = self.rooms.get(&room) else { return };
        let Some(skipped) = found.tracks.get(&track) else { return };
        let layer = skipped.encoding(encoding).map_or(0, |encoding| encoding.layer);
        for place in &found.peers {
            let Some(peer) = self.peers[*place].as_mut() else { continue };
            for slot in &mut peer.slots {
                slot.skip(now, skipped, encoding, gap.began);
            }
            self.fan_out_woke.push(peer.id);
        }
        for peer in std::mem::take(&mut self.fan_out_woke) {
            self.peer_changed(now, peer);
        }
        if gap.start.is_none() {
            self.want_keyframe(now, room, track, layer);
        }
    }

    fn media_may_flow(&self, now: Time) -> bool {
        self.deadline.is_none_or(|deadline| now < deadline)
    }

    /// Passes frames on that are whole, or have waited long enough.
    pub(crate) fn publish_frames(&mut self, now: Time) {
        while let Some((room, packets)) = self.frames.next_ready(now) {
            self.publish(now, room, packets);
        }
    }

    /// Packets that come in here: for the viewers here and, by reference, for those of other shards.
    pub(crate) fn publish(&mut self, now: Time, room: RoomId, packets: Vec<Arc<Packet>>) {
        self.begin(room);
        let Some(found) = self.rooms.get(&room) else { return };
        if packets.is_empty() {
            return;
        }
        for shard in found.elsewhere() {
            self.outbox.push((*shard, Message::Media(room, packets.clone())));
        }
        self.receive_media(now, room, packets);
    }

    /// Keeps the packets and queues them for this shard's viewers.
    pub(crate) fn receive_media(&mut self, now: Time, room: RoomId, packets: Vec<Arc<Packet>>) {
        self.begin(room);
        #[cfg(test)]
        crate::trap::step(crate::trap::Site::Publishing, room.0);
        let Some(found) = self.rooms.get_mut(&room) else { return };
        let mut wanted = Vec::with_capacity(packets.len());
        let tapped = if found.taps.is_empty() { Vec::new() } else { tracks_of(&packets) };
        for packet in packets {
            let Some(track) = found.tracks.get_mut(&packet.track) else { continue };
            let is_new = track.remember(now, &packet);
            if is_new && !found.peers.is_empty() && found.carries(&found.tracks[&packet.track]) {
                wanted.push(packet);
            }
        }
        self.fan_out.push(now, room, wanted);
        self.read_taps(now, room, &tapped);
        self.tell_watched(now, room);
    }

    /// Fills `transmit` with a slice of what is to be sent. Returns whether there is more.
    pub fn produce(&mut self, now: Time) -> bool {
        if !self.media_may_flow(now) {
            self.fan_out.clear();
            return false;
        }
        while self.transmit.len() < SLICE {
            // Before each: behind one that was begun may lie those that are too late.
            while let Some((room, gaps)) = self.fan_out.give_up(now) {
                self.begin(room);
                for ((track, encoding), gap) in gaps {
                    self.skip(now, room, track, encoding, &gap);
                }
            }
            let Some(mut job) = self.fan_out.take() else { return false };
            self.begin(job.room);
            if self.serve(now, &mut job) {
                self.fan_out.put_back(job);
            }
        }
        true
    }

    /// Serves viewers until the slice is full. Returns whether some are left.
    fn serve(&mut self, now: Time, job: &mut Job) -> bool {
        let Some(room) = self.rooms.get(&job.room) else { return false };
        let track = job.packets.first().and_then(|packet| room.tracks.get(&packet.track));
        let Some(track) = track.filter(|track| room.carries(track)) else { return false };
        let longest = job.packets.iter().map(|packet| packet.payload.len()).max().unwrap_or_default();
        let mut need = None;
        let has_layers = room.has_layers();
        while let Some(place) = room.peers.get(job.next) {
            if self.transmit.len() >= SLICE {
                break;
            }
            job.next += 1;
            let Some(peer) = self.peers[*place].as_mut().filter(|peer| !track.is_published_by(peer.id))
            else {
                continue;
            };
            let viewer = peer.id;
            if has_layers && peer.steering.is_due(now) {
                steer(peer, room, now);
            }
            let carrying = peer.slots_named(|kind, at| kind == track.kind && room.carries_in(at, track));
            let Some((mut link, slots)) = peer.link(now, &self.setup.anchor, &mut self.transmit) else {
                continue;
            };
            for (_, slot) in slots.iter_mut().enumerate().filter(|(at, _)| carrying & 1 << at != 0) {
                let before = slot.wake();
                for (n, packet) in job.packets.iter().enumerate() {
                    let is_last = n + 1 == job.packets.len();
                    let padding = padding(packet.payload.len(), longest, is_last);
                    if let Need::Keyframe(layer) = slot.live(packet, padding, track, &mut link) {
                        need = Some(layer);
                    }
                }
                if let Some(last) = job.packets.last() {
                    slot.report_due(last, &mut link);
                }
                if slot.wake() != before {
                    self.fan_out_woke.push(viewer);
                }
            }
        }
        let more = job.next < room.peers.len();
        let track = track.id;
        if let Some(layer) = need {
            self.want_keyframe(now, job.room, track, layer);
        }
        for peer in std::mem::take(&mut self.fan_out_woke) {
            self.peer_changed(now, peer);
        }
        more
    }

    /// Joins every slot of a peer to what it carries.
    pub(crate) fn join_slots(&mut self, now: Time, place: Place) {
        let Some(peer) = self.peers[place].as_mut() else { return };
        let Some(room) = self.rooms.get(&peer.room) else { return };
        let (id, room_id) = (peer.id, peer.room);
        let mut needs = Vec::new();
        if room.has_layers() {
            steer(peer, room, now);
        }
        for slot in &mut peer.slots {
            let Some(track) = room.carried(slot.kind, slot.index, id) else { continue };
            if let Need::Keyframe(layer) = slot.join(now, track) {
                needs.push((track.id, layer));
            }
        }
        for (track, layer) in needs {
            self.want_keyframe(now, room_id, track, layer);
        }
        self.peer_changed(now, id);
    }

    pub(crate) fn refresh_slot(&mut self, now: Time, place: Place, slot: usize) {
        let Some(peer) = self.peers[place].as_mut() else { return };
        let Some(room) = self.rooms.get(&peer.room) else { return };
        let (id, room_id) = (peer.id, peer.room);
        let slot = &mut peer.slots[slot];
        let Some(track) = room.carried(slot.kind, slot.index, id) else { return };
        let track_id = track.id;
        if let Need::Keyframe(layer) = slot.refresh(now, track) {
            self.want_keyframe(now, room_id, track_id, layer);
        }
    }

    pub(crate) fn repair_slot(&mut self, now: Time, place: Place, slot: usize, lost: &[u16]) {
        if !self.media_may_flow(now) {
            return;
        }
        let Some(peer) = self.peers[place].as_mut() else { return };
        let Some(room) = self.rooms.get(&peer.room) else { return };
        let round_trip = peer.round_trip.unwrap_or_default();
        let Some((mut link, slots)) = peer.link(now, &self.setup.anchor, &mut self.transmit) else { return };
        slots[slot].repair(lost, round_trip, |track| room.tracks.get(&track), &mut link);
    }

    pub(crate) fn catch_up_slots(&mut self, now: Time, place: Place) {
        let Some(peer) = self.peers.get_mut(place).and_then(Option::as_mut) else { return };
        let Some(room) = self.rooms.get(&peer.room) else { return };
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            peer.slots.iter_mut().for_each(Slot::interrupt);
            return;
        }
        let (id, round_trip) = (peer.id, peer.round_trip.unwrap_or_default());
        let Some((mut link, slots)) = peer.link(now, &self.setup.anchor, &mut self.transmit) else { return };
        for slot in slots {
            slot.repair_pending(round_trip, |track| room.tracks.get(&track), &mut link);
            match room.carried(slot.kind, slot.index, id) {
                Some(track) => slot.catch_up(track, &mut link),
                None if slot.wake() <= now => slot.interrupt(),
                None => {}
            }
        }
    }

    /// Adds what a probe of the way to a viewer needs, from what the viewer was sent lately.
    pub(crate) fn probe(&mut self, now: Time, place: Place) {
        let may_flow = self.media_may_flow(now);
        let Some(peer) = self.peers.get_mut(place).and_then(Option::as_mut) else { return };
        let Some(room) = self.rooms.get(&peer.room) else { return };
        let mut missing = peer.congestion.padding(now);
        if missing == 0 {
            return;
        }
        let Some((mut link, slots)) = peer.link(now, &self.setup.anchor, &mut self.transmit) else { return };
        // Pictures come first: the probe goes on at its next step.
        if !link.pace.may(now) {
            return;
        }
        let mut sent = 0;
        for slot in slots.iter_mut().filter(|slot| may_flow && slot.kind == MediaKind::Video) {
            let added = slot.probe(missing, |track| room.tracks.get(&track), &mut link);
            sent += added;
            missing = missing.saturating_sub(added);
        }
        if sent == 0 {
            peer.congestion.stop_probing();
        }
    }

    /// Passes a request for a keyframe to where the track comes in.
    pub(crate) fn want_keyframe(&mut self, now: Time, room: RoomId, track: TrackId, layer: u8) {
        let Some(found) = self.rooms.get(&room).and_then(|room| room.tracks.get(&track)) else { return };
        let Origin::Published(publisher) = found.origin else { return };
        if found.home == self.index {
            self.ask_publisher(now, publisher, track, layer);
        } else {
            self.outbox.push((found.home, Message::KeyframeWanted { publisher, track, layer }));
        }
    }

    pub(crate) fn ask_publisher(&mut self, now: Time, publisher: PeerId, track: TrackId, layer: u8) {
        let Some(place) = self.places.get(&publisher) else { return };
        let Some(peer) = self.peers[*place].as_mut() else { return };
        for publication in peer.publications.iter_mut().filter(|one| one.track == track) {
            publication.want_keyframe(now, layer);
        }
        self.peer_changed(now, publisher);
    }
}
