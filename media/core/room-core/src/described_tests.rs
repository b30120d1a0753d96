//! Codecs that are passed on: what a dependency descriptor says is followed, and goes along to who negotiated it.

use super::*;
use crate::client::{DESCRIPTOR, Received, publish, slot};
use crate::codec::{Codec, MediaKind};
use crate::dependency::{self, Dependency, Structure};
use crate::ids::TrackId;
use crate::packet::Picture;
use crate::params::{DEPENDENCY_DESCRIPTOR, STREAM_ID, SlotParams};
use crate::rtcp::{Compound, Packet as Control};
use crate::rtp::HeaderWriter;
use crate::world::World;

const SCREEN: TrackId = TrackId(500);
const SLOT: u32 = 7_000;
const DESCRIBED: u8 = 12;
const PICTURE_MS: u64 = 40;
const VP8: u8 = 96;
const VP9: u8 = 98;
const AV1: u8 = 45;

/// Payload, and descriptor with its frame number.
type Packed = (Vec<u8>, Option<(Vec<u8>, u16)>);

/// Two layers of one screen, each a stream that counts for itself.
struct Screen {
    client: usize,
    pictures: u64,
}

impl Screen {
    fn join(world: &mut World) -> Screen {
        let mut params = publish(MediaKind::Video);
        params.rids = vec!["low".to_owned(), "high".to_owned()];
        params.extensions.insert(STREAM_ID.to_owned(), 10);
        Screen { client: world.join_as(Vec::new(), vec![params], vec![SCREEN]), pictures: 0 }
    }

    fn ssrc(layer: u32) -> u32 {
        50 + layer
    }

    /// A picture of each layer in two packets, as `shot` makes it: payload, descriptor.
    fn shoot(&mut self, world: &mut World, payload_type: u8, shot: impl Fn(u32, bool) -> Packed) {
        for layer in 0..2 {
            for last in [false, true] {
                let index = 9_000 * u64::from(layer + 1) + 2 * self.pictures + u64::from(last);
                let timestamp = self.pictures as u32 * 3_600;
                let mut writer =
                    HeaderWriter::new(payload_type, last, index as u16, timestamp, Screen::ssrc(layer));
                let (payload, described) = shot(layer, last);
                writer.descriptor(Some(DESCRIBED), described.as_ref().map(|(raw, frame)| (&**raw, *frame)));
                writer.extension(Some(10), ["low", "high"][layer as usize].as_bytes());
                let datagram =
                    world.clients[self.client].rtp_with(writer, index, Screen::ssrc(layer), &payload);
                world.send(self.client, datagram);
            }
        }
        self.pictures += 1;
        world.run_ms(PICTURE_MS);
    }

    /// A picture in one of three temporal layers; frame numbers of the second layer are far ahead.
    fn described(&mut self, world: &mut World, payload_type: u8, keyframe: bool) {
        let (frame, picture) = (self.pictures as u16, self.pictures as u8);
        let template = if keyframe { 60 } else { [61, 63, 62, 63][self.pictures as usize % 4] };
        self.shoot(world, payload_type, |layer, last| {
            let frame = frame.wrapping_add(30_000 * layer as u16);
            let ends = if last { 0x40 } else { 0x80 };
            let templates = if keyframe && !last { &DESCRIPTOR[3..] } else { &[] };
            let descriptor = [&[ends | template, 0, 0], templates].concat();
            let payload = match (payload_type, keyframe && !last) {
                // A sequence header only where one begins, then the frame.
                (AV1, true) => vec![0x18, 0x08, 1, 2],
                (AV1, false) => vec![0x10, 0x30, 1, 2],
                (VP9, _) => {
                    let flags = 0xa0 | if last { 0x04 } else { 0x08 } | if keyframe { 0 } else { 0x40 };
                    vec![flags, 0x80, picture, 0, picture, 1, 2]
                }
                // What is described tells no layers in its payload.
                (_, starts) => vec![if last { 0 } else { 0x10 }, u8::from(!starts), 1, 2],
            };
            (payload, Some((descriptor, frame)))
        });
    }

    /// A keyframe where one was asked for, or comes first.
    fn play(&mut self, world: &mut World, payload_type: u8, pictures: u64) {
        let mut asked = world.clients[self.client].control.len();
        for _ in 0..pictures {
            let told = &world.clients[self.client].control[asked..];
            let wanted = told.iter().any(|one| matches!(one, Control::Pli { .. }));
            asked += told.len();
            self.described(world, payload_type, self.pictures == 0 || wanted);
        }
    }

    fn vp8(&mut self, world: &mut World, keyframe: bool) {
        let id = self.pictures as u8 & 0x7f;
        self.shoot(world, VP8, |_, last| {
            let tag = if keyframe { 0x10 } else { 0x11 };
            let start = if last { 0x80 } else { 0x90 };
            (vec![start, 0x80, 0x80, id, tag, 0, 0], None)
        });
    }
}

