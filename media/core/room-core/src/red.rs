//! Sound that comes with earlier packets once more (RFC 2198), so that what was lost is heard from what follows it.
//!
//! ```text
//!   |1| type, 7 bits | age, 14 bits | length, 10 bits |   for each earlier packet
//!   |0| type, 7 bits |                                    for the packet's own
//!   the data of each in this order, the packet's own last, to the end
//! ```

const EARLIER: u8 = 0x80;
const HEAD: usize = 4;
/// No packet repeats what is older, in ticks.
pub const LONGEST_REACH: u32 = 0x3fff;

/// Invariant: every block is of `payload_type`, and the data of all of them fill the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Red<'a> {
    pub whole: &'a [u8],
    /// The packet's own sound.
    pub primary: &'a [u8],
    pub payload_type: u8,
    /// The age of the oldest that is repeated, in ticks; zero when nothing is.
    pub reach: u32,
}

impl<'a> Red<'a> {
    /// `None` for what does not add up, or holds anything but blocks of `payload_type`.
    #[must_use]
    pub fn read(whole: &'a [u8], payload_type: u8) -> Option<Red<'a>> {
        let (mut at, mut repeated, mut reach) = (0, 0, 0);
        loop {
            let first = *whole.get(at)?;
            if first & !EARLIER != payload_type {
                return None;
            }
            if first & EARLIER == 0 {
                let primary = whole.get(at + 1 + repeated..)?;
                return Some(Red { whole, primary, payload_type, reach });
            }
            let head: &[u8; HEAD] = whole.get(at..)?.first_chunk()?;
            let word = u32::from_be_bytes(*head);
            reach = reach.max(word >> 10 & LONGEST_REACH);
            repeated += (word & 0x3ff) as usize;
            at += HEAD;
        }
    }
}

/// Writes another type into each block of a payload that `Red::read` took.
pub fn retype(whole: &mut [u8], payload_type: u8) {
    let mut at = 0;
    while let Some(first) = whole.get_mut(at) {
        let is_earlier = *first & EARLIER != 0;
        *first = *first & EARLIER | payload_type;
        if !is_earlier {
            return;
        }
        at += HEAD;
    }
}

/// A payload with `earlier` sound, each with its age in ticks.
#[cfg(any(test, feature = "client"))]
#[must_use]
pub fn write(payload_type: u8, earlier: &[(u32, &[u8])], primary: &[u8]) -> Vec<u8> {
    let head = |(age, data): &(u32, &[u8])| {
        let word = u32::from(EARLIER | payload_type) << 24 | (age & LONGEST_REACH) << 10;
        (word | data.len() as u32 & 0x3ff).to_be_bytes()
    };
    let mut whole: Vec<u8> = earlier.iter().flat_map(head).collect();
    whole.push(payload_type);
    earlier.iter().for_each(|(_, data)| whole.extend_from_slice(data));
    whole.extend_from_slice(primary);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_taken_apart_and_its_types_are_changed() {
        let mut whole = write(111, &[(1_920, b"older"), (960, b"old")], b"own");
        let read = Red::read(&whole, 111).unwrap();
        assert_eq!((read.primary, read.reach), (&b"own"[..], 1_920));
        retype(&mut whole, 96);
        assert_eq!(whole, write(96, &[(1_920, b"older"), (960, b"old")], b"own"));
    }

    #[test]
    fn what_repeats_nothing_is_read_too() {
        let read = Red::read(&[111, 1, 2], 111).unwrap();
        assert_eq!((read.primary, read.reach), (&[1, 2][..], 0));
    }

    #[test]
    fn what_does_not_add_up_is_refused() {
        let good = write(111, &[(960, &[7; 9])], &[]);
        assert_eq!(Red::read(&good, 111).map(|red| red.primary), Some(&[][..]));
        assert!((0..good.len()).all(|end| Red::read(&good[..end], 111).is_none()), "cut short");
        assert!(Red::read(&[0xef; 40], 111).is_none(), "no end of headers");
        assert!(Red::read(&good, 96).is_none(), "blocks of another type");
        let nested = [&[0xe3, 0, 0, 1, 111][..], &[1, 2]].concat();
        assert!(Red::read(&nested, 111).is_none(), "one block of another type");
    }
}
