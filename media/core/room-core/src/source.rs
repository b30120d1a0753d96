//! An injected audio and video pair: encoded frames in, packets out, each at its instant.
//!
//! ```text
//!   write ──► queue ── its instant ──► packets, BURST at a time ──► due
//!    hold: what is to come is dropped     later than TOO_LATE: on from the newest keyframe, in step soon
//! ```
//!
//! Invariant: timestamps are the instants themselves on the RTP clock, so audio and video stay together
//! however frames are late; no more than `BURST` packets of video leave within `SPACING`. What leaves can be
//! decoded: after a gap comes a keyframe.

use std::collections::VecDeque;
use std::time::Duration;

use crate::codec::{Codec, MediaKind};
use crate::ids::{RoomId, TrackId};
use crate::limits::{QUEUED_BYTES, QUEUED_FRAMES, TOO_LATE, WRITE_AHEAD};
use crate::packet::{Packet, Picture};
use crate::packetise::Packetiser;
use crate::time::{Anchor, Time};

const BURST: usize = 10;
const SPACING: Duration = Duration::from_millis(5);
/// Pictures that catch up with the present are told this far apart.
const CATCH_UP: Duration = Duration::from_millis(2);

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

    /// Drops what is queued; what comes next begins with a keyframe.
    pub fn flush(&mut self) {
        for lane in &mut self.lanes {
            lane.queue.clear();
            lane.paced.clear();
            lane.bytes = 0;
            lane.lost = false;
        }
    }

    /// Drops what is due from `until` on. What comes next goes on from the last frame before it.
    pub fn hold(&mut self, until: Time) {
        for lane in &mut self.lanes {
            lane.hold(until);
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
    /// When the frame that left last was due, and the instant that it was told to have.
    left: Option<(Time, Time)>,
    catching_up: bool,
    /// Frames are missing: nothing before the next keyframe can be decoded.
    lost: bool,
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
            left: None,
            catching_up: false,
            lost: false,
        }
    }

    /// Whether a decoder may start at `frame`.
    fn starts(&self, frame: &Frame) -> bool {
        frame.keyframe || self.codec.kind() == MediaKind::Audio
    }

    fn accepts(&self, frame: &Frame) -> bool {
        self.queue.len() < QUEUED_FRAMES
            && self.bytes + frame.data.len() <= QUEUED_BYTES
            && self.queue.back().is_none_or(|last| last.at <= frame.at)
    }

    fn due(&mut self, now: Time, anchor: &Anchor, track: TrackId, muted: &[TrackId]) -> Vec<Packet> {
        if now < self.next_burst {
            return Vec::new();
        }
        if self.queue.front().is_some_and(|frame| now.since(frame.at) > TOO_LATE) {
            self.skip(now);
        }
        while self.paced.len() < BURST && self.queue.front().is_some_and(|frame| frame.at <= now) {
            if let Some(frame) = self.pop() {
                self.leave(&frame, now, anchor, track);
            }
        }
        if muted.contains(&track) {
            self.lost |= !self.paced.is_empty();
            self.paced.clear();
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

    fn pop(&mut self) -> Option<Frame> {
        let frame = self.queue.pop_front()?;
        self.bytes -= frame.data.len();
        Some(frame)
    }

    /// Gives up what is long past: goes on from the newest keyframe that is due, or, when that has left already, with
    /// all that builds on it.
    fn skip(&mut self, now: Time) {
        let due = self.queue.partition_point(|frame| frame.at <= now);
        let is_past = due == self.queue.len() && self.queue[due - 1].at.plus(TOO_LATE) < now;
        let newest = (0..due).rev().find(|n| self.starts(&self.queue[*n]));
        let dropped = if is_past { due } else { newest.unwrap_or_default() };
        for _ in 0..dropped {
            self.pop();
        }
        if is_past || newest.is_some() {
            self.paced.clear();
        }
        self.lost |= is_past;
        self.catching_up = self.codec.kind() == MediaKind::Video;
    }

    fn hold(&mut self, until: Time) {
        let kept = self.queue.partition_point(|frame| frame.at < until);
        self.bytes -= self.queue.drain(kept..).map(|frame| frame.data.len()).sum::<usize>();
        // Whoever goes on from `until` would repeat a frame.
        self.lost |= self.left.is_some_and(|(due, _)| due >= until);
    }

    /// Packetises a frame whose instant has come, unless it cannot be decoded.
    fn leave(&mut self, frame: &Frame, now: Time, anchor: &Anchor, track: TrackId) {
        self.lost &= !self.starts(frame);
        if self.lost {
            return;
        }
        let earliest = self.left.map_or(now, |(_, told)| told.plus(CATCH_UP).max(now));
        self.catching_up &= earliest.since(frame.at) > 2 * SPACING;
        let told = if self.catching_up { earliest } else { frame.at };
        self.left = Some((frame.at, told));
        self.packetise(frame, told, anchor, track);
    }

    fn packetise(&mut self, frame: &Frame, at: Time, anchor: &Anchor, track: TrackId) {
        let payloads = self.packetiser.frame(&frame.data);
        let last = payloads.len().saturating_sub(1);
        for (n, payload) in payloads.into_iter().enumerate() {
            self.paced.push_back(Packet {
                track,
                encoding: self.codec as u32,
                layer: 0,
                codec: self.codec,
                // Given when the packet leaves: what a flush drops must leave no gap.
                sequence: 0,
                timestamp: at.ticks(self.codec.clock_rate()) as u32,
                captured_unix_ns: anchor.unix_ns(at) as i64,
                synced: true,
                // Opus marks the start of a talk spurt, video the end of a frame.
                marker: n == last && self.codec.kind() == MediaKind::Video,
                starts: n == 0 && self.starts(frame),
                picture: Picture::of(self.codec, &payload),
                described: None,
                redundant: None,
                payload: payload.into_boxed_slice(),
            });
        }
    }

    fn wake(&self) -> Time {
        let next = self.queue.front().map_or(Time::FAR, |frame| frame.at);
        let next = if self.paced.is_empty() { next } else { Time::default() };
        next.max(self.next_burst)
    }
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
