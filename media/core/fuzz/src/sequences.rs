//! Whole sequences of datagrams, commands and steps of time into shards with connected peers, acted out by an input.

use std::collections::HashMap;
use std::time::Duration;

use room_core::client::{Client, DESCRIPTOR, publish};
use room_core::codec::{Codec, MediaKind};
use room_core::demux;
use room_core::ids::{PeerId, ShardIndex, TapId, TrackId};
use room_core::message::{Command, Event};
use room_core::red;
use room_core::rtcp::Compound;
use room_core::rtp::HeaderWriter;
use room_core::simulcast::{Camera, Shot};
use room_core::source::Frame;
use room_core::tap::Tapped;
use room_core::way::Way;
use room_core::world::{FILM_AUDIO, FILM_VIDEO, ROOM, SOURCE, Sightings, World, address};

use crate::{Chance, Dice};

const CAMERA: TrackId = TrackId(500);
const MICROPHONE: TrackId = TrackId(502);
const LAYERED: TrackId = TrackId(501);
const TAP: TapId = TapId(1);
const STEPS: usize = 300;

/// A number of a source is sent with one content only: a nonce must never meet two.
fn no_number_twice(sightings: &mut Sightings, client: usize, bytes: &[u8]) {
    let is_media = bytes.len() > 12 && bytes[0] >> 6 == 2 && !(192..=223).contains(&bytes[1]);
    if is_media {
        let sequence = u16::from_be_bytes([bytes[2], bytes[3]]);
        let ssrc = u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
        let before = sightings.insert((client, ssrc, sequence), bytes.to_vec());
        assert_eq!(before, None, "source {ssrc} sent {sequence} again");
    }
}

pub(crate) fn datagrams(raw: &[u8]) {
    let mut chance = Chance::of(raw);
    let chance = &mut chance;
    let mut world = World::new(1 + chance.below(2) as ShardIndex);
    world.watch = Some(no_number_twice);
    let published = [MediaKind::Video, MediaKind::Audio].map(publish);
    let camera = world.join_as(Vec::new(), published.to_vec(), vec![CAMERA, MICROPHONE]);
    for _ in 0..2 {
        world.viewer();
    }
    let way = Way::new(100_000 << chance.below(8), chance.number());
    world.narrow_viewer(2, way);
    let mut layered = Camera::join(&mut world, LAYERED);
    world.all(|| Command::AddTap { tap: TAP, room: ROOM });
    world.run_ms(200);
    assert!(world.clients.iter().all(Client::is_connected));
    for _ in 0..STEPS {
        if chance.is_over() {
            break;
        }
        act(&mut world, camera, chance);
        layers(&mut world, &mut layered, chance);
    }
    world.run_ms(500);
    assert!(world.strangers_got.is_empty());
    nothing_failed(&world);
    taps_are_true(&world);
    for shard in &world.shards {
        let _ = shard.stats(world.now);
    }
}

fn nothing_failed(world: &World) {
    let failed = world.events.iter().filter(|event| matches!(event, Event::RoomFailed { .. }));
    assert_eq!(failed.count(), 0, "{:?}", world.events);
}

/// Instants ascend, a frame has the length that was said, and a picture after a gap can be decoded alone.
fn taps_are_true(world: &World) {
    let mut last = HashMap::new();
    for (_, one) in &world.tapped {
        let Tapped::Frame(frame) = one else { continue };
        assert_eq!(frame.to_vec().len(), frame.len);
        assert!(last.insert(frame.track, frame.at).is_none_or(|before| before < frame.at));
        assert!(frame.keyframe || !frame.after_gap);
    }
}

/// Every third handshake datagram is damaged: connections may fail, and nothing else may.
pub(crate) fn handshakes(raw: &[u8]) {
    let mut world = World::new(1);
    world.sent = Chance::of(raw).number() >> 32;
    world.tampers_up = |n, datagram| {
        let mut dice = Dice::seeded(n);
        if demux::kind(datagram) == demux::Kind::Dtls && dice.below(3) == 0 {
            *datagram = dice.input(std::slice::from_ref(datagram));
        }
    };
    for _ in 0..4 {
        world.viewer();
    }
    for _ in 0..30 {
        world.run_ms(100);
        for client in 0..world.clients.len() {
            let check = world.clients[client].check();
            world.send(client, check);
        }
    }
    assert!(world.strangers_got.is_empty());
    nothing_failed(&world);
}

