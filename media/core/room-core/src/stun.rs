//! STUN as an ICE-lite agent needs it: read binding requests, answer them (RFC 8489, RFC 8445).
//!
//! Invariant: nothing is answered that was not proved to come from someone who knows our password.

use std::net::{IpAddr, SocketAddr};

use aws_lc_rs::{constant_time, hmac};

const COOKIE: u32 = 0x2112_a442;
const HEADER: usize = 20;
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;

const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
#[cfg(any(test, feature = "client"))]
const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;
const FINGERPRINT_XOR: u32 = 0x5354_554e;

pub type Transaction = [u8; 12];

/// A binding request whose form is right. Whether it is authentic is `verified`'s to say.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub transaction: Transaction,
    /// `receiver's ufrag:sender's ufrag`.
    pub username: &'a str,
    pub use_candidate: bool,
    integrity_at: usize,
    raw: &'a [u8],
}

impl<'a> Request<'a> {
    /// Reads a binding request; `None` for anything else, and without a right fingerprint
    /// (RFC 8445 section 7.1.1).
    #[must_use]
    pub fn read(raw: &'a [u8]) -> Option<Request<'a>> {
        if be16(raw, 0)? != BINDING_REQUEST || be32(raw, 4)? != COOKIE {
            return None;
        }
        if usize::from(be16(raw, 2)?) + HEADER != raw.len() {
            return None;
        }
        let (mut username, mut use_candidate, mut integrity_at) = (None, false, None);
        let mut fingerprinted = false;
        for attribute in Attributes::of(raw) {
            let Attribute { kind, at, value } = attribute?;
            match kind {
                FINGERPRINT if value.len() == 4 && at + 8 == raw.len() => {
                    fingerprinted = be32(value, 0)? == fingerprint(raw, at);
                }
                // Only the fingerprint counts after the integrity (RFC 8489 section 14.5).
                _ if integrity_at.is_some() => {}
                USERNAME => username = std::str::from_utf8(value).ok(),
                USE_CANDIDATE => use_candidate = true,
                MESSAGE_INTEGRITY if value.len() == 20 => integrity_at = Some(at),
                _ => {}
            }
        }
        fingerprinted.then(|| {
            Some(Request {
                transaction: raw[8..HEADER].try_into().ok()?,
                username: username?,
                use_candidate,
                integrity_at: integrity_at?,
                raw,
            })
        })?
    }

    /// In bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.raw.len()
    }

    /// The ufrag of the side that is asked.
    #[must_use]
    pub fn local_ufrag(&self) -> &'a str {
        self.username.split(':').next().unwrap_or_default()
    }

    /// Whether the sender knows `password`.
    #[must_use]
    pub fn verified(&self, password: &str) -> bool {
        let tag = integrity(&self.raw[..self.integrity_at], password);
        let claimed = &self.raw[self.integrity_at + 4..self.integrity_at + 24];
        constant_time::verify_slices_are_equal(&tag, claimed).is_ok()
    }
}

/// The success response to `transaction`, signed with the password that the request proved.
#[must_use]
pub fn success(transaction: &Transaction, mapped: SocketAddr, password: &str) -> Vec<u8> {
    let mut message = header(BINDING_SUCCESS, transaction);
    push_attribute(&mut message, XOR_MAPPED_ADDRESS, &xor_address(mapped, transaction));
    seal(&mut message, password);
    message
}

/// A binding request, as the controlling side sends it.
#[cfg(any(test, feature = "client"))]
#[must_use]
pub fn request(transaction: &Transaction, username: &str, password: &str, nominate: bool) -> Vec<u8> {
    let mut message = header(BINDING_REQUEST, transaction);
    push_attribute(&mut message, USERNAME, username.as_bytes());
    push_attribute(&mut message, PRIORITY, &[0x6e, 0, 1, 0xff]);
    if nominate {
        push_attribute(&mut message, USE_CANDIDATE, &[]);
    }
    seal(&mut message, password);
    message
}

/// The shortest that proves itself, which no browser sends.
#[cfg(test)]
pub(crate) fn bare_request(transaction: &Transaction, username: &str, password: &str) -> Vec<u8> {
    let mut message = header(BINDING_REQUEST, transaction);
    push_attribute(&mut message, USERNAME, username.as_bytes());
    seal(&mut message, password);
    message
}

fn header(kind: u16, transaction: &Transaction) -> Vec<u8> {
    let mut message = Vec::with_capacity(96);
    message.extend_from_slice(&kind.to_be_bytes());
    message.extend_from_slice(&[0, 0]);
    message.extend_from_slice(&COOKIE.to_be_bytes());
    message.extend_from_slice(transaction);
    message
}

fn push_attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend_from_slice(&kind.to_be_bytes());
    message.extend_from_slice(&(value.len() as u16).to_be_bytes());
    message.extend_from_slice(value);
    message.resize(message.len().next_multiple_of(4), 0);
    let length = (message.len() - HEADER) as u16;
    message[2..4].copy_from_slice(&length.to_be_bytes());
}

fn seal(message: &mut Vec<u8>, password: &str) {
    let tag = integrity(message, password);
    push_attribute(message, MESSAGE_INTEGRITY, &tag);
    let at = message.len();
    push_attribute(message, FINGERPRINT, &[0; 4]);
    let crc = fingerprint(message, at);
    message[at + 4..].copy_from_slice(&crc.to_be_bytes());
}

