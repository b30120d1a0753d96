//! One layer of something that a peer publishes: its stream, and what viewers want of it.
//!
//! Invariant: encoding numbers are never used again within a track, whatever its layers do.

use std::time::Duration;

use crate::codec::{Codec, MediaKind};
use crate::dependency::{self, Dependency, Structure};
use crate::freezes::Freezes;
use crate::ids::TrackId;
use crate::packet::{Described, Packet, Picture, Redundant};
use crate::reception::{Arrival, Reception, Renumber};
use crate::red::{LONGEST_REACH, Red};
use crate::replay::extend;
use crate::rtp::Header;
use crate::stats::LayerCounts;
use crate::time::{Anchor, Time};

const KEYFRAME_EVERY: Duration = Duration::from_millis(500);
/// More than a publication has layers.
const NUMBERS: u32 = 4;

#[derive(Debug)]
pub struct Layer {
    track: TrackId,
    index: u8,
    muted: bool,
    stream: Option<Stream>,
    generation: u32,
    pub keyframes: KeyframeRequests,
    pub counts: LayerCounts,
    pub freezes: Freezes,
    /// Of streams that were before.
    lost_before: u64,
}

#[derive(Debug)]
struct Stream {
    ssrc: u32,
    codec: Codec,
    reception: Reception,
    renumber: Renumber,
    was_muted: bool,
    /// What dependency descriptors refer to, and of which frame it is.
    structure: Option<(u16, Structure)>,
    /// The timestamp from which on things are passed on, while a packet could repeat what came before.
    passed_from: Option<u32>,
}

/// What a packet brings.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    pub payload: &'a [u8],
    pub descriptor: Option<&'a [u8]>,
    /// The payload with earlier sound.
    pub red: Option<Red<'a>>,
}

impl Stream {
    /// Reads a packet's descriptor and keeps the structure that it may bring, unless a newer one came before.
    fn describe(&mut self, raw: &[u8]) -> Option<Dependency> {
        let found = dependency::read(raw, self.structure.as_ref().map(|(_, known)| known))?;
        let is_newer = |(known, _): &(u16, Structure)| found.frame.wrapping_sub(*known) < 0x8000;
        if let Some(attached) =
            found.attached.as_ref().filter(|_| self.structure.as_ref().is_none_or(is_newer))
        {
            self.structure = Some((found.frame, attached.clone()));
        }
        Some(found)
    }

    /// What a packet repeats, unless that reaches back to what was not passed on, as while it was muted.
    fn repeated(&mut self, timestamp: u32, red: &Red<'_>) -> Option<Redundant> {
        if let Some(from) = self.passed_from {
            let since = i64::from(timestamp.wrapping_sub(from) as i32);
            if since > i64::from(LONGEST_REACH) {
                self.passed_from = None;
            } else if since < i64::from(red.reach) {
                return None;
            }
        }
        let Red { whole, payload_type, reach, .. } = *red;
        (reach > 0).then(|| Redundant { whole: whole.into(), payload_type })
    }
}

/// Requests of all viewers merged into one, at most one within `KEYFRAME_EVERY`.
#[derive(Debug, Default)]
pub struct KeyframeRequests {
    last: Option<Time>,
    due: Option<Time>,
}

impl KeyframeRequests {
    pub fn ask(&mut self, now: Time) {
        let earliest = self.last.map_or(now, |last| last.plus(KEYFRAME_EVERY).max(now));
        self.due.get_or_insert(earliest);
    }

    /// A keyframe begins: whoever waited has it.
    pub fn answered(&mut self) {
        self.due = None;
    }

    /// Whether to send a request now.
    pub fn take(&mut self, now: Time) -> bool {
        let is_due = self.due.is_some_and(|due| due <= now);
        if is_due {
            self.due = None;
            self.last = Some(now);
        }
        is_due
    }

    #[must_use]
    pub fn wake(&self) -> Time {
        self.due.unwrap_or(Time::FAR)
    }
}

impl Layer {
    #[must_use]
    pub fn new(track: TrackId, index: u8) -> Layer {
        Layer {
            track,
            index,
            muted: false,
            stream: None,
            generation: 0,
            keyframes: KeyframeRequests::default(),
            counts: LayerCounts::default(),
            freezes: Freezes::default(),
            lost_before: 0,
        }
    }

    #[must_use]
    pub fn ssrc(&self) -> Option<u32> {
        self.stream.as_ref().map(|stream| stream.ssrc)
    }

