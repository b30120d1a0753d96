//! Who has not proved who they are gets nothing, and whoever plays something back gets no more than they sent.

use std::time::Duration;

use super::*;
use crate::peer::Gone;
use crate::rtcp::Compound;
use crate::world::{World, address, play, scatter};

const SEEDS: [u64; 3] = [1, 7, 42];

fn stranger(n: u64) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n as u8], 1_000 + (n % 5_000) as u16))
}

/// Chance: `most` at most.
fn below(seed: u64, n: u64, most: usize) -> usize {
    (scatter(seed << 40 ^ n << 8) << 8 | scatter(seed << 40 ^ n << 8 ^ 1)) as usize % most.max(1)
}

/// One who is connected and one whose handshake never arrives, and what a listener on the way could have of them: each
/// kind of datagram, all of them genuine.
fn overheard(world: &mut World) -> Vec<Vec<u8>> {
    let connected = world.viewer();
    play(world, 400);
    world.loses_up = |_, bytes| demux::kind(bytes) == Kind::Dtls;
    let greeting = world.viewer();
    world.run_ms(100);
    // The server has answered the check, so the client greets, again and again.
    let hello = (0..200).find_map(|_| {
        world.now = world.now.plus(Duration::from_millis(20));
        let now = world.now;
        world.clients[greeting].poll(now).into_iter().find(|one| demux::kind(one) == Kind::Dtls)
    });
    let report = world.clients[connected].rtcp(&Compound::new().pli(1, 7));
    let media = world.clients[connected].rtp(96, 1, 1, 1, &[0x10; 400]);
    vec![hello.expect("a greeting"), report, media]
}

#[test]
fn strangers_get_nothing_for_whatever_they_send() {
    for seed in SEEDS {
        println!("seed {seed}");
        let mut world = World::new(1);
        let mut heard = overheard(&mut world);
        // A check of the right form with a wrong password, and with a name that nobody has.
        let check = world.clients[0].check();
        heard
            .extend([check.clone(), crate::stun::request(&[9; 12], "ufrag0:them", "not the password", true)]);
        heard.push(crate::stun::request(&[9; 12], "nobody:them", "not the password", true));
        for n in 0..30_000 {
            let mut datagram = heard[below(seed, n, heard.len())].clone();
            if datagram == check || below(seed, n + 1_000_000, 2) == 0 {
                let at = below(seed, n + 2_000_000, datagram.len());
                datagram[at] ^= 1 << below(seed, n + 3_000_000, 8);
            }
            if below(seed, n + 4_000_000, 4) == 0 {
                datagram.truncate(below(seed, n + 5_000_000, datagram.len()));
            }
            world.inject(stranger(n), &mut datagram);
            assert!(world.strangers_got.is_empty(), "for {datagram:?}");
        }
        assert!(world.shards[0].addresses.keys().all(|at| [address(0), address(1)].contains(at)));
    }
}

/// Whoever knows the password may check from wherever they are: even so, no answer is longer than its check.
#[test]
fn no_check_brings_more_than_it_is_long() {
    let mut world = World::new(1);
    world.viewer();
    world.run_ms(200);
    for (n, from) in ["192.0.2.9:9", "[2001:db8::9]:9"].into_iter().enumerate() {
        for is_bare in [false, true] {
            let client = &world.clients[0];
            let mut check = if is_bare { client.bare_check() } else { client.check() };
            world.strangers_got.clear();
            world.inject(from.parse().unwrap(), &mut check);
            let got: usize = world.strangers_got.iter().map(Vec::len).sum();
            assert!(got <= check.len(), "{got} bytes for {}", check.len());
            // The longer address does not fit into an answer to the shortest of all checks.
            assert_eq!(got > 0, n == 0 || !is_bare);
        }
    }
}

/// The sender's address is whatever was written on what is played back: nothing is answered, and no stream follows.
#[test]
fn a_check_that_is_played_back_from_elsewhere_brings_nothing() {
    let mut world = World::new(1);
    let viewer = world.viewer();
    play(&mut world, 200);
    let check = world.clients[viewer].check();
    world.send(viewer, check.clone());
    play(&mut world, 200);
    let before = world.clients[viewer].media.len();
    for n in 0..100 {
        world.inject(stranger(n), &mut check.clone());
    }
    play(&mut world, 400);
    assert!(world.strangers_got.is_empty());
    assert!(world.clients[viewer].media.len() > before + 20, "it goes where it went");
}

#[test]
fn a_handshake_is_taken_from_an_address_that_was_checked_and_from_no_other() {
    let mut world = World::new(1);
    let hello = overheard(&mut world).swap_remove(0);
    let unknown = world.shards[0].stats(world.now).unknown_datagrams;
    world.calls.clear();
    world.inject(stranger(1), &mut hello.clone());
    assert_eq!((world.shards[0].stats(world.now).unknown_datagrams, world.calls.len()), (unknown + 1, 0));
    world.inject(address(1), &mut hello.clone());
    assert!(world.calls.iter().any(|(to, _)| *to == address(1)), "the server's half");
}

/// Somebody else's network, perhaps: before a check has come from there, nothing else is taken from there.
#[test]
fn neither_handshakes_nor_media_are_taken_from_a_new_address_before_a_check() {
    let mut world = World::new(1);
    let viewer = world.viewer();
    play(&mut world, 400);
    let moved: SocketAddr = "10.0.0.2:10000".parse().unwrap();
    let before = world.shards[0].stats(world.now);
    // An alert, in clear: the end of the connection, if it were believed.
    let mut alert = vec![21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 1, 0];
    let mut report = world.clients[viewer].rtcp(&Compound::new().pli(1, 7));
    let late = world.clients[viewer].rtcp(&Compound::new().receiver_report(1, &[]));
    world.inject(moved, &mut alert);
    world.inject(moved, &mut report);
    let after = world.shards[0].stats(world.now);
    assert_eq!(after.unknown_datagrams, before.unknown_datagrams + 2);
    assert_eq!(after.totals, before.totals);
    let mut check = world.clients[viewer].check();
    world.inject(moved, &mut check);
    world.inject(moved, &mut late.clone());
    assert_eq!(
        world.shards[0].stats(world.now).unknown_datagrams,
        before.unknown_datagrams + 2,
        "now it is known"
    );
    assert!(!world.events.iter().any(|event| matches!(event, Event::PeerGone { .. })));
}

/// RFC 7675: who does not say any more that they want it is sent nothing.
#[test]
fn nothing_is_sent_to_who_does_not_check_any_more() {
    let mut world = World::new(1);
    let viewer = world.viewer();
    play(&mut world, 29_000);
    let last = world.clients[viewer].media.last().unwrap().at;
    assert!(world.now.since(last) < Duration::from_secs(1));
    play(&mut world, 2_000);
    let gone = Event::PeerGone {
        peer: PeerId(viewer as u64),
        room: Arc::from("room"),
        reason: Gone::ConsentTimeout,
    };
    assert_eq!(world.events.last(), Some(&gone));
    world.calls.clear();
    play(&mut world, 1_000);
    assert!(world.calls.is_empty(), "{:?}", world.calls);
}
