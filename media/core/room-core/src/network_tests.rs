//! Networks that lose, shake, reorder and repeat, on the way from the publishers and on the way to the viewer.
//!
//! `make network` prints what came of each as a table.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::*;
use crate::codec::MediaKind;
use crate::rtcp::Compound;
use crate::simulcast::Shot;
use crate::stage::Stage;
use crate::way::Way;
use crate::world::{Sightings, World};

const SEEDS: [u64; 3] = [1, 7, 42];
const WIDE_BPS: u64 = 20_000_000;
const SETTLING_S: u64 = 5;
const MEASURED_S: u64 = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Poor {
    Publishers,
    Viewers,
}

/// What came of it for the viewer; shares are in percent.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    /// Of the pictures that were shot.
    shown: f64,
    freeze: Duration,
    /// Of what was said.
    heard: f64,
    /// Packets that came again over the poor way, of those that were sent over it.
    again: f64,
    /// Packets that the viewer was sent again.
    repaired: u64,
    /// Packets that the server asked for, and those that the viewer did.
    asked: (u64, u64),
    height: u16,
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The least, and the most, that may come of it.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    shown: f64,
    freeze: Duration,
    heard: f64,
    again: f64,
}

/// Counters of what a measurement begins with.
#[derive(Clone, Copy, Debug)]
struct Count {
    at: Time,
    shown: usize,
    shot: u64,
    said: u64,
    /// From the publisher to the server, and from there to the viewer: sent at first, and again.
    up: (u64, u64),
    down: (u64, u64),
    asked: (u64, u64),
}

impl Count {
    fn of(stage: &Stage) -> Count {
        let (camera, viewer) = (&stage.cameras[0], stage.stats().counters);
        Count {
            at: stage.world.now,
            shown: stage.screens[0].shown.len(),
            shot: camera.pictures,
            said: stage.said(),
            up: (camera.sent, camera.sent_again),
            down: (viewer.packets_out, viewer.retransmitted),
            asked: (stage.totals().nacks_out, viewer.nacks_in),
        }
    }

    fn until(self, stage: &Stage, poor: Poor) -> Outcome {
        let now = Count::of(stage);
        let percent = |part: u64, whole: u64| part as f64 * 100.0 / whole as f64;
        let share =
            |(sent, again): (u64, u64), before: (u64, u64)| percent(again - before.1, sent - before.0);
        Outcome {
            shown: percent((now.shown - self.shown) as u64, now.shot - self.shot),
            freeze: stage.screens[0].freeze(self.at, now.at),
            heard: stage.heard_percent(self.said),
            again: match poor {
                Poor::Publishers => share(now.up, self.up),
                Poor::Viewers => share(now.down, self.down),
            },
            repaired: now.down.1 - self.down.1,
            asked: (now.asked.0 - self.asked.0, now.asked.1 - self.asked.1),
            height: stage.screens[0].height(),
        }
    }
}

/// Keeps the headers of media, and knows when a number is given twice.
fn headers(sightings: &mut Sightings, client: usize, bytes: &[u8]) {
    if demux::kind(bytes) == Kind::Rtp {
        let sequence = u16::from_be_bytes([bytes[2], bytes[3]]);
        let ssrc = u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
        let before = sightings.insert((client, ssrc, sequence), bytes[..12].to_vec());
        assert_eq!(before, None, "source {ssrc} sent {sequence} again");
    }
}

/// A stage that has played for three seconds over good ways.
fn stage(shards: ShardIndex, seed: u64) -> Stage {
    let mut stage = Stage::spoken(shards, Way::new(WIDE_BPS, seed));
    stage.world.watch = Some(headers);
    stage.play(3);
    stage
}

fn spoil(stage: &mut Stage, poor: Poor, way: Way) {
    if poor == Poor::Publishers {
        stage.publish_over(way);
    } else {
        stage.world.ways.insert(stage.viewer, way);
        // What the viewer tells and asks suffers, too.
        let mut back = way;
        back.seed += 100;
        stage.world.ways_up.insert(stage.viewer, back);
    }
}

