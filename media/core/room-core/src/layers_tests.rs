//! Cameras in layers: who gets which, and that nothing jumps when it changes.

use std::time::Duration;

use super::*;
use crate::client::Received;
use crate::codec::{Codec, MediaKind};
use crate::ids::TrackId;
use crate::packet::Picture;
use crate::rtcp::{Compound, Packet as Control};
use crate::simulcast::{Camera, Shot};
use crate::world::World;

const CAMERA: TrackId = TrackId(500);
const KEY: Shot = Shot { keyframe: true, temporal: 0, sync: false };
const DELTA: Shot = Shot { keyframe: false, temporal: 0, sync: false };
const PICTURE_MS: u64 = 40;

fn stage(world: &mut World) {
    world.layout(&[], &[None, Some(CAMERA)]);
}

fn show(world: &mut World, viewer: usize, max_height: u32) {
    let peer = PeerId(viewer as u64);
    world.all(|| Command::SetView { peer, slot: 1, max_height });
}

/// A camera in layers, and a viewer who shows it so high.
fn watched_at(height: u32) -> (World, Camera, usize) {
    let mut world = World::new(1);
    let camera = Camera::join(&mut world, CAMERA);
    let viewer = world.viewer();
    stage(&mut world);
    show(&mut world, viewer, height);
    world.run_ms(500);
    (world, camera, viewer)
}

/// Plays for a while; layers answer keyframe requests with their next picture, as browsers do.
fn play(world: &mut World, camera: &mut Camera, ms: u64) {
    let mut asked = world.clients[camera.client].control.len();
    for _ in 0..ms / PICTURE_MS {
        let told = &world.clients[camera.client].control[asked..];
        let is_asked = |layer: usize| {
            told.iter()
                .any(|one| matches!(one, Control::Pli { media_ssrc } if *media_ssrc == Camera::ssrc(layer)))
        };
        let first = camera.pictures == 0;
        let shots = [0, 1, 2].map(|layer| if first || is_asked(layer) { KEY } else { DELTA });
        asked += told.len();
        if camera.pictures % 25 == 3 {
            camera.report(world);
        }
        camera.shoot(world, shots);
        world.run_ms(PICTURE_MS);
    }
}

fn received(world: &World, viewer: usize) -> Vec<&Received> {
    let ssrc = World::ssrc(viewer, MediaKind::Video, 1);
    world.clients[viewer].media.iter().filter(|packet| packet.header.ssrc == ssrc).collect()
}

/// The heights of the keyframes that a viewer got.
fn heights(world: &World, viewer: usize) -> Vec<u16> {
    let pictures = received(world, viewer).into_iter().map(|packet| Picture::of(Codec::Vp8, &packet.payload));
    pictures.map(|picture| picture.height).filter(|height| *height > 0).collect()
}

fn requests(world: &World, camera: &Camera, layer: usize) -> usize {
    let told = world.clients[camera.client].control.iter();
    told.filter(|one| matches!(one, Control::Pli { media_ssrc } if *media_ssrc == Camera::ssrc(layer)))
        .count()
}

/// Numbers, timestamps, picture ids and base layer counts go on without a step.
fn is_continuous(packets: &[&Received]) {
    goes_on(packets, 4_500);
}

/// As `is_continuous`, where so many ticks may lie between two pictures.
fn goes_on(packets: &[&Received], most: u32) {
    for two in packets.windows(2) {
        let (before, after) = (&two[0], &two[1]);
        assert_eq!(after.index, before.index + 1, "sequence number");
        let step = after.header.timestamp.wrapping_sub(before.header.timestamp);
        assert!(step <= most, "{step} ticks from one packet to the next");
        let (was, is) = (picture(before), picture(after));
        let begins = is.begins;
        let id = is.id.unwrap().1.wrapping_sub(was.id.unwrap().1) & 0x7fff;
        assert_eq!(id, u16::from(begins), "picture id");
        let tl0 = is.tl0.unwrap().1.wrapping_sub(was.tl0.unwrap().1);
        assert_eq!(tl0, u8::from(begins && is.temporal == 0), "base layer count");
    }
}

fn picture(packet: &Received) -> Picture {
    Picture::of(Codec::Vp8, &packet.payload)
}

