//! One connection: its addresses, its keys, what it is sent and what it publishes.
//!
//! ```text
//!   NEW ── check ──► CHECKED ── DTLS ──► CONNECTED ──► GONE (closed, consent lost, room closed)
//!    └──────── 15 s ──────┴────────────► GONE (never connected, DTLS failed)
//! ```
//!
//! Invariant: no media before CONNECTED, in either direction.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::arrivals::Arrivals;
use crate::codec::MediaKind;
use crate::congestion::Congestion;
use crate::dtls::{Handshake, Identity, Progress};
use crate::ice::{Check, Credentials, IceLite};
use crate::ids::{PeerId, RoomId, TrackId};
use crate::limits::Budget;
use crate::link::Link;
use crate::pace::Pace;
use crate::packet::Packet;
use crate::params::{PeerParams, TRANSPORT_SEQUENCE};
use crate::publication::Publication;
use crate::rtp::absolute_send_time;
use crate::slot::Slot;
use crate::srtp::{Inbound, Outbound};
use crate::stats::Counters;
use crate::steering::Steering;
use crate::stun::{self, Request};
use crate::time::{Anchor, Time};
use crate::transmit::Transmit;

const TO_CONNECT: Duration = Duration::from_secs(15);
/// Our own name in feedback.
pub(crate) const FEEDBACK_SSRC: u32 = 0x726f_6f6d;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    Closed,
    ConsentTimeout,
    DtlsFailed,
    RoomClosed,
    NeverConnected,
}

/// What a peer's doings mean for others.
#[derive(Debug)]
pub enum Effect {
    Connected,
    Gone(Gone),
    Media(Packet),
    TrackStarted(TrackId, MediaKind),
    Speaking(TrackId, bool),
    /// The publisher need send these layers only.
    LayersWanted {
        mid: String,
        rids: Vec<String>,
    },
    /// A viewer lost its way in what a slot carries.
    Refresh(usize),
    /// A viewer asks for packets of a slot again.
    Lost(usize, Vec<u16>),
}

/// Where a peer writes, besides its effects.
#[derive(Debug)]
pub struct Surroundings<'a> {
    pub now: Time,
    pub anchor: &'a Anchor,
    pub transmit: &'a mut Transmit,
    pub effects: &'a mut Vec<Effect>,
}

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) inbound: Inbound,
    pub(crate) outbound: Outbound,
}

#[derive(Debug)]
pub struct Peer {
    pub id: PeerId,
    pub room: RoomId,
    pub ice: IceLite,
    handshake: Handshake,
    begun: bool,
    pub(crate) session: Option<Session>,
    created: Time,
    /// What the slots are called, side by side: they are looked up for each frame.
    names: Vec<(MediaKind, usize)>,
    pub slots: Vec<Slot>,
    pub publications: Vec<Publication>,
    /// Which publication, and which of its layers, a source belongs to.
    pub(crate) sources: HashMap<u32, (usize, u8)>,
    pub(crate) budget: Budget,
    pub(crate) report_at: Time,
    /// Where packets carry their number on the transport.
    pub(crate) transport_id: Option<u8>,
    pub(crate) arrivals: Arrivals,
    /// Our wall clock minus the peer's, in nanoseconds.
    pub(crate) clock_offset: Option<i64>,
    pub round_trip: Option<Duration>,
    pub(crate) lost_out: HashMap<u32, i32>,
    pub congestion: Congestion,
    pace: Pace,
    pub steering: Steering,
    pub counters: Counters,
    /// When the shard will ring.
    alarm: Time,
}

