//! Taps: whole frames of what peers publish, in step, whatever the network does.

use std::collections::BTreeMap;

use super::*;
use crate::client::publish;
use crate::codec::{Codec, MediaKind};
use crate::ids::{TapId, TrackId};
use crate::packetise::Packetiser;
use crate::rtcp::{Compound, Packet as Control, SenderInfo};
use crate::simulcast::{Camera, Shot};
use crate::tap::TappedFrame;
use crate::world::{ROOM, World, scatter};

const TAP: TapId = TapId(1);
const VOICE: TrackId = TrackId(500);
const CAMERA: TrackId = TrackId(501);
const PICTURE_MS: u64 = 40;
/// Sound of this long comes in one packet, two for a picture.
const SOUND_MS: u64 = 20;
const KEY: Shot = Shot { keyframe: true, temporal: 0, sync: false };
const DELTA: Shot = Shot { keyframe: false, temporal: 0, sync: false };

/// Somebody with a microphone and a camera, who remembers what was sent and sends again what is asked for.
struct Speaker {
    client: usize,
    codec: Codec,
    packetiser: Packetiser,
    pictures: u64,
    next: u64,
    asked: usize,
    repairs: u64,
    sent: BTreeMap<u16, (u32, bool, Vec<u8>)>,
    /// By number.
    frames: Vec<Vec<u8>>,
    /// Pictures of which the second packet is never seen.
    torn: fn(u64) -> bool,
    /// From a picture's capture until it is sent.
    delay_ms: u32,
}

impl Speaker {
    const VIDEO: u32 = 0xcafe;
    const REPAIR: u32 = 0xcaff;
    const AUDIO: u32 = 0xf00d;

    fn join(world: &mut World, codec: Codec) -> Speaker {
        let mut publishes = vec![publish(MediaKind::Audio), publish(MediaKind::Video)];
        publishes[1].codecs.push(crate::client::codec(Codec::H264, 102, Some(103)));
        let client = world.join_as(Vec::new(), publishes, vec![VOICE, CAMERA]);
        let packetiser = Packetiser::new(codec);
        Speaker {
            client,
            codec,
            packetiser,
            pictures: 0,
            next: 40_000,
            asked: 0,
            repairs: 1,
            sent: BTreeMap::new(),
            frames: Vec::new(),
            torn: |_| false,
            delay_ms: 0,
        }
    }

    /// A picture's bytes, which tell its number.
    fn picture(&mut self, keyframe: bool) -> Vec<u8> {
        let n = self.pictures;
        let mut body: Vec<u8> = (0..1_500 + 9 * n).map(|at| scatter(n * 7_919 + at) as u8 | 1).collect();
        match self.codec {
            Codec::H264 => {
                let head = if keyframe { 0x65 } else { 0x41 };
                body.splice(0..0, [0, 0, 0, 1, head, 0x88]);
                let sets = [0, 0, 0, 1, 0x67, 0x42, 1, 9, 0, 0, 0, 1, 0x68, 7, 7];
                if keyframe { [&sets[..], &body].concat() } else { body }
            }
            _ => {
                body[0] = if keyframe { 0x10 } else { 0x11 };
                body
            }
        }
    }

    fn asks(&mut self, world: &World) -> (bool, Vec<u16>) {
        let told = &world.clients[self.client].control[self.asked..];
        self.asked += told.len();
        let wants_keyframe = told.iter().any(|one| matches!(one, Control::Pli { .. }));
        let lost = told.iter().filter_map(|one| match one {
            Control::Nack { media_ssrc: Speaker::VIDEO, lost } => Some(lost.clone()),
            _ => None,
        });
        (wants_keyframe, lost.flatten().collect())
    }

    /// A picture, and sound.
    fn speak(&mut self, world: &mut World) {
        let (wants_keyframe, lost) = self.asks(world);
        self.repair(world, &lost);
        let frame = self.picture(wants_keyframe || self.pictures == 0);
        let timestamp = 0xffff_0000_u32.wrapping_add(self.pictures as u32 * 3_600);
        let payloads = self.packetiser.frame(&frame);
        let last = payloads.len() - 1;
        let mut datagrams = Vec::new();
        for (n, payload) in payloads.into_iter().enumerate() {
            let (index, marker) = (self.next, n == last);
            self.next += 1;
            let pt = if self.codec == Codec::H264 { 102 } else { 96 };
            let client = &mut world.clients[self.client];
            let datagram = client.piece((pt, marker), index, timestamp, Speaker::VIDEO, &payload);
            if (self.torn)(self.pictures) && n == 1 {
                continue;
            }
            datagrams.push(datagram);
            self.sent.insert(index as u16, (timestamp, marker, payload));
        }
        for half in 0..PICTURE_MS / SOUND_MS {
            let n = self.pictures * 2 + half;
            let payload = [0x78, n as u8, (n >> 8) as u8];
            let client = &mut world.clients[self.client];
            let sound = client.rtp(111, 7_000 + n, 99_000 + n as u32 * 960, Speaker::AUDIO, &payload);
            world.send(self.client, sound);
        }
        if datagrams.len() > 2 && self.pictures % 3 == 1 {
            datagrams.swap(0, 1);
        }
        for datagram in datagrams {
            world.send(self.client, datagram);
        }
        self.frames.push(frame);
        self.pictures += 1;
    }

