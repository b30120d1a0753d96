//! The way to one viewer: where datagrams for it are written, under which keys, and who counts them.

use std::net::SocketAddr;

use crate::congestion::Congestion;
use crate::pace::Pace;
use crate::rtcp::Compound;
use crate::srtp::Outbound;
use crate::stats::Counters;
use crate::time::{Anchor, Time};
use crate::transmit::Transmit;

/// Lasts as long as something is written.
#[derive(Debug)]
pub struct Link<'a> {
    pub now: Time,
    pub anchor: &'a Anchor,
    pub to: SocketAddr,
    pub srtp: &'a mut Outbound,
    pub transmit: &'a mut Transmit,
    pub counters: &'a mut Counters,
    pub congestion: &'a mut Congestion,
    pub pace: &'a mut Pace,
    /// The absolute send time of this batch.
    pub send_time: [u8; 3],
}

impl Link<'_> {
    /// The packet that was given the next number on the transport leaves.
    pub fn left(&mut self, bytes: usize) {
        self.congestion.leave(self.now, self.transmit.slice(), bytes);
    }

    pub fn control(&mut self, compound: &Compound) {
        let bytes = compound.bytes();
        let out = self.transmit.claim(self.to, bytes.len() + self.srtp.rtcp_overhead());
        if !self.srtp.rtcp(bytes, out) {
            self.transmit.unclaim();
        }
    }
}