#[test]
fn each_viewer_gets_the_layer_that_fills_what_they_show() {
    let mut world = World::new(1);
    let mut camera = Camera::join(&mut world, CAMERA);
    let viewers = [world.viewer(), world.viewer(), world.viewer()];
    stage(&mut world);
    for (viewer, height) in viewers.into_iter().zip([150, 360, 1_080]) {
        show(&mut world, viewer, height);
    }
    world.run_ms(500);
    play(&mut world, &mut camera, 3_000);
    let last = viewers.map(|viewer| *heights(&world, viewer).last().unwrap());
    assert_eq!(last, [180, 360, 720]);
    for viewer in viewers {
        is_continuous(&received(&world, viewer));
    }
}

#[test]
fn a_layer_is_known_by_its_name_even_when_padding_on_its_repairs_comes_first() {
    let (mut world, mut camera, viewer) = watched_at(720);
    for layer in 0..3 {
        camera.probe(&mut world, layer, 1);
    }
    play(&mut world, &mut camera, 1_000);
    // A packet is lost on its way here and comes again on the repairs of its layer.
    let lost = camera.picture(&mut world, 2, DELTA);
    camera.pictures += 1;
    let number = camera.layers[2].next - lost.len() as u64;
    for datagram in lost.into_iter().skip(1) {
        world.send(camera.client, datagram);
    }
    world.run_ms(20);
    let control = &world.clients[camera.client].control;
    let asked = control.iter().any(|one| {
        matches!(one, Control::Nack { media_ssrc, lost }
        if *media_ssrc == Camera::ssrc(2) && *lost == [number as u16])
    });
    assert!(asked, "the layer's own source is asked");
    let payload = [&(number as u16).to_be_bytes()[..], &[0x80, 0, 1, 2]].concat();
    let again = world.clients[camera.client].rtp(97, 2, 1, 0x6002, &payload);
    world.send(camera.client, again);
    world.run_ms(20);
    let mut numbers: Vec<_> = received(&world, viewer).iter().map(|packet| packet.index).collect();
    numbers.sort_unstable();
    assert!(numbers.windows(2).all(|two| two[1] == two[0] + 1), "it took its place");
}

#[test]
fn a_source_that_names_no_layer_is_not_taken_for_one() {
    let mut world = World::new(1);
    let mut camera = Camera::join(&mut world, CAMERA);
    let viewer = world.viewer();
    stage(&mut world);
    world.run_ms(500);
    camera.named_packets = 0;
    play(&mut world, &mut camera, 400);
    assert!(received(&world, viewer).is_empty());
    assert!(!world.events.iter().any(|event| matches!(event, Event::TrackStarted { .. })));
}

#[test]
fn a_switch_waits_for_a_keyframe_of_the_new_layer_and_asks_its_source_only() {
    let (mut world, mut camera, viewer) = watched_at(180);
    play(&mut world, &mut camera, 2_000);
    assert_eq!(heights(&world, viewer).last(), Some(&180));
    let before: Vec<_> = (0..3).map(|layer| requests(&world, &camera, layer)).collect();
    show(&mut world, viewer, 720);
    // The publisher takes its time.
    let count = received(&world, viewer).len();
    for _ in 0..5 {
        camera.shoot(&mut world, [DELTA; 3]);
        world.run_ms(PICTURE_MS);
    }
    assert_eq!(received(&world, viewer).len(), count + 5, "the old layer goes on meanwhile");
    let asked: Vec<_> = (0..3).map(|layer| requests(&world, &camera, layer) - before[layer]).collect();
    assert_eq!(asked, [0, 0, 1]);
    camera.shoot(&mut world, [DELTA, DELTA, KEY]);
    world.run_ms(PICTURE_MS);
    play(&mut world, &mut camera, 1_000);
    assert_eq!(heights(&world, viewer).last(), Some(&720));
    show(&mut world, viewer, 360);
    play(&mut world, &mut camera, 1_000);
    show(&mut world, viewer, 100);
    play(&mut world, &mut camera, 1_000);
    let told = heights(&world, viewer);
    assert_eq!(told[told.len() - 3..], [720, 360, 180]);
    is_continuous(&received(&world, viewer));
}

