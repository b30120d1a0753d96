//! One decrypted media packet, shared by every viewer and every shard that needs it.

use crate::codec::{Codec, vp8};
use crate::ids::TrackId;

/// Invariant: never changed after it was made; viewers keep offsets, not copies.
#[derive(Debug)]
pub struct Packet {
    pub track: TrackId,
    /// Which of the track's encodings; a number that is not used again within the track.
    pub encoding: u32,
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

/// Where a VP8 payload counts pictures, so that a viewer's count goes on across a switch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    pub id: Option<(usize, u16)>,
    pub tl0: Option<(usize, u8)>,
}

impl Picture {
    #[must_use]
    pub fn of(codec: Codec, payload: &[u8]) -> Picture {
        if codec != Codec::Vp8 {
            return Picture::default();
        }
        let Some(found) = vp8::Descriptor::read(payload) else { return Picture::default() };
        Picture {
            id: found.picture_id_at.zip(found.picture_id(payload)),
            tl0: found.tl0_at.zip(found.tl0(payload)),
        }
    }
}
