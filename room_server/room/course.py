"""The course of an automated session: its plan, its transport rows, and where it stands.

    start ─► RUNNING ──take over──► PAUSED ──hand back──► RUNNING ── end of the last buffer ──► ENDED
                │  └ skip, longer buffer: RUNNING elsewhere                  or a host's end ───►┘

A transport row says that at `at` the timeline stood at `position_s` and moved as `motion` says; the last row
alone decides the present.  A session that starts late starts where it would be: its row is (starts_at, 0).

Invariant: the position goes back only by a host's skip.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from playback import timeline as rules
from playback.clock import Motion
from playback.timeline import MediaItem, Phase, Timeline
from room_server.errors import Refused
from room_server.ids import CtaId


class HandBack(StrEnum):
    LEFT_OFF = "left_off"
    SCHEDULED = "scheduled"


class PlaybackState(StrEnum):
    """What kind of time it is on the timeline."""

    WAITING = "waiting"
    PLAYING = "playing"
    BUFFER = "buffer"
    GAP = "gap"
    PAUSED = "paused"
    ENDED = "ended"


class Cause(StrEnum):
    """Why a transport row was written."""

    START = "start"
    TAKE_OVER = "take_over"
    HAND_BACK = "hand_back"
    SKIP = "skip"
    EXTEND = "extend"
    SHORTEN = "shorten"
    END = "end"


@dataclass(frozen=True, slots=True)
class TransportRow:
    """`by_name` is the host who caused it, None for the server itself."""

    seq: int
    at: datetime
    position_s: float
    motion: Motion
    cause: Cause
    by_name: str | None = None

    def position_at(self, now: datetime) -> float:
        """Position in seconds at `now`; a row of the future still stands."""
        if self.motion is not Motion.RUNNING:
            return self.position_s
        return self.position_s + max(0.0, (now - self.at).total_seconds())

    def instant_of(self, position_s: float) -> datetime:
        """When a running row is, or was, at `position_s`."""
        return self.at + timedelta(seconds=position_s - self.position_s)


@dataclass(frozen=True, slots=True)
class Cta:
    """A timed link; `shown_s` is how long a host's launch shows it."""

    cta_id: CtaId
    title: str
    text: str
    label: str
    url: str
    shown_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Launch:
    """A host showed a CTA from `at` to `until`."""

    cta_id: CtaId
    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """A timeline as it was saved, with its CTAs; an overlay's `item_id` is the `cta_id` it shows."""

    version: int
    timeline: Timeline
    ctas: tuple[Cta, ...] = ()

    def cta(self, cta_id: CtaId) -> Cta:
        """Raise `Refused` unknown_cta."""
        for cta in self.ctas:
            if cta.cta_id == cta_id:
                return cta
        raise Refused("unknown_cta", 404)


@dataclass(frozen=True, slots=True)
class Position:
    """Where the timeline stands at `server_time`; the wire's `playback.position`."""

    item_id: str | None
    position_s: float
    item_position_s: float
    left_s: float | None
    state: PlaybackState
    recorded: bool
    length_s: float
    taken_over_by: str | None
    server_time: datetime


_STATES = {
    Phase.PLAYING: PlaybackState.PLAYING,
    Phase.BUFFER: PlaybackState.BUFFER,
    Phase.GAP: PlaybackState.GAP,
    Phase.ENDED: PlaybackState.ENDED,
}


def waiting(plan: Plan, starts_at: datetime, now: datetime) -> Position:
    """The position of a session that has not started."""
    length_s = rules.length_s(plan.timeline)
    left_s = max(0.0, (starts_at - now).total_seconds())
    return Position(None, 0.0, 0.0, left_s, PlaybackState.WAITING, False, length_s, None, now)


def position(plan: Plan, row: TransportRow, now: datetime) -> Position:
    """Where a started session stands.  `recorded` while what shows was recorded before."""
    position_s = row.position_at(now)
    where = rules.where(plan.timeline, position_s)
    state = _STATES[where.phase]
    if row.motion is Motion.PAUSED:
        state = PlaybackState.PAUSED
    if row.motion is Motion.ENDED:
        state = PlaybackState.ENDED
    return Position(
        item_id=where.item.item_id if where.item else None,
        position_s=position_s,
        item_position_s=where.item_position_s,
        left_s=None if state is PlaybackState.ENDED else where.left_s,
        state=state,
        recorded=state in (PlaybackState.PLAYING, PlaybackState.BUFFER),
        length_s=rules.length_s(plan.timeline),
        taken_over_by=row.by_name if row.motion is Motion.PAUSED else None,
        server_time=now,
    )


