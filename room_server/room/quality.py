"""How well media reaches the people of each room: what happened between two counts of everything.

    the engine's counts, every 5 s ──► a `RoomQuality` a room ──┬─► metrics, without a room's name
                                                               └─► one line in the log when a room turns bad

What a freeze is, and what the server cannot see of it: `media.stats`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from media.codecs import Kind
from media.engine import EngineStats, PeerId, PeerStats, RoomKey

EVERY_S = 5.0
BAD_SHARE = 0.2
BAD_VIEWERS = 2
"""So many, and that share of the room, must have had a freeze before it is the room's trouble, not theirs."""
BAD_FOR = 2
GOOD_FOR = 12
"""Counts in a row: ten seconds until a room is called bad, a minute until it is good again."""
LOSSY_SHARE = 0.05

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RoomQuality:
    """Of the time between two counts.

    `viewers` are sent pictures; those `frozen` had a freeze, or have one now.  `late` pictures are those that
    came late from who published them.
    """

    room: RoomKey
    viewers: int
    frozen: int
    packets: int
    lost: int
    late: int

    @property
    def freeze_share(self) -> float:
        return self.frozen / self.viewers if self.viewers else 0.0

    @property
    def is_bad(self) -> bool:
        return self.frozen >= BAD_VIEWERS and self.freeze_share >= BAD_SHARE

    @property
    def advice(self) -> str:
        """Where to look first."""
        if self.late:
            return "pictures arrive late: look at the publisher's network and computer"
        if self.lost > LOSSY_SHARE * self.packets:
            return "packets are lost on the way to viewers: look at this machine's uplink"
        return "pictures leave late: look at this machine's processor and uplink"


def compare(before: EngineStats, after: EngineStats) -> tuple[RoomQuality, ...]:
    """Return the rooms in which somebody is sent pictures, in no order."""
    earlier = {peer.peer: peer for peer in before.peers}
    rooms: dict[RoomKey, list[PeerStats]] = {}
    for peer in after.peers:
        rooms.setdefault(peer.room, []).append(peer)
    found = (_of_room(room, peers, earlier) for room, peers in rooms.items())
    return tuple(one for one in found if one.viewers)


def _of_room(room: RoomKey, peers: list[PeerStats], earlier: dict[PeerId, PeerStats]) -> RoomQuality:
    viewers = frozen = packets = lost = late = 0
    for peer in peers:
        known = earlier.get(peer.peer)
        slots = {(slot.kind, slot.slot): slot for slot in known.slots} if known else {}
        is_viewer = has_frozen = False
        for slot in peer.slots:
            was = slots.get((slot.kind, slot.slot))
            sent = slot.packets - (was.packets if was else 0)
            packets += sent
            lost += max(slot.lost - (was.lost if was else 0), 0)
            if slot.kind is Kind.VIDEO:
                is_viewer |= sent > 0 or slot.frozen
                has_frozen |= slot.frozen or slot.freezes > (was.freezes if was else 0)
        viewers += is_viewer
        frozen += is_viewer and has_frozen
        late += _late(peer) - (_late(known) if known else 0)
    return RoomQuality(room, viewers, frozen, packets, lost, late)


def _late(peer: PeerStats) -> int:
    return sum(track.freezes for track in peer.tracks)


class QualityWatch:
    """Counts again and again; says once that a room turned bad, and once that it is good again."""

    def __init__(
        self, read: Callable[[], EngineStats], on_sample: Callable[[Sequence[RoomQuality]], None]
    ) -> None:
        self._read = read
        self._on_sample = on_sample
        self._before: EngineStats | None = None
        self._streaks: dict[RoomKey, int] = {}
        self._told: set[RoomKey] = set()

    async def run(self) -> None:
        while True:
            await self.sample()
            await asyncio.sleep(EVERY_S)

    async def sample(self) -> None:
        """Count, and tell what happened since the last count that missed nobody."""
        after = await asyncio.to_thread(self._read)
        if not after.complete:
            _log.warning("media_thread_silent", seconds=1)
            return
        before, self._before = self._before, after
        if before is None:
            return
        rooms = compare(before, after)
        self._on_sample(rooms)
        self._tell(rooms)
        self._forget(after)

    def _tell(self, rooms: Sequence[RoomQuality]) -> None:
        for one in rooms:
            told = one.room in self._told
            if one.is_bad is told:
                self._streaks.pop(one.room, None)
                continue
            streak = self._streaks[one.room] = self._streaks.get(one.room, 0) + 1
            if not told and streak >= BAD_FOR:
                self._told.add(one.room)
                _say("media_quality_bad", one, advice=one.advice)
            elif told and streak >= GOOD_FOR:
                self._told.discard(one.room)
                _say("media_quality_good_again", one)
            else:
                continue
            del self._streaks[one.room]

    def _forget(self, after: EngineStats) -> None:
        open_rooms = {peer.room for peer in after.peers}
        self._told &= open_rooms
        self._streaks = {room: streak for room, streak in self._streaks.items() if room in open_rooms}


def _say(event: str, one: RoomQuality, **more: str) -> None:
    lost_percent = round(100 * one.lost / one.packets, 1) if one.packets else 0.0
    _log.warning(
        event,
        session=one.room,
        viewers=one.viewers,
        frozen=one.frozen,
        lost_percent=lost_percent,
        **more,
    )
