//! What the way to a viewer carries, by the viewer's word on each packet (draft-ietf-rmcat-gcc-02): the less of the rate
//! by delay and the rate by loss.
//!
//! ```text
//!   packets ──► departures ──┐
//!   feedback ────────────────┴─► groups ─► trend ──┐
//!                            ├─► throughput ───────┼─► rate ──┐
//!                            ├─► probe ────────────┘          ├─► the less of both
//!                            └─► loss ────────────────────────┘
//! ```

use std::time::Duration;

use crate::departures::{Departures, News};
use crate::groups::Groups;
use crate::loss::Loss;
use crate::probe::Probing;
use crate::rate::Rate;
use crate::throughput::Throughput;
use crate::time::Time;
use crate::transport_feedback::{REFERENCE_US, REFERENCE_WRAP, TransportFeedback};
use crate::trend::{Trend, Usage};

/// Before the first word: enough for sound and a picture of middling size.
pub(crate) const FIRST_BPS: f64 = 1_000_000.0;
/// Feedback comes a few times a second: when it does not, packets may not, either.
const SILENCE: Duration = Duration::from_millis(1_500);
const SILENCE_EVERY: Duration = Duration::from_millis(500);
/// Who says nothing for so long from the start will not.
const MUTE: Duration = Duration::from_secs(5);
/// After queues grew the way is left to empty.
const CALM: Duration = Duration::from_secs(1);
const FIRST_ROUND_TRIP: Duration = Duration::from_millis(100);
const LONGEST_ROUND_TRIP: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct SenderEstimate {
    departures: Departures,
    clock: Clock,
    groups: Groups,
    trend: Trend,
    throughput: Throughput,
    rate: Rate,
    loss: Loss,
    probing: Probing,
    round_trip: Duration,
    /// When the first packet left, since when nothing was heard, and when the viewer last told something.
    begun: Option<Time>,
    unanswered: Option<Time>,
    heard: Option<Time>,
    silent_at: Time,
    /// What could be made use of, while that is more than there is.
    wanted_bps: Option<f64>,
}

impl SenderEstimate {
    #[must_use]
    pub(crate) fn new(now: Time) -> SenderEstimate {
        SenderEstimate {
            departures: Departures::default(),
            clock: Clock::default(),
            groups: Groups::default(),
            trend: Trend::default(),
            throughput: Throughput::default(),
            rate: Rate::starting(now, FIRST_BPS),
            loss: Loss::default(),
            probing: Probing::default(),
            round_trip: FIRST_ROUND_TRIP,
            begun: None,
            unanswered: None,
            heard: None,
            silent_at: now,
            wanted_bps: None,
        }
    }

    /// The number of the packet that leaves next.
    #[must_use]
    pub(crate) fn next_number(&self) -> u16 {
        self.departures.next()
    }

    /// It leaves, with this slice.
    pub(crate) fn leave(&mut self, now: Time, slice: u32, bytes: usize) {
        let cluster = self.probing.cluster();
        if cluster != 0 {
            self.probing.left(bytes);
        }
        self.departures.leave(slice, bytes, cluster);
        self.begun.get_or_insert(now);
        self.unanswered.get_or_insert(now);
    }

    /// Takes feedback; `left_at` knows when a slice left.
    pub(crate) fn told(
        &mut self,
        now: Time,
        feedback: &TransportFeedback<'_>,
        left_at: impl Fn(u32) -> Option<Time>,
    ) {
        let shift_us = self.clock.shift_us(feedback.reference);
        let mut newest = None;
        for one in feedback.packets() {
            let Some(news) = self.departures.told(one.number, one.arrived_us.is_some()) else { continue };
            let (News::Arrived(departure) | News::Late(departure) | News::Missing(departure)) = news;
            match news {
                // What is sent to find the limit may go beyond it.
                _ if departure.cluster != 0 => {}
                News::Missing(_) => self.loss.missing(),
                News::Late(_) => self.loss.late(),
                News::Arrived(_) => self.loss.arrived(),
            }
            if let (Some(arrived_us), Some(left)) = (one.arrived_us, left_at(departure.slice)) {
                let arrived_us = arrived_us + shift_us;
                self.throughput.add(arrived_us, usize::from(departure.bytes));
                self.probing.arrived(departure.cluster, left, arrived_us, departure.bytes);
                if let Some(spacing) = self.groups.push(left, arrived_us) {
                    self.trend.update(spacing);
                }
                newest = Some((one.number, left));
            }
        }
        if let Some((number, left)) = newest {
            self.departures.settle(number);
            self.round_trip = now.since(left).min(LONGEST_ROUND_TRIP);
            self.heard = Some(now);
            self.unanswered = None;
            self.update(now);
        }
    }

