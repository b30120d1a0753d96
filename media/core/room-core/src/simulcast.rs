//! A browser's camera in three layers, for tests and fuzzing.
//!
//! As browsers do it: each layer is a source with numbers, timestamps and picture ids of its own; the layer's name is
//! sent along until somebody is known to have heard it; sender reports tie the timestamps together.

use std::collections::VecDeque;

use crate::codec::MediaKind;
use crate::ids::TrackId;
use crate::params::{REPAIRED_STREAM_ID, STREAM_ID};
use crate::rtcp::{Compound, Packet as Control, SenderInfo};
use crate::rtp::HeaderWriter;
use crate::world::World;

pub const RIDS: [&str; 3] = ["q", "h", "f"];
const HEIGHTS: [u16; 3] = [180, 360, 720];
/// Bytes of a picture, from which rates come: at 25 pictures a second 150, 500 and 1,700 kb/s.
const SIZES: [usize; 3] = [750, 2_500, 8_500];
const PACKET: usize = 1_100;
const TICKS: u32 = 3_600;
/// Packets of all layers that are kept to be sent again.
const KEPT: usize = 600;

#[derive(Debug)]
pub struct Camera {
    pub client: usize,
    pub layers: [LayerState; 3],
    /// Pictures so far.
    pub pictures: u64,
    /// Packets that name their layer.
    pub named_packets: u64,
    /// Packets that were sent, and those that were sent again.
    pub sent: u64,
    pub sent_again: u64,
    /// Pictures of which a layer was a keyframe.
    pub keyframes: usize,
    kept: VecDeque<Kept>,
    next_again: [u64; 3],
}

/// A packet that may be asked for again.
#[derive(Clone, Debug)]
struct Kept {
    layer: usize,
    sequence: u16,
    timestamp: u32,
    marker: bool,
    payload: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
pub struct LayerState {
    pub active: bool,
    pub next: u64,
    first_timestamp: u32,
    picture_id: u16,
    tl0: u8,
    sent: u64,
}

/// How a picture is to be sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shot {
    pub keyframe: bool,
    pub temporal: u8,
    pub sync: bool,
}

impl Camera {
    pub fn join(world: &mut World, track: TrackId) -> Camera {
        let mut params = crate::client::publish(MediaKind::Video);
        params.rids = RIDS.map(str::to_owned).to_vec();
        params.extensions.extend([(STREAM_ID.to_owned(), 10), (REPAIRED_STREAM_ID.to_owned(), 11)]);
        let client = world.join_as(Vec::new(), vec![params], vec![track]);
        let layer = |n: u64| LayerState {
            active: true,
            next: 1_000 + 20_000 * n,
            first_timestamp: 0x4000_0000_u32.wrapping_mul(n as u32 + 1),
            picture_id: 500 * n as u16,
            tl0: 70 * n as u8,
            sent: 0,
        };
        Camera {
            client,
            layers: [layer(0), layer(1), layer(2)],
            pictures: 0,
            named_packets: 40,
            sent: 0,
            sent_again: 0,
            keyframes: 0,
            kept: VecDeque::new(),
            next_again: [1; 3],
        }
    }

    #[must_use]
    pub fn ssrc(layer: usize) -> u32 {
        0x5000 + layer as u32
    }

    /// One picture, in each active layer.
    pub fn shoot(&mut self, world: &mut World, shots: [Shot; 3]) {
        self.keyframes += usize::from(shots.iter().any(|shot| shot.keyframe));
        for (layer, shot) in shots.into_iter().enumerate() {
            if self.layers[layer].active {
                for datagram in self.picture(world, layer, shot) {
                    world.send(self.client, datagram);
                }
            }
        }
        self.pictures += 1;
    }

