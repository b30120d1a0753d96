//! What every payload carries at its end: who it is and when it left.

const MAGIC: u32 = 0x5245_4631;

/// How many bytes at the end of a payload are its stamp.
pub const STAMP_BYTES: usize = 28;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Audio,
    Video,
}

/// One packet's identity.  Loss is counted by `seq`, which starts at 0 in every window, so neither the server's
/// sequence numbers nor its retransmissions play a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub kind: Kind,
    /// The window of measurement it was sent in; 0 outside of any.
    pub window: u8,
    pub keyframe: bool,
    /// Counts the packets of this kind within `window`.
    pub seq: u32,
    pub frame: u32,
    /// Place within the frame, and how many packets the frame has.
    pub index: u16,
    pub count: u16,
    /// `CLOCK_REALTIME` just before the packet was encrypted and sent.
    pub sent_ns: u64,
}

impl Stamp {
    /// Writes the stamp over the last `STAMP_BYTES` of `payload`.
    ///
    /// # Panics
    ///
    /// If the payload is shorter than a stamp.
    pub fn write(&self, payload: &mut [u8]) {
        let start = payload.len() - STAMP_BYTES;
        let out = &mut payload[start..];
        out[0..4].copy_from_slice(&MAGIC.to_be_bytes());
        out[4] = u8::from(self.kind == Kind::Video);
        out[5] = self.window;
        out[6] = u8::from(self.keyframe);
        out[7] = 0;
        out[8..12].copy_from_slice(&self.seq.to_be_bytes());
        out[12..16].copy_from_slice(&self.frame.to_be_bytes());
        out[16..18].copy_from_slice(&self.index.to_be_bytes());
        out[18..20].copy_from_slice(&self.count.to_be_bytes());
        out[20..28].copy_from_slice(&self.sent_ns.to_be_bytes());
    }

    /// Reads the stamp of `payload`; `None` when it is not one of ours.
    pub fn read(payload: &[u8]) -> Option<Stamp> {
        let tail = payload.get(payload.len().checked_sub(STAMP_BYTES)?..)?;
        let u16_at = |at: usize| u16::from_be_bytes([tail[at], tail[at + 1]]);
        let u32_at = |at: usize| u32::from(u16_at(at)) << 16 | u32::from(u16_at(at + 2));
        if u32_at(0) != MAGIC {
            return None;
        }
        Some(Stamp {
            kind: if tail[4] == 1 { Kind::Video } else { Kind::Audio },
            window: tail[5],
            keyframe: tail[6] == 1,
            seq: u32_at(8),
            frame: u32_at(12),
            index: u16_at(16),
            count: u16_at(18),
            sent_ns: u64::from(u32_at(20)) << 32 | u64::from(u32_at(24)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_or_short_payload_has_no_stamp() {
        assert_eq!(Stamp::read(&[0; 100]), None);
        assert_eq!(Stamp::read(&[1; STAMP_BYTES - 1]), None);
    }
}
