//! The whole core as its owner sees it: rooms by name, commands in, events out.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use room_core::dtls::Identity;
use room_core::ice::Credentials;
use room_core::ids::{PeerId, RoomId, ShardIndex, SourceId, TapId, TrackId};
use room_core::message::{Command, Event};
use room_core::params::PeerParams;
use room_core::report;
use room_core::room::Layout;
use room_core::shard::{Setup, Shard};
use room_core::source::Frame;
use room_core::stats::ShardStats;
use room_core::time::Time;
use serde::Deserialize;

use crate::admission;
use crate::clock;
use crate::directory::{RoomEntry, Shared};
use crate::inbox::Input;
use crate::refusal::{NotStarted, Refusal, Transport};
use crate::send::Segmentation;
use crate::socket::Socket;
use crate::tap::{self, Drained};
use crate::tcp::Door;
use crate::worker::Worker;

const MAX_SHARDS: usize = 64;

#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    pub bind_host: IpAddr,
    /// 0: any free port.
    #[serde(default)]
    pub udp_port: u16,
    /// For those whose network carries no UDP; 0: any free port, absent: none.
    #[serde(default)]
    pub tcp_port: Option<u16>,
    /// 0: one a core.
    #[serde(default)]
    pub shards: usize,
    pub max_peers_per_room: usize,
    pub max_rooms: usize,
    /// Whether what one viewer gets at a time may leave in one call; where the kernel refuses, it does not.
    #[serde(default = "yes")]
    pub segmented_sends: bool,
}

const fn yes() -> bool {
    true
}

/// What all shards that answered have counted.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineStats {
    pub shards: ShardStats,
    pub events_lost: u64,
    /// Every shard answered.
    pub is_complete: bool,
}

#[derive(Debug)]
pub struct Engine {
    shared: Arc<Shared>,
    config: Config,
    udp_port: u16,
    tcp_port: Option<u16>,
    fingerprint: String,
    next_id: AtomicU64,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// The thread of TCP connections; ends after the others, whose goodbyes it lets out.
    door: Mutex<Option<JoinHandle<()>>>,
}

impl Engine {
    /// Opens the sockets and starts the threads.
    ///
    /// # Errors
    /// The system's, when the port is taken or a resource is not to be had.
    pub fn start(config: Config) -> Result<Engine, NotStarted> {
        report::keep();
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let count = if config.shards == 0 { cores } else { config.shards }.min(MAX_SHARDS);
        let address = SocketAddr::new(config.bind_host, config.udp_port);
        let segmentation = if config.segmented_sends { Segmentation::ByKernel } else { Segmentation::None };
        let (sockets, udp_port) =
            open_sockets(address, count, segmentation).map_err(NotStarted::at(Transport::Udp))?;
        let identity = Identity::generate().map_err(io::Error::other)?;
        let fingerprint = identity.fingerprint();
        let shared = Arc::new(Shared::new(count)?);
        let door = config.tcp_port.map(|port| open_door(SocketAddr::new(config.bind_host, port), &shared));
        let (tcp_port, door) = door.transpose().map_err(NotStarted::at(Transport::Tcp))?.unzip();
        let setup = Setup { identity, anchor: clock::anchor(), shards: count as ShardIndex };
        let mut threads = Vec::new();
        for (index, socket) in sockets.into_iter().enumerate() {
            let index = index as ShardIndex;
            let shard = Shard::new(index, setup.clone());
            let (shared, woke) = (Arc::clone(&shared), clock::now());
            let worker = Worker { index, shard, socket, shared, woke };
            let thread = thread::Builder::new().name(format!("media-{index}"));
            threads.push(thread.spawn(move || worker.run())?);
        }
        let thread = thread::Builder::new().name("media-tcp".to_owned());
        let door = door.map(|door| thread.spawn(move || door.run())).transpose()?;
        let (next_id, threads, door) = (AtomicU64::new(1), Mutex::new(threads), Mutex::new(door));
        Ok(Engine { shared, config, udp_port, tcp_port, fingerprint, next_id, threads, door })
    }

    #[must_use]
    pub fn udp_port(&self) -> u16 {
        self.udp_port
    }

    #[must_use]
    pub fn tcp_port(&self) -> Option<u16> {
        self.tcp_port
    }

    /// SHA-256 of the certificate, as `AA:BB:…`.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Becomes readable when there are events.
    #[must_use]
    pub fn event_fd(&self) -> i32 {
        self.shared.events.fd()
    }

