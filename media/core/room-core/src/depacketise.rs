//! The RTP payloads of one frame back into the frame, as decoders and containers take it.
//!
//! | codec | payload format | what comes out |
//! |---|---|---|
//! | Opus | RFC 7587 | the packet |
//! | VP8 | RFC 7741 | the frame |
//! | H.264 | RFC 6184, mode 1 | an access unit in Annex B |
//! | VP9 | RFC 9628 | the frame; pictures in several spatial layers are refused |
//! | AV1 | RTP Payload Format for AV1 1.0 | a temporal unit in the low-overhead format, its delimiter first |
//!
//! Invariant: what cannot be whole is refused. Nothing is copied here but into what the caller gives: whoever only
//! wants to know how long a frame is lets it be written nowhere.

use crate::codec::{Codec, av1, h264, vp8, vp9};

/// Why payloads make no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// Cut short, out of order, or no payload of that codec.
    Malformed,
    /// The picture's beginning is not among them.
    Headless,
    /// Several spatial layers in one stream.
    Layered,
}

/// What a frame turned out to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// A decoder may start here, if it has what `needs_parameters` says.
    pub keyframe: bool,
    /// An H.264 picture that stands alone but for parameter sets, which it does not bring.
    pub needs_parameters: bool,
    /// It brings H.264 parameter sets.
    pub has_parameters: bool,
    /// There is something to show or hear; parameter sets alone are none.
    pub is_picture: bool,
}

/// Writes the frame piece by piece into `put`.
///
/// # Errors
/// `Misfit`; what was put until then is worth nothing.
pub fn frame<'p>(
    codec: Codec,
    payloads: impl Iterator<Item = &'p [u8]>,
    mut put: impl FnMut(&[u8]),
) -> Result<Shape, Misfit> {
    match codec {
        Codec::Opus => opus(payloads, &mut put),
        Codec::Vp8 => of_vp8(payloads, &mut put),
        Codec::H264 => of_h264(payloads, &mut put),
        Codec::Vp9 => of_vp9(payloads, &mut put),
        Codec::Av1 => of_av1(payloads, &mut put),
    }
}

fn opus<'p>(
    mut payloads: impl Iterator<Item = &'p [u8]>,
    put: &mut impl FnMut(&[u8]),
) -> Result<Shape, Misfit> {
    let payload = payloads.next().filter(|payload| !payload.is_empty()).ok_or(Misfit::Malformed)?;
    if payloads.next().is_some() {
        return Err(Misfit::Malformed);
    }
    put(payload);
    Ok(Shape { keyframe: true, is_picture: true, ..Shape::default() })
}

fn of_vp8<'p>(
    payloads: impl Iterator<Item = &'p [u8]>,
    put: &mut impl FnMut(&[u8]),
) -> Result<Shape, Misfit> {
    let mut shape = Shape::default();
    for payload in payloads {
        let found = vp8::Descriptor::read(payload).ok_or(Misfit::Malformed)?;
        match (shape.is_picture, found.begins_picture()) {
            (false, false) => return Err(Misfit::Headless),
            (true, true) => return Err(Misfit::Malformed),
            (false, true) => shape.keyframe = found.starts_keyframe(payload),
            (true, false) => {}
        }
        shape.is_picture = true;
        put(&payload[found.len..]);
    }
    whole(shape)
}

fn of_vp9<'p>(
    payloads: impl Iterator<Item = &'p [u8]>,
    put: &mut impl FnMut(&[u8]),
) -> Result<Shape, Misfit> {
    let mut shape = Shape::default();
    for payload in payloads {
        let found = vp9::Descriptor::read(payload).ok_or(Misfit::Malformed)?;
        match (shape.is_picture, found.begins_picture()) {
            _ if found.spatial > 0 => return Err(Misfit::Layered),
            (false, false) => return Err(Misfit::Headless),
            (true, true) => return Err(Misfit::Malformed),
            (false, true) => shape.keyframe = found.starts_keyframe(),
            (true, false) => {}
        }
        shape.is_picture = true;
        put(&payload[found.len..]);
    }
    whole(shape)
}