    /// The packets of one layer's picture.
    pub fn picture(&mut self, world: &mut World, layer: usize, shot: Shot) -> Vec<Vec<u8>> {
        let state = &mut self.layers[layer];
        state.picture_id = state.picture_id.wrapping_add(1);
        state.tl0 = state.tl0.wrapping_add(u8::from(shot.temporal == 0));
        let timestamp = state.first_timestamp.wrapping_add(self.pictures as u32 * TICKS);
        let size = SIZES[layer];
        let count = size.div_ceil(PACKET);
        let mut datagrams = Vec::new();
        for n in 0..count {
            let marker = n + 1 == count;
            let mut writer = HeaderWriter::new(96, marker, state.next as u16, timestamp, Camera::ssrc(layer));
            if state.sent < self.named_packets {
                writer.extension(Some(4), b"Video0");
                writer.extension(Some(10), RIDS[layer].as_bytes());
            }
            let length = if marker { size - n * PACKET } else { PACKET };
            let payload = payload(state, shot, layer, n == 0, length);
            let client = &mut world.clients[self.client];
            datagrams.push(client.rtp_with(writer, state.next, Camera::ssrc(layer), &payload));
            self.kept.push_back(Kept { layer, sequence: state.next as u16, timestamp, marker, payload });
            state.next += 1;
            state.sent += 1;
            self.sent += 1;
        }
        while self.kept.len() > KEPT {
            self.kept.pop_front();
        }
        datagrams
    }

    /// Sends again what the server has asked for, at once.
    pub fn answer(&mut self, world: &mut World) {
        let control = &mut world.clients[self.client].control;
        let asked: Vec<Control<'_>> =
            control.extract_if(.., |one| matches!(one, Control::Nack { .. })).collect();
        for nack in asked {
            let Control::Nack { media_ssrc, lost } = nack else { continue };
            for number in lost {
                let is_meant =
                    |kept: &&Kept| Camera::ssrc(kept.layer) == media_ssrc && kept.sequence == number;
                if let Some(kept) = self.kept.iter().find(is_meant).cloned() {
                    self.send_again(world, &kept);
                }
            }
        }
    }

    fn send_again(&mut self, world: &mut World, kept: &Kept) {
        let (number, ssrc) = (self.next_again[kept.layer], 0x6000 + kept.layer as u32);
        self.next_again[kept.layer] += 1;
        self.sent_again += 1;
        let mut writer = HeaderWriter::new(97, kept.marker, number as u16, kept.timestamp, ssrc);
        writer.extension(Some(4), b"Video0");
        writer.extension(Some(11), RIDS[kept.layer].as_bytes());
        let payload = [&kept.sequence.to_be_bytes()[..], &kept.payload].concat();
        let datagram = world.clients[self.client].rtp_with(writer, number, ssrc, &payload);
        world.send(self.client, datagram);
    }

    /// Sender reports of all layers.
    pub fn report(&self, world: &mut World) {
        for (layer, state) in self.layers.iter().enumerate() {
            let timestamp = state.first_timestamp.wrapping_add(self.pictures as u32 * TICKS);
            // The publisher's wall clock is five seconds ahead.
            let ntp = world.ntp() + (5 << 32);
            let info = SenderInfo { ssrc: Camera::ssrc(layer), ntp, timestamp, ..SenderInfo::default() };
            let datagram = world.clients[self.client].rtcp(&Compound::new().sender_report(&info));
            world.send(self.client, datagram);
        }
    }

    /// Padding on a layer's retransmission stream, as browsers send it before anything else.
    pub fn probe(&self, world: &mut World, layer: usize, number: u64) {
        let ssrc = 0x6000 + layer as u32;
        let mut writer = HeaderWriter::new(97, false, number as u16, 1, ssrc);
        writer.extension(Some(4), b"Video0");
        writer.extension(Some(11), RIDS[layer].as_bytes());
        let datagram = world.clients[self.client].rtp_with(writer, number, ssrc, &[]);
        world.send(self.client, datagram);
    }
}

fn payload(state: &LayerState, shot: Shot, layer: usize, first: bool, length: usize) -> Vec<u8> {
    let [high, low] = (state.picture_id & 0x7fff | 0x8000).to_be_bytes();
    let start = if first { 0x90 } else { 0x80 };
    let temporal = shot.temporal << 6 | if shot.sync { 0x20 } else { 0 };
    let mut payload = vec![start, 0xe0, high, low, state.tl0, temporal];
    if first {
        let [h0, h1] = HEIGHTS[layer].to_le_bytes();
        let tag = if shot.keyframe { 0x10 } else { 0x11 };
        payload.extend_from_slice(&[tag, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, h0, h1]);
    }
    payload.resize(length.max(payload.len()), 7);
    payload
}