    #[must_use]
    pub fn drain_events(&self, most: usize) -> Vec<Event> {
        self.shared.events.drain(most)
    }

    /// Opens a room; one that is open stays as it is.
    ///
    /// # Errors
    /// `TooManyRooms`.
    pub fn add_room(&self, key: &str) -> Result<(), Refusal> {
        let mut directory = self.shared.directory();
        if directory.rooms.contains_key(key) {
            return Ok(());
        }
        if directory.rooms.len() >= self.config.max_rooms {
            return Err(Refusal::TooManyRooms);
        }
        let (key, room) = (Arc::<str>::from(key), RoomId(self.id()));
        directory.rooms.insert(Arc::clone(&key), RoomEntry { id: room, peers: 0 });
        // Under the lock, so that every shard hears of rooms in one order.
        self.to_all(|| Command::AddRoom { room, key: Arc::clone(&key) });
        Ok(())
    }

    pub fn close_room(&self, key: &str) {
        let mut directory = self.shared.directory();
        if let Some(entry) = directory.rooms.remove(key) {
            directory.sources.retain(|_, (_, room)| *room != entry.id);
            self.to_all(|| Command::CloseRoom { room: entry.id });
        }
    }

    /// Adds a peer; returns its id and a track for each thing that it publishes.
    ///
    /// # Errors
    /// `NoRoom`, `RoomFull`, `BadParameters`.
    pub fn add_peer(&self, key: &str, params: PeerParams) -> Result<(PeerId, Vec<TrackId>), Refusal> {
        admission::check(&params)?;
        let mut directory = self.shared.directory();
        let Some((key, entry)) = directory.rooms.get_key_value(key) else { return Err(Refusal::NoRoom) };
        if entry.peers >= self.config.max_peers_per_room {
            return Err(Refusal::RoomFull);
        }
        let (key, room) = (Arc::clone(key), entry.id);
        let peer = PeerId(self.id());
        let tracks: Vec<_> = params.publishes.iter().map(|_| TrackId(self.id())).collect();
        directory.peers.insert(peer, (Arc::clone(&key), room));
        if let Some(entry) = directory.rooms.get_mut(&key) {
            entry.peers += 1;
        }
        let command = Command::AddPeer { peer, room, params: Box::new(params), tracks: tracks.clone() };
        self.to_one(self.home(peer.0), command);
        Ok((peer, tracks))
    }

    pub fn remove_peer(&self, peer: PeerId) {
        self.to_all(|| Command::RemovePeer { peer });
    }

    /// Adds an injected audio and video pair.
    ///
    /// # Errors
    /// `NoRoom`.
    pub fn add_source(&self, key: &str) -> Result<(SourceId, TrackId, TrackId), Refusal> {
        let mut directory = self.shared.directory();
        let room = directory.rooms.get(key).ok_or(Refusal::NoRoom)?.id;
        let (source, audio, video) = (SourceId(self.id()), TrackId(self.id()), TrackId(self.id()));
        let home = self.home(source.0);
        directory.sources.insert(source, (home, room));
        self.to_one(home, Command::AddSource { source, room, audio, video });
        Ok((source, audio, video))
    }

    pub fn write_frame(&self, source: SourceId, frame: Frame) {
        self.to_source(source, Command::WriteFrame { source, frame });
    }

    pub fn flush_source(&self, source: SourceId) {
        self.to_source(source, Command::FlushSource { source });
    }

    /// Sends nothing that is due from `until` on; who joins meanwhile gets the group of pictures so far.
    pub fn hold_source(&self, source: SourceId, until: Time) {
        self.to_source(source, Command::HoldSource { source, until });
    }

    pub fn remove_source(&self, source: SourceId) {
        self.to_source(source, Command::RemoveSource { source });
        self.shared.directory().sources.remove(&source);
    }

    /// Says which track each slot of everyone in the room carries.
    ///
    /// # Errors
    /// `NoRoom`.
    pub fn set_layout(&self, key: &str, layout: &Layout) -> Result<(), Refusal> {
        let directory = self.shared.directory();
        let room = directory.rooms.get(key).ok_or(Refusal::NoRoom)?.id;
        self.to_all(|| Command::SetLayout { room, layout: layout.clone() });
        Ok(())
    }

