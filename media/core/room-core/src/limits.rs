//! What one peer may cost. A participant who attacks can slow only themselves.

use std::time::Duration;

use crate::time::Time;

/// Addresses that one peer may have validated by ICE at a time.
pub const ADDRESSES_PER_PEER: usize = 8;
/// Synchronisation sources accepted from one peer, retransmission streams included.
pub const STREAMS_PER_PEER: usize = 16;
/// Packets of one stream that may be asked for again at a time.
pub const PENDING_NACKS: usize = 256;
/// A gap longer than this is a new start, not a loss.
pub const LONGEST_GAP: u64 = 1_000;
/// Datagrams of feedback of one peer handled in a second, and packets in them.
pub const FEEDBACK_PER_SECOND: f64 = 300.0;
pub const CONTROL_PER_SECOND: f64 = 1_000.0;
/// Packets that one peer may ask for again in a second: of 5 Mb/s nearly half lost, each asked for several times.
pub const ASKED_PER_SECOND: f64 = 3_000.0;
/// Keyframes that one peer may ask for in a second, and at once: each costs everyone in the room.
pub const REFRESHES_PER_SECOND: f64 = 1.0;
pub const REFRESHES_AT_ONCE: f64 = 8.0;
/// Packets of which one peer may tell in a second how they arrived.
pub const TOLD_PER_SECOND: f64 = 20_000.0;
/// Checks of one peer answered in a second: browsers send twenty while they look for a way, and one in two later.
pub const CHECKS_PER_SECOND: f64 = 50.0;
/// Handshake datagrams of one peer taken in a second.
pub const HANDSHAKE_PER_SECOND: f64 = 100.0;
/// Bytes, and packets, of media taken from one peer in a second.
pub const INGRESS_BYTES_PER_SECOND: f64 = 2_500_000.0;
pub const INGRESS_PER_SECOND: f64 = 4_000.0;
/// Packets of one microphone, or one camera, passed on in a second: each goes to everyone in the room.
pub const SOUNDS_PER_SECOND: f64 = 250.0;
pub const PICTURES_PER_SECOND: f64 = 2_500.0;
/// Handshakes that one peer may begin again after a fatal error.
pub const HANDSHAKES_PER_PEER: u8 = 5;
/// Retransmissions to a viewer: a share of what was sent to it, and something to begin with.
pub const RETRANSMIT_SHARE: f64 = 0.25;
pub const RETRANSMIT_BURST_BYTES: f64 = 60_000.0;
/// The smallest stream may need more than its share: so much is there for each at any rate.
pub const RETRANSMIT_BYTES_PER_SECOND: f64 = 6_000.0;
/// Where the way is known, what may be sent again at once is no more than it carries in this time.
pub const RETRANSMIT_BURST: Duration = Duration::from_millis(200);
/// Injected frames waiting for their instant, per codec.
pub const QUEUED_FRAMES: usize = 600;
pub const QUEUED_BYTES: usize = 16 * 1024 * 1024;
pub const WRITE_AHEAD: Duration = Duration::from_secs(4);
/// Media that is later than this is not sent late: whoever sends goes on at the newest keyframe. A browser that is fed
/// half a second late has shown its last picture long ago and stretches its buffer, for good; the hiccups of a busy
/// machine (turns of other programs, a writer that comes a fifth of a second late) are shorter and do no harm.
pub const TOO_LATE: Duration = Duration::from_millis(500);
/// Datagrams longer than this are not ours.
pub const DATAGRAM_BYTES: usize = 2_000;

/// What one peer may ask of the server, of each kind: a storm of one leaves the others alone.
#[derive(Clone, Debug)]
pub struct Budget {
    pub feedback: Bucket,
    pub control: Bucket,
    pub asked: Bucket,
    pub refreshes: Bucket,
    pub told: Bucket,
    pub checks: Bucket,
    pub handshake: Bucket,
    pub ingress_bytes: Bucket,
    pub ingress: Bucket,
}

impl Budget {
    #[must_use]
    pub fn new(now: Time) -> Budget {
        let second = |rate| Bucket::new(rate, rate, now);
        Budget {
            feedback: second(FEEDBACK_PER_SECOND),
            control: second(CONTROL_PER_SECOND),
            asked: second(ASKED_PER_SECOND),
            refreshes: Bucket::new(REFRESHES_PER_SECOND, REFRESHES_AT_ONCE, now),
            told: second(TOLD_PER_SECOND),
            checks: second(CHECKS_PER_SECOND),
            handshake: second(HANDSHAKE_PER_SECOND),
            ingress_bytes: second(INGRESS_BYTES_PER_SECOND),
            ingress: second(INGRESS_PER_SECOND),
        }
    }
}

/// A token bucket: `rate` units a second, at most `burst` saved up.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    rate: f64,
    burst: f64,
    level: f64,
    filled: Time,
}

impl Bucket {
    #[must_use]
    pub fn new(rate: f64, burst: f64, now: Time) -> Bucket {
        Bucket { rate, burst, level: burst, filled: now }
    }

    /// Whether `amount` may pass; takes it if so.
    pub fn take(&mut self, amount: f64, now: Time) -> bool {
        let saved = self.rate * now.since(self.filled).as_secs_f64();
        self.level = (self.level + saved).min(self.burst);
        self.filled = now;
        let passes = self.level >= amount;
        if passes {
            self.level -= amount;
        }
        passes
    }

    /// Gives up what is saved beyond `most`.
    pub fn cap(&mut self, most: f64) {
        self.level = self.level.min(most);
    }

    /// Adds what something else earned, up to the burst.
    pub fn earn(&mut self, amount: f64) {
        self.level = (self.level + amount).min(self.burst);
    }
}
