//! A viewer's receive slot: one source of its own, whatever track it carries.
//!
//! ```text
//!   EMPTY ── a track that a decoder may join here ──► FLOWING ◄─── caught up ──┐
//!     ▲                                                │ │ injected: joined in mid-group,
//!     │                                                │ │ or more at once than may leave
//!     │ another track: waits for its start             │ └──► CATCHING UP ─────┘
//!   SKIPPING (waits for the next start) ◄── too late ──┘
//! ```
//!
//! Invariant: towards the viewer sequence numbers, timestamps and picture ids go on without a step when the
//! track, or the layer, changes, and no sequence number is sent twice (a nonce must never meet two contents).

mod catching_up;
mod repeating;
mod selection;

use std::sync::Arc;
use std::time::Duration;

use crate::codec::MediaKind;
use crate::freezes::Freezes;
use crate::ids::TrackId;
use crate::layers::{Choice, EVERY};
use crate::link::Link;
use crate::mapping::{Edge, Form, Mapping, clock_by_capture};
use crate::numbers::Number;
use crate::packet::Packet;
use crate::params::{ABSOLUTE_SEND_TIME, DEPENDENCY_DESCRIPTOR, MID, SlotParams, TRANSPORT_SEQUENCE};
use crate::repair::Repair;
use crate::restarts::Restarts;
use crate::rtcp::{Compound, SenderInfo};
use crate::rtp::HeaderWriter;
use crate::sent::Sent;
use crate::stats::SlotCounts;
use crate::time::Time;
use crate::track::Track;

use catching_up::CatchUp;

const REPORT_EVERY: Duration = Duration::from_millis(1_500);
/// Packets of a slot that name its m-line, for receivers that do not know the source yet.
const NAMED_PACKETS: u32 = 64;

/// What the slot wants of the publisher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Nothing,
    /// Of this layer.
    Keyframe(u8),
}

/// Which of the two tracks, or layers, that a slot knows a packet is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Current,
    Previous,
}

#[derive(Debug)]
pub struct Slot {
    pub kind: MediaKind,
    pub index: usize,
    params: SlotParams,
    mid_id: Option<u8>,
    time_id: Option<u8>,
    descriptor_id: Option<u8>,
    transport_id: Option<u8>,
    /// How high it is shown, in pixels; nothing is sent while that is zero.
    shown: u32,
    chosen: Option<Choice>,
    /// What it carried was given up as too late: it goes on where the track starts again.
    skipping: Option<TrackId>,
    // Most slots of most viewers never carry anything.
    current: Option<Box<Mapping>>,
    previous: Option<Box<Mapping>>,
    sent: Sent,
    catching_up: Option<CatchUp>,
    packets: u32,
    octets: u32,
    report_at: Time,
    asked: Option<Time>,
    restarts: Restarts,
    repair: Repair,
    pub counts: SlotCounts,
    pub freezes: Freezes,
}

impl Slot {
    #[must_use]
    pub fn new(mut params: SlotParams, now: Time) -> Slot {
        // Far from the rollover, and not the same for everyone.
        let first = u64::from((params.ssrc ^ params.ssrc >> 16) & 0x3fff) + 1;
        // Names are long, and there are as many slots as viewers: only the ids are kept.
        let extensions = std::mem::take(&mut params.extensions);
        let extension = |uri: &str| extensions.get(uri).copied();
        let descriptor_id = extension(DEPENDENCY_DESCRIPTOR);
        let transport_id = extension(TRANSPORT_SEQUENCE);
        Slot {
            kind: params.kind,
            index: params.index,
            mid_id: extension(MID),
            // Who tells of each packet has no need of it.
            time_id: extension(ABSOLUTE_SEND_TIME).filter(|_| transport_id.is_none()),
            descriptor_id,
            transport_id,
            shown: u32::MAX,
            chosen: None,
            skipping: None,
            current: None,
            previous: None,
            sent: Sent::nothing(first),
            catching_up: None,
            packets: 0,
            octets: 0,
            report_at: now,
            asked: None,
            restarts: Restarts::default(),
            repair: Repair::new(first, descriptor_id),
            counts: SlotCounts::default(),
            freezes: Freezes::default(),
            params,
        }
    }

    #[must_use]
    pub fn ssrc(&self) -> u32 {
        self.params.ssrc
    }

    #[must_use]
    pub fn rtx_ssrc(&self) -> Option<u32> {
        self.params.rtx_ssrc
    }

