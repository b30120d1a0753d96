//! An injected audio and video pair: encoded frames in, packets out, each at its instant.
//!
//! Invariant: timestamps are the instants themselves on the RTP clock, so audio and video stay together
//! however frames are late; no more than `BURST` packets of video leave within `SPACING`.

use std::collections::VecDeque;
use std::time::Duration;

use crate::codec::{Codec, MediaKind};
use crate::ids::{RoomId, TrackId};
use crate::limits::{QUEUED_BYTES, QUEUED_FRAMES, WRITE_AHEAD};
use crate::packet::{Packet, Picture};
use crate::packetise::Packetiser;
use crate::time::{Anchor, Time};

const BURST: usize = 10;
const SPACING: Duration = Duration::from_millis(5);

/// An encoded frame and the instant at which it is due.
#[derive(Clone, Debug)]
pub struct Frame {
    pub codec: Codec,
    pub data: Vec<u8>,
    pub at: Time,
    pub keyframe: bool,
}

#[derive(Debug)]
pub struct Source {
    pub room: RoomId,
    pub audio: TrackId,
    pub video: TrackId,
    lanes: [Lane; 3],
    muted: Vec<TrackId>,
    refused: u64,
}

impl Source {
    #[must_use]
    pub fn new(room: RoomId, audio: TrackId, video: TrackId) -> Source {
        let lanes = [Codec::Opus, Codec::Vp8, Codec::H264].map(Lane::new);
        Source { room, audio, video, lanes, muted: Vec::new(), refused: 0 }
    }

    /// Queues a frame; one too many, too far ahead or out of order is refused and counted.
    pub fn write(&mut self, now: Time, frame: Frame) {
        let lane = self.lane(frame.codec);
        let accepted = frame.at <= now.plus(WRITE_AHEAD) && lane.accepts(&frame);
        if accepted {
            lane.bytes += frame.data.len();
            lane.queue.push_back(frame);
        } else {
            self.refused += 1;
        }
    }

    /// Frames that were refused since the source began.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    fn lane(&mut self, codec: Codec) -> &mut Lane {
        let at = self.lanes.iter().position(|lane| lane.codec == codec);
        &mut self.lanes[at.unwrap_or_default()]
    }

    /// The packets that are due.
    pub fn due(&mut self, now: Time, anchor: &Anchor) -> Vec<Packet> {
        let (audio, video) = (self.audio, self.video);
        let track = |kind| if kind == MediaKind::Audio { audio } else { video };
        let muted = &self.muted;
        let lanes = self.lanes.iter_mut();
        lanes.flat_map(|lane| lane.due(now, anchor, track(lane.codec.kind()), muted)).collect()
    }

    /// Frames of `track` are dropped at their instant.
    pub fn mute(&mut self, track: TrackId) {
        if [self.audio, self.video].contains(&track) && !self.muted.contains(&track) {
            self.muted.push(track);
        }
    }

    pub fn unmute(&mut self, track: TrackId) {
        self.muted.retain(|muted| *muted != track);
    }

    #[must_use]
    pub fn wake(&self) -> Time {
        self.lanes.iter().map(Lane::wake).min().unwrap_or(Time::FAR)
    }

    /// Drops what is queued.
    pub fn flush(&mut self) {
        for lane in &mut self.lanes {
            lane.queue.clear();
            lane.paced.clear();
            lane.bytes = 0;
        }
    }
}

/// The frames of one codec.
#[derive(Debug)]
struct Lane {
    codec: Codec,
    queue: VecDeque<Frame>,
    bytes: usize,
    packetiser: Packetiser,
    next_sequence: u64,
    /// Packets of frames whose instant has come, waiting for their turn.
    paced: VecDeque<Packet>,
    next_burst: Time,
}

impl Lane {
    fn new(codec: Codec) -> Lane {
        Lane {
            codec,
            queue: VecDeque::new(),
            bytes: 0,
            packetiser: Packetiser::new(codec),
            next_sequence: 1,
            paced: VecDeque::new(),
            next_burst: Time::default(),
        }
    }

    fn accepts(&self, frame: &Frame) -> bool {
        self.queue.len() < QUEUED_FRAMES
            && self.bytes + frame.data.len() <= QUEUED_BYTES
            && self.queue.back().is_none_or(|last| last.at <= frame.at)
    }

