"""The player: follows a transport and writes the frames that are due, a little ahead, to a sink.

                  follow(RUNNING)                      end of the timeline
    SILENT ─────────────────────────► ENTERING ──► WRITING ──────────────► SILENT
       ▲                                 ▲           │  ▲
       ├── follow(ENDED): flush ─────────┼───────────┤  │ follow(RUNNING) from there
       │                                 └───────────┤  │
       │         flush: elsewhere, or stood still    ▼  │
       └──────────────── follow(ENDED) ───────────── HOLDING ◄── follow(PAUSED)

ENTERING writes the group of pictures that holds the present one, its timestamps compressed to catch up with
the present (`CATCH_UP_NS` a frame), so that whoever comes from nothing sees a picture at once.  In a buffer
that is the last group of the item: the sink then holds the still picture for late joiners, and nothing is
written until the next item.  A pause is the same in the middle of an item: the sink holds the group, and
playback that goes on from there goes on with the next frame.  A `follow` that leaves the frames already
written true (a longer buffer, a transport row that says the same) goes on without a seam.

Invariant: the instant of a frame derives from the transport and the frame's place on the timeline alone, and
is never earlier; only frames of the past are moved, to the present.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import structlog

from playback import clock, timeline
from playback.clock import NS_PER_S, Motion, Transport
from playback.sink import FrameSink
from playback.source import OPUS, AssetMissing, Frame, PreparedFile, Track
from playback.timeline import MediaItem, Timeline

AHEAD_NS = 1_000_000_000
WAKE_EVERY_S = 0.5
STALLED_S = 0.2
CATCH_UP_NS = 2_000_000
SAME_PLACE_NS = 5_000_000

HOLD_AFTER_NS = 20_000_000
"""A pause takes effect this much later, so that the sink hears of it before."""
HELD_AHEAD_S = 0.5
"""A pause that was told so late that its picture is further on than this is left by entering anew."""
EDGE_NS = 10_000
"""No frame is due so near to the instant of a pause that rounding decides on which side of it."""
JUST_S = 0.000_001

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Course:
    """What to follow, and up to which position frames are written for good (None: not entered yet)."""

    timeline: Timeline
    transport: Transport
    written_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Read:
    """Frames `first` to `last` of a track; `origin_s` is where the asset's 0 stands on the timeline.

    With `not_before_ns` the read enters a group of pictures: none of it leaves earlier than that, or than
    the present, and what is late follows in steps of `CATCH_UP_NS`.
    """

    track: Track
    first: int
    last: int
    origin_s: float
    not_before_ns: int | None


class Player:
    """Plays one automated session.  `files` holds every asset of its timelines and stays the caller's."""

    def __init__(
        self, files: Mapping[str, PreparedFile], sink: FrameSink, monotonic_ns: Callable[[], int]
    ) -> None:
        self._files = files
        self._sink = sink
        self._monotonic_ns = monotonic_ns
        self._course: _Course | None = None
        self._ahead: list[int] = []
        self._moved_ns = (0, 0)
        self._free_ns: dict[str, int] = {}
        self._changed = asyncio.Event()
        self._closed = False

    def follow(self, timeline: Timeline, transport: Transport) -> None:
        """Play `timeline` as `transport` says from now on.

        Raise `AssetMissing` when the timeline names an asset that is not among the files; then what played
        before plays on.
        """
        for item in timeline.media:
            if item.asset_id not in self._files:
                raise AssetMissing(item.asset_id)
        before, course = self._course, _Course(timeline, transport)
        if before is None or before.written_s is None or not _goes_on(before, before.written_s, course):
            self._flush()
            self._course = course
        elif before.transport.motion is Motion.RUNNING and transport.motion is Motion.PAUSED:
            self._course = replace(course, written_s=self._hold(before.transport, before.written_s))
        else:
            self._course = replace(course, written_s=before.written_s)
        self._changed.set()

    async def run(self) -> None:
        """Write frames until cancelled or closed.  A file that cannot be read raises: the caller decides."""
        while not self._closed:
            self._changed.clear()
            wait_s = await self.advance()
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def advance(self) -> float | None:
        """Write what is due within a second; return in how many seconds to come again, None: when changed."""
        course = self._course
        if course is None or course.transport.motion is Motion.ENDED:
            return None
        if course.transport.motion is Motion.PAUSED:
            await self._show(course)
            return None
        now_ns = self._monotonic_ns()
        if course.transport.at_ns - AHEAD_NS > now_ns:
            return (course.transport.at_ns - AHEAD_NS - now_ns) / NS_PER_S
        present_s = clock.position_s(course.transport, now_ns)
        written_s = course.written_s
        ends_s = timeline.length_s(course.timeline)
        if written_s is not None and self._stands_still(course, written_s):
            _log.warning("playback_stood_still", seconds=round(present_s - written_s, 3))
            self._flush()
            written_s = None
        up_to_s = clock.position_s(course.transport, now_ns + AHEAD_NS)
        reads = self._reads(course, written_s, present_s, up_to_s)
        frames = await asyncio.to_thread(_read_all, reads) if reads else []
        if self._course is not course:
            return 0.0
        if written_s is not None and self._stands_still(course, written_s):
            # Reading took too long: all this is of the past by now.
            return 0.0
        self._write(course.transport, reads, frames)
        self._course = replace(course, written_s=up_to_s)
        return None if up_to_s >= ends_s else WAKE_EVERY_S

    async def _show(self, course: _Course) -> None:
        """Write the picture at which a pause stands, unless it is shown already."""
        if course.written_s is not None:
            return
        present_s = course.transport.position_s
        up_to_s = present_s + JUST_S
        reads = self._reads(course, None, present_s, up_to_s)
        reads = [read for read in reads if read.track.codec != OPUS]
        frames = await asyncio.to_thread(_read_all, reads)
        if self._course is course:
            self._write(course.transport, reads, frames)
            self._course = replace(course, written_s=up_to_s)

    async def close(self) -> None:
        """Stop writing and drop what is queued; `run` returns."""
        self._closed = True
        self._course = None
        self._flush()
        self._changed.set()

    def _stands_still(self, course: _Course, written_s: float) -> bool:
        return _is_behind(course, written_s, clock.position_s(course.transport, self._monotonic_ns()))

    def _flush(self) -> None:
        self._sink.flush()
        self._free_ns.clear()

    def _hold(self, transport: Transport, written_s: float) -> float:
        """Let the sink stop soon; return up to which position it has sent frames then."""
        until_ns = self._monotonic_ns() + HOLD_AFTER_NS
        first_ns, last_ns = self._moved_ns
        if first_ns <= until_ns <= last_ns:
            until_ns = last_ns + EDGE_NS
        for at_ns in self._ahead:
            if abs(at_ns - until_ns) < EDGE_NS:
                until_ns = at_ns + EDGE_NS
        self._sink.hold(until_ns)
        self._free_ns = {codec: min(free_ns, until_ns) for codec, free_ns in self._free_ns.items()}
        return min(written_s, clock.position_s(transport, until_ns))

    def _reads(
        self, course: _Course, written_s: float | None, present_s: float, up_to_s: float
    ) -> list[_Read]:
        entering = written_s is None
        from_s = present_s if written_s is None else written_s
        reads: list[_Read] = []
        for item in sorted(course.timeline.media, key=lambda item: item.offset_s):
            begin_s, end_s = max(item.offset_s, from_s), min(item.end_s, up_to_s)
            not_before_ns = None
            if entering or begin_s == item.offset_s:
                not_before_ns = clock.instant_ns(course.transport, begin_s)
            if begin_s < end_s:
                reads += self._reads_of(item, begin_s, end_s, not_before_ns)
            elif entering and item.end_s <= from_s < item.free_s:
                reads += self._reads_of_last_picture(item, not_before_ns)
        return reads

    def _reads_of(
        self, item: MediaItem, begin_s: float, end_s: float, not_before_ns: int | None
    ) -> list[_Read]:
        file = self._files[item.asset_id]
        origin_s = item.offset_s - item.trim_in_s
        begin_us, end_us = _us(begin_s - origin_s), _us(end_s - origin_s)
        reads = []
        for track in file.tracks:
            first, last = track.index.first_from(begin_us), track.index.first_from(end_us)
            if not_before_ns is not None and track is not file.audio:
                first = track.index.keyframe_before(track.index.shown_at(begin_us))
            if first < last:
                reads.append(_Read(track, first, last, origin_s, not_before_ns))
        return reads

    def _reads_of_last_picture(self, item: MediaItem, not_before_ns: int | None) -> list[_Read]:
        origin_s = item.offset_s - item.trim_in_s
        reads = []
        for track in self._files[item.asset_id].video.values():
            last = track.index.first_from(_us(item.end_s - origin_s))
            first = track.index.keyframe_before(max(0, last - 1))
            if first < last:
                reads.append(_Read(track, first, last, origin_s, not_before_ns))
        return reads

    def _write(self, transport: Transport, reads: list[_Read], frames: list[list[Frame]]) -> None:
        now_ns = self._monotonic_ns()
        due: list[tuple[int, str, Frame]] = []
        moved: list[int] = []
        for read, part in zip(reads, frames, strict=True):
            codec = read.track.codec
            origin_ns = clock.instant_ns(transport, read.origin_s)
            entry_ns = 0 if read.not_before_ns is None else max(read.not_before_ns, now_ns)
            for frame in part:
                in_place_ns = origin_ns + frame.at_us * 1000
                at_ns = max(in_place_ns, entry_ns, self._free_ns.get(codec, 0))
                self._free_ns[codec] = at_ns + CATCH_UP_NS
                due.append((at_ns, codec, frame))
                if at_ns != in_place_ns:
                    moved.append(at_ns)
        for at_ns, codec, frame in sorted(due, key=lambda entry: entry[0]):
            self._sink.write(codec, frame.data, at_ns, frame.keyframe)
        self._ahead = sorted([at_ns for at_ns in self._ahead if at_ns > now_ns] + [entry[0] for entry in due])
        if moved:
            self._moved_ns = min(moved), max(moved)


