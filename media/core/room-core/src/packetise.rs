//! Encoded frames into RTP payloads: VP8 (RFC 7741), H.264 (RFC 6184 mode 1), Opus (RFC 7587).
//!
//! Invariant: no payload is longer than `MAX_PAYLOAD`, so that with headers and tag a datagram stays within
//! 1,200 bytes.

use crate::codec::{Codec, h264};

pub const MAX_PAYLOAD: usize = 1_140;

/// What must be remembered from frame to frame of one encoding.
#[derive(Clone, Debug)]
pub struct Packetiser {
    codec: Codec,
    picture_id: u16,
    /// The last SPS and PPS, repeated before an IDR that comes without.
    parameters: Vec<Vec<u8>>,
}

impl Packetiser {
    #[must_use]
    pub fn new(codec: Codec) -> Packetiser {
        Packetiser { codec, picture_id: 0, parameters: Vec::new() }
    }

    /// The payloads of one frame; the last of them carries the marker. Empty when there is nothing to send.
    pub fn frame(&mut self, data: &[u8]) -> Vec<Vec<u8>> {
        match self.codec {
            Codec::Opus if data.is_empty() || data.len() > MAX_PAYLOAD => Vec::new(),
            Codec::Opus => vec![data.to_vec()],
            Codec::Vp8 => self.vp8(data),
            Codec::H264 => self.h264(data),
            // No film is prepared in these; they are passed through only.
            Codec::Vp9 | Codec::Av1 => Vec::new(),
        }
    }

    fn vp8(&mut self, data: &[u8]) -> Vec<Vec<u8>> {
        const DESCRIPTOR: usize = 4;
        self.picture_id = (self.picture_id + 1) & 0x7fff;
        let [high, low] = (self.picture_id | 0x8000).to_be_bytes();
        let pieces = even_pieces(data, MAX_PAYLOAD - DESCRIPTOR);
        pieces
            .enumerate()
            .map(|(n, piece)| {
                let first = if n == 0 { 0x90 } else { 0x80 };
                [&[first, 0x80, high, low], piece].concat()
            })
            .collect()
    }

    fn h264(&mut self, data: &[u8]) -> Vec<Vec<u8>> {
        let units: Vec<&[u8]> =
            h264::units(data).into_iter().filter(|unit| h264::kind(unit) != h264::DELIMITER).collect();
        let is_parameter = |unit: &&[u8]| matches!(h264::kind(unit), h264::SPS | h264::PPS);
        if units.iter().any(is_parameter) {
            self.parameters = units.iter().copied().filter(is_parameter).map(<[u8]>::to_vec).collect();
            return pack_h264(&units);
        }
        if units.iter().any(|unit| h264::kind(unit) == h264::IDR) {
            let repeated: Vec<&[u8]> = self.parameters.iter().map(Vec::as_slice).chain(units).collect();
            return pack_h264(&repeated);
        }
        pack_h264(&units)
    }
}

/// Small units share a packet, large ones are cut.
fn pack_h264(units: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    let mut rest = units;
    while let Some((first, following)) = rest.split_first() {
        let together = fitting(rest);
        if together > 1 {
            payloads.push(aggregate(&rest[..together]));
            rest = &rest[together..];
        } else {
            if first.len() <= MAX_PAYLOAD {
                payloads.push(first.to_vec());
            } else {
                payloads.extend(fragments(first));
            }
            rest = following;
        }
    }
    payloads
}

/// How many of the first units fit into one STAP-A.
fn fitting(units: &[&[u8]]) -> usize {
    let mut length = 1;
    units
        .iter()
        .take_while(|unit| {
            length += 2 + unit.len();
            length <= MAX_PAYLOAD
        })
        .count()
}

fn aggregate(units: &[&[u8]]) -> Vec<u8> {
    let importance = units.iter().map(|unit| unit[0] & 0x60).max().unwrap_or_default();
    let mut payload = vec![importance | h264::STAP_A];
    for unit in units {
        payload.extend_from_slice(&(unit.len() as u16).to_be_bytes());
        payload.extend_from_slice(unit);
    }
    payload
}

