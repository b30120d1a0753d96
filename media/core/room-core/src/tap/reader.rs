//! How far a tap is in one track: which encoding it reads, where it goes on, what waits for the publisher's clock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::codec::{Codec, MediaKind};
use crate::depacketise::{self, Misfit};
use crate::history::History;
use crate::ids::{PeerId, TrackId};
use crate::packet::Packet;
use crate::time::{Anchor, Time};
use crate::track::{Encoding, Track};

use super::{Tapped, TappedFrame, payloads};

/// Longer than lost packets are asked for.
const PATIENCE: Duration = Duration::from_millis(1_000);
/// How long the first frames wait for the publisher's word on its clock: browsers tell it of sound after 2.5 s.
const CLOCK_PATIENCE: Duration = Duration::from_secs(4);
const ASK_EVERY: Duration = Duration::from_millis(500);
/// A keyframe costs every viewer: for who does not fetch it is not asked for that often.
const OVERFLOW_REST: Duration = Duration::from_secs(2);
const LEAST_STEP: Duration = Duration::from_millis(1);
/// Layers of one picture come one after the other, and each by a clock of its own: another layer may begin with the
/// picture that was the last of this one.
const SAME_PICTURE_NS: i64 = 20_000_000;
/// A publisher sends a track in one of them at a time.
const CODECS: [Codec; 5] = [Codec::Vp8, Codec::H264, Codec::Vp9, Codec::Av1, Codec::Opus];

/// Where the encodings of a track end by now.
pub(super) fn ends(track: &Track) -> Vec<(u32, u64)> {
    track.encodings.iter().map(|encoding| (encoding.id, encoding.history.end())).collect()
}

pub(super) struct Around<'a> {
    pub(super) now: Time,
    pub(super) anchor: &'a Anchor,
    pub(super) peer: PeerId,
    pub(super) out: &'a mut Vec<Tapped>,
}

#[derive(Debug)]
enum State {
    /// For a start behind these places of encodings.
    Waiting(Vec<(u32, u64)>),
    Reading {
        encoding: u32,
        next: u64,
        /// It has not handed anything out yet.
        fresh: bool,
        gap_since: Option<Time>,
    },
}

/// How far a tap is in one track.
#[derive(Debug)]
pub(super) struct Reader {
    state: State,
    after_gap: bool,
    unreadable: bool,
    parameters: Arc<[u8]>,
    /// The instant of what was handed out last.
    last: Option<Time>,
    /// When what was taken last was captured.
    newest_unix_ns: Option<i64>,
    /// Frames that wait for the publisher's word on its clock.
    held: VecDeque<(Time, TappedFrame)>,
    /// The publisher had its time.
    impatient: bool,
    asked: Option<Time>,
}

/// What comes next in a history.
enum Next {
    /// A frame that ends before this place.
    Frame(u64),
    /// Its end has not come yet.
    Partial,
    /// This packet is missing.
    Missing(u64),
}

impl Reader {
    pub(super) fn waiting(behind: Vec<(u32, u64)>) -> Reader {
        Reader {
            state: State::Waiting(behind),
            after_gap: false,
            unreadable: false,
            parameters: Arc::default(),
            last: None,
            newest_unix_ns: None,
            held: VecDeque::new(),
            impatient: false,
            asked: None,
        }
    }

    /// What was handed out found no room, and what is held would not, either.
    pub(super) fn overflow(&mut self, now: Time, behind: Vec<(u32, u64)>) {
        self.held.clear();
        self.asked = Some(now.plus(OVERFLOW_REST));
        self.interrupt(behind);
    }

    /// What comes next starts anew, behind these places.
    pub(super) fn interrupt(&mut self, behind: Vec<(u32, u64)>) {
        self.state = State::Waiting(behind);
        self.after_gap = true;
    }

