"""Timeline rules: what may stand where, what plays at a position, what is due between two.

    media   ├─ PLAYING ─┤ BUFFER ├── GAP ──┤─ PLAYING ─┤ BUFFER ┤ ENDED
    overlay      ├── shown ──┤   ├─ shown ────┤

Media items never overlap, nor start inside the buffer of another; overlays are free.
Intervals are half open: an item plays from its offset up to, and without, its end.

Invariant: what is visible at `b` is what was visible at `a` plus the cues in (a, b].
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

DEFAULT_BUFFER_S = 10.0
LONGEST_S = 24 * 3600.0


class TimelineRefused(Exception):
    """The timeline breaks a rule.

    `code` is one of overlap, in_buffer, negative, not_positive, not_finite, too_long, duplicate_id,
    unknown_item; `item_id` is the item that breaks it (empty when it is the whole).
    """

    def __init__(self, code: str, item_id: str) -> None:
        super().__init__(f"{code}: {item_id}")
        self.code = code
        self.item_id = item_id


class OverlayKind(StrEnum):
    CTA = "cta"


class Phase(StrEnum):
    PLAYING = "playing"
    BUFFER = "buffer"
    GAP = "gap"
    ENDED = "ended"


class CueAction(StrEnum):
    SHOW = "show"
    HIDE = "hide"


@dataclass(frozen=True, slots=True)
class MediaItem:
    """One prepared asset on the timeline, from `trim_in_s` of the asset on, then its silent buffer."""

    item_id: str
    title: str
    asset_id: str
    offset_s: float
    duration_s: float
    trim_in_s: float = 0.0
    buffer_s: float = DEFAULT_BUFFER_S

    @property
    def end_s(self) -> float:
        """Position at which the picture stops moving and the buffer begins."""
        return self.offset_s + self.duration_s

    @property
    def free_s(self) -> float:
        """Position at which the buffer ends and another media item may start."""
        return self.end_s + self.buffer_s


@dataclass(frozen=True, slots=True)
class OverlayItem:
    """Something shown over the room for a while; what it says lives elsewhere."""

    item_id: str
    kind: OverlayKind
    offset_s: float
    duration_s: float

    @property
    def end_s(self) -> float:
        return self.offset_s + self.duration_s


@dataclass(frozen=True, slots=True)
class Timeline:
    media: tuple[MediaItem, ...]
    overlays: tuple[OverlayItem, ...] = ()


@dataclass(frozen=True, slots=True)
class Where:
    """What a position means: `left_s` seconds remain of this phase (0 once ended).

    In PLAYING and BUFFER `item` is set, and `item_position_s` is the place inside the asset, trim
    included (its end during the buffer).  In GAP `item` is None.
    """

    phase: Phase
    item: MediaItem | None
    item_position_s: float
    left_s: float


@dataclass(frozen=True, slots=True)
class Cue:
    at_s: float
    item_id: str
    action: CueAction


def check(timeline: Timeline, longest_s: float = LONGEST_S) -> None:
    """Raise `TimelineRefused` unless every rule holds and the whole lasts at most `longest_s` seconds."""
    seen: set[str] = set()
    items: list[MediaItem | OverlayItem] = [*timeline.media, *timeline.overlays]
    for item in items:
        if item.item_id in seen:
            raise TimelineRefused("duplicate_id", item.item_id)
        seen.add(item.item_id)
        _check_times(item)
    in_order = _in_order(timeline.media)
    for before, after in pairwise(in_order):
        if after.offset_s < before.end_s:
            raise TimelineRefused("overlap", after.item_id)
        if after.offset_s < before.free_s:
            raise TimelineRefused("in_buffer", after.item_id)
    if length_s(timeline) > longest_s:
        raise TimelineRefused("too_long", "")


def length_s(timeline: Timeline) -> float:
    """Return the position at which the session ends: after the last buffer and the last overlay."""
    ends = [item.free_s for item in timeline.media] + [item.end_s for item in timeline.overlays]
    return max(ends, default=0.0)


def where(timeline: Timeline, position_s: float) -> Where:
    """Return what is on at `position_s`: where a late joiner lands."""
    for item in _in_order(timeline.media):
        if position_s < item.offset_s:
            return Where(Phase.GAP, None, 0.0, item.offset_s - position_s)
        if position_s < item.end_s:
            inside_s = item.trim_in_s + position_s - item.offset_s
            return Where(Phase.PLAYING, item, inside_s, item.end_s - position_s)
        if position_s < item.free_s:
            return Where(Phase.BUFFER, item, item.trim_in_s + item.duration_s, item.free_s - position_s)
    left_s = length_s(timeline) - position_s
    if left_s > 0:
        return Where(Phase.GAP, None, 0.0, left_s)
    return Where(Phase.ENDED, None, 0.0, 0.0)


def cues(timeline: Timeline, after_s: float, up_to_s: float) -> tuple[Cue, ...]:
    """Return the overlay cues due in (after_s, up_to_s], in order; what ends comes before what begins.

    A run that starts from 0 passes a negative `after_s`, so that a cue at 0 is due too.
    """
    due = [Cue(item.offset_s, item.item_id, CueAction.SHOW) for item in timeline.overlays]
    due += [Cue(item.end_s, item.item_id, CueAction.HIDE) for item in timeline.overlays]
    due = [cue for cue in due if after_s < cue.at_s <= up_to_s]
    return tuple(sorted(due, key=lambda cue: (cue.at_s, cue.action is CueAction.SHOW)))


def visible(timeline: Timeline, position_s: float) -> tuple[OverlayItem, ...]:
    """Return the overlays on show at `position_s`, in the order they appeared."""
    shown = (item for item in timeline.overlays if item.offset_s <= position_s < item.end_s)
    return tuple(sorted(shown, key=lambda item: item.offset_s))


def extend_buffer(timeline: Timeline, item_id: str, seconds: float) -> Timeline:
    """Return the timeline with `seconds` more buffer after `item_id`; everything later shifts.

    Overlays that begin before the old end of that buffer stay where they are: they may be on show.
    Raise `TimelineRefused` unknown_item, not_positive or not_finite.
    """
    if not math.isfinite(seconds):
        raise TimelineRefused("not_finite", item_id)
    if seconds <= 0:
        raise TimelineRefused("not_positive", item_id)
    extended = next((item for item in timeline.media if item.item_id == item_id), None)
    if extended is None:
        raise TimelineRefused("unknown_item", item_id)

    return _buffered(timeline, extended, seconds)


def shorten_buffer(timeline: Timeline, item_id: str, seconds: float) -> Timeline:
    """Return the timeline with `seconds` less buffer after `item_id`: what `extend_buffer` did, taken back.

    Raise `TimelineRefused` unknown_item, not_positive or not_finite; negative when the buffer is shorter.
    """
    if not math.isfinite(seconds):
        raise TimelineRefused("not_finite", item_id)
    if seconds <= 0:
        raise TimelineRefused("not_positive", item_id)
    item = next((item for item in timeline.media if item.item_id == item_id), None)
    if item is None:
        raise TimelineRefused("unknown_item", item_id)
    if seconds > item.buffer_s:
        raise TimelineRefused("negative", item_id)
    return _buffered(timeline, item, -seconds)


def cut_overlay(timeline: Timeline, item_id: str, at_s: float) -> Timeline:
    """Return the timeline with the overlay `item_id` ending at `at_s`, if it is on show there; else as it is.

    One that would be shown for no time at all is gone.
    """
    cut = next((one for one in visible(timeline, at_s) if one.item_id == item_id), None)
    if cut is None:
        return timeline
    others = tuple(one for one in timeline.overlays if one is not cut)
    if at_s == cut.offset_s:
        return Timeline(timeline.media, others)
    return Timeline(timeline.media, (*others, replace(cut, duration_s=at_s - cut.offset_s)))


def _buffered(timeline: Timeline, changed: MediaItem, seconds: float) -> Timeline:
    """Add `seconds` to the buffer of an item, and move all that begins after it."""

    def media(item: MediaItem) -> MediaItem:
        if item is changed:
            return replace(item, buffer_s=item.buffer_s + seconds)
        return replace(item, offset_s=item.offset_s + seconds) if item.offset_s >= changed.free_s else item

    def overlay(item: OverlayItem) -> OverlayItem:
        return replace(item, offset_s=item.offset_s + seconds) if item.offset_s >= changed.free_s else item

    return Timeline(tuple(map(media, timeline.media)), tuple(map(overlay, timeline.overlays)))


def _check_times(item: MediaItem | OverlayItem) -> None:
    times = [item.offset_s]
    if isinstance(item, MediaItem):
        times += [item.trim_in_s, item.buffer_s]
    if not all(math.isfinite(time) for time in (*times, item.duration_s)):
        raise TimelineRefused("not_finite", item.item_id)
    if min(times) < 0:
        raise TimelineRefused("negative", item.item_id)
    if item.duration_s <= 0:
        raise TimelineRefused("not_positive", item.item_id)


def _in_order(items: Iterable[MediaItem]) -> list[MediaItem]:
    return sorted(items, key=lambda item: item.offset_s)
