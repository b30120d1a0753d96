//! One thing that a peer publishes: an m-line and its layers.
//!
//! A layer is known by its RTP stream id (RFC 8852), which a browser sends along until it knows that it was heard; its
//! retransmissions are known by the repaired id, and often come first, as padding that probes the way.

use crate::codec::{Codec, MediaKind};
use crate::ids::{ShardIndex, TrackId};
use crate::ladder::LAYERS;
use crate::layer::{Body, Layer};
use crate::limits::{Bucket, PICTURES_PER_SECOND, SOUNDS_PER_SECOND};
use crate::packet::Packet;
use crate::params::{
    AUDIO_LEVEL, CodecParams, DEPENDENCY_DESCRIPTOR, MID, PublishParams, REPAIRED_STREAM_ID, STREAM_ID,
};
use crate::reception::Reception;
use crate::red::Red;
use crate::rtp::Header;
use crate::speech::Speech;
use crate::time::{Anchor, Time};
use crate::watch::Watch;

/// What a payload type means within the m-line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Media(Codec),
    Repair(Codec),
}

#[derive(Debug)]
pub struct Publication {
    pub track: TrackId,
    pub kind: MediaKind,
    pub mid: String,
    pub mid_id: Option<u8>,
    level_id: Option<u8>,
    stream_id: Option<u8>,
    repaired_id: Option<u8>,
    descriptor_id: Option<u8>,
    pub ssrcs: Vec<u32>,
    codecs: Vec<CodecParams>,
    /// The names of the layers; none for one that has none.
    rids: Vec<String>,
    pub started: bool,
    pub layers: Vec<Layer>,
    pub speech: Speech,
    watch: Watch,
    budget: Bucket,
}

impl Publication {
    #[must_use]
    pub fn new(track: TrackId, params: PublishParams, now: Time) -> Publication {
        let mut rids = params.rids;
        rids.truncate(LAYERS);
        let layers = rids.len().max(1) as u8;
        let extension = |uri: &str| params.extensions.get(uri).copied();
        let per_second = match params.kind {
            MediaKind::Audio => SOUNDS_PER_SECOND,
            MediaKind::Video => PICTURES_PER_SECOND,
        };
        Publication {
            track,
            kind: params.kind,
            mid: params.mid,
            mid_id: extension(MID),
            level_id: extension(AUDIO_LEVEL),
            stream_id: extension(STREAM_ID),
            repaired_id: extension(REPAIRED_STREAM_ID),
            descriptor_id: extension(DEPENDENCY_DESCRIPTOR),
            ssrcs: params.ssrcs,
            codecs: params.codecs,
            rids,
            started: false,
            layers: (0..layers).map(|index| Layer::new(track, index)).collect(),
            speech: Speech::default(),
            watch: Watch::of(layers),
            budget: Bucket::new(per_second, per_second, now),
        }
    }

    /// Whether one more packet is passed on.
    pub fn may_bring(&mut self, now: Time) -> bool {
        self.budget.take(1.0, now)
    }

    #[must_use]
    pub fn role(&self, payload_type: u8) -> Option<Role> {
        self.codecs.iter().find_map(|codec| match payload_type {
            pt if pt == codec.pt || Some(pt) == codec.red_pt => Some(Role::Media(codec.name)),
            pt if Some(pt) == codec.rtx_pt => Some(Role::Repair(codec.name)),
            _ => None,
        })
    }

    /// The layer that a packet of an unknown source names; `None` when it names none, or one never offered.
    #[must_use]
    pub fn layer_of(&self, header: &Header, packet: &[u8]) -> Option<u8> {
        if self.rids.is_empty() {
            return Some(0);
        }
        let named = |id: Option<u8>| {
            let name = header.extensions(packet).find(id)?;
            self.rids.iter().position(|rid| rid.as_bytes() == name).map(|at| at as u8)
        };
        // Who names both repairs: a stream's own id may be sent along with it.
        named(self.repaired_id).or_else(|| named(self.stream_id))
    }

    pub fn ssrcs(&self) -> impl Iterator<Item = u32> {
        self.layers.iter().filter_map(Layer::ssrc)
    }

    #[must_use]
    pub fn takes_keyframe_requests(&self) -> bool {
        self.kind == MediaKind::Video && self.codecs.iter().any(|codec| codec.pli)
    }

    #[must_use]
    pub fn takes_nacks(&self) -> bool {
        self.codecs.iter().any(|codec| codec.nack)
    }

    pub fn receptions(&mut self) -> impl Iterator<Item = (u32, &mut Reception)> {
        self.layers.iter_mut().filter_map(Layer::reception)
    }

