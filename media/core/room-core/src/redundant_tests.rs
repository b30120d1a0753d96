//! Sound that comes with earlier packets once more: who gets it so, who gets it plain, and what is not repeated.

use std::time::Duration;

use super::*;
use crate::client::Received;
use crate::codec::{Codec, MediaKind};
use crate::ids::TrackId;
use crate::params::CodecParams;
use crate::red::{self, Red};
use crate::rtp::HeaderWriter;
use crate::way::Way;
use crate::world::World;

const VOICE: TrackId = TrackId(700);
const OPUS: u8 = 111;
const RED: u8 = 63;
const TICKS: u32 = 960;
const SSRC: u32 = 0x700;

/// A microphone and the viewers before it: one who takes redundant sound, one who does not, one who calls it otherwise.
struct Stage {
    world: World,
    voice: usize,
    spoken: u64,
}

impl Stage {
    fn new() -> Stage {
        let mut world = World::new(1);
        let mut params = crate::client::publish(MediaKind::Audio);
        params.extensions.insert(crate::params::AUDIO_LEVEL.to_owned(), 1);
        let voice = world.join_as(Vec::new(), vec![params], vec![VOICE]);
        world.layout(&[Some(VOICE)], &[]);
        world.run_ms(500);
        Stage { world, voice, spoken: 0 }
    }

    fn listener(&mut self, pt: u8, red_pt: Option<u8>) -> usize {
        let client = self.world.clients.len();
        let ssrc = World::ssrc(client, MediaKind::Audio, 0);
        let mut slot = crate::client::slot(MediaKind::Audio, 0, ssrc);
        slot.codecs = vec![CodecParams { red_pt, ..crate::client::codec(Codec::Opus, pt, None) }];
        let listener = self.world.join(vec![slot], Vec::new());
        self.world.run_ms(200);
        listener
    }

    fn sound(n: u64) -> Vec<u8> {
        vec![n as u8; 40 + (n % 7) as usize]
    }

    /// Says the next 20 ms, as redundant sound.
    fn say(&mut self) {
        let n = self.spoken;
        let before = n.checked_sub(1).map(Stage::sound);
        let earlier: Vec<_> = before.iter().map(|data| (TICKS, &data[..])).collect();
        self.send(RED, &red::write(OPUS, &earlier, &Stage::sound(n)));
    }

    /// Sends a payload as the next 20 ms.
    fn send(&mut self, payload_type: u8, payload: &[u8]) {
        let n = self.spoken;
        self.spoken += 1;
        let timestamp = 0xffff_f000_u32.wrapping_add(n as u32 * TICKS);
        let mut writer = HeaderWriter::new(payload_type, false, 900 + n as u16, timestamp, SSRC);
        writer.extension(Some(1), &[10]);
        let datagram = self.world.clients[self.voice].rtp_with(writer, 900 + n, SSRC, payload);
        self.world.send(self.voice, datagram);
        self.world.run_ms(20);
    }

    fn heard(&mut self, listener: usize) -> Vec<Received> {
        self.world.run_ms(20);
        self.world.clients[listener].media.clone()
    }
}

fn are_without_gap(packets: &[Received]) -> bool {
    packets.windows(2).all(|two| {
        two[1].index == two[0].index + 1
            && two[1].header.timestamp.wrapping_sub(two[0].header.timestamp) == TICKS
    })
}

#[test]
fn who_takes_redundant_sound_gets_it_as_it_came_under_their_own_numbers() {
    let mut stage = Stage::new();
    let same = stage.listener(OPUS, Some(RED));
    let other = stage.listener(96, Some(97));
    (0..50).for_each(|_| stage.say());
    for (listener, opus, red) in [(same, OPUS, RED), (other, 96, 97)] {
        let packets = stage.heard(listener);
        assert_eq!(packets.len(), 50);
        assert!(are_without_gap(&packets));
        assert_eq!(packets[0].header.payload_type, opus, "the first repeats nothing");
        for (n, packet) in packets.iter().enumerate().skip(1) {
            let n = n as u64;
            assert_eq!(packet.header.payload_type, red);
            let whole = red::write(opus, &[(TICKS, &Stage::sound(n - 1))], &Stage::sound(n));
            assert_eq!(packet.payload, whole, "packet {n}");
        }
    }
}

#[test]
fn who_does_not_take_it_gets_plain_sound_and_speakers_are_told_all_the_same() {
    let mut stage = Stage::new();
    let listener = stage.listener(OPUS, None);
    (0..50).for_each(|_| stage.say());
    let packets = stage.heard(listener);
    assert_eq!(packets.len(), 50);
    assert!(are_without_gap(&packets));
    for (n, packet) in packets.iter().enumerate() {
        assert_eq!((packet.header.payload_type, &packet.payload), (OPUS, &Stage::sound(n as u64)));
    }
    assert!(stage.world.events.contains(&Event::Speaking { track: VOICE, speaking: true }));
}

