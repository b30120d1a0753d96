//! Shards, clients and a network between them, in virtual time: for tests and fuzzing.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::codec::MediaKind;
use crate::dtls::Identity;
pub use crate::film::{picture, play, play_on};
use crate::ids::{PeerId, RoomId, ShardIndex, SourceId, TapId, TrackId};
use crate::message::{Command, Event, Message, Owner, Route};
use crate::params::{PeerParams, PublishParams, SlotParams};
use crate::room::Layout;
use crate::shard::{Setup, Shard};
use crate::tap::Tapped;
use crate::time::{Anchor, Time};
pub use crate::way::scatter;
use crate::way::{Way, due};

pub const ROOM: RoomId = RoomId(1);
pub const SOURCE: SourceId = SourceId(1);
pub const FILM_AUDIO: TrackId = TrackId(1_001);
pub const FILM_VIDEO: TrackId = TrackId(1_002);
/// The header extension in which narrow viewers get numbers.
const TRANSPORT_ID: u8 = 3;
const STEP: Duration = Duration::from_millis(1);
const DELAY: Duration = Duration::from_millis(5);

/// What the network does to a datagram from server to client, by its number and bytes.
pub type Mischief = fn(u64, &[u8]) -> bool;

#[derive(Debug)]
pub struct World {
    pub now: Time,
    pub shards: Vec<Shard>,
    pub clients: Vec<Client>,
    /// Which the next peers join.
    pub room: RoomId,
    /// Faults are caught as threads do it, instead of failing the test.
    pub catches: bool,
    pub events: Vec<Event>,
    /// What taps handed out.
    pub tapped: Vec<(TapId, Tapped)>,
    /// Whether a datagram to a client, or to the server, is lost.
    pub loses: Mischief,
    pub loses_up: Mischief,
    /// What becomes of a datagram on its way to the server.
    pub tampers_up: fn(u64, &mut Vec<u8>),
    /// Counts datagrams; where it starts decides on what mischief falls.
    pub sent: u64,
    /// Ways to clients and from them that are narrow or poor; all others are as good as can be.
    pub ways: HashMap<usize, Way>,
    pub ways_up: HashMap<usize, Way>,
    to_clients: Vec<(Time, usize, Vec<u8>)>,
    to_server: Vec<(Time, (usize, SocketAddr), Vec<u8>)>,
    /// Where clients are that moved.
    moved: HashMap<usize, SocketAddr>,
    /// Datagrams to where a client is no more.
    pub datagrams_to_nowhere: usize,
    pub strangers_got: Vec<Vec<u8>>,
    /// Calls in which datagrams left: to whom, and how many of them.
    pub calls: Vec<(SocketAddr, usize)>,
    /// The most that ever left a shard at a time.
    pub largest_slice: usize,
    /// The shards get no time to send.
    pub starved: bool,
    /// Sees each datagram that is sent to a client.
    pub watch: Option<fn(&mut Sightings, usize, &[u8])>,
    pub sightings: Sightings,
    ufrags: HashMap<String, ShardIndex>,
    addresses: HashMap<SocketAddr, ShardIndex>,
    anchor: Anchor,
}

/// What was sent under which number: `(client, source, sequence number)`.
pub type Sightings = HashMap<(usize, u32, u16), Vec<u8>>;

#[must_use]
pub fn address(client: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 10_000 + client as u16))
}

