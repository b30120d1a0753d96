"""What decoded pictures and ticks say about position and skew.  Pure arithmetic on instants.

A reading pairs an instant of presentation, in seconds since the epoch, with what the film showed then.  The
frames with which a late joiner starts are moved to the present, closer together than they were filmed; they
say nothing about the position and are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

SAME_PACE = 0.5
TICK_EVERY_S = 1.0
FREEZE_S, FREEZE_SHARE = 0.150, 3.0


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture whose time strip could be read."""

    at_s: float
    strip_s: float


@dataclass(frozen=True, slots=True)
class Arrival:
    """A decoded picture: when it came (monotonic) and its media time.

    By then `lost` packets had been lost, and this process itself had stood still for `stalled_s`.
    """

    at_s: float
    media_s: float
    lost: int
    stalled_s: float = 0.0


def position_error_s(pictures: Sequence[Picture], started_s: float) -> float | None:
    """Return the median of how far the film was behind (+) or ahead (−) of the time since the start.

    None without two pictures in a row at the film's own pace.
    """
    behind = _behind(pictures)
    return median(behind) - started_s if behind else None


def skew_s(pictures: Sequence[Picture], ticks: Sequence[float]) -> float | None:
    """Return how much later (+) the picture is presented than the sound that belongs to it.

    `ticks` are the instants at which ticks began; each stands for the whole second of the film nearest to it.
    None without pictures or ticks.
    """
    behind = _behind(pictures)
    if not behind or not ticks:
        return None
    picture = median(behind)
    sound = median(at - TICK_EVERY_S * round((at - picture) / TICK_EVERY_S) for at in ticks)
    return picture - sound


def freezes(arrivals: Sequence[Arrival]) -> int:
    """Count the gaps longer than 150 ms over the usual and than three times it.

    A pause that the sender made itself (as long in its own timestamps, and nothing lost) is none, and a time
    in which this process did not get to run is not the sender's either.
    """
    gaps = [
        after.at_s - before.at_s - (after.stalled_s - before.stalled_s)
        for before, after in pairwise(arrivals)
    ]
    if not gaps:
        return 0
    usual = median(gaps)
    least = max(FREEZE_SHARE * usual, usual + FREEZE_S)
    return sum(
        gap > least and (gap - (after.media_s - before.media_s) > FREEZE_S or after.lost > before.lost)
        for gap, (before, after) in zip(gaps, pairwise(arrivals), strict=True)
    )


def _behind(pictures: Sequence[Picture]) -> list[float]:
    """Instant minus film time, of the pictures that follow their predecessor at the film's own pace."""
    found = []
    for before, after in pairwise(pictures):
        filmed_s, presented_s = after.strip_s - before.strip_s, after.at_s - before.at_s
        if filmed_s > 0 and abs(presented_s - filmed_s) <= SAME_PACE * filmed_s:
            found.append(after.at_s - after.strip_s)
    return found
