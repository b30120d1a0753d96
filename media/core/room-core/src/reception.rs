//! One published stream as it arrives: order, loss, jitter, and what to ask for again.
//!
//! Invariant: a packet is passed on at most once, whether it came on its own stream or repaired.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::limits::{LONGEST_GAP, PENDING_NACKS};
use crate::rtcp::{ReportBlock, SenderInfo};
use crate::time::{Time, ntp_to_unix};

/// Packets out of order get this long before they are asked for, and longer where some came later than that.
const REORDERING: Duration = Duration::from_millis(10);
const LONGEST_REORDERING: Duration = Duration::from_millis(100);
/// Without one that came so late for this long, order settles as soon as ever.
const REORDERING_LASTS: Duration = Duration::from_secs(10);
const ASK_AGAIN: Duration = Duration::from_millis(60);
const GIVE_UP: Duration = Duration::from_millis(800);
const HOLES: usize = 64;

/// What a packet's number tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    New,
    /// Lost or overtaken before, now here.
    Late,
    Duplicate,
    /// So far from what came before that the stream must have begun anew.
    Jump,
}

#[derive(Debug)]
pub struct Reception {
    clock_rate: u32,
    first: u64,
    highest: u64,
    received: u64,
    missing: BTreeMap<u64, Miss>,
    /// How long order takes to settle, and since when.
    settling: (Duration, Time),
    /// What is sent again comes on a stream of its own.
    repairs_apart: bool,
    given_up: u64,
    reported: (u64, u64),
    transit: Option<i64>,
    jitter: f64,
    sender_report: Option<(u32, Time)>,
    /// The wall clock, in nanoseconds, at a timestamp.
    clock: (i64, u32),
}

#[derive(Clone, Copy, Debug)]
struct Miss {
    since: Time,
    ask_at: Time,
    asked: bool,
}

impl Reception {
    /// Begins with the first packet; `unix_ns` is the wall clock now.
    #[must_use]
    pub fn new(clock_rate: u32, first: u64, timestamp: u32, unix_ns: u64) -> Reception {
        Reception {
            clock_rate,
            first,
            highest: first.wrapping_sub(1),
            received: 0,
            missing: BTreeMap::new(),
            settling: (REORDERING, Time::default()),
            repairs_apart: false,
            given_up: 0,
            reported: (0, 0),
            transit: None,
            jitter: 0.0,
            sender_report: None,
            clock: (unix_ns as i64, timestamp),
        }
    }

    #[must_use]
    pub fn highest(&self) -> u64 {
        self.highest
    }

    /// Takes note of a packet on the stream itself.
    pub fn arrived(&mut self, now: Time, sequence: u64) -> Arrival {
        // What was asked for may have been sent again here, unless that comes elsewhere.
        let overtaken = self.missing.get(&sequence).filter(|miss| self.repairs_apart || !miss.asked);
        let took = overtaken.map_or(Duration::ZERO, |miss| now.since(miss.since) * 5 / 4);
        let lasts = now.since(self.settling.1) < REORDERING_LASTS;
        if took > self.settling.0 || (took > REORDERING || !lasts) && self.settling.0 > REORDERING {
            let before = if lasts { self.settling.0 } else { REORDERING };
            self.settling = (took.clamp(before, LONGEST_REORDERING), now);
        }
        self.note(now, sequence)
    }

    /// Takes note of a packet that came again on a stream of its own.
    pub fn repaired(&mut self, now: Time, sequence: u64) -> Arrival {
        self.repairs_apart = true;
        self.note(now, sequence)
    }

    fn note(&mut self, now: Time, sequence: u64) -> Arrival {
        let next = self.highest.wrapping_add(1);
        if sequence >= next && sequence - next > LONGEST_GAP {
            return Arrival::Jump;
        }
        if sequence < next {
            let awaited = self.missing.remove(&sequence).is_some();
            self.received += u64::from(awaited);
            return if awaited { Arrival::Late } else { Arrival::Duplicate };
        }
        for lost in next..sequence {
            let ask_at = now.plus(self.settling.0);
            self.missing.insert(lost, Miss { since: now, ask_at, asked: false });
        }
        while self.missing.len() > PENDING_NACKS {
            self.missing.pop_first();
            self.given_up += 1;
        }
        self.highest = sequence;
        self.received += 1;
        Arrival::New
    }

    /// The interarrival jitter (RFC 3550 section 6.4.1), for packets on their own stream.
    pub fn measure(&mut self, now: Time, timestamp: u32) {
        let transit = (now.ticks(self.clock_rate) as i64).wrapping_sub(i64::from(timestamp));
        if let Some(before) = self.transit.replace(transit) {
            // The timestamp wraps, so only the difference of 32 bits counts.
            let difference = f64::from((transit.wrapping_sub(before) as i32).unsigned_abs());
            if difference < f64::from(self.clock_rate) {
                self.jitter += (difference - self.jitter) / 16.0;
            }
        }
    }

