//! Sockets, threads and timers around `room-core`: one thread, one socket and one shard a core.
//!
//! Invariant: a thread blocks until a datagram, a message or its next timer; with nothing to do it costs
//! nothing.

mod address;
mod admission;
mod clock;
mod connection;
mod directory;
mod engine;
mod events;
mod inbox;
mod incoming;
mod outgoing;
mod poll;
mod receive;
mod refusal;
mod routes;
mod send;
mod socket;
mod tap;
mod tcp;
mod wake;
mod worker;

pub use engine::{Config, Engine, EngineStats};
pub use refusal::{NotStarted, Refusal, Transport};
pub use tap::Drained;