#[test]
fn across_switches_timestamps_follow_the_publishers_clock() {
    let (mut world, mut camera, viewer) = watched_at(180);
    play(&mut world, &mut camera, 2_000);
    for height in [720, 180, 360, 720, 360].repeat(4) {
        show(&mut world, viewer, height);
        play(&mut world, &mut camera, 600);
    }
    let packets = received(&world, viewer);
    is_continuous(&packets);
    let (first, last) = (packets[0], packets[packets.len() - 1]);
    let told = f64::from(last.header.timestamp.wrapping_sub(first.header.timestamp)) / 90.0;
    let passed = last.at.since(first.at).as_secs_f64() * 1_000.0;
    assert!((told - passed).abs() < 40.0, "{told} ms told for {passed} ms, after twenty switches");
}

#[test]
fn a_late_packet_of_before_the_switch_keeps_its_old_place() {
    let (mut world, mut camera, viewer) = watched_at(360);
    play(&mut world, &mut camera, 2_000);
    let mut held = camera.picture(&mut world, 1, DELTA);
    let late = held.remove(0);
    for datagram in held {
        world.send(camera.client, datagram);
    }
    camera.pictures += 1;
    show(&mut world, viewer, 720);
    world.run_ms(PICTURE_MS);
    camera.shoot(&mut world, [DELTA, DELTA, KEY]);
    world.run_ms(PICTURE_MS);
    assert_eq!(heights(&world, viewer).last(), Some(&720));
    world.send(camera.client, late);
    world.run_ms(PICTURE_MS);
    let newest = received(&world, viewer).pop().unwrap().clone();
    let mut numbers: Vec<_> = received(&world, viewer).iter().map(|packet| packet.index).collect();
    assert!(newest.index < *numbers.iter().max().unwrap());
    numbers.sort_unstable();
    assert!(numbers.windows(2).all(|two| two[1] == two[0] + 1), "no gap is left and no number told twice");
}

#[test]
fn a_viewer_whose_way_is_narrow_loses_temporal_layers_first_and_gets_them_back() {
    let (mut world, mut camera, viewer) = watched_at(720);
    let pattern = [(0, false), (2, true), (1, true), (2, false)];
    let mut estimate = 9_000_000;
    let mut seconds = |world: &mut World, camera: &mut Camera, seconds: u64| {
        for n in 0..seconds * 25 {
            let (temporal, sync) = pattern[camera.pictures as usize % 4];
            let keyframe = camera.pictures.is_multiple_of(100);
            camera.shoot(world, [Shot { keyframe, temporal, sync }; 3]);
            if n % 10 == 0 {
                let told = Compound::new().receiver_estimate(1, estimate, &[1]);
                let datagram = world.clients[viewer].rtcp(&told);
                world.send(viewer, datagram);
            }
            if camera.pictures % 25 == 3 {
                camera.report(world);
            }
            world.run_ms(PICTURE_MS);
        }
        estimate = if estimate == 9_000_000 { 1_100_000 } else { 9_000_000 };
    };
    seconds(&mut world, &mut camera, 6);
    let whole = received(&world, viewer).len();
    seconds(&mut world, &mut camera, 3);
    let narrow: Vec<_> =
        received(&world, viewer)[whole..].iter().map(|packet| picture(packet).temporal).collect();
    let lately = &narrow[narrow.len() / 2..];
    assert!(lately.iter().all(|temporal| *temporal < 2), "{lately:?}");
    assert_eq!(heights(&world, viewer).last(), Some(&720), "the layer stays");
    let count = received(&world, viewer).len();
    seconds(&mut world, &mut camera, 8);
    assert!(received(&world, viewer)[count..].iter().any(|packet| picture(packet).temporal == 2));
    // One picture in four is left while temporal layers are dropped.
    goes_on(&received(&world, viewer), 4 * 3_600 + 900);
}

