"""What two counts of everything say about each room, and when somebody is told."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from structlog.testing import capture_logs

from media.codecs import Codec, Kind
from media.engine import EngineStats, PeerId, PeerStats, RoomKey, SlotStats, TrackId, TrackStats
from room_server.http.metrics import QualityMetrics
from room_server.room.quality import BAD_FOR, GOOD_FOR, QualityWatch, RoomQuality, compare

A, B = RoomKey("a"), RoomKey("b")


def slot(packets: int, *, freezes: int = 0, frozen: bool = False, lost: int = 0) -> SlotStats:
    track = TrackId(9)
    return SlotStats(Kind.VIDEO, 0, track, 0, packets, 0, lost, 0.0, 0, 0, 0, freezes, 0, frozen)


def peer(number: int, room: RoomKey, *slots: SlotStats, late: int | None = None) -> PeerStats:
    tracks: tuple[TrackStats, ...] = ()
    if late is not None:
        tracks = (TrackStats(TrackId(9), Kind.VIDEO, 0, Codec.VP8, 1, 1, 0, 0.0, 0, 0, late, 0),)
    counters = [0] * 13
    return PeerStats._make((PeerId(number), room, True, None, None, None, *counters, tracks, slots))


def counted(*peers: PeerStats, complete: bool = True) -> EngineStats:
    return EngineStats(peers=peers, complete=complete)


def test_a_viewer_is_frozen_by_a_freeze_since_the_last_count_or_by_one_that_lasts() -> None:
    before = counted(
        peer(1, A, slot(100)),
        peer(2, A, slot(100, freezes=3)),
        peer(3, A, slot(100, freezes=1)),
        peer(4, A, slot(50)),
        peer(5, B, slot(10, freezes=7, lost=4)),
    )
    after = counted(
        peer(1, A, slot(200)),
        peer(2, A, slot(200, freezes=3)),
        peer(3, A, slot(200, freezes=2)),
        peer(4, A, slot(50, frozen=True)),
        peer(5, B, slot(110, freezes=7, lost=9)),
        peer(6, B, slot(40, freezes=1)),
        peer(7, B),
    )
    rooms = {one.room: one for one in compare(before, after)}
    assert (rooms[A].viewers, rooms[A].frozen) == (4, 2)
    assert rooms[B] == RoomQuality(B, viewers=2, frozen=1, packets=140, lost=5, late=0)


def test_who_is_sent_nothing_is_no_viewer_and_a_room_without_any_is_left_out() -> None:
    before = counted(peer(1, A, slot(100, freezes=1)), peer(2, B, late=0))
    assert compare(before, before) == ()


@pytest.mark.parametrize(
    ("late", "lost", "word"), [(1, 0, "publisher"), (0, 30, "uplink"), (0, 0, "processor")]
)
def test_the_advice_tells_where_to_look_first(late: int, lost: int, word: str) -> None:
    before = counted(peer(1, A, slot(100)), peer(2, A, late=0))
    after = counted(peer(1, A, slot(200, freezes=1, lost=lost)), peer(2, A, late=late))
    (room,) = compare(before, after)
    assert word in room.advice


class Counts:
    """Five viewers of one room; those who had a freeze are told count by count."""

    def __init__(self) -> None:
        self.freezes = [0] * 5
        self.packets = 0
        self.complete = True
        self.samples: list[Sequence[RoomQuality]] = []
        self.watch = QualityWatch(self._read, self.samples.append)

    def _read(self) -> EngineStats:
        self.packets += 100
        viewers = [peer(n, A, slot(self.packets, freezes=f)) for n, f in enumerate(self.freezes)]
        return counted(*viewers, complete=self.complete)

    async def go_on(self, frozen: int, counts: int) -> list[str]:
        """Return what is logged while so many viewers have a freeze at each count."""
        with capture_logs() as lines:
            for _ in range(counts):
                self.freezes[:frozen] = [count + 1 for count in self.freezes[:frozen]]
                await self.watch.sample()
        return [line["event"] for line in lines]


async def test_a_bad_room_is_told_once_and_once_that_it_is_good_again() -> None:
    counts = Counts()
    assert await counts.go_on(frozen=0, counts=2) == []
    assert await counts.go_on(frozen=1, counts=5) == [], "one viewer's trouble is not the room's"
    assert await counts.go_on(frozen=3, counts=BAD_FOR - 1) == []
    assert await counts.go_on(frozen=0, counts=1) == []
    assert await counts.go_on(frozen=3, counts=BAD_FOR + 5) == ["media_quality_bad"]
    assert await counts.go_on(frozen=0, counts=GOOD_FOR - 1) == []
    assert await counts.go_on(frozen=0, counts=3) == ["media_quality_good_again"]
    assert await counts.go_on(frozen=3, counts=BAD_FOR) == ["media_quality_bad"]


async def test_a_count_that_misses_a_thread_is_told_and_compared_with_nothing() -> None:
    counts = Counts()
    await counts.go_on(frozen=0, counts=2)
    told = len(counts.samples)
    counts.complete = False
    assert await counts.go_on(frozen=5, counts=3) == ["media_thread_silent"] * 3
    assert len(counts.samples) == told


async def test_metrics_tell_of_rooms_without_their_names() -> None:
    registry = CollectorRegistry()
    metrics = QualityMetrics(registry)
    metrics.observe([RoomQuality(A, 4, 1, 100, 0, 0), RoomQuality(B, 10, 0, 100, 0, 0)])
    text = generate_latest(registry).decode()
    for line in (
        "room_media_rooms_watched 2.0",
        "room_media_viewers 14.0",
        "room_media_viewers_frozen 1.0",
        "room_media_worst_room_freeze_share 0.25",
        'room_media_room_freeze_share_bucket{le="0.0"} 1.0',
        'room_media_room_freeze_share_bucket{le="0.5"} 2.0',
    ):
        assert line in text
    metrics.observe([])
    assert "room_media_worst_room_freeze_share 0.0" in generate_latest(registry).decode()