    /// Begins to hand out what peers publish in a room; `event_fd` rings when there is something.
    ///
    /// # Errors
    /// `NoRoom`.
    pub fn add_tap(&self, key: &str) -> Result<TapId, Refusal> {
        let directory = self.shared.directory();
        let room = directory.rooms.get(key).ok_or(Refusal::NoRoom)?.id;
        let id = TapId(self.id());
        self.shared.taps.open(id, self.shared.inboxes.len(), tap::ROOM);
        self.to_all(|| Command::AddTap { tap: id, room });
        Ok(id)
    }

    #[must_use]
    pub fn drain_tap(&self, tap: TapId, most: usize) -> Drained {
        self.shared.taps.drain(tap, most)
    }

    pub fn remove_tap(&self, tap: TapId) {
        self.to_all(|| Command::RemoveTap { tap });
        self.shared.taps.close(tap);
    }

    pub fn mute(&self, track: TrackId) {
        self.to_all(|| Command::Mute { track });
    }

    pub fn unmute(&self, track: TrackId) {
        self.to_all(|| Command::Unmute { track });
    }

    pub fn set_view(&self, peer: PeerId, slot: usize, max_height: u32) {
        self.to_all(|| Command::SetView { peer, slot, max_height });
    }

    /// New names and passwords for a peer's checks.
    ///
    /// # Errors
    /// `BadParameters`.
    pub fn restart_ice(&self, peer: PeerId, credentials: &Credentials) -> Result<(), Refusal> {
        if !admission::is_sound(&credentials.local_ufrag, &credentials.local_pwd) {
            return Err(Refusal::BadParameters);
        }
        self.to_all(|| Command::RestartIce { peer, credentials: credentials.clone() });
        Ok(())
    }

    pub fn set_deadline(&self, deadline: Option<Time>) {
        self.to_all(|| Command::SetDeadline { deadline });
    }

    /// Counts everything. A shard that does not answer within a second is left out, and the result says so.
    #[must_use]
    pub fn stats(&self) -> EngineStats {
        let (reply, answers) = mpsc::channel();
        for inbox in &self.shared.inboxes {
            inbox.push(Input::Stats(reply.clone()));
        }
        drop(reply);
        let (mut shards, mut missing) = (ShardStats::default(), self.shared.inboxes.len());
        let until = Instant::now() + Duration::from_secs(1);
        while missing > 0 {
            let Ok(stats) = answers.recv_timeout(until.saturating_duration_since(Instant::now())) else {
                break;
            };
            shards.merge(stats);
            missing -= 1;
        }
        EngineStats { shards, events_lost: self.shared.events.lost(), is_complete: missing == 0 }
    }

    /// Says goodbye to everyone and waits for the threads to end. A second call does nothing.
    pub fn stop(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for inbox in &self.shared.inboxes {
            inbox.push(Input::Stop);
        }
        for thread in threads {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
        let door = self.door.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(door) = door {
            self.shared.close_door();
            let _ = door.join();
        }
    }

    fn id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    fn home(&self, id: u64) -> ShardIndex {
        (id % self.shared.inboxes.len() as u64) as ShardIndex
    }

    fn to_one(&self, shard: ShardIndex, command: Command) {
        self.shared.inboxes[usize::from(shard)].push(Input::Command(command));
    }

    fn to_all(&self, command: impl Fn() -> Command) {
        for inbox in &self.shared.inboxes {
            inbox.push(Input::Command(command()));
        }
    }

    fn to_source(&self, source: SourceId, command: Command) {
        let known = self.shared.directory().sources.get(&source).copied();
        if let Some((home, _)) = known {
            self.to_one(home, command);
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

fn open_door(address: SocketAddr, shared: &Arc<Shared>) -> io::Result<(u16, Door)> {
    let door = Door::open(address, Arc::clone(shared))?;
    Ok((door.local_port()?, door))
}

fn open_sockets(
    mut address: SocketAddr,
    count: usize,
    segmentation: Segmentation,
) -> io::Result<(Vec<Socket>, u16)> {
    if address.port() != 0 {
        Socket::check_free(address)?;
    }
    let first = Socket::join(address, segmentation)?;
    address.set_port(first.local_port()?);
    let mut sockets = vec![first];
    while sockets.len() < count {
        sockets.push(Socket::join(address, segmentation)?);
    }
    Ok((sockets, address.port()))
}

#[cfg(test)]
#[path = "engine_tcp_tests.rs"]
mod tcp_tests;