def _is_behind(course: _Course, written_s: float, present_s: float) -> bool:
    return written_s < min(present_s - STALLED_S, timeline.length_s(course.timeline))


def _goes_on(before: _Course, written_s: float, after: _Course) -> bool:
    """Say whether the frames written for `before`, up to `written_s`, are what `after` wants there."""
    motions = before.transport.motion, after.transport.motion
    if Motion.ENDED in motions:
        return False
    if motions == (Motion.RUNNING, Motion.RUNNING):
        apart_ns = before.transport.at_ns - clock.instant_ns(after.transport, before.transport.position_s)
    else:
        stands_s = clock.position_s(before.transport, after.transport.at_ns)
        apart_ns = round((stands_s - after.transport.position_s) * NS_PER_S)
    if abs(apart_ns) > SAME_PLACE_NS:
        return False
    at_s = after.transport.position_s
    if motions == (Motion.PAUSED, Motion.RUNNING) and written_s > at_s + HELD_AHEAD_S:
        return False
    if after.transport.motion is Motion.PAUSED and _is_behind(before, written_s, at_s):
        return False
    from_s = written_s - AHEAD_NS / NS_PER_S
    return _playing(before.timeline, from_s, written_s) == _playing(after.timeline, from_s, written_s)


def _playing(of: Timeline, from_s: float, up_to_s: float) -> list[tuple[str, float, float, float]]:
    """Return what is written of (from_s, up_to_s), buffers and titles left aside."""
    return [
        (item.asset_id, item.offset_s, item.duration_s, item.trim_in_s)
        for item in of.media
        if item.offset_s < up_to_s and item.end_s > from_s
    ]


def _read_all(reads: list[_Read]) -> list[list[Frame]]:
    return [read.track.read(read.first, read.last) for read in reads]


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
