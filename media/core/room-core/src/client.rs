//! The other side, for tests and fuzzing: a browser reduced to what a server can tell of it.
//!
//! Sans-IO like the rest: datagrams in, datagrams out, time as an argument.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};

use dimpl::{Dtls, Output};

use crate::arrivals::Arrivals;
use crate::codec::{Codec, MediaKind};
use crate::dtls::Identity;
use crate::ice::Credentials;
use crate::params::{
    CodecParams, DEPENDENCY_DESCRIPTOR, Local, MID, PeerParams, PublishParams, Remote, SlotParams, consent_s,
};
use crate::reception::Reception;
use crate::replay::extend;
use crate::rtcp::{self, Compound};
use crate::rtp::{Header, HeaderWriter, without_padding};
use crate::srtp::{Inbound, Outbound, Profile};
use crate::stun;
use crate::time::{Anchor, Time};

/// The payload type of VP8.
const VIDEO: u8 = 96;
const PASSWORD: &str = "a-password-of-22-letters";

/// A received media packet, decrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    pub at: Time,
    pub header: Header,
    /// With the rollover counter.
    pub index: u64,
    /// Of the header, with their ids.
    pub extensions: Vec<(u8, Vec<u8>)>,
    pub payload: Vec<u8>,
}

pub struct Client {
    pub ufrag: String,
    identity: Identity,
    anchor: Anchor,
    dtls: Dtls,
    wake: Time,
    session: Option<(Inbound, Outbound)>,
    pub media: Vec<Received>,
    pub control: Vec<rtcp::Packet<'static>>,
    pub responses: usize,
    pub closed: bool,
    /// Where packets carry their number, for a client that tells how each arrived.
    pub transport_id: Option<u8>,
    arrivals: Arrivals,
    /// Asks for what it lost, as browsers do.
    pub asks_again: bool,
    receptions: BTreeMap<u32, Reception>,
    out: Vec<Vec<u8>>,
    /// So far; each is another.
    checks: Cell<u64>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}

impl Client {
    /// A client whose server half is known by `ufrag`.
    ///
    /// # Panics
    /// When the system gives no randomness for a certificate.
    #[must_use]
    #[expect(clippy::expect_used, reason = "only tests run this")]
    pub fn new(ufrag: &str, anchor: Anchor, now: Time) -> Client {
        let identity = Identity::generate().expect("a certificate");
        let mut dtls = identity.endpoint(&anchor, now);
        dtls.set_active(true);
        let wake = now;
        let (session, media, control, out) = (None, Vec::new(), Vec::new(), Vec::new());
        Client {
            ufrag: ufrag.to_owned(),
            identity,
            anchor,
            dtls,
            wake,
            session,
            media,
            control,
            responses: 0,
            closed: false,
            transport_id: None,
            arrivals: Arrivals::default(),
            asks_again: false,
            receptions: BTreeMap::new(),
            out,
            checks: Cell::new(0),
        }
    }

