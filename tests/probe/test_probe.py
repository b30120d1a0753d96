"""The probe against a room that is not ours: what it reports is what was decoded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from aiortc import MediaStreamTrack

from room_server.probe import ProbeRefused, TakeOver, Viewer, probe
from room_server.probe.report import Report
from signaling import wire
from tests.kit.patience import PATIENCE_S
from tests.probe.film import FilmPicture, FilmSound
from tests.probe.outside_room import OutsideRoom, Payload, opened, position, wired
from tests.probe.strain import strain


def started_ago(seconds: float) -> datetime:
    return datetime.fromtimestamp(time.time() - seconds, UTC)


@dataclass
class Film:
    """The film's two tracks, made when they are asked for; `left` says how late their frames left."""

    room: OutsideRoom
    picture_ahead_s: float = 0.0
    sound_ahead_s: float = 0.0
    tracks: list[FilmPicture | FilmSound] = field(default_factory=list)

    def __call__(self) -> tuple[FilmPicture | FilmSound, ...]:
        assert self.room.started_at is not None
        started_s = self.room.started_at.timestamp()
        self.tracks += (
            FilmPicture(started_s, self.picture_ahead_s),
            FilmSound(started_s, self.sound_ahead_s),
        )
        return tuple(self.tracks)

    @property
    def left(self) -> tuple[list[float], list[float]]:
        """By how many milliseconds pictures and sounds left late."""
        picture, sound = self.tracks
        return picture.departures.late_ms, sound.departures.late_ms

    def places(self, seen: Report, behind_ms: float = 0.0) -> bool:
        """Whether the position was read to 100 ms, for one of the moments at which pictures really left."""
        assert seen.position_error_ms is not None
        pictures, _ = self.left
        return min(pictures) - 100 < seen.position_error_ms - behind_ms < max(pictures) + 100

    def synchronises(self, seen: Report, skew_ms: float = 0.0) -> bool:
        """Whether the skew was read to 60 ms, for some of the moments at which both really left."""
        assert seen.av_skew_ms is not None
        pictures, sounds = self.left
        least, most = min(pictures) - max(sounds), max(pictures) - min(sounds)
        return least - 60 < seen.av_skew_ms - skew_ms < most + 60


async def test_media_that_flows_is_counted_and_placed() -> None:
    """AUT-5, ROOM-3"""
    room = OutsideRoom(started_at=started_ago(42))
    room.tracks = film = Film(room)
    async with opened(room), strain() as machine:
        seen = await probe(f"{room.url}/a/token", seconds=6)
    pictures, sounds = film.left
    assert seen.video_frames > len(pictures) / 2
    assert seen.audio_frames > len(sounds) / 2
    assert 0 <= seen.joined_ms < 3_000 + machine.stalled_ms
    assert seen.first_frame_ms is not None
    assert seen.first_frame_ms < 4_000 + machine.stalled_ms
    assert film.places(seen), (seen, [(min(late), max(late)) for late in film.left])
    assert film.synchronises(seen), (seen, [(min(late), max(late)) for late in film.left])
    assert seen.lost <= machine.dropped
    assert seen.closed is None


async def test_a_film_that_is_behind_and_out_of_sync_is_found_out() -> None:
    room = OutsideRoom(started_at=started_ago(42))
    room.tracks = film = Film(room, picture_ahead_s=-3.0, sound_ahead_s=-2.8)
    async with opened(room), strain():
        seen = await probe(f"{room.url}/a/token", seconds=6)
    assert film.places(seen, behind_ms=3_000), (seen, [(min(late), max(late)) for late in film.left])
    assert film.synchronises(seen, skew_ms=200), (seen, [(min(late), max(late)) for late in film.left])


@pytest.mark.parametrize(
    "told",
    [
        lambda: position("paused", 10),
        lambda: position("playing", 42, taken_over_by="Zoé"),
        lambda: position("playing", 12),
    ],
)
async def test_after_a_pause_the_position_cannot_be_told(told: Callable[[], Payload]) -> None:
    room = OutsideRoom(started_at=started_ago(42), playback=told())
    room.tracks = Film(room)
    async with opened(room):
        seen = await probe(f"{room.url}/a/token", seconds=3)
    assert seen.video_frames > 0
    assert seen.position_error_ms is None


async def test_a_session_that_starts_during_the_visit_is_measured_from_its_start() -> None:
    """AUT-1"""
    room = OutsideRoom()
    film = Film(room)

    def begin() -> tuple[MediaStreamTrack, ...]:
        room.started_at = started_ago(-1.5)
        return film()

    room.tracks = begin
    async with opened(room), strain() as machine:
        visit = asyncio.create_task(probe(f"{room.url}/a/token", seconds=5))
        async with asyncio.timeout(PATIENCE_S):
            while room.started_at is None:  # noqa: ASYNC110 - it is set while the offer is answered
                await asyncio.sleep(0.01)
            told = wired(wire.SessionStateChanged, state="on_air", started_at=room.started_at)
            await room.tell("session.state", told)
            seen = await visit
    assert seen.first_frame_ms is not None
    assert seen.first_frame_ms < 1_000 + machine.stalled_ms
    assert film.places(seen), (seen, [(min(late), max(late)) for late in film.left])