/// What a viewer may rely on whatever the network does: in each slot numbers without a gap and time that goes on; and that
/// nothing is kept for ever.
fn has_no_breaks(stage: &Stage) {
    for kind in [MediaKind::Audio, MediaKind::Video] {
        let ssrc = World::ssrc(stage.viewer, kind, 0);
        let of_slot =
            stage.world.sightings.iter().filter(|((to, of, _), _)| (*to, *of) == (stage.viewer, ssrc));
        let times: BTreeMap<u16, u32> = of_slot
            .map(|((.., number), header)| {
                (*number, u32::from_be_bytes([header[4], header[5], header[6], header[7]]))
            })
            .collect();
        let sent: Vec<(u16, u32)> = times.into_iter().collect();
        assert!(sent.len() > 500, "{kind:?}: {}", sent.len());
        let longest = 2 * kind_clock_rate(kind);
        for two in sent.windows(2) {
            let ticks = two[1].1.wrapping_sub(two[0].1);
            // A number that is never sent was never given: what it stood for did not come in.
            assert!(two[1].0 - two[0].0 <= 64 && ticks < longest, "{kind:?}: {two:?}");
        }
    }
    for track in
        stage.world.shards.iter().flat_map(|shard| shard.rooms.values()).flat_map(|room| room.tracks.values())
    {
        let most = if track.kind == MediaKind::Audio { 128 } else { 1_024 };
        assert!(track.encodings.iter().all(|encoding| encoding.history.held() <= most));
    }
}

fn kind_clock_rate(kind: MediaKind) -> u32 {
    if kind == MediaKind::Audio { 48_000 } else { 90_000 }
}

/// Plays over a way that `change` makes poor, once for each seed, and holds what comes of it against the bounds.
fn try_out(what: &str, poor: Poor, bounds: Bounds, change: impl Fn(&mut Way)) -> Vec<Outcome> {
    let outcome = |seed| {
        println!("seed {seed}: {what}, the {poor:?}' way is poor");
        let mut stage = stage(1, seed);
        let mut way = Way::new(WIDE_BPS, seed);
        change(&mut way);
        spoil(&mut stage, poor, way);
        stage.play(SETTLING_S);
        let before = Count::of(&stage);
        stage.play(MEASURED_S);
        let outcome = before.until(&stage, poor);
        println!("{outcome:?}");
        has_no_breaks(&stage);
        assert!(outcome.shown >= bounds.shown && outcome.freeze <= bounds.freeze);
        assert!(outcome.heard >= bounds.heard && outcome.again <= bounds.again);
        outcome
    };
    let outcomes = SEEDS.map(outcome);
    print_row(what, poor, &outcomes);
    outcomes.to_vec()
}

/// The worst of all seeds.
fn print_row(what: &str, poor: Poor, outcomes: &[Outcome]) {
    let least = |value: fn(&Outcome) -> f64| outcomes.iter().map(value).fold(f64::MAX, f64::min);
    let most = |value: fn(&Outcome) -> f64| outcomes.iter().map(value).fold(0.0, f64::max);
    let whose = if poor == Poor::Publishers { "publisher" } else { "viewer" };
    println!(
        "| {what} | {whose} | {:.0} % | {:.0} ms | {:.0} % | {:.0} % | {} |",
        least(|one| one.shown).min(100.0),
        most(|one| one.freeze.as_secs_f64() * 1_000.0),
        least(|one| one.heard),
        most(|one| one.again),
        least(|one| f64::from(one.height)),
    );
}