def shown(
    plan: Plan | None, row: TransportRow | None, launches: Iterable[Launch], now: datetime
) -> tuple[Cta, ...]:
    """Return the CTAs on show at `now`, by the timeline or by a host, in the order they appeared."""
    if plan is None:
        return ()
    by_id = {cta.cta_id: cta for cta in plan.ctas}
    ids = [launch.cta_id for launch in launches if launch.at <= now < launch.until]
    if row is not None and row.motion is not Motion.ENDED:
        ids = [CtaId(one.item_id) for one in rules.visible(plan.timeline, row.position_at(now))] + ids
    return tuple(by_id[cta_id] for cta_id in dict.fromkeys(ids) if cta_id in by_id)


def next_change(
    plan: Plan | None, row: TransportRow | None, launches: Iterable[Launch], now: datetime
) -> datetime | None:
    """Return the next instant after `now` at which a phase or a CTA changes by itself, None when never."""
    instants = [instant for launch in launches for instant in (launch.at, launch.until)]
    if plan is not None and row is not None and row.motion is Motion.RUNNING:
        edges = [edge for item in plan.timeline.media for edge in (item.offset_s, item.end_s, item.free_s)]
        edges += [edge for item in plan.timeline.overlays for edge in (item.offset_s, item.end_s)]
        instants += [row.instant_of(edge) for edge in edges]
    return min((instant for instant in instants if instant > now), default=None)


def take_over(row: TransportRow, by_name: str, now: datetime) -> TransportRow:
    """Pause.  Raise `Refused` already_taken_over."""
    if row.motion is Motion.PAUSED:
        raise Refused("already_taken_over")
    return TransportRow(row.seq + 1, now, row.position_at(now), Motion.PAUSED, Cause.TAKE_OVER, by_name)


def hand_back(row: TransportRow, where: HandBack, by_name: str, now: datetime) -> TransportRow:
    """Go on where it was left, or would be had nobody taken over.  Raise `Refused` not_taken_over."""
    if row.motion is not Motion.PAUSED:
        raise Refused("not_taken_over")
    away_s = (now - row.at).total_seconds() if where is HandBack.SCHEDULED else 0.0
    return TransportRow(
        row.seq + 1, now, row.position_s + max(0.0, away_s), Motion.RUNNING, Cause.HAND_BACK, by_name
    )


def skip_to(plan: Plan, row: TransportRow, item_id: str, by_name: str, now: datetime) -> TransportRow:
    """Start an item now, also from a pause.  Raise `Refused` unknown_item."""
    for item in plan.timeline.media:
        if item.item_id == item_id:
            return TransportRow(row.seq + 1, now, item.offset_s, Motion.RUNNING, Cause.SKIP, by_name)
    raise Refused("unknown_item", 404)


def extend_buffer(
    plan: Plan, row: TransportRow, seconds: float, by_name: str, now: datetime
) -> tuple[Plan, TransportRow]:
    """Lengthen the buffer of the present item.  Raise `Refused` no_buffer between items.

    A pause stays the one that it is: whose, and since when.
    """
    item = _present(plan, row, now)
    longer = rules.extend_buffer(plan.timeline, item.item_id, seconds)
    return _rebuffered(plan, longer, row, Cause.EXTEND, by_name, now)


def shorten_buffer(
    plan: Plan, row: TransportRow, seconds: float, by_name: str, now: datetime
) -> tuple[Plan, TransportRow]:
    """Take back seconds of the present item's buffer, what was planned of it included.

    Raise `Refused`: no_buffer between items, buffer_spent when fewer seconds are left of it.
    """
    item = _present(plan, row, now)
    if seconds > min(item.buffer_s, item.free_s - row.position_at(now)):
        raise Refused("buffer_spent")
    shorter = rules.shorten_buffer(plan.timeline, item.item_id, seconds)
    return _rebuffered(plan, shorter, row, Cause.SHORTEN, by_name, now)


def _present(plan: Plan, row: TransportRow, now: datetime) -> MediaItem:
    item = rules.where(plan.timeline, row.position_at(now)).item
    if item is None:
        raise Refused("no_buffer")
    return item


def _rebuffered(
    plan: Plan, timeline: Timeline, row: TransportRow, cause: Cause, by_name: str, now: datetime
) -> tuple[Plan, TransportRow]:
    changed = Plan(plan.version + 1, timeline, plan.ctas)
    at, name = (row.at, row.by_name) if row.motion is Motion.PAUSED else (now, by_name)
    return changed, TransportRow(row.seq + 1, at, row.position_at(now), row.motion, cause, name)


def withdraw_cta(plan: Plan, row: TransportRow, cta_id: CtaId, now: datetime) -> Plan:
    """Take a CTA that the timeline shows off it, from the present on; the same plan if it shows none."""
    cut = rules.cut_overlay(plan.timeline, cta_id, row.position_at(now))
    return plan if cut is plan.timeline else Plan(plan.version + 1, cut, plan.ctas)


def end(row: TransportRow, by_name: str | None, now: datetime) -> TransportRow:
    """Stop for good."""
    return TransportRow(row.seq + 1, now, row.position_at(now), Motion.ENDED, Cause.END, by_name)
