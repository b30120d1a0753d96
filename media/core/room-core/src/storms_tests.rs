//! Whoever storms the server slows themselves: everyone else's pictures and sound go on, and the work stays bounded.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::*;
use crate::client::publish;
use crate::codec::MediaKind;
use crate::ids::TrackId;
use crate::limits::{
    ADDRESSES_PER_PEER, ASKED_PER_SECOND, CHECKS_PER_SECOND, FEEDBACK_PER_SECOND, INGRESS_PER_SECOND,
    PICTURES_PER_SECOND, REFRESHES_AT_ONCE, REFRESHES_PER_SECOND, SOUNDS_PER_SECOND,
};
use crate::rtcp::{Compound, ReportBlock};
use crate::stage::{Besides, Stage};
use crate::way::Way;
use crate::world::{Sightings, World};

const SECONDS: u64 = 5;
/// In each five milliseconds: three thousand a second.
const AT_A_TIME: u64 = 15;
/// The stormer's number: after the camera, the viewer and the voice.
const STORMER: usize = 3;
/// One with two slots of each kind.
const LISTENER: usize = 4;
const CAMERA: TrackId = TrackId(500);
const LOUD: [TrackId; 2] = [TrackId(800), TrackId(801)];

/// A stage with one who storms in its room and on its only thread.
fn stage(besides: Besides) -> Stage {
    let mut stage = Stage::spoken(1, Way::new(20_000_000, 1));
    let slots = [MediaKind::Audio, MediaKind::Video].map(|kind| {
        let mut slot = crate::client::slot(kind, 0, World::ssrc(STORMER, kind, 0));
        slot.extensions.insert(crate::params::TRANSPORT_SEQUENCE.to_owned(), 3);
        slot
    });
    let published = [MediaKind::Video, MediaKind::Audio].map(publish).to_vec();
    let stormer = stage.world.join_as(slots.to_vec(), published, LOUD.to_vec());
    assert_eq!((stormer, stage.world.viewer()), (STORMER, LISTENER));
    stage.world.watch = Some(count);
    stage.world.run_ms(500);
    stage.play(5);
    stage.besides = Some(besides);
    stage
}

fn count(sightings: &mut Sightings, client: usize, bytes: &[u8]) {
    let kind = u32::from(demux::kind(bytes) == Kind::Rtp);
    sightings.entry((client, kind, 0)).or_default().extend(vec![0; bytes.len()]);
}

/// What came of a storm of five seconds.
struct After {
    stage: Stage,
    handled: Counters,
    /// Bytes of anything but media that the stormer was sent.
    answered: usize,
    keyframes: usize,
}

fn storm(besides: Besides) -> After {
    let mut stage = stage(besides);
    let of = |stage: &Stage| {
        let peers = stage.world.shards[0].stats(stage.world.now).peers;
        peers.into_iter().find(|peer| peer.peer == STORMER as u64).unwrap().counters
    };
    let answers = |stage: &Stage| stage.world.sightings.get(&(STORMER, 0, 0)).map_or(0, Vec::len);
    let (before, begun, said) = (of(&stage), stage.world.now, stage.said());
    let (shown, shot, answered) = (stage.screens[0].shown.len(), stage.cameras[0].pictures, answers(&stage));
    let keyframes = stage.cameras[0].keyframes;
    stage.play(SECONDS);
    let after = of(&stage);
    let mut handled = after;
    (handled.nacks_in, handled.plis_in) = (after.nacks_in - before.nacks_in, after.plis_in - before.plis_in);
    handled.packets_in -= before.packets_in;
    handled.refused -= before.refused;
    handled.bytes_out -= before.bytes_out;
    handled.retransmitted -= before.retransmitted;
    // Everyone else: each picture, each word, in time, at full height, nothing again.
    let seen = (stage.screens[0].shown.len() - shown) as u64;
    assert!(seen + 2 >= stage.cameras[0].pictures - shot, "{seen} pictures");
    assert!(stage.screens[0].freeze(begun, stage.world.now) <= Duration::from_millis(90));
    assert!(stage.heard_percent(said) >= 99.0);
    assert_eq!((stage.heights(), stage.stats().counters.retransmitted), (vec![720], 0));
    let answered = answers(&stage) - answered;
    let keyframes = stage.cameras[0].keyframes - keyframes;
    After { stage, handled, answered, keyframes }
}

/// What a budget allows within the storm.
fn allowed(per_second: f64) -> u64 {
    (per_second * (SECONDS + 1) as f64) as u64
}

fn send_control(world: &mut World, compound: &Compound) {
    let datagram = world.clients[STORMER].rtcp(compound);
    world.send(STORMER, datagram);
}

#[test]
fn who_asks_for_everything_again_gets_a_share_again() {
    let after = storm(|world, n| {
        let ssrc = World::ssrc(STORMER, MediaKind::Video, 0);
        for at in 0..AT_A_TIME {
            let first = (n * AT_A_TIME + at) as u16;
            let lost: Vec<u16> = (0..4_000).map(|more| first.wrapping_add(more)).collect();
            send_control(world, &Compound::new().nack(1, ssrc, &lost));
        }
    });
    assert!(after.handled.nacks_in <= allowed(ASKED_PER_SECOND), "{:?}", after.handled);
    assert!(after.handled.refused > 5_000);
    assert!(after.handled.retransmitted * 4 < after.handled.packets_out, "{:?}", after.handled);
}