    /// The numbers to ask for now, in ascending order.
    pub fn to_ask(&mut self, now: Time) -> Vec<u16> {
        let before = self.missing.len();
        self.missing.retain(|_, miss| now.since(miss.since) < GIVE_UP);
        self.given_up += (before - self.missing.len()) as u64;
        let due = self.missing.iter_mut().filter(|(_, miss)| miss.ask_at <= now);
        due.map(|(sequence, miss)| {
            miss.ask_at = now.plus(ASK_AGAIN);
            miss.asked = true;
            *sequence as u16
        })
        .collect()
    }

    #[must_use]
    pub fn wake(&self) -> Time {
        self.missing.values().map(|miss| miss.ask_at).min().unwrap_or(Time::FAR)
    }

    /// In milliseconds (RFC 3550 section 6.4.1).
    #[must_use]
    pub fn jitter_ms(&self) -> f64 {
        self.jitter * 1_000.0 / f64::from(self.clock_rate)
    }

    /// Packets that never came.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.given_up
    }

    /// Takes the publisher's own word on its clock; `offset_ns` is our wall clock minus the publisher's.
    pub fn sender_report(&mut self, now: Time, info: &SenderInfo, offset_ns: i64) {
        self.sender_report = Some(((info.ntp >> 16) as u32, now));
        self.clock = (ntp_to_unix(info.ntp) + offset_ns, info.timestamp);
    }

    /// Our wall clock, in nanoseconds, when `timestamp` was captured.
    #[must_use]
    pub fn captured(&self, timestamp: u32) -> i64 {
        let ticks = i64::from(timestamp.wrapping_sub(self.clock.1) as i32);
        self.clock.0 + ticks * 1_000_000_000 / i64::from(self.clock_rate)
    }

    /// The publisher has told its clock.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.sender_report.is_some()
    }

    pub fn report(&mut self, now: Time, ssrc: u32) -> ReportBlock {
        let expected = self.highest.wrapping_add(1).wrapping_sub(self.first);
        let (expected_before, received_before) = self.reported;
        self.reported = (expected, self.received);
        let expected_now = expected.saturating_sub(expected_before);
        let lost_now = expected_now.saturating_sub(self.received.saturating_sub(received_before));
        let fraction = (lost_now * 256).checked_div(expected_now).unwrap_or_default();
        let (last_report, delay) = self
            .sender_report
            .map_or((0, 0), |(ntp, at)| (ntp, (now.since(at).as_nanos() * 65_536 / 1_000_000_000) as u32));
        ReportBlock {
            ssrc,
            fraction_lost: fraction.min(255) as u8,
            lost: expected.saturating_sub(self.received).min(0x7f_ffff) as i32,
            highest_sequence: self.highest as u32,
            jitter: self.jitter as u32,
            last_report,
            delay,
        }
    }
}

/// Numbers for what is passed on, without the gaps that dropped padding and muted times would leave.
#[derive(Debug)]
pub struct Renumber {
    origin: u64,
    first_out: u64,
    /// Dropped numbers after the origin.
    holes: VecDeque<u64>,
    next_out: u64,
}

impl Renumber {
    /// Begins, or goes on after a pause, at `sequence`, with `out` as its new number.
    #[must_use]
    pub fn starting(sequence: u64, out: u64) -> Renumber {
        Renumber { origin: sequence, first_out: out, holes: VecDeque::new(), next_out: out }
    }

    #[must_use]
    pub fn next_out(&self) -> u64 {
        self.next_out
    }

    /// The new number; `None` for what came before the start.
    pub fn number(&mut self, sequence: u64) -> Option<u64> {
        let place = sequence.checked_sub(self.origin)?;
        let holes = self.holes.iter().filter(|hole| **hole < sequence).count() as u64;
        let out = self.first_out + place.checked_sub(holes)?;
        self.next_out = self.next_out.max(out + 1);
        Some(out)
    }

