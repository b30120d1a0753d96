//! Film that stands still, and shards that get no time, in virtual time.

use super::tests::{CAMERA, film_camera, film_in_pieces, is_without_gap, keyframe_requests, numbers, of};
use super::*;
use crate::client::Received;
use crate::codec::{Codec, MediaKind};
use crate::rtcp::{Compound, Packet as Control};
use crate::world::{World, play, play_on};
use std::time::Duration;

/// Where the film's captured instants lie, by the last sender report of a slot, in seconds.
fn captured(world: &World, viewer: usize, kind: MediaKind, packet: &Received) -> f64 {
    let ssrc = World::ssrc(viewer, kind, 0);
    let reports = world.clients[viewer].control.iter().filter_map(|packet| match packet {
        Control::SenderReport(info, _) if info.ssrc == ssrc => Some(*info),
        _ => None,
    });
    let report = reports.max_by_key(|info| info.ntp).unwrap();
    let rate = if kind == MediaKind::Audio { 48_000.0 } else { 90_000.0 };
    let since = f64::from(packet.header.timestamp.wrapping_sub(report.timestamp) as i32) / rate;
    report.ntp as f64 / f64::from(u32::MAX) + since
}

#[test]
fn who_comes_while_the_film_stands_sees_where_it_stands_and_then_how_it_goes_on() {
    for shards in [1, 2] {
        let mut world = World::new(shards);
        let early = world.viewer();
        play(&mut world, 1_200);
        world.hold();
        world.run_ms(12_000);
        // The third client's datagrams arrive at the second shard, if there is one.
        world.viewer();
        let late = world.viewer();
        world.run_ms(600);
        let seen = of(&world, late, MediaKind::Video, 0);
        let before = of(&world, early, MediaKind::Video, 0);
        assert!(Codec::Vp8.starts_here(&seen[0].payload));
        assert_eq!(seen.len(), before.len(), "the whole group, up to the picture that stands");
        assert!(of(&world, late, MediaKind::Audio, 0).is_empty(), "a pause is silent");

        play_on(&mut world, 1_200, 600);
        let seen = of(&world, late, MediaKind::Video, 0);
        assert!(is_without_gap(&numbers(&seen)));
        assert!(seen.iter().map(|packet| packet.header.timestamp).is_sorted());
        let live = of(&world, early, MediaKind::Video, 0);
        assert!(is_without_gap(&numbers(&live)));
        let last = seen.last().unwrap();
        assert_eq!(last.header.timestamp, live.last().unwrap().header.timestamp);
        let apart = captured(&world, late, MediaKind::Video, last)
            - captured(&world, late, MediaKind::Video, &seen[0]);
        assert!((0.4..2.0).contains(&apart), "the picture that stood is told {apart} s old");
    }
}

#[test]
fn who_lost_the_picture_that_stands_gets_it_again() {
    let mut world = World::new(1);
    let viewer = world.viewer();
    play(&mut world, 800);
    world.hold();
    world.run_ms(3_000);
    let before = of(&world, viewer, MediaKind::Video, 0).len();
    let pli = Compound::new().pli(1, World::ssrc(viewer, MediaKind::Video, 0));
    let datagram = world.clients[viewer].rtcp(&pli);
    world.send(viewer, datagram);
    world.run_ms(300);
    let packets = of(&world, viewer, MediaKind::Video, 0);
    assert!(Codec::Vp8.starts_here(&packets[before].payload));
    assert!(packets.iter().map(|packet| packet.header.timestamp).is_sorted());
    assert!(is_without_gap(&numbers(&packets)));
}

#[test]
fn a_source_that_was_flushed_has_nothing_for_who_comes_then() {
    let mut world = World::new(1);
    world.viewer();
    play(&mut world, 800);
    let now = world.now;
    world.shards[0].command(now, Command::FlushSource { source: crate::world::SOURCE });
    let late = world.viewer();
    world.run_ms(500);
    assert!(of(&world, late, MediaKind::Video, 0).is_empty());
}

