//! What stands in media packets: descriptors, parameter sets, frames apart and together.

use room_core::client;
use room_core::codec::vp8::Descriptor;
use room_core::codec::{Codec, av1 as obu, h264 as nal, vp9 as profile};
use room_core::depacketise as depacketiser;
use room_core::dependency as descriptor;
use room_core::packet::Picture;
use room_core::packetise::{MAX_PAYLOAD, Packetiser};
use room_core::red::{self as redundant, Red};
use room_core::rtp::{self, HeaderWriter};
use room_core::sps as parameters;

/// What is told of a picture stands inside its payload.
fn picture(codec: Codec, payload: &[u8]) {
    let starts = codec.starts_here(payload);
    assert!(!starts || !payload.is_empty() || codec == Codec::Opus);
    let Picture { id, tl0, key, temporal, .. } = Picture::of(codec, payload);
    assert!(key.is_none_or(|(at, key)| at < payload.len() && key < 32) && temporal < 8);
    assert!(id.is_none_or(|(at, _)| at + 2 <= payload.len()));
    assert!(tl0.is_none_or(|(at, _)| at < payload.len()));
}

pub(crate) fn vp8_seeds() -> Vec<Vec<u8>> {
    vec![
        vec![0x90, 0xf0, 0x81, 0x02, 7, 0x20, 0x10, 1, 2],
        vec![0x90, 0xf0, 0x81, 2, 7, 0x20, 0x10, 0, 0, 0x9d, 1, 0x2a, 0x40, 1, 0xb4, 0],
    ]
}

pub(crate) fn vp8(payload: &[u8]) {
    picture(Codec::Vp8, payload);
    if let Some(found) = Descriptor::read(payload) {
        assert!(found.len < payload.len() && found.height(payload) != Some(0));
    }
}

pub(crate) fn h264_seeds() -> Vec<Vec<u8>> {
    let unit = [&[0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 3, 0, 0, 1, 0x65][..], &[9; 1_400]].concat();
    let mut seeds = Packetiser::new(Codec::H264).frame(&unit);
    seeds.push(unit);
    seeds
}

/// As a payload, and as a byte stream.
pub(crate) fn h264(bytes: &[u8]) {
    picture(Codec::H264, bytes);
    let inside: usize = nal::aggregated(bytes).map(<[u8]>::len).sum();
    assert!(inside <= bytes.len());
    let units = nal::units(bytes);
    assert!(units.iter().all(|unit| unit.last().is_some_and(|last| *last != 0)));
    let stream: Vec<u8> = units.iter().flat_map(|unit| [&[0, 0, 1], *unit].concat()).collect();
    assert_eq!(nal::units(&stream), units);
}

pub(crate) fn vp9_seeds() -> Vec<Vec<u8>> {
    vec![
        vec![0xaa, 0x92, 0x34, 0, 9, 0x18, 2, 0x80, 1, 0x68, 1, 5, 7, 0x82, 0x49, 0x83],
        vec![0xf8, 0x81, 2, 0x50, 3, 5, 8, 1],
    ]
}

pub(crate) fn vp9(payload: &[u8]) {
    picture(Codec::Vp9, payload);
    assert!(profile::Descriptor::read(payload).is_none_or(|found| found.len < payload.len()));
}

pub(crate) fn av1_seeds() -> Vec<Vec<u8>> {
    vec![
        vec![0x18, 8, 0, 0, 1],
        vec![0x08, 2, 8, 0, 1, 0x30],
        vec![0x68, 2, 0x08, 0xaa, 0x30, 1, 2],
        vec![0x20, 1, 0x10, 0x36, 0x48, 2, 5, 6],
    ]
}

pub(crate) fn av1(payload: &[u8]) {
    picture(Codec::Av1, payload);
    let Some(elements) = obu::elements(payload) else { return };
    let inside: usize = elements.iter().map(|element| element.len()).sum();
    assert!(elements.iter().all(|element| !element.is_empty()) && inside < payload.len());
    let mut written = Vec::new();
    obu::write_leb128(inside, &mut |bytes| written.extend_from_slice(bytes));
    assert_eq!(obu::leb128(&written), Some((inside, &[][..])));
}

pub(crate) fn dependency_seeds() -> Vec<Vec<u8>> {
    vec![
        client::DESCRIPTOR.to_vec(),
        vec![0xfd, 0, 8],
        vec![0x3e, 1, 2],
        vec![0xfd, 0, 8, 0x3a, 0x8a, 1, 0x80],
    ]
}

/// A descriptor that can be read stays what it is under another frame number, and is written as it was.
pub(crate) fn dependency(raw: &[u8]) {
    let known = descriptor::read(&client::DESCRIPTOR, None).and_then(|found| found.attached);
    let Some(found) = descriptor::read(raw, known.as_ref()).filter(|_| raw.len() < 256) else { return };
    let structure = found.attached.as_ref();
    assert!(found.temporal < 8 && found.spatial < 4 && structure.is_none_or(|one| one.height != Some(0)));
    let frame = raw.iter().fold(0_u16, |sum, byte| sum.wrapping_mul(31).wrapping_add(u16::from(*byte)));
    let mut writer = HeaderWriter::new(96, true, 1, 2, 3);
    writer.descriptor(Some(12), Some((raw, frame)));
    writer.extension(Some(4), b"mid");
    let packet = writer.finish().to_vec();
    let header = rtp::Header::read(&packet).expect("what we wrote");
    let mut renumbered = raw.to_vec();
    descriptor::renumber(&mut renumbered, frame);
    assert_eq!(header.extensions(&packet).find(Some(12)), Some(&renumbered[..]));
    assert_eq!(header.extensions(&packet).find(Some(4)), Some(&b"mid"[..]));
    let again = descriptor::read(&renumbered, known.as_ref());
    assert_eq!(again, Some(descriptor::Dependency { frame, ..found }));
}