fn whole(shape: Shape) -> Result<Shape, Misfit> {
    if shape.is_picture { Ok(shape) } else { Err(Misfit::Malformed) }
}

/// A piece of a NAL unit.
enum Piece<'p> {
    Whole(&'p [u8]),
    /// The first byte of one that comes in fragments.
    Head(u8),
    Rest(&'p [u8]),
}

fn of_h264<'p>(
    payloads: impl Iterator<Item = &'p [u8]>,
    put: &mut impl FnMut(&[u8]),
) -> Result<Shape, Misfit> {
    const START: [u8; 4] = [0, 0, 0, 1];
    let (mut units, mut open) = (Units::default(), None);
    for payload in payloads {
        pieces(payload, &mut open, &mut |piece| match piece {
            Piece::Whole(unit) => {
                units.begins(h264::kind(unit));
                units.goes_on(&unit[1..]);
                put(&START);
                put(unit);
            }
            Piece::Head(head) => {
                units.begins(head & 0x1f);
                put(&START);
                put(&[head]);
            }
            Piece::Rest(rest) => {
                units.goes_on(rest);
                put(rest);
            }
        })
        .ok_or(Misfit::Malformed)?;
    }
    if open.is_some() { Err(Misfit::Malformed) } else { units.shape() }
}

/// What the units of an access unit have told so far.
#[derive(Default)]
struct Units {
    slice_ahead: bool,
    /// The first slice begins the picture; none yet.
    begins: Option<bool>,
    has_idr: bool,
    has_sps: bool,
    has_pps: bool,
}

impl Units {
    fn begins(&mut self, kind: u8) {
        self.has_idr |= kind == h264::IDR;
        self.has_sps |= kind == h264::SPS;
        self.has_pps |= kind == h264::PPS;
        self.slice_ahead = matches!(kind, h264::SLICE | h264::PARTITION | h264::IDR);
    }

    /// The first bit of a slice says whether it begins at the picture's first block (first_mb_in_slice is zero).
    fn goes_on(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first().filter(|_| std::mem::take(&mut self.slice_ahead)) {
            self.begins.get_or_insert(first & 0x80 != 0);
        }
    }

    fn shape(&self) -> Result<Shape, Misfit> {
        let has_parameters = self.has_sps && self.has_pps;
        if self.begins.is_none() && !self.has_sps && !self.has_pps {
            return Err(Misfit::Malformed);
        }
        if self.begins == Some(false) {
            return Err(Misfit::Headless);
        }
        Ok(Shape {
            keyframe: self.has_idr,
            needs_parameters: self.has_idr && !has_parameters,
            has_parameters,
            is_picture: self.begins.is_some(),
        })
    }
}

/// Cuts a payload into the pieces of its units; `None` for one that does not follow what came before. `open` is the kind
/// of the unit whose fragments come.
fn pieces<'p>(payload: &'p [u8], open: &mut Option<u8>, put: &mut impl FnMut(Piece<'p>)) -> Option<()> {
    let kind = h264::kind(payload);
    if kind == h264::FU_A {
        return fragment(payload, open, put);
    }
    if open.is_some() {
        return None;
    }
    match kind {
        1..=23 => put(Piece::Whole(payload)),
        h264::STAP_A => {
            let units = || h264::aggregated(&payload[1..]);
            let sizes: usize = units().map(|unit| unit.len() + 2).sum();
            let fits = units().all(|unit| (1..=23).contains(&h264::kind(unit)));
            if sizes + 1 != payload.len() || sizes == 0 || !fits {
                return None;
            }
            units().for_each(|unit| put(Piece::Whole(unit)));
        }
        _ => return None,
    }
    Some(())
}

