//! Compound RTCP packets (RFC 3550 section 6, RFC 4585, RFC 5104, REMB, transport-wide feedback).

use std::borrow::Cow;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;

const NACK: u8 = 1;
const TRANSPORT_WIDE: u8 = 15;
const PLI: u8 = 1;
const FIR: u8 = 4;
const APPLICATION: u8 = 15;

/// How one stream arrived, as its receiver tells (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    pub ssrc: u32,
    /// In 256ths.
    pub fraction_lost: u8,
    pub lost: i32,
    pub highest_sequence: u32,
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the last sender report, and the time since, in 65536ths of a second.
    pub last_report: u32,
    pub delay: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderInfo {
    pub ssrc: u32,
    pub ntp: u64,
    pub timestamp: u32,
    pub packets: u32,
    pub octets: u32,
}

/// One packet of a compound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    SenderReport(SenderInfo, Vec<ReportBlock>),
    ReceiverReport(Vec<ReportBlock>),
    Nack {
        media_ssrc: u32,
        lost: Vec<u16>,
    },
    Pli {
        media_ssrc: u32,
    },
    Fir {
        media_ssrcs: Vec<u32>,
    },
    /// When each packet of the transport arrived; the body as `arrivals` writes it.
    TransportWide {
        media_ssrc: u32,
        body: Cow<'a, [u8]>,
    },
    /// What the sender of this takes of everything (REMB).
    ReceiverEstimate {
        bitrate_bps: u64,
    },
    Bye {
        ssrcs: Vec<u32>,
    },
}

impl Packet<'_> {
    /// The same without the compound that it was read from.
    #[must_use]
    pub fn into_owned(self) -> Packet<'static> {
        match self {
            Packet::TransportWide { media_ssrc, body } => {
                Packet::TransportWide { media_ssrc, body: Cow::Owned(body.into_owned()) }
            }
            Packet::SenderReport(info, blocks) => Packet::SenderReport(info, blocks),
            Packet::ReceiverReport(blocks) => Packet::ReceiverReport(blocks),
            Packet::Nack { media_ssrc, lost } => Packet::Nack { media_ssrc, lost },
            Packet::Pli { media_ssrc } => Packet::Pli { media_ssrc },
            Packet::Fir { media_ssrcs } => Packet::Fir { media_ssrcs },
            Packet::ReceiverEstimate { bitrate_bps } => Packet::ReceiverEstimate { bitrate_bps },
            Packet::Bye { ssrcs } => Packet::Bye { ssrcs },
        }
    }
}

/// Reads a compound, packet by packet. What is unknown is passed over; what is cut off ends it.
pub fn read(compound: &[u8]) -> impl Iterator<Item = Packet<'_>> {
    let mut rest = compound;
    let pieces = std::iter::from_fn(move || {
        let (kind, count, body, next) = split(rest)?;
        rest = next;
        Some((kind, count, body))
    });
    pieces.filter_map(|(kind, count, body)| read_one(kind, count, body))
}

/// Cuts the first packet off: its kind, its count or format, its body, what follows.
fn split(rest: &[u8]) -> Option<(u8, u8, &[u8], &[u8])> {
    let head: &[u8; 4] = rest.first_chunk()?;
    let length = 4 * usize::from(u16::from_be_bytes([head[2], head[3]])) + 4;
    if head[0] >> 6 != 2 || length > rest.len() {
        return None;
    }
    let padding = if head[0] & 0x20 == 0 { 0 } else { usize::from(rest[length - 1]) };
    let body = rest.get(4..length.checked_sub(padding)?)?;
    Some((head[1], head[0] & 0x1f, body, &rest[length..]))
}

fn read_one(kind: u8, count: u8, body: &[u8]) -> Option<Packet<'_>> {
    match (kind, count) {
        (SENDER_REPORT, count) => {
            let info = SenderInfo {
                ssrc: be32(body, 0)?,
                ntp: u64::from(be32(body, 4)?) << 32 | u64::from(be32(body, 8)?),
                timestamp: be32(body, 12)?,
                packets: be32(body, 16)?,
                octets: be32(body, 20)?,
            };
            Some(Packet::SenderReport(info, blocks(body.get(24..)?, count)))
        }
        (RECEIVER_REPORT, count) => Some(Packet::ReceiverReport(blocks(body.get(4..)?, count))),
        (BYE, count) => {
            let ssrcs = words(body).take(usize::from(count)).collect();
            Some(Packet::Bye { ssrcs })
        }
        (TRANSPORT_FEEDBACK, NACK) => Some(Packet::Nack {
            media_ssrc: be32(body, 4)?,
            lost: words(body.get(8..)?).flat_map(lost).collect(),
        }),
        (TRANSPORT_FEEDBACK, TRANSPORT_WIDE) => {
            Some(Packet::TransportWide { media_ssrc: be32(body, 4)?, body: body.get(8..)?.into() })
        }
        (PAYLOAD_FEEDBACK, PLI) => Some(Packet::Pli { media_ssrc: be32(body, 4)? }),
        (PAYLOAD_FEEDBACK, FIR) => {
            Some(Packet::Fir { media_ssrcs: words(body.get(8..)?).step_by(2).collect() })
        }
        (PAYLOAD_FEEDBACK, APPLICATION) if body.get(8..12)? == b"REMB" => {
            let word = be32(body, 12)?;
            // Six bits of exponent, eighteen of mantissa.
            let bitrate_bps =
                u64::from(word & 0x3_ffff).checked_mul(1_u64.checked_shl(word >> 18 & 0x3f)?)?;
            Some(Packet::ReceiverEstimate { bitrate_bps })
        }
        _ => None,
    }
}

