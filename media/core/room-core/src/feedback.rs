//! What a peer and the server tell each other about media: reports, requests, estimates.

use std::time::Duration;

use crate::codec::MediaKind;
use crate::limits::PENDING_NACKS;
use crate::peer::{Effect, FEEDBACK_SSRC, Peer, Surroundings};
use crate::publication::Publication;
use crate::rtcp::{self, Compound, ReportBlock};
use crate::rtp::Header;
use crate::time::{Time, ntp_to_unix};
use crate::transport_feedback::TransportFeedback;

const REPORT_EVERY: Duration = Duration::from_secs(1);
/// What a publisher of video may send at most. It must come within two seconds of the first packet: a
/// sender takes it as its starting rate then, and climbs from 300 kb/s by 8 % a second otherwise.
const RECEIVER_ESTIMATE_BPS: u64 = 2_500_000;

impl Peer {
    /// Takes a control packet, decrypting it in place.
    pub fn rtcp(&mut self, datagram: &mut [u8], around: &mut Surroundings<'_>) {
        let opened = match &mut self.session {
            Some(session) if self.budget.feedback.take(1.0, around.now) => session.inbound.rtcp(datagram),
            _ => None,
        };
        let Some(end) = opened else {
            self.counters.refused += 1;
            return;
        };
        #[cfg(test)]
        crate::trap::step(crate::trap::Site::Control, self.room.0);
        for packet in rtcp::read(&datagram[..end]) {
            if !self.budget.control.take(1.0, around.now) {
                self.counters.refused += 1;
                return;
            }
            self.control(&packet, around);
        }
    }

    fn control(&mut self, packet: &rtcp::Packet<'_>, around: &mut Surroundings<'_>) {
        match packet {
            rtcp::Packet::SenderReport(info, blocks) => {
                self.publisher_clock(info, around);
                self.viewer_reports(blocks, around);
            }
            rtcp::Packet::ReceiverReport(blocks) => self.viewer_reports(blocks, around),
            rtcp::Packet::Pli { media_ssrc } => self.wants_refresh(*media_ssrc, around),
            rtcp::Packet::Fir { media_ssrcs } => {
                for ssrc in media_ssrcs {
                    self.wants_refresh(*ssrc, around);
                }
            }
            rtcp::Packet::Nack { media_ssrc, lost } => {
                let lost = &lost[..lost.len().min(PENDING_NACKS)];
                self.wants_again(*media_ssrc, lost, around);
            }
            rtcp::Packet::ReceiverEstimate { bitrate_bps } => {
                self.congestion.receiver_says(around.now, *bitrate_bps);
            }
            rtcp::Packet::TransportWide { body, .. } => self.packets_told(body, around),
            rtcp::Packet::Bye { .. } => {}
        }
    }

    fn wants_again(&mut self, ssrc: u32, lost: &[u16], around: &mut Surroundings<'_>) {
        let Some(at) = self.slots.iter().position(|slot| slot.ssrc() == ssrc) else { return };
        if self.budget.asked.take(lost.len() as f64, around.now) {
            self.counters.nacks_in += lost.len() as u64;
            let slot = &mut self.slots[at];
            slot.counts.nacks += lost.len() as u64;
            slot.freezes.asked(around.now, lost);
            around.effects.push(Effect::Lost(at, lost.to_vec()));
        } else {
            self.counters.refused += 1;
        }
    }

    fn publisher_clock(&mut self, info: &rtcp::SenderInfo, around: &Surroundings<'_>) {
        let ours = around.anchor.unix_ns(around.now) as i64;
        let offset = *self.clock_offset.get_or_insert(ours - ntp_to_unix(info.ntp));
        let receptions = self.publications.iter_mut().flat_map(Publication::receptions);
        for (_, reception) in receptions.filter(|(ssrc, _)| *ssrc == info.ssrc) {
            reception.sender_report(around.now, info, offset);
        }
    }

    fn viewer_reports(&mut self, blocks: &[ReportBlock], around: &Surroundings<'_>) {
        let ntp = (around.anchor.ntp(around.now) >> 16) as u32;
        for block in blocks {
            let Some(slot) = self.slots.iter_mut().find(|slot| slot.ssrc() == block.ssrc) else { continue };
            slot.counts.lost = u64::from(block.lost.max(0).unsigned_abs());
            slot.counts.jitter = block.jitter;
            self.lost_out.insert(block.ssrc, block.lost);
            let spent = ntp.wrapping_sub(block.last_report).wrapping_sub(block.delay);
            // In 65536ths of a second; more than ten seconds is a clock gone wrong.
            if block.last_report != 0 && spent < 10 << 16 {
                self.round_trip = Some(Duration::from_nanos(u64::from(spent) * 1_000_000_000 / 65_536));
            }
        }
        self.counters.lost_out =
            self.lost_out.values().map(|lost| u64::from((*lost).max(0).unsigned_abs())).sum();
    }