impl World {
    /// A room with an injected source, and its layout: the film in slot 0.
    ///
    /// # Panics
    /// When the system gives no randomness for a certificate.
    #[expect(clippy::expect_used, reason = "only tests run this")]
    #[must_use]
    pub fn new(shards: ShardIndex) -> World {
        let now = Time::from_nanos(1_000_000_000);
        let anchor = Anchor { at: now, instant: Instant::now(), unix_ns: 1_700_000_000_000_000_000 };
        let setup = Setup { identity: Identity::generate().expect("a certificate"), anchor, shards };
        let mut world = World {
            now,
            shards: (0..shards).map(|index| Shard::new(index, setup.clone())).collect(),
            clients: Vec::new(),
            room: ROOM,
            catches: false,
            events: Vec::new(),
            tapped: Vec::new(),
            loses: |_, _| false,
            loses_up: |_, _| false,
            tampers_up: |_, _| {},
            sent: 0,
            ways: HashMap::new(),
            ways_up: HashMap::new(),
            to_clients: Vec::new(),
            to_server: Vec::new(),
            moved: HashMap::new(),
            datagrams_to_nowhere: 0,
            strangers_got: Vec::new(),
            calls: Vec::new(),
            largest_slice: 0,
            starved: false,
            watch: None,
            sightings: Sightings::default(),
            ufrags: HashMap::new(),
            addresses: HashMap::new(),
            anchor,
        };
        world.all(|| Command::AddRoom { room: ROOM, key: Arc::from("room") });
        let (audio, video) = (FILM_AUDIO, FILM_VIDEO);
        world.shards[0].command(now, Command::AddSource { source: SOURCE, room: ROOM, audio, video });
        world.layout(&[Some(FILM_AUDIO)], &[Some(FILM_VIDEO)]);
        world
    }

    pub fn all(&mut self, command: impl Fn() -> Command) {
        let now = self.now;
        for at in 0..self.shards.len() {
            self.at(at, |shard| shard.command(now, command()));
        }
    }

    /// Does something in a shard as its thread would.
    fn at<R>(&mut self, shard: usize, work: impl FnOnce(&mut Shard) -> R) -> Option<R> {
        let shard = &mut self.shards[shard];
        if self.catches { shard.guarded(work) } else { Some(work(shard)) }
    }

    /// Opens a room, which the next peers join.
    pub fn open_room(&mut self, room: RoomId, key: &str) {
        self.room = room;
        self.all(|| Command::AddRoom { room, key: Arc::from(key) });
    }

    pub fn layout(&mut self, audio: &[Option<TrackId>], video: &[Option<TrackId>]) {
        let layout = Layout { audio: audio.to_vec(), video: video.to_vec() };
        let room = self.room;
        self.all(|| Command::SetLayout { room, layout: layout.clone() });
    }

    /// A client with two slots of each kind; returns its number, which is its peer id, too.
    pub fn viewer(&mut self) -> usize {
        let base = 1_000 * (self.clients.len() as u32 + 1);
        let slots = [MediaKind::Audio, MediaKind::Video].into_iter().flat_map(|kind| {
            (0..2).map(move |index| {
                let ssrc = base + 100 * index as u32 + if kind == MediaKind::Video { 10 } else { 0 };
                crate::client::slot(kind, index, ssrc)
            })
        });
        self.join(slots.collect(), Vec::new())
    }

    /// A viewer behind a narrow way, with a slot for sound and some for video, who tells how each packet arrived and asks
    /// for what is lost.
    pub fn narrow_viewer(&mut self, video_slots: usize, way: Way) -> usize {
        let client = self.clients.len();
        let videos = (0..video_slots).map(|index| (MediaKind::Video, index));
        let slots = std::iter::once((MediaKind::Audio, 0)).chain(videos).map(|(kind, index)| {
            let mut slot = crate::client::slot(kind, index, World::ssrc(client, kind, index as u32));
            slot.extensions.insert(crate::params::TRANSPORT_SEQUENCE.to_owned(), TRANSPORT_ID);
            slot
        });
        let slots = slots.collect();
        self.ways.insert(client, way);
        let viewer = self.join(slots, Vec::new());
        self.clients[viewer].transport_id = Some(TRANSPORT_ID);
        self.clients[viewer].asks_again = true;
        viewer
    }

    /// The source of a viewer's slot.
    #[must_use]
    pub fn ssrc(client: usize, kind: MediaKind, index: u32) -> u32 {
        1_000 * (client as u32 + 1) + 100 * index + if kind == MediaKind::Video { 10 } else { 0 }
    }

