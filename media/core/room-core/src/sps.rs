//! The height in an H.264 sequence parameter set (ITU-T H.264 section 7.3.2.1.1), and nothing else of it.

/// Profiles that tell their chroma format and bit depths first.
const HIGH_PROFILES: [u8; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
const MOST_REFERENCES: u32 = 255;

/// The height in luma rows that `unit`, an SPS with its first byte, tells.
#[must_use]
pub fn height(unit: &[u8]) -> Option<u16> {
    let raw = without_emulation(unit.get(1..)?);
    let (profile, mut bits) = (*raw.first()?, Bits { bytes: &raw, at: 24 });
    bits.exponential()?;
    let mut chroma_format = 1;
    if HIGH_PROFILES.contains(&profile) {
        chroma_format = bits.exponential()?;
        skip_high_profile(&mut bits, chroma_format)?;
    }
    bits.exponential()?;
    skip_picture_order(&mut bits)?;
    bits.exponential()?;
    bits.bit()?;
    bits.exponential()?;
    let map_units = bits.exponential()?.checked_add(1)?;
    let fields = if bits.bit()? { 1 } else { 2 };
    if fields == 2 {
        bits.bit()?;
    }
    bits.bit()?;
    let rows = map_units.checked_mul(16 * fields)?;
    let cropped = if bits.bit()? { cropping(&mut bits, chroma_format, fields)? } else { 0 };
    u16::try_from(rows.checked_sub(cropped)?).ok().filter(|height| *height > 0)
}

fn skip_high_profile(bits: &mut Bits<'_>, chroma_format: u32) -> Option<()> {
    if chroma_format == 3 {
        bits.bit()?;
    }
    bits.exponential()?;
    bits.exponential()?;
    bits.bit()?;
    if bits.bit()? {
        for list in 0..if chroma_format == 3 { 12 } else { 8 } {
            if bits.bit()? {
                skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(())
}

fn skip_scaling_list(bits: &mut Bits<'_>, size: u32) -> Option<()> {
    let (mut last, mut next) = (8_i64, 8_i64);
    for _ in 0..size {
        if next != 0 {
            next = (last + bits.signed()? + 256).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

fn skip_picture_order(bits: &mut Bits<'_>) -> Option<()> {
    match bits.exponential()? {
        0 => drop(bits.exponential()?),
        1 => {
            bits.bit()?;
            bits.exponential()?;
            bits.exponential()?;
            let cycle = bits.exponential().filter(|length| *length <= MOST_REFERENCES)?;
            for _ in 0..cycle {
                bits.exponential()?;
            }
        }
        _ => {}
    }
    Some(())
}

/// Rows cut off above and below.
fn cropping(bits: &mut Bits<'_>, chroma_format: u32, fields: u32) -> Option<u32> {
    bits.exponential()?;
    bits.exponential()?;
    let (top, bottom) = (bits.exponential()?, bits.exponential()?);
    let unit = if chroma_format == 1 { 2 * fields } else { fields };
    top.checked_add(bottom)?.checked_mul(unit)
}

/// A zero byte pair is followed by a three that means nothing (section 7.4.1).
fn without_emulation(unit: &[u8]) -> Vec<u8> {
    let mut raw = Vec::with_capacity(unit.len());
    let mut zeros = 0;
    for byte in unit {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        raw.push(*byte);
    }
    raw
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn bit(&mut self) -> Option<bool> {
        let byte = *self.bytes.get(self.at / 8)?;
        let bit = byte & (0x80 >> (self.at % 8)) != 0;
        self.at += 1;
        Some(bit)
    }

    /// An unsigned Exp-Golomb code (section 9.1).
    fn exponential(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let mut value = 1_u32;
        for _ in 0..zeros {
            value = value << 1 | u32::from(self.bit()?);
        }
        Some(value - 1)
    }

    fn signed(&mut self) -> Option<i64> {
        let code = i64::from(self.exponential()?);
        Some(if code % 2 == 0 { -(code / 2) } else { (code + 1) / 2 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_height_of_real_parameter_sets_is_read() {
        // x264, baseline, 640 × 360: 23 rows of macroblocks, 8 rows cut off.
        let baseline = [
            0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01,
            0x00, 0x00, 0x03, 0x00, 0x3c, 0x0f, 0x16, 0x2e, 0x48,
        ];
        assert_eq!(height(&baseline), Some(360));
        // x264, high, 1280 × 720.
        let high = [
            0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00,
            0x10, 0x00, 0x00, 0x03, 0x03, 0xc0, 0xf1, 0x83, 0x19, 0x60,
        ];
        assert_eq!(height(&high), Some(720));
    }

    #[test]
    fn what_is_cut_off_or_absurd_has_no_height() {
        assert_eq!(height(&[0x67, 0x42, 0xc0]), None);
        assert_eq!(height(&[0x67]), None);
        assert_eq!(height(&[0x67, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), None);
    }
}
