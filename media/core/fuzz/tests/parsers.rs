//! Every parser of bytes from the network: no panic, and nothing that contradicts itself.

use std::collections::HashMap;
use std::time::Duration;

use room_core::arrivals::Arrivals;
use room_core::client;
use room_core::codec::vp8::Descriptor;
use room_core::codec::{Codec, h264, vp9};
use room_core::demux;
use room_core::depacketise;
use room_core::dependency;
use room_core::limits::DATAGRAM_BYTES;
use room_core::packet::Picture;
use room_core::packetise::{MAX_PAYLOAD, Packetiser};
use room_core::red::{self, Red};
use room_core::rtcp::{self, Compound, ReportBlock, SenderInfo};
use room_core::rtp::{self, HeaderWriter};
use room_core::sps;
use room_core::stun::{self, Request};
use room_core::tcp;
use room_core::time::Time;
use room_core::transport_feedback::{MOST_PACKETS, TransportFeedback};
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
fn frames_of_tcp_connections() {
    fuzz("tcp", |chance| {
        let frames: Vec<Vec<u8>> = (0..9).map(|_| tcp::framed(&chance.bytes(200)).into_vec()).collect();
        let bytes = chance.mutated(&[frames.concat()]);
        let read = |cuts: &mut dyn FnMut() -> usize| {
            let (mut reader, mut taken, mut rest) = (tcp::Reader::default(), Vec::new(), &bytes[..]);
            let mut outcome = Ok(());
            while !rest.is_empty() && outcome.is_ok() {
                let (piece, behind) = rest.split_at(cuts().clamp(1, rest.len()));
                outcome = reader.read(piece, |datagram| taken.push(datagram.to_vec()));
                rest = behind;
            }
            (taken, outcome)
        };
        let whole = read(&mut || usize::MAX);
        assert_eq!(read(&mut || chance.below(40)), whole, "however it is cut");
        assert!(whole.0.iter().all(|datagram| (1..=DATAGRAM_BYTES).contains(&datagram.len())));
        assert!(whole.0.iter().map(|datagram| datagram.len() + 2).sum::<usize>() <= bytes.len());
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
            let packets: Vec<_> = rtcp::read(&compound).collect();
            assert!(packets.len() <= compound.len() / 4);
            for packet in packets {
                if let rtcp::Packet::ReceiverEstimate { bitrate_bps } = packet {
                    let again = Compound::new().receiver_estimate(1, bitrate_bps, &[]);
                    assert!(rtcp::read(again.bytes()).eq([rtcp::Packet::ReceiverEstimate { bitrate_bps }]));
                }
                if let rtcp::Packet::Nack { media_ssrc, mut lost } = packet {
                    lost.sort_unstable();
                    lost.dedup();
                    let again = Compound::new().nack(1, media_ssrc, &lost);
                    assert!(rtcp::read(again.bytes()).eq([rtcp::Packet::Nack { media_ssrc, lost }]));
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
        vec![0x90, 0xf0, 0x81, 2, 7, 0x20, 0x10, 0, 0, 0x9d, 1, 0x2a, 0x40, 1, 0xb4, 0],
        vec![0xaa, 0x92, 0x34, 0, 9, 0x18, 2, 0x80, 1, 0x68, 1, 5, 7, 0x82, 0x49, 0x83],
        vec![0xf8, 0x81, 2, 0x50, 3, 5, 8, 1],
        vec![0x18, 8, 0, 0, 1],
        vec![0x08, 2, 8, 0, 1, 0x30],
    ];
    fuzz("payloads", |chance| {
        for _ in 0..200 {
            let payload = chance.mutated(&good);
            for codec in [Codec::Vp8, Codec::H264, Codec::Opus, Codec::Vp9, Codec::Av1] {
                let _ = codec.starts_here(&payload);
                let Picture { id, tl0, key, temporal, .. } = Picture::of(codec, &payload);
                assert!(key.is_none_or(|(at, key)| at < payload.len() && key < 32) && temporal < 8);
                assert!(id.is_none_or(|(at, _)| at + 2 <= payload.len()));
                assert!(tl0.is_none_or(|(at, _)| at < payload.len()));
            }
            if let Some(found) = Descriptor::read(&payload) {
                assert!(found.len < payload.len());
            }
            assert!(vp9::Descriptor::read(&payload).is_none_or(|found| found.len < payload.len()));
            let inside: usize = h264::aggregated(&payload).map(<[u8]>::len).sum();
            assert!(inside <= payload.len());
        }
    });
}

/// What can be read is all there, and stays what it is under other types.
#[test]
fn redundant_sound() {
    let good = [
        red::write(111, &[(1_920, &[1; 30]), (960, &[2; 70])], &[3; 80]),
        red::write(111, &[(960, &[])], &[]),
        red::write(111, &[], &[3; 9]),
    ];
    fuzz("red", |chance| {
        for _ in 0..200 {
            let mut whole = chance.mutated(&good);
            let Some(read) = Red::read(&whole, 111) else { continue };
            assert!(whole.ends_with(read.primary) && read.reach <= red::LONGEST_REACH);
            let (primary, reach, length) = (read.primary.to_vec(), read.reach, whole.len());
            red::retype(&mut whole, 96);
            let again = Red::read(&whole, 96).expect("only its types are others");
            assert_eq!((again.primary, again.reach, again.whole.len()), (&primary[..], reach, length));
            assert!(Red::read(&whole, 111).is_none());
        }
    });
}

/// Whatever comes as the payloads of one frame: it is refused, or as long as was said, and the same every time.
#[test]
fn frames_to_put_together() {
    let unit = |kind: u8| {
        [&[0, 0, 0, 1, 0x67, 1, 2, 0, 0, 0, 1, 0x68, 3, 0, 0, 0, 1, kind, 0x88], &[9; 3_000][..]].concat()
    };
    let av1 = vec![
        vec![0x68, 2, 0x08, 0xaa, 0x30, 1, 2],
        vec![0xd0, 3, 4],
        vec![0x90, 5],
        vec![0x20, 1, 0x10, 0x36, 0x48, 2, 5, 6],
    ];
    let vp9 = vec![vec![0x88, 0x05, 1, 2], vec![0xa4, 0x05, 0, 7, 1], vec![0xac, 0x05, 2, 7, 1]];
    let packetised = |codec, frame: &[u8]| Packetiser::new(codec).frame(frame);
    let good = [
        (Codec::Opus, packetised(Codec::Opus, &[0x78; 60])),
        (Codec::Vp8, packetised(Codec::Vp8, &[0x10; 3_000])),
        (Codec::H264, packetised(Codec::H264, &unit(0x65))),
        (Codec::Vp9, vp9),
        (Codec::Av1, av1),
    ];
    fuzz("depacketise", |chance| {
        for _ in 0..100 {
            let (codec, examples) = &good[chance.below(good.len())];
            let count = 1 + chance.below(4);
            let first = chance.below(examples.len());
            let payloads: Vec<Vec<u8>> = (first..first + count)
                .map(|n| {
                    let example = &examples[n % examples.len()];
                    if chance.below(2) == 0 {
                        example.clone()
                    } else {
                        chance.mutated(std::slice::from_ref(example))
                    }
                })
                .collect();
            let slices = || payloads.iter().map(Vec::as_slice);
            let (mut length, mut bytes) = (0, Vec::new());
            let shape = depacketise::frame(*codec, slices(), |more| length += more.len());
            let again = depacketise::frame(*codec, slices(), |more| bytes.extend_from_slice(more));
            assert_eq!((shape, length), (again, bytes.len()));
            let given: usize = payloads.iter().map(Vec::len).sum();
            // Start codes, sizes and a delimiter come with it, and no more than that.
            assert!(length <= 5 * given + 2, "{length} of {given}");
            assert!(
                shape.is_err()
                    || shape
                        .is_ok_and(|shape| shape.is_picture || shape.has_parameters || *codec == Codec::H264)
            );
            assert!(depacketise::parameters(slices()).len() <= 5 * given);
        }
    });
}

/// A descriptor that can be read stays what it is under another frame number, and is written as it was.
#[test]
fn dependency_descriptors() {
    let good = [
        client::DESCRIPTOR.to_vec(),
        vec![0xfd, 0, 8],
        vec![0x3e, 1, 2],
        vec![0xfd, 0, 8, 0x3a, 0x8a, 1, 0x80],
    ];
    let known = dependency::read(&good[0], None).and_then(|found| found.attached);
    fuzz("dependency", |chance| {
        for _ in 0..200 {
            let mut raw = chance.mutated(&good);
            let Some(found) = dependency::read(&raw, known.as_ref()) else { continue };
            assert!(
                found.temporal < 8
                    && found.spatial < 4
                    && found.attached.as_ref().is_none_or(|one| one.height != Some(0))
            );
            let mut writer = HeaderWriter::new(96, true, 1, 2, 3);
            let frame = chance.number() as u16;
            writer.descriptor(Some(12), Some((&raw, frame)));
            writer.extension(Some(4), b"mid");
            let packet = writer.finish().to_vec();
            let header = rtp::Header::read(&packet).expect("what we wrote");
            dependency::renumber(&mut raw, frame);
            assert_eq!(header.extensions(&packet).find(Some(12)), Some(&raw[..]));
            assert_eq!(header.extensions(&packet).find(Some(4)), Some(&b"mid"[..]));
            let again = dependency::read(&raw, known.as_ref());
            assert_eq!(again, Some(dependency::Dependency { frame, ..found }));
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

#[test]
fn sequence_parameter_sets() {
    let good = [
        vec![
            0x67, 0x42, 0xc0, 0x1e, 0xd9, 0, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0, 0, 3, 0, 1, 0, 0, 3, 0, 0x3c,
            0x0f,
        ],
        vec![
            0x67, 0x64, 0, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 1, 0x10, 0, 0, 3, 0, 0x10, 0, 0, 3, 3,
            0xc0,
        ],
    ];
    fuzz("sps", |chance| {
        for _ in 0..200 {
            let unit = chance.mutated(&good);
            assert_ne!(sps::height(&unit), Some(0));
        }
    });
}

/// Whatever numbers a peer gives its packets: what it is told is what arrived.
#[test]
fn transport_wide_arrivals() {
    fuzz("arrivals", |chance| {
        let (mut arrivals, mut now) = (Arrivals::default(), Time::from_nanos(1 << 40));
        let (mut number, mut came) = (chance.number() as u16, HashMap::new());
        for _ in 0..400 {
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
    });
}

/// What a viewer says of the packets it was sent.
#[test]
fn transport_wide_feedback() {
    let good = [
        vec![0xff, 0xff, 0, 3, 0, 0, 1, 9, 0x20, 3, 4, 0, 8],
        vec![0, 5, 0, 3, 0, 0, 0, 0, 0b1110_0001, 0, 0xff, 0xff, 2],
        vec![0, 5, 0, 9, 0, 0, 0, 0, 0b1010_0000, 0b0010_0000, 1, 1],
    ];
    fuzz("transport feedback", |chance| {
        for _ in 0..200 {
            let body = chance.mutated(&good);
            let Some(feedback) = TransportFeedback::read(&body) else { continue };
            let packets: Vec<_> = feedback.packets().collect();
            assert!(packets.len() <= usize::from(MOST_PACKETS));
            let arrived = packets.iter().filter(|one| one.arrived_us.is_some()).count();
            assert!(arrived <= body.len(), "each that arrived takes a byte");
            for (at, one) in packets.iter().enumerate() {
                assert_eq!(one.number, feedback.base.wrapping_add(at as u16));
            }
        }
    });
}