#[test]
fn a_shard_that_gets_no_time_goes_on_at_the_keyframe_that_it_missed() {
    let mut world = World::new(1);
    let viewer = world.viewer();
    play(&mut world, 1_000);
    let before = of(&world, viewer, MediaKind::Video, 0).len();
    let heard = of(&world, viewer, MediaKind::Audio, 0).len();
    world.starved = true;
    play_on(&mut world, 1_000, 1_600);
    world.starved = false;
    play_on(&mut world, 2_600, 400);
    let packets = of(&world, viewer, MediaKind::Video, 0);
    assert!(Codec::Vp8.starts_here(&packets[before].payload), "on from the keyframe at 2 s");
    assert!(is_without_gap(&numbers(&packets)), "what was given up is not missed");
    assert!(packets.iter().map(|packet| packet.header.timestamp).is_sorted());
    let now = world.now.ticks(90_000) as u32;
    let behind = now.wrapping_sub(packets.last().unwrap().header.timestamp);
    assert!(behind < 90 * 60, "{behind} ticks");
    assert!(of(&world, viewer, MediaKind::Audio, 0).len() == heard, "film without sound has none");
}

#[test]
fn a_shard_that_gets_no_time_drops_old_sound_and_keeps_it_with_the_picture() {
    let mut world = World::new(1);
    let viewer = world.viewer();
    play(&mut world, 1_000);
    let heard = of(&world, viewer, MediaKind::Audio, 0).len();
    world.starved = true;
    play(&mut world, 1_000);
    world.starved = false;
    let resumed = world.now;
    play(&mut world, 1_000);
    let sounds = of(&world, viewer, MediaKind::Audio, 0);
    let sounds = &sounds[heard..];
    assert!((48..=78).contains(&sounds.len()), "{} packets for half a second and one", sounds.len());
    let pictures = of(&world, viewer, MediaKind::Video, 0);
    for packet in pictures.iter().filter(|packet| packet.at > resumed.plus(Duration::from_millis(300))) {
        let at = captured(&world, viewer, MediaKind::Video, packet);
        let apart = |sound: &Received| (captured(&world, viewer, MediaKind::Audio, sound) - at).abs();
        let nearest = sounds.iter().map(apart).fold(f64::MAX, f64::min);
        assert!(nearest < 0.021, "{nearest}");
    }
}

#[test]
fn a_camera_that_a_starved_shard_gave_up_is_asked_for_a_keyframe() {
    let mut world = World::new(1);
    let camera = world.publisher(CAMERA);
    let viewer = world.viewer();
    world.layout(&[], &[None, Some(CAMERA)]);
    world.run_ms(500);
    for n in 0..30 {
        film_camera(&mut world, camera, n, n == 0);
        world.starved = n >= 10;
        world.run_ms(33);
    }
    let asked = keyframe_requests(&world, camera);
    world.starved = false;
    world.run_ms(50);
    assert_eq!(of(&world, viewer, MediaKind::Video, 1).len(), 10, "nothing late");
    assert_eq!(keyframe_requests(&world, camera), asked + 1);
    for n in 30..40 {
        film_camera(&mut world, camera, n, n == 33);
        world.run_ms(33);
    }
    let packets = of(&world, viewer, MediaKind::Video, 1);
    assert_eq!(packets.len(), 17);
    assert!(is_without_gap(&numbers(&packets)));
}

#[test]
fn what_lies_behind_a_frame_that_was_begun_is_given_up_when_that_is_done() {
    let mut world = World::new(1);
    let camera = world.publisher(CAMERA);
    let viewers: Vec<usize> = (0..60).map(|_| world.viewer()).collect();
    world.layout(&[], &[None, Some(CAMERA)]);
    world.run_ms(500);
    world.starved = true;
    for n in 0..60 {
        film_in_pieces(&mut world, camera, 100 + n * 5, &[400; 5]);
        world.run_ms(20);
        let now = world.now;
        assert!(n > 0 || world.shards[0].produce(now), "the first frame is begun, not done");
    }
    world.starved = false;
    // Ten packets in five milliseconds.
    world.run_ms(100);
    for viewer in viewers {
        let got = of(&world, viewer, MediaKind::Video, 1);
        assert!(got.len() <= 5 * 27, "the first, and those of half a second: {}", got.len());
        assert!(got.len() >= 5 * 20);
    }
}