/// Whose slot is as `change` leaves it.
fn viewer(world: &mut World, change: impl Fn(&mut SlotParams)) -> usize {
    let mut params = slot(MediaKind::Video, 0, SLOT);
    change(&mut params);
    world.join(vec![params], Vec::new())
}

fn show(world: &mut World, viewer: usize, max_height: u32) {
    let peer = PeerId(viewer as u64);
    world.all(|| Command::SetView { peer, slot: 0, max_height });
}

fn received(world: &World, viewer: usize) -> Vec<&Received> {
    world.clients[viewer].media.iter().filter(|packet| packet.header.ssrc == SLOT).collect()
}

fn descriptor(packet: &Received) -> &[u8] {
    &packet.extensions.iter().find(|(id, _)| *id == DESCRIBED).expect("a descriptor").1
}

/// What the viewer reads, as a browser would: each descriptor with the structure that came last.
fn read(packets: &[&Received]) -> Vec<Dependency> {
    let mut known: Option<Structure> = None;
    let one = |packet: &&Received| {
        let found = dependency::read(descriptor(packet), known.as_ref()).expect("one that can be read");
        known = found.attached.clone().or(known.take());
        found
    };
    packets.iter().map(one).collect()
}

fn staged() -> (World, Screen) {
    let mut world = World::new(1);
    let screen = Screen::join(&mut world);
    world.layout(&[], &[Some(SCREEN)]);
    (world, screen)
}

#[test]
fn a_viewer_joins_with_the_templates_and_frame_numbers_go_on_across_layers() {
    let (mut world, mut screen) = staged();
    let viewer = viewer(&mut world, |_| ());
    show(&mut world, viewer, 100);
    world.run_ms(500);
    screen.play(&mut world, AV1, 40);
    show(&mut world, viewer, 2_000);
    screen.play(&mut world, AV1, 40);
    let packets = received(&world, viewer);
    assert!(packets.iter().all(|packet| packet.header.payload_type == AV1));
    assert!(packets.windows(2).all(|two| two[1].index == two[0].index + 1));
    let told = read(&packets);
    let starts = told.iter().filter(|one| one.starts_sequence()).count();
    assert!(told[0].starts_sequence() && starts >= 2, "{starts}");
    for two in told.windows(2) {
        assert_eq!(two[1].frame.wrapping_sub(two[0].frame), u16::from(two[1].begins_frame));
    }
    assert!(told.len() > 150);
}

#[test]
fn temporal_layers_are_left_out_by_what_the_descriptor_says() {
    let (mut world, mut screen) = staged();
    let viewer = viewer(&mut world, |_| ());
    show(&mut world, viewer, 2_000);
    world.run_ms(500);
    screen.play(&mut world, AV1, 80);
    let whole = read(&received(&world, viewer)).iter().filter(|one| one.temporal == 2).count();
    assert!(whole > 60, "{whole}");
    let before = received(&world, viewer).len();
    narrow(&mut world, &mut screen, viewer, AV1);
    let packets = received(&world, viewer);
    let told = read(&packets);
    let lately = &told[told.len() - 20..];
    assert!(told.len() - before < 200, "{}", told.len() - before);
    assert!(lately.iter().all(|one| one.temporal == 0), "{lately:?}");
    // Differences count frames of all layers: numbers keep the gaps, sequence numbers do not.
    assert!(lately.windows(2).any(|two| two[1].frame.wrapping_sub(two[0].frame) == 4));
    assert!(packets.windows(2).all(|two| two[1].index == two[0].index + 1));
}

/// Plays two hundred pictures to a viewer whose way carries next to nothing.
fn narrow(world: &mut World, screen: &mut Screen, viewer: usize, payload_type: u8) {
    for _ in 0..10 {
        let told = Compound::new().receiver_estimate(1, 1, &[SLOT]);
        let datagram = world.clients[viewer].rtcp(&told);
        world.send(viewer, datagram);
        screen.play(world, payload_type, 20);
    }
}

#[test]
fn of_vp9_the_picture_ids_keep_the_gaps_that_tell_what_needs_which() {
    let (mut world, mut screen) = staged();
    let viewer = viewer(&mut world, |_| ());
    show(&mut world, viewer, 2_000);
    world.run_ms(500);
    screen.play(&mut world, VP9, 40);
    narrow(&mut world, &mut screen, viewer, VP9);
    let packets = received(&world, viewer);
    assert!(packets.windows(2).all(|two| two[1].index == two[0].index + 1));
    let id = |packet: &&Received| Picture::of(Codec::Vp9, &packet.payload).id.expect("an id").1;
    let ids: Vec<_> = packets.iter().map(id).collect();
    let last: Vec<_> =
        ids[ids.len() - 9..].windows(2).map(|two| two[1].wrapping_sub(two[0]) & 0x7fff).collect();
    assert_eq!(last, [4, 0, 4, 0, 4, 0, 4, 0]);
}

