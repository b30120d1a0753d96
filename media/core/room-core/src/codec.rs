//! Codecs: what the core must know of a payload without decoding it.

pub mod av1;
pub mod vp9;

use serde::Deserialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    Opus,
    Vp8,
    H264,
    Vp9,
    Av1,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    Audio,
    Video,
}

impl Codec {
    /// The codec of frames that are injected: films come in these only.
    #[must_use]
    pub fn injected(name: &str) -> Option<Codec> {
        match name.to_ascii_lowercase().as_str() {
            "opus" => Some(Codec::Opus),
            "vp8" => Some(Codec::Vp8),
            "h264" => Some(Codec::H264),
            _ => None,
        }
    }

    #[must_use]
    pub const fn kind(self) -> MediaKind {
        match self {
            Codec::Opus => MediaKind::Audio,
            Codec::Vp8 | Codec::H264 | Codec::Vp9 | Codec::Av1 => MediaKind::Video,
        }
    }

    /// As it is called everywhere but in SDP.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Opus => "opus",
            Codec::Vp8 => "vp8",
            Codec::H264 => "h264",
            Codec::Vp9 => "vp9",
            Codec::Av1 => "av1",
        }
    }

    /// Ticks of the RTP clock in a second.
    #[must_use]
    pub const fn clock_rate(self) -> u32 {
        match self {
            Codec::Opus => 48_000,
            Codec::Vp8 | Codec::H264 | Codec::Vp9 | Codec::Av1 => 90_000,
        }
    }

    /// Whether a decoder may start with this payload.
    #[must_use]
    pub fn starts_here(self, payload: &[u8]) -> bool {
        match self {
            Codec::Opus => true,
            Codec::Vp8 => vp8::Descriptor::read(payload).is_some_and(|found| found.starts_keyframe(payload)),
            Codec::H264 => h264::starts_keyframe(payload),
            Codec::Vp9 => vp9::Descriptor::read(payload).is_some_and(|found| found.starts_keyframe()),
            Codec::Av1 => av1::starts_sequence(payload),
        }
    }

    /// Whether a dependency descriptor is passed on, and decides where a receiver may start. Not in the codecs of films,
    /// which have none: a receiver must not meet both kinds in one codec.
    #[must_use]
    pub const fn is_described(self) -> bool {
        matches!(self, Codec::Vp9 | Codec::Av1)
    }
}

pub mod vp8 {
    //! The VP8 payload descriptor (RFC 7741 section 4.2).

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Descriptor {
        pub starts_partition: bool,
        pub partition: u8,
        /// Where the 15-bit picture id stands, if there is one.
        pub picture_id_at: Option<usize>,
        pub tl0_at: Option<usize>,
        /// Where temporal layer, layer sync and key index share a byte.
        layers_at: Option<usize>,
        has_temporal: bool,
        has_key: bool,
        pub len: usize,
    }

    impl Descriptor {
        #[must_use]
        pub fn read(payload: &[u8]) -> Option<Descriptor> {
            let first = *payload.first()?;
            let mut found = Descriptor {
                starts_partition: first & 0x10 != 0,
                partition: first & 0x07,
                picture_id_at: None,
                tl0_at: None,
                layers_at: None,
                has_temporal: false,
                has_key: false,
                len: 1,
            };
            if first & 0x80 == 0 {
                return (payload.len() > 1).then_some(found);
            }
            let flags = *payload.get(1)?;
            found.len = 2;
            if flags & 0x80 != 0 {
                let long = payload.get(2)? & 0x80 != 0;
                found.picture_id_at = long.then_some(2);
                found.len += if long { 2 } else { 1 };
            }
            if flags & 0x40 != 0 {
                found.tl0_at = Some(found.len);
                found.len += 1;
            }
            if flags & 0x30 != 0 {
                found.layers_at = Some(found.len);
                found.has_temporal = flags & 0x20 != 0;
                found.has_key = flags & 0x10 != 0;
                found.len += 1;
            }
            (payload.len() > found.len).then_some(found)
        }

        /// The first packet of a keyframe: the frame tag's lowest bit is zero (RFC 6386 section 9.1).
        #[must_use]
        pub fn starts_keyframe(&self, payload: &[u8]) -> bool {
            self.starts_partition
                && self.partition == 0
                && payload.get(self.len).is_some_and(|tag| tag & 1 == 0)
        }

        #[must_use]
        pub fn picture_id(&self, payload: &[u8]) -> Option<u16> {
            let at = self.picture_id_at?;
            Some(u16::from_be_bytes([payload[at], payload[at + 1]]) & 0x7fff)
        }

        #[must_use]
        pub fn tl0(&self, payload: &[u8]) -> Option<u8> {
            self.tl0_at.map(|at| payload[at])
        }

        /// The first packet of a picture.
        #[must_use]
        pub const fn begins_picture(&self) -> bool {
            self.starts_partition && self.partition == 0
        }

        /// The temporal layer, and whether it can be entered here.
        #[must_use]
        pub fn temporal(&self, payload: &[u8]) -> (u8, bool) {
            let byte = self.layers_at.filter(|_| self.has_temporal).map_or(0, |at| payload[at]);
            (byte >> 6, byte & 0x20 != 0)
        }

        /// Where the key index stands, and what it is: five bits that count keyframes.
        #[must_use]
        pub fn key(&self, payload: &[u8]) -> Option<(usize, u8)> {
            self.layers_at.filter(|_| self.has_key).map(|at| (at, payload[at] & 0x1f))
        }

