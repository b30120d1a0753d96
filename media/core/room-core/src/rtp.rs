//! The RTP header and its extensions (RFC 3550 section 5.1, RFC 8285).

/// A header that was read from a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub marker: bool,
    pub padding: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// Where the payload begins.
    pub len: usize,
    extensions: Option<(u16, usize)>,
}

const ONE_BYTE: u16 = 0xbede;
const TWO_BYTE: u16 = 0x1000;
/// What an extension of the one-byte form carries.
const SHORT: usize = 16;

impl Header {
    /// Reads the header that `packet` begins with.
    #[must_use]
    pub fn read(packet: &[u8]) -> Option<Header> {
        let fixed: &[u8; 12] = packet.first_chunk()?;
        if fixed[0] >> 6 != 2 {
            return None;
        }
        let mut len = 12 + 4 * usize::from(fixed[0] & 0x0f);
        let mut extensions = None;
        if fixed[0] & 0x10 != 0 {
            let head = packet.get(len..len + 4)?;
            extensions = Some((u16::from_be_bytes([head[0], head[1]]), len + 4));
            len += 4 + 4 * usize::from(u16::from_be_bytes([head[2], head[3]]));
        }
        (len <= packet.len()).then_some(Header {
            marker: fixed[1] & 0x80 != 0,
            padding: fixed[0] & 0x20 != 0,
            payload_type: fixed[1] & 0x7f,
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            len,
            extensions,
        })
    }

    /// The header's extensions, of the packet that it was read from.
    #[must_use]
    pub fn extensions<'a>(&self, packet: &'a [u8]) -> Extensions<'a> {
        let (profile, block) = match self.extensions {
            Some((profile, at)) => (profile, packet.get(at..self.len).unwrap_or_default()),
            None => (0, &[][..]),
        };
        Extensions { profile, block }
    }
}

/// Where the payload ends once padding is taken off; `None` when the padding is not sound.
#[must_use]
pub fn without_padding(header: &Header, packet: &[u8]) -> Option<usize> {
    if !header.padding {
        return Some(packet.len());
    }
    let padding = usize::from(*packet.last()?);
    packet.len().checked_sub(padding).filter(|end| padding > 0 && *end >= header.len)
}

/// `(id, value)` of each extension, in the order of the packet.
#[derive(Clone, Copy, Debug)]
pub struct Extensions<'a> {
    profile: u16,
    block: &'a [u8],
}

impl<'a> Extensions<'a> {
    #[must_use]
    pub fn find(mut self, id: Option<u8>) -> Option<&'a [u8]> {
        let wanted = id?;
        self.find_map(|(id, value)| (id == wanted).then_some(value))
    }

    fn head(&self) -> Option<(u8, usize, usize)> {
        let first = *self.block.first()?;
        match self.profile {
            ONE_BYTE if first >> 4 == 15 => None,
            ONE_BYTE => Some((first >> 4, usize::from(first & 0x0f) + 1, 1)),
            profile if profile & 0xfff0 == TWO_BYTE => Some((first, usize::from(*self.block.get(1)?), 2)),
            _ => None,
        }
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while self.block.first() == Some(&0) {
            self.block = &self.block[1..];
        }
        let (id, length, skip) = self.head()?;
        let value = self.block.get(skip..skip + length)?;
        self.block = &self.block[skip + length..];
        Some((id, value))
    }
}

/// A header under construction, on the stack: it is written once per packet and viewer.
#[derive(Clone, Copy, Debug)]
pub struct HeaderWriter {
    bytes: [u8; HeaderWriter::MAX],
    len: usize,
    profile: u16,
}

impl HeaderWriter {
    pub const MAX: usize = 64 + crate::dependency::MAX_LEN;

    #[must_use]
    pub fn new(payload_type: u8, marker: bool, sequence: u16, timestamp: u32, ssrc: u32) -> HeaderWriter {
        let mut bytes = [0; HeaderWriter::MAX];
        bytes[0] = 0x80;
        bytes[1] = payload_type | if marker { 0x80 } else { 0 };
        bytes[2..4].copy_from_slice(&sequence.to_be_bytes());
        bytes[4..8].copy_from_slice(&timestamp.to_be_bytes());
        bytes[8..12].copy_from_slice(&ssrc.to_be_bytes());
        HeaderWriter { bytes, len: 12, profile: ONE_BYTE }
    }

    /// Adds an extension; one that does not fit or is not negotiated is left out.
    pub fn extension(&mut self, id: Option<u8>, value: &[u8]) {
        if value.len() <= SHORT {
            self.place(id, value);
        }
    }

    /// Adds a dependency descriptor and its frame's number, before any other extension: a long one makes all of them
    /// two-byte extensions, which whoever negotiated it takes.
    pub fn descriptor(&mut self, id: Option<u8>, described: Option<(&[u8], u16)>) {
        let Some((descriptor, frame)) = described else { return };
        if descriptor.len() > SHORT && id.is_some() && self.len == 12 {
            self.profile = TWO_BYTE;
        }
        if let Some(at) = self.place(id, descriptor) {
            crate::dependency::renumber(&mut self.bytes[at..self.len], frame);
        }
    }