#[test]
fn a_vp8_payload_that_tells_no_layers_is_left_out_by_its_descriptor_too() {
    let (mut world, mut screen) = staged();
    let viewer = viewer(&mut world, |_| ());
    show(&mut world, viewer, 2_000);
    world.run_ms(500);
    screen.play(&mut world, VP8, 80);
    let before = received(&world, viewer).len();
    assert!(before > 150, "{before}");
    narrow(&mut world, &mut screen, viewer, VP8);
    let packets = received(&world, viewer);
    assert!(packets.len() - before < 200, "{}", packets.len() - before);
    assert!(packets.windows(2).all(|two| two[1].index == two[0].index + 1));
    let described = |packet: &&Received| packet.extensions.iter().any(|(id, _)| *id == DESCRIBED);
    assert!(!packets.iter().any(described), "films have none, and a receiver must not meet both");
}

#[test]
fn what_is_sent_again_has_its_descriptor() {
    let (mut world, mut screen) = staged();
    let viewer = viewer(&mut world, |_| ());
    world.run_ms(500);
    screen.play(&mut world, AV1, 8);
    let lost = received(&world, viewer)[0].clone();
    let nack = Compound::new().nack(1, SLOT, &[lost.header.sequence]);
    let datagram = world.clients[viewer].rtcp(&nack);
    world.send(viewer, datagram);
    world.run_ms(30);
    let again = world.clients[viewer].media.iter().find(|packet| packet.header.ssrc == SLOT + 1);
    let again = again.expect("it came again");
    assert_eq!(descriptor(again), descriptor(&lost));
    assert_eq!(again.payload[2..], lost.payload);
}

#[test]
fn who_did_not_negotiate_descriptors_gets_none_and_the_same_payloads() {
    let (mut world, mut screen) = staged();
    let with = viewer(&mut world, |_| ());
    let without = viewer(&mut world, |slot| slot.extensions.retain(|uri, _| uri != DEPENDENCY_DESCRIPTOR));
    world.run_ms(500);
    screen.play(&mut world, AV1, 20);
    let payloads =
        |viewer| received(&world, viewer).iter().map(|one| one.payload.clone()).collect::<Vec<_>>();
    assert!(payloads(with).len() >= 40);
    assert_eq!(payloads(with), payloads(without));
    assert!(
        received(&world, without).iter().all(|one| one.extensions.iter().all(|(id, _)| *id != DESCRIBED))
    );
}

#[test]
fn who_cannot_decode_what_comes_sees_the_picture_as_soon_as_the_publisher_changes_the_codec() {
    let (mut world, mut screen) = staged();
    let able = viewer(&mut world, |_| ());
    world.run_ms(500);
    screen.play(&mut world, AV1, 20);
    let unable = viewer(&mut world, |slot| slot.codecs.retain(|codec| codec.name == Codec::Vp8));
    world.run_ms(500);
    screen.play(&mut world, AV1, 20);
    assert!(received(&world, unable).is_empty(), "nothing that it could not decode");
    screen.vp8(&mut world, true);
    for _ in 0..10 {
        screen.vp8(&mut world, false);
    }
    for viewer in [able, unable] {
        let packets = received(&world, viewer);
        let last = packets[packets.len() - 22..].iter();
        assert!(last.clone().all(|packet| packet.header.payload_type == VP8));
        assert!(Codec::Vp8.starts_here(&packets[packets.len() - 22].payload), "it begins with the keyframe");
        assert!(packets.windows(2).all(|two| two[1].index == two[0].index + 1));
    }
}

#[test]
fn vp9_without_descriptors_starts_and_counts_by_its_payload() {
    let (mut world, mut screen) = staged();
    let viewer = viewer(&mut world, |_| ());
    world.run_ms(500);
    for n in 0..40_u8 {
        let keyframe = n % 10 == 5;
        screen.shoot(&mut world, VP9, |layer, last| {
            let flags = 0xa0 | if last { 0x04 } else { 0x08 } | if keyframe { 0 } else { 0x40 };
            (vec![flags, 0x80 | layer as u8, n, 0, n, 1, 2], None)
        });
        show(&mut world, viewer, if n < 20 { 100 } else { 2_000 });
    }
    let packets = received(&world, viewer);
    assert!(Codec::Vp9.starts_here(&packets[0].payload));
    let pictures: Vec<_> = packets.iter().map(|one| Picture::of(Codec::Vp9, &one.payload)).collect();
    for two in pictures.windows(2) {
        let (was, is) = (two[0].id.unwrap().1, two[1].id.unwrap().1);
        assert_eq!(is.wrapping_sub(was) & 0x7fff, u16::from(two[1].begins));
        assert_eq!(two[1].tl0.unwrap().1.wrapping_sub(two[0].tl0.unwrap().1), u8::from(two[1].begins));
    }
    assert!(packets.len() > 60);
}
