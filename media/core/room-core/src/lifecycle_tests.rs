//! Coming and going in virtual time: connections, strangers, time-outs, closing.

use std::time::Duration;

use super::*;
use crate::ids::TrackId;
use crate::peer::Gone;
use crate::rtcp::{Compound, SenderInfo};
use crate::world::{ROOM, World, play, play_on, scatter};

/// DTLS doubles its patience after each loss, so within the 15 s that a peer has, about one handshake in a hundred does
/// not get through; such a browser offers anew.
#[test]
fn connections_survive_a_network_that_loses_a_third() {
    const VIEWERS: usize = 30;
    let mut world = World::new(1);
    world.loses = |n, _| scatter(n) < 80;
    world.loses_up = |n, _| scatter(n) < 80;
    let viewers: Vec<usize> = (0..VIEWERS).map(|_| world.viewer()).collect();
    for _ in 0..72 {
        for viewer in &viewers {
            let check = world.clients[*viewer].check();
            world.send(*viewer, check);
        }
        world.run_ms(200);
    }
    let connected = viewers.iter().filter(|viewer| world.clients[**viewer].is_connected()).count();
    assert!(connected >= VIEWERS - 5, "{connected} of {VIEWERS} connected");
}

/// RFC 8445 section 9: the same connection by new names, with no handshake and no packet's number begun anew. Some of
/// the viewers have moved to another shard before, which hears of the restart twice.
#[test]
fn media_go_on_through_a_restart_of_ice() {
    for shards in [1, 2] {
        let mut world = World::new(shards);
        let viewers: Vec<usize> = (0..4).map(|_| world.viewer()).collect();
        play(&mut world, 500);
        for viewer in &viewers {
            let credentials = world.clients[*viewer].restart(&format!("anew{viewer}"));
            let peer = PeerId(*viewer as u64);
            world.all(|| Command::RestartIce { peer, credentials: credentials.clone() });
        }
        play_on(&mut world, 500, 200);
        let before: Vec<usize> = viewers.iter().map(|viewer| world.clients[*viewer].media.len()).collect();
        for _ in 0..3 {
            for viewer in &viewers {
                let check = world.clients[*viewer].check();
                world.send(*viewer, check);
            }
            play_on(&mut world, 700, 200);
        }
        for (viewer, before) in viewers.iter().zip(before) {
            let client = &world.clients[*viewer];
            assert!(client.media.len() >= before + 30, "viewer {viewer}, {shards} shards");
            assert_eq!(client.responses, 4, "each check was answered: viewer {viewer}, {shards} shards");
        }
        let names: usize = world.shards.iter().map(|shard| shard.ufrags.len()).sum();
        assert_eq!(names, viewers.len(), "the old names are gone");
    }
}

#[test]
fn who_has_no_other_sign_of_life_is_gone_sooner() {
    let mut world = World::new(1);
    let viewer = world.viewer_with("brief", |params| params.consent_s = 15);
    world.run_ms(14_500);
    assert!(!world.events.iter().any(|event| matches!(event, Event::PeerGone { .. })));
    world.run_ms(1_000);
    let gone = Event::PeerGone {
        peer: PeerId(viewer as u64),
        room: Arc::from("room"),
        reason: Gone::ConsentTimeout,
    };
    assert_eq!(world.events.last(), Some(&gone));
}

#[test]
fn strangers_get_no_reply_whatever_they_send() {
    let mut world = World::new(1);
    world.viewer();
    let known = world.clients[0].check();
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let stranger = "192.0.2.9:9".parse().unwrap();
    for n in 0..20_000 {
        let mut datagram: Vec<u8> = (0..random() % 200).map(|_| random() as u8).collect();
        if n % 3 == 0 {
            datagram = known.clone();
            let at = random() as usize % datagram.len();
            datagram[at] ^= 1 << (random() % 8);
        }
        world.shards[0].datagram(world.now, stranger, 0, &mut datagram);
    }
    world.exchange();
    assert!(world.strangers_got.is_empty());
}