    /// A client that publishes video as this track.
    pub fn publisher(&mut self, track: TrackId) -> usize {
        self.join_as(Vec::new(), vec![crate::client::publish(MediaKind::Video)], vec![track])
    }

    pub fn join(&mut self, slots: Vec<SlotParams>, publishes: Vec<PublishParams>) -> usize {
        self.join_as(slots, publishes, Vec::new())
    }

    /// A viewer whose certificate is not the one that its offer promised.
    pub fn impostor(&mut self) -> usize {
        let promised = Client::new("else", self.anchor, self.now).params(Vec::new(), Vec::new()).remote;
        self.viewer_with("impostor", |params| params.remote = promised)
    }

    /// A viewer of one slot, about whom something else was negotiated.
    pub fn viewer_with(&mut self, ufrag: &str, change: impl FnOnce(&mut PeerParams)) -> usize {
        let client = Client::new(ufrag, self.anchor, self.now);
        let mut params = client.params(vec![crate::client::slot(MediaKind::Video, 0, 77)], Vec::new());
        change(&mut params);
        let number = self.clients.len();
        let (peer, params) = (PeerId(number as u64), Box::new(params));
        self.shards[0].command(self.now, Command::AddPeer { peer, room: ROOM, params, tracks: Vec::new() });
        self.clients.push(client);
        self.send(number, self.clients[number].check());
        number
    }

    pub fn join_as(
        &mut self,
        slots: Vec<SlotParams>,
        publishes: Vec<PublishParams>,
        tracks: Vec<TrackId>,
    ) -> usize {
        let number = self.clients.len();
        let client = Client::new(&format!("ufrag{number}"), self.anchor, self.now);
        let params = Box::new(client.params(slots, publishes));
        let home = number % self.shards.len();
        let peer = PeerId(number as u64);
        let room = self.room;
        self.shards[home].command(self.now, Command::AddPeer { peer, room, params, tracks });
        self.clients.push(client);
        self.send(number, self.clients[number].check());
        number
    }

    /// The wall clock, as sender reports tell it.
    #[must_use]
    pub fn ntp(&self) -> u64 {
        self.anchor.ntp(self.now)
    }

    /// A datagram from a client to the server.
    pub fn send(&mut self, client: usize, mut datagram: Vec<u8>) {
        self.sent += 1;
        (self.tampers_up)(self.sent, &mut datagram);
        if datagram.is_empty() || (self.loses_up)(self.sent, &datagram) {
            return;
        }
        let from = (client, self.address(client));
        match self.ways_up.get_mut(&client) {
            None => self.to_server.push((self.now.plus(DELAY), from, datagram)),
            Some(way) => {
                let arrivals = way.carry(self.now, datagram.len());
                self.to_server.extend(arrivals.map(|at| (at, from, datagram.clone())));
            }
        }
    }

    /// Where a client is.
    #[must_use]
    pub fn address(&self, client: usize) -> SocketAddr {
        self.moved.get(&client).copied().unwrap_or_else(|| address(client))
    }

    /// The client gets another address, as when a phone leaves home: nothing reaches it at the old one any more.
    pub fn give_address(&mut self, client: usize, ip: IpAddr) {
        self.moved.insert(client, SocketAddr::new(ip, address(client).port()));
    }

    /// Lets time pass, a millisecond at a time.
    pub fn run(&mut self, span: Duration) {
        let end = self.now.plus(span);
        while self.now < end {
            self.now = self.now.plus(STEP);
            self.step();
        }
    }

    pub fn run_ms(&mut self, ms: u64) {
        self.run(Duration::from_millis(ms));
    }

