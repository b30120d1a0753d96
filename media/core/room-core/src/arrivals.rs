//! When each packet of a transport arrived, and the feedback that tells its sender
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01).
//!
//! Invariant: every packet that arrived is told of once, at the latest `EVERY` after it came; one that was told to be
//! missing and came late is told again, with what follows it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::replay::extend;
use crate::time::Time;
use crate::transport_feedback::{DELTA_US, REFERENCE_US};

/// A sender's control wants to hear several times in a round trip, and each word costs.
const EVERY: Duration = Duration::from_millis(80);
/// Arrivals that are remembered; what is older is not told any more.
const REMEMBERED: usize = 1_024;
/// Packets that one feedback tells of: well below a datagram's length.
const TOLD_AT_ONCE: usize = 360;
const VECTOR: usize = 7;
const LONGEST_RUN: usize = 0x1fff;

#[derive(Debug, Default)]
pub struct Arrivals {
    /// The first number that is remembered, with the rollover counter.
    first: u64,
    times: VecDeque<Option<Time>>,
    /// The first number that is not told yet.
    untold: u64,
    due: Option<Time>,
    count: u8,
}

impl Arrivals {
    /// Takes note of a packet with its number on the transport.
    pub fn arrived(&mut self, now: Time, sequence: u16) {
        if self.times.is_empty() {
            // Room below, so that a packet that came before its time has a number.
            self.first = 0x1_0000 + u64::from(sequence);
            self.untold = self.first;
        }
        let highest = (self.first + self.times.len() as u64).saturating_sub(1).max(self.first);
        let sequence = extend(highest, sequence);
        let Some(place) = sequence.checked_sub(self.first).map(|place| place as usize) else { return };
        if place >= self.times.len() + REMEMBERED {
            *self = Arrivals { count: self.count, ..Arrivals::default() };
            return self.arrived(now, sequence as u16);
        }
        if place >= self.times.len() {
            self.times.resize(place + 1, None);
        }
        if self.times[place].is_some() {
            return;
        }
        self.times[place] = Some(now);
        self.untold = self.untold.min(sequence);
        self.due.get_or_insert(now.plus(EVERY));
        while self.times.len() > REMEMBERED {
            self.times.pop_front();
            self.first += 1;
        }
        self.untold = self.untold.max(self.first);
    }

    #[must_use]
    pub fn wake(&self) -> Time {
        self.due.unwrap_or(Time::FAR)
    }

    /// What is to be told now: the bodies of feedback packets, after the sources.
    pub fn feedback(&mut self, now: Time) -> Vec<Vec<u8>> {
        if self.wake() > now {
            return Vec::new();
        }
        self.due = None;
        let mut bodies = Vec::new();
        while let Some(body) = self.next_body() {
            bodies.push(body);
        }
        bodies
    }

    fn next_body(&mut self) -> Option<Vec<u8>> {
        let untold = (self.untold - self.first) as usize;
        let waiting = self.times.range(untold.min(self.times.len())..);
        let first = untold + waiting.clone().position(Option::is_some)?;
        // What is missing before the first that came is told with it.
        let begin = if first - untold < TOLD_AT_ONCE { untold } else { first };
        let base = self.first + begin as u64;
        let mut clock = micros(self.times[first]?) / REFERENCE_US * REFERENCE_US;
        let mut body = Body::new(base as u16, clock / REFERENCE_US, self.count);
        for time in self.times.range(begin..).take(TOLD_AT_ONCE) {
            let delta = time.map(|time| (micros(time) - clock).div_euclid(DELTA_US));
            if !body.push(delta) {
                break;
            }
            clock += delta.unwrap_or_default() * DELTA_US;
        }
        self.untold = base + body.told() as u64;
        self.count = self.count.wrapping_add(1);
        Some(body.finish())
    }
}

fn micros(time: Time) -> i64 {
    (time.as_nanos() / 1_000) as i64
}

/// A feedback under construction.
struct Body {
    head: Vec<u8>,
    /// Two bits each: missing, small difference, large or negative difference.
    symbols: Vec<u8>,
    deltas: Vec<u8>,
}

impl Body {
    fn new(base: u16, reference: i64, count: u8) -> Body {
        let mut head = base.to_be_bytes().to_vec();
        // The number of packets goes here.
        head.extend_from_slice(&[0, 0]);
        head.extend_from_slice(&(reference as u32).to_be_bytes()[1..]);
        head.push(count);
        Body { head, symbols: Vec::new(), deltas: Vec::new() }
    }

    /// False when the difference is too large to be told.
    fn push(&mut self, delta: Option<i64>) -> bool {
        match delta {
            None => self.symbols.push(0),
            Some(small @ 0..=0xff) => {
                self.symbols.push(1);
                self.deltas.push(small as u8);
            }
            Some(large) => {
                let Ok(large) = i16::try_from(large) else { return false };
                self.symbols.push(2);
                self.deltas.extend_from_slice(&large.to_be_bytes());
            }
        }
        true
    }