#[test]
fn loss_on_the_way_from_publishers_is_repaired_before_viewers_see_it() {
    let bounds = |shown, freeze_ms, heard, again| Bounds { shown, freeze: ms(freeze_ms), heard, again };
    for (percent, bounds) in [
        (5, bounds(99.0, 300, 98.0, 8.0)),
        (10, bounds(99.0, 400, 96.0, 15.0)),
        (20, bounds(97.0, 700, 92.0, 32.0)),
        (30, bounds(96.0, 800, 86.0, 50.0)),
    ] {
        let what = format!("{percent} % lost");
        for outcome in try_out(&what, Poor::Publishers, bounds, |way| way.loss_percent = percent) {
            assert_eq!(outcome.height, 720);
            assert!(outcome.repaired < 120, "the viewer gets little again, and lost nothing: {outcome:?}");
        }
    }
}

#[test]
fn loss_on_the_way_to_a_viewer_is_repaired_within_the_budget() {
    let bounds = |shown, freeze_ms, heard, again| Bounds { shown, freeze: ms(freeze_ms), heard, again };
    for (percent, bounds) in [
        (5, bounds(99.0, 300, 98.0, 8.0)),
        (10, bounds(99.0, 400, 96.0, 15.0)),
        (20, bounds(98.0, 700, 92.0, 25.0)),
        (30, bounds(92.0, 1_200, 85.0, 25.0)),
    ] {
        let what = format!("{percent} % lost");
        try_out(&what, Poor::Viewers, bounds, |way| way.loss_percent = percent);
    }
}

#[test]
fn losses_in_a_row_stop_no_picture_for_a_second() {
    for poor in [Poor::Publishers, Poor::Viewers] {
        for (percent, heard) in [(5, 90.0), (10, 82.0)] {
            let bounds = Bounds { shown: 98.0, freeze: ms(1_000), heard, again: 16.0 };
            let what = format!("{percent} % lost, 8 in a row");
            try_out(&what, poor, bounds, |way| (way.loss_percent, way.losses_in_a_row) = (percent, 8));
        }
    }
}

#[test]
fn a_way_that_shakes_by_a_tenth_of_a_second_loses_nothing_and_nothing_is_asked_for() {
    for poor in [Poor::Publishers, Poor::Viewers] {
        let bounds = Bounds { shown: 99.0, freeze: ms(200), heard: 99.0, again: 0.0 };
        for outcome in try_out("100 ms of jitter", poor, bounds, |way| way.jitter = ms(100)) {
            assert_eq!((outcome.asked, outcome.repaired), ((0, 0), 0));
        }
    }
}

#[test]
fn what_is_only_overtaken_or_comes_twice_is_not_asked_for() {
    for poor in [Poor::Publishers, Poor::Viewers] {
        let bounds = Bounds { shown: 99.0, freeze: ms(150), heard: 99.0, again: 0.0 };
        let change = |way: &mut Way| (way.overtaken_percent, way.twice_percent) = (5, 5);
        for outcome in try_out("5 % overtaken, 5 % twice", poor, bounds, change) {
            assert_eq!((outcome.asked, outcome.repaired), ((0, 0), 0));
        }
        let bounds = Bounds { again: 0.2, ..bounds };
        let change = |way: &mut Way| (way.overtaken_percent, way.overtaking) = (5, ms(60));
        for outcome in try_out("5 % overtaken by 60 ms", poor, bounds, change) {
            assert!(
                outcome.asked.0 <= 5 && outcome.asked.1 <= 5,
                "what order is like is learnt: {outcome:?}"
            );
        }
    }
}

#[test]
fn everything_at_once_is_survived_on_both_ways() {
    for seed in SEEDS {
        println!("seed {seed}");
        let mut stage = stage(1, seed);
        let mut way = Way::new(WIDE_BPS, seed);
        (way.loss_percent, way.jitter) = (5, ms(30));
        (way.overtaken_percent, way.twice_percent) = (5, 5);
        spoil(&mut stage, Poor::Publishers, way);
        spoil(&mut stage, Poor::Viewers, way);
        stage.play(SETTLING_S);
        let before = Count::of(&stage);
        stage.play(MEASURED_S);
        let outcome = before.until(&stage, Poor::Viewers);
        println!("{outcome:?}");
        has_no_breaks(&stage);
        assert!(outcome.shown >= 98.0 && outcome.heard >= 95.0 && outcome.freeze <= ms(600));
    }
}

