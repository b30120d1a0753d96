//! One decrypted media packet, shared by every viewer and every shard that needs it.

use crate::codec::{Codec, h264, vp8, vp9};
use crate::dependency::Dependency;
use crate::ids::TrackId;

/// Invariant: never changed after it was made; viewers keep offsets, not copies.
#[derive(Debug)]
pub struct Packet {
    pub track: TrackId,
    /// Which of the track's encodings; a number that is not used again within the track.
    pub encoding: u32,
    /// Which of the layers that the publisher named; zero where it named none.
    pub layer: u8,
    pub codec: Codec,
    /// Counted from the encoding's start without the gaps that dropped padding would leave; never wraps.
    pub sequence: u64,
    pub timestamp: u32,
    /// Wall clock at which the sender captured what `timestamp` stands for, in nanoseconds since 1970.
    pub captured_unix_ns: i64,
    /// By the sender's word on its clock; before that, by arrival.
    pub synced: bool,
    pub marker: bool,
    /// A decoder may start here.
    pub starts: bool,
    pub picture: Picture,
    pub described: Option<Described>,
    pub redundant: Option<Redundant>,
    pub payload: Box<[u8]>,
}

/// A dependency descriptor, and the frame number in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    pub frame: u16,
    pub descriptor: Box<[u8]>,
}

/// A payload as it came with earlier sound once more, and the type of its blocks; the packet's own payload is its last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redundant {
    pub whole: Box<[u8]>,
    pub payload_type: u8,
}

/// What a payload tells of its picture. VP8 and VP9 count pictures, so that a viewer's count must go on across a switch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    pub id: Option<(usize, u16)>,
    pub tl0: Option<(usize, u8)>,
    pub key: Option<(usize, u8)>,
    /// Zero is the base, which needs no other.
    pub temporal: u8,
    /// Temporal layers, as bits: whoever left them out may take them up here.
    pub enters: u8,
    /// The first packet of its picture, where that can be told.
    pub begins: bool,
    /// Zero where the payload does not tell.
    pub height: u16,
}

impl Picture {
    #[must_use]
    pub fn of(codec: Codec, payload: &[u8]) -> Picture {
        match codec {
            Codec::Vp8 => vp8::Descriptor::read(payload).map(|found| of_vp8(&found, payload)),
            Codec::H264 => h264::height(payload).map(|height| Picture { height, ..Picture::default() }),
            Codec::Vp9 => vp9::Descriptor::read(payload).map(|found| of_vp9(&found, payload)),
            Codec::Opus | Codec::Av1 => None,
        }
        .unwrap_or_default()
    }

    /// What a descriptor tells outweighs what the payload does.
    #[must_use]
    pub fn described(self, dependency: &Dependency) -> Picture {
        let told = dependency.attached.as_ref().and_then(|structure| structure.height);
        Picture {
            temporal: dependency.temporal,
            enters: dependency.enters,
            begins: dependency.begins_picture(),
            height: told.unwrap_or(self.height),
            ..self
        }
    }
}

fn of_vp8(found: &vp8::Descriptor, payload: &[u8]) -> Picture {
    let (temporal, sync) = found.temporal(payload);
    Picture {
        id: found.picture_id_at.zip(found.picture_id(payload)),
        tl0: found.tl0_at.zip(found.tl0(payload)),
        key: found.key(payload),
        temporal,
        enters: if sync { 1 << temporal } else { 0 },
        begins: found.begins_picture(),
        height: found.height(payload).unwrap_or_default(),
    }
}

fn of_vp9(found: &vp9::Descriptor, payload: &[u8]) -> Picture {
    Picture {
        id: found.picture_id(payload),
        tl0: found.tl0(payload),
        key: None,
        temporal: found.temporal,
        // Browsers mark the pictures that need no other of their layer.
        enters: if found.switches_up { 1 << found.temporal } else { 0 },
        begins: found.begins_picture(),
        height: found.height.unwrap_or_default(),
    }
}

#[cfg(test)]
impl Packet {
    /// A packet of track 1 that holds nothing.
    pub(crate) fn empty(codec: Codec, sequence: u64) -> Packet {
        Packet {
            track: TrackId(1),
            encoding: 0,
            layer: 0,
            codec,
            sequence,
            timestamp: 0,
            captured_unix_ns: 0,
            synced: true,
            marker: false,
            starts: false,
            picture: Picture::default(),
            described: None,
            redundant: None,
            payload: Box::default(),
        }
    }
}
