//! A slot that is behind its track: it joined an injected one amid a group, or more came at once than may leave.
//!
//! What it has yet to send is not kept for it: the track's history has it, and the slot a place in that.

use std::time::Duration;

use crate::codec::MediaKind;
use crate::fanout::padding;
use crate::history::History;
use crate::link::Link;
use crate::mapping::Edge;
use crate::pace::{BURST, SPACING};
use crate::packet::Packet;
use crate::time::Time;
use crate::track::Track;

use super::Slot;

/// A viewer's first group waits this long: Firefox drops what comes in the first milliseconds after the handshake,
/// and with a piece of the keyframe the whole group.
const SETTLE: Duration = Duration::from_millis(40);

/// The packet that is sent next, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct CatchUp {
    pub(super) cursor: u64,
    pub(super) at: Time,
}

impl Slot {
    /// Begins at the current group of pictures; `catch_up` sends it.
    pub(super) fn start_group(&mut self, now: Time, track: &Track) {
        let Some(encoding) = self.wanted(track) else { return };
        let group = encoding.history.group();
        let first = group.and_then(|group| encoding.history.get(group));
        if let (Some(first), Some(edge)) = (first, encoding.history.last())
            && self.map(now, first, Edge::injected(edge, now), track)
        {
            self.restarts.note(now);
            let at = if self.sent.at.is_none() { now.plus(SETTLE) } else { now };
            self.catching_up = Some(CatchUp { cursor: first.sequence, at });
        }
    }

    /// Whether a packet that comes has to wait for its turn. What was late anyway and has none is asked for again.
    pub(super) fn waits(&mut self, packet: &Packet, link: &Link<'_>) -> bool {
        if let Some(CatchUp { cursor, .. }) = self.catching_up {
            return packet.sequence >= cursor || !link.pace.may(link.now);
        }
        let waits = self.kind == MediaKind::Video && !link.pace.may(link.now);
        if waits && self.current.as_ref().is_some_and(|mapping| mapping.is_newest(packet)) {
            self.catching_up = Some(CatchUp { cursor: packet.sequence, at: link.now.plus(SPACING) });
        }
        waits
    }

    /// Before a switch: sends the rest of a picture that was begun and waits, all at once, and nothing after it.
    pub(super) fn finish_picture(&mut self, track: &Track, link: &mut Link<'_>) {
        let Some(CatchUp { cursor, .. }) = self.catching_up.take() else { return };
        let encoding = self.current.as_ref().and_then(|mapping| track.encoding(mapping.encoding));
        let Some(history) = encoding.map(|encoding| &encoding.history) else { return };
        let begun = cursor.checked_sub(1).and_then(|before| history.get(before));
        let Some(begun) = begun.filter(|before| !before.marker) else { return };
        let rest = (cursor..history.end()).map_while(|sequence| history.get(sequence));
        for packet in rest.take_while(|packet| packet.timestamp == begun.timestamp) {
            self.forward(packet, &[], link);
        }
    }

    /// Sends what has waited, as much as may leave now.
    pub fn catch_up(&mut self, track: &Track, link: &mut Link<'_>) {
        let Some(CatchUp { mut cursor, at }) = self.catching_up else { return };
        if link.now < at {
            return;
        }
        let Some(encoding) = self.current.as_ref().and_then(|mapping| track.encoding(mapping.encoding))
        else {
            self.catching_up = None;
            return;
        };
        let history = &encoding.history;
        if let Some(first) = newer_group(history, cursor).filter(|_| track.is_injected()) {
            cursor = first.sequence;
            let edge = history.last().map_or(first, |last| last);
            self.map(link.now, first, Edge::injected(edge, link.now), track);
        }
        let mut last = None;
        while cursor < history.end() && link.pace.may(link.now) {
            if let Some(packet) = history.get(cursor) {
                let longest = longest(history, packet);
                self.forward(packet, padding(packet.payload.len(), longest, packet.marker), link);
                last = Some(packet);
            }
            cursor += 1;
        }
        if let Some(last) = last {
            self.report_due(last, link);
        }
        let at = link.now.plus(SPACING);
        self.catching_up = (cursor < history.end()).then_some(CatchUp { cursor, at });
    }
}

/// A newer group has begun meanwhile: nothing before it is worth sending.
fn newer_group(history: &History, cursor: u64) -> Option<&Packet> {
    let group = history.group().filter(|group| *group > cursor)?;
    history.get(group).map(|first| &**first)
}

/// Of the packets that leave with this one.
fn longest(history: &History, packet: &Packet) -> usize {
    let around = packet.sequence..packet.sequence + BURST as u64;
    let frame = around.filter_map(|sequence| history.get(sequence));
    let frame = frame.take_while(|other| other.timestamp == packet.timestamp);
    frame.map(|other| other.payload.len()).max().unwrap_or_default()
}
