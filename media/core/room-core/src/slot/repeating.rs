//! What a slot sends a second time: packets that the viewer lost, and packets that it has, to try what the way carries.

use std::time::Duration;

use crate::ids::TrackId;
use crate::link::Link;
use crate::mapping::Mapping;
use crate::numbers::Number;
use crate::packet::Packet;
use crate::params::SlotParams;
use crate::repair::Stream;
use crate::replay::extend;
use crate::track::Track;

use super::Slot;

/// How far back packets are taken from to fill a probe.
const PROBE_FROM: u64 = 32;

impl Slot {
    /// Sends `lost` again, each on the retransmission stream, within the viewer's budget.
    pub fn repair<'t>(
        &mut self,
        lost: &[u16],
        round_trip: Duration,
        tracks: impl Fn(TrackId) -> Option<&'t Track>,
        link: &mut Link<'_>,
    ) {
        if self.params.rtx_ssrc.is_none() {
            return;
        }
        self.repair.ask(lost);
        self.repair_pending(round_trip, tracks, link);
    }

    /// Sends what was asked for and had to wait, as much as may leave now.
    pub fn repair_pending<'t>(
        &mut self,
        round_trip: Duration,
        tracks: impl Fn(TrackId) -> Option<&'t Track>,
        link: &mut Link<'_>,
    ) {
        let Some(stream) = stream(&self.params, self.mid_id, self.transport_id) else { return };
        // What came before a switch is seen no more once that has come: a full way is for what is seen next.
        let previous = if link.congestion.is_full(link.now) { &None } else { &self.previous };
        let known = Known { mappings: [&self.current, previous], end: self.sent.next_sequence };
        let before = link.counters.retransmitted;
        while let Some(sequence) = self.repair.next_pending(link) {
            let sequence = extend(known.end - 1, sequence);
            if let Some((packet, number, mapping)) = known.find(sequence, &tracks) {
                self.repair.again(stream, number, packet, mapping, round_trip, link);
            }
        }
        self.counts.retransmitted += link.counters.retransmitted - before;
    }

    /// Sends about `bytes` of what the viewer has again: padding that browsers know to drop. Returns how many it sent.
    pub fn probe<'t>(
        &mut self,
        bytes: usize,
        tracks: impl Fn(TrackId) -> Option<&'t Track>,
        link: &mut Link<'_>,
    ) -> usize {
        let Some(stream) = stream(&self.params, self.mid_id, self.transport_id) else { return 0 };
        if stream.transport_id.is_none() {
            return 0;
        }
        let known = Known { mappings: [&self.current, &self.previous], end: self.sent.next_sequence };
        let recent = known.end.saturating_sub(PROBE_FROM)..known.end;
        let packets = recent.filter_map(|sequence| known.find(sequence, &tracks));
        let Some(largest) = packets.max_by_key(|(packet, ..)| packet.payload.len()) else { return 0 };
        let (packet, number, mapping) = largest;
        let mut sent = 0;
        while sent < bytes && link.pace.may(link.now) {
            let length = self.repair.probe(stream, number, packet, mapping, link);
            if length == 0 {
                break;
            }
            sent += length;
        }
        sent
    }
}

fn stream(params: &SlotParams, mid_id: Option<u8>, transport_id: Option<u8>) -> Option<Stream<'_>> {
    Some(Stream { ssrc: params.rtx_ssrc?, mid: &params.mid, mid_id, transport_id })
}

/// What the slot knows of the packets that it sent.
#[derive(Clone, Copy)]
struct Known<'a> {
    mappings: [&'a Option<Box<Mapping>>; 2],
    /// The number after the newest.
    end: u64,
}

impl<'a> Known<'a> {
    /// The packet that was sent under this number, and how.
    fn find<'t>(
        self,
        sequence: u64,
        tracks: impl Fn(TrackId) -> Option<&'t Track>,
    ) -> Option<(&'t Packet, Number, &'a Mapping)> {
        let mut mappings = self.mappings.into_iter().flatten();
        let mapping = mappings.find(|mapping| mapping.covers(sequence))?;
        let encoding = tracks(mapping.track).and_then(|track| track.encoding(mapping.encoding))?;
        let (origin, number) = mapping.origin(sequence)?;
        let packet = encoding.history.get(origin).filter(|_| sequence < self.end)?;
        Some((packet, number, mapping))
    }
}
