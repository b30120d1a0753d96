"""What a player with one picture and one sound gets of the stage."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.engine import Kind, TrackId
from room_server.access.rules import Role
from room_server.room.featured import layout, ranking
from room_server.room.stage import SLOTS, Picture, Stage, StageDoor
from tests.room.people import HAL, ZOE, person

FILM = TrackId(900)
_people = [HAL, ZOE, person("third", Role.HOST)]


def sound(number: int) -> TrackId:
    return TrackId(10 + number)


def picture(number: int) -> TrackId:
    return TrackId(20 + number)


def full_stage(door: StageDoor = StageDoor.OPEN) -> Stage:
    """Three people, each with sound and picture."""
    stage = Stage(door=door)
    for number, who in enumerate(_people):
        stage = stage.entered(who)
        stage = stage.publishing(who.person_id, Kind.AUDIO, sound(number))
        stage = stage.publishing(who.person_id, Kind.VIDEO, picture(number))
    return stage


def test_the_film_is_featured_while_it_plays() -> None:
    """PLUS-13: any player watches an automated session."""
    stage = full_stage(StageDoor.CLOSED)
    assert ranking(stage, Kind.VIDEO, FILM) == (FILM,)
    assert ranking(stage, Kind.AUDIO, FILM) == (FILM,)


def test_who_spoke_last_is_featured_and_stays_it_in_silence() -> None:
    """PLUS-13."""
    stage = full_stage().heard(sound(2), speaking=True).heard(sound(1), speaking=True)
    stage = stage.heard(sound(2), speaking=False).heard(sound(1), speaking=False)
    assert ranking(stage, Kind.VIDEO, None) == (picture(1), picture(2), picture(0))
    assert ranking(stage, Kind.AUDIO, None) == (sound(1), sound(2), sound(0))


def test_a_shared_screen_is_the_picture_whoever_speaks() -> None:
    """PLUS-13."""
    stage = full_stage().heard(sound(0), speaking=True).showing(_people[2].person_id, Picture.SCREEN)
    assert ranking(stage, Kind.VIDEO, None)[0] == picture(2)
    assert ranking(stage, Kind.AUDIO, None)[0] == sound(0)


def test_a_host_who_took_over_comes_before_the_film_that_stands() -> None:
    """AUT-19."""
    stage = full_stage().without(ZOE.person_id).track_ended(picture(0)).track_ended(picture(2))
    assert ranking(stage, Kind.VIDEO, FILM) == (FILM,), "nobody has a picture, the film's stands"
    assert ranking(stage, Kind.AUDIO, FILM) == (sound(0), sound(2), FILM)


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=12), st.booleans())
def test_everything_forwarded_is_featured_once(heard: list[tuple[int, bool]], with_film: bool) -> None:
    stage, film = full_stage(), FILM if with_film else None
    for number, speaking in heard:
        stage = stage.heard(sound(number), speaking=speaking)
    for kind in Kind:
        slots = layout(stage, kind, film)
        assert len(slots) == 2 * SLOTS
        assert slots[:SLOTS] == stage.layout(kind, film)
        assert sorted(filter(None, slots[SLOTS:])) == sorted(filter(None, slots[:SLOTS]))


def test_who_left_the_stage_is_not_featured_however_much_they_spoke() -> None:
    stage = full_stage().heard(sound(1), speaking=True).dismissed(ZOE.person_id)
    assert picture(1) not in ranking(stage, Kind.VIDEO, None)
