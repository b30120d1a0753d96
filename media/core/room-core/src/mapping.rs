//! How one encoding's numbers become a slot's numbers, from the packet at which the slot joined it.

use crate::codec::Codec;
use crate::ids::TrackId;
use crate::limits::TOO_LATE;
use crate::numbers::{Number, Numbers};
use crate::packet::{Packet, Picture};
use crate::params::CodecParams;
use crate::sent::Sent;
use crate::time::Time;

/// Ticks of the video clock into which a group's past is pressed: a hundredth of a second, less than a frame.
const SQUEEZED: u32 = 1_000;
/// The least step between two tracks: about a frame of video, a packet of audio.
const VIDEO_STEP: u32 = 3_000;
const AUDIO_STEP: u32 = 960;
/// The least step between two layers: a millisecond of video.
const LEAST_STEP: i64 = 90;
/// Clocks that disagree by more are wrong.
const LONGEST_DRIFT_NS: i64 = 2_000_000_000;

#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    pub(crate) track: TrackId,
    pub(crate) encoding: u32,
    payload_type: u8,
    pub(crate) rtx_payload_type: Option<u8>,
    red_payload_type: Option<u8>,
    numbers: Numbers,
    /// The first number towards the viewer.
    first_out: u64,
    /// Higher temporal layers are being left out.
    temporal: u8,
    clock: u32,
    squeeze: Option<Squeeze>,
    picture_id: u16,
    tl0: u8,
    key: u8,
    frame: u16,
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

/// What a viewer gets of a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form<'p> {
    pub(crate) payload_type: u8,
    pub(crate) payload: &'p [u8],
    /// The type to be written into each of its blocks.
    pub(crate) blocks: Option<u8>,
}

/// The past of a group, told quickly: in its own spacing it would play behind for as long as it lasted.
#[derive(Clone, Copy, Debug)]
struct Squeeze {
    from: u32,
    length: u32,
    out: u32,
}

