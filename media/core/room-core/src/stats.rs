//! What is counted, per peer and in all.

use serde::Serialize;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
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

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PeerStats {
    pub peer: u64,
    pub room: String,
    pub connected: bool,
    /// Round trip, as the peer's receiver reports tell; null before the first.
    pub rtt_ms: Option<f64>,
    /// What the way to the peer carries, and whose figure that is: "transport" for ours, from feedback on each packet,
    /// "receiver" for the peer's own; null before the first.
    pub estimate_bps: Option<u64>,
    pub estimate_origin: Option<&'static str>,
    #[serde(flatten)]
    pub counters: Counters,
}

/// One shard's share; the sum of all is the engine's.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
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