    #[must_use]
    pub fn lost(&self) -> u64 {
        self.layers.iter().map(Layer::lost).sum()
    }

    /// The audio level that a packet carries, in -dBov (RFC 6464).
    #[must_use]
    pub fn level(&self, header: &Header, packet: &[u8]) -> Option<u8> {
        header.extensions(packet).find(self.level_id)?.first().map(|byte| byte & 0x7f)
    }

    pub fn mute(&mut self) {
        self.layers.iter_mut().for_each(Layer::mute);
    }

    /// What comes from now on is passed on; video needs a keyframe to begin with.
    pub fn unmute(&mut self, now: Time) {
        for layer in &mut self.layers {
            layer.unmute(now, self.kind);
        }
    }

    /// What a packet, its padding taken off, brings.
    #[must_use]
    pub fn body<'p>(&self, header: &Header, packet: &'p [u8]) -> Body<'p> {
        let descriptor = header.extensions(packet).find(self.descriptor_id);
        let payload = &packet[header.len..];
        let redundant = self.codecs.iter().find(|codec| codec.red_pt == Some(header.payload_type));
        match redundant.map(|codec| Red::read(payload, codec.pt)) {
            None => Body { payload, descriptor, red: None },
            // What cannot be read brings nothing, and leaves no gap.
            Some(red) => Body { payload: red.map_or(&[], |red| red.primary), descriptor, red },
        }
    }

    /// Takes a packet of a layer's stream itself; `sequence` is its index with the rollover counter.
    pub fn media(
        &mut self,
        now: Time,
        anchor: &Anchor,
        (layer, codec): (u8, Codec),
        header: &Header,
        sequence: u64,
        body: Body<'_>,
    ) -> Option<Packet> {
        self.layers.get_mut(usize::from(layer))?.media(now, anchor, codec, header, sequence, body)
    }

    /// Takes a packet that came again.
    pub fn repaired(&mut self, now: Time, layer: u8, header: &Header, body: Body<'_>) -> Option<Packet> {
        self.layers.get_mut(usize::from(layer))?.repaired(now, header, body)
    }

    pub fn want_keyframe(&mut self, now: Time, layer: u8) {
        if let Some(layer) = self.layers.get_mut(usize::from(layer)) {
            layer.keyframes.ask(now);
        }
    }

    /// A shard says which layers are watched there, as bits.
    pub fn watched(&mut self, shard: ShardIndex, layers: u8) {
        self.watch.set(shard, layers);
    }

    /// Nobody is there any more.
    pub fn unwatched(&mut self, shard: ShardIndex) {
        self.watch.forget(shard);
    }

    /// The names of the layers to be sent from now on, when that changes.
    pub fn watch_timeout(&mut self, now: Time) -> Option<Vec<String>> {
        let layers = self.watch.due(now)?;
        let names = self.rids.iter().enumerate().filter(|(at, _)| layers & 1 << at != 0);
        Some(names.map(|(_, rid)| rid.clone()).collect())
    }

    #[must_use]
    pub fn wake(&self) -> Time {
        let nacks = self.takes_nacks();
        let layer = |layer: &Layer| {
            let lost = if nacks { layer.lost_wake() } else { Time::FAR };
            lost.min(layer.keyframes.wake())
        };
        let layers = self.layers.iter().map(layer).min().unwrap_or(Time::FAR);
        layers.min(self.speech.wake()).min(self.watch.wake())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::publish;
    use crate::rtp::HeaderWriter;

    fn camera() -> Publication {
        let mut params = publish(MediaKind::Video);
        params.rids = ["q", "h", "f", "x"].map(str::to_owned).to_vec();
        params.extensions.extend([(STREAM_ID.to_owned(), 10), (REPAIRED_STREAM_ID.to_owned(), 11)]);
        Publication::new(TrackId(1), params, Time::default())
    }

    fn named(extensions: &[(u8, &str)]) -> Option<u8> {
        let mut writer = HeaderWriter::new(96, false, 1, 2, 3);
        for (id, name) in extensions {
            writer.extension(Some(*id), name.as_bytes());
        }
        let packet = writer.finish().to_vec();
        camera().layer_of(&Header::read(&packet).unwrap(), &packet)
    }

    #[test]
    fn a_layer_is_known_by_its_own_or_its_repaired_name() {
        assert_eq!(named(&[(10, "q")]), Some(0));
        assert_eq!(named(&[(4, "Video0"), (10, "f")]), Some(2));
        assert_eq!(named(&[(11, "h")]), Some(1));
        assert_eq!(named(&[(10, "other"), (11, "h")]), Some(1));
        assert_eq!(named(&[(10, "x")]), None, "one too many");
        assert_eq!(named(&[]), None);
    }
}