    fn step(&mut self) {
        let now = self.now;
        for (_, (client, from), mut bytes) in due(&mut self.to_server, now) {
            // The kernel's choice of a socket, by the address.
            let place = if from == address(client) { 0 } else { 1 };
            let arrived = ((client / 2 + place) % self.shards.len()) as ShardIndex;
            self.deliver(from, arrived, &mut bytes);
        }
        for at in 0..self.shards.len() {
            self.at(at, |shard| shard.timeout(now));
        }
        self.exchange();
        for (_, client, bytes) in due(&mut self.to_clients, now) {
            self.clients[client].receive(now, &bytes);
        }
        for client in 0..self.clients.len() {
            for datagram in self.clients[client].poll(now) {
                self.send(client, datagram);
            }
        }
    }

    fn deliver(&mut self, from: SocketAddr, arrived: ShardIndex, bytes: &mut [u8]) {
        let now = self.now;
        let owner = self.at(usize::from(arrived), |shard| shard.datagram(now, from, arrived, bytes));
        let owner = owner.unwrap_or(Owner::Settled);
        let other = match owner {
            Owner::Settled => None,
            Owner::OfUfrag(ufrag) => self.ufrags.get(&ufrag).copied(),
            Owner::OfAddress => self.addresses.get(&from).copied(),
        };
        if let Some(other) = other.filter(|other| *other != arrived) {
            let message = Message::Datagram { from, arrived, bytes: bytes.to_vec() };
            self.at(usize::from(other), |shard| shard.message(now, message));
        }
        self.exchange();
    }

    /// A datagram as from the network, at the first shard.
    pub fn inject(&mut self, from: SocketAddr, bytes: &mut [u8]) {
        let now = self.now;
        self.shards[0].datagram(now, from, 0, bytes);
        self.exchange();
    }

    /// Carries what shards have for each other and for the clients.
    pub fn exchange(&mut self) {
        loop {
            let mut messages = Vec::new();
            for at in 0..self.shards.len() {
                let now = self.now;
                while !self.starved && self.at(at, |shard| shard.produce(now)).unwrap_or(true) {
                    self.collect(at);
                }
                self.collect(at);
                let shard = &mut self.shards[at];
                for route in shard.routes.drain(..) {
                    match route {
                        Route::Ufrag(ufrag, shard) => drop(self.ufrags.insert(ufrag, shard)),
                        Route::NoUfrag(ufrag) => drop(self.ufrags.remove(&ufrag)),
                        Route::Address(from, shard) => drop(self.addresses.insert(from, shard)),
                        Route::NoAddress(from, shard) => {
                            self.addresses.retain(|at, owner| (*at, *owner) != (from, shard));
                        }
                    }
                }
                self.events.append(&mut shard.events);
                self.tapped.append(&mut shard.tapped);
                messages.append(&mut shard.outbox);
            }
            if messages.is_empty() {
                return;
            }
            for (to, message) in messages {
                let now = self.now;
                self.at(usize::from(to), |shard| shard.message(now, message));
            }
        }
    }

    fn collect(&mut self, shard: usize) {
        let transmit = &mut self.shards[shard].transmit;
        self.largest_slice = self.largest_slice.max(transmit.len());
        self.calls.extend(transmit.runs(0).map(|run| (run.to, run.count)));
        for (to, bytes) in transmit.iter() {
            let client = usize::from(to.port()).wrapping_sub(10_000);
            if client >= self.clients.len() {
                self.strangers_got.push(bytes.to_vec());
                continue;
            }
            self.sent += 1;
            if let Some(watch) = self.watch {
                watch(&mut self.sightings, client, bytes);
            }
            if self.moved.get(&client).is_some_and(|at| *at != to) {
                self.datagrams_to_nowhere += 1;
                continue;
            }
            let lost = (self.loses)(self.sent, bytes);
            match self.ways.get_mut(&client) {
                Some(way) => {
                    let arrivals = way.carry(self.now, bytes.len()).filter(|_| !lost);
                    self.to_clients.extend(arrivals.map(|at| (at, client, bytes.to_vec())));
                }
                None if lost => {}
                None => self.to_clients.push((self.now.plus(DELAY), client, bytes.to_vec())),
            }
        }
        transmit.left(self.now);
    }
}