fn blocks(body: &[u8], count: u8) -> Vec<ReportBlock> {
    body.as_chunks::<24>().0.iter().take(usize::from(count)).filter_map(block).collect()
}

fn block(raw: &[u8; 24]) -> Option<ReportBlock> {
    let word = be32(raw, 4)?;
    Some(ReportBlock {
        ssrc: be32(raw, 0)?,
        fraction_lost: (word >> 24) as u8,
        // 24 bits, signed.
        lost: ((word << 8) as i32) >> 8,
        highest_sequence: be32(raw, 8)?,
        jitter: be32(raw, 12)?,
        last_report: be32(raw, 16)?,
        delay: be32(raw, 20)?,
    })
}

/// A packet identifier and the sixteen that follow it (RFC 4585 section 6.2.1).
fn lost(word: u32) -> impl Iterator<Item = u16> {
    let (first, mask) = ((word >> 16) as u16, word as u16);
    let following =
        (0..16_u16).filter(move |bit| mask & (1 << bit) != 0).map(move |bit| first.wrapping_add(bit + 1));
    std::iter::once(first).chain(following)
}

fn words(body: &[u8]) -> impl Iterator<Item = u32> {
    body.as_chunks::<4>().0.iter().map(|word| u32::from_be_bytes(*word))
}

fn be32(raw: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(raw.get(at..at + 4)?.try_into().ok()?))
}

/// A compound under construction.
#[derive(Clone, Debug, Default)]
pub struct Compound(Vec<u8>);

impl Compound {
    #[must_use]
    pub fn new() -> Compound {
        Compound(Vec::with_capacity(128))
    }

    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    #[must_use]
    pub fn sender_report(mut self, info: &SenderInfo) -> Compound {
        let at = self.begin(SENDER_REPORT, 0, info.ssrc);
        self.0.extend_from_slice(&info.ntp.to_be_bytes());
        for word in [info.timestamp, info.packets, info.octets] {
            self.word(word);
        }
        self.end(at)
    }

    #[must_use]
    pub fn receiver_report(mut self, sender: u32, blocks: &[ReportBlock]) -> Compound {
        let blocks = &blocks[..blocks.len().min(31)];
        let at = self.begin(RECEIVER_REPORT, blocks.len() as u8, sender);
        for block in blocks {
            let loss = u32::from(block.fraction_lost) << 24
                | (block.lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff);
            for word in
                [block.ssrc, loss, block.highest_sequence, block.jitter, block.last_report, block.delay]
            {
                self.word(word);
            }
        }
        self.end(at)
    }

    /// The canonical name, which ties the streams of one sender together (RFC 3550 section 6.5.1).
    #[must_use]
    pub fn canonical_name(mut self, ssrc: u32, name: &str) -> Compound {
        let at = self.begin(SOURCE_DESCRIPTION, 1, ssrc);
        let name = &name.as_bytes()[..name.len().min(255)];
        self.0.extend_from_slice(&[1, name.len() as u8]);
        self.0.extend_from_slice(name);
        // At least one zero ends the list.
        self.0.push(0);
        self.0.resize(at + (self.0.len() - at).next_multiple_of(4), 0);
        self.end(at)
    }

    /// `lost` in ascending order.
    #[must_use]
    pub fn nack(mut self, sender: u32, media_ssrc: u32, lost: &[u16]) -> Compound {
        let at = self.begin(TRANSPORT_FEEDBACK, NACK, sender);
        self.word(media_ssrc);
        let mut rest = lost;
        while let Some((first, following)) = rest.split_first() {
            let near =
                following.iter().take_while(|next| next.wrapping_sub(*first).wrapping_sub(1) < 16).count();
            let mask = following[..near]
                .iter()
                .fold(0, |mask, next| mask | 1_u32 << (next.wrapping_sub(*first) - 1));
            self.word(u32::from(*first) << 16 | mask);
            rest = &following[near..];
        }
        self.end(at)
    }

