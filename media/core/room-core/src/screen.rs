//! What a viewer sees of one slot: which pictures could be shown, and when. For tests.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::client::Received;
use crate::codec::Codec;
use crate::packet::Picture;
use crate::replay::extend;
use crate::time::Time;

/// Who has seen nothing new for so long asks for a keyframe, and again.
const PATIENCE: Duration = Duration::from_millis(400);

#[derive(Debug)]
pub(crate) struct Screen {
    ssrc: u32,
    packets: BTreeMap<u64, Piece>,
    /// The first packet of the picture that is to be shown next.
    next: Option<u64>,
    /// When each picture was shown, and the height of the last keyframe.
    pub(crate) shown: Vec<(Time, u16)>,
    asked: Time,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    at: Time,
    marker: bool,
    picture: Picture,
}

impl Screen {
    #[must_use]
    pub(crate) fn new(ssrc: u32) -> Screen {
        Screen { ssrc, packets: BTreeMap::new(), next: None, shown: Vec::new(), asked: Time::default() }
    }

    /// Takes a packet of the slot, or one that came again on the source after it.
    pub(crate) fn take(&mut self, packet: &Received) {
        let (index, payload) = if packet.header.ssrc == self.ssrc {
            (packet.index, &packet.payload[..])
        } else if let (Some((original, payload)), Some((newest, _))) =
            (packet.payload.split_first_chunk::<2>(), self.packets.last_key_value())
            && packet.header.ssrc == self.ssrc + 1
        {
            (extend(*newest, u16::from_be_bytes(*original)), payload)
        } else {
            return;
        };
        let picture = Picture::of(Codec::Vp8, payload);
        let piece = Piece { at: packet.at, marker: packet.header.marker, picture };
        self.packets.entry(index).or_insert(piece);
    }

    /// Shows what is whole. Returns whether a keyframe is to be asked for.
    pub(crate) fn look(&mut self, now: Time) -> bool {
        while let Some((end, at, height)) = self.whole() {
            let (last, before) = self.shown.last().copied().unwrap_or_default();
            self.shown.push((at.max(last), if height > 0 { height } else { before }));
            self.next = Some(end);
            self.packets = self.packets.split_off(&(end - 1));
        }
        let seen = self.shown.last().map_or(self.asked, |(at, _)| *at);
        let asks = now.since(seen.max(self.asked)) >= PATIENCE && !self.packets.is_empty();
        if asks {
            self.asked = now;
        }
        asks
    }

    /// The next picture that can be shown: where it ends, when it was whole, and its height if it is a keyframe.
    fn whole(&self) -> Option<(u64, Time, u16)> {
        let next = self.next.and_then(|next| self.from(next));
        let keyframes = || self.packets.iter().filter(|(_, piece)| piece.picture.height > 0);
        next.or_else(|| {
            keyframes()
                .filter(|(at, _)| self.next.is_none_or(|next| **at > next))
                .find_map(|(at, _)| self.from(*at))
        })
    }

    fn from(&self, first: u64) -> Option<(u64, Time, u16)> {
        let height = self.packets.get(&first)?.picture.height;
        let mut whole = Time::default();
        for index in first.. {
            let piece = self.packets.get(&index)?;
            whole = whole.max(piece.at);
            if piece.marker {
                return Some((index + 1, whole, height));
            }
        }
        None
    }

    /// The longest time without a new picture between two instants.
    #[must_use]
    pub(crate) fn freeze(&self, from: Time, to: Time) -> Duration {
        let times = self.shown.iter().map(|(at, _)| *at).filter(|at| (from..=to).contains(at));
        let mut before = from;
        let mut longest = Duration::ZERO;
        for at in times.chain(std::iter::once(to)) {
            longest = longest.max(at.since(before));
            before = at;
        }
        longest
    }

    #[must_use]
    pub(crate) fn height(&self) -> u16 {
        self.shown.last().map_or(0, |(_, height)| *height)
    }

    /// When the height was last another.
    #[must_use]
    pub(crate) fn settled(&self) -> Time {
        let last = self.height();
        self.shown.iter().rev().find(|(_, height)| *height != last).map_or(Time::default(), |(at, _)| *at)
    }
}