fn fragments(unit: &[u8]) -> Vec<Vec<u8>> {
    let indicator = unit[0] & 0x60 | h264::FU_A;
    let kind = unit[0] & 0x1f;
    let pieces: Vec<&[u8]> = even_pieces(&unit[1..], MAX_PAYLOAD - 2).collect();
    let last = pieces.len() - 1;
    let head = |n: usize| kind | if n == 0 { 0x80 } else { 0 } | if n == last { 0x40 } else { 0 };
    pieces.iter().enumerate().map(|(n, piece)| [&[indicator, head(n)], *piece].concat()).collect()
}

/// Pieces of nearly one size, so that a frame's packets can leave in one call with segmentation.
fn even_pieces(data: &[u8], limit: usize) -> impl Iterator<Item = &[u8]> {
    let count = data.len().div_ceil(limit).max(1);
    data.chunks(data.len().div_ceil(count).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::vp8::Descriptor;

    fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|n| (n % 251) as u8 | 1).collect()
    }

    #[test]
    fn a_vp8_frame_comes_together_again() {
        for length in [1, MAX_PAYLOAD - 4, MAX_PAYLOAD - 3, 10_000] {
            let frame = bytes(length);
            let payloads = Packetiser::new(Codec::Vp8).frame(&frame);
            let mut joined = Vec::new();
            for (n, payload) in payloads.iter().enumerate() {
                let descriptor = Descriptor::read(payload).unwrap();
                assert_eq!(descriptor.starts_partition, n == 0);
                assert_eq!(descriptor.picture_id(payload), Some(1));
                assert!(payload.len() <= MAX_PAYLOAD);
                joined.extend_from_slice(&payload[descriptor.len..]);
            }
            assert_eq!(joined, frame);
        }
    }

    fn depacketise(payloads: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut units: Vec<Vec<u8>> = Vec::new();
        for payload in payloads {
            assert!(payload.len() <= MAX_PAYLOAD);
            match h264::kind(payload) {
                h264::STAP_A => units.extend(h264::aggregated(&payload[1..]).map(<[u8]>::to_vec)),
                h264::FU_A if payload[1] & 0x80 != 0 => {
                    units.push([&[payload[0] & 0x60 | payload[1] & 0x1f], &payload[2..]].concat());
                }
                h264::FU_A => units.last_mut().unwrap().extend_from_slice(&payload[2..]),
                _ => units.push(payload.clone()),
            }
        }
        units
    }

    fn annex_b(units: &[Vec<u8>]) -> Vec<u8> {
        units.iter().flat_map(|unit| [&[0, 0, 0, 1], &unit[..]].concat()).collect()
    }

    fn unit(head: u8, length: usize) -> Vec<u8> {
        [vec![head], bytes(length)].concat()
    }

    #[test]
    fn h264_units_come_together_again_whatever_their_sizes() {
        let units = [unit(0x67, 20), unit(0x68, 5), unit(0x06, 30), unit(0x65, 5_000), unit(0x65, 900)];
        let payloads = Packetiser::new(Codec::H264).frame(&annex_b(&units));
        assert_eq!(h264::kind(&payloads[0]), h264::STAP_A);
        assert_eq!(depacketise(&payloads), units);
        assert!(Codec::H264.starts_here(&payloads[0]));
    }

    #[test]
    fn parameter_sets_are_repeated_before_a_bare_idr_and_delimiters_left_out() {
        let mut packetiser = Packetiser::new(Codec::H264);
        packetiser.frame(&annex_b(&[unit(0x09, 1), unit(0x67, 9), unit(0x68, 4), unit(0x65, 50)]));
        let again = packetiser.frame(&annex_b(&[unit(0x09, 1), unit(0x65, 60)]));
        assert_eq!(depacketise(&again), [unit(0x67, 9), unit(0x68, 4), unit(0x65, 60)]);
    }

    #[test]
    fn an_opus_frame_is_its_own_payload() {
        assert_eq!(Packetiser::new(Codec::Opus).frame(&[1, 2]), [vec![1, 2]]);
        assert!(Packetiser::new(Codec::Opus).frame(&[]).is_empty());
    }
}