    /// Returns where the value stands.
    fn place(&mut self, id: Option<u8>, value: &[u8]) -> Option<usize> {
        let id = id.filter(|id| (1..=14).contains(id))?;
        let mut at = if self.len == 12 { 16 } else { self.len };
        if value.is_empty() || at + 2 + value.len() + 3 > HeaderWriter::MAX {
            return None;
        }
        if self.profile == ONE_BYTE {
            self.bytes[at] = id << 4 | (value.len() - 1) as u8;
        } else {
            self.bytes[at..at + 2].copy_from_slice(&[id, value.len() as u8]);
            at += 1;
        }
        self.len = at + 1 + value.len();
        self.bytes[at + 1..self.len].copy_from_slice(value);
        Some(at + 1)
    }

    /// Says that the payload ends with padding.
    pub fn padded(&mut self) {
        self.bytes[0] |= 0x20;
    }

    /// The finished header.
    pub fn finish(&mut self) -> &[u8] {
        if self.len > 12 {
            self.len = self.len.next_multiple_of(4);
            self.bytes[0] |= 0x10;
            self.bytes[12..14].copy_from_slice(&self.profile.to_be_bytes());
            self.bytes[14..16].copy_from_slice(&((self.len as u16 - 16) / 4).to_be_bytes());
        }
        &self.bytes[..self.len]
    }
}

/// `now` as the 6.18 fixed point seconds of the absolute send time extension.
#[must_use]
pub fn absolute_send_time(ntp: u64) -> [u8; 3] {
    let bytes = ((ntp >> 14) as u32).to_be_bytes();
    [bytes[1], bytes[2], bytes[3]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut writer = HeaderWriter::new(96, true, 7, 90_000, 0xdead_beef);
        writer.extension(Some(4), b"mid");
        writer.extension(None, b"never");
        writer.extension(Some(2), &[1, 2, 3]);
        let mut packet = writer.finish().to_vec();
        let header_len = packet.len();
        packet.extend_from_slice(b"payload");

        let header = Header::read(&packet).unwrap();
        assert_eq!((header.payload_type, header.marker, header.sequence), (96, true, 7));
        assert_eq!((header.timestamp, header.ssrc, header.len), (90_000, 0xdead_beef, header_len));
        let found: Vec<_> = header.extensions(&packet).collect();
        assert_eq!(found, [(4, &b"mid"[..]), (2, &[1, 2, 3][..])]);
        assert_eq!(header.extensions(&packet).find(Some(2)), Some(&[1, 2, 3][..]));
    }

    #[test]
    fn two_byte_extensions_and_padding_between_them_are_read() {
        let mut packet = vec![0x90, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0x00, 0, 2];
        packet.extend_from_slice(&[0, 20, 2, 5, 6, 21, 0, 0]);
        let header = Header::read(&packet).unwrap();
        let found: Vec<_> = header.extensions(&packet).collect();
        assert_eq!(found, [(20, &[5, 6][..]), (21, &[][..])]);
    }

    #[test]
    fn a_long_descriptor_makes_all_extensions_long_and_has_its_frame_number() {
        let descriptor = [[0xbc, 0, 7].to_vec(), vec![5; 40]].concat();
        let mut writer = HeaderWriter::new(96, true, 7, 90_000, 1);
        writer.descriptor(Some(12), Some((&descriptor, 0x1234)));
        writer.extension(Some(4), b"mid");
        let packet = writer.finish().to_vec();
        let header = Header::read(&packet).unwrap();
        let renumbered = [[0xbc, 0x12, 0x34].to_vec(), vec![5; 40]].concat();
        let found: Vec<_> = header.extensions(&packet).collect();
        assert_eq!(found, [(12, &renumbered[..]), (4, &b"mid"[..])]);
    }

    #[test]
    fn a_short_descriptor_leaves_extensions_short_and_one_that_is_not_negotiated_nothing() {
        let mut writer = HeaderWriter::new(96, true, 7, 90_000, 1);
        writer.descriptor(Some(12), Some((&[0xc1, 0, 7], 9)));
        writer.extension(Some(4), b"mid");
        // 4 bytes of head, 1 + 3 and 1 + 3 of extensions.
        assert_eq!(writer.finish().len(), 12 + 12);
        let mut writer = HeaderWriter::new(96, true, 7, 90_000, 1);
        writer.descriptor(None, Some((&[1; 60], 9)));
        writer.extension(Some(4), &[1; 20]);
        assert_eq!(writer.finish().len(), 12);
    }

    #[test]
    fn padding_that_reaches_into_the_header_is_refused() {
        let mut packet = vec![0xa0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 2];
        let header = Header::read(&packet).unwrap();
        assert_eq!(without_padding(&header, &packet), Some(14));
        packet[15] = 5;
        assert_eq!(without_padding(&header, &packet), None);
        packet[15] = 0;
        assert_eq!(without_padding(&header, &packet), None);
    }

    #[test]
    fn a_header_that_claims_more_than_there_is_is_refused() {
        assert!(Header::read(&[0x8f; 30]).is_none());
        assert!(Header::read(&[0x90, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0xbe, 0xde, 0, 9]).is_none());
        assert!(Header::read(&[0x40; 12]).is_none());
    }
}
