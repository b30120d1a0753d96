//! The passive side of DTLS-SRTP (RFC 5764), around `dimpl`.
//!
//! ```text
//!   WAITING ── ClientHello ──► HANDSHAKE ── certificate matches ──► PROVED ── keys ──► CONNECTED
//!      ▲                          │ error                                                 │ close_notify
//!      └── begins anew ───────────┘ (a few times, then FAILED)                            ▼ CLOSED
//! ```
//!
//! Invariant: keys are handed out only after the peer's certificate matched a fingerprint of its offer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::{constant_time, digest};
use dimpl::{Dtls, DtlsCertificate, Output};

use crate::limits::HANDSHAKES_PER_PEER;
use crate::srtp::{Profile, SessionKeys};
use crate::time::{Anchor, Time};

/// What every handshake of the process shares.
#[derive(Clone)]
pub struct Identity {
    certificate: DtlsCertificate,
    config: Arc<dimpl::Config>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("fingerprint", &self.fingerprint()).finish_non_exhaustive()
    }
}

impl Identity {
    /// A fresh self-signed P-256 certificate.
    ///
    /// # Errors
    /// Says what the system refused.
    pub fn generate() -> Result<Identity, String> {
        let certificate =
            dimpl::certificate::generate_self_signed_certificate().map_err(|error| error.to_string())?;
        let config = dimpl::Config::builder()
            // ICE has already proved the address.
            .use_server_cookie(false)
            .flight_start_rto(Duration::from_millis(200))
            .flight_retries(7)
            .build()
            .map_err(|error| format!("{error:?}"))?;
        Ok(Identity { certificate, config: Arc::new(config) })
    }

    /// The certificate's SHA-256 as `AA:BB:…`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.certificate.fingerprint_str()
    }

    pub(crate) fn endpoint(&self, anchor: &Anchor, now: Time) -> Dtls {
        let instant = anchor.instant(now);
        let mut dtls = Dtls::new_12(Arc::clone(&self.config), self.certificate.clone(), instant);
        // The library wants one call before the first packet; nothing can fail yet.
        let _ = dtls.handle_timeout(instant);
        dtls
    }
}

/// A digest that the offer promised: algorithm in lower case, value in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    pub algorithm: String,
    pub value: Vec<u8>,
}

impl Fingerprint {
    /// Reads `AA:BB:…`.
    #[must_use]
    pub fn parse(algorithm: &str, hex: &str) -> Option<Fingerprint> {
        let value = hex.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect::<Option<_>>()?;
        Some(Fingerprint { algorithm: algorithm.to_ascii_lowercase(), value })
    }

    fn matches(&self, certificate: &[u8]) -> bool {
        let algorithm = match self.algorithm.as_str() {
            "sha-256" => &digest::SHA256,
            "sha-384" => &digest::SHA384,
            "sha-512" => &digest::SHA512,
            _ => return false,
        };
        let found = digest::digest(algorithm, certificate);
        constant_time::verify_slices_are_equal(found.as_ref(), &self.value).is_ok()
    }
}

/// What a step of the handshake brought.
#[derive(Debug, Default)]
pub struct Progress {
    pub datagrams: Vec<Vec<u8>>,
    pub keys: Option<SessionKeys>,
    pub closed: bool,
    pub failed: bool,
}

pub struct Handshake {
    dtls: Dtls,
    identity: Identity,
    anchor: Anchor,
    expected: Vec<Fingerprint>,
    proved: bool,
    connected: bool,
    begun: u8,
    wake: Time,
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake").field("connected", &self.connected).finish_non_exhaustive()
    }
}

impl Handshake {
    #[must_use]
    pub fn new(identity: &Identity, anchor: Anchor, expected: Vec<Fingerprint>, now: Time) -> Handshake {
        Handshake {
            dtls: identity.endpoint(&anchor, now),
            identity: identity.clone(),
            anchor,
            expected,
            proved: false,
            connected: false,
            begun: 1,
            wake: Time::FAR,
        }
    }

    /// When `timeout` wants to be called.
    #[must_use]
    pub fn wake(&self) -> Time {
        self.wake
    }

    /// Takes a datagram from an address that ICE has validated.
    pub fn datagram(&mut self, now: Time, datagram: &[u8]) -> Progress {
        let instant = self.anchor.instant(now);
        let outcome = self.dtls.handle_timeout(instant).and_then(|()| self.dtls.handle_packet(datagram));
        self.conclude(now, outcome.is_err())
    }

    pub fn timeout(&mut self, now: Time) -> Progress {
        let outcome = self.dtls.handle_timeout(self.anchor.instant(now));
        self.conclude(now, outcome.is_err())
    }

    /// Says goodbye, if there is anyone to say it to.
    pub fn close(&mut self) -> Vec<Vec<u8>> {
        if !self.connected || self.dtls.close().is_err() {
            return Vec::new();
        }
        self.drain().datagrams
    }

    fn conclude(&mut self, now: Time, fatal: bool) -> Progress {
        if !fatal {
            let mut progress = self.drain();
            progress.failed |= self.connected && !self.proved;
            return progress;
        }
        // Corrupted handshake packets are fatal to the library, but not to a peer who tries again.
        if self.connected || self.begun >= HANDSHAKES_PER_PEER {
            self.wake = Time::FAR;
            return Progress { failed: true, ..Progress::default() };
        }
        self.begun += 1;
        self.proved = false;
        self.dtls = self.identity.endpoint(&self.anchor, now);
        self.drain()
    }

    fn drain(&mut self) -> Progress {
        let mut progress = Progress::default();
        let mut buffer = vec![0; 2_048];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(datagram) => progress.datagrams.push(datagram.to_vec()),
                Output::BufferTooSmall { needed } => buffer.resize(needed, 0),
                Output::PeerCert(der) => {
                    self.proved = self.expected.iter().any(|fingerprint| fingerprint.matches(der));
                    progress.failed |= !self.proved;
                }
                Output::Connected => self.connected = true,
                Output::KeyingMaterial(material, profile) if self.proved => {
                    progress.keys = Profile::of(profile).and_then(|profile| profile.split(&material));
                    progress.failed |= progress.keys.is_none();
                }
                Output::CloseNotify => progress.closed = true,
                Output::Timeout(instant) => {
                    self.wake = self.anchor.time(instant);
                    return progress;
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_matches_its_certificate_only() {
        let identity = Identity::generate().unwrap();
        let promised = Fingerprint::parse("SHA-256", &identity.fingerprint()).unwrap();
        assert!(promised.matches(&identity.certificate.certificate));
        assert!(!promised.matches(b"another"));
        assert!(Fingerprint::parse("sha-256", "zz:00").is_none());
    }
}
