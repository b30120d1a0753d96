//! What goes in and out of a shard besides datagrams.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::codec::MediaKind;
use crate::ice::Credentials;
use crate::ids::{PeerId, RoomId, ShardIndex, SourceId, TapId, TrackId};
use crate::packet::Packet;
use crate::params::PeerParams;
use crate::peer::{Gone, Peer};
use crate::room::Layout;
use crate::source::Frame;
use crate::time::Time;
use crate::track::Origin;

/// From the outside. Commands for a whole room go to every shard, the others to one.
#[derive(Debug)]
pub enum Command {
    AddRoom {
        room: RoomId,
        key: Arc<str>,
    },
    CloseRoom {
        room: RoomId,
    },
    AddPeer {
        peer: PeerId,
        room: RoomId,
        params: Box<PeerParams>,
        tracks: Vec<TrackId>,
    },
    RemovePeer {
        peer: PeerId,
    },
    /// New names and passwords; everything else of the connection stays.
    RestartIce {
        peer: PeerId,
        credentials: Credentials,
    },
    AddSource {
        source: SourceId,
        room: RoomId,
        audio: TrackId,
        video: TrackId,
    },
    WriteFrame {
        source: SourceId,
        frame: Frame,
    },
    FlushSource {
        source: SourceId,
    },
    /// Nothing due from `until` on is sent; the group of pictures stays for who comes meanwhile.
    HoldSource {
        source: SourceId,
        until: Time,
    },
    RemoveSource {
        source: SourceId,
    },
    AddTap {
        tap: TapId,
        room: RoomId,
    },
    RemoveTap {
        tap: TapId,
    },
    SetLayout {
        room: RoomId,
        layout: Layout,
    },
    Mute {
        track: TrackId,
    },
    Unmute {
        track: TrackId,
    },
    /// Zero pauses the slot.
    SetView {
        peer: PeerId,
        slot: usize,
        max_height: u32,
    },
    SetDeadline {
        deadline: Option<Time>,
    },
}

/// From shard to shard, in order between any two.
#[derive(Debug)]
pub enum Message {
    Media(RoomId, Vec<Arc<Packet>>),
    /// The current groups of pictures, for a shard that has just got its first viewer of the room.
    Groups(RoomId, Vec<Arc<Packet>>),
    Presence {
        room: RoomId,
        shard: ShardIndex,
        present: bool,
    },
    TrackAdded {
        room: RoomId,
        track: TrackId,
        kind: MediaKind,
        origin: Origin,
        home: ShardIndex,
        layers: u8,
    },
    TrackRemoved {
        room: RoomId,
        track: TrackId,
    },
    GroupsForgotten {
        room: RoomId,
        tracks: [TrackId; 2],
    },
    KeyframeWanted {
        publisher: PeerId,
        track: TrackId,
        layer: u8,
    },
    /// As bits.
    LayersWatched {
        publisher: PeerId,
        track: TrackId,
        shard: ShardIndex,
        layers: u8,
    },
    /// Arrived where its owner is not.
    Datagram {
        from: SocketAddr,
        arrived: ShardIndex,
        bytes: Vec<u8>,
    },
    /// A peer whose datagrams arrive at another shard than the one it was given to.
    Moved {
        peer: Box<Peer>,
        from: SocketAddr,
        bytes: Vec<u8>,
    },
    /// A TCP connection has ended.
    Ended {
        address: SocketAddr,
    },
    Command(Command),
    RoomFailed {
        room: RoomId,
    },
}

/// To the outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    PeerConnected {
        peer: PeerId,
        room: Arc<str>,
    },
    PeerGone {
        peer: PeerId,
        room: Arc<str>,
        reason: Gone,
    },
    TrackStarted {
        track: TrackId,
        peer: PeerId,
        kind: MediaKind,
    },
    TrackEnded {
        track: TrackId,
    },
    Speaking {
        track: TrackId,
        speaking: bool,
    },
    /// From now on the publisher need send these layers only; the others nobody watches.
    LayersWanted {
        peer: PeerId,
        mid: String,
        rids: Vec<String>,
    },
    /// The room is closed; without a name, none is.
    RoomFailed {
        id: RoomId,
        room: Arc<str>,
        report: String,
    },
}

/// Which shard owns what, for datagrams that arrive elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Checks for this ufrag belong to this shard.
    Ufrag(String, ShardIndex),
    NoUfrag(String),
    Address(SocketAddr, ShardIndex),
    NoAddress(SocketAddr, ShardIndex),
}

/// Whose a datagram is, when it is not this shard's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Dealt with, or nobody's.
    Settled,
    OfUfrag(String),
    OfAddress,
}
