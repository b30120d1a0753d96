//! How soon a viewer of a camera sees something, and what that asks of the publisher.

use super::tests::{CAMERA, film_camera, keyframe_requests, of};
use super::*;
use crate::codec::MediaKind;
use crate::world::World;

const FRAME_MS: u64 = 33;

/// A camera of thirty frames a second, which sends a keyframe at first and when it is asked for one.
struct Camera {
    client: usize,
    frames: u64,
    answered: usize,
}

impl Camera {
    fn on_stage(world: &mut World) -> Camera {
        let camera = Camera { client: world.publisher(CAMERA), frames: 0, answered: 0 };
        world.run_ms(500);
        world.layout(&[], &[None, Some(CAMERA)]);
        camera
    }

    fn film(&mut self, world: &mut World, ms: u64) {
        for _ in 0..ms / FRAME_MS {
            let asked = keyframe_requests(world, self.client);
            film_camera(world, self.client, self.frames, self.frames == 0 || asked > self.answered);
            self.answered = asked;
            self.frames += 1;
            world.run_ms(FRAME_MS);
        }
    }
}

/// From the join, DTLS included, to the first packet, which is a keyframe's.
fn first_frame_ms(world: &World, viewer: usize, joined: Time) -> u64 {
    let video = of(world, viewer, MediaKind::Video, 1);
    let first = video.first().unwrap_or_else(|| panic!("viewer {viewer} saw nothing"));
    assert_eq!(first.payload[1] & 1, 0, "begins with a keyframe");
    first.at.since(joined).as_millis() as u64
}

#[test]
fn a_first_and_a_late_viewer_see_a_camera_within_a_second_for_one_request_each() {
    for shards in [1, 2] {
        let mut world = World::new(shards);
        let mut camera = Camera::on_stage(&mut world);
        camera.film(&mut world, 3_000);
        for earlier in 0..2 {
            let before = keyframe_requests(&world, camera.client);
            let joined = world.now;
            let viewer = world.viewer();
            camera.film(&mut world, 5_000);
            let ms = first_frame_ms(&world, viewer, joined);
            assert!(ms < 1_000, "after {earlier} others, {shards} shards: {ms} ms");
            assert_eq!(keyframe_requests(&world, camera.client) - before, 1, "{earlier}, {shards} shards");
        }
    }
}

#[test]
fn fifty_viewers_at_once_see_a_camera_within_a_second_and_it_hears_one_request() {
    for shards in [1, 2, 4] {
        let mut world = World::new(shards);
        let mut camera = Camera::on_stage(&mut world);
        camera.film(&mut world, 3_000);
        let before = keyframe_requests(&world, camera.client);
        let joined = world.now;
        let viewers: Vec<usize> = (0..50).map(|_| world.viewer()).collect();
        camera.film(&mut world, 3_000);
        let slowest = viewers.iter().map(|viewer| first_frame_ms(&world, *viewer, joined)).max();
        assert!(slowest.is_some_and(|ms| ms < 1_000), "{shards} shards: {slowest:?} ms");
        assert_eq!(keyframe_requests(&world, camera.client) - before, 1, "{shards} shards");
    }
}
