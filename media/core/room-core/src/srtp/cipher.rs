//! The ciphers of SRTP: AES-GCM (RFC 7714), AES-CM with HMAC-SHA1 (RFC 3711), and their keys.

use aws_lc_rs::aead::{LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{self, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{aead, hmac};

use super::{Master, Profile};

/// A key of one direction and one of RTP or RTCP.
pub(super) enum Cipher {
    Gcm {
        key: LessSafeKey,
        salt: [u8; 12],
    },
    /// Fifty times as large, and few peers have it.
    Cm(Box<Cm>),
}

pub(super) struct Cm {
    pub(super) key: EncryptingKey,
    pub(super) salt: [u8; 14],
    pub(super) auth: hmac::Key,
}

impl Cipher {
    /// `label` is 0 for RTP and 3 for RTCP (RFC 3711 section 4.3.2).
    pub(super) fn derive(master: &Master, label: u8) -> Option<Cipher> {
        let key = derive_bytes(master, label, master.profile.key_len())?;
        let salt = derive_bytes(master, label + 2, master.profile.salt_len())?;
        Some(match master.profile {
            Profile::AeadAes256Gcm | Profile::AeadAes128Gcm => {
                let algorithm = if key.len() == 32 { &aead::AES_256_GCM } else { &aead::AES_128_GCM };
                let key = LessSafeKey::new(UnboundKey::new(algorithm, &key).ok()?);
                Cipher::Gcm { key, salt: salt.try_into().ok()? }
            }
            Profile::Aes128CmSha1_80 => {
                let auth = derive_bytes(master, label + 1, 20)?;
                Cipher::Cm(Box::new(Cm {
                    key: EncryptingKey::ctr(UnboundCipherKey::new(&cipher::AES_128, &key).ok()?).ok()?,
                    salt: salt.try_into().ok()?,
                    auth: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &auth),
                }))
            }
        })
    }

    pub(super) const fn tag_len(&self) -> usize {
        match self {
            Cipher::Gcm { .. } => 16,
            Cipher::Cm(_) => 10,
        }
    }
}

pub(super) fn derive_bytes(master: &Master, label: u8, length: usize) -> Option<Vec<u8>> {
    let algorithm = if master.key.len() == 32 { &cipher::AES_256 } else { &cipher::AES_128 };
    let key = EncryptingKey::ctr(UnboundCipherKey::new(algorithm, &master.key).ok()?).ok()?;
    let mut iv = [0; 16];
    iv[..master.salt.len()].copy_from_slice(&master.salt);
    iv[7] ^= label;
    let mut bytes = vec![0; length];
    key.less_safe_encrypt(&mut bytes, EncryptionContext::Iv128(FixedLength::from(iv))).ok()?;
    Some(bytes)
}

/// RFC 7714 section 8.1, and 9.1 with an index of 31 bits for RTCP.
pub(super) fn gcm_nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> Nonce {
    let mut iv = [0; 12];
    iv[2..6].copy_from_slice(&ssrc.to_be_bytes());
    iv[6..12].copy_from_slice(&index.to_be_bytes()[2..]);
    for (byte, salt) in iv.iter_mut().zip(salt) {
        *byte ^= salt;
    }
    Nonce::assume_unique_for_key(iv)
}

/// RFC 3711 section 4.1.1.
pub(super) fn cm_context(salt: &[u8; 14], ssrc: u32, index: u64) -> EncryptionContext {
    let mut iv = [0; 16];
    iv[..14].copy_from_slice(salt);
    for (byte, ssrc) in iv[4..8].iter_mut().zip(ssrc.to_be_bytes()) {
        *byte ^= ssrc;
    }
    for (byte, index) in iv[8..14].iter_mut().zip(&index.to_be_bytes()[2..]) {
        *byte ^= index;
    }
    EncryptionContext::Iv128(FixedLength::from(iv))
}

/// HMAC-SHA1 over `parts`, cut to 80 bits.
pub(super) fn sha1_80(key: &hmac::Key, parts: &[&[u8]]) -> [u8; 10] {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(part);
    }
    let mut tag = [0; 10];
    tag.copy_from_slice(&context.sign().as_ref()[..10]);
    tag
}
