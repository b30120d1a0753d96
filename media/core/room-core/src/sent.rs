//! What a slot has sent last: where the numbers of what follows begin.
//!
//! Invariant: no sequence number is given twice.

use crate::time::Time;

/// The end of what was sent, and which of the last 64 numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) next_sequence: u64,
    seen: u64,
    pub(crate) timestamp: u32,
    pub(crate) at: Option<Time>,
    pub(crate) captured_unix_ns: i64,
    pub(crate) picture_id: u16,
    pub(crate) tl0: u8,
    pub(crate) key: u8,
    /// As dependency descriptors count.
    pub(crate) frame: u16,
}

impl Sent {
    /// Nothing yet; `first` is the number to begin with.
    pub(crate) fn nothing(first: u64) -> Sent {
        Sent {
            next_sequence: first,
            seen: 0,
            timestamp: 0,
            at: None,
            captured_unix_ns: 0,
            picture_id: 0,
            tl0: 0,
            key: 0,
            frame: 0,
        }
    }

    /// Marks a number as used; false when it already is, or is too old to tell.
    pub(crate) fn take(&mut self, sequence: u64) -> bool {
        if sequence >= self.next_sequence {
            let ahead = sequence - self.next_sequence + 1;
            self.seen = if ahead < 64 { self.seen << ahead | 1 } else { 1 };
            self.next_sequence = sequence + 1;
            return true;
        }
        let age = self.next_sequence - 1 - sequence;
        let free = age < 64 && self.seen & (1 << age) == 0;
        if free {
            self.seen |= 1 << age;
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_is_given_twice() {
        let mut sent = Sent::nothing(10);
        for (sequence, is_free) in [
            (10, true),
            (10, false),
            (12, true),
            (11, true),
            (11, false),
            (200, true),
            (12, false),
            (199, true),
        ] {
            assert_eq!(sent.take(sequence), is_free, "{sequence}");
        }
        assert_eq!(sent.next_sequence, 201);
    }
}
