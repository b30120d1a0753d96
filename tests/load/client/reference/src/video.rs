//! Sizes and payloads of the video.

use crate::Stamp;

/// The largest RTP payload, so that a packet with header and extensions has up to 1,200 bytes.
pub const MAX_PAYLOAD_BYTES: usize = 1_170;

const GROUP_FRAMES: u32 = 60;
const KEYFRAME_BYTES: usize = 35_900;
/// Packets of the frames between two keyframes, repeated; the mean is 6.
const DELTA_PACKETS: [usize; 5] = [6, 5, 7, 4, 8];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub number: u32,
    pub keyframe: bool,
    /// Payload bytes of each packet.
    pub packets: Vec<usize>,
}

/// Says what the next frame is.  A keyframe that was asked for starts a new group.
#[derive(Debug, Default)]
pub struct VideoSchedule {
    number: u32,
    in_group: u32,
}

impl VideoSchedule {
    pub fn next_frame(&mut self) -> Frame {
        let keyframe = self.in_group == 0;
        let size = match keyframe {
            true => KEYFRAME_BYTES,
            false => delta_bytes(self.in_group - 1),
        };
        let frame = Frame { number: self.number, keyframe, packets: cut(size) };
        self.number += 1;
        self.in_group = (self.in_group + 1) % GROUP_FRAMES;
        frame
    }

    /// Makes the next frame a keyframe.
    pub fn start_group(&mut self) {
        self.in_group = 0;
    }
}

fn delta_bytes(place: u32) -> usize {
    let whole = DELTA_PACKETS.len() as u32 * 11;
    let packets = if place < whole { DELTA_PACKETS[place as usize % DELTA_PACKETS.len()] } else { 6 };
    packets * MAX_PAYLOAD_BYTES - place as usize % 4
}

/// Cuts a frame into packets that differ by at most one byte, the longer ones last.
fn cut(bytes: usize) -> Vec<usize> {
    let count = bytes.div_ceil(MAX_PAYLOAD_BYTES);
    let longer = bytes % count;
    (0..count).map(|i| bytes / count + usize::from(i >= count - longer)).collect()
}

/// The payload of packet `stamp.index` of `frame`: VP8 descriptor with a 15-bit picture id, content, stamp.
pub fn payload(frame: &Frame, stamp: &Stamp) -> Vec<u8> {
    let mut payload = vec![0xa5; frame.packets[usize::from(stamp.index)]];
    let first = stamp.index == 0;
    payload[0] = 0x80 | if first { 0x10 } else { 0 };
    payload[1] = 0x80;
    payload[2..4].copy_from_slice(&(0x8000 | (frame.number & 0x7fff) as u16).to_be_bytes());
    if first {
        payload[4..7].copy_from_slice(&frame_tag(frame.keyframe));
    }
    if first && frame.keyframe {
        payload[7..10].copy_from_slice(&[0x9d, 0x01, 0x2a]);
        payload[10..12].copy_from_slice(&1280u16.to_le_bytes());
        payload[12..14].copy_from_slice(&720u16.to_le_bytes());
    }
    stamp.write(&mut payload);
    payload
}

/// RFC 6386 section 9.1: inverse keyframe bit, version 0, shown, a first partition of 1,000 bytes.
fn frame_tag(keyframe: bool) -> [u8; 3] {
    let tag = u32::from(!keyframe) | 1 << 4 | 1_000 << 5;
    let bytes = tag.to_le_bytes();
    [bytes[0], bytes[1], bytes[2]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    fn group() -> Vec<Frame> {
        let mut schedule = VideoSchedule::default();
        (0..GROUP_FRAMES).map(|_| schedule.next_frame()).collect()
    }

    #[test]
    fn two_seconds_are_the_reference_stream() {
        let group = group();
        let packets: usize = group.iter().map(|frame| frame.packets.len()).sum();
        let bytes: usize = group.iter().flat_map(|frame| &frame.packets).sum();
        assert_eq!(packets, 385);
        assert!((1_795_000..1_805_000).contains(&(bytes * 8 / 2)), "{bytes}");
        assert!(group.iter().flat_map(|frame| &frame.packets).all(|&size| size <= MAX_PAYLOAD_BYTES));
    }

    #[test]
    fn a_keyframe_opens_each_group_and_comes_when_asked_for() {
        let mut schedule = VideoSchedule::default();
        assert!(schedule.next_frame().keyframe);
        assert!(!schedule.next_frame().keyframe);
        schedule.start_group();
        assert!(schedule.next_frame().keyframe);
        assert_eq!(group().iter().filter(|frame| frame.keyframe).count(), 1);
    }

    #[test]
    fn the_packets_of_a_frame_differ_by_one_byte_at_most() {
        for frame in group() {
            let (first, last) = (frame.packets[0], *frame.packets.last().unwrap());
            assert!(last - first <= 1, "{frame:?}");
            assert!(frame.packets.is_sorted());
        }
    }

    #[test]
    fn only_the_first_packet_of_a_keyframe_starts_one() {
        let frame = &group()[0];
        let stamp = |index| Stamp {
            kind: Kind::Video,
            window: 0,
            keyframe: true,
            seq: 0,
            frame: frame.number,
            index,
            count: frame.packets.len() as u16,
            sent_ns: 0,
        };
        let first = payload(frame, &stamp(0));
        assert_eq!(first[0] & 0x10, 0x10);
        assert_eq!(first[4] & 1, 0, "the inverse keyframe bit");
        assert_eq!(first[7..10], [0x9d, 0x01, 0x2a]);
        assert_eq!(payload(frame, &stamp(1))[0] & 0x10, 0);
    }
}
