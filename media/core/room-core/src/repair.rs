//! Retransmissions to one slot (RFC 4588), on a stream of their own and within a budget.

use std::collections::VecDeque;
use std::time::Duration;

use crate::limits::{
    Bucket, PENDING_NACKS, RETRANSMIT_BURST, RETRANSMIT_BURST_BYTES, RETRANSMIT_BYTES_PER_SECOND,
    RETRANSMIT_SHARE,
};
use crate::link::Link;
use crate::mapping::Mapping;
use crate::numbers::Number;
use crate::pace::SPACING;
use crate::packet::Packet;
use crate::rtp::HeaderWriter;
use crate::time::Time;

const REMEMBERED: usize = 64;
/// A few packets may always come again.
const LEAST_BYTES: f64 = 6_000.0;
const LEAST_WAIT: Duration = Duration::from_millis(20);

/// The stream on which packets come again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream<'a> {
    pub(crate) ssrc: u32,
    /// Firefox drops what comes again without the name of its m-line, whatever sources were signalled.
    pub(crate) mid: &'a str,
    pub(crate) mid_id: Option<u8>,
    pub(crate) transport_id: Option<u8>,
}

#[derive(Debug)]
pub(crate) struct Repair {
    next_sequence: u64,
    descriptor_id: Option<u8>,
    /// Made with the first packet: most slots never carry one.
    work: Option<Box<Work>>,
}

#[derive(Debug)]
struct Work {
    budget: Bucket,
    /// What was sent again lately, so that one request is answered once a round trip.
    recent: VecDeque<(u64, Time)>,
    /// What was asked for and has to wait for its turn.
    pending: VecDeque<u16>,
    pending_at: Time,
}

impl Repair {
    pub(crate) fn new(first: u64, descriptor_id: Option<u8>) -> Repair {
        Repair { next_sequence: first, descriptor_id, work: None }
    }

    fn work(&mut self, now: Time) -> &mut Work {
        self.work.get_or_insert_with(|| Box::new(Work::new(now)))
    }

    /// Every byte sent earns a share of a byte to be sent again.
    pub(crate) fn earned(&mut self, now: Time, bytes: usize) {
        self.work(now).budget.earn(bytes as f64 * RETRANSMIT_SHARE);
    }

    /// The viewer asks for packets; of a slot that carried none there are none.
    pub(crate) fn ask(&mut self, lost: &[u16]) {
        let Some(work) = &mut self.work else { return };
        for sequence in lost {
            if work.pending.len() < PENDING_NACKS && !work.pending.contains(sequence) {
                work.pending.push_back(*sequence);
            }
        }
    }

    /// Nothing that was asked for is sent any more.
    pub(crate) fn forget(&mut self) {
        if let Some(work) = &mut self.work {
            work.pending.clear();
        }
    }

    /// The next that may leave now.
    pub(crate) fn next_pending(&mut self, link: &Link<'_>) -> Option<u16> {
        let work = self.work.as_mut()?;
        if link.pace.may(link.now) {
            return work.pending.pop_front();
        }
        work.pending_at = link.now.plus(SPACING);
        None
    }

    #[must_use]
    pub(crate) fn wake(&self) -> Time {
        self.work.as_ref().filter(|work| !work.pending.is_empty()).map_or(Time::FAR, |work| work.pending_at)
    }

    /// A packet left, late or once more: what was asked before it could arrive is answered.
    pub(crate) fn left(&mut self, now: Time, sequence: u64) {
        self.work(now).left(now, sequence);
    }

    /// Answers a request for a packet.
    pub(crate) fn again(
        &mut self,
        stream: Stream<'_>,
        number: Number,
        packet: &Packet,
        mapping: &Mapping,
        round_trip: Duration,
        link: &mut Link<'_>,
    ) {
        let sequence = number.sequence;
        let cost = packet.payload.len() as f64;
        let work = self.work(link.now);
        if let Some(bps) = link.congestion.known_bps() {
            work.budget.cap((bps / 8.0 * RETRANSMIT_BURST.as_secs_f64()).max(LEAST_BYTES));
        }
        if work.is_recent(link.now, sequence, round_trip) || !work.budget.take(cost, link.now) {
            return;
        }
        work.left(link.now, sequence);
        self.send(stream, number, packet, mapping, link);
        link.counters.retransmitted += 1;
    }

    /// Sends a packet again that was not asked for, to see whether it gets through. Returns its length.
    pub(crate) fn probe(
        &mut self,
        stream: Stream<'_>,
        number: Number,
        packet: &Packet,
        mapping: &Mapping,
        link: &mut Link<'_>,
    ) -> usize {
        let length = self.send(stream, number, packet, mapping, link);
        link.counters.probed += u64::from(length > 0);
        length
    }

    /// Returns the length, zero for what could not be sent.
    fn send(
        &mut self,
        stream: Stream<'_>,
        number: Number,
        packet: &Packet,
        mapping: &Mapping,
        link: &mut Link<'_>,
    ) -> usize {
        let Some(payload_type) = mapping.rtx_payload_type else { return 0 };
        let timestamp = mapping.timestamp(packet.timestamp);
        let mut header =
            HeaderWriter::new(payload_type, packet.marker, self.next_sequence as u16, timestamp, stream.ssrc);
        header.descriptor(self.descriptor_id, mapping.described(packet));
        if let Some(number) = link.congestion.next_number() {
            header.extension(stream.transport_id, &number.to_be_bytes());
        }
        header.extension(stream.mid_id, stream.mid.as_bytes());
        let header = header.finish();
        let length = header.len() + 2 + packet.payload.len() + link.srtp.rtp_overhead();
        let out = link.transmit.claim(link.to, length);
        out[..header.len()].copy_from_slice(header);
        let (original, payload) = out[header.len()..].split_at_mut(2);
        original.copy_from_slice(&(number.sequence as u16).to_be_bytes());
        let payload = &mut payload[..packet.payload.len()];
        payload.copy_from_slice(&packet.payload);
        mapping.patch(packet, number, payload);
        if !link.srtp.rtp_in_place(stream.ssrc, self.next_sequence, header.len(), out) {
            link.transmit.unclaim();
            return 0;
        }
        self.next_sequence += 1;
        link.pace.left(link.now);
        if stream.transport_id.is_some() {
            link.left(length);
        }
        link.counters.bytes_out += length as u64;
        length
    }
}

impl Work {
    fn new(now: Time) -> Work {
        Work {
            budget: Bucket::new(RETRANSMIT_BYTES_PER_SECOND, RETRANSMIT_BURST_BYTES, now),
            recent: VecDeque::new(),
            pending: VecDeque::new(),
            pending_at: now,
        }
    }

    fn is_recent(&self, now: Time, sequence: u64, round_trip: Duration) -> bool {
        let wait = round_trip.max(LEAST_WAIT);
        self.recent.iter().any(|(again, at)| *again == sequence && now.since(*at) < wait)
    }

    fn left(&mut self, now: Time, sequence: u64) {
        self.recent.push_back((sequence, now));
        if self.recent.len() > REMEMBERED {
            self.recent.pop_front();
        }
    }
}
