//! A fault in one room costs that room and nothing else, wherever it happens.

use std::time::Duration;

use super::*;
use crate::client::Received;
use crate::codec::MediaKind;
use crate::ids::{ShardIndex, TrackId};
use crate::peer::Gone;
use crate::report;
use crate::rtcp::Compound;
use crate::trap::{self, Site};
use crate::world::{ROOM, Sightings, World, picture, play};

const OTHER_ROOM: RoomId = RoomId(2);
const REOPENED: RoomId = RoomId(3);
const CAMERA: TrackId = TrackId(500);
const OTHER_CAMERA: TrackId = TrackId(501);

/// Two rooms in one engine: a camera and two viewers in each, and film in the first.
struct House {
    world: World,
    cameras: [usize; 2],
    viewers: [[usize; 2]; 2],
    pictures: u64,
}

impl House {
    fn new(shards: ShardIndex) -> House {
        report::keep();
        let mut world = World::new(shards);
        world.catches = true;
        world.watch = Some(media);
        let rooms = [(ROOM, "room", CAMERA), (OTHER_ROOM, "other", OTHER_CAMERA)];
        let joined = rooms.map(|(room, key, track)| {
            world.open_room(room, key);
            let members = (world.publisher(track), [world.viewer(), world.viewer()]);
            world.layout(&[], &[None, Some(track)]);
            members
        });
        world.run_ms(500);
        let (cameras, viewers) = (joined.map(|one| one.0), joined.map(|one| one.1));
        let mut house = House { world, cameras, viewers, pictures: 0 };
        house.film(10);
        house
    }

    /// Pictures of both cameras; everyone keeps in touch.
    fn film(&mut self, pictures: u64) {
        for _ in 0..pictures {
            let n = self.pictures;
            self.pictures += 1;
            for camera in self.cameras {
                // Picture ids, so that each viewer's copy is patched before it is sealed.
                let head = [0x90, 0x80, 0x80 | (n >> 8) as u8, n as u8];
                let payload = [&head[..], &picture(n.is_multiple_of(20), 400)].concat();
                let ssrc = 0xabc0 + camera as u32;
                let datagram =
                    self.world.clients[camera].rtp(96, 60_000 + n, n as u32 * 3_000, ssrc, &payload);
                self.world.send(camera, datagram);
            }
            for client in [self.cameras, self.viewers[0], self.viewers[1]].concat() {
                let check = self.world.clients[client].check();
                self.world.send(client, check);
                let report = self.world.clients[client].rtcp(&Compound::new().receiver_report(1, &[]));
                self.world.send(client, report);
            }
            self.world.run_ms(33);
        }
    }

    fn ask_for_keyframe(&mut self) {
        let viewer = self.viewers[0][0];
        let pli = Compound::new().pli(1, World::ssrc(viewer, MediaKind::Video, 1));
        let datagram = self.world.clients[viewer].rtcp(&pli);
        self.world.send(viewer, datagram);
    }

    fn seen(&self, viewer: usize) -> Vec<&Received> {
        let ssrc = World::ssrc(viewer, MediaKind::Video, 1);
        self.world.clients[viewer].media.iter().filter(|packet| packet.header.ssrc == ssrc).collect()
    }

    /// The other room's viewers have every picture, and nobody of it is gone.
    fn other_room_is_whole(&self) {
        for viewer in self.viewers[1] {
            let seen = self.seen(viewer);
            assert_eq!(seen.len() as u64, self.pictures, "viewer {viewer}");
            assert!(seen.windows(2).all(|two| two[1].index == two[0].index + 1));
        }
        let others = [self.cameras[1], self.viewers[1][0], self.viewers[1][1]];
        let lost = self.world.events.iter().any(
            |event| matches!(event, Event::PeerGone { peer, .. } if others.contains(&(peer.0 as usize))),
        );
        assert!(!lost, "{:?}", self.world.events);
    }

    fn failures(&self) -> Vec<(&str, &str)> {
        let failed = |event: &'_ Event| matches!(event, Event::RoomFailed { .. });
        let events = self.world.events.iter().filter(|event| failed(event));
        events
            .filter_map(|event| match event {
                Event::RoomFailed { room, report, .. } => Some((&**room, report.as_str())),
                _ => None,
            })
            .collect()
    }