    #[must_use]
    pub fn reception(&mut self) -> Option<(u32, &mut Reception)> {
        self.stream.as_mut().map(|stream| (stream.ssrc, &mut stream.reception))
    }

    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost_before + self.stream.as_ref().map_or(0, |stream| stream.reception.lost())
    }

    /// The codec that comes in, and its jitter in milliseconds.
    #[must_use]
    pub fn incoming(&self) -> Option<(Codec, f64)> {
        self.stream.as_ref().map(|stream| (stream.codec, stream.reception.jitter_ms()))
    }

    pub fn mute(&mut self) {
        self.muted = true;
    }

    /// What comes from now on is passed on; video needs a keyframe to begin with.
    pub fn unmute(&mut self, now: Time, kind: MediaKind) {
        if std::mem::take(&mut self.muted) && kind == MediaKind::Video {
            self.keyframes.ask(now);
        }
    }

    /// Takes a packet of the stream itself; `sequence` is its index with the rollover counter.
    pub fn media(
        &mut self,
        now: Time,
        anchor: &Anchor,
        codec: Codec,
        header: &Header,
        sequence: u64,
        body: Body<'_>,
    ) -> Option<Packet> {
        let is_same =
            self.stream.as_ref().is_some_and(|stream| stream.ssrc == header.ssrc && stream.codec == codec);
        if !is_same {
            self.begin(now, anchor, codec, header, sequence);
        }
        let mut arrival = self.stream.as_mut()?.reception.arrived(now, sequence);
        if arrival == Arrival::Jump {
            self.begin(now, anchor, codec, header, sequence);
            arrival = self.stream.as_mut()?.reception.arrived(now, sequence);
        }
        self.stream.as_mut()?.reception.measure(now, header.timestamp);
        self.pass_on((now, arrival), header, sequence, body)
    }

    /// Takes a packet that came again on the retransmission stream (RFC 4588 section 4). Before the stream itself
    /// came there is nothing to repair: browsers probe the way with padding there.
    pub fn repaired(&mut self, now: Time, header: &Header, body: Body<'_>) -> Option<Packet> {
        let (original, payload) = body.payload.split_first_chunk::<2>()?;
        let reception = &mut self.stream.as_mut()?.reception;
        let sequence = extend(reception.highest(), u16::from_be_bytes(*original));
        // What is ahead of the stream itself was never lost: padding that probes the way.
        if payload.is_empty() || sequence > reception.highest() {
            return None;
        }
        let arrival = reception.repaired(now, sequence);
        self.pass_on((now, arrival), header, sequence, Body { payload, ..body })
    }

    fn begin(&mut self, now: Time, anchor: &Anchor, codec: Codec, header: &Header, sequence: u64) {
        let next_out = self.stream.as_ref().map_or(1, |stream| stream.renumber.next_out());
        self.generation += 1;
        self.lost_before = self.lost();
        self.stream = Some(Stream {
            ssrc: header.ssrc,
            codec,
            reception: Reception::new(codec.clock_rate(), sequence, header.timestamp, anchor.unix_ns(now)),
            renumber: Renumber::starting(sequence, next_out),
            was_muted: false,
            structure: None,
            passed_from: Some(header.timestamp),
        });
        if codec.kind() == MediaKind::Video && self.generation > 1 {
            self.keyframes.ask(now);
        }
    }

    fn pass_on(
        &mut self,
        (now, arrival): (Time, Arrival),
        header: &Header,
        sequence: u64,
        Body { payload, descriptor, red }: Body<'_>,
    ) -> Option<Packet> {
        let stream = self.stream.as_mut()?;
        self.counts.packets += 1;
        self.counts.bytes += payload.len() as u64;
        let is_newest = match arrival {
            Arrival::New => true,
            Arrival::Late => false,
            Arrival::Duplicate | Arrival::Jump => return None,
        };
        let dependency = descriptor.and_then(|raw| stream.describe(raw));
        if self.muted {
            stream.was_muted = true;
            return None;
        }
        if payload.is_empty() {
            if is_newest {
                stream.renumber.skip(sequence);
            }
            return None;
        }
        if std::mem::take(&mut stream.was_muted) {
            stream.renumber = Renumber::starting(sequence, stream.renumber.next_out());
            stream.passed_from = Some(header.timestamp);
        }
        let passed_on = dependency.as_ref().filter(|_| stream.codec.is_described());
        let starts = match passed_on {
            Some(dependency) => dependency.starts_sequence(),
            None => stream.codec.starts_here(payload),
        };
        let described = passed_on.zip(descriptor);
        let described = described.map(|(one, raw)| Described { frame: one.frame, descriptor: raw.into() });
        let picture = Picture::of(stream.codec, payload);
        if starts {
            self.keyframes.answered();
        }
        let captured_unix_ns = stream.reception.captured(header.timestamp);
        if is_newest && header.marker && stream.codec.kind() == MediaKind::Video {
            self.freezes.picture(now, captured_unix_ns);
        }
        Some(Packet {
            track: self.track,
            encoding: self.generation * NUMBERS + u32::from(self.index),
            layer: self.index,
            codec: stream.codec,
            sequence: stream.renumber.number(sequence)?,
            timestamp: header.timestamp,
            captured_unix_ns,
            synced: stream.reception.is_synced(),
            marker: header.marker,
            starts,
            picture: dependency.as_ref().map_or(picture, |dependency| picture.described(dependency)),
            described,
            redundant: red.and_then(|red| stream.repeated(header.timestamp, &red)),
            payload: payload.into(),
        })
    }

    #[must_use]
    pub fn lost_wake(&self) -> Time {
        self.stream.as_ref().map_or(Time::FAR, |stream| stream.reception.wake())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_nanos((1_000 + ms) * 1_000_000)
    }

    #[test]
    fn keyframe_requests_of_many_viewers_become_one_in_half_a_second() {
        let mut requests = KeyframeRequests::default();
        let mut sent = Vec::new();
        for ms in 0..1_200 {
            requests.ask(at(ms));
            if requests.take(at(ms)) {
                sent.push(ms);
            }
        }
        assert_eq!(sent, [0, 500, 1_000]);
    }

    #[test]
    fn a_request_that_waited_is_dropped_when_a_keyframe_comes() {
        let mut requests = KeyframeRequests::default();
        requests.ask(at(0));
        assert!(requests.take(at(0)));
        requests.ask(at(100));
        assert_eq!(requests.wake(), at(500));
        requests.answered();
        assert!(!requests.take(at(600)));
    }
}
