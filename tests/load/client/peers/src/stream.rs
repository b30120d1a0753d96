//! What the publisher sends and when, whoever carries it: the reference stream in windows of measurement.

use crate::protocol::{Mode, Sent};
use datagram::realtime_ns;
use reference::{
    AUDIO_INTERVAL, AUDIO_TICKS, FRAME_INTERVAL, FRAME_TICKS, Frame, Kind, Stamp, VideoSchedule,
    audio_payload, video_payload,
};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Over how long `Mode::Paced` spreads a frame.
const PACING: Duration = Duration::from_millis(5);

/// One packet, to be sent before the next is taken: its stamp says that it leaves now.
pub struct Packet {
    pub kind: Kind,
    /// RTP timestamp.
    pub time: u32,
    pub marker: bool,
    pub payload: Vec<u8>,
}

pub struct Stream {
    began: Instant,
    mode: Mode,
    schedule: VideoSchedule,
    /// Packets of the present frame that wait for their instant.
    queue: VecDeque<(Instant, Arc<Frame>, u16)>,
    frames: u32,
    audio_packets: u32,
    window: u8,
    sent: Sent,
}

impl Stream {
    /// A stream whose first frame and first audio packet are due now.
    pub fn begin(mode: Mode, now: Instant) -> Self {
        Stream {
            began: now,
            mode,
            schedule: VideoSchedule::default(),
            queue: VecDeque::new(),
            frames: 0,
            audio_packets: 0,
            window: 0,
            sent: Sent::default(),
        }
    }

    /// Opens a window (0: none) and returns what was sent in the one before.
    pub fn mark(&mut self, window: u8) -> Sent {
        self.window = window;
        std::mem::take(&mut self.sent)
    }

    /// Makes the next frame a keyframe.
    pub fn start_group(&mut self) {
        self.schedule.start_group();
    }

    /// When the next packet is due.
    pub fn due(&self) -> Instant {
        let due = self.next_frame().min(self.next_audio());
        self.queue.front().map_or(due, |(at, _, _)| due.min(*at))
    }

    /// Takes the next packet that is due at `now`.
    pub fn take(&mut self, now: Instant) -> Option<Packet> {
        if self.next_frame() <= now {
            self.queue_frame(now);
        }
        if self.queue.front().is_some_and(|(at, _, _)| *at <= now) {
            let (_, frame, index) = self.queue.pop_front()?;
            return Some(self.video(&frame, index));
        }
        (self.next_audio() <= now).then(|| self.audio())
    }

    fn next_frame(&self) -> Instant {
        self.began + FRAME_INTERVAL * self.frames
    }

    fn next_audio(&self) -> Instant {
        self.began + AUDIO_INTERVAL * self.audio_packets
    }

    fn queue_frame(&mut self, now: Instant) {
        let frame = Arc::new(self.schedule.next_frame());
        let count = frame.packets.len() as u32;
        for index in 0..count {
            let wait = match self.mode {
                Mode::Burst => Duration::ZERO,
                Mode::Paced => PACING * index / count,
            };
            self.queue.push_back((now + wait, Arc::clone(&frame), index as u16));
        }
        self.frames += 1;
    }

    fn video(&mut self, frame: &Frame, index: u16) -> Packet {
        let count = frame.packets.len() as u16;
        let stamp = Stamp {
            kind: Kind::Video,
            window: self.window,
            keyframe: frame.keyframe,
            seq: self.sent.video,
            frame: frame.number,
            index,
            count,
            sent_ns: realtime_ns(),
        };
        self.sent.video += 1;
        Packet {
            kind: Kind::Video,
            time: frame.number.wrapping_mul(FRAME_TICKS),
            marker: index + 1 == count,
            payload: video_payload(frame, &stamp),
        }
    }

    fn audio(&mut self) -> Packet {
        let number = self.audio_packets;
        self.audio_packets += 1;
        let stamp = Stamp {
            kind: Kind::Audio,
            window: self.window,
            keyframe: false,
            seq: self.sent.audio,
            frame: number,
            index: 0,
            count: 1,
            sent_ns: realtime_ns(),
        };
        self.sent.audio += 1;
        Packet {
            kind: Kind::Audio,
            time: number.wrapping_mul(AUDIO_TICKS),
            marker: number == 0,
            payload: audio_payload(&stamp),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(stream: &mut Stream, now: Instant) -> Vec<Packet> {
        std::iter::from_fn(|| stream.take(now)).collect()
    }

    #[test]
    fn a_burst_is_due_at_once_and_a_paced_frame_over_5_ms() {
        let now = Instant::now();
        let mut burst = Stream::begin(Mode::Burst, now);
        assert_eq!(taken(&mut burst, now).len(), 31 + 1, "a keyframe and audio");

        let mut paced = Stream::begin(Mode::Paced, now);
        let first = taken(&mut paced, now).len();
        assert_eq!(first, 1 + 1, "one packet of video and audio");
        assert!(paced.due() > now);
        let later = taken(&mut paced, now + PACING).len();
        assert_eq!(first + later, 31 + 1);
    }

    #[test]
    fn ten_seconds_are_300_frames_and_500_packets_of_audio() {
        let now = Instant::now();
        let mut stream = Stream::begin(Mode::Burst, now);
        let (mut markers, mut audio) = (0, 0);
        while stream.due() < now + Duration::from_secs(10) {
            let due = stream.due();
            for packet in taken(&mut stream, due) {
                match packet.kind {
                    Kind::Audio => audio += 1,
                    Kind::Video => markers += usize::from(packet.marker),
                }
            }
        }
        assert!((299..=301).contains(&markers), "{markers}");
        assert_eq!(audio, 500);
    }

    #[test]
    fn a_window_counts_its_packets_from_0() {
        let now = Instant::now();
        let mut stream = Stream::begin(Mode::Burst, now);
        taken(&mut stream, now);
        let before = stream.mark(1);
        assert_eq!((before.video, before.audio), (31, 1));
        let packets = taken(&mut stream, now + Duration::from_millis(34));
        let first = Stamp::read(&packets[0].payload).unwrap();
        assert_eq!((first.window, first.seq), (1, 0));
        assert_eq!(stream.mark(0).video, 6);
    }
}
