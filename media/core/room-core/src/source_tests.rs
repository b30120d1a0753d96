//! A source alone: which packets leave, when, and which instant they are told to have.

use super::*;
use std::time::Instant;

const SECOND: u64 = 1_000_000_000;

fn at(ms: u64) -> Time {
    Time::from_nanos(SECOND + ms * 1_000_000)
}

fn anchor() -> Anchor {
    Anchor { at: at(0), instant: Instant::now(), unix_ns: 1_700_000_000 * SECOND }
}

fn frame(codec: Codec, ms: u64, length: usize) -> Frame {
    Frame { codec, data: vec![1; length], at: at(ms), keyframe: true }
}

#[test]
fn frames_leave_at_their_instant_with_its_timestamp() {
    let mut source = Source::new(RoomId(1), TrackId(1), TrackId(2));
    source.write(at(0), frame(Codec::Opus, 20, 80));
    source.write(at(0), frame(Codec::Vp8, 40, 900));
    assert_eq!(source.wake(), at(20));
    assert!(source.due(at(19), &anchor()).is_empty());
    let audio = source.due(at(20), &anchor());
    assert_eq!((audio[0].track, u64::from(audio[0].timestamp)), (TrackId(1), 48_000 * 1_020 / 1_000));
    let video = source.due(source.wake(), &anchor());
    assert_eq!((video[0].track, video[0].marker), (TrackId(2), true));
    let apart = video[0].captured_unix_ns - audio[0].captured_unix_ns;
    assert_eq!(apart, 20_000_000);
}

#[test]
fn a_large_frame_is_spread_out_while_audio_passes() {
    let mut source = Source::new(RoomId(1), TrackId(1), TrackId(2));
    source.write(at(0), frame(Codec::Vp8, 0, 60_000));
    source.write(at(0), frame(Codec::Opus, 2, 80));
    let mut sent = Vec::new();
    while source.wake() != Time::FAR {
        let now = source.wake();
        let due = source.due(now, &anchor());
        assert!(due.len() <= BURST + 1);
        sent.extend(due.into_iter().map(|packet| (now, packet)));
    }
    let audio = sent.iter().find(|(_, packet)| packet.codec == Codec::Opus).unwrap();
    assert_eq!(audio.0, at(2));
    assert!(sent.last().unwrap().0 >= at(25));
}

#[test]
fn what_is_too_far_ahead_out_of_order_or_too_much_is_refused() {
    let mut source = Source::new(RoomId(1), TrackId(1), TrackId(2));
    source.write(at(0), frame(Codec::Vp8, 60_000, 9));
    source.write(at(0), frame(Codec::Vp8, 100, 9));
    source.write(at(0), frame(Codec::Vp8, 90, 9));
    assert_eq!(source.refused(), 2);
    for _ in 0..QUEUED_FRAMES {
        source.write(at(0), frame(Codec::Vp8, 100, 9));
    }
    assert_eq!(source.refused(), 3);
}

#[test]
fn flushing_leaves_nothing_to_send() {
    let mut source = Source::new(RoomId(1), TrackId(1), TrackId(2));
    source.write(at(0), frame(Codec::Vp8, 0, 60_000));
    source.due(at(0), &anchor());
    source.flush();
    assert_eq!(source.wake(), Time::FAR);
}

/// A group of pictures each second, and sound, from 0 on: what a writer that is two seconds ahead leaves.
fn two_seconds(source: &mut Source) {
    for n in 0..50 {
        source.write(at(0), Frame { keyframe: n % 25 == 0, ..frame(Codec::Vp8, n * 40, 900) });
        source.write(at(0), frame(Codec::Opus, n * 40, 80));
        source.write(at(0), frame(Codec::Opus, n * 40 + 20, 80));
    }
}

/// All that leaves from `from` on, each with the time at which it does.
fn run(source: &mut Source, from: Time) -> Vec<(Time, Packet)> {
    let (mut sent, mut now) = (Vec::new(), from);
    loop {
        sent.extend(source.due(now, &anchor()).into_iter().map(|packet| (now, packet)));
        if source.wake() == Time::FAR {
            return sent;
        }
        now = now.max(source.wake());
    }
}

fn of(sent: &[(Time, Packet)], codec: Codec) -> Vec<&(Time, Packet)> {
    sent.iter().filter(|(_, packet)| packet.codec == codec).collect()
}