pub(crate) fn sps_seeds() -> Vec<Vec<u8>> {
    vec![
        vec![
            0x67, 0x42, 0xc0, 0x1e, 0xd9, 0, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0, 0, 3, 0, 1, 0, 0, 3, 0, 0x3c,
            0x0f,
        ],
        vec![
            0x67, 0x64, 0, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 1, 0x10, 0, 0, 3, 0, 0x10, 0, 0, 3, 3,
            0xc0,
        ],
    ]
}

pub(crate) fn sps(unit: &[u8]) {
    assert_ne!(parameters::height(unit), Some(0));
}

pub(crate) fn packetise_seeds() -> Vec<Vec<u8>> {
    h264_seeds().into_iter().rev().take(1).collect()
}

/// Frames that somebody writes: of any content, they leave in payloads that fit.
pub(crate) fn packetise(frame: &[u8]) {
    for codec in [Codec::Vp8, Codec::H264, Codec::Opus] {
        let mut packetiser = Packetiser::new(codec);
        for part in [frame, &frame[..frame.len() / 2], frame] {
            let payloads = packetiser.frame(part);
            assert!(payloads.iter().all(|payload| (1..=MAX_PAYLOAD).contains(&payload.len())));
            let again = depacketiser::frame(codec, payloads.iter().map(Vec::as_slice), |_| {});
            assert!(payloads.is_empty() || codec != Codec::Vp8 || again.is_ok());
        }
    }
}

const CODECS: [Codec; 5] = [Codec::Opus, Codec::Vp8, Codec::H264, Codec::Vp9, Codec::Av1];

/// The codec, then payloads, each behind its length.
pub(crate) fn depacketise_seeds() -> Vec<Vec<u8>> {
    let unit =
        [&[0, 0, 0, 1, 0x67, 1, 2, 0, 0, 0, 1, 0x68, 3, 0, 0, 0, 1, 0x65, 0x88][..], &[9; 2_000]].concat();
    let vp9 = vec![vec![0x88, 0x05, 1, 2], vec![0xa4, 0x05, 0, 7, 1], vec![0xac, 0x05, 2, 7, 1]];
    let mut av1 = av1_seeds();
    av1.extend([vec![0xd0, 3, 4], vec![0x90, 5]]);
    let packetised = |codec, frame: &[u8]| Packetiser::new(codec).frame(frame);
    let payloads = [
        packetised(Codec::Opus, &[0x78; 60]),
        packetised(Codec::Vp8, &[0x10; 2_500]),
        packetised(Codec::H264, &unit),
        vp9,
        av1,
    ];
    let seeds = payloads.iter().enumerate().map(|(codec, payloads)| {
        let framed = payloads.iter().flat_map(|one| [&(one.len() as u16).to_be_bytes()[..], one].concat());
        std::iter::once(codec as u8).chain(framed).collect()
    });
    seeds.collect()
}

/// Whatever comes as the payloads of one frame: it is refused, or as long as was said, the same every time.
pub(crate) fn depacketise(raw: &[u8]) {
    let Some((codec, packed)) = raw.split_first() else { return };
    let codec = CODECS[usize::from(*codec) % CODECS.len()];
    let payloads = crate::unpack(packed);
    let slices = || payloads.iter().map(Vec::as_slice);
    let (mut length, mut bytes) = (0, Vec::new());
    let shape = depacketiser::frame(codec, slices(), |more| length += more.len());
    let again = depacketiser::frame(codec, slices(), |more| bytes.extend_from_slice(more));
    assert_eq!((shape, length), (again, bytes.len()));
    let given: usize = payloads.iter().map(Vec::len).sum();
    // Start codes, sizes and a delimiter come with it, and no more than that.
    assert!(length <= 5 * given + 2, "{length} of {given}");
    assert!(depacketiser::parameters(slices()).len() <= 5 * given);
    if shape.is_ok_and(|shape| shape.is_picture) && codec == Codec::H264 {
        let whole: usize = nal::units(&bytes).iter().map(|unit| unit.len()).sum();
        assert!(whole <= length);
    }
}

pub(crate) fn red_seeds() -> Vec<Vec<u8>> {
    vec![
        redundant::write(111, &[(1_920, &[1; 30]), (960, &[2; 70])], &[3; 80]),
        redundant::write(111, &[(960, &[])], &[]),
        redundant::write(111, &[], &[3; 9]),
    ]
}

/// What can be read is all there, and stays what it is under other types.
pub(crate) fn red(bytes: &[u8]) {
    let mut whole = bytes.to_vec();
    let Some(read) = Red::read(bytes, 111) else { return };
    assert!(bytes.ends_with(read.primary) && read.reach <= redundant::LONGEST_REACH);
    redundant::retype(&mut whole, 96);
    let again = Red::read(&whole, 96);
    let again = again.map(|again| (again.primary, again.reach, again.whole.len()));
    assert_eq!(again, Some((read.primary, read.reach, bytes.len())), "only its types are others");
    assert!(Red::read(&whole, 111).is_none());
}
