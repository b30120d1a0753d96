//! Which encoding of its track a slot wants: by the viewer's codecs, by the layer that was chosen, by what comes in.

use std::time::Duration;

use crate::codec::Codec;
use crate::ids::TrackId;
use crate::layers::Choice;
use crate::numbers::Number;
use crate::packet::Packet;
use crate::time::Time;
use crate::track::{Encoding, Track};

use super::{Need, Slot};

/// How often one slot may ask for a keyframe.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// Sound that pauses for longer takes nothing of the way.
const FLOWING: Duration = Duration::from_secs(1);

impl Slot {
    /// How high it is shown, in pixels; nothing is sent of what is not shown.
    pub fn show(&mut self, height: u32) {
        self.shown = height;
        if height == 0 {
            self.interrupt();
            self.freezes.rest();
        }
    }

    /// What it carries changes: the picture stands still for a moment because it was told to.
    pub fn change_hands(&mut self) {
        self.interrupt();
        self.choose(None);
        self.freezes.rest();
    }

    /// A packet leaves: does the picture go on?
    pub(super) fn note_picture(&mut self, packet: &Packet, now: Time) {
        if packet.starts {
            self.freezes.keyframe(now);
        }
        if packet.marker {
            self.freezes.picture(now, packet.captured_unix_ns);
        }
    }

    #[must_use]
    pub fn shown(&self) -> u32 {
        self.shown
    }

    /// Something was sent lately.
    #[must_use]
    pub fn is_flowing(&self, now: Time) -> bool {
        self.sent.at.is_some_and(|at| now.since(at) < FLOWING)
    }

    #[must_use]
    pub fn chosen(&self) -> Option<Choice> {
        self.chosen
    }

    /// Which layer to send from its next keyframe on; until then what is sent goes on.
    pub fn choose(&mut self, choice: Option<Choice>) {
        self.chosen = choice;
    }

    /// The encoding of `track` that is sent now.
    #[must_use]
    pub fn carried(&self, track: TrackId) -> Option<u32> {
        self.current.as_ref().filter(|mapping| mapping.track == track).map(|mapping| mapping.encoding)
    }

    /// Nothing is to be joined: it carries the track already, and the layer that was chosen.
    pub(super) fn is_on(&self, track: &Track) -> bool {
        let Some(carried) = self.carried(track.id) else { return false };
        track.is_injected() || self.wanted(track).is_none_or(|wanted| wanted.id == carried)
    }

    pub(super) fn wanted<'t>(&self, track: &'t Track) -> Option<&'t Encoding> {
        track.choose(self.codecs(), self.chosen.map_or(0, |choice| choice.layer))
    }

    pub(super) fn codecs(&self) -> impl Iterator<Item = Codec> {
        // H.264 costs the viewer less where it has both.
        let h264 = self.params.codecs.iter().map(|codec| codec.name).filter(|name| *name == Codec::H264);
        h264.chain(self.params.codecs.iter().map(|codec| codec.name).filter(|name| *name != Codec::H264))
    }

    pub(super) fn wanted_layer(&self, track: &Track) -> u8 {
        let chosen = self.chosen.map_or(0, |choice| choice.layer);
        self.wanted(track).map_or(chosen, |encoding| encoding.layer)
    }

    pub(super) fn ask(&mut self, now: Time, track: &Track) -> Need {
        if self.asked.is_some_and(|at| now.since(at) < ASK_EVERY) {
            return Need::Nothing;
        }
        self.asked = Some(now);
        Need::Keyframe(self.wanted_layer(track))
    }

    /// The number of a packet that comes after its track, or layer, was left, and belongs before the next.
    pub(super) fn late(&self, packet: &Packet) -> Option<Number> {
        let (previous, current) = self.previous.as_ref().zip(self.current.as_ref())?;
        if previous.is_of(packet) { previous.late(packet, current) } else { None }
    }
}
