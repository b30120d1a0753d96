//! The dependency descriptor (RTP Payload Format for AV1, appendix A): which frames a frame needs, told outside of the
//! payload, in the words of templates that the first packet of a coded video sequence brings.
//!
//! Invariant: a descriptor that was read can be read again by whoever got the same structure; what cannot be read
//! is as if it were not there.

/// Longer than any that is sent: three spatial and three temporal layers take less.
pub const MAX_LEN: usize = 128;
const TEMPLATES: usize = 64;
const NOT_PRESENT: u8 = 0;
const SWITCH: u8 = 2;

/// What the descriptor of one packet tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    pub begins_frame: bool,
    pub frame: u16,
    pub spatial: u8,
    pub temporal: u8,
    /// Temporal layers, as bits, that may be taken up here.
    pub enters: u8,
    /// A coded video sequence begins with this packet.
    pub attached: Option<Structure>,
}

/// The templates of a coded video sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    offset: u8,
    templates: Vec<Template>,
    /// The highest temporal layer of each decode target.
    targets: Vec<u8>,
    chains: usize,
    /// Of the highest spatial layer, where it is told.
    pub height: Option<u16>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Template {
    spatial: u8,
    temporal: u8,
    /// What the frame is to each decode target.
    indications: Vec<u8>,
}

impl Dependency {
    /// The first packet of a picture, of its lowest spatial layer.
    #[must_use]
    pub const fn begins_picture(&self) -> bool {
        self.begins_frame && self.spatial == 0
    }

    /// A receiver may start here: it learns the templates.
    #[must_use]
    pub const fn starts_sequence(&self) -> bool {
        self.begins_picture() && self.attached.is_some()
    }
}

/// Reads a descriptor; `known` is the structure that was attached last.
#[must_use]
pub fn read(raw: &[u8], known: Option<&Structure>) -> Option<Dependency> {
    if raw.len() > MAX_LEN {
        return None;
    }
    let mut bits = Bits { raw, at: 0 };
    let begins_frame = bits.flag()?;
    bits.flag()?; // ends it: the RTP marker says so for whole pictures
    let (template, frame) = (bits.take(6)? as u8, bits.take(16)? as u16);
    let mut flags = [false; 5];
    if raw.len() > 3 {
        for flag in &mut flags {
            *flag = bits.flag()?;
        }
    }
    let [has_structure, has_active, own_indications, own_differences, own_chains] = flags;
    let attached = if has_structure { Some(structure(&mut bits)?) } else { None };
    let structure = attached.as_ref().or(known)?;
    if has_active {
        bits.take(structure.targets.len())?;
    }
    let place = usize::from((template + 64 - structure.offset) % 64);
    let Template { spatial, temporal, indications } = structure.templates.get(place)?;
    let own = if own_indications { Some(indicated(&mut bits, structure.targets.len())?) } else { None };
    // Only a base frame is one that everybody has.
    let enters = if *temporal == 0 { structure.enters(own.as_ref().unwrap_or(indications)) } else { 0 };
    if own_differences {
        while let size @ 1.. = bits.take(2)? {
            bits.take(4 * size as usize)?;
        }
    }
    if own_chains {
        bits.take(8 * structure.chains)?;
    }
    let (spatial, temporal) = (*spatial, *temporal);
    Some(Dependency { begins_frame, frame, spatial, temporal, enters, attached })
}

/// The same descriptor with another frame number.
pub fn renumber(raw: &mut [u8], frame: u16) {
    if let Some(number) = raw.get_mut(1..3) {
        number.copy_from_slice(&frame.to_be_bytes());
    }
}

impl Structure {
    fn enters(&self, indications: &[u8]) -> u8 {
        let of = |temporal: u8| {
            let present = self.targets.iter().zip(indications);
            let mut present = present.filter(|(target, one)| **target == temporal && **one != NOT_PRESENT);
            present.clone().count() > 0 && present.all(|(_, one)| *one == SWITCH)
        };
        (0..8).filter(|temporal| of(*temporal)).fold(0, |enters, temporal| enters | 1 << temporal)
    }
}

fn structure(bits: &mut Bits<'_>) -> Option<Structure> {
    let offset = bits.take(6)? as u8;
    let count = bits.take(5)? as usize + 1;
    let mut templates = layers(bits)?;
    for template in &mut templates {
        template.indications = indicated(bits, count)?;
    }
    for _ in &templates {
        while bits.flag()? {
            bits.take(4)?;
        }
    }
    let chains = bits.below(count as u32 + 1)? as usize;
    if chains > 0 {
        for _ in 0..count {
            bits.below(chains as u32)?;
        }
        for _ in 0..templates.len() * chains {
            bits.take(4)?;
        }
    }
    let highest = |target: usize| {
        let present = templates.iter().filter(|one| one.indications[target] != NOT_PRESENT);
        present.map(|one| one.temporal).max().unwrap_or_default()
    };
    let targets = (0..count).map(highest).collect();
    let height = if bits.flag()? { heights(bits, templates.last()?.spatial)? } else { None };
    Some(Structure { offset, templates, targets, chains, height })
}

/// Templates without what they mean to decode targets, in the order of their layers.
fn layers(bits: &mut Bits<'_>) -> Option<Vec<Template>> {
    let mut templates = Vec::new();
    let (mut spatial, mut temporal) = (0, 0);
    loop {
        templates.push(Template { spatial, temporal, indications: Vec::new() });
        match bits.take(2)? {
            0 => {}
            1 => temporal += 1,
            2 => (spatial, temporal) = (spatial + 1, 0),
            _ => return Some(templates),
        }
        if templates.len() == TEMPLATES || temporal > 7 || spatial > 3 {
            return None;
        }
    }
}

fn indicated(bits: &mut Bits<'_>, count: usize) -> Option<Vec<u8>> {
    (0..count).map(|_| bits.take(2).map(|one| one as u8)).collect()
}

/// Width and height of each spatial layer, less one; the height of the last.
fn heights(bits: &mut Bits<'_>, highest: u8) -> Option<Option<u16>> {
    let mut height = 0;
    for _ in 0..=highest {
        bits.take(16)?;
        height = bits.take(16)?;
    }
    Some(u16::try_from(height + 1).ok())
}

/// Bits from the highest of each byte on.
struct Bits<'a> {
    raw: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn flag(&mut self) -> Option<bool> {
        let byte = self.raw.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// The lowest 32 of so many bits.
    fn take(&mut self, count: usize) -> Option<u32> {
        (0..count).try_fold(0_u32, |value, _| Some(value << 1 | u32::from(self.flag()?)))
    }

    /// A number below `limit`, in as few bits as serve.
    fn below(&mut self, limit: u32) -> Option<u32> {
        let width = limit.checked_ilog2()? + 1;
        let short = (1 << width) - limit;
        let value = self.take(width as usize - 1)?;
        if value < short {
            return Some(value);
        }
        Some((value << 1) - short + self.take(1)?)
    }
}

#[cfg(test)]
#[path = "dependency_tests.rs"]
mod tests;
