//! Which slots of which viewers carry what, in virtual time.

use super::tests::{is_without_gap, numbers, of};
use crate::codec::MediaKind;
use crate::world::{FILM_VIDEO, World, play};

/// A player has the featured picture only, where a browser has the whole stage: the film is both's.
#[test]
fn a_track_in_two_places_of_the_layout_reaches_who_has_either() {
    let featured = 5;
    let mut world = World::new(1);
    let mut places = vec![None; featured + 1];
    (places[1], places[featured]) = (Some(FILM_VIDEO), Some(FILM_VIDEO));
    world.layout(&[], &places);
    let browser = world.viewer();
    let ssrc = World::ssrc(world.clients.len(), MediaKind::Video, featured as u32);
    let player = world.join(vec![crate::client::slot(MediaKind::Video, featured, ssrc)], Vec::new());

    play(&mut world, 2_000);

    for (viewer, slot) in [(browser, 1), (player, featured as u32)] {
        let packets = of(&world, viewer, MediaKind::Video, slot);
        assert!(packets.len() > 40, "slot {slot}: {}", packets.len());
        assert!(is_without_gap(&numbers(&packets)));
    }
    assert!(of(&world, browser, MediaKind::Video, 0).is_empty());
}

#[test]
fn a_viewer_may_have_the_same_track_twice() {
    let mut world = World::new(1);
    world.layout(&[], &[Some(FILM_VIDEO), Some(FILM_VIDEO)]);
    let viewer = world.viewer();
    play(&mut world, 2_000);
    let [one, other] = [0, 1].map(|slot| of(&world, viewer, MediaKind::Video, slot).len());
    assert!(one > 40, "{one}");
    assert_eq!(one, other);
}
