//! Whole shards in virtual time: viewers, publishers, film, and a network that misbehaves.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::client::Received;
use crate::codec::{Codec, MediaKind};
use crate::ids::TrackId;
use crate::rtcp::{Compound, Packet as Control};
use crate::source::Frame;
use crate::world::{FILM_AUDIO, FILM_VIDEO, World, picture, play, play_on, scatter};

pub(super) const CAMERA: TrackId = TrackId(500);
const OTHER_CAMERA: TrackId = TrackId(501);

pub(super) fn of(world: &World, client: usize, kind: MediaKind, slot: u32) -> Vec<Received> {
    let ssrc = World::ssrc(client, kind, slot);
    world.clients[client].media.iter().filter(|packet| packet.header.ssrc == ssrc).cloned().collect()
}

pub(super) fn numbers(packets: &[Received]) -> Vec<u64> {
    packets.iter().map(|packet| packet.index).collect()
}

pub(super) fn is_without_gap(numbers: &[u64]) -> bool {
    let distinct: BTreeSet<_> = numbers.iter().collect();
    let span = distinct.last().zip(distinct.first()).map_or(0, |(last, first)| *last - *first + 1);
    distinct.len() as u64 == span
}

/// Sends one picture of one packet from a publisher; `n` counts pictures.
pub(super) fn film_camera(world: &mut World, client: usize, n: u64, keyframe: bool) {
    let payload = [&[0x10], &picture(keyframe, 400)[..]].concat();
    let packet =
        world.clients[client].rtp(96, 60_000 + n, n as u32 * 3_000, 0xabc0 + client as u32, &payload);
    world.send(client, packet);
}

pub(super) fn keyframe_requests(world: &World, client: usize) -> usize {
    world.clients[client].control.iter().filter(|packet| matches!(packet, Control::Pli { .. })).count()
}

#[test]
fn a_viewer_connects_and_gets_the_film_in_both_slots() {
    let mut world = World::new(1);
    let viewer = world.viewer();
    play(&mut world, 4_000);
    assert!(world.clients[viewer].is_connected());
    for kind in [MediaKind::Audio, MediaKind::Video] {
        let packets = of(&world, viewer, kind, 0);
        assert!(packets.len() > 90, "{kind:?}: {}", packets.len());
        assert!(is_without_gap(&numbers(&packets)));
        assert!(of(&world, viewer, kind, 1).is_empty());
    }
}

#[test]
fn sender_reports_keep_audio_and_video_together() {
    let mut world = World::new(1);
    let viewer = world.viewer();
    play(&mut world, 4_000);
    // For each packet: the wall clock at which it was captured, by the last report of its source.
    let captured = |kind: MediaKind, rate: f64| -> Vec<f64> {
        let ssrc = World::ssrc(viewer, kind, 0);
        let reports = world.clients[viewer].control.iter().filter_map(|packet| match packet {
            Control::SenderReport(info, _) if info.ssrc == ssrc => Some(*info),
            _ => None,
        });
        let report = reports.max_by_key(|info| info.ntp).unwrap();
        let at = report.ntp as f64 / f64::from(u32::MAX);
        let packets = of(&world, viewer, kind, 0);
        let live = packets[packets.len() / 2..].iter();
        live.map(|packet| {
            at + f64::from(packet.header.timestamp.wrapping_sub(report.timestamp) as i32) / rate
        })
        .collect()
    };
    let (audio, video) = (captured(MediaKind::Audio, 48_000.0), captured(MediaKind::Video, 90_000.0));
    for picture in &video[video.len() - 60..video.len() - 10] {
        let nearest = audio.iter().map(|sound| (sound - picture).abs()).fold(f64::MAX, f64::min);
        assert!(nearest < 0.001, "{nearest}");
    }
}

#[test]
fn the_first_sender_report_comes_with_the_first_packet() {
    let mut world = World::new(1);
    let viewer = world.viewer();
    play(&mut world, 200);
    for kind in [MediaKind::Audio, MediaKind::Video] {
        let ssrc = World::ssrc(viewer, kind, 0);
        let told = world.clients[viewer].control.iter();
        let told =
            told.filter(|packet| matches!(packet, Control::SenderReport(info, _) if info.ssrc == ssrc));
        assert_eq!(told.count(), 1, "{kind:?}");
    }
}

