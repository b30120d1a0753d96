//! How one encoding's numbers become a slot's numbers, from the packet at which the slot joined it.

use crate::codec::Codec;
use crate::ids::TrackId;
use crate::limits::TOO_LATE;
use crate::packet::{Packet, Picture};
use crate::params::CodecParams;
use crate::sent::Sent;
use crate::time::Time;

/// Ticks of the video clock into which a group's past is pressed: a hundredth of a second, less than a frame.
const SQUEEZED: u32 = 1_000;
/// The least step between two tracks: about a frame of video, a packet of audio.
const VIDEO_STEP: u32 = 3_000;
const AUDIO_STEP: u32 = 960;

#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    pub(crate) track: TrackId,
    pub(crate) encoding: u32,
    pub(crate) payload_type: u8,
    pub(crate) rtx_payload_type: Option<u8>,
    /// First sequence number at the origin, and what it is called towards the viewer.
    first: u64,
    first_out: u64,
    clock: u32,
    squeeze: Option<Squeeze>,
    picture_id: u16,
    tl0: u8,
}

/// The end of what a slot joins: timestamps of the newest packet, and of the present on the same clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    pub(crate) newest: u32,
    pub(crate) present: u32,
}

impl Edge {
    /// A packet that has just come.
    pub(crate) fn live(packet: &Packet) -> Edge {
        Edge { newest: packet.timestamp, present: packet.timestamp }
    }

    /// The last packet of an injected group. While nothing plays on, time does: a picture that stands for a minute is
    /// not told as a minute old. What plays on is never later than `TOO_LATE`, so its timestamps are not passed.
    pub(crate) fn injected(packet: &Packet, now: Time) -> Edge {
        let least = now.minus(TOO_LATE).ticks(packet.codec.clock_rate()) as u32;
        Edge { newest: packet.timestamp, present: later(packet.timestamp, least) }
    }
}

/// The past of a group, told quickly: in its own spacing it would play behind for as long as it lasted.
#[derive(Clone, Copy, Debug)]
struct Squeeze {
    from: u32,
    length: u32,
    out: u32,
}

impl Mapping {
    /// Joins at `first`. `same_clock` is an earlier mapping whose timestamps must go on exactly.
    pub(crate) fn begin(
        codec: &CodecParams,
        first: &Packet,
        edge: Edge,
        sent: &Sent,
        same_clock: Option<&Mapping>,
        now: Time,
    ) -> Mapping {
        let clock = same_clock
            .map_or_else(|| clock_after(sent, edge.present, first.codec, now), |mapping| mapping.clock);
        let length = edge.newest.wrapping_sub(first.timestamp);
        let squeeze = (edge.present != first.timestamp).then(|| {
            let on_time = edge.present.wrapping_add(clock).wrapping_sub(SQUEEZED);
            let out =
                if sent.at.is_some() { later(on_time, sent.timestamp.wrapping_add(1)) } else { on_time };
            Squeeze { from: first.timestamp, length, out }
        });
        Mapping {
            track: first.track,
            encoding: first.encoding,
            payload_type: codec.pt,
            rtx_payload_type: codec.rtx_pt,
            first: first.sequence,
            first_out: sent.next_sequence,
            clock,
            squeeze,
            picture_id: first
                .picture
                .id
                .map_or(0, |(_, id)| sent.picture_id.wrapping_add(1).wrapping_sub(id)),
            tl0: first.picture.tl0.map_or(0, |(_, tl0)| sent.tl0.wrapping_add(1).wrapping_sub(tl0)),
        }
    }

    pub(crate) fn is_of(&self, packet: &Packet) -> bool {
        self.track == packet.track && self.encoding == packet.encoding
    }

    /// `None` for what came before the slot joined.
    pub(crate) fn sequence(&self, origin: u64) -> Option<u64> {
        Some(origin.checked_sub(self.first)? + self.first_out)
    }

    pub(crate) fn covers(&self, sequence: u64) -> bool {
        sequence >= self.first_out
    }

    pub(crate) fn origin(&self, sequence: u64) -> u64 {
        sequence - self.first_out + self.first
    }

    /// The timestamp on the slot's own clock.
    pub(crate) fn on_time(&self, origin: u32) -> u32 {
        origin.wrapping_add(self.clock)
    }

    /// The timestamp to send: on time, or pressed together.
    pub(crate) fn timestamp(&self, origin: u32) -> u32 {
        let Some(Squeeze { from, length, out }) = self.squeeze else { return self.on_time(origin) };
        let since = origin.wrapping_sub(from);
        if since > length {
            return self.on_time(origin);
        }
        out.wrapping_add((u64::from(since) * u64::from(SQUEEZED) / u64::from(length.max(1))) as u32)
    }

    pub(crate) fn leaves_payload(&self, packet: &Packet) -> bool {
        (self.picture_id == 0 || packet.picture.id.is_none())
            && (self.tl0 == 0 || packet.picture.tl0.is_none())
    }

    /// Renumbers the pictures in a copy of the packet's payload.
    pub(crate) fn patch(&self, packet: &Packet, payload: &mut [u8]) {
        let Picture { id, tl0 } = packet.picture;
        if let Some((at, id)) = id {
            let id = id.wrapping_add(self.picture_id) | 0x8000;
            payload[at..at + 2].copy_from_slice(&id.to_be_bytes());
        }
        if let Some((at, tl0)) = tl0 {
            payload[at] = tl0.wrapping_add(self.tl0);
        }
    }

    /// Remembers what went out, for the mapping that follows.
    pub(crate) fn note(&self, packet: &Packet, timestamp: u32, now: Time, sent: &mut Sent) {
        sent.timestamp = if sent.at.is_some() { later(timestamp, sent.timestamp) } else { timestamp };
        sent.at = Some(now);
        if let Some((_, id)) = packet.picture.id {
            let id = id.wrapping_add(self.picture_id) & 0x7fff;
            // Fifteen bits: ahead when the difference is in the lower half.
            if id.wrapping_sub(sent.picture_id) & 0x7fff < 0x4000 {
                sent.picture_id = id;
            }
        }
        if let Some((_, tl0)) = packet.picture.tl0 {
            let tl0 = tl0.wrapping_add(self.tl0);
            if tl0.wrapping_sub(sent.tl0) < 0x80 {
                sent.tl0 = tl0;
            }
        }
    }
}

/// What must be added to timestamps so that the `present` one follows what was sent by the time that passed.
fn clock_after(sent: &Sent, present: u32, codec: Codec, now: Time) -> u32 {
    let Some(at) = sent.at else { return 0 };
    let rate = codec.clock_rate();
    let step = if codec == Codec::Opus { AUDIO_STEP } else { VIDEO_STEP };
    let passed = (now.since(at).as_nanos() * u128::from(rate) / 1_000_000_000) as u32;
    sent.timestamp.wrapping_add(passed.max(step)).wrapping_sub(present)
}

fn later(a: u32, b: u32) -> u32 {
    if a.wrapping_sub(b) < 1 << 31 { a } else { b }
}
