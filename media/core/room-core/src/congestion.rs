//! What may be sent to one viewer. The one place that knows where the figure comes from: the viewer's word on each packet
//! where it was negotiated and is given, else the viewer's own estimate, else a guess.

use crate::receiver_estimate::ReceiverEstimate;
use crate::sender_estimate::SenderEstimate;
use crate::time::Time;
use crate::transport_feedback::TransportFeedback;

/// A change of the estimate by so much, in tenths, is a reason to choose layers anew at once.
const MOVED_TENTHS: u64 = 1;
/// Who is known to have less gets nothing twice: it takes as much as the smallest picture with its sound.
const TIGHT_BPS: f64 = 200_000.0;

/// Where an estimate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Ours, from feedback on each packet.
    Transport,
    /// The viewer's.
    Receiver,
}

impl Origin {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Origin::Transport => "transport",
            Origin::Receiver => "receiver",
        }
    }
}

#[derive(Debug, Default)]
pub struct Congestion {
    sender: Option<Box<SenderEstimate>>,
    receiver: ReceiverEstimate,
    /// What layers were chosen by.
    used_bps: u64,
}

impl Congestion {
    /// For a viewer who will tell of each packet.
    #[must_use]
    pub fn with_feedback(now: Time) -> Congestion {
        Congestion { sender: Some(Box::new(SenderEstimate::new(now))), ..Congestion::default() }
    }

    /// The number of the packet that leaves next, where packets are numbered.
    #[must_use]
    pub fn next_number(&self) -> Option<u16> {
        self.sender.as_ref().map(|sender| sender.next_number())
    }

    /// The packet with that number leaves.
    pub fn leave(&mut self, now: Time, slice: u32, bytes: usize) {
        if let Some(sender) = &mut self.sender {
            sender.leave(now, slice, bytes);
        }
    }

    /// Takes feedback on packets. Returns whether layers should be chosen anew.
    pub fn told(
        &mut self,
        now: Time,
        feedback: &TransportFeedback<'_>,
        left_at: impl Fn(u32) -> Option<Time>,
    ) -> bool {
        let Some(sender) = &mut self.sender else { return false };
        sender.told(now, feedback, left_at);
        let moved = (sender.bps() as u64).abs_diff(self.used_bps);
        moved * 10 > self.used_bps * MOVED_TENTHS
    }

    /// The viewer says what it takes in all.
    pub fn receiver_says(&mut self, now: Time, bitrate_bps: u64) {
        self.receiver.receiver_says(now, bitrate_bps);
    }

    /// What the way carries, while `sent_bps` are sent.
    pub fn estimate_bps(&mut self, now: Time, sent_bps: u64) -> u64 {
        let sender = self.sender.as_mut().filter(|sender| sender.is_heard(now));
        self.used_bps = match sender {
            Some(sender) => {
                sender.watch(now);
                sender.bps() as u64
            }
            None => self.receiver.estimate_bps(now, sent_bps),
        };
        self.used_bps
    }

    /// The last estimate that somebody gave, and who.
    #[must_use]
    pub fn last(&self) -> Option<(u64, Origin)> {
        let sender = self.known_bps().map(|bps| (bps as u64, Origin::Transport));
        sender.or_else(|| self.receiver.last().map(|bps| (bps, Origin::Receiver)))
    }

    /// What the way carries, where that is known.
    #[must_use]
    pub fn known_bps(&self) -> Option<f64> {
        let sender = self.sender.as_ref().filter(|sender| sender.was_heard());
        sender.map(|sender| sender.bps())
    }

    /// Queues on the way grew a moment ago.
    #[must_use]
    pub fn is_full(&self, now: Time) -> bool {
        self.sender.as_ref().is_some_and(|sender| !sender.is_calm(now))
    }

    /// Whether sound may go with earlier sound once more. Losses are no reason against it, but what it is for.
    #[must_use]
    pub fn is_wide(&self, now: Time) -> bool {
        let known = self.sender.as_ref().filter(|sender| sender.was_heard());
        known.is_none_or(|sender| sender.is_calm(now) && sender.bps_by_delay() >= TIGHT_BPS)
    }

    /// Whether what the way carries is found out before it is made use of.
    #[must_use]
    pub fn is_probed(&self, now: Time) -> bool {
        self.sender.as_ref().is_some_and(|sender| sender.is_heard(now))
    }

    /// What the viewer could make use of, if that is more than they get; `None` for all they show.
    pub fn wants(&mut self, wanted_bps: Option<u64>) {
        if let Some(sender) = &mut self.sender {
            sender.wants(wanted_bps);
        }
    }

    /// Bytes that a probe is to add now.
    pub fn padding(&mut self, now: Time) -> usize {
        self.sender.as_mut().map_or(0, |sender| sender.padding(now))
    }

    /// There is nothing to probe with.
    pub fn stop_probing(&mut self) {
        if let Some(sender) = &mut self.sender {
            sender.stop_probing();
        }
    }

    #[must_use]
    pub fn wake(&self) -> Time {
        self.sender.as_ref().map_or(Time::FAR, |sender| sender.wake())
    }
}
