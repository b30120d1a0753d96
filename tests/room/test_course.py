"""The course of an automated session."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playback.clock import Motion
from playback.timeline import MediaItem, OverlayItem, OverlayKind, Timeline
from room_server.errors import Refused
from room_server.ids import CtaId
from room_server.room import course
from room_server.room.course import Cause, Cta, HandBack, Launch, Plan, PlaybackState, TransportRow
from room_server.room.plan import check
from room_server.room.plan_document import plan_from, plan_to
from tests.room.people import NOON

OFFER = Cta(CtaId("offer"), "Offer", "Half price", "Buy", "https://example.org/", shown_s=30)
MORE = Cta(CtaId("more"), "More", "", "Read", "https://example.org/more", shown_s=30)
PLAN = Plan(
    1,
    Timeline(
        (
            MediaItem("one", "One", "a1", 0.0, 60.0, trim_in_s=2.0, buffer_s=10.0),
            MediaItem("two", "Two", "a2", 80.0, 60.0, buffer_s=10.0),
        ),
        (OverlayItem("offer", OverlayKind.CTA, 50.0, 40.0),),
    ),
    (OFFER, MORE),
)
START = TransportRow(1, NOON, 0.0, Motion.RUNNING, Cause.START)


def after(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def test_a_late_participant_lands_at_the_current_position() -> None:
    """AUT-5."""
    at = course.position(PLAN, START, NOON + after(33))
    assert (at.item_id, at.position_s, at.item_position_s) == ("one", 33.0, 35.0)
    assert at.state is PlaybackState.PLAYING
    assert at.left_s == 27.0


def test_what_was_recorded_is_labelled_so() -> None:
    """PLUS-3."""
    assert course.position(PLAN, START, NOON + after(5)).recorded
    assert course.position(PLAN, START, NOON + after(65)).recorded  # the last picture, in the buffer
    assert not course.position(PLAN, START, NOON + after(75)).recorded
    paused = course.take_over(START, "Hal", NOON + after(5))
    assert not course.position(PLAN, paused, NOON + after(6)).recorded


def test_before_the_start_it_waits() -> None:
    at = course.waiting(PLAN, NOON, NOON - after(90))
    assert at.state is PlaybackState.WAITING
    assert at.left_s == 90.0
    assert not at.recorded


def test_taking_over_pauses_and_names_the_host() -> None:
    """AUT-19."""
    paused = course.take_over(START, "Hal", NOON + after(65))
    at = course.position(PLAN, paused, NOON + after(500))
    assert at.state is PlaybackState.PAUSED
    assert (at.position_s, at.taken_over_by) == (65.0, "Hal")


def test_handing_back_goes_on_where_it_was_left() -> None:
    paused = course.take_over(START, "Hal", NOON + after(20))
    back = course.hand_back(paused, HandBack.LEFT_OFF, "Hal", NOON + after(50))
    assert back.position_at(NOON + after(51)) == 21.0


def test_handing_back_goes_on_where_it_would_be() -> None:
    paused = course.take_over(START, "Hal", NOON + after(20))
    back = course.hand_back(paused, HandBack.SCHEDULED, "Hal", NOON + after(50))
    assert back.position_at(NOON + after(51)) == 51.0


def test_what_is_taken_over_is_taken_over_once_and_handed_back_once() -> None:
    paused = course.take_over(START, "Hal", NOON)
    with pytest.raises(Refused, match="already_taken_over"):
        course.take_over(paused, "Zoe", NOON)
    with pytest.raises(Refused, match="not_taken_over"):
        course.hand_back(START, HandBack.LEFT_OFF, "Hal", NOON)


def test_a_host_skips_to_an_item_also_from_a_pause() -> None:
    paused = course.take_over(START, "Hal", NOON + after(20))
    skipped = course.skip_to(PLAN, paused, "two", "Hal", NOON + after(30))
    assert course.position(PLAN, skipped, NOON + after(31)).item_position_s == 1.0
    with pytest.raises(Refused, match="unknown_item"):
        course.skip_to(PLAN, START, "three", "Hal", NOON)


def test_a_longer_buffer_moves_what_follows() -> None:
    """AUT-18."""
    longer, row = course.extend_buffer(PLAN, START, 30, "Hal", NOON + after(62))
    assert longer.version == 2
    assert longer.timeline.media[1].offset_s == 110.0
    assert course.position(longer, row, NOON + after(62)).left_s == pytest.approx(38.0)


def test_between_items_there_is_no_buffer_to_lengthen() -> None:
    with pytest.raises(Refused, match="no_buffer"):
        course.extend_buffer(PLAN, START, 30, "Hal", NOON + after(75))


def test_a_pause_stays_a_pause_and_keeps_its_host_when_the_buffer_grows() -> None:
    paused = course.take_over(START, "Hal", NOON + after(62))
    _, row = course.extend_buffer(PLAN, paused, 30, "Zoe", NOON + after(90))
    assert (row.motion, row.position_s, row.by_name) == (Motion.PAUSED, 62.0, "Hal")


def test_a_buffer_that_grows_in_a_pause_does_not_change_where_the_session_would_be() -> None:
    """AUT-19."""
    paused = course.take_over(START, "Hal", NOON + after(20))
    plan, row = course.extend_buffer(PLAN, paused, 30, "Zoe", NOON + after(35))
    back = course.hand_back(row, HandBack.SCHEDULED, "Hal", NOON + after(50))
    assert back.position_at(NOON + after(50)) == 50.0
    assert course.position(plan, back, NOON + after(50)).item_id == "one"


def test_a_longer_buffer_is_taken_back_as_long_as_it_is_not_spent() -> None:
    """AUT-18."""
    longer, row = course.extend_buffer(PLAN, START, 30, "Hal", NOON + after(62))
    back, row = course.shorten_buffer(longer, row, 30, "Hal", NOON + after(65))
    assert back.timeline == PLAN.timeline
    assert (back.version, row.seq, row.cause) == (3, START.seq + 2, course.Cause.SHORTEN)
    assert course.position(back, row, NOON + after(65)).left_s == pytest.approx(5.0)
    with pytest.raises(Refused, match="buffer_spent"):
        course.shorten_buffer(longer, row, 30, "Hal", NOON + after(71))
    with pytest.raises(Refused, match="buffer_spent"):
        course.shorten_buffer(PLAN, START, 30, "Hal", NOON + after(20))
    with pytest.raises(Refused, match="no_buffer"):
        course.shorten_buffer(PLAN, START, 30, "Hal", NOON + after(75))


def test_a_cta_shows_at_its_time_and_when_a_host_launches_it() -> None:
    """ROOM-7, AUT-16."""
    launch = Launch(MORE.cta_id, NOON + after(55), NOON + after(85))
    shown = {
        at: [cta.cta_id for cta in course.shown(PLAN, START, [launch], NOON + after(at))]
        for at in (49, 50, 55, 84, 86, 90)
    }
    assert shown == {
        49: [],
        50: ["offer"],
        55: ["offer", "more"],
        84: ["offer", "more"],
        86: ["offer"],
        90: [],
    }


@given(st.lists(st.floats(0, 60), min_size=1, max_size=6), st.floats(0, 200))
def test_nothing_changes_before_the_next_change(waits: list[float], at_s: float) -> None:
    launches = [Launch(MORE.cta_id, NOON + after(wait), NOON + after(wait + 30)) for wait in waits]
    now = NOON + after(at_s)
    change = course.next_change(PLAN, START, launches, now)
    until = change - timedelta(microseconds=1) if change else now + timedelta(days=1)
    assert course.shown(PLAN, START, launches, now) == course.shown(PLAN, START, launches, until)
    assert course.position(PLAN, START, now).state == course.position(PLAN, START, until).state
    assert course.position(PLAN, START, now).item_id == course.position(PLAN, START, until).item_id


@given(
    st.lists(
        st.tuples(st.floats(0.1, 50), st.sampled_from(["take", "left_off", "scheduled", "extend"])),
        max_size=12,
    )
)
def test_the_position_goes_back_only_by_a_skip(steps: list[tuple[float, str]]) -> None:
    plan, row, now = PLAN, START, NOON
    reached = 0.0
    for wait_s, step in steps:
        now += after(wait_s)
        assert row.position_at(now) >= reached - 1e-6
        reached = row.position_at(now)
        try:
            if step == "take":
                row = course.take_over(row, "Hal", now)
            elif step == "extend":
                plan, row = course.extend_buffer(plan, row, 10, "Hal", now)
            else:
                row = course.hand_back(row, HandBack(step), "Hal", now)
        except Refused:
            continue
        assert row.position_at(now) >= reached - 1e-6


def test_a_plan_survives_its_document() -> None:
    assert plan_from(1, plan_to(PLAN)) == PLAN


@pytest.mark.parametrize("url", ["http://example.org/", "javascript:alert(1)", "https://", "//example.org"])
def test_a_cta_leads_to_https_alone(url: str) -> None:
    with pytest.raises(Refused, match="plan_refused"):
        check(Plan(1, Timeline(()), (Cta(CtaId("x"), "", "", "", url),)))


@pytest.mark.parametrize("id", ["", "a b", "é", "../film", "x" * 65, "x\n"])
def test_an_id_that_the_wire_would_not_carry_is_no_id(id: str) -> None:
    item, cta = (
        MediaItem("one", "One", "film", 0.0, 60.0),
        Cta(CtaId("x"), "", "", "", "https://example.org/"),
    )
    check(Plan(1, Timeline((item,)), (cta,)))
    for timeline, ctas, reason in (
        (Timeline((replace(item, item_id=id),)), (), "bad_id"),
        (Timeline((replace(item, asset_id=id),)), (), "bad_asset_id"),
        (Timeline(()), (replace(cta, cta_id=CtaId(id)),), "bad_id"),
    ):
        with pytest.raises(Refused, match="plan_refused") as refused:
            check(Plan(1, timeline, ctas))
        assert refused.value.facts["reason"] == reason


def test_an_overlay_needs_its_cta() -> None:
    timeline = Timeline((), (OverlayItem("nowhere", OverlayKind.CTA, 0.0, 5.0),))
    with pytest.raises(Refused, match="plan_refused"):
        check(Plan(1, timeline, (OFFER,)))
