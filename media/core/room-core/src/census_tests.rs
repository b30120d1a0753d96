//! Counting everybody: what a track brought, what each viewer got of it, and whose picture stood still.

use super::*;
use crate::ids::TrackId;
use crate::rtcp::{Compound, ReportBlock};
use crate::simulcast::{Camera, Shot};
use crate::stats::{PeerStats, SlotStats};
use crate::world::{World, scatter};

const CAMERA: TrackId = TrackId(500);
const PICTURE_MS: u64 = 40;

/// A camera in three layers, which two people watch in slot 0 at full height.
fn watched() -> (World, Camera, [usize; 2]) {
    let mut world = World::new(1);
    let camera = Camera::join(&mut world, CAMERA);
    let viewers = [world.viewer(), world.viewer()];
    world.layout(&[], &[Some(CAMERA)]);
    world.run_ms(500);
    (world, camera, viewers)
}

fn play(world: &mut World, camera: &mut Camera, pictures: u64) {
    for _ in 0..pictures {
        let keyframe = camera.pictures.is_multiple_of(50);
        camera.shoot(world, [Shot { keyframe, ..Shot::default() }; 3]);
        world.run_ms(PICTURE_MS);
        if camera.pictures == 1 {
            camera.report(world);
        }
    }
}

fn stats(world: &World, peer: usize) -> PeerStats {
    let all = world.shards[0].stats(world.now).peers;
    all.into_iter().find(|one| one.peer == peer as u64).expect("somebody who is here")
}

fn slot(world: &World, viewer: usize) -> SlotStats {
    stats(world, viewer).slots[0]
}

#[test]
fn each_layer_and_each_slot_is_counted_for_itself() {
    let (mut world, mut camera, [first, second]) = watched();
    world.loses_up = |n, datagram| datagram[1] & 0x7f == 96 && scatter(n) < 6;
    play(&mut world, &mut camera, 100);
    world.loses_up = |_, _| false;
    let publisher = stats(&world, camera.client);
    assert!(publisher.slots.is_empty());
    let layers: Vec<_> = publisher.tracks.iter().map(|one| (one.track, one.layer)).collect();
    assert_eq!(layers, [(CAMERA, 0), (CAMERA, 1), (CAMERA, 2)]);
    let [low, .., top] = &publisher.tracks[..] else { panic!("three layers") };
    assert!(top.counts.bytes > 5 * low.counts.bytes && (90..=100).contains(&low.counts.packets));
    let asked: u64 = publisher.tracks.iter().map(|one| one.counts.nacks).sum();
    assert_eq!(asked, publisher.counters.nacks_out);
    let lost: u64 = publisher.tracks.iter().map(|one| one.lost).sum();
    assert!(asked > lost && lost > 0);
    assert_eq!(publisher.tracks.iter().map(|one| one.counts.plis).sum::<u64>(), publisher.counters.plis_out);
    for viewer in [first, second] {
        let seen = stats(&world, viewer);
        assert!(seen.tracks.is_empty() && seen.slots.len() == 1, "what carries nothing is left out");
        assert_eq!(seen.slots[0].track, Some((CAMERA, 2)));
        assert_eq!(seen.slots[0].counts.packets, seen.counters.packets_out);
    }
}

#[test]
fn a_viewers_own_word_is_kept_by_slot() {
    let (mut world, mut camera, [viewer, _]) = watched();
    play(&mut world, &mut camera, 50);
    let ssrc = World::ssrc(viewer, crate::codec::MediaKind::Video, 0);
    let block = ReportBlock { ssrc, lost: 7, jitter: 900, ..ReportBlock::default() };
    let told = Compound::new().receiver_report(1, &[block]).nack(1, ssrc, &[1, 2]).pli(1, ssrc);
    let datagram = world.clients[viewer].rtcp(&told);
    world.send(viewer, datagram);
    world.run_ms(20);
    let slot = slot(&world, viewer);
    assert_eq!((slot.counts.lost, slot.counts.nacks, slot.counts.plis), (7, 2, 1));
    assert!((slot.jitter_ms - 10.0).abs() < 0.01);
}

#[test]
fn only_who_lost_its_way_is_frozen_and_only_until_the_next_keyframe() {
    let (mut world, mut camera, [stuck, fine]) = watched();
    play(&mut world, &mut camera, 60);
    let ssrc = World::ssrc(stuck, crate::codec::MediaKind::Video, 0);
    let pli = world.clients[stuck].rtcp(&Compound::new().receiver_report(1, &[]).pli(1, ssrc));
    world.send(stuck, pli);
    play(&mut world, &mut camera, 20);
    assert!(slot(&world, stuck).is_frozen && !slot(&world, fine).is_frozen);
    play(&mut world, &mut camera, 30);
    let (one, other) = (slot(&world, stuck), slot(&world, fine));
    assert_eq!((one.freezes, one.is_frozen, other.freezes, other.is_frozen), (1, false, 0, false));
    assert!((1_500..1_700).contains(&one.frozen_ms), "{}", one.frozen_ms);
    assert_eq!(stats(&world, camera.client).tracks.iter().map(|one| one.freezes).sum::<u32>(), 0);
}

#[test]
fn a_publisher_whose_pictures_come_late_freezes_everybody_and_one_who_pauses_nobody() {
    let (mut world, mut camera, viewers) = watched();
    play(&mut world, &mut camera, 60);
    // Nothing is captured for a second.
    world.run_ms(1_000);
    camera.pictures += 25;
    play(&mut world, &mut camera, 25);
    assert_eq!(viewers.map(|viewer| slot(&world, viewer).freezes), [0, 0]);
    // Nothing arrives for half a second, and then what was captured at its beginning.
    world.run_ms(500);
    play(&mut world, &mut camera, 25);
    assert_eq!(viewers.map(|viewer| slot(&world, viewer).freezes), [1, 1]);
    let tracks = stats(&world, camera.client).tracks;
    assert!(tracks.iter().all(|one| one.freezes == 1 && (500..600).contains(&one.frozen_ms)), "{tracks:?}");
}

#[test]
fn what_a_viewer_hides_or_another_takes_over_is_no_freeze() {
    let (mut world, mut camera, [viewer, _]) = watched();
    play(&mut world, &mut camera, 60);
    let peer = PeerId(viewer as u64);
    for max_height in [0, 720] {
        world.all(|| Command::SetView { peer, slot: 0, max_height });
        play(&mut world, &mut camera, 50);
        assert!(!slot(&world, viewer).is_frozen);
    }
    world.layout(&[], &[None]);
    play(&mut world, &mut camera, 20);
    world.layout(&[], &[Some(CAMERA)]);
    play(&mut world, &mut camera, 60);
    let seen = slot(&world, viewer);
    assert_eq!((seen.freezes, seen.is_frozen), (0, false));
}
