//! The packets of a published frame wait for its last, so that they leave for each viewer side by side, in one call.
//!
//! ```text
//!   packet ──► held ── the marker, a packet of another frame, or `HOLD` ──► ready
//!   sound ─────────────────────────────────────────────────────────────────► ready
//! ```
//!
//! Invariant: nothing waits longer than `HOLD`, and the order within an encoding is kept.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::codec::MediaKind;
use crate::ids::{RoomId, TrackId};
use crate::packet::Packet;
use crate::time::Time;

/// What batching may add to the delay. A frame that its publisher sends at once is complete within a fraction of it; one
/// that is paced leaves in as many batches as it lasts times this.
pub(crate) const HOLD: Duration = Duration::from_millis(2);

/// What leaves together.
pub(crate) type Batch = (RoomId, Vec<Arc<Packet>>);

#[derive(Debug)]
struct Held {
    room: RoomId,
    /// The track and its encoding: layers of one picture come interleaved.
    of: (TrackId, u32),
    since: Time,
    packets: Vec<Arc<Packet>>,
}

#[derive(Debug, Default)]
pub(crate) struct Frames {
    held: Vec<Held>,
    ready: VecDeque<Batch>,
}

impl Frames {
    pub(crate) fn push(&mut self, now: Time, room: RoomId, packet: Packet) {
        if packet.codec.kind() == MediaKind::Audio {
            self.ready.push_back((room, vec![Arc::new(packet)]));
            return;
        }
        let (of, timestamp, marker) = ((packet.track, packet.encoding), packet.timestamp, packet.marker);
        self.release(|held| held.of == of && held.packets.iter().any(|one| one.timestamp != timestamp));
        if !self.held.iter().any(|held| held.of == of) {
            self.held.push(Held { room, of, since: now, packets: Vec::new() });
        }
        if let Some(held) = self.held.iter_mut().find(|held| held.of == of) {
            held.packets.push(Arc::new(packet));
        }
        if marker {
            self.release(|held| held.of == of);
        }
    }

    fn release(&mut self, is_ready: impl Fn(&Held) -> bool) {
        let ready = self.held.extract_if(.., |held| is_ready(held));
        self.ready.extend(ready.map(|held| (held.room, held.packets)));
    }

    /// The next that may leave by now. One at a time: a fault with it must not cost what other rooms have.
    pub(crate) fn next_ready(&mut self, now: Time) -> Option<Batch> {
        self.release(|held| now >= held.since.plus(HOLD));
        self.ready.pop_front()
    }

    #[cfg(test)]
    fn ready(&mut self, now: Time) -> Vec<Batch> {
        std::iter::from_fn(|| self.next_ready(now)).collect()
    }

    pub(crate) fn wake(&self) -> Time {
        let held = self.held.iter().map(|held| held.since.plus(HOLD)).min().unwrap_or(Time::FAR);
        if self.ready.is_empty() { held } else { Time::default() }
    }

    pub(crate) fn forget_room(&mut self, room: RoomId) {
        self.held.retain(|held| held.room != room);
        self.ready.retain(|(of, _)| *of != room);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Codec;

    const ROOM: RoomId = RoomId(1);

    fn at(us: u64) -> Time {
        Time::from_nanos(1_000_000_000 + us * 1_000)
    }

    fn packet(codec: Codec, sequence: u64, timestamp: u32, marker: bool) -> Packet {
        let track = TrackId(u64::from(codec != Codec::Opus));
        Packet { track, timestamp, marker, ..Packet::empty(codec, sequence) }
    }

    fn numbers(batches: &[Batch]) -> Vec<Vec<u64>> {
        batches.iter().map(|(_, packets)| packets.iter().map(|packet| packet.sequence).collect()).collect()
    }

    #[test]
    fn a_frame_is_whole_when_its_marker_comes() {
        let mut frames = Frames::default();
        for n in 1..5 {
            assert!(frames.ready(at(n)).is_empty());
            frames.push(at(n), ROOM, packet(Codec::Vp8, n, 90, n == 4));
        }
        assert_eq!(numbers(&frames.ready(at(4))), [[1, 2, 3, 4]]);
        assert_eq!(frames.wake(), Time::FAR);
    }

    #[test]
    fn what_waits_too_long_for_its_marker_leaves_without() {
        let mut frames = Frames::default();
        frames.push(at(0), ROOM, packet(Codec::Vp8, 1, 90, false));
        frames.push(at(900), ROOM, packet(Codec::Vp8, 2, 90, false));
        assert_eq!(frames.wake(), at(2_000));
        assert!(frames.ready(at(1_999)).is_empty());
        assert_eq!(numbers(&frames.ready(at(2_000))), [[1, 2]]);
    }

    #[test]
    fn the_next_frame_sends_one_that_lost_its_marker_ahead() {
        let mut frames = Frames::default();
        frames.push(at(0), ROOM, packet(Codec::Vp8, 1, 90, false));
        frames.push(at(5), ROOM, packet(Codec::Vp8, 3, 3_090, true));
        assert_eq!(numbers(&frames.ready(at(5))), [[1], [3]]);
    }

    #[test]
    fn sound_never_waits() {
        let mut frames = Frames::default();
        frames.push(at(0), ROOM, packet(Codec::Vp8, 1, 90, false));
        frames.push(at(1), ROOM, packet(Codec::Opus, 7, 960, false));
        assert_eq!(numbers(&frames.ready(at(1))), [[7]]);
    }
}