/// HMAC over what comes before the attribute, with the length as if the attribute ended the message.
fn integrity(before: &[u8], password: &str) -> [u8; 20] {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    let length = (before.len() - HEADER + 24) as u16;
    context.update(&before[..2]);
    context.update(&length.to_be_bytes());
    context.update(&before[4..]);
    let mut tag = [0; 20];
    tag.copy_from_slice(context.sign().as_ref());
    tag
}

/// CRC-32 over what comes before the attribute, whose message already counts it (RFC 8489 section 14.7).
fn fingerprint(message: &[u8], at: usize) -> u32 {
    let mut crc = u32::MAX;
    for byte in &message[..at] {
        crc = CRC_TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize] ^ (crc >> 8);
    }
    !crc ^ FINGERPRINT_XOR
}

const CRC_TABLE: [u32; 256] = {
    let mut table = [0_u32; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut crc, mut bit) = (byte as u32, 0);
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

fn xor_address(address: SocketAddr, transaction: &Transaction) -> Vec<u8> {
    let mut mask = COOKIE.to_be_bytes().to_vec();
    mask.extend_from_slice(transaction);
    let (family, octets) = match address.ip().to_canonical() {
        IpAddr::V4(ip) => (1, ip.octets().to_vec()),
        IpAddr::V6(ip) => (2, ip.octets().to_vec()),
    };
    let port = address.port() ^ (COOKIE >> 16) as u16;
    let mut value = vec![0, family];
    value.extend_from_slice(&port.to_be_bytes());
    value.extend(octets.iter().zip(&mask).map(|(octet, mask)| octet ^ mask));
    value
}

struct Attribute<'a> {
    kind: u16,
    at: usize,
    value: &'a [u8],
}

struct Attributes<'a> {
    raw: &'a [u8],
    at: usize,
}

impl<'a> Attributes<'a> {
    fn of(raw: &'a [u8]) -> Attributes<'a> {
        Attributes { raw, at: HEADER }
    }

    fn read(&self) -> Option<Attribute<'a>> {
        let kind = be16(self.raw, self.at)?;
        let length = usize::from(be16(self.raw, self.at + 2)?);
        let value = self.raw.get(self.at + 4..self.at + 4 + length)?;
        Some(Attribute { kind, at: self.at, value })
    }
}

impl<'a> Iterator for Attributes<'a> {
    /// `None` inside says that the message is cut off.
    type Item = Option<Attribute<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.raw.len() {
            return None;
        }
        let attribute = self.read();
        self.at = match &attribute {
            Some(found) => self.at + 4 + found.value.len().next_multiple_of(4),
            None => self.raw.len(),
        };
        Some(attribute)
    }
}

fn be16(raw: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(raw.get(at..at + 2)?.try_into().ok()?))
}

fn be32(raw: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(raw.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5769 section 2.1.
    const SAMPLE_REQUEST: &[u8] = &[
        0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa,
        0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20,
        0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff, 0x80, 0x29, 0x00,
        0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09, 0x65, 0x76, 0x74, 0x6a,
        0x3a, 0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c, 0xbf,
        0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28,
        0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf,
    ];
    const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";

    #[test]
    fn the_sample_request_of_rfc_5769_is_read_and_verified() {
        let request = Request::read(SAMPLE_REQUEST).unwrap();
        assert_eq!(request.username, "evtj:h6vY");
        assert_eq!(request.local_ufrag(), "evtj");
        assert!(request.verified(PASSWORD));
        assert!(!request.verified("another"));
    }

    #[test]
    fn any_changed_byte_of_the_sample_is_noticed() {
        for at in 0..SAMPLE_REQUEST.len() {
            let mut changed = SAMPLE_REQUEST.to_vec();
            changed[at] ^= 0x40;
            assert!(!Request::read(&changed).is_some_and(|request| request.verified(PASSWORD)), "byte {at}");
        }
    }

    #[test]
    fn a_cut_off_request_is_refused() {
        for length in 0..SAMPLE_REQUEST.len() {
            assert!(Request::read(&SAMPLE_REQUEST[..length]).is_none());
        }
    }

    #[test]
    fn the_mapped_address_is_that_of_rfc_5769() {
        let transaction = SAMPLE_REQUEST[8..20].try_into().unwrap();
        // Section 2.2: 192.0.2.1 port 32853.
        let value = xor_address("192.0.2.1:32853".parse().unwrap(), &transaction);
        assert_eq!(value, [0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
        // Section 2.3: 2001:db8:1234:5678:11:2233:4455:6677 port 32853.
        let value =
            xor_address("[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().unwrap(), &transaction);
        assert_eq!(value[..8], [0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa]);
    }

    #[test]
    fn who_asks_over_tcp_is_told_its_real_address() {
        let peer = "192.0.2.1:32853".parse().unwrap();
        let marked = crate::tcp::address(peer, 9.try_into().unwrap());
        assert_eq!(success(&[1; 12], marked, "secret"), success(&[1; 12], peer, "secret"));
    }

    #[test]
    fn what_the_client_writes_the_server_reads() {
        let raw = request(&[7; 12], "here:there", "secret", true);
        let request = Request::read(&raw).unwrap();
        assert!(request.use_candidate && request.verified("secret"));
    }

    #[test]
    fn a_response_is_signed_and_carries_a_right_fingerprint() {
        let response = success(&[1; 12], "10.0.0.1:5000".parse().unwrap(), "secret");
        let integrity_at = response.len() - 8 - 24;
        assert_eq!(
            response[integrity_at + 4..integrity_at + 24],
            integrity(&response[..integrity_at], "secret")
        );
        let crc = be32(&response, response.len() - 4).unwrap();
        assert_eq!(crc, fingerprint(&response, response.len() - 8));
    }
}
