//! One decrypted media packet, shared by every viewer and every shard that needs it.

use crate::codec::{Codec, h264, vp8};
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
    pub marker: bool,
    /// A decoder may start here.
    pub starts: bool,
    pub picture: Picture,
    pub payload: Box<[u8]>,
}

/// What a payload tells of its picture. VP8 counts pictures, so that a viewer's count must go on across a switch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    pub id: Option<(usize, u16)>,
    pub tl0: Option<(usize, u8)>,
    pub key: Option<(usize, u8)>,
    /// Zero is the base, which needs no other.
    pub temporal: u8,
    /// Needs the base only: whoever left this temporal layer out may take it up here.
    pub sync: bool,
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
            Codec::Opus => None,
        }
        .unwrap_or_default()
    }
}

fn of_vp8(found: &vp8::Descriptor, payload: &[u8]) -> Picture {
    let (temporal, sync) = found.temporal(payload);
    Picture {
        id: found.picture_id_at.zip(found.picture_id(payload)),
        tl0: found.tl0_at.zip(found.tl0(payload)),
        key: found.key(payload),
        temporal,
        sync,
        begins: found.begins_picture(),
        height: found.height(payload).unwrap_or_default(),
    }
}
