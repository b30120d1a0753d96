//! SRTP and SRTCP (RFC 3711) with AES-GCM (RFC 7714) or AES-CM and HMAC-SHA1.
//!
//! Invariant: an index of a stream is encrypted with one content only. A sender that repeats a packet does
//! so on its retransmission stream; a receiver remembers the last 128 indices and takes none twice.

mod cipher;

use std::collections::HashMap;
use std::fmt;

use aws_lc_rs::aead::Aad;
use aws_lc_rs::constant_time;

use crate::limits::STREAMS_PER_PEER;
use crate::replay::Window;

use cipher::{Cipher, Cm, cm_context, gcm_nonce, sha1_80};

const RTCP_HEADER: usize = 8;
const INDEX_BYTES: usize = 4;
const ENCRYPTED: u32 = 1 << 31;
/// The longest tag of any profile.
pub const MAX_TAG: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    AeadAes256Gcm,
    AeadAes128Gcm,
    Aes128CmSha1_80,
}

impl Profile {
    pub(crate) fn of(profile: dimpl::SrtpProfile) -> Option<Profile> {
        match profile {
            dimpl::SrtpProfile::AEAD_AES_256_GCM => Some(Profile::AeadAes256Gcm),
            dimpl::SrtpProfile::AEAD_AES_128_GCM => Some(Profile::AeadAes128Gcm),
            dimpl::SrtpProfile::AES128_CM_SHA1_80 => Some(Profile::Aes128CmSha1_80),
            _ => None,
        }
    }

    const fn key_len(self) -> usize {
        match self {
            Profile::AeadAes256Gcm => 32,
            Profile::AeadAes128Gcm | Profile::Aes128CmSha1_80 => 16,
        }
    }

    const fn salt_len(self) -> usize {
        match self {
            Profile::AeadAes256Gcm | Profile::AeadAes128Gcm => 12,
            Profile::Aes128CmSha1_80 => 14,
        }
    }

    #[must_use]
    pub const fn tag_len(self) -> usize {
        match self {
            Profile::AeadAes256Gcm | Profile::AeadAes128Gcm => 16,
            Profile::Aes128CmSha1_80 => 10,
        }
    }

    /// Cuts the exporter's bytes: client key, server key, client salt, server salt (RFC 5764 section 4.2).
    #[must_use]
    pub fn split(self, material: &[u8]) -> Option<SessionKeys> {
        let (key, salt) = (self.key_len(), self.salt_len());
        if material.len() != 2 * (key + salt) {
            return None;
        }
        let (keys, salts) = material.split_at(2 * key);
        let master = |n: usize| Master {
            profile: self,
            key: keys[n * key..(n + 1) * key].to_vec(),
            salt: salts[n * salt..(n + 1) * salt].to_vec(),
        };
        Some(SessionKeys { client: master(0), server: master(1) })
    }
}

/// One direction's master key and salt.
#[derive(Clone)]
pub struct Master {
    profile: Profile,
    key: Vec<u8>,
    salt: Vec<u8>,
}

impl fmt::Debug for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Master").field("profile", &self.profile).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug)]
pub struct SessionKeys {
    pub client: Master,
    pub server: Master,
}

/// The sending direction.
pub struct Outbound {
    rtp: Cipher,
    rtcp: Cipher,
    rtcp_index: u32,
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound").field("rtcp_index", &self.rtcp_index).finish_non_exhaustive()
    }
}

impl Outbound {
    #[must_use]
    pub fn new(master: &Master) -> Option<Outbound> {
        Some(Outbound { rtp: Cipher::derive(master, 0)?, rtcp: Cipher::derive(master, 3)?, rtcp_index: 0 })
    }

    #[must_use]
    pub const fn rtp_overhead(&self) -> usize {
        self.rtp.tag_len()
    }

    #[must_use]
    pub const fn rtcp_overhead(&self) -> usize {
        self.rtcp.tag_len() + INDEX_BYTES
    }