    /// What was negotiated for this client.
    #[must_use]
    pub fn params(&self, slots: Vec<SlotParams>, publishes: Vec<PublishParams>) -> PeerParams {
        PeerParams {
            consent_s: consent_s(),
            local: Local { ufrag: self.ufrag.clone(), pwd: PASSWORD.to_owned() },
            remote: Remote {
                ufrag: "them".to_owned(),
                pwd: String::new(),
                fingerprints: vec![("sha-256".to_owned(), self.identity.fingerprint())],
            },
            slots,
            publishes,
        }
    }

    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.session.is_some()
    }

    /// Goes by another name from now on.
    #[must_use]
    pub fn restart(&mut self, ufrag: &str) -> Credentials {
        ufrag.clone_into(&mut self.ufrag);
        Credentials {
            local_ufrag: ufrag.to_owned(),
            local_pwd: PASSWORD.to_owned(),
            remote_ufrag: "them".to_owned(),
        }
    }

    /// The shortest check with a right password.
    #[cfg(test)]
    pub(crate) fn bare_check(&self) -> Vec<u8> {
        stun::bare_request(&self.transaction(), &format!("{}:them", self.ufrag), PASSWORD)
    }

    fn transaction(&self) -> stun::Transaction {
        self.checks.set(self.checks.get() + 1);
        let mut transaction = [9; 12];
        transaction[..8].copy_from_slice(&self.checks.get().to_be_bytes());
        transaction
    }

    /// A check with a right password.
    #[must_use]
    pub fn check(&self) -> Vec<u8> {
        stun::request(&self.transaction(), &format!("{}:them", self.ufrag), PASSWORD, true)
    }

    /// Takes what the server sent.
    pub fn receive(&mut self, now: Time, datagram: &[u8]) {
        let mut bytes = datagram.to_vec();
        match crate::demux::kind(datagram) {
            crate::demux::Kind::Stun => self.responses += 1,
            crate::demux::Kind::Dtls => {
                let instant = self.anchor.instant(now);
                let _ = self.dtls.handle_timeout(instant).and_then(|()| self.dtls.handle_packet(datagram));
                self.drain();
            }
            crate::demux::Kind::Rtp => self.take_media(now, &mut bytes),
            crate::demux::Kind::Rtcp => {
                let end = self.session.as_mut().and_then(|(inbound, _)| inbound.rtcp(&mut bytes));
                let read = rtcp::read(&bytes[..end.unwrap_or_default()]);
                self.control.extend(read.map(rtcp::Packet::into_owned));
            }
            crate::demux::Kind::Unknown => {}
        }
    }

    fn take_media(&mut self, at: Time, bytes: &mut [u8]) {
        let Some(header) = Header::read(bytes) else { return };
        let Some((inbound, _)) = &mut self.session else { return };
        if let Some((index, end)) = inbound.rtp(header.ssrc, header.sequence, header.len, bytes) {
            let Some(end) = without_padding(&header, &bytes[..end]) else { return };
            let number = header.extensions(bytes).find(self.transport_id);
            if let Some(number) = number.and_then(|value| value.first_chunk::<2>()) {
                self.arrivals.arrived(at, u16::from_be_bytes(*number));
            }
            self.note(at, &header, index, &bytes[header.len..end]);
            let extensions = header.extensions(bytes).map(|(id, value)| (id, value.to_vec())).collect();
            let payload = bytes[header.len..end].to_vec();
            self.media.push(Received { at, header, index, extensions, payload });
        }
    }

    /// Takes note of a packet of a stream that may be asked for again, or of its retransmission, whose source is the next
    /// number.
    fn note(&mut self, at: Time, header: &Header, index: u64, payload: &[u8]) {
        let media = self.receptions.get_mut(&header.ssrc.wrapping_sub(1));
        if let (Some(stream), Some((original, _))) = (media, payload.split_first_chunk::<2>()) {
            stream.repaired(at, extend(stream.highest(), u16::from_be_bytes(*original)));
        } else if self.asks_again && header.payload_type == VIDEO {
            let fresh = || Reception::new(90_000, index, header.timestamp, 0);
            self.receptions.entry(header.ssrc).or_insert_with(fresh).arrived(at, index);
        }
    }

    /// What it tells of packets, and asks for.
    fn feedback(&mut self, now: Time) -> Vec<Vec<u8>> {
        let report = || Compound::new().receiver_report(1, &[]);
        let mut compounds: Vec<_> =
            self.arrivals.feedback(now).iter().map(|body| report().transport_wide(1, 0, body)).collect();
        for (ssrc, reception) in &mut self.receptions {
            let lost = reception.to_ask(now);
            if !lost.is_empty() {
                compounds.push(report().nack(1, *ssrc, &lost));
            }
        }
        compounds.iter().map(|compound| self.rtcp(compound)).collect()
    }

    /// Does what is due, and returns what there is to send.
    pub fn poll(&mut self, now: Time) -> Vec<Vec<u8>> {
        if self.is_connected() {
            let feedback = self.feedback(now);
            self.out.extend(feedback);
        }
        if self.wake <= now && self.responses > 0 {
            let _ = self.dtls.handle_timeout(self.anchor.instant(now));
            self.drain();
        }
        std::mem::take(&mut self.out)
    }

    fn drain(&mut self) {
        let mut buffer = vec![0; 2_048];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(datagram) => self.out.push(datagram.to_vec()),
                Output::KeyingMaterial(material, profile) => {
                    let keys = Profile::of(profile).and_then(|profile| profile.split(&material));
                    self.session =
                        keys.and_then(|keys| Inbound::new(&keys.server).zip(Outbound::new(&keys.client)));
                }
                Output::CloseNotify => self.closed = true,
                Output::Timeout(instant) => {
                    self.wake = self.anchor.time(instant);
                    return;
                }
                _ => {}
            }
        }
    }

    /// An encrypted media packet that ends its frame; `index` is the sequence number with its rollover counter.
    pub fn rtp(
        &mut self,
        payload_type: u8,
        index: u64,
        timestamp: u32,
        ssrc: u32,
        payload: &[u8],
    ) -> Vec<u8> {
        self.piece((payload_type, true), index, timestamp, ssrc, payload)
    }

    /// As `rtp`, with payload type and marker.
    pub fn piece(
        &mut self,
        (payload_type, marker): (u8, bool),
        index: u64,
        timestamp: u32,
        ssrc: u32,
        payload: &[u8],
    ) -> Vec<u8> {
        let writer = HeaderWriter::new(payload_type, marker, index as u16, timestamp, ssrc);
        self.rtp_with(writer, index, ssrc, payload)
    }

    /// As `rtp`, with a header of one's own.
    pub fn rtp_with(&mut self, mut writer: HeaderWriter, index: u64, ssrc: u32, payload: &[u8]) -> Vec<u8> {
        let header = writer.finish();
        let Some((_, outbound)) = &self.session else { return Vec::new() };
        let mut packet = vec![0; header.len() + payload.len() + outbound.rtp_overhead()];
        packet[..header.len()].copy_from_slice(header);
        let _ = outbound.rtp(ssrc, index, header.len(), [payload, &[]], &mut packet);
        packet
    }

    pub fn rtcp(&mut self, compound: &Compound) -> Vec<u8> {
        self.control_bytes(compound.bytes())
    }

    /// Encrypts whatever bytes as if they were control packets; nothing for fewer than eight.
    pub fn control_bytes(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Some((_, outbound)) = self.session.as_mut().filter(|_| bytes.len() >= 8) else {
            return Vec::new();
        };
        let mut packet = vec![0; bytes.len() + outbound.rtcp_overhead()];
        let _ = outbound.rtcp(bytes, &mut packet);
        packet
    }
}

