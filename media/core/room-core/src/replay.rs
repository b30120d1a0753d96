//! Which indices of a stream have come, and which one sixteen bits mean.

/// The last 128 indices of a stream (RFC 3711 section 3.3.2).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    highest: u64,
    seen: u128,
}

impl Window {
    pub(crate) fn at(index: u64) -> Window {
        Window { highest: index, seen: 1 }
    }

    pub(crate) fn is_new(&self, index: u64) -> bool {
        match self.highest.checked_sub(index) {
            None => true,
            Some(age) => age < 128 && self.seen & (1 << age) == 0,
        }
    }

    pub(crate) fn mark(&mut self, index: u64) {
        if let Some(age) = self.highest.checked_sub(index) {
            self.seen |= 1 << age;
            return;
        }
        let ahead = index - self.highest;
        self.seen = if ahead < 128 { (self.seen << ahead) | 1 } else { 1 };
        self.highest = index;
    }

    /// The index that `sequence` most likely means (RFC 3711 appendix A).
    pub(crate) fn guess(&self, sequence: u16) -> u64 {
        extend(self.highest, sequence)
    }
}

/// The index nearest to `near` whose low 16 bits are `sequence`.
#[must_use]
pub(crate) fn extend(near: u64, sequence: u16) -> u64 {
    let ahead = sequence.wrapping_sub(near as u16) as i16;
    near.checked_add_signed(i64::from(ahead)).unwrap_or(u64::from(sequence))
}
