//! The media core's state machines: `(datagram | command, now) → datagrams + events`.
//!
//! Invariant: no socket, no clock, no thread, no randomness, no unsafe code. Whatever is here can be tested
//! in virtual time with an in-process network.
#![forbid(unsafe_code)]

pub mod arrivals;
mod census;
#[cfg(any(test, feature = "client"))]
pub mod client;
pub mod codec;
pub mod congestion;
mod control;
mod demand;
pub mod demux;
pub mod depacketise;
mod departures;
pub mod dependency;
pub mod dtls;
mod fanout;
mod faults;
mod feedback;
#[cfg(any(test, feature = "client"))]
pub mod film;
mod frames;
pub mod freezes;
mod groups;
pub mod history;
pub mod ice;
pub mod ids;
mod intake;
pub mod ladder;
pub mod layer;
pub mod layers;
pub mod limits;
pub mod link;
mod loss;
mod mapping;
pub mod message;
pub mod meter;
mod numbers;
mod pace;
pub mod packet;
pub mod packetise;
pub mod params;
pub mod peer;
mod probe;
pub mod publication;
mod rate;
mod receiver_estimate;
pub mod reception;
pub mod red;
mod repair;
mod replay;
pub mod report;
mod residents;
mod restarts;
pub mod room;
pub mod rtcp;
pub mod rtp;
#[cfg(test)]
mod screen;
mod sender_estimate;
mod sent;
pub mod shard;
#[cfg(any(test, feature = "client"))]
pub mod simulcast;
pub mod slot;
pub mod source;
pub mod speech;
pub mod sps;
pub mod srtp;
#[cfg(test)]
mod stage;
pub mod stats;
pub mod steering;
pub mod stun;
pub mod tap;
pub mod tcp;
mod throughput;
pub mod time;
pub mod track;
pub mod transmit;
pub mod transport_feedback;
#[cfg(test)]
mod trap;
mod trend;
mod watch;
#[cfg(any(test, feature = "client"))]
pub mod way;
#[cfg(any(test, feature = "client"))]
pub mod world;
