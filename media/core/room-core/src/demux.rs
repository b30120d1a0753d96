//! What kind of datagram this is, by its first two bytes (RFC 7983, RFC 5761 section 4).

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
    Unknown,
}

#[must_use]
pub fn kind(datagram: &[u8]) -> Kind {
    match datagram {
        [0..=3, ..] if datagram.len() >= 20 => Kind::Stun,
        [20..=63, ..] if datagram.len() >= 13 => Kind::Dtls,
        [128..=191, 192..=223, ..] if datagram.len() >= 8 => Kind::Rtcp,
        [128..=191, ..] if datagram.len() >= 12 => Kind::Rtp,
        _ => Kind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_type_with_marker_is_not_taken_for_a_control_packet() {
        assert_eq!(kind(&[0x80, 0x80 | 111, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Kind::Rtp);
        assert_eq!(kind(&[0x80, 200, 0, 1, 0, 0, 0, 0]), Kind::Rtcp);
    }

    #[test]
    fn a_datagram_too_short_for_its_kind_is_nothing() {
        assert_eq!(kind(&[]), Kind::Unknown);
        assert_eq!(kind(&[0, 1, 0, 0]), Kind::Unknown);
        assert_eq!(kind(&[22, 254, 253]), Kind::Unknown);
    }
}
