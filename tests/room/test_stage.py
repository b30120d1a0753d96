"""Stage rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.codecs import Codec, Kind
from room_server.access.rules import Role
from room_server.errors import Refused
from room_server.room.stage import SLOTS, Stage, StageDoor
from tests.room.people import ANN, BOB, HAL, ZOE, come_back, person

OPEN = Stage(door=StageDoor.OPEN)


def track(number: int) -> Any:
    return cast("Any", number)


def test_a_participant_enters_by_invitation() -> None:
    """ROOM-7."""
    with pytest.raises(Refused, match="not_invited"):
        OPEN.entered(ANN)
    invited = replace(OPEN, invited=frozenset({ANN.person_id}))
    assert invited.entered(ANN).is_on(ANN.person_id)


def test_hosts_and_moderators_enter_uninvited() -> None:
    assert OPEN.entered(HAL).entered(ZOE).is_on(ZOE.person_id)


def test_entering_twice_is_entering_once() -> None:
    assert OPEN.entered(HAL).entered(HAL) == OPEN.entered(HAL)


def test_the_stage_has_three_places() -> None:
    stage = OPEN
    for name in ("one", "two", "three"):
        stage = stage.entered(person(name, Role.HOST))
    with pytest.raises(Refused, match="stage_full"):
        stage.entered(HAL)


def test_a_place_freed_goes_to_the_next() -> None:
    stage = OPEN.entered(HAL).entered(ZOE).without(HAL.person_id)
    assert [one.place for one in stage.entered(person("new", Role.HOST)).people] == [2, 1]


def test_sound_and_picture_of_a_person_share_a_slot_number() -> None:
    stage = (
        OPEN.entered(HAL)
        .entered(ZOE)
        .publishing(ZOE.person_id, Kind.AUDIO, track(7))
        .publishing(ZOE.person_id, Kind.VIDEO, track(8))
    )
    assert stage.layout(Kind.AUDIO, None) == (None, None, 7, None)
    assert stage.layout(Kind.VIDEO, track(1)) == (1, None, 8, None)
    assert [(one.audio_slot, one.video_slot) for one in stage.view().on_stage] == [(None, None), (2, 2)]


def test_the_newest_track_of_a_kind_is_shown() -> None:
    stage = OPEN.entered(HAL).publishing(HAL.person_id, Kind.VIDEO, track(1))
    stage = stage.publishing(HAL.person_id, Kind.VIDEO, track(2))
    assert stage.layout(Kind.VIDEO, None)[1] == 2
    assert stage.track_ended(track(2)).layout(Kind.VIDEO, None)[1] == 1


def test_what_it_takes_to_see_somebody_is_said_until_they_send_what_everybody_decodes() -> None:
    """PLUS-13: who cannot show H.264 is told so."""
    stage = OPEN.entered(HAL).needing(HAL.person_id, Codec.H264)
    assert [one.needs for one in stage.view().on_stage] == [Codec.H264]
    again = stage.needing(HAL.person_id, Codec.AV1)
    assert [one.needs for one in again.view().on_stage] == [Codec.AV1]
    assert [one.needs for one in again.needing(HAL.person_id, None).view().on_stage] == [None]


def test_who_publishes_off_the_stage_is_not_forwarded() -> None:
    stage = OPEN.publishing(BOB.person_id, Kind.AUDIO, track(3))
    assert stage.layout(Kind.AUDIO, None) == (None,) * SLOTS


def test_a_closed_stage_forwards_nobody_but_says_who_is_on_it() -> None:
    stage = OPEN.entered(HAL).publishing(HAL.person_id, Kind.AUDIO, track(3))
    closed = replace(stage, door=StageDoor.CLOSED)
    assert closed.layout(Kind.AUDIO, None) == (None,) * SLOTS
    assert closed.view().on_stage[0].audio_slot is None
    assert closed.view().on_stage[0].name == "Hal"


def test_a_place_is_kept_for_who_is_away_and_theirs_when_they_are_back() -> None:
    stage = OPEN.entered(HAL).entered(ZOE).away(HAL.person_id)
    assert [one.person_id for one in stage.view().on_stage] == [ZOE.person_id]
    assert not stage.is_on(HAL.person_id)
    assert stage.place_for(person("new", Role.HOST)).place == 3

    back = stage.back(come_back(HAL))

    assert {one.person_id: one.place for one in back.people} == {HAL.person_id: 1, ZOE.person_id: 2}
    assert back.back(HAL) == back


def test_a_full_stage_gives_the_place_of_whoever_is_longest_away() -> None:
    one, two, three = (person(name, Role.HOST) for name in ("one", "two", "three"))
    stage = OPEN.entered(one).entered(two).entered(three).away(two.person_id).away(one.person_id)

    taken = stage.entered(HAL)

    assert taken.place_for(HAL).place == 2
    assert not taken.back(two).is_on(two.person_id)
    assert taken.back(one).is_on(one.person_id)


def test_who_comes_back_as_their_place_is_given_away_has_lost_it() -> None:
    one, two, three = (person(name, Role.HOST) for name in ("one", "two", "three"))
    stage = OPEN.entered(one).entered(two).entered(three).away(one.person_id)
    given = stage.place_for(HAL)

    stage = stage.back(come_back(one)).stood(given)

    assert {who.person_id: who.place for who in stage.people} == {"two": 2, "three": 3, HAL.person_id: 1}


def test_a_participant_who_was_on_the_stage_publishes_as_they_come_back() -> None:
    invited = replace(OPEN, invited=frozenset({ANN.person_id}))
    assert replace(invited.entered(ANN).away(ANN.person_id), invited=frozenset()).may_publish(ANN)


def test_who_is_dismissed_keeps_neither_place_nor_invitation() -> None:
    stage = replace(OPEN, invited=frozenset({ANN.person_id})).entered(ANN)
    for gone in (stage.dismissed(ANN.person_id), stage.away(ANN.person_id).dismissed(ANN.person_id)):
        assert not gone.back(ANN).is_on(ANN.person_id)
        assert not gone.may_publish(ANN)


_people = [person(f"p{number}", Role.MODERATOR) for number in range(5)]


_acts = st.sampled_from(["enter", "leave", "away", "back", "publish", "end"])


@given(st.lists(st.tuples(_acts, st.integers(0, 4)), max_size=30))
def test_no_two_people_share_a_slot_whatever_they_do(steps: list[tuple[str, int]]) -> None:
    stage = OPEN
    for what, number in steps:
        who = _people[number]
        if what == "enter" and len(stage.people) < SLOTS - 1:
            stage = stage.entered(who)
        elif what == "leave":
            stage = stage.without(who.person_id)
        elif what == "away":
            stage = stage.away(who.person_id)
        elif what == "back":
            stage = stage.back(who)
        elif what == "publish":
            stage = stage.publishing(who.person_id, Kind.VIDEO, track(number + 10))
        elif what == "end":
            stage = stage.track_ended(track(number + 10))
    places = [one.place for one in stage.people] + [place for _, place in stage.kept]
    assert len(places) == len(set(places))
    assert all(0 < place < SLOTS for place in places)
    layout = stage.layout(Kind.VIDEO, None)
    assert len(layout) == SLOTS
    for one in stage.view().on_stage:
        if one.video_slot is not None:
            assert layout[one.video_slot] == int(str(one.person_id)[1:]) + 10
    shown = [carried for carried in layout if carried is not None]
    assert len(shown) == len(set(shown))
    assert set(shown) == {
        layout[one.video_slot] for one in stage.view().on_stage if one.video_slot is not None
    }