#[test]
fn who_wants_keyframes_all_the_time_gets_few_and_publishers_are_asked_as_rarely() {
    let after = storm(|world, _| {
        let ssrc = World::ssrc(STORMER, MediaKind::Video, 0);
        for _ in 0..AT_A_TIME {
            let many = (0..40).fold(Compound::new(), |compound, _| compound.pli(1, ssrc));
            send_control(world, &many);
        }
    });
    let most = allowed(REFRESHES_PER_SECOND) + REFRESHES_AT_ONCE as u64;
    assert!((1..=most).contains(&after.handled.plis_in), "{:?}", after.handled);
    assert!(after.keyframes as u64 <= most, "{} keyframes", after.keyframes);
    assert!(after.handled.refused > 5_000);
}

#[test]
fn who_tells_of_packets_without_end_is_not_listened_to() {
    let after = storm(|world, n| {
        for at in 0..AT_A_TIME {
            let number = ((n * AT_A_TIME + at) as u16).to_be_bytes();
            // Two thousand packets, all missing.
            let body =
                [&number[..], &2_000_u16.to_be_bytes(), &[0, 0, 1, at as u8], &2_000_u16.to_be_bytes()];
            let report = Compound::new().receiver_report(1, &[ReportBlock::default(); 31]);
            send_control(world, &report.transport_wide(1, 0, &body.concat()));
        }
    });
    assert!(after.handled.refused > 5_000, "{:?}", after.handled);
}

#[test]
fn who_checks_without_end_from_ever_new_addresses_is_answered_at_times() {
    let after = storm(|world, n| {
        for at in 0..AT_A_TIME {
            let port = 20_000 + ((n * AT_A_TIME + at) % 40_000) as u16;
            let from = SocketAddr::new(IpAddr::from([10, 0, 0, 9]), port);
            let mut check = world.clients[STORMER].check();
            world.inject(from, &mut check);
        }
    });
    // At their many addresses.
    let got = &after.stage.world.strangers_got;
    let answers = got.iter().filter(|bytes| demux::kind(bytes) == Kind::Stun).count();
    assert!((1..=allowed(CHECKS_PER_SECOND)).contains(&(answers as u64)), "{answers}");
    assert!(after.handled.refused > 10_000, "{:?}", after.handled);
    let shard = &after.stage.world.shards[0];
    assert!(shard.addresses.len() <= ADDRESSES_PER_PEER + 4, "{}", shard.addresses.len());
}

#[test]
fn who_greets_without_end_is_hardly_answered() {
    let after = storm(|world, n| {
        for at in 0..AT_A_TIME {
            // Handshake records, plain ones and such as pretend to be encrypted.
            let mut record =
                vec![22 + (at % 2) as u8, 254, 253, 0, (at % 2) as u8, 0, 0, 0, 0, 0, n as u8, 0, 60];
            record.extend([n as u8; 60]);
            world.send(STORMER, record);
        }
    });
    assert!(after.handled.refused > 10_000, "{:?}", after.handled);
    assert!(after.answered < 100_000, "{} bytes", after.answered);
}

#[test]
fn who_floods_a_stage_is_cut_down_to_what_a_camera_and_a_microphone_need() {
    let after = storm(|world, n| {
        if n % 200 == 0 {
            world.layout(&[Some(TrackId(700)), Some(LOUD[1])], &[Some(CAMERA), Some(LOUD[0])]);
        }
        for at in 0..5 * AT_A_TIME {
            let number = world.sent;
            let (payload_type, ssrc) = if at % 2 == 0 { (111, 0x8000) } else { (96, 0x8001) };
            let datagram =
                world.clients[STORMER].rtp(payload_type, number, number as u32, ssrc, &[0x10, 0x10, 1]);
            world.send(STORMER, datagram);
        }
    });
    assert!(after.handled.packets_in <= allowed(INGRESS_PER_SECOND), "{:?}", after.handled);
    assert!(after.handled.refused > 30_000);
    for (kind, most) in [(MediaKind::Video, PICTURES_PER_SECOND), (MediaKind::Audio, SOUNDS_PER_SECOND)] {
        let ssrc = World::ssrc(LISTENER, kind, 1);
        let got = after.stage.world.clients[LISTENER].media.iter();
        let got = got.filter(|packet| packet.header.ssrc == ssrc).count() as u64;
        assert!((100..=allowed(most)).contains(&got), "{kind:?}: {got}");
    }
}

/// Datagrams of feedback that are not even decrypted.
#[test]
fn who_reports_without_end_is_heard_three_hundred_times_a_second() {
    let after = storm(|world, _| {
        for _ in 0..AT_A_TIME {
            send_control(world, &Compound::new().receiver_report(1, &[]));
        }
    });
    let sent = SECONDS * 1_000 / 5 * AT_A_TIME;
    assert!(after.handled.refused + allowed(FEEDBACK_PER_SECOND) >= sent, "{:?}", after.handled);
    assert!(after.answered < 100_000);
}
