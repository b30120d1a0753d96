//! What one viewer received: exactly which packets of the window, how late each, and its first whole keyframe.

use crate::histogram::Histogram;
use crate::protocol::ViewerReport;
use reference::{Kind, Stamp};

#[derive(Default)]
struct Seen {
    bits: Vec<u64>,
    distinct: u32,
    delay: Histogram,
}

impl Seen {
    fn add(&mut self, seq: u32, delay_us: u32) {
        let (word, bit) = (seq as usize / 64, 1u64 << (seq % 64));
        if word >= self.bits.len() {
            self.bits.resize(word + 16, 0);
        }
        if self.bits[word] & bit == 0 {
            self.bits[word] |= bit;
            self.distinct += 1;
            self.delay.add(delay_us);
        }
    }

    fn clear(&mut self) {
        self.bits.clear();
        self.distinct = 0;
        self.delay.clear();
    }
}

#[derive(Default)]
pub struct Tally {
    window: u8,
    video: Seen,
    audio: Seen,
    retransmitted: u32,
    /// Packets since the start, in windows or not.
    pub total: u64,
    first_frame: FirstFrame,
}

#[derive(Default)]
enum FirstFrame {
    #[default]
    None,
    Assembling {
        frame: u32,
        have: u16,
    },
    Seen,
}

/// What a packet completed.
#[derive(Debug, PartialEq)]
pub enum Progress {
    FirstFrame,
    Nothing,
}

impl Tally {
    pub fn packet(&mut self, stamp: &Stamp, arrived_ns: u64) -> Progress {
        self.total += 1;
        if stamp.window != 0 {
            self.count(stamp, arrived_ns);
        }
        self.assemble(stamp)
    }

    pub fn retransmission(&mut self) {
        self.retransmitted += 1;
    }

    fn count(&mut self, stamp: &Stamp, arrived_ns: u64) {
        if stamp.window != self.window {
            self.window = stamp.window;
            self.video.clear();
            self.audio.clear();
            self.retransmitted = 0;
        }
        let delay_us = u32::try_from(arrived_ns.saturating_sub(stamp.sent_ns) / 1_000).unwrap_or(u32::MAX);
        match stamp.kind {
            Kind::Video => self.video.add(stamp.seq, delay_us),
            Kind::Audio => self.audio.add(stamp.seq, delay_us),
        }
    }

    fn assemble(&mut self, stamp: &Stamp) -> Progress {
        if !stamp.keyframe || matches!(self.first_frame, FirstFrame::Seen) {
            return Progress::Nothing;
        }
        let have = match self.first_frame {
            FirstFrame::Assembling { frame, have } if frame == stamp.frame => have + 1,
            _ => 1,
        };
        if have < stamp.count {
            self.first_frame = FirstFrame::Assembling { frame: stamp.frame, have };
            return Progress::Nothing;
        }
        self.first_frame = FirstFrame::Seen;
        Progress::FirstFrame
    }

    pub fn report(&self, id: u32, overflowed: u32) -> ViewerReport {
        ViewerReport {
            id,
            window: self.window,
            video: self.video.distinct,
            audio: self.audio.distinct,
            retransmitted: self.retransmitted,
            overflowed,
            video_p99_ms: self.video.delay.quantile_ms(0.99),
            audio_p99_ms: self.audio.delay.quantile_ms(0.99),
        }
    }

    /// Adds this viewer's delays to those of all.
    pub fn add_delays(&self, video: &mut Histogram, audio: &mut Histogram) {
        video.merge(&self.video.delay);
        audio.merge(&self.audio.delay);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn video(window: u8, seq: u32, index: u16) -> Stamp {
        Stamp {
            kind: Kind::Video,
            window,
            keyframe: true,
            seq,
            frame: 9,
            index,
            count: 3,
            sent_ns: 1_000_000,
        }
    }

    #[test]
    fn a_packet_that_comes_twice_counts_once() {
        let mut tally = Tally::default();
        for seq in [0, 1, 1, 200] {
            tally.packet(&video(1, seq, 0), 2_000_000);
        }
        let report = tally.report(4, 0);
        assert_eq!((report.id, report.video, report.audio), (4, 3, 0));
        assert_eq!(report.video_p99_ms, Some(1.0));
    }

    #[test]
    fn a_new_window_starts_from_nothing_and_window_0_is_none() {
        let mut tally = Tally::default();
        tally.packet(&video(1, 5, 0), 2_000_000);
        tally.packet(&video(2, 0, 0), 2_000_000);
        tally.packet(&video(0, 1, 0), 2_000_000);
        let report = tally.report(1, 0);
        assert_eq!((report.window, report.video), (2, 1));
        assert_eq!(tally.total, 3);
    }

    #[test]
    fn the_first_frame_is_a_whole_keyframe() {
        let mut tally = Tally::default();
        assert_eq!(tally.packet(&Stamp { keyframe: false, ..video(0, 0, 0) }, 0), Progress::Nothing);
        assert_eq!(tally.packet(&Stamp { frame: 8, ..video(0, 0, 2) }, 0), Progress::Nothing);
        assert_eq!(tally.packet(&video(0, 0, 0), 0), Progress::Nothing);
        assert_eq!(tally.packet(&video(0, 0, 1), 0), Progress::Nothing);
        assert_eq!(tally.packet(&video(0, 0, 2), 0), Progress::FirstFrame);
        assert_eq!(tally.packet(&video(0, 0, 2), 0), Progress::Nothing);
    }
}
