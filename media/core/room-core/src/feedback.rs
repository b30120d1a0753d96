//! What a peer and the server tell each other about media: reports, requests, estimates.

use std::time::Duration;

use crate::codec::MediaKind;
use crate::limits::PENDING_NACKS;
use crate::peer::{Effect, FEEDBACK_SSRC, Peer, Surroundings};
use crate::publication::Publication;
use crate::rtcp::{self, Compound, ReportBlock};
use crate::time::ntp_to_unix;

const REPORT_EVERY: Duration = Duration::from_secs(1);
/// What a publisher of video may send at most. It must come within two seconds of the first packet: a
/// sender takes it as its starting rate then, and climbs from 300 kb/s by 8 % a second otherwise.
const RECEIVER_ESTIMATE_BPS: u64 = 2_500_000;

impl Peer {
    /// Takes a control packet, decrypting it in place.
    pub fn rtcp(&mut self, datagram: &mut [u8], around: &mut Surroundings<'_>) {
        let opened = match &mut self.session {
            Some(session) if self.feedback.take(1.0, around.now) => session.inbound.rtcp(datagram),
            _ => None,
        };
        let Some(end) = opened else {
            self.counters.refused += 1;
            return;
        };
        for packet in rtcp::read(&datagram[..end]) {
            self.control(&packet, around);
        }
    }

    fn control(&mut self, packet: &rtcp::Packet, around: &mut Surroundings<'_>) {
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
                self.counters.nacks_in += lost.len() as u64;
                let lost = &lost[..lost.len().min(PENDING_NACKS)];
                if let Some(at) = self.slots.iter().position(|slot| slot.ssrc() == *media_ssrc) {
                    around.effects.push(Effect::Lost(at, lost.to_vec()));
                }
            }
            rtcp::Packet::Bye { .. } => {}
        }
    }

    fn publisher_clock(&mut self, info: &rtcp::SenderInfo, around: &Surroundings<'_>) {
        let ours = around.anchor.unix_ns(around.now) as i64;
        let offset = *self.clock_offset.get_or_insert(ours - ntp_to_unix(info.ntp));
        let receptions = self.publications.iter_mut().filter_map(Publication::reception);
        for (_, reception) in receptions.filter(|(ssrc, _)| *ssrc == info.ssrc) {
            reception.sender_report(around.now, info, offset);
        }
    }

    fn viewer_reports(&mut self, blocks: &[ReportBlock], around: &Surroundings<'_>) {
        let ntp = (around.anchor.ntp(around.now) >> 16) as u32;
        for block in blocks.iter().filter(|block| self.slots.iter().any(|slot| slot.ssrc() == block.ssrc)) {
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

    fn wants_refresh(&mut self, ssrc: u32, around: &mut Surroundings<'_>) {
        if let Some(at) = self.slots.iter().position(|slot| slot.ssrc() == ssrc) {
            self.counters.plis_in += 1;
            around.effects.push(Effect::Refresh(at));
        }
    }

    /// How the peer's streams arrive, and how fast it may send.
    pub(crate) fn report(&mut self, around: &mut Surroundings<'_>) {
        self.report_at = around.now.plus(REPORT_EVERY);
        let receptions = self.publications.iter_mut().filter_map(Publication::reception);
        let blocks: Vec<_> = receptions.map(|(ssrc, reception)| reception.report(around.now, ssrc)).collect();
        let video = self.publications.iter().filter(|one| one.kind == MediaKind::Video);
        let video: Vec<u32> = video.filter_map(Publication::ssrc).collect();
        let mut compound =
            Compound::new().receiver_report(FEEDBACK_SSRC, &blocks).canonical_name(FEEDBACK_SSRC, "room");
        if !video.is_empty() {
            compound = compound.receiver_estimate(FEEDBACK_SSRC, RECEIVER_ESTIMATE_BPS, &video);
        }
        self.counters.lost_in = self.publications.iter().map(Publication::lost).sum();
        self.tell(&compound, around);
    }

    pub(crate) fn tell(&mut self, compound: &Compound, around: &mut Surroundings<'_>) {
        if let Some((mut link, _)) = self.link(around.now, around.anchor, around.transmit) {
            link.control(compound);
        }
    }
}