    /// Leaves `sequence` out. It must be the newest so far: later numbers move up.
    pub fn skip(&mut self, sequence: u64) {
        self.holes.push_back(sequence);
        if self.holes.len() > HOLES
            && let Some(hole) = self.holes.pop_front()
        {
            self.first_out += hole.saturating_sub(self.origin);
            self.origin = hole + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_nanos((1_000 + ms) * 1_000_000)
    }

    fn reception() -> Reception {
        Reception::new(90_000, 100, 0, 0)
    }

    #[test]
    fn a_gap_is_asked_for_after_a_moment_and_again_until_it_is_filled_or_too_late() {
        let mut stream = reception();
        for sequence in [100, 101, 104] {
            assert_eq!(stream.arrived(at(0), sequence), Arrival::New);
        }
        assert!(stream.to_ask(at(5)).is_empty(), "it may only be overtaken");
        assert_eq!(stream.arrived(at(6), 102), Arrival::Late);
        assert_eq!(stream.wake(), at(10));
        assert_eq!(stream.to_ask(at(10)), [103]);
        assert!(stream.to_ask(at(20)).is_empty());
        assert_eq!(stream.to_ask(at(70)), [103]);
        assert!(stream.to_ask(at(900)).is_empty());
        assert_eq!((stream.wake(), stream.lost()), (Time::FAR, 1));
    }

    /// Every tenth packet is overtaken by those of 40 ms; returns the numbers that were asked for in vain.
    fn overtaken(stream: &mut Reception, from: u64, seconds: u64) -> usize {
        let mut asked = 0;
        for ms in 0..seconds * 1_000 {
            let now = at(from + ms);
            if ms % 4 == 0 && ms % 40 != 8 {
                stream.arrived(now, 100 + (from + ms) / 4);
            }
            if ms % 40 == 8 && from + ms >= 40 {
                stream.arrived(now, 100 + (from + ms - 40) / 4);
            }
            asked += stream.to_ask(now).len();
        }
        asked
    }

    #[test]
    fn where_order_takes_long_to_settle_nothing_is_asked_for_before_that() {
        let mut stream = reception();
        stream.arrived(at(0), 100);
        stream.repaired(at(0), 100);
        assert!(overtaken(&mut stream, 0, 1) < 8);
        assert_eq!(overtaken(&mut stream, 1_000, 20), 0);
        let (lost, later) = (stream.highest() + 2, at(40_000));
        stream.arrived(later, lost);
        assert!(stream.to_ask(at(40_009)).is_empty());
        assert_eq!(stream.to_ask(at(40_010)), [lost as u16 - 1], "long ago, it settles as soon as ever");
    }

    #[test]
    fn what_may_have_been_sent_again_on_the_stream_itself_does_not_count_as_overtaken() {
        let mut stream = reception();
        stream.arrived(at(0), 100);
        stream.arrived(at(0), 102);
        assert_eq!(stream.to_ask(at(10)), [101]);
        assert_eq!(stream.arrived(at(70), 101), Arrival::Late);
        stream.arrived(at(80), 104);
        assert_eq!(stream.to_ask(at(90)), [103]);
    }

    #[test]
    fn a_packet_counts_once_and_a_far_one_is_a_new_start() {
        let mut stream = reception();
        assert_eq!(stream.arrived(at(0), 100), Arrival::New);
        assert_eq!(stream.arrived(at(0), 100), Arrival::Duplicate);
        assert_eq!(stream.arrived(at(0), 100 + 2 * LONGEST_GAP), Arrival::Jump);
        assert_eq!(stream.arrived(at(0), 101), Arrival::New);
    }

    #[test]
    fn a_report_tells_the_loss_since_the_last_one() {
        let mut stream = reception();
        for sequence in 100..200 {
            if sequence % 4 != 1 {
                stream.arrived(at(0), sequence);
            }
        }
        let block = stream.report(at(0), 7);
        assert_eq!((block.fraction_lost, block.lost, block.highest_sequence), (64, 25, 199));
        for sequence in 200..300 {
            stream.arrived(at(0), sequence);
        }
        assert_eq!(stream.report(at(0), 7).fraction_lost, 0);
    }

    #[test]
    fn timestamps_are_told_in_wall_clock_by_the_senders_report() {
        let mut stream = reception();
        let ntp = crate::time::unix_to_ntp(5_000_000_000);
        let info = SenderInfo { ntp, timestamp: u32::MAX - 44_999, ..SenderInfo::default() };
        stream.sender_report(at(0), &info, 1_000_000);
        // 90,000 ticks later, across the wrap.
        let captured = stream.captured(45_000);
        assert!((captured - 6_001_000_000).abs() < 10, "{captured}");
    }

    #[test]
    fn dropped_numbers_leave_no_gap() {
        let mut numbers = Renumber::starting(10, 1);
        assert_eq!(numbers.number(10), Some(1));
        numbers.skip(11);
        numbers.skip(12);
        assert_eq!(numbers.number(14), Some(3));
        assert_eq!(numbers.number(13), Some(2));
        assert_eq!(numbers.number(9), None);
        for sequence in 15..1_000 {
            numbers.skip(sequence);
        }
        assert_eq!(numbers.number(1_000), Some(4));
    }
}
