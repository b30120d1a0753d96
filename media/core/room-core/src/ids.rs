//! Names of things. A number is never reused within a process.

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);
    };
}

id!(/// A room: the peers that may see each other's tracks.
    RoomId);
id!(/// One connection of a browser.
    PeerId);
id!(/// One audio or video that is published or injected.
    TrackId);
id!(/// An injected audio and video pair.
    SourceId);
id!(/// Somebody who is handed the frames of a room.
    TapId);

/// A shard, counted from zero.
pub type ShardIndex = u8;
