//! The AV1 aggregation header (RTP Payload Format for AV1, section 4.4) and as much of the bitstream as tells a start.
//!
//! ```text
//!   |Z|Y| W |N|-|-|-|   Z, Y: the first, the last element is a part; W: how many elements, 0 if each has its
//!                       length before it; N: the first packet of a coded video sequence
//! ```

const CONTINUES: u8 = 0x80;
const NEW_SEQUENCE: u8 = 0x08;
const SEQUENCE_HEADER: u8 = 1;

/// The first packet of a coded video sequence: it begins with a sequence header, and a keyframe follows.
#[must_use]
pub fn starts_sequence(payload: &[u8]) -> bool {
    let Some((aggregation, elements)) = payload.split_first() else { return false };
    // A receiver that joins needs the sequence header; what says it begins one and brings none begins nothing.
    aggregation & (CONTINUES | NEW_SEQUENCE) == NEW_SEQUENCE
        && first_kind(*aggregation >> 4 & 3, elements) == Some(SEQUENCE_HEADER)
}

/// The type of the first element, an open bitstream unit (AV1 bitstream section 5.3.2).
fn first_kind(count: u8, elements: &[u8]) -> Option<u8> {
    let unit = if count == 1 { elements } else { behind_length(elements)? };
    unit.first().filter(|head| **head & 0x80 == 0).map(|head| head >> 3 & 15)
}

/// What follows a length in LEB128; `None` when that is zero, too long, or more than there is.
fn behind_length(raw: &[u8]) -> Option<&[u8]> {
    let mut length = 0_usize;
    for (at, byte) in raw.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return (length > 0).then(|| raw.get(at + 1..at + 1 + length)).flatten();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_starts_where_it_is_said_and_its_header_stands() {
        assert!(starts_sequence(&[0x18, 0x08, 0, 0]), "one element, without length");
        assert!(starts_sequence(&[0x28, 2, 0x08, 0, 0x30, 1]), "two elements");
        assert!(starts_sequence(&[0x08, 2, 0x08, 0, 1, 0x30]), "each with its length");
        assert!(!starts_sequence(&[0x10, 0x08, 0, 0]), "not said");
        assert!(!starts_sequence(&[0x18, 0x30, 0, 0]), "a frame comes first");
        assert!(!starts_sequence(&[0x98, 0x08, 0, 0]), "the rest of what began before");
    }

    #[test]
    fn what_is_cut_short_or_forbidden_starts_nothing() {
        let broken: [&[u8]; 7] = [
            &[],
            &[0x08],
            &[0x18],
            &[0x08, 9, 0x08],
            &[0x08, 0, 0x08],
            &[0x08, 0xff, 0xff, 0xff, 0xff, 8],
            &[0x18, 0x88],
        ];
        assert!(broken.iter().all(|payload| !starts_sequence(payload)));
    }
}
