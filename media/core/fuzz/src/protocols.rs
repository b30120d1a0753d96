//! What peers speak besides media: no panic, and nothing that contradicts itself.

use std::collections::HashMap;
use std::time::Duration;

use room_core::arrivals::Arrivals;
use room_core::demux;
use room_core::limits::DATAGRAM_BYTES;
use room_core::rtcp::{Compound, Packet, ReportBlock, SenderInfo};
use room_core::rtp::{self, HeaderWriter};
use room_core::stun::Request;
use room_core::time::Time;
use room_core::transport_feedback::{MOST_PACKETS, TransportFeedback};
use room_core::{rtcp as control, stun as binding, tcp as frames};

use crate::Chance;

const PASSWORD: &str = "the password";

pub(crate) fn no_seeds() -> Vec<Vec<u8>> {
    Vec::new()
}

pub(crate) fn stun_seeds() -> Vec<Vec<u8>> {
    let asked = |controlling| binding::request(&[7; 12], "ours:theirs", PASSWORD, controlling);
    vec![asked(true), asked(false)]
}

pub(crate) fn stun(raw: &[u8]) {
    if let Some(request) = Request::read(raw) {
        assert!(!request.local_ufrag().contains(':'));
        assert!(
            !request.verified(PASSWORD) || stun_seeds().iter().any(|seed| seed == raw),
            "forged: {raw:?}"
        );
    }
}

pub(crate) fn tcp_seeds() -> Vec<Vec<u8>> {
    let frames = [vec![1; 20], vec![2; 300], vec![3; 1]].map(|bytes| frames::framed(&bytes).into_vec());
    vec![frames.concat(), frames[0].clone()]
}

/// However a stream is cut, the same frames come out.
pub(crate) fn tcp(raw: &[u8]) {
    let Some((cut, bytes)) = raw.split_first() else { return };
    let read = |piece: usize| {
        let (mut reader, mut taken, mut outcome) = (frames::Reader::default(), Vec::new(), Ok(()));
        for piece in bytes.chunks(piece.max(1)) {
            if outcome.is_ok() {
                outcome = reader.read(piece, |datagram| taken.push(datagram.to_vec()));
            }
        }
        (taken, outcome)
    };
    let whole = read(bytes.len());
    assert_eq!(read(usize::from(*cut)), whole, "however it is cut");
    assert!(whole.0.iter().all(|datagram| (1..=DATAGRAM_BYTES).contains(&datagram.len())));
    assert!(whole.0.iter().map(|datagram| datagram.len() + 2).sum::<usize>() <= bytes.len());
}

pub(crate) fn rtp_seeds() -> Vec<Vec<u8>> {
    let mut writer = HeaderWriter::new(96, true, 1, 2, 3);
    writer.extension(Some(1), b"mid");
    writer.extension(Some(3), &[1, 2, 3]);
    let two_bytes = [0xb0, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0x10, 0, 0, 2, 20, 2, 5, 6, 21, 0, 0, 0];
    vec![[writer.finish(), &[1; 40]].concat(), [&two_bytes[..], &[4; 4]].concat()]
}

pub(crate) fn rtp(packet: &[u8]) {
    let kind = demux::kind(packet);
    let Some(header) = rtp::Header::read(packet) else { return };
    assert!(kind != demux::Kind::Stun && header.len <= packet.len());
    let block: usize = header.extensions(packet).map(|(_, value)| value.len() + 1).sum();
    assert!(block <= header.len);
    if let Some(end) = rtp::without_padding(&header, packet) {
        assert!((header.len..=packet.len()).contains(&end));
    }
}

pub(crate) fn extension_seeds() -> Vec<Vec<u8>> {
    vec![
        vec![0xbe, 0xde, 0x12, b'm', b'i', b'd', 0x32, 1, 2, 3],
        vec![0x10, 0, 20, 2, 5, 6, 21, 0, 0, 0],
        vec![0xbe, 0xde, 0, 0, 0xf0, 1, 0x10, 1],
    ]
}

/// A block of header extensions, its form first; padded and counted as a header has it.
pub(crate) fn extensions(raw: &[u8]) {
    let Some((form, block)) = raw.split_first_chunk::<2>() else { return };
    let words = block.len().div_ceil(4);
    let mut packet = vec![0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, form[0], form[1]];
    packet.extend_from_slice(&(words as u16).to_be_bytes());
    packet.extend_from_slice(block);
    packet.resize(16 + 4 * words + 3, 0);
    let Some(header) = rtp::Header::read(&packet).filter(|_| words < 1 << 16) else { return };
    assert_eq!(header.len, packet.len() - 3);
    for (id, value) in header.extensions(&packet) {
        assert!(value.len() <= 4 * words, "{id}");
        let found = header.extensions(&packet).find(Some(id));
        assert!(found.is_some());
    }
}