async def test_without_media_nothing_is_made_up() -> None:
    async with opened(OutsideRoom(started_at=started_ago(1))) as room:
        seen = await probe(f"{room.url}/a/token", seconds=0.5)
    assert not seen.media_flowed
    assert (seen.first_frame_ms, seen.position_error_ms, seen.av_skew_ms) == (None, None, None)


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "unknown_link"), (410, "link_revoked"), (409, "seat_taken"), (503, "room_full")],
)
async def test_a_refusal_keeps_the_servers_code(status: int, code: str) -> None:
    async with opened(OutsideRoom(codes={"token": (status, code)})) as room:
        with pytest.raises(ProbeRefused) as refused:
            await probe(f"{room.url}/a/token", seconds=1)
    assert refused.value.code == code


async def test_a_taken_seat_is_moved_when_asked_and_device_keys_are_fresh() -> None:
    """ROOM-2"""
    async with opened(OutsideRoom(codes={"token": (409, "seat_taken")})) as room:
        for _ in range(2):
            await probe(f"{room.url}/a/token", seconds=0.1, take_over=TakeOver.AT_ONCE)
    assert [join["take_over"] for join in room.joins] == [True, True]
    assert len({join["device_key"] for join in room.joins}) == 2


async def test_a_ticket_that_is_not_taken_is_a_refusal() -> None:
    async with opened(OutsideRoom(refuse_tickets=True)) as room:
        with pytest.raises(ProbeRefused, match="ticket_invalid"):
            await probe(f"{room.url}/a/token", seconds=1)


async def test_a_refused_offer_is_a_refusal() -> None:
    async with opened(OutsideRoom(refuse_media="room_full")) as room:
        with pytest.raises(ProbeRefused, match="room_full"):
            await probe(f"{room.url}/a/token", seconds=1)


async def test_nobody_there_is_a_refusal() -> None:
    async with opened(OutsideRoom()) as room:
        link = f"{room.url}/a/token"
    with pytest.raises(ProbeRefused, match="unreachable"):
        await probe(link, seconds=1)


@pytest.mark.parametrize(
    "link", ["", "token", "http://host", "http://host/a/", "ftp://host/a/x", "http://h/a/x/y"]
)
async def test_what_is_no_access_link_is_refused(link: str) -> None:
    with pytest.raises(ProbeRefused, match="bad_link"):
        await probe(link, seconds=1)


MOVED = wired(wire.SeatMoved, device="phone", at=datetime.now(UTC))


@pytest.mark.parametrize(
    ("event", "payload", "closed"),
    [
        ("seat.moved", MOVED, "seat_moved"),
        ("seat.removed", wired(wire.SeatRemoved, reason="removed"), "removed"),
        ("seat.removed", wired(wire.SeatRemoved, reason="session_over"), "session_over"),
        ("seat.removed", wired(wire.SeatRemoved, reason="session_cancelled"), "session_cancelled"),
        ("seat.removed", wired(wire.SeatRemoved, reason="link_revoked"), "removed"),
    ],
)
async def test_a_lost_seat_ends_the_visit_and_says_why(event: str, payload: Payload, closed: str) -> None:
    """ROOM-2"""
    async with opened(OutsideRoom(started_at=started_ago(1))) as room:
        visit = asyncio.create_task(probe(f"{room.url}/a/token", seconds=60))
        async with asyncio.timeout(PATIENCE_S):
            await room.asked_for_media.wait()
            await room.tell(event, payload)
            seen = await visit
    assert seen.closed == closed


async def test_a_viewer_reads_and_writes_the_chat() -> None:
    async with (
        opened(OutsideRoom(started_at=started_ago(1))) as room,
        Viewer(f"{room.url}/a/token") as viewer,
    ):
        await viewer.join()
        posted = await viewer.post("Hello", key="k1")
        await viewer.notice("chat.message", lambda told: told["message"]["text"] == "Hello")
        assert posted["text"] == "Hello"
        assert [message["text"] for message in viewer.messages()] == ["before", "Hello"]
        assert room.posts == [{"key": "k1", "text": "Hello"}]
        with pytest.raises(ProbeRefused, match="chat_closed"):
            await viewer.post("forbidden")


async def test_a_viewer_may_publish() -> None:
    async with (
        opened(OutsideRoom(started_at=started_ago(1))) as room,
        Viewer(f"{room.url}/a/token") as viewer,
    ):
        await viewer.join()
        await viewer.watch(publish=(FilmPicture(time.time()), FilmSound(time.time())))
        async with asyncio.timeout(PATIENCE_S):
            kinds = {(await track.recv(), track.kind)[1] for track in room.published[-2:]}
    assert kinds == {"audio", "video"}


async def test_waiting_for_a_notice_ends_with_the_connection() -> None:
    async with opened(OutsideRoom()) as room, Viewer(f"{room.url}/a/token") as viewer:
        await viewer.join()
        waiting = asyncio.create_task(viewer.notice("cta.show"))
        await room.close_everyone()
        with pytest.raises(ProbeRefused, match="disconnected"):
            await waiting
        assert viewer.closed is None


async def test_a_notice_that_does_not_come_times_out() -> None:
    async with opened(OutsideRoom()) as room, Viewer(f"{room.url}/a/token") as viewer:
        await viewer.join()
        with pytest.raises(ProbeRefused, match="timed_out"):
            await viewer.notice("cta.show", timeout_s=0.05)
