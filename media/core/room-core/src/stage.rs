//! Cameras, sound, and one viewer behind a way that may be poor, in virtual time: for tests.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::client::Received;
use crate::codec::{Codec, MediaKind};
use crate::ids::{PeerId, ShardIndex, TrackId};
use crate::message::Command;
use crate::red::{self, Red};
use crate::rtcp::{Compound, Packet as Control};
use crate::screen::Screen;
use crate::simulcast::{Camera, Shot};
use crate::source::Frame;
use crate::stats::{Counters, PeerStats};
use crate::time::Time;
use crate::way::Way;
use crate::world::{FILM_AUDIO, World};

pub(crate) const PICTURE_MS: u64 = 40;
const SOUND_MS: u64 = 20;
/// How soon a publisher answers what it is asked.
const ANSWER_MS: u64 = 5;
const VOICE: TrackId = TrackId(700);
const VOICE_SSRC: u32 = 0x700;
const OPUS: u8 = 111;
const RED: u8 = 63;

/// Somebody speaks, each 20 ms a number, and the one before once more.
#[derive(Debug)]
struct Voice {
    client: usize,
    spoken: u64,
    heard: BTreeSet<u64>,
}

impl Voice {
    fn join(world: &mut World) -> Voice {
        let mut published = crate::client::publish(MediaKind::Audio);
        // As browsers have it: sound that is lost is not asked for.
        published.codecs.iter_mut().for_each(|codec| codec.nack = false);
        let client = world.join_as(Vec::new(), vec![published], vec![VOICE]);
        Voice { client, spoken: 0, heard: BTreeSet::new() }
    }

    fn sound(n: u64) -> Vec<u8> {
        [&n.to_be_bytes()[..], &[9; 72]].concat()
    }

    fn say(&mut self, world: &mut World) {
        let n = self.spoken;
        self.spoken += 1;
        let before = n.checked_sub(1).map(Voice::sound);
        let earlier: Vec<_> = before.iter().map(|data| (960, &data[..])).collect();
        let payload = red::write(OPUS, &earlier, &Voice::sound(n));
        let client = &mut world.clients[self.client];
        let datagram = client.piece((RED, false), 500 + n, n as u32 * 960, VOICE_SSRC, &payload);
        world.send(self.client, datagram);
    }

    fn hear(&mut self, packet: &Received) {
        let number = |sound: &[u8]| sound.first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
        let red = Red::read(&packet.payload, OPUS).filter(|_| packet.header.payload_type == RED);
        self.heard.extend(number(red.map_or(&packet.payload, |red| red.primary)));
        self.heard.extend(red.and_then(|red| number(red.whole.get(5..)?)));
    }
}

/// Cameras of 2.4 Mb/s in three layers each, and sound, before one viewer.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) cameras: Vec<Camera>,
    pub(crate) viewer: usize,
    pub(crate) screens: Vec<Screen>,
    pub(crate) sounds: usize,
    pub(crate) written: usize,
    voice: Option<Voice>,
    /// Somebody who does something every five milliseconds.
    pub(crate) besides: Option<Besides>,
}

/// With the number of the time.
pub(crate) type Besides = fn(&mut World, u64);

impl Stage {
    pub(crate) fn new(cameras: usize, way: Way) -> Stage {
        Stage::in_world(World::new(1), cameras, way)
    }

    fn in_world(mut world: World, cameras: usize, way: Way) -> Stage {
        let tracks: Vec<TrackId> = (0..cameras as u64).map(|n| TrackId(500 + n)).collect();
        let cameras: Vec<Camera> = tracks.iter().map(|track| Camera::join(&mut world, *track)).collect();
        let video: Vec<Option<TrackId>> = tracks.into_iter().map(Some).collect();
        world.layout(&[Some(FILM_AUDIO)], &video);
        world.run_ms(500);
        let viewer = world.narrow_viewer(video.len(), way);
        let source = |n: usize| World::ssrc(viewer, MediaKind::Video, n as u32);
        let screens = (0..video.len()).map(|n| Screen::new(source(n))).collect();
        let peer = PeerId(viewer as u64);
        for slot in 0..video.len() {
            world.all(|| Command::SetView { peer, slot, max_height: 720 });
        }
        Stage { world, cameras, viewer, screens, sounds: 0, written: 0, voice: None, besides: None }
    }

    /// One camera, and a voice in the place of film.
    pub(crate) fn spoken(shards: ShardIndex, way: Way) -> Stage {
        let mut stage = Stage::in_world(World::new(shards), 1, way);
        stage.voice = Some(Voice::join(&mut stage.world));
        stage.world.layout(&[Some(VOICE)], &[Some(TrackId(500))]);
        stage.world.run_ms(500);
        stage
    }

