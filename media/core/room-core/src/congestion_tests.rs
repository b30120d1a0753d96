//! Ways that are narrow, become so, and widen again: what viewers behind them get, in virtual time.

use std::time::Duration;

use super::*;
use crate::codec::{Codec, MediaKind};
use crate::ids::TrackId;
use crate::rtcp::Compound;
use crate::simulcast::Shot;
use crate::source::Frame;
use crate::stage::{PICTURE_MS, Stage};
use crate::way::Way;
use crate::world::{FILM_AUDIO, World};

const SEEDS: [u64; 3] = [1, 7, 42];

#[test]
fn a_wide_way_is_found_out_within_a_second_and_then_left_alone() {
    for seed in SEEDS {
        println!("seed {seed}");
        let mut stage = Stage::new(2, Way::new(20_000_000, seed));
        let begun = stage.world.now;
        stage.play(10);
        assert_eq!(stage.heights(), [720, 720]);
        for screen in &stage.screens {
            let took = screen.settled().since(begun);
            assert!(took < Duration::from_millis(1_500), "{took:?}");
        }
        let probed = stage.stats().counters.probed;
        stage.play(10);
        assert_eq!(stage.stats().counters.probed, probed, "a viewer who has everything is not probed");
        assert_eq!(stage.stats().estimate_origin, Some("transport"));
    }
}

#[test]
fn from_four_megabits_to_half_a_megabit_and_back() {
    for seed in SEEDS {
        println!("seed {seed}");
        let mut stage = Stage::new(2, Way::new(4_000_000, seed));
        stage.play(15);
        // Both in full need all of it and a margin: the second may have to do with less.
        let is_wide = |heights: &[u16]| heights[0] == 720 && heights[1] >= 360;
        assert!(is_wide(&stage.heights()), "{:?}", stage.heights());
        let narrowed = stage.world.now;
        stage.narrow(500_000);
        stage.play(5);
        assert_eq!(stage.heights(), [180, 180]);
        let dropped = stage.dropped();
        for _ in 0..25 {
            stage.play(1);
            let estimate = stage.stats().estimate_bps.unwrap();
            assert!((200_000..700_000).contains(&estimate), "{estimate}");
        }
        assert!(stage.dropped() - dropped < 10, "{} of 25 s", stage.dropped() - dropped);
        stage.is_smooth(narrowed);
        let widened = stage.world.now;
        stage.narrow(4_000_000);
        stage.play(15);
        assert!(is_wide(&stage.heights()), "{:?}", stage.heights());
        stage.is_smooth(widened);
        assert!(stage.sounds * 100 > stage.written * 99, "{} of {}", stage.sounds, stage.written);
    }
}

#[test]
fn a_way_that_is_narrow_from_the_start_gets_what_it_carries() {
    for seed in SEEDS {
        println!("seed {seed}");
        let mut stage = Stage::new(2, Way::new(1_200_000, seed));
        stage.play(5);
        let begun = stage.world.now;
        let mut large = 0;
        for _ in 0..40 {
            stage.play(1);
            large += usize::from(stage.heights()[0] == 360);
            assert_ne!(stage.heights()[0], 720);
        }
        stage.is_smooth(begun);
        assert!(large >= 30, "{large} of 40");
        let Counters { packets_out, probed, .. } = stage.stats().counters;
        assert!(probed * 20 < packets_out, "{probed} of {packets_out} packets tried the way");
    }
}

#[test]
fn a_way_that_shakes_is_not_taken_for_a_narrow_one() {
    for seed in SEEDS {
        println!("seed {seed}");
        let jitter = Duration::from_millis(25);
        let mut way = Way::new(8_000_000, seed);
        (way.jitter, way.loss_percent) = (jitter, 1);
        let mut stage = Stage::new(2, way);
        stage.play(10);
        let mut high = 0;
        for _ in 0..50 {
            stage.play(1);
            high += usize::from(stage.heights() == [720, 720]);
        }
        assert!(high >= 40, "{high} of 50");
    }
}

#[test]
fn a_way_that_loses_much_gets_little_and_repairs_stay_a_share_of_it() {
    for (seed, loss_percent) in [(1, 15), (7, 20), (42, 30)] {
        println!("seed {seed}, {loss_percent} % lost");
        let mut way = Way::new(8_000_000, seed);
        way.loss_percent = loss_percent;
        let mut stage = Stage::new(2, way);
        stage.play(40);
        assert_eq!(stage.heights(), [180, 180]);
        let before = stage.stats().counters;
        (stage.sounds, stage.written) = (0, 0);
        stage.play(20);
        let after = stage.stats().counters;
        let (sent, again) =
            (after.packets_out - before.packets_out, after.retransmitted - before.retransmitted);
        assert!(again * 2 < sent, "{again} of {sent}");
        let sounds = stage.sounds as u64 * 100 / stage.written as u64;
        assert!(sounds + loss_percent > 95, "sound suffers no more than anything: {sounds} %");
    }
}