    fn repair(&mut self, world: &mut World, lost: &[u16]) {
        for number in lost {
            let Some((timestamp, marker, payload)) = self.sent.get(number) else { continue };
            let pt = if self.codec == Codec::H264 { 103 } else { 97 };
            let again = [&number.to_be_bytes()[..], payload].concat();
            let client = &mut world.clients[self.client];
            let datagram = client.piece((pt, *marker), self.repairs, *timestamp, Speaker::REPAIR, &again);
            self.repairs += 1;
            world.send(self.client, datagram);
        }
    }

    /// Tells what the clock of a source shows now.
    fn report(&self, world: &mut World, ssrc: u32) {
        let now_ms = self.pictures as u32 * PICTURE_MS as u32;
        let timestamp = match ssrc {
            Speaker::VIDEO => 0xffff_0000_u32.wrapping_add((now_ms + self.delay_ms) * 90),
            _ => 99_000 + now_ms * 48,
        };
        let info = SenderInfo { ssrc, ntp: world.ntp(), timestamp, ..SenderInfo::default() };
        let datagram = world.clients[self.client].rtcp(&Compound::new().sender_report(&info));
        world.send(self.client, datagram);
    }

    fn go_on(&mut self, world: &mut World, pictures: u64) {
        for _ in 0..pictures {
            self.speak(world);
            world.run_ms(PICTURE_MS);
        }
    }
}

/// A room that is tapped, and somebody in it who is connected.
fn tapped(codec: Codec) -> (World, Speaker) {
    let mut world = World::new(1);
    let speaker = Speaker::join(&mut world, codec);
    world.run_ms(500);
    world.all(|| Command::AddTap { tap: TAP, room: ROOM });
    (world, speaker)
}

fn frames(world: &World, track: TrackId) -> Vec<&TappedFrame> {
    let tapped = world.tapped.iter().filter_map(|(_, one)| match one {
        Tapped::Frame(frame) if frame.track == track => Some(frame),
        _ => None,
    });
    tapped.collect()
}

/// The number of the picture that a frame is, whole to the byte.
fn number(speaker: &Speaker, frame: &TappedFrame) -> usize {
    let bytes = frame.to_vec();
    speaker.frames.iter().position(|sent| *sent == bytes).expect("a frame as it was sent")
}

/// The first picture, after which the speaker tells the clock.
fn begin(world: &mut World, speaker: &mut Speaker) {
    speaker.go_on(world, 1);
    speaker.report(world, Speaker::VIDEO);
    speaker.report(world, Speaker::AUDIO);
}

#[test]
fn every_frame_comes_whole_and_once_whatever_order_its_packets_come_in() {
    for codec in [Codec::Vp8, Codec::H264] {
        let (mut world, mut speaker) = tapped(codec);
        begin(&mut world, &mut speaker);
        speaker.go_on(&mut world, 59);
        let pictures = frames(&world, CAMERA);
        let numbers: Vec<_> = pictures.iter().map(|frame| number(&speaker, frame)).collect();
        assert_eq!(numbers, (0..60).collect::<Vec<_>>(), "{codec:?}");
        assert!(pictures[0].keyframe && pictures[1..].iter().all(|frame| !frame.keyframe));
        assert!(pictures.iter().all(|frame| !frame.after_gap && frame.codec == codec));
        let sounds = frames(&world, VOICE);
        let numbers: Vec<_> = sounds.iter().map(|frame| frame.to_vec()[1]).collect();
        assert_eq!(numbers, (0..120).collect::<Vec<u8>>());
    }
}