#[test]
fn a_handshake_from_an_address_that_was_not_checked_is_not_answered() {
    let mut world = World::new(1);
    world.viewer();
    world.run_ms(100);
    let hello = [22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    world.shards[0].datagram(world.now, "192.0.2.9:9".parse().unwrap(), 0, &mut hello.clone());
    world.exchange();
    assert!(world.strangers_got.is_empty());
}

#[test]
fn a_peer_that_never_connects_is_given_up_after_fifteen_seconds() {
    let mut world = World::new(1);
    world.loses_up = |_, _| true;
    let peer = world.viewer();
    world.run(Duration::from_secs(14));
    assert!(world.events.is_empty());
    world.run(Duration::from_secs(2));
    let (peer, reason) = (PeerId(peer as u64), Gone::NeverConnected);
    assert_eq!(world.events, [Event::PeerGone { peer, room: Arc::from("room"), reason }]);
}

#[test]
fn a_peer_that_stops_checking_is_gone_after_thirty_seconds() {
    let mut world = World::new(1);
    let viewer = world.viewer();
    for _ in 0..5 {
        world.run(Duration::from_secs(5));
        let check = world.clients[viewer].check();
        world.send(viewer, check);
    }
    world.run(Duration::from_secs(29));
    assert_eq!(world.events.len(), 1, "connected, and no more");
    world.run(Duration::from_secs(2));
    assert!(matches!(world.events[1], Event::PeerGone { reason: Gone::ConsentTimeout, .. }));
    assert_eq!(world.shards[0].next_timeout().filter(|at| *at <= world.now), None, "nothing is left to do");
}

#[test]
fn nothing_is_sent_past_the_deadline() {
    let mut world = World::new(1);
    let viewer = world.viewer();
    play(&mut world, 400);
    let deadline = world.now.plus(Duration::from_millis(100));
    world.all(|| Command::SetDeadline { deadline: Some(deadline) });
    play(&mut world, 1_000);
    let last = world.clients[viewer].media.last().unwrap().at;
    assert!(last <= deadline.plus(Duration::from_millis(6)));
    world.all(|| Command::SetDeadline { deadline: None });
    play(&mut world, 400);
    assert!(world.clients[viewer].media.last().unwrap().at > last);
}

#[test]
fn closing_the_room_says_goodbye_and_leaves_nothing() {
    let mut world = World::new(2);
    let viewers: Vec<usize> = (0..4).map(|_| world.viewer()).collect();
    play(&mut world, 400);
    world.all(|| Command::CloseRoom { room: ROOM });
    world.run_ms(50);
    assert!(viewers.iter().all(|viewer| world.clients[*viewer].closed));
    let gone = world.events.iter();
    let gone = gone.filter(|event| matches!(event, Event::PeerGone { reason: Gone::RoomClosed, .. }));
    assert_eq!(gone.count(), 4);
    for shard in &world.shards {
        assert!(shard.rooms.is_empty() && shard.places.is_empty() && shard.addresses.is_empty());
        assert!(shard.ufrags.is_empty() && shard.sources.is_empty());
    }
}

#[test]
fn an_idle_shard_wants_to_be_called_rarely() {
    let mut world = World::new(1);
    world.viewer();
    play(&mut world, 200);
    world.run_ms(3_000);
    let next = world.shards[0].next_timeout().unwrap();
    assert!(next.since(world.now) > Duration::from_secs(5), "{:?}", next.since(world.now));
}

#[test]
fn a_peer_that_moved_to_another_shard_is_still_given_up_in_time() {
    let mut world = World::new(2);
    // The second client is given to the second shard, and its check arrives at the first.
    world.viewer();
    let moved = world.viewer();
    world.loses_up = |_, bytes| demux::kind(bytes) == Kind::Dtls;
    world.run(Duration::from_secs(16));
    assert_eq!(world.shards[1].stats(world.now).peers.len(), 0);
    let (peer, reason) = (PeerId(moved as u64), Gone::NeverConnected);
    assert!(world.events.contains(&Event::PeerGone { peer, room: Arc::from("room"), reason }));
}

#[test]
fn a_peer_with_another_certificate_than_it_promised_gets_nothing() {
    let mut world = World::new(1);
    let impostor = world.impostor();
    play(&mut world, 1_000);
    let (peer, reason) = (PeerId(impostor as u64), Gone::DtlsFailed);
    assert_eq!(world.events, [Event::PeerGone { peer, room: Arc::from("room"), reason }]);
    assert!(world.clients[impostor].media.is_empty() && world.clients[impostor].control.is_empty());
}

/// Who reads the socket may then wait for more of what viewers tell.
#[test]
fn a_shard_is_patient_while_nobody_connects_or_publishes() {
    let mut world = World::new(1);
    assert!(world.shards[0].is_patient());
    world.viewer();
    assert!(!world.shards[0].is_patient(), "a handshake is awaited");
    play(&mut world, 500);
    assert!(world.shards[0].is_patient(), "viewers and film");
    let camera = world.publisher(TrackId(500));
    play_on(&mut world, 500, 500);
    assert!(!world.shards[0].is_patient(), "a camera");
    world.all(|| Command::RemovePeer { peer: PeerId(camera as u64) });
    play_on(&mut world, 1_000, 100);
    assert!(world.shards[0].is_patient());
}

/// The publisher's own word on its clock is anybody's: one that jumps by a century shifts that publisher's sound against
/// its picture, and nothing breaks.
#[test]
fn a_publisher_whose_clock_jumps_by_a_century_is_shown_all_the_same() {
    let mut world = World::new(1);
    let camera = world.publisher(TrackId(500));
    let viewer = world.viewer();
    world.layout(&[], &[None, Some(TrackId(500))]);
    world.run_ms(500);
    for (round, ntp) in [world.ntp(), 0, u64::MAX, 1 << 63].into_iter().enumerate() {
        let info = SenderInfo { ssrc: 0xabc0 + camera as u32, ntp, ..SenderInfo::default() };
        let report = world.clients[camera].rtcp(&Compound::new().sender_report(&info));
        world.send(camera, report);
        for n in 0..60 {
            tests::film_camera(&mut world, camera, 60 * round as u64 + n, n == 0);
            world.run_ms(33);
            let check = world.clients[camera].check();
            world.send(camera, check);
            let check = world.clients[viewer].check();
            world.send(viewer, check);
        }
    }
    let ssrc = World::ssrc(viewer, crate::codec::MediaKind::Video, 1);
    let seen = world.clients[viewer].media.iter().filter(|packet| packet.header.ssrc == ssrc);
    assert_eq!(seen.count(), 240);
}
