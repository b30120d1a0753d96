"""The player: follows a transport and writes the frames that are due, a little ahead, to a sink.

                  follow(RUNNING)                      end of the timeline
    SILENT ─────────────────────────► ENTERING ──► WRITING ──────────────► SILENT
       ▲                                 ▲            │
       └── follow(PAUSED or ENDED) ──────┼────────────┤      flush, then nothing
                                         └────────────┘      follow(elsewhere), or the process stood still

ENTERING writes the group of pictures that holds the present one, its timestamps compressed to catch up with
the present (`CATCH_UP_NS` a frame), so that whoever comes from nothing sees a picture at once.  In a buffer
that is the last group of the item: the sink then holds the still picture for late joiners, and nothing is
written until the next item.  A `follow` that leaves the frames already written true (a longer buffer, a
transport row that says the same) goes on without a seam.

Invariant: the instant of a frame derives from the transport and the frame's place on the timeline alone, and
is never earlier; only frames of the past are moved, to the present.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from playback import clock, timeline
from playback.clock import NS_PER_S, Motion, Transport
from playback.sink import FrameSink
from playback.source import AssetMissing, Frame, PreparedFile, Track
from playback.timeline import MediaItem, Timeline

AHEAD_NS = 1_000_000_000
WAKE_EVERY_S = 0.5
STALLED_S = 0.2
CATCH_UP_NS = 2_000_000
SAME_PLACE_NS = 5_000_000

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Course:
    """What to follow, and up to which position frames are written (None: not entered yet)."""

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
        if before is not None and _goes_on(before, course):
            self._course = _Course(timeline, transport, before.written_s)
        else:
            self._sink.flush()
            self._course = course
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
        if course is None or course.transport.motion is not Motion.RUNNING:
            return None
        now_ns = self._monotonic_ns()
        if course.transport.at_ns - AHEAD_NS > now_ns:
            return (course.transport.at_ns - AHEAD_NS - now_ns) / NS_PER_S
        present_s = clock.position_s(course.transport, now_ns)
        written_s = course.written_s
        ends_s = timeline.length_s(course.timeline)
        if written_s is not None and written_s < min(present_s - STALLED_S, ends_s):
            _log.warning("playback_stood_still", seconds=round(present_s - written_s, 3))
            self._sink.flush()
            written_s = None
        up_to_s = clock.position_s(course.transport, now_ns + AHEAD_NS)
        reads = self._reads(course, written_s, present_s, up_to_s)
        frames = await asyncio.to_thread(_read_all, reads) if reads else []
        if self._course is not course:
            return 0.0
        self._write(course.transport, reads, frames)
        self._course = _Course(course.timeline, course.transport, up_to_s)
        return None if up_to_s >= ends_s else WAKE_EVERY_S

    async def close(self) -> None:
        """Stop writing and drop what is queued; `run` returns."""
        self._closed = True
        self._course = None
        self._sink.flush()
        self._changed.set()

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
        free_ns: dict[str, int] = {}
        for read, part in zip(reads, frames, strict=True):
            codec = read.track.codec
            origin_ns = clock.instant_ns(transport, read.origin_s)
            entry_ns = 0 if read.not_before_ns is None else max(read.not_before_ns, now_ns)
            for frame in part:
                at_ns = max(origin_ns + frame.at_us * 1000, entry_ns, free_ns.get(codec, 0))
                free_ns[codec] = at_ns + CATCH_UP_NS
                due.append((at_ns, codec, frame))
        for at_ns, codec, frame in sorted(due, key=lambda entry: entry[0]):
            self._sink.write(codec, frame.data, at_ns, frame.keyframe)


def _goes_on(before: _Course, after: _Course) -> bool:
    """Say whether every frame written for `before` is also what `after` wants at that instant."""
    if before.written_s is None or {before.transport.motion, after.transport.motion} != {Motion.RUNNING}:
        return False
    apart_ns = before.transport.at_ns - clock.instant_ns(after.transport, before.transport.position_s)
    if abs(apart_ns) > SAME_PLACE_NS:
        return False
    up_to_s = before.written_s
    from_s = up_to_s - AHEAD_NS / NS_PER_S
    return _playing(before.timeline, from_s, up_to_s) == _playing(after.timeline, from_s, up_to_s)


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
