//! What is counted: per peer, per layer of a track, per slot of a viewer, and in all.
//!
//! Round trip and estimate are of a peer's one way, not of a track.

use std::sync::Arc;

use crate::codec::{Codec, MediaKind};
use crate::ids::TrackId;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub packets_in: u64,
    pub bytes_in: u64,
    pub packets_out: u64,
    pub bytes_out: u64,
    /// Packets that the peer published and that never came.
    pub lost_in: u64,
    /// Packets that the peer says it never got.
    pub lost_out: u64,
    pub nacks_in: u64,
    pub nacks_out: u64,
    pub retransmitted: u64,
    /// Packets sent a second time to try what the way to the peer carries.
    pub probed: u64,
    pub plis_in: u64,
    pub plis_out: u64,
    /// Datagrams that were not what they should be, or one too many.
    pub refused: u64,
}

impl Counters {
    /// In the order of the fields.
    #[must_use]
    pub fn values(&self) -> [u64; 13] {
        [
            self.packets_in,
            self.bytes_in,
            self.packets_out,
            self.bytes_out,
            self.lost_in,
            self.lost_out,
            self.nacks_in,
            self.nacks_out,
            self.retransmitted,
            self.probed,
            self.plis_in,
            self.plis_out,
            self.refused,
        ]
    }

    pub fn add(&mut self, other: &Counters) {
        self.packets_in += other.packets_in;
        self.bytes_in += other.bytes_in;
        self.packets_out += other.packets_out;
        self.bytes_out += other.bytes_out;
        self.lost_in += other.lost_in;
        self.lost_out += other.lost_out;
        self.nacks_in += other.nacks_in;
        self.nacks_out += other.nacks_out;
        self.retransmitted += other.retransmitted;
        self.probed += other.probed;
        self.plis_in += other.plis_in;
        self.plis_out += other.plis_out;
        self.refused += other.refused;
    }
}

/// One layer of something that a peer publishes, since its track began.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrackStats {
    pub track: TrackId,
    pub kind: MediaKind,
    pub layer: u8,
    pub codec: Codec,
    pub counts: LayerCounts,
    /// Packets that never came.
    pub lost: u64,
    /// Of the stream that comes in now (RFC 3550 section 6.4.1).
    pub jitter_ms: f64,
    /// Pictures that came late.
    pub freezes: u32,
    pub frozen_ms: u64,
}

/// `bytes` are those of payloads; `nacks` and `plis` are what the publisher was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerCounts {
    pub packets: u64,
    pub bytes: u64,
    pub nacks: u64,
    pub plis: u64,
}

/// What a viewer's slot was sent, since the viewer came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlotStats {
    pub kind: MediaKind,
    pub slot: usize,
    /// What it carries, and in which layer.
    pub track: Option<(TrackId, u8)>,
    pub counts: SlotCounts,
    /// As the viewer's last report has it.
    pub jitter_ms: f64,
    pub freezes: u32,
    pub frozen_ms: u64,
    /// The picture stands still now.
    pub is_frozen: bool,
}

/// `lost` is the viewer's word; `nacks` are packets that it asked for, and `plis` keyframes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotCounts {
    pub packets: u64,
    pub bytes: u64,
    pub retransmitted: u64,
    pub nacks: u64,
    pub plis: u64,
    pub lost: u64,
    /// In ticks of the RTP clock.
    pub jitter: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PeerStats {
    pub peer: u64,
    pub room: Arc<str>,
    pub connected: bool,
    /// Round trip, as the peer's receiver reports tell; null before the first.
    pub rtt_ms: Option<f64>,
    /// What the way to the peer carries, and whose figure that is: "transport" for ours, from feedback on each packet,
    /// "receiver" for the peer's own; null before the first.
    pub estimate_bps: Option<u64>,
    pub estimate_origin: Option<&'static str>,
    pub counters: Counters,
    /// By layer, those that have come in.
    pub tracks: Vec<TrackStats>,
    /// Those that carry something, or did.
    pub slots: Vec<SlotStats>,
}

/// One shard's share; the sum of all is the engine's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShardStats {
    pub peers: Vec<PeerStats>,
    pub totals: Counters,
    pub frames_refused: u64,
    pub unknown_datagrams: u64,
    /// Faults of ours that were caught.
    pub panics: u64,
}

impl ShardStats {
    pub fn merge(&mut self, other: ShardStats) {
        self.peers.extend(other.peers);
        self.totals.add(&other.totals);
        self.frames_refused += other.frames_refused;
        self.unknown_datagrams += other.unknown_datagrams;
        self.panics += other.panics;
    }
}
