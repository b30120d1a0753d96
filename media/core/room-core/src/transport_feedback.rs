//! Reads feedback on the packets of a transport (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).
//!
//! It comes many times a second from every viewer, so nothing is copied: statuses and differences are read in place.
//!
//! Invariant: whatever the bytes, no more packets are told of than `MOST_PACKETS`.

/// More than anyone is sent between two words of theirs. A body of ten bytes may claim 65,535 packets.
pub const MOST_PACKETS: u16 = 2_048;
/// Units of the reference time, and of the differences.
pub const REFERENCE_US: i64 = 64_000;
pub const DELTA_US: i64 = 250;
/// After so many units the reference time begins again: twelve days.
pub const REFERENCE_WRAP: i64 = 1 << 24;
const HEAD: usize = 8;

/// One feedback's body, after the sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportFeedback<'a> {
    /// The number of the first packet that is told of.
    pub base: u16,
    /// The reference time, in units of `REFERENCE_US` of the viewer's clock, modulo `REFERENCE_WRAP`.
    pub reference: i64,
    /// Counts feedback.
    pub count: u8,
    packets: u16,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

/// One packet as it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub number: u16,
    /// When it arrived by the viewer's clock; `None` while it is missing.
    pub arrived_us: Option<i64>,
}

impl<'a> TransportFeedback<'a> {
    /// `None` for what is cut off amid its statuses, or claims too much.
    #[must_use]
    pub fn read(body: &'a [u8]) -> Option<TransportFeedback<'a>> {
        let head: &[u8; HEAD] = body.first_chunk()?;
        let packets = u16::from_be_bytes([head[2], head[3]]);
        let rest = &body[HEAD..];
        let mut statuses = 0;
        let mut length = 0;
        while statuses < packets {
            let chunk = u16::from_be_bytes(*rest.get(length..)?.first_chunk()?);
            statuses = statuses.saturating_add(Chunk(chunk).statuses());
            length += 2;
        }
        (packets <= MOST_PACKETS).then_some(TransportFeedback {
            base: u16::from_be_bytes([head[0], head[1]]),
            reference: i64::from(u32::from_be_bytes([0, head[4], head[5], head[6]])),
            count: head[7],
            packets,
            chunks: &rest[..length],
            deltas: &rest[length..],
        })
    }

    /// How many packets it tells of, at most.
    #[must_use]
    pub fn claimed(&self) -> u16 {
        self.packets
    }

    /// Each packet in the order of its number; fewer than were claimed where differences are cut off.
    pub fn packets(&self) -> impl Iterator<Item = Told> + use<'a> {
        let (mut deltas, mut clock) = (self.deltas, self.reference * REFERENCE_US);
        let (base, packets) = (self.base, usize::from(self.packets));
        let statuses = self.chunks.as_chunks::<2>().0.iter().flat_map(|chunk| {
            let chunk = Chunk(u16::from_be_bytes(*chunk));
            (0..chunk.statuses()).map(move |at| chunk.status(at))
        });
        statuses.take(packets).enumerate().map_while(move |(at, status)| {
            let length = match status {
                Status::Missing => 0,
                Status::Small => 1,
                Status::Large => 2,
            };
            let (delta, rest) = deltas.split_at_checked(length)?;
            deltas = rest;
            let delta = match *delta {
                [small] => Some(i64::from(small)),
                [high, low] => Some(i64::from(i16::from_be_bytes([high, low]))),
                _ => None,
            };
            clock += delta.unwrap_or_default() * DELTA_US;
            Some(Told { number: base.wrapping_add(at as u16), arrived_us: delta.map(|_| clock) })
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Missing,
    /// With a difference of one byte.
    Small,
    /// With one of two bytes, which may be negative.
    Large,
}

/// Statuses of several packets in sixteen bits: a run of one status, or a vector.
#[derive(Clone, Copy, Debug)]
struct Chunk(u16);

impl Chunk {
    fn statuses(self) -> u16 {
        match self.0 >> 14 {
            0b11 => 7,
            0b10 => 14,
            _ => self.0 & 0x1fff,
        }
    }

    fn status(self, at: u16) -> Status {
        let symbol = match self.0 >> 14 {
            0b11 => self.0 >> (12 - 2 * at) & 3,
            0b10 => self.0 >> (13 - at) & 1,
            _ => self.0 >> 13 & 3,
        };
        match symbol {
            1 => Status::Small,
            2 => Status::Large,
            // Three is reserved.
            _ => Status::Missing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &[u8]) -> Vec<(u16, Option<i64>)> {
        let feedback = TransportFeedback::read(body).unwrap();
        feedback.packets().map(|one| (one.number, one.arrived_us)).collect()
    }

    #[test]
    fn runs_vectors_and_both_lengths_of_differences_are_read() {
        let run = [0xff, 0xff, 0, 3, 0, 0, 1, 9, 0x20, 3, 4, 0, 8];
        assert_eq!(told(&run), [(65_535, Some(65_000)), (0, Some(65_000)), (1, Some(67_000))]);
        let two_bits = [0, 5, 0, 3, 0, 0, 0, 0, 0b1110_0001, 0, 0xff, 0xff, 2];
        assert_eq!(told(&two_bits), [(5, Some(-250)), (6, None), (7, Some(250))]);
        let one_bit = [0, 5, 0, 9, 0, 0, 0, 0, 0b1010_0000, 0b0010_0000, 1, 1];
        let arrived: Vec<_> = told(&one_bit).into_iter().filter(|(_, at)| at.is_some()).collect();
        assert_eq!(arrived, [(5, Some(250)), (13, Some(500))]);
        assert_eq!(TransportFeedback::read(&run).map(|feedback| feedback.count), Some(9));
    }

    #[test]
    fn what_is_cut_off_tells_no_more_than_is_there() {
        let whole = [0, 5, 0, 3, 0, 0, 1, 0, 0x20, 3, 1, 2, 3];
        for length in 0..whole.len() {
            let read = TransportFeedback::read(&whole[..length]);
            assert_eq!(read.is_some(), length >= 10, "{length}");
            let packets = read.map_or(0, |feedback| feedback.packets().count());
            assert_eq!(packets, length.saturating_sub(10));
        }
    }

    #[test]
    fn a_claim_of_more_packets_than_anyone_is_sent_is_refused() {
        let claims = |count: u16| {
            let [high, low] = count.to_be_bytes();
            let chunks: Vec<u8> = [0x1f, 0xff].repeat(9);
            TransportFeedback::read(&[&[0, 0, high, low, 0, 0, 0, 0][..], &chunks].concat()).is_some()
        };
        assert!(claims(MOST_PACKETS));
        assert!(!claims(MOST_PACKETS + 1) && !claims(u16::MAX));
        let empty = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(TransportFeedback::read(&empty), None, "runs of nothing lead nowhere");
    }
}