#[test]
fn what_a_viewer_lost_comes_again_with_the_numbers_it_was_told() {
    let (mut world, mut camera, viewer) = watched_at(360);
    play(&mut world, &mut camera, 2_000);
    show(&mut world, viewer, 720);
    play(&mut world, &mut camera, 400);
    let packets = received(&world, viewer);
    // One of before the switch, and one of after it.
    let lost = [packets[packets.len() - 90], packets[packets.len() - 3]].map(Clone::clone);
    let numbers = lost.clone().map(|packet| packet.header.sequence);
    let nack = Compound::new().nack(1, World::ssrc(viewer, MediaKind::Video, 1), &numbers);
    let datagram = world.clients[viewer].rtcp(&nack);
    world.send(viewer, datagram);
    world.run_ms(30);
    let repairs = World::ssrc(viewer, MediaKind::Video, 1) + 1;
    let again: Vec<_> =
        world.clients[viewer].media.iter().filter(|packet| packet.header.ssrc == repairs).collect();
    assert_eq!(again.len(), 2);
    for (packet, lost) in again.iter().zip(&lost) {
        assert_eq!(packet.payload[..2], lost.header.sequence.to_be_bytes());
        assert_eq!(packet.payload[2..], lost.payload);
        assert_eq!(packet.header.timestamp, lost.header.timestamp);
    }
}

#[test]
fn a_layer_that_falls_silent_is_replaced_by_the_next_lower_and_comes_back() {
    let (mut world, mut camera, viewer) = watched_at(720);
    play(&mut world, &mut camera, 2_000);
    assert_eq!(heights(&world, viewer).last(), Some(&720));
    camera.layers[2].active = false;
    play(&mut world, &mut camera, 2_000);
    assert_eq!(heights(&world, viewer).last(), Some(&360));
    camera.layers[2].active = true;
    camera.shoot(&mut world, [DELTA, DELTA, KEY]);
    world.run_ms(PICTURE_MS);
    assert_eq!(heights(&world, viewer).last(), Some(&720), "at its first keyframe");
}

#[test]
fn a_slot_that_is_not_shown_gets_nothing_until_it_is() {
    let (mut world, mut camera, viewer) = watched_at(0);
    play(&mut world, &mut camera, 1_000);
    assert!(received(&world, viewer).is_empty());
    show(&mut world, viewer, 360);
    play(&mut world, &mut camera, 1_000);
    assert_eq!(heights(&world, viewer), [360]);
}

fn wanted(world: &World) -> Vec<Vec<String>> {
    let told = world.events.iter().filter_map(|event| match event {
        Event::LayersWanted { peer: PeerId(0), mid, rids } if mid == "Video0" => Some(rids.clone()),
        _ => None,
    });
    told.collect()
}

#[test]
fn the_publisher_is_told_which_layers_somebody_watches_wherever_they_are() {
    let mut world = World::new(2);
    let mut camera = Camera::join(&mut world, CAMERA);
    let viewers: Vec<usize> = (0..5).map(|_| world.viewer()).collect();
    stage(&mut world);
    for viewer in &viewers {
        show(&mut world, *viewer, 100);
    }
    show(&mut world, viewers[4], 360);
    world.run_ms(500);
    play(&mut world, &mut camera, 6_000);
    assert_eq!(wanted(&world), [["q", "h"]]);
    camera.layers[2].active = false;
    show(&mut world, viewers[1], 720);
    play(&mut world, &mut camera, 1_000);
    assert_eq!(wanted(&world).last().unwrap(), &["q", "h", "f"]);
    camera.layers[2].active = true;
    camera.shoot(&mut world, [DELTA, DELTA, KEY]);
    world.run_ms(PICTURE_MS);
    assert_eq!(heights(&world, viewers[1]).last(), Some(&720), "at once when it comes back");
    for viewer in &viewers {
        show(&mut world, *viewer, 0);
    }
    play(&mut world, &mut camera, 6_000);
    assert_eq!(wanted(&world).last().unwrap(), &["q"], "the lowest goes on for whoever comes");
}

#[test]
fn a_viewer_who_is_first_gets_a_picture_of_every_layer_within_a_moment() {
    let mut world = World::new(1);
    let mut camera = Camera::join(&mut world, CAMERA);
    world.run_ms(500);
    play(&mut world, &mut camera, 2_000);
    let viewer = world.viewer();
    stage(&mut world);
    let begun = world.now;
    play(&mut world, &mut camera, 1_000);
    let first = received(&world, viewer)[0].at;
    assert!(first.since(begun) < Duration::from_millis(400), "{:?}", first.since(begun));
}