/// A client's first flight, and headers of each kind of record.
pub(crate) fn dtls_seeds() -> Vec<Vec<u8>> {
    let record = |kind: u8, epoch: u8, body: &[u8]| {
        let head = [kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 1];
        [&head[..], &(body.len() as u16).to_be_bytes(), body].concat()
    };
    let records = [record(21, 0, &[1, 0]), record(20, 0, &[1]), record(23, 1, &[0; 32]), first_flight()];
    let framed =
        |stage: u8, bytes: &[u8]| [&[stage][..], &(bytes.len() as u16).to_be_bytes(), bytes].concat();
    (0..4).flat_map(|stage| records.iter().map(move |bytes| framed(stage, bytes))).collect()
}

fn first_flight() -> Vec<u8> {
    let mut world = World::new(1);
    world.tampers_up = |_, datagram| {
        if demux::kind(datagram) == demux::Kind::Dtls {
            FLIGHT.with_borrow_mut(|flight| flight.get_or_insert_with(|| datagram.clone()).len());
        }
    };
    world.viewer();
    world.run_ms(60);
    FLIGHT.take().unwrap_or_default()
}

thread_local! {
    static FLIGHT: std::cell::RefCell<Option<Vec<u8>>> = const { std::cell::RefCell::new(None) };
}

/// Records of any kind, before, in and after a handshake that goes well otherwise: the first byte says when.
pub(crate) fn dtls(raw: &[u8]) {
    let Some((stage, packed)) = raw.split_first() else { return };
    let mut world = World::new(1);
    let viewer = world.viewer();
    world.run_ms([6, 18, 24, 200][usize::from(*stage) % 4]);
    for mut datagram in crate::unpack(packed).into_iter().take(32) {
        if let Some(first) = datagram.first_mut() {
            *first = 20 + *first % 44;
            world.inject(address(viewer), &mut datagram);
            world.run_ms(1);
        }
    }
    world.run_ms(50);
    assert!(world.strangers_got.is_empty());
    nothing_failed(&world);
}

fn act(world: &mut World, camera: usize, chance: &mut Chance) {
    match chance.below(12) {
        0 => world.run_ms(1 + chance.below(100) as u64),
        1 => {
            let mut noise = chance.bytes(400);
            world.inject("192.0.2.1:9".parse().expect("an address"), &mut noise);
        }
        2 => {
            let client = chance.below(world.clients.len());
            let known = world.clients[client].check();
            let mut changed = chance.mutated(std::slice::from_ref(&known));
            if changed != known {
                world.inject("192.0.2.1:9".parse().expect("an address"), &mut changed);
            }
        }
        3 => {
            // From a known address, whatever it may be: handshake, media, control.
            let client = chance.below(world.clients.len());
            let mut noise = chance.bytes(400);
            if let Some(first) = noise.first_mut() {
                *first = [22, 23, 20, 0x80, 0x90, 0xb0][chance.below(6)];
            }
            world.inject(address(client), &mut noise);
        }
        4..=6 => camera_packet(world, camera, chance),
        7 => control(world, chance),
        8 => command(world, chance),
        9 | 10 => frame(world, chance),
        _ => {
            let client = chance.below(world.clients.len());
            let check = world.clients[client].check();
            world.send(client, check);
        }
    }
}

fn camera_packet(world: &mut World, camera: usize, chance: &mut Chance) {
    let good = [
        vec![0x90, 0xe0, 0x81, 2, 7, 0x20, 0x10, 1, 2, 3],
        vec![0x10, 0x11, 1, 2, 3],
        vec![0x18, 8, 1, 2],
        vec![0x88, 1, 2, 9, 1],
        red::write(111, &[(960, &[7; 9])], &[8; 9]),
        Vec::new(),
    ];
    let payload = chance.mutated(&good);
    let payload_type = [96, 96, 98, 45, 97, 46, 111, 63, 3][chance.below(9)];
    let descriptor = chance.mutated(&[DESCRIPTOR.to_vec(), vec![0xfd, 0, 8], Vec::new()]);
    // Each number once: a client that repeats a nonce is not what is tried here.
    let number = world.now.as_nanos() / 1_000_000 + 4 * world.sightings.len() as u64;
    let ssrc = 7 + chance.below(4) as u32;
    let mut writer = HeaderWriter::new(payload_type, true, number as u16, chance.number() as u32, ssrc);
    writer.descriptor(Some(12), Some((&descriptor, chance.number() as u16)));
    let packet = world.clients[camera].rtp_with(writer, number, ssrc, &payload);
    world.send(camera, packet);
}

