//! Chance: of the input, for targets that act it out; of a seed, for mutants.

/// Decisions that an input makes, byte by byte; where it ends they go on by what it was.
#[derive(Clone, Debug)]
pub struct Chance {
    input: Vec<u8>,
    at: usize,
    rest: Dice,
}

impl Chance {
    #[must_use]
    pub fn of(input: &[u8]) -> Chance {
        let seed = input.iter().fold(7, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
        Chance { input: input.to_vec(), at: 0, rest: Dice::seeded(seed) }
    }

    /// The input has decided all that it decides.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.at >= self.input.len()
    }

    pub fn byte(&mut self) -> u8 {
        let byte = self.input.get(self.at).copied();
        self.at += 1;
        byte.unwrap_or_else(|| (self.rest.number() >> 16) as u8)
    }

    pub fn number(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// Below `limit`; zero when that is zero.
    pub fn below(&mut self, limit: usize) -> usize {
        let low = usize::from(self.byte());
        let number = if limit > 256 { low << 8 | usize::from(self.byte()) } else { low };
        number.checked_rem(limit).unwrap_or_default()
    }

    pub fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most + 1);
        (0..length).map(|_| self.byte()).collect()
    }

    /// One of the examples, changed here and there.
    pub fn mutated(&mut self, examples: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = examples.get(self.below(examples.len())).cloned().unwrap_or_default();
        for _ in 0..self.below(6) {
            let (at, kind) = (self.below(bytes.len()), self.below(6));
            let (value, more) = if kind < 2 { (0, self.bytes(20)) } else { (self.byte(), Vec::new()) };
            change(&mut bytes, at, kind, value, more);
        }
        bytes
    }
}

fn change(bytes: &mut Vec<u8>, at: usize, kind: usize, value: u8, more: Vec<u8>) {
    match kind {
        0 => drop(bytes.splice(at..at, more)),
        1 => bytes.extend(more),
        2 => bytes.truncate(at),
        _ if bytes.is_empty() => {}
        3 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][usize::from(value) % 5],
        4 => bytes[at] = value,
        _ => bytes[at] ^= 1 << (value % 8),
    }
}

/// Chance that can be repeated (xorshift).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    #[must_use]
    pub fn seeded(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Below `limit`; zero when that is zero.
    pub fn below(&mut self, limit: usize) -> usize {
        ((self.number() >> 16) as usize).checked_rem(limit).unwrap_or_default()
    }

    /// An input like one of the examples; now and then nothing but noise.
    pub fn input(&mut self, examples: &[Vec<u8>]) -> Vec<u8> {
        let noise: Vec<u8> = (0..self.below(600)).map(|_| (self.number() >> 16) as u8).collect();
        if examples.is_empty() || self.below(8) == 0 {
            return noise;
        }
        let mut bytes = examples[self.below(examples.len())].clone();
        for n in 0..self.below(6) {
            let more = noise.iter().skip(n).take(self.below(40)).copied().collect();
            let (at, kind, value) = (self.below(bytes.len()), self.below(6), self.below(256) as u8);
            change(&mut bytes, at, kind, value, more);
        }
        bytes
    }
}