fn is_told(packet: &Packet, when: Time) -> bool {
    packet.timestamp == when.ticks(packet.codec.clock_rate()) as u32
        && packet.captured_unix_ns == anchor().unix_ns(when) as i64
}

#[test]
fn a_source_that_stood_still_goes_on_at_the_newest_keyframe_in_step_with_the_present() {
    let mut source = Source::new(RoomId(1), TrackId(1), TrackId(2));
    two_seconds(&mut source);
    let sent = run(&mut source, at(1_510));
    let (video, audio) = (of(&sent, Codec::Vp8), of(&sent, Codec::Opus));
    assert!(video[0].1.starts);
    assert_eq!(video.len(), 25, "nothing of the first group");
    assert!(
        is_told(&video[0].1, at(1_510)) && is_told(&video[1].1, at(1_512)),
        "the past is pressed together"
    );
    assert!(video.windows(2).all(|two| two[0].1.timestamp < two[1].1.timestamp));
    let in_step = video.iter().filter(|(when, _)| *when > at(1_560));
    assert!(in_step.clone().count() > 9);
    in_step.for_each(|(when, packet)| assert!(is_told(packet, *when), "{when:?}"));
    audio
        .iter()
        .for_each(|(_, packet)| assert!(packet.captured_unix_ns >= anchor().unix_ns(at(1_500)) as i64));
    assert_eq!(audio.len(), 25, "the sound of the present and no other");
}

#[test]
fn what_builds_on_a_keyframe_that_has_left_leaves_too_and_catches_up() {
    let mut source = Source::new(RoomId(1), TrackId(1), TrackId(2));
    two_seconds(&mut source);
    assert_eq!(source.due(at(0), &anchor()).len(), 2);
    let sent = run(&mut source, at(800));
    let video = of(&sent, Codec::Vp8);
    assert_eq!(video.len(), 49, "no frame is missing");
    assert_eq!(
        video.iter().map(|(_, packet)| packet.sequence).collect::<Vec<_>>(),
        (2..51).collect::<Vec<_>>()
    );
    assert!(is_told(&video[0].1, at(800)));
    assert!(is_told(&video[30].1, at(31 * 40)));
}

#[test]
fn what_is_a_little_late_leaves_late_and_whole() {
    let mut source = Source::new(RoomId(1), TrackId(1), TrackId(2));
    two_seconds(&mut source);
    let sent = run(&mut source, at(450));
    let video = of(&sent, Codec::Vp8);
    assert_eq!(video.len(), 50);
    assert!(is_told(&video[0].1, at(0)));
}

#[test]
fn when_all_is_of_the_past_nothing_leaves_until_the_next_keyframe() {
    let mut source = Source::new(RoomId(1), TrackId(1), TrackId(2));
    two_seconds(&mut source);
    source.due(at(0), &anchor());
    assert!(source.due(at(3_000), &anchor()).is_empty());
    source.write(at(3_000), Frame { keyframe: false, ..frame(Codec::Vp8, 3_000, 900) });
    assert!(source.due(at(3_000), &anchor()).is_empty());
    source.write(at(3_000), frame(Codec::Vp8, 3_040, 900));
    assert_eq!(source.due(at(3_040), &anchor()).len(), 1);
}

#[test]
fn a_source_that_is_held_sends_up_to_the_instant_and_goes_on_from_there() {
    let mut source = Source::new(RoomId(1), TrackId(1), TrackId(2));
    two_seconds(&mut source);
    source.due(at(0), &anchor());
    source.hold(at(90));
    let held = run(&mut source, at(40));
    assert_eq!(of(&held, Codec::Vp8).len(), 2, "40 and 80");
    source.write(at(60_000), Frame { keyframe: false, ..frame(Codec::Vp8, 60_000, 900) });
    let sent = run(&mut source, at(60_000));
    assert_eq!((sent.len(), sent[0].1.sequence), (1, 4));
}

#[test]
fn a_hold_that_comes_after_its_instant_costs_the_rest_of_the_group() {
    let mut source = Source::new(RoomId(1), TrackId(1), TrackId(2));
    two_seconds(&mut source);
    source.due(at(120), &anchor());
    source.hold(at(90));
    source.write(at(1_000), Frame { keyframe: false, ..frame(Codec::Vp8, 1_000, 900) });
    assert!(source.due(at(1_000), &anchor()).is_empty(), "whoever wrote it repeats what was sent");
}