    pub(super) fn read(&mut self, track: &Track, around: &mut Around<'_>) -> Option<u8> {
        let best = track.ladder.rungs().last().map_or(0, |rung| rung.layer);
        let wanted = track.choose(CODECS.into_iter(), best)?;
        let needs = self.find_place(wanted, track);
        while let State::Reading { encoding, next, fresh, gap_since } = self.state {
            let Some(found) = track.encoding(encoding) else {
                self.interrupt(Vec::new());
                break;
            };
            match coming(&found.history, next, track.kind) {
                Next::Partial => return self.ask(needs, around.now),
                Next::Missing(missing) => {
                    let since = gap_since.unwrap_or(around.now);
                    if around.now.since(since) < PATIENCE && missing >= found.history.begin() {
                        self.state = State::Reading { encoding, next, fresh, gap_since: Some(since) };
                        return self.ask(needs, around.now);
                    }
                    self.give_up(found, missing, track.kind);
                }
                Next::Frame(end) => self.take(found, next..end, fresh, track, around),
            }
        }
        // Given up just now, perhaps: there may be a start already.
        let needs = self.find_place(wanted, track);
        self.ask(needs, around.now)
    }

    /// Goes to the start of the encoding that is wanted, if it is not there; returns the layer if there is no start.
    fn find_place(&mut self, wanted: &Encoding, track: &Track) -> Option<u8> {
        if matches!(self.state, State::Reading { encoding, .. } if encoding == wanted.id) {
            return None;
        }
        let behind = match &self.state {
            State::Waiting(places) => places.iter().find(|(id, _)| *id == wanted.id).map(|(_, at)| *at),
            State::Reading { .. } => None,
        };
        let Some(next) = self.start(wanted, track.kind, behind.unwrap_or_default()) else {
            return (track.kind == MediaKind::Video).then_some(wanted.layer);
        };
        self.unreadable = false;
        self.state = State::Reading { encoding: wanted.id, next, fresh: true, gap_since: None };
        None
    }

    /// Where an encoding can be joined, not before what was handed out.
    fn start(&self, wanted: &Encoding, kind: MediaKind, behind: u64) -> Option<u64> {
        let history = &wanted.history;
        if kind == MediaKind::Audio {
            return Some(history.begin().max(behind));
        }
        let mut start = history.group()?;
        let first = history.get(start)?;
        // Of an H.264 picture several packets start: the parameter sets, and the picture itself.
        while start
            .checked_sub(1)
            .and_then(|before| history.get(before))
            .is_some_and(|before| before.timestamp == first.timestamp && start > behind)
        {
            start -= 1;
        }
        let is_newer = |newest| first.captured_unix_ns > newest - SAME_PICTURE_NS;
        let is_newer = self.newest_unix_ns.is_none_or(is_newer);
        Some(start).filter(|start| *start >= behind && is_newer)
    }

    /// Nobody filled the gap at `missing`.
    fn give_up(&mut self, found: &Encoding, missing: u64, kind: MediaKind) {
        self.after_gap = true;
        if kind == MediaKind::Video {
            return self.interrupt(vec![(found.id, missing + 1)]);
        }
        let mut rest = missing.max(found.history.begin())..found.history.end();
        let next = rest.find(|at| found.history.get(*at).is_some()).unwrap_or(found.history.end());
        self.state = State::Reading { encoding: found.id, next, fresh: false, gap_since: None };
    }

    /// Takes the frame at `range` out of the history.
    fn take(
        &mut self,
        found: &Encoding,
        range: std::ops::Range<u64>,
        fresh: bool,
        track: &Track,
        around: &mut Around<'_>,
    ) {
        let end = range.end;
        let packets: Vec<_> = range.filter_map(|at| found.history.get(at).cloned()).collect();
        let frame = self.assemble(packets, fresh, track.id, around.peer);
        let fresh = fresh && !matches!(frame, Ok(Some(_)));
        self.state = State::Reading { encoding: found.id, next: end, fresh, gap_since: None };
        match frame {
            Ok(Some(frame)) => self.hand_out(frame, track, around),
            Ok(None) => {}
            Err(_) if track.kind == MediaKind::Audio => self.after_gap = true,
            Err(misfit) => {
                self.interrupt(vec![(found.id, end)]);
                if misfit == Misfit::Layered && !std::mem::replace(&mut self.unreadable, true) {
                    around.out.push(Tapped::Unreadable { track: track.id });
                }
            }
        }
    }

