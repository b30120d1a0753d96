"""Timeline rules: what may stand where, what is due, where a late joiner lands."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playback.timeline import (
    CueAction,
    MediaItem,
    OverlayItem,
    OverlayKind,
    Phase,
    Timeline,
    TimelineRefused,
    check,
    cues,
    cut_overlay,
    extend_buffer,
    length_s,
    shorten_buffer,
    visible,
    where,
)

halves = st.integers(0, 40).map(lambda count: count / 2)
some_halves = st.integers(1, 40).map(lambda count: count / 2)
positions = st.integers(-4, 700).map(lambda count: count / 4)


@st.composite
def timelines(draw: st.DrawFn, fewest: int = 0) -> Timeline:
    """Draw a timeline that keeps the rules: media one after another, overlays anywhere."""
    media: list[MediaItem] = []
    free_s = 0.0
    for number in range(draw(st.integers(fewest, 4))):
        offset_s = free_s + draw(halves)
        item = MediaItem(f"m{number}", "Film", "asset", offset_s, draw(some_halves), buffer_s=draw(halves))
        media.append(item)
        free_s = item.free_s
    overlays = tuple(
        OverlayItem(f"o{number}", OverlayKind.CTA, draw(halves) * 4, draw(some_halves))
        for number in range(draw(st.integers(0, 4)))
    )
    return Timeline(tuple(draw(st.permutations(media))), overlays)


def film(item_id: str, offset_s: float, duration_s: float, buffer_s: float = 10) -> MediaItem:
    return MediaItem(item_id, "Film", "asset", offset_s, duration_s, buffer_s=buffer_s)


def refusal(timeline: Timeline) -> tuple[str, str]:
    with pytest.raises(TimelineRefused) as refused:
        check(timeline)
    return refused.value.code, refused.value.item_id


@given(timelines())
def test_a_timeline_that_keeps_the_rules_is_accepted(timeline: Timeline) -> None:
    check(timeline)


@given(timelines(fewest=1), st.data())
def test_a_second_item_is_refused_exactly_where_it_touches_media_or_buffer(
    timeline: Timeline, data: st.DataObject
) -> None:
    added = film("new", data.draw(halves) * 3, data.draw(some_halves), buffer_s=0)
    touches = any(item.offset_s < added.end_s and added.offset_s < item.free_s for item in timeline.media)
    both = Timeline((*timeline.media, added), timeline.overlays)
    if touches:
        assert refusal(both)[0] in ("overlap", "in_buffer")
    else:
        check(both)


def test_overlap_and_start_inside_a_buffer_are_told_apart() -> None:
    assert refusal(Timeline((film("a", 0, 20), film("b", 19, 5)))) == ("overlap", "b")
    assert refusal(Timeline((film("a", 0, 20), film("b", 29, 5)))) == ("in_buffer", "b")
    check(Timeline((film("a", 0, 20), film("b", 30, 5))))


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (film("a", -1, 5), "negative"),
        (film("a", 0, 5, buffer_s=-1), "negative"),
        (film("a", 0, 0), "not_positive"),
        (film("a", 0, math.nan), "not_finite"),
        (film("a", math.inf, 5), "not_finite"),
        (OverlayItem("a", OverlayKind.CTA, 3, 0), "not_positive"),
    ],
)
def test_times_that_make_no_sense_are_refused(item: MediaItem | OverlayItem, code: str) -> None:
    timeline = Timeline((item,)) if isinstance(item, MediaItem) else Timeline((), (item,))
    assert refusal(timeline) == (code, "a")


def test_an_id_stands_once_and_the_whole_has_a_limit() -> None:
    assert refusal(Timeline((film("a", 0, 5), film("a", 50, 5)))) == ("duplicate_id", "a")
    with pytest.raises(TimelineRefused, match="too_long"):
        check(Timeline((film("a", 0, 15 * 60 - 9),)), longest_s=15 * 60)
    check(Timeline((film("a", 0, 15 * 60 - 10),)), longest_s=15 * 60)


@given(timelines(), positions)
def test_a_position_is_inside_what_where_names(timeline: Timeline, position_s: float) -> None:
    here = where(timeline, position_s)
    match here.phase, here.item:
        case Phase.PLAYING, MediaItem() as item:
            assert item.offset_s <= position_s < item.end_s
            assert here.item_position_s == position_s - item.offset_s + item.trim_in_s
        case Phase.BUFFER, MediaItem() as item:
            assert item.end_s <= position_s < item.free_s
            assert here.item_position_s == item.trim_in_s + item.duration_s
        case Phase.GAP, None:
            assert not any(item.offset_s <= position_s < item.free_s for item in timeline.media)
            assert position_s < length_s(timeline)
        case Phase.ENDED, None:
            assert position_s >= length_s(timeline)
        case other:
            pytest.fail(f"{other} is no place")


@given(timelines(), positions)
def test_what_is_left_ends_at_the_next_change(timeline: Timeline, position_s: float) -> None:
    here = where(timeline, position_s)
    if here.phase is Phase.ENDED:
        assert here.left_s == 0
        return
    after = where(timeline, position_s + here.left_s)
    assert (after.phase, after.item) != (here.phase, here.item)
    just_before = where(timeline, position_s + here.left_s - 0.125)
    assert (just_before.phase, just_before.item) == (here.phase, here.item)


@given(timelines(), st.lists(positions, min_size=2, max_size=6))
def test_cues_of_neighbouring_spans_are_the_cues_of_the_whole(timeline: Timeline, at: list[float]) -> None:
    at.sort()
    in_parts = [cue for after, up_to in pairwise(at) for cue in cues(timeline, after, up_to)]
    assert tuple(in_parts) == cues(timeline, at[0], at[-1])


@given(timelines(), positions, positions)
def test_a_late_joiner_sees_what_those_inside_see(timeline: Timeline, one: float, other: float) -> None:
    """AUT-5: what is visible later is what was visible before plus the cues between."""
    before_s, after_s = sorted((one, other))
    shown = {item.item_id for item in visible(timeline, before_s)}
    for cue in cues(timeline, before_s, after_s):
        if cue.action is CueAction.SHOW:
            shown.add(cue.item_id)
        else:
            shown.remove(cue.item_id)
    assert shown == {item.item_id for item in visible(timeline, after_s)}


def test_a_cue_at_the_very_beginning_is_due_to_a_run_that_starts() -> None:
    timeline = Timeline((film("a", 0, 5),), (OverlayItem("o", OverlayKind.CTA, 0, 2),))
    assert [cue.item_id for cue in cues(timeline, -1, 0)] == ["o"]


@given(timelines(fewest=1), st.data(), some_halves, positions)
def test_a_longer_buffer_shifts_all_that_comes_later_and_nothing_else(
    timeline: Timeline, data: st.DataObject, seconds: float, position_s: float
) -> None:
    item = data.draw(st.sampled_from(timeline.media))
    longer = extend_buffer(timeline, item.item_id, seconds)
    check(longer)
    if position_s < item.free_s:
        assert where(longer, position_s).phase is where(timeline, position_s).phase
        assert where(longer, position_s).item_position_s == where(timeline, position_s).item_position_s
    else:
        before, after = where(timeline, position_s), where(longer, position_s + seconds)
        assert (before.item is None) == (after.item is None)
        if before.item and after.item:
            assert before.item.item_id == after.item.item_id
            assert before.item_position_s == after.item_position_s
    during = item.free_s + seconds / 2
    assert where(longer, during).phase is Phase.BUFFER


@given(timelines(fewest=1), st.data(), some_halves)
def test_a_shorter_buffer_undoes_a_longer_one(
    timeline: Timeline, data: st.DataObject, seconds: float
) -> None:
    item = data.draw(st.sampled_from(timeline.media))
    longer = extend_buffer(timeline, item.item_id, seconds)
    assert shorten_buffer(longer, item.item_id, seconds) == timeline


@pytest.mark.parametrize(
    ("item_id", "seconds", "code"),
    [
        ("a", 0, "not_positive"),
        ("a", math.inf, "not_finite"),
        ("b", 5, "unknown_item"),
        ("a", 11, "negative"),
    ],
)
def test_a_buffer_is_not_shortened_beyond_itself(item_id: str, seconds: float, code: str) -> None:
    with pytest.raises(TimelineRefused, match=code):
        shorten_buffer(Timeline((film("a", 0, 5),)), item_id, seconds)


@pytest.mark.parametrize(
    ("at_s", "left"),
    [(1, [(2, 6), (4, 6)]), (2, [(4, 6)]), (5, [(2, 5), (4, 6)]), (6, [(2, 6), (4, 6)])],
    ids=["before it", "as it begins", "while it is on show", "after it"],
)
def test_an_overlay_that_is_cut_ends_there_and_nothing_else_moves(
    at_s: float, left: list[tuple[float, float]]
) -> None:
    cut, other = OverlayItem("o", OverlayKind.CTA, 2, 4), OverlayItem("p", OverlayKind.CTA, 4, 2)
    timeline = Timeline((film("a", 0, 5),), (cut, other))
    after = cut_overlay(timeline, "o", at_s)
    assert sorted((one.offset_s, one.end_s) for one in after.overlays) == left
    assert after.media == timeline.media
    assert other in after.overlays


@pytest.mark.parametrize(
    ("item_id", "seconds", "code"),
    [
        ("a", 0, "not_positive"),
        ("a", -5, "not_positive"),
        ("a", math.nan, "not_finite"),
        ("b", 5, "unknown_item"),
    ],
)
def test_an_extension_that_makes_no_sense_is_refused(item_id: str, seconds: float, code: str) -> None:
    with pytest.raises(TimelineRefused, match=code):
        extend_buffer(Timeline((film("a", 0, 5),)), item_id, seconds)