pub(crate) fn rtcp_seeds() -> Vec<Vec<u8>> {
    [
        Compound::new().sender_report(&SenderInfo::default()).canonical_name(1, "name"),
        Compound::new().receiver_report(1, &[ReportBlock::default(); 3]).nack(1, 2, &[1, 2, 9, 40]).bye(1),
        Compound::new().pli(1, 2).receiver_estimate(1, 1_000_000, &[1, 2]),
        Compound::new().receiver_report(1, &[]).transport_wide(1, 2, &twcc_seeds()[0]),
    ]
    .map(|compound| compound.bytes().to_vec())
    .to_vec()
}

pub(crate) fn rtcp(compound: &[u8]) {
    let packets: Vec<_> = control::read(compound).collect();
    assert!(packets.len() <= compound.len() / 4);
    for packet in packets {
        match packet {
            Packet::ReceiverEstimate { bitrate_bps } => {
                let again = Compound::new().receiver_estimate(1, bitrate_bps, &[]);
                assert!(control::read(again.bytes()).eq([Packet::ReceiverEstimate { bitrate_bps }]));
            }
            Packet::Nack { media_ssrc, mut lost } => {
                lost.sort_unstable();
                lost.dedup();
                let again = Compound::new().nack(1, media_ssrc, &lost);
                assert!(control::read(again.bytes()).eq([Packet::Nack { media_ssrc, lost }]));
            }
            Packet::TransportWide { body, .. } => twcc(&body),
            _ => {}
        }
    }
}

pub(crate) fn twcc_seeds() -> Vec<Vec<u8>> {
    vec![
        vec![0xff, 0xff, 0, 3, 0, 0, 1, 9, 0x20, 3, 4, 0, 8],
        vec![0, 5, 0, 3, 0, 0, 0, 0, 0b1110_0001, 0, 0xff, 0xff, 2],
        vec![0, 5, 0, 9, 0, 0, 0, 0, 0b1010_0000, 0b0010_0000, 1, 1],
    ]
}

/// What a viewer says of the packets it was sent.
pub(crate) fn twcc(body: &[u8]) {
    let Some(feedback) = TransportFeedback::read(body) else { return };
    let packets: Vec<_> = feedback.packets().collect();
    assert!(packets.len() <= usize::from(MOST_PACKETS));
    let arrived = packets.iter().filter(|one| one.arrived_us.is_some()).count();
    assert!(arrived <= body.len(), "each that arrived takes a byte");
    for (at, one) in packets.iter().enumerate() {
        assert_eq!(one.number, feedback.base.wrapping_add(at as u16));
    }
}

/// Whatever numbers a peer gives its packets: what it is told is what arrived.
pub(crate) fn arrivals(raw: &[u8]) {
    let mut chance = Chance::of(raw);
    let (mut arrivals, mut now) = (Arrivals::default(), Time::from_nanos(1 << 40));
    let (mut number, mut came) = (chance.number() as u16, HashMap::new());
    for _ in 0..400 {
        if chance.is_over() {
            return;
        }
        let wait = [0, 0, 100, 3_000, 70_000, 20_000_000][chance.below(6)];
        now = now.plus(Duration::from_micros(wait));
        number = match chance.below(30) {
            0 => chance.number() as u16,
            1 => number.wrapping_sub(chance.below(50) as u16),
            _ => number.wrapping_add(chance.below(3) as u16),
        };
        arrivals.arrived(now, number);
        came.entry(number).or_insert_with(Vec::new).push((now.as_nanos() / 1_000) as i64);
        for body in arrivals.feedback(now) {
            assert!(body.len() < 1_100);
            let feedback = TransportFeedback::read(&body).expect("a body that can be read");
            for one in feedback.packets() {
                let (number, Some(time)) = (one.number, one.arrived_us) else { continue };
                let near = |real: &i64| ((real - time).rem_euclid(64_000 << 24)) < 250;
                assert!(came[&number].iter().any(near), "{number} at {time}: {:?}", came[&number]);
            }
        }
    }
}