impl Mapping {
    /// Joins at `first`. `clock` is what must be added to timestamps, where that is known.
    pub(crate) fn begin(
        codec: &CodecParams,
        first: &Packet,
        edge: Edge,
        sent: &Sent,
        clock: Option<u32>,
        now: Time,
    ) -> Mapping {
        let clock = clock.unwrap_or_else(|| clock_after(sent, edge.present, first.codec, now));
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
            red_payload_type: codec.red_pt,
            numbers: Numbers::starting(first.sequence, sent.next_sequence),
            first_out: sent.next_sequence,
            temporal: u8::MAX,
            clock,
            squeeze,
            picture_id: first
                .picture
                .id
                .map_or(0, |(_, id)| sent.picture_id.wrapping_add(1).wrapping_sub(id)),
            tl0: first.picture.tl0.map_or(0, |(_, tl0)| sent.tl0.wrapping_add(1).wrapping_sub(tl0)),
            key: first.picture.key.map_or(0, |(_, key)| sent.key.wrapping_add(1).wrapping_sub(key)),
            frame: first
                .described
                .as_ref()
                .map_or(0, |one| sent.frame.wrapping_add(1).wrapping_sub(one.frame)),
        }
    }

    /// Nothing newer of the encoding was sent.
    pub(crate) fn is_newest(&self, packet: &Packet) -> bool {
        self.numbers.is_newest(packet.sequence)
    }

    pub(crate) fn is_of(&self, packet: &Packet) -> bool {
        self.track == packet.track && self.encoding == packet.encoding
    }

    /// The number of a packet as it comes; `None` for what came before the slot joined, and for temporal layers above
    /// `most`. One that was left out is taken up again where a picture allows it.
    pub(crate) fn admit(&mut self, packet: &Packet, most: u8) -> Option<Number> {
        let Picture { temporal, begins, enters, .. } = packet.picture;
        if self.numbers.is_newest(packet.sequence) {
            if begins {
                let entered = enters & (2_u8 << most.min(6)).wrapping_sub(1);
                self.temporal =
                    self.temporal.min(most).max(entered.checked_ilog2().unwrap_or_default() as u8);
            }
            if temporal > self.temporal {
                // VP8 counts what is sent; the numbers of other codecs' pictures tell what needs which.
                self.numbers.leave_out(packet.sequence, begins && packet.codec == Codec::Vp8);
                return None;
            }
        }
        let number = self.numbers.number(packet.sequence)?;
        self.numbers.saw(packet.sequence);
        Some(number)
    }

    /// The number of a packet of the time before `next` took over.
    pub(crate) fn late(&self, packet: &Packet, next: &Mapping) -> Option<Number> {
        self.numbers.number(packet.sequence).filter(|number| number.sequence < next.first_out)
    }

    pub(crate) fn covers(&self, sequence: u64) -> bool {
        sequence >= self.first_out
    }

    /// Which packet is called `sequence`, and its number.
    pub(crate) fn origin(&self, sequence: u64) -> Option<(u64, Number)> {
        let origin = self.numbers.origin(sequence)?;
        Some((origin, self.numbers.number(origin)?))
    }

    pub(crate) fn clock(&self) -> u32 {
        self.clock
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

    /// How a packet goes to the viewer: with earlier sound once more if they take that and their way is wide.
    pub(crate) fn form<'p>(&self, packet: &'p Packet, is_wide: impl FnOnce() -> bool) -> Form<'p> {
        let red = packet.redundant.as_ref().zip(self.red_payload_type);
        match red.filter(|_| is_wide()) {
            Some((redundant, payload_type)) => {
                let blocks = (redundant.payload_type != self.payload_type).then_some(self.payload_type);
                Form { payload_type, payload: &redundant.whole, blocks }
            }
            None => Form { payload_type: self.payload_type, payload: &packet.payload, blocks: None },
        }
    }

    pub(crate) fn leaves_payload(&self, packet: &Packet, number: Number) -> bool {
        (self.picture_id == number.pictures || packet.picture.id.is_none())
            && (self.tl0 == 0 || packet.picture.tl0.is_none())
            && (self.key == 0 || packet.picture.key.is_none())
    }

    fn picture_id(&self, id: u16, number: Number) -> u16 {
        id.wrapping_add(self.picture_id).wrapping_sub(number.pictures) & 0x7fff
    }

    /// The packet's dependency descriptor, and its frame's number towards the viewer.
    pub(crate) fn described<'p>(&self, packet: &'p Packet) -> Option<(&'p [u8], u16)> {
        packet.described.as_ref().map(|one| (&*one.descriptor, one.frame.wrapping_add(self.frame)))
    }

    /// Renumbers the pictures in a copy of the packet's payload.
    pub(crate) fn patch(&self, packet: &Packet, number: Number, payload: &mut [u8]) {
        let Picture { id, tl0, key, .. } = packet.picture;
        if let Some((at, id)) = id {
            let id = self.picture_id(id, number) | 0x8000;
            payload[at..at + 2].copy_from_slice(&id.to_be_bytes());
        }
        if let Some((at, tl0)) = tl0 {
            payload[at] = tl0.wrapping_add(self.tl0);
        }
        if let Some((at, key)) = key {
            payload[at] = payload[at] & 0xe0 | key.wrapping_add(self.key) & 0x1f;
        }
    }

    /// Remembers what went out, for the mapping that follows.
    pub(crate) fn note(&self, packet: &Packet, number: Number, timestamp: u32, now: Time, sent: &mut Sent) {
        if sent.at.is_none() || later(timestamp, sent.timestamp) == timestamp {
            sent.timestamp = timestamp;
            sent.captured_unix_ns = packet.captured_unix_ns;
        }
        sent.at = Some(now);
        if let Some((_, id)) = packet.picture.id {
            let id = self.picture_id(id, number);
            // Fifteen bits: ahead when the difference is in the lower half.
            if id.wrapping_sub(sent.picture_id) & 0x7fff < 0x4000 {
                sent.picture_id = id;
            }
        }
        if let Some((_, frame)) = self.described(packet)
            && frame.wrapping_sub(sent.frame) < 0x8000
        {
            sent.frame = frame;
        }
        if let Some((_, tl0)) = packet.picture.tl0 {
            let tl0 = tl0.wrapping_add(self.tl0);
            if tl0.wrapping_sub(sent.tl0) < 0x80 {
                sent.tl0 = tl0;
            }
        }
        if let Some((_, key)) = packet.picture.key {
            let key = key.wrapping_add(self.key) & 0x1f;
            if key.wrapping_sub(sent.key) & 0x1f < 0x10 {
                sent.key = key;
            }
        }
    }
}

/// What must be added to timestamps of another layer of the track that was sent last: one clock told when each was
/// captured. `None` when that cannot be, by the time that passed.
pub(crate) fn clock_by_capture(sent: &Sent, first: &Packet, now: Time) -> Option<u32> {
    let passed_ns = now.since(sent.at?).as_nanos() as i64;
    let apart_ns = first.captured_unix_ns - sent.captured_unix_ns;
    if (apart_ns - passed_ns).abs() > LONGEST_DRIFT_NS {
        return None;
    }
    // The same picture of another layer comes after itself.
    let ticks = (apart_ns * i64::from(first.codec.clock_rate()) / 1_000_000_000).max(LEAST_STEP);
    Some(sent.timestamp.wrapping_add(ticks as u32).wrapping_sub(first.timestamp))
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