/// A dependency descriptor that begins a sequence of one spatial and three temporal layers, as browsers write them: of
/// 720 rows, frame 7, the base by templates 60 and 61, the layers above by 62 and 63.
pub const DESCRIPTOR: [u8; 20] = [
    0xfc, 0x00, 0x07, 0x87, 0x82, 0x14, 0xea, 0xa8, 0x60, 0x41, 0x4d, 0x14, 0x10, 0x20, 0x84, 0x27, 0x04,
    0xff, 0x02, 0xcf,
];

/// A receive slot as most browsers offer it.
#[must_use]
pub fn slot(kind: MediaKind, index: usize, ssrc: u32) -> SlotParams {
    let codecs = match kind {
        MediaKind::Audio => vec![CodecParams { red_pt: Some(63), ..codec(Codec::Opus, 111, None) }],
        MediaKind::Video => vec![
            codec(Codec::Vp8, 96, Some(97)),
            codec(Codec::Vp9, 98, Some(99)),
            codec(Codec::Av1, 45, Some(46)),
        ],
    };
    let mid = format!("{kind:?}{index}");
    let rtx_ssrc = (kind == MediaKind::Video).then_some(ssrc + 1);
    SlotParams { kind, index, mid, ssrc, rtx_ssrc, codecs, extensions: extensions() }
}

/// Something published, without signalled sources.
#[must_use]
pub fn publish(kind: MediaKind) -> PublishParams {
    let SlotParams { mid, codecs, .. } = slot(kind, 0, 0);
    PublishParams { kind, mid, codecs, ssrcs: Vec::new(), rids: Vec::new(), extensions: extensions() }
}

fn extensions() -> HashMap<String, u8> {
    [(MID.to_owned(), 4), (DEPENDENCY_DESCRIPTOR.to_owned(), 12)].into()
}

/// As answered, with all feedback.
#[must_use]
pub fn codec(name: Codec, pt: u8, rtx_pt: Option<u8>) -> CodecParams {
    CodecParams { name, pt, rtx_pt, red_pt: None, nack: true, pli: true }
}