#[test]
fn a_late_viewer_gets_the_group_so_far_as_a_paced_burst_that_ends_in_the_present() {
    let mut world = World::new(1);
    let early = world.viewer();
    play(&mut world, 1_200);
    let late = world.viewer();
    play_on(&mut world, 1_200, 600);
    let packets = of(&world, late, MediaKind::Video, 0);
    assert!(Codec::Vp8.starts_here(&packets[0].payload), "it begins with the keyframe");
    assert!(is_without_gap(&numbers(&packets)));
    for window in packets.windows(12) {
        let apart = window[11].at.since(window[0].at);
        assert!(apart >= Duration::from_millis(4), "more than ten within {apart:?}");
    }
    // The timestamps of the past are close together, and what is live is on time.
    let timestamps: Vec<u32> = packets.iter().map(|packet| packet.header.timestamp).collect();
    assert!(timestamps.is_sorted());
    let live = of(&world, early, MediaKind::Video, 0).last().unwrap().header.timestamp;
    assert_eq!(*timestamps.last().unwrap(), live);
    let joined = timestamps[0];
    assert!(live - joined < 90_000 * 8 / 10, "{} ticks for 1.8 s of film", live - joined);
}

#[test]
fn what_is_lost_on_the_way_to_a_viewer_comes_again_on_its_own_stream() {
    let mut world = World::new(1);
    let viewer = world.viewer();
    play(&mut world, 400);
    // About every tenth media packet from here on.
    world.loses = |n, bytes| scatter(n) < 26 && demux::kind(bytes) == Kind::Rtp;
    for _ in 0..20 {
        play(&mut world, 80);
        let packets = of(&world, viewer, MediaKind::Video, 0);
        let mut have: BTreeSet<u16> = packets.iter().map(|packet| packet.header.sequence).collect();
        let span = *have.first().unwrap()..*have.last().unwrap();
        have.extend(repaired(&world, viewer));
        let lost: Vec<u16> = span.filter(|number| !have.contains(number)).collect();
        let nack = Compound::new().nack(1, World::ssrc(viewer, MediaKind::Video, 0), &lost);
        let datagram = world.clients[viewer].rtcp(&nack);
        world.send(viewer, datagram);
    }
    world.loses = |_, _| false;
    world.run_ms(100);
    let again = repaired(&world, viewer);
    let have: BTreeSet<u16> =
        of(&world, viewer, MediaKind::Video, 0).iter().map(|packet| packet.header.sequence).collect();
    let (first, last) = (*have.first().unwrap(), *have.last().unwrap());
    let never = (first..last).filter(|number| !have.contains(number) && !again.contains(number)).count();
    assert!(again.len() >= 10, "{}", again.len());
    let counters = world.shards[0].stats(world.now).totals;
    assert!(never <= 2, "{never} never came, {counters:?}");
}

/// The numbers of the packets that came again in a viewer's first video slot.
fn repaired(world: &World, viewer: usize) -> BTreeSet<u16> {
    let ssrc = World::ssrc(viewer, MediaKind::Video, 0) + 1;
    let again = world.clients[viewer].media.iter().filter(|packet| packet.header.ssrc == ssrc);
    again.map(|packet| u16::from_be_bytes([packet.payload[0], packet.payload[1]])).collect()
}

#[test]
fn a_camera_is_forwarded_from_its_keyframe_on_and_never_to_itself() {
    let mut world = World::new(1);
    let camera = world.publisher(CAMERA);
    let viewer = world.viewer();
    world.layout(&[], &[None, Some(CAMERA)]);
    world.run_ms(500);
    for n in 0..30 {
        film_camera(&mut world, camera, n, n == 10);
        world.run_ms(33);
    }
    let packets = of(&world, viewer, MediaKind::Video, 1);
    assert_eq!(packets.len(), 20);
    assert!(is_without_gap(&numbers(&packets)));
    assert!(world.clients[camera].media.is_empty());
    assert!(world.events.contains(&Event::TrackStarted {
        track: CAMERA,
        peer: PeerId(camera as u64),
        kind: MediaKind::Video
    }));
}