    #[must_use]
    pub fn pli(mut self, sender: u32, media_ssrc: u32) -> Compound {
        let at = self.begin(PAYLOAD_FEEDBACK, PLI, sender);
        self.word(media_ssrc);
        self.end(at)
    }

    /// The bitrate that the receiver takes at most (draft-alvestrand-rmcat-remb-03).
    #[must_use]
    pub fn receiver_estimate(mut self, sender: u32, bitrate_bps: u64, ssrcs: &[u32]) -> Compound {
        let ssrcs = &ssrcs[..ssrcs.len().min(255)];
        let at = self.begin(PAYLOAD_FEEDBACK, APPLICATION, sender);
        self.word(0);
        self.0.extend_from_slice(b"REMB");
        let exponent = (64 - bitrate_bps.leading_zeros()).saturating_sub(18);
        self.word((ssrcs.len() as u32) << 24 | exponent << 18 | (bitrate_bps >> exponent) as u32);
        for ssrc in ssrcs {
            self.word(*ssrc);
        }
        self.end(at)
    }

    /// Feedback on every packet of the transport; `body` comes from `feedback`.
    #[must_use]
    pub fn transport_wide(mut self, sender: u32, media_ssrc: u32, body: &[u8]) -> Compound {
        let at = self.begin(TRANSPORT_FEEDBACK, TRANSPORT_WIDE, sender);
        self.word(media_ssrc);
        self.0.extend_from_slice(body);
        self.0.resize(at + (self.0.len() - at).next_multiple_of(4), 0);
        self.end(at)
    }

    #[must_use]
    pub fn bye(mut self, ssrc: u32) -> Compound {
        let at = self.begin(BYE, 1, ssrc);
        self.end(at)
    }

    fn begin(&mut self, kind: u8, count: u8, ssrc: u32) -> usize {
        let at = self.0.len();
        self.0.extend_from_slice(&[0x80 | count, kind, 0, 0]);
        self.word(ssrc);
        at
    }

    fn word(&mut self, word: u32) {
        self.0.extend_from_slice(&word.to_be_bytes());
    }

    fn end(mut self, at: usize) -> Compound {
        let length = ((self.0.len() - at) / 4 - 1) as u16;
        self.0[at + 2..at + 4].copy_from_slice(&length.to_be_bytes());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(compound: &[u8]) -> Vec<Packet<'_>> {
        read(compound).collect()
    }

    #[test]
    fn a_compound_is_read_as_it_was_written() {
        let info = SenderInfo { ssrc: 5, ntp: 0x0102_0304_0506_0708, timestamp: 9, packets: 10, octets: 11 };
        let block = ReportBlock {
            ssrc: 6,
            fraction_lost: 12,
            lost: -3,
            highest_sequence: 70_000,
            ..ReportBlock::default()
        };
        let compound = Compound::new()
            .sender_report(&info)
            .canonical_name(5, "room")
            .receiver_report(1, &[block])
            .nack(1, 6, &[65_534, 65_535, 0, 14, 15, 300])
            .pli(1, 6)
            .bye(5);
        assert_eq!(
            all(compound.bytes()),
            [
                Packet::SenderReport(info, vec![]),
                Packet::ReceiverReport(vec![block]),
                Packet::Nack { media_ssrc: 6, lost: vec![65_534, 65_535, 0, 14, 15, 300] },
                Packet::Pli { media_ssrc: 6 },
                Packet::Bye { ssrcs: vec![5] },
            ]
        );
    }

    #[test]
    fn a_full_intra_request_names_its_streams() {
        let raw = [0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 0, 0, 0];
        assert_eq!(all(&raw), [Packet::Fir { media_ssrcs: vec![9] }]);
    }

    #[test]
    fn a_receiver_estimate_has_the_bytes_of_the_draft() {
        let compound = Compound::new().receiver_estimate(1, 2_500_000, &[7]);
        let expected = [
            0x8f, 206, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 1, 0x12, 0x62, 0x5a, 0, 0, 0, 7,
        ];
        assert_eq!(compound.bytes(), expected);
        assert_eq!(0x2_625a_u64 << 4, 2_500_000);
        assert_eq!(all(compound.bytes()), [Packet::ReceiverEstimate { bitrate_bps: 2_500_000 }]);
    }

    #[test]
    fn a_packet_cut_off_ends_the_compound_without_harm() {
        let whole = Compound::new().pli(1, 2).nack(1, 2, &[3]);
        for length in 0..whole.bytes().len() {
            assert!(read(&whole.bytes()[..length]).count() < 2);
        }
    }
}
