//! Frames come together again, and what cannot be whole is refused.

use super::*;
use crate::packetise::Packetiser;

fn put_together(codec: Codec, payloads: &[Vec<u8>]) -> Result<(Vec<u8>, Shape), Misfit> {
    let mut bytes = Vec::new();
    let shape = frame(codec, payloads.iter().map(Vec::as_slice), |more| bytes.extend_from_slice(more))?;
    Ok((bytes, shape))
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n % 251) as u8 | 1).collect()
}

#[test]
fn what_was_packetised_comes_out_as_it_was() {
    let vp8 = [vec![0x10], bytes(5_000)].concat();
    let start = [0, 0, 0, 1];
    let idr = [&start[..], &[0x67, 1, 2], &start, &[0x68, 3], &start, &[0x65, 0x88], &bytes(4_000)].concat();
    for (codec, whole) in [(Codec::Opus, bytes(90)), (Codec::Vp8, vp8), (Codec::H264, idr)] {
        let payloads = Packetiser::new(codec).frame(&whole);
        let (again, shape) = put_together(codec, &payloads).unwrap();
        assert_eq!(again, whole, "{codec:?}");
        assert!(shape.keyframe && shape.is_picture && !shape.needs_parameters);
    }
}

#[test]
fn a_frame_without_its_beginning_or_with_a_hole_is_refused() {
    let payloads = Packetiser::new(Codec::Vp8).frame(&[vec![0x11], bytes(5_000)].concat());
    assert_eq!(put_together(Codec::Vp8, &payloads[1..]), Err(Misfit::Headless));
    let unit = [&[0, 0, 0, 1, 0x41, 0x9a][..], &bytes(5_000)].concat();
    let payloads = Packetiser::new(Codec::H264).frame(&unit);
    assert!(payloads.len() > 3);
    for cut in [&payloads[1..], &payloads[..2]] {
        assert_eq!(put_together(Codec::H264, cut), Err(Misfit::Malformed));
    }
    // A slice from the middle of a picture.
    assert_eq!(put_together(Codec::H264, &[vec![0x41, 0x40, 1]]), Err(Misfit::Headless));
    for broken in
        [vec![0x78, 0, 9, 1], vec![0x78], vec![0x1c, 0x81], vec![0x1c, 0xc5, 1], vec![0x1f, 1], vec![]]
    {
        assert_eq!(
            put_together(Codec::H264, std::slice::from_ref(&broken)),
            Err(Misfit::Malformed),
            "{broken:?}"
        );
    }
}

#[test]
fn parameter_sets_are_known_wherever_they_come() {
    let sets = [vec![0x78, 0, 3, 0x67, 1, 2, 0, 2, 0x68, 3]];
    let shape = put_together(Codec::H264, &sets).unwrap().1;
    assert!(shape.has_parameters && !shape.is_picture);
    let kept = parameters(sets.iter().map(Vec::as_slice));
    assert_eq!(kept, [0, 0, 0, 1, 0x67, 1, 2, 0, 0, 0, 1, 0x68, 3]);
    let shape = put_together(Codec::H264, &[vec![0x65, 0x88, 4]]).unwrap().1;
    assert!(shape.keyframe && shape.needs_parameters);
}

#[test]
fn a_vp9_picture_loses_its_descriptors_and_one_in_spatial_layers_is_refused() {
    let key = vec![0x8c, 0x05, 1, 2];
    let (whole, shape) = put_together(Codec::Vp9, &[key]).unwrap();
    assert_eq!((whole, shape.keyframe), (vec![1, 2], true));
    let (low, high) = (vec![0xac, 0x05, 0, 7, 1], vec![0xac, 0x05, 0x02, 7, 2]);
    assert_eq!(put_together(Codec::Vp9, &[low, high]), Err(Misfit::Layered));
}

#[test]
fn an_av1_temporal_unit_gets_its_delimiter_and_the_size_of_each_unit() {
    // A sequence header, and a frame of which the second half comes in the next payload.
    let payloads = [vec![0x68, 2, 0x08, 0xaa, 0x30, 1, 2], vec![0x90, 3, 4]];
    let (whole, shape) = put_together(Codec::Av1, &payloads).unwrap();
    assert_eq!(whole, [0x12, 0, 0x0a, 1, 0xaa, 0x32, 4, 1, 2, 3, 4]);
    assert!(shape.keyframe && shape.is_picture);
    assert_eq!(put_together(Codec::Av1, &payloads[1..]), Err(Misfit::Headless));
    assert_eq!(put_together(Codec::Av1, &payloads[..1]), Err(Misfit::Malformed));
    // One that has its size already, with an extension; a delimiter that is repeated nowhere.
    let payloads = [vec![0x20, 1, 0x10, 0x36, 0x48, 2, 5, 6]];
    assert_eq!(put_together(Codec::Av1, &payloads).unwrap().0, [0x12, 0, 0x36, 0x48, 2, 5, 6]);
}