        /// The height that a keyframe's first packet tells (RFC 6386 section 9.1).
        #[must_use]
        pub fn height(&self, payload: &[u8]) -> Option<u16> {
            let head = payload.get(self.len..self.len + 10).filter(|_| self.starts_keyframe(payload))?;
            let height = u16::from_le_bytes([head[8], head[9]]) & 0x3fff;
            (head[3..6] == [0x9d, 0x01, 0x2a] && height > 0).then_some(height)
        }
    }
}

pub mod h264 {
    //! H.264 payloads (RFC 6184 section 5.2) and Annex B byte streams.

    pub const SLICE: u8 = 1;
    /// The first partition of a slice in three.
    pub const PARTITION: u8 = 2;
    pub const IDR: u8 = 5;
    pub const SPS: u8 = 7;
    pub const PPS: u8 = 8;
    pub const DELIMITER: u8 = 9;
    pub const SPS_EXTENSION: u8 = 13;
    pub const STAP_A: u8 = 24;
    pub const FU_A: u8 = 28;

    /// The height in an SPS that stands alone or inside a STAP-A.
    #[must_use]
    pub fn height(payload: &[u8]) -> Option<u16> {
        match kind(payload) {
            SPS => crate::sps::height(payload),
            STAP_A => aggregated(&payload[1..]).find(|nal| kind(nal) == SPS).and_then(crate::sps::height),
            _ => None,
        }
    }

    #[must_use]
    pub fn kind(nal: &[u8]) -> u8 {
        nal.first().map_or(0, |head| head & 0x1f)
    }

    /// An SPS or an IDR slice, alone, inside a STAP-A, or as the first fragment of an FU-A.
    #[must_use]
    pub fn starts_keyframe(payload: &[u8]) -> bool {
        let starts = |kind: u8| kind == SPS || kind == IDR;
        match kind(payload) {
            STAP_A => aggregated(&payload[1..]).any(|nal| starts(kind(nal))),
            FU_A => payload.get(1).is_some_and(|head| head & 0x80 != 0 && starts(head & 0x1f)),
            single => starts(single),
        }
    }

    /// The units inside a STAP-A, after its first byte.
    pub fn aggregated(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
        std::iter::from_fn(move || {
            let size = usize::from(u16::from_be_bytes(*rest.first_chunk()?));
            let unit = rest.get(2..2 + size)?;
            rest = &rest[2 + size..];
            Some(unit)
        })
    }

    /// The units of an Annex B byte stream, start codes and trailing zeros taken off.
    #[must_use]
    pub fn units(stream: &[u8]) -> Vec<&[u8]> {
        let mut starts: Vec<usize> = Vec::new();
        let mut at = 0;
        while let Some(found) =
            stream.get(at..).and_then(|rest| rest.windows(3).position(|code| code == [0, 0, 1]))
        {
            starts.push(at + found + 3);
            at += found + 3;
        }
        let ends = starts.iter().skip(1).map(|next| next - 3).chain([stream.len()]);
        let cut = starts.iter().zip(ends).map(|(start, end)| trim(&stream[*start..end]));
        cut.filter(|unit| !unit.is_empty()).collect()
    }

    fn trim(unit: &[u8]) -> &[u8] {
        let kept = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        &unit[..kept]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vp8_keyframe_is_known_by_the_first_packet_of_its_first_partition() {
        assert!(Codec::Vp8.starts_here(&[0x10, 0x00]));
        assert!(!Codec::Vp8.starts_here(&[0x10, 0x01]), "an interframe");
        assert!(!Codec::Vp8.starts_here(&[0x00, 0x00]), "the middle of a frame");
        assert!(!Codec::Vp8.starts_here(&[0x11, 0x00]), "another partition");
        assert!(Codec::Vp8.starts_here(&[0x90, 0xe0, 0x81, 0x02, 7, 0x20, 0x00]));
        let found = vp8::Descriptor::read(&[0x90, 0xe0, 0x81, 0x02, 7, 0x20, 0x00]).unwrap();
        assert_eq!((found.picture_id_at, found.tl0_at, found.len), (Some(2), Some(4), 6));
    }

    #[test]
    fn a_vp8_picture_tells_its_temporal_layer_key_index_and_height() {
        let tag = [0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x41];
        let payload = [&[0x90, 0xf0, 0x81, 0x02, 7, 0b0110_0011][..], &tag].concat();
        let found = vp8::Descriptor::read(&payload).unwrap();
        assert_eq!(found.temporal(&payload), (1, true));
        assert_eq!(found.key(&payload), Some((5, 3)));
        assert_eq!(found.height(&payload), Some(0x168));
        assert!(found.begins_picture());
        let only_key = [0x80, 0x10, 0b0110_0011, 0];
        let found = vp8::Descriptor::read(&only_key).unwrap();
        assert_eq!((found.temporal(&only_key), found.height(&only_key)), ((0, false), None));
    }

    #[test]
    fn an_h264_keyframe_is_found_inside_aggregates_and_fragments() {
        assert!(Codec::H264.starts_here(&[0x67, 1]));
        assert!(Codec::H264.starts_here(&[0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 1]));
        assert!(Codec::H264.starts_here(&[0x7c, 0x85, 1]));
        assert!(!Codec::H264.starts_here(&[0x7c, 0x05, 1]), "a later fragment");
        assert!(!Codec::H264.starts_here(&[0x41, 1]));
        assert!(!Codec::H264.starts_here(&[0x78, 0, 200, 0x67]));
        assert!(!Codec::H264.starts_here(&[]));
    }

    #[test]
    fn a_byte_stream_is_cut_at_both_kinds_of_start_code() {
        let stream = [0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2, 0, 0, 0, 1, 0x65, 3, 4, 0];
        assert_eq!(h264::units(&stream), [&[0x67, 1][..], &[0x68, 2], &[0x65, 3, 4]]);
        assert!(h264::units(&[1, 2, 3]).is_empty());
    }
}
