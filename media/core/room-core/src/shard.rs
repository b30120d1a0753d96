//! One thread's share of everything: its peers, its view of every room, its timers.
//!
//! ```text
//!   datagram ─┐                                   ┌─► transmit (datagrams)
//!   command ──┼──► peers, rooms, sources ── jobs ─┼─► outbox (to other shards)
//!   message ──┤                          produce  ├─► routes (who owns which address)
//!   timeout ──┘                                   └─► events
//! ```
//!
//! Invariant: a peer is in one shard only. A panic while a room is served ends that room and nothing else.

use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use crate::demux::{self, Kind};
use crate::dtls::Identity;
use crate::fanout::{FanOut, SLICE};
use crate::faults::Serving;
use crate::frames::Frames;
use crate::ids::{PeerId, RoomId, ShardIndex, SourceId, TapId};
use crate::message::{Command, Event, Message, Owner, Route};
use crate::peer::{Effect, Peer, Surroundings};
use crate::room::{Place, Room};
use crate::source::Source;
use crate::stats::Counters;
use crate::stun::Request;
use crate::tap::Tapped;
use crate::time::{Anchor, Time};
use crate::transmit::Transmit;

/// What every shard of an engine is given.
#[derive(Clone, Debug)]
pub struct Setup {
    pub identity: Identity,
    pub anchor: Anchor,
    pub shards: ShardIndex,
}

/// Something with a time at which it wants to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Alarm {
    Peer(PeerId),
    Source(SourceId),
}

#[derive(Debug)]
pub struct Shard {
    pub(crate) index: ShardIndex,
    pub(crate) setup: Setup,
    pub(crate) rooms: HashMap<RoomId, Room>,
    pub(crate) peers: Vec<Option<Box<Peer>>>,
    pub(crate) free: Vec<Place>,
    pub(crate) places: HashMap<PeerId, Place>,
    pub(crate) ufrags: HashMap<String, Place>,
    pub(crate) addresses: HashMap<SocketAddr, Place>,
    pub(crate) sources: HashMap<SourceId, Source>,
    pub(crate) moved: VecDeque<(Time, PeerId, ShardIndex)>,
    /// From whom something is awaited that must not wait: a handshake, or media.
    pub(crate) awaited: HashSet<PeerId>,
    alarms: BinaryHeap<std::cmp::Reverse<(Time, Alarm)>>,
    pub(crate) deadline: Option<Time>,
    pub(crate) frames: Frames,
    pub(crate) fan_out: FanOut,
    /// Viewers who began to catch up while they were served.
    pub(crate) fan_out_woke: Vec<PeerId>,
    pub transmit: Transmit,
    pub events: Vec<Event>,
    pub outbox: Vec<(ShardIndex, Message)>,
    pub tapped: Vec<(TapId, Tapped)>,
    pub routes: Vec<Route>,
    pub(crate) serving: Option<Serving>,
    pub(crate) panics: u64,
    pub(crate) gone: Counters,
    pub(crate) unknown_datagrams: u64,
}

impl Shard {
    #[must_use]
    pub fn new(index: ShardIndex, setup: Setup) -> Shard {
        Shard {
            index,
            setup,
            rooms: HashMap::new(),
            peers: Vec::new(),
            free: Vec::new(),
            places: HashMap::new(),
            ufrags: HashMap::new(),
            addresses: HashMap::new(),
            sources: HashMap::new(),
            moved: VecDeque::new(),
            awaited: HashSet::new(),
            alarms: BinaryHeap::new(),
            deadline: None,
            frames: Frames::default(),
            fan_out: FanOut::default(),
            fan_out_woke: Vec::new(),
            transmit: Transmit::default(),
            events: Vec::new(),
            outbox: Vec::new(),
            tapped: Vec::new(),
            routes: Vec::new(),
            serving: None,
            panics: 0,
            gone: Counters::default(),
            unknown_datagrams: 0,
        }
    }

    /// Takes a datagram that arrived at shard `arrived`; media in it is decrypted in place. What is not
    /// `Settled` may belong to another shard.
    pub fn datagram(&mut self, now: Time, from: SocketAddr, arrived: ShardIndex, bytes: &mut [u8]) -> Owner {
        let kind = demux::kind(bytes);
        if kind == Kind::Stun {
            return self.check(now, from, arrived, bytes);
        }
        let Some(place) = self.addresses.get(&from).copied() else {
            self.unknown_datagrams += 1;
            return if kind == Kind::Unknown { Owner::Settled } else { Owner::OfAddress };
        };
        self.with_peer(now, place, |peer, around| match kind {
            Kind::Dtls => peer.dtls(bytes, around),
            Kind::Rtp => peer.rtp(bytes, around),
            Kind::Rtcp => peer.rtcp(bytes, around),
            Kind::Stun | Kind::Unknown => {}
        });
        Owner::Settled
    }