    fn update(&mut self, now: Time) {
        let usage = self.trend.usage();
        let shown = self.probing.result(now).filter(|_| usage != Usage::Over);
        match shown {
            Some(bps) if bps > self.bps() => {
                self.rate.set(now, bps);
                self.loss.raise(bps);
            }
            _ => {
                let over = usage == Usage::Over;
                let arriving = if over { self.throughput.recent_bps() } else { self.throughput.bps() };
                self.rate.update(now, usage, arriving, self.round_trip);
            }
        }
        self.loss.update(now, self.rate.bps());
        self.probe(now, usage);
    }

    fn probe(&mut self, now: Time, usage: Usage) {
        match self.wanted_bps {
            None => self.probing.stop(),
            Some(_) if usage == Usage::Over => self.probing.wait(now),
            Some(wanted) if self.is_calm(now) => self.probing.consider(now, self.bps(), wanted),
            Some(_) => {}
        }
    }

    /// What the viewer could make use of, if that is more than the way is known to carry.
    pub(crate) fn wants(&mut self, wanted_bps: Option<u64>) {
        self.wanted_bps = wanted_bps.map(|bps| bps as f64);
        if wanted_bps.is_none() {
            self.probing.stop();
        }
    }

    /// Queues have not grown for a while.
    #[must_use]
    pub(crate) fn is_calm(&self, now: Time) -> bool {
        self.rate.reduced().is_none_or(|at| now.since(at) >= CALM)
    }

    /// Bytes that a probe is to add now.
    pub(crate) fn padding(&mut self, now: Time) -> usize {
        self.probing.due(now)
    }

    /// There is nothing to probe with.
    pub(crate) fn stop_probing(&mut self) {
        self.probing.stop();
    }

    #[must_use]
    pub(crate) fn wake(&self) -> Time {
        self.probing.wake()
    }

    /// What queues say that the way carries, however much of it is lost by chance.
    #[must_use]
    pub(crate) fn bps_by_delay(&self) -> f64 {
        self.rate.bps()
    }

    /// What the way carries.
    #[must_use]
    pub(crate) fn bps(&self) -> f64 {
        self.loss.limit_bps().map_or(self.rate.bps(), |limit| limit.min(self.rate.bps()))
    }

    /// Whether the viewer has told anything, or may still begin to.
    #[must_use]
    pub(crate) fn is_heard(&self, now: Time) -> bool {
        self.heard.is_some() || self.begun.is_none_or(|at| now.since(at) < MUTE)
    }

    /// Whether the viewer has told anything.
    #[must_use]
    pub(crate) fn was_heard(&self) -> bool {
        self.heard.is_some()
    }

    /// Takes packets that leave without an answer for a way that breaks down.
    pub(crate) fn watch(&mut self, now: Time) {
        let silent = self.unanswered.is_some_and(|since| now.since(since) >= SILENCE);
        if silent && self.heard.is_some() && now >= self.silent_at {
            self.silent_at = now.plus(SILENCE_EVERY);
            self.rate.silence(now);
            self.probing.wait(now);
        }
    }
}

/// The viewer's clock, told modulo twelve days.
#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    /// The last reference that was told, going on where it began again.
    reference: Option<i64>,
}

