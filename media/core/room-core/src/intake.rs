//! What a peer publishes, from a datagram to the packet that its room is given.

use crate::limits::{Budget, STREAMS_PER_PEER};
use crate::peer::{Effect, Peer, Surroundings};
use crate::publication::Role;
use crate::rtp::{Header, without_padding};

impl Peer {
    /// Takes a media packet, decrypting it in place.
    pub fn rtp(&mut self, datagram: &mut [u8], around: &mut Surroundings<'_>) {
        let Budget { ingress, ingress_bytes, .. } = &mut self.budget;
        let may = ingress.take(1.0, around.now) && ingress_bytes.take(datagram.len() as f64, around.now);
        if self.publications.is_empty() || !may {
            self.counters.refused += 1;
            return;
        }
        let Some((header, sequence, end)) = self.open(datagram) else {
            self.counters.refused += 1;
            return;
        };
        self.counters.packets_in += 1;
        self.counters.bytes_in += datagram.len() as u64;
        #[cfg(test)]
        crate::trap::step(crate::trap::Site::Media, self.room.0);
        let packet = &datagram[..end];
        self.arrived(&header, packet, around.now);
        let Some(found) = self.publication_of(&header, packet) else { return };
        let Some(payload_end) = without_padding(&header, packet) else { return };
        self.take_media(found, &header, sequence, &packet[..payload_end], around);
        if around.now >= self.report_at {
            self.report(around);
        }
    }

    fn open(&mut self, datagram: &mut [u8]) -> Option<(Header, u64, usize)> {
        let header = Header::read(datagram)?;
        let inbound = &mut self.session.as_mut()?.inbound;
        let (sequence, end) = inbound.rtp(header.ssrc, header.sequence, header.len, datagram)?;
        Some((header, sequence, end))
    }

    /// By source, then by the m-line that the packet names, then by a payload type of one m-line only; and the layer.
    fn publication_of(&mut self, header: &Header, packet: &[u8]) -> Option<(usize, u8)> {
        if let Some(at) = self.sources.get(&header.ssrc) {
            return Some(*at);
        }
        let signalled = self.publications.iter().position(|one| one.ssrcs.contains(&header.ssrc));
        let named = || {
            self.publications.iter().position(|one| {
                let mid = header.extensions(packet).find(one.mid_id);
                mid.is_some_and(|mid| mid == one.mid.as_bytes())
            })
        };
        let only = || {
            let mut fitting = (0..self.publications.len())
                .filter(|at| self.publications[*at].role(header.payload_type).is_some());
            fitting.next().filter(|_| fitting.next().is_none())
        };
        let at = signalled.or_else(named).or_else(only)?;
        let found = (at, self.publications[at].layer_of(header, packet)?);
        if self.sources.len() < STREAMS_PER_PEER {
            self.sources.insert(header.ssrc, found);
        }
        Some(found)
    }

    fn take_media(
        &mut self,
        (at, layer): (usize, u8),
        header: &Header,
        sequence: u64,
        packet: &[u8],
        around: &mut Surroundings<'_>,
    ) {
        let publication = &mut self.publications[at];
        if !publication.may_bring(around.now) {
            self.counters.refused += 1;
            return;
        }
        let body = publication.body(header, packet);
        let now = around.now;
        let passed = match publication.role(header.payload_type) {
            Some(Role::Media(codec)) => {
                publication.media(now, around.anchor, (layer, codec), header, sequence, body)
            }
            Some(Role::Repair(_)) => publication.repaired(now, layer, header, body),
            None => None,
        };
        let Some(passed) = passed else { return };
        if !std::mem::replace(&mut publication.started, true) {
            around.effects.push(Effect::TrackStarted(publication.track, publication.kind));
        }
        if let Some(level) = publication.level(header, packet)
            && let Some(speaking) = publication.speech.level(now, level)
        {
            around.effects.push(Effect::Speaking(publication.track, speaking));
        }
        around.effects.push(Effect::Media(passed));
    }
}