    fn check(&mut self, now: Time, from: SocketAddr, arrived: ShardIndex, bytes: &[u8]) -> Owner {
        let Some(request) = Request::read(bytes) else { return Owner::Settled };
        let Some(place) = self.ufrags.get(request.local_ufrag()).copied() else {
            return Owner::OfUfrag(request.local_ufrag().to_owned());
        };
        let Some(room) = self.peers[place].as_ref().map(|peer| peer.room) else { return Owner::Settled };
        self.begin(room);
        #[cfg(test)]
        crate::trap::step(crate::trap::Site::Check, room.0);
        let Some(peer) = self.peers[place].as_ref() else { return Owner::Settled };
        if !peer.ice.is_authentic(&request) {
            return Owner::Settled;
        }
        if arrived != self.index && peer.is_fresh() {
            self.give_away(now, place, arrived, from, bytes);
            return Owner::Settled;
        }
        let mut check = None;
        self.with_peer(now, place, |peer, around| check = peer.checked(from, &request, around));
        let Some(check) = check else { return Owner::Settled };
        if let Some(ufrag) = check.forgotten {
            self.forget_ufrag(ufrag);
        }
        if check.new_address {
            self.addresses.insert(from, place);
            self.routes.push(Route::Address(from, self.index));
            if let Some(dropped) = check.dropped {
                self.forget_address(place, dropped);
            }
        }
        Owner::Settled
    }

    /// Lets a peer work, then sees to what that means for others.
    pub(crate) fn with_peer(
        &mut self,
        now: Time,
        place: Place,
        work: impl FnOnce(&mut Peer, &mut Surroundings<'_>),
    ) {
        let Some(peer) = self.peers.get_mut(place).and_then(Option::as_mut) else { return };
        let (id, room) = (peer.id, peer.room);
        self.begin(room);
        let Some(peer) = self.peers.get_mut(place).and_then(Option::as_mut) else { return };
        let mut effects = Vec::new();
        let anchor = &self.setup.anchor;
        let mut around = Surroundings { now, anchor, transmit: &mut self.transmit, effects: &mut effects };
        work(peer, &mut around);
        for effect in effects {
            self.begin(room);
            self.effect(now, place, effect);
        }
        self.begin(room);
        self.set_alarm(now, Alarm::Peer(id));
    }

    fn effect(&mut self, now: Time, place: Place, effect: Effect) {
        let Some(peer) = self.peers[place].as_ref() else { return };
        let (id, room) = (peer.id, peer.room);
        match effect {
            Effect::Connected => {
                if !peer.publishes() {
                    self.awaited.remove(&id);
                }
                if let Some(found) = self.rooms.get(&room) {
                    self.events.push(Event::PeerConnected { peer: id, room: Arc::clone(&found.key) });
                }
                self.join_slots(now, place);
            }
            Effect::Gone(reason) => self.remove_peer(place, reason),
            Effect::Media(packet) => {
                self.frames.push(now, room, packet);
                self.publish_frames(now);
            }
            Effect::TrackStarted(track, kind) => {
                self.events.push(Event::TrackStarted { track, peer: id, kind });
            }
            Effect::LayersWanted { mid, rids } => {
                self.events.push(Event::LayersWanted { peer: id, mid, rids });
            }
            Effect::Speaking(track, speaking) => self.events.push(Event::Speaking { track, speaking }),
            Effect::Refresh(slot) => self.refresh_slot(now, place, slot),
            Effect::Lost(slot, lost) => self.repair_slot(now, place, slot, &lost),
        }
    }

    /// Takes a command from the outside.
    pub fn command(&mut self, now: Time, command: Command) {
        crate::control::command(self, now, command);
    }

    /// Takes a message from another shard.
    pub fn message(&mut self, now: Time, message: Message) -> Owner {
        match message {
            Message::Datagram { from, arrived, mut bytes } => {
                return self.datagram(now, from, arrived, &mut bytes);
            }
            Message::Moved { peer, from, bytes } => {
                self.welcome(now, peer);
                return self.check(now, from, self.index, &bytes);
            }
            other => crate::control::message(self, now, other),
        }
        Owner::Settled
    }

    pub(crate) fn tell_others(&mut self, message: impl Fn() -> Message) {
        for shard in (0..self.setup.shards).filter(|shard| *shard != self.index) {
            self.outbox.push((shard, message()));
        }
    }

    pub(crate) fn tell_presence(&mut self, room: RoomId, present: bool) {
        let shard = self.index;
        self.tell_others(|| Message::Presence { room, shard, present });
    }

    fn set_alarm(&mut self, now: Time, alarm: Alarm) {
        let wake = match alarm {
            Alarm::Peer(id) => {
                let peer = self.places.get(&id).and_then(|place| self.peers[*place].as_mut());
                peer.and_then(|peer| peer.alarm_change(now))
            }
            Alarm::Source(id) => self.sources.get(&id).map(Source::wake),
        };
        if let Some(wake) = wake.filter(|wake| *wake != Time::FAR) {
            self.alarms.push(std::cmp::Reverse((wake, alarm)));
        }
    }

    pub(crate) fn source_changed(&mut self, now: Time, source: SourceId) {
        self.set_alarm(now, Alarm::Source(source));
    }

    pub(crate) fn peer_changed(&mut self, now: Time, peer: PeerId) {
        self.set_alarm(now, Alarm::Peer(peer));
    }

    /// How many peers live here.
    #[must_use]
    pub fn population(&self) -> usize {
        self.places.len()
    }

    /// What comes in may wait a few milliseconds: viewers' feedback, reports and checks, and no media.
    #[must_use]
    pub fn is_patient(&self) -> bool {
        self.awaited.is_empty()
    }

    /// When `timeout` must be called.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Time> {
        let alarm = self.alarms.peek().map_or(Time::FAR, |std::cmp::Reverse((at, _))| *at);
        Some(alarm.min(self.frames.wake())).filter(|at| *at != Time::FAR)
    }