impl Clock {
    /// What must be added to times that are told with this reference.
    fn shift_us(&mut self, reference: i64) -> i64 {
        let before = self.reference.unwrap_or(reference);
        let half = REFERENCE_WRAP / 2;
        let step = (reference - before + half).rem_euclid(REFERENCE_WRAP) - half;
        self.reference = Some(before + step);
        (before + step - reference) * REFERENCE_US
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::Arrivals;
    use crate::departures::Slices;

    fn at(ms: u64) -> Time {
        Time::from_nanos((64_000 * 20 + ms) * 1_000_000)
    }

    /// A flow of `bps` over a way of `capacity_bps` with a queue of a fifth of a second.
    struct Flow {
        estimate: SenderEstimate,
        slices: Slices,
        arrivals: Arrivals,
        free: Time,
        under_way: Vec<(Time, u16)>,
        ms: u64,
        /// Bytes that are to be sent and are not a packet yet.
        saved: usize,
    }

    impl Flow {
        fn new() -> Flow {
            Flow {
                estimate: SenderEstimate::new(at(0)),
                slices: Slices::default(),
                arrivals: Arrivals::default(),
                free: Time::default(),
                under_way: Vec::new(),
                ms: 0,
                saved: 0,
            }
        }

        fn run(&mut self, ms: u64, bps: u64, capacity_bps: u64) {
            for _ in 0..ms / 10 {
                self.ms += 10;
                let now = at(self.ms);
                self.saved += bps as usize / 800;
                let packets = self.saved / 1_000 + self.estimate.padding(now).div_ceil(1_000);
                self.saved %= 1_000;
                for _ in 0..packets {
                    let number = self.estimate.next_number();
                    self.estimate.leave(now, self.slices.current(), 1_000);
                    let begins = self.free.max(now);
                    if begins.since(now) < Duration::from_millis(200) {
                        self.free = begins.plus(Duration::from_nanos(8_000_000_000_000 / capacity_bps));
                        self.under_way.push((self.free.plus(Duration::from_millis(20)), number));
                    }
                }
                self.slices.left(now);
                self.deliver(now);
            }
        }

        fn deliver(&mut self, now: Time) {
            let arrived = self.under_way.extract_if(.., |(at, _)| *at <= now);
            for (at, number) in arrived {
                self.arrivals.arrived(at, number);
            }
            for body in self.arrivals.feedback(now) {
                let feedback = TransportFeedback::read(&body).unwrap();
                let slices = &self.slices;
                self.estimate.told(now.plus(Duration::from_millis(20)), &feedback, |one| slices.time(one));
            }
        }
    }

    #[test]
    fn a_flow_that_fills_the_way_is_told_what_that_carries_within_two_seconds() {
        let mut flow = Flow::new();
        flow.run(1_000, 3_200_000, 10_000_000);
        for _ in 0..20 {
            let may = flow.estimate.bps().min(3_200_000.0);
            flow.run(100, may as u64, 1_000_000);
        }
        let found = flow.estimate.bps();
        assert!((500_000.0..1_000_000.0).contains(&found), "{found}");
    }

    #[test]
    fn a_probe_finds_room_and_only_when_somebody_wants_it() {
        let mut flow = Flow::new();
        flow.run(10_000, 800_000, 6_000_000);
        let (alone, clusters) = (flow.estimate.bps(), flow.estimate.probing.cluster());
        assert!(alone < 1_300_000.0 && clusters == 0, "{alone}");
        flow.estimate.wants(Some(4_000_000));
        flow.run(3_000, 800_000, 6_000_000);
        let found = flow.estimate.bps();
        assert!((3_000_000.0..6_500_000.0).contains(&found), "{found}");
        flow.estimate.wants(None);
        assert_eq!(flow.estimate.padding(at(60_000)), 0);
    }

    #[test]
    fn silence_is_taken_for_a_way_that_breaks_down() {
        let mut flow = Flow::new();
        flow.run(5_000, 800_000, 6_000_000);
        let before = flow.estimate.bps();
        flow.estimate.watch(at(flow.ms));
        assert_eq!(flow.estimate.bps(), before);
        flow.estimate.leave(at(flow.ms), 0, 1_000);
        for half_second in 0..20 {
            flow.estimate.watch(at(flow.ms + half_second * 500));
        }
        assert!(flow.estimate.bps() < before / 5.0, "{}", flow.estimate.bps());
    }

    #[test]
    fn the_viewers_clock_goes_on_where_it_begins_again() {
        let mut clock = Clock::default();
        let times = [REFERENCE_WRAP - 1, 2, 1, REFERENCE_WRAP / 2 - 9];
        let told = times.map(|reference| (reference + clock.shift_us(reference) / REFERENCE_US) % (1 << 40));
        assert_eq!(told[0] + 3, told[1]);
        assert_eq!(told[0] + 2, told[2]);
        assert_eq!(told[3] - told[2], REFERENCE_WRAP / 2 - 10);
    }

    #[test]
    fn a_viewer_costs_little() {
        assert!(size_of::<SenderEstimate>() < 1_000, "{}", size_of::<SenderEstimate>());
    }
}