#[test]
fn lost_packets_that_come_again_leave_no_gap() {
    let (mut world, mut speaker) = tapped(Codec::Vp8);
    begin(&mut world, &mut speaker);
    world.loses_up = |n, datagram| datagram[1] & 0x7f == 96 && scatter(n) < 40;
    speaker.go_on(&mut world, 100);
    world.loses_up = |_, _| false;
    speaker.go_on(&mut world, 30);
    let pictures = frames(&world, CAMERA);
    let numbers: Vec<_> = pictures.iter().map(|frame| number(&speaker, frame)).collect();
    let first = numbers[0];
    assert_eq!(numbers, (first..first + numbers.len()).collect::<Vec<_>>());
    assert!(numbers.len() > 110, "{}", numbers.len());
    assert!(speaker.repairs > 10, "something was lost");
}

#[test]
fn after_a_loss_for_good_it_goes_on_at_a_keyframe_that_was_asked_for_and_says_so() {
    let (mut world, mut speaker) = tapped(Codec::H264);
    begin(&mut world, &mut speaker);
    speaker.torn = |picture| picture == 20;
    speaker.go_on(&mut world, 79);
    let pictures = frames(&world, CAMERA);
    let numbers: Vec<_> = pictures.iter().map(|frame| number(&speaker, frame)).collect();
    let gap = numbers.iter().position(|number| *number == 19).unwrap() + 1;
    assert_eq!(numbers[..gap], (0..20).collect::<Vec<_>>());
    assert!(pictures[gap].keyframe && pictures[gap].after_gap);
    assert!((45..50).contains(&numbers[gap]), "{}: a second of patience, and a keyframe", numbers[gap]);
    assert_eq!(numbers[gap..], (numbers[gap]..80).collect::<Vec<_>>());
    assert_eq!(pictures.iter().filter(|frame| frame.after_gap).count(), 1);
    assert!(frames(&world, VOICE).iter().all(|frame| !frame.after_gap), "sound is another track");
}

#[test]
fn sound_and_picture_are_in_step_from_the_first_frame_on_however_late_pictures_come() {
    let (mut world, mut speaker) = tapped(Codec::Vp8);
    // It takes that long to encode: what arrives together was not captured together.
    speaker.delay_ms = 120;
    for n in 0..90 {
        speaker.go_on(&mut world, 1);
        match n {
            12 => speaker.report(&mut world, Speaker::VIDEO),
            60 => speaker.report(&mut world, Speaker::AUDIO),
            _ => {}
        }
    }
    let (sounds, pictures) = (frames(&world, VOICE), frames(&world, CAMERA));
    assert!(sounds.iter().chain(&pictures).all(|frame| frame.synced));
    assert_eq!((sounds.len(), pictures.len()), (180, 90));
    for (n, picture) in pictures.iter().enumerate() {
        let (picture, sound) = (picture.at.as_nanos() as i64, sounds[2 * n].at.as_nanos() as i64);
        let apart_ms = (picture - sound) as f64 / 1e6;
        assert!((apart_ms + 120.0).abs() < 2.0, "{n}: {apart_ms} ms apart");
    }
    let steps = pictures.windows(2).map(|two| two[1].at.since(two[0].at).as_millis());
    assert!(steps.clone().all(|step| (39..=41).contains(&step)), "{:?}", steps.collect::<Vec<_>>());
}

#[test]
fn who_never_tells_the_clock_is_handed_out_by_arrival_and_it_says_so() {
    let (mut world, mut speaker) = tapped(Codec::Vp8);
    speaker.go_on(&mut world, 90);
    assert!(frames(&world, CAMERA).is_empty(), "it waits for the clock");
    speaker.go_on(&mut world, 30);
    let pictures = frames(&world, CAMERA);
    assert!(pictures.len() > 110 && pictures.iter().all(|frame| !frame.synced));
    assert!(pictures.windows(2).all(|two| two[0].at < two[1].at));
}

#[test]
fn a_mute_and_a_leave_are_told_and_what_comes_after_a_mute_begins_with_a_keyframe() {
    let (mut world, mut speaker) = tapped(Codec::Vp8);
    begin(&mut world, &mut speaker);
    speaker.go_on(&mut world, 19);
    world.all(|| Command::Mute { track: CAMERA });
    speaker.go_on(&mut world, 10);
    assert_eq!(frames(&world, CAMERA).len(), 20);
    world.all(|| Command::Unmute { track: CAMERA });
    speaker.go_on(&mut world, 20);
    let pictures = frames(&world, CAMERA);
    assert!(pictures[20].keyframe && pictures[20].after_gap && pictures.len() > 30);
    let peer = PeerId(speaker.client as u64);
    world.all(|| Command::RemovePeer { peer });
    world.run_ms(10);
    world.all(|| Command::CloseRoom { room: ROOM });
    world.run_ms(10);
    let marks: Vec<_> = world.tapped.iter().filter(|(_, one)| one.is_empty()).collect();
    let is_marked = |mark: fn(&Tapped) -> bool| marks.iter().filter(|(_, one)| mark(one)).count();
    assert_eq!(is_marked(|one| matches!(one, Tapped::Muted { track: CAMERA })), 1);
    assert_eq!(is_marked(|one| matches!(one, Tapped::Ended { track: CAMERA | VOICE })), 2);
    assert!(matches!(world.tapped.last(), Some((TAP, Tapped::Closed))));
}