    /// Encrypts payload and padding behind the header that `out` begins with. `index` is the sequence number with
    /// its rollover counter; `out` is as long as header, both parts and overhead. Returns whether it went well.
    #[must_use]
    pub fn rtp(
        &self,
        ssrc: u32,
        index: u64,
        header_len: usize,
        [payload, padding]: [&[u8]; 2],
        out: &mut [u8],
    ) -> bool {
        let (header, rest) = out.split_at_mut(header_len);
        let (body, end) = rest.split_at_mut(payload.len());
        match &self.rtp {
            Cipher::Gcm { key, salt } => {
                let (nonce, aad) = (gcm_nonce(salt, ssrc, index), Aad::from(&*header));
                key.seal_out_of_place_scatter(nonce, aad, payload, body, padding, end).is_ok()
            }
            Cipher::Cm(_) => {
                body.copy_from_slice(payload);
                end[..padding.len()].copy_from_slice(padding);
                self.rtp_in_place(ssrc, index, header_len, out)
            }
        }
    }

    /// As `rtp`, with the payload already in its place in `out`.
    #[must_use]
    pub fn rtp_in_place(&self, ssrc: u32, index: u64, header_len: usize, out: &mut [u8]) -> bool {
        let payload_end = out.len() - self.rtp.tag_len();
        let (header, rest) = out.split_at_mut(header_len);
        let (body, tag) = rest.split_at_mut(payload_end - header_len);
        match &self.rtp {
            Cipher::Gcm { key, salt } => {
                let nonce = gcm_nonce(salt, ssrc, index);
                let sealed = key.seal_in_place_separate_tag(nonce, Aad::from(&*header), body);
                sealed.map(|found| tag.copy_from_slice(found.as_ref())).is_ok()
            }
            Cipher::Cm(cm) => {
                let Cm { key, salt, auth } = &**cm;
                let sealed = key.less_safe_encrypt(body, cm_context(salt, ssrc, index)).is_ok();
                let rollover = ((index >> 16) as u32).to_be_bytes();
                tag.copy_from_slice(&sha1_80(auth, &[header, body, &rollover]));
                sealed
            }
        }
    }

    /// Encrypts a compound packet into `out`, which is `rtcp_overhead` longer.
    #[must_use]
    pub fn rtcp(&mut self, compound: &[u8], out: &mut [u8]) -> bool {
        let Some(ssrc) = ssrc_of(compound) else { return false };
        self.rtcp_index = (self.rtcp_index + 1) & !ENCRYPTED;
        let word = (self.rtcp_index | ENCRYPTED).to_be_bytes();
        let index = u64::from(self.rtcp_index);
        out[..compound.len()].copy_from_slice(compound);
        match &self.rtcp {
            Cipher::Gcm { key, salt } => {
                let aad = rtcp_aad(compound, word);
                let (body, trailer) = out[RTCP_HEADER..].split_at_mut(compound.len() - RTCP_HEADER);
                trailer[16..].copy_from_slice(&word);
                match key.seal_in_place_separate_tag(gcm_nonce(salt, ssrc, index), Aad::from(aad), body) {
                    Ok(tag) => trailer[..16].copy_from_slice(tag.as_ref()),
                    Err(_) => return false,
                }
                true
            }
            Cipher::Cm(cm) => {
                let Cm { key, salt, auth } = &**cm;
                let (text, trailer) = out.split_at_mut(compound.len());
                let sealed =
                    key.less_safe_encrypt(&mut text[RTCP_HEADER..], cm_context(salt, ssrc, index)).is_ok();
                trailer[..INDEX_BYTES].copy_from_slice(&word);
                trailer[INDEX_BYTES..].copy_from_slice(&sha1_80(auth, &[text, &word]));
                sealed
            }
        }
    }
}

fn rtcp_aad(compound: &[u8], word: [u8; 4]) -> [u8; 12] {
    let mut aad = [0; 12];
    aad[..RTCP_HEADER].copy_from_slice(&compound[..RTCP_HEADER]);
    aad[RTCP_HEADER..].copy_from_slice(&word);
    aad
}

fn ssrc_of(compound: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(compound.get(4..8)?.try_into().ok()?))
}

