//! The reading side of one TCP connection, and what it may cost.
//!
//! ```text
//!   UNPROVED ── a check is answered ──► PROVED ── nothing answered for 60 s ──► closed
//!    │ 10 s, or 16 KB                    ▲ │
//!    ▼                                   └─┘ a check is answered
//!   closed
//! ```
//!
//! Invariant: before somebody has proved to know a password of ours, nothing but checks for a name that we know goes to
//! a shard, and few of them.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use room_core::demux::{Kind, kind};
use room_core::ids::ShardIndex;
use room_core::limits::{Bucket, INGRESS_BYTES_PER_SECOND};
use room_core::message::Message;
use room_core::stun::Request;
use room_core::tcp::Reader;
use room_core::time::Time;

use crate::connection::Connection;
use crate::directory::Shared;
use crate::inbox::Input;

pub(crate) const TO_PROVE: Duration = Duration::from_secs(10);
/// Browsers check what they use every few seconds, and what they keep in reserve at least twice a minute.
pub(crate) const IDLE: Duration = Duration::from_secs(60);
const UNPROVED_BYTES: usize = 16 * 1024;

#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) connection: Arc<Connection>,
    pub(crate) opened: Time,
    reader: Reader,
    budget: Bucket,
    /// Bytes that came before anything was proved.
    unproved: usize,
    /// The shard of the peer that checks.
    owner: Option<ShardIndex>,
}

impl Incoming {
    pub(crate) fn new(connection: Arc<Connection>, now: Time) -> Incoming {
        let budget = Bucket::new(INGRESS_BYTES_PER_SECOND, INGRESS_BYTES_PER_SECOND, now);
        Incoming { connection, opened: now, reader: Reader::default(), budget, unproved: 0, owner: None }
    }

    pub(crate) fn is_proved(&self) -> bool {
        self.connection.answered().is_some()
    }

    pub(crate) fn ends(&self) -> Time {
        match self.connection.answered() {
            Some(answered) => answered.plus(IDLE),
            None => self.opened.plus(TO_PROVE),
        }
    }

    /// Reads what there is, at most one buffer, so that all take turns. Returns whether the connection goes on.
    pub(crate) fn read(&mut self, now: Time, buffer: &mut [u8], shared: &Shared) -> bool {
        let count = match (&self.connection.socket).read(buffer) {
            Ok(0) => return false,
            Ok(count) => count,
            Err(error) => {
                return matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted);
            }
        };
        let proved = self.is_proved();
        if !proved {
            self.unproved += count;
            if self.unproved > UNPROVED_BYTES {
                return false;
            }
        }
        let Incoming { connection, reader, budget, owner, .. } = self;
        let read = reader.read(&buffer[..count], |bytes| {
            if !budget.take(bytes.len() as f64, now) {
                return;
            }
            match kind(bytes) {
                Kind::Stun => {
                    let Some(shard) = owner_of_check(bytes, shared) else { return };
                    *owner = Some(shard);
                }
                Kind::Unknown => return,
                _ if !proved => return,
                _ => {}
            }
            if let Some(arrived) = *owner {
                let message = Message::Datagram { from: connection.address, arrived, bytes: bytes.to_vec() };
                shared.inboxes[usize::from(arrived)].push(Input::Message(message));
            }
        });
        read.is_ok()
    }

    /// The connection has ended: whoever spoke over it hears of that.
    pub(crate) fn end(&self, shared: &Shared) {
        shared.connections.remove(self.connection.number);
        if let Some(owner) = self.owner {
            let message = Message::Ended { address: self.connection.address };
            shared.inboxes[usize::from(owner)].push(Input::Message(message));
        }
    }
}

/// The shard of the peer that a check is for.
fn owner_of_check(bytes: &[u8], shared: &Shared) -> Option<ShardIndex> {
    shared.routes.of_ufrag(Request::read(bytes)?.local_ufrag())
}
