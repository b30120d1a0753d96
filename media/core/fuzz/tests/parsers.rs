//! Every parser of bytes from the network: no panic, and nothing that contradicts itself.

use room_core::codec::vp8::Descriptor;
use room_core::codec::{Codec, h264};
use room_core::demux;
use room_core::packet::Picture;
use room_core::packetise::{MAX_PAYLOAD, Packetiser};
use room_core::rtcp::{self, Compound, ReportBlock, SenderInfo};
use room_core::rtp::{self, HeaderWriter};
use room_core::stun::{self, Request};
use room_fuzz::fuzz;

#[test]
fn stun_requests() {
    let good = [stun::request(&[7; 12], "ours:theirs", "the password", true)];
    fuzz("stun", |chance| {
        for _ in 0..200 {
            let raw = chance.mutated(&good);
            if let Some(request) = Request::read(&raw) {
                assert!(!request.local_ufrag().contains(':'));
                assert!(!request.verified("the password") || raw == good[0], "forged: {raw:?}");
            }
        }
    });
}

#[test]
fn rtp_headers_and_extensions() {
    let mut writer = HeaderWriter::new(96, true, 1, 2, 3);
    writer.extension(Some(1), b"mid");
    writer.extension(Some(3), &[1, 2, 3]);
    let good = [
        [writer.finish(), &[1; 40]].concat(),
        [&[0xb0, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0x10, 0, 0, 2, 20, 2, 5, 6, 21, 0, 0, 0][..], &[4; 4]]
            .concat(),
    ];
    fuzz("rtp", |chance| {
        for _ in 0..200 {
            let packet = chance.mutated(&good);
            let kind = demux::kind(&packet);
            let Some(header) = rtp::Header::read(&packet) else { continue };
            assert!(kind != demux::Kind::Stun && header.len <= packet.len());
            let block: usize = header.extensions(&packet).map(|(_, value)| value.len() + 1).sum();
            assert!(block <= header.len);
            if let Some(end) = rtp::without_padding(&header, &packet) {
                assert!((header.len..=packet.len()).contains(&end));
            }
        }
    });
}

#[test]
fn rtcp_compounds() {
    let good = [
        Compound::new().sender_report(&SenderInfo::default()).canonical_name(1, "name"),
        Compound::new().receiver_report(1, &[ReportBlock::default(); 3]).nack(1, 2, &[1, 2, 9, 40]).bye(1),
        Compound::new().pli(1, 2).receiver_estimate(1, 1_000_000, &[1, 2]),
    ]
    .map(|compound| compound.bytes().to_vec());
    fuzz("rtcp", |chance| {
        for _ in 0..200 {
            let compound = chance.mutated(&good);
            let packets = rtcp::read(&compound);
            assert!(packets.len() <= compound.len() / 4);
            for packet in packets {
                if let rtcp::Packet::Nack { media_ssrc, mut lost } = packet {
                    lost.sort_unstable();
                    lost.dedup();
                    let again = rtcp::read(Compound::new().nack(1, media_ssrc, &lost).bytes());
                    assert_eq!(again, [rtcp::Packet::Nack { media_ssrc, lost }]);
                }
            }
        }
    });
}

#[test]
fn payload_descriptors() {
    let good = [
        vec![0x90, 0xf0, 0x81, 0x02, 7, 0x20, 0x10, 1, 2],
        vec![0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 1],
        vec![0x7c, 0x85, 1, 2, 3],
        vec![0x65, 1, 2, 3],
    ];
    fuzz("payloads", |chance| {
        for _ in 0..200 {
            let payload = chance.mutated(&good);
            for codec in [Codec::Vp8, Codec::H264, Codec::Opus] {
                let _ = codec.starts_here(&payload);
                let Picture { id, tl0 } = Picture::of(codec, &payload);
                assert!(id.is_none_or(|(at, _)| at + 2 <= payload.len()));
                assert!(tl0.is_none_or(|(at, _)| at < payload.len()));
            }
            if let Some(found) = Descriptor::read(&payload) {
                assert!(found.len < payload.len());
            }
            let inside: usize = h264::aggregated(&payload).map(<[u8]>::len).sum();
            assert!(inside <= payload.len());
        }
    });
}

#[test]
fn frames_to_packetise() {
    let good = [[0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 3, 0, 0, 1].to_vec(), vec![0x65; 4_000]].concat();
    fuzz("packetise", |chance| {
        for codec in [Codec::Vp8, Codec::H264, Codec::Opus] {
            let mut packetiser = Packetiser::new(codec);
            for _ in 0..5 {
                let frame = chance.mutated(std::slice::from_ref(&good));
                let payloads = packetiser.frame(&frame);
                assert!(payloads.iter().all(|payload| (1..=MAX_PAYLOAD).contains(&payload.len())));
            }
        }
    });
}