    /// Whoever publishes has such a way to the server from now on.
    pub(crate) fn publish_over(&mut self, way: Way) {
        let voice = self.voice.iter().map(|voice| voice.client);
        for client in self.cameras.iter().map(|camera| camera.client).chain(voice) {
            let mut own = way;
            own.seed += client as u64;
            self.world.ways_up.insert(client, own);
        }
    }

    /// Of what was said from number `from` on, how much was heard, in percent.
    pub(crate) fn heard_percent(&self, from: u64) -> f64 {
        let Some(voice) = &self.voice else { return 0.0 };
        let heard = voice.heard.range(from..voice.spoken).count();
        heard as f64 * 100.0 / (voice.spoken - from) as f64
    }

    pub(crate) fn said(&self) -> u64 {
        self.voice.as_ref().map_or(0, |voice| voice.spoken)
    }

    /// Plays for a while; layers answer keyframe requests with their next picture.
    pub(crate) fn play(&mut self, seconds: u64) {
        for picture in 0..seconds * 1_000 / PICTURE_MS {
            if picture % 25 == 0 {
                self.check();
            }
            for camera in &mut self.cameras {
                let client = camera.client;
                let asked: Vec<_> = self.world.clients[client].control.drain(..).collect();
                let wants = |layer: usize| {
                    asked.iter().any(|one| {
                        matches!(one, Control::Pli { media_ssrc } if *media_ssrc == Camera::ssrc(layer))
                    })
                };
                let shot = |layer| Shot { keyframe: camera.pictures == 0 || wants(layer), ..Shot::default() };
                let shots = [0, 1, 2].map(shot);
                if camera.pictures % 25 == 3 {
                    camera.report(&mut self.world);
                }
                camera.shoot(&mut self.world, shots);
            }
            for half in 0..PICTURE_MS / SOUND_MS {
                self.sound(half * SOUND_MS);
                for _ in 0..SOUND_MS / ANSWER_MS {
                    if let Some(besides) = self.besides {
                        let n = self.world.now.as_nanos() / 1_000_000 / ANSWER_MS;
                        besides(&mut self.world, n);
                    }
                    self.world.run_ms(ANSWER_MS);
                    self.cameras.iter_mut().for_each(|camera| camera.answer(&mut self.world));
                }
            }
            self.look();
        }
    }

    fn sound(&mut self, late_ms: u64) {
        self.written += 1;
        if let Some(voice) = &mut self.voice {
            voice.say(&mut self.world);
        } else if late_ms == 0 {
            // Both of a picture at once: film is written ahead.
            for ahead in [0, SOUND_MS] {
                let at = self.world.now.plus(Duration::from_millis(ahead));
                self.world.write(Frame { codec: Codec::Opus, data: vec![1; 100], at, keyframe: true });
            }
        }
    }

    pub(crate) fn check(&mut self) {
        for client in 0..self.world.clients.len() {
            let check = self.world.clients[client].check();
            self.world.send(client, check);
        }
    }

    fn look(&mut self) {
        let sound = World::ssrc(self.viewer, MediaKind::Audio, 0);
        for packet in std::mem::take(&mut self.world.clients[self.viewer].media) {
            if packet.header.ssrc == sound {
                self.sounds += 1;
                self.voice.iter_mut().for_each(|voice| voice.hear(&packet));
            }
            self.screens.iter_mut().for_each(|screen| screen.take(&packet));
        }
        for (slot, screen) in self.screens.iter_mut().enumerate() {
            if screen.look(self.world.now) {
                let ssrc = World::ssrc(self.viewer, MediaKind::Video, slot as u32);
                let pli = self.world.clients[self.viewer].rtcp(&Compound::new().pli(1, ssrc));
                self.world.send(self.viewer, pli);
            }
        }
    }

    pub(crate) fn narrow(&mut self, bps: u64) {
        self.world.ways.get_mut(&self.viewer).unwrap().bps = bps;
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.world.ways[&self.viewer].dropped
    }

    pub(crate) fn stats(&self) -> PeerStats {
        let peers = self.world.shards.iter().flat_map(|shard| shard.stats(self.world.now).peers);
        peers.into_iter().find(|peer| peer.peer == self.viewer as u64).unwrap()
    }

    pub(crate) fn totals(&self) -> Counters {
        let mut totals = Counters::default();
        self.world.shards.iter().for_each(|shard| totals.add(&shard.stats(self.world.now).totals));
        totals
    }

    pub(crate) fn unknown_datagrams(&self) -> u64 {
        self.world.shards.iter().map(|shard| shard.stats(self.world.now).unknown_datagrams).sum()
    }

    pub(crate) fn heights(&self) -> Vec<u16> {
        self.screens.iter().map(Screen::height).collect()
    }

    pub(crate) fn is_smooth(&self, from: Time) {
        for screen in &self.screens {
            let freeze = screen.freeze(from, self.world.now);
            assert!(freeze <= Duration::from_secs(1), "{freeze:?}");
        }
    }
}
