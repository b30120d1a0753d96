//! What is known of a track's layers: how high they are, and how fast.
//!
//! Invariant: rungs are in the order of their height, whatever order the publisher named them in; a layer that does
//! not come in, because nobody watches it or the publisher cannot send it, is remembered or guessed.

use crate::meter::Meter;
use crate::packet::Packet;
use crate::time::Time;

pub const LAYERS: usize = 3;
pub const TEMPORAL_LAYERS: usize = 4;
/// What browsers make of a camera of 720 rows in three layers, for as long as nothing was measured.
const GUESSED: [(u16, u64); LAYERS] = [(180, 150_000), (360, 500_000), (720, 1_700_000)];

#[derive(Clone, Debug)]
pub struct Ladder {
    layers: Vec<Known>,
    /// The place of each layer by its height.
    places: [u8; LAYERS],
}

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    height: u16,
    /// By temporal layer.
    meters: [Meter; TEMPORAL_LAYERS],
}

/// One layer as the choice sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    pub layer: u8,
    pub height: u16,
    /// Bits a second up to and with each temporal layer; the last that exists repeats.
    pub bps: [u64; TEMPORAL_LAYERS],
    pub temporal_layers: u8,
}

impl Ladder {
    /// Of as many layers as were negotiated; one where nothing was.
    #[must_use]
    pub fn new(layers: u8) -> Ladder {
        let layers = vec![Known::default(); usize::from(layers).clamp(1, LAYERS)];
        Ladder { layers, places: [0, 1, 2] }
    }

    #[must_use]
    pub fn has_choice(&self) -> bool {
        self.layers.len() > 1
    }

    pub fn note(&mut self, now: Time, packet: &Packet) {
        let Some(known) = self.layers.get_mut(usize::from(packet.layer)) else { return };
        let temporal = usize::from(packet.picture.temporal).min(TEMPORAL_LAYERS - 1);
        known.meters[temporal].add(now, packet.payload.len());
        if packet.picture.height > 0 && packet.picture.height != known.height {
            known.height = packet.picture.height;
            self.order();
        }
    }

    fn order(&mut self) {
        for (place, rung) in self.rungs().iter().enumerate() {
            self.places[usize::from(rung.layer)] = place as u8;
        }
    }

    /// The place of a layer among the others, from the lowest.
    #[must_use]
    pub fn place(&self, layer: u8) -> u8 {
        self.places.get(usize::from(layer)).copied().unwrap_or_default()
    }

    /// From the lowest to the highest.
    #[must_use]
    pub fn rungs(&self) -> Vec<Rung> {
        let mut rungs: Vec<Rung> = (0..self.layers.len()).map(|at| self.rung(at)).collect();
        rungs.sort_by_key(|rung| (rung.height, rung.layer));
        rungs
    }

    fn rung(&self, at: usize) -> Rung {
        let known = &self.layers[at];
        let mut bps = [0; TEMPORAL_LAYERS];
        let mut sum = 0;
        for (temporal, meter) in known.meters.iter().enumerate() {
            sum += meter.bps().unwrap_or_default();
            bps[temporal] = sum;
        }
        if sum == 0 && self.layers.len() > 1 {
            bps = [self.guessed(at).1; TEMPORAL_LAYERS];
        }
        let temporal_layers = known.meters.iter().rposition(|meter| meter.bps().is_some());
        Rung {
            layer: at as u8,
            height: if known.height > 0 { known.height } else { self.guessed(at).0 },
            bps,
            temporal_layers: temporal_layers.map_or(1, |top| top as u8 + 1),
        }
    }

    /// By a layer that is known: each is twice as high as the one before and takes about four times as much.
    fn guessed(&self, at: usize) -> (u16, u64) {
        let guess = |place: usize| GUESSED[place + LAYERS - self.layers.len()];
        let measured = self.layers.iter().enumerate().find(|(_, known)| known.height > 0);
        let Some((known_at, known)) = measured else { return guess(at) };
        let scaled = u64::from(known.height) * u64::from(guess(at).0) / u64::from(guess(known_at).0);
        (scaled.clamp(1, 4_320) as u16, guess(at).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Codec;
    use crate::packet::Picture;

    fn at(ms: u64) -> Time {
        Time::from_nanos((1_000 + ms) * 1_000_000)
    }

    fn note(ladder: &mut Ladder, ms: u64, layer: u8, height: u16, temporal: u8, bytes: usize) {
        let picture = Picture { height, temporal, ..Picture::default() };
        let payload = vec![0; bytes].into();
        let packet = Packet { layer, picture, payload, ..Packet::empty(Codec::Vp8, 1) };
        ladder.note(at(ms), &packet);
    }

    #[test]
    fn rungs_are_in_the_order_of_their_height_whatever_their_names() {
        let mut ladder = Ladder::new(3);
        for (layer, height) in [(0, 720), (2, 180), (1, 360)] {
            note(&mut ladder, 0, layer, height, 0, 10);
        }
        let order: Vec<_> = ladder.rungs().iter().map(|rung| (rung.layer, rung.height)).collect();
        assert_eq!(order, [(2, 180), (1, 360), (0, 720)]);
        assert_eq!([0, 1, 2].map(|layer| ladder.place(layer)), [2, 1, 0]);
    }

    #[test]
    fn a_layer_that_never_came_is_guessed_by_those_that_did() {
        let mut ladder = Ladder::new(3);
        note(&mut ladder, 0, 0, 90, 0, 10);
        let heights: Vec<_> = ladder.rungs().iter().map(|rung| rung.height).collect();
        assert_eq!(heights, [90, 180, 360]);
        assert_eq!(ladder.rungs()[2].bps, [1_700_000; TEMPORAL_LAYERS]);
        let two: Vec<_> = Ladder::new(2).rungs().iter().map(|rung| rung.height).collect();
        assert_eq!(two, [360, 720]);
    }

    #[test]
    fn rates_are_measured_by_temporal_layer() {
        let mut ladder = Ladder::new(3);
        for ms in (0..4_000).step_by(10) {
            note(&mut ladder, ms, 1, 0, (ms / 10 % 2) as u8, 250);
        }
        let rung = ladder.rungs()[1];
        assert_eq!((rung.bps, rung.temporal_layers), ([100_000, 200_000, 200_000, 200_000], 2));
    }
}
