//! Layers of a codec that counts no pictures: H.264, told by its parameter sets.

use super::*;
use crate::client::{publish, slot};
use crate::codec::{Codec, MediaKind, h264};
use crate::ids::TrackId;
use crate::params::STREAM_ID;
use crate::rtp::HeaderWriter;
use crate::sps;
use crate::world::World;

const CAMERA: TrackId = TrackId(500);
const HEIGHTS: [u32; 2] = [180, 360];

/// A sequence parameter set of the baseline profile, 320 columns wide (ITU-T H.264 section 7.3.2.1.1).
fn parameters(height: u32) -> Vec<u8> {
    let rows = height.div_ceil(16);
    let set_frames_order_references = [0, 0, 2, 1].map(code).concat();
    let size = [code(19), code(rows - 1)].concat();
    let cropped = [0, 0, 0, (rows * 16 - height) / 2].map(code).concat();
    // No gaps in frame numbers; whole frames, direct inference, and a crop; no usability information; the end.
    let bits = format!("{set_frames_order_references}0{size}111{cropped}01");
    let byte = |bits: &[u8]| {
        bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | u8::from(*bit == b'1') << (7 - at))
    };
    [0x67, 66, 0xc0, 30].into_iter().chain(bits.as_bytes().chunks(8).map(byte)).collect()
}

/// An unsigned Exp-Golomb code.
fn code(value: u32) -> String {
    let bits = format!("{:b}", value + 1);
    format!("{}{bits}", "0".repeat(bits.len() - 1))
}

/// A frame of each layer; parameter sets and picture are packets of their own.
fn shoot(world: &mut World, camera: usize, n: u64, keyframe: bool) {
    for (layer, height) in HEIGHTS.into_iter().enumerate() {
        let parameters = parameters(height);
        let units: &[&[u8]] =
            if keyframe { &[&parameters, &[0x65; 60]] } else { &[&[0x41; 50], &[0x41; 40]] };
        for (place, unit) in units.iter().enumerate() {
            let (index, ssrc) = (9_000 * (layer as u64 + 1) + 2 * n + place as u64, 50 + layer as u32);
            let mut writer = HeaderWriter::new(102, place == 1, index as u16, n as u32 * 3_600, ssrc);
            writer.extension(Some(10), ["low", "high"][layer].as_bytes());
            let datagram = world.clients[camera].rtp_with(writer, index, ssrc, unit);
            world.send(camera, datagram);
        }
    }
    world.run_ms(40);
}

#[test]
fn a_layer_is_told_by_the_height_in_its_parameter_sets_and_joined_with_them() {
    let mut world = World::new(1);
    let mut camera = publish(MediaKind::Video);
    camera.codecs[0].name = Codec::H264;
    camera.codecs[0].pt = 102;
    camera.rids = vec!["low".to_owned(), "high".to_owned()];
    camera.extensions.insert(STREAM_ID.to_owned(), 10);
    let mut screen = slot(MediaKind::Video, 0, 7_000);
    screen.codecs = camera.codecs.clone();
    let camera = world.join_as(Vec::new(), vec![camera], vec![CAMERA]);
    let viewer = world.join(vec![screen], Vec::new());
    world.layout(&[], &[Some(CAMERA)]);
    world.run_ms(500);
    for (turn, max_height) in [100, 360, 100].into_iter().enumerate() {
        let peer = PeerId(viewer as u64);
        world.all(|| Command::SetView { peer, slot: 0, max_height });
        for n in 0..50 {
            shoot(&mut world, camera, turn as u64 * 50 + n, n % 10 == 5);
        }
    }
    let packets: Vec<_> = world.clients[viewer].media.iter().filter(|one| one.header.ssrc == 7_000).collect();
    let heights: Vec<_> = packets.iter().filter_map(|packet| h264::height(&packet.payload)).collect();
    let mut changes = heights.clone();
    changes.dedup();
    assert_eq!(changes, [180, 360, 180]);
    assert!(h264::height(&packets[0].payload).is_some(), "it begins with the parameter sets");
    assert!(packets.windows(2).all(|two| two[1].index == two[0].index + 1));
    assert!(HEIGHTS.iter().all(|height| sps::height(&parameters(*height)) == Some(*height as u16)));
}