    /// `None` for what brings nothing to show.
    fn assemble(
        &mut self,
        packets: Vec<Arc<Packet>>,
        fresh: bool,
        track: TrackId,
        peer: PeerId,
    ) -> Result<Option<TappedFrame>, Misfit> {
        let first = packets.first().ok_or(Misfit::Malformed)?;
        let (codec, layer, synced) = (first.codec, first.layer, first.synced);
        let mut len = 0;
        let shape = depacketise::frame(codec, payloads(&packets), |bytes| len += bytes.len())?;
        if shape.has_parameters || !shape.is_picture {
            let sets = depacketise::parameters(payloads(&packets));
            // Sets that come one by one, each as a frame of its own, add up.
            let kept: &[u8] = if shape.has_parameters { &[] } else { &self.parameters };
            self.parameters = [kept, &sets].concat().into();
        }
        if !shape.is_picture {
            return Ok(None);
        }
        let parameters = if shape.needs_parameters { Arc::clone(&self.parameters) } else { Arc::default() };
        if fresh && (!shape.keyframe || shape.needs_parameters && parameters.is_empty()) {
            return Err(Misfit::Headless);
        }
        Ok(Some(TappedFrame {
            track,
            peer,
            codec,
            layer,
            at: Time::default(),
            synced,
            keyframe: shape.keyframe,
            after_gap: std::mem::take(&mut self.after_gap),
            len: len + parameters.len(),
            parameters,
            packets,
        }))
    }

    /// Hands out what is there, as far as the publisher has told its clock or was given the time to.
    fn hand_out(&mut self, frame: TappedFrame, track: &Track, around: &mut Around<'_>) {
        self.newest_unix_ns = Some(frame.captured_unix_ns());
        self.held.push_back((around.now, frame));
        for (_, frame) in &mut self.held {
            set_clock(frame, track, around.anchor);
        }
        while let Some((since, frame)) = self.held.front() {
            self.impatient |= around.now.since(*since) >= CLOCK_PATIENCE;
            if !frame.synced && !self.impatient {
                return;
            }
            self.impatient &= !frame.synced;
            let next = self.held.pop_front();
            next.into_iter().for_each(|(_, frame)| self.tell(frame, around.out));
        }
    }

    /// Hands out what was held.
    pub(super) fn let_go(&mut self, out: &mut Vec<Tapped>) {
        for (_, frame) in std::mem::take(&mut self.held) {
            self.tell(frame, out);
        }
    }

    fn tell(&mut self, mut frame: TappedFrame, out: &mut Vec<Tapped>) {
        frame.at = self.last.map_or(frame.at, |last| frame.at.max(last.plus(LEAST_STEP)));
        self.last = Some(frame.at);
        out.push(Tapped::Frame(frame));
    }

    fn ask(&mut self, layer: Option<u8>, now: Time) -> Option<u8> {
        let may = !self.unreadable && self.asked.is_none_or(|at| now.since(at) >= ASK_EVERY);
        let layer = layer.filter(|_| may)?;
        self.asked = Some(now);
        Some(layer)
    }
}

/// Sets a frame's instant by the newest word on the clock of its encoding.
fn set_clock(frame: &mut TappedFrame, track: &Track, anchor: &Anchor) {
    let (encoding, timestamp) = frame.timestamp();
    if frame.at == Time::default() {
        frame.at = anchor.time_of(frame.captured_unix_ns());
    }
    let newest = track.encoding(encoding).and_then(|found| found.history.last());
    if let Some(newest) = newest.filter(|newest| newest.synced && !frame.synced) {
        let ticks = i64::from(newest.timestamp.wrapping_sub(timestamp) as i32);
        let since = ticks * 1_000_000_000 / i64::from(frame.codec.clock_rate());
        frame.at = anchor.time_of(newest.captured_unix_ns - since);
        frame.synced = true;
    }
}

/// What comes next at `from`: of sound each packet is a frame, a picture ends with its marker or before the next.
fn coming(history: &History, from: u64, kind: MediaKind) -> Next {
    let mut of = None;
    for at in from.. {
        let Some(packet) = history.get(at) else {
            return if at < history.end() { Next::Missing(at) } else { Next::Partial };
        };
        if *of.get_or_insert(packet.timestamp) != packet.timestamp {
            return Next::Frame(at);
        }
        if packet.marker || kind == MediaKind::Audio {
            return Next::Frame(at + 1);
        }
    }
    Next::Partial
}
