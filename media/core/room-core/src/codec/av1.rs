//! The AV1 aggregation header (RTP Payload Format for AV1, section 4.4) and as much of the bitstream as tells a start.
//!
//! ```text
//!   |Z|Y| W |N|-|-|-|   Z, Y: the first, the last element is a part; W: how many elements, 0 if each has its
//!                       length before it; N: the first packet of a coded video sequence
//! ```

const CONTINUES: u8 = 0x80;
const GOES_ON: u8 = 0x40;
const NEW_SEQUENCE: u8 = 0x08;
const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;
const TILE_LIST: u8 = 8;
const PADDING: u8 = 15;

/// Flags in the head of an open bitstream unit (AV1 bitstream section 5.3.2).
pub const EXTENSION: u8 = 0x04;
pub const HAS_SIZE: u8 = 0x02;
/// A whole unit: here a temporal unit begins.
pub const DELIMITER: [u8; 2] = [TEMPORAL_DELIMITER << 3 | HAS_SIZE, 0];

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
    let (length, behind) = leb128(raw)?;
    behind.get(..length).filter(|element| !element.is_empty())
}

/// A number of at most 28 bits in LEB128, and what follows it.
#[must_use]
pub fn leb128(raw: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0_usize;
    for (at, byte) in raw.iter().take(4).enumerate() {
        number |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((number, &raw[at + 1..]));
        }
    }
    None
}

/// Writes what `leb128` reads.
pub fn write_leb128(mut number: usize, put: &mut impl FnMut(&[u8])) {
    while number >= 0x80 {
        put(&[number as u8 | 0x80]);
        number >>= 7;
    }
    put(&[number as u8]);
}

/// Whether the first element goes on from the payload before, and the last one in the next.
#[must_use]
pub fn ends(payload: &[u8]) -> Option<(bool, bool)> {
    payload.first().map(|head| (head & CONTINUES != 0, head & GOES_ON != 0))
}

/// The elements of a payload, at least one; `None` when they do not fill it.
#[must_use]
pub fn elements(payload: &[u8]) -> Option<Vec<&[u8]>> {
    let (aggregation, mut rest) = payload.split_first()?;
    let count = usize::from(*aggregation >> 4 & 3);
    let mut elements = Vec::new();
    while !rest.is_empty() && (count == 0 || elements.len() < count) {
        let has_length = elements.len() + 1 != count;
        let (length, behind) = if has_length { leb128(rest)? } else { (rest.len(), rest) };
        elements.push(behind.get(..length).filter(|element| !element.is_empty())?);
        rest = &behind[length..];
    }
    let is_whole = rest.is_empty() && !elements.is_empty() && (count == 0 || elements.len() == count);
    is_whole.then_some(elements)
}

/// Not to be kept outside of transport: delimiters, tile lists, padding.
#[must_use]
pub const fn is_dropped(kind: u8) -> bool {
    matches!(kind, TEMPORAL_DELIMITER | TILE_LIST | PADDING)
}

#[must_use]
pub const fn is_of_picture(kind: u8) -> bool {
    matches!(kind, FRAME_HEADER | FRAME)
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