/// The receiving direction.
pub struct Inbound {
    rtp: Cipher,
    rtcp: Cipher,
    streams: HashMap<u32, Window>,
    control: HashMap<u32, Window>,
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound").field("streams", &self.streams.len()).finish_non_exhaustive()
    }
}

impl Inbound {
    #[must_use]
    pub fn new(master: &Master) -> Option<Inbound> {
        Some(Inbound {
            rtp: Cipher::derive(master, 0)?,
            rtcp: Cipher::derive(master, 3)?,
            streams: HashMap::new(),
            control: HashMap::new(),
        })
    }

    /// Decrypts in place. Returns the index and where the payload ends; `None` when the packet is forged, a
    /// repetition, or of one stream too many.
    pub fn rtp(
        &mut self,
        ssrc: u32,
        sequence: u16,
        header_len: usize,
        packet: &mut [u8],
    ) -> Option<(u64, usize)> {
        let window = self.streams.get(&ssrc).copied();
        if window.is_none() && self.streams.len() >= STREAMS_PER_PEER {
            return None;
        }
        let index = window.map_or(u64::from(sequence), |window| window.guess(sequence));
        if window.is_some_and(|window| !window.is_new(index)) {
            return None;
        }
        let end = packet.len().checked_sub(self.rtp.tag_len()).filter(|end| *end >= header_len)?;
        let (header, body) = packet.split_at_mut(header_len);
        match &self.rtp {
            Cipher::Gcm { key, salt } => {
                key.open_in_place(gcm_nonce(salt, ssrc, index), Aad::from(&*header), body).ok()?;
            }
            Cipher::Cm(cm) => {
                let Cm { key, salt, auth } = &**cm;
                let (text, tag) = body.split_at_mut(end - header_len);
                let rollover = ((index >> 16) as u32).to_be_bytes();
                let expected = sha1_80(auth, &[header, text, &rollover]);
                constant_time::verify_slices_are_equal(&expected, tag).ok()?;
                key.less_safe_encrypt(text, cm_context(salt, ssrc, index)).ok()?;
            }
        }
        self.streams.entry(ssrc).or_insert_with(|| Window::at(index)).mark(index);
        Some((index, end))
    }

    /// Decrypts in place. Returns where the compound packet ends.
    pub fn rtcp(&mut self, packet: &mut [u8]) -> Option<usize> {
        let ssrc = ssrc_of(packet)?;
        let end = packet.len().checked_sub(self.rtcp.tag_len() + INDEX_BYTES)?;
        let word_at = match self.rtcp {
            Cipher::Gcm { .. } => packet.len() - INDEX_BYTES,
            Cipher::Cm(_) => end,
        };
        let word: [u8; 4] = packet.get(word_at..word_at + INDEX_BYTES)?.try_into().ok()?;
        let index = u64::from(u32::from_be_bytes(word) & !ENCRYPTED);
        let encrypted = u32::from_be_bytes(word) & ENCRYPTED != 0;
        let known = self.control.get(&ssrc);
        let admitted = known.map_or(self.control.len() < STREAMS_PER_PEER, |window| window.is_new(index));
        if !admitted || !encrypted || end < RTCP_HEADER {
            return None;
        }
        match &self.rtcp {
            Cipher::Gcm { key, salt } => {
                let aad = rtcp_aad(packet, word);
                let sealed = &mut packet[RTCP_HEADER..word_at];
                key.open_in_place(gcm_nonce(salt, ssrc, index), Aad::from(aad), sealed).ok()?;
            }
            Cipher::Cm(cm) => {
                let Cm { key, salt, auth } = &**cm;
                let (text, trailer) = packet.split_at_mut(end);
                let expected = sha1_80(auth, &[text, &word]);
                constant_time::verify_slices_are_equal(&expected, &trailer[INDEX_BYTES..]).ok()?;
                key.less_safe_encrypt(&mut text[RTCP_HEADER..], cm_context(salt, ssrc, index)).ok()?;
            }
        }
        self.control.entry(ssrc).or_insert_with(|| Window::at(index)).mark(index);
        Some(end)
    }
}

#[cfg(test)]
#[path = "srtp_tests.rs"]
mod tests;