    /// Does what is due by `now`, or as much of it as fills a slice: what is left stays due.
    pub fn timeout(&mut self, now: Time) {
        self.publish_frames(now);
        while self.transmit.len() < SLICE && self.next_timeout().is_some_and(|at| at <= now) {
            let Some(std::cmp::Reverse((_, alarm))) = self.alarms.pop() else { return };
            match alarm {
                Alarm::Peer(id) => self.peer_timeout(now, id),
                Alarm::Source(id) => self.source_timeout(now, id),
            }
        }
    }

    fn peer_timeout(&mut self, now: Time, id: PeerId) {
        let Some(place) = self.places.get(&id).copied() else { return };
        let Some(room) = self.peers[place].as_ref().map(|peer| peer.room) else { return };
        self.begin(room);
        let Some(peer) = self.peers[place].as_mut() else { return };
        peer.alarm_rang(now);
        if peer.wake() <= now {
            self.with_peer(now, place, Peer::timeout);
            self.catch_up_slots(now, place);
            self.probe(now, place);
        }
        self.set_alarm(now, Alarm::Peer(id));
    }

    fn source_timeout(&mut self, now: Time, id: SourceId) {
        let anchor = self.setup.anchor;
        let Some(room) = self.sources.get(&id).map(|source| source.room) else { return };
        self.begin(room);
        let Some(source) = self.sources.get_mut(&id).filter(|source| source.wake() <= now) else { return };
        #[cfg(test)]
        crate::trap::step(crate::trap::Site::Source, room.0);
        let packets = source.due(now, &anchor).into_iter().map(Arc::new).collect();
        self.publish(now, room, packets);
        self.set_alarm(now, Alarm::Source(id));
    }

    /// Says goodbye to everyone.
    pub fn close(&mut self) {
        let rooms: Vec<RoomId> = self.rooms.keys().copied().collect();
        for room in rooms {
            self.close_room(room);
        }
    }
}

#[cfg(test)]
#[path = "shard_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "first_frame_tests.rs"]
mod first_frame_tests;

#[cfg(test)]
#[path = "standing_tests.rs"]
mod standing_tests;

#[cfg(test)]
#[path = "layers_tests.rs"]
mod layers_tests;

#[cfg(test)]
#[path = "lifecycle_tests.rs"]
mod lifecycle_tests;

#[cfg(test)]
#[path = "layers_h264_tests.rs"]
mod layers_h264_tests;

#[cfg(test)]
#[path = "layout_tests.rs"]
mod layout_tests;

#[cfg(test)]
#[path = "described_tests.rs"]
mod described_tests;

#[cfg(test)]
#[path = "congestion_tests.rs"]
mod congestion_tests;

#[cfg(test)]
#[path = "census_tests.rs"]
mod census_tests;

#[cfg(test)]
#[path = "tap_tests.rs"]
mod tap_tests;

#[cfg(test)]
#[path = "transport_tests.rs"]
mod transport_tests;

#[cfg(test)]
#[path = "isolation_tests.rs"]
mod isolation_tests;

#[cfg(test)]
#[path = "strangers_tests.rs"]
mod strangers_tests;

#[cfg(test)]
#[path = "storms_tests.rs"]
mod storms_tests;

#[cfg(test)]
#[path = "network_tests.rs"]
mod network_tests;

#[cfg(test)]
#[path = "redundant_tests.rs"]
mod redundant_tests;