/// When each datagram of video left, by its source.
fn departures(world: &World, viewer: usize) -> Vec<Time> {
    let sound = World::ssrc(viewer, MediaKind::Audio, 0);
    let media = world.clients[viewer].media.iter().filter(|packet| packet.header.ssrc != sound);
    media.map(|packet| packet.at).collect()
}

#[test]
fn large_pictures_of_two_cameras_leave_in_bursts_of_ten_and_sound_between_them() {
    let mut world = World::new(1);
    let tracks = [TrackId(500), TrackId(501)];
    let cameras = tracks.map(|track| world.publisher(track));
    world.layout(&[Some(FILM_AUDIO)], &tracks.map(Some));
    let viewer = world.viewer();
    world.run_ms(500);
    for camera in cameras {
        for n in 0..40_u64 {
            let payload =
                [&[0x90, 0x80, 0x80, 1, if n == 0 { 0x10 } else { 0x11 }][..], &[7; 1_000]].concat();
            let kind = (96, n == 39);
            let datagram = world.clients[camera].piece(kind, 1_000 + n, 90_000, 70, &payload);
            world.send(camera, datagram);
        }
    }
    let sound_at = world.now.plus(Duration::from_millis(12));
    world.write(Frame { codec: Codec::Opus, data: vec![1; 100], at: sound_at, keyframe: true });
    world.run_ms(100);
    let left = departures(&world, viewer);
    assert_eq!(left.len(), 80, "everything comes");
    let spacing = Duration::from_millis(5);
    assert!(left.windows(11).all(|eleven| eleven[10].since(eleven[0]) >= spacing), "{left:?}");
    let took = left[79].since(left[0]);
    assert!(took <= Duration::from_millis(45), "{took:?}");
    let sound = World::ssrc(viewer, MediaKind::Audio, 0);
    let heard = world.clients[viewer].media.iter().find(|packet| packet.header.ssrc == sound).unwrap();
    assert!(heard.at.since(sound_at) <= Duration::from_millis(6), "{:?}", heard.at.since(sound_at));
    for slot in 0..2 {
        let source = World::ssrc(viewer, MediaKind::Video, slot);
        let packets = world.clients[viewer].media.iter().filter(|packet| packet.header.ssrc == source);
        let numbers: Vec<u64> = packets.map(|packet| packet.index).collect();
        assert!(numbers.windows(2).all(|two| two[1] == two[0] + 1), "{numbers:?}");
    }
}

#[test]
fn many_packets_that_are_asked_for_at_once_come_again_in_bursts_of_ten() {
    let mut stage = Stage::new(1, Way::new(20_000_000, 1));
    stage.play(5);
    let source = World::ssrc(stage.viewer, MediaKind::Video, 0);
    let viewer = stage.viewer;
    for _ in 0..5 {
        stage.cameras[0].shoot(&mut stage.world, [Shot::default(); 3]);
        stage.world.run_ms(PICTURE_MS);
    }
    let media = std::mem::take(&mut stage.world.clients[viewer].media);
    let numbers: Vec<u16> =
        media.iter().filter(|one| one.header.ssrc == source).map(|one| one.header.sequence).collect();
    assert!(numbers.len() >= 40);
    let nack = stage.world.clients[viewer].rtcp(&Compound::new().nack(1, source, &numbers));
    stage.world.send(viewer, nack);
    stage.world.ways.clear();
    stage.world.run_ms(100);
    let again = departures(&stage.world, viewer);
    assert_eq!(again.len(), numbers.len());
    assert!(again.windows(11).all(|eleven| eleven[10].since(eleven[0]) >= Duration::from_millis(5)));
}

#[test]
fn what_waits_for_many_viewers_leaves_in_slices_too() {
    let mut world = World::new(1);
    let camera = world.publisher(TrackId(500));
    world.layout(&[], &[Some(TrackId(500))]);
    let viewers: Vec<usize> = (0..60).map(|_| world.viewer()).collect();
    world.run_ms(500);
    for n in 0..40_u64 {
        let payload = [&[0x90, 0x80, 0x80, 1, if n == 0 { 0x10 } else { 0x11 }][..], &[7; 1_000]].concat();
        let datagram = world.clients[camera].piece((96, n == 39), 1_000 + n, 90_000, 70, &payload);
        world.send(camera, datagram);
    }
    world.run_ms(100);
    let sources = viewers.iter().map(|viewer| (*viewer, World::ssrc(*viewer, MediaKind::Video, 0)));
    for (viewer, source) in sources {
        let packets = world.clients[viewer].media.iter().filter(|packet| packet.header.ssrc == source);
        assert_eq!(packets.count(), 40);
    }
    assert!(world.largest_slice <= SLICE + 20, "{} at once", world.largest_slice);
}