    fn due(&mut self, now: Time, anchor: &Anchor, track: TrackId, muted: &[TrackId]) -> Vec<Packet> {
        while self.queue.front().is_some_and(|frame| frame.at <= now) {
            if let Some(frame) = self.queue.pop_front() {
                self.bytes -= frame.data.len();
                self.packetise(&frame, anchor, track);
            }
        }
        if muted.contains(&track) {
            self.paced.clear();
        }
        if now < self.next_burst {
            return Vec::new();
        }
        let mut burst: Vec<Packet> = self.paced.drain(..self.paced.len().min(BURST)).collect();
        for packet in &mut burst {
            packet.sequence = self.next_sequence;
            self.next_sequence += 1;
        }
        if !burst.is_empty() {
            self.next_burst = now.plus(SPACING);
        }
        burst
    }

    fn packetise(&mut self, frame: &Frame, anchor: &Anchor, track: TrackId) {
        let payloads = self.packetiser.frame(&frame.data);
        let last = payloads.len().saturating_sub(1);
        for (n, payload) in payloads.into_iter().enumerate() {
            self.paced.push_back(Packet {
                track,
                encoding: self.codec as u32,
                codec: self.codec,
                // Given when the packet leaves: what a flush drops must leave no gap.
                sequence: 0,
                timestamp: frame.at.ticks(self.codec.clock_rate()) as u32,
                captured_unix_ns: anchor.unix_ns(frame.at) as i64,
                // Opus marks the start of a talk spurt, video the end of a frame.
                marker: n == last && self.codec.kind() == MediaKind::Video,
                starts: n == 0 && (frame.keyframe || self.codec.kind() == MediaKind::Audio),
                picture: Picture::of(self.codec, &payload),
                payload: payload.into_boxed_slice(),
            });
        }
    }

    fn wake(&self) -> Time {
        let frame = self.queue.front().map_or(Time::FAR, |frame| frame.at);
        if self.paced.is_empty() { frame } else { frame.min(self.next_burst) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    const SECOND: u64 = 1_000_000_000;

    fn at(ms: u64) -> Time {
        Time::from_nanos(SECOND + ms * 1_000_000)
    }

    fn anchor() -> Anchor {
        Anchor { at: at(0), instant: Instant::now(), unix_ns: 1_700_000_000 * SECOND }
    }

    fn frame(codec: Codec, ms: u64, length: usize) -> Frame {
        Frame { codec, data: vec![1; length], at: at(ms), keyframe: true }
    }

    #[test]
    fn frames_leave_at_their_instant_with_its_timestamp() {
        let mut source = Source::new(RoomId(1), TrackId(1), TrackId(2));
        source.write(at(0), frame(Codec::Opus, 20, 80));
        source.write(at(0), frame(Codec::Vp8, 40, 900));
        assert_eq!(source.wake(), at(20));
        assert!(source.due(at(19), &anchor()).is_empty());
        let audio = source.due(at(20), &anchor());
        assert_eq!((audio[0].track, u64::from(audio[0].timestamp)), (TrackId(1), 48_000 * 1_020 / 1_000));
        let video = source.due(source.wake(), &anchor());
        assert_eq!((video[0].track, video[0].marker), (TrackId(2), true));
        let apart = video[0].captured_unix_ns - audio[0].captured_unix_ns;
        assert_eq!(apart, 20_000_000);
    }

    #[test]
    fn a_large_frame_is_spread_out_while_audio_passes() {
        let mut source = Source::new(RoomId(1), TrackId(1), TrackId(2));
        source.write(at(0), frame(Codec::Vp8, 0, 60_000));
        source.write(at(0), frame(Codec::Opus, 2, 80));
        let mut sent = Vec::new();
        while source.wake() != Time::FAR {
            let now = source.wake();
            let due = source.due(now, &anchor());
            assert!(due.len() <= BURST + 1);
            sent.extend(due.into_iter().map(|packet| (now, packet)));
        }
        let audio = sent.iter().find(|(_, packet)| packet.codec == Codec::Opus).unwrap();
        assert_eq!(audio.0, at(2));
        assert!(sent.last().unwrap().0 >= at(25));
    }

    #[test]
    fn what_is_too_far_ahead_out_of_order_or_too_much_is_refused() {
        let mut source = Source::new(RoomId(1), TrackId(1), TrackId(2));
        source.write(at(0), frame(Codec::Vp8, 60_000, 9));
        source.write(at(0), frame(Codec::Vp8, 100, 9));
        source.write(at(0), frame(Codec::Vp8, 90, 9));
        assert_eq!(source.refused(), 2);
        for _ in 0..QUEUED_FRAMES {
            source.write(at(0), frame(Codec::Vp8, 100, 9));
        }
        assert_eq!(source.refused(), 3);
    }

    #[test]
    fn flushing_leaves_nothing_to_send() {
        let mut source = Source::new(RoomId(1), TrackId(1), TrackId(2));
        source.write(at(0), frame(Codec::Vp8, 0, 60_000));
        source.due(at(0), &anchor());
        source.flush();
        assert_eq!(source.wake(), Time::FAR);
    }
}