    /// A viewer tells how packets arrived.
    fn packets_told(&mut self, body: &[u8], around: &Surroundings<'_>) {
        let told = &mut self.budget.told;
        let feedback = TransportFeedback::read(body)
            .filter(|feedback| told.take(f64::from(feedback.claimed()), around.now));
        let Some(feedback) = feedback else {
            self.counters.refused += 1;
            return;
        };
        let left_at = |slice| around.transmit.left_at(slice);
        if self.congestion.told(around.now, &feedback, left_at) {
            self.steering.hurry();
        }
    }

    fn wants_refresh(&mut self, ssrc: u32, around: &mut Surroundings<'_>) {
        let Some(at) = self.slots.iter().position(|slot| slot.ssrc() == ssrc) else { return };
        if self.budget.refreshes.take(1.0, around.now) {
            self.counters.plis_in += 1;
            self.slots[at].counts.plis += 1;
            self.slots[at].freezes.lost(around.now);
            around.effects.push(Effect::Refresh(at));
        } else {
            self.counters.refused += 1;
        }
    }

    /// How the peer's streams arrive, and how fast it may send.
    pub(crate) fn report(&mut self, around: &mut Surroundings<'_>) {
        self.report_at = around.now.plus(REPORT_EVERY);
        let receptions = self.publications.iter_mut().flat_map(Publication::receptions);
        let blocks: Vec<_> = receptions.map(|(ssrc, reception)| reception.report(around.now, ssrc)).collect();
        let video = self.publications.iter().filter(|one| one.kind == MediaKind::Video);
        let video: Vec<u32> = video.flat_map(Publication::ssrcs).collect();
        let mut compound =
            Compound::new().receiver_report(FEEDBACK_SSRC, &blocks).canonical_name(FEEDBACK_SSRC, "room");
        // Who hears when each packet arrived finds the limit itself.
        if !video.is_empty() && self.transport_id.is_none() {
            compound = compound.receiver_estimate(FEEDBACK_SSRC, RECEIVER_ESTIMATE_BPS, &video);
        }
        self.counters.lost_in = self.publications.iter().map(Publication::lost).sum();
        self.tell(&compound, around);
    }

    /// What is due of one publication: requests for keyframes and for what was lost.
    pub(crate) fn publication_timeout(&mut self, at: usize, around: &mut Surroundings<'_>) {
        let now = around.now;
        let publication = &mut self.publications[at];
        if let Some(speaking) = publication.speech.timeout(now) {
            around.effects.push(Effect::Speaking(publication.track, speaking));
        }
        if let Some(rids) = publication.watch_timeout(now) {
            let mid = publication.mid.clone();
            around.effects.push(Effect::LayersWanted { mid, rids });
        }
        let takes_nacks = publication.takes_nacks();
        let takes_requests = publication.takes_keyframe_requests();
        let mut compound = Compound::new().receiver_report(FEEDBACK_SSRC, &[]);
        let (mut nacks, mut plis) = (0, 0);
        for layer in &mut publication.layers {
            let wants_keyframe = layer.keyframes.take(now) && takes_requests;
            let Some((ssrc, reception)) = layer.reception() else { continue };
            let lost = if takes_nacks { reception.to_ask(now) } else { Vec::new() };
            layer.counts.nacks += lost.len() as u64;
            layer.counts.plis += u64::from(wants_keyframe);
            if !lost.is_empty() {
                nacks += lost.len() as u64;
                compound = compound.nack(FEEDBACK_SSRC, ssrc, &lost);
            }
            if wants_keyframe {
                plis += 1;
                compound = compound.pli(FEEDBACK_SSRC, ssrc);
            }
        }
        self.counters.nacks_out += nacks;
        self.counters.plis_out += plis;
        if nacks + plis > 0 {
            self.tell(&compound, around);
        }
    }

    /// Takes note of a packet that carries its number on the transport.
    pub(crate) fn arrived(&mut self, header: &Header, packet: &[u8], now: Time) {
        let number = header.extensions(packet).find(self.transport_id);
        if let Some(number) = number.and_then(|value| value.first_chunk::<2>()) {
            self.arrivals.arrived(now, u16::from_be_bytes(*number));
        }
    }

    /// Feedback on every packet of the transport, for the sender's own estimate.
    pub(crate) fn tell_arrivals(&mut self, around: &mut Surroundings<'_>) {
        let bodies = self.arrivals.feedback(around.now);
        if bodies.is_empty() {
            return;
        }
        let media_ssrc = self.publications.iter().flat_map(Publication::ssrcs).next().unwrap_or_default();
        for body in bodies {
            let empty = Compound::new().receiver_report(FEEDBACK_SSRC, &[]);
            self.tell(&empty.transport_wide(FEEDBACK_SSRC, media_ssrc, &body), around);
        }
    }

    pub(crate) fn tell(&mut self, compound: &Compound, around: &mut Surroundings<'_>) {
        if let Some((mut link, _)) = self.link(around.now, around.anchor, around.transmit) {
            link.control(compound);
        }
    }
}