    /// What comes next joins anew; what was sent can still be asked for.
    pub fn interrupt(&mut self) {
        self.catching_up = None;
        self.repair.forget();
        self.asked = None;
        if let Some(mapping) = self.current.take() {
            self.previous = Some(mapping);
        }
    }

    /// Packets of `encoding` were given up before they were sent. Film whose group began among them is caught up with;
    /// anything else goes on where it starts again.
    pub fn skip(&mut self, now: Time, track: &Track, encoding: u32, began: bool) {
        let carries =
            self.current.as_ref().is_some_and(|one| (one.track, one.encoding) == (track.id, encoding));
        if !carries || self.catching_up.is_some() && track.is_injected() {
            return;
        }
        self.interrupt();
        if began && track.is_injected() && self.kind == MediaKind::Video {
            self.start_group(now, track);
        } else {
            self.skipping = Some(track.id);
        }
    }

    #[must_use]
    pub fn wake(&self) -> Time {
        self.catching_up.map_or(Time::FAR, |catch_up| catch_up.at).min(self.repair.wake())
    }

    /// Joins `track` if it does not carry it yet.
    pub fn join(&mut self, now: Time, track: &Track) -> Need {
        if self.shown == 0 || self.kind == MediaKind::Audio || self.is_on(track) {
            return Need::Nothing;
        }
        if track.is_injected() {
            self.start_group(now, track);
            return Need::Nothing;
        }
        self.ask(now, track)
    }

    /// The viewer's decoder lost its way.
    pub fn refresh(&mut self, now: Time, track: &Track) -> Need {
        if self.shown == 0 || self.kind == MediaKind::Audio {
            return Need::Nothing;
        }
        if !track.is_injected() {
            let carried = self.carried(track.id).and_then(|carried| track.encoding(carried));
            return Need::Keyframe(carried.map_or_else(|| self.wanted_layer(track), |carried| carried.layer));
        }
        if self.catching_up.is_none() && self.restarts.may(now) {
            self.start_group(now, track);
        }
        Need::Nothing
    }

    fn map(&mut self, now: Time, first: &Packet, edge: Edge, track: &Track) -> bool {
        let Some(codec) = self.params.codecs.iter().find(|codec| codec.name == first.codec) else {
            return false;
        };
        let kept = self.current.as_ref().or(self.previous.as_ref());
        let kept = kept.filter(|mapping| mapping.track == first.track);
        let clock = kept.and_then(|mapping| match track.is_injected() {
            true => Some(mapping.clock()),
            false => clock_by_capture(&self.sent, first, now),
        });
        let mapping = Box::new(Mapping::begin(codec, first, edge, &self.sent, clock, now));
        if let Some(before) = self.current.replace(mapping) {
            self.previous = Some(before);
        }
        self.skipping = None;
        self.report_at = now;
        true
    }

    /// Takes a packet as it comes in.
    pub fn live(&mut self, packet: &Arc<Packet>, padding: &[u8], track: &Track, link: &mut Link<'_>) -> Need {
        if self.shown == 0 {
            return Need::Nothing;
        }
        if self.current.as_ref().is_some_and(|mapping| mapping.is_of(packet)) {
            if !self.waits(packet, link) {
                self.forward(packet, padding, link);
            }
            return Need::Nothing;
        }
        if let Some(number) = self.late(packet) {
            self.send((Of::Previous, number), packet, padding, link);
            return Need::Nothing;
        }
        if self.wanted(track).is_none_or(|wanted| wanted.id != packet.encoding) {
            return Need::Nothing;
        }
        let settling =
            self.catching_up.is_some_and(|catch_up| catch_up.at > link.now) && self.sent.at.is_none();
        if packet.starts && !settling {
            self.finish_picture(track, link);
            if self.map(link.now, packet, Edge::live(packet), track) && !self.waits(packet, link) {
                self.forward(packet, padding, link);
            }
            return Need::Nothing;
        }
        if self.skipping == Some(track.id) && track.is_injected() {
            return Need::Nothing;
        }
        self.join(link.now, track)
    }

    /// Sends a packet of the current mapping, unless its temporal layer is too high.
    fn forward(&mut self, packet: &Packet, padding: &[u8], link: &mut Link<'_>) {
        let most =
            self.chosen.filter(|choice| choice.layer == packet.layer).map_or(EVERY, |choice| choice.temporal);
        let number = self.current.as_mut().and_then(|mapping| mapping.admit(packet, most));
        if let Some(number) = number {
            self.send((Of::Current, number), packet, padding, link);
        }
    }