#[test]
fn a_source_may_send_plain_and_redundant_sound_in_turn() {
    let mut stage = Stage::new();
    let listener = stage.listener(OPUS, Some(RED));
    for n in 0..40 {
        if n % 3 == 0 { stage.send(OPUS, &Stage::sound(n)) } else { stage.say() }
    }
    let packets = stage.heard(listener);
    assert_eq!(packets.len(), 40, "nothing begins anew");
    assert!(are_without_gap(&packets));
    let types: Vec<u8> = packets[..6].iter().map(|packet| packet.header.payload_type).collect();
    assert_eq!(types, [OPUS, RED, RED, OPUS, RED, RED]);
}

#[test]
fn what_is_lost_on_either_way_is_heard_from_the_next_packet() {
    let mut stage = Stage::new();
    let listener = stage.listener(OPUS, Some(RED));
    stage.world.loses_up = |n, bytes| n % 5 == 0 && bytes.len() > 60;
    (0..100).for_each(|_| stage.say());
    stage.world.loses_up = |_, _| false;
    (0..2).for_each(|_| stage.say());
    let packets = stage.heard(listener);
    let mut sounds = std::collections::BTreeMap::new();
    for packet in &packets {
        if packet.header.payload_type == RED {
            let read = Red::read(&packet.payload, OPUS).unwrap();
            let earlier = &packet.payload[5..packet.payload.len() - read.primary.len()];
            sounds.entry(packet.index - 1).or_insert_with(|| earlier.to_vec());
            sounds.insert(packet.index, read.primary.to_vec());
        } else {
            sounds.insert(packet.index, packet.payload.clone());
        }
    }
    assert!((70..95).contains(&packets.len()), "{} came", packets.len());
    let first = packets[0].index;
    let all: Vec<(u64, Vec<u8>)> = sounds.into_iter().collect();
    let said = (0..stage.spoken).map(|n| (first + n, Stage::sound(n)));
    assert!(all.into_iter().eq(said), "every 20 ms can be heard");
}

#[test]
fn what_was_said_while_muted_is_not_repeated_afterwards() {
    let mut stage = Stage::new();
    let listener = stage.listener(OPUS, Some(RED));
    (0..10).for_each(|_| stage.say());
    stage.world.all(|| Command::Mute { track: VOICE });
    (0..10).for_each(|_| stage.say());
    stage.world.all(|| Command::Unmute { track: VOICE });
    // As far back as can be told: to before the silence.
    let secret = Stage::sound(19);
    let whole = |age: u32, n: u64| red::write(OPUS, &[(age, &secret)], &Stage::sound(n));
    let payloads = [whole(TICKS, 20), whole(2 * TICKS, 21), whole(3 * TICKS, 22), whole(TICKS, 23)];
    payloads.iter().for_each(|payload| stage.send(RED, payload));
    let packets = stage.heard(listener);
    let after: Vec<(u8, usize)> =
        packets[10..].iter().map(|packet| (packet.header.payload_type, packet.payload.len())).collect();
    let plain = |n: u64| (OPUS, Stage::sound(n).len());
    assert_eq!(after, [plain(20), plain(21), plain(22), (RED, payloads[3].len())]);
}

#[test]
fn what_does_not_add_up_reaches_nobody_and_leaves_no_gap() {
    let mut stage = Stage::new();
    let listeners = [stage.listener(OPUS, Some(RED)), stage.listener(OPUS, None)];
    stage.say();
    let nested = red::write(RED, &[(TICKS, b"in itself")], b"own");
    let overlong = vec![0x80 | OPUS, 0, 3, 0xff, OPUS, 1, 2];
    for hostile in [&nested[..], &overlong, &[0xff; 900], &[OPUS], &[]] {
        stage.send(RED, hostile);
    }
    stage.send(OPUS, &Stage::sound(9));
    for listener in listeners {
        let packets = stage.heard(listener);
        assert_eq!(packets.len(), 2);
        assert_eq!(packets[1].index, packets[0].index + 1);
    }
}

#[test]
fn on_a_way_that_carries_little_sound_goes_plain() {
    for (bps, payload_type) in [(55_000, OPUS), (1_000_000, RED)] {
        let mut stage = Stage::new();
        let mut way = Way::new(bps, 1);
        way.queue = Duration::from_secs(2);
        let listener = stage.world.narrow_viewer(0, way);
        stage.world.run_ms(2_000);
        (0..1_000).for_each(|_| stage.say());
        let packets = stage.heard(listener);
        assert!(packets.len() >= 990, "{bps} b/s: {} of 1,000", packets.len());
        assert!(are_without_gap(&packets));
        let settled = packets[packets.len() / 2..].iter();
        let so = settled.clone().filter(|packet| packet.header.payload_type == payload_type).count();
        assert_eq!(so, settled.len(), "{bps} b/s");
    }
}
