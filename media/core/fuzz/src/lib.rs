//! Fuzzing on a stable compiler: seeded chance, mutation of good examples, and a clock.
//!
//! `FUZZ_SECONDS` says how long each target runs (a moment if it is not set), `FUZZ_SEED` where chance
//! begins. A failure prints the seed of its round; with that seed the round is the first.

use std::time::{Duration, Instant};

const A_MOMENT: Duration = Duration::from_millis(300);

/// Chance that can be repeated (xorshift).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    #[must_use]
    pub fn seeded(seed: u64) -> Chance {
        Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Below `limit`; zero when that is zero.
    pub fn below(&mut self, limit: usize) -> usize {
        if limit == 0 { 0 } else { (self.number() >> 16) as usize % limit }
    }

    pub fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most + 1);
        (0..length).map(|_| self.number() as u8).collect()
    }

    /// One of the examples, changed here and there; now and then nothing but noise.
    pub fn mutated(&mut self, examples: &[Vec<u8>]) -> Vec<u8> {
        if examples.is_empty() || self.below(8) == 0 {
            return self.bytes(300);
        }
        let mut bytes = examples[self.below(examples.len())].clone();
        for _ in 0..self.below(6) {
            self.change(&mut bytes);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        match self.below(6) {
            0 => bytes.truncate(at),
            1 => {
                let more = self.bytes(20);
                bytes.splice(at..at, more);
            }
            2 => bytes.extend(self.bytes(40)),
            _ if bytes.is_empty() => {}
            3 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
            4 => bytes[at] = self.number() as u8,
            _ => bytes[at] ^= 1 << self.below(8),
        }
    }
}

/// Runs `round` again and again, each with chance of its own, for as long as the environment says.
///
/// # Panics
/// As `round` does.
pub fn fuzz(target: &str, mut round: impl FnMut(&mut Chance)) {
    let environment = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let span = environment("FUZZ_SECONDS").map_or(A_MOMENT, Duration::from_secs);
    let first = environment("FUZZ_SEED").unwrap_or(1);
    let end = Instant::now() + span;
    let mut seed = first;
    while Instant::now() < end {
        let named = Named { target, seed };
        round(&mut Chance::seeded(seed));
        std::mem::forget(named);
        seed += 1;
    }
    println!("{target}: {} rounds", seed - first);
}

/// Says which round it was, if it is dropped while that panics.
struct Named<'a> {
    target: &'a str,
    seed: u64,
}

impl Drop for Named<'_> {
    fn drop(&mut self) {
        eprintln!("{}: failed in the round of FUZZ_SEED={}", self.target, self.seed);
    }
}