#[test]
fn keyframe_requests_of_viewers_become_one_and_the_first_goes_at_once() {
    let mut world = World::new(1);
    let camera = world.publisher(CAMERA);
    let viewers: Vec<usize> = (0..5).map(|_| world.viewer()).collect();
    world.run_ms(500);
    film_camera(&mut world, camera, 0, true);
    world.run_ms(50);
    world.layout(&[], &[None, Some(CAMERA)]);
    film_camera(&mut world, camera, 1, false);
    world.run_ms(20);
    assert_eq!(keyframe_requests(&world, camera), 1, "at once for the first viewers, who all need one");
    for n in 2..60 {
        for viewer in &viewers {
            let pli = Compound::new().pli(1, World::ssrc(*viewer, MediaKind::Video, 1));
            let datagram = world.clients[*viewer].rtcp(&pli);
            world.send(*viewer, datagram);
        }
        film_camera(&mut world, camera, n, false);
        world.run_ms(20);
    }
    let requests = keyframe_requests(&world, camera);
    assert!((3..=4).contains(&requests), "{requests} in 1.2 s");
}

#[test]
fn a_slot_goes_on_without_a_step_when_it_changes_its_track() {
    let mut world = World::new(1);
    let cameras = [world.publisher(CAMERA), world.publisher(OTHER_CAMERA)];
    let viewer = world.viewer();
    world.run_ms(500);
    for n in 0..90 {
        let track = if n / 30 % 2 == 0 { CAMERA } else { OTHER_CAMERA };
        world.layout(&[], &[None, Some(track)]);
        for camera in cameras {
            film_camera(&mut world, camera, n, n % 15 == 5);
        }
        world.run_ms(33);
    }
    let packets = of(&world, viewer, MediaKind::Video, 1);
    assert!(packets.len() > 60);
    assert!(is_without_gap(&numbers(&packets)));
    let steps = packets.windows(2).map(|two| two[1].header.timestamp.wrapping_sub(two[0].header.timestamp));
    assert!(steps.clone().all(|step| (1..60_000).contains(&step)), "{:?}", steps.collect::<Vec<_>>());
}

#[test]
fn what_is_lost_on_the_way_from_a_publisher_is_asked_for() {
    let mut world = World::new(1);
    let camera = world.publisher(CAMERA);
    world.run_ms(500);
    for n in (0..20).filter(|n| *n != 7) {
        film_camera(&mut world, camera, n, n == 0);
        world.run_ms(10);
    }
    let lost: Vec<u16> = world.clients[camera]
        .control
        .iter()
        .filter_map(|packet| match packet {
            Control::Nack { lost, .. } => Some(lost.clone()),
            _ => None,
        })
        .flatten()
        .collect();
    assert!(!lost.is_empty() && lost.iter().all(|number| *number == 60_007), "{lost:?}");
}

#[test]
fn a_repaired_packet_takes_its_place() {
    let mut world = World::new(1);
    let camera = world.publisher(CAMERA);
    let viewer = world.viewer();
    world.layout(&[], &[None, Some(CAMERA)]);
    world.run_ms(500);
    for n in (0..20).filter(|n| *n != 7) {
        film_camera(&mut world, camera, n, n == 0);
        world.run_ms(10);
    }
    assert!(!is_without_gap(&numbers(&of(&world, viewer, MediaKind::Video, 1))));
    let payload = [&60_007_u16.to_be_bytes()[..], &[0x10], &picture(false, 400)].concat();
    let packet = world.clients[camera].rtp(97, 1, 21_000, 0xdead, &payload);
    world.send(camera, packet);
    world.run_ms(50);
    assert!(is_without_gap(&numbers(&of(&world, viewer, MediaKind::Video, 1))));
}

#[test]
fn publishers_are_told_how_they_arrive_and_how_much_they_may_send() {
    let mut world = World::new(1);
    let camera = world.publisher(CAMERA);
    world.run_ms(500);
    film_camera(&mut world, camera, 0, true);
    world.run_ms(50);
    let told = &world.clients[camera].control;
    assert!(told.iter().any(|packet| matches!(packet, Control::ReceiverReport(blocks) if blocks.len() == 1)));
}

#[test]
fn peers_meet_across_shards_wherever_their_datagrams_arrive() {
    let mut world = World::new(2);
    let camera = world.publisher(CAMERA);
    let viewers: Vec<usize> = (0..6).map(|_| world.viewer()).collect();
    world.layout(&[Some(FILM_AUDIO)], &[Some(FILM_VIDEO), Some(CAMERA)]);
    world.run_ms(500);
    for n in 0..30 {
        film_camera(&mut world, camera, n, n == 0);
        play_on(&mut world, n * 40, 40);
    }
    let here = world.shards.iter().map(|shard| shard.stats(world.now).peers.len()).collect::<Vec<_>>();
    assert_eq!(here.iter().sum::<usize>(), 7);
    assert!(here.iter().all(|count| *count > 0), "{here:?}");
    for viewer in viewers {
        assert_eq!(of(&world, viewer, MediaKind::Video, 1).len(), 30, "viewer {viewer}");
        assert!(of(&world, viewer, MediaKind::Video, 0).len() > 80, "viewer {viewer}");
    }
}