    /// The room is gone with everyone in it, and its name can be used again.
    fn room_is_gone(&mut self, site: Site) {
        let failures = self.failures();
        assert_eq!(failures.len(), 1, "{site:?}: {failures:?}");
        let (room, report) = failures[0];
        assert_eq!(room, "room");
        assert!(report.contains(&format!("planted at {site:?}")) && report.contains("trap.rs"), "{report}");
        for client in [self.cameras[0], self.viewers[0][0], self.viewers[0][1]] {
            let gone = |event: &&Event| matches!(event, Event::PeerGone { peer, reason: Gone::RoomClosed, .. } if peer.0 == client as u64);
            assert_eq!(self.world.events.iter().filter(gone).count(), 1, "{site:?}: client {client}");
        }
        for shard in &self.world.shards {
            assert!(!shard.rooms.contains_key(&ROOM) && shard.sources.is_empty());
            assert!(shard.peers.iter().flatten().all(|peer| peer.room != ROOM));
            let here = shard.peers.iter().flatten().count();
            assert_eq!((shard.places.len(), shard.ufrags.len()), (here, here));
        }
        let panics: u64 = self.world.shards.iter().map(|shard| shard.stats(self.world.now).panics).sum();
        assert_eq!(panics, if site == Site::Closing { 2 } else { 1 });
    }

    fn room_opens_again(&mut self) {
        self.world.open_room(REOPENED, "room");
        let viewer = self.world.viewer();
        self.world.layout(&[], &[None, None]);
        self.world.run_ms(300);
        assert!(self.world.clients[viewer].is_connected());
    }
}

/// Counts datagrams of media by the client that they went to.
fn media(sightings: &mut Sightings, client: usize, bytes: &[u8]) {
    if demux::kind(bytes) == Kind::Rtp {
        sightings.entry((client, 0, 0)).or_default().push(0);
    }
}

#[test]
fn a_fault_ends_the_room_that_was_served_and_no_other() {
    let sites =
        [Site::Check, Site::Media, Site::Control, Site::Timer, Site::Source, Site::Publishing, Site::Layout];
    for site in sites {
        for shards in [1, 2] {
            let mut house = House::new(shards);
            trap::set(site, ROOM.0);
            house.world.room = ROOM;
            house.world.layout(&[None], &[None, Some(CAMERA)]);
            play(&mut house.world, 40);
            // So that something becomes due.
            house.ask_for_keyframe();
            house.film(40);
            assert_eq!(trap::left(), 0, "{site:?} was passed");
            house.room_is_gone(site);
            house.other_room_is_whole();
            house.room_opens_again();
        }
    }
}

/// The worst moment: a packet is written out and not encrypted yet.
#[test]
fn nothing_leaves_in_clear_when_encrypting_fails() {
    for shards in [1, 2] {
        let mut house = House::new(shards);
        trap::set(Site::Sealing, u64::from(World::ssrc(house.viewers[0][1], MediaKind::Video, 1)));
        // Film first, so that picture ids must be patched.
        house.world.room = ROOM;
        house.world.layout(&[], &[None, None]);
        house.world.layout(&[], &[None, Some(CAMERA)]);
        house.film(40);
        assert_eq!(trap::left(), 0);
        house.room_is_gone(Site::Sealing);
        house.other_room_is_whole();
        house.world.run_ms(50);
        for viewer in house.viewers.concat() {
            let sent = house.world.sightings.get(&(viewer, 0, 0)).map_or(0, Vec::len);
            assert_eq!(
                sent,
                house.world.clients[viewer].media.len(),
                "each is what viewer {viewer} can read"
            );
        }
    }
}

#[test]
fn a_fault_in_a_handshake_ends_its_room_only() {
    let mut house = House::new(1);
    trap::set(Site::Handshake, ROOM.0);
    house.world.room = ROOM;
    house.world.viewer();
    house.film(30);
    assert_eq!(trap::left(), 0);
    house.other_room_is_whole();
    assert_eq!(house.failures().len(), 1);
    house.room_opens_again();
}

#[test]
fn a_room_that_cannot_even_be_closed_is_abandoned() {
    for shards in [1, 2] {
        let mut house = House::new(shards);
        trap::set(Site::Media, ROOM.0);
        // In every shard that closes it.
        (0..shards).for_each(|_| trap::set(Site::Closing, ROOM.0));
        house.film(40);
        assert_eq!(trap::left(), 0);
        house.other_room_is_whole();
        for shard in &house.world.shards {
            assert!(shard.peers.iter().flatten().all(|peer| peer.room != ROOM));
            let here = shard.peers.iter().flatten().count();
            assert_eq!((shard.places.len(), shard.ufrags.len()), (here, here));
        }
        house.room_opens_again();
    }
}

#[test]
fn a_fault_outside_of_any_room_is_reported_and_closes_none() {
    let mut house = House::new(1);
    let caught = house.world.shards[0].guarded(|_| -> () { panic!("nobody's") });
    assert_eq!(caught, None);
    house.film(5);
    assert_eq!(house.failures().len(), 1);
    let (room, report) = house.failures()[0];
    assert!(room.is_empty() && report.contains("nobody's"));
    assert_eq!(house.world.shards[0].rooms.len(), 2);
    house.other_room_is_whole();
    assert!(house.world.now > Time::default().plus(Duration::from_millis(1)));
}
