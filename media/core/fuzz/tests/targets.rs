//! Every target on its corpus, then on mutants of it for a moment: `FUZZ_SECONDS` says how long, `FUZZ_SEED` where chance
//! begins. A failure names the seed of its round; with that seed the round is the first.

use std::path::Path;
use std::time::{Duration, Instant};

use room_fuzz::{Dice, TARGETS, Target, named, pack, unpack};

const A_MOMENT: Duration = Duration::from_secs(2);

fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(format!("{}.bin", target.name));
    let mut inputs = unpack(&std::fs::read(path).unwrap_or_default());
    inputs.extend((target.seeds)());
    inputs
}

/// Says which input it was, if it is dropped while that panics.
struct Round(&'static str, String);

impl Drop for Round {
    fn drop(&mut self) {
        eprintln!("{}: failed on {}", self.0, self.1);
    }
}

fn try_one(target: &Target, what: String, input: &[u8]) {
    let round = Round(target.name, what);
    (target.run)(input);
    std::mem::forget(round);
}

fn try_out(name: &str) {
    let target = named(name).expect("a target");
    let environment = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let inputs = corpus(&target);
    for (n, input) in inputs.iter().enumerate() {
        try_one(&target, format!("input {n} of the corpus"), input);
    }
    let end = Instant::now() + environment("FUZZ_SECONDS").map_or(A_MOMENT, Duration::from_secs);
    let mut seed = environment("FUZZ_SEED").unwrap_or(1);
    while Instant::now() < end {
        let input = Dice::seeded(seed).input(&inputs);
        try_one(&target, format!("the round of FUZZ_SEED={seed}"), &input);
        seed += 1;
    }
}

macro_rules! targets {
    ($($name:ident),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                try_out(stringify!($name));
            }
        )+

        #[test]
        fn every_target_is_tried() {
            assert_eq!(TARGETS.map(|target| target.name), [$(stringify!($name)),+]);
        }
    };
}

targets!(
    stun,
    tcp,
    rtp,
    extensions,
    rtcp,
    twcc,
    arrivals,
    dependency,
    vp8,
    h264,
    vp9,
    av1,
    sps,
    packetise,
    depacketise,
    red,
    dtls,
    handshakes,
    datagrams,
);

#[test]
fn a_corpus_is_read_as_it_was_written() {
    let inputs = vec![vec![1, 2, 3], Vec::new(), vec![7; 300]];
    assert_eq!(unpack(&pack(&inputs)), inputs);
    assert_eq!(unpack(&[0, 2, 1]), Vec::<Vec<u8>>::new());
}
