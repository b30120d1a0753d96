//! Fuzz targets: whatever reads bytes from the network, and whole shards under sequences of datagrams and time.
//!
//! ```text
//!   make fuzz ──► libFuzzer, guided by coverage ──► corpus/TARGET.bin, kept and minimal (tests/fuzz/guided.py)
//!   make test ──► the corpus again, and a moment of mutants of it (tests/targets.rs)
//! ```
//!
//! Invariant: a target is a plain function of bytes. It panics when what it tries is wrong; it never waits.

mod chance;
mod corpus;
mod payloads;
mod protocols;
mod sequences;

pub use chance::{Chance, Dice};
pub use corpus::{pack, unpack};

/// Something to throw bytes at.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// What real peers send, to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

const fn target(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target { name, run, seeds }
}

/// All of them.
pub const TARGETS: [Target; 19] = [
    target("stun", protocols::stun, protocols::stun_seeds),
    target("tcp", protocols::tcp, protocols::tcp_seeds),
    target("rtp", protocols::rtp, protocols::rtp_seeds),
    target("extensions", protocols::extensions, protocols::extension_seeds),
    target("rtcp", protocols::rtcp, protocols::rtcp_seeds),
    target("twcc", protocols::twcc, protocols::twcc_seeds),
    target("arrivals", protocols::arrivals, protocols::no_seeds),
    target("dependency", payloads::dependency, payloads::dependency_seeds),
    target("vp8", payloads::vp8, payloads::vp8_seeds),
    target("h264", payloads::h264, payloads::h264_seeds),
    target("vp9", payloads::vp9, payloads::vp9_seeds),
    target("av1", payloads::av1, payloads::av1_seeds),
    target("sps", payloads::sps, payloads::sps_seeds),
    target("packetise", payloads::packetise, payloads::packetise_seeds),
    target("depacketise", payloads::depacketise, payloads::depacketise_seeds),
    target("red", payloads::red, payloads::red_seeds),
    target("dtls", sequences::dtls, sequences::dtls_seeds),
    target("handshakes", sequences::handshakes, protocols::no_seeds),
    target("datagrams", sequences::datagrams, protocols::no_seeds),
];

#[must_use]
pub fn named(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}