const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

/// The server hears of a new address by a check that proves itself; until then it takes nothing from there. In the second
/// round datagrams from there arrive at another shard.
#[test]
fn a_viewer_who_gets_another_address_sees_the_same_stream_go_on() {
    for shards in [1, 2] {
        let mut stage = stage(shards, 7);
        let before = Count::of(&stage);
        let refused = stage.totals().refused;
        stage.world.give_address(stage.viewer, ELSEWHERE);
        for _ in 0..5 {
            let report = Compound::new().receiver_report(1, &[]);
            let report = stage.world.clients[stage.viewer].rtcp(&report);
            stage.world.send(stage.viewer, report);
            stage.cameras[0].shoot(&mut stage.world, [Shot::default(); 3]);
            stage.world.run_ms(40);
        }
        assert!(stage.world.datagrams_to_nowhere >= 30, "the server knows of nothing yet");
        assert_eq!(stage.totals().refused, refused);
        // Checks at once, then each second.
        stage.play(10);
        let outcome = before.until(&stage, Poor::Viewers);
        println!("{shards} shards: {outcome:?}");
        has_no_breaks(&stage);
        assert!(outcome.shown >= 98.0 && outcome.freeze <= ms(600), "{outcome:?}");
        assert!(!stage.world.events.iter().any(|event| matches!(event, Event::PeerGone { .. })));
    }
}

#[test]
fn a_publisher_who_gets_another_address_goes_on_and_what_was_lost_meanwhile_is_asked_for() {
    for shards in [1, 2] {
        let mut stage = stage(shards, 7);
        let before = Count::of(&stage);
        let unknown = stage.unknown_datagrams();
        let client = stage.cameras[0].client;
        stage.world.give_address(client, ELSEWHERE);
        let pictures = stage.cameras[0].pictures;
        for _ in 0..3 {
            stage.cameras[0].shoot(&mut stage.world, [Shot::default(); 3]);
            stage.world.run_ms(40);
        }
        assert_eq!(stage.cameras[0].pictures, pictures + 3);
        assert!(stage.unknown_datagrams() >= unknown + 30, "who it is from is not known yet");
        stage.play(10);
        let outcome = before.until(&stage, Poor::Publishers);
        println!("{shards} shards: {outcome:?}");
        has_no_breaks(&stage);
        assert!(outcome.asked.0 >= 30, "{outcome:?}");
        assert!(outcome.shown >= 98.0 && outcome.freeze <= ms(600), "{outcome:?}");
    }
}

/// As on a way that is good otherwise: down within 5 s, up within 15 s, no picture stands for a second.
#[test]
fn a_way_that_loses_and_reorders_may_become_narrow_and_wide_again_besides() {
    for seed in SEEDS {
        println!("seed {seed}");
        let mut way = Way::new(4_000_000, seed);
        (way.loss_percent, way.overtaken_percent, way.twice_percent) = (1, 5, 1);
        let mut stage = Stage::spoken(1, way);
        stage.play(12);
        assert!(stage.heights()[0] >= 360, "{:?}", stage.heights());
        let (narrowed, said) = (stage.world.now, stage.said());
        stage.narrow(500_000);
        stage.play(5);
        assert_eq!(stage.heights(), [180]);
        stage.play(10);
        let widened = stage.world.now;
        stage.narrow(4_000_000);
        stage.play(15);
        assert!(stage.heights()[0] >= 360, "{:?}", stage.heights());
        let freezes = [(narrowed, widened), (widened, stage.world.now)];
        let freezes = freezes.map(|(from, to)| stage.screens[0].freeze(from, to));
        println!("stood for {freezes:?}, {:.1} % heard", stage.heard_percent(said));
        assert!(freezes.into_iter().all(|freeze| freeze <= Duration::from_secs(1)));
        assert!(stage.heard_percent(said) >= 98.0);
    }
}
