//! What was negotiated for one peer, as the signalling side hands it over.

use std::collections::HashMap;

use serde::Deserialize;

use crate::codec::{Codec, MediaKind};
use crate::dtls::Fingerprint;

pub const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
pub const ABSOLUTE_SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
pub const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
pub const TRANSPORT_SEQUENCE: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
pub const STREAM_ID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
pub const DEPENDENCY_DESCRIPTOR: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
pub const REPAIRED_STREAM_ID: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";

#[derive(Clone, Debug, Deserialize)]
pub struct PeerParams {
    /// Without an authentic check for this long, the peer is gone.
    #[serde(default = "consent_s")]
    pub consent_s: u64,
    pub local: Local,
    pub remote: Remote,
    #[serde(default)]
    pub slots: Vec<SlotParams>,
    #[serde(default)]
    pub publishes: Vec<PublishParams>,
}

/// RFC 7675 section 5.1.
#[must_use]
pub const fn consent_s() -> u64 {
    30
}

#[derive(Clone, Debug, Deserialize)]
pub struct Local {
    pub ufrag: String,
    pub pwd: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Remote {
    pub ufrag: String,
    #[serde(default)]
    pub pwd: String,
    /// `(algorithm, "AA:BB:…")`.
    pub fingerprints: Vec<(String, String)>,
}

impl Remote {
    /// The fingerprints that can be read.
    #[must_use]
    pub fn expected(&self) -> Vec<Fingerprint> {
        self.fingerprints.iter().filter_map(|(algorithm, hex)| Fingerprint::parse(algorithm, hex)).collect()
    }
}

#[derive(Clone, Debug, Deserialize)]
pub struct SlotParams {
    pub kind: MediaKind,
    pub index: usize,
    pub mid: String,
    pub ssrc: u32,
    pub rtx_ssrc: Option<u32>,
    pub codecs: Vec<CodecParams>,
    #[serde(default)]
    pub extensions: HashMap<String, u8>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct PublishParams {
    pub kind: MediaKind,
    pub mid: String,
    pub codecs: Vec<CodecParams>,
    /// Sources as signalled, retransmission sources among them; often none.
    #[serde(default)]
    pub ssrcs: Vec<u32>,
    /// The names of its layers (RFC 8851), none for one without.
    #[serde(default)]
    pub rids: Vec<String>,
    #[serde(default)]
    pub extensions: HashMap<String, u8>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct CodecParams {
    pub name: Codec,
    pub pt: u8,
    pub rtx_pt: Option<u8>,
    /// With earlier sound once more (RFC 2198).
    #[serde(default)]
    pub red_pt: Option<u8>,
    #[serde(default)]
    pub nack: bool,
    #[serde(default)]
    pub pli: bool,
}