    /// Nothing is said of what is missing at the end: it may be on its way.
    fn told(&self) -> usize {
        self.symbols.iter().rposition(|symbol| *symbol != 0).map_or(0, |last| last + 1)
    }

    fn finish(mut self) -> Vec<u8> {
        let told = self.told();
        self.head[2..4].copy_from_slice(&(told as u16).to_be_bytes());
        let mut rest = &self.symbols[..told];
        while let Some(symbol) = rest.first() {
            let run = rest.iter().take(LONGEST_RUN).take_while(|other| *other == symbol).count();
            let (chunk, taken) = if run >= VECTOR || run == rest.len() {
                (u16::from(*symbol) << 13 | run as u16, run)
            } else {
                vector(rest)
            };
            self.head.extend_from_slice(&chunk.to_be_bytes());
            rest = &rest[taken..];
        }
        self.head.extend_from_slice(&self.deltas);
        self.head
    }
}

/// Seven symbols of two bits.
fn vector(symbols: &[u8]) -> (u16, usize) {
    let taken = symbols.len().min(VECTOR);
    let bits = symbols[..taken].iter().enumerate();
    let chunk = bits.fold(0xc000, |chunk, (at, symbol)| chunk | u16::from(*symbol) << (12 - 2 * at));
    (chunk, taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport_feedback::TransportFeedback;

    fn told(body: &[u8]) -> Vec<(u16, Option<i64>)> {
        TransportFeedback::read(body).unwrap().packets().map(|one| (one.number, one.arrived_us)).collect()
    }

    fn at(us: u64) -> Time {
        Time::from_nanos((64_000 * 1_000 + us) * 1_000)
    }

    fn received(bodies: &[Vec<u8>]) -> Vec<(u16, i64)> {
        let all = bodies.iter().flat_map(|body| told(body));
        all.filter_map(|(number, time)| Some((number, time? - 64_000_000))).collect()
    }

    #[test]
    fn arrivals_are_told_soon_and_to_a_quarter_of_a_millisecond() {
        let mut arrivals = Arrivals::default();
        assert_eq!(arrivals.wake(), Time::FAR);
        for n in 0..20_u16 {
            arrivals.arrived(at(u64::from(n) * 1_500), 65_530_u16.wrapping_add(n));
        }
        assert!(arrivals.feedback(at(50_000)).is_empty());
        assert_eq!(arrivals.wake(), at(80_000));
        let bodies = arrivals.feedback(at(80_000));
        assert_eq!(bodies.len(), 1);
        let expected: Vec<_> = (0..20).map(|n| (65_530_u16.wrapping_add(n), i64::from(n) * 1_500)).collect();
        assert_eq!(received(&bodies), expected);
        assert_eq!((arrivals.wake(), arrivals.feedback(at(999_000))), (Time::FAR, Vec::new()), "told once");
    }

    #[test]
    fn what_is_missing_is_told_and_what_comes_late_told_again() {
        let mut arrivals = Arrivals::default();
        for n in [1, 2, 4, 8] {
            arrivals.arrived(at(u64::from(n)), n);
        }
        let bodies = arrivals.feedback(at(100_000));
        let missing: Vec<_> =
            told(&bodies[0]).iter().filter(|(_, time)| time.is_none()).map(|(n, _)| *n).collect();
        assert_eq!(missing, [3, 5, 6, 7]);
        arrivals.arrived(at(110_000), 7);
        let again: Vec<_> = received(&arrivals.feedback(at(200_000))).iter().map(|(n, _)| *n).collect();
        assert_eq!(again, [7, 8]);
    }

    #[test]
    fn a_long_pause_begins_a_feedback_of_its_own() {
        let mut arrivals = Arrivals::default();
        arrivals.arrived(at(0), 1);
        arrivals.arrived(at(9_000_000), 2);
        let bodies = arrivals.feedback(at(9_100_000));
        assert_eq!(bodies.len(), 2);
        assert_eq!(received(&bodies), [(1, 0), (2, 9_000_000)]);
        assert_eq!((bodies[0][7], bodies[1][7]), (0, 1), "feedback is counted");
    }

    #[test]
    fn a_jump_in_the_numbers_is_a_new_start() {
        let mut arrivals = Arrivals::default();
        arrivals.arrived(at(0), 1);
        arrivals.arrived(at(10), 20_000);
        arrivals.arrived(at(20), 20_001);
        assert_eq!(
            received(&arrivals.feedback(at(100_000))).iter().map(|(n, _)| *n).collect::<Vec<_>>(),
            [20_000, 20_001]
        );
        assert!(arrivals.times.len() <= REMEMBERED);
    }

    #[test]
    fn the_bytes_are_those_of_the_draft() {
        let mut arrivals = Arrivals::default();
        arrivals.arrived(at(250), 5);
        arrivals.arrived(at(500), 7);
        let body = &arrivals.feedback(at(100_000))[0];
        // Base 5, three packets, 1,000 times 64 ms, feedback 0; small, missing, small; 250 µs each.
        assert_eq!(body[..], [0, 5, 0, 3, 0, 0x03, 0xe8, 0, 0b1101_0001, 0, 1, 1]);
    }
}