fn fragment<'p>(payload: &'p [u8], open: &mut Option<u8>, put: &mut impl FnMut(Piece<'p>)) -> Option<()> {
    let (&[indicator, head], rest) = payload.split_first_chunk::<2>()?;
    let (starts, ends, kind) = (head & 0x80 != 0, head & 0x40 != 0, head & 0x1f);
    let follows = if starts { open.is_none() } else { *open == Some(kind) };
    if rest.is_empty() || !follows || starts && ends || !(1..=23).contains(&kind) {
        return None;
    }
    *open = Some(kind).filter(|_| !ends);
    if starts {
        put(Piece::Head(indicator & 0xe0 | kind));
    }
    put(Piece::Rest(rest));
    Some(())
}

/// The H.264 parameter sets of an access unit, in Annex B.
#[must_use]
pub fn parameters<'p>(payloads: impl Iterator<Item = &'p [u8]>) -> Vec<u8> {
    let (mut open, mut kept, mut sets) = (None, false, Vec::new());
    let is_set = |kind| matches!(kind, h264::SPS | h264::SPS_EXTENSION | h264::PPS);
    for payload in payloads {
        let fits = pieces(payload, &mut open, &mut |piece| match piece {
            Piece::Whole(unit) if is_set(h264::kind(unit)) => {
                sets.extend_from_slice(&[0, 0, 0, 1]);
                sets.extend_from_slice(unit);
            }
            Piece::Whole(_) => {}
            Piece::Head(head) => {
                kept = is_set(head & 0x1f);
                if kept {
                    sets.extend_from_slice(&[0, 0, 0, 1, head]);
                }
            }
            Piece::Rest(rest) if kept => sets.extend_from_slice(rest),
            Piece::Rest(_) => {}
        });
        if fits.is_none() {
            return Vec::new();
        }
    }
    sets
}

fn of_av1<'p>(
    payloads: impl Iterator<Item = &'p [u8]>,
    put: &mut impl FnMut(&[u8]),
) -> Result<Shape, Misfit> {
    let mut shape = Shape::default();
    // The parts so far of a unit that goes on in the next payload.
    let mut open: Vec<&[u8]> = Vec::new();
    let mut is_first = true;
    for payload in payloads {
        let (continues, goes_on) = av1::ends(payload).ok_or(Misfit::Malformed)?;
        if std::mem::take(&mut is_first) {
            if continues {
                return Err(Misfit::Headless);
            }
            shape.keyframe = av1::starts_sequence(payload);
            put(&av1::DELIMITER);
        }
        if continues == open.is_empty() {
            return Err(Misfit::Malformed);
        }
        let elements = av1::elements(payload).ok_or(Misfit::Malformed)?;
        let last = elements.len() - 1;
        for (n, element) in elements.into_iter().enumerate() {
            open.push(element);
            if n < last || !goes_on {
                shape.is_picture |= unit(&std::mem::take(&mut open), put).ok_or(Misfit::Malformed)?;
            }
        }
    }
    if open.is_empty() { whole(shape) } else { Err(Misfit::Malformed) }
}

/// Writes an open bitstream unit with its size; returns whether it is of a picture.
fn unit(parts: &[&[u8]], put: &mut impl FnMut(&[u8])) -> Option<bool> {
    let first = parts.first()?;
    let head = *first.first().filter(|head| **head & 0x80 == 0)?;
    let behind = if head & av1::EXTENSION != 0 { 2 } else { 1 };
    let mut rest = first.get(behind..)?;
    let total: usize = parts.iter().map(|part| part.len()).sum::<usize>() - behind;
    if head & av1::HAS_SIZE != 0 {
        let (size, after) = av1::leb128(rest)?;
        let field = rest.len() - after.len();
        rest = after;
        if size != total - field {
            return None;
        }
    }
    let kind = head >> 3 & 15;
    if av1::is_dropped(kind) {
        return Some(false);
    }
    let size = rest.len() + parts[1..].iter().map(|part| part.len()).sum::<usize>();
    put(&[head | av1::HAS_SIZE]);
    put(&first[1..behind]);
    av1::write_leb128(size, put);
    put(rest);
    parts[1..].iter().for_each(|part| put(part));
    Some(av1::is_of_picture(kind))
}

#[cfg(test)]
#[path = "depacketise_tests.rs"]
mod tests;
