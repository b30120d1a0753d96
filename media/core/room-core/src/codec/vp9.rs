//! The VP9 payload descriptor (RFC 9628 section 4.2).

const I: u8 = 0x80;
const P: u8 = 0x40;
const L: u8 = 0x20;
const F: u8 = 0x10;
const B: u8 = 0x08;
const V: u8 = 0x02;
/// References that one picture may name.
const MOST_REFERENCES: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// It depends on another picture.
    predicted: bool,
    begins_frame: bool,
    /// Where the 15-bit picture id stands, if there is one.
    pub picture_id_at: Option<usize>,
    pub tl0_at: Option<usize>,
    pub temporal: u8,
    pub spatial: u8,
    /// Higher temporal layers may be taken up here.
    pub switches_up: bool,
    /// Of the highest spatial layer, where the scalability structure tells it.
    pub height: Option<u16>,
    pub len: usize,
}

impl Descriptor {
    /// `None` for what is cut short, and for a descriptor with nothing behind it.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Descriptor> {
        let flags = *payload.first()?;
        let mut found = Descriptor {
            predicted: flags & P != 0,
            begins_frame: flags & B != 0,
            picture_id_at: None,
            tl0_at: None,
            temporal: 0,
            spatial: 0,
            switches_up: false,
            height: None,
            len: 1,
        };
        if flags & I != 0 {
            let long = payload.get(found.len)? & 0x80 != 0;
            found.picture_id_at = long.then_some(found.len);
            found.len += if long { 2 } else { 1 };
        }
        if flags & L != 0 {
            let layers = *payload.get(found.len)?;
            (found.temporal, found.spatial) = (layers >> 5, layers >> 1 & 7);
            found.switches_up = layers & 0x10 != 0;
            found.len += 1;
            if flags & F == 0 {
                found.tl0_at = Some(found.len);
                found.len += 1;
            }
        }
        if flags & (P | F) == P | F {
            found.len += references(payload.get(found.len..)?)?;
        }
        if flags & V != 0 {
            let (length, height) = structure(payload.get(found.len..)?)?;
            found.height = height;
            found.len += length;
        }
        (payload.len() > found.len).then_some(found)
    }

    /// The first packet of a picture, of its lowest spatial layer.
    #[must_use]
    pub const fn begins_picture(&self) -> bool {
        self.begins_frame && self.spatial == 0
    }

    #[must_use]
    pub const fn starts_keyframe(&self) -> bool {
        self.begins_picture() && !self.predicted
    }

    #[must_use]
    pub fn picture_id(&self, payload: &[u8]) -> Option<(usize, u16)> {
        let at = self.picture_id_at?;
        Some((at, u16::from_be_bytes(*payload.get(at..)?.first_chunk()?) & 0x7fff))
    }

    #[must_use]
    pub fn tl0(&self, payload: &[u8]) -> Option<(usize, u8)> {
        self.tl0_at.and_then(|at| Some((at, *payload.get(at)?)))
    }
}

/// The length of the list of references, each with a bit that says whether another follows.
fn references(list: &[u8]) -> Option<usize> {
    let last = list.iter().take(MOST_REFERENCES).position(|one| one & 1 == 0)?;
    Some(last + 1)
}

/// The length of a scalability structure, and the height of its highest layer.
fn structure(raw: &[u8]) -> Option<(usize, Option<u16>)> {
    let head = *raw.first()?;
    let layers = usize::from(head >> 5) + 1;
    let mut len = 1;
    let mut height = None;
    if head & 0x10 != 0 {
        len += 4 * layers;
        let last: &[u8; 2] = raw.get(len - 2..len)?.first_chunk()?;
        height = Some(u16::from_be_bytes(*last)).filter(|height| *height > 0);
    }
    if head & 0x08 != 0 {
        let pictures = *raw.get(len)?;
        len += 1;
        for _ in 0..pictures {
            len += 1 + usize::from(raw.get(len)? >> 2 & 3);
        }
    }
    (len <= raw.len()).then_some((len, height))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Picture 0x1234 in non-flexible mode, temporal layer 0, its structure with 640 by 360 and one group of one.
    const KEYFRAME: [u8; 16] =
        [0xaa, 0x92, 0x34, 0x00, 9, 0x18, 0x02, 0x80, 0x01, 0x68, 1, 0x05, 7, 0x82, 0x49, 0x83];

    #[test]
    fn a_keyframe_tells_its_picture_its_layers_and_its_height() {
        let found = Descriptor::read(&KEYFRAME).unwrap();
        assert!(found.starts_keyframe());
        assert_eq!(found.picture_id(&KEYFRAME), Some((1, 0x1234)));
        assert_eq!(found.tl0(&KEYFRAME), Some((4, 9)));
        assert_eq!((found.temporal, found.height, found.len), (0, Some(360), 13));
    }

    #[test]
    fn what_depends_on_another_picture_or_begins_none_is_no_start() {
        let starts = |payload: &[u8]| Descriptor::read(payload).unwrap().starts_keyframe();
        assert!(starts(&[B, 1]));
        assert!(!starts(&[B | P, 1]), "an interframe");
        assert!(!starts(&[0, 1]), "the middle of a frame");
        assert!(!starts(&[B | L, 0b0000_0010, 0, 1]), "the second spatial layer");
    }

    #[test]
    fn a_flexible_picture_names_up_to_three_references_and_no_base_layer_count() {
        let payload = [I | P | L | F | B, 0x81, 0x02, 0b0101_0000, 3, 5, 8, 1];
        let found = Descriptor::read(&payload).unwrap();
        assert_eq!((found.temporal, found.switches_up, found.tl0_at, found.len), (2, true, None, 7));
        assert_eq!(Descriptor::read(&[P | F | B, 3, 5, 9, 2, 1]), None, "a fourth reference");
    }

    #[test]
    fn what_is_cut_short_is_not_read() {
        for end in 0..=13 {
            assert_eq!(Descriptor::read(&KEYFRAME[..end]), None, "{end}");
        }
        assert_eq!(Descriptor::read(&[V, 0x08, 255, 0x0c, 1, 2, 3]), None, "a group of 255 pictures");
    }
}