#[test]
fn the_best_layer_is_wanted_and_handed_out_and_the_next_one_when_it_stops() {
    let mut world = World::new(1);
    let mut camera = Camera::join(&mut world, CAMERA);
    world.all(|| Command::AddTap { tap: TAP, room: ROOM });
    world.run_ms(500);
    let mut asked = 0;
    for n in 0..200 {
        let told = &world.clients[camera.client].control[asked..];
        let keys = [0, 1, 2].map(|layer| {
            told.iter()
                .any(|one| matches!(one, Control::Pli { media_ssrc } if *media_ssrc == Camera::ssrc(layer)))
        });
        asked += told.len();
        camera.layers[2].active = n < 120;
        camera.shoot(&mut world, keys.map(|key| if key || n == 0 { KEY } else { DELTA }));
        world.run_ms(PICTURE_MS);
        if n == 1 {
            camera.report(&mut world);
        }
    }
    let pictures = frames(&world, CAMERA);
    let layers: Vec<u8> = pictures.iter().map(|frame| frame.layer).collect();
    let tops = layers.iter().filter(|layer| **layer == 2).count();
    assert!((115..=120).contains(&tops), "{tops} of the best layer");
    assert_eq!(*layers.last().unwrap(), 1, "the next one went on");
    assert!(pictures.windows(2).all(|two| two[0].layer == two[1].layer || two[1].keyframe));
    assert!(pictures.windows(2).all(|two| two[0].at < two[1].at));
    let wanted = world.events.iter().any(|event| match event {
        Event::LayersWanted { rids, .. } => !rids.contains(&"f".to_owned()),
        _ => false,
    });
    assert!(!wanted, "nobody watches, but somebody taps");
}

#[test]
fn who_fetches_too_slowly_goes_on_at_a_keyframe() {
    let (mut world, mut speaker) = tapped(Codec::Vp8);
    begin(&mut world, &mut speaker);
    speaker.go_on(&mut world, 19);
    world.tapped.clear();
    let now = world.now;
    world.shards[0].tap_overflowed(now, TAP, CAMERA);
    speaker.go_on(&mut world, 45);
    assert!(frames(&world, CAMERA).is_empty(), "no keyframe is asked for yet: it costs everybody");
    speaker.go_on(&mut world, 40);
    let pictures = frames(&world, CAMERA);
    assert!(pictures[0].keyframe && pictures[0].after_gap && pictures.len() > 10);
    assert!(frames(&world, VOICE).iter().all(|frame| !frame.after_gap));
}

#[test]
fn a_tap_hears_every_shard_once_and_nothing_after_it_ended_or_of_injected_film() {
    let mut world = World::new(2);
    let mut first = Speaker::join(&mut world, Codec::Vp8);
    let second = world.publisher(TrackId(502));
    world.run_ms(500);
    world.all(|| Command::AddTap { tap: TAP, room: ROOM });
    begin(&mut world, &mut first);
    first.go_on(&mut world, 9);
    crate::world::play(&mut world, 400);
    for n in 0..10 {
        tests::film_camera(&mut world, second, n, n == 0);
        world.run_ms(PICTURE_MS);
    }
    world.all(|| Command::RemovePeer { peer: PeerId(second as u64) });
    world.run_ms(10);
    assert_eq!(frames(&world, CAMERA).len(), 10);
    assert_eq!(frames(&world, TrackId(502)).len(), 10, "what waited for a clock comes at the end");
    let known = [CAMERA, VOICE, TrackId(502)];
    let is_known = |one: &Tapped| match one {
        Tapped::Frame(frame) => known.contains(&frame.track),
        _ => true,
    };
    assert!(world.tapped.iter().all(|(_, one)| is_known(one)));
    world.all(|| Command::RemoveTap { tap: TAP });
    world.tapped.clear();
    first.go_on(&mut world, 10);
    assert!(world.tapped.is_empty());
}