#[test]
fn a_shard_whose_first_viewer_comes_late_gets_the_group_so_far() {
    let mut world = World::new(2);
    world.viewer();
    play(&mut world, 1_000);
    // The third client's datagrams arrive at the other shard.
    world.viewer();
    let late = world.viewer();
    play_on(&mut world, 1_000, 400);
    let packets = of(&world, late, MediaKind::Video, 0);
    assert!(Codec::Vp8.starts_here(&packets[0].payload));
    assert!(packets.len() > 50, "{}", packets.len());
}

/// Sends a picture in pieces of these lengths; returns their payloads.
pub(super) fn film_in_pieces(
    world: &mut World,
    camera: usize,
    first: u64,
    lengths: &[usize],
) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    for (n, length) in lengths.iter().enumerate() {
        let head = if n == 0 { 0x10 } else { 0x00 };
        let payload = [&[head], &picture(n == 0, *length)[..]].concat();
        let number = first + n as u64;
        let marker = n + 1 == lengths.len();
        let packet = world.clients[camera].piece((96, marker), number, first as u32 * 3_000, 7, &payload);
        world.send(camera, packet);
        pieces.push(payload);
    }
    pieces
}

#[test]
fn a_frame_leaves_for_each_viewer_in_one_call_also_when_its_pieces_differ_by_a_byte() {
    let mut world = World::new(1);
    let camera = world.publisher(CAMERA);
    let viewers = [world.viewer(), world.viewer()];
    world.layout(&[], &[None, Some(CAMERA)]);
    world.run_ms(500);
    world.calls.clear();
    let pieces = film_in_pieces(&mut world, camera, 100, &[900, 900, 901, 901, 901]);
    world.run_ms(20);
    for viewer in viewers {
        let to = crate::world::address(viewer);
        // The first sender report goes with it.
        assert_eq!(world.calls.iter().filter(|(whom, _)| *whom == to).collect::<Vec<_>>(), [&(to, 6)]);
        let got = of(&world, viewer, MediaKind::Video, 1);
        assert!(got.iter().map(|packet| &packet.payload).eq(&pieces), "as it was but for padding");
        assert_eq!(got.iter().filter(|packet| packet.header.padding).count(), 2);
    }
}

#[test]
fn a_frame_whose_end_is_lost_leaves_within_two_milliseconds() {
    let mut world = World::new(1);
    let camera = world.publisher(CAMERA);
    let viewer = world.viewer();
    world.layout(&[], &[None, Some(CAMERA)]);
    world.run_ms(500);
    let sent = world.now;
    world.loses_up = |_, bytes| bytes[1] & 0x80 != 0 && demux::kind(bytes) == Kind::Rtp;
    film_in_pieces(&mut world, camera, 100, &[900, 900, 900]);
    world.run_ms(20);
    let got = of(&world, viewer, MediaKind::Video, 1);
    assert_eq!(got.len(), 2);
    // Five milliseconds each way.
    assert!(got.iter().all(|packet| packet.at.since(sent) <= Duration::from_millis(12)));
}

#[test]
fn sound_passes_the_fan_out_of_a_frame() {
    let mut world = World::new(1);
    let camera = world.publisher(CAMERA);
    let viewers: Vec<usize> = (0..60).map(|_| world.viewer()).collect();
    world.layout(&[Some(FILM_AUDIO)], &[None, Some(CAMERA)]);
    world.run_ms(500);
    world.starved = true;
    film_in_pieces(&mut world, camera, 100, &[900; 20]);
    world.run_ms(10);
    let now = world.now;
    let shard = &mut world.shards[0];
    assert!(shard.produce(now), "a slice, and more to come");
    shard.transmit.left(Time::from_nanos(1));
    let sound = Frame { codec: Codec::Opus, data: vec![1; 100], at: now, keyframe: true };
    shard.command(now, Command::WriteFrame { source: crate::world::SOURCE, frame: sound });
    shard.timeout(now);
    shard.produce(now);
    let heard = shard.transmit.iter().take(viewers.len()).filter(|(_, bytes)| bytes.len() < 200).count();
    assert_eq!(heard, viewers.len(), "the next slice begins with the sound for everyone");
}
