//! A track as one shard sees it: whose it is, in which layers, and what of it may be sent again.

use std::sync::Arc;
use std::time::Duration;

use crate::codec::{Codec, MediaKind};
use crate::history::History;
use crate::ids::{PeerId, ShardIndex, TrackId};
use crate::ladder::Ladder;
use crate::packet::Packet;
use crate::time::Time;

const AUDIO_PACKETS: usize = 128;
const PUBLISHED_PACKETS: usize = 1_024;
const INJECTED_PACKETS: usize = 4_096;
/// An encoding that was silent for longer than the others is over.
const SILENCE: Duration = Duration::from_secs(3);
/// So is a layer, sooner: a picture that stands still is worse than a coarse one.
const LAYER_SILENCE: Duration = Duration::from_millis(1_200);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A peer sends it; a keyframe can be asked for.
    Published(PeerId),
    /// Frames are written into it; new viewers start at the current group of pictures.
    Injected,
}

/// One form of a track: a codec and a layer.
#[derive(Debug)]
pub struct Encoding {
    pub id: u32,
    pub codec: Codec,
    pub layer: u8,
    pub history: History,
    heard: Time,
}

#[derive(Debug)]
pub struct Track {
    pub id: TrackId,
    pub kind: MediaKind,
    pub origin: Origin,
    /// The shard where it comes in.
    pub home: ShardIndex,
    pub encodings: Vec<Encoding>,
    pub ladder: Ladder,
    /// The layers that home was last told to be watched here.
    pub watched: Option<u8>,
}

impl Track {
    #[must_use]
    pub fn new(id: TrackId, kind: MediaKind, origin: Origin, home: ShardIndex, layers: u8) -> Track {
        let ladder = Ladder::new(layers);
        Track { id, kind, origin, home, encodings: Vec::new(), ladder, watched: None }
    }

    #[must_use]
    pub fn is_published_by(&self, peer: PeerId) -> bool {
        self.origin == Origin::Published(peer)
    }

    #[must_use]
    pub fn is_injected(&self) -> bool {
        self.origin == Origin::Injected
    }

    #[must_use]
    pub fn encoding(&self, id: u32) -> Option<&Encoding> {
        self.encodings.iter().find(|encoding| encoding.id == id)
    }

    /// Keeps a packet for later. Returns false when it came before.
    pub fn remember(&mut self, now: Time, packet: &Arc<Packet>) -> bool {
        let encoding = self.encoding_of(now, packet);
        encoding.heard = now;
        let is_new = encoding.history.insert(Arc::clone(packet));
        // Forms of one injected picture do not add up.
        let counts = !self.is_injected() || self.encodings[0].id == packet.encoding;
        if is_new && counts && self.kind == MediaKind::Video {
            self.ladder.note(now, packet);
        }
        is_new
    }

    fn encoding_of(&mut self, now: Time, packet: &Packet) -> &mut Encoding {
        if let Some(at) = self.encodings.iter().position(|encoding| encoding.id == packet.encoding) {
            return &mut self.encodings[at];
        }
        if !self.is_injected() {
            // The publisher began this layer anew: nobody can go on with what was before.
            self.encodings.retain(|encoding| encoding.layer != packet.layer);
        }
        let capacity = match (self.kind, self.origin) {
            (MediaKind::Audio, _) => AUDIO_PACKETS,
            (MediaKind::Video, Origin::Published(_)) => PUBLISHED_PACKETS,
            (MediaKind::Video, Origin::Injected) => INJECTED_PACKETS,
        };
        let history = History::new(capacity);
        let (id, codec, layer) = (packet.encoding, packet.codec, packet.layer);
        self.encodings.push(Encoding { id, codec, layer, history, heard: now });
        let last = self.encodings.len() - 1;
        &mut self.encodings[last]
    }

    /// The encoding for someone who takes `codecs`, the best first: `layer` if it comes in, else the nearest below,
    /// else above.
    #[must_use]
    pub fn choose(&self, codecs: impl Iterator<Item = Codec>, layer: u8) -> Option<&Encoding> {
        let newest = self.encodings.iter().map(|encoding| encoding.heard).max()?;
        let silence = if self.ladder.has_choice() { LAYER_SILENCE } else { SILENCE };
        let alive = |encoding: &&Encoding| newest.since(encoding.heard) < silence;
        let wanted = self.ladder.place(layer);
        let distance = |encoding: &&Encoding| match self.ladder.place(encoding.layer) {
            place if place <= wanted => (0, wanted - place),
            place => (1, place - wanted),
        };
        let mut codecs = codecs;
        codecs.find_map(|codec| {
            let alive = self.encodings.iter().filter(alive);
            alive.filter(|encoding| encoding.codec == codec).min_by_key(distance)
        })
    }

    pub fn forget_groups(&mut self) {
        for encoding in &mut self.encodings {
            encoding.history.forget_group();
        }
    }
}