impl Peer {
    #[must_use]
    pub fn new(
        id: PeerId,
        room: RoomId,
        params: PeerParams,
        tracks: &[TrackId],
        identity: &Identity,
        anchor: Anchor,
        now: Time,
    ) -> Peer {
        let expected = params.remote.expected();
        let credentials = Credentials {
            local_ufrag: params.local.ufrag,
            local_pwd: params.local.pwd,
            remote_ufrag: params.remote.ufrag,
        };
        let mut extensions = params.publishes.iter().map(|one| &one.extensions);
        let transport_id = extensions.find_map(|ids| ids.get(TRANSPORT_SEQUENCE)).copied();
        let published = params.publishes.into_iter().zip(tracks);
        let tells = params.slots.iter().any(|slot| slot.extensions.contains_key(TRANSPORT_SEQUENCE));
        Peer {
            id,
            room,
            ice: IceLite::new(credentials, Duration::from_secs(params.consent_s)),
            handshake: Handshake::new(identity, anchor, expected, now),
            begun: false,
            session: None,
            created: now,
            names: params.slots.iter().map(|slot| (slot.kind, slot.index)).collect(),
            slots: params.slots.into_iter().map(|slot| Slot::new(slot, now)).collect(),
            publications: published.map(|(params, track)| Publication::new(*track, params, now)).collect(),
            sources: HashMap::new(),
            budget: Budget::new(now),
            report_at: now,
            transport_id,
            arrivals: Arrivals::default(),
            clock_offset: None,
            round_trip: None,
            lost_out: HashMap::new(),
            congestion: if tells { Congestion::with_feedback(now) } else { Congestion::default() },
            pace: Pace::default(),
            steering: Steering::default(),
            counters: Counters::default(),
            alarm: Time::FAR,
        }
    }

    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.session.is_some()
    }

    /// Media may come from it.
    #[must_use]
    pub fn publishes(&self) -> bool {
        !self.publications.is_empty()
    }

    /// Nothing has happened yet that binds the peer to where it is.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        !self.begun && self.ice.addresses().is_empty()
    }

    #[must_use]
    pub fn slot(&mut self, kind: MediaKind, index: usize) -> Option<&mut Slot> {
        let at = self.names.iter().position(|name| *name == (kind, index))?;
        self.slots.get_mut(at)
    }

    /// The slots of some kinds and indices, as bits.
    #[must_use]
    pub fn slots_named(&self, named: impl Fn(MediaKind, usize) -> bool) -> u32 {
        let bit = |(at, (kind, index)): (usize, &(MediaKind, usize))| u32::from(named(*kind, *index)) << at;
        self.names.iter().take(32).enumerate().map(bit).sum()
    }

    /// The way to the viewer with its slots; `None` before it is connected.
    pub fn link<'a>(
        &'a mut self,
        now: Time,
        anchor: &'a Anchor,
        transmit: &'a mut Transmit,
    ) -> Option<(Link<'a>, &'a mut [Slot])> {
        let to = self.ice.selected()?;
        let srtp = &mut self.session.as_mut()?.outbound;
        let send_time = absolute_send_time(anchor.ntp(now));
        let (counters, congestion, pace) = (&mut self.counters, &mut self.congestion, &mut self.pace);
        let link = Link { now, anchor, to, srtp, transmit, counters, congestion, pace, send_time };
        Some((link, &mut self.slots))
    }

    /// Answers an authentic check; `None` for one too many or played back, which changes nothing.
    pub fn checked(
        &mut self,
        from: SocketAddr,
        request: &Request<'_>,
        around: &mut Surroundings<'_>,
    ) -> Option<Check> {
        if self.ice.is_played_back(from, request) || !self.budget.checks.take(1.0, around.now) {
            self.counters.refused += 1;
            return None;
        }
        let response = stun::success(&request.transaction, from, self.ice.local_pwd(request));
        // Whoever plays a check back from elsewhere must not get more there than they sent.
        if response.len() <= request.length() {
            around.transmit.push(from, &response);
        }
        Some(self.ice.checked(around.now, from, request))
    }

    /// Takes a DTLS datagram from a validated address.
    pub fn dtls(&mut self, datagram: &[u8], around: &mut Surroundings<'_>) {
        #[cfg(test)]
        crate::trap::step(crate::trap::Site::Handshake, self.room.0);
        if !self.budget.handshake.take(1.0, around.now) {
            self.counters.refused += 1;
            return;
        }
        self.begun = true;
        let progress = self.handshake.datagram(around.now, datagram);
        self.progressed(progress, around);
    }

    fn progressed(&mut self, progress: Progress, around: &mut Surroundings<'_>) {
        if let Some(to) = self.ice.selected() {
            for datagram in &progress.datagrams {
                around.transmit.push(to, datagram);
            }
        }
        if progress.failed {
            around.effects.push(Effect::Gone(Gone::DtlsFailed));
            return;
        }
        if let Some(keys) = progress.keys
            && self.session.is_none()
            && let (Some(inbound), Some(outbound)) = (Inbound::new(&keys.client), Outbound::new(&keys.server))
        {
            self.session = Some(Session { inbound, outbound });
            around.effects.push(Effect::Connected);
        }
        if progress.closed {
            around.effects.push(Effect::Gone(Gone::Closed));
        }
    }

    /// Does what is due. `wake` says when to call again.
    pub fn timeout(&mut self, around: &mut Surroundings<'_>) {
        #[cfg(test)]
        crate::trap::step(crate::trap::Site::Timer, self.room.0);
        let now = around.now;
        if let Some(gone) = self.expired(now) {
            around.effects.push(Effect::Gone(gone));
            return;
        }
        if self.begun && self.handshake.wake() <= now {
            let progress = self.handshake.timeout(now);
            self.progressed(progress, around);
        }
        self.tell_arrivals(around);
        for at in 0..self.publications.len() {
            self.publication_timeout(at, around);
        }
    }

    fn expired(&self, now: Time) -> Option<Gone> {
        if !self.is_connected() && now >= self.created.plus(TO_CONNECT) {
            return Some(Gone::NeverConnected);
        }
        self.ice.consent_ends().filter(|ends| now >= *ends).map(|_| Gone::ConsentTimeout)
    }

    #[must_use]
    pub fn wake(&self) -> Time {
        let ends = if self.is_connected() { Time::FAR } else { self.created.plus(TO_CONNECT) };
        let ends = ends.min(self.ice.consent_ends().unwrap_or(Time::FAR));
        let handshake = if self.begun { self.handshake.wake() } else { Time::FAR };
        let slots = self.slots.iter().map(Slot::wake).min().unwrap_or(Time::FAR);
        let published = self.publications.iter().map(Publication::wake).min().unwrap_or(Time::FAR);
        ends.min(handshake).min(slots).min(published).min(self.arrivals.wake()).min(self.congestion.wake())
    }

    /// When to ring, if that is sooner than what was promised before.
    pub fn alarm_change(&mut self, now: Time) -> Option<Time> {
        // Never at once: something that stays due must not keep the thread busy.
        let wake = self.wake().max(now.plus(Duration::from_millis(1)));
        (wake < self.alarm).then(|| {
            self.alarm = wake;
            wake
        })
    }

    pub fn alarm_rang(&mut self, now: Time) {
        if self.alarm <= now {
            self.alarm = Time::FAR;
        }
    }

    /// Says goodbye.
    pub fn close(&mut self, transmit: &mut Transmit) {
        #[cfg(test)]
        crate::trap::step(crate::trap::Site::Closing, self.room.0);
        if let Some(to) = self.ice.selected() {
            for datagram in self.handshake.close() {
                transmit.push(to, &datagram);
            }
        }
    }
}