    /// Encrypts the packet straight into the arena; `padding` is as RFC 3550 section 5.1 has it.
    fn send(&mut self, (of, number): (Of, Number), packet: &Packet, padding: &[u8], link: &mut Link<'_>) {
        let mapping = match of {
            Of::Current => &self.current,
            Of::Previous => &self.previous,
        };
        let Some(mapping) = mapping else { return };
        let sequence = number.sequence;
        let is_late = sequence < self.sent.next_sequence;
        if !self.sent.take(sequence) {
            return;
        }
        if is_late {
            self.repair.left(link.now, sequence);
        }
        let timestamp = mapping.timestamp(packet.timestamp);
        let Form { payload_type, payload, blocks } =
            mapping.form(packet, || link.congestion.is_wide(link.now));
        let ssrc = self.params.ssrc;
        let mut header = HeaderWriter::new(payload_type, packet.marker, sequence as u16, timestamp, ssrc);
        header.descriptor(self.descriptor_id, mapping.described(packet));
        header.extension(self.time_id, &link.send_time);
        if let Some(number) = link.congestion.next_number() {
            header.extension(self.transport_id, &number.to_be_bytes());
        }
        if self.packets < NAMED_PACKETS {
            header.extension(self.mid_id, self.params.mid.as_bytes());
        }
        if !padding.is_empty() {
            header.padded();
        }
        let header = header.finish();
        let end = header.len() + payload.len();
        let length = end + padding.len() + link.srtp.rtp_overhead();
        let out = link.transmit.claim(link.to, length);
        out[..header.len()].copy_from_slice(header);
        let sealed = if blocks.is_none() && mapping.leaves_payload(packet, number) {
            link.srtp.rtp(ssrc, sequence, header.len(), [payload, padding], out)
        } else {
            let copy = &mut out[header.len()..end];
            copy.copy_from_slice(payload);
            mapping.patch(packet, number, copy);
            #[cfg(test)]
            crate::trap::step(crate::trap::Site::Sealing, u64::from(ssrc));
            if let Some(payload_type) = blocks {
                crate::red::retype(copy, payload_type);
            }
            out[end..end + padding.len()].copy_from_slice(padding);
            link.srtp.rtp_in_place(ssrc, sequence, header.len(), out)
        };
        if !sealed {
            link.transmit.unclaim();
            return;
        }
        if self.kind == MediaKind::Video {
            link.pace.left(link.now);
        }
        if self.transport_id.is_some() {
            link.left(length);
        }
        mapping.note(packet, number, timestamp, link.now, &mut self.sent);
        if of == Of::Current && self.kind == MediaKind::Video {
            self.note_picture(packet, link.now);
        }
        self.count(payload.len(), length, link);
    }

    fn count(&mut self, payload: usize, length: usize, link: &mut Link<'_>) {
        self.counts.packets += 1;
        self.counts.bytes += length as u64;
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload as u32);
        self.repair.earned(link.now, length);
        link.counters.packets_out += 1;
        link.counters.bytes_out += length as u64;
    }

    /// Reports if it is time, after `packet` was sent and not amid a frame, whose packets leave in one call.
    pub fn report_due(&mut self, packet: &Packet, link: &mut Link<'_>) {
        let carries = self.current.as_ref().is_some_and(|mapping| mapping.is_of(packet));
        if carries && link.now >= self.report_at && self.sent.at == Some(link.now) {
            self.report(packet, link);
        }
    }

    /// A sender report: this source's clock against the wall clock (RFC 3550 section 6.4.1).
    fn report(&mut self, packet: &Packet, link: &mut Link<'_>) {
        let Some(mapping) = &self.current else { return };
        self.report_at = link.now.plus(REPORT_EVERY);
        let since_capture = link.anchor.unix_ns(link.now) as i64 - packet.captured_unix_ns;
        // A publisher may say that it captured this in any century.
        let ticks = i128::from(since_capture) * i128::from(packet.codec.clock_rate()) / 1_000_000_000;
        let info = SenderInfo {
            ssrc: self.params.ssrc,
            ntp: link.anchor.ntp(link.now),
            timestamp: mapping.on_time(packet.timestamp).wrapping_add(ticks as u32),
            packets: self.packets,
            octets: self.octets,
        };
        let name = format!("slot-{}", self.index);
        link.control(&Compound::new().sender_report(&info).canonical_name(self.params.ssrc, &name));
    }
}
