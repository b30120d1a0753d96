//! The reference stream: what one publisher of the bench sends, packet for packet.
//!
//! Video: 30 frames/s, 1.8 Mb/s, 192.5 packets/s, a keyframe every 60 frames (2 s).  A keyframe is 31 packets;
//! the other frames are 4 to 8 packets, 6 on average.  A frame is cut as libwebrtc cuts it: equal packets, the
//! last ones one byte longer.  Audio: 50 packets/s of 120 bytes (48 kb/s), as Opus at 20 ms.
//!
//! Content is synthetic.  Payload descriptors and the keyframe header are valid VP8 (RFC 7741, RFC 6386 section 9.1);
//! the last bytes of every payload are a [`Stamp`], from which a viewer knows exactly what it lost and how late
//! each packet came.
#![forbid(unsafe_code)]

mod stamp;
mod video;

pub use stamp::{Kind, STAMP_BYTES, Stamp};
pub use video::{Frame, MAX_PAYLOAD_BYTES, VideoSchedule, payload as video_payload};

use std::time::Duration;

/// Time between two video frames.
pub const FRAME_INTERVAL: Duration = Duration::from_nanos(1_000_000_000 / 30);
/// RTP ticks between two video frames (90 kHz).
pub const FRAME_TICKS: u32 = 3_000;
/// Time between two audio packets.
pub const AUDIO_INTERVAL: Duration = Duration::from_millis(20);
/// RTP ticks between two audio packets (48 kHz).
pub const AUDIO_TICKS: u32 = 960;
/// Payload of an audio packet.
pub const AUDIO_PAYLOAD_BYTES: usize = 120;

/// The payload of an audio packet: a fullband stereo CELT frame of 20 ms (RFC 6716 section 3.1) by its first byte.
pub fn audio_payload(stamp: &Stamp) -> Vec<u8> {
    let mut payload = vec![0x5a; AUDIO_PAYLOAD_BYTES];
    payload[0] = 0xfc;
    stamp.write(&mut payload);
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audio_packet_carries_its_stamp() {
        let stamp = Stamp {
            kind: Kind::Audio,
            window: 3,
            keyframe: false,
            seq: 77,
            frame: 77,
            index: 0,
            count: 1,
            sent_ns: 123_456_789_012_345,
        };
        let payload = audio_payload(&stamp);
        assert_eq!(payload.len(), AUDIO_PAYLOAD_BYTES);
        assert_eq!(Stamp::read(&payload), Some(stamp));
    }
}