/// A picture in some layers, its packets out of order, some lost, some twice.
fn layers(world: &mut World, camera: &mut Camera, chance: &mut Chance) {
    camera.named_packets = if chance.below(20) == 0 { u64::MAX } else { 40 };
    for layer in 0..3 {
        let temporal = chance.below(3) as u8;
        let (keyframe, sync) = (chance.below(6) == 0, chance.below(2) == 0);
        let mut datagrams = camera.picture(world, layer, Shot { keyframe, temporal, sync });
        if datagrams.len() > 1 && chance.below(4) == 0 {
            let (a, b) = (chance.below(datagrams.len()), chance.below(datagrams.len()));
            datagrams.swap(a, b);
        }
        for datagram in datagrams {
            if chance.below(2) == 0 {
                world.send(camera.client, datagram);
            }
        }
    }
    camera.pictures += 1;
    match chance.below(20) {
        0 => camera.report(world),
        1 => camera.probe(world, chance.below(3), camera.pictures),
        _ => {}
    }
}

fn control(world: &mut World, chance: &mut Chance) {
    let client = chance.below(world.clients.len());
    let ssrc = World::ssrc(client, MediaKind::Video, chance.below(2) as u32);
    let lost: Vec<u16> = (0..chance.below(40)).map(|_| chance.number() as u16 & 0x3fff).collect();
    let first = chance.number() as u16 & 0xff;
    let [base, count] = [first.to_be_bytes(), (1 + chance.below(60) as u16).to_be_bytes()];
    let told = [&base[..], &count, &[0, 0, chance.number() as u8, 1, 0x20, count[1]], &[4; 60]].concat();
    let good = [
        Compound::new().transport_wide(1, ssrc, &told),
        Compound::new().nack(1, ssrc, &lost),
        Compound::new().pli(1, ssrc),
        Compound::new().receiver_estimate(1, chance.number() >> 40, &[ssrc]),
        Compound::new().sender_report(&room_core::rtcp::SenderInfo { ssrc: 7, ..Default::default() }),
    ]
    .map(|compound| compound.bytes().to_vec());
    let bytes = chance.mutated(&good);
    let packet = world.clients[client].control_bytes(&bytes);
    world.send(client, packet);
}

fn command(world: &mut World, chance: &mut Chance) {
    let tracks = [
        None,
        Some(FILM_AUDIO),
        Some(FILM_VIDEO),
        Some(CAMERA),
        Some(MICROPHONE),
        Some(LAYERED),
        Some(LAYERED),
        Some(TrackId(9)),
    ];
    let mut any = || tracks[chance.below(tracks.len())];
    let (audio, video) = ([any(), any()], [any(), any()]);
    let peer = PeerId(chance.below(5) as u64);
    match chance.below(8) {
        0..=2 => world.layout(&audio, &video),
        3 => world.all(|| Command::Mute { track: CAMERA }),
        4 => world.all(|| Command::Unmute { track: CAMERA }),
        5 => {
            let (slot, max_height) = (chance.below(3), chance.below(4) as u32 * 240);
            world.all(|| Command::SetView { peer, slot, max_height });
        }
        6 => world.shards[0].command(world.now, Command::FlushSource { source: SOURCE }),
        _ => {
            let deadline = (chance.below(3) == 0).then(|| world.now.plus(Duration::from_millis(50)));
            world.all(|| Command::SetDeadline { deadline });
        }
    }
}

fn frame(world: &mut World, chance: &mut Chance) {
    let codec = [Codec::Opus, Codec::Vp8, Codec::H264][chance.below(3)];
    let at = world.now.plus(Duration::from_millis(chance.below(200) as u64));
    let mut data = chance.bytes(6_000);
    if chance.below(2) == 0 {
        data.splice(0..0, [0, 0, 0, 1, 0x67, 1, 2]);
    }
    world.write(Frame { codec, data, at, keyframe: chance.below(4) == 0 });
}
